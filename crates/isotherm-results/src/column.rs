//! The columns of the records of invocations: one table for the writers of every format, the
//! documentation and the tests.

use isotherm_serverless::{InvocationRecord, LastGone};

use crate::table::{Head, Kind, Value, write_number};

/// What the values of a column are measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// No unit: a number that names something, a name or a word.
    None,
    /// Simulated seconds with nine decimals, exact.
    Seconds,
    /// Bytes.
    Bytes,
    /// A part of something, from 0 to 1.
    Share,
}

impl Unit {
    /// How the unit is called in documentation: `s`, or nothing.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Unit::None => "",
            Unit::Seconds => "s",
            Unit::Bytes => "B",
            Unit::Share => "0 to 1",
        }
    }
}

/// One column of the records.
///
/// ```
/// let names: Vec<_> = isotherm_results::Column::ALL.iter().map(|column| column.name).collect();
/// assert_eq!(names[..4], ["id", "function", "image", "submitted_s"]);
/// ```
#[derive(Clone, Copy)]
pub struct Column {
    /// Its name in the header. A column with a unit carries it last.
    pub name: &'static str,
    /// What its values are measured in.
    pub unit: Unit,
    /// What it says, in one sentence, and when it is empty.
    pub meaning: &'static str,
    /// Where its values come from.
    read: Read,
}

/// What gives the value of a record, by its kind.
#[derive(Clone, Copy)]
enum Read {
    Integer(fn(&InvocationRecord) -> Option<u64>),
    /// In nanoseconds.
    Seconds(fn(&InvocationRecord) -> Option<u64>),
    Text(fn(&InvocationRecord) -> Option<&str>),
}

