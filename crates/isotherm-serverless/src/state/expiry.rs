//! The ends of keep-alive times, in a binary heap with lazy deletion.
//!
//! Each use of a container restarts its keep-alive, so most expiry dates become stale. A container
//! has at most one valid entry here; when its date comes and the container was used since, it is
//! inserted again with its new date. So a use costs nothing, and the service needs one timer for
//! all containers. Stale entries are removed when they are the majority, so memory does not grow
//! with past containers.
//!
//! If every timer causes a round, stale or not, as in the reference, each idle period has a timer
//! of its own instead ([`Effect::KeepAlive`]).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use isotherm_kernel::Time;

use super::containers::Containers;
use super::{Container, Effect, PlatformState, StopReason};
use crate::{ContainerId, steps};

/// The entries beyond twice the number of containers at which stale ones are removed.
const SLACK: usize = 32;

/// The expiry dates of containers.
#[derive(Debug)]
pub(crate) struct Expiries {
    /// An entry is valid if its date is the one noted in its container.
    dates: BinaryHeap<Reverse<(Time, ContainerId)>>,
    /// The date at which the service will look at them.
    alarm: Time,
}

impl Default for Expiries {
    fn default() -> Self {
        Expiries { dates: BinaryHeap::new(), alarm: Time::NEVER }
    }
}

impl Expiries {
    #[cfg(any(test, feature = "audit"))]
    pub(crate) fn len(&self) -> usize {
        self.dates.len()
    }

    /// Inserts an entry; returns whether the service must look earlier than planned.
    fn note(&mut self, date: Time, id: ContainerId) -> bool {
        self.dates.push(Reverse((date, id)));
        let is_first = date < self.alarm;
        if is_first {
            self.alarm = date;
        }
        is_first
    }
}

impl Containers {
    /// Removes stale dates if they are the majority; O(1) amortised per insertion.
    fn drop_stale_dates(&mut self) {
        let Containers { expiries, all, .. } = self;
        if expiries.dates.len() > 2 * all.len() + SLACK {
            steps::count(expiries.dates.len() as u64);
            expiries.dates.retain(|&Reverse((date, id))| {
                all.get(&id).is_some_and(|container| container.noted == date)
            });
        }
    }
}

impl PlatformState {
    /// Records the expiry date of a container that has become idle.
    pub(super) fn note_expiry(&mut self, id: ContainerId, container: &Container) {
        let Container { expires, noted, idle_sequence, .. } = *container;
        if self.policies.rules.stale_timers_cause_rounds {
            if expires < Time::NEVER {
                let idle = expires.since(self.now);
                self.effects.push(Effect::KeepAlive { container: id, idle_sequence, idle });
            }
        } else if expires < noted {
            if let Some(container) = self.containers.all.get_mut(&id) {
                container.noted = expires;
            }
            self.containers.drop_stale_dates();
            if self.containers.expiries.note(expires, id) {
                self.effects.push(Effect::Expire { at: expires });
            }
        }
    }

    /// The date of the service's look has come. Returns whether a container must stop now;
    /// containers used since get a new entry.
    pub(crate) fn has_expired(&mut self) -> bool {
        let Containers { all, expiries: Expiries { dates, alarm }, .. } = &mut self.containers;
        *alarm = Time::NEVER;
        while let Some(&Reverse((date, id))) = dates.peek() {
            steps::count(1);
            if date > self.now {
                *alarm = date;
                self.effects.push(Effect::Expire { at: date });
                return false;
            }
            let noted = all.get_mut(&id).filter(|container| container.noted == date);
            let Some(container) = noted else {
                dates.pop();
                continue;
            };
            if container.serving == 0 && container.expires <= self.now {
                return true;
            }
            dates.pop();
            // A busy container gets an entry when it becomes idle.
            container.noted = if container.serving == 0 { container.expires } else { Time::NEVER };
            if container.noted < Time::NEVER {
                dates.push(Reverse((container.noted, id)));
            }
        }
        false
    }

    /// Stops the containers whose keep-alive time has passed.
    pub(crate) fn expire(&mut self) {
        while self.has_expired() {
            if let Some(Reverse((_, id))) = self.containers.expiries.dates.pop() {
                self.stop_container(id, StopReason::Expired);
            }
        }
    }

    /// The timer of one idle period has ended. Nothing happens if the container was used since or
    /// is gone.
    pub(crate) fn idle_timer_ended(&mut self, id: ContainerId, idle_sequence: u64) {
        let current = self.containers.all.get(&id).is_some_and(|container| {
            container.serving == 0
                && container.expires < Time::NEVER
                && container.idle_sequence == idle_sequence
        });
        if current {
            self.stop_container(id, StopReason::Expired);
        }
    }
}
