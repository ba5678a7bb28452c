//! How a speed, a state, a bandwidth or a latency changes in the course of a simulation.
//!
//! A profile is a list of dated values, read from a text of lines `date value` (seconds):
//!
//! ```text
//! # comment                 (also with %)
//! PERIODICITY 10
//! 0 0.5
//! 2 1.0
//! ```
//!
//! Dates count from the start of the simulation and increase. Without a repetition the last value
//! stays. With `PERIODICITY p`, the events of repetition k are dated k·p + date; with `LOOPAFTER d`
//! the next repetition starts d after the last event, hence repetition k is shifted by k·(last +
//! d).
//!
//! A profile may also be [drawn](Profile::drawn): each of its steps has a distribution of the time
//! since the event before and one of the value. In a text, each is a law with its parameters:
//!
//! ```text
//! STOCHASTIC LOOP           (or STOCHASTIC: once)
//! EXP 0.001     DET 0
//! UNIF 60 600   DET 1
//! ```
//!
//! | law | parameters | also called |
//! |---|---|---|
//! | `DET` | the value | |
//! | `EXP` | the rate, 1 / mean | `EXPONENTIAL` |
//! | `NORM` | mean, standard deviation | `NORMAL`, `GAUSS`, `GAUSSIAN` |
//! | `UNIF` | least, largest | `UNIFORM` |
//! | `WEIB` | shape, scale (SimGrid has no such law) | `WEIBULL` |
//!
//! With `LOOPAFTER d` the steps repeat too, and d seconds more pass before the first one.
//!
//! What a value means depends on where the profile is used: a factor of the speed, on (> 0) or off
//! (0 or less), bytes per second, seconds. Only a state may be negative: SimGrid's files also write
//! `-1` for off ([`Profile::parse_state`]).

use std::sync::Arc;

use isotherm_kernel::{Distribution, DistributionError, Duration, Random, RandomStreams};
use thiserror::Error;

/// A profile that cannot be read. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the message of a variant shows what its fields are")]
pub enum ProfileError {
    /// A line is not `date value`.
    #[error("line {line}: `{text}` is not a date and a value")]
    NotAnEvent { line: usize, text: String },
    /// A date or value is negative, not a number or infinite.
    #[error("line {line}: `{text}` is out of range")]
    OutOfRange { line: usize, text: String },
    /// A date does not come after the one before it.
    #[error("line {line}: the dates must increase")]
    NotIncreasing { line: usize },
    /// A step of a profile that is drawn which is not two laws with their parameters.
    #[error(
        "line {line}: `{text}` is not a law of the time and one of the value: `DET value`, \
         `EXP rate`, `NORM mean sd`, `UNIF least largest` or `WEIB shape scale`"
    )]
    NotLaws { line: usize, text: String },
    /// A law whose parameters are out of range.
    #[error("line {line}: {error}")]
    Law { line: usize, error: DistributionError },
    /// Laws in a profile that does not say that it is drawn.
    #[error("line {line}: laws are for a profile that begins with the line `STOCHASTIC`")]
    NotStochastic { line: usize },
    /// `STOCHASTIC` after the first event.
    #[error("line {line}: `STOCHASTIC` must come before the first event")]
    StochasticLate { line: usize },
    /// A period of a profile that is drawn.
    #[error("a profile that is drawn has no period: `STOCHASTIC LOOP` or `LOOPAFTER` repeats it")]
    PeriodOfDrawn,
    /// A repetition that would start before the one before it has ended, or that would take no
    /// time.
    #[error("the period must be longer than the date of the last event")]
    PeriodTooShort,
    /// Steps that are drawn again and again, and take hardly any time.
    #[error("a round of a profile that is drawn must take at least a microsecond on average")]
    RoundTooShort,
    /// No event at all, but a repetition.
    #[error("there is nothing to repeat")]
    Empty,
}

/// Dated values, perhaps repeated for ever.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Profile {
    events: Vec<(Duration, f64)>,
    period: Option<Duration>,
    drawn: Option<Arc<Drawn>>,
}

/// What a profile is drawn from.
#[derive(Debug, PartialEq)]
struct Drawn {
    /// For each step the seconds since the event before, and the value.
    steps: Vec<(Distribution, Distribution)>,
    repeats: bool,
    /// What passes before the first step of a repetition, beside what that step takes.
    pause: Duration,
    /// The lines of the text that says so, if there is one.
    laws: Option<Vec<String>>,
    random: Random,
}

