//! One run of an experiment, planned.

use std::sync::Arc;

use isotherm_config::tree::{Path, Value};

use crate::check::search::Search;
use crate::check::{Measured, Setting};
use crate::document::{Document, Earlier};
use crate::plan::Plan;

/// One run of an experiment.
#[derive(Clone, Debug)]
pub struct PlannedRun {
    /// What was changed for this run; empty if the experiment has no sweep.
    pub settings: Vec<Setting>,
    /// What to simulate.
    pub plan: Arc<Plan>,
    /// What was measured on a real platform.
    pub measured: Measured,
    /// What is searched for, which has no meaning for a run.
    pub search: Option<Search>,
    /// The experiment it was planned from.
    pub(crate) document: Arc<Document>,
    /// The values of its sweep, which are set in the tree of the experiment.
    pub(crate) changes: Vec<(Path, Value)>,
    /// What was changed for the run whose manifest the document is, if it is one.
    pub(crate) earlier: Earlier,
    /// Neither what it is called nor what was changed for it is in its results.
    pub(crate) is_nameless: bool,
    /// What it was warned of when it was planned, a line each; of a manifest, what the run was
    /// warned of that wrote it.
    pub(crate) warnings: Vec<String>,
}

impl PlannedRun {
    /// What its point is called in tables, such as `reuse-newest_startup-1s`; `None` if there is no
    /// sweep.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        (!self.settings.is_empty()).then(|| Setting::label(&self.settings))
    }

    /// Warnings about it, a line each: what was accepted but is probably not intended.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Gives it another name and forgets what was changed for it.
    pub(crate) fn forget_names(&mut self, name: &str) {
        Arc::make_mut(&mut self.plan).name = name.to_owned();
        self.settings.clear();
        self.earlier = Earlier::default();
        self.is_nameless = true;
    }

    /// The fields that were changed for this run by a sweep: for a manifest also by the sweep that
    /// it comes from.
    pub(crate) fn changed(&self) -> Vec<Setting> {
        let mut settings: Vec<Setting> = Vec::new();
        for setting in self.earlier.sweep.iter().chain(&self.settings) {
            settings.retain(|known| known.path != setting.path);
            settings.push(setting.clone());
        }
        settings
    }
}
