//! Fluid sharing: activities progress at rates given by bounded, weighted max-min fairness, as in
//! SimGrid's linear max-min (LMM) solver (H. Casanova et al., "Versatile, scalable, and accurate
//! simulation of distributed applications and platforms", JPDC 74(10), 2014).
//!
//! # Allocation
//!
//! A *resource* has a capacity. It is shared (the weighted shares of its users add up to at most
//! the capacity) or a fat pipe (the capacity limits each user alone). An *activity* has a penalty
//! `p > 0`, an optional bound, and a weight on each resource it uses. Shares follow from
//! progressive filling (D. Bertsekas and R. Gallager, *Data Networks*, 2nd ed., 1992, section 6.5):
//! a common level `L` rises and gives each activity the share `L / p`, until a resource is
//! saturated, which fixes its users; an activity that reaches its bound earlier is fixed at its
//! bound. The rate of progress is `rate_factor × share`.
//!
//! A capacity counts as used up if what remains is below [`PRECISION`] *relative* to it, and a
//! usage as zero if it is below [`PRECISION`] *absolute*. SimGrid's solver tests the same, so both
//! drop the same constraints.
//!
//! # Lazy, selective updates
//!
//! A change marks the resources of its activity and everything connected to them through enabled
//! activities. Once before time advances, the marked component is solved: the remaining work of its
//! activities is updated and their completion dates are re-keyed. Other activities keep their
//! dates. Two kinds of large components are solved in parts:
//!
//! * a virtual-time group (`virtual_time.rs`) holds many activities limited by one resource; a
//!   change costs O(log n);
//! * an incremental component (`incremental.rs`) is solved only where shares change.
//!
//! # Order among equals
//!
//! Under [`TieOrder::NewestFirst`](crate::TieOrder), completions and ends of latencies of one model
//! and one date come newest first, by the call of [`Kernel::start`](crate::Kernel::start).
//! Latencies, suspensions, changes of shares and the solver's strategy make no difference.
//!
//! Under [`TieOrder::Reference`](crate::TieOrder) the completion that was keyed first comes first.
//! Each solve assigns new keys: resources in the order in which they were marked, and the users of
//! each newest first. So activities that start together end newest first. Virtual-time groups and
//! incremental components assign keys at other times, so the order also depends on the number of
//! activities. Activities that are [oldest first](ActivitySpec::oldest_first) keep the place of
//! their creation. Latencies end in the order of creation.
//!
//! # Invariants
//!
//! * The users of a resource are the enabled activities that use it, in the order in which they
//!   were enabled.
//! * An enabled activity that will end has exactly one entry in the event queue, or a virtual-time
//!   group has an entry for it. An activity without progress has none.
//! * `Σ weight × share ≤ capacity` on every shared resource, up to the precision, unless
//!   [`Marking::FirstResource`] is chosen. The feature `audit` checks it.

mod fix_order;
mod incremental;
mod marking;
mod meter;
mod settle;
mod solve;
mod spec;
mod virtual_time;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

pub use meter::ResourceUsage;
pub use spec::{ActivityError, ActivityId, ActivitySpec, Marking, ResourceId, Sharing};
pub(crate) use spec::{assert_bound, assert_capacity, assert_penalty, assert_weight};

use incremental::{INCREMENTAL_FROM, Incremental};
use meter::Meter;
use slab::Slab;
use smallvec::SmallVec;
use virtual_time::{GroupLoad, LOCAL_FROM, MemberWait, NONE, VIRTUAL_TIME_FROM, VirtualTimeGroup};

use crate::queue::{EventId, EventQueue};
use crate::{Rank, Time};

/// A remaining capacity (relative) or a usage (absolute) below this counts as zero.
pub const PRECISION: f64 = 1e-5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ActivityState {
    /// The slot is free.
    Vacant,
    /// Waits for its latency; uses nothing.
    Latency,
    /// Uses its resources.
    Enabled,
    /// Suspended; uses nothing.
    Suspended,
    /// Ended; the slot is kept until its owner releases it.
    Ended(Result<(), ActivityError>),
}

struct Use {
    resource: u32,
    weight: f64,
    /// Its index among the users of the resource while the activity is enabled.
    place: u32,
}

/// A user of a resource. What a solve looks at first is copied here, where it is found together.
#[derive(Clone, Copy)]
struct User {
    activity: u32,
    /// Which of the uses of the activity this is.
    number: u16,
    weight: f64,
    /// `weight / penalty`.
    usage: f64,
}

