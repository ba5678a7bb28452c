//! Meters: for how long a resource was used, and how much.
//!
//! Only resources whose use is asked for have a meter. What activities with an end have used is
//! their work: what they had to do when they began to use the resource less what they still have to
//! do now. So neither solves nor virtual-time groups need to be followed. An activity without an
//! end, of which no share is ever a part of its work, has its share followed instead; it is never a
//! member of a group.
//!
//! # Invariant
//!
//! A meter counts the enabled activities that use its resource, members of groups included.

use super::virtual_time::Sum;
use super::{ActivitySlot, ActivityState, Fluid, NONE, ResourceId, live_users};
use crate::{Duration, Time};

/// How much a resource has been used: see [`Kernel::usage`](crate::Kernel::usage).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResourceUsage {
    /// Since when it is measured.
    pub since: Time,
    /// For how long at least one activity used it, be it without progress because of another
    /// resource. An activity that is suspended or waits for its latency uses nothing.
    pub busy: Duration,
    /// The integral over time of the weighted shares of all activities that used it: flops, or
    /// bytes. Divided by the capacity and the time it is the utilisation. A fat pipe, which limits
    /// each user alone, may have more than one.
    pub work: f64,
    /// The integral over time of the part of the capacity that was used, in seconds: for how long
    /// it would have been used up to do the same. Divided by the time it is the mean utilisation,
    /// also where the capacity changes.
    pub full_s: f64,
}

#[derive(Default)]
pub(super) struct Meter {
    since: Time,
    users: u32,
    busy: Duration,
    /// Since when it has users, if it has any.
    used_since: Time,
    /// The work that users with an end had to do when they began, less what those that are gone
    /// had left.
    begun: Sum,
    /// The integral of the shares of users without an end until `updated`, and their sum since.
    endless: Sum,
    endless_share: Sum,
    updated: Time,
    /// The seconds of full use and the work until the capacity changed last.
    full_s: f64,
    work_before: f64,
    /// It is among those used since [`Fluid::take_used`].
    is_noted: bool,
}

impl Meter {
    fn add_endless(&mut self, share: f64, now: Time) {
        let passed = now.since(self.updated);
        self.endless.add(self.endless_share.value() * passed.as_secs_f64());
        self.updated = now;
        self.endless_share.add(share);
    }
}

impl ActivitySlot {
    /// Whether its progress brings it nearer to its end.
    pub(super) fn has_end(&self) -> bool {
        self.remaining.is_finite() && self.rate_factor > 0.0
    }
}

impl Fluid {
    /// Begins to measure the use of a resource.
    pub(crate) fn begin_meter(&mut self, resource: ResourceId, now: Time) {
        let at = resource.0 as usize;
        if at >= self.meters.len() {
            self.meters.resize_with(at + 1, || None);
        }
        if self.meters[at].is_some() {
            return;
        }
        let mut meter = Meter { since: now, used_since: now, updated: now, ..Meter::default() };
        for (index, weight) in self.present_users(resource.0) {
            let activity = &self.activities[index as usize];
            meter.users += 1;
            if activity.has_end() {
                meter.begun.add(weight * self.share_left(index, now));
            } else {
                meter.endless_share.add(weight * activity.share);
            }
        }
        if meter.users > 0 {
            meter.is_noted = true;
            self.used.push(resource.0);
        }
        self.meters[at] = Some(Box::new(meter));
    }

    /// The measured resources that were used at any time since the last call.
    pub(crate) fn take_used(&mut self) -> Vec<ResourceId> {
        let used = std::mem::take(&mut self.used);
        for &resource in &used {
            let Some(meter) = meter_of(&mut self.meters, resource) else { continue };
            meter.is_noted = meter.users > 0;
            if meter.is_noted {
                self.used.push(resource);
            }
        }
        used.into_iter().map(ResourceId).collect()
    }

    /// The capacity of a resource is about to change.
    #[cold]
    pub(super) fn meter_capacity(&mut self, resource: ResourceId, now: Time) {
        let Some(ResourceUsage { work, full_s, .. }) = self.usage(resource, now) else { return };
        if let Some(meter) = meter_of(&mut self.meters, resource.0) {
            (meter.full_s, meter.work_before) = (full_s, work);
        }
    }

