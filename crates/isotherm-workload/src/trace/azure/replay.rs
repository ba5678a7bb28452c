//! The invocations of the trace of 2019, minute by minute.
//!
//! The trace says how many there are in a minute; when they come within it is a choice
//! ([`WithinMinute`]), and how long they take is drawn between the percentiles of their function.
//! Each function has two streams of random numbers, one for dates and one for durations, named
//! after its owner, its app and itself: what other functions there are does not matter to it, and
//! durations do not depend on how dates are chosen.
//!
//! Nothing is held but the next arrival of each function.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

use isotherm_kernel::{Duration, Random, RandomStreams, Time};

use super::files::{Azure2019, Day};
use super::minutes::MinuteCursor;
use crate::{Arrival, Workload, WorkloadError};

/// Nanoseconds of a minute.
const MINUTE: f64 = 60e9;

/// When the invocations of a minute come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithinMinute {
    /// Anywhere in it, independent of each other.
    Uniform,
    /// At equal distances. Where the first of them comes is drawn once for each function, so that
    /// functions with one invocation a minute do not all come at once.
    Even,
    /// As a Poisson process of this rate. How many there are is random as well, and right in the
    /// mean.
    Poisson,
}

/// How a trace is played.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayConfig {
    /// When the invocations of a minute come.
    pub within_minute: WithinMinute,
    /// What the numbers of invocations are multiplied by, a positive number. What is left of a
    /// whole one is one with this probability.
    pub scale: f64,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        ReplayConfig { within_minute: WithinMinute::Uniform, scale: 1.0 }
    }
}

/// The invocations of the trace of 2019, minute by minute. Each function has two streams of random
/// numbers, one for dates and one for durations, named after its owner, its app and itself, so that
/// other functions do not matter to it. Only the next arrival of each function is held.
#[derive(Debug)]
pub struct Azure2019Replay {
    trace: Arc<Azure2019>,
    config: ReplayConfig,
    sources: Vec<FunctionReplay>,
    /// The next arrival of each source.
    next: BinaryHeap<Reverse<(Time, u32)>>,
}

/// A function that is invoked.
#[derive(Debug)]
struct FunctionReplay {
    /// Which of the trace.
    function: u32,
    /// The number that the builder of the workload gave it.
    number: u32,
    dates: Random,
    durations: Random,
    /// Which of the days of the function, and where in it.
    day: usize,
    cursor: MinuteCursor,
    minute: u16,
    /// How many invocations are left in the minute (or how many are expected in it), of how many.
    left: u32,
    count: f64,
    /// How much of the minute has passed.
    passed: f64,
    phase: f64,
}

impl Azure2019Replay {
    /// Plays a trace from a date on, or a little earlier: minutes that have ended by then are not
    /// looked at. `numbers` are the numbers of its functions; those that have none are left
    /// out. The names of random streams begin with `path`.
    ///
    /// # Errors
    ///
    /// A scale that is no positive number.
    pub fn new(
        trace: Arc<Azure2019>,
        numbers: &[Option<u32>],
        config: ReplayConfig,
        from: Time,
        streams: RandomStreams,
        path: &str,
    ) -> Result<Self, WorkloadError> {
        if !(config.scale.is_finite() && config.scale > 0.0) {
            let got = config.scale.to_string();
            return WorkloadError::parameter("replayed", "scale", "a positive number", got);
        }
        let mut replay =
            Azure2019Replay { trace, config, sources: Vec::new(), next: BinaryHeap::new() };
        for (function, (number, key)) in numbers.iter().zip(&replay.trace.keys).enumerate() {
            let Some(number) = *number else { continue };
            let mut dates = streams.stream(&format!("{path}/{key}/dates"));
            let phase = match replay.config.within_minute {
                WithinMinute::Even => dates.uniform(),
                _ => 0.0,
            };
            let mut source = FunctionReplay {
                function: u32::try_from(function).unwrap_or(u32::MAX),
                number,
                dates,
                durations: streams.stream(&format!("{path}/{key}/durations")),
                day: 0,
                cursor: MinuteCursor::default(),
                minute: 0,
                left: 0,
                count: 0.0,
                passed: 1.0,
                phase,
            };
            source.skip_to(&replay.trace, from);
            if let Some(at) = source.advance(&replay.trace, &replay.config) {
                replay
                    .next
                    .push(Reverse((at, u32::try_from(replay.sources.len()).unwrap_or(u32::MAX))));
                replay.sources.push(source);
            }
        }
        Ok(replay)
    }
}