/// An activity. The fields are in the order of their use, so that changing a share touches two
/// cache lines.
#[repr(C, align(64))]
struct ActivitySlot {
    /// The last collection that contained it.
    collected: u64,
    /// The number of its last enabling, by which users of a resource are ordered.
    enabled: u64,
    /// The share found by the last solve, in force since `updated`.
    share: f64,
    /// The share found by the solve in progress.
    next_share: f64,
    penalty: f64,
    bound: f64,
    state: ActivityState,
    event: Option<EventId>,
    remaining: f64,
    rate_factor: f64,
    updated: Time,
    /// The number of its creation, which orders equal events.
    created: u64,
    waits: MemberWait,
    /// The virtual-time group it is a member of, or `NONE`. The group then keeps its work and
    /// share, and its resources count it in their loads.
    group: u32,
    generation: u32,
    rank: Rank,
    /// Whether it keeps the place of its creation in the reference's order.
    oldest_first: bool,
    fixed: bool,
    /// The resource whose saturation fixed it in the last solve, or `NONE` if its bound did.
    fixed_by: u32,
    /// The bound during a solve: zero if a resource has no capacity.
    limit: f64,
    uses: SmallVec<[Use; 6]>,
    /// The marking in which all of its resources were reached.
    reached: u64,
    finish: f64,
}

struct Resource {
    capacity: f64,
    sharing: Sharing,
    /// Enabled users in the order of enabling; `GONE` marks one that has left.
    users: Vec<User>,
    live: u32,
    /// How many of them use other resources too.
    live_elsewhere: u32,
    /// Whether it is part of the component to be solved next.
    dirty: bool,
    /// Whether it is part of the incremental component.
    in_incremental: bool,
    remaining: f64,
    usage: f64,
    /// Whether users of a fat pipe have been fixed since its usage was computed.
    stale: bool,
    /// Whether it was used up, within the precision, before all its users were fixed. Only their
    /// other resources and bounds limit these then, as in the reference.
    overdrawn: bool,
    /// The number of users that its saturation fixed in the last solve.
    fixed_here: u32,
    /// The virtual-time group whose members it limits, or `NONE`.
    group: u32,
    /// The first solve in which it may form a virtual-time group.
    group_after: u64,
    /// The loads of virtual-time groups, whose members are not among `users`.
    loads: SmallVec<[GroupLoad; 1]>,
}

const GONE: u32 = u32::MAX;

/// What a due event of an activity means.
pub(crate) enum Due {
    /// A latency is over.
    Nothing,
    /// A virtual-time group has put its members that end now into the queue.
    Group,
    /// The activity has completed.
    Ended,
}

/// All resources and activities of a simulation.
pub(crate) struct Fluid {
    resources: Vec<Resource>,
    activities: Vec<ActivitySlot>,
    free: Vec<u32>,
    /// The resources changed since the last solve and everything connected to them, in the order in
    /// which they were reached.
    component: Vec<u32>,
    /// Changed activities that use no resource.
    loose: Vec<ActivityId>,
    groups: Slab<VirtualTimeGroup>,
    /// The number of activities from which a virtual-time group is formed, and a local one.
    pub(crate) virtual_time_from: u32,
    pub(crate) local_from: u32,
    incremental: Incremental,
    /// By resource; empty until the first is asked for.
    meters: Vec<Option<Box<Meter>>>,
    /// Those used since they were asked for last, each once.
    used: Vec<u32>,
    /// The number of activities from which an incremental component is formed.
    pub(crate) incremental_from: u32,
    /// The number of enablings so far.
    enables: u64,
    /// Number of the next solve, counted from 1.
    solves: u64,
    /// The number of the present marking, counted from 1, by which reached activities are
    /// recognised.
    markings: u64,
    /// The number of collections so far.
    collections: u64,
    pub(crate) marking: Marking,
    // Work space, kept to avoid allocations.
    members: Vec<u32>,
    /// By place in the component: the end of the members found there.
    ends: Vec<u32>,
    /// Virtual-time groups that take part in the solve.
    met_groups: Vec<u32>,
    /// Active resources by a lower bound of their level.
    active: BinaryHeap<Reverse<(u64, u32)>>,
    saturated: Vec<u32>,
    stack: Vec<(u32, usize)>,
}