/// The largest value that is drawn: more would be no number.
const MOST_DRAWN: f64 = 1e18;

/// The shortest mean of a round of steps that are drawn for ever: time has to pass.
const LEAST_ROUND_S: f64 = 1e-6;

impl Profile {
    /// A profile from its events and, if it repeats, its period.
    ///
    /// # Errors
    /// If a date does not come after the one before it, a value is negative or not finite, or the
    /// period is not longer than the date of the last event.
    pub fn new(
        events: Vec<(Duration, f64)>,
        period: Option<Duration>,
    ) -> Result<Self, ProfileError> {
        for (index, &(_, value)) in events.iter().enumerate() {
            let line = index + 1;
            if !(value.is_finite() && value >= 0.0) {
                let text = value.to_string();
                return Err(ProfileError::OutOfRange { line, text });
            }
        }
        for (index, pair) in events.windows(2).enumerate() {
            if pair[1].0 <= pair[0].0 {
                return Err(ProfileError::NotIncreasing { line: index + 2 });
            }
        }
        let profile = Self { events, period, drawn: None };
        profile.check_period()?;
        Ok(profile)
    }

    /// A profile whose events are drawn from a random stream, from the beginning of the stream in
    /// each simulation. A step is the distribution of the seconds since the event before (since
    /// the start of the simulation, for the first) and that of the value; the time is drawn
    /// first. What is drawn below 0 counts as 0, and above 10^18 as that. With `repeats` the first
    /// step comes after the last one, for ever.
    ///
    /// ```
    /// use isotherm_kernel::{Distribution, RandomStreams};
    /// use isotherm_platform::Profile;
    ///
    /// let constant = |value| Distribution::constant(value).unwrap();
    /// // It works for an hour on average, and is off for five minutes.
    /// let fails = (Distribution::exponential_with_mean(3600.0).unwrap(), constant(0.0));
    /// let steps = vec![fails, (constant(300.0), constant(1.0))];
    /// let random = RandomStreams::new(42).stream("failure/host/node0");
    /// let profile = Profile::drawn(steps, true, random).unwrap();
    /// let events: Vec<_> = profile.occurrences().take(2).collect();
    /// assert_eq!((events[1].0 - events[0].0).as_secs_f64(), 300.0);
    /// ```
    ///
    /// # Errors
    /// If there is no step, or a round of steps that repeat takes less than a microsecond on
    /// average.
    pub fn drawn(
        steps: Vec<(Distribution, Distribution)>,
        repeats: bool,
        random: Random,
    ) -> Result<Self, ProfileError> {
        Self::draw(Drawn { steps, repeats, pause: Duration::ZERO, laws: None, random })
    }

    fn draw(drawn: Drawn) -> Result<Self, ProfileError> {
        let Drawn { steps, repeats, pause, .. } = &drawn;
        if steps.is_empty() {
            return Err(ProfileError::Empty);
        }
        // A distribution without a mean has one beyond all bounds.
        let means = steps.iter().map(|(wait, _)| wait.mean().unwrap_or(f64::INFINITY).max(0.0));
        let mean = means.sum::<f64>() + pause.as_secs_f64();
        if *repeats && mean < LEAST_ROUND_S {
            return Err(ProfileError::RoundTooShort);
        }
        let period = repeats.then(|| Duration::from_secs_f64(mean));
        Ok(Self { events: Vec::new(), period, drawn: Some(Arc::new(drawn)) })
    }

