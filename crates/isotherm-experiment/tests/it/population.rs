//! Functions of a `count`, what is drawn for them, and images from a file.

use std::path::Path;

use isotherm_experiment::plan::{FunctionPlan, Plan, StepPlan};
use isotherm_experiment::{Experiment, Overrides};
use tempfile::tempdir;

use crate::common::{parsed, run};

const BEGIN: &str = r#"
name = "drawn"
[platform]
nodes = { count = 4, cores = 64, memory = "64GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "10Gb/s", latency = "50us" }
[[workload]]
kind = "poisson"
functions = "all"
rate = "20/s"
until = "10s"
"#;

const FUNCTIONS: &str = r#"
[functions]
count = 5
limits = { time = "1min", memory = { kind = "uniform", low = "100MB", high = "200MB" } }
image = { size = { kind = "loguniform", low = "50MB", high = "2GB" } }

[[functions.body]]
sleep.kind = "lognormal"
sleep.median = { kind = "uniform", low = "0.1s", high = "1s" }
sleep.sigma = 0.5
"#;

fn plan(text: &str) -> std::sync::Arc<Plan> {
    parsed(&format!("{BEGIN}{text}")).runs()[0].plan.clone()
}

fn errors(text: &str) -> String {
    let text = format!("{BEGIN}{text}");
    match Experiment::parse("drawn.toml", &text, Path::new("."), &Overrides::default()) {
        Ok(_) => panic!("it was accepted"),
        Err(errors) => errors.to_string(),
    }
}

/// The median of the only step of a body.
fn median_s(function: &FunctionPlan) -> f64 {
    match &function.body[..] {
        [StepPlan::SleepRandom(duration)] => duration.seconds().quantile(0.5),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_function_draws_its_own_values() {
    let plan = plan(&FUNCTIONS.replace("count = 5", "count = 2000"));
    let (functions, images) = (&plan.functions, &plan.images);
    assert_eq!((functions.len(), images.len()), (2000, 2000));
    let count = |holds: &dyn Fn(usize) -> bool| (0..2000).filter(|&at| holds(at)).count();
    for at in [0, 7, 1999] {
        assert_eq!(functions[at].name, format!("f{at}"));
        assert_eq!(
            (functions[at].image, images[at].name.as_str()),
            (Some(at), &functions[at].name[..])
        );
    }
    let memory = |at: usize| functions[at].limits.memory_bytes as f64 / 1e6;
    assert!((0..2000).all(|at| (100.0..=200.0).contains(&memory(at))));
    assert!((0..2000).all(|at| (50e6..=2e9).contains(&(images[at].bytes as f64))));
    assert!((0..2000).all(|at| (0.1..=1.0).contains(&median_s(&functions[at]))));
    // Medians: half of 2,000, with a standard deviation of 22.4, of which 4 are allowed.
    let near = |count: usize| count.abs_diff(1000) < 90;
    assert!(near(count(&|at| memory(at) < 150.0)));
    // That of a log-uniform size is the geometric mean of its ends.
    assert!(near(count(&|at| (images[at].bytes as f64) < (50e6f64 * 2e9).sqrt())));
    assert!(near(count(&|at| median_s(&functions[at]) < 0.55)));
    // Fields are independent of each other.
    assert!(near(count(&|at| (memory(at) < 150.0) == (median_s(&functions[at]) < 0.55))));
}

/// What was drawn of each function: memory, the size of its image, the median of its body.
fn drawn(plan: &Plan) -> Vec<(&str, u64, u64, f64)> {
    let of = |function: &'_ FunctionPlan| {
        let image = plan.images[function.image.unwrap()].bytes;
        (function.limits.memory_bytes, image, median_s(function))
    };
    let named = plan.functions.iter().map(|function| (function.name.as_str(), of(function)));
    named.map(|(name, (memory, image, median))| (name, memory, image, median)).collect()
}

#[test]
fn what_is_drawn_depends_on_name_field_and_seed_alone() {
    let few = plan(FUNCTIONS);
    let more = plan(&FUNCTIONS.replace("count = 5", "count = 8"));
    assert_eq!(drawn(&few)[..], drawn(&more)[..5]);
    let constant = plan(&FUNCTIONS.replace(
        "memory = { kind = \"uniform\", low = \"100MB\", high = \"200MB\" }",
        "memory = \"1GB\"",
    ));
    for (one, other) in few.functions.iter().zip(&constant.functions) {
        assert_eq!(median_s(one), median_s(other));
    }
    let with_own = |own: &str| FUNCTIONS.replace("count = 5", &format!("count = 5\n{own}"));
    let with_seed = |own: &str| plan(&with_own(own));
    let seeded = |seed: u64, own: &str| {
        let text = format!("{BEGIN}{}", with_own(own));
        let overrides = Overrides::default().with_seed(seed);
        let parsed = Experiment::parse("drawn.toml", &text, Path::new("."), &overrides);
        parsed.unwrap().runs()[0].plan.clone()
    };
    assert_eq!(drawn(&with_seed("seed = 0")), drawn(&few));
    assert_ne!(drawn(&seeded(1, "")), drawn(&few));
    assert_eq!(drawn(&seeded(1, "seed = 0")), drawn(&few));
}

#[test]
fn a_choice_may_be_of_anything() {
    let text = r#"
[[image]]
name = "small"
size = "1MB"
[[image]]
name = "large"
size = "1GB"
[functions]
count = 1000
limits.time = "1min"
limits.memory = { kind = "choice", values = ["128MB", "1GB"], weights = [3, 1] }
image = { kind = "choice", values = ["small", "large"] }
concurrency = { kind = "uniform", low = 1, high = 3 }
body = [{ sleep = { kind = "choice", values = ["1s", "2s"] } }]
"#;
    let plan = plan(text);
    let count = |holds: &dyn Fn(&FunctionPlan) -> bool| {
        plan.functions.iter().filter(|function| holds(function)).count()
    };
    // 750 and 500 of 1,000, with standard deviations of 13.7 and 15.8.
    assert!(count(&|function| function.limits.memory_bytes == 128_000_000).abs_diff(750) < 60);
    assert!(count(&|function| function.image == Some(1)).abs_diff(500) < 64);
    // Rounded to whole numbers: 1, 2 and 3 at 1:2:1.
    assert!(count(&|function| function.concurrency.per_container == 2).abs_diff(500) < 64);
    assert_eq!(plan.images.len(), 2);
}

#[test]
fn functions_of_files_and_traces_are_drawn_as_well() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("f.csv"), "name,memory_mb\na,64\nb,\nc,\n").unwrap();
    let functions = r#"
[functions]
csv = "f.csv"
columns = { name = "name", memory = "memory_mb" }
limits = { time = "1s", memory = { kind = "uniform", low = "1GB", high = "2GB" } }
startup = { kind = "exponential", mean = { kind = "uniform", low = "1s", high = "2s" } }
body = [{ sleep = "1s" }]
"#;
    let text = format!("{BEGIN}{functions}");
    let plan = |text: &str| {
        let parsed = Experiment::parse("f.toml", text, folder.path(), &Overrides::default());
        parsed.unwrap_or_else(|errors| panic!("{errors}")).runs()[0].plan.clone()
    };
    let plan = plan(&text);
    let [a, b, c] = &plan.functions[..] else { panic!() };
    assert_eq!(a.limits.memory_bytes, 64_000_000);
    for function in [b, c] {
        assert!((1_000_000_000..2_000_000_000).contains(&function.limits.memory_bytes));
    }
    assert_ne!(b.limits.memory_bytes, c.limits.memory_bytes);
    let mean = |function: &FunctionPlan| function.startup.seconds().mean().unwrap();
    assert!([a, b, c].iter().all(|function| (1.0..2.0).contains(&mean(function))));
    assert_ne!(mean(a), mean(b));
}