impl Fluid {
    pub(crate) fn new() -> Self {
        Fluid {
            resources: Vec::new(),
            activities: Vec::new(),
            free: Vec::new(),
            groups: Slab::new(),
            virtual_time_from: VIRTUAL_TIME_FROM,
            local_from: LOCAL_FROM,
            incremental: Incremental::default(),
            incremental_from: INCREMENTAL_FROM,
            meters: Vec::new(),
            used: Vec::new(),
            enables: 0,
            collections: 0,
            component: Vec::new(),
            loose: Vec::new(),
            solves: 1,
            markings: 1,
            marking: Marking::default(),
            members: Vec::new(),
            ends: Vec::new(),
            met_groups: Vec::new(),
            active: BinaryHeap::new(),
            saturated: Vec::new(),
            stack: Vec::new(),
        }
    }

    pub(crate) fn add_resource(&mut self, capacity: f64, sharing: Sharing) -> ResourceId {
        self.resources.push(Resource {
            capacity,
            sharing,
            users: Vec::new(),
            live: 0,
            live_elsewhere: 0,
            dirty: false,
            in_incremental: false,
            remaining: 0.0,
            usage: 0.0,
            stale: false,
            overdrawn: false,
            fixed_here: 0,
            group: NONE,
            group_after: 0,
            loads: SmallVec::new(),
        });
        self.incremental.add_resource();
        ResourceId((self.resources.len() - 1) as u32)
    }

    pub(crate) fn capacity(&self, resource: ResourceId) -> f64 {
        self.resources[resource.0 as usize].capacity
    }

    pub(crate) fn set_capacity(&mut self, resource: ResourceId, capacity: f64, now: Time) {
        let index = resource.0 as usize;
        if !self.meters.is_empty() {
            self.meter_capacity(resource, now);
        }
        self.mark(resource.0);
        self.resources[index].capacity = capacity;
        if capacity > 0.0 {
            self.watch(resource.0);
        } else {
            // A resource without capacity stops all users, including members of groups.
            while let Some(group) = self.resources[index].loads.first().map(|load| load.group) {
                self.dissolve(group, now);
            }
        }
    }

    /// Adds an activity. It is enabled immediately, or after its latency, for whose end an event is
    /// queued.
    pub(crate) fn start<T: Copy>(
        &mut self,
        spec: ActivitySpec,
        now: Time,
        queue: &mut EventQueue<T>,
        target: impl FnOnce(u32) -> T,
    ) -> ActivityId {
        let uses = self.joined_uses(&spec.uses);
        let index = self.free.pop().unwrap_or_else(|| {
            self.activities.push(ActivitySlot {
                generation: 0,
                state: ActivityState::Vacant,
                rank: Rank::Cpu,
                created: 0,
                oldest_first: false,
                remaining: 0.0,
                penalty: 1.0,
                bound: 0.0,
                rate_factor: 1.0,
                share: 0.0,
                next_share: 0.0,
                limit: 0.0,
                updated: Time::ZERO,
                event: None,
                uses: SmallVec::new(),
                reached: 0,
                collected: 0,
                fixed: false,
                fixed_by: NONE,
                enabled: 0,
                group: NONE,
                finish: 0.0,
                waits: MemberWait::InQueue,
            });
            (self.activities.len() - 1) as u32
        });
        let created = queue.draw_number();
        let activity = &mut self.activities[index as usize];
        activity.rank = spec.rank;
        activity.created = created;
        activity.oldest_first = spec.oldest_first;
        activity.remaining = spec.work;
        activity.penalty = spec.penalty;
        activity.bound = spec.bound;
        activity.rate_factor = spec.rate_factor;
        activity.share = 0.0;
        activity.updated = now;
        activity.uses = uses;
        activity.state = ActivityState::Latency;
        let id = ActivityId { index, generation: activity.generation };
        if spec.latency.is_zero() {
            self.enable(index, now);
            self.mark_uses(index);
        } else {
            // It uses nothing yet, but as in SimGrid its start is a change, and its resources are
            // solved again. In an incremental component that would have no effect.
            for number in 0..self.activities[index as usize].uses.len() {
                let resource = self.activities[index as usize].uses[number].resource;
                if !self.resources[resource as usize].in_incremental {
                    self.mark(resource);
                }
            }
            // A latency that never ends stays out of the queue, so that a deadlock is detected.
            let due = now + spec.latency;
            let place = queue.place_of(created);
            self.activities[index as usize].event =
                (due < Time::NEVER).then(|| queue.push(due, spec.rank, place, target(index)));
        }
        id
    }

