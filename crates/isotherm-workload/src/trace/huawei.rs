//! The traces of Huawei Cloud of 2023, private and public: wide tables of counts.
//!
//! | file | one row for each | what is read of it |
//! |---|---|---|
//! | `requests_minute/day_NNN.csv` | minute | how many invocations each function has in it: a column for each function, named by its number |
//! | `function_delay_minute/day_NNN.csv` | minute | how long they take in the mean, of the private cloud only |
//!
//! The columns `day` and `time` (in seconds since the start of the data set) come before those of
//! the functions. What is read is kept as [counts of minutes](Azure2019), and replayed in the same
//! way.
//!
//! An invocation lasts as the means of the minutes of its day say: durations are drawn between
//! their percentiles, in which a minute weighs as much as it has invocations.

use std::collections::HashMap;
use std::io::Read;

use isotherm_kernel::Distribution;

use super::azure::{
    AppSample, Azure2019, Azure2019Function, Azure2019Scan, MINUTES, MinuteCounts, PERCENTILES,
    Quirks, count, with_durations,
};
use super::columns::Located;
use super::csv::CsvTable;
use super::decimal;
use super::row_errors::{AfterError, RowErrors};
use super::table::{LONGEST_VALUE, TableRows, beginning};
use crate::error::{TraceError, TraceProblem, ValueKind};
use crate::{TimeUnit, WorkloadError};

/// The minutes of a day.
const OF_A_DAY: usize = MINUTES as usize;

/// The number of functions that are read; the counts of a day of all of them are held at once.
const MOST_FUNCTIONS: usize = 20_000;

/// The nanoseconds of a minute.
const MINUTE_NANOS: u64 = 60_000_000_000;

/// Reads the files of some days: of each day that of requests before that of delays.
///
/// ```
/// use isotherm_workload::{AppSample, Huawei2023Files, TimeUnit};
///
/// let mut files = Huawei2023Files::new(AppSample::default(), 20);
/// files.requests(0, 7, "r.csv", "day,time,0,28\n7,604800,2.0,\n7,604860,NaN,5\n".as_bytes())?;
/// let delays = "day,time,0,28\n7,604800,12.5,\n7,604860,,40\n";
/// files.delays(0, 7, TimeUnit::MILLISECOND, "d.csv", delays.as_bytes())?;
/// let scan = files.finish();
/// assert!(scan.errors.is_empty());
/// let functions = scan.trace.functions.iter();
/// let told: Vec<_> = functions.map(|one| (one.name.as_str(), one.invocations)).collect();
/// assert_eq!(told, [("0", 2), ("28", 5)]);
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
#[derive(Debug)]
pub struct Huawei2023Files {
    sample: AppSample,
    errors: RowErrors,
    days: u16,
    quirks: Quirks,
    /// The functions by their names.
    numbers: HashMap<String, usize>,
    functions: Vec<Function>,
    without_rows: Option<Box<TraceError>>,
    has_rows: bool,
}

#[derive(Debug)]
struct Function {
    name: String,
    is_left_out: bool,
    days: Vec<(u16, MinuteCounts)>,
    durations: Vec<(u16, Distribution)>,
}

/// What a file has of one function.
struct FunctionColumn {
    column: Located<()>,
    /// Which function; `None` if no file of requests has it.
    function: Option<usize>,
    /// Whether it is not in the sample.
    is_left_out: bool,
}

impl Huawei2023Files {
    /// A reader at the beginning. The sample is one of functions; the first `in_full` errors are
    /// reported in full.
    #[must_use]
    pub fn new(sample: AppSample, in_full: usize) -> Self {
        Huawei2023Files {
            sample,
            errors: RowErrors::new(in_full),
            days: 0,
            quirks: Quirks::default(),
            numbers: HashMap::new(),
            functions: Vec::new(),
            without_rows: None,
            has_rows: false,
        }
    }

    /// Reads the requests of a day. It is the one of this `number`, counted from 0, of those that
    /// are played, and `day` in the data set. The name is for messages.
    ///
    /// # Errors
    ///
    /// What is wrong with the file as a whole: it cannot be read, is empty, or lacks its columns.
    pub fn requests(
        &mut self,
        number: u16,
        day: u16,
        name: &str,
        reader: impl Read,
    ) -> Result<(), WorkloadError> {
        let mut rows = CsvTable::new(name, reader)?;
        let time = Located::find(&mut rows, "time", day)?;
        let columns = columns(&rows)?;
        let functions: Vec<usize> =
            columns.iter().map(|column| self.function(column.name())).collect();
        let mut counts = vec![0u32; columns.len() * OF_A_DAY];
        let mut seen = [false; OF_A_DAY];
        self.days = self.days.max(number + 1);
        let empty = rows.error(None, TraceProblem::NoRows);
        let mut values = vec![0; columns.len()];
        let any = self.rows(rows, &time, |files, rows, minute| {
            for (column, value) in columns.iter().zip(&mut values) {
                let field = rows.field(column.index);
                *value = match field.eq_ignore_ascii_case(b"nan") {
                    true => 0,
                    false => {
                        count(field).map_err(|problem| rows.row_error(column.column(), problem))?
                    }
                };
            }
            files.quirks.repeated += u64::from(std::mem::replace(&mut seen[minute], true));
            for (index, value) in values.iter().enumerate() {
                let sum = &mut counts[index * OF_A_DAY + minute];
                *sum = sum.saturating_add(*value);
            }
            Ok(())
        })?;
        self.has_rows |= any;
        if !any {
            self.without_rows.get_or_insert(empty);
        } else {
            self.quirks.partial += u64::from(!seen.iter().all(|seen| *seen));
        }
        for (&function, counts) in functions.iter().zip(counts.chunks(OF_A_DAY)) {
            if let Some(counts) = MinuteCounts::pack(counts)
                && let Some(function) = self.functions.get_mut(function)
            {
                function.days.push((number, counts));
            }
        }
        self.leave_out();
        Ok(())
    }

