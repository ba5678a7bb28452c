//! The results of the runs of a sweep on the disk: complete in `points/KEY`, or being written in
//! `points/.KEY.partial`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use isotherm_experiment::Results;
use isotherm_experiment::output::MANIFEST;

use crate::shard::KEY;

/// The folder of the runs of a sweep.
pub const POINTS: &str = "points";

/// Where a run is written that will be in this folder.
pub fn partial(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!(".{key}.partial"))
}

/// Brings the files of a run to the disk, and gives their folder its final name.
pub fn put(partial: &Path, done: &Path, folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(partial)? {
        sync(&entry?.path())?;
    }
    sync(partial)?;
    remove(done)?;
    std::fs::rename(partial, done)?;
    sync(folder)
}

/// Waits until a file or folder is on the disk.
fn sync(path: &Path) -> io::Result<()> {
    // Other systems do not open folders.
    match cfg!(unix) || path.is_file() {
        true => File::open(path)?.sync_all(),
        false => Ok(()),
    }
}

/// Removes a folder, if it is there.
pub fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes what killed processes have left.
pub fn clear_partial(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().and_then(|name| name.strip_prefix('.')?.split_once('.'));
        let Some((key, ending)) = name else { continue };
        if key.len() != KEY || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            continue;
        }
        match ending {
            "partial" => remove(&entry.path())?,
            "lock" => std::fs::remove_file(entry.path())?,
            _ => {}
        }
    }
    Ok(())
}

/// Whether a folder has the results of a run of this version. It was renamed when they were
/// complete, so this finds only what was removed or damaged since; all of it is read for that.
pub fn is_complete(folder: &Path) -> bool {
    let Ok(manifest) = std::fs::read_to_string(folder.join(MANIFEST)) else { return false };
    manifest.contains(&format!("\nisotherm = \"{}\"\n", env!("CARGO_PKG_VERSION")))
        && Results::open(folder).is_ok()
}
