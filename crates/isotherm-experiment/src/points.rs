//! The points of a sweep, each of which is planned when it is needed: a file of ten thousand
//! functions and a thousand points would not fit into memory otherwise.
//!
//! A point is a combination of values of the fields of `[sweep]`. It is run once for each
//! repetition: with the seed of the experiment, and with those that follow it. A file without a
//! sweep has one point.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isotherm_config::diagnostic::{Diagnostic, Diagnostics, Report};
use isotherm_config::source::Sources;
use isotherm_config::syntax::Syntax;
use isotherm_config::tree::{self, Value, parameters};

use crate::check::{self, Depth, KnownTraces, Setting, Sweep, Traces};
use crate::document::{Document, Earlier};
use crate::experiment::Experiment;
use crate::files;
use crate::inputs::Inputs;
use crate::manifest;
use crate::overrides::Overrides;
use crate::planned_run::PlannedRun;
use crate::warnings::{self, PointWarnings};

/// So many errors are enough: further points are not checked.
const MOST_ERRORS: usize = 200;

/// More runs than this are not planned at once.
const MOST_PLANNED: u64 = 10_000;

/// An experiment that was read, whose points are not planned yet.
#[derive(Clone, Debug)]
pub struct Points {
    document: Arc<Document>,
    sources: Sources,
    /// The file itself.
    file: Option<PathBuf>,
    root: Value,
    /// The fields that were set from outside.
    set: Vec<tree::Path>,
    sweep: Sweep,
    /// What is wrong with the sweep, which is told together with what is wrong with its points.
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

/// A run that was planned, and what it was planned from.
pub struct Checked<'a> {
    /// The number of its point.
    pub point: u64,
    /// Its plan.
    pub run: &'a PlannedRun,
    /// The files that it reads, but for the experiment itself.
    pub inputs: &'a Inputs,
    root: &'a Value,
    sources: &'a Sources,
}

impl Checked<'_> {
    /// Everything that the results of the run depend on but its seed, as text: the experiment with
    /// all defaults, without its name and its sweep, and the warnings about it. In place of the
    /// path of a file stands what `content` says of the file, such as a hash.
    #[must_use]
    pub fn identity(&self, content: &dyn Fn(&Path) -> String) -> String {
        let identity = manifest::identity(self.root, self.run, self.sources, content);
        manifest::with_warnings(identity, &self.run.warnings)
    }

    /// Whether policies of a program take part, about which the experiment says no more than their
    /// names.
    #[must_use]
    pub fn has_own_policies(&self) -> bool {
        !crate::RunOptions::default().own_policies(&self.run.plan).is_empty()
    }
}

