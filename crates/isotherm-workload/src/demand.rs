//! What arrivals ask for over time: how many there are, of which function, and how long they run.
//! It is gathered while they are read for another purpose, and takes memory for the functions only.

use isotherm_kernel::{Duration, Time};

/// So many parts of the time are told apart.
const MOST_PARTS: usize = 256;

/// What arrivals ask for. They may be added in any order; those before the first that was added
/// count as if they came with it.
///
/// ```
/// use isotherm_kernel::{Duration, Time};
/// use isotherm_workload::Demand;
///
/// let mut demand = Demand::default();
/// for second in 0..1_000 {
///     demand.add(Time::ZERO + Duration::from_secs(second), 3, Some(Duration::from_secs(2)), 1.0);
/// }
/// let of_function = demand.functions()[3];
/// assert_eq!((of_function.given, of_function.given_s), (1_000.0, 2_000.0));
/// let parts: Vec<_> = demand.parts().collect();
/// assert!(parts.len() > 100 && parts.iter().map(|part| part.given_s).sum::<f64>() == 2_000.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    first: Option<Time>,
    last: Time,
    /// How long a part is, in nanoseconds.
    length: u64,
    /// Of each part what [`PartDemand`] has: `bodies` and `given_s`.
    parts: Vec<[f64; 2]>,
    functions: Vec<FunctionDemand>,
}

/// What arrives in a part of the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartDemand {
    /// When it begins.
    pub from: Time,
    /// When it ends.
    pub until: Time,
    /// Arrivals whose body is that of their function.
    pub bodies: f64,
    /// How long those run together that have durations of their own, in seconds.
    pub given_s: f64,
}

/// What is asked of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FunctionDemand {
    /// Arrivals whose body is that of the function.
    pub bodies: f64,
    /// Arrivals that have a duration of their own.
    pub given: f64,
    /// How long these run together, in seconds.
    pub given_s: f64,
    /// The shortest of these durations.
    pub least: Option<Duration>,
}

impl Demand {
    /// Adds so many arrivals, or an expected number of them, that come at this date.
    pub fn add(&mut self, at: Time, function: u32, duration: Option<Duration>, times: f64) {
        let part = self.part(at);
        self.last = self.last.max(at);
        let index = function as usize;
        if index >= self.functions.len() {
            self.functions.resize(index + 1, FunctionDemand::default());
        }
        let of_function = &mut self.functions[index];
        match duration {
            Some(duration) => {
                let seconds = duration.as_secs_f64() * times;
                of_function.given += times;
                of_function.given_s += seconds;
                let least = of_function.least.map_or(duration, |least| least.min(duration));
                of_function.least = Some(least);
                self.parts[part][1] += seconds;
            }
            None => {
                of_function.bodies += times;
                self.parts[part][0] += times;
            }
        }
    }

    /// What is asked of some of the functions, by their new numbers; `None`: they are left out.
    /// Each part of the time keeps its share of all.
    #[must_use]
    pub(crate) fn of_some(self, numbers: &[Option<u32>]) -> Self {
        let mut functions = Vec::new();
        let (mut kept, mut all) = ([0.0; 2], [0.0; 2]);
        for (index, function) in self.functions.iter().enumerate() {
            let asked = [function.bodies, function.given_s];
            all = sums(all, asked);
            if let Some(number) = numbers.get(index).copied().flatten() {
                kept = sums(kept, asked);
                let number = number as usize;
                functions.resize(functions.len().max(number + 1), FunctionDemand::default());
                functions[number] = *function;
            }
        }
        let share = |kind: usize| if all[kind] > 0.0 { kept[kind] / all[kind] } else { 0.0 };
        let [bodies, given] = [share(0), share(1)];
        let parts = self.parts.iter().map(|part| [part[0] * bodies, part[1] * given]).collect();
        Demand { parts, functions, ..self }
    }

    /// The part to which a date belongs.
    fn part(&mut self, at: Time) -> usize {
        let first = *self.first.get_or_insert(at);
        self.length = self.length.max(1);
        let after = at.since(first).as_nanos();
        while after / self.length >= MOST_PARTS as u64 {
            self.length = self.length.saturating_mul(2);
            let joined = |parts: &[[f64; 2]]| parts.iter().copied().fold([0.0; 2], sums);
            self.parts = self.parts.chunks(2).map(joined).collect();
        }
        let part = (after / self.length) as usize;
        if part >= self.parts.len() {
            self.parts.resize(part + 1, [0.0; 2]);
        }
        part
    }

    /// The parts of the time from the first arrival to the last, all of one length, but for the
    /// last, which has half of it at least.
    pub fn parts(&self) -> impl Iterator<Item = PartDemand> {
        let first = self.first.unwrap_or(Time::ZERO);
        let last = self.parts.len().saturating_sub(1) as u64;
        self.parts.iter().zip(0u64..).map(move |(&[bodies, given_s], number)| {
            let from = first + Duration::from_nanos(self.length.saturating_mul(number));
            let played = self.last.since(from).as_nanos().max(self.length.div_ceil(2));
            let length = if number == last { played.min(self.length) } else { self.length };
            PartDemand { from, until: from + Duration::from_nanos(length), bodies, given_s }
        })
    }

    /// What is asked of the functions, by their numbers. Those at the end may be missing.
    #[must_use]
    pub fn functions(&self) -> &[FunctionDemand] {
        &self.functions
    }
}

fn sums(one: [f64; 2], other: [f64; 2]) -> [f64; 2] {
    [one[0] + other[0], one[1] + other[1]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn some_functions_have_their_share() {
        let mut demand = Demand::default();
        for function in 0..3 {
            let duration = Duration::from_secs(u64::from(function) + 1);
            demand.add(Time::ZERO, function, Some(duration), 2.0);
        }
        let some = demand.of_some(&[Some(1), None, Some(0)]);
        let given_s: Vec<f64> = some.functions().iter().map(|one| one.given_s).collect();
        assert_eq!(given_s, [6.0, 2.0]);
        let parts: f64 = some.parts().map(|part| part.given_s).sum();
        assert!((parts - 8.0).abs() < 1e-9);
    }

    proptest! {
        /// Whatever comes in whatever order, nothing is lost, and parts follow each other.
        #[test]
        fn nothing_is_lost(
            arrivals in prop::collection::vec((0u64..u64::MAX / 2, 0u32..5, any::<bool>()), 1..200)
        ) {
            let mut demand = Demand::default();
            for &(at, function, is_given) in &arrivals {
                let duration = is_given.then_some(Duration::from_secs(1));
                demand.add(Time::from_nanos(at), function, duration, 1.0);
            }
            let parts: Vec<_> = demand.parts().collect();
            prop_assert!(parts.len() <= MOST_PARTS);
            for pair in parts.windows(2) {
                prop_assert_eq!(pair[0].until, pair[1].from);
            }
            let sum = |of: &dyn Fn(&PartDemand) -> f64| parts.iter().map(of).sum::<f64>();
            let (bodies, given) = (sum(&|part| part.bodies), sum(&|part| part.given_s));
            prop_assert_eq!(bodies + given, arrivals.len() as f64);
            let functions = demand.functions().iter();
            let counted: f64 = functions.map(|one| one.bodies + one.given).sum();
            prop_assert_eq!(counted, arrivals.len() as f64);
        }
    }
}
