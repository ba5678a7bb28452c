//! Whatever is written in an experiment file, the answer is an experiment or a list of what is wrong, never a panic.

use std::path::{Path, PathBuf};

use isotherm_experiment::{Experiment, Overrides};
use proptest::prelude::*;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

fn text(index: usize) -> String {
    let name = ["quickstart.toml", "reference-example.toml", "lambda-replay.toml"][index];
    std::fs::read_to_string(examples().join(name)).unwrap()
}

/// The nearest place between two characters.
fn boundary(text: &str, part: f64) -> usize {
    let mut at = (text.len() as f64 * part) as usize;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn check(text: &str) -> Result<(), TestCaseError> {
    if let Err(diagnostics) = Experiment::parse("study.toml", text, &examples(), &Overrides::default()) {
        prop_assert!(!diagnostics.list().is_empty());
        prop_assert!(diagnostics.render(true).contains("error"));
        prop_assert!(diagnostics.render(false).starts_with("error: "));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A piece of a good file is cut out, and something else is put in its place.
    #[test]
    fn damaged_files(
        index in 0usize..3,
        from in 0.0..1.0f64,
        length in 0.0..0.02f64,
        insert in "[-a-z0-9\"=.{}\\[\\], \n]{0,8}|nan|inf|-1|1e999|\\PC{0,3}",
    ) {
        let text = text(index);
        let start = boundary(&text, from);
        let end = boundary(&text, (from + length).min(1.0)).max(start);
        check(&format!("{}{insert}{}", &text[..start], &text[end..]))?;
    }

    /// A line of a good file gets lost, or another value.
    #[test]
    fn changed_lines(index in 0usize..3, line in 0.0..1.0f64, value in prop::option::of("[-a-zA-Z0-9.\"/\\[\\]{}=, ]{0,12}")) {
        let text = text(index);
        let lines: Vec<&str> = text.lines().collect();
        let chosen = (lines.len() as f64 * line) as usize;
        let changed: Vec<String> = lines
            .iter()
            .enumerate()
            .filter_map(|(number, &line)| match (number == chosen, &value, line.split_once('=')) {
                (true, None, _) => None,
                (true, Some(value), Some((key, _))) => Some(format!("{key}= {value}")),
                _ => Some(line.to_owned()),
            })
            .collect();
        check(&changed.join("\n"))?;
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
    ] {
        let result = Experiment::parse("study.toml", text, Path::new("."), &Overrides::default());
        let diagnostics = result.expect_err("nothing here is an experiment");
        assert!(diagnostics.render(false).starts_with("error: "), "{text:?}");
    }
}
