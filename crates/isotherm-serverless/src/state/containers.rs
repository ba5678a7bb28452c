//! Containers: start, use, keep-alive, eviction and stop.

use isotherm_kernel::{Duration, Time};
use isotherm_services::{FileError, FileSystem};

use super::expiry::Expiries;
use super::idle::IdleKey;
use super::reasons::Gone;
use super::{Change, Effect, Membership, Move, Need, PlatformState, StopReason, View};
use crate::eviction::{IdleContainer, Missing, Rank, StoppedContainer};
use crate::id_map::IdMap;
use crate::keep_alive::{IdleNow, Keep};
use crate::rules::ContainerReuse;
use crate::{ContainerId, EventKind, FunctionId, ImageId, NodeId, steps};

/// A container, busy or idle. It pins its image on the node's disk and in its memory and holds its
/// limits there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Container {
    pub(crate) node: NodeId,
    pub(crate) function: FunctionId,
    /// The number of invocations that it serves; 0 if it is idle.
    pub(crate) serving: u32,
    /// Its host has failed: it stops when the ends of all its invocations have been handled.
    pub(crate) is_lost: bool,
    /// It gets no further invocations after a failure, and stops when it serves none.
    pub(crate) is_discarded: bool,
    /// It was started ahead, for no invocation.
    pub(crate) is_ahead: bool,
    pub(crate) idle_since: Time,
    /// When its start-up began.
    pub(crate) started_at: Time,
    /// The invocations given to it so far.
    pub(crate) uses: u32,
    /// Renewed each time it becomes idle, which invalidates older timers.
    pub(crate) idle_sequence: u64,
    /// Renewed at each dispatch to it.
    pub(crate) use_sequence: u64,
    /// When its keep-alive time ends; [`Time::NEVER`] if never.
    pub(crate) expires: Time,
    /// The date of its valid entry in [`Expiries`]; [`Time::NEVER`] if it has
    /// none.
    pub(crate) noted: Time,
    /// Its rank in the order of eviction, while it is idle.
    pub(crate) rank: Rank,
    /// When its start-up ends or has ended.
    pub(crate) ready_at: Time,
}

impl Container {
    /// Whether it may get further invocations.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_lost && !self.is_discarded
    }
}

/// Whom a container is started for.
#[derive(Clone, Copy, Debug)]
pub(super) enum StartedFor {
    /// An invocation with this random word, on which the time of the start-up depends.
    Invocation { chance: u64 },
    /// None yet: it is started ahead.
    LaterUse,
    /// None: it is placed, and has started already.
    Placement,
}

/// The effect of the end of a body on its container.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Damage {
    /// Its host has failed.
    pub(super) host_failed: bool,
    /// It is to be discarded after a failure.
    pub(super) discard: bool,
}

impl super::Function {
    /// How many further invocations a container of the function can take.
    pub(crate) fn spare_capacity(&self, container: &Container) -> usize {
        self.concurrency.saturating_sub(container.serving) as usize
    }
}

/// The containers.
#[derive(Default)]
pub(crate) struct Containers {
    pub(crate) all: IdMap<ContainerId, Container>,
    pub(super) expiries: Expiries,
    pub(super) next_id: u64,
    next_idle_sequence: u64,
    next_use_sequence: u64,
    /// The number of dispatches to them so far that were carried out.
    pub(crate) dispatches: u64,
}

impl Containers {
    /// Adds a container with the next sequences.
    fn add(&mut self, container: Container) -> ContainerId {
        let id = ContainerId(self.next_id);
        self.all.insert(id, container);
        self.next_id += 1;
        self.next_idle_sequence += 1;
        self.next_use_sequence += 1;
        id
    }

    /// The number of invocations that a container serves.
    pub(crate) fn served_by(&self, container: ContainerId) -> u32 {
        self.all.get(&container).map_or(0, |container| container.serving)
    }

    /// A policy may be wrong: only idle containers of the node may be evicted.
    pub(super) fn only_idle(
        &self,
        node: NodeId,
        mut victims: Vec<ContainerId>,
    ) -> Vec<ContainerId> {
        let is_idle = |container: &Container| container.node == node && container.serving == 0;
        victims.retain(|id| self.all.get(id).is_some_and(is_idle));
        victims
    }
}

