//! The three families of files of the Azure Functions 2019 data set, one of each for every day.
//!
//! * `invocations_per_function_md.anon.dNN.csv`: a row for each function that is invoked on the
//!   day, with its invocations in each of the 1,440 minutes;
//! * `function_durations_percentiles.anon.dNN.csv`: average, count, minimum, maximum and
//!   percentiles of its durations in milliseconds, if they are known. (In the data set percentiles
//!   are those of averages over 30 s; here they are those of the invocations, to 1 %.)
//! * `app_memory_percentiles.anon.dNN.csv`: the memory of its app in MB, which is that of all its
//!   functions that are invoked on any day: a reader of the files divides it among these.
//!
//! Files of the same days are written over. Later days that are there already, of an export that
//! was longer, would be read as if they belonged to this one; so it is refused.
//!
//! Owner, app and function are written as they are called, not hashed. A function that the workload
//! `azure-like` has brought belongs to its app, any other is an app by itself; the experiment owns
//! them all. The trigger is `http`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;
use isotherm_kernel::Duration;

use super::{Pending, Writer, decimal};
use crate::arrivals::Planned;
use crate::check::azure::{FAMILIES, file_of_day};
use crate::output::Rules;
use crate::output::set::Staged;
use crate::plan::Plan;

const DAY: u64 = 86_400_000_000_000;
const MINUTE: u64 = 60_000_000_000;
const MINUTES: usize = 1440;
const MILLISECOND: u64 = 1_000_000;
const MEGABYTE: u64 = 1_000_000;

/// Two significant digits: a few tens of kB for each function that is invoked on a day.
const DIGITS: u8 = 2;

/// The files of the days so far, and the counts of the day that is going on.
pub struct Azure2019<'a> {
    rules: Rules<'a>,
    folder: PathBuf,
    owner: String,
    functions: Vec<Named>,
    day: u64,
    counts: BTreeMap<u32, OfDay>,
    /// The functions that are invoked on any of the days so far.
    invoked: BTreeSet<u32>,
    /// Days that are over but for the memory of their apps, which depends on the days that follow.
    days: Vec<Written>,
}

struct Named {
    app: String,
    name: String,
    memory_bytes: u64,
}

/// The files of a day.
struct Written {
    invocations: Pending,
    durations: Pending,
    memory: Pending,
    /// The functions that are invoked on it.
    invoked: Vec<u32>,
}

/// What happened to a function on a day.
struct OfDay {
    minutes: Box<[u32; MINUTES]>,
    known: u64,
    nanos: u128,
    least: Duration,
    most: Duration,
    durations: Option<Box<Histogram<u64>>>,
}

impl<'a> Azure2019<'a> {
    /// Begins with the first day.
    pub fn create(plan: &Plan, folder: &Path, rules: Rules<'a>) -> Self {
        let functions = plan.functions.iter().map(|function| Named {
            app: function.app().to_owned(),
            name: function.name.clone(),
            memory_bytes: function.limits.memory_bytes,
        });
        Azure2019 {
            rules,
            folder: folder.to_owned(),
            owner: plan.name.clone(),
            functions: functions.collect(),
            day: 0,
            counts: BTreeMap::new(),
            invoked: BTreeSet::new(),
            days: Vec::new(),
        }
    }

    fn file(&self, family: &str, header: &[String]) -> io::Result<Pending> {
        let path = self.folder.join(format!("{family}.anon.d{:02}.csv", self.day + 1));
        let mut file = Pending::create(&path, self.rules)?;
        file.row(header.iter().map(String::as_str))?;
        Ok(file)
    }

    /// Writes the files of the day that is over.
    fn close_day(&mut self) -> io::Result<()> {
        let counts = std::mem::take(&mut self.counts);
        let mut header =
            ["HashOwner", "HashApp", "HashFunction", "Trigger"].map(str::to_owned).to_vec();
        header.extend((1..=MINUTES).map(|minute| minute.to_string()));
        let mut invocations = self.file("invocations_per_function_md", &header)?;
        let percentiles = [0, 1, 25, 50, 75, 99, 100];
        header.truncate(3);
        header.extend(["Average", "Count", "Minimum", "Maximum"].map(str::to_owned));
        header.extend(percentiles.map(|percent| format!("percentile_Average_{percent}")));
        let mut durations = self.file("function_durations_percentiles", &header)?;
        header.truncate(2);
        header.extend(["SampleCount", "AverageAllocatedMb"].map(str::to_owned));
        header.extend(
            [1, 5, 25, 50, 75, 95, 99, 100]
                .map(|percent| format!("AverageAllocatedMb_pct{percent}")),
        );
        let memory = self.file("app_memory_percentiles", &header)?;
        for (function, of_day) in &counts {
            let Some(named) = self.functions.get(*function as usize) else { continue };
            let minutes: Vec<String> = of_day.minutes.iter().map(u32::to_string).collect();
            let who = [self.owner.as_str(), named.app.as_str(), named.name.as_str()];
            invocations
                .row(who.into_iter().chain(["http"]).chain(minutes.iter().map(String::as_str)))?;
            if let Some(row) = of_day.duration_row(&percentiles) {
                durations.row(who.into_iter().chain(row.iter().map(String::as_str)))?;
            }
        }
        self.invoked.extend(counts.keys());
        self.days.push(Written {
            invocations,
            durations,
            memory,
            invoked: counts.into_keys().collect(),
        });
        Ok(())
    }

