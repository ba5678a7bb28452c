//! A run as a timeline that [Perfetto](https://ui.perfetto.dev) and other viewers of Chrome's trace
//! events open.
//!
//! * The head host and each compute host are processes.
//! * Slots are threads. A dispatched invocation has the lowest that is free on its node until it
//!   ends: a slice named after its function, with its cold start and its body inside.
//! * Downloads, copies and loads are slices on threads of their own.
//! * Pending invocations, and for each node running invocations, containers and memory, are
//!   counters. They are written once for a date, with what holds when it is over.
//!
//! What goes on is held, all else is written: memory does not grow with what has passed. A slice is
//! written when it ends, so slices do not stand in the order of their beginnings, which the format
//! does not ask for. Those that contain others stand before them.
//!
//! Source: "Trace Event Format", Google, 2016: complete events (`X`), counters (`C`), metadata
//! (`M`). Dates and times are microseconds; three decimals make them exact.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use isotherm_kernel::Time;
use isotherm_serverless::{
    EventKind, ImageId, InvocationId, InvocationRecord, NodeId, PlatformEvent, RecordSink,
    StartKind,
};

use crate::decimal::{write_integer, write_micros};
use crate::holdings::{Change, Holdings, Level, Levels};
use crate::table::{Lines, Value, write_json};
use crate::{Column, Names, SinkError};

/// The process of the head host; those of nodes follow. Viewers take 0 for the operating system.
const HEAD: u64 = 1;

/// Slots come after the threads of images.
const SLOTS_AFTER: u64 = 1_000_000;

/// The counters of nodes, with their parts.
const COUNTERS: [(&str, &[(&str, Level)]); 3] = [
    ("running", &[("invocations", Level::Running)]),
    (
        "containers",
        &[
            ("starting", Level::StartingContainers),
            ("busy", Level::BusyContainers),
            ("idle", Level::IdleContainers),
        ],
    ),
    (
        "memory_bytes",
        &[
            ("starting", Level::StartingMemory),
            ("busy", Level::BusyMemory),
            ("idle", Level::IdleMemory),
            ("images", Level::ImageMemory),
        ],
    ),
];

/// What moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Movement {
    Download,
    Copy,
    Load,
}

impl Movement {
    fn name(self) -> &'static str {
        match self {
            Movement::Download => "download",
            Movement::Copy => "copy",
            Movement::Load => "load",
        }
    }
}

/// Threads of a process, of which the lowest that is free is taken.
#[derive(Default)]
struct Threads {
    /// What each of them is called in the file. No two processes share one.
    ids: Vec<u64>,
    free: BTreeSet<usize>,
}

/// A host.
#[derive(Default)]
struct Process {
    slots: Threads,
    moves: Threads,
    now: Levels,
    /// The counters as they were written last.
    written: Levels,
    is_changed: bool,
}

/// Where a dispatched invocation is shown.
struct Slot {
    process: usize,
    thread: usize,
    /// It has ended.
    is_free: bool,
    /// Its record has been written.
    is_written: bool,
}

/// An image on its way.
struct Moving {
    thread: usize,
    since: Time,
    bytes: u64,
}

/// A slice on a thread.
struct Slice<'a> {
    name: &'a str,
    category: &'static str,
    process: usize,
    thread: u64,
    from: Time,
    to: Time,
}

/// Writes a run as a timeline, in Chrome's JSON format for trace events, into anything that can be
/// written to. It needs the event log and the records.
///
/// As with [records](crate::RecordWriter), the first error is kept and reported in the end.
///
/// ```
/// use isotherm_kernel::Time;
/// use isotherm_results::{Names, PerfettoWriter};
/// use isotherm_serverless::{EventKind, ImageId, PlatformEvent};
///
/// let names = Names { images: vec!["python".into()], ..Names::default() };
/// let mut timeline = PerfettoWriter::new(Vec::new(), names);
/// let image = ImageId(0);
/// for (at, kind) in [
///     (1_500, EventKind::DownloadStarted { image, bytes: 7 }),
///     (4_002, EventKind::DownloadEnded { image }),
/// ] {
///     timeline.observe(&PlatformEvent { at: Time::from_nanos(at), kind });
/// }
/// let text = String::from_utf8(timeline.close(Time::from_nanos(5_000))?).unwrap();
/// assert!(text.contains(
///     r#"{"name":"download","ph":"X","cat":"image","pid":1,"tid":2,"ts":1.500,"dur":2.502,"args":{"image":"python","bytes":7,"ending":"done"}}"#
/// ));
/// # Ok::<(), isotherm_results::SinkError>(())
/// ```
pub struct PerfettoWriter<W: Write> {
    file: File<W>,
    names: Names,
    /// The head host, then the nodes.
    processes: Vec<Process>,
    holdings: Holdings,
    slots: BTreeMap<InvocationId, Slot>,
    moving: BTreeMap<(Movement, usize, ImageId), Moving>,
    /// The date until which counters are written.
    now: Time,
    /// The processes with counters to be written.
    changed: Vec<usize>,
    next_thread: u64,
    /// Work space, kept to avoid allocations.
    changes: Vec<Change>,
}

