//! The violations that an auditor has found.

use std::fmt;

use isotherm_kernel::Time;

/// The rules; the [module of the auditor](super) describes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Time never goes back.
    Dates,
    /// Nothing exceeds its capacity.
    Capacity,
    /// One download per image at a time.
    Download,
    /// Copies go from the head disk to a disk that lacks the image.
    Copy,
    /// Loads go from a node's disk to a memory that lacks the image.
    Load,
    /// What is there from the start was not there before, and is not in use.
    Placed,
    /// What is in use is not evicted.
    Eviction,
    /// Containers start once, with their image, and stop once, idle.
    Container,
    /// Invocations go to containers of their function that have capacity and their image.
    Dispatch,
    /// Invocations are submitted once and end once.
    Invocation,
    /// Submitted = ended + pending.
    Conservation,
    /// At the end every invocation has ended and every slot is free.
    Unfinished,
    /// Events are about nodes that exist, and nothing begins on those that leave.
    UnknownNode,
}

/// A rule that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The date of the event that broke it.
    pub at: Time,
    /// Number of that event, counted from 0; the number of events if it was found at the end.
    pub event: u64,
    /// The rule that was broken.
    pub rule: Rule,
    /// What happened, as a sentence without its period.
    pub detail: String,
}

/// `at 12.500000000 s, event 17: …`
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}, event {}: {}", self.at, self.event, self.detail)
    }
}

/// Collects violations: counts all, keeps the first.
#[derive(Debug)]
pub(super) struct Log {
    at: Time,
    /// How many events have begun; the current one is number `events - 1`.
    events: u64,
    limit: usize,
    kept: Vec<Violation>,
    count: u64,
}

impl Log {
    pub(super) fn new(limit: usize) -> Self {
        Log { at: Time::ZERO, events: 0, limit, kept: Vec::new(), count: 0 }
    }

    pub(super) fn keep(&mut self, limit: usize) {
        self.limit = limit;
        self.kept.truncate(limit);
    }

    /// Begins the next event, of this date.
    pub(super) fn now(&mut self, at: Time) {
        self.events += 1;
        let before = self.at;
        self.at = at;
        if at < before {
            self.report(Rule::Dates, format_args!("the date went back from {before}"));
        }
    }

    pub(super) fn date(&self) -> Time {
        self.at
    }

    /// Notes a violation by the current event. The sentence is built only if it is kept.
    pub(super) fn report(&mut self, rule: Rule, detail: fmt::Arguments<'_>) {
        self.count += 1;
        if self.kept.len() < self.limit {
            // What `finish` finds belongs to no event: it gets the number after the last.
            let event =
                if rule == Rule::Unfinished { self.events } else { self.events.saturating_sub(1) };
            self.kept.push(Violation { at: self.at, event, rule, detail: detail.to_string() });
        }
    }

    pub(super) fn kept(&self) -> &[Violation] {
        &self.kept
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }
}
