//! Files that describe a platform: SimGrid platform files, and experiments.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use isotherm_experiment::{Overrides, PlatformFile};
//!
//! let file = PlatformFile::load(Path::new("cluster.xml"), &Overrides::default())?;
//! println!("{}: {} hosts", file.title, file.spec.hosts().len());
//! # Ok::<(), isotherm_experiment::Diagnostics>(())
//! ```

use std::path::Path;

use isotherm_config::diagnostic::{Diagnostic, Diagnostics, Severity};
use isotherm_config::source::Sources;
use isotherm_platform::{HostId, PlatformError, PlatformSpec};

use crate::experiment::Experiment;
use crate::files;
use crate::inputs::Inputs;
use crate::overrides::Overrides;
use crate::simgrid;

/// A platform as it was read from a file.
#[derive(Clone, Debug)]
pub struct PlatformFile {
    /// The name of the experiment, or of the outermost zone of a SimGrid platform file.
    pub title: String,
    /// The platform.
    pub spec: PlatformSpec,
    /// Which hosts an experiment uses as `head`, `repository`, `user` and `compute`. A host that
    /// plays several parts is listed with each; empty for a SimGrid platform file.
    pub parts: Vec<(HostId, &'static str)>,
    /// Warnings: what was accepted but is probably not intended.
    pub warnings: Diagnostics,
    /// The files that were read: none of them may be overwritten by a drawing.
    pub inputs: Inputs,
}

impl PlatformFile {
    /// Reads a SimGrid platform file, or an experiment (the platform of its first run) with the
    /// given overrides.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, Diagnostics> {
        let shown = path.display().to_string();
        let text = files::read_given(path, &shown, files::LARGEST_TEXT, "")?;
        let is_xml = text.trim_start_matches('\u{feff}').trim_start().starts_with('<');
        let named_xml =
            path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml"));
        if !is_xml && !named_xml {
            return Self::of_experiment(path, overrides);
        }
        if !overrides.set.is_empty() {
            return Err(Diagnostics::single(format!(
                "`--set` changes an experiment, and `{shown}` is a platform file"
            )));
        }
        Self::of_simgrid(path, shown, &text)
    }

    fn of_simgrid(path: &Path, shown: String, text: &str) -> Result<Self, Diagnostics> {
        let mut sources = Sources::default();
        let source = sources.add(shown, text);
        let mut inputs = Inputs::default();
        inputs.add(path);
        let folder = path.parent().unwrap_or(Path::new(""));
        let read = simgrid::platform(text, folder, |profile| inputs.add(profile));
        let first_line = sources.line(source, 1);
        let diagnostics = |errors: &[PlatformError], severity| -> Vec<Diagnostic> {
            let diagnostic = |error| simgrid::diagnostic(error, source, first_line, &sources);
            errors.iter().map(|error| Diagnostic { severity, ..diagnostic(error) }).collect()
        };
        match read {
            Ok(spec) => {
                let warnings = diagnostics(spec.warnings(), Severity::Warning);
                let title =
                    spec.zones().next().map(|(_, zone)| zone.name.clone()).unwrap_or_default();
                let warnings = Diagnostics::new(sources, warnings);
                Ok(Self { title, spec, parts: Vec::new(), warnings, inputs })
            }
            Err(errors) => {
                let errors = diagnostics(&errors, Severity::Error);
                Err(Diagnostics::new(sources, errors))
            }
        }
    }

    fn of_experiment(path: &Path, overrides: &Overrides) -> Result<Self, Diagnostics> {
        let experiment = Experiment::load(path, overrides)?;
        let Some(run) = experiment.runs().first() else {
            return Err(Diagnostics::single("the experiment has no run"));
        };
        let (spec, hosts) = (run.plan.platform.clone(), &run.plan.hosts);
        let mut parts = vec![(hosts.head, "head")];
        parts.extend(spec.host_id("repository").map(|repository| (repository, "repository")));
        parts.push((hosts.user, "user"));
        parts.extend(hosts.nodes.iter().map(|&node| (node, "compute")));
        Ok(Self {
            title: experiment.name().to_owned(),
            spec,
            parts,
            warnings: experiment.warnings().clone(),
            inputs: experiment.inputs().clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The profile files that a platform file names lie beside it.
    #[test]
    fn profile_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let xml = "<platform version=\"4.1\"><zone id=\"w\" routing=\"None\">\
                   <host id=\"h\" speed=\"1Gf\" state_file=\"h.state\"/></zone></platform>";
        let path = folder.path().join("p.xml");
        std::fs::write(&path, xml).unwrap();
        let load = || PlatformFile::load(&path, &Overrides::default());
        let error = load().unwrap_err().to_string();
        let expected = "profile `h.state` cannot be had: there is no such file";
        assert!(error.contains(expected), "{error}");
        std::fs::write(folder.path().join("h.state"), "0 1\n5 0\n").unwrap();
        let file = load().unwrap();
        assert!(file.spec.hosts().next().unwrap().1.state_profile.is_some());
    }
}
