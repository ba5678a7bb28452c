//! The context of all readers of an experiment: names, the folder of the file, where errors go.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isotherm_config::diagnostic::Report;
use isotherm_config::names::Names;
use isotherm_config::source::{Located, SourceId, Sources};
use isotherm_workload::CompressionError;

use crate::check::known_traces::Traces;
use crate::files::{self, TextError, io_reason};
use crate::inputs::Inputs;
use crate::plan::{AzureTrace, Body, FunctionPlan};

/// The context of all readers of an experiment.
pub struct Context<'a> {
    /// Where errors go.
    pub report: &'a Report,
    /// The texts read so far.
    pub sources: &'a RefCell<Sources>,
    /// The files read so far.
    pub inputs: &'a RefCell<Inputs>,
    /// The folder of the file, to which paths in it are relative.
    pub folder: &'a Path,
    /// The traces that were opened so far.
    pub traces: &'a Traces,
    /// The storages of the file, and the repository.
    pub storages: Names,
    /// The images of the file.
    pub images: Names,
    /// The functions of the file.
    pub functions: Names,
    /// What bodies refer to, checked when everything has been read.
    pub needs: RefCell<Needs>,
    /// The seed of all random numbers.
    pub seed: u64,
    /// Functions created by workloads, numbered after those of the file.
    pub created: RefCell<Vec<FunctionPlan>>,
    /// Bodies of single invocations read so far.
    pub bodies: RefCell<Vec<Body>>,
    /// The trace that functions come from, if any.
    pub azure: Option<Arc<AzureTrace>>,
}

/// References of bodies and workloads that can be checked only when everything has been read.
#[derive(Debug, Default)]
pub struct Needs {
    /// Files that bodies fetch, with the index of the storage.
    pub fetched: Vec<(usize, Located<String>)>,
    /// Files that bodies put, with the index of the storage.
    pub put: Vec<(usize, String)>,
    /// Functions invoked without a body of the invocation's own: place and index.
    pub invoked: Vec<Located<usize>>,
}

/// A file that was read.
pub struct ReadFile {
    /// The place for errors about its content.
    pub source: SourceId,
    /// Its content.
    pub text: String,
}

impl Context<'_> {
    /// The path of a file of the experiment. A path that was given on the command line is relative
    /// to the current folder.
    pub fn path(&self, path: &Located<String>) -> PathBuf {
        let full = match self.is_argument(path) {
            true => PathBuf::from(&path.value),
            false => self.folder.join(&path.value),
        };
        self.inputs.borrow_mut().add(&full);
        full
    }

    fn is_argument(&self, path: &Located<String>) -> bool {
        self.sources.borrow().get(path.span.source).is_argument
    }

    /// Reads a text file of the experiment, which may be compressed. Reports an error at the place
    /// of its path.
    pub fn read(&self, path: &Located<String>) -> Option<ReadFile> {
        let full = self.path(path);
        match files::read(&full) {
            Ok(text) => {
                let source =
                    self.sources.borrow_mut().add(full.display().to_string(), text.clone());
                return Some(ReadFile { source, text });
            }
            Err(TextError::Unreadable(error)) => self.cannot_read(path, &error),
            Err(TextError::NotText(wrong)) => {
                let name = full.display().to_string();
                let diagnostic = wrong.diagnostic(&name, &mut self.sources.borrow_mut());
                self.report.push(diagnostic);
            }
            Err(error @ TextError::TooLarge(_)) => {
                let hint = "it is held in memory: is it the file that is meant?";
                self.report.error(
                    path.span,
                    format!("cannot read `{}`: {error}", path.value),
                    hint,
                );
            }
        }
        None
    }

    /// Reports that a file cannot be read.
    pub fn cannot_read(&self, path: &Located<String>, error: &std::io::Error) {
        if let Some(error) = CompressionError::of(error) {
            self.report.error(
                path.span,
                format!("cannot read `{}`: {error}", path.value),
                error.hint(),
            );
            return;
        }
        let message = format!("cannot read `{}`: {}", path.value, io_reason(error));
        if files::special(error).is_some() {
            self.report.error(path.span, message, "");
            return;
        }
        let hint = match self.is_argument(path) {
            true => "paths given on the command line are relative to the current folder",
            false => "paths are relative to the experiment file",
        };
        self.report.error(path.span, message, hint);
    }
}
