//! The table of a sweep, read again: which runs it has, and where their results are.

use std::path::{Path, PathBuf};

use isotherm_experiment::output::MANIFEST;
use thiserror::Error;

use crate::tables::POINTS;

/// Why the table of a sweep cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListedError {
    /// It cannot be read, or a row is not like the others.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The table.
        path: PathBuf,
        /// Why, and in which line.
        source: csv::Error,
    },
    /// It is not the table of a sweep.
    #[error(
        "`{}` is not the table of a sweep: it has no column `{column}`; run the sweep again, which \
         writes it anew",
        path.display()
    )]
    NoColumn {
        /// The table.
        path: PathBuf,
        /// The column.
        column: &'static str,
    },
}

/// A row of the table of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRun {
    /// The number of its point.
    pub point: String,
    /// Its seed.
    pub seed: String,
    /// Where its results are, if it has not failed.
    pub folder: PathBuf,
    /// The fields that were changed for its point, with their values.
    pub fields: Vec<(String, String)>,
    /// Whether it has failed, as the table says.
    pub has_failed: bool,
}

impl ListedRun {
    /// Whether its results are there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.folder.join(MANIFEST).exists()
    }
}

/// How a point is called: by its value, if that is more than a number, else by its values with the
/// ends of the paths of their fields.
pub(crate) fn values(fields: &[(String, String)]) -> String {
    let value = |(path, shown): &(String, String)| {
        format!("{}={shown}", path.rsplit('.').next().unwrap_or_default())
    };
    match fields {
        [(_, shown)] if shown.parse::<f64>().is_err() => shown.clone(),
        several => several.iter().map(value).collect::<Vec<_>>().join(", "),
    }
}

/// The runs in the table of the sweep in a folder, in the order of its points; `None` if there is
/// no table.
///
/// # Errors
///
/// Why the table cannot be used.
pub fn listed(folder: &Path) -> Result<Option<Vec<ListedRun>>, ListedError> {
    let path = folder.join(POINTS);
    if !path.exists() {
        return Ok(None);
    }
    let unreadable = |source| ListedError::Unreadable { path: path.clone(), source };
    let mut table = csv::Reader::from_path(&path).map_err(unreadable)?;
    let header = table.headers().map_err(unreadable)?.clone();
    let column = |name: &str| header.iter().position(|column| column == name);
    let folder_of = column("folder").ok_or_else(|| {
        let path = path.clone();
        ListedError::NoColumn { path, column: "folder" }
    })?;
    let [point, seed, status] = ["point", "seed", "status"].map(column);
    // The fields of the sweep are between the name of the point and the seed.
    let fields = column("name").map_or(0, |name| name + 1)..seed.unwrap_or(0);
    let mut runs = Vec::new();
    for row in table.records() {
        let row = row.map_err(unreadable)?;
        let text = |column: usize| row.get(column).unwrap_or_default();
        let or_empty = |column: Option<usize>| column.map(text).unwrap_or_default();
        let fields = fields.clone().map(|at| (header[at].to_owned(), text(at).to_owned()));
        runs.push(ListedRun {
            point: or_empty(point).to_owned(),
            seed: or_empty(seed).to_owned(),
            folder: folder.join(text(folder_of)),
            fields: fields.collect(),
            has_failed: or_empty(status) == "failed",
        });
    }
    Ok(Some(runs))
}
