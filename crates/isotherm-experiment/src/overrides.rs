//! What is changed in an experiment from outside of its file, as by `--set` and `--seed`.

use isotherm_config::diagnostic::Report;
use isotherm_config::source::Sources;
use isotherm_config::tree::{self, Value, parameters};

use crate::policies::Kinds;

/// What is changed in an experiment from outside of its file, and what else it may name.
///
/// ```
/// use isotherm_experiment::Overrides;
///
/// let overrides = Overrides::default().with_seed(7).with("service.keep_alive.idle", "5min").with("image.0.size", "1GB");
/// assert_eq!(overrides.set[0], ("service.keep_alive.idle".to_owned(), "5min".to_owned()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The seed to use instead of the file's.
    pub seed: Option<u64>,
    /// The [paths](isotherm_config::tree::path) of fields and the values to put there, in this
    /// order; a path may also be the name of a [parameter](isotherm_config::tree::parameters). A
    /// value is what TOML understands by it, or else a string: `5min` needs no quotes. Paths of
    /// files in it are relative to the current folder.
    pub set: Vec<(String, String)>,
    /// What the file may name beside the built-in kinds; they change nothing by themselves.
    pub kinds: Kinds,
}

impl Overrides {
    /// The same with this seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The same with this field set to this value.
    pub fn with(mut self, path: impl Into<String>, value: impl Into<String>) -> Self {
        self.set.push((path.into(), value.into()));
        self
    }

    /// The same with kinds of policies of the program's own.
    #[must_use]
    pub fn with_kinds(mut self, kinds: Kinds) -> Self {
        self.kinds = kinds;
        self
    }

    /// Puts the values into the tree. Returns the paths that were set.
    pub(crate) fn apply(
        &self,
        root: &mut Value,
        sources: &mut Sources,
        report: &Report,
    ) -> Vec<tree::Path> {
        let mut paths = Vec::new();
        if let Some(seed) = self.seed {
            // Only its path matters: a seed may be larger than a number of the tree.
            let source = sources.add_argument(format!("seed={seed}"));
            paths.extend(tree::Path::parse(source, "seed"));
        }
        for (path, value) in &self.set {
            let source = sources.add_argument(format!("{path}={value}"));
            let Some(value) = tree::parse_argument(source, value, path.len() + 1, report) else {
                continue;
            };
            let done = tree::Path::parse(source, path).and_then(|path| {
                let path = parameters::resolve(path, root);
                root.set(&path, value)?;
                Ok(path)
            });
            match done {
                Ok(path) => paths.push(path),
                Err(error) => report.error(error.place, error.message, error.hint),
            }
        }
        paths
    }
}