    /// The memory of each app in bytes: that of its functions that are invoked.
    fn app_memory(&self) -> BTreeMap<&str, u128> {
        let mut memory = BTreeMap::new();
        for named in
            self.invoked.iter().filter_map(|&function| self.functions.get(function as usize))
        {
            *memory.entry(named.app.as_str()).or_insert(0) += u128::from(named.memory_bytes);
        }
        memory
    }

    /// Writes what each app takes that is invoked on a day.
    fn write_memory(&mut self) -> io::Result<()> {
        let mut days = std::mem::take(&mut self.days);
        let app_memory = self.app_memory();
        for day in &mut days {
            let named =
                day.invoked.iter().filter_map(|&function| self.functions.get(function as usize));
            let apps: BTreeSet<&str> = named.map(|named| named.app.as_str()).collect();
            for app in apps {
                let bytes = app_memory.get(app).copied().unwrap_or_default();
                let mb = decimal(u64::try_from(bytes).unwrap_or(u64::MAX), MEGABYTE);
                let who = [self.owner.as_str(), app, "1"];
                day.memory.row(who.into_iter().chain(std::iter::repeat_n(mb.as_str(), 9)))?;
            }
        }
        self.days = days;
        Ok(())
    }
}

impl Writer for Azure2019<'_> {
    fn arrival(&mut self, arrival: &Planned) -> io::Result<()> {
        let nanos = arrival.at.as_nanos();
        while nanos / DAY > self.day {
            self.close_day()?;
            self.day += 1;
        }
        let of_day = self.counts.entry(arrival.function).or_insert_with(OfDay::new);
        of_day.add((nanos % DAY / MINUTE) as usize, arrival.duration);
        Ok(())
    }

    fn in_the_way(&self) -> Option<PathBuf> {
        let later = (1..=99).filter(|&day| u64::from(day) > self.day + 1);
        later
            .flat_map(|day| FAMILIES.map(|family| file_of_day(&self.folder, family, day)))
            .flatten()
            .next()
    }

    fn finish(mut self: Box<Self>) -> io::Result<Vec<Staged>> {
        self.close_day()?;
        self.write_memory()?;
        let files =
            self.days.into_iter().flat_map(|day| [day.invocations, day.durations, day.memory]);
        files.map(Pending::whole).collect()
    }
}

impl OfDay {
    fn new() -> Self {
        let minutes = Box::new([0; MINUTES]);
        OfDay {
            minutes,
            known: 0,
            nanos: 0,
            least: Duration::MAX,
            most: Duration::ZERO,
            durations: None,
        }
    }

    fn add(&mut self, minute: usize, duration: Option<Duration>) {
        if let Some(count) = self.minutes.get_mut(minute) {
            *count += 1;
        }
        let Some(duration) = duration else { return };
        self.known += 1;
        self.nanos += u128::from(duration.as_nanos());
        self.least = self.least.min(duration);
        self.most = self.most.max(duration);
        if self.durations.is_none() {
            self.durations = Histogram::new(DIGITS).ok().map(Box::new);
        }
        if let Some(histogram) = &mut self.durations {
            // The histogram grows with what it records, up to any number of microseconds, so that
            // nothing is refused.
            let recorded = histogram.record(duration.as_nanos() / 1000);
            debug_assert!(recorded.is_ok(), "{duration} cannot be recorded");
        }
    }

    /// Average, count, minimum, maximum and percentiles.
    fn duration_row(&self, percentiles: &[u32]) -> Option<Vec<String>> {
        let histogram = self.durations.as_ref()?;
        let ms = |duration: Duration| decimal(duration.as_nanos(), MILLISECOND);
        let average = Duration::from_nanos((self.nanos / u128::from(self.known.max(1))) as u64);
        let mut row = vec![ms(average), self.known.to_string(), ms(self.least), ms(self.most)];
        row.extend(percentiles.iter().map(|&percent| match percent {
            0 => ms(self.least),
            100 => ms(self.most),
            _ => {
                let micros = histogram.value_at_quantile(f64::from(percent) / 100.0);
                let value = Duration::from_nanos(micros.saturating_mul(1000));
                ms(value.clamp(self.least, self.most))
            }
        }));
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The k-th of 1,000 durations is k ms, in an order that is not theirs; then p percent of them
    /// are at most 10 p ms.
    #[test]
    fn percentiles_are_those_of_the_durations() {
        let mut of_day = OfDay::new();
        for k in 0..1000 {
            of_day.add(0, Some(Duration::from_millis((k * 377) % 1000 + 1)));
        }
        let row = of_day.duration_row(&[0, 1, 25, 50, 75, 99, 100]).unwrap();
        assert_eq!(row[..4], ["500.5", "1000", "1", "1000"]);
        let percentiles: Vec<f64> = row[4..].iter().map(|text| text.parse().unwrap()).collect();
        for (got, expected) in
            percentiles.iter().zip([1.0, 10.0, 250.0, 500.0, 750.0, 990.0, 1000.0])
        {
            assert!((got / expected - 1.0f64).abs() <= 0.01, "{percentiles:?}");
        }
    }

    /// From less than a microsecond to what no clock measures.
    #[test]
    fn durations_of_any_length_are_recorded() {
        let mut of_day = OfDay::new();
        for duration in
            [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(3600), Duration::MAX]
        {
            of_day.add(1439, Some(duration));
        }
        let row = of_day.duration_row(&[0, 50, 75, 100]).unwrap();
        assert_eq!((row[4].as_str(), row[5].as_str(), &row[7]), ("0", "0", &row[3]));
        assert!((row[6].parse::<f64>().unwrap() / 3_600_000.0 - 1.0).abs() <= 0.01, "{row:?}");
    }
}