    /// Each resource once, with the weights of all its uses.
    #[inline]
    fn joined_uses(&self, all: &[(ResourceId, f64)]) -> SmallVec<[Use; 6]> {
        let mut uses: SmallVec<[Use; 6]> = SmallVec::new();
        for &(resource, weight) in all {
            match uses.iter_mut().find(|known| known.resource == resource.0) {
                Some(known) => match self.resources[resource.0 as usize].sharing {
                    Sharing::Shared => known.weight += weight,
                    Sharing::Fatpipe => known.weight = known.weight.max(weight),
                },
                None => uses.push(Use { resource: resource.0, weight, place: 0 }),
            }
        }
        uses
    }

    /// The id of the activity in slot `index`.
    pub(crate) fn id_at(&self, index: u32) -> ActivityId {
        ActivityId { index, generation: self.activities[index as usize].generation }
    }

    fn get(&self, id: ActivityId) -> Option<&ActivitySlot> {
        self.activities.get(id.index as usize).filter(|activity| {
            activity.generation == id.generation && activity.state != ActivityState::Vacant
        })
    }

    fn live(&self, id: ActivityId) -> Option<&ActivitySlot> {
        self.get(id).filter(|activity| !matches!(activity.state, ActivityState::Ended(_)))
    }

    pub(crate) fn is_live(&self, id: ActivityId) -> bool {
        self.live(id).is_some()
    }

    pub(crate) fn is_suspended(&self, id: ActivityId) -> bool {
        self.live(id).is_some_and(|activity| activity.state == ActivityState::Suspended)
    }

    /// The number of the creation of an activity that has not ended.
    pub(crate) fn created(&self, id: ActivityId) -> u64 {
        self.live(id).map_or(0, |activity| activity.created)
    }

    /// The resources that an activity uses, with their weights.
    pub(crate) fn resources_of(&self, id: ActivityId) -> Vec<(ResourceId, f64)> {
        let uses = self.live(id).map(|activity| activity.uses.iter());
        uses.into_iter().flatten().map(|used| (ResourceId(used.resource), used.weight)).collect()
    }

    /// How the activity ended; `None` while it goes on. An activity that is no longer known was
    /// cancelled.
    pub(crate) fn result(&self, id: ActivityId) -> Option<Result<(), ActivityError>> {
        match self.get(id) {
            Some(activity) => match activity.state {
                ActivityState::Ended(result) => Some(result),
                _ => None,
            },
            None => Some(Err(ActivityError::Cancelled)),
        }
    }

    /// Work left at `now`.
    pub(crate) fn remaining(&self, id: ActivityId, now: Time) -> f64 {
        match self.live(id) {
            Some(activity) if activity.group != NONE => self.remaining_in_group(id.index, now),
            Some(activity) => activity.remaining_at(now),
            None => 0.0,
        }
    }

    /// Progress per second, as of the last solve.
    pub(crate) fn rate(&self, id: ActivityId) -> f64 {
        self.live(id).map_or(0.0, |activity| self.share_of(activity) * activity.rate_factor)
    }

    /// The slots of activities that make progress or wait for their latency.
    pub(crate) fn making_progress(&self) -> impl Iterator<Item = usize> {
        let goes_on = |activity: &ActivitySlot| match activity.state {
            ActivityState::Latency => true,
            ActivityState::Enabled => self.share_of(activity) * activity.rate_factor > 0.0,
            ActivityState::Vacant | ActivityState::Suspended | ActivityState::Ended(_) => false,
        };
        self.activities
            .iter()
            .enumerate()
            .filter(move |(_, activity)| goes_on(activity))
            .map(|(index, _)| index)
    }

    /// The activities that have not ended, and their remaining work.
    pub(crate) fn work_left(&self, now: Time) -> Vec<(ActivityId, f64)> {
        let all = self.activities.iter().enumerate();
        let living = all.filter(|(_, activity)| {
            !matches!(activity.state, ActivityState::Vacant | ActivityState::Ended(_))
        });
        let ids = living.map(|(index, _)| self.id_at(index as u32));
        ids.map(|id| (id, self.remaining(id, now))).collect()
    }

    /// Whether any of these activities still goes on with less work left than `before`.
    pub(crate) fn has_gone_on(&self, before: &[(ActivityId, f64)], now: Time) -> bool {
        before.iter().any(|&(id, left)| self.live(id).is_some() && self.remaining(id, now) < left)
    }

    fn share_of(&self, activity: &ActivitySlot) -> f64 {
        match activity.group {
            NONE => activity.share,
            group => self.level_of(group) / activity.penalty,
        }
    }

