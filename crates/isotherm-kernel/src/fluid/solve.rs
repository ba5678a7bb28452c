//! Progressive filling: computes the shares of the marked component.
//!
//! Resources wait in a binary heap by the level at which they saturate. With `u` uses a solve costs
//! about O(u log n); reached bounds and fat pipes need further passes over users.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::virtual_time::{GroupLoad, NONE};
#[cfg(any(test, feature = "audit"))]
use super::{ActivityState, Marking};
use super::{Fluid, GONE, PRECISION, Resource, Sharing, live_users};
#[cfg(any(test, feature = "audit"))]
use crate::Duration;

/// The relative difference that rounding may cause between two equal levels.
const ROUNDING: f64 = 1e-12;

impl Fluid {
    /// The bound of an activity: zero if one of its resources has no capacity.
    fn effective_bound(&self, index: u32) -> f64 {
        let activity = &self.activities[index as usize];
        let stalled = activity
            .uses
            .iter()
            .any(|usage| self.resources[usage.resource as usize].capacity <= 0.0);
        if stalled { 0.0 } else { activity.bound }
    }

    /// Solves the collected component. The results are in `next_share` of activities and
    /// `next_level` of virtual-time groups.
    ///
    /// # Errors
    /// A virtual-time group whose members are not all limited by its resource. The results are then
    /// undefined.
    pub(super) fn solve(&mut self) -> Result<(), u32> {
        self.open();
        while let Some(level) = self.saturate() {
            self.check_groups(level)?;
            let least = self.least_bound(level);
            match least {
                // No users are left on the saturated resources: the rest of their usage is
                // rounding.
                None => {
                    for number in 0..self.saturated.len() {
                        self.resources[self.saturated[number] as usize].usage = 0.0;
                    }
                }
                Some(least) => self.fix_saturated(level, least),
            }
        }
        if let Some(&group) =
            self.met_groups.iter().find(|&&group| self.groups[group as usize].next_level.is_none())
        {
            return Err(group);
        }
        self.fix_leftovers();
        Ok(())
    }

    /// Checks that the groups on the saturated resources are limited by their own resource, and by
    /// nothing below the level.
    fn check_groups(&self, level: f64) -> Result<(), u32> {
        for &index in &self.saturated {
            for load in &self.resources[index as usize].loads {
                let group = &self.groups[load.group as usize];
                let (own, least) = (
                    &self.resources[group.resource as usize],
                    group.least_bound().min(group.least_pure()),
                );
                // Equal resources may differ by a rounding error.
                let limited =
                    own.dirty && own.level().is_some_and(|own| own <= level * (1.0 + ROUNDING));
                if group.next_level.is_none() && !(limited && least >= level * (1.0 - ROUNDING)) {
                    return Err(load.group);
                }
            }
        }
        Ok(())
    }

    /// Resets the members and fills the heap of active resources.
    fn open(&mut self) {
        for number in 0..self.members.len() {
            let index = self.members[number];
            let limit = self.effective_bound(index);
            let activity = &mut self.activities[index as usize];
            activity.limit = limit;
            activity.fixed = false;
            activity.fixed_by = NONE;
            activity.next_share = 0.0;
        }
        self.saturated.clear();
        let mut active = std::mem::take(&mut self.active).into_vec();
        active.clear();
        for number in 0..self.component.len() {
            let index = self.component[number];
            self.add_up_usage(index);
            let resource = &mut self.resources[index as usize];
            resource.remaining = resource.capacity;
            resource.fixed_here = 0;
            resource.overdrawn = false;
            if let Some(level) = resource.level() {
                active.push(Reverse((level.to_bits(), index)));
            }
        }
        self.active = BinaryHeap::from(active);
    }

