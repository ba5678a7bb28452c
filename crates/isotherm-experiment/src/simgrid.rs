//! SimGrid platform files: reading one with its profile files, and reporting its errors.

use std::path::Path;

use isotherm_config::diagnostic::Diagnostic;
use isotherm_config::source::{SourceId, Sources, Span};
use isotherm_platform::{PlatformError, PlatformSpec};

use crate::files;

/// Reads the text of a platform file. The profile files that it names (as `state_file="..."` does)
/// are looked for in its folder; each is passed to `note` before it is opened.
pub(crate) fn platform(
    text: &str,
    folder: &Path,
    mut note: impl FnMut(&Path),
) -> Result<PlatformSpec, Vec<PlatformError>> {
    PlatformSpec::from_simgrid_xml_with(text, &mut |name| {
        let path = folder.join(name);
        note(&path);
        files::read(&path).map_err(|error| error.to_string())
    })
}

/// An error or a warning of the reader at its place in the file, or `elsewhere` if it has none.
pub(crate) fn diagnostic(
    error: &PlatformError,
    source: SourceId,
    elsewhere: Span,
    sources: &Sources,
) -> Diagnostic {
    let place = error.position().map_or(elsewhere, |place| {
        sources.word_at(source, place.line as usize, place.column as usize)
    });
    Diagnostic::at(place, error.problem().to_string(), error.hint().unwrap_or_default())
}