    /// Whether the events are drawn at random.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        self.drawn.is_some()
    }

    /// The lines that say how a profile is drawn, if a text says so.
    pub(crate) fn laws(&self) -> Option<&[String]> {
        self.drawn.as_ref()?.laws.as_deref()
    }

    /// For each step of a profile that is drawn the mean of its time in seconds and that of its
    /// value (`None` is infinite).
    #[must_use]
    pub fn step_means(&self) -> Option<Vec<(Option<f64>, Option<f64>)>> {
        let steps = self.drawn.as_ref()?.steps.iter();
        Some(steps.map(|(wait, value)| (wait.mean(), value.mean())).collect())
    }

    /// The same profile, drawn from another stream if it is drawn.
    #[must_use]
    pub fn drawn_from(mut self, random: Random) -> Self {
        if let Some(drawn) = &self.drawn {
            let (steps, laws) = (drawn.steps.clone(), drawn.laws.clone());
            self.drawn = Some(Arc::new(Drawn { steps, laws, random, ..**drawn }));
        }
        self
    }

    /// Reads a profile from its text. A stochastic one is drawn from a stream of the seed 0 until
    /// it gets [another](Self::drawn_from), as a platform gives it.
    ///
    /// ```
    /// use isotherm_platform::Profile;
    /// let profile = Profile::parse("PERIODICITY 2\n0 1\n1 0\n").unwrap();
    /// let dates: Vec<f64> = profile.occurrences().take(4).map(|(date, _)| date.as_secs_f64()).collect();
    /// assert_eq!(dates, [0.0, 1.0, 2.0, 3.0]);
    /// ```
    ///
    /// # Errors
    /// The first line that cannot be followed.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        Self::read(text, false)
    }

    /// Reads a profile of states from its text: on for a value above 0, however small, and off for
    /// any other, as in SimGrid. Its values are 1 and 0.
    ///
    /// ```
    /// use isotherm_platform::Profile;
    /// let profile = Profile::parse_state("0 -1.0\n1 0.25\n2 0\n").unwrap();
    /// let states: Vec<f64> = profile.events().iter().map(|&(_, state)| state).collect();
    /// assert_eq!(states, [0.0, 1.0, 0.0]);
    /// ```
    ///
    /// # Errors
    /// The first line that cannot be followed.
    pub fn parse_state(text: &str) -> Result<Self, ProfileError> {
        Self::read(text, true)
    }

    fn read(text: &str, is_state: bool) -> Result<Self, ProfileError> {
        let mut profile = Reading { is_state, ..Reading::default() };
        for (index, content) in text.lines().enumerate() {
            let content = content.split(['#', '%']).next().unwrap_or_default().trim();
            if !content.is_empty() {
                profile.line(index + 1, content)?;
            }
        }
        profile.finish()
    }

    /// The same profile, repeated with a period, as the `periodicity` attribute asks.
    ///
    /// # Errors
    /// If the period is not longer than the date of the last event.
    pub fn with_period(mut self, period: Duration) -> Result<Self, ProfileError> {
        if self.is_drawn() {
            return Err(ProfileError::PeriodOfDrawn);
        }
        self.period = Some(period);
        self.check_period()?;
        Ok(self)
    }

    /// The events of one repetition; none if they are [drawn](Self::drawn).
    #[must_use]
    pub fn events(&self) -> &[(Duration, f64)] {
        &self.events
    }

    /// The period, if the profile repeats: the mean of it, if the events are drawn.
    #[must_use]
    pub fn period(&self) -> Option<Duration> {
        self.period
    }

    /// All events in order, repetitions included: endless if the profile repeats.
    #[must_use]
    pub fn occurrences(&self) -> Occurrences<'_> {
        Occurrences { profile: self, cursor: Cursor::default() }
    }

    fn check_period(&self) -> Result<(), ProfileError> {
        let Some(period) = self.period else {
            return Ok(());
        };
        match (self.events.first(), self.events.last()) {
            // With a first event after date 0, a period equal to the last date is no overlap.
            (Some(&(first, _)), Some(&(last, _)))
                if period.is_zero() || period < last || (period == last && first.is_zero()) =>
            {
                Err(ProfileError::PeriodTooShort)
            }
            (None, _) => Err(ProfileError::Empty),
            _ => Ok(()),
        }
    }
}

/// The text of a profile as far as it was read.
#[derive(Default)]
struct Reading {
    is_state: bool,
    events: Vec<(Duration, f64)>,
    /// The steps of a profile that is drawn.
    steps: Option<Vec<(Distribution, Distribution)>>,
    /// The lines of such a profile.
    laws: Vec<String>,
    repeats: bool,
    period: Option<Duration>,
    loop_after: Option<Duration>,
}