    /// Reads the delays of functions on a day, which are numbers of this unit. As for
    /// [`requests`](Self::requests).
    ///
    /// # Errors
    ///
    /// As for [`requests`](Self::requests).
    pub fn delays(
        &mut self,
        number: u16,
        day: u16,
        unit: TimeUnit,
        name: &str,
        reader: impl Read,
    ) -> Result<(), WorkloadError> {
        let mut rows = CsvTable::new(name, reader)?;
        let time = Located::find(&mut rows, "time", day)?;
        let columns = columns(&rows)?;
        let known = |column: Located<()>| {
            let function = self.numbers.get(column.name()).copied();
            let is_left_out = function.is_some_and(|number| self.functions[number].is_left_out);
            FunctionColumn { function, is_left_out, column }
        };
        let columns: Vec<FunctionColumn> = columns.into_iter().map(known).collect();
        let counts: Vec<Option<Vec<u32>>> = columns
            .iter()
            .map(|column| {
                let function = self.functions.get(column.function?)?;
                let (_, counts) = function.days.iter().find(|(known, _)| *known == number)?;
                Some(counts.unpack())
            })
            .collect();
        // The means of the minutes that have invocations, in nanoseconds, and their number.
        let mut means: Vec<Vec<(u64, u32)>> = vec![Vec::new(); columns.len()];
        self.rows(rows, &time, |files, rows, minute| {
            for (index, column) in columns.iter().enumerate() {
                let field = rows.field(column.column.index);
                let nanos = match decimal::nanos(field, unit.nanos(), ValueKind::Duration) {
                    Ok(nanos) => nanos,
                    Err(TraceProblem::NoValue) => continue,
                    Err(TraceProblem::NotFinite { .. }) if field.eq_ignore_ascii_case(b"nan") => {
                        continue;
                    }
                    Err(TraceProblem::Negative { .. }) => {
                        files.quirks.mended += 1;
                        0
                    }
                    Err(problem) => {
                        return Err(rows.row_error(column.column.column(), problem));
                    }
                };
                match counts[index].as_ref().map_or(0, |counts| counts[minute]) {
                    0 if column.is_left_out => {}
                    0 => files.quirks.not_invoked += 1,
                    weight => means[index].push((nanos, weight)),
                }
            }
            Ok(())
        })?;
        for (column, means) in columns.iter().zip(means) {
            let function = column.function.and_then(|number| self.functions.get_mut(number));
            if let (Some(function), Some(durations)) = (function, percentiles(means)) {
                function.durations.push((number, durations));
            }
        }
        Ok(())
    }

    /// The index of the function of this name.
    fn function(&mut self, name: &str) -> usize {
        if let Some(&known) = self.numbers.get(name) {
            return known;
        }
        let index = self.functions.len();
        self.numbers.insert(name.to_owned(), index);
        self.functions.push(Function {
            name: name.to_owned(),
            is_left_out: false,
            days: Vec::new(),
            durations: Vec::new(),
        });
        index
    }

    /// Goes over the rows of a file with the minutes of their day. Whether there is any.
    fn rows<R: Read>(
        &mut self,
        mut rows: CsvTable<R>,
        time: &Located<u16>,
        mut take: impl FnMut(&mut Self, &CsvTable<R>, usize) -> Result<(), Box<TraceError>>,
    ) -> Result<bool, WorkloadError> {
        let mut any = false;
        loop {
            match rows.advance() {
                Ok(true) => any = true,
                Ok(false) => {
                    self.quirks.empty += u64::from(!any);
                    return Ok(any);
                }
                Err(error) => {
                    any = true;
                    match self.errors.record(error)? {
                        AfterError::Continue => continue,
                        AfterError::Stop => return Ok(any),
                    }
                }
            }
            let minute = minute(rows.field(time.index), time.value)
                .map_err(|problem| rows.row_error(time.column(), problem));
            if let Err(error) = minute.and_then(|minute| take(self, &rows, minute)) {
                self.errors.push(*error);
            }
        }
    }

