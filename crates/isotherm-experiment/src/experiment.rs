//! An experiment: file → tree → points → checked plans → runs → results.

use std::path::Path;
use std::sync::Arc;

use isotherm_config::diagnostic::{Diagnostic, Diagnostics};
use isotherm_config::source::{Sources, Span};

use crate::check::{Depth, KnownTraces};
use crate::describe::{WorkloadReport, describe};
use crate::error::ExperimentError;
use crate::export::{ExportOptions, ExportReport, export};
use crate::inputs::Inputs;
use crate::inventory::Inventory;
use crate::overrides::Overrides;
use crate::planned_run::PlannedRun;
use crate::points::Points;
use crate::report::RunReport;
use crate::run::RunOptions;
use crate::running::{Planned, Running};
use crate::trace;

/// A checked experiment: one run, or those of all points of its sweep, which are all in memory
/// ([`Points`] plans one at a time).
#[derive(Clone, Debug)]
pub struct Experiment {
    name: String,
    runs: Vec<PlannedRun>,
    sources: Arc<Sources>,
    inputs: Arc<Inputs>,
    warnings: Diagnostics,
    traces: KnownTraces,
}

impl Experiment {
    /// Reads and checks an experiment file: JSON if its name ends in `.json`, else TOML. Nothing is
    /// simulated.
    ///
    /// # Errors
    ///
    /// All errors of the file and of the files it names, ordered by place. Only the header and the
    /// first row of a trace are checked; see [`load_whole`](Experiment::load_whole).
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, Diagnostics> {
        Points::load(path, overrides)?.all(Depth::Beginning)
    }

    /// The same, but traces are read to their ends, so that nothing is left that a run would find
    /// only on its way.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file and with the files it names.
    pub fn load_whole(path: &Path, overrides: &Overrides) -> Result<Self, Diagnostics> {
        Points::load(path, overrides)?.all(Depth::Whole)
    }

    /// Checks an experiment that was already read. `shown` is what messages call it, and JSON if
    /// that ends in `.json`; paths in it are relative to `folder`.
    ///
    /// ```
    /// use std::path::Path;
    /// use isotherm_experiment::{Experiment, Overrides};
    ///
    /// let text = "name = \"first\"\nseeds = 42\n";
    /// let errors = Experiment::parse("study.toml", text, Path::new("."), &Overrides::default()).unwrap_err();
    /// assert!(errors.render(false).contains("2 | seeds = 42\n  | ^^^^^ did you mean `seed`?\n"));
    /// ```
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(
        shown: &str,
        text: &str,
        folder: &Path,
        overrides: &Overrides,
    ) -> Result<Self, Diagnostics> {
        Points::parse(shown, text, folder, overrides)?.all(Depth::Beginning)
    }

    /// The runs of an experiment, of which there is at least one.
    pub(crate) fn of_runs(
        runs: Vec<PlannedRun>,
        sources: Sources,
        inputs: Inputs,
        warnings: Vec<Diagnostic>,
        traces: KnownTraces,
    ) -> Self {
        let name = runs.first().map(|first| first.plan.name.clone()).unwrap_or_default();
        let warnings = Diagnostics::new(sources.clone(), warnings);
        let (sources, inputs) = (Arc::new(sources), Arc::new(inputs));
        Experiment { name, runs, sources, inputs, warnings, traces }
    }

    /// Its name, which is also that of the folder of its results.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Warnings: what was accepted but is probably not intended, such as a quantity without a unit
    /// in a platform file.
    #[must_use]
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// What a program says that finds something wrong at a place of the experiment.
    pub fn refusal(
        &self,
        place: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Diagnostics {
        let diagnostic = Diagnostic::at(place, message, hint);
        Diagnostics::new((*self.sources).clone(), vec![diagnostic])
    }

    /// Its runs, in order. Never empty.
    #[must_use]
    pub fn runs(&self) -> &[PlannedRun] {
        &self.runs
    }

    /// Counts what is in a run. The rows of traces are known after
    /// [`load_whole`](Experiment::load_whole) only.
    #[must_use]
    pub fn inventory(&self, run: &PlannedRun) -> Inventory {
        Inventory::new(&run.plan, &self.traces)
    }

    /// The files that the experiment was read from: itself, its platform with its profiles, its
    /// functions, its traces. None of them is ever replaced by a file that a run writes.
    #[must_use]
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Says what the workloads of a run look like. Nothing is simulated.
    ///
    /// # Errors
    ///
    /// A trace turns out to be broken.
    pub fn describe(&self, run: &PlannedRun) -> Result<WorkloadReport, ExperimentError> {
        describe(&run.plan).map_err(|error| ExperimentError::Input(trace::diagnostics(&error)))
    }

    /// Writes the arrivals of a run into files, which appear when all of them are whole; `None` if
    /// the watcher of the run has ended it. Nothing is simulated.
    ///
    /// # Errors
    ///
    /// Arrivals that cannot be known without a simulation, a trace that turns out to be broken, or
    /// a file that cannot be written.
    pub fn export(
        &self,
        run: &PlannedRun,
        options: ExportOptions,
    ) -> Result<Option<ExportReport>, ExperimentError> {
        export(&run.plan, self.inputs(), options)
    }

    /// Simulates one run and writes its results into a folder: records as the experiment says,
    /// `summary.json` and `manifest.toml`, which appear when all of them are whole.
    ///
    /// # Errors
    ///
    /// See [`ExperimentError`].
    pub fn run(&self, run: &PlannedRun, folder: &Path) -> Result<RunReport, ExperimentError> {
        self.run_with(run, folder, RunOptions::default())
    }

    /// The same with options: without records, with a watcher, or with policies of one's
    /// own.
    ///
    /// # Errors
    ///
    /// See [`ExperimentError`].
    pub fn run_with(
        &self,
        run: &PlannedRun,
        folder: &Path,
        options: RunOptions,
    ) -> Result<RunReport, ExperimentError> {
        let reads_ahead = options.reads_ahead;
        Running::start(self.planned(run), options, Some(folder), reads_ahead)?.finish()
    }

    /// Starts a run that is [advanced from outside](crate::running). Its records go to the caller,
    /// and nothing is written. The run shares its plan with the experiment, which need not outlive
    /// it.
    ///
    /// # Errors
    ///
    /// The platform cannot be set up, or a trace cannot be read.
    pub fn start(&self, run: &PlannedRun, options: RunOptions) -> Result<Running, ExperimentError> {
        Running::start(self.planned(run), options, None, false)
    }

    /// The same; when the run is [finished](Running::finish), its results are written into a folder
    /// as by [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// See [`ExperimentError`].
    pub fn start_in(
        &self,
        run: &PlannedRun,
        folder: &Path,
        options: RunOptions,
    ) -> Result<Running, ExperimentError> {
        Running::start(self.planned(run), options, Some(folder), false)
    }

    fn planned(&self, run: &PlannedRun) -> Planned {
        Planned {
            run: run.clone(),
            inputs: Arc::clone(&self.inputs),
            sources: Arc::clone(&self.sources),
        }
    }
}
