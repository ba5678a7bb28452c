//! Settling: solves what is marked and puts the completion dates into the event queue, once before
//! time advances.

use super::virtual_time::{MemberWait, NONE};
use super::{ActivityState, Fluid, NOTHING_LEFT, live_users};
use crate::queue::{EventQueue, TieOrder};
use crate::{Duration, Time};

impl Fluid {
    /// Solves what is marked and queues the new completion dates.
    #[inline]
    pub(crate) fn settle<T: Copy>(
        &mut self,
        now: Time,
        queue: &mut EventQueue<T>,
        target: impl Fn(u32) -> T,
    ) {
        // Most dates change nothing.
        if !(self.incremental.touched.is_empty()
            && self.component.is_empty()
            && self.loose.is_empty())
        {
            self.settle_touched(now, queue, target);
        }
    }

    fn settle_touched<T: Copy>(
        &mut self,
        now: Time,
        queue: &mut EventQueue<T>,
        target: impl Fn(u32) -> T,
    ) {
        self.settle_incremental(now, queue, &target);
        if self.component.is_empty() && self.loose.is_empty() {
            return;
        }
        loop {
            self.collect();
            let unfit = self.met_groups.iter().copied().find(|&group| self.is_unfit(group));
            match unfit.or_else(|| self.solve().err()) {
                Some(group) => self.dissolve(group, now),
                None => break,
            }
        }
        self.form_incremental();
        self.update_groups(now, queue);
        let mut number = 0;
        for place in 0..self.component.len() {
            self.place_local_group(self.component[place], queue);
            while number < self.ends[place] as usize {
                let index = self.members[number];
                if self.activities[index as usize].group == NONE {
                    self.schedule(index, now, queue, &target);
                }
                number += 1;
            }
        }
        for number in 0..self.met_groups.len() {
            self.schedule_group(self.met_groups[number], now, queue, &target);
        }
        for number in 0..self.loose.len() {
            let id = self.loose[number];
            if self.get(id).is_some_and(|activity| activity.state == ActivityState::Enabled) {
                let activity = &mut self.activities[id.index as usize];
                activity.next_share = activity.bound;
                self.schedule(id.index, now, queue, &target);
            }
        }
        #[cfg(any(test, feature = "audit"))]
        self.check();
        for number in 0..self.component.len() {
            self.resources[self.component[number] as usize].dirty = false;
        }
        self.component.clear();
        self.loose.clear();
        self.solves += 1;
        self.markings += 1;
    }

    /// Collects the activities of the marked resources, in the order of the resources and newest
    /// first on each, and the virtual-time groups that load them.
    fn collect(&mut self) {
        self.collections += 1;
        self.members.clear();
        self.ends.clear();
        self.met_groups.clear();
        for &at in &self.component {
            let resource = &self.resources[at as usize];
            for user in live_users(&resource.users).rev() {
                let activity = &mut self.activities[user.activity as usize];
                if activity.collected != self.collections {
                    activity.collected = self.collections;
                    self.members.push(user.activity);
                }
            }
            for load in &resource.loads {
                let group = &mut self.groups[load.group as usize];
                if group.collected != self.collections {
                    group.collected = self.collections;
                    group.next_level = None;
                    group.touched.clear();
                    self.met_groups.push(load.group);
                }
                group.touched.push(at);
            }
            self.ends.push(self.members.len() as u32);
        }
    }

    /// Updates the remaining work, applies the new share and re-keys the completion date. An
    /// unchanged share keeps its date, so the number of solves does not matter; only the place
    /// among equals is renewed, in the reference's order.
    pub(super) fn schedule<T: Copy>(
        &mut self,
        index: u32,
        now: Time,
        queue: &mut EventQueue<T>,
        target: &impl Fn(u32) -> T,
    ) {
        let activity = &mut self.activities[index as usize];
        if let Some(event) = activity.event.filter(|_| activity.share == activity.next_share) {
            let takes_new_place = queue.order == TieOrder::Reference && !activity.oldest_first;
            // The entry may have stood for a virtual-time group that the activity has left.
            if takes_new_place || activity.waits.is_in_group() {
                activity.waits = MemberWait::InQueue;
                let place = queue.place_now(activity.created, activity.oldest_first);
                queue.rekey(event, queue.time_of(event), activity.rank, place);
            }
            return;
        }
        activity.waits = MemberWait::InQueue;
        activity.remaining = activity.remaining_at(now);
        activity.updated = now;
        if !self.meters.is_empty() && !activity.has_end() {
            self.meter_endless(index, now);
        }
        let activity = &mut self.activities[index as usize];
        activity.share = activity.next_share;
        let rate = activity.share * activity.rate_factor;
        let nothing_left = activity.remaining <= NOTHING_LEFT;
        let date = if nothing_left { now } else { now + Duration::to_do(activity.remaining, rate) };
        if date == Time::NEVER {
            if let Some(event) = activity.event.take() {
                queue.remove(event);
            }
            return;
        }
        let place = queue.place_now(activity.created, activity.oldest_first);
        match activity.event {
            Some(event) => queue.rekey(event, date, activity.rank, place),
            None => activity.event = Some(queue.push(date, activity.rank, place, target(index))),
        }
    }
}
