//! Arrivals as `arrival_s,function,duration_s`, and functions as `[functions]` reads them.

use std::io;
use std::path::Path;

use isotherm_kernel::Duration;

use super::{Pending, Writer, seconds};
use crate::arrivals::Planned;
use crate::output::Rules;
use crate::output::set::Staged;
use crate::plan::{FunctionPlan, Plan};

/// The two files.
pub struct Table {
    arrivals: Pending,
    functions: Pending,
    names: Vec<String>,
    durations: bool,
}

impl Table {
    /// Writes the functions, and begins with the arrivals.
    pub fn create(
        plan: &Plan,
        out: &Path,
        functions: &Path,
        with_durations: bool,
        rules: Rules<'_>,
    ) -> io::Result<Self> {
        let mut arrivals = Pending::create(out, rules)?;
        let header = ["arrival_s", "function", "duration_s"];
        arrivals.row(header[..if with_durations { 3 } else { 2 }].iter().copied())?;
        let functions = write_functions(plan, functions, rules)?;
        let names = plan.functions.iter().map(|function| function.name.clone()).collect();
        Ok(Table { arrivals, functions, names, durations: with_durations })
    }
}

/// Writes the functions. A table cannot hold random start-up times, so it has no such column if any
/// is random.
pub fn write_functions(plan: &Plan, path: &Path, rules: Rules<'_>) -> io::Result<Pending> {
    let mut file = Pending::create(path, rules)?;
    let all_fixed = plan.functions.iter().all(|function| function.startup.fixed().is_some());
    let header = ["function", "app", "memory_bytes", "disk_bytes", "timeout_s", "cold_start_s"];
    let columns = if all_fixed { header.len() } else { header.len() - 1 };
    file.row(header[..columns].iter().copied())?;
    for function in &plan.functions {
        let row = row(function);
        file.row(row[..columns].iter().map(String::as_str))?;
    }
    Ok(file)
}

fn row(function: &FunctionPlan) -> [String; 6] {
    let limits = function.limits;
    // Without a value the limit is the one that the table `[functions]` says for all.
    let time =
        if limits.time == Duration::MAX { String::new() } else { seconds(limits.time.as_nanos()) };
    let startup =
        function.startup.fixed().map_or(String::new(), |startup| seconds(startup.as_nanos()));
    [
        function.name.clone(),
        function.app().to_owned(),
        limits.memory_bytes.to_string(),
        limits.disk_bytes.to_string(),
        time,
        startup,
    ]
}

impl Writer for Table {
    fn arrival(&mut self, arrival: &Planned) -> io::Result<()> {
        let at = seconds(arrival.at.as_nanos());
        let name = self.names.get(arrival.function as usize).map_or("", String::as_str);
        match arrival.duration.filter(|_| self.durations) {
            Some(duration) => {
                self.arrivals.row([at.as_str(), name, seconds(duration.as_nanos()).as_str()])
            }
            None => self.arrivals.row([at.as_str(), name]),
        }
    }

    fn finish(self: Box<Self>) -> io::Result<Vec<Staged>> {
        Ok(vec![self.arrivals.whole()?, self.functions.whole()?])
    }
}
