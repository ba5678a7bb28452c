//! An experiment as it is given: the text of a file, and what was changed from outside. It is
//! parsed when it is checked, and again when a run writes its manifest, so that no tree is stored
//! for each run of a sweep.

use std::path::PathBuf;

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::Seed;
use isotherm_config::source::{SourceId, Sources};
use isotherm_config::syntax::Syntax;
use isotherm_config::tree::{self, Entry, Kind, Path, Value};

use crate::check::Setting;
use crate::overrides::Overrides;

/// Every value of a file is held in memory with its place, some hundred bytes each. A file of
/// 100,000 functions has a fifth of this.
const MOST_VALUES: usize = 5_000_000;

/// The text of an experiment, and what was changed from outside.
#[derive(Clone, Debug)]
pub struct Document {
    /// The text.
    pub source: SourceId,
    /// How it is written.
    pub syntax: Syntax,
    /// Paths in the text are relative to this folder.
    pub folder: PathBuf,
    /// What was changed.
    pub overrides: Overrides,
}

impl Document {
    /// Parses the experiment. Returns its tree, and the paths of the fields that were set from
    /// outside. Values of a sweep and parameters are not yet filled in. Nothing if the text is not
    /// a table; errors are reported.
    pub fn tree(&self, sources: &mut Sources, report: &Report) -> Option<(Value, Vec<Path>)> {
        let source = self.source;
        let text = sources.get(source).text.as_str();
        let begin = match self.syntax {
            Syntax::Toml => "it begins with a line like `name = \"first\"`",
            Syntax::Json => "it begins like `{ \"name\": \"first\", ...`",
        };
        if text.trim_start_matches('\u{feff}').trim().is_empty() {
            return report.refuse(sources.line(source, 1), "the experiment is empty", begin);
        }
        // Each value but the first is preceded by one of these.
        let values = text.bytes().filter(|byte| matches!(byte, b'=' | b',' | b':')).count();
        if values > MOST_VALUES {
            let most = MOST_VALUES / 1_000_000;
            let hint = format!(
                "at most {most} million are read: arrivals in such numbers belong in a CSV file"
            );
            return report.refuse(
                sources.line(source, 1),
                "the experiment has too many values",
                hint,
            );
        }
        let mut root = match self.syntax {
            Syntax::Toml => tree::parse_toml(source, text, report),
            Syntax::Json => tree::parse_json(source, text, report),
        };
        if !report.is_empty() {
            // A tree of a broken file would only cause further errors.
            return None;
        }
        if !matches!(root.kind, Kind::Table(_)) {
            let message = format!("an experiment is a table, not {}", root.kind.description());
            return report.refuse(root.span, message, begin);
        }
        let set = self.overrides.apply(&mut root, sources, report);
        Some((root, set))
    }
}

/// If the file is a manifest: what was changed from outside for its run. Empty if it is none.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// Fields that a sweep has changed.
    pub sweep: Vec<Setting>,
    /// The seed that was given.
    pub seed: Option<u64>,
    /// Fields that were set, as `path=value`.
    pub set: Vec<String>,
}

impl Earlier {
    /// Reads the table `[manifest]`, without the fields that are set again. Entries that no run
    /// writes are ignored.
    pub fn of(root: &Value, set: &[Path]) -> Self {
        let Some(manifest) = root.table().and_then(|root| root.get("manifest")?.table()) else {
            return Earlier::default();
        };
        let is_set = |path: &str| {
            let set = set.iter().map(ToString::to_string);
            set.into_iter().any(|set| {
                path.strip_prefix(&set).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let text = |value: &Value| match &value.kind {
            Kind::String(text) => Some(text.clone()),
            _ => None,
        };
        let sweep = match manifest.get("sweep").map(|value| &value.kind) {
            Some(Kind::Table(sweep)) => sweep.entries.iter(),
            _ => [].iter(),
        };
        let sweep = sweep.filter(|entry| !is_set(&entry.key));
        let setting =
            |entry: &Entry| Some(Setting { path: entry.key.clone(), shown: text(&entry.value)? });
        let set = match manifest.get("set").map(|value| &value.kind) {
            Some(Kind::Array(values)) => values.iter(),
            _ => [].iter(),
        };
        Earlier {
            sweep: sweep.filter_map(setting).collect(),
            seed: manifest
                .get("seed")
                .filter(|_| !is_set("seed"))
                .and_then(|seed| Seed::of(&seed.kind)),
            set: set.filter_map(text).collect(),
        }
    }
}
