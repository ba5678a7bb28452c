//! Marking: finds the component that is connected to a change and must be solved before time
//! advances.
//!
//! It is a depth-first search over resources and their users. The order in which resources are
//! marked decides the order of equal completion dates. Changes in the incremental component are
//! only recorded, since it finds the affected part itself.

use super::{ActivityId, ActivityState, Fluid, GONE, Marking};

impl Fluid {
    /// Marks a resource and everything connected to it through enabled activities: depth first, the
    /// users of each resource newest first.
    pub(super) fn mark(&mut self, resource: u32) {
        if self.resources[resource as usize].dirty {
            return;
        }
        if self.resources[resource as usize].in_incremental {
            self.resources[resource as usize].dirty = true;
            self.incremental.touched.push(resource);
            return;
        }
        self.add_to_component(resource);
        'resources: while let Some((resource, mut left)) = self.stack.pop() {
            while left > 0 {
                left -= 1;
                let users = self.resources[resource as usize].users.len();
                if left >= users {
                    let group = self.resources[resource as usize].loads[left - users].group;
                    if self.groups[group as usize].reached != self.markings {
                        self.stack.push((resource, left));
                        self.reach_group(group);
                        continue 'resources;
                    }
                    continue;
                }
                let user = self.resources[resource as usize].users[left].activity;
                if user == GONE || self.activities[user as usize].reached == self.markings {
                    continue;
                }
                for number in 0..self.activities[user as usize].uses.len() {
                    let other = self.activities[user as usize].uses[number].resource;
                    let there = &self.resources[other as usize];
                    // The incremental component absorbs what is connected to it when it is solved.
                    if !there.dirty && !there.in_incremental {
                        // This user is visited again once the other resource has been followed.
                        self.stack.push((resource, left + 1));
                        self.add_to_component(other);
                        continue 'resources;
                    }
                }
                self.activities[user as usize].reached = self.markings;
            }
        }
    }

    fn add_to_component(&mut self, resource: u32) {
        let entry = &mut self.resources[resource as usize];
        entry.dirty = true;
        self.component.push(resource);
        self.stack.push((resource, entry.users.len() + entry.loads.len()));
    }

    /// Follows a virtual-time group to its own resource and to those that others use too. Resources
    /// that it loads alone are not visited.
    fn reach_group(&mut self, group: u32) {
        let group = group as usize;
        self.groups[group].reached = self.markings;
        let own = self.groups[group].resource;
        if !self.resources[own as usize].dirty {
            self.add_to_component(own);
        }
        for number in 0..self.groups[group].mixed.len() {
            let mixed = self.groups[group].mixed[number];
            if !self.resources[mixed as usize].dirty {
                self.add_to_component(mixed);
            }
        }
    }

    /// Marks the resources affected by an activity that starts or stops using them, or whose share
    /// may change.
    pub(super) fn mark_changed(&mut self, index: u32) {
        match self.marking {
            Marking::Everything => self.mark_uses(index),
            Marking::FirstResource => {
                if let Some(first) = self.activities[index as usize].uses.first() {
                    self.mark(first.resource);
                }
            }
        }
        let activity = &self.activities[index as usize];
        if activity.uses.is_empty() && activity.state == ActivityState::Enabled {
            self.loose.push(ActivityId { index, generation: activity.generation });
        }
    }

    /// Marks all resources that an activity uses, in the order of its uses.
    pub(super) fn mark_uses(&mut self, index: u32) {
        for number in 0..self.activities[index as usize].uses.len() {
            self.mark(self.activities[index as usize].uses[number].resource);
        }
    }
}
