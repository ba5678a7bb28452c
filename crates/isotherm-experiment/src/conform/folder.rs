//! A folder of scenarios: `cases/*.json`, and the platform files that they name, relative to the folder.
//!
//! A folder without `cases` is taken to hold the scenarios itself; then platforms are looked for beside them and, if
//! they are not there, beside the folder, so that `conform DIR/cases` does what `conform DIR` does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::ConformError;
use super::scenario::{Scenario, ScenarioError};

/// A scenario with the text of its platform.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where the scenario stands.
    pub file: PathBuf,
    /// The scenario, checked.
    pub scenario: Scenario,
    /// The SimGrid XML of its platform.
    pub platform_xml: Rc<str>,
}

/// Reads and checks all scenarios of a folder, in the order of their file names. Scenarios that are not well-formed are
/// reported all at once.
pub fn read_folder(folder: &Path) -> Result<Vec<Case>, ConformError> {
    let nested = folder.join("cases");
    let (cases, roots) = if nested.is_dir() {
        (nested, vec![folder.to_path_buf()])
    } else {
        (folder.to_path_buf(), vec![folder.to_path_buf(), folder.join("..")])
    };
    let mut platforms: BTreeMap<PathBuf, Rc<str>> = BTreeMap::new();
    let mut errors: Vec<ScenarioError> = Vec::new();
    let mut read = Vec::new();
    for file in scenario_files(&cases)? {
        let text = read_text(&file)?;
        let scenario = match Scenario::parse(&file.display().to_string(), &text) {
            Ok(scenario) => scenario,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        let path = platform_path(&roots, &scenario.platform);
        let platform_xml = match platforms.get(&path) {
            Some(text) => Rc::clone(text),
            None => {
                let text: Rc<str> = read_text(&path)?.into();
                platforms.insert(path, Rc::clone(&text));
                text
            }
        };
        read.push(Case { file, scenario, platform_xml });
    }
    if !errors.is_empty() {
        return Err(ConformError::Scenarios(errors));
    }
    if read.is_empty() {
        return Err(ConformError::NoScenario { path: folder.to_path_buf() });
    }
    Ok(read)
}

fn scenario_files(folder: &Path) -> Result<Vec<PathBuf>, ConformError> {
    let failed = |source| ConformError::Read { path: folder.to_path_buf(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
            files.push(path);
        }
    }
    // The order in which a folder lists its files differs between machines.
    files.sort();
    Ok(files)
}

/// The first root under which the platform exists; the first root if there is none, for the message.
fn platform_path(roots: &[PathBuf], platform: &str) -> PathBuf {
    let mut candidates = roots.iter().map(|root| root.join(platform));
    let existing = candidates.clone().find(|path| path.is_file());
    existing.or_else(|| candidates.next()).unwrap_or_else(|| PathBuf::from(platform))
}

fn read_text(path: &Path) -> Result<String, ConformError> {
    fs::read_to_string(path).map_err(|source| ConformError::Read { path: path.to_path_buf(), source })
}
