//! Bursts: a Poisson process whose rate jumps between states, a Markov-modulated Poisson process
//! (MMPP).
//!
//! The process is in one state at a time. The time it stays there is exponential with the mean of
//! the state; meanwhile arrivals are Poisson with the rate of the state. Then it changes to another
//! state: the next of the list (after the last the first), or one that is drawn by the
//! probabilities of the state. It begins in the first state. See W. Fischer and K. Meier-Hellstern,
//! "The Markov-modulated Poisson process (MMPP) cookbook", Performance Evaluation 18 (1993)
//! 149-171.
//!
//! Exponential times are memoryless, so a gap that would end in the next state is discarded and
//! drawn again there.

use std::sync::Arc;

use isotherm_kernel::{Distribution, Duration, Random, RandomStreams, Time};

use super::gaps::Gaps;
use super::limits::HIGHEST_RATE;
use crate::WorkloadError;

/// A state of the process.
#[derive(Clone, Debug, PartialEq)]
pub struct BurstState {
    /// Arrivals per second in it, perhaps none.
    pub rate_per_s: f64,
    /// How long the process stays in it in the mean.
    pub mean: Duration,
    /// The probabilities of the states that follow, one for each state; empty: the next state of
    /// the list follows.
    pub next: Vec<f64>,
}

/// The states of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Bursts {
    states: Arc<[State]>,
}

#[derive(Clone, Debug, PartialEq)]
struct State {
    rate_per_s: f64,
    gaps: Option<Gaps>,
    mean_s: f64,
    stay_s: Distribution,
    /// The probability of the states up to each.
    cumulative: Vec<f64>,
}

/// The name of the workload in errors.
const NAME: &str = "bursts";

/// How far the probabilities of a state may be from 1 in all.
const ROUNDING: f64 = 1e-6;

impl Bursts {
    /// A process with these states.
    ///
    /// # Errors
    /// Fewer than two states, a rate below zero or too high, a mean time of zero, probabilities
    /// that are none, or states from which nothing ever arrives.
    pub fn new(states: Vec<BurstState>) -> Result<Self, WorkloadError> {
        let count = states.len();
        if count < 2 {
            return WorkloadError::parameter(
                NAME,
                "number of states",
                "at least 2",
                count.to_string(),
            );
        }
        let states: Result<Vec<_>, _> = states
            .into_iter()
            .enumerate()
            .map(|(index, state)| State::new(state, index, count))
            .collect();
        let states = states?;
        if let Some(index) = silent(&states) {
            return WorkloadError::parameter(
                NAME,
                "rates",
                "such that something arrives after every state",
                format!("none after state {index}"),
            );
        }
        Ok(Bursts { states: states.into() })
    }

    /// Arrivals per second in the long run: the rates, weighted by the share of time in each state.
    #[must_use]
    pub fn mean_rate_per_s(&self) -> f64 {
        let states = &self.states;
        // How often each state is entered, by repeating the step of a chain that stays where it is
        // half of the time, so that it cannot swing back and forth for ever.
        let mut share = vec![0.0; states.len()];
        share[0] = 1.0;
        for _ in 0..10_000 {
            let mut next: Vec<f64> = share.iter().map(|share| share / 2.0).collect();
            for (state, share) in states.iter().zip(&share) {
                for (target, probability) in next.iter_mut().zip(state.probabilities()) {
                    *target += share / 2.0 * probability;
                }
            }
            share = next;
        }
        let weighted = |value: fn(&State) -> f64| -> f64 {
            states
                .iter()
                .zip(&share)
                .map(|(state, share)| share * state.mean_s * value(state))
                .sum()
        };
        weighted(|state| state.rate_per_s) / weighted(|_| 1.0)
    }
}

