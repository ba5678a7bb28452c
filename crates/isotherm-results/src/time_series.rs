//! What the platform did and held over time, in bins of equal width.
//!
//! [`TimeSeries`] listens to the [event log](isotherm_serverless::PlatformEvent). Bins begin at
//! date 0 and are 1 ms wide at first. When there would be more than [`MOST_BINS`], they are merged
//! pairwise and so are twice as wide. Memory is bounded by that. An event costs O(log n) in the
//! containers.
//!
//! Sums over time are integers, so that it makes no difference to a mean how often bins have been
//! merged.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use isotherm_kernel::Time;
use isotherm_serverless::{EventKind, ImageId, NodeId, PlatformEvent, StartKind};

use crate::Unit;
use crate::holdings::{Change, Holdings, LEVELS, Level, Levels};
use crate::table::{Format, Head, Kind, Table, Value};

/// There are at most so many bins.
pub const MOST_BINS: usize = 2_000;

/// Nodes are distinguished if there are at most so many.
pub const MOST_NODES: usize = 100;

/// The width of bins at the beginning, in nanoseconds.
pub(crate) const FIRST_WIDTH: u64 = 1_000_000;

/// What is counted.
#[derive(Clone, Copy)]
enum Count {
    Arrivals,
    Ended,
    ColdStarts,
    WarmStarts,
    ContainersStarted,
    ImageHits,
}

const COUNTS: usize = 6;

/// One column of a time series.
#[derive(Clone, Copy)]
pub struct TimeColumn {
    /// Its name in the header. A column with a unit carries it last.
    pub name: &'static str,
    /// What its values are measured in.
    pub unit: Unit,
    /// What it says, in one sentence.
    pub meaning: &'static str,
    /// Whether the file of the whole platform has it.
    pub of_platform: bool,
    /// Whether the file of the nodes has it.
    pub of_nodes: bool,
    source: Source,
}

#[derive(Clone, Copy)]
enum Source {
    From,
    To,
    Node,
    Count(Count),
    /// The mean of a level over the bin.
    Mean(Level),
}

impl TimeColumn {
    /// All columns, in the order in which they are written.
    pub const ALL: &'static [TimeColumn] = &[
        column("from_s", Unit::Seconds, "when the bin begins", Source::From),
        column(
            "to_s",
            Unit::Seconds,
            "when it ends; what happens at this date belongs to the next bin, or to this one if it \
             is the last",
            Source::To,
        ),
        column("node", Unit::None, "name of the compute host", Source::Node).only_of_nodes(),
        count("arrivals", "invocations that the service took in", Count::Arrivals).of_all(),
        count("ended", "invocations that ended, in whichever way", Count::Ended).of_all(),
        count("cold_starts", "invocations dispatched with a cold start", Count::ColdStarts),
        count("warm_starts", "invocations dispatched with a warm start", Count::WarmStarts),
        count(
            "containers_started",
            "containers that were started, also ahead of invocations",
            Count::ContainersStarted,
        ),
        count(
            "image_hits",
            "those of them whose image another container had been started from since its load into \
             the memory of the node: no load was made for them",
            Count::ImageHits,
        ),
        mean(
            "pending",
            "invocations taken in and neither dispatched nor ended, their mean",
            Level::Pending,
        )
        .of_all(),
        mean(
            "running",
            "invocations dispatched and not ended, which are the slots in use, their mean",
            Level::Running,
        ),
        mean(
            "starting_containers",
            "containers that were starting, their mean",
            Level::StartingContainers,
        ),
        mean(
            "busy_containers",
            "containers that had started and served an invocation, their mean",
            Level::BusyContainers,
        ),
        mean(
            "idle_containers",
            "containers that had started and served none, their mean",
            Level::IdleContainers,
        ),
        mean(
            "starting_memory_bytes",
            "memory of starting containers, its mean",
            Level::StartingMemory,
        ),
        mean("busy_memory_bytes", "memory of busy containers, its mean", Level::BusyMemory),
        mean("idle_memory_bytes", "memory of idle containers, its mean", Level::IdleMemory),
        mean(
            "image_memory_bytes",
            "memory of images that were there or being loaded, its mean",
            Level::ImageMemory,
        ),
    ];

    /// What the values of this column are, in files that have types.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.source {
            Source::From | Source::To => Kind::Seconds,
            Source::Node => Kind::Text,
            Source::Count(_) => Kind::Integer,
            Source::Mean(_) => Kind::Number,
        }
    }

    const fn only_of_nodes(mut self) -> Self {
        self.of_platform = false;
        self
    }

    /// The same; not said of single nodes, which an invocation has only when it is dispatched.
    const fn of_all(mut self) -> Self {
        self.of_nodes = false;
        self
    }
}

impl std::fmt::Debug for TimeColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimeColumn")
            .field("name", &self.name)
            .field("unit", &self.unit)
            .finish_non_exhaustive()
    }
}

const fn column(
    name: &'static str,
    unit: Unit,
    meaning: &'static str,
    source: Source,
) -> TimeColumn {
    TimeColumn { name, unit, meaning, of_platform: true, of_nodes: true, source }
}

