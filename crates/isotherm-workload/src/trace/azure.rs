//! The traces of Azure Functions: whole workloads, that say which functions there are and when they
//! are invoked.
//!
//! | trace | what is in it | read by | played by |
//! |---|---|---|---|
//! | 2019 | invocations in each minute, percentiles of durations, memory of apps | [`Azure2019Files`] | [`Azure2019Replay`] |
//! | 2021 | every invocation, with its end and its duration | [`Azure2021::scan`] | [`Azure2021Trace`] |
//!
//! Functions belong to *apps*. An [`AppSample`] keeps only some apps, always with all of their
//! functions; which, depends on nothing but their names and the number of the sample. So a sample
//! of more apps has those of a smaller one, and what else is in the files does not matter.
//!
//! # Names
//!
//! The traces name apps and functions by 64 hexadecimal digits each. A function is called
//! `app/function` here, both cut to their first 8 characters, or to as many more as it takes for
//! all names to differ. In the trace of 2019 an app may be there under two owners: if that is all
//! by which functions differ, they are called `owner/app/function`.
//!
//! # What is tolerated
//!
//! The files have their quirks, and no user can mend them. What can be read in one way only is
//! taken so and counted ([`Azure2019::quirks`], [`Azure2021::early`]); what cannot is an error with
//! its line.

use std::collections::{BTreeSet, HashMap};

use isotherm_kernel::RandomStreams;

use crate::error::{TraceError, TraceProblem};

pub use durations::PERCENTILES;
pub use files::{Azure2019, Azure2019Files, Azure2019Function, Azure2019Scan, Quirks};
pub use invocations::{Azure2021, Azure2021Scan, Azure2021Trace};
pub use replay::{Azure2019Replay, ReplayConfig, WithinMinute};

mod durations;
mod files;
mod invocations;
mod minutes;
mod replay;

/// Which apps of a trace are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppSample {
    /// How many; `None` for all.
    pub apps: Option<u64>,
    /// Which of the many samples of this size.
    pub number: u64,
}

impl AppSample {
    /// The place of an app in the order in which apps are taken.
    fn rank(&self, app: &str) -> u64 {
        RandomStreams::new(self.number).stream(&format!("azure/apps/{app}")).next_word()
    }

    /// Whether each of these apps is kept, of which there are no two of one name.
    fn kept(&self, apps: &[String]) -> Vec<bool> {
        let Some(most) = self.apps else { return vec![true; apps.len()] };
        let mut order: Vec<_> =
            apps.iter().enumerate().map(|(index, app)| (self.rank(app), app, index)).collect();
        order.sort_unstable();
        let mut kept = vec![false; apps.len()];
        for &(.., index) in order.iter().take(usize::try_from(most).unwrap_or(usize::MAX)) {
            kept[index] = true;
        }
        kept
    }
}

/// What is wrong with the rows of files, the first things in full.
#[derive(Debug, Default)]
struct RowErrors {
    most: usize,
    errors: Vec<TraceError>,
    further: u64,
}

impl RowErrors {
    fn new(most: usize) -> Self {
        RowErrors { most, ..RowErrors::default() }
    }

    fn push(&mut self, error: TraceError) {
        if self.errors.len() < self.most { self.errors.push(error) } else { self.further += 1 }
    }

    /// Takes what is wrong with one row, so that the next ones can be read; gives it back if there
    /// is nothing more to read.
    fn record(&mut self, error: Box<TraceError>) -> Result<AfterError, Box<TraceError>> {
        match error.problem {
            TraceProblem::Unreadable(_) => Err(error),
            TraceProblem::OpenQuote | TraceProblem::Compressed(_) => {
                self.push(*error);
                Ok(AfterError::Stop)
            }
            _ => {
                self.push(*error);
                Ok(AfterError::Continue)
            }
        }
    }
}

/// Whether there is more to read behind something that is wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AfterError {
    Continue,
    Stop,
}

/// Things by their keys, numbered in the order in which they were seen.
#[derive(Clone, Default)]
struct Interner {
    numbers: HashMap<Box<[u8]>, u32>,
}

impl std::fmt::Debug for Interner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Their order is another one each time.
        f.debug_struct("Interner").field("count", &self.numbers.len()).finish_non_exhaustive()
    }
}

