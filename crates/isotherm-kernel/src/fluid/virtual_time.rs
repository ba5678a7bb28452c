//! Virtual-time groups: many activities that one resource limits, accounted for together.
//!
//! Thousands of transfers from one disk progress at shares `L / p` of one level `L`. When a
//! transfer begins or ends, `L` changes, and with it every share and every completion date, but not
//! their order. A group keeps its members in the order of their *finish*: the value at which its
//! clock `∫ L dt` stands when the work of a member, `remaining × p / rate_factor` in the same unit,
//! is done. A change of level then costs a look at the first member instead of a pass over all:
//! O(log n). This is the virtual time of generalised processor sharing (A. K. Parekh and R. G.
//! Gallager, "A generalized processor sharing approach to flow control in integrated services
//! networks: the single-node case", IEEE/ACM Transactions on Networking 1(3), 1993).
//!
//! # What the solver sees
//!
//! To progressive filling a group is one activity that uses its resource and every other resource
//! of its members, each with the sum of the members' weights over penalties: a [`GroupLoad`]. It must be
//! fixed by its own resource. Should another resource saturate earlier, or a member's bound be
//! reached, it is no longer true that one resource limits them all: the group is dissolved, its
//! members become activities like others, and the solve begins anew.
//!
//! Of the resources that a group loads, those that others use as well (*mixed*) take part in each
//! solve that the group takes part in. Those that it loads alone (*pure*) need not: a heap of the
//! levels at which they would saturate says when one of them matters.
//!
//! # Life
//!
//! A group is formed after a solve that fixed enough activities on one resource. Whoever is fixed
//! there by a later solve joins it. Members leave when they end or are changed from outside. A
//! group that has become small is dissolved, and after a group had to be dissolved its resource
//! waits for some solves before it forms one again.
//!
//! # Order among equals
//!
//! A group has one entry in the event queue, for its next date. When that has come, the members
//! that end get entries of their own, before anything else of that date is delivered. Under
//! [`TieOrder::NewestFirst`](crate::TieOrder) these have the same places as those of other
//! activities. Under [`TieOrder::Reference`](crate::TieOrder) members that end at the same date end
//! newest first, or in the order of creation if they are [oldest
//! first](super::ActivitySpec::oldest_first), like other activities of a resource that has been
//! solved anew; but after others, which were keyed before.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Fluid, NOTHING_LEFT, Sharing};
use crate::heap::{EntryId, Heap};
use crate::queue::EventQueue;
use crate::{Duration, Rank, Time};

/// No virtual-time group, no resource.
pub(super) const NONE: u32 = u32::MAX;

/// From how many activities on, fixed by one resource in one solve, a virtual-time group is formed.
pub(super) const VIRTUAL_TIME_FROM: u32 = 64;

/// A sum of many terms that come and go, kept with twice the precision of its terms, so that what
/// is left does not depend on what has been there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    pub(super) fn add(&mut self, term: f64) {
        // Knuth's error-free sum: `sum + error` is exactly `high + term`.
        let sum = self.high + term;
        let virtual_term = sum - self.high;
        let error = (self.high - (sum - virtual_term)) + (term - virtual_term);
        let low = self.low + error;
        self.high = sum + low;
        self.low = low - (self.high - sum);
    }

    pub(super) fn value(self) -> f64 {
        self.high
    }

    /// `value - self`, rounded once.
    fn below(self, value: f64) -> f64 {
        (value - self.high) - self.low
    }
}

/// What a virtual-time group puts on one resource.
pub(super) struct GroupLoad {
    pub(super) group: u32,
    members: u32,
    usage: Usage,
    watch: Watch,
}

/// The usages `weight / penalty` of the members there.
enum Usage {
    /// Of a shared resource: their sum.
    Sum(Sum),
    /// Of a fat pipe, where the largest counts: how many members have which.
    Each(BTreeMap<u64, u32>),
}

impl GroupLoad {
    fn new(group: u32, sharing: Sharing, watch: Watch) -> Self {
        let usage = match sharing {
            Sharing::Shared => Usage::Sum(Sum::default()),
            Sharing::Fatpipe => Usage::Each(BTreeMap::new()),
        };
        GroupLoad { group, members: 0, usage, watch }
    }

    /// The sum, or on a fat pipe the largest.
    pub(super) fn usage(&self) -> f64 {
        match &self.usage {
            Usage::Sum(sum) => sum.value(),
            Usage::Each(each) => {
                each.last_key_value().map_or(0.0, |(&bits, _)| f64::from_bits(bits))
            }
        }
    }

