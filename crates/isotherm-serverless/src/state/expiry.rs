//! When idle containers are to stop.
//!
//! Each time a container is used its keep-alive begins anew, so most dates at which one would stop are overtaken. A
//! container is noted here at most under one date that is still to be reached: when that comes and the container has been used since, it is
//! noted under its new date. So being used costs nothing here, and the service needs one timer for all containers.
//!
//! Where the rules say that each timer causes a round, overtaken or not, as in the reference, every idle period has a timer of its own
//! instead ([`Effect::KeepAlive`]).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use isotherm_kernel::{Duration, Time};

use super::{Effect, PlatformState};
use crate::ContainerId;

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

    fn pop_due(&mut self, now: Time) -> Option<(Time, ContainerId)> {
        let &Reverse(first) = self.dates.peek()?;
        (first.0 <= now).then(|| {
            self.dates.pop();
            first
        })
    }
}

impl PlatformState {
    /// An idle container is kept for so long from now on, or (`None`) until its room is needed.
    pub(super) fn keep_for(&mut self, id: ContainerId, idle: Option<Duration>) {
        let now = self.now;
        let Some(container) = self.containers.get_mut(&id) else { return };
        container.expires = idle.map_or(Time::NEVER, |idle| now + idle);
        if self.policies.rules.stale_timers_cause_rounds {
            if let Some(idle) = idle {
                let idle_sequence = container.idle_sequence;
                self.effects.push(Effect::KeepAlive { container: id, idle_sequence, idle });
            }
        } else if container.expires < container.noted {
            container.noted = container.expires;
            if self.expiries.note(container.noted, id) {
                self.effects.push(Effect::Expire { at: self.expiries.alarm });
            }
        }
    }

    /// The service looks at the containers that may have to stop. Says whether any has stopped.
    pub(crate) fn expire(&mut self) -> bool {
        let mut stopped = false;
        self.expiries.alarm = Time::NEVER;
        while let Some((date, id)) = self.expiries.pop_due(self.now) {
            let Some(container) = self.containers.get_mut(&id).filter(|container| container.noted == date) else {
                continue;
            };
            container.noted = Time::NEVER;
            if container.serving > 0 {
                continue;
            }
            let expires = container.expires;
            if expires <= self.now {
                self.stop_container(id, false);
                stopped = true;
            } else if expires < Time::NEVER {
                container.noted = expires;
                self.expiries.note(expires, id);
            }
        }
        if let Some(&Reverse((first, _))) = self.expiries.dates.peek() {
            self.expiries.alarm = first;
            self.effects.push(Effect::Expire { at: first });
        }
        stopped
    }

    /// The timer of one idle period has run out. Nothing happens if the container was used meanwhile or is gone.
    pub(crate) fn idle_timer_ended(&mut self, id: ContainerId, idle_sequence: u64) {
        let current = self.containers.get(&id).is_some_and(|container| {
            container.serving == 0 && container.expires < Time::NEVER && container.idle_sequence == idle_sequence
        });
        if current {
            self.stop_container(id, false);
        }
    }
}
