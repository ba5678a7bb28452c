//! Arrivals that are written in the files of Azure Functions 2019 and read again.

use std::path::{Path, PathBuf};

use isotherm_experiment::{
    Experiment, ExperimentError, ExportFormat, ExportOptions, ExportReport, Overrides,
};

const PLATFORM: &str = r#"
name = "made"
seed = 3
[platform]
nodes = { count = 1, cores = 2, memory = "8TB", disk = { read = "1GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "50us" }
"#;

/// An experiment with this workload, and with functions of its own if there are any in it.
fn experiment(folder: &Path, rest: &str) -> Experiment {
    let text = format!("{PLATFORM}{rest}");
    match Experiment::parse("made.toml", &text, folder, &Overrides::default()) {
        Ok(experiment) => experiment,
        Err(diagnostics) => panic!("{}", diagnostics.render(false)),
    }
}

fn replay(days: &str, rest: &str) -> String {
    format!(
        "[functions]\nazure_2019 = {{ folder = \"azure\", days = {days} }}\n{rest}[[workload]]\nkind = \"azure-2019\"\n"
    )
}

fn export(
    experiment: &Experiment,
    format: ExportFormat,
    out: PathBuf,
) -> Result<ExportReport, ExperimentError> {
    let report = experiment
        .export(&experiment.runs()[0], ExportOptions { format, out, force: false, watch: None })?;
    Ok(report.expect("nobody breaks it off"))
}

fn to_azure(experiment: &Experiment, folder: &Path) -> Result<ExportReport, ExperimentError> {
    export(experiment, ExportFormat::Azure2019, folder.join("azure"))
}

/// Functions with their memory, and names of those that are invoked.
fn as_table(experiment: &Experiment, folder: &Path) -> (Vec<(String, u64)>, Vec<String>) {
    let functions = folder.join("functions.csv");
    let format = ExportFormat::Csv { functions: functions.clone(), durations: false };
    export(experiment, format, folder.join("arrivals.csv")).unwrap();
    let rows = |path: &Path| -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    let functions =
        rows(&functions).into_iter().map(|row| (row[0].clone(), row[2].parse().unwrap())).collect();
    let mut invoked: Vec<String> =
        rows(&folder.join("arrivals.csv")).into_iter().map(|mut row| row.swap_remove(1)).collect();
    invoked.sort();
    invoked.dedup();
    (functions, invoked)
}

/// An app has all of its functions, and some of them are never invoked, or on the other day only.
#[test]
fn memory_is_the_same_after_a_round_trip() {
    let folder = tempfile::tempdir().unwrap();
    let made = experiment(
        folder.path(),
        "[[workload]]\nkind = \"azure-like\"\napps = 60\nscale = 0.003\nuntil = \"2d\"\n",
    );
    to_azure(&made, folder.path()).unwrap();
    let (functions, invoked) = as_table(&made, folder.path());
    assert!(
        10 < invoked.len() && invoked.len() < functions.len(),
        "{} of {}",
        invoked.len(),
        functions.len()
    );
    let (read, _) = as_table(&experiment(folder.path(), &replay("[1, 2]", "")), folder.path());
    let mut read: Vec<_> = read
        .into_iter()
        .map(|(name, memory)| (name.split_once('/').unwrap().1.to_owned(), memory))
        .collect();
    read.sort();
    let mut expected: Vec<_> =
        functions.into_iter().filter(|(name, _)| invoked.contains(name)).collect();
    expected.sort();
    assert_eq!(read, expected);
}

fn listed(at: &str) -> String {
    format!(
        "[[function]]\nname = \"f\"\nlimits = {{ time = \"60s\", memory = \"512MB\" }}\nbody = [{{ sleep = \"1s\" }}]\n\
         [[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = {at}\n"
    )
}

/// Days of an older export would be read together with those of a new one.
#[test]
fn later_days_that_are_there_are_not_left_there() {
    let folder = tempfile::tempdir().unwrap();
    let write = |at: &str| to_azure(&experiment(folder.path(), &listed(at)), folder.path());
    let first = folder.path().join("azure/invocations_per_function_md.anon.d01.csv");
    assert_eq!(write(r#"["1s", "25h"]"#).unwrap().files.len(), 6);
    assert_eq!(write(r#"["2s", "26h"]"#).unwrap().files.len(), 6, "the same days are written over");
    let before = std::fs::read_to_string(&first).unwrap();
    let error = write(r#"["5min"]"#).unwrap_err().to_string();
    assert!(
        error.contains("invocations_per_function_md.anon.d02.csv` is there already"),
        "{error}"
    );
    assert!(error.contains("write into another folder"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path().join("azure")).unwrap().count(), 6);
    assert_eq!(std::fs::read_to_string(&first).unwrap(), before);
    // It may be of another family alone, and compressed.
    for day in
        ["invocations_per_function_md", "function_durations_percentiles", "app_memory_percentiles"]
    {
        std::fs::remove_file(folder.path().join(format!("azure/{day}.anon.d02.csv"))).unwrap();
    }
    std::fs::write(folder.path().join("azure/app_memory_percentiles.anon.d07.csv.gz"), "").unwrap();
    let error = write(r#"["5min"]"#).unwrap_err().to_string();
    assert!(error.contains("app_memory_percentiles.anon.d07.csv.gz"), "{error}");
    std::fs::remove_file(folder.path().join("azure/app_memory_percentiles.anon.d07.csv.gz"))
        .unwrap();
    assert_eq!(write(r#"["5min"]"#).unwrap().files.len(), 3);
}

/// Nothing is invoked on the second day, whose files have a header alone.
#[test]
fn a_day_without_invocations_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let written =
        to_azure(&experiment(folder.path(), &listed(r#"["1s", "49h"]"#)), folder.path()).unwrap();
    assert_eq!((written.arrivals, written.files.len()), (2, 9));
    let read = experiment(folder.path(), &replay("[1, 2, 3]", ""));
    let report = read.describe(&read.runs()[0]).unwrap();
    assert!(report.to_json().contains("\"arrivals\": 2,"), "{}", report.to_json());
    let alone = Experiment::parse(
        "made.toml",
        &format!("{PLATFORM}{}", replay("[2]", "")),
        folder.path(),
        &Overrides::default(),
    );
    let message = alone.unwrap_err().render(false);
    assert!(message.contains("the trace has a header, but no row"), "{message}");
    assert!(message.contains("nothing would be invoked"), "{message}");
}

/// How long it takes to compute something is not known, so the files of durations have a header
/// alone. Who reads them says what bodies do.
#[test]
fn functions_without_durations_are_read_again_with_a_body() {
    let folder = tempfile::tempdir().unwrap();
    let computes = listed(r#"["1s", "2s"]"#).replace("sleep = \"1s\"", "compute = \"1Gf\"");
    to_azure(&experiment(folder.path(), &computes), folder.path()).unwrap();
    let (read, invoked) = as_table(
        &experiment(folder.path(), &replay("[1]", "body = [{ sleep = \"1s\" }]\n")),
        folder.path(),
    );
    assert_eq!((read, invoked), (vec![("f/f".to_owned(), 512_000_000)], vec!["f/f".to_owned()]));
}
