//! Whatever is written in an experiment file, the answer is an experiment or a list of what is
//! wrong, never a panic.

use std::path::{Path, PathBuf};

use isotherm_experiment::{Experiment, Overrides};
use proptest::prelude::*;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

const FILES: [&str; 5] = [
    "quickstart.toml",
    "reference-example.toml",
    "lambda-replay.toml",
    "many-functions.toml",
    "many-functions.json",
];

fn text(index: usize) -> String {
    std::fs::read_to_string(examples().join(FILES[index])).unwrap()
}

/// The nearest place between two characters.
fn boundary(text: &str, part: f64) -> usize {
    let mut at = (text.len() as f64 * part) as usize;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Checks a text as if it were one of the files.
fn check(index: usize, text: &str, overrides: &Overrides) -> Result<(), TestCaseError> {
    if let Err(diagnostics) = Experiment::parse(FILES[index], text, &examples(), overrides) {
        prop_assert!(!diagnostics.list().is_empty());
        prop_assert!(diagnostics.render(true).contains("error"));
        prop_assert!(diagnostics.render(false).starts_with("error: "));
    }
    Ok(())
}

proptest! {
    #![proptest_config(isotherm_testing::cases(1_500))]

    /// A piece of a good file is cut out, and something else is put in its place.
    #[test]
    fn damaged_files(
        index in 0usize..5,
        from in 0.0..1.0f64,
        length in 0.0..0.02f64,
        insert in "[-a-z0-9\"=.{}\\[\\], \n]{0,8}|nan|inf|-1|1e999|\\PC{0,3}",
    ) {
        let text = text(index);
        let start = boundary(&text, from);
        let end = boundary(&text, (from + length).min(1.0)).max(start);
        check(index, &format!("{}{insert}{}", &text[..start], &text[end..]), &Overrides::default())?;
    }

    /// A line of a good file gets lost, or another value.
    #[test]
    fn changed_lines(index in 0usize..5, line in 0.0..1.0f64, value in prop::option::of("[-a-zA-Z0-9.\"/\\[\\]{}=, ]{0,12}")) {
        let text = text(index);
        let lines: Vec<&str> = text.lines().collect();
        let chosen = (lines.len() as f64 * line) as usize;
        let changed: Vec<String> = lines
            .iter()
            .enumerate()
            .filter_map(|(number, &line)| match (number == chosen, &value, line.split_once(['=', ':'])) {
                (true, None, _) => None,
                (true, Some(value), Some((key, _))) if line.contains('=') => Some(format!("{key}= {value}")),
                (true, Some(value), Some((key, _))) => Some(format!("{key}: {value}")),
                _ => Some(line.to_owned()),
            })
            .collect();
        check(index, &changed.join("\n"), &Overrides::default())?;
    }

    /// Something is set from outside: a field that is there or not, to anything.
    #[test]
    fn overrides(
        index in 0usize..5,
        path in "(service|functions|platform|image|function|workload|parameters|sweep|data|name|\\PC{0,4})                 (\\.(keep_alive|idle|limits|columns|nodes|0|1|9|f0|python|time|\"a.b\"|\\PC{0,4})){0,4}",
        value in "[-a-z0-9\"=.{}\\[\\], \n]{0,12}|nan|inf|-1|1e999|\\$\\{[a-z]{0,4}\\}?|\\PC{0,8}|5min|\\{ kind = \"none\" \\}",
    ) {
        check(index, &text(index), &Overrides::default().with(path, value))?;
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(1_000))]

    /// Files of functions and traces with anything in them, among it what is good.
    #[test]
    fn damaged_tables(
        functions in prop::collection::vec("f[0-9],[0-9]{1,4},0.5|\\PC{0,70}|,*|\"[^\"]{0,5}\"?,1,1|-1,nan,1e999", 0..6),
        requests in prop::collection::vec("[0-9],f[0-9],1|\\PC{0,70},\\PC{0,70},\\PC{0,70}|,*|\"\n?[a-z]\",f0,-1", 0..6),
        header in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let prefix = folder.path().join("x");
        let write = |name: &str, columns: &str, rows: &[String]| {
            let columns = if header { columns } else { "" };
            std::fs::write(format!("{}_{name}.csv", prefix.display()), format!("{columns}{}", rows.join("\n"))).unwrap();
        };
        write("functions", "function,memory_mb,cold_start_s\n", &functions);
        write("requests", "arrival_s,function,duration_s\n", &requests);
        let overrides = Overrides::default().with("data", prefix.display().to_string());
        if let Err(diagnostics) = Experiment::load_whole(&examples().join("many-functions.toml"), &overrides) {
            prop_assert!(diagnostics.render(true).contains("error"));
            prop_assert!(diagnostics.render(false).starts_with("error: "));
        }
    }
}

#[test]
fn strange_beginnings() {
    for text in [
        "",
        "\n",
        "\u{feff}",
        "=",
        "[",
        "[[",
        "\"",
        "a",
        "a.b.c.d = 1",
        "[sweep]",
        "sweep = 1",
        "[[sweep]]",
        "🦀",
        "\0",
        "\r",
        "{",
        "{}",
        "[]",
        "null",
        "\"x\"",
        "{\"a\":",
        "{\"sweep\": 1}",
        "{\"functions\": {\"csv\": \".\"}}",
    ] {
        for name in ["study.toml", "study.json"] {
            let result = Experiment::parse(name, text, Path::new("."), &Overrides::default());
            let diagnostics = result.expect_err("nothing here is an experiment");
            assert!(diagnostics.render(false).starts_with("error: "), "{text:?}");
        }
    }
}