impl Reading {
    fn line(&mut self, line: usize, content: &str) -> Result<(), ProfileError> {
        let words: Vec<&str> = content.split_whitespace().collect();
        let text = || content.to_owned();
        let not_an_event = || ProfileError::NotAnEvent { line, text: text() };
        let number = |word: &str| word.parse::<f64>().map_err(|_| not_an_event());
        let in_range = |value: f64| match value.is_finite() && value >= 0.0 {
            true => Ok(value),
            false => Err(ProfileError::OutOfRange { line, text: text() }),
        };
        match words[..] {
            ["STOCHASTIC"] | ["STOCHASTIC", "LOOP"] => {
                if !self.events.is_empty() {
                    return Err(ProfileError::StochasticLate { line });
                }
                self.steps.get_or_insert_default();
                self.repeats |= words.len() == 2;
                self.laws.push(text());
            }
            ["PERIODICITY", period] => {
                self.period = Some(Duration::from_secs_f64(in_range(number(period)?)?));
            }
            ["LOOPAFTER", wait] => {
                self.loop_after = Some(Duration::from_secs_f64(in_range(number(wait)?)?));
                self.laws.push(text());
            }
            _ if self.steps.is_some() => {
                let step = self.step(line, content, &words)?;
                self.steps.get_or_insert_default().push(step);
                self.laws.push(words.join(" "));
            }
            [first, ..] if law(first).is_some() => {
                return Err(ProfileError::NotStochastic { line });
            }
            [date, value] => {
                let value = number(value)?;
                let value = match self.is_state {
                    true if value > 0.0 => in_range(value).map(|_| 1.0)?,
                    true => in_range(-value).map(|_| 0.0)?,
                    false => in_range(value)?,
                };
                let date = Duration::from_secs_f64(in_range(number(date)?)?);
                if self.events.last().is_some_and(|&(last, _)| date <= last) {
                    return Err(ProfileError::NotIncreasing { line });
                }
                self.events.push((date, value));
            }
            _ => return Err(not_an_event()),
        }
        Ok(())
    }

    /// A step of a profile that is drawn: the laws of its time and its value.
    fn step(
        &self,
        line: usize,
        content: &str,
        words: &[&str],
    ) -> Result<(Distribution, Distribution), ProfileError> {
        let text = || content.to_owned();
        let read = |words: &[&str]| -> Result<(Distribution, usize), ProfileError> {
            let not_laws = || ProfileError::NotLaws { line, text: text() };
            let (name, parameters) = words.split_first().ok_or_else(not_laws)?;
            let law = law(name).ok_or_else(not_laws)?;
            let parameters = parameters.get(..law.parameters()).ok_or_else(not_laws)?;
            let numbers = parameters.iter().map(|word| word.parse::<f64>());
            let numbers = numbers.collect::<Result<Vec<f64>, _>>().map_err(|_| not_laws())?;
            let law =
                law.distribution(&numbers).map_err(|error| ProfileError::Law { line, error })?;
            Ok((law, numbers.len() + 1))
        };
        let (wait, length) = read(words)?;
        let (value, rest) = read(&words[length..])?;
        if length + rest != words.len() {
            return Err(ProfileError::NotLaws { line, text: text() });
        }
        // What is drawn may be cut at 0; what is always the same is a slip.
        let negative = |law: &Distribution| law.quantile(1.0) < 0.0;
        if negative(&wait) || negative(&value) && !self.is_state {
            return Err(ProfileError::OutOfRange { line, text: text() });
        }
        Ok((wait, value))
    }

    fn finish(self) -> Result<Profile, ProfileError> {
        let Reading { events, mut period, loop_after, .. } = self;
        if let Some(steps) = self.steps {
            if period.is_some() {
                return Err(ProfileError::PeriodOfDrawn);
            }
            let random = RandomStreams::new(0).stream("profile");
            let repeats = self.repeats || loop_after.is_some();
            let pause = loop_after.unwrap_or(Duration::ZERO);
            let laws = Some(self.laws);
            return Profile::draw(Drawn { steps, repeats, pause, laws, random });
        }
        if let Some(wait) = loop_after {
            let last = events.last().map_or(Duration::ZERO, |&(date, _)| date);
            period = Some(last + wait);
        }
        let profile = Profile { events, period, drawn: None };
        profile.check_period()?;
        Ok(profile)
    }
}

/// The laws of the profiles of SimGrid, and Weibull.
#[derive(Clone, Copy)]
enum Law {
    Constant,
    Exponential,
    Normal,
    Uniform,
    Weibull,
}

