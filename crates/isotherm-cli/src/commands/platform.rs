//! `isotherm platform`

use std::path::Path;

use isotherm_experiment::PlatformFile;
use isotherm_experiment::output::{Rules, write_whole};
use isotherm_figures::platform::{PlatformView, Table, routes_json};

use super::elsewhere;
use crate::Status;
use crate::arguments::PlatformArguments;
use crate::terminal::Terminal;
use crate::{table, text};

/// Shows what is on a platform, or a route, and draws it.
pub fn run(arguments: &PlatformArguments) -> Result<(), Status> {
    let file = PlatformFile::load(&arguments.file, &arguments.overrides())
        .map_err(|diagnostics| Terminal::bad_input(&diagnostics))?;
    if !file.warnings.list().is_empty() {
        Terminal::show(&file.warnings);
    }
    let view = PlatformView::new(file.title, file.spec).with_parts(file.parts);
    // A mistyped host is found before anything is written.
    let shown = match arguments.route.as_deref() {
        Some([from, to]) => {
            let shown = shown_route(&view, from, to, arguments.json);
            Some(shown.map_err(|message| Terminal::refuse(&message))?)
        }
        _ if arguments.json => Some(view.json()),
        _ if arguments.draws() && !arguments.all => None,
        _ => Some(shown_platform(&view, arguments.all)),
    };
    let mut terminal = Terminal::new();
    let rules = Rules { inputs: &file.inputs, force: arguments.force };
    let mut drawn = Vec::new();
    for (path, what, text) in written(arguments, &view)? {
        if path == Path::new("-") {
            terminal.line(text.trim_end());
        } else if let Err(error) = write_whole(path, &text, rules) {
            let note = elsewhere(&error, "`-` writes to standard output");
            Terminal::complain(&format!(
                "error: cannot write `{}`: {error}\nnote: {note}",
                path.display()
            ));
            return Err(Status::CouldNotGoOn);
        } else {
            drawn.push(format!("{what} {}", path.display()));
        }
    }
    if let Some(shown) = shown {
        match arguments.json {
            true => terminal.json(&shown),
            false => terminal.tables(&shown),
        }
    }
    if !arguments.json && !drawn.is_empty() {
        terminal.line(&drawn.join("\n"));
    }
    terminal.done()
}

/// What is to be written: where, how that is told, and its text.
fn written<'a>(
    arguments: &'a PlatformArguments,
    view: &PlatformView,
) -> Result<Vec<(&'a Path, &'static str, String)>, Status> {
    let PlatformArguments { svg, dot, to_xml, .. } = arguments;
    let paths: Vec<&Path> = [svg, dot, to_xml].into_iter().filter_map(Option::as_deref).collect();
    if (1..paths.len()).any(|index| paths[..index].contains(&paths[index])) {
        return Err(Terminal::refuse("error: two files would be written to the same place"));
    }
    let mut written = Vec::new();
    written.extend(svg.as_deref().map(|path| (path, "drawn in", view.svg())));
    written.extend(dot.as_deref().map(|path| (path, "drawn in", view.dot())));
    if let Some(path) = to_xml {
        let text = view.spec().to_simgrid_xml();
        let text = text.map_err(|error| Terminal::refuse(&format!("error: {error}")))?;
        written.push((path, "written to", text));
        if view.spec().further_profiles().next().is_some() {
            Terminal::complain("note: the failures of the experiment are not part of the file");
        }
    }
    Ok(written)
}

fn shown_platform(view: &PlatformView, all: bool) -> String {
    let tables: Vec<String> = view.tables(all).iter().map(lines).collect();
    let left_out: usize = view.tables(all).iter().map(|table| table.left_out).sum();
    let mut shown = format!("{}\n\n{}", view.title(), tables.join("\n"));
    if left_out > 0 {
        shown.push_str("\n`--all` shows everything, line by line\n");
    }
    shown.trim_end().to_owned()
}

fn shown_route(view: &PlatformView, from: &str, to: &str, as_json: bool) -> Result<String, String> {
    let routes = view.routes(from, to).map_err(|error| match error.hint() {
        Some(hint) => format!("error: {error}: {hint}"),
        None => format!("error: {error}"),
    })?;
    if as_json {
        return Ok(routes_json(&routes));
    }
    let shown: Vec<String> = routes
        .iter()
        .map(|route| format!("{}\n\n{}", route.summary(), lines(&route.table())))
        .collect();
    Ok(shown.join("\n").trim_end().to_owned())
}

/// A table as lines: its head, which is set out by one, and its rows.
fn lines(shown: &Table) -> String {
    let mut drawn = table::table();
    let mut header = shown.header.clone();
    if let Some(first) = header.first_mut().filter(|_| !shown.title.is_empty()) {
        *first = &shown.title;
    }
    drawn.set_header(header);
    for row in &shown.rows {
        let mut cells = row.clone();
        if let Some(first) = cells.first_mut() {
            first.insert_str(0, "  ");
        }
        drawn.add_row(cells);
    }
    let mut text = table::lines(&drawn);
    if shown.left_out > 0 {
        text.push_str(&format!("   ... and {} more rows\n", text::count(shown.left_out as u64)));
    }
    text
}
