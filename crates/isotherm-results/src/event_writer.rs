//! The platform's event log as JSON Lines: an object for each event, in the order of occurrence.

use std::io::{self, Write};
use std::sync::Arc;

use isotherm_kernel::Time;
use isotherm_serverless::{
    ContainerId, EventKind, FunctionId, ImageId, InvocationId, NodeId, Outcome, PlatformEvent,
    StartKind, StopReason,
};

use crate::SinkError;
use crate::reference::FieldDoc;
use crate::table::{Lines, Value, write_json};

/// What the numbers in events stand for: names, by number.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Compute hosts.
    pub nodes: Vec<Arc<str>>,
    /// Registered functions.
    pub functions: Vec<Arc<str>>,
    /// Images known to the service.
    pub images: Vec<Arc<str>>,
}

impl Names {
    /// The name of a compute host; empty if it has none here.
    #[must_use]
    pub fn node(&self, node: NodeId) -> &str {
        name(&self.nodes, node.index())
    }

    /// The name of a function; empty if it has none here.
    #[must_use]
    pub fn function(&self, function: FunctionId) -> &str {
        name(&self.functions, function.index())
    }

    /// The name of an image; empty if it has none here.
    #[must_use]
    pub fn image(&self, image: ImageId) -> &str {
        name(&self.images, image.index())
    }
}

fn name(names: &[Arc<str>], number: usize) -> &str {
    names.get(number).map_or("", |name| name)
}

/// A kind of event in the file.
#[derive(Clone, Copy, Debug)]
pub struct EventDoc {
    /// The value of `event`.
    pub name: &'static str,
    /// What has happened.
    pub meaning: &'static str,
    /// The fields after `at_s` and `event`.
    pub fields: &'static [&'static str],
}

/// The fields of events.
pub const EVENT_FIELDS: &[FieldDoc] = &[
    field("at_s", "when it happened; the first field of every event"),
    field("event", "what happened; the second field of every event"),
    field("invocation", "number of the invocation: `id` in the records"),
    field("function", "name of the function"),
    field("image", "name of the image; null if the function has none"),
    field("node", "name of the compute host"),
    field("container", "number of the container, as in the records"),
    field("start_kind", "`cold` or `warm`, as in the records"),
    field("outcome", "how the invocation ended, as in the records"),
    field(
        "bytes",
        "room that the image takes or gives back, on the disk or in the memory that the event is \
         about",
    ),
    field("memory_bytes", "memory limit of the container; of a compute host, its memory"),
    field("disk_bytes", "disk limit of the container; of a compute host, its disk"),
    field("slots", "slots of the compute host; null if it has any number"),
    field("capacity", "how many invocations the container may serve at once"),
    field("ready", "when the start-up of the container ends, in seconds"),
    field("started", "whether the copy or load had taken room, which is free again"),
    field("was_idle", "whether the container was idle until now"),
    field(
        "cause",
        "why the container stopped: evicted, expired, not_kept, stopped (by the scheduler), \
         discarded, lost or node_left",
    ),
    field("evicted_for", "name of the function that got its room; null if it was not evicted"),
    field("due", "when the container is to be started, in seconds"),
    field(
        "by",
        "number of the invocation that came before; null if the plan was given up for another \
         reason",
    ),
];

const fn field(name: &'static str, meaning: &'static str) -> FieldDoc {
    FieldDoc { name, meaning }
}

/// Describes every kind of event, and writes it.
macro_rules! events {
    ($($name:literal $variant:ident { $($field:ident),* } $meaning:literal;)+) => {
        /// The kinds of events in the file.
        pub const EVENTS: &[EventDoc] = &[$(EventDoc {
            name: $name,
            meaning: $meaning,
            fields: &[$(stringify!($field)),*],
        },)+];

        fn write_event(out: &mut Vec<u8>, kind: &EventKind, names: &Names) -> io::Result<()> {
            match kind {$(
                EventKind::$variant { $($field),* } => {
                    out.extend_from_slice(concat!(",\"event\":\"", $name, "\"").as_bytes());
                    $(
                        out.extend_from_slice(concat!(",\"", stringify!($field), "\":").as_bytes());
                        $field.write(out, names)?;
                    )*
                }
            )+}
            Ok(())
        }
    };
}