impl PlatformState {
    /// Starts a container ahead, evicting idle ones if their room is needed. `None` if there is not
    /// enough room.
    #[cfg(test)]
    pub(super) fn start_container(
        &mut self,
        node: NodeId,
        function: FunctionId,
    ) -> Option<ContainerId> {
        self.start_container_for(node, function, StartedFor::LaterUse)
    }

    /// Starts a container, evicting idle ones if their room is needed. `None` if there is not
    /// enough room.
    pub(super) fn start_container_for(
        &mut self,
        node: NodeId,
        function: FunctionId,
        started_for: StartedFor,
    ) -> Option<ContainerId> {
        let image = self.functions[function].image;
        let need = self.functions[function].need();
        if self.policies.evicts_for_images() {
            // Unused images are evicted before idle containers, and nothing is evicted in vain.
            if !self.obtain(node, need, image, Some(function))
                || self.take_room(node, image, need).is_err()
            {
                return None;
            }
        } else if self.take_room(node, image, need).is_err() {
            let state = &self.nodes[node];
            let missing = Missing {
                memory_bytes: need.memory_bytes.saturating_sub(state.memory.borrow().free()),
                disk_bytes: need.disk_bytes.saturating_sub(state.disk.borrow().free()),
            };
            if !self.make_room(node, missing, function)
                || self.take_room(node, image, need).is_err()
            {
                return None;
            }
        }
        self.count_pins(node, image, 1, 0);
        // The start is a use of the image, in memory and on disk.
        let renews = self.policies.rules.starts_renew_images;
        let used = if renews { FileSystem::touch } else { FileSystem::count_use };
        self.nodes[node].with_image(image, used);
        self.touch(node);
        let startup = &self.functions[function].startup;
        let (startup, is_ahead) = match started_for {
            StartedFor::Invocation { chance } => (startup.of(chance), false),
            StartedFor::LaterUse => (startup.ahead(), true),
            StartedFor::Placement => (Duration::ZERO, true),
        };
        let ready_at = self.now + startup;
        let id = self.containers.add(Container {
            node,
            function,
            serving: 0,
            is_lost: false,
            is_discarded: false,
            is_ahead,
            idle_since: self.now,
            started_at: self.now,
            uses: 0,
            idle_sequence: self.containers.next_idle_sequence,
            use_sequence: self.containers.next_use_sequence,
            expires: Time::NEVER,
            noted: Time::NEVER,
            rank: Rank::default(),
            ready_at,
        });
        self.functions[function].rest.containers += 1;
        self.policies.eviction.get_mut().started(node, function);
        let capacity = self.functions[function].concurrency;
        self.emit(|| EventKind::ContainerStarted {
            node,
            container: id,
            function,
            image,
            disk_bytes: need.disk_bytes,
            memory_bytes: need.memory_bytes,
            capacity,
            ready: ready_at,
        });
        Some(id)
    }

    /// Pins the image and reserves the limits, first on disk, then in memory. On failure both are
    /// undone, but evicted images stay out.
    fn take_room(
        &mut self,
        node: NodeId,
        image: Option<ImageId>,
        need: Need,
    ) -> Result<(), FileError> {
        self.nodes[node].with_image(image, FileSystem::pin);
        let result = self.reserve(node, need);
        if result.is_err() {
            self.nodes[node].with_image(image, FileSystem::unpin);
        }
        result
    }

