//! Incremental components: the max-min solution of a large connected component is stored between
//! solves, and each change updates only what it affects.
//!
//! Thousands of transfers between the hosts of a star form one component, in which each link
//! carries a few transfers. When one of them starts or ends, the shares of a few dozen change:
//! those that its links limit, those limited by resources that these share, and so on. Solving the
//! whole component would cost a hundred times as much.
//!
//! # State and update
//!
//! For each resource the component keeps its [`Saturation`]: the [position in the fix
//! order](FixOrder) at which the resource is saturated, and the level of its users then. The
//! saturation follows from the capacity and from the users that are fixed earlier, by another
//! resource or by their bound. So it depends on earlier saturations alone, and the solution is
//! unique. The share of an activity follows from the earliest saturation among its resources and
//! from its bound.
//!
//! A change evaluates the resources it touches. Where a saturation changes, resources that share a
//! user and saturate later are evaluated too, earliest first, from a priority queue. A resource
//! that is never saturated keeps its spare capacity and is evaluated only when that is used up.
//! Since the solution is unique, the result has the same bits as a solve from scratch (checked with
//! the feature `audit`).
//!
//! # Differences from solving a whole component
//!
//! Both use the same tolerances. Bounds take effect as the level rises, not when a resource of the
//! activity saturates, which differs in rounding only. End events get their dates when
//! shares change, newest activity first, instead of at each solve of the component; so under
//! [`TieOrder::Reference`](crate::TieOrder) activities that end at the same date may end in another
//! order. Under [`TieOrder::NewestFirst`](crate::TieOrder) it makes no difference.
//!
//! # Life cycle
//!
//! There is at most one incremental component; since activities end, it may fall into several
//! connected parts. It is formed after solving a component with enough activities, without
//! virtual-time groups and without resources suited to a virtual-time group. It absorbs what
//! becomes connected to it. It is dissolved into ordinary activities, which keep their shares, in
//! any of these cases:
//!
//! * it becomes small, or a saturated resource gets very many users;
//! * it meets a virtual-time group;
//! * others use up all resources of an activity within the precision, a case left to progressive
//!   filling.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[cfg(any(test, feature = "audit"))]
use super::PRECISION;
use super::fix_order::{Evaluation, Fix, FixOrder, ResourceUser, Saturation};
use super::virtual_time::NONE;
use super::{
    ActivitySlot, ActivityState, Fluid, Marking, Resource, Sharing, Use, User, live_users,
};
use crate::Time;
use crate::queue::{EventQueue, TieOrder};

/// The number of connected activities from which an incremental component is formed.
pub(super) const INCREMENTAL_FROM: u32 = 256;

/// The largest number of users of a saturated resource, beyond which each evaluation is too
/// expensive.
const MOST_USERS: u32 = 1024;

/// Capacities above this, such as that of the memory of a host, limit no activity.
const UNLIMITED: f64 = 1e300;

/// The relative error of bounds of levels.
const ROUNDING: f64 = 1e-9;

/// A resource with more than this fraction left over is far from saturation.
const SPARE: f64 = 1e-6;

/// The solution that is kept, in vectors indexed by resource or by activity.
#[derive(Default)]
pub(super) struct Incremental {
    /// By resource.
    states: Vec<ResourceState>,
    /// By activity: its fix, up to date in the incremental component.
    fixes: Vec<Fix>,
    queue: BinaryHeap<Reverse<(FixOrder, u32)>>,
    /// By resource: the last collection that contained it.
    seen: Vec<u64>,
    /// The number of uses of its resources.
    uses: usize,
    /// Resources changed since the last solve.
    pub(super) touched: Vec<u32>,
    /// Activities enabled or changed since the last solve, and those whose share the present solve
    /// changes.
    pub(super) fresh: Vec<u32>,
    evaluations: usize,
    /// The first solve in which a component may be formed.
    after: u64,
    // Work space.
    resource_users: Vec<ResourceUser>,
    found: Vec<(u64, u32)>,
}