impl FunctionReplay {
    /// Skips the minutes that end by a date.
    fn skip_to(&mut self, trace: &Azure2019, from: Time) {
        let days = &trace.played[self.function as usize];
        let minute = |day: &Day| from.since(day.begin()).as_nanos() / MINUTE as u64;
        self.day = days.iter().take_while(|day| day.end() <= from).count();
        let Some(day) = days.get(self.day).filter(|day| day.begin() < from) else { return };
        let first = minute(day);
        let mut cursor = self.cursor;
        while let Some((minute, _)) = day.counts.next(&mut cursor) {
            if u64::from(minute) >= first {
                break;
            }
            self.cursor = cursor;
        }
    }

    /// The date of the next invocation; `None` if there are no more.
    fn advance(&mut self, trace: &Azure2019, config: &ReplayConfig) -> Option<Time> {
        loop {
            if let Some(passed) = self.within(config.within_minute) {
                let day = trace.played[self.function as usize].get(self.day)?;
                // The last nanosecond of a minute still belongs to it.
                let nanos = ((passed * MINUTE) as u64).min(MINUTE as u64 - 1);
                let at = day.begin()
                    + Duration::from_nanos(u64::from(self.minute) * MINUTE as u64 + nanos);
                return Some(at);
            }
            self.next_minute(trace, config)?;
        }
    }

    /// Where in the current minute the next invocation comes, from 0 to 1; `None` if it has no
    /// more.
    fn within(&mut self, choice: WithinMinute) -> Option<f64> {
        match choice {
            WithinMinute::Poisson => {
                if self.count == 0.0 {
                    return None;
                }
                self.passed -= libm::log(self.dates.uniform_open()) / self.count;
                (self.passed < 1.0).then_some(self.passed)
            }
            WithinMinute::Uniform => {
                // The first of the `left` that are uniform in what is left of the minute.
                let left = self.left.checked_sub(1)?;
                let power = match self.left {
                    1 => self.dates.uniform(),
                    several => libm::pow(self.dates.uniform(), 1.0 / f64::from(several)),
                };
                self.left = left;
                self.passed += (1.0 - self.passed) * (1.0 - power);
                Some(self.passed)
            }
            WithinMinute::Even => {
                let left = self.left.checked_sub(1)?;
                let before = self.count - f64::from(self.left);
                self.left = left;
                Some((before + self.phase) / self.count)
            }
        }
    }

    /// Goes to the next minute that has invocations.
    fn next_minute(&mut self, trace: &Azure2019, config: &ReplayConfig) -> Option<()> {
        let days = &trace.played[self.function as usize];
        let (minute, count) = loop {
            match days.get(self.day)?.counts.next(&mut self.cursor) {
                Some(next) => break next,
                None => {
                    self.day += 1;
                    self.cursor = MinuteCursor::default();
                }
            }
        };
        self.minute = minute;
        self.passed = 0.0;
        self.count = f64::from(count) * config.scale;
        if config.within_minute != WithinMinute::Poisson {
            let whole = self.count.floor();
            let fraction = self.count - whole;
            let one_more = fraction > 0.0 && self.dates.uniform() < fraction;
            self.left = (whole as u32).saturating_add(u32::from(one_more));
            self.count = f64::from(self.left);
        }
        Some(())
    }
}

impl Workload for Azure2019Replay {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        let Some(mut top) = self.next.peek_mut() else { return Ok(None) };
        let Reverse((at, index)) = *top;
        let Some(source) = self.sources.get_mut(index as usize) else { return Ok(None) };
        let day = self.trace.played[source.function as usize].get(source.day);
        let durations = day.and_then(|day| day.durations.as_ref());
        let duration = durations.map(|durations| {
            // Not negative, and whole nanoseconds up to 2^53.
            Duration::from_nanos(durations.sample(&mut source.durations).round() as u64)
        });
        let arrival = Arrival { at, function: source.number, duration, tag: None };
        match source.advance(&self.trace, &self.config) {
            Some(at) => *top = Reverse((at, index)),
            None => drop(PeekMut::pop(top)),
        }
        Ok(Some(arrival))
    }
}