    /// How much a resource has been used since its meter began.
    pub(crate) fn usage(&self, resource: ResourceId, now: Time) -> Option<ResourceUsage> {
        let meter = self.meters.get(resource.0 as usize)?.as_ref()?;
        let running = if meter.users > 0 { now.since(meter.used_since) } else { Duration::ZERO };
        let mut work = meter.begun;
        for (index, weight) in self.present_users(resource.0) {
            if self.activities[index as usize].has_end() {
                work.add(-weight * self.share_left(index, now));
            }
        }
        work.add(meter.endless.value());
        work.add(meter.endless_share.value() * now.since(meter.updated).as_secs_f64());
        let work = work.value().max(0.0);
        let capacity = self.resources[resource.0 as usize].capacity;
        let more = (work - meter.work_before).max(0.0);
        let full_s =
            meter.full_s + if more > 0.0 && capacity > 0.0 { more / capacity } else { 0.0 };
        Some(ResourceUsage { since: meter.since, busy: meter.busy + running, work, full_s })
    }

    /// The enabled activities that use a resource, with their weights.
    fn present_users(&self, at: u32) -> impl Iterator<Item = (u32, f64)> {
        let resource = &self.resources[at as usize];
        let alone = live_users(&resource.users).map(|user| (user.activity, user.weight));
        let groups = resource.loads.iter().map(|load| &self.groups[load.group as usize]);
        let members = groups.flat_map(|group| group.members_that_wait()).filter_map(move |index| {
            let uses = &self.activities[index as usize].uses;
            let used = uses.iter().find(|used| used.resource == at)?;
            Some((index, used.weight))
        });
        alone.chain(members)
    }

    /// The integral of the share until the end of an activity.
    fn share_left(&self, index: u32, now: Time) -> f64 {
        let activity = &self.activities[index as usize];
        let left = match activity.group {
            NONE => activity.remaining_at(now),
            _ => self.remaining_in_group(index, now),
        };
        left / activity.rate_factor
    }

    /// An activity has begun to use its resources.
    #[cold]
    pub(super) fn meter_begin(&mut self, index: u32, now: Time) {
        let activity = &self.activities[index as usize];
        for used in &activity.uses {
            let Some(meter) = meter_of(&mut self.meters, used.resource) else { continue };
            if meter.users == 0 {
                meter.used_since = now;
            }
            meter.users += 1;
            if !std::mem::replace(&mut meter.is_noted, true) {
                self.used.push(used.resource);
            }
            if activity.has_end() {
                meter.begun.add(used.weight * activity.remaining / activity.rate_factor);
            }
        }
    }

    /// An activity is about to stop using its resources, with this much work left.
    #[cold]
    pub(super) fn meter_end(&mut self, index: u32, left: f64, now: Time) {
        let activity = &self.activities[index as usize];
        if activity.state != ActivityState::Enabled {
            return;
        }
        for used in &activity.uses {
            let Some(meter) = meter_of(&mut self.meters, used.resource) else { continue };
            meter.users -= 1;
            if meter.users == 0 {
                meter.busy += now.since(meter.used_since);
            }
            if activity.has_end() {
                meter.begun.add(-used.weight * left / activity.rate_factor);
            } else {
                meter.add_endless(-used.weight * activity.share, now);
            }
        }
    }

    /// The share of an activity without an end is about to change.
    #[cold]
    pub(super) fn meter_endless(&mut self, index: u32, now: Time) {
        let activity = &self.activities[index as usize];
        let change = activity.next_share - activity.share;
        for used in &activity.uses {
            if let Some(meter) = meter_of(&mut self.meters, used.resource) {
                meter.add_endless(used.weight * change, now);
            }
        }
    }
}

fn meter_of(meters: &mut [Option<Box<Meter>>], resource: u32) -> Option<&mut Meter> {
    meters.get_mut(resource as usize)?.as_deref_mut()
}