    /// Frees the slot of an activity that has ended.
    pub(crate) fn release(&mut self, id: ActivityId) {
        if self.get(id).is_some() {
            let activity = &mut self.activities[id.index as usize];
            debug_assert!(
                matches!(activity.state, ActivityState::Ended(_)),
                "only an ended activity may be released"
            );
            activity.state = ActivityState::Vacant;
            activity.generation = activity.generation.wrapping_add(1);
            self.free.push(id.index);
        }
    }

    /// The event of activity `index` is due.
    pub(crate) fn due<T: Copy>(
        &mut self,
        index: u32,
        now: Time,
        queue: &mut EventQueue<T>,
        target: impl Fn(u32) -> T,
    ) -> Due {
        let activity = &mut self.activities[index as usize];
        activity.event = None;
        if activity.group != NONE && activity.waits.is_in_group() {
            let group = activity.group;
            self.wake_group(group, now, queue, target);
            return Due::Group;
        }
        if activity.state == ActivityState::Latency && activity.remaining > 0.0 {
            self.enable(index, now);
            Due::Nothing
        } else {
            if !self.meters.is_empty() {
                self.meter_end(index, 0.0, now);
            }
            self.disable(index, now);
            let activity = &mut self.activities[index as usize];
            activity.remaining = 0.0;
            activity.state = ActivityState::Ended(Ok(()));
            Due::Ended
        }
    }

    /// Ends an activity early. Returns whether it was still going on.
    pub(crate) fn end<T: Copy>(
        &mut self,
        id: ActivityId,
        error: ActivityError,
        now: Time,
        queue: &mut EventQueue<T>,
    ) -> bool {
        if self.live(id).is_none() {
            return false;
        }
        if !self.meters.is_empty() {
            self.meter_end(id.index, self.remaining(id, now), now);
        }
        self.disable(id.index, now);
        let activity = &mut self.activities[id.index as usize];
        activity.state = ActivityState::Ended(Err(error));
        if let Some(event) = activity.event.take() {
            queue.remove(event);
        }
        true
    }

    /// The activities that use a resource, enabled or not, oldest first.
    pub(crate) fn users_of(&self, resource: ResourceId) -> Vec<ActivityId> {
        let mut users: Vec<(u64, ActivityId)> = self
            .activities
            .iter()
            .enumerate()
            .filter(|(_, activity)| {
                !matches!(activity.state, ActivityState::Vacant | ActivityState::Ended(_))
            })
            .filter(|(_, activity)| activity.uses.iter().any(|usage| usage.resource == resource.0))
            .map(|(index, activity)| {
                (
                    activity.created,
                    ActivityId { index: index as u32, generation: activity.generation },
                )
            })
            .collect();
        users.sort_unstable_by_key(|user| user.0);
        users.into_iter().map(|user| user.1).collect()
    }

    pub(crate) fn set_penalty(&mut self, id: ActivityId, penalty: f64, now: Time) {
        if self.live(id).is_some() {
            self.leave_before_change(id.index, now);
            let activity = &mut self.activities[id.index as usize];
            activity.penalty = penalty;
            if activity.state == ActivityState::Enabled {
                for usage in &activity.uses {
                    let users = &mut self.resources[usage.resource as usize].users;
                    users[usage.place as usize].usage = usage.weight / penalty;
                }
            }
            self.changed_if_enabled(id.index);
        }
    }

    pub(crate) fn penalty(&self, id: ActivityId) -> f64 {
        self.live(id).map_or(1.0, |activity| activity.penalty)
    }

    pub(crate) fn set_bound(&mut self, id: ActivityId, bound: f64, now: Time) {
        if self.live(id).is_some() {
            self.leave_before_change(id.index, now);
            self.activities[id.index as usize].bound =
                if bound > 0.0 { bound } else { f64::INFINITY };
            self.changed_if_enabled(id.index);
        }
    }

    fn leave_before_change(&mut self, index: u32, now: Time) {
        if self.activities[index as usize].group != NONE {
            self.expel(index, now);
        }
    }

    fn changed_if_enabled(&mut self, index: u32) {
        if self.activities[index as usize].state == ActivityState::Enabled {
            self.note_fresh(index);
            self.mark_changed(index);
        }
    }

