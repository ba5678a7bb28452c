//! Virtual-time groups: many activities limited by one resource, accounted for together.
//!
//! This is the virtual time of generalised processor sharing (A. K. Parekh and R. G. Gallager, "A
//! generalized processor sharing approach to flow control in integrated services networks: the
//! single-node case", IEEE/ACM Transactions on Networking 1(3), 1993). Activities limited by one
//! resource have shares `L / p` of a common level `L`. A change of `L` changes all shares and
//! completion dates, but not their order. A group has a clock `∫ L dt` and a heap of its members by
//! *finish*: the value of the clock at which a member's work, `remaining × p / rate_factor`, is
//! done. A change of level costs O(log n) instead of O(n).
//!
//! # In the solver
//!
//! Progressive filling treats a group as one activity that uses every resource of its members, with
//! the sum of their `weight / penalty` there: a [`GroupLoad`]. The group must be fixed by its own
//! resource. If another resource saturates earlier, or the bound of a member is reached, one
//! resource no longer limits all members: the group is dissolved into ordinary activities and the
//! solve starts again.
//!
//! Resources that other activities use as well (*mixed*) take part in each solve of the group.
//! Resources that the group loads alone (*pure*) are kept in a heap by the level at which they
//! would saturate, which tells when one of them matters.
//!
//! A group is *local* if its members use its resource alone, and so does everything else that uses
//! the resource. Executions on a host are such a group. It is formed from fewer activities on,
//! since nothing but the number of its members decides whether it pays off.
//!
//! # Life cycle
//!
//! A group is formed after a solve in which one resource fixed enough activities. Activities that
//! this resource fixes later join it. Members leave when they end or are changed. A group that has
//! become small is dissolved; after that its resource waits for some solves before it forms a group
//! again. So is a local group when its resource gets a user that uses others too, unless the group
//! is large enough for one that is not local.
//!
//! # Order among equals
//!
//! A group has one entry in the event queue, for its next date. At that date the members that end
//! get entries of their own, before anything else is delivered. Under
//! [`TieOrder::NewestFirst`](crate::TieOrder) these have the places of ordinary activities. Under
//! [`TieOrder::Reference`](crate::TieOrder) they end newest first, or oldest first if they are
//! [marked so](super::ActivitySpec::oldest_first). Members of a local group have the places that
//! ordinary activities would have got in the last solve; others end after activities keyed before.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Fluid, NOTHING_LEFT, Resource, Sharing};
use crate::heap::{EntryId, Heap};
use crate::queue::{EventQueue, TieOrder};
use crate::{Duration, Rank, Time};

/// No virtual-time group, no resource.
pub(super) const NONE: u32 = u32::MAX;

/// The number of activities, fixed by one resource in one solve, from which a group is formed.
pub(super) const VIRTUAL_TIME_FROM: u32 = 64;

/// The same for a local group.
pub(super) const LOCAL_FROM: u32 = 8;

/// A sum of terms that are added and removed, kept in double-double precision, so that it does not
/// drift.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    pub(super) fn add(&mut self, term: f64) {
        // Knuth's two-sum: `sum + error` is exactly `high + term`.
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

/// The load of a virtual-time group on one resource.
pub(super) struct GroupLoad {
    pub(super) group: u32,
    members: u32,
    usage: Usage,
    watch: Watch,
}

/// The `weight / penalty` of the members on the resource.
enum Usage {
    /// On a shared resource: the sum.
    Sum(Sum),
    /// On a fat pipe, where the largest counts: the number of members with each value.
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