impl Column {
    /// All columns, in the order in which they are written.
    pub const ALL: &'static [Column] = &[
        integer(
            "id",
            "number of the invocation, counted from 0 in the order of submission",
            |record| Some(record.id.0),
        ),
        text("function", "name of the function", |record| Some(&record.function)),
        text("image", "name of the function's image; empty if it has none", |record| {
            record.image.as_deref()
        }),
        seconds("submitted_s", "when the service took the invocation in", |record| {
            Some(record.submitted.as_nanos())
        }),
        seconds(
            "admitted_s",
            "when its image was on the head disk, so that it could be scheduled; empty if that \
             never came",
            |record| record.admitted.map(|date| date.as_nanos()),
        ),
        seconds(
            "dispatched_s",
            "when it was given to a container; empty if that never came",
            |record| record.dispatched.map(|date| date.as_nanos()),
        ),
        seconds("started_s", "when its body began; empty if that never came", |record| {
            record.started.map(|date| date.as_nanos())
        }),
        seconds(
            "ended_s",
            "when its body ended; empty if the body never began or was killed by its time limit",
            |record| record.ended.map(|date| date.as_nanos()),
        ),
        text(
            "outcome",
            "how it ended: completed, timed_out, failed, cancelled or rejected",
            |record| Some(record.outcome.name()),
        ),
        text(
            "cause",
            "why it did not complete, in one word such as time_limit or storage_full; empty if it \
             completed",
            |record| record.cause.as_ref().map(|cause| cause.code()),
        ),
        text(
            "node",
            "name of the compute host that ran it; empty if it was never dispatched",
            |record| record.node.as_deref(),
        ),
        integer(
            "container",
            "number of the container that served it; empty if it was never dispatched",
            |record| record.container.map(|container| container.0),
        ),
        text(
            "start_kind",
            "cold if a container was started for it, warm if an idle one served it; empty if it \
             was never dispatched",
            |record| record.start_kind.map(|kind| kind.name()),
        ),
        seconds(
            "download_wait_s",
            "time it waited for the download of its image from the repository to the head disk",
            |record| Some(record.download_wait.as_nanos()),
        ),
        seconds(
            "copy_wait_s",
            "time, after admission, during which its image was being copied to the disk of the \
             node that ran it",
            |record| Some(record.copy_wait.as_nanos()),
        ),
        seconds(
            "load_wait_s",
            "time, after admission, during which its image was being loaded into the memory of \
             the node that ran it",
            |record| Some(record.load_wait.as_nanos()),
        ),
        seconds(
            "queue_s",
            "time until dispatch spent neither downloading, copying nor loading: in line for \
             concurrency, or for a slot or room; empty if it was never dispatched",
            |record| record.dispatched.map(|_| record.queue().as_nanos()),
        ),
        seconds(
            "startup_s",
            "time from dispatch to the beginning of the body: the start-up of the container; \
             empty if the body never began",
            |record| record.startup().map(|time| time.as_nanos()),
        ),
        seconds(
            "execution_s",
            "time the body ran, until its end, or, if it was killed, until the service heard of \
             it: at once, but under preset `wrench` with a `processing_overhead` only when it is \
             done with the requests in its hands; empty if the body never began",
            |record| record.execution().map(|time| time.as_nanos()),
        ),
        seconds(
            "response_s",
            "time from submission until the platform was done with the invocation, however it \
             ended",
            |record| Some(record.response().as_nanos()),
        ),
        text(
            "cold_reason",
            "why it had a cold start, as the platform stood when it was dispatched, in the words \
             of `cold_starts_by_reason`; empty if it had none",
            |record| record.cold_start.as_ref().map(|cold| cold.reason.name()),
        ),
        text(
            "last_gone_cause",
            "for a cold start, why the container of the function had ended that had ended last: \
             evicted, expired, not_kept, stopped (by the scheduler), discarded, lost or \
             node_left; empty if none had",
            |record| last_gone(record).map(|gone| gone.cause.name()),
        ),
        seconds("last_gone_s", "when that container had ended", |record| {
            last_gone(record).map(|gone| gone.at.as_nanos())
        }),
        text(
            "last_gone_for",
            "name of the function for which that container was evicted; empty if it was not \
             evicted",
            |record| last_gone(record).and_then(|gone| gone.evicted_for.as_deref()),
        ),
        text(
            "waited_for",
            "what it waited for the longest until its body began: concurrency, download, copy, \
             load, place (a slot, room, or invocations before it) or start_up, the first of these \
             if some are equal; empty if it did not wait or was never dispatched",
            |record| record.waited_for().map(|what| what.name()),
        ),
        text(
            "app",
            "name of the app of the function; that of the function if it has none",
            |record| Some(&record.app),
        ),
    ];

    /// The value of this column for a record.
    #[must_use]
    #[inline]
    pub fn value<'a>(&self, record: &'a InvocationRecord) -> Value<'a> {
        match self.read {
            Read::Integer(read) => read(record).map_or(Value::None, Value::Integer),
            Read::Seconds(read) => read(record).map_or(Value::None, Value::Seconds),
            Read::Text(read) => read(record).map_or(Value::None, Value::Text),
        }
    }

    /// Appends the value of this column for a record to `out` as CSV has it, without quotes;
    /// nothing if it has none.
    pub fn write(&self, out: &mut Vec<u8>, record: &InvocationRecord) {
        match self.value(record) {
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
            number => write_number(out, number),
        }
    }

    /// What the values of this column are, in files that have types.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.read {
            Read::Integer(_) => Kind::Integer,
            Read::Seconds(_) => Kind::Seconds,
            Read::Text(_) => Kind::Text,
        }
    }

    pub(crate) fn heads() -> Vec<Head<'static>> {
        Self::ALL.iter().map(|column| Head { name: column.name, kind: column.kind() }).collect()
    }
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Column")
            .field("name", &self.name)
            .field("unit", &self.unit)
            .finish_non_exhaustive()
    }
}

const fn integer(
    name: &'static str,
    meaning: &'static str,
    read: fn(&InvocationRecord) -> Option<u64>,
) -> Column {
    Column { name, unit: Unit::None, meaning, read: Read::Integer(read) }
}

const fn seconds(
    name: &'static str,
    meaning: &'static str,
    read: fn(&InvocationRecord) -> Option<u64>,
) -> Column {
    Column { name, unit: Unit::Seconds, meaning, read: Read::Seconds(read) }
}

fn last_gone(record: &InvocationRecord) -> Option<&LastGone> {
    record.cold_start.as_ref()?.last_gone.as_ref()
}

const fn text(
    name: &'static str,
    meaning: &'static str,
    read: fn(&InvocationRecord) -> Option<&str>,
) -> Column {
    Column { name, unit: Unit::None, meaning, read: Read::Text(read) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_carries_its_unit_last() {
        for column in Column::ALL {
            assert_eq!(
                column.name.ends_with("_s"),
                column.unit == Unit::Seconds,
                "{}",
                column.name
            );
        }
    }
}
