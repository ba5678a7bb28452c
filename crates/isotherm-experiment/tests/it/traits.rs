//! The table of traits of SimGrid files in docs/platforms.md: each row is true.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::{columns, run};
use isotherm_experiment::{Experiment, Overrides};

const DOCS: &str = "../../docs/platforms.md";
const FILES: &str = "tests/traits";

/// The cells of the rows of a table, which begins with a header.
fn rows(docs: &str, header: &str) -> Vec<[String; 3]> {
    let table = docs.split_once(header).unwrap_or_else(|| panic!("no table {header}")).1;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        cells.collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{row}"))
    })
    .collect()
}

fn code(cell: &str) -> &str {
    cell.trim_matches('`')
}

/// An experiment with an image, which needs disks, on a file and with the fields of a row.
fn load(folder: &Path, file: &str, fields: &str) -> Result<Experiment, String> {
    let disk = "disk = { read = \"2GB/s\", write = \"1GB/s\" }";
    let fields = match fields.strip_suffix("disk") {
        Some(others) => format!(", {others}{disk}"),
        None if fields.is_empty() => String::new(),
        None => format!(", {fields}"),
    };
    let xml = std::fs::canonicalize(FILES).unwrap().join(file).with_extension("xml");
    let text = format!(
        "name = \"trait\"\nplatform = {{ xml = {xml:?}{fields} }}\n\
         [[image]]\nname = \"i\"\nsize = \"10MB\"\n[[function]]\nname = \"f\"\nimage = \"i\"\n\
         limits = {{ time = \"9s\", memory = \"1MB\" }}\nbody = [{{ sleep = \"1s\" }}]\n\
         [[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\"]\n"
    );
    let path = folder.join("e.toml");
    std::fs::write(&path, text).unwrap();
    Experiment::load(&path, &Overrides::default()).map_err(|errors| errors.to_string())
}

#[test]
fn every_row_of_the_table_of_traits_is_true() {
    let docs = std::fs::read_to_string(DOCS).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut files = BTreeSet::new();
    for [what, file, fields] in rows(&docs, "| read: a file with | file |") {
        let file = code(&file);
        assert!(files.insert(file.to_owned()), "{file} is there twice");
        let experiment = load(folder, file, code(&fields))
            .unwrap_or_else(|errors| panic!("{what} ({file}): {errors}"));
        run(&experiment, &folder.join(file));
        let outcomes = columns(&folder.join(file), ["outcome"]);
        assert_eq!(outcomes, [["completed"]], "{what} ({file})");
        if code(&fields).ends_with("disk") {
            let without = code(&fields).trim_end_matches("disk").trim_end_matches(", ");
            let errors = load(folder, file, without).unwrap_err();
            assert!(errors.contains("has no disk at `/`"), "{what} ({file}): {errors}");
        }
    }
    for [what, file, reason] in rows(&docs, "| refused: a file with | file |") {
        let file = code(&file);
        assert!(files.insert(file.to_owned()), "{file} is there twice");
        let errors = load(folder, file, "").map(|_| "read").unwrap_err();
        assert!(errors.contains(&reason), "{what} ({file}): {errors}");
    }
    let written = std::fs::read_dir(FILES).unwrap().map(|entry| entry.unwrap().path());
    let written = written.filter(|path| path.extension().is_some_and(|name| name == "xml"));
    let written: BTreeSet<String> =
        written.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(files, written, "each file has a row");
}
