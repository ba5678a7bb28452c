//! When idle containers are to stop.
//!
//! Each time a container is used its keep-alive begins anew, so most dates at which one would stop
//! are overtaken. A container is noted here at most under one date that is still to be reached:
//! when that comes and the container has been used since, it is noted under its new date. So being
//! used costs nothing here, and the service needs one timer for all containers. What is noted of
//! containers that have had to go before their date is thrown away when it is most of what is
//! noted, so that it does not grow with what has passed.
//!
//! Where the rules say that each timer causes a round, overtaken or not, as in the reference, every
//! idle period has a timer of its own instead ([`Effect::KeepAlive`]).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use isotherm_kernel::Time;

use super::{Container, Effect, PlatformState};
use crate::ContainerId;

/// So many dates more than twice the containers are kept before those that count no more are thrown
/// away.
const SLACK: usize = 32;

/// Dates at which containers may have to stop.
#[derive(Debug)]
pub(crate) struct Expiries {
    /// An entry counts if its container is noted under that date.
    dates: BinaryHeap<Reverse<(Time, ContainerId)>>,
    /// When the service will look at them.
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

    /// Notes a container; says whether the service has to look earlier than it would.
    fn note(&mut self, date: Time, id: ContainerId) -> bool {
        self.dates.push(Reverse((date, id)));
        let is_first = date < self.alarm;
        if is_first {
            self.alarm = date;
        }
        is_first
    }
}

impl PlatformState {
    /// A container has become idle, and expires as it says.
    pub(super) fn note_expiry(&mut self, id: ContainerId, container: &Container) {
        let Container { expires, noted, idle_sequence, .. } = *container;
        if self.policies.rules.stale_timers_cause_rounds {
            if expires < Time::NEVER {
                let idle = expires.since(self.now);
                self.effects.push_back(Effect::KeepAlive { container: id, idle_sequence, idle });
            }
        } else if expires < noted {
            if let Some(container) = self.containers.get_mut(&id) {
                container.noted = expires;
            }
            self.throw_dates_away();
            if self.expiries.note(expires, id) {
                self.effects.push_back(Effect::Expire { at: expires });
            }
        }
    }

    /// Forgets dates that count no more, if they are most of all; O(1) for each that is noted,
    /// taken over many.
    fn throw_dates_away(&mut self) {
        let PlatformState { expiries, containers, .. } = self;
        if expiries.dates.len() > 2 * containers.len() + SLACK {
            expiries.dates.retain(|&Reverse((date, id))| {
                containers.get(&id).is_some_and(|container| container.noted == date)
            });
        }
    }

    /// The date at which the service wanted to look has come. Says whether a container has to stop
    /// now; those that were used since they were noted are noted anew.
    pub(crate) fn has_expired(&mut self) -> bool {
        self.expiries.alarm = Time::NEVER;
        while let Some(&Reverse((date, id))) = self.expiries.dates.peek() {
            if date > self.now {
                self.expiries.alarm = date;
                self.effects.push_back(Effect::Expire { at: date });
                return false;
            }
            let noted = self.containers.get_mut(&id).filter(|container| container.noted == date);
            let Some(container) = noted else {
                self.expiries.dates.pop();
                continue;
            };
            if container.serving == 0 && container.expires <= self.now {
                return true;
            }
            self.expiries.dates.pop();
            // One that serves somebody will be noted when it is idle.
            container.noted = if container.serving == 0 { container.expires } else { Time::NEVER };
            if container.noted < Time::NEVER {
                self.expiries.dates.push(Reverse((container.noted, id)));
            }
        }
        false
    }

    /// Stops the containers that have been idle for long enough.
    pub(crate) fn expire(&mut self) {
        while self.has_expired() {
            if let Some(Reverse((_, id))) = self.expiries.dates.pop() {
                self.stop_container(id, false);
            }
        }
    }

    /// The timer of one idle period has run out. Nothing happens if the container was used
    /// meanwhile or is gone.
    pub(crate) fn idle_timer_ended(&mut self, id: ContainerId, idle_sequence: u64) {
        let current = self.containers.get(&id).is_some_and(|container| {
            container.serving == 0
                && container.expires < Time::NEVER
                && container.idle_sequence == idle_sequence
        });
        if current {
            self.stop_container(id, false);
        }
    }
}
