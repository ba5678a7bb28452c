//! The columns of `invocations.csv`: one table for the writer, the documentation and the tests.

use isotherm_serverless::{InvocationRecord, LastGone};

use crate::decimal::{write_integer, write_seconds};

/// What the values of a column are measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// No unit: a number that names something, a name or a word.
    None,
    /// Simulated seconds with nine decimals, exact.
    Seconds,
}

impl Unit {
    /// How the unit is called in documentation: `s`, or nothing.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Unit::None => "",
            Unit::Seconds => "s",
        }
    }
}

/// One column of `invocations.csv`.
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
    /// Appends the value of a record; appends nothing if there is none.
    write: Write,
}

impl Column {
    /// All columns, in the order in which they are written.
    pub const ALL: &'static [Column] = &[
        plain(
            "id",
            "number of the invocation, counted from 0 in the order of submission",
            |out, record| write_integer(out, record.id.0),
        ),
        plain("function", "name of the function", |out, record| {
            out.extend_from_slice(record.function.as_bytes())
        }),
        plain("image", "name of the function's image; empty if it has none", |out, record| {
            write_name(out, record.image.as_deref())
        }),
        seconds("submitted_s", "when the service took the invocation in", |out, record| {
            write_seconds(out, record.submitted.as_nanos())
        }),
        seconds(
            "admitted_s",
            "when its image was on the head disk, so that it could be scheduled; empty if that never came",
            |out, record| write_date(out, record.admitted.map(|date| date.as_nanos())),
        ),
        seconds(
            "dispatched_s",
            "when it was given to a container; empty if that never came",
            |out, record| write_date(out, record.dispatched.map(|date| date.as_nanos())),
        ),
        seconds("started_s", "when its body began; empty if that never came", |out, record| {
            write_date(out, record.started.map(|date| date.as_nanos()))
        }),
        seconds(
            "ended_s",
            "when its body ended; empty if the body never began or was killed by its time limit",
            |out, record| write_date(out, record.ended.map(|date| date.as_nanos())),
        ),
        plain(
            "outcome",
            "how it ended: completed, timed_out, failed, cancelled or rejected",
            |out, record| out.extend_from_slice(record.outcome.name().as_bytes()),
        ),
        plain(
            "cause",
            "why it did not complete, in one word such as time_limit or storage_full; empty if it completed",
            |out, record| write_name(out, record.cause.as_ref().map(|cause| cause.code())),
        ),
        plain(
            "node",
            "name of the compute host that ran it; empty if it was never dispatched",
            |out, record| write_name(out, record.node.as_deref()),
        ),
        plain(
            "container",
            "number of the container that served it; empty if it was never dispatched",
            |out, record| {
                if let Some(container) = record.container {
                    write_integer(out, container.0);
                }
            },
        ),
        plain(
            "start_kind",
            "cold if a container was started for it, warm if an idle one served it; empty if it was never dispatched",
            |out, record| write_name(out, record.start_kind.map(|kind| kind.name())),
        ),
        seconds(
            "download_wait_s",
            "time it waited for the download of its image from the repository to the head disk",
            |out, record| write_seconds(out, record.download_wait.as_nanos()),
        ),
        seconds(
            "copy_wait_s",
            "time, after admission, during which its image was being copied to the disk of the node that ran it",
            |out, record| write_seconds(out, record.copy_wait.as_nanos()),
        ),
        seconds(
            "load_wait_s",
            "time, after admission, during which its image was being loaded into the memory of the node that ran it",
            |out, record| write_seconds(out, record.load_wait.as_nanos()),
        ),
        seconds(
            "queue_s",
            "time until dispatch spent neither downloading, copying nor loading: in line for concurrency, or for a slot or room; empty if it was never dispatched",
            |out, record| write_date(out, record.dispatched.map(|_| record.queue().as_nanos())),
        ),
        seconds(
            "startup_s",
            "time from dispatch to the beginning of the body: the start-up of the container; empty if the body never began",
            |out, record| write_date(out, record.startup().map(|time| time.as_nanos())),
        ),
        seconds(
            "execution_s",
            "time the body ran, until its end, or, if it was killed, until the service heard of it: at once, but under preset `wrench` with a `processing_overhead` only when it is done with the requests in its hands; empty if the body never began",
            |out, record| write_date(out, record.execution().map(|time| time.as_nanos())),
        ),
        seconds(
            "response_s",
            "time from submission until the platform was done with the invocation, however it ended",
            |out, record| write_seconds(out, record.response().as_nanos()),
        ),
        plain(
            "cold_reason",
            "why it had a cold start, as the platform stood when it was dispatched, in the words of `cold_starts_by_reason`; empty if it had none",
            |out, record| {
                write_name(out, record.cold_start.as_ref().map(|cold| cold.reason.name()))
            },
        ),
        plain(
            "last_gone_cause",
            "for a cold start, why the container of the function had ended that had ended last: evicted, expired, not_kept, stopped (by the scheduler), discarded, lost or node_left; empty if none had",
            |out, record| write_name(out, last_gone(record).map(|gone| gone.cause.name())),
        ),
        seconds("last_gone_s", "when that container had ended", |out, record| {
            write_date(out, last_gone(record).map(|gone| gone.at.as_nanos()))
        }),
        plain(
            "last_gone_for",
            "name of the function for which that container was evicted; empty if it was not evicted",
            |out, record| {
                write_name(out, last_gone(record).and_then(|gone| gone.evicted_for.as_deref()))
            },
        ),
        plain(
            "waited_for",
            "what it waited for the longest until its body began: concurrency, download, copy, load, place (a slot, room, or invocations before it) or start_up, the first of these if some are equal; empty if it did not wait or was never dispatched",
            |out, record| write_name(out, record.waited_for().map(|what| what.name())),
        ),
    ];

    /// Appends the value of this column for `record` to `out`, as text; nothing if it has none.
    pub fn write(&self, out: &mut Vec<u8>, record: &InvocationRecord) {
        (self.write)(out, record);
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

/// What appends the value of a record.
type Write = fn(&mut Vec<u8>, &InvocationRecord);

const fn plain(name: &'static str, meaning: &'static str, write: Write) -> Column {
    Column { name, unit: Unit::None, meaning, write }
}

const fn seconds(name: &'static str, meaning: &'static str, write: Write) -> Column {
    Column { name, unit: Unit::Seconds, meaning, write }
}

fn last_gone(record: &InvocationRecord) -> Option<&LastGone> {
    record.cold_start.as_ref()?.last_gone.as_ref()
}

fn write_name(out: &mut Vec<u8>, name: Option<&str>) {
    out.extend_from_slice(name.unwrap_or_default().as_bytes());
}

fn write_date(out: &mut Vec<u8>, nanos: Option<u64>) {
    if let Some(nanos) = nanos {
        write_seconds(out, nanos);
    }
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
