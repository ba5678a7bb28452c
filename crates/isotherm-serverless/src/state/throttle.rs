//! Concurrency limits: of functions and of the service.
//!
//! A new invocation passes two gates before anything else is done with it: that of its function, if
//! it has a limit, and that of the service, if it has one. From then until its end it is *inside*,
//! whether it waits for its image, is pending or runs. So schedulers never see more invocations
//! than may run, and need not know the limits.
//!
//! A function with a *reserved* concurrency has this part of the service's limit for itself, and no
//! more; the others share the rest.
//!
//! At a limit of 0 every invocation is rejected, since it would wait for ever. At other limits a
//! surplus invocation is rejected ([`Throttle::Reject`]) or waits ([`Throttle::Queue`]). There is
//! one queue at the gate of each function and one at that of the service, both in the order of
//! submission: an invocation that had to wait at its function's gate does not go to the end of the
//! second queue. When an invocation inside ends, the next one enters: O(log n) per invocation.

use std::collections::{BTreeSet, VecDeque};

use isotherm_services::FailureCause;

use super::{Function, InvocationKey, Phase, PlatformState};
use crate::rules::Throttle;
use crate::unfinished::Lack;
use crate::{FunctionId, InvocationId, Outcome};

/// The gate of a function. Its queue is apart.
#[derive(Debug)]
pub(crate) struct Gate {
    /// How many may be inside; `u32::MAX`: unlimited.
    most: u32,
    /// Whether this number is reserved for the function.
    reserved: bool,
    /// How many have passed this gate and not ended. Not counted without any limit.
    inside: u32,
}

/// The gate of the service.
#[derive(Debug, Default)]
pub(crate) struct CommonGate {
    /// How many may be inside, reservations included; `None`: unlimited.
    limit: Option<u32>,
    throttle: Throttle,
    /// The sum of the reservations.
    reserved: u32,
    /// Whether there are functions that share the rest.
    sharing: bool,
    /// How many of the functions that share the rest are inside.
    inside: u32,
    /// The queue at this gate, in the order of submission.
    line: BTreeSet<InvocationId>,
    /// Invocations that have just entered and were not processed yet.
    pub(super) let_in: VecDeque<InvocationId>,
}

impl Gate {
    pub(crate) fn new(limit: Option<u32>, reserved: bool) -> Self {
        Gate { most: limit.unwrap_or(u32::MAX), reserved, inside: 0 }
    }

    /// How many may be inside, if there is a limit.
    fn limit(&self) -> Option<u32> {
        (self.most < u32::MAX).then_some(self.most)
    }

    /// Whether nothing may ever enter.
    fn is_walled_up(&self) -> bool {
        self.most == 0
    }
}

impl CommonGate {
    pub(crate) fn new(limit: Option<u32>, throttle: Throttle) -> Self {
        CommonGate { limit, throttle, ..CommonGate::default() }
    }

    fn is_open(&self) -> bool {
        self.limit.is_none_or(|limit| self.inside < limit - self.reserved)
    }

    /// Whether nothing without a reservation may ever enter.
    fn is_walled_up(&self) -> bool {
        self.limit == Some(0)
    }

    /// Registers a function with a limit, reserved for it or (`reserves` is false) not. Returns
    /// whether that is possible: the reservation must be available, and at least 1 must be left for
    /// functions that share the rest, if there are any.
    pub(crate) fn admit(&mut self, limit: Option<u32>, reserves: bool) -> bool {
        let places = limit.filter(|_| reserves).unwrap_or(0);
        let shares = !reserves && limit != Some(0) && !self.is_walled_up();
        let sharing = self.sharing || shares;
        let reserved = self.reserved.checked_add(places);
        let possible = |&reserved: &u32| {
            self.limit.is_none_or(|limit| reserved < limit || reserved == limit && !sharing)
        };
        let Some(reserved) = reserved.filter(possible) else { return false };
        (self.sharing, self.reserved) = (sharing, if self.limit.is_some() { reserved } else { 0 });
        true
    }

    /// Lets in as many as may be inside.
    fn let_more_in(&mut self) {
        while self.is_open()
            && let Some(next) = self.line.pop_first()
        {
            self.inside += 1;
            self.let_in.push_back(next);
        }
    }
}

impl PlatformState {
    /// The limit at which an invocation of the function waits: that of the function, and whether it
    /// is a reservation, or that of the service.
    pub(super) fn limit_before(&self, id: InvocationId, function: FunctionId) -> Lack {
        let (Function { gate, rest, .. }, common) = (&self.functions[function], &self.common_gate);
        match gate.limit() {
            Some(limit) if rest.line.contains(&id) => {
                Lack::FunctionConcurrency { limit, reserved: gate.reserved }
            }
            _ => Lack::ServiceConcurrency {
                limit: common.limit.unwrap_or(u32::MAX),
                reserved_by_others: common.reserved,
            },
        }
    }