#[test]
fn images_of_a_file_are_scaled() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("i.csv"), "i,size_mb,ram_mb\nalpine,8,\ncuda,9000,4000\n")
        .unwrap();
    let text = format!(
        "{BEGIN}[images]\ncsv = \"i.csv\"\nscale = 0.5\n\
         columns = {{ name = \"i\", size = \"size_mb\", memory = \"ram_mb\" }}\n\
         [functions]\ncount = 1\nimage = \"cuda\"\nlimits = {{ time = \"1s\", memory = \"1MB\" }}\n\
         body = [{{ sleep = \"1s\" }}]\n"
    );
    let load = |text: &str| Experiment::parse("f.toml", text, folder.path(), &Overrides::default());
    let plan = load(&text).unwrap_or_else(|errors| panic!("{errors}")).runs()[0].plan.clone();
    let sizes = plan.images.iter().map(|image| (&image.name[..], image.bytes, image.memory_bytes));
    let mb = 1_000_000;
    assert!(sizes.eq([("alpine", 4 * mb, 4 * mb), ("cuda", 4500 * mb, 2000 * mb)]));
    assert_eq!(plan.functions[0].image, Some(1));
    std::fs::write(folder.path().join("i.csv"), "i,size_mb,ram_mb\nalpine,,\ncuda,9x,4000\n")
        .unwrap();
    let message = load(&text).err().unwrap().to_string();
    assert!(message.contains("image `alpine` has no size"), "{message}");
    assert!(message.contains("column `size_mb`"), "{message}");
}