    /// Suspends an activity. During its latency, it loses the rest of the latency.
    pub(crate) fn suspend<T: Copy>(
        &mut self,
        id: ActivityId,
        now: Time,
        queue: &mut EventQueue<T>,
    ) {
        let Some(activity) = self.live(id) else { return };
        if activity.state == ActivityState::Suspended {
            return;
        }
        let remaining = self.remaining(id, now);
        if !self.meters.is_empty() {
            self.meter_end(id.index, remaining, now);
        }
        self.disable(id.index, now);
        let activity = &mut self.activities[id.index as usize];
        activity.remaining = remaining;
        activity.updated = now;
        activity.share = 0.0;
        activity.state = ActivityState::Suspended;
        if let Some(event) = activity.event.take() {
            queue.remove(event);
        }
    }

    pub(crate) fn resume(&mut self, id: ActivityId, now: Time) {
        if self.live(id).is_some_and(|activity| activity.state == ActivityState::Suspended) {
            self.enable(id.index, now);
        }
    }

    /// Moves an activity to other resources.
    pub(crate) fn move_to<T: Copy>(
        &mut self,
        id: ActivityId,
        uses: &[(ResourceId, f64)],
        bound: f64,
        now: Time,
        queue: &mut EventQueue<T>,
    ) {
        let Some(activity) = self.live(id) else { return };
        let was_enabled = activity.state == ActivityState::Enabled;
        if was_enabled {
            self.suspend(id, now, queue);
        }
        let uses = self.joined_uses(uses);
        let activity = &mut self.activities[id.index as usize];
        activity.uses = uses;
        activity.bound = if bound > 0.0 { bound } else { f64::INFINITY };
        if was_enabled {
            self.resume(id, now);
        }
    }

    fn enable(&mut self, index: u32, now: Time) {
        let activity = &mut self.activities[index as usize];
        activity.state = ActivityState::Enabled;
        activity.updated = now;
        activity.enabled = self.enables;
        self.enables += 1;
        if !self.meters.is_empty() {
            self.meter_begin(index, now);
        }
        self.link(index);
        self.note_fresh(index);
        self.mark_changed(index);
    }

    fn disable(&mut self, index: u32, now: Time) {
        let activity = &self.activities[index as usize];
        if activity.state != ActivityState::Enabled {
            return;
        }
        self.mark_changed(index);
        if self.activities[index as usize].group == NONE {
            self.unlink(index);
        } else {
            self.leave_group(index, now);
        }
    }

    /// Makes an activity the newest user of its resources.
    fn link(&mut self, index: u32) {
        let elsewhere = u32::from(self.activities[index as usize].uses.len() > 1);
        for number in 0..self.activities[index as usize].uses.len() {
            let ActivitySlot { uses, penalty, .. } = &mut self.activities[index as usize];
            let Use { resource: at, weight, ref mut place } = uses[number];
            let resource = &mut self.resources[at as usize];
            *place = resource.users.len() as u32;
            let usage = weight / *penalty;
            resource.users.push(User { activity: index, number: number as u16, weight, usage });
            resource.live += 1;
            resource.live_elsewhere += elsewhere;
            if resource.in_incremental {
                self.incremental.count_uses(1);
            }
            if !resource.loads.is_empty() {
                self.watch(at);
            }
        }
    }

    fn unlink(&mut self, index: u32) {
        let elsewhere = u32::from(self.activities[index as usize].uses.len() > 1);
        for number in 0..self.activities[index as usize].uses.len() {
            let Use { resource: at, place, .. } = self.activities[index as usize].uses[number];
            let resource = &mut self.resources[at as usize];
            resource.users[place as usize].activity = GONE;
            resource.live -= 1;
            resource.live_elsewhere -= elsewhere;
            if resource.in_incremental {
                self.incremental.count_uses(-1);
            }
            if resource.users.len() > 16 && resource.live as usize * 2 < resource.users.len() {
                resource.users.retain(|user| user.activity != GONE);
                for (place, user) in resource.users.iter().enumerate() {
                    let uses = &mut self.activities[user.activity as usize].uses;
                    uses[user.number as usize].place = place as u32;
                }
            }
            if !self.resources[at as usize].loads.is_empty() {
                self.watch(at);
            }
        }
    }
}

/// Work below this counts as done: the product of SimGrid's two precisions.
const NOTHING_LEFT: f64 = 1e-14;

fn live_users(users: &[User]) -> impl DoubleEndedIterator<Item = &User> {
    users.iter().filter(|user| user.activity != GONE)
}

impl ActivitySlot {
    fn remaining_at(&self, now: Time) -> f64 {
        let elapsed = now.since(self.updated);
        if elapsed.is_zero() {
            return self.remaining;
        }
        (self.remaining - self.share * self.rate_factor * elapsed.as_secs_f64()).max(0.0)
    }
}
