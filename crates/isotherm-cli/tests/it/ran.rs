//! The command, run, and what it prints, compared.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder `examples/`.
pub fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// Runs the command in a folder: the exit code, and what went to standard output and to standard
/// error.
pub fn isotherm_in(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_isotherm"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Compares a text with `tests/snapshots/NAME`, which `SNAPSHOTS=overwrite` writes anew.
pub fn assert_snapshot(text: &str, name: &str) {
    let expected = snapbox::Data::read_from(&Path::new("tests/snapshots").join(name), None).raw();
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(text, expected);
}