impl Interner {
    fn get(&self, key: &[u8]) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    /// The number of a key, and whether it is a new one.
    fn add(&mut self, key: &[u8]) -> (u32, bool) {
        if let Some(number) = self.get(key) {
            return (number, false);
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(key.into(), number);
        (number, true)
    }
}

/// Characters that are left at least of each part of a name.
const SHORTEST: usize = 8;

/// What separates the parts of a key. It is in no name: files with such bytes are no text.
const SEPARATOR: u8 = 0;

/// Short names that all differ, of keys whose last parts are the app and the function: see the
/// [module](self).
fn names<const PARTS: usize>(keys: &[[&str; PARTS]]) -> Vec<String> {
    let longest = keys.iter().flatten().map(|part| part.chars().count()).max().unwrap_or(0);
    // Cut to more and more characters, of the last two parts, and then of more of them.
    let lengths = || (SHORTEST..longest).step_by(4).chain([longest.max(SHORTEST)]);
    let ways = (2..=PARTS).flat_map(|parts| lengths().map(move |length| (parts, length)));
    let mut names = Vec::new();
    for (parts, length) in ways {
        let cut = |part: &&str| part.chars().take(length).collect::<String>();
        let name = |key: &[&str; PARTS]| {
            key[PARTS - parts..].iter().map(cut).collect::<Vec<_>>().join("/")
        };
        names = keys.iter().map(name).collect();
        if names.iter().collect::<BTreeSet<_>>().len() == names.len() {
            break;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_long_as_they_must_be() {
        let long = |end: &str| format!("0123456789{end}");
        let (one, other) = (long("a"), long("b"));
        assert_eq!(names(&[[&one, &one], ["app", &one]]), ["01234567/01234567", "app/01234567"]);
        assert_eq!(
            names(&[[&one, &one], [&one, &other]]),
            ["0123456789a/0123456789a", "0123456789a/0123456789b"]
        );
        assert_eq!(
            names(&[["a", &one], ["a", &one]]),
            ["a/0123456789a", "a/0123456789a"],
            "they are the same"
        );
        assert_eq!(names::<2>(&[]), [""; 0]);
    }

    #[test]
    fn names_have_the_owner_if_nothing_else_differs() {
        assert_eq!(names(&[["o", "a", "f"], ["p", "a", "g"]]), ["a/f", "a/g"]);
        assert_eq!(
            names(&[["o", "a", "f"], ["p", "a", "f"], ["p", "b", "f"]]),
            ["o/a/f", "p/a/f", "p/b/f"]
        );
        let long = |end: &str| format!("0123456789{end}");
        let owners = [long("a"), long("b")];
        let found = names(&owners.each_ref().map(|owner| [owner.as_str(), "a", "f"]));
        assert_eq!(found, ["0123456789a/a/f", "0123456789b/a/f"]);
    }

    #[test]
    fn a_larger_sample_has_the_apps_of_a_smaller_one() {
        let apps: Vec<String> = (0..100).map(|app| format!("app{app}")).collect();
        let kept = |count, number| AppSample { apps: Some(count), number }.kept(&apps);
        let [ten, twenty, other] = [kept(10, 0), kept(20, 0), kept(10, 1)];
        assert_eq!(ten.iter().filter(|&&kept| kept).count(), 10);
        assert!(ten.iter().zip(&twenty).all(|(small, large)| !small || *large));
        assert!(ten != other, "another number is another sample");
        // The other apps of the files do not matter: the first of ten is the first of those that
        // are left as well.
        let left: Vec<String> = apps
            .iter()
            .zip(&twenty)
            .filter(|(_, kept)| **kept)
            .map(|(app, _)| app.clone())
            .collect();
        let again = AppSample { apps: Some(10), number: 0 }.kept(&left);
        let names = |apps: &[String], kept: &[bool]| -> Vec<String> {
            apps.iter().zip(kept).filter(|(_, kept)| **kept).map(|(app, _)| app.clone()).collect()
        };
        assert_eq!(names(&left, &again), names(&apps, &ten));
        assert_eq!(kept(1_000, 0), [true; 100]);
    }
}
