//! Writing the arrivals of an experiment into files: a CSV or Parquet file that workloads of these
//! kinds read, or the three families of files of the Azure Functions 2019 data set.
//!
//! Files are written under temporary names and appear when all of them are whole. Arrivals are
//! written as they pass; for the Azure format the counts of one day are held, for the functions
//! that are invoked on it.

mod azure2019;
mod parquet;
mod table;

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use isotherm_config::diagnostic::{Diagnostic, Diagnostics};
use isotherm_kernel::Time;
use isotherm_workload::WorkloadError;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::arrivals::{self, Arrivals, KnownDurations, Planned, Upcoming};
use crate::error::ExperimentError;
use crate::inputs::Inputs;
use crate::output::set::{Staged, appear};
use crate::output::{self, CreatedFolder, Lock, Rules, Target};
use crate::plan::{Plan, WorkloadPlan};
use crate::trace;

use azure2019::Azure2019;
use parquet::Parquet;
use table::Table;

/// Arrivals between two calls of the watcher.
const BETWEEN_LOOKS: u64 = 4096;

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// A row for each arrival, and a file of the functions.
    Csv {
        /// Where the functions go.
        functions: PathBuf,
        /// Whether it is written how long bodies run.
        durations: bool,
    },
    /// The same, with the arrivals in a Parquet file.
    Parquet {
        /// Where the functions go.
        functions: PathBuf,
        /// Whether it is written how long bodies run.
        durations: bool,
    },
    /// Three files for each day, in a folder: invocations by minute, percentiles of durations,
    /// memory.
    Azure2019,
}

/// Looks in every few thousand arrivals, and where it takes long until the next, with how many
/// there were and the date; `Break` ends it, and nothing is left.
pub type ExportWatch = Box<dyn FnMut(u64, Time) -> ControlFlow<()>>;

/// How arrivals are written.
pub struct ExportOptions {
    /// What is written.
    pub format: ExportFormat,
    /// The file, or the folder.
    pub out: PathBuf,
    /// Whether a link, a device or a pipe is written to.
    pub force: bool,
    /// The watcher, if any.
    pub watch: Option<ExportWatch>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// Arrivals.
    pub arrivals: u64,
    /// Functions of the experiment.
    pub functions: u64,
    /// The files.
    pub files: Vec<PathBuf>,
}

impl ExportReport {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Numbers and paths. A path that is not UTF-8 cannot be written in JSON.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Writes the arrivals of a plan.
pub(crate) fn export(
    plan: &Plan,
    inputs: &Inputs,
    options: ExportOptions,
) -> Result<Option<ExportReport>, ExperimentError> {
    let ExportOptions { format, out, force, mut watch } = options;
    check(plan, &format, &out)?;
    let rules = Rules { inputs, force };
    let cannot = |source| ExperimentError::Export { path: out.clone(), source };
    // In this order: what is declared last goes first, so that a folder which was made is empty
    // when it is to go.
    let mut made = made(&format, &out).map_err(cannot)?;
    let _locks = locks(&format, &out, rules).map_err(cannot)?;
    let all_known = || arrivals::durations(plan) == KnownDurations::All;
    let mut writer: Box<dyn Writer + '_> = match &format {
        ExportFormat::Csv { functions, durations } => {
            let durations = *durations && all_known();
            Box::new(Table::create(plan, &out, functions, durations, rules).map_err(cannot)?)
        }
        ExportFormat::Parquet { functions, durations } => {
            let durations = *durations && all_known();
            Box::new(Parquet::create(plan, &out, functions, durations, rules).map_err(cannot)?)
        }
        ExportFormat::Azure2019 => Box::new(Azure2019::create(plan, &out, rules)),
    };
    let broken = |error: WorkloadError| ExperimentError::Input(trace::diagnostics(&error));
    let mut arrivals = Arrivals::of(plan).map_err(broken)?;
    let mut count = 0;
    loop {
        let (at, looks) = match arrivals.poll().map_err(broken)? {
            Upcoming::Arrival(arrival) => {
                writer.arrival(&arrival).map_err(cannot)?;
                count += 1;
                (arrival.at, count % BETWEEN_LOOKS == 0)
            }
            Upcoming::Silence(until) => (until, true),
            Upcoming::End => break,
        };
        if looks
            && let Some(watch) = &mut watch
            && watch(count, at).is_break()
        {
            return Ok(None);
        }
    }
    if let Some(path) = writer.in_the_way() {
        return refuse(
            &format!(
                "`{}` is there already, and would be read together with the days that are written",
                path.display()
            ),
            "write into another folder, or remove it and whatever else is left of an older export",
        );
    }
    let files = writer.finish().map_err(cannot)?;
    let paths = files.iter().map(|staged| staged.path.clone()).collect();
    appear(files, &[], rules).map_err(cannot)?;
    made.iter_mut().for_each(CreatedFolder::keep);
    let files = paths;
    Ok(Some(ExportReport { arrivals: count, functions: plan.functions.len() as u64, files }))
}

