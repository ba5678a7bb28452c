//! Webs: many activities in one connected system, whose solution is kept and mended.
//!
//! Thousands of transfers between the hosts of a star are one component: each crosses some links, and each link carries a few
//! transfers. When one of them begins or ends, a few dozens get other shares: those that its links limit, those that these leave more
//! or less to, and so on until nobody notices. To solve all of them anew would cost a hundred times as much.
//!
//! # What is kept
//!
//! For each resource its [`Saturation`]: the [turn](super::turn) at which it is used up, and the level that its users get if nothing
//! fixes them earlier. It follows from the capacity and from those users that are fixed earlier elsewhere, by another resource or by
//! their bound; so it depends on earlier saturations alone, and there is exactly one solution. The share of an activity follows from the
//! earliest saturation among its resources and from its bound.
//!
//! A change evaluates the resources that it touches. Where a saturation comes out different, the resources that share a user with it and
//! saturate later are evaluated in turn, always the earliest first. One that is never saturated keeps what it has to spare, and is evaluated
//! only when that comes to an end. What is left in the end fits together everywhere, and as there is
//! only one solution, it has the same bits as if everything had been solved from the start (checked with the feature `audit`).
//!
//! # What differs from solving a component whole
//!
//! The mathematics are the same, and so are the precisions below which something counts as used up. Bounds are reached as the level
//! rises, not when a resource of the activity saturates, which shows in roundings only. Dates are keyed when shares
//! change, newest first, and not each time something in the component changes: among activities that end at the same date, others
//! may come first under [`TieOrder::Reference`](crate::TieOrder). Under
//! [`TieOrder::NewestFirst`](crate::TieOrder) it makes no difference when dates are keyed.
//!
//! # Life
//!
//! A web is formed after a solve of a component with enough activities and neither crowds nor resources that deserve one. What becomes
//! connected to it is absorbed. It is unravelled (its activities are like others again, with the shares they have) when it has become
//! small, when a resource gets very many users, when it meets a crowd, and in a case it leaves to the other solver: that
//! everything an activity uses is used up by others within the precision. There is one web at most, which may have several parts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[cfg(any(test, feature = "audit"))]
use super::PRECISION;
use super::crowd::NONE;
use super::turn::{Finding, Fix, Other, Saturation, Turn};
use super::{Activity, Fluid, Marking, Resource, Sharing, State, Use, live_users};
use crate::Time;
use crate::queue::EventQueue;

/// From how many activities on, connected with each other, a web is formed.
pub(super) const WEB_FROM: u32 = 256;

/// With more users a resource that is saturated is not evaluated each time something happens to one of them.
const MOST_USERS: u32 = 1024;

/// Capacities above this limit nobody: the memory of a host.
const UNLIMITED: f64 = 1e300;

/// A resource of which more than this part is left over is far from being saturated.
const SPARE: f64 = 1e-6;

/// The solution that is kept.
#[derive(Default)]
pub(super) struct Web {
    /// By resource.
    saturations: Vec<Saturation>,
    /// By activity, what follows from the saturations; up to date for those in the web.
    fixes: Vec<Fix>,
    /// By resource that is never saturated: what its users leave of it, not counting roundings.
    spare: Vec<f64>,
    /// By resource: the turn for which it waits in the queue.
    waits: Vec<Turn>,
    queue: BinaryHeap<Reverse<(Turn, u32)>>,
    /// By resource: the collection that has found it connected.
    seen: Vec<u64>,
    /// Uses of its resources.
    uses: usize,
    /// Resources at which something has changed since the last solve.
    pub(super) touched: Vec<u32>,
    /// Activities that have been enabled or changed since, and those whose share has changed in the solve in progress.
    pub(super) fresh: Vec<u32>,
    evaluations: usize,
    /// The first solve in which one may be formed.
    after: u64,
    // Work space.
    others: Vec<Other>,
    found: Vec<u32>,
}

impl Web {
    pub(super) fn add_resource(&mut self) {
        self.saturations.push(Saturation::NEVER);
        self.spare.push(f64::NEG_INFINITY);
        self.waits.push(Turn::NEVER);
        self.seen.push(0);
    }