    fn add(&mut self, usage: f64) {
        self.members += 1;
        match &mut self.usage {
            Usage::Sum(sum) => sum.add(usage),
            Usage::Each(each) => count(each, usage),
        }
    }

    fn remove(&mut self, usage: f64) {
        self.members -= 1;
        match &mut self.usage {
            Usage::Sum(sum) => sum.add(-usage),
            Usage::Each(each) => discount(each, usage),
        }
    }
}

/// Counts one more of a number that is not negative.
fn count(counts: &mut BTreeMap<u64, u32>, number: f64) {
    *counts.entry(number.to_bits()).or_default() += 1;
}

/// Counts one less.
fn discount(counts: &mut BTreeMap<u64, u32>, number: f64) {
    if let Some(left) = counts.get_mut(&number.to_bits()) {
        *left -= 1;
        if *left == 0 {
            counts.remove(&number.to_bits());
        }
    }
}

/// How a virtual-time group looks after a resource that it loads.
#[derive(Clone, Copy)]
enum Watch {
    /// It is the virtual-time group's own.
    Own,
    /// It is also used by others: place in [`VirtualTimeGroup::mixed`].
    Mixed(u32),
    /// It is loaded by this virtual-time group alone: entry of [`VirtualTimeGroup::pure`].
    Pure(EntryId),
}

/// Where a member waits for its end. One that has left remembers it until it is scheduled by
/// itself.
#[derive(Clone, Copy)]
pub(super) enum MemberWait {
    /// In the order of finishes.
    InGroup(EntryId),
    /// It ends now, and has an entry in the event queue.
    InQueue,
}

impl MemberWait {
    pub(super) fn is_in_group(self) -> bool {
        matches!(self, MemberWait::InGroup(_))
    }
}

/// Many activities that one resource limits.
pub(super) struct VirtualTimeGroup {
    pub(super) resource: u32,
    members: u32,
    /// The level of the last solve, in force since `updated`.
    level: f64,
    /// The level found by the solve in progress.
    pub(super) next_level: Option<f64>,
    /// The integral of the level until `updated`.
    clock: Sum,
    updated: Time,
    /// Members by finish, but for those that end now.
    waiting: Heap<u64, u32>,
    /// The member whose entry in the event queue stands for the next date of the virtual-time
    /// group.
    head: Option<u32>,
    /// How many members have which `bound × penalty`; those without a bound are left out.
    bounds: BTreeMap<u64, u32>,
    pub(super) mixed: Vec<u32>,
    /// Resources that it loads alone, by the level at which they saturate.
    pure: Heap<u64, u32>,
    /// Resources with a load of this virtual-time group that take part in the solve in progress.
    pub(super) touched: Vec<u32>,
    /// The marking that reached it, and the collection that found it.
    pub(super) reached: u64,
    pub(super) collected: u64,
}

impl VirtualTimeGroup {
    fn new(resource: u32, now: Time) -> Self {
        VirtualTimeGroup {
            resource,
            members: 0,
            level: 0.0,
            next_level: None,
            clock: Sum::default(),
            updated: now,
            waiting: Heap::new(),
            head: None,
            bounds: BTreeMap::new(),
            mixed: Vec::new(),
            pure: Heap::new(),
            touched: Vec::new(),
            reached: 0,
            collected: 0,
        }
    }

    /// What the clock has yet to go until it stands at `finish`, at `now`.
    fn until(&self, finish: f64, now: Time) -> f64 {
        (self.clock.below(finish) - self.level * now.since(self.updated).as_secs_f64()).max(0.0)
    }

    /// The date at which its clock stands at a finish, if the level stays as it is.
    fn date(&self, finish: u64) -> Time {
        let left = self.clock.below(f64::from_bits(finish));
        if left <= NOTHING_LEFT {
            self.updated
        } else {
            self.updated + Duration::to_do(left, self.level)
        }
    }

    /// Brings the clock up to date.
    fn advance(&mut self, now: Time) {
        let since = now.since(self.updated);
        if !since.is_zero() {
            self.clock.add(self.level * since.as_secs_f64());
            self.updated = now;
        }
    }

    /// The least level at which the bound of a member is reached.
    pub(super) fn least_bound(&self) -> f64 {
        self.bounds.first_key_value().map_or(f64::INFINITY, |(&bits, _)| f64::from_bits(bits))
    }

    /// The least level at which a resource that it loads alone saturates.
    pub(super) fn least_pure(&self) -> f64 {
        self.pure.first().map_or(f64::INFINITY, |(bits, _)| f64::from_bits(bits))
    }
}