impl<W: Write> PerfettoWriter<W> {
    /// Begins a file.
    pub fn new(writer: W, names: Names) -> Self {
        let mut lines = Lines::new(writer);
        lines.line().extend_from_slice(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
        let mut timeline = PerfettoWriter {
            file: File { lines: Ok(lines), is_first: true },
            processes: Vec::new(),
            holdings: Holdings::default(),
            slots: BTreeMap::new(),
            moving: BTreeMap::new(),
            now: Time::ZERO,
            changed: Vec::new(),
            // Threads are not called as processes are, whose main thread they would be.
            next_thread: HEAD + 1 + names.nodes.len() as u64,
            changes: Vec::new(),
            names,
        };
        timeline.process(timeline.names.nodes.len());
        timeline
    }

    /// Takes one event of the platform's log.
    pub fn observe(&mut self, event: &PlatformEvent) {
        let at = event.at;
        let mut changes = std::mem::take(&mut self.changes);
        self.holdings.observe(event, &mut changes);
        self.count(&mut changes);
        self.changes = changes;
        match event.kind {
            EventKind::Dispatched { invocation, node, .. } => {
                let process = process_of(node);
                let thread = self.take(process, false);
                let slot = Slot { process, thread, is_free: false, is_written: false };
                self.slots.insert(invocation, slot);
            }
            EventKind::Ended { invocation, container: Some(_), .. } => {
                let Some(slot) = self.slots.get_mut(&invocation) else { return };
                slot.is_free = true;
                let (process, thread) = (slot.process, slot.thread);
                if slot.is_written {
                    self.slots.remove(&invocation);
                }
                self.process(process).slots.free.insert(thread);
            }
            EventKind::DownloadStarted { image, bytes } => {
                self.begin(at, (Movement::Download, 0, image), bytes);
            }
            EventKind::DownloadEnded { image } => {
                self.end(at, (Movement::Download, 0, image), "done");
            }
            EventKind::DownloadFailed { image } => {
                self.end(at, (Movement::Download, 0, image), "failed");
            }
            EventKind::CopyStarted { node, image, bytes } => {
                self.begin(at, (Movement::Copy, process_of(node), image), bytes);
            }
            EventKind::CopyEnded { node, image } => {
                self.end(at, (Movement::Copy, process_of(node), image), "done");
            }
            EventKind::CopyFailed { node, image, .. } => {
                self.end(at, (Movement::Copy, process_of(node), image), "failed");
            }
            EventKind::LoadStarted { node, image, bytes } => {
                self.begin(at, (Movement::Load, process_of(node), image), bytes);
            }
            EventKind::LoadEnded { node, image } => {
                self.end(at, (Movement::Load, process_of(node), image), "done");
            }
            EventKind::LoadFailed { node, image, .. } => {
                self.end(at, (Movement::Load, process_of(node), image), "failed");
            }
            _ => {}
        }
    }

    /// Ends the file at the end of the run and gives the writer back.
    ///
    /// # Errors
    ///
    /// The first error that occurred since the file was begun.
    pub fn close(mut self, end: Time) -> Result<W, SinkError> {
        let mut changes = std::mem::take(&mut self.changes);
        self.holdings.pass(end, &mut changes);
        self.count(&mut changes);
        self.write_counters();
        while let Some((&moving, _)) = self.moving.first_key_value() {
            self.end(end, moving, "still going on");
        }
        let mut lines = self.file.lines?;
        lines.line().extend_from_slice(b"\n]}");
        lines.end()?;
        Ok(lines.close()?)
    }

    /// A process. It and those before it are described when it is asked for first.
    fn process(&mut self, number: usize) -> &mut Process {
        while self.processes.len() <= number {
            let process = self.processes.len();
            self.processes.push(Process::default());
            let name = match process.checked_sub(1) {
                None => Arc::from("head host"),
                Some(node) => match self.names.nodes.get(node) {
                    Some(name) => Arc::clone(name),
                    None => format!("node {node}").into(),
                },
            };
            self.file.describe(process, None, &name, process as u64);
        }
        &mut self.processes[number]
    }

    /// The lowest free thread of a process, for an image or for an invocation.
    fn take(&mut self, process: usize, is_move: bool) -> usize {
        let next = self.next_thread;
        let known = self.process(process);
        let threads = if is_move { &mut known.moves } else { &mut known.slots };
        if let Some(thread) = threads.free.pop_first() {
            return thread;
        }
        let thread = threads.ids.len();
        threads.ids.push(next);
        self.next_thread += 1;
        let (name, place) = match is_move {
            true => ("images", thread as u64),
            false => ("slot", SLOTS_AFTER + thread as u64),
        };
        self.file.describe(process, Some(next), &format!("{name} {}", thread + 1), place);
        thread
    }

    fn begin(&mut self, at: Time, moving: (Movement, usize, ImageId), bytes: u64) {
        let thread = self.take(moving.1, true);
        self.moving.insert(moving, Moving { thread, since: at, bytes });
    }

    fn end(&mut self, at: Time, moving: (Movement, usize, ImageId), ending: &str) {
        // One that has failed at once has not begun.
        let Some(Moving { thread, since, bytes }) = self.moving.remove(&moving) else { return };
        let (movement, process, image) = moving;
        let threads = &mut self.process(process).moves;
        threads.free.insert(thread);
        let slice = Slice {
            name: movement.name(),
            category: "image",
            process,
            thread: threads.ids[thread],
            from: since,
            to: at,
        };
        let arguments = [
            ("image", Value::Text(self.names.image(image))),
            ("bytes", Value::Integer(bytes)),
            ("ending", Value::Text(ending)),
        ];
        self.file.slice(&slice, arguments);
    }

    /// Applies changes to the counters, and writes those of earlier dates.
    fn count(&mut self, changes: &mut Vec<Change>) {
        for Change { at, node, level, by } in changes.drain(..) {
            if at > self.now {
                self.write_counters();
                self.now = at;
            }
            let number = node.map_or(0, process_of);
            let process = self.process(number);
            process.now.change(level, by);
            if !std::mem::replace(&mut process.is_changed, true) {
                self.changed.push(number);
            }
        }
    }

    /// Writes the counters that have changed at the present date.
    fn write_counters(&mut self) {
        let mut changed = std::mem::take(&mut self.changed);
        for number in changed.drain(..) {
            let process = &mut self.processes[number];
            process.is_changed = false;
            let (now, before) = (process.now, std::mem::replace(&mut process.written, process.now));
            let pending: (&str, &[_]) = ("pending", &[("invocations", Level::Pending)]);
            for (name, parts) in std::iter::once(pending).chain(COUNTERS) {
                if parts.iter().any(|&(_, level)| now.of(level) != before.of(level)) {
                    let parts = parts.iter();
                    let values = parts.map(|&(name, level)| (name, Value::Integer(now.of(level))));
                    self.file.counter(name, number, self.now, values);
                }
            }
        }
        self.changed = changed;
    }
}

impl<W: Write> RecordSink for PerfettoWriter<W> {
    fn record(&mut self, record: &InvocationRecord) {
        let (Some(slot), Some(dispatched)) = (self.slots.get_mut(&record.id), record.dispatched)
        else {
            return;
        };
        slot.is_written = true;
        let (process, thread) = (slot.process, slot.thread);
        if slot.is_free {
            self.slots.remove(&record.id);
        }
        let thread = self.processes[process].slots.ids[thread];
        let slice = |name, category, from, to| Slice { name, category, process, thread, from, to };
        let values = Column::ALL.iter().map(|column| (column.name, column.value(record)));
        let whole = slice(&record.function, "invocation", dispatched, record.finished);
        self.file.slice(&whole, values.filter(|(_, value)| *value != Value::None));
        let id = ("id", Value::Integer(record.id.0));
        if record.start_kind == Some(StartKind::Cold) {
            let to = record.started.unwrap_or(record.finished);
            let reason = record.cold_start.as_ref().map_or("", |cold| cold.reason.name());
            let arguments = [id, ("cold_reason", Value::Text(reason))];
            self.file.slice(&slice("cold start", "start-up", dispatched, to), arguments);
        }
        if let Some(started) = record.started {
            let to = record.ended.unwrap_or(record.finished);
            let outcome = ("outcome", Value::Text(record.outcome.name()));
            self.file.slice(&slice("body", "body", started, to), [id, outcome]);
        }
    }
}

/// The file, event by event.
struct File<W: Write> {
    lines: io::Result<Lines<W>>,
    is_first: bool,
}

impl<W: Write> File<W> {
    /// Names a process or a thread and says where it stands.
    fn describe(&mut self, process: usize, thread: Option<u64>, name: &str, place: u64) {
        let (what, order) = match thread {
            Some(_) => ("thread_name", "thread_sort_index"),
            None => ("process_name", "process_sort_index"),
        };
        for (what, argument) in
            [(what, ("name", Value::Text(name))), (order, ("sort_index", Value::Integer(place)))]
        {
            self.event(what, "M", |out| {
                write_place(out, process, thread);
                write_arguments(out, [argument])
            });
        }
    }