/// What is known of a resource, in one cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct ResourceState {
    /// Its [`Saturation`].
    order: FixOrder,
    level: f64,
    /// The position for which it is queued.
    waits: FixOrder,
    /// If it is never saturated: its spare capacity, up to rounding. Otherwise a lower bound of its
    /// level, as far as the changes since it was last evaluated tell.
    margin: f64,
    /// The spare capacity that suffices, since it is far from saturation.
    plenty: f64,
    /// The `weight / penalty` of the users that it limits, or any number if it limits none; zero
    /// for a fat pipe.
    usage: f64,
}

const _: () = assert!(size_of::<ResourceState>() == 64);

impl ResourceState {
    const NEW: ResourceState = ResourceState {
        order: Saturation::NEVER.order,
        level: Saturation::NEVER.level,
        waits: FixOrder::NEVER,
        margin: f64::NEG_INFINITY,
        plenty: f64::INFINITY,
        usage: 0.0,
    };

    fn saturation(&self) -> Saturation {
        Saturation { order: self.order, level: self.level }
    }

    fn set_saturation(&mut self, saturation: Saturation) {
        Saturation { order: self.order, level: self.level } = saturation;
    }

    /// A user that is fixed earlier takes more. The resource is saturated no earlier than if all
    /// such users stayed fixed earlier. Returns the first position at which that may be.
    ///
    /// Evaluating it at an earlier position would do no harm, but it would mostly have to be
    /// evaluated again at the later one.
    fn lower(&mut self, amount: f64) -> FixOrder {
        self.margin -= amount / self.usage;
        // NaN, where nothing limited the user, becomes zero, as does what is not finite.
        FixOrder::new((self.margin * (1.0 - ROUNDING)).max(0.0).to_bits(), 0)
    }
}

impl Incremental {
    pub(super) fn add_resource(&mut self) {
        self.states.push(ResourceState::NEW);
        self.seen.push(0);
    }

    pub(super) fn count_uses(&mut self, change: isize) {
        self.uses = self.uses.saturating_add_signed(change);
    }

    /// What fixes an activity if one of its resources is ignored.
    fn fix_without(&self, activity: &ActivitySlot, without: u32) -> Fix {
        let bound = activity.bound * activity.penalty;
        let order = if bound < f64::INFINITY { FixOrder::of_bound(bound) } else { FixOrder::NEVER };
        let mut first = Saturation { order, level: f64::INFINITY };
        let mut by = NONE;
        for usage in activity.uses.iter().filter(|usage| usage.resource != without) {
            let state = &self.states[usage.resource as usize];
            if state.order < first.order {
                (first, by) = (state.saturation(), usage.resource);
            } else if state.order == first.order && by != NONE {
                first.level = first.level.min(state.level);
            }
        }
        let share = if by == NONE { activity.bound } else { first.level / activity.penalty };
        Fix { order: first.order, share, by }
    }

    fn fix(&mut self, index: u32, activity: &ActivitySlot) {
        if self.fixes.len() <= index as usize {
            self.fixes
                .resize(index as usize + 1, Fix { order: FixOrder::NEVER, share: 0.0, by: NONE });
        }
        self.fixes[index as usize] = self.fix_without(activity, NONE);
    }

    /// Tells a resource that a change at `order` has changed the share of one of its users.
    fn notify_resource(
        &mut self,
        usage: &Use,
        resources: &[Resource],
        order: FixOrder,
        before: f64,
        share: f64,
    ) {
        let at = usage.resource;
        let state = &mut self.states[at as usize];
        if state.order == FixOrder::NEVER {
            if state.usage > 0.0 {
                state.margin += usage.weight * (before - share);
            } else {
                let most = resources[at as usize].capacity - usage.weight * share;
                state.margin = state.margin.min(most);
            }
            // NaN (infinite minus infinite: nothing limited the user before) is not plenty.
            let is_far = state.margin > state.plenty;
            if !is_far && resources[at as usize].capacity < UNLIMITED {
                self.enqueue(order, at);
            }
        } else if state.order > order {
            // If its users take less, it saturates no earlier than before.
            let position = if share < before {
                state.order
            } else {
                state.lower(usage.weight * (share - before)).max(order)
            };
            self.enqueue(position, at);
        }
    }

