//! One run of an experiment, planned.

use crate::check::{Measured, Setting};
use crate::manifest::Written;
use crate::plan::Plan;

/// One run of an experiment.
#[derive(Clone, Debug)]
pub struct PlannedRun {
    /// What was changed for this run; empty if the experiment has no sweep.
    pub settings: Vec<Setting>,
    /// What to simulate.
    pub plan: Plan,
    /// What was measured on a real platform.
    pub measured: Measured,
    /// What distinguishes it from the others of its sweep.
    pub(crate) label: Option<String>,
    /// What its manifest takes from the file.
    pub(crate) written: Written,
}

impl PlannedRun {
    /// What distinguishes this run from the others of its sweep, as a name for a folder and for a
    /// line of a table, such as `reuse-newest`; `None` if there is no sweep. No two runs of a sweep
    /// have the same, whether or not capital letters count.
    pub fn label(&self) -> Option<String> {
        self.label.clone()
    }

    /// The fields that were changed for this run by a sweep: for a manifest also by the sweep that
    /// it comes from.
    pub(crate) fn changed(&self) -> Vec<Setting> {
        self.written.settings(&self.settings)
    }
}