/// The law of a name.
fn law(name: &str) -> Option<Law> {
    Some(match name {
        "DET" => Law::Constant,
        "EXP" | "EXPONENTIAL" => Law::Exponential,
        "NORM" | "NORMAL" | "GAUSS" | "GAUSSIAN" => Law::Normal,
        "UNIF" | "UNIFORM" => Law::Uniform,
        "WEIB" | "WEIBULL" => Law::Weibull,
        _ => return None,
    })
}

impl Law {
    fn parameters(self) -> usize {
        match self {
            Law::Constant | Law::Exponential => 1,
            Law::Normal | Law::Uniform | Law::Weibull => 2,
        }
    }

    fn distribution(self, parameters: &[f64]) -> Result<Distribution, DistributionError> {
        let (first, second) = (parameters[0], parameters.last().copied().unwrap_or_default());
        match self {
            Law::Constant => Distribution::constant(first),
            Law::Exponential => Distribution::exponential(first),
            Law::Normal => Distribution::normal(first, second),
            Law::Uniform => Distribution::uniform(first, second),
            Law::Weibull => Distribution::weibull(first, second),
        }
    }
}

/// Where a reader of a profile has got to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cursor {
    index: usize,
    /// What is added to the dates of the events; the date of the last event, if they are drawn.
    shift: Duration,
    random: Option<Random>,
}

impl Cursor {
    /// The next event of the profile, as the time since the start of the simulation.
    pub(crate) fn next(&mut self, profile: &Profile) -> Option<(Duration, f64)> {
        if let Some(drawn) = &profile.drawn {
            return self.draw(drawn);
        }
        if self.index == profile.events.len() {
            self.shift += profile.period?;
            self.index = 0;
        }
        let &(date, value) = profile.events.get(self.index)?;
        self.index += 1;
        Some((self.shift + date, value))
    }

    fn draw(&mut self, drawn: &Drawn) -> Option<(Duration, f64)> {
        if self.index == drawn.steps.len() && drawn.repeats {
            self.index = 0;
            self.shift += drawn.pause;
        }
        let (wait, value) = drawn.steps.get(self.index)?;
        self.index += 1;
        let random = self.random.get_or_insert_with(|| drawn.random.clone());
        self.shift += wait.sample_duration(random);
        Some((self.shift, value.sample(random).clamp(0.0, MOST_DRAWN)))
    }
}

/// The events of a profile in order, repetitions included. See [`Profile::occurrences`].
#[derive(Clone, Debug)]
pub struct Occurrences<'a> {
    profile: &'a Profile,
    cursor: Cursor,
}

