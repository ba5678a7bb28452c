//! How much of links and disks was used over time, in the bins of the
//! [time series](crate::TimeSeries).
//!
//! Whoever runs the simulation stops it at the [end of each bin](UseSeries::next) and says how long
//! each link or disk that was used in it would have been used up to do the same, since the
//! beginning. This is exact, since the kernel integrates it. A bin costs what was used in it.
//! Memory is bounded by the number of bins for each link and disk that was ever used.

use std::io::{self, Write};
use std::sync::Arc;

use isotherm_kernel::Time;

use crate::Unit;
use crate::table::{Format, Head, Kind, Table, Value};
use crate::time_series::{FIRST_WIDTH, MOST_BINS};

/// There are at most so many links and disks in a file.
pub const MOST_PARTS: usize = 100;

/// What a link or a disk is called.
#[derive(Clone, Debug)]
pub struct UsedPart {
    /// `link`, `disk_read` or `disk_write`.
    pub kind: &'static str,
    /// The host of a disk.
    pub host: Option<Arc<str>>,
    /// Its name.
    pub name: Arc<str>,
}

/// One column of the file.
#[derive(Clone, Copy, Debug)]
pub struct UseColumn {
    /// Its name in the header.
    pub name: &'static str,
    /// What its values are measured in.
    pub unit: Unit,
    /// What it says, in one sentence.
    pub meaning: &'static str,
    kind: Kind,
}

impl UseColumn {
    /// All columns, in the order in which they are written.
    pub const ALL: &'static [UseColumn] = &[
        column("from_s", Unit::Seconds, Kind::Seconds, "when the bin begins"),
        column("to_s", Unit::Seconds, Kind::Seconds, "when it ends"),
        column(
            "kind",
            Unit::None,
            Kind::Text,
            "link, disk_read or disk_write: what a disk reads and what it writes is limited apart",
        ),
        column("host", Unit::None, Kind::Text, "name of the host of the disk; empty for links"),
        column("name", Unit::None, Kind::Text, "name of the link or disk"),
        column(
            "used_share",
            Unit::Share,
            Kind::Number,
            "the part of its capacity that was used, its mean, from 0 to 1",
        ),
    ];
}

const fn column(name: &'static str, unit: Unit, kind: Kind, meaning: &'static str) -> UseColumn {
    UseColumn { name, unit, meaning, kind }
}

/// How much of links and disks was used over time.
///
/// ```
/// use isotherm_kernel::Time;
/// use isotherm_results::{Format, UseSeries, UsedPart};
///
/// let mut series = UseSeries::new(vec![UsedPart { kind: "link", host: None, name: "wan".into() }]);
/// assert_eq!(series.next(), Time::from_nanos(1_000_000));
/// series.pass(series.next(), [(0, 0.00025)]);
/// let text = series.write(Time::from_nanos(1_000_000), Vec::new(), Format::Csv)?;
/// assert_eq!(
///     String::from_utf8(text).unwrap(),
///     "from_s,to_s,kind,host,name,used_share\n0.000000000,0.001000000,link,,wan,0.25\n"
/// );
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct UseSeries {
    /// The width of bins in nanoseconds.
    width: u64,
    /// The number of bins that are over.
    done: usize,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    names: UsedPart,
    /// Seconds of full use since the beginning.
    full_s: f64,
    /// The same of each bin, until the last one in which it was used.
    bins: Vec<f64>,
}

impl UseSeries {
    /// Begins at date 0.
    #[must_use]
    pub fn new(parts: Vec<UsedPart>) -> Self {
        let parts = parts.into_iter();
        let parts = parts.map(|names| Part { names, full_s: 0.0, bins: Vec::new() }).collect();
        UseSeries { width: FIRST_WIDTH, done: 0, parts }
    }

    /// The end of the present bin.
    #[must_use]
    pub fn next(&self) -> Time {
        Time::from_nanos((self.done as u64 + 1).saturating_mul(self.width))
    }

    /// The present bin is over, at its end or at that of the run. For each link or disk that was
    /// used in it, by its number, the seconds of full use since the beginning
    /// ([`full_s`](isotherm_kernel::ResourceUsage::full_s)).
    pub fn pass(&mut self, until: Time, used: impl IntoIterator<Item = (usize, f64)>) {
        for (number, full_s) in used {
            let Some(part) = self.parts.get_mut(number) else { continue };
            let more = (full_s - part.full_s).max(0.0);
            part.full_s = full_s;
            if more > 0.0 {
                part.bins.resize(self.done + 1, 0.0);
                part.bins[self.done] = more;
            }
        }
        if until < self.next() {
            return;
        }
        self.done += 1;
        if self.done >= MOST_BINS {
            for part in &mut self.parts {
                part.bins = part.bins.chunks(2).map(|pair| pair.iter().sum()).collect();
            }
            self.done /= 2;
            self.width = self.width.saturating_mul(2);
        }
    }

    /// Writes a row per bin and part until the end of the run: all parts, or if there are more than
    /// [`MOST_PARTS`] those that were used most, in their order.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write<W: Write + Send>(&self, end: Time, writer: W, format: Format) -> io::Result<W> {
        let mut busiest: Vec<usize> = (0..self.parts.len()).collect();
        busiest.sort_by(|&one, &other| {
            self.parts[other].full_s.total_cmp(&self.parts[one].full_s).then(one.cmp(&other))
        });
        busiest.truncate(MOST_PARTS);
        busiest.sort_unstable();
        let columns = UseColumn::ALL.iter();
        let heads: Vec<_> =
            columns.map(|column| Head { name: column.name, kind: column.kind }).collect();
        let mut table = Table::new(writer, format, &heads)?;
        let end = end.as_nanos();
        for bin in 0..end.div_ceil(self.width).max(1) {
            let from = bin * self.width;
            let to = from.saturating_add(self.width).min(end);
            let seconds = Time::from_nanos(to - from).as_secs_f64();
            for &number in &busiest {
                let Part { names, bins, .. } = &self.parts[number];
                let full_s = bins.get(bin as usize).copied().unwrap_or_default();
                table.row(
                    [
                        Value::Seconds(from),
                        Value::Seconds(to),
                        Value::Text(names.kind),
                        names.host.as_deref().map_or(Value::None, Value::Text),
                        Value::Text(&names.name),
                        // Nothing has a mean over no time.
                        if to > from { Value::Number(full_s / seconds) } else { Value::None },
                    ]
                    .into_iter(),
                )?;
            }
        }
        table.close()
    }
}
