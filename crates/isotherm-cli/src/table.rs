//! Tables without lines, for reading.

use comfy_table::{Cell, CellAlignment, Table, presets};

/// An empty table.
pub fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table
}

/// Adds a row: a label, and numbers, which are aligned to the right.
pub fn row(table: &mut Table, label: &str, numbers: &[String]) {
    let mut cells = vec![Cell::new(label)];
    cells
        .extend(numbers.iter().map(|number| Cell::new(number).set_alignment(CellAlignment::Right)));
    table.add_row(cells);
}

/// The table as text, without spaces at the ends of lines.
pub fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
