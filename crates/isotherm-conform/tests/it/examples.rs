//! The reference's own example, as an experiment.

use std::path::Path;

use isotherm_experiment::{Experiment, Overrides};

/// Dates and nodes of every single invocation are those that were measured on the reference.
#[test]
fn reference_example_is_that_of_the_reference() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cases = isotherm_conform::read_folder(&root.join("conformance")).unwrap();
    let case = cases.iter().find(|case| case.scenario.name == "reference-example-100-3").unwrap();
    let expected = &case.scenario.expected.as_ref().unwrap().invocations;
    let out = tempfile::tempdir().unwrap();
    let example = root.join("examples/reference-example.toml");
    let experiment = Experiment::load(&example, &Overrides::default()).unwrap();
    experiment.run(&experiment.runs()[0], out.path()).unwrap();
    let records = std::fs::read_to_string(out.path().join("invocations.csv")).unwrap();
    let rows: Vec<Vec<&str>> = records.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|column| *column == name).unwrap();
    let [id, node, dispatched, started] = ["id", "node", "dispatched_s", "started_s"].map(column);
    assert_eq!(rows.len(), 1 + expected.len());
    for row in &rows[1..] {
        let expected = &expected[row[id].parse::<usize>().unwrap()];
        assert_eq!(Some(row[node]), expected.node.as_deref(), "{row:?}");
        for (column, date) in [(dispatched, expected.dispatched_s), (started, expected.started_s)] {
            let got: f64 = row[column].parse().unwrap();
            assert!((got - date.unwrap()).abs() < 1e-6, "{row:?}: {date:?}");
        }
    }
}