impl Fluid {
    pub(super) fn level_of(&self, group: u32) -> f64 {
        self.groups[group as usize].level
    }

    /// Work left of a member.
    pub(super) fn remaining_in_group(&self, index: u32, now: Time) -> f64 {
        let activity = &self.activities[index as usize];
        let left = self.groups[activity.group as usize].until(activity.finish, now);
        left * activity.rate_factor / activity.penalty
    }

    /// Virtual-time groups that have become too small to be worth it are dissolved before they are
    /// solved.
    pub(super) fn is_too_small(&self, group: u32) -> bool {
        self.groups[group as usize].members < self.virtual_time_from.div_ceil(4)
    }

    /// After a solve: those whom a resource fixed join its virtual-time group, or form one if they
    /// are many.
    pub(super) fn update_groups<T: Copy>(&mut self, now: Time, queue: &mut EventQueue<T>) {
        for number in 0..self.met_groups.len() {
            let group = &mut self.groups[self.met_groups[number] as usize];
            group.advance(now);
            group.level = group.next_level.unwrap_or(0.0);
        }
        for number in 0..self.members.len() {
            let index = self.members[number];
            let by = self.activities[index as usize].fixed_by;
            if by == NONE || self.resources[by as usize].in_incremental || !self.may_join(index) {
                continue;
            }
            let resource = &self.resources[by as usize];
            if resource.group == NONE {
                let many = resource.fixed_here >= self.virtual_time_from
                    && self.solves >= resource.group_after;
                if !many || resource.sharing == Sharing::Fatpipe {
                    continue;
                }
                let mut group = VirtualTimeGroup::new(by, now);
                group.level = self.activities[index as usize].next_share
                    * self.activities[index as usize].penalty;
                group.reached = self.markings;
                let group = self.groups.insert(group) as u32;
                self.resources[by as usize].group = group;
                self.met_groups.push(group);
            }
            self.join_group(index, self.resources[by as usize].group, now, queue);
        }
    }

    /// Only what will end can be told by its finish.
    fn may_join(&self, index: u32) -> bool {
        let activity = &self.activities[index as usize];
        activity.remaining.is_finite() && activity.rate_factor > 0.0
    }

    fn join_group<T: Copy>(
        &mut self,
        index: u32,
        group: u32,
        now: Time,
        queue: &mut EventQueue<T>,
    ) {
        self.unlink(index);
        let activity = &mut self.activities[index as usize];
        if let Some(event) = activity.event.take() {
            queue.remove(event);
        }
        activity.remaining = activity.remaining_at(now);
        activity.updated = now;
        activity.group = group;
        let limit = activity.bound * activity.penalty;
        let joined = &mut self.groups[group as usize];
        let work = activity.remaining * activity.penalty / activity.rate_factor;
        let mut finish = joined.clock;
        finish.add(work);
        activity.finish = finish.value();
        activity.waits = MemberWait::InGroup(joined.waiting.push(activity.finish.to_bits(), index));
        joined.members += 1;
        if limit.is_finite() {
            count(&mut joined.bounds, limit);
        }
        for number in 0..self.activities[index as usize].uses.len() {
            self.add_load(index, number, group);
        }
    }

    fn add_load(&mut self, index: u32, number: usize, group: u32) {
        let activity = &self.activities[index as usize];
        let usage = &activity.uses[number];
        let amount = usage.weight / activity.penalty;
        let at = usage.resource;
        let resource = &mut self.resources[at as usize];
        let load = match resource.loads.iter().position(|load| load.group == group) {
            Some(place) => &mut resource.loads[place],
            None => {
                let watch = if resource.group == group {
                    Watch::Own
                } else {
                    let mixed = &mut self.groups[group as usize].mixed;
                    mixed.push(at);
                    Watch::Mixed(mixed.len() as u32 - 1)
                };
                resource.loads.push(GroupLoad::new(group, resource.sharing, watch));
                let last = resource.loads.len() - 1;
                &mut resource.loads[last]
            }
        };
        load.add(amount);
        self.watch(at);
    }