/// The manifest has the distributions, and makes the same functions of them.
#[test]
fn a_manifest_draws_the_same() {
    let folder = tempdir().unwrap();
    let (out, again) = (folder.path().join("out"), folder.path().join("again"));
    run(&parsed(&format!("{BEGIN}{FUNCTIONS}")), &out);
    let manifest = Experiment::load(&out.join("manifest.toml"), &Overrides::default());
    run(&manifest.unwrap_or_else(|errors| panic!("{errors}")), &again);
    for file in ["invocations.csv", "functions.csv", "summary.json"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(read(&out) == read(&again), "{file}");
    }
}

#[test]
fn what_is_wrong_is_told_once_and_where() {
    let memory = |memory: &str| {
        errors(&format!(
            "[functions]\ncount = 50\nlimits = {{ time = \"1s\", memory = {memory} }}\n\
             body = [{{ sleep = \"1s\" }}]\n"
        ))
    };
    for (distribution, message) in [
        (
            "{ kind = \"uniform\", low = \"1MB\", high = \"2s\" }",
            "`2s` does not go with the others",
        ),
        ("{ kind = \"uniform\", low = 5, high = \"2GB\" }", "`5` does not go with the others"),
        ("{ kind = \"uniform\", low = \"1s\", high = \"2s\" }", "unknown unit `s` of a size"),
        ("{ kind = \"uniform\", low = \"1GB\", high = \"2MB\" }", "`high` is less than `low`"),
        ("{ kind = \"uniforn\", low = \"1GB\", high = \"2GB\" }", "unknown distribution `uniforn`"),
        ("{ kind = \"choice\", values = [] }", "a choice of nothing"),
        ("{ kind = \"choice\", values = [\"1GB\"], weights = [1, 2] }", "2 weights for 1 values"),
        (
            "{ kind = \"choice\", values = [\"1GB\"], weights = [-1] }",
            "a weight cannot be negative",
        ),
        ("{ kind = \"choice\", values = [\"1GB\"], weights = [0] }", "nothing is chosen"),
        ("{ kind = \"choice\", values = [\"1G\"] }", "unknown unit `G` of a size"),
        ("{ kind = \"constant\", value = \"0B\" }", "a memory limit of zero"),
        ("{ kind = \"lognormal\", median = \"x\", sigma = 1 }", "found `x`"),
    ] {
        let told = memory(distribution);
        assert!(told.contains(message), "{distribution}: {told}");
        assert_eq!(told.matches("error:").count(), 1, "{distribution}: {told}");
    }
}

#[test]
fn names_may_not_be_taken() {
    let own = "[[image]]\nname = \"f1\"\nsize = \"1MB\"\n";
    assert!(errors(&format!("{own}{FUNCTIONS}")).contains("there are two of image `f1`"));
    let own = "[[function]]\nname = \"f1\"\nlimits = { time = \"1s\", memory = \"1MB\" }\n";
    assert!(errors(&format!("{own}{FUNCTIONS}")).contains("there are two of function `f1`"));
    let sources = FUNCTIONS.replace("count = 5", "count = 5\ncsv = \"f.csv\"");
    assert!(errors(&sources).contains("`csv` does not go with the other fields"));
    assert!(errors(&FUNCTIONS.replace("count = 5", "count = 0")).contains("out of range"));
}
