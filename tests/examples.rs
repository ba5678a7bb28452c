//! What the examples print: compared with `tests/golden/NAME.txt` (`SNAPSHOTS=overwrite` writes it
//! anew), and with what can be derived without them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs an example, which `cargo test` has built beside this test, and compares what it prints.
fn output_of(example: &str) -> String {
    let test = std::env::current_exe().expect("this test is a file");
    let folder =
        test.parent().and_then(|deps| deps.parent()).expect("it is in target/PROFILE/deps");
    let path: PathBuf =
        folder.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is not built: `cargo build --examples`", path.display());
    let output = Command::new(&path).output().expect("the example starts");
    assert!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stderr));
    let output = String::from_utf8(output.stdout).expect("examples print text");
    let golden = golden(example);
    if std::env::var_os("SNAPSHOTS").is_some_and(|action| action == "overwrite") {
        std::fs::write(&golden, &output).expect("the golden output can be written");
    }
    let expected = std::fs::read_to_string(&golden).expect("the example has a golden output");
    // A checkout may have lines that end as Windows has them.
    assert_eq!(output, expected.replace("\r\n", "\n"), "{}", golden.display());
    output
}

fn golden(example: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(example).with_extension("txt")
}

#[test]
fn every_example_has_a_golden_output() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(examples).expect("the examples can be listed");
    let missing: Vec<PathBuf> = files
        .map(|entry| entry.expect("the examples can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| golden(&path.file_stem().expect("a file has a name").to_string_lossy()))
        .filter(|golden| !golden.exists())
        .collect();
    assert!(missing.is_empty(), "without a test in tests/examples.rs: {missing:?}");
}

/// The words of each line but the first.
fn rows(output: &str) -> Vec<Vec<&str>> {
    output.lines().skip(1).map(|line| line.split_whitespace().collect()).collect()
}

fn number(word: &str) -> f64 {
    word.parse().unwrap_or_else(|_| panic!("`{word}` is a number"))
}

#[test]
fn custom_controller() {
    let output = output_of("custom_controller");
    let rows = rows(&output);
    assert_eq!(rows.len(), 6, "{output}");
    for row in &rows {
        let [clients, rate, response_s] = [0, 1, 2].map(|column| number(row[column]));
        // A body computes for 1 s on a core of its own; 4 slots complete at most 4 in a second.
        assert!(response_s >= 1.0 && rate <= 4.0, "{output}");
        // Each client thinks for 5 s on average (drawn some 300 times an hour even when it has to
        // wait most), so that clients = rate × (think + response), within what so many draws vary.
        let expected = clients / (5.0 + response_s);
        assert!((rate / expected - 1.0).abs() < 0.15, "{rate} is not near {expected}: {output}");
    }
    // 32 clients ask for 32 / 6 s, which is more than 4 slots can do.
    assert!(number(rows[5][1]) > 3.9 && number(rows[5][2]) > 2.0, "{output}");
}

#[test]
fn chained_functions() {
    let output = output_of("chained_functions");
    let answers: Vec<&str> = rows(&output).iter().map(|row| row[1]).collect();
    // The first time, and after five minutes of silence, the cache has to be started, and the
    // database is faster. So it is the next time, 1.5 s after the first, for the cache takes 2 s.
    assert_eq!(answers, ["database", "database", "cache", "cache", "database", "database"]);
    // A warm database takes 0.4 s; a cold one has to start for 0.05 s, as the lookup before it.
    let responses: Vec<f64> = rows(&output).iter().map(|row| number(row[2])).collect();
    assert_eq!(responses[..3], [0.5, 0.4, 0.005]);
}

#[test]
fn custom_scheduler() {
    let output = output_of("custom_scheduler");
    let cold: Vec<(&str, f64)> = rows(&output).iter().map(|row| (row[0], number(row[1]))).collect();
    assert_eq!(cold.len(), 4, "{output}");
    // What it is for: a function that always goes to the same node finds its containers there. Only
    // a search on all nodes, as `fcfs` does, finds more.
    let [home, fcfs, random, balancing] = [0, 1, 2, 3].map(|row| cold[row].1);
    assert!(fcfs < home && home < random && home < balancing, "{output}");
    // Each of 30 functions starts cold at least once in about 5 invocations a second for 1,800 s.
    assert!(fcfs > 0.3, "{output}");
}

#[test]
fn bare_metal() {
    let output = output_of("bare_metal");
    // Over 1 Gb/s (97 % payload) after 13.01 times the latency of 50 µs; from a disk of 2 GB/s; 4
    // of 8 cores of 10 Gf/s; to a disk of 1 GB/s.
    let wire = |bytes: f64| 13.01 * 50e-6 + bytes / (0.97 * 125e6);
    let lasting = [wire(2e9), 1.0, 10.0, 1.0, wire(1e9), 0.0, 5.0];
    let rows = rows(&output);
    let mut date = 0.0;
    for (row, lasting) in rows.iter().zip(lasting) {
        let [began, ended] = [2, 1].map(|from_end| number(row[row.len() - from_end]));
        assert!(
            (began - date).abs() < 6e-4 && (ended - began - lasting).abs() < 1.1e-3,
            "{row:?} at {date}: {output}"
        );
        date += lasting;
    }
    // Two of three conversions have 4 cores each; the third waits for the 10 s that they take.
    let ends: Vec<f64> = rows[8..11].iter().map(|row| number(row[2]) - date).collect();
    assert!(
        ends.iter().zip([10.0, 10.0, 20.0]).all(|(end, expected)| (end - expected).abs() < 1e-3),
        "{output}"
    );
}

#[test]
fn image_caching() {
    let output = output_of("image_caching");
    let rows = rows(&output);
    // The head's disk holds all 20 images, so each is downloaded once.
    assert!(rows.iter().all(|row| row[2] == "20"), "{output}");
    let loads: Vec<f64> = rows.iter().map(|row| number(row[4])).collect();
    assert!(loads.is_sorted_by(|more, less| more > less), "{output}");
    // With 16 GB a node can keep 13 images of 1.2 GB; four nodes need not load any of the 20 often.
    assert!(loads[4] < 80.0, "{output}");
}

#[test]
fn stepped() {
    let output = output_of("stepped");
    let words: Vec<&str> = output.split([' ', ',']).collect();
    let (decisions, cold) = (number(words[0]), number(words[3]));
    // 100 invocations a second for an hour, nearly each in a round of its own. 4 nodes of 8 cores
    // have 32 places, all of which are in use at some time, and no container stops between.
    assert!((decisions / 360_000.0 - 1.0).abs() < 0.01, "{output}");
    assert_eq!(cold, 32.0, "{output}");
}

#[test]
fn own_policy_on_a_trace() {
    let output = output_of("own_policy_on_a_trace");
    let cold: Vec<f64> =
        output.lines().map(|line| number(line.split(' ').next().unwrap_or(line))).collect();
    // Ten minutes for all, then up to an hour for those that are invoked often.
    assert!(cold[1] < cold[0], "{output}");
}

#[test]
fn own_kind() {
    let output = output_of("own_kind");
    let cold: Vec<&str> = rows(&output).iter().map(|row| row[1]).collect();
    // The container is idle for 14, 29, 59 and 119 s. After its n-th use it is kept for n times as
    // long as for one: 10 s are always too short; 15 and 30 s are enough, 45 s are not, nor are the
    // 15 s of its successor; 30, 60, 90 and 120 s are enough.
    assert_eq!(cold, ["5", "3", "1"]);
}

#[test]
fn autoscaler() {
    let output = output_of("autoscaler");
    let column =
        |index: usize| -> Vec<f64> { rows(&output).iter().map(|row| number(row[index])).collect() };
    // More idle containers: fewer cold starts, and more memory.
    assert!(column(1).is_sorted_by(|more, less| more > less), "{output}");
    assert!(column(2).is_sorted_by(|less, more| less < more), "{output}");
    // Eight containers of 1 GB for an hour, but for what is in use of them between two looks.
    assert!((7.0..=8.5).contains(&column(2)[4]), "{output}");
}
