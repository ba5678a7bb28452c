//! How many of a thousand 95 % intervals of a mean wait contain the true mean.
//!
//! Simulated is a queue M/M/4: exponential times between arrivals and durations, four places, no
//! limit to the queue. By Erlang's formula an invocation waits C(4, a)/(4 - a) s on average, a =
//! 2.4 being the arrivals in the 1 s that a body takes on average. The beginning of each run is
//! left out by `measure`. Two kinds of intervals are tried:
//!
//! * those of five runs each with seeds of its own, as a sweep and a comparison make them;
//! * those of 20 batches of one run that is five times as long.
//!
//! A run is so long, 4,800 invocations, that the means of runs are nearly normal, as Student's t
//! presumes. Waits are skewed, and so are means of few of them, which are also low by some 4 parts
//! in the number of invocations, because a run with more arrivals has longer waits: of 4,000
//! intervals of shorter runs, 92 % contained the true mean with 600 invocations a run, and 94 %
//! with 1,200. Ends with 1 unless 930 to 970 of a thousand contain it.
//!
//!     cargo run --release -p isotherm-study --example coverage

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use isotherm_experiment::{Experiment, Overrides, Reached, RunOptions};
use isotherm_kernel::Time;
use isotherm_study::statistics::{BATCHES, LEVEL, Moments, batch_means};
use rayon::prelude::*;

const TRIALS: u64 = 1_000;

/// Runs of an interval.
const RUNS: u64 = 5;

/// Seconds of a run that count, and of its beginning, which does not.
const LENGTH: u64 = 2_000;
const BEGINNING: u64 = 100;

const QUEUE: &str = r#"
name = "queue"
service = { scheduler = "fcfs", keep_alive = "forever", startup = "0s" }
[platform]
nodes = { count = 4, cores = 1, memory = "64GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "0s" }
[[function]]
name = "job"
limits = { time = "unlimited", memory = "512MB" }
body = [{ sleep = { kind = "exponential", mean = "1s" } }]
[[workload]]
kind = "poisson"
function = "job"
rate = "2.4/s"
"#;

const LOAD: f64 = 2.4;
const PLACES: u32 = 4;

/// C(c, a)/(c - a) of bodies of 1 s.
fn mean_wait() -> f64 {
    let term = |n: u32| (1..=n).fold(1.0, |product, k| product * LOAD / f64::from(k));
    let free = f64::from(PLACES) - LOAD;
    let all = term(PLACES) * f64::from(PLACES) / free;
    all / ((0..PLACES).map(term).sum::<f64>() + all) / free
}

/// The waits of the invocations of a run that count, in the order of submission.
fn waits(seed: u64, length: u64) -> Result<Vec<f64>, Box<dyn Error>> {
    let overrides = Overrides::default()
        .with_seed(seed)
        .with("workload.0.until", format!("{}s", BEGINNING + length))
        .with("measure.from", format!("{BEGINNING}s"));
    let experiment = Experiment::parse("queue.toml", QUEUE, Path::new(""), &overrides)?;
    let run = &experiment.runs()[0];
    let mut options = RunOptions::default().with_kept_records();
    options.reads_ahead = false;
    let mut running = experiment.start(run, options)?;
    while !matches!(running.advance_until(Time::NEVER)?, Reached::End(_)) {}
    let mut records = running.records();
    records.retain(|record| run.plan.measure.contains(record.submitted));
    records.sort_unstable_by_key(|record| record.id);
    Ok(records.iter().map(|record| record.queue().as_secs_f64()).collect())
}

fn of_runs(trial: u64) -> Result<Moments, String> {
    let mean = |run| {
        let waits = waits(trial * RUNS + run, LENGTH).map_err(|error| error.to_string())?;
        Ok(waits.into_iter().collect::<Moments>().mean().unwrap_or_default())
    };
    (0..RUNS).map(mean).collect()
}

fn of_batches(trial: u64) -> Result<Moments, String> {
    // Seeds that the others have not had.
    let seed = TRIALS * RUNS + trial;
    let waits = waits(seed, RUNS * LENGTH).map_err(|error| error.to_string())?;
    Ok(batch_means(&waits, BATCHES).unwrap_or_default().into_iter().collect())
}

/// How many intervals contain the mean, and the mean of all.
fn covered(trial: fn(u64) -> Result<Moments, String>) -> Result<(usize, f64), String> {
    let all: Vec<Moments> = (0..TRIALS).into_par_iter().map(trial).collect::<Result<_, _>>()?;
    let contains = |one: &&Moments| one.interval(LEVEL).is_some_and(|i| i.contains(mean_wait()));
    let mean: Moments = all.iter().filter_map(Moments::mean).collect();
    Ok((all.iter().filter(contains).count(), mean.mean().unwrap_or_default()))
}

fn main() -> Result<ExitCode, String> {
    println!("By Erlang's formula the mean wait is {:.5} s.", mean_wait());
    let mut code = ExitCode::SUCCESS;
    for (what, trial) in
        [("5 runs", of_runs as fn(u64) -> Result<Moments, String>), ("20 batches", of_batches)]
    {
        let (covered, mean) = covered(trial)?;
        println!("{covered} of {TRIALS} intervals of {what} contain it; their mean is {mean:.5} s");
        if !(930..=970).contains(&covered) {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