    fn enqueue(&mut self, order: FixOrder, resource: u32) {
        let waits = &mut self.states[resource as usize].waits;
        if order < *waits {
            *waits = order;
            self.queue.push(Reverse((order, resource)));
        }
    }

    fn pop(&mut self) -> Option<(FixOrder, u32)> {
        loop {
            let Reverse((order, resource)) = self.queue.pop()?;
            let waits = &mut self.states[resource as usize].waits;
            // It may have been queued again at an earlier position.
            if *waits == order {
                *waits = FixOrder::NEVER;
                return Some((order, resource));
            }
        }
    }
}

impl Fluid {
    fn is_in_incremental(&self, usage: &Use) -> bool {
        self.resources[usage.resource as usize].in_incremental
    }

    /// Records an activity of the incremental component that has been enabled or changed.
    pub(super) fn note_fresh(&mut self, index: u32) {
        if self.incremental.uses > 0
            && self.activities[index as usize]
                .uses
                .iter()
                .any(|usage| self.is_in_incremental(usage))
        {
            self.incremental.fresh.push(index);
        }
    }

    /// Updates the incremental component, or dissolves it and marks what was changed for
    /// progressive filling.
    pub(super) fn settle_incremental<T: Copy>(
        &mut self,
        now: Time,
        queue: &mut EventQueue<T>,
        target: &impl Fn(u32) -> T,
    ) {
        if self.incremental.touched.is_empty() {
            return;
        }
        if !self.absorb(now) || self.incremental_is_unfit() {
            return self.dissolve_incremental();
        }
        self.update();
        let Some(mut changed) = self.find_changed() else { return self.dissolve_incremental() };
        // In the other order, it makes no difference which is scheduled first.
        if queue.order == TieOrder::Reference {
            changed.sort_unstable_by_key(|&(enabled, _)| Reverse(enabled));
        }
        for &(_, index) in &changed {
            self.schedule(index, now, queue, target);
        }
        self.incremental.found = changed;
        #[cfg(any(test, feature = "audit"))]
        self.check_incremental();
        self.release_unused();
    }

    /// Absorbs what new activities connect to the component. Returns `false` if it meets a
    /// virtual-time group.
    fn absorb(&mut self, now: Time) -> bool {
        let mut stack = Vec::new();
        let mut absorbed = false;
        for number in 0..self.incremental.fresh.len() {
            let activity = &self.activities[self.incremental.fresh[number] as usize];
            if activity.state == ActivityState::Enabled
                && activity.uses.iter().any(|usage| self.is_in_incremental(usage))
            {
                stack.extend(activity.uses.iter().map(|usage| usage.resource));
            }
            while let Some(at) = stack.pop() {
                if self.resources[at as usize].in_incremental {
                    continue;
                }
                absorbed = true;
                // It is no longer local.
                if let Some(group) = self.small_local_group(at) {
                    self.dissolve(group, now);
                }
                self.include(at);
                let resource = &self.resources[at as usize];
                if !resource.loads.is_empty() {
                    return false;
                }
                for user in live_users(&resource.users) {
                    self.incremental.fresh.push(user.activity);
                    let uses = &self.activities[user.activity as usize].uses;
                    stack.extend(uses.iter().map(|usage| usage.resource));
                }
            }
        }
        if absorbed {
            let resources = &self.resources;
            self.component.retain(|&at| !resources[at as usize].in_incremental);
        }
        true
    }

    fn include(&mut self, at: u32) {
        let resource = &mut self.resources[at as usize];
        resource.in_incremental = true;
        resource.dirty = true;
        self.incremental.uses += resource.live as usize;
        self.incremental.touched.push(at);
    }

    fn incremental_is_unfit(&self) -> bool {
        let crowded = |&at: &u32| {
            self.resources[at as usize].live > MOST_USERS
                && self.incremental.states[at as usize].saturation() != Saturation::NEVER
        };
        self.incremental.uses < self.incremental_from as usize
            || self.incremental.touched.iter().any(crowded)
    }