    /// A member leaves its virtual-time group. It uses nothing then; its remaining work is up to
    /// date.
    pub(super) fn leave_group(&mut self, index: u32, now: Time) {
        let remaining = self.remaining_in_group(index, now);
        let activity = &mut self.activities[index as usize];
        let group = activity.group;
        let left = &mut self.groups[group as usize];
        activity.group = NONE;
        activity.remaining = remaining;
        activity.updated = now;
        activity.share = left.level / activity.penalty;
        left.members -= 1;
        match activity.waits {
            MemberWait::InGroup(entry) => {
                left.waiting.remove(entry);
            }
            MemberWait::InQueue => {}
        }
        if left.head == Some(index) {
            left.head = None;
        }
        let limit = activity.bound * activity.penalty;
        if limit.is_finite() {
            discount(&mut left.bounds, limit);
        }
        for number in 0..self.activities[index as usize].uses.len() {
            self.remove_load(index, number, group);
        }
        if self.groups[group as usize].members == 0 {
            let resource = self.groups.remove(group as usize).resource;
            self.resources[resource as usize].group = NONE;
        }
    }

    fn remove_load(&mut self, index: u32, number: usize, group: u32) {
        let activity = &self.activities[index as usize];
        let usage = &activity.uses[number];
        let amount = usage.weight / activity.penalty;
        let at = usage.resource;
        let resource = &mut self.resources[at as usize];
        let Some(place) = resource.loads.iter().position(|load| load.group == group) else {
            return;
        };
        let load = &mut resource.loads[place];
        load.remove(amount);
        if load.members == 0 {
            let watch = resource.loads.swap_remove(place).watch;
            match watch {
                Watch::Own => {}
                Watch::Mixed(place) => self.forget_mixed(group, place),
                Watch::Pure(entry) => {
                    self.groups[group as usize].pure.remove(entry);
                }
            }
        }
        self.watch(at);
    }

    fn forget_mixed(&mut self, group: u32, place: u32) {
        let mixed = &mut self.groups[group as usize].mixed;
        mixed.swap_remove(place as usize);
        if let Some(&moved) = mixed.get(place as usize)
            && let Some(load) =
                self.resources[moved as usize].loads.iter_mut().find(|load| load.group == group)
        {
            load.watch = Watch::Mixed(place);
        }
    }

    /// Decides how the virtual-time groups that load a resource look after it, and at which level
    /// it would saturate. To be called whenever its users, its loads or its capacity have changed.
    pub(super) fn watch(&mut self, at: u32) {
        for number in 0..self.resources[at as usize].loads.len() {
            let resource = &self.resources[at as usize];
            let pure = resource.live == 0 && resource.loads.len() == 1;
            let load = &resource.loads[number];
            let level = (resource.capacity / load.usage()).to_bits();
            let group = load.group;
            let watch = match (load.watch, pure) {
                (Watch::Own, _) | (Watch::Mixed(_), false) => continue,
                (Watch::Pure(entry), true) => {
                    self.groups[group as usize].pure.rekey(entry, level);
                    continue;
                }
                (Watch::Pure(entry), false) => {
                    let group = &mut self.groups[group as usize];
                    group.pure.remove(entry);
                    group.mixed.push(at);
                    Watch::Mixed(group.mixed.len() as u32 - 1)
                }
                (Watch::Mixed(place), true) => {
                    self.forget_mixed(group, place);
                    Watch::Pure(self.groups[group as usize].pure.push(level, at))
                }
            };
            self.resources[at as usize].loads[number].watch = watch;
        }
    }

    /// Gives the members of a virtual-time group back to the resources they use, and marks these.
    pub(super) fn dissolve(&mut self, group: u32, now: Time) {
        let VirtualTimeGroup { resource, ref waiting, .. } = self.groups[group as usize];
        let mut members: Vec<u32> = waiting.targets().collect();
        members.sort_unstable_by_key(|&member| self.activities[member as usize].enabled);
        let mut touched = Vec::new();
        for &member in &members {
            self.leave_group(member, now);
            self.link(member);
            touched
                .extend(self.activities[member as usize].uses.iter().map(|usage| usage.resource));
        }
        self.order_users(touched);
        // Dissolving costs as much as solving for all members, so it must not happen all the time.
        self.resources[resource as usize].group_after =
            self.solves + u64::from(self.virtual_time_from);
        for &member in &members {
            self.mark_uses(member);
        }
    }

    /// A member becomes an activity like others, because something about it is going to change.
    pub(super) fn expel(&mut self, index: u32, now: Time) {
        self.mark_uses(index);
        self.leave_group(index, now);
        self.link(index);
        let uses = &self.activities[index as usize].uses;
        self.order_users(uses.iter().map(|usage| usage.resource).collect());
    }