    /// Forgets the invocations of functions that are not in the sample. Functions of later files
    /// can only push others out of it, so this may be done early.
    fn leave_out(&mut self) {
        let invoked = |function: &&mut Function| !function.days.is_empty();
        let names: Vec<String> =
            self.functions.iter_mut().filter(invoked).map(|one| one.name.clone()).collect();
        let kept = self.sample.kept(&names);
        for (function, kept) in self.functions.iter_mut().filter(invoked).zip(kept) {
            function.is_left_out |= !kept;
        }
        for function in self.functions.iter_mut().filter(|function| function.is_left_out) {
            function.days.clear();
            function.durations.clear();
        }
    }

    /// What is in the files.
    #[must_use]
    pub fn finish(mut self) -> Azure2019Scan {
        if let Some(error) = self.without_rows.take().filter(|_| !self.has_rows) {
            self.errors.push(*error);
        }
        let (mut functions, mut keys, mut played) = (Vec::new(), Vec::new(), Vec::new());
        for Function { name, days, durations, .. } in self.functions {
            if days.is_empty() {
                continue;
            }
            keys.push(format!("huawei-2023/{name}"));
            functions.push(Azure2019Function {
                app: name.clone(),
                name,
                invocations: days.iter().map(|(_, counts)| counts.total()).sum(),
                has_durations: !durations.is_empty(),
                app_memory_bytes: None,
                memory_bytes: None,
                app_functions: 1,
            });
            played.push(with_durations(days, &durations));
        }
        let apps = functions.len();
        let trace =
            Azure2019 { functions, apps, days: self.days, quirks: self.quirks, keys, played };
        Azure2019Scan { trace, errors: self.errors.errors, further: self.errors.further }
    }
}

/// The columns of functions, whose names are numbers.
fn columns<R: Read>(rows: &CsvTable<R>) -> Result<Vec<Located<()>>, Box<TraceError>> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut columns = Vec::new();
    for (index, name) in rows.columns().iter().enumerate() {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        if places.insert(name, index).is_some() {
            return Err(rows.error(Some(name), TraceProblem::AmbiguousColumn));
        }
        columns.push(Located::at(index, name.clone(), ()));
    }
    match columns.len() {
        0 => Err(rows.error(None, TraceProblem::NoFunctions)),
        1..=MOST_FUNCTIONS => Ok(columns),
        _ => Err(rows.error(None, TraceProblem::TooManyNames { limit: MOST_FUNCTIONS })),
    }
}

/// The minute of a day, counted from 0, that begins at this time of the data set.
fn minute(field: &[u8], day: u16) -> Result<usize, TraceProblem> {
    let nanos = decimal::nanos(field, TimeUnit::SECOND.nanos(), ValueKind::Date)?;
    let begin = u64::from(day) * OF_A_DAY as u64 * MINUTE_NANOS;
    let minute = nanos.checked_sub(begin).map(|since| (since / MINUTE_NANOS) as usize);
    match minute.filter(|&minute| minute < OF_A_DAY && nanos % MINUTE_NANOS == 0) {
        Some(minute) => Ok(minute),
        None => Err(TraceProblem::NotAMinuteOf { value: beginning(field, LONGEST_VALUE), day }),
    }
}

/// The distribution through the percentiles of durations, each with its weight; `None` if there are
/// none.
fn percentiles(mut durations: Vec<(u64, u32)>) -> Option<Distribution> {
    durations.sort_unstable();
    let whole: f64 = durations.iter().map(|(_, weight)| f64::from(*weight)).sum();
    let mut quantiles = [(0.0, 0.0); PERCENTILES.len()];
    let mut rest = durations.iter();
    let (mut nanos, mut weight) = rest.next().map(|&(nanos, weight)| (nanos, f64::from(weight)))?;
    for ((probability, _), quantile) in PERCENTILES.iter().zip(&mut quantiles) {
        // The least duration that this share of the invocations does not exceed.
        while weight < probability * whole
            && let Some((next, more)) = rest.next()
        {
            nanos = *next;
            weight += f64::from(*more);
        }
        *quantile = (*probability, nanos as f64);
    }
    Distribution::empirical(&quantiles).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_weigh_invocations() {
        // 1 invocation of 10 ns, 98 of 20 ns, 1 of 1,000 ns.
        let found = percentiles(vec![(1_000, 1), (10, 1), (20, 98)]).unwrap();
        assert_eq!(found.quantile(0.0), 10.0);
        assert_eq!(found.quantile(0.01), 10.0);
        assert_eq!(found.quantile(0.25), 20.0);
        assert_eq!(found.quantile(0.99), 20.0);
        assert_eq!(found.quantile(1.0), 1_000.0);
        assert!(percentiles(Vec::new()).is_none());
    }

    #[test]
    fn times_are_minutes_of_their_day() {
        assert!(matches!(minute(b"86400", 1), Ok(0)));
        assert!(matches!(minute(b"172740.0", 1), Ok(1439)));
        for wrong in ["86340", "172800", "86401", "86400.5"] {
            let found = minute(wrong.as_bytes(), 1);
            assert!(matches!(found, Err(TraceProblem::NotAMinuteOf { day: 1, .. })), "{wrong}");
        }
    }
}