    /// Removes resources without users from the component.
    fn release_unused(&mut self) {
        for number in 0..self.incremental.touched.len() {
            let resource = &mut self.resources[self.incremental.touched[number] as usize];
            resource.dirty = false;
            if resource.live == 0 {
                resource.in_incremental = false;
                let at = self.incremental.touched[number];
                self.incremental.states[at as usize] = ResourceState::NEW;
            }
        }
        self.incremental.touched.clear();
        self.incremental.fresh.clear();
    }

    /// Dissolves the component and marks all changed resources again.
    fn dissolve_incremental(&mut self) {
        let mut marked = std::mem::take(&mut self.component);
        marked.extend_from_slice(&self.incremental.touched);
        self.forget_incremental();
        for &at in &marked {
            self.resources[at as usize].dirty = false;
        }
        self.markings += 1;
        for at in marked {
            self.mark(at);
        }
    }

    fn forget_incremental(&mut self) {
        for (resource, state) in self.resources.iter_mut().zip(&mut self.incremental.states) {
            resource.in_incremental = false;
            *state = ResourceState::NEW;
        }
        self.incremental.uses = 0;
        self.incremental.after = self.solves + u64::from(self.incremental_from);
        self.release_unused();
    }

    /// Updates the solution, starting from the changed resources.
    fn update(&mut self) {
        let Fluid { activities, incremental, .. } = self;
        for number in 0..incremental.fresh.len() {
            incremental
                .fix(incremental.fresh[number], &activities[incremental.fresh[number] as usize]);
        }
        for number in 0..incremental.touched.len() {
            incremental.enqueue(FixOrder::FIRST, incremental.touched[number]);
        }
        // Changes that propagate in a cycle, raising each share a little per round, would take
        // longer than a solve from scratch.
        incremental.evaluations = 0;
        let most = 4 * incremental.uses + 1000;
        while let Some((order, at)) = self.incremental.pop() {
            self.update_at(order, at);
            if self.incremental.evaluations > most {
                return self.solve_incremental_anew();
            }
        }
    }

    /// Solves the whole component from scratch. Each resource is then decided once.
    fn solve_incremental_anew(&mut self) {
        let Fluid { resources, activities, incremental, .. } = self;
        incremental.queue.clear();
        let inside =
            || (0..resources.len() as u32).filter(|&at| resources[at as usize].in_incremental);
        for at in inside() {
            incremental.states[at as usize] = ResourceState::NEW;
            incremental.enqueue(FixOrder::FIRST, at);
        }
        for user in inside().flat_map(|at| live_users(&resources[at as usize].users)) {
            incremental.fix(user.activity, &activities[user.activity as usize]);
            incremental.fresh.push(user.activity);
        }
        while let Some((order, at)) = self.incremental.pop() {
            self.update_at(order, at);
        }
    }

    /// Evaluates a resource when everything before `order` is decided.
    fn update_at(&mut self, order: FixOrder, at: u32) {
        let old = self.incremental.states[at as usize].saturation();
        let Evaluation { saturation: new, usage, spare, overdrawn } = self.evaluate(at);
        let state = &mut self.incremental.states[at as usize];
        if old != Saturation::NEVER {
            (state.margin, state.usage) = (new.level, usage);
        }
        if new != old {
            let first = old.order.min(new.order);
            let earlier =
                self.incremental.queue.peek().is_some_and(|Reverse((next, _))| *next < first);
            if first > order && earlier {
                // Something that is decided before may matter here.
                return self.incremental.enqueue(first, at);
            }
            self.incremental.states[at as usize].set_saturation(new);
            self.propagate(at, old.order, new);
        }
        let state = &mut self.incremental.states[at as usize];
        let resource = &mut self.resources[at as usize];
        (state.margin, state.usage) = if new != Saturation::NEVER {
            (new.level, usage)
        } else {
            (spare, f64::from(u8::from(resource.sharing == Sharing::Shared)))
        };
        state.plenty = resource.capacity * SPARE;
        resource.overdrawn = overdrawn;
    }