    fn reserve(&mut self, node: NodeId, need: Need) -> Result<(), FileError> {
        let evicted = self.nodes[node].disk.borrow_mut().reserve(need.disk_bytes)?;
        self.evicted(Move::Copy, node, evicted);
        let state = &self.nodes[node];
        let in_memory = state.memory.borrow_mut().reserve(need.memory_bytes);
        match in_memory {
            Ok(evicted) => self.evicted(Move::Load, node, evicted),
            Err(error) => {
                state.disk.borrow_mut().release(need.disk_bytes);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Evicts idle containers of a node until nothing is missing for a container of the function.
    /// Evicts none and returns false if all of them would not be enough.
    fn make_room(&mut self, node: NodeId, missing: Missing, function: FunctionId) -> bool {
        let state = &self.nodes[node];
        let needed = Need { memory_bytes: missing.memory_bytes, disk_bytes: missing.disk_bytes };
        if !self.evicts || !needed.fits_into(state.idle_limits) {
            return false;
        }
        let mut idle = state.idle.iter().map(|key| self.idle_container(key.id));
        let policy = self.policies.eviction.borrow();
        let victims = policy.choose(&View::new(self), &mut idle, missing);
        drop((idle, policy));
        let Some(victims) = victims else { return false };
        for victim in self.containers.only_idle(node, victims) {
            self.evict(victim, Some(function));
        }
        true
    }

    /// An idle container as eviction policies see it.
    pub(super) fn idle_container(&self, id: ContainerId) -> IdleContainer {
        steps::count(1);
        self.facts(id, &self.containers.all[&id])
    }

    fn facts(&self, id: ContainerId, container: &Container) -> IdleContainer {
        let Container { node, function, idle_since, .. } = *container;
        let spec = &self.functions[function];
        IdleContainer {
            id,
            function,
            node,
            idle_since,
            startup: spec.startup.expected(),
            memory_bytes: spec.limits.memory_bytes,
            disk_bytes: spec.limits.disk_bytes,
        }
    }

    /// The sort key of the open containers of a function: the first one serves.
    fn serving_key(&self, id: ContainerId, container: &Container) -> u64 {
        // A container that serves several at once is seldom idle, so its dispatches count.
        let recency = || match self.functions[container.function].concurrency {
            1 => container.idle_sequence,
            _ => container.use_sequence,
        };
        match self.policies.reuse.rule {
            ContainerReuse::Oldest | ContainerReuse::Random => id.0,
            ContainerReuse::Newest => u64::MAX - id.0,
            ContainerReuse::LeastRecentlyUsed => recency(),
            ContainerReuse::MostRecentlyUsed => u64::MAX - recency(),
        }
    }

    /// A container that serves no invocation any more, as keep-alive policies see it.
    pub(crate) fn idle_now(&mut self, container: ContainerId) -> Option<IdleNow> {
        let &Container { node, function, started_at, uses, .. } =
            self.containers.all.get(&container)?;
        let spec = &mut self.functions[function];
        let (running, waiting) = (spec.running, spec.pending.len());
        spec.idle_since = if running == 0 && waiting == 0 { self.now } else { Time::NEVER };
        Some(IdleNow {
            at: self.now,
            container,
            function,
            node,
            running,
            waiting,
            started_at,
            uses,
            containers: spec.rest.containers,
            last_idle: spec.rest.last_idle,
        })
    }

    /// Keeps or stops the idle container that was asked about. One that is to be discarded is
    /// stopped whatever the answer, which may still have a new one started ahead.
    #[inline]
    pub(crate) fn answer_keep(&mut self, id: ContainerId, keep: Keep) {
        match keep {
            Keep::No | Keep::For(Duration::ZERO) => self.give_back(id),
            Keep::For(idle) => self.make_idle(id, Some(idle)),
            Keep::Forever => self.make_idle(id, None),
            Keep::Prewarm { after, keep } => {
                let Some(&Container { node, function, .. }) = self.containers.all.get(&id) else {
                    return;
                };
                self.give_back(id);
                self.plan_prewarming(function, node, after, keep);
            }
        }
    }

    /// Makes a container idle, for a time or until its room is needed. One that is to be discarded
    /// is stopped.
    pub(super) fn make_idle(&mut self, id: ContainerId, idle: Option<Duration>) {
        let Some(known) = self.containers.all.get_mut(&id) else { return };
        if known.is_discarded {
            return self.give_back(id);
        }
        let mut container = Container {
            idle_since: self.now,
            idle_sequence: self.containers.next_idle_sequence,
            expires: idle.map_or(Time::NEVER, |idle| self.now + idle),
            ..*known
        };
        known.idle_since = container.idle_since;
        known.idle_sequence = container.idle_sequence;
        known.expires = container.expires;
        let (node, function) = (container.node, container.function);
        self.containers.next_idle_sequence += 1;
        if self.evicts {
            container.rank = self
                .policies
                .eviction
                .borrow_mut()
                .rank(&View::new(self), &self.facts(id, &container));
            if let Some(known) = self.containers.all.get_mut(&id) {
                known.rank = container.rank;
            }
        }
        self.open(id, &container);
        self.log.add(Change::Idle { container: id, function, node });
        let image = self.functions[function].image;
        let limits = self.functions[function].need();
        let state = &mut self.nodes[node];
        // What this container holds is now available by eviction.
        state.room_may_have_come();
        if self.evicts {
            state.idle.insert(IdleKey { rank: container.rank, since: self.now, id });
            state.idle_limits.add(limits);
            self.touch(node);
        }
        self.count_pins(node, image, -1, 1);
        self.emit(|| EventKind::ContainerIdle {
            node,
            container: id,
            memory_bytes: limits.memory_bytes,
        });
        self.note_expiry(id, &container);
    }

    /// Inserts a container that can take an invocation into the list of its function.
    fn open(&mut self, id: ContainerId, container: &Container) {
        let key = self.serving_key(id, container);
        let spec = &mut self.functions[container.function];
        spec.idle.insert(key, id, container.node);
        if spec.concurrency > 1 {
            *spec.rest.spare_on.entry(container.node).or_default() +=
                spec.spare_capacity(container);
        }
        if !spec.pending.is_empty() {
            let function = container.function;
            self.log.renew(&mut spec.rest.available, Change::Available { function });
        }
    }

    /// Removes it from the list.
    fn close(&mut self, id: ContainerId, container: &Container) {
        let node = container.node;
        let key = self.serving_key(id, container);
        let spec = &mut self.functions[container.function];
        spec.idle.remove(key, node);
        if spec.concurrency > 1 {
            let spare = spec.spare_capacity(container);
            if let Some(count) = spec.rest.spare_on.get_mut(&node) {
                *count -= spare;
            }
            if !spec.idle.any_on(node) {
                spec.rest.spare_on.remove(&node);
            }
        }
    }

    /// An invocation has left its container; returns the new state of that. A container that is
    /// lost or to be discarded gets no further invocations.
    pub(super) fn leave_container(&mut self, id: ContainerId, damage: Damage) -> Container {
        let container = self.containers.all.get_mut(&id).expect("it serves an invocation");
        let before = *container;
        let left = Container {
            serving: before.serving - 1,
            is_lost: before.is_lost || damage.host_failed || !self.nodes[before.node].is_on,
            is_discarded: before.is_discarded || damage.discard,
            // A container that has served has started, even if its start was cut short.
            ready_at: if before.serving == 1 {
                before.ready_at.min(self.now)
            } else {
                before.ready_at
            },
            ..before
        };
        (container.serving, container.ready_at) = (left.serving, left.ready_at);
        (container.is_lost, container.is_discarded) = (left.is_lost, left.is_discarded);
        let concurrency = self.functions[left.function].concurrency;
        if before.serving < concurrency && before.is_open() {
            self.close(id, &before);
        }
        if left.serving > 0 && left.is_open() {
            self.open(id, &left);
        } else if left.serving > 0 && before.is_open() {
            self.emit(|| EventKind::ContainerClosed { node: left.node, container: id });
        }
        left
    }

    /// Removes a container from the lists of idle ones.
    fn no_longer_idle(&mut self, id: ContainerId, container: &Container) {
        let Container { node, function, idle_since, rank, .. } = *container;
        self.close(id, container);
        let image = self.functions[function].image;
        let limits = self.functions[function].need();
        let state = &mut self.nodes[node];
        if self.evicts {
            state.idle.remove(&IdleKey { rank, since: idle_since, id });
            state.idle_limits = state.idle_limits.without(limits);
            self.touch(node);
        }
        self.count_pins(node, image, 1, -1);
    }

    /// The idle containers of a node in the order of eviction, or of creation if the policy evicts
    /// none.
    pub(super) fn idle_on(&self, node: NodeId) -> Vec<ContainerId> {
        if self.evicts {
            return self.nodes[node].idle.iter().map(|key| key.id).collect();
        }
        let is_there = |container: &Container| container.node == node && container.serving == 0;
        let idle = self.containers.all.iter().filter(|(_, container)| is_there(container));
        let mut idle: Vec<ContainerId> = idle.map(|(id, _)| id).collect();
        idle.sort_unstable();
        idle
    }

    /// Counts a dispatch to a container. Returns when it is ready and how many invocations it
    /// serves now.
    pub(super) fn occupy(&mut self, id: ContainerId, is_new: bool) -> Option<(Time, u32)> {
        let container = self.containers.all.get_mut(&id)?;
        // Copied before it is written: copying right after a partial write stalls on store
        // forwarding.
        let before = *container;
        let (serving, use_sequence) = (before.serving + 1, self.containers.next_use_sequence);
        (container.serving, container.use_sequence) = (serving, use_sequence);
        container.uses = before.uses.saturating_add(1);
        self.containers.next_use_sequence += 1;
        self.policies.reuse.renew();
        match before.serving {
            _ if is_new => {}
            0 => self.no_longer_idle(id, &before),
            _ => self.close(id, &before),
        }
        let Container { node, function, .. } = before;
        if serving < self.functions[function].concurrency {
            self.open(id, &Container { serving, use_sequence, ..before });
        }
        if self.evicts {
            self.policies.eviction.get_mut().used(id, node, function);
        }
        Some((before.ready_at, serving))
    }

    /// Whether a container is on the node, belongs to the function, and can take an invocation.
    pub(super) fn can_serve(&self, id: ContainerId, node: NodeId, function: FunctionId) -> bool {
        self.containers.all.get(&id).is_some_and(|container| {
            let has_place =
                container.serving < self.functions[function].concurrency && container.is_open();
            has_place && container.node == node && container.function == function
        })
    }

    /// Stops an idle container and releases what it held.
    pub(super) fn stop_container(&mut self, id: ContainerId, why: StopReason) {
        self.stop_idle_container(id, why, None);
    }

    /// Stops an idle container whose room is needed, for a container of `function`, now or later.
    pub(super) fn evict(&mut self, id: ContainerId, function: Option<FunctionId>) {
        self.stop_idle_container(id, StopReason::Evicted, function);
    }

    fn stop_idle_container(
        &mut self,
        id: ContainerId,
        why: StopReason,
        evicted_for: Option<FunctionId>,
    ) {
        let Some(&container) = self.containers.all.get(&id) else { return };
        debug_assert_eq!(container.serving, 0, "only idle containers are stopped");
        self.no_longer_idle(id, &container);
        self.end_container(id, Some(why), evicted_for);
    }

    /// Stops a container that was not idle, and releases what it held.
    pub(super) fn give_back(&mut self, id: ContainerId) {
        self.end_container(id, None, None);
    }

    /// `idle` says why an idle container stops.
    fn end_container(
        &mut self,
        id: ContainerId,
        idle: Option<StopReason>,
        evicted_for: Option<FunctionId>,
    ) {
        let Some(container) = self.containers.all.remove(&id) else { return };
        let Container { node, function, rank, is_lost, is_discarded, .. } = container;
        let was_idle = idle.is_some();
        let leaves = self.nodes[node].membership == Membership::Leaving;
        let why = idle.unwrap_or(match (is_lost, is_discarded) {
            (true, _) => StopReason::Lost,
            (false, _) if leaves => StopReason::NodeLeaves,
            (false, true) => StopReason::Discarded,
            (false, false) => StopReason::NotKept,
        });
        let rest = &mut self.functions[function].rest;
        rest.containers -= 1;
        rest.past.note(Gone { at: self.now, cause: why, evicted_for });
        self.log.add(Change::Stopped { container: id, function, node, why });
        let evicted = why == StopReason::Evicted;
        self.policies.eviction.get_mut().stopped(&StoppedContainer {
            id,
            function,
            node,
            evicted: evicted.then_some(rank),
        });
        let need = self.functions[function].need();
        let image = self.functions[function].image;
        let state = &mut self.nodes[node];
        state.disk.borrow_mut().release(need.disk_bytes);
        state.memory.borrow_mut().release(need.memory_bytes);
        state.room_may_have_come();
        self.nodes[node].with_image(image, FileSystem::unpin);
        self.count_pins(node, image, -1, 0);
        self.touch(node);
        self.effects.push(Effect::Stopped { container: id });
        let memory_bytes = need.memory_bytes;
        self.emit(|| EventKind::ContainerStopped {
            node,
            container: id,
            memory_bytes,
            was_idle,
            cause: why,
            evicted_for,
        });
    }
}
