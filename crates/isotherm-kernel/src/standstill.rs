//! Standstill: whether anything will ever happen again, and who can say what is missing if not.
//!
//! Sleeps, calls and activities keep a simulation going. [Background
//! calls](crate::Kernel::background_at) do so only where nothing else is to come: then all actors
//! wait, and what the world still brings may be what they wait for, such as a host that comes back.
//!
//! # When it ends
//!
//! A simulation in which actors wait and nothing but background calls is to come goes on
//!
//! * as long as a [`Change::Once`] is to come;
//! * as long as a [`Change::Retry`] is to come that was asked for before the last progress: what
//!   failed then may succeed now;
//! * while changes that [repeat](Change::Repeated) are to come, until the longest of their periods
//!   has passed [`PERIODS`] times without progress. So a profile that repeats for ever keeps
//!   nothing going for ever. Where periods differ, two things may be on at once more rarely than
//!   that: it goes on until all periods have come round together, if that takes no more than
//!   [`FURTHER_CHANGES`].
//!
//! *Progress* is that an actor has run that is no daemon, that an activity has completed (unless it
//! is a [part](crate::Activity::as_part) of something that may begin anew) or one that goes on has
//! less left to do, that something happens once, or that a service [says
//! so](crate::Kernel::note_progress). Then it is a deadlock, and its date is that of the last
//! progress. Limits on time and events hold for all of this: a background call counts as an event
//! while nothing else is to come.
//!
//! # Beyond the end of time
//!
//! What would end after the last date that there is does not keep a simulation going. It is named
//! as the reason ([`RunError::BeyondTime`](crate::RunError::BeyondTime)) if an actor that is no
//! daemon sleeps so long or waits for such an activity. If only daemons do, or something is to be
//! called then, it depends on whether a service [carries something out](StandstillHandler::is_busy).
//! Otherwise, and if nobody waits for it, such as for a load in the background, it makes no
//! difference: the simulation is deadlocked.

use std::collections::BTreeMap;

use crate::fluid::ActivityId;
use crate::{Duration, Kernel, Time};

/// How often the longest period of what repeats may pass without progress before a simulation
/// counts as deadlocked.
pub const PERIODS: u64 = 1000;

/// For how many further changes a simulation goes on at most until all periods have come round
/// together.
pub const FURTHER_CHANGES: u64 = 100_000;

/// What a [background call](crate::Kernel::background_at) is to actors that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A change that is one of a finite number.
    Once,
    /// One of the changes of something that repeats for ever with this period.
    Repeated(Duration),
    /// A further try of what has failed: it is of use only if something has changed. Who tries
    /// again has to do so more and more rarely, or in the end at a pace that is slow beside what
    /// else happens.
    Retry,
}

/// Who can say what is waited for, and perhaps do something about it. See
/// [`Kernel::add_standstill_handler`].
pub trait StandstillHandler {
    /// Nothing is to come but background calls. Whoever knows of something that failed and was
    /// given up, and that may succeed now, sees to it that it is tried again, and says so; for the
    /// same state of the world at most once.
    fn retry(&self) -> bool {
        false
    }

    /// Whether something is under way that others may wait for: if it goes on beyond the end of
    /// time, they wait for that.
    fn is_busy(&self) -> bool {
        false
    }

    /// Nothing will happen any more: what is missing, a sentence each, without a final period.
    fn missing(&self) -> Vec<String>;
}

/// The background calls that are still to come, by what they are.
#[derive(Debug, Default)]
pub(crate) struct PendingChanges {
    once: usize,
    /// How many further tries were asked for at a date.
    retries: BTreeMap<Time, usize>,
    /// The longest period of all that has ever repeated.
    longest: Duration,
    /// The time after which they all have come round together, in nanoseconds; 0 if nothing
    /// repeats. One that is too long for a number is the largest one.
    common: u64,
    /// After the last progress, when all actors first waited for a change that repeats: the work
    /// that was left. And how many changes have been waited for beyond [`PERIODS`].
    left: Option<(Time, Vec<(ActivityId, f64)>)>,
    further: u64,
}

/// The least common multiple, or the largest number if it is too large.
fn common_multiple(one: u64, other: u64) -> u64 {
    let (mut divisor, mut rest) = (one, other);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    one.checked_div(divisor).unwrap_or(0).saturating_mul(other)
}

impl PendingChanges {
    pub(crate) fn note(&mut self, change: Change, asked: Time) {
        match change {
            Change::Once => self.once += 1,
            Change::Repeated(period) => self.note_period(period),
            Change::Retry => *self.retries.entry(asked).or_default() += 1,
        }
    }

    fn note_period(&mut self, period: Duration) {
        self.longest = self.longest.max(period);
        let (common, period) = (self.common, period.as_nanos());
        if common == 0 {
            self.common = period;
        } else if common < u64::MAX && common % period.max(1) != 0 {
            self.common = common_multiple(common, period);
        }
    }

    /// A call has happened that was asked for at a date.
    pub(crate) fn forget(&mut self, change: Change, asked: Time) {
        match change {
            Change::Once => self.once -= 1,
            Change::Repeated(_) => {}
            Change::Retry => {
                if let Some(count) = self.retries.get_mut(&asked) {
                    *count -= 1;
                    if *count == 0 {
                        self.retries.remove(&asked);
                    }
                }
            }
        }
    }

    /// Whether a further try is to come that was asked for at a date or before.
    fn has_retry_of_before(&self, date: Time) -> bool {
        self.retries.first_key_value().is_some_and(|(&asked, _)| asked <= date)
    }
}

impl Kernel {
    /// All actors wait, and nothing is to come but background calls: whether the next one may be of
    /// use.
    pub(crate) fn may_wait_for_background(&self) -> bool {
        let next = self.inner.next_background.get();
        if next == Time::NEVER {
            return false;
        }
        let mut pending_changes = self.inner.pending_changes.borrow_mut();
        let progress = self.inner.progress.get();
        // Something that failed before the world last changed may succeed now.
        if pending_changes.once > 0 || pending_changes.has_retry_of_before(progress) {
            return true;
        }
        if pending_changes.longest.is_zero() {
            return false;
        }
        if pending_changes.left.as_ref().is_none_or(|&(since, _)| since != progress) {
            pending_changes.left =
                Some((progress, self.inner.fluid.borrow().work_left(self.now())));
            pending_changes.further = 0;
        }
        let patience =
            Duration::from_nanos(pending_changes.longest.as_nanos().saturating_mul(PERIODS));
        if next <= progress + patience {
            return true;
        }
        let round = Duration::from_nanos(
            pending_changes.common.saturating_add(pending_changes.longest.as_nanos()),
        );
        if next <= progress + round && pending_changes.further < FURTHER_CHANGES {
            pending_changes.further += 1;
            return true;
        }
        // Work that has been done is progress, even where no activity has come to its end.
        let left = pending_changes.left.as_ref().map_or(&[][..], |(_, left)| left);
        let goes_on = self.inner.fluid.borrow().has_gone_on(left, self.now());
        if goes_on {
            self.note_progress();
        }
        goes_on
    }
}