    /// The saturation of a resource has changed, as its evaluation has found: fixes its users again
    /// and notifies their other resources.
    fn propagate(&mut self, at: u32, old: FixOrder, new: Saturation) {
        let Fluid { resources, activities, incremental, .. } = self;
        let first = old.min(new.order);
        let elsewhere = std::mem::take(&mut incremental.resource_users);
        for (place, user) in live_users(&resources[at as usize].users).enumerate() {
            let user = user.activity;
            let fix = incremental.fixes[user as usize];
            if fix.by != at && fix.order < first {
                continue;
            }
            let activity = &activities[user as usize];
            // Where the capacity alone decides, nothing is known of the users.
            match elsewhere.get(place).map(|user| user.fix) {
                Some(fix) if new.order < fix.order => {
                    let share = new.level / activity.penalty;
                    incremental.fixes[user as usize] = Fix { order: new.order, share, by: at };
                }
                Some(fix) if fix.order < new.order => incremental.fixes[user as usize] = fix,
                _ => incremental.fix(user, activity),
            }
            let share = incremental.fixes[user as usize].share;
            incremental.fresh.push(user);
            for usage in &activity.uses {
                if usage.resource != at {
                    incremental.notify_resource(usage, resources, first, fix.share, share);
                }
            }
        }
        incremental.resource_users = elsewhere;
    }

    /// When a resource is saturated, given what would fix its users if they did not use it.
    fn evaluate(&mut self, at: u32) -> Evaluation {
        let Fluid { resources, activities, incremental, .. } = self;
        incremental.evaluations += 1;
        let resource = &resources[at as usize];
        let mut users = std::mem::take(&mut incremental.resource_users);
        users.clear();
        if resource.capacity <= 0.0 {
            incremental.resource_users = users;
            return Evaluation::new(Saturation::AT_ONCE);
        }
        if resource.capacity >= UNLIMITED {
            incremental.resource_users = users;
            return Evaluation::new(Saturation::NEVER);
        }
        let saturation = incremental.states[at as usize].order;
        for &User { activity, weight, usage, .. } in live_users(&resource.users) {
            let mut fix = incremental.fixes[activity as usize];
            if fix.by == at || fix.order == saturation {
                fix = incremental.fix_without(&activities[activity as usize], at);
            }
            users.push(ResourceUser { fix, amount: weight * fix.share, usage });
        }
        let evaluation = resource.saturation(&users);
        incremental.resource_users = users;
        evaluation
    }

    /// The activities whose share has changed, with the numbers of their enabling and the new share
    /// in `next_share`; `None` if nothing fixes one of them.
    fn find_changed(&mut self) -> Option<Vec<(u64, u32)>> {
        self.collections += 1;
        let Fluid { activities, incremental, collections, .. } = self;
        let mut found = std::mem::take(&mut incremental.found);
        found.clear();
        for &index in &incremental.fresh {
            let activity = &mut activities[index as usize];
            if activity.collected == *collections || activity.state != ActivityState::Enabled {
                continue;
            }
            activity.collected = *collections;
            let fix = incremental.fixes[index as usize];
            if fix.order == FixOrder::NEVER {
                return None;
            }
            // One that has left a virtual-time group may still have the entry of the group.
            if fix.share != activity.share
                || activity.event.is_none()
                || activity.waits.is_in_group()
            {
                activity.next_share = fix.share;
                found.push((activity.enabled, index));
            }
        }
        Some(found)
    }