impl Points {
    /// Reads an experiment file: JSON if its name ends in `.json`, else TOML. It is not checked.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not TOML or JSON.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, Diagnostics> {
        let shown = path.display().to_string();
        let hint = "; arrivals in such numbers belong in a CSV file";
        let text = files::read_given(path, &shown, files::LARGEST_EXPERIMENT, hint)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let points = Self::parse(&shown, &text, folder, overrides)?;
        Ok(Points { file: Some(path.to_owned()), ..points })
    }

    /// The same for an experiment that was already read; see [`Experiment::parse`].
    ///
    /// # Errors
    ///
    /// The text is not TOML or JSON.
    pub fn parse(
        shown: &str,
        text: &str,
        folder: &Path,
        overrides: &Overrides,
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
        let sweep = Sweep::of(&root, &set, &sources, &report);
        sweep.refuse_unknown_places(&root, &report);
        let warnings = report.take_warnings();
        let errors = report.into_diagnostics(sources.clone()).list().to_vec();
        let document = Arc::new(document);
        Ok(Points { document, sources, file: None, root, set, sweep, errors, warnings })
    }

    /// Whether the experiment has a sweep.
    #[must_use]
    pub fn is_sweep(&self) -> bool {
        self.sweep.is_there
    }

    /// The number of points. At least 1, unless the sweep is wrong.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.sweep.count()
    }

    /// How many runs each point has.
    #[must_use]
    pub fn repetitions(&self) -> u64 {
        self.sweep.repetitions()
    }

    /// The paths of the fields that differ between points, in order.
    #[must_use]
    pub fn axes(&self) -> Vec<String> {
        self.sweep.paths()
    }

    /// What is changed at a point.
    #[must_use]
    pub fn settings(&self, point: u64) -> Vec<Setting> {
        self.sweep.point(point).0
    }

    /// Checks all points, one after the other, and shows each to `visit`; a plan is dropped before
    /// the next one is made. The repetitions of a point differ in their seed only and are not
    /// checked again. Returns the experiment of the first point.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of them, ordered by place.
    pub fn check(
        &self,
        depth: Depth,
        visit: &mut dyn FnMut(&Checked<'_>),
    ) -> Result<Experiment, Diagnostics> {
        let report = self.report();
        let (sources, traces) = (RefCell::new(self.sources.clone()), Traces::new(depth));
        let (mut first, mut warnings) = (None, PointWarnings::default());
        for point in 0..self.count() {
            if report.count() > MOST_ERRORS {
                break;
            }
            let inputs = RefCell::default();
            let planned = self.planned(point, 0, &traces, &sources, &inputs, &report);
            let Some((run, root, found)) = planned else { continue };
            warnings.add(point, found);
            let (inputs, sources) = (inputs.into_inner(), sources.borrow());
            let checked =
                Checked { point, run: &run, inputs: &inputs, root: &root, sources: &sources };
            visit(&checked);
            if first.is_none() {
                first = Some((run.clone(), inputs));
            }
        }
        let sources = sources.into_inner();
        if !report.is_empty() {
            return Err(report.into_diagnostics(sources));
        }
        let Some((run, inputs)) = first else {
            return Err(Diagnostics::single("the experiment has no run"));
        };
        let warnings = self.told(warnings);
        Ok(self.experiment(vec![run], sources, inputs, traces.into_known(), warnings))
    }

    /// Plans one run. There may be more repetitions than the experiment says.
    ///
    /// # Errors
    ///
    /// What is wrong with it: nothing, if all points were checked and no file has changed since.
    pub fn plan(&self, point: u64, repetition: u64) -> Result<Experiment, Diagnostics> {
        self.plan_as(point, repetition, None)
    }

    /// The same with another name, and without what was changed for it: its results do not tell it
    /// from a run of another experiment that simulates the same.
    ///
    /// # Errors
    ///
    /// See [`plan`](Self::plan).
    pub fn plan_nameless(
        &self,
        point: u64,
        repetition: u64,
        name: &str,
    ) -> Result<Experiment, Diagnostics> {
        self.plan_as(point, repetition, Some(name))
    }

    fn plan_as(
        &self,
        point: u64,
        repetition: u64,
        name: Option<&str>,
    ) -> Result<Experiment, Diagnostics> {
        let report = self.report();
        let (sources, traces) = (RefCell::new(self.sources.clone()), Traces::new(Depth::Beginning));
        let inputs = RefCell::default();
        let planned = self.planned(point, repetition, &traces, &sources, &inputs, &report);
        let (sources, inputs) = (sources.into_inner(), inputs.into_inner());
        match planned {
            Some((mut run, _, found)) if report.is_empty() => {
                if let Some(name) = name {
                    run.forget_names(name);
                }
                Ok(self.experiment(vec![run], sources, inputs, traces.into_known(), found))
            }
            _ => Err(report.into_diagnostics(sources)),
        }
    }

    /// Plans all runs at once.
    pub(crate) fn all(&self, depth: Depth) -> Result<Experiment, Diagnostics> {
        let report = self.report();
        let runs = self.count().saturating_mul(self.repetitions());
        if runs > MOST_PLANNED {
            let message = format!("{runs} runs are too many to be planned at once");
            return Err(Diagnostics::single(message));
        }
        let (sources, traces) = (RefCell::new(self.sources.clone()), Traces::new(depth));
        let inputs = RefCell::default();
        let (mut planned, mut warnings) = (Vec::new(), PointWarnings::default());
        for point in 0..self.count() {
            for repetition in 0..self.repetitions() {
                let run = self.planned(point, repetition, &traces, &sources, &inputs, &report);
                let Some((run, _, found)) = run else { continue };
                planned.push(run);
                warnings.add(point, found);
            }
        }
        let (sources, inputs) = (sources.into_inner(), inputs.into_inner());
        if !report.is_empty() {
            return Err(report.into_diagnostics(sources));
        }
        if planned.is_empty() {
            return Err(Diagnostics::single("the experiment has no run"));
        }
        let warnings = self.told(warnings);
        Ok(self.experiment(planned, sources, inputs, traces.into_known(), warnings))
    }

    /// An experiment of some of the runs.
    fn experiment(
        &self,
        runs: Vec<PlannedRun>,
        sources: Sources,
        mut inputs: Inputs,
        traces: KnownTraces,
        warnings: Vec<Diagnostic>,
    ) -> Experiment {
        if let Some(file) = &self.file {
            inputs.add_experiment(file);
        }
        let warnings = self.warnings.iter().cloned().chain(warnings).collect();
        Experiment::of_runs(runs, sources, inputs, warnings, traces)
    }

    /// The warnings about all points, each once.
    fn told(&self, warnings: PointWarnings) -> Vec<Diagnostic> {
        warnings.told(self.count(), |point| Setting::label(&self.settings(point)))
    }

    /// A report that has what is wrong with the sweep.
    fn report(&self) -> Report {
        let report = Report::new(self.document.syntax);
        self.errors.iter().for_each(|error| report.push(error.clone()));
        report
    }

    /// One run, the tree that it was planned from, and what is to be warned of; `None` if anything
    /// is wrong.
    fn planned(
        &self,
        point: u64,
        repetition: u64,
        traces: &Traces,
        sources: &RefCell<Sources>,
        inputs: &RefCell<Inputs>,
        report: &Report,
    ) -> Option<(PlannedRun, Value, Vec<Diagnostic>)> {
        let (settings, changes) = self.sweep.point(point);
        let mut root = self.root.clone();
        for (path, value) in &changes {
            // Reported when the sweep was read.
            let _ = root.set(path, value.clone());
        }
        parameters::substitute(&mut root, &sources.borrow(), report);
        let mut overrides = self.document.overrides.clone();
        let seed = || overrides.seed.or_else(|| check::written_seed(root.table()?)).unwrap_or(0);
        if let Some((repeat, place)) = self.sweep.repeat
            && seed().checked_add(repeat - 1).is_none()
        {
            let message = format!("there are not {repeat} seeds from {}", seed());
            return report.refuse(place, message, format!("the largest seed is {}", u64::MAX));
        }
        // A sweep may have more repetitions than the experiment says.
        if self.sweep.repeat.is_some() || repetition > 0 {
            overrides.seed = Some(seed().wrapping_add(repetition));
        }
        let folder = &self.document.folder;
        let checked = check::check(&root, folder, &overrides, traces, sources, inputs, report)?;
        let check::Checked { plan, measured, search } = checked;
        let found = report.take_warnings();
        let warnings = match root.table().and_then(|root| root.get("manifest")) {
            Some(_) => manifest::warnings_of(&sources.borrow().get(self.document.source).text),
            None => warnings::lines(found.clone()),
        };
        let run = PlannedRun {
            settings,
            plan: Arc::new(plan),
            measured,
            search,
            document: Arc::clone(&self.document),
            changes,
            earlier: Earlier::of(&root, &self.set),
            is_nameless: false,
            warnings,
        };
        Some((run, root, found))
    }
}