    /// Computes the usage of a resource by users that are not fixed: the sum, or on a fat pipe the
    /// maximum.
    fn add_up_usage(&mut self, index: u32) {
        let activities = &self.activities;
        let resource = &self.resources[index as usize];
        let open = |load: &&GroupLoad| self.groups[load.group as usize].next_level.is_none();
        let loads = resource.loads.iter().filter(open).map(GroupLoad::usage);
        let usages = live_users(&resource.users)
            .filter(|user| !activities[user.activity as usize].fixed)
            .map(|user| user.usage);
        let usage = match resource.sharing {
            Sharing::Shared => loads.chain(usages).sum(),
            Sharing::Fatpipe => loads.chain(usages).fold(0.0, f64::max),
        };
        let resource = &mut self.resources[index as usize];
        resource.usage = usage;
        resource.stale = false;
    }

    /// Drops the resources that are used up and collects those that saturate first as the level
    /// rises.
    ///
    /// The heap holds a lower bound of the level of each active resource. Levels only rise while
    /// users are fixed, so an entry is updated when it comes to the top.
    fn saturate(&mut self) -> Option<f64> {
        for number in 0..self.saturated.len() {
            let index = self.saturated[number];
            match self.resources[index as usize].level() {
                Some(own) => self.active.push(Reverse((own.to_bits(), index))),
                None => self.resources[index as usize].close(),
            }
        }
        self.saturated.clear();
        let mut level = None;
        while let Some(&Reverse((known, index))) = self.active.peek() {
            if level.is_some_and(|level: f64| known > level.to_bits()) {
                break;
            }
            if self.resources[index as usize].stale {
                self.add_up_usage(index);
            }
            let Some(mut top) = self.active.peek_mut() else { break };
            match self.resources[index as usize].level() {
                None => {
                    PeekMut::pop(top);
                    self.resources[index as usize].close();
                }
                Some(own) if own.to_bits() > known => *top = Reverse((own.to_bits(), index)),
                Some(own) => {
                    level = Some(level.unwrap_or(own));
                    self.saturated.push(index);
                    PeekMut::pop(top);
                }
            }
        }
        level
    }

    /// The least `bound × penalty` below the level among the users of the saturated resources;
    /// infinite if no bound is reached, `None` if no users are left. Bounds of virtual-time groups
    /// have been checked before.
    fn least_bound(&self, level: f64) -> Option<f64> {
        let mut least = None;
        for &index in &self.saturated {
            for user in live_users(&self.resources[index as usize].users) {
                let activity = &self.activities[user.activity as usize];
                if !activity.fixed {
                    let bound = activity.limit * activity.penalty;
                    let bound = if bound < level { bound } else { f64::INFINITY };
                    least = Some(f64::min(bound, least.unwrap_or(f64::INFINITY)));
                }
            }
            let open = |load: &GroupLoad| self.groups[load.group as usize].next_level.is_none();
            if least.is_none() && self.resources[index as usize].loads.iter().any(open) {
                least = Some(f64::INFINITY);
            }
        }
        least
    }

    /// Fixes the users of the saturated resources: those at the least bound if there is one,
    /// otherwise all at the level.
    fn fix_saturated(&mut self, level: f64, least: f64) {
        for number in 0..self.saturated.len() {
            let index = self.saturated[number];
            for place in 0..self.resources[index as usize].users.len() {
                let user = self.resources[index as usize].users[place].activity;
                if user == GONE || self.activities[user as usize].fixed {
                    continue;
                }
                let activity = &self.activities[user as usize];
                if least == f64::INFINITY {
                    self.fix(user, level / activity.penalty);
                    self.activities[user as usize].fixed_by = index;
                    self.resources[index as usize].fixed_here += 1;
                } else if (activity.limit * activity.penalty - least).abs() < PRECISION {
                    self.fix(user, activity.limit);
                }
            }
            for place in 0..self.resources[index as usize].loads.len() {
                let group = self.resources[index as usize].loads[place].group;
                if least == f64::INFINITY && self.groups[group as usize].next_level.is_none() {
                    self.fix_group(group, level);
                }
            }
        }
    }