    /// After a solve, before its shares are applied: turns components with enough activities into
    /// the incremental component, which then gives the shares.
    pub(super) fn form_incremental(&mut self) {
        let many = self.members.len() >= self.incremental_from as usize
            && self.solves >= self.incremental.after;
        if !many || self.marking != Marking::Everything {
            return;
        }
        self.collections += 1;
        let mut formed = Vec::new();
        for number in 0..self.component.len() {
            let first = self.component[number];
            let (resources, activities, fit) = self.connected(first);
            if fit && activities.len() >= self.incremental_from as usize {
                resources.iter().for_each(|&at| self.include(at));
                formed.extend(activities);
            }
        }
        if formed.is_empty() {
            self.incremental.after = self.solves + u64::from(self.incremental_from / 4);
            return;
        }
        self.incremental.fresh.extend(&formed);
        self.update();
        let fixes = &self.incremental.fixes;
        if formed.iter().any(|&index| fixes[index as usize].order == FixOrder::NEVER) {
            // Then the shares of the solve are applied.
            return self.forget_incremental();
        }
        for index in formed {
            self.activities[index as usize].next_share = fixes[index as usize].share;
        }
        self.release_unused();
    }

    /// The resources and activities connected to a resource, unless they have been visited, and
    /// whether they can form an incremental component.
    fn connected(&mut self, first: u32) -> (Vec<u32>, Vec<u32>, bool) {
        let Fluid { resources, activities, incremental, collections, .. } = self;
        let (mut found, mut users) = (Vec::new(), Vec::new());
        let mut fit = true;
        let mut most = 0;
        if incremental.seen[first as usize] != *collections {
            incremental.seen[first as usize] = *collections;
            found.push(first);
        }
        let mut next = 0;
        while let Some(&at) = found.get(next) {
            next += 1;
            let resource = &resources[at as usize];
            most = most.max(resource.fixed_here);
            fit &= resource.loads.is_empty()
                && (resource.live <= MOST_USERS / 2 || resource.fixed_here == 0);
            for &User { activity: user, .. } in live_users(&resource.users) {
                let activity = &mut activities[user as usize];
                if activity.collected == *collections {
                    continue;
                }
                activity.collected = *collections;
                users.push(user);
                for usage in &activity.uses {
                    let seen = &mut incremental.seen[usage.resource as usize];
                    if *seen != *collections {
                        *seen = *collections;
                        found.push(usage.resource);
                    }
                }
            }
        }
        // Where one resource limits many activities, a virtual-time group is cheaper.
        fit &= most < self.virtual_time_from || most as usize * 4 <= users.len();
        (found, users, fit)
    }

    /// Asserts that the solution is bit-identical to one from scratch and respects all capacities.
    #[cfg(any(test, feature = "audit"))]
    fn check_incremental(&mut self) {
        // Some recorded activities may have left again.
        let uses =
            self.incremental.fresh.iter().flat_map(|&index| &self.activities[index as usize].uses);
        let uses = uses.filter(|usage| self.is_in_incremental(usage)).map(|usage| usage.resource);
        let looked_at: Vec<u32> = self.incremental.touched.iter().copied().chain(uses).collect();
        let states = self.incremental.states.clone();
        let (fixes, fresh) = (self.incremental.fixes.clone(), self.incremental.fresh.len());
        self.solve_incremental_anew();
        assert!(
            (states.iter().zip(&self.incremental.states))
                .all(|(mended, anew)| mended.saturation() == anew.saturation()),
            "what is mended is what would be solved anew"
        );
        (self.incremental.states, self.incremental.fixes) = (states, fixes);
        self.incremental.fresh.truncate(fresh);
        for at in looked_at {
            let resource = &self.resources[at as usize];
            let mut used = 0.0;
            for &User { activity: user, weight, .. } in live_users(&resource.users) {
                let activity = &self.activities[user as usize];
                let fix = self.incremental.fix_without(activity, NONE);
                assert_eq!(
                    fix, self.incremental.fixes[user as usize],
                    "fixes follow from saturations"
                );
                assert!(fix.share == activity.share, "shares are in force");
                assert!(fix.share <= activity.bound * (1.0 + PRECISION), "share above its bound");
                let amount = weight * fix.share;
                used = if resource.sharing == Sharing::Shared {
                    used + amount
                } else {
                    f64::max(used, amount)
                };
            }
            let allowed = resource.capacity * (1.0 + 10.0 * PRECISION);
            assert!(
                used <= allowed || resource.overdrawn,
                "resource {at} carries {used} of {}",
                resource.capacity
            );
        }
    }
}
