//! Reads and checks the scenarios of a folder: `cases/*.json`, and the platform files that they
//! name, whose paths are relative to the folder.
//!
//! A folder without `cases` is taken to hold the scenarios itself; then platforms are looked for in
//! the same folder and then in its parent, so that `conform DIR/cases` does what `conform DIR`
//! does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isotherm_experiment::files;
use isotherm_platform::{PlatformError, PlatformSpec};

use crate::scenario::{Location, Scenario, ScenarioError, ScenarioProblem};
use crate::{ConformError, validation};

/// A scenario with its platform.
#[derive(Clone, Debug)]
pub struct Case {
    /// The path of the scenario.
    pub file: PathBuf,
    /// The scenario, checked.
    pub scenario: Scenario,
    /// Its platform, which has the hosts, disks and routes that the scenario needs.
    pub platform: Arc<PlatformSpec>,
}

/// Reads and checks all scenarios of a folder, in the order of their file names. All errors of
/// them and of their platforms are reported together.
pub fn read_folder(folder: &Path) -> Result<Vec<Case>, ConformError> {
    let nested = folder.join("cases");
    let (cases, roots) = if nested.is_dir() {
        (nested, vec![folder.to_path_buf()])
    } else {
        (folder.to_path_buf(), vec![folder.to_path_buf(), folder.join("..")])
    };
    let mut reader = Reader { roots, platforms: BTreeMap::new(), errors: Vec::new() };
    let read: Vec<_> =
        scenario_files(&cases)?.into_iter().filter_map(|file| reader.case(file)).collect();
    if !reader.errors.is_empty() {
        return Err(ConformError::Scenarios(reader.errors));
    }
    if read.is_empty() {
        return Err(ConformError::NoScenario { path: folder.to_path_buf() });
    }
    Ok(read)
}

struct Reader {
    /// Where platforms are looked for.
    roots: Vec<PathBuf>,
    /// The platforms read so far; `None` is one that is broken, which has been reported.
    platforms: BTreeMap<PathBuf, Option<Arc<PlatformSpec>>>,
    errors: Vec<ScenarioError>,
}

impl Reader {
    /// Reads one scenario; reports what is wrong with it.
    fn case(&mut self, file: PathBuf) -> Option<Case> {
        let shown = file.display().to_string();
        let scenario = match files::read(&file) {
            Ok(text) => Scenario::parse(&shown, &text),
            Err(error) => {
                let message = format!("cannot read the scenario: {}", error);
                Err(ScenarioError { file: shown.clone(), problems: vec![whole_file(message)] })
            }
        };
        let scenario = scenario.map_err(|error| self.errors.push(error)).ok()?;
        let platform = self.platform(&shown, &scenario.platform)?;
        let problems = validation::problems(&scenario, &platform);
        if !problems.is_empty() {
            self.errors.push(ScenarioError { file: shown, problems });
            return None;
        }
        Some(Case { file, scenario, platform })
    }

    /// The platform of a scenario; reports once what is wrong with it.
    fn platform(&mut self, scenario: &str, name: &str) -> Option<Arc<PlatformSpec>> {
        let path = platform_path(&self.roots, name);
        if let Some(known) = self.platforms.get(&path) {
            return known.clone();
        }
        let spec = match files::read(&path) {
            Ok(text) => PlatformSpec::from_simgrid_xml(&text).map_err(|errors| ScenarioError {
                file: path.display().to_string(),
                problems: errors.iter().map(problem_of_platform).collect(),
            }),
            Err(error) => {
                let message = format!("cannot read the platform `{}`: {}", path.display(), error);
                let hint = Some("platforms are looked for beside the folder `cases`".to_owned());
                let problem = ScenarioProblem {
                    location: Location::Path("platform".to_owned()),
                    message,
                    hint,
                };
                Err(ScenarioError { file: scenario.to_owned(), problems: vec![problem] })
            }
        };
        let spec = spec.map_err(|error| self.errors.push(error)).ok().map(Arc::new);
        self.platforms.insert(path, spec.clone());
        spec
    }
}

fn whole_file(message: String) -> ScenarioProblem {
    ScenarioProblem { location: Location::File, message, hint: None }
}

fn problem_of_platform(error: &PlatformError) -> ScenarioProblem {
    let location = match error.position() {
        Some(place) => Location::Line(place.line as usize, place.column as usize),
        None => Location::File,
    };
    ScenarioProblem {
        location,
        message: error.problem().to_string(),
        hint: error.hint().map(str::to_owned),
    }
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

/// The first root under which the platform exists; the first root if there is none, for the
/// message.
fn platform_path(roots: &[PathBuf], platform: &str) -> PathBuf {
    let mut candidates = roots.iter().map(|root| root.join(platform));
    let existing = candidates.clone().find(|path| path.is_file());
    existing.or_else(|| candidates.next()).unwrap_or_else(|| PathBuf::from(platform))
}