const fn count(name: &'static str, meaning: &'static str, count: Count) -> TimeColumn {
    column(name, Unit::None, meaning, Source::Count(count))
}

const fn mean(name: &'static str, meaning: &'static str, level: Level) -> TimeColumn {
    let unit = match level {
        Level::StartingMemory | Level::BusyMemory | Level::IdleMemory | Level::ImageMemory => {
            Unit::Bytes
        }
        _ => Unit::None,
    };
    column(name, unit, meaning, Source::Mean(level))
}

/// What the platform did and held over time, in bins of equal width from date 0 on. They are 1 ms
/// wide at first; when there would be more than 2,000, they are merged pairwise.
///
/// ```
/// use isotherm_kernel::Time;
/// use isotherm_results::{Format, TimeSeries};
/// use isotherm_serverless::{EventKind, FunctionId, InvocationId, PlatformEvent};
///
/// let mut series = TimeSeries::new(Vec::new());
/// let kind = EventKind::Submitted { invocation: InvocationId(0), function: FunctionId(0) };
/// series.observe(&PlatformEvent { at: Time::from_nanos(500_000), kind });
/// // Pending for the second half of the first millisecond, and for the whole second one.
/// let text = series.write(Time::from_nanos(2_000_000), Vec::new(), Format::Csv)?;
/// let text = String::from_utf8(text).unwrap();
/// assert!(text.lines().nth(1).unwrap().starts_with("0.000000000,0.001000000,1,0,0,0,0,0,0.5,"));
/// assert!(text.lines().nth(2).unwrap().starts_with("0.001000000,0.002000000,0,0,0,0,0,0,1,"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct TimeSeries {
    /// The width of bins in nanoseconds.
    width: u64,
    all: Series,
    /// One for each node, if they are distinguished.
    nodes: Vec<(Arc<str>, Series)>,
    holdings: Holdings,
    /// Images in memories that no container was started from since their load.
    fresh: BTreeSet<(NodeId, ImageId)>,
    /// Work space, kept to avoid allocations.
    changes: Vec<Change>,
}

#[derive(Clone, Debug, Default)]
struct Series {
    /// What is held now, and since which date it is not summed up yet.
    levels: Levels,
    since: u64,
    bins: Vec<Bin>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    counts: [u64; COUNTS],
    /// Levels × nanoseconds.
    held: [u128; LEVELS],
}

impl Bin {
    fn add(&mut self, other: &Bin) {
        for (sum, more) in self.counts.iter_mut().zip(other.counts) {
            *sum += more;
        }
        for (sum, more) in self.held.iter_mut().zip(other.held) {
            *sum += more;
        }
    }
}

impl Series {
    fn bin(&mut self, number: usize) -> &mut Bin {
        if self.bins.len() <= number {
            self.bins.resize(number + 1, Bin::default());
        }
        &mut self.bins[number]
    }

    /// Lets time pass until a date.
    fn pass(&mut self, until: u64, width: u64) {
        while self.since < until {
            let number = self.since / width;
            let end = (number + 1).saturating_mul(width).min(until);
            let (nanos, levels) = (u128::from(end - self.since), self.levels);
            let bin = self.bin(number as usize);
            for (held, level) in bin.held.iter_mut().zip(levels.all()) {
                *held += u128::from(level) * nanos;
            }
            self.since = end;
        }
    }

    fn merge(&mut self) {
        for pair in 0..self.bins.len().div_ceil(2) {
            let mut bin = self.bins[2 * pair];
            if let Some(second) = self.bins.get(2 * pair + 1) {
                bin.add(second);
            }
            self.bins[pair] = bin;
        }
        self.bins.truncate(self.bins.len().div_ceil(2));
    }
}

impl TimeSeries {
    /// Begins with nothing held. The names are those of the nodes by their numbers; nodes are
    /// distinguished if there are at most [`MOST_NODES`] of them.
    #[must_use]
    pub fn new(nodes: Vec<Arc<str>>) -> Self {
        let nodes = if nodes.len() > MOST_NODES { Vec::new() } else { nodes };
        TimeSeries {
            width: FIRST_WIDTH,
            all: Series::default(),
            nodes: nodes.into_iter().map(|name| (name, Series::default())).collect(),
            holdings: Holdings::default(),
            fresh: BTreeSet::new(),
            changes: Vec::new(),
        }
    }

    /// Takes one event of the platform's log.
    pub fn observe(&mut self, event: &PlatformEvent) {
        self.widen(event.at.as_nanos());
        self.holdings.observe(event, &mut self.changes);
        self.apply_changes();
        let at = event.at;
        match event.kind {
            EventKind::Submitted { .. } => self.count(at, None, Count::Arrivals),
            EventKind::Dispatched { node, start_kind, .. } => {
                let started = match start_kind {
                    StartKind::Cold => Count::ColdStarts,
                    StartKind::Warm => Count::WarmStarts,
                };
                self.count(at, Some(node), started);
            }
            EventKind::Ended { .. } => self.count(at, None, Count::Ended),
            EventKind::ContainerStarted { node, image, .. } => {
                self.count(at, Some(node), Count::ContainersStarted);
                if image.is_some_and(|image| !self.fresh.remove(&(node, image))) {
                    self.count(at, Some(node), Count::ImageHits);
                }
            }
            EventKind::LoadEnded { node, image } | EventKind::MemoryPlaced { node, image, .. } => {
                self.fresh.insert((node, image));
            }
            EventKind::MemoryEvicted { node, image, .. } => {
                self.fresh.remove(&(node, image));
            }
            _ => {}
        }
    }

