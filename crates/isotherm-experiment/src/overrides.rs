//! What is changed in an experiment from outside of its file, as by `--set`, `--seed` and
//! `--limit`.

use std::num::NonZeroU32;

use isotherm_config::diagnostic::Report;
use isotherm_config::source::Sources;
use isotherm_config::tree::{self, Kind, Value, parameters};

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
    /// No more invocations of each workload that reads a trace than these, the first ones: each
    /// gets this `limit`, unless its own is lower.
    pub limit: Option<NonZeroU32>,
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

    /// The same with no more than so many invocations of each trace.
    #[must_use]
    pub fn with_limit(mut self, limit: NonZeroU32) -> Self {
        self.limit = Some(limit);
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
        if let Some(limit) = self.limit {
            paths.extend(apply_limit(limit, root, sources, report));
        }
        paths
    }
}

/// The kinds of workloads that read a trace.
const TRACES: [&str; 7] =
    ["csv", "jsonl", "parquet", "azure-2019", "azure-2021", "huawei-2023", "huawei-2025"];

/// Limits each workload that reads a trace. Returns the paths that were set.
fn apply_limit(
    limit: NonZeroU32,
    root: &mut Value,
    sources: &mut Sources,
    report: &Report,
) -> Vec<tree::Path> {
    let workloads = match root.table().and_then(|root| root.get("workload")) {
        Some(Value { kind: Kind::Array(workloads), .. }) => workloads.as_slice(),
        _ => &[],
    };
    let reads_a_trace = |workload: &Value| {
        let kind = workload.table().and_then(|table| table.get("kind")).map(|kind| &kind.kind);
        matches!(kind, Some(Kind::String(kind)) if TRACES.contains(&kind.as_str()))
    };
    let is_lower = |workload: &Value| {
        let own = workload.table().and_then(|table| table.get("limit")).map(|own| &own.kind);
        match own {
            Some(Kind::Integer(own)) => *own <= i64::from(limit.get()),
            // A parameter holds; what is wrong is told of.
            Some(_) => true,
            None => false,
        }
    };
    let traces: Vec<(usize, bool)> = (0..)
        .zip(workloads)
        .filter(|(_, workload)| reads_a_trace(workload))
        .map(|(number, workload)| (number, is_lower(workload)))
        .collect();
    let span = root.span;
    if traces.is_empty() {
        let message =
            format!("no workload reads a trace, of which {limit} invocations could be played");
        let hint = "leave out `--limit`; a generated workload ends with `until` or `count`";
        report.error(span, message, hint);
    }
    let limited = traces.into_iter().filter(|(_, is_lower)| !is_lower);
    let mut paths = Vec::new();
    for (number, _) in limited {
        let path = format!("workload.{number}.limit");
        let source = sources.add_argument(format!("{path}={limit}"));
        let value = Value { kind: Kind::Integer(i64::from(limit.get())), span };
        let set = tree::Path::parse(source, &path).and_then(|path| {
            root.set(&path, value)?;
            Ok(path)
        });
        match set {
            Ok(path) => paths.push(path),
            Err(error) => report.error(error.place, error.message, error.hint),
        }
    }
    paths
}