    pub(super) fn count_uses(&mut self, change: isize) {
        self.uses = self.uses.saturating_add_signed(change);
    }

    /// What fixes an activity if one of its resources is left out.
    fn fix_without(&self, activity: &Activity, without: u32) -> Fix {
        let bound = activity.bound * activity.penalty;
        let turn = if bound < f64::INFINITY { Turn::of_bound(bound) } else { Turn::NEVER };
        let mut first = Saturation { turn, level: f64::INFINITY };
        let mut by = NONE;
        for usage in activity.uses.iter().filter(|usage| usage.resource != without) {
            let saturation = &self.saturations[usage.resource as usize];
            if saturation.turn < first.turn {
                (first, by) = (*saturation, usage.resource);
            } else if saturation.turn == first.turn && by != NONE {
                first.level = first.level.min(saturation.level);
            }
        }
        let share = if by == NONE { activity.bound } else { first.level / activity.penalty };
        Fix { turn: first.turn, share, by }
    }

    fn fix(&mut self, index: u32, activity: &Activity) {
        if self.fixes.len() <= index as usize {
            self.fixes.resize(index as usize + 1, Fix { turn: Turn::NEVER, share: 0.0, by: NONE });
        }
        self.fixes[index as usize] = self.fix_without(activity, NONE);
    }

    /// What fixes an activity elsewhere than at one of its resources.
    fn fix_elsewhere(&self, index: u32, activity: &Activity, at: u32) -> Fix {
        let fix = self.fixes[index as usize];
        let here = fix.by == at || fix.turn == self.saturations[at as usize].turn;
        if here { self.fix_without(activity, at) } else { fix }
    }

    /// Tells a resource that the share of a user has become another one, as far as is known, because of something at `turn`.
    fn tell(&mut self, usage: &Use, resource: &Resource, turn: Turn, before: f64, share: f64) {
        let at = usage.resource;
        let saturation = self.saturations[at as usize].turn;
        if saturation == Turn::NEVER {
            let spare = &mut self.spare[at as usize];
            *spare = match resource.sharing {
                Sharing::Shared => *spare + usage.weight * (before - share),
                Sharing::Fatpipe => spare.min(resource.capacity - usage.weight * share),
            };
            // Also if it is not a number, because nothing limited the user before.
            let plenty = *spare > resource.capacity * SPARE;
            if !plenty {
                self.enqueue(turn, at);
            }
        } else if saturation > turn {
            // It can only become later if it is left more.
            self.enqueue(if share < before { saturation } else { turn }, at);
        }
    }

    fn enqueue(&mut self, turn: Turn, resource: u32) {
        let waits = &mut self.waits[resource as usize];
        if turn < *waits {
            *waits = turn;
            self.queue.push(Reverse((turn, resource)));
        }
    }

    fn pop(&mut self) -> Option<(Turn, u32)> {
        loop {
            let Reverse((turn, resource)) = self.queue.pop()?;
            let waits = &mut self.waits[resource as usize];
            // It may have been put in again for an earlier turn.
            if *waits == turn {
                *waits = Turn::NEVER;
                return Some((turn, resource));
            }
        }
    }
}

impl Fluid {
    fn is_in_web(&self, usage: &Use) -> bool {
        self.resources[usage.resource as usize].in_web
    }

    /// Notes an activity in the web that has been enabled or changed.
    pub(super) fn note_fresh(&mut self, index: u32) {
        if self.web.uses > 0 && self.activities[index as usize].uses.iter().any(|usage| self.is_in_web(usage)) {
            self.web.fresh.push(index);
        }
    }

    /// Mends the web. What it cannot go on with is marked like everywhere else then.
    pub(super) fn settle_web<T: Copy>(&mut self, now: Time, queue: &mut EventQueue<T>, target: &impl Fn(u32) -> T) {
        if self.web.touched.is_empty() {
            return;
        }
        if !self.absorb() || self.web_is_unfit() {
            return self.unravel();
        }
        self.mend();
        let Some(changed) = self.find_changed() else { return self.unravel() };
        for &index in &changed {
            self.schedule(index, now, queue, target);
        }
        self.web.found = changed;
        #[cfg(any(test, feature = "audit"))]
        self.check_web();
        self.let_go();
    }

