//! An experiment: file → tree → variants → checked plans → runs → results.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use isotherm_results::SinkError;
use isotherm_services::FailureCause;

use crate::check::{self, Measured, Setting, io_reason};
use crate::diagnostic::{Diagnostic, Diagnostics, Report};
use crate::error::ExperimentError;
use crate::output::Output;
use crate::plan::Plan;
use crate::report::RunReport;
use crate::run::{self, Failure};
use crate::source::Sources;
use crate::{trace, tree};

/// A larger file than this is not an experiment, or not well written.
const LARGEST_FILE: u64 = 16 << 20;

/// What is changed in an experiment from outside of its file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The seed to use instead of the file's.
    pub seed: Option<u64>,
}

/// A checked experiment: one run, or one for each variant of its sweep.
#[derive(Clone, Debug)]
pub struct Experiment {
    name: String,
    runs: Vec<PlannedRun>,
    measured: Measured,
    sources: Sources,
    warnings: Diagnostics,
}

/// One run of an experiment.
#[derive(Clone, Debug)]
pub struct PlannedRun {
    /// What was changed for this run; empty if the experiment has no sweep.
    pub settings: Vec<Setting>,
    /// What to simulate.
    pub plan: Plan,
}

impl PlannedRun {
    /// What distinguishes this run from the others of its sweep, as a name for a folder and for a line of a table, such
    /// as `reuse-newest`; `None` if there is no sweep.
    pub fn label(&self) -> Option<String> {
        let part = |setting: &Setting| {
            let field = setting.path.rsplit('.').next().unwrap_or(&setting.path);
            format!("{field}-{}", setting.shown)
        };
        let label = self.settings.iter().map(part).collect::<Vec<_>>().join("_");
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        (!self.settings.is_empty()).then(|| label.chars().map(plain).collect())
    }
}

impl Experiment {
    /// Reads and checks an experiment file. Nothing is simulated.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file and with the files it names, in the order of the places.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, Diagnostics> {
        let shown = path.display().to_string();
        let cannot_read = |reason: String| Diagnostics::single(format!("cannot read `{shown}`: {reason}"));
        let read = |path| {
            if std::fs::metadata(path)?.len() > LARGEST_FILE {
                return Ok(None);
            }
            std::fs::read_to_string(path).map(Some)
        };
        let text = read(path).map_err(|error| cannot_read(io_reason(&error)))?.ok_or_else(|| {
            cannot_read("it is larger than 16 MiB; arrivals in such numbers belong in a CSV file".to_owned())
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&shown, &text, folder, overrides)
    }

    /// Checks an experiment that was already read. `shown` is what messages call it; paths in it are relative to `folder`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(shown: &str, text: &str, folder: &Path, overrides: &Overrides) -> Result<Self, Diagnostics> {
        let mut sources = Sources::default();
        let source = sources.add(shown, text);
        let report = Report::default();
        if text.trim_start_matches('\u{feff}').trim().is_empty() {
            report.error(
                sources.line(source, 1),
                "the experiment is empty",
                "it begins with a line like `name = \"first\"`",
            );
            return Err(report.into_diagnostics(sources));
        }
        let root = tree::parse_toml(source, text, &report);
        if !report.is_empty() {
            // What was read from a broken file would only bring errors that are none.
            return Err(report.into_diagnostics(sources));
        }
        let variants = check::variants(&root, text, &report);
        let sources = RefCell::new(sources);
        let mut runs = Vec::new();
        let mut measured = Measured::default();
        for variant in variants {
            let Some(checked) = check::check(&variant.root, folder, &sources, &report) else { continue };
            let mut plan = checked.plan;
            plan.seed = overrides.seed.unwrap_or(plan.seed);
            measured = checked.measured;
            runs.push(PlannedRun { settings: variant.settings, plan });
        }
        let sources = sources.into_inner();
        if !report.is_empty() {
            return Err(report.into_diagnostics(sources));
        }
        let warnings = Diagnostics::new(sources.clone(), report.take_warnings());
        match runs.first() {
            Some(first) => Ok(Experiment { name: first.plan.name.clone(), runs, measured, sources, warnings }),
            None => Err(Diagnostics::single("the experiment has no run")),
        }
    }

    /// Its name, which is also that of the folder of its results.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was accepted but is probably not what was meant, such as a quantity without a unit in a platform file. Empty if
    /// there is nothing of the kind.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// Its runs, in order. Never empty.
    pub fn runs(&self) -> &[PlannedRun] {
        &self.runs
    }

    /// What was measured on a real platform.
    pub fn measured(&self) -> Measured {
        self.measured
    }

    /// Where the results of a run go, if those of the experiment go to `out`.
    pub fn folder(&self, run: &PlannedRun, out: &Path) -> PathBuf {
        match run.label() {
            Some(label) => out.join(label),
            None => out.to_owned(),
        }
    }

    /// Simulates one run and writes its results into a folder: `invocations.csv` and `summary.json`, which appear when they are
    /// whole.
    ///
    /// # Errors
    ///
    /// See [`ExperimentError`].
    pub fn run(&self, run: &PlannedRun, folder: &Path) -> Result<RunReport, ExperimentError> {
        let output_error = |source| ExperimentError::Output { path: folder.to_owned(), source };
        let output = Output::create(folder).map_err(output_error)?;
        let records = output.invocations().map_err(output_error)?;
        let outcome = run::run(&run.plan, records).map_err(|failure| match failure {
            Failure::Simulation(error, progress) => ExperimentError::Simulation { error, progress },
            Failure::Setup(message) => ExperimentError::Setup(message),
            Failure::Workload(error) => ExperimentError::Input(trace::diagnostics(&error)),
            Failure::Refused { place, function, cause } => {
                let message = format!("the platform refuses function `{function}`: {cause}");
                let hint = match cause {
                    FailureCause::NotAllowed { .. } => "give the hosts more of it, or the function lower limits",
                    _ => "",
                };
                let diagnostic = Diagnostic::at(place, message, hint);
                ExperimentError::Input(Diagnostics::new(self.sources.clone(), vec![diagnostic]))
            }
            Failure::Records(SinkError::Write(source)) => output_error(source),
            Failure::Records(error) => output_error(std::io::Error::other(error)),
        })?;
        let report = RunReport::new(self, run, outcome);
        output.commit(&report.to_json()).map_err(output_error)?;
        Ok(report)
    }
}