    fn fix_group(&mut self, group: u32, level: f64) {
        let fixed = &mut self.groups[group as usize];
        fixed.next_level = Some(level);
        for &at in &fixed.touched {
            let resource = &mut self.resources[at as usize];
            if resource.sharing == Sharing::Fatpipe {
                resource.stale = true;
            } else if let Some(load) = resource.loads.iter().find(|load| load.group == group) {
                let usage = load.usage();
                resource.take(usage * level, usage);
            }
        }
    }

    fn fix(&mut self, index: u32, share: f64) {
        let activity = &mut self.activities[index as usize];
        activity.fixed = true;
        activity.next_share = share;
        for usage in &activity.uses {
            let resource = &mut self.resources[usage.resource as usize];
            if resource.sharing == Sharing::Fatpipe {
                resource.stale = true;
            } else {
                resource.take(usage.weight * share, usage.weight / activity.penalty);
            }
        }
    }

    /// Members whose resources were all dropped before the members were fixed (capacity zero, or
    /// used up within the precision) take what is left. The reference has no meaningful behaviour
    /// here; a rate of zero means stalled until the next change.
    fn fix_leftovers(&mut self) {
        for number in 0..self.members.len() {
            let index = self.members[number];
            let activity = &self.activities[index as usize];
            if !activity.fixed {
                let share = activity
                    .uses
                    .iter()
                    .map(|usage| (usage, &self.resources[usage.resource as usize]))
                    .map(|(usage, resource)| match resource.sharing {
                        Sharing::Shared => resource.remaining.max(0.0) / usage.weight,
                        Sharing::Fatpipe => resource.capacity / usage.weight,
                    })
                    .fold(activity.limit, f64::min);
                self.fix(index, share);
            }
        }
    }

    /// Asserts that no solved resource exceeds its capacity and that all bounds hold.
    #[cfg(any(test, feature = "audit"))]
    pub(super) fn check(&self) {
        for &index in &self.component {
            let resource = &self.resources[index as usize];
            let uses = live_users(&resource.users).map(|user| {
                let activity = &self.activities[user.activity as usize];
                assert_eq!(user.usage, user.weight / activity.penalty, "copies are up to date");
                assert_eq!(
                    activity.state,
                    ActivityState::Enabled,
                    "only enabled activities use resources"
                );
                user.weight * activity.share
            });
            let loads = resource.loads.iter().map(|load| load.usage() * self.level_of(load.group));
            let used = match resource.sharing {
                Sharing::Shared => uses.chain(loads).sum::<f64>(),
                Sharing::Fatpipe => uses.chain(loads).fold(0.0, f64::max),
            };
            let allowed = resource.capacity * (1.0 + 10.0 * PRECISION);
            let exact = self.marking == Marking::Everything && !resource.overdrawn;
            assert!(
                !exact || used <= allowed,
                "resource {index} carries {used} of {}",
                resource.capacity
            );
        }
        for &index in
            self.members.iter().filter(|&&index| self.activities[index as usize].group == NONE)
        {
            let activity = &self.activities[index as usize];
            assert!(activity.share <= activity.limit * (1.0 + PRECISION), "share above its bound");
            let ends = Duration::to_do(activity.remaining, activity.share * activity.rate_factor)
                < Duration::MAX;
            assert!(
                !ends || activity.event.is_some(),
                "an activity that will end has a completion date"
            );
        }
        for &group in &self.met_groups {
            self.check_group(group);
        }
    }
}

impl Resource {
    /// Subtracts a fixed user from the remaining capacity and from the usage.
    fn take(&mut self, amount: f64, usage: f64) {
        self.remaining -= amount;
        if self.remaining < self.capacity * PRECISION {
            self.remaining = 0.0;
        }
        self.usage -= usage;
        if self.usage < PRECISION {
            self.usage = 0.0;
        }
    }

    /// Closes the resource: it fixes no more users.
    fn close(&mut self) {
        self.overdrawn = self.usage > PRECISION;
    }

    /// The level at which it saturates; `None` if it is used up or has no users left.
    fn level(&self) -> Option<f64> {
        let open = self.usage > PRECISION
            && self.remaining > self.capacity * PRECISION
            && self.capacity > 0.0;
        open.then(|| self.remaining / self.usage)
    }
}