    /// Takes in what activities that have come connect to the web. Says whether that is free of crowds.
    fn absorb(&mut self) -> bool {
        let mut stack = Vec::new();
        let mut absorbed = false;
        for number in 0..self.web.fresh.len() {
            let activity = &self.activities[self.web.fresh[number] as usize];
            if activity.state == State::Enabled && activity.uses.iter().any(|usage| self.is_in_web(usage)) {
                stack.extend(activity.uses.iter().map(|usage| usage.resource));
            }
            while let Some(at) = stack.pop() {
                if self.resources[at as usize].in_web {
                    continue;
                }
                absorbed = true;
                self.take_in(at);
                let resource = &self.resources[at as usize];
                if !resource.loads.is_empty() {
                    return false;
                }
                for (user, _) in live_users(&resource.users) {
                    self.web.fresh.push(user);
                    stack.extend(self.activities[user as usize].uses.iter().map(|usage| usage.resource));
                }
            }
        }
        if absorbed {
            let resources = &self.resources;
            self.component.retain(|&at| !resources[at as usize].in_web);
        }
        true
    }

    fn take_in(&mut self, at: u32) {
        let resource = &mut self.resources[at as usize];
        resource.in_web = true;
        resource.dirty = true;
        self.web.uses += resource.live as usize;
        self.web.touched.push(at);
    }

    fn web_is_unfit(&self) -> bool {
        let crowded = |&at: &u32| {
            self.resources[at as usize].live > MOST_USERS && self.web.saturations[at as usize] != Saturation::NEVER
        };
        self.web.uses < self.web_from as usize || self.web.touched.iter().any(crowded)
    }

    /// Resources that nobody uses any more are not part of the web.
    fn let_go(&mut self) {
        for number in 0..self.web.touched.len() {
            let resource = &mut self.resources[self.web.touched[number] as usize];
            resource.dirty = false;
            if resource.live == 0 {
                resource.in_web = false;
                self.web.saturations[self.web.touched[number] as usize] = Saturation::NEVER;
            }
        }
        self.web.touched.clear();
        self.web.fresh.clear();
    }

    /// Makes an end of the web and marks what has been touched, there and elsewhere, once more.
    fn unravel(&mut self) {
        let mut marked = std::mem::take(&mut self.component);
        marked.extend_from_slice(&self.web.touched);
        self.forget_web();
        for &at in &marked {
            self.resources[at as usize].dirty = false;
        }
        self.markings += 1;
        for at in marked {
            self.mark(at);
        }
    }

    fn forget_web(&mut self) {
        for (resource, saturation) in self.resources.iter_mut().zip(&mut self.web.saturations) {
            resource.in_web = false;
            *saturation = Saturation::NEVER;
        }
        self.web.uses = 0;
        self.web.after = self.solves + u64::from(self.web_from);
        self.let_go();
    }

    /// Finds the solution anew from what has been touched on.
    fn mend(&mut self) {
        let Fluid { activities, web, .. } = self;
        for number in 0..web.fresh.len() {
            web.fix(web.fresh[number], &activities[web.fresh[number] as usize]);
        }
        for number in 0..web.touched.len() {
            web.enqueue(Turn::FIRST, web.touched[number]);
        }
        // A change that goes round in circles, raising each a little in each round, would take longer than to begin at the beginning.
        web.evaluations = 0;
        let most = 4 * web.uses + 1000;
        while let Some((turn, at)) = self.web.pop() {
            self.mend_at(turn, at);
            if self.web.evaluations > most {
                return self.solve_web_anew();
            }
        }
    }

