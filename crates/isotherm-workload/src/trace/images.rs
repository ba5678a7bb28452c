//! The images of an experiment in a CSV file, a row for each.

use std::io::Read;

use super::cells::{Cells, ReadRow, RowsOf, SizeColumn, read_rows, size_column, word_column};
use super::columns::Located;
use super::table::TableRows;
use crate::error::{TraceError, ValueKind};
use crate::{SizeUnit, WorkloadError};

/// Which column of a file of images holds what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageColumns {
    /// The column of the names.
    pub name: String,
    /// The column of the sizes on disks.
    pub size: SizeColumn,
    /// The column of the memory that loaded images take.
    pub memory: Option<SizeColumn>,
    /// The column of the names of the storages where they come from.
    pub storage: Option<String>,
}

/// One image. A value that has no column, or is empty, is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRow {
    /// The line on which its row begins, counted from 1.
    pub line: u64,
    /// Its name; never empty.
    pub name: String,
    /// Its size on a disk, in bytes.
    pub bytes: Option<u64>,
    /// The memory that it takes when it is loaded, in bytes.
    pub memory_bytes: Option<u64>,
    /// The name of the storage where it comes from.
    pub storage: Option<String>,
}

/// Reads a file of images to its end and reports all errors in its rows, the first `in_full` in
/// full. The format is that of [traces](crate::trace). Names may repeat.
///
/// ```
/// # use isotherm_workload::{ImageColumns, SizeColumn, SizeUnit, read_images};
/// let size = SizeColumn { name: "size_mb".into(), unit: SizeUnit::MEGABYTE };
/// let columns = ImageColumns { name: "image".into(), size, memory: None, storage: None };
/// let images = read_images("i.csv", "image,size_mb\npython,120\n".as_bytes(), &columns, 20)?;
/// assert_eq!(images.rows[0].bytes, Some(120_000_000));
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
///
/// # Errors
///
/// What is wrong with the file as a whole: it cannot be read, has no row, or lacks these columns.
pub fn read_images(
    name: impl Into<String>,
    reader: impl Read,
    columns: &ImageColumns,
    in_full: usize,
) -> Result<RowsOf<ImageRow>, WorkloadError> {
    read_rows(name, reader, in_full, |rows| ImageReader::new(rows, columns))
}

/// The columns of a file of images.
struct ImageReader {
    name: Located<()>,
    size: Option<Located<SizeUnit>>,
    memory: Option<Located<SizeUnit>>,
    storage: Option<Located<()>>,
}

impl ImageReader {
    fn new(rows: &mut impl TableRows, columns: &ImageColumns) -> Result<Self, Box<TraceError>> {
        Ok(ImageReader {
            name: Located::find(rows, &columns.name, ())?,
            size: size_column(rows, Some(&columns.size))?,
            memory: size_column(rows, columns.memory.as_ref())?,
            storage: word_column(rows, columns.storage.as_ref())?,
        })
    }
}

impl ReadRow<ImageRow> for ImageReader {
    fn row<R: TableRows>(&self, mut cells: Cells<'_, R>, line: u64) -> Option<ImageRow> {
        let name = cells.name(&self.name);
        let bytes = cells.size(self.size.as_ref(), ValueKind::Size);
        let memory_bytes = cells.size(self.memory.as_ref(), ValueKind::Size);
        let storage = cells.text(self.storage.as_ref());
        cells.valid(ImageRow { line, name: name?, bytes, memory_bytes, storage })
    }
}
