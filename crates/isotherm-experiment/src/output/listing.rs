//! The table `[manifest.sha256]` at the end of a manifest: which files belong to its run.

use std::path::Path;

use isotherm_config::write;

use super::MANIFEST;

/// The text of the table for these files and hashes.
pub(crate) fn listing(hashes: &[(&str, String)]) -> String {
    let lines: String = hashes
        .iter()
        .map(|(name, hash)| format!("{} = {}\n", write::key(name), write::string(hash)))
        .collect();
    format!("\n[manifest.sha256]\n{lines}")
}

/// The files and hashes of a manifest; `None` if it has no such table.
pub(crate) fn hashes(manifest: &str) -> Option<Vec<(String, String)>> {
    let table: toml::Table = manifest.parse().ok()?;
    let hashes = table.get("manifest")?.get("sha256")?.as_table()?;
    hashes.iter().map(|(name, hash)| Some((name.clone(), hash.as_str()?.to_owned()))).collect()
}

/// Whether a file belongs to the run of a manifest.
pub(crate) fn is_listed(manifest: &Path, name: &str) -> bool {
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    // A manifest without hashes excludes no file.
    hashes(&text)
        .is_none_or(|hashes| name == MANIFEST || hashes.iter().any(|(known, _)| known == name))
}