    /// Finds the solution of the whole web without what is known of it. Each resource is decided once then.
    fn solve_web_anew(&mut self) {
        let Fluid { resources, activities, web, .. } = self;
        web.queue.clear();
        let inside = || (0..resources.len() as u32).filter(|&at| resources[at as usize].in_web);
        for at in inside() {
            web.saturations[at as usize] = Saturation::NEVER;
            web.spare[at as usize] = f64::NEG_INFINITY;
            web.waits[at as usize] = Turn::NEVER;
            web.enqueue(Turn::FIRST, at);
        }
        for (user, _) in inside().flat_map(|at| live_users(&resources[at as usize].users)) {
            web.fix(user, &activities[user as usize]);
            web.fresh.push(user);
        }
        while let Some((turn, at)) = self.web.pop() {
            self.mend_at(turn, at);
        }
    }

    /// Evaluates a resource when everything before `turn` is decided.
    fn mend_at(&mut self, turn: Turn, at: u32) {
        let old = self.web.saturations[at as usize];
        let Finding { saturation: new, spare, overdrawn } = self.evaluate(at);
        if new != old {
            let first = old.turn.min(new.turn);
            let earlier = self.web.queue.peek().is_some_and(|Reverse((next, _))| *next < first);
            if first > turn && earlier {
                // Something may be decided before that matters here.
                return self.web.enqueue(first, at);
            }
            self.web.saturations[at as usize] = new;
            self.spread(at, old.turn, new.turn);
        }
        self.web.spare[at as usize] = spare;
        self.resources[at as usize].overdrawn = overdrawn;
    }

    /// A resource is saturated at another turn: fixes its users anew and tells the other resources that they use.
    fn spread(&mut self, at: u32, old: Turn, new: Turn) {
        let Fluid { resources, activities, web, .. } = self;
        let first = old.min(new);
        for (user, _) in live_users(&resources[at as usize].users) {
            let fix = web.fixes[user as usize];
            if fix.by != at && fix.turn < first {
                continue;
            }
            let activity = &activities[user as usize];
            web.fix(user, activity);
            let share = web.fixes[user as usize].share;
            web.fresh.push(user);
            for usage in &activity.uses {
                let resource = &resources[usage.resource as usize];
                if usage.resource != at && resource.capacity < UNLIMITED {
                    web.tell(usage, resource, first, fix.share, share);
                }
            }
        }
    }

    /// When a resource is saturated, as its users are fixed elsewhere now.
    fn evaluate(&mut self, at: u32) -> Finding {
        let Fluid { resources, activities, web, .. } = self;
        web.evaluations += 1;
        let resource = &resources[at as usize];
        if resource.capacity <= 0.0 {
            return Finding::new(Saturation::AT_ONCE);
        }
        if resource.capacity >= UNLIMITED {
            return Finding::new(Saturation::NEVER);
        }
        let mut others = std::mem::take(&mut web.others);
        others.clear();
        for (user, number) in live_users(&resource.users) {
            let activity = &activities[user as usize];
            let weight = activity.uses[number as usize].weight;
            let fix = web.fix_elsewhere(user, activity, at);
            others.push(Other { turn: fix.turn, amount: weight * fix.share, usage: weight / activity.penalty });
        }
        let finding = resource.saturation(&others);
        web.others = others;
        finding
    }

    /// The activities whose share has changed, newest first, with what they get now in `next_share`; `None` if nothing decides
    /// what one of them gets.
    fn find_changed(&mut self) -> Option<Vec<u32>> {
        self.collections += 1;
        let Fluid { activities, web, collections, .. } = self;
        let mut found = std::mem::take(&mut web.found);
        found.clear();
        for &index in &web.fresh {
            let activity = &mut activities[index as usize];
            if activity.collected == *collections || activity.state != State::Enabled {
                continue;
            }
            activity.collected = *collections;
            let fix = web.fixes[index as usize];
            if fix.turn == Turn::NEVER {
                return None;
            }
            // One that has left a crowd may have the entry of the crowd still.
            if fix.share != activity.share || activity.event.is_none() || activity.waits.is_in_crowd() {
                activity.next_share = fix.share;
                found.push(index);
            }
        }
        found.sort_unstable_by_key(|&index| Reverse(activities[index as usize].enabled));
        Some(found)
    }