/// What cannot be written, and what to do about it.
fn refuse<T>(message: &str, hint: &str) -> Result<T, ExperimentError> {
    let diagnostic = Diagnostic::without_place(format!("{message}: {hint}"));
    Err(ExperimentError::Input(Diagnostics::new(Default::default(), vec![diagnostic])))
}

/// Whether the arrivals of a plan can be written in this format to this path.
fn check(plan: &Plan, format: &ExportFormat, out: &Path) -> Result<(), ExperimentError> {
    if let ExportFormat::Csv { functions, .. } | ExportFormat::Parquet { functions, .. } = format
        && place(functions) == place(out)
    {
        return refuse(
            &format!("both arrivals and functions would be written to `{}`", out.display()),
            "give the functions a file of their own",
        );
    }
    if plan.workloads.iter().any(|workload| matches!(workload, WorkloadPlan::Closed(_))) {
        return refuse(
            "the arrivals of a closed loop depend on the platform",
            "run the experiment, and `invocations.csv` has them",
        );
    }
    match (format, arrivals::durations(plan)) {
        (
            ExportFormat::Csv { durations: true, .. }
            | ExportFormat::Parquet { durations: true, .. },
            KnownDurations::Mixed,
        ) => refuse(
            "of some invocations it is known how long their bodies run, and of others it is not (they do more than sleep)",
            "`--no-durations` leaves it out for all of them",
        ),
        _ => Ok(()),
    }
}

/// Something that arrivals are written to.
trait Writer {
    fn arrival(&mut self, arrival: &Planned) -> io::Result<()>;

    /// A file that is there already and must not be beside those that are written.
    fn in_the_way(&self) -> Option<PathBuf> {
        None
    }

    /// The files, which are whole.
    fn finish(self: Box<Self>) -> io::Result<Vec<Staged>>;
}

/// Makes the folders that are written into.
fn made(format: &ExportFormat, out: &Path) -> io::Result<Vec<CreatedFolder>> {
    match format {
        ExportFormat::Csv { functions, .. } | ExportFormat::Parquet { functions, .. } => {
            [out, functions]
                .into_iter()
                .map(|path| CreatedFolder::folder(output::folder_of(path)))
                .collect()
        }
        ExportFormat::Azure2019 if out.exists() && !out.is_dir() => {
            Err(io::ErrorKind::NotADirectory.into())
        }
        ExportFormat::Azure2019 => Ok(vec![CreatedFolder::folder(out)?]),
    }
}

/// Keeps others from writing to the same places.
fn locks(format: &ExportFormat, out: &Path, rules: Rules<'_>) -> io::Result<Vec<Lock>> {
    match format {
        ExportFormat::Csv { functions, .. } | ExportFormat::Parquet { functions, .. } => {
            let targets = [out, functions].into_iter().map(|path| rules.target(path));
            let places = targets.filter_map(|target| match target {
                Ok(Target::Place(place)) => Some(Ok(place)),
                Ok(Target::Into(_)) => None,
                Err(error) => Some(Err(error)),
            });
            places.map(|place| Lock::of_file(&place?)).collect()
        }
        ExportFormat::Azure2019 => Ok(vec![Lock::of_folder(out)?]),
    }
}

/// A file that gets its name when all others are whole too.
struct Pending {
    file: csv::Writer<NamedTempFile>,
    path: PathBuf,
}

impl Pending {
    /// A file that is to be at this path.
    fn create(path: &Path, rules: Rules<'_>) -> io::Result<Self> {
        let file = output::stage(path, rules)?;
        let file = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(file);
        Ok(Pending { file, path: path.to_owned() })
    }

    fn row<'a>(&mut self, fields: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        self.file.write_record(fields).map_err(io::Error::from)
    }

    /// The file, after everything has been written.
    fn whole(self) -> io::Result<Staged> {
        let file = self.file.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Staged { file, path: self.path })
    }
}

/// A path that is the same for all ways to write it, links to the file among them, as far as its
/// folder is there.
fn place(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (path.parent().and_then(|folder| folder.canonicalize().ok()), path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// Seconds, as few decimals as it takes to say it to the nanosecond.
fn seconds(nanos: u64) -> String {
    decimal(nanos, 1_000_000_000)
}

/// A number of nanoseconds, or of bytes, in a unit of a power of ten.
fn decimal(number: u64, unit: u64) -> String {
    let (whole, rest) = (number / unit, number % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let text = format!("{whole}.{rest:0width$}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_and_short() {
        let texts = [0, 1, 1_500_000_000, 60_000_000_000, u64::MAX].map(seconds);
        assert_eq!(texts, ["0", "0.000000001", "1.5", "60", "18446744073.709551615"]);
        assert_eq!(decimal(1_234_567, 1_000_000), "1.234567");
    }
}