    /// The sum, or on a fat pipe the maximum.
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

/// Increments the count of a number that is not negative.
fn count(counts: &mut BTreeMap<u64, u32>, number: f64) {
    *counts.entry(number.to_bits()).or_default() += 1;
}

/// Decrements the count of a number.
fn discount(counts: &mut BTreeMap<u64, u32>, number: f64) {
    if let Some(left) = counts.get_mut(&number.to_bits()) {
        *left -= 1;
        if *left == 0 {
            counts.remove(&number.to_bits());
        }
    }
}

/// How a group keeps track of a resource that it loads.
#[derive(Clone, Copy)]
enum Watch {
    /// It is the group's own resource.
    Own,
    /// Others use it too: the index in [`VirtualTimeGroup::mixed`].
    Mixed(u32),
    /// The group loads it alone: the entry of [`VirtualTimeGroup::pure`].
    Pure(EntryId),
}

/// Where a member's end is scheduled. It is kept after leaving a group until the activity is
/// scheduled again.
#[derive(Clone, Copy)]
pub(super) enum MemberWait {
    /// In the group's heap of finishes.
    InGroup(EntryId),
    /// In the event queue, because it ends now.
    InQueue,
}

impl MemberWait {
    pub(super) fn is_in_group(self) -> bool {
        matches!(self, MemberWait::InGroup(_))
    }
}

/// A virtual-time group: see the [module](self).
pub(super) struct VirtualTimeGroup {
    pub(super) resource: u32,
    /// Whether it was local in the last solve.
    is_local: bool,
    members: u32,
    /// The first of as many numbers as it had members, drawn for the reference's order in the last
    /// solve, if it was local then.
    place: Option<u64>,
    /// The level of the last solve, in force since `updated`.
    level: f64,
    /// The level found by the solve in progress.
    pub(super) next_level: Option<f64>,
    /// The clock: the integral of the level until `updated`.
    clock: Sum,
    updated: Time,
    /// Members by finish, without those that end now.
    waiting: Heap<u64, u32>,
    /// The member whose entry in the event queue stands for the group's next date.
    head: Option<u32>,
    /// The number of members with each `bound × penalty`; members without a bound are not counted.
    bounds: BTreeMap<u64, u32>,
    pub(super) mixed: Vec<u32>,
    /// Resources that it loads alone, by the level at which they saturate.
    pure: Heap<u64, u32>,
    /// Resources loaded by the group that take part in the solve in progress.
    pub(super) touched: Vec<u32>,
    /// The last marking that reached it, and the last collection that contained it.
    pub(super) reached: u64,
    pub(super) collected: u64,
}

impl VirtualTimeGroup {
    fn new(resource: u32, is_local: bool, now: Time) -> Self {
        VirtualTimeGroup {
            resource,
            is_local,
            members: 0,
            place: None,
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

    /// How far the clock is from `finish` at `now`.
    fn until(&self, finish: f64, now: Time) -> f64 {
        (self.clock.below(finish) - self.level * now.since(self.updated).as_secs_f64()).max(0.0)
    }

    /// The date at which the clock reaches a finish, at the present level.
    fn date(&self, finish: u64) -> Time {
        let left = self.clock.below(f64::from_bits(finish));
        if left <= NOTHING_LEFT {
            self.updated
        } else {
            self.updated + Duration::to_do(left, self.level)
        }
    }

    /// Updates the clock.
    fn advance(&mut self, now: Time) {
        let since = now.since(self.updated);
        if !since.is_zero() {
            self.clock.add(self.level * since.as_secs_f64());
            self.updated = now;
        }
    }

    /// The members, without those that end now.
    pub(super) fn members_that_wait(&self) -> impl Iterator<Item = u32> + '_ {
        self.waiting.targets()
    }

    /// The least level at which a member reaches its bound.
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

    /// The remaining work of a member.
    pub(super) fn remaining_in_group(&self, index: u32, now: Time) -> f64 {
        let activity = &self.activities[index as usize];
        let left = self.groups[activity.group as usize].until(activity.finish, now);
        left * activity.rate_factor / activity.penalty
    }

    /// Whether a group has become too small to pay off, or is no longer local and too small for one
    /// that is not, and is to be dissolved.
    pub(super) fn is_unfit(&self, group: u32) -> bool {
        let group = &self.groups[group as usize];
        let least = if !group.is_local {
            self.virtual_time_from.div_ceil(4)
        } else if self.resources[group.resource as usize].live_elsewhere == 0 {
            self.local_from.div_ceil(4)
        } else {
            self.virtual_time_from
        };
        group.members < least
    }

    /// The group of a resource, if it would be too small were it not local.
    pub(super) fn small_local_group(&self, at: u32) -> Option<u32> {
        let number = self.resources[at as usize].group;
        let group = self.groups.get(number as usize)?;
        (group.is_local && group.members < self.virtual_time_from).then_some(number)
    }

    /// Draws the places of the members of the group of a resource that has been solved, if it is
    /// local.
    pub(super) fn place_local_group<T: Copy>(&mut self, at: u32, queue: &mut EventQueue<T>) {
        let Resource { group, live_elsewhere, .. } = self.resources[at as usize];
        if let Some(group) = self.groups.get_mut(group as usize) {
            group.is_local &= live_elsewhere == 0;
            group.place = group.is_local.then(|| queue.draw_numbers(group.members));
        }
    }

    /// After a solve, adds the activities that a resource fixed to its group, or forms a group if
    /// there are enough.
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
                let is_local = resource.live_elsewhere == 0;
                let from = if is_local { self.local_from } else { self.virtual_time_from };
                let many = resource.fixed_here >= from && self.solves >= resource.group_after;
                if !many || resource.sharing == Sharing::Fatpipe {
                    continue;
                }
                let mut group = VirtualTimeGroup::new(by, is_local, now);
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

    /// Only an activity that will end has a finish.
    fn may_join(&self, index: u32) -> bool {
        let activity = &self.activities[index as usize];
        activity.has_end()
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
        joined.is_local &= activity.uses.len() == 1;
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

    /// Removes a member from its group and updates its remaining work. It uses no resources until
    /// it is linked again.
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

    /// Updates how groups keep track of a resource, and the level at which it would saturate. To be
    /// called when its users, loads or capacity change.
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

    /// Turns the members of a group into ordinary activities and marks their resources.
    pub(super) fn dissolve(&mut self, group: u32, now: Time) {
        let VirtualTimeGroup { resource, is_local, ref waiting, .. } = self.groups[group as usize];
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
        // Dissolving costs as much as solving for all members, so it must not happen often.
        let from = if is_local { self.local_from } else { self.virtual_time_from };
        self.resources[resource as usize].group_after = self.solves + u64::from(from);
        for &member in &members {
            self.mark_uses(member);
        }
    }

    /// Turns a member that is about to change into an ordinary activity.
    pub(super) fn expel(&mut self, index: u32, now: Time) {
        self.mark_uses(index);
        self.leave_group(index, now);
        self.link(index);
        let uses = &self.activities[index as usize].uses;
        self.order_users(uses.iter().map(|usage| usage.resource).collect());
    }

    /// Restores the order of enabling among the users of some resources.
    fn order_users(&mut self, mut resources: Vec<u32>) {
        resources.sort_unstable();
        resources.dedup();
        for at in resources {
            let mut users = std::mem::take(&mut self.resources[at as usize].users);
            users.retain(|user| user.activity != super::GONE);
            users.sort_unstable_by_key(|user| self.activities[user.activity as usize].enabled);
            for (place, user) in users.iter().enumerate() {
                let uses = &mut self.activities[user.activity as usize].uses;
                uses[user.number as usize].place = place as u32;
            }
            self.resources[at as usize].users = users;
        }
    }

    /// Queues the next date of a group: an entry for its first member, ahead of all events of that
    /// date.
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

    /// The next date of a group has come: queues entries for the members that end now.
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
        let mut places = group.place.filter(|_| queue.order == TieOrder::Reference);
        for index in due {
            let activity = &mut self.activities[index as usize];
            let place = match &mut places {
                Some(place) if !activity.oldest_first => std::mem::replace(place, *place + 1),
                _ => queue.place_now(activity.created, activity.oldest_first),
            };
            activity.event = Some(queue.push(now, activity.rank, place, target(index)));
            activity.waits = MemberWait::InQueue;
        }
    }

    /// Asserts that the counts of a group agree with its members.
    #[cfg(any(test, feature = "audit"))]
    pub(super) fn check_group(&self, number: u32) {
        let group = &self.groups[number as usize];
        let members: Vec<u32> = group.waiting.targets().collect();
        assert_eq!(
            members.len(),
            group.members as usize,
            "members that have ended have left, and all others wait"
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