    /// After a solve, before its shares are put in force: a component of many activities becomes part of the web, and
    /// gets its shares from there.
    pub(super) fn form_web(&mut self) {
        let many = self.members.len() >= self.web_from as usize && self.solves >= self.web.after;
        if !many || self.marking != Marking::Everything {
            return;
        }
        self.collections += 1;
        let mut formed = Vec::new();
        for number in 0..self.component.len() {
            let first = self.component[number];
            let (resources, activities, fit) = self.connected(first);
            if fit && activities.len() >= self.web_from as usize {
                resources.iter().for_each(|&at| self.take_in(at));
                formed.extend(activities);
            }
        }
        if formed.is_empty() {
            self.web.after = self.solves + u64::from(self.web_from / 4);
            return;
        }
        self.web.fresh.extend(&formed);
        self.mend();
        let fixes = &self.web.fixes;
        if formed.iter().any(|&index| fixes[index as usize].turn == Turn::NEVER) {
            // The shares of the solve are the ones then.
            return self.forget_web();
        }
        for index in formed {
            self.activities[index as usize].next_share = fixes[index as usize].share;
        }
        self.let_go();
    }

    /// What is connected to a resource, unless it has been looked at, and whether a web can be made of it.
    fn connected(&mut self, first: u32) -> (Vec<u32>, Vec<u32>, bool) {
        let Fluid { resources, activities, web, collections, .. } = self;
        let (mut found, mut users) = (Vec::new(), Vec::new());
        let mut fit = true;
        let mut most = 0;
        if web.seen[first as usize] != *collections {
            web.seen[first as usize] = *collections;
            found.push(first);
        }
        let mut next = 0;
        while let Some(&at) = found.get(next) {
            next += 1;
            let resource = &resources[at as usize];
            most = most.max(resource.fixed_here);
            fit &= resource.loads.is_empty() && (resource.live <= MOST_USERS / 2 || resource.fixed_here == 0);
            for (user, _) in live_users(&resource.users) {
                let activity = &mut activities[user as usize];
                if activity.collected == *collections {
                    continue;
                }
                activity.collected = *collections;
                users.push(user);
                for usage in &activity.uses {
                    let seen = &mut web.seen[usage.resource as usize];
                    if *seen != *collections {
                        *seen = *collections;
                        found.push(usage.resource);
                    }
                }
            }
        }
        // Where one resource limits many, a crowd does better.
        fit &= most < self.crowd_from || most as usize * 4 <= users.len();
        (found, users, fit)
    }

    /// Asserts that the solution is the one that is found without what is known of it, to the bit, and that it keeps within capacities.
    #[cfg(any(test, feature = "audit"))]
    fn check_web(&mut self) {
        // Some of the fresh ones may have left again.
        let uses = self.web.fresh.iter().flat_map(|&index| &self.activities[index as usize].uses);
        let uses = uses.filter(|usage| self.is_in_web(usage)).map(|usage| usage.resource);
        let looked_at: Vec<u32> = self.web.touched.iter().copied().chain(uses).collect();
        let (saturations, spare) = (self.web.saturations.clone(), self.web.spare.clone());
        let (fixes, fresh) = (self.web.fixes.clone(), self.web.fresh.len());
        self.solve_web_anew();
        assert!(saturations == self.web.saturations, "what is mended is what would be solved anew");
        (self.web.spare, self.web.fixes) = (spare, fixes);
        self.web.fresh.truncate(fresh);
        for at in looked_at {
            let resource = &self.resources[at as usize];
            let mut used = 0.0;
            for (user, number) in live_users(&resource.users) {
                let activity = &self.activities[user as usize];
                let fix = self.web.fix_without(activity, NONE);
                assert_eq!(fix, self.web.fixes[user as usize], "fixes follow from saturations");
                assert!(fix.share == activity.share, "shares are in force");
                assert!(fix.share <= activity.bound * (1.0 + PRECISION), "share above its bound");
                let amount = activity.uses[number as usize].weight * fix.share;
                used = if resource.sharing == Sharing::Shared { used + amount } else { f64::max(used, amount) };
            }
            let allowed = resource.capacity * (1.0 + 10.0 * PRECISION);
            assert!(used <= allowed || resource.overdrawn, "resource {at} carries {used} of {}", resource.capacity);
        }
    }
}
