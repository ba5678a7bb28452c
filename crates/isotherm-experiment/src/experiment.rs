//! An experiment: file → tree → variants → checked plans → runs → results.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isotherm_config::diagnostic::{Diagnostics, Report};
use isotherm_config::source::Sources;
use isotherm_config::syntax::Syntax;
use isotherm_config::tree::parameters;

use crate::check::{self, Depth, KnownTraces, Traces};
use crate::describe::{WorkloadReport, describe};
use crate::document::{Document, Earlier};
use crate::error::ExperimentError;
use crate::export::{ExportOptions, ExportReport, export};
use crate::files;
use crate::inputs::Inputs;
use crate::inventory::Inventory;
use crate::label::labels;
use crate::manifest;
use crate::output::MANIFEST;
use crate::overrides::Overrides;
use crate::planned_run::PlannedRun;
use crate::report::RunReport;
use crate::run::RunOptions;
use crate::running::{Planned, Running};
use crate::trace;

/// A checked experiment: one run, or one for each variant of its sweep.
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
        Self::read(path, overrides, Depth::Beginning)
    }

    /// The same, but traces are read to their ends, so that nothing is left that a run would find
    /// only on its way.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file and with the files it names.
    pub fn load_whole(path: &Path, overrides: &Overrides) -> Result<Self, Diagnostics> {
        Self::read(path, overrides, Depth::Whole)
    }

    fn read(path: &Path, overrides: &Overrides, depth: Depth) -> Result<Self, Diagnostics> {
        let shown = path.display().to_string();
        let hint = "; arrivals in such numbers belong in a CSV file";
        let text = files::read_given(path, &shown, files::LARGEST_EXPERIMENT, hint)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut experiment = Self::check(&shown, &text, folder, overrides, depth)?;
        Arc::make_mut(&mut experiment.inputs).add(path);
        Ok(experiment)
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
        Self::check(shown, text, folder, overrides, Depth::Beginning)
    }

    fn check(
        shown: &str,
        text: &str,
        folder: &Path,
        overrides: &Overrides,
        depth: Depth,
    ) -> Result<Self, Diagnostics> {
        let mut sources = Sources::default();
        let source = sources.add(shown, text);
        let syntax = Syntax::of(Path::new(shown));
        let report = Report::new(syntax);
        let document =
            Document { source, syntax, folder: folder.to_owned(), overrides: overrides.clone() };
        let Some((root, set)) = document.tree(&mut sources, &report) else {
            return Err(report.into_diagnostics(sources));
        };
        manifest::warn_of_own_policies(&root, &overrides.kinds, &report);
        let document = Arc::new(document);
        let variants = check::variants(&root, &set, &sources, &report);
        let (sources, inputs) = (RefCell::new(sources), RefCell::default());
        let traces = Traces::new(depth);
        let mut runs = Vec::new();
        for mut variant in variants {
            parameters::substitute(&mut variant.root, &sources.borrow(), &report);
            let Some(checked) =
                check::check(&variant.root, folder, overrides, &traces, &sources, &inputs, &report)
            else {
                continue;
            };
            let check::Checked { plan, measured } = checked;
            runs.push(PlannedRun {
                settings: variant.settings,
                plan: Arc::new(plan),
                measured,
                label: None,
                document: Arc::clone(&document),
                changes: variant.changes,
                earlier: Earlier::of(&variant.root, &set),
            });
        }
        let labels = labels(&runs.iter().map(|run| run.settings.as_slice()).collect::<Vec<_>>());
        for (run, label) in runs.iter_mut().zip(labels) {
            run.label = label;
        }
        let sources = sources.into_inner();
        if !report.is_empty() {
            return Err(report.into_diagnostics(sources));
        }
        let warnings = Diagnostics::new(sources.clone(), report.take_warnings());
        match runs.first() {
            Some(first) => {
                let (name, traces) = (first.plan.name.clone(), traces.into_known());
                let (sources, inputs) = (Arc::new(sources), Arc::new(inputs.into_inner()));
                Ok(Experiment { name, runs, sources, inputs, warnings, traces })
            }
            None => Err(Diagnostics::single("the experiment has no run")),
        }
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

    /// Where the results of a run go, if those of the experiment go to `out`.
    #[must_use]
    pub fn folder(&self, run: &PlannedRun, out: &Path) -> PathBuf {
        match run.label() {
            Some(label) => out.join(label),
            None => out.to_owned(),
        }
    }

    /// The folders in `out` that runs of an earlier sweep have left and that the runs of this
    /// experiment do not replace: they could be taken for theirs. By their names, in order.
    #[must_use]
    pub fn left_over(&self, out: &Path) -> Vec<String> {
        let ours: Vec<&str> = self.runs.iter().filter_map(|run| run.label.as_deref()).collect();
        let is_ours = |name: &str| ours.iter().any(|label| label.eq_ignore_ascii_case(name));
        let entries = std::fs::read_dir(out).into_iter().flatten().flatten();
        let others = entries.filter(|entry| manifest::is_of_sweep(&entry.path().join(MANIFEST)));
        let names = others.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut left: Vec<String> = names.filter(|name| !is_ours(name)).collect();
        left.sort();
        left
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

    /// Simulates one run and writes its results into a folder: `invocations.csv`, `summary.json`
    /// and `manifest.toml`, which appear when all of them are whole.
    ///
    /// # Errors
    ///
    /// See [`ExperimentError`].
    pub fn run(&self, run: &PlannedRun, folder: &Path) -> Result<RunReport, ExperimentError> {
        self.run_with(run, folder, RunOptions::default())
    }

    /// The same with options: without `invocations.csv`, with a watcher, or with policies of one's
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
        Running::start(self.planned(run), options, Some(folder), true)?.finish()
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
