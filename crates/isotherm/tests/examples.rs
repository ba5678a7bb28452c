//! What the examples of the library print.

use std::path::PathBuf;
use std::process::Command;

/// Runs an example. `cargo test` has built it beside this test.
fn output_of(example: &str) -> String {
    let test = std::env::current_exe().expect("this test is a file");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("it is in target/PROFILE/deps");
    let path: PathBuf = folder.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is not built: `cargo build -p isotherm --examples`", path.display());
    let output = Command::new(&path).output().expect("the example starts");
    assert!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("examples print text")
}

#[test]
fn closed_loop() {
    let output = output_of("closed_loop");
    let rows: Vec<Vec<f64>> = output
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().map(|word| word.parse().expect("a table of numbers")).collect())
        .collect();
    assert_eq!(rows.len(), 6, "{output}");
    for row in &rows {
        let &[clients, rate, response_s] = &row[..] else { panic!("three columns: {output}") };
        // A body computes for 1 s on a core of its own; 4 slots complete at most 4 in a second.
        assert!(response_s >= 1.0 && rate <= 4.0, "{output}");
        // Each client thinks for 5 s on average (drawn some 300 times an hour even when it has to wait most), so that clients =
        // rate × (think + response), within what so many draws vary.
        let expected = clients / (5.0 + response_s);
        assert!((rate / expected - 1.0).abs() < 0.15, "{rate} is not near {expected}: {output}");
    }
    // 32 clients ask for 32 / 6 s, which is more than 4 slots can do.
    assert!(rows[5][1] > 3.9 && rows[5][2] > 2.0, "{output}");
}

#[test]
fn chained_functions() {
    let output = output_of("chained_functions");
    let answers: Vec<&str> = output.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap_or("")).collect();
    // The first time, and after five minutes of silence, the cache has to be started, and the database is faster.
    assert_eq!(answers[0], "database", "{output}");
    assert_eq!(answers[4], "database", "{output}");
    assert_eq!(answers[3], "cache", "{output}");
    assert_eq!(answers.len(), 6, "{output}");
}