impl State {
    fn new(state: BurstState, index: usize, count: usize) -> Result<Self, WorkloadError> {
        let rate = state.rate_per_s;
        if !(rate.is_finite() && (0.0..=HIGHEST_RATE).contains(&rate)) {
            return WorkloadError::parameter(
                NAME,
                "rate of a state",
                "from 0 to 1e9 per second",
                rate.to_string(),
            );
        }
        let mean_s = state.mean.as_secs_f64();
        let Ok(stay_s) = Distribution::exponential_with_mean(mean_s) else {
            return WorkloadError::parameter(
                NAME,
                "mean time of a state",
                "more than zero",
                state.mean.to_string(),
            );
        };
        let next = match state.next.len() {
            0 => {
                (0..count).map(|other| f64::from(u8::from(other == (index + 1) % count))).collect()
            }
            given if given == count => state.next,
            given => {
                return WorkloadError::parameter(
                    NAME,
                    "number of probabilities of a state",
                    "the number of states",
                    given.to_string(),
                );
            }
        };
        let mut sum = 0.0;
        let mut cumulative = Vec::with_capacity(count);
        for probability in next {
            if !(0.0..=1.0).contains(&probability) {
                return WorkloadError::parameter(
                    NAME,
                    "probability of a state",
                    "from 0 to 1",
                    probability.to_string(),
                );
            }
            sum += probability;
            cumulative.push(sum);
        }
        if (sum - 1.0).abs() > ROUNDING {
            return WorkloadError::parameter(
                NAME,
                "sum of the probabilities of a state",
                "1",
                sum.to_string(),
            );
        }
        cumulative.iter_mut().for_each(|partial| *partial /= sum);
        let gaps = Distribution::exponential(rate).ok().map(Gaps::new);
        Ok(State { rate_per_s: rate, gaps, mean_s, stay_s, cumulative })
    }

    fn probabilities(&self) -> impl Iterator<Item = f64> {
        let before = std::iter::once(0.0).chain(self.cumulative.iter().copied());
        self.cumulative.iter().zip(before).map(|(sum, before)| sum - before)
    }

    /// The state that follows, for a number between 0 and 1.
    fn next(&self, u: f64) -> usize {
        self.cumulative.partition_point(|&sum| sum <= u).min(self.cumulative.len() - 1)
    }
}

/// A state that can be reached and after which nothing ever arrives.
fn silent(states: &[State]) -> Option<usize> {
    let reached = |start: usize| {
        let mut seen = vec![false; states.len()];
        let mut open = vec![start];
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut seen[index], true) {
                open.extend(
                    states[index]
                        .probabilities()
                        .enumerate()
                        .filter(|(_, p)| *p > 0.0)
                        .map(|(next, _)| next),
                );
            }
        }
        seen
    };
    let sounds = |start: usize| {
        reached(start).iter().zip(states).any(|(&seen, state)| seen && state.rate_per_s > 0.0)
    };
    let from_the_first = reached(0);
    (0..states.len()).find(|&index| from_the_first[index] && !sounds(index))
}

/// The states as they are visited, and what arrives in them.
#[derive(Clone, Debug)]
pub(super) struct Visits {
    states: Arc<[State]>,
    state: usize,
    /// When the process leaves the state.
    end: Time,
    /// The gaps of the state.
    gaps: Option<Gaps>,
    gaps_random: Random,
    stays: Random,
}

impl Visits {
    pub(super) fn new(bursts: Bursts, from: Time, streams: &RandomStreams, path: &str) -> Self {
        let mut stays = streams.stream(&format!("{path}/state"));
        let states = bursts.states;
        let end = from + states[0].stay_s.sample_duration(&mut stays);
        let gaps = states[0].gaps.clone();
        Visits { states, state: 0, end, gaps, gaps_random: streams.stream(path), stays }
    }

    pub(super) fn next(&mut self, last: Time, until: Time, budget: &mut u32) -> Result<Time, Time> {
        let mut now = last;
        loop {
            if let Some(gaps) = &mut self.gaps {
                let at = gaps.after(now, &mut self.gaps_random);
                if at < self.end {
                    return Ok(at);
                }
            }
            now = self.end;
            if now >= until {
                return Ok(now);
            }
            self.state = self.states[self.state].next(self.stays.uniform());
            let state = &self.states[self.state];
            self.end = now + state.stay_s.sample_duration(&mut self.stays);
            self.gaps.clone_from(&state.gaps);
            *budget = budget.saturating_sub(1);
            if *budget == 0 {
                return Err(now);
            }
        }
    }
}
