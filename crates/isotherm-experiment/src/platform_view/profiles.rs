//! The profile files that a platform file names, as `state_file="..."` does.

use std::path::{Path, PathBuf};

use crate::files;

/// Reads profile files by the names that a platform file in this folder uses for them.
pub fn beside(folder: &Path) -> impl FnMut(&str) -> Result<String, String> + use<> {
    let folder: PathBuf = folder.to_owned();
    move |name| files::read(&folder.join(name)).map_err(|error| error.to_string())
}
