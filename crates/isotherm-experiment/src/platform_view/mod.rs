//! A platform to look at: what is there, which way data takes, and a drawing.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use isotherm_experiment::Overrides;
//! use isotherm_experiment::platform_view::PlatformView;
//!
//! let view = PlatformView::load(Path::new("cluster.xml"), &Overrides::default())?;
//! for table in view.tables(false) {
//!     println!("{}: {} rows", table.title, table.rows.len());
//! }
//! println!("{}", view.svg());
//! # Ok::<(), isotherm_experiment::Diagnostics>(())
//! ```
//!
//! A [`PlatformView`] is made from a SimGrid platform file or from an experiment whose platform it then is; of an experiment
//! it also knows which host plays which part. It describes the platform in [tables](table), tells [routes](route) and what a
//! transfer along them gets, and draws it as [SVG](svg) or for Graphviz ([dot]).
//!
//! # Invariants
//!
//! * What is shown depends on the platform alone: the same file gives the same bytes.
//! * Large platforms are shown in few words: what is alike is grouped.

pub mod dot;
mod graph;
mod label;
mod layout;
pub mod profiles;
pub mod quantity;
pub mod route;
pub mod svg;
pub mod table;

use std::path::Path;

use isotherm_platform::{HostId, PlatformError, PlatformSpec};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::experiment::{Experiment, Overrides};
use crate::files;
use crate::output::Inputs;
use crate::plan::HostsPlan;
use crate::source::{SourceId, Sources};

pub use route::{RouteError, RouteView};
pub use table::Table;

/// A platform to look at. See the [module](self).
#[derive(Clone, Debug)]
pub struct PlatformView {
    title: String,
    spec: PlatformSpec,
    parts: Option<HostsPlan>,
    repository: Option<HostId>,
    warnings: Diagnostics,
    inputs: Inputs,
}

impl PlatformView {
    /// Reads a platform: a SimGrid platform file, or an experiment (the platform of its first run), in which something may be
    /// changed.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, Diagnostics> {
        let shown = path.display().to_string();
        let text = files::read_given(path, &shown, files::LARGEST_TEXT, "")?;
        let is_xml = text.trim_start_matches('\u{feff}').trim_start().starts_with('<');
        let named_xml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml"));
        if !is_xml && !named_xml {
            return Self::of_experiment(path, overrides);
        }
        if !overrides.set.is_empty() {
            return Err(Diagnostics::single(format!(
                "`--set` changes an experiment, and `{shown}` is a platform file"
            )));
        }
        Self::of_xml(path, shown, text)
    }

    fn of_xml(path: &Path, shown: String, text: String) -> Result<Self, Diagnostics> {
        let mut sources = Sources::default();
        let source = sources.add(shown, text.as_str());
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut inputs = Inputs::default();
        inputs.add(path);
        let mut profile = profiles::beside(folder);
        let mut noted = |name: &str| {
            inputs.add(&folder.join(name));
            profile(name)
        };
        match PlatformSpec::from_simgrid_xml_with(&text, &mut noted) {
            Ok(spec) => {
                let severity = Severity::Warning;
                let list =
                    spec.warnings().iter().map(|warning| diagnostic(warning, severity, source, &sources)).collect();
                let title = spec.zones().next().map(|(_, zone)| zone.name.clone()).unwrap_or_default();
                Ok(Self {
                    title,
                    spec,
                    parts: None,
                    repository: None,
                    warnings: Diagnostics::new(sources, list),
                    inputs,
                })
            }
            Err(errors) => {
                let severity = Severity::Error;
                let list = errors.iter().map(|error| diagnostic(error, severity, source, &sources)).collect();
                Err(Diagnostics::new(sources, list))
            }
        }
    }

    fn of_experiment(path: &Path, overrides: &Overrides) -> Result<Self, Diagnostics> {
        let experiment = Experiment::load(path, overrides)?;
        let warnings = experiment.warnings().clone();
        let Some(run) = experiment.runs().first() else {
            return Err(Diagnostics::single("the experiment has no run"));
        };
        let spec = run.plan.platform.clone();
        let repository = spec.host_id("repository");
        let title = experiment.name().to_owned();
        Ok(Self {
            title,
            spec,
            parts: Some(run.plan.hosts.clone()),
            repository,
            warnings,
            inputs: experiment.inputs().clone(),
        })
    }

    /// The platform of a description, for instance one that a program has built.
    pub fn new(title: impl Into<String>, spec: PlatformSpec) -> Self {
        let warnings = Diagnostics::new(Sources::default(), Vec::new());
        Self { title: title.into(), spec, parts: None, repository: None, warnings, inputs: Inputs::default() }
    }

    /// What it is called: the experiment, or the outermost zone.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What is on the platform.
    pub fn spec(&self) -> &PlatformSpec {
        &self.spec
    }

    /// The files that it was read from: none of them is to be replaced by a drawing.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// What was accepted but is probably not what was meant.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The platform as JSON: its [description](table::Description).
    pub fn json(&self) -> String {
        json(&self.description())
    }

    /// What a host is for, if an experiment says so.
    pub fn part(&self, host: HostId) -> Option<&'static str> {
        let parts = self.parts.as_ref()?;
        if host == parts.head {
            Some("head")
        } else if Some(host) == self.repository {
            Some("repository")
        } else if host == parts.user {
            Some("user")
        } else if parts.nodes.contains(&host) {
            Some("compute")
        } else {
            None
        }
    }
}

/// Routes as JSON: `{ "routes": [...] }`, each a [`RouteView`].
pub fn routes_json(routes: &[RouteView]) -> String {
    json(&std::collections::BTreeMap::from([("routes", routes)]))
}

fn json(value: &impl serde::Serialize) -> String {
    // What can fail are writers and maps with keys that are no strings; there are neither.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn diagnostic(error: &PlatformError, severity: Severity, source: SourceId, sources: &Sources) -> Diagnostic {
    let message = error.problem().to_string();
    let diagnostic = match error.place() {
        Some(place) => {
            let place = sources.word_at(source, place.line as usize, place.column as usize);
            Diagnostic::at(place, message, error.hint().unwrap_or_default())
        }
        None => Diagnostic::at(sources.line(source, 1), message, error.hint().unwrap_or_default()),
    };
    Diagnostic { severity, ..diagnostic }
}