events! {
    "node_joined" NodeJoined { node, slots, memory_bytes, disk_bytes }
        "a compute host joined the running service";
    "node_leaving" NodeLeaving { node }
        "a compute host is to leave: nothing begins there from now on";
    "node_stays" NodeStays { node } "it is not to leave after all";
    "node_left" NodeLeft { node, slots, memory_bytes } "it has left, and holds nothing any more";
    "node_down" NodeDown { node } "the host of a node went off, with all that was there";
    "node_up" NodeUp { node } "it is on again";
    "submitted" Submitted { invocation, function } "the service took an invocation in";
    "admitted" Admitted { invocation } "its image is on the head disk, so that it can be scheduled";
    "download_started" DownloadStarted { image, bytes }
        "a download to the head disk began and took room there";
    "download_ended" DownloadEnded { image } "the image is on the head disk";
    "download_failed" DownloadFailed { image } "the download failed and gave its room back";
    "head_placed" HeadPlaced { image, bytes }
        "an image is on the head disk from the start, without a download";
    "disk_placed" DiskPlaced { node, image, bytes }
        "an image is on the disk of a node from the start, without a copy";
    "memory_placed" MemoryPlaced { node, image, bytes }
        "an image is in the memory of a node from the start, without a load";
    "head_evicted" HeadEvicted { image, bytes } "an image was pushed out of the head disk";
    "copy_started" CopyStarted { node, image, bytes }
        "a copy to the disk of a node began and took room there";
    "copy_ended" CopyEnded { node, image } "the image is on the disk of the node";
    "copy_failed" CopyFailed { node, image, started } "a copy found no room, or was interrupted";
    "load_started" LoadStarted { node, image, bytes }
        "a load into the memory of a node began and took room there";
    "load_ended" LoadEnded { node, image } "the image is in the memory of the node";
    "load_failed" LoadFailed { node, image, started } "a load found no room, or was interrupted";
    "disk_evicted" DiskEvicted { node, image, bytes }
        "an image was pushed out of the disk of a node";
    "memory_evicted" MemoryEvicted { node, image, bytes } "an image left the memory of a node";
    "container_started" ContainerStarted {
        node, container, function, image, disk_bytes, memory_bytes, capacity, ready
    }
        "a container was started and took room";
    "container_idle" ContainerIdle { node, container, memory_bytes }
        "a container serves no invocation any more and is kept";
    "container_closed" ContainerClosed { node, container }
        "a container takes no further invocation, and stops when those in it have ended";
    "prewarm_planned" PrewarmPlanned { node, function, due }
        "a container is to be started ahead at a date";
    "prewarm_cancelled" PrewarmCancelled { function, by }
        "that plan was given up";
    "prewarmed" Prewarmed { node, container }
        "the container that has just been started was started ahead";
    "container_placed" ContainerPlaced { node, container }
        "the container that has just been started is warm from the start of the run";
    "prewarming_skipped" PrewarmingSkipped { node, function }
        "a container should have been started ahead, and could not";
    "container_stopped" ContainerStopped {
        node, container, memory_bytes, was_idle, cause, evicted_for
    }
        "a container stopped and gave its room back";
    "dispatched" Dispatched { invocation, node, container, memory_bytes, was_idle, start_kind }
        "an invocation was given to a container and took a slot";
    "ended" Ended { invocation, outcome, container }
        "an invocation ended and gave its slot back, if it had been dispatched";
}

/// A field of an event as JSON.
trait Field {
    fn write(&self, out: &mut Vec<u8>, names: &Names) -> io::Result<()>;
}

/// Fields that are values as they are, or stand for one.
macro_rules! fields {
    ($($kind:ty: $value:expr;)+) => {$(
        impl Field for $kind {
            fn write(&self, out: &mut Vec<u8>, names: &Names) -> io::Result<()> {
                let value: for<'a> fn(&'a Self, &'a Names) -> Value<'a> = $value;
                write_json(out, value(self, names))
            }
        }
    )+};
}

fields! {
    NodeId: |node, names| Value::Text(names.node(*node));
    FunctionId: |function, names| Value::Text(names.function(*function));
    ImageId: |image, names| Value::Text(names.image(*image));
    InvocationId: |invocation, _| Value::Integer(invocation.0);
    ContainerId: |container, _| Value::Integer(container.0);
    StartKind: |kind, _| Value::Text(kind.name());
    StopReason: |cause, _| Value::Text(cause.name());
    Time: |date, _| Value::Seconds(date.as_nanos());
    Outcome: |outcome, _| Value::Text(outcome.name());
    u64: |number, _| Value::Integer(*number);
    u32: |number, _| Value::Integer((*number).into());
}

impl Field for bool {
    fn write(&self, out: &mut Vec<u8>, _: &Names) -> io::Result<()> {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
        Ok(())
    }
}

impl<T: Field> Field for Option<T> {
    fn write(&self, out: &mut Vec<u8>, names: &Names) -> io::Result<()> {
        match self {
            Some(value) => value.write(out, names),
            None => write_json(out, Value::None),
        }
    }
}

/// Writes events as JSON Lines into anything that can be written to.
///
/// As with [records](crate::RecordWriter), the first error is kept and reported in the end.
///
/// ```
/// use isotherm_kernel::Time;
/// use isotherm_results::{EventWriter, Names};
/// use isotherm_serverless::{EventKind, ImageId, PlatformEvent};
///
/// let names = Names { images: vec!["python".into()], ..Names::default() };
/// let mut events = EventWriter::new(Vec::new(), names);
/// let kind = EventKind::DownloadEnded { image: ImageId(0) };
/// events.observe(&PlatformEvent { at: Time::from_nanos(1_500_000_000), kind });
/// let line = b"{\"at_s\":1.500000000,\"event\":\"download_ended\",\"image\":\"python\"}\n";
/// assert_eq!(events.close()?, line);
/// # Ok::<(), isotherm_results::SinkError>(())
/// ```
pub struct EventWriter<W: Write> {
    lines: io::Result<Lines<W>>,
    names: Names,
}

impl<W: Write> EventWriter<W> {
    /// Begins a file.
    pub fn new(writer: W, names: Names) -> Self {
        EventWriter { lines: Ok(Lines::new(writer)), names }
    }

    /// Takes one event of the platform's log.
    pub fn observe(&mut self, event: &PlatformEvent) {
        if let Ok(lines) = &mut self.lines
            && let Err(error) = line(lines, event, &self.names)
        {
            self.lines = Err(error);
        }
    }

    /// Writes what is still buffered and gives the writer back.
    ///
    /// # Errors
    ///
    /// The first error that occurred since the file was begun.
    pub fn close(self) -> Result<W, SinkError> {
        Ok(self.lines?.close()?)
    }
}

fn line<W: Write>(lines: &mut Lines<W>, event: &PlatformEvent, names: &Names) -> io::Result<()> {
    let out = lines.line();
    out.extend_from_slice(b"{\"at_s\":");
    write_json(out, Value::Seconds(event.at.as_nanos()))?;
    write_event(out, &event.kind, names)?;
    out.push(b'}');
    lines.end()
}