impl Iterator for Occurrences<'_> {
    type Item = (Duration, f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.next(self.profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(text: &str, count: usize) -> Vec<f64> {
        let profile = Profile::parse(text).unwrap();
        profile.occurrences().take(count).map(|(date, _)| date.as_secs_f64()).collect()
    }

    #[test]
    fn a_period_shifts_every_event() {
        // Events k·10 + {1, 4}.
        assert_eq!(dates("PERIODICITY 10\n1 5\n4 6\n", 5), [1.0, 4.0, 11.0, 14.0, 21.0]);
    }

    #[test]
    fn a_loop_starts_some_time_after_the_last_event() {
        // The first event of the next repetition is at last + d + first = 4 + 2 + 1.
        assert_eq!(dates("1 5\n4 6\nLOOPAFTER 2", 4), [1.0, 4.0, 7.0, 10.0]);
    }

    #[test]
    fn comments_and_blank_lines_are_no_events() {
        let profile = Profile::parse("# all\n\n% this\n 3 0.5 # and this\n").unwrap();
        assert_eq!(profile.events(), &[(Duration::from_secs(3), 0.5)]);
        assert_eq!(profile.occurrences().count(), 1);
    }

    #[test]
    fn a_state_is_on_above_zero_and_off_otherwise() {
        let text = "PERIODICITY 9\n0 -1.0\n1 1\n2 0\n3 0.001\n4 -0.0\n5 7\n";
        let profile = Profile::parse_state(text).unwrap();
        let states: Vec<f64> = profile.events().iter().map(|&(_, state)| state).collect();
        assert_eq!(states, [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(profile.period(), Some(Duration::from_secs(9)));
        // A date cannot be negative, nor a state infinite.
        for text in ["-1 1", "0 -inf", "0 inf", "0 nan", "PERIODICITY -1\n0 1"] {
            let error = Profile::parse_state(text).unwrap_err();
            assert!(matches!(error, ProfileError::OutOfRange { line: 1, .. }), "{text}: {error}");
        }
    }

    /// What a profile of this text draws from a stream.
    fn drawn(text: &str, count: usize) -> Vec<(f64, f64)> {
        let random = RandomStreams::new(7).stream("a");
        let profile = Profile::parse(text).unwrap().drawn_from(random);
        let occurrences = profile.occurrences().take(count);
        occurrences.map(|(date, value)| (date.as_secs_f64(), value)).collect()
    }

    /// Each law by its quantile function, at the numbers that the stream gives; the time is drawn
    /// first, and each takes one number.
    #[test]
    fn laws_are_drawn_from_the_stream() {
        let mut random = RandomStreams::new(7).stream("a");
        let mut u: Vec<f64> = (0..10).map(|_| random.uniform_open()).collect();
        let text = "# all laws\n STOCHASTIC % once\nDET 10 UNIF 2 4\nEXP 0.25 DET 3\n\
                    UNIFORM 5 6 EXPONENTIAL 2\nWEIB 2 8 NORMAL 100 0\nGAUSS 1 0 WEIBULL 1 3\n";
        let found = drawn(text, 9);
        assert_eq!(found.len(), 5);
        u.iter_mut().for_each(|u| *u = 1.0 - *u);
        let expected = [
            (10.0, 4.0 - 2.0 * u[1]),
            (-u[2].ln() / 0.25, 3.0),
            (6.0 - u[4], -u[5].ln() / 2.0),
            (8.0 * (-u[6].ln()).sqrt(), 100.0),
            (1.0, -u[9].ln() * 3.0),
        ];
        let mut date = 0.0;
        for ((at, value), (wait, expected)) in found.into_iter().zip(expected) {
            date += wait;
            assert!((at - date).abs() < 1e-6 && (value - expected).abs() < 1e-9, "{at} {value}");
        }
    }

    #[test]
    fn drawn_profiles_repeat_with_loop_or_after_a_pause() {
        let dates =
            |text: &str| -> Vec<f64> { drawn(text, 5).into_iter().map(|(date, _)| date).collect() };
        assert_eq!(dates("STOCHASTIC\nDET 1 DET 0\nDET 2 DET 1\n"), [1.0, 3.0]);
        let looped = "STOCHASTIC LOOP\nDET 1 DET 0\nDET 2 DET 1\n";
        assert_eq!(dates(looped), [1.0, 3.0, 4.0, 6.0, 7.0]);
        assert_eq!(Profile::parse(looped).unwrap().period(), Some(Duration::from_secs(3)));
        let paused = "STOCHASTIC\nDET 1 DET 0\nDET 2 DET 1\nLOOPAFTER 10";
        assert_eq!(dates(paused), [1.0, 3.0, 14.0, 16.0, 27.0]);
        // Far out in its tail a law has values that no computation could go on with.
        let heavy = drawn("STOCHASTIC LOOP\nDET 1 WEIB 0.001 1\nDET 1 NORM -5 1\n", 40);
        assert!(heavy.iter().all(|&(_, value)| (0.0..=1e18).contains(&value)));
        assert!(heavy.iter().any(|&(_, value)| value == 1e18));
    }

    #[test]
    fn mistakes_in_stochastic_profiles_are_told_with_their_line() {
        for (text, message) in [
            (
                "DET 1 DET 2",
                "line 1: laws are for a profile that begins with the line `STOCHASTIC`",
            ),
            ("0 1\nSTOCHASTIC", "line 2: `STOCHASTIC` must come before the first event"),
            (
                "STOCHASTIC\nEXP 0 DET 1",
                "line 2: the rate of the exponential distribution must be \
              a positive number, not 0",
            ),
            (
                "STOCHASTIC\n\nUNIF 3 2 DET 1",
                "line 3: the high of the uniform distribution must be \
              at least its low, not 2",
            ),
            ("STOCHASTIC\nDET -1 DET 1", "line 2: `DET -1 DET 1` is out of range"),
            ("STOCHASTIC\nDET 1 DET -1", "line 2: `DET 1 DET -1` is out of range"),
            ("STOCHASTIC", "there is nothing to repeat"),
            (
                "STOCHASTIC LOOP\nDET 0 DET 1",
                "a round of a profile that is drawn must take at least a microsecond on average",
            ),
            (
                "PERIODICITY 5\nSTOCHASTIC\nDET 1 DET 1",
                "a profile that is drawn has no period: `STOCHASTIC LOOP` or `LOOPAFTER` repeats \
                 it",
            ),
        ] {
            assert_eq!(Profile::parse(text).unwrap_err().to_string(), message, "{text}");
        }
        for step in ["1 2", "DET 1", "DET 1 DET", "DET x DET 1", "EXPO 1 DET 1", "DET 1 DET 2 3"] {
            let error = Profile::parse(&format!("STOCHASTIC\n{step}")).unwrap_err();
            assert!(matches!(error, ProfileError::NotLaws { line: 2, .. }), "{step}: {error}");
        }
        // Off may be written as -1.
        assert!(Profile::parse_state("STOCHASTIC LOOP\nEXP 1 DET -1\nEXP 1 DET 1").is_ok());
        let drawn = Profile::parse("STOCHASTIC\nDET 1 DET 1").unwrap();
        let error = drawn.with_period(Duration::from_secs(5)).unwrap_err();
        assert_eq!(error, ProfileError::PeriodOfDrawn);
    }

    #[test]
    fn drawn_events_follow_each_other_and_are_always_the_same() {
        let constant = |value| Distribution::constant(value).unwrap();
        let steps = vec![
            (Distribution::exponential_with_mean(100.0).unwrap(), constant(0.0)),
            (Distribution::uniform(1.0, 3.0).unwrap(), constant(1.0)),
        ];
        let random = isotherm_kernel::RandomStreams::new(7).stream("a");
        let profile = Profile::drawn(steps.clone(), true, random.clone()).unwrap();
        let events: Vec<_> = profile.occurrences().take(20_000).collect();
        assert_eq!(events, profile.occurrences().take(20_000).collect::<Vec<_>>());
        for pair in events.chunks(2) {
            let off = (pair[1].0 - pair[0].0).as_secs_f64();
            assert!((1.0..=3.0).contains(&off) && (pair[0].1, pair[1].1) == (0.0, 1.0));
        }
        // 10,000 rounds of 102 s: the standard deviation of their mean is 1 s.
        let mean = events.last().unwrap().0.as_secs_f64() / 10_000.0;
        assert!((mean - 102.0).abs() < 4.0, "{mean}");
        assert_eq!(profile.period(), Some(Duration::from_secs(102)));
        let once = Profile::drawn(steps, false, random.clone()).unwrap();
        assert_eq!(once.occurrences().collect::<Vec<_>>(), events[..2]);
        let no_time = vec![(constant(0.0), constant(1.0))];
        assert_eq!(Profile::drawn(no_time, true, random), Err(ProfileError::RoundTooShort));
    }

    #[test]
    fn what_is_no_profile_is_refused_with_its_line() {
        let parse = |text| Profile::parse(text).unwrap_err();
        let text = "1".to_owned();
        assert_eq!(parse("0 1\n1\n"), ProfileError::NotAnEvent { line: 2, text });
        assert!(matches!(parse("0 1\n1 two"), ProfileError::NotAnEvent { line: 2, .. }));
        assert!(matches!(parse("0 1 2"), ProfileError::NotAnEvent { line: 1, .. }));
        assert!(matches!(parse("0 -1"), ProfileError::OutOfRange { line: 1, .. }));
        assert!(matches!(parse("nan 1"), ProfileError::OutOfRange { line: 1, .. }));
        assert_eq!(parse("2 1\n2 3"), ProfileError::NotIncreasing { line: 2 });
        assert_eq!(parse("PERIODICITY 3\n1 1\n4 1"), ProfileError::PeriodTooShort);
        // A repetition that takes no time would never let time pass.
        assert_eq!(parse("PERIODICITY 0\n0 1"), ProfileError::PeriodTooShort);
        assert_eq!(parse("PERIODICITY 3"), ProfileError::Empty);
    }
}