    /// Makes bins so wide that there is one for a date.
    fn widen(&mut self, at: u64) {
        while at / self.width >= MOST_BINS as u64 {
            // Bins that are begun are not complete, but their parts stay within the wider ones.
            self.all.merge();
            self.nodes.iter_mut().for_each(|(_, series)| series.merge());
            self.width = self.width.saturating_mul(2);
        }
    }

    /// The series of the platform, and that of a node if it is distinguished.
    fn series_of(&mut self, node: Option<NodeId>) -> impl Iterator<Item = &mut Series> {
        let of_node = node.and_then(|node| self.nodes.get_mut(node.index()));
        std::iter::once(&mut self.all).chain(of_node.map(|(_, series)| series))
    }

    fn count(&mut self, at: Time, node: Option<NodeId>, what: Count) {
        let number = (at.as_nanos() / self.width) as usize;
        for series in self.series_of(node) {
            series.bin(number).counts[what as usize] += 1;
        }
    }

    fn apply_changes(&mut self) {
        let (mut changes, width) = (std::mem::take(&mut self.changes), self.width);
        for Change { at, node, level, by } in changes.drain(..) {
            for series in self.series_of(node) {
                series.pass(at.as_nanos(), width);
                series.levels.change(level, by);
            }
        }
        self.changes = changes;
    }

    /// Writes the series of the whole platform, a row per bin, until the end of the run.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write<W: Write + Send>(
        &mut self,
        end: Time,
        writer: W,
        format: Format,
    ) -> io::Result<W> {
        self.write_table(end, writer, format, false)
    }

    /// Writes the series of the nodes, a row per bin and node.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write_nodes<W: Write + Send>(
        &mut self,
        end: Time,
        writer: W,
        format: Format,
    ) -> io::Result<W> {
        self.write_table(end, writer, format, true)
    }

    fn write_table<W: Write + Send>(
        &mut self,
        end: Time,
        writer: W,
        format: Format,
        of_nodes: bool,
    ) -> io::Result<W> {
        self.close(end);
        let is_in = |column: &&TimeColumn| match of_nodes {
            true => column.of_nodes,
            false => column.of_platform,
        };
        let columns: Vec<_> = TimeColumn::ALL.iter().filter(is_in).collect();
        let mut table = Table::new(writer, format, &heads(&columns))?;
        for number in 0..self.all.bins.len() {
            match of_nodes {
                false => self.row(&mut table, &columns, (number, end), None, &self.all)?,
                true => {
                    for (name, series) in &self.nodes {
                        self.row(&mut table, &columns, (number, end), Some(name), series)?;
                    }
                }
            }
        }
        table.close()
    }

    fn row<W: Write + Send>(
        &self,
        table: &mut Table<W>,
        columns: &[&TimeColumn],
        (number, end): (usize, Time),
        node: Option<&str>,
        series: &Series,
    ) -> io::Result<()> {
        let from = number as u64 * self.width;
        let to = from.saturating_add(self.width).min(end.as_nanos());
        let bin = series.bins[number];
        let nanos = to.saturating_sub(from);
        table.row(columns.iter().map(|column| match column.source {
            Source::From => Value::Seconds(from),
            Source::To => Value::Seconds(to),
            Source::Node => node.map_or(Value::None, Value::Text),
            Source::Count(count) => Value::Integer(bin.counts[count as usize]),
            // Nothing has a mean over no time.
            Source::Mean(_) if nanos == 0 => Value::None,
            Source::Mean(level) => Value::Number(bin.held[level as usize] as f64 / nanos as f64),
        }))
    }

    /// Sums everything up to the end, and gives all series the same number of bins. It may be
    /// called again for the same end.
    fn close(&mut self, end: Time) {
        self.widen(end.as_nanos());
        self.holdings.pass(end, &mut self.changes);
        self.apply_changes();
        let end = end.as_nanos();
        let last = (end / self.width) as usize;
        let width = self.width;
        let nodes = self.nodes.iter_mut().map(|(_, series)| series);
        for series in std::iter::once(&mut self.all).chain(nodes) {
            series.pass(end, width);
            series.bin(last);
            // What happens at the end belongs to the last bin that takes any time.
            if last > 0 && end.is_multiple_of(width) {
                series.bins.truncate(last + 1);
                if let Some(bin) = series.bins.pop() {
                    series.bins[last - 1].add(&bin);
                }
            }
        }
    }
}

fn heads(columns: &[&TimeColumn]) -> Vec<Head<'static>> {
    columns.iter().map(|column| Head { name: column.name, kind: column.kind() }).collect()
}
