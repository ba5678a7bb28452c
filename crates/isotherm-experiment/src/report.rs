//! The results of a run as they are printed and written to `summary.json`.

use isotherm_results::{
    LiteratureReport, PlatformCounts, SummaryReport, UtilisationReport, WindowReport,
};
use isotherm_serverless::Preset;
use serde::Serialize;

use crate::check::Setting;
use crate::planned_run::PlannedRun;
use crate::run::Outcome;
use crate::warnings;

/// The results of a run. Its fields are those of `summary.json`, in this order; names end in units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunReport {
    /// Name of the experiment.
    pub name: String,
    /// What all random numbers derived from.
    pub seed: u64,
    /// Which rules the platform followed: `default` or `wrench`.
    pub preset: &'static str,
    /// The fields that were changed for this run of a sweep, with their values; empty if there is
    /// no sweep. A run of the manifest of such a run has them too.
    #[serde(serialize_with = "settings")]
    pub sweep: Vec<Setting>,
    /// The policies that were those of the program that has run the experiment: `scheduler` if it
    /// stood in place of the experiment's, `scheduler KIND of PROGRAM` if the experiment names it.
    /// Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub own_policies: Vec<String>,
    /// What was accepted but is probably not intended, a sentence each. Absent if there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The part of the run that counts; absent if all of it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measure: Option<WindowReport>,
    /// What the records say.
    #[serde(flatten)]
    pub summary: SummaryReport,
    /// What the platform did.
    pub platform: PlatformCounts,
    /// How much of the compute hosts was in use; absent if no time passed between the first
    /// submission and the end.
    pub utilisation: Option<UtilisationReport>,
    /// Requests that the service never accepted. They are no invocations and have no record.
    pub requests_lost: u64,
    /// Cold starts that were measured on a real platform, if the experiment gives them.
    pub measured_cold_starts: Option<u64>,
    /// Metrics of the literature; absent if the experiment asks for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub literature: Option<LiteratureReport>,
}

impl RunReport {
    pub(crate) fn new(run: &PlannedRun, outcome: Outcome, own_policies: Vec<String>) -> Self {
        let mut warnings = run.warnings.clone();
        for warning in warnings::of_outcome(&run.plan, &outcome) {
            // That of a manifest is there already, or it was known before.
            let is_same = |known: &String| {
                let nothing = warnings::NOTHING_MEASURED;
                *known == warning || (known.starts_with(nothing) && warning.starts_with(nothing))
            };
            if !warnings.iter().any(is_same) {
                warnings.push(warning);
            }
        }
        RunReport {
            name: run.plan.name.clone(),
            seed: run.plan.seed,
            preset: match run.plan.preset {
                Preset::Default => "default",
                Preset::Wrench => "wrench",
            },
            sweep: run.changed(),
            own_policies,
            warnings,
            measure: run.plan.measure.report(),
            summary: outcome.summary,
            platform: outcome.counts,
            utilisation: outcome.utilisation,
            requests_lost: outcome.lost,
            measured_cold_starts: run.measured.cold_starts,
            literature: outcome.literature,
        }
    }

    /// The text of `summary.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists with fixed names always serialise; a number that is not finite
        // becomes null.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Settings as a table from path to value.
fn settings<S: serde::Serializer>(settings: &[Setting], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(settings.iter().map(|setting| (&setting.path, &setting.shown)))
}
