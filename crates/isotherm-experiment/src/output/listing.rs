//! Tables of hashes in a manifest. `[manifest.sha256]` at its end says which files belong to its
//! run.

use std::path::Path;

use isotherm_config::write;

use super::MANIFEST;

/// What the table begins with.
pub(crate) const BEGIN: &str = "\n[manifest.sha256]\n";

/// The name of the table.
const RESULTS: &str = "sha256";

/// The text of the table for these files and hashes.
pub(crate) fn listing(hashes: &[(&str, String)]) -> String {
    let hashes = hashes.iter().map(|(name, hash)| ((*name).to_owned(), hash.clone())).collect();
    lines(RESULTS, hashes)
}

/// The text of a table of other files, which are ordered by their names; empty if there are none.
pub(crate) fn table(name: &str, mut hashes: Vec<(String, String)>) -> String {
    hashes.sort();
    if hashes.is_empty() { String::new() } else { lines(name, hashes) }
}

fn lines(table: &str, hashes: Vec<(String, String)>) -> String {
    let line = |(name, hash): (String, String)| {
        format!("{} = {}\n", write::key(&name), write::string(&hash))
    };
    let lines: String = hashes.into_iter().map(line).collect();
    format!("\n[manifest.{table}]\n{lines}")
}

/// The files and hashes of a manifest; `None` if it has no such table.
pub(crate) fn hashes(manifest: &str) -> Option<Vec<(String, String)>> {
    hashes_in(manifest, RESULTS)
}

/// The files that a run has read, and their hashes; `None` if its manifest does not say them.
pub(crate) fn inputs(manifest: &str) -> Option<Vec<(String, String)>> {
    hashes_in(manifest, crate::manifest::INPUTS)
}

fn hashes_in(manifest: &str, name: &str) -> Option<Vec<(String, String)>> {
    let table: toml::Table = manifest.parse().ok()?;
    let hashes = table.get("manifest")?.get(name)?.as_table()?;
    hashes.iter().map(|(name, hash)| Some((name.clone(), hash.as_str()?.to_owned()))).collect()
}

/// Whether a file belongs to the run of a manifest.
pub(crate) fn is_listed(manifest: &Path, name: &str) -> bool {
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    // A manifest without hashes excludes no file.
    hashes(&text)
        .is_none_or(|hashes| name == MANIFEST || hashes.iter().any(|(known, _)| known == name))
}
