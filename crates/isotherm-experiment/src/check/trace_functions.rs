//! `[functions] from = "trace"`: a function for each name that occurs in the tables of the
//! workloads.
//!
//! ```toml
//! [functions]
//! from = "trace"
//! columns = { memory = "memory_mb", startup = "init_ms", app = "app" }
//! limits = { memory = "256MB" }       # for functions of which no row says it
//!
//! [[workload]]
//! kind = "csv"
//! file = "requests.csv"
//! columns = { arrival = "timestamp", function = "name", duration = "took_ms" }
//! ```
//!
//! The tables are read twice: here, before anything refers to a function, and when they are played.
//! All points of a sweep that name the same tables use what was read once.

use std::path::PathBuf;

use isotherm_config::diagnostic::Diagnostic;
use isotherm_config::names::tables;
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::{Kind, Table, Value};
use isotherm_workload::{
    CsvDialect, FunctionColumns, FunctionRow, FunctionRows, FunctionsOfTraces, WorkloadError,
};

use crate::check::context::Context;
use crate::check::tabular;
use crate::check::traces;
use crate::plan::TableFormat;
use crate::trace;

/// So many errors in the rows of all tables are reported in full.
const MOST: usize = 20;

/// The functions that tables name.
#[derive(Clone, Debug)]
pub struct TraceFunctions {
    /// What rows say of each.
    pub rows: Vec<FunctionRow>,
    /// Whether there were errors in rows.
    pub is_broken: bool,
}

/// A table whose rows name functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamingTable {
    format: TableFormat,
    path: PathBuf,
    dialect: CsvDialect,
    /// Which of its columns holds what.
    columns: FunctionColumns,
}

/// Where the file of a table and its column of functions are named.
struct Named {
    file: Located<String>,
    column: Located<String>,
}

/// Reads the functions of all tables, and reports what is wrong. `wanted` are their columns as
/// `[functions]` names them, `place` is where it asks for them.
pub fn read(
    root: &Table,
    columns: &FunctionColumns,
    wanted: &[Located<String>],
    place: Span,
    context: &Context<'_>,
) -> Option<TraceFunctions> {
    let (mut naming, mut places): (Vec<NamingTable>, Vec<Named>) = Default::default();
    for workload in tables(root, "workload") {
        let Some((table, named)) = naming_table(workload, columns, context) else { continue };
        if !naming.contains(&table) {
            naming.push(table);
            places.push(named);
        }
    }
    if naming.is_empty() {
        let hint = "use a workload of kind `csv`, `jsonl` or `parquet` with `columns.function`";
        return context.report.refuse(place, "no workload names functions in a column", hint);
    }
    context.traces.functions(&naming, || {
        let mut functions = FunctionsOfTraces::new(MOST);
        let mut is_whole = true;
        for (table, named) in naming.iter().zip(&places) {
            if let Err(error) = add(&mut functions, table) {
                let wanted: Vec<_> = std::iter::once(&named.column).chain(wanted).collect();
                traces::report(&error, &named.file, &wanted, context);
                is_whole = false;
            }
        }
        let FunctionRows { rows, errors, further } = functions.finish();
        let (shown, is_broken) = (errors.len() as u64, !errors.is_empty());
        for error in errors {
            let error = Box::new(error).into();
            let diagnostic = trace::diagnostic(&error, &mut context.sources.borrow_mut());
            context.report.push(diagnostic);
        }
        if further > 0 {
            let message = traces::further("traces", shown, further);
            context.report.push(Diagnostic::at(place, message, ""));
        }
        is_whole.then_some(TraceFunctions { rows, is_broken })
    })
}

fn add(functions: &mut FunctionsOfTraces, table: &NamingTable) -> Result<(), WorkloadError> {
    let shown = table.path.display().to_string();
    let rows = trace::table_written(table.format, &table.path, &shown, table.dialect)?;
    functions.read(rows, &table.columns)
}

/// The table of a workload; `None` if it has no column of functions. What is wrong with the
/// workload
/// is reported when it is read itself.
fn naming_table(
    workload: &Value,
    columns: &FunctionColumns,
    context: &Context<'_>,
) -> Option<(NamingTable, Named)> {
    let fields = table_of(workload)?;
    let format = match text(fields, "kind")?.value.as_str() {
        "csv" => TableFormat::Csv,
        "jsonl" => TableFormat::Jsonl,
        "parquet" => TableFormat::Parquet,
        _ => return None,
    };
    let file = text(fields, "file")?;
    let column = text(table_of(fields.get("columns")?)?, "function")?;
    let dialect = CsvDialect {
        delimiter: text(fields, "delimiter").and_then(|given| tabular::delimiter(&given.value)),
        decimal_mark: match text(fields, "decimal") {
            Some(given) if given.value == "," => b',',
            _ => b'.',
        },
    };
    let columns = FunctionColumns { name: column.value.clone(), ..columns.clone() };
    let table = NamingTable { format, path: context.path(&file), dialect, columns };
    Some((table, Named { file, column }))
}

fn table_of(value: &Value) -> Option<&Table> {
    match &value.kind {
        Kind::Table(table) => Some(table),
        _ => None,
    }
}

fn text(table: &Table, key: &str) -> Option<Located<String>> {
    let value = table.get(key)?;
    match &value.kind {
        Kind::String(text) => Some(Located { value: text.clone(), span: value.span }),
        _ => None,
    }
}
