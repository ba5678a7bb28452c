//! The picture of a terminal in the README, `docs/quickstart.svg`: what the command really prints.
//!
//! `ISOTHERM_WRITE_REFERENCE=1 cargo test --release -p isotherm-cli --test picture` draws it anew;
//! without that the test compares it with what the command prints now, except for the two numbers
//! that depend on the machine: the wall time and the invocations in a second of it.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

const COMMAND: &str = "isotherm run examples/quickstart.toml";

/// The size of the font, and of a cell of the terminal, in pixels.
const FONT: f64 = 14.0;
const CELL: (f64, f64) = (8.4, 19.0);
const MARGIN: f64 = 20.0;
const TITLE: f64 = 34.0;

/// What the command prints, from a folder in which its results go to `results/quickstart`.
fn printed() -> String {
    let here = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/quickstart.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_isotherm"));
    let output = command.current_dir(here.path()).arg("run").arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// One line of text. Its length is fixed, so that columns stand below each other in any font.
fn line(svg: &mut String, row: usize, column: usize, class: &str, text: &str) {
    let x = MARGIN + column as f64 * CELL.0;
    let y = TITLE + MARGIN + row as f64 * CELL.1;
    let length = text.chars().count() as f64 * CELL.0;
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\" xml:space=\"preserve\">{}</text>",
        escaped(text)
    );
}

/// Whether a line is the head of a table, which terminals show in colour: the rows below it are
/// indented further.
fn is_head(lines: &[&str], number: usize) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let next = lines.get(number + 1).copied().unwrap_or_default();
    indent(lines[number]) == 1 && indent(next) > 1
}

fn drawn(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let columns = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(72);
    let width = 2.0 * MARGIN + columns as f64 * CELL.0;
    let height = TITLE + 1.5 * MARGIN + (lines.len() + 1) as f64 * CELL.1;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n\
         <title>{COMMAND}</title>\n\
         <style>text{{font:{FONT}px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d5d9e0}}\
         .prompt{{fill:#7fd18c}}.typed{{fill:#fff;font-weight:600}}.head{{fill:#6cc3d5}}</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"9\" fill=\"#1b1f27\"/>\n"
    );
    for (index, colour) in ["#f0655a", "#f5bf4f", "#61c554"].iter().enumerate() {
        let _ = writeln!(
            svg,
            "<circle cx=\"{}\" cy=\"17\" r=\"6\" fill=\"{colour}\"/>",
            22 + 20 * index
        );
    }
    line(&mut svg, 0, 0, "prompt", "$");
    line(&mut svg, 0, 2, "typed", COMMAND);
    for (number, text) in lines.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        let indent = text.len() - text.trim_start().len();
        let class = if is_head(&lines, number) { "head" } else { "plain" };
        line(&mut svg, number + 1, indent, class, text.trim_start());
    }
    svg + "</svg>\n"
}

/// The numbers of the last line but the files: the simulated time, the wall time, the invocations
/// in a second of it.
fn numbers(line: &str) -> Option<[&str; 3]> {
    let (simulated, rest) = line.strip_prefix("simulated ")?.split_once(" s in ")?;
    let (wall, rest) = rest.split_once(" s of wall time: ")?;
    let rate = rest.strip_suffix(" invocations per second of wall time")?;
    let is_number = |text: &&str| text.replace(',', "").parse::<f64>().is_ok();
    Some([simulated, wall, rate]).filter(|numbers| numbers.iter().all(is_number))
}

/// A printed text with the wall time and the rate of a picture, whose widths change that of the
/// picture.
fn as_fast_as(svg: &str, text: &str) -> String {
    let drawn = svg.lines().filter_map(|line| line.strip_suffix("</text>")?.split_once('>'));
    let Some([_, wall, rate]) = drawn.map(|(_, line)| line).find_map(numbers) else {
        return text.to_owned();
    };
    let line = |line: &str| match numbers(line) {
        Some([simulated, ..]) => format!(
            "simulated {simulated} s in {wall} s of wall time: {rate} invocations per second of wall time\n"
        ),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn the_picture_shows_what_the_command_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/quickstart.svg");
    let text = printed();
    assert_eq!(text.lines().filter_map(numbers).count(), 1, "{text}");
    if std::env::var_os("ISOTHERM_WRITE_REFERENCE").is_some() {
        std::fs::write(&path, drawn(&text)).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        written == drawn(&as_fast_as(&written, &text)),
        "docs/quickstart.svg is not what the command prints: run \
         `ISOTHERM_WRITE_REFERENCE=1 cargo test --release -p isotherm-cli --test picture` to draw it anew"
    );
}

#[test]
fn the_picture_does_not_depend_on_the_machine() {
    let text = |simulated: f64, wall: &str, rate: &str| {
        format!(
            "head\n\nsimulated {simulated} s in {wall} s of wall time: {rate} invocations per second of wall time\nresults\n"
        )
    };
    let svg = drawn(&text(599.377, "0.022", "86,248"));
    assert_eq!(drawn(&as_fast_as(&svg, &text(599.377, "1,234.567", "9"))), svg);
    assert_ne!(drawn(&as_fast_as(&svg, &text(599.378, "0.022", "86,248"))), svg);
}
