//! Standstill: whether a simulation in which all actors wait can go on, and what is missing if not.
//!
//! Sleeps, calls and activities keep a simulation going. [Background
//! calls](crate::Kernel::background_at) change the environment, for example turn a host on again;
//! they keep a simulation going only within the limits below.
//!
//! # Deadlock
//!
//! While actors wait and only background calls are pending, the simulation goes on
//!
//! * while a [`Change::Once`] is pending;
//! * while a [`Change::Retry`] is pending that was scheduled before the last progress: what failed
//!   then may succeed now;
//! * while changes that [repeat](Change::Repeated) are pending, until the longest period has passed
//!   [`PERIODS`] times without progress. If periods differ, two hosts may be on together more
//!   rarely than that: the simulation also goes on until all periods have come round together, for
//!   at most [`FURTHER_CHANGES`] further changes.
//!
//! *Progress* is any of: an actor that is no daemon has run; an activity has completed (unless it
//! is a [part](crate::Activity::as_part)), or has less work left than before; a [`Change::Once`]
//! has happened; a service has [noted progress](crate::Kernel::note_progress).
//!
//! Otherwise the simulation is deadlocked, at the date of the last progress. Limits on time and
//! events hold meanwhile; each background call counts as an event.
//!
//! # Beyond the last date
//!
//! What would end after the last date that can be represented does not keep a simulation going. The
//! error is [`RunError::BeyondTime`](crate::RunError::BeyondTime) if an actor that is no daemon
//! sleeps that long or waits for such an activity. If only daemons or callbacks wait for it, the
//! same error is given if a service [is busy](StandstillHandler::is_busy). In all other cases it is
//! a deadlock.

use std::collections::BTreeMap;

use crate::fluid::ActivityId;
use crate::{Duration, Kernel, Time};

/// How often the longest period may pass without progress before the simulation counts as
/// deadlocked.
pub const PERIODS: u64 = 1000;

/// The largest number of further changes until all periods have come round together.
pub const FURTHER_CHANGES: u64 = 100_000;

/// The kind of a [background call](crate::Kernel::background_at), which decides how long actors
/// wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// One of a finite number of changes.
    Once,
    /// A change that recurs for ever with this period.
    Repeated(Duration),
    /// Another attempt at something that failed. It is useful only if something has changed. The
    /// intervals must grow, or in the end be long compared with those of other events.
    Retry,
}

/// A service that is asked when nothing but background calls is pending. See
/// [`Kernel::add_standstill_handler`].
pub trait StandstillHandler {
    /// Tries again what failed and was given up, if it may succeed now; returns whether it has
    /// started anything. For one state of the environment it does so at most once.
    fn retry(&self) -> bool {
        false
    }

    /// Whether something is in progress that actors may wait for, should it end beyond the last
    /// date.
    fn is_busy(&self) -> bool {
        false
    }

    /// What is missing, one sentence each, without a final period. Called when nothing will happen
    /// any more.
    fn missing(&self) -> Vec<String>;
}

/// The pending background calls, by kind.
#[derive(Debug, Default)]
pub(crate) struct PendingChanges {
    once: usize,
    /// The number of pending retries, by the date at which they were scheduled.
    retries: BTreeMap<Time, usize>,
    /// The longest period of all changes that have ever recurred.
    longest: Duration,
    /// The least common multiple of the periods in nanoseconds, saturating; 0 if nothing recurs.
    common: u64,
    /// The work left when all actors first waited for a recurring change after the last progress;
    /// and the number of changes since, beyond [`PERIODS`].
    left: Option<(Time, Vec<(ActivityId, f64)>)>,
    further: u64,
}

/// The least common multiple, saturating.
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

    /// A call has happened that was scheduled at the date `asked`.
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

    /// Whether a retry is pending that was scheduled at `date` or before.
    fn has_retry_of_before(&self, date: Time) -> bool {
        self.retries.first_key_value().is_some_and(|(&asked, _)| asked <= date)
    }
}

impl Kernel {
    /// All actors wait and only background calls are pending: whether to go on to the next one.
    pub(crate) fn may_wait_for_background(&self) -> bool {
        let next = self.inner.next_background.get();
        if next == Time::NEVER {
            return false;
        }
        let mut pending_changes = self.inner.pending_changes.borrow_mut();
        let progress = self.inner.progress.get();
        // What failed before the last change of the environment may succeed now.
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
        // Work that has been done is progress, even if no activity has completed.
        let left = pending_changes.left.as_ref().map_or(&[][..], |(_, left)| left);
        let goes_on = self.inner.fluid.borrow().has_gone_on(left, self.now());
        if goes_on {
            self.note_progress();
        }
        goes_on
    }
}
