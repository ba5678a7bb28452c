//! The pages of the tutorial, followed to the letter: their files are written, their commands are
//! run, and they print what is shown (`SNAPSHOTS=overwrite` writes the pages anew).
//!
//! A block of code below `<!-- file: NAME -->` is a file; one below `<!-- add to: NAME -->` goes to
//! the end of it. A block of `console` is a command, after `$ `, and what it prints. How long a run
//! took is not compared.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder with what a reader has: the examples.
fn reader() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    let examples = here.path().join("examples");
    std::fs::create_dir_all(examples.join("platforms")).unwrap();
    for name in ["quickstart.toml", "platforms/quickstart.xml"] {
        std::fs::copy(root().join("examples").join(name), examples.join(name)).unwrap();
    }
    here
}

fn prints(line: &str, here: &Path) -> String {
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("isotherm"), "{line}");
    let output = Command::new(env!("CARGO_BIN_EXE_isotherm"))
        .args(words)
        .current_dir(here)
        .output()
        .unwrap();
    assert!(matches!(output.status.code(), Some(0..=2)), "{line}: {:?}", output.status);
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// Without what differs between runs.
fn steady(text: &str) -> String {
    let steady = |line: &str| match line.split_once(" s in ") {
        Some((simulated, _)) if simulated.starts_with("simulated") => simulated.to_owned(),
        _ => line.to_owned(),
    };
    text.trim_end().lines().map(steady).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_tutorial_is_true() {
    follow("tutorial.md", 5, 3);
}

#[test]
fn the_sweep_for_a_paper_is_true() {
    follow("sweep-for-a-paper.md", 6, 2);
}

/// Follows a page that has at least so many commands and files.
fn follow(page: &str, least_commands: u32, least_files: u32) {
    let here = reader();
    let path = root().join("docs").join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (mut page, mut commands, mut files, mut before) = (String::new(), 0, 0, "");
    let mut parts = text.split("```");
    page.push_str(parts.next().unwrap());
    while let (Some(block), Some(prose)) = (parts.next(), parts.next()) {
        let comment = page.trim_end().rsplit('\n').next().unwrap_or("").to_owned();
        let (language, code) = block.split_once('\n').expect("a block begins on a line of its own");
        let mut block = block.to_owned();
        if language == "console" {
            let (line, shown) = code.split_once('\n').unwrap_or((code, ""));
            let line =
                line.strip_prefix("$ ").unwrap_or_else(|| panic!("`{line}` begins with `$ `"));
            let printed = prints(line, here.path());
            if steady(&printed) != steady(shown) {
                block = format!("console\n$ {line}\n{}\n", printed.trim_end());
            }
            commands += 1;
        } else if let Some((what, name)) =
            comment.strip_prefix("<!-- ").and_then(|comment| comment.split_once(": "))
        {
            let name = here.path().join(name.trim_end_matches("-->").trim_end());
            match what {
                "file" => std::fs::write(name, code).unwrap(),
                "add to" => {
                    write!(OpenOptions::new().append(true).open(name).unwrap(), "\n{code}").unwrap()
                }
                other => panic!("what is `{other}`?"),
            }
            files += 1;
        }
        page.extend(["```", &block, "```", prose]);
        before = prose;
    }
    assert!(
        !before.is_empty() && commands >= least_commands && files >= least_files,
        "{commands} commands, {files} files"
    );
    let expected = snapbox::Data::read_from(&path, None).raw();
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(page, expected);
}