    /// A new invocation arrives at the gates. Returns whether it is inside; otherwise it waits or
    /// has ended.
    #[inline]
    pub(super) fn passes(&mut self, key: InvocationKey, function: FunctionId) -> bool {
        let is_limited = self.functions[function].gate.limit().is_some();
        !(is_limited || self.common_gate.limit.is_some()) || self.passes_limits(key, function)
    }

    #[inline(never)]
    fn passes_limits(&mut self, key: InvocationKey, function: FunctionId) -> bool {
        let Function { gate, rest, .. } = &mut self.functions[function];
        let common = &mut self.common_gate;
        let is_walled_up = gate.is_walled_up() || !gate.reserved && common.is_walled_up();
        let queues = common.throttle == Throttle::Queue && !is_walled_up;
        if gate.limit().is_some_and(|limit| gate.inside >= limit) {
            if queues {
                rest.line.push_back(key.id);
            }
        } else if gate.reserved || common.is_open() {
            gate.inside += 1;
            common.inside += u32::from(!gate.reserved);
            return true;
        } else if queues {
            gate.inside += 1;
            common.line.insert(key.id);
        }
        if queues {
            self.invocations.list(key);
            if let Some(invocation) = self.invocations.at_mut(key) {
                invocation.phase = Phase::Throttled;
            }
        } else {
            let function = self.functions[function].rest.name.clone();
            self.end(key, Outcome::Rejected, Some(FailureCause::Throttled { function }));
        }
        false
    }

    /// An invocation of the function that was inside has ended: the next ones enter.
    #[inline]
    pub(super) fn leave_gates(&mut self, function: FunctionId) {
        if self.functions[function].gate.limit().is_some() || self.common_gate.limit.is_some() {
            self.leave_limited_gates(function);
        }
    }

    #[inline(never)]
    fn leave_limited_gates(&mut self, function: FunctionId) {
        let Function { gate, rest, .. } = &mut self.functions[function];
        let common = &mut self.common_gate;
        gate.inside -= 1;
        if !gate.reserved {
            common.inside -= 1;
        }
        if let Some(next) = rest.line.pop_front() {
            gate.inside += 1;
            if gate.reserved {
                common.let_in.push_back(next);
            } else {
                common.line.insert(next);
            }
        }
        common.let_more_in();
    }

    /// Removes an invocation that waits at a gate.
    pub(super) fn leave_line(&mut self, id: InvocationId, function: FunctionId) {
        let position = |line: &VecDeque<InvocationId>| line.iter().position(|&other| other == id);
        let Function { gate, rest, .. } = &mut self.functions[function];
        if let Some(place) = position(&rest.line) {
            rest.line.remove(place);
            return;
        }
        let common = &mut self.common_gate;
        if common.line.remove(&id) {
            // It had passed the gate of its function.
            gate.inside -= 1;
            if let Some(next) = rest.line.pop_front() {
                gate.inside += 1;
                common.line.insert(next);
            }
        } else if let Some(place) = position(&common.let_in) {
            common.let_in.remove(place);
            self.leave_gates(function);
        }
    }

    /// The invocations that wait at gates, in arbitrary order.
    #[cfg(any(test, feature = "audit"))]
    pub(super) fn in_line(&self) -> impl Iterator<Item = InvocationId> + '_ {
        let common = &self.common_gate;
        let lines = self.functions.iter().map(|function| &function.rest.line);
        lines.chain([&common.let_in]).flatten().chain(&common.line).copied()
    }

    /// Checks the counts by recounting.
    #[cfg(any(test, feature = "audit"))]
    pub(super) fn check_gates(&self) {
        let inside = |wanted: &dyn Fn(FunctionId) -> bool| {
            let mut count = 0;
            for invocation in self.invocations.iter() {
                let is_inside = match invocation.phase {
                    Phase::New | Phase::Ended => false,
                    Phase::Throttled => self.common_gate.let_in.contains(&invocation.id),
                    Phase::AwaitsImage | Phase::Pending(_) | Phase::Running(_) => true,
                };
                count += u32::from(is_inside && wanted(invocation.function));
            }
            count
        };
        let common = &self.common_gate;
        for id in self.functions.ids() {
            let Function { gate, rest, .. } = &self.functions[id];
            if gate.limit().is_some() || common.limit.is_some() {
                let of =
                    |other: InvocationId| self.invocations.get(other).map(|found| found.function);
                let waits = |&&other: &&InvocationId| of(other) == Some(id);
                let in_common_line = common.line.iter().filter(waits).count() as u32;
                assert_eq!(
                    gate.inside,
                    inside(&|other| other == id) + in_common_line,
                    "who is inside of a function"
                );
                assert!(
                    gate.limit().is_none_or(|limit| gate.inside <= limit),
                    "no more than may be inside"
                );
                assert!(
                    rest.line.is_empty() || Some(gate.inside) == gate.limit(),
                    "nobody waits before an open gate"
                );
            }
        }
        if common.limit.is_some() {
            let shared = |id: FunctionId| !self.functions[id].gate.reserved;
            assert_eq!(common.inside, inside(&shared), "who is inside of those who share");
            assert!(
                common.line.is_empty() || !common.is_open(),
                "nobody waits before an open gate"
            );
        }
    }
}