    fn slice<'v>(
        &mut self,
        slice: &Slice<'_>,
        arguments: impl IntoIterator<Item = (&'v str, Value<'v>)>,
    ) {
        self.event(slice.name, "X", |out| {
            out.extend_from_slice(b",\"cat\":\"");
            out.extend_from_slice(slice.category.as_bytes());
            out.push(b'"');
            write_place(out, slice.process, Some(slice.thread));
            out.extend_from_slice(b",\"ts\":");
            write_micros(out, slice.from.as_nanos());
            out.extend_from_slice(b",\"dur\":");
            write_micros(out, slice.to.since(slice.from).as_nanos());
            write_arguments(out, arguments)
        });
    }

    fn counter<'v>(
        &mut self,
        name: &str,
        process: usize,
        at: Time,
        values: impl IntoIterator<Item = (&'v str, Value<'v>)>,
    ) {
        self.event(name, "C", |out| {
            write_place(out, process, None);
            out.extend_from_slice(b",\"ts\":");
            write_micros(out, at.as_nanos());
            write_arguments(out, values)
        });
    }

    fn event(
        &mut self,
        name: &str,
        phase: &str,
        rest: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) {
        let Ok(lines) = &mut self.lines else { return };
        // The line before is ended here, because the last one has no comma.
        let comma: &[u8] = if std::mem::replace(&mut self.is_first, false) { b"" } else { b"," };
        lines.line().extend_from_slice(comma);
        let written = lines.end().and_then(|()| {
            let out = lines.line();
            out.extend_from_slice(b"{\"name\":");
            write_json(out, Value::Text(name))?;
            out.extend_from_slice(b",\"ph\":\"");
            out.extend_from_slice(phase.as_bytes());
            out.push(b'"');
            rest(out)?;
            out.push(b'}');
            Ok(())
        });
        if let Err(error) = written {
            self.lines = Err(error);
        }
    }
}

/// The number of the process of a node.
fn process_of(node: NodeId) -> usize {
    node.index() + 1
}

fn write_place(out: &mut Vec<u8>, process: usize, thread: Option<u64>) {
    out.extend_from_slice(b",\"pid\":");
    write_integer(out, HEAD + process as u64);
    if let Some(thread) = thread {
        out.extend_from_slice(b",\"tid\":");
        write_integer(out, thread);
    }
}

fn write_arguments<'v>(
    out: &mut Vec<u8>,
    arguments: impl IntoIterator<Item = (&'v str, Value<'v>)>,
) -> io::Result<()> {
    out.extend_from_slice(b",\"args\":{");
    for (number, (name, value)) in arguments.into_iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write_json(out, Value::Text(name))?;
        out.push(b':');
        write_json(out, value)?;
    }
    out.push(b'}');
    Ok(())
}