    /// Puts the users of some resources back into the order in which they were enabled.
    fn order_users(&mut self, mut resources: Vec<u32>) {
        resources.sort_unstable();
        resources.dedup();
        for at in resources {
            let mut users = std::mem::take(&mut self.resources[at as usize].users);
            users.retain(|user| user.0 != super::GONE);
            users.sort_unstable_by_key(|user| self.activities[user.0 as usize].enabled);
            for (place, &(user, number)) in users.iter().enumerate() {
                self.activities[user as usize].uses[number as usize].place = place as u32;
            }
            self.resources[at as usize].users = users;
        }
    }

    /// Puts the next date of a virtual-time group into the queue: an entry of its first member,
    /// ahead of everything else of that date.
    pub(super) fn schedule_group<T: Copy>(
        &mut self,
        group: u32,
        now: Time,
        queue: &mut EventQueue<T>,
        target: &impl Fn(u32) -> T,
    ) {
        let group = &mut self.groups[group as usize];
        let first = group.waiting.first().map(|(finish, index)| (group.date(finish), index));
        let next = first
            .filter(|&(date, _)| date < Time::NEVER)
            .map(|(date, index)| (date.max(now), index));
        let head = next.map(|(_, index)| index);
        if let Some(old) = std::mem::replace(&mut group.head, head).filter(|&old| Some(old) != head)
            && let Some(event) = self.activities[old as usize].event.take()
        {
            queue.remove(event);
        }
        if let Some((date, index)) = next {
            match self.activities[index as usize].event {
                Some(event) => queue.rekey(event, date, Rank::Cpu, 0),
                None => {
                    self.activities[index as usize].event =
                        Some(queue.push(date, Rank::Cpu, 0, target(index)));
                }
            }
        }
    }

    /// The next date of a virtual-time group has come: the members that end now get entries of
    /// their own in the queue, in their order.
    pub(super) fn wake_group<T: Copy>(
        &mut self,
        group: u32,
        now: Time,
        queue: &mut EventQueue<T>,
        target: impl Fn(u32) -> T,
    ) {
        let group = &mut self.groups[group as usize];
        group.head = None;
        let mut due = Vec::new();
        while let Some((finish, index)) = group.waiting.first() {
            if group.date(finish) > now {
                break;
            }
            group.waiting.pop();
            due.push(index);
        }
        due.sort_unstable_by_key(|&index| Reverse(self.activities[index as usize].enabled));
        for index in due {
            let activity = &mut self.activities[index as usize];
            let place = queue.place_now(activity.created, activity.oldest_first);
            activity.event = Some(queue.push(now, activity.rank, place, target(index)));
            activity.waits = MemberWait::InQueue;
        }
    }

    /// Asserts that the books of a virtual-time group are those of its members.
    #[cfg(any(test, feature = "audit"))]
    pub(super) fn check_group(&self, number: u32) {
        let group = &self.groups[number as usize];
        let members: Vec<u32> = group.waiting.targets().collect();
        assert_eq!(
            members.len(),
            group.members as usize,
            "who ended has left, and everybody else waits"
        );
        let mut usages: BTreeMap<u32, (u32, f64)> = BTreeMap::new();
        for &member in &members {
            let activity = &self.activities[member as usize];
            assert_eq!(activity.group, number, "members know their group");
            assert!(
                group.level <= activity.bound * activity.penalty * (1.0 + super::PRECISION),
                "share above its bound"
            );
            for usage in &activity.uses {
                let entry = usages.entry(usage.resource).or_default();
                entry.0 += 1;
                let amount = usage.weight / activity.penalty;
                entry.1 = match self.resources[usage.resource as usize].sharing {
                    Sharing::Shared => entry.1 + amount,
                    Sharing::Fatpipe => entry.1.max(amount),
                };
            }
        }
        for (at, (users, usage)) in usages {
            let resource = &self.resources[at as usize];
            let load = resource.loads.iter().find(|load| load.group == number);
            let Some(load) = load else { panic!("a resource does not know its load") };
            assert_eq!(load.members, users, "loads count members");
            assert!((load.usage() - usage).abs() <= 1e-9 * usage, "loads add up");
            match load.watch {
                Watch::Own => assert_eq!(at, group.resource),
                Watch::Mixed(place) => {
                    assert_eq!(group.mixed[place as usize], at);
                    assert!(
                        resource.live > 0 || resource.loads.len() > 1,
                        "what others use is mixed"
                    );
                }
                Watch::Pure(_) => {
                    assert!(
                        resource.live == 0 && resource.loads.len() == 1,
                        "what it uses alone is pure"
                    )
                }
            }
        }
    }
}
