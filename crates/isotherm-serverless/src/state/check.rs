//! The invariants of the platform's state, checked after every message in tests.

#![expect(clippy::iter_over_hash_type, reason = "neither sums nor assertions depend on the order")]

use std::collections::BTreeMap;

use super::tier::InTier;
use super::{Membership, Need, Phase, PlatformState};

impl PlatformState {
    /// Checks all invariants by recounting.
    ///
    /// # Panics
    /// If an invariant does not hold.
    pub(crate) fn check(&self) {
        #[cfg(test)]
        if self.unchecked {
            return;
        }
        crate::steps::uncounted(|| {
            self.check_invocations();
            self.check_nodes();
            self.check_images();
        });
    }

    /// The sizes of all tables that grow and shrink, with their names.
    pub(crate) fn live_tables(&self) -> Vec<(&'static str, usize)> {
        let of_nodes =
            |count: &dyn Fn(&super::Node) -> usize| self.nodes.all.iter().map(count).sum::<usize>();
        let of_images =
            |count: &dyn Fn(&super::Image) -> usize| self.images.iter().map(count).sum::<usize>();
        vec![
            ("invocations", self.invocations.len()),
            ("new invocations", self.queues.new.len()),
            ("pending invocations", self.queues.pending.len()),
            ("functions waiting", self.queues.functions.len()),
            ("images waiting for room on the head disk", self.head.awaiting_room.len()),
            ("invocations waiting for an image", of_images(&|image| image.waiting.len())),
            ("functions waiting of an image", of_images(&|image| image.functions_waiting.len())),
            ("containers", self.containers.all.len()),
            ("dates at which containers may stop", self.containers.expiries.len()),
            (
                "idle containers by function",
                self.functions.iter().map(|function| function.idle.len()).sum(),
            ),
            ("idle containers by node", of_nodes(&|node| node.idle.len())),
            ("slots in use", of_nodes(&|node| node.slots_used as usize)),
            ("claims", of_nodes(&|node| node.claims.len())),
            ("images to be dropped", of_nodes(&|node| node.dropped.len())),
            ("copies", of_images(&|image| image.copying.len())),
            ("loads", of_images(&|image| image.loading.len())),
            ("effects", self.effects.len()),
            ("invocations in line", self.in_line().count()),
        ]
    }

    fn check_invocations(&self) {
        let pending = self
            .invocations
            .iter()
            .filter(|invocation| matches!(invocation.phase, Phase::Pending(_)));
        assert_eq!(
            pending.count(),
            self.queues.pending.len(),
            "pending invocations are those in the queue"
        );
        let waiting: usize = self.images.iter().map(|image| image.waiting.len()).sum();
        let running: u32 = self.containers.all.values().map(|container| container.serving).sum();
        self.check_gates();
        assert_eq!(
            self.invocations.len(),
            self.queues.new.len()
                + self.in_line().count()
                + waiting
                + self.queues.pending.len()
                + running as usize,
            "an invocation is in exactly one place"
        );
        let by_function: usize = self.functions.iter().map(|function| function.pending.len()).sum();
        assert_eq!(
            by_function,
            self.queues.pending.len(),
            "the queues of the functions are the queue"
        );
    }

    fn check_nodes(&self) {
        let mut busy = vec![0u32; self.nodes.all.len()];
        let mut memory = vec![0u64; self.nodes.all.len()];
        let mut disk = vec![0u64; self.nodes.all.len()];
        let mut idle = vec![(0usize, Need::default()); self.nodes.all.len()];
        for container in self.containers.all.values() {
            let limits = &self.functions[container.function].limits;
            let node = container.node.index();
            memory[node] += limits.memory_bytes;
            disk[node] += limits.disk_bytes;
            busy[node] += container.serving;
            if container.serving == 0 && self.evicts {
                idle[node].0 += 1;
                idle[node].1.add(self.functions[container.function].need());
            }
        }
        self.check_places();
        self.functions.iter().for_each(|function| function.idle.check());
        let is_member = |node: &crate::NodeId| self.nodes[*node].membership == Membership::Joined;
        let members = self.nodes.all.ids().filter(is_member);
        assert!(members.eq(self.nodes.members.iter().copied()), "list of members");
        for (index, node) in self.nodes.all.iter().enumerate() {
            let holds = node.slots_used > 0 || !node.claims.is_empty() || memory[index] > 0;
            match node.membership {
                Membership::Joined => {}
                Membership::Leaving => assert!(holds, "what holds nothing has left"),
                Membership::Left => assert!(!holds, "what has left holds nothing"),
            }
            assert_eq!(
                node.slots_used, busy[index],
                "slots used = invocations in containers on '{}'",
                node.name
            );
            assert!(
                node.slots.is_none_or(|slots| node.slots_used <= slots),
                "slots above capacity"
            );
            assert_eq!(node.idle.len(), idle[index].0, "idle containers are those in the list");
            assert_eq!(node.idle_limits, idle[index].1, "room of idle containers");
            let mut claimed = Need::default();
            node.claims.values().for_each(|&need| claimed.add(need));
            assert_eq!(node.claimed, claimed, "claims of copies and loads");
            let moving = node
                .images
                .values()
                .filter(|known| known.disk.is_moving() || known.memory.is_moving());
            assert_eq!(node.claims.len(), moving.count(), "a claim for each copy and load");
            let free = node.free_slots() > 0;
            assert_eq!(
                self.nodes.with_free_slot.contains(crate::NodeId(index as u32)),
                free,
                "index of free slots"
            );
            assert_eq!(
                node.memory.borrow().reserved(),
                memory[index],
                "memory reserved on '{}'",
                node.name
            );
            assert_eq!(
                node.disk.borrow().reserved(),
                disk[index],
                "disk reserved on '{}'",
                node.name
            );
            node.memory.borrow().check();
            node.disk.borrow().check();
        }
    }

    fn check_places(&self) {
        let mut open: BTreeMap<(crate::FunctionId, crate::NodeId), (usize, usize)> =
            BTreeMap::new();
        let mut all = vec![0; self.functions.len()];
        for container in self.containers.all.values() {
            let function = &self.functions[container.function];
            assert!(
                container.serving <= function.concurrency,
                "more invocations than a container serves"
            );
            let places = function.spare_capacity(container);
            if places > 0 && container.is_open() {
                let (containers, sum) =
                    open.entry((container.function, container.node)).or_default();
                *containers += 1;
                *sum += places;
                all[container.function.index()] += 1;
            }
        }
        for (function, all) in self.functions.iter().zip(all) {
            assert_eq!(function.idle.len(), all, "containers that can serve");
        }
        for ((function, node), (containers, places)) in open {
            let function = &self.functions[function];
            assert_eq!(function.idle.on(node).count(), containers, "containers that can serve");
            let counted = function.rest.spare_on.get(&node).copied().unwrap_or(containers);
            assert_eq!(counted, places, "invocations that they can take");
        }
    }

    fn check_images(&self) {
        let mut pins: BTreeMap<_, u32> = BTreeMap::new();
        for container in self.containers.all.values() {
            if let Some(image) = self.functions[container.function].image {
                *pins.entry((container.node, image)).or_default() += 1;
            }
        }
        for node_id in self.nodes.all.ids() {
            let node = &self.nodes[node_id];
            let mut idle_images = Need::default();
            for (&image, known) in &node.images {
                if known.is_held_by_idle_only() {
                    idle_images.add(self.images[image].size());
                }
                let entry = &self.images[image];
                assert_eq!(
                    entry.on_disk.contains(node_id),
                    known.disk.is_present(),
                    "index of images on disk"
                );
                assert_eq!(
                    entry.in_memory.contains(node_id),
                    known.memory.is_present(),
                    "index of images in memory"
                );
                assert_eq!(
                    entry.copying.contains(node_id),
                    known.disk == InTier::Refused || known.disk.is_moving(),
                    "index of copies"
                );
                assert_eq!(
                    entry.loading.contains(node_id),
                    known.memory == InTier::Refused || known.memory.is_moving(),
                    "index of loads"
                );
                let containers = pins.get(&(node_id, image)).copied().unwrap_or_default();
                assert_eq!(known.busy + known.idle, containers, "containers that pin an image");
                if let Some(file) = known.memory.file() {
                    assert_eq!(
                        node.memory.borrow().pins(file),
                        containers,
                        "pins of an image in memory"
                    );
                }
                if let Some(file) = known.disk.file() {
                    let loading = u32::from(known.memory.is_moving());
                    assert_eq!(
                        node.disk.borrow().pins(file),
                        containers + loading,
                        "pins of an image on disk"
                    );
                }
                assert!(
                    containers == 0 || known.memory.is_present() && known.disk.is_present(),
                    "containers keep their image"
                );
            }
            assert_eq!(node.idle_images, idle_images, "images that only idle containers pin");
        }
        self.check_head();
    }

    fn check_head(&self) {
        let head = self.head.disk.borrow();
        for id in self.images.ids() {
            let image = &self.images[id];
            let pending: usize =
                image.functions_waiting.iter().map(|f| self.functions[*f].pending.len()).sum();
            let copies = self.nodes.all.iter().filter(|node| node.image(id).disk.is_moving());
            match image.head {
                InTier::Present { file, .. } => {
                    let pins = head.pins(file) as usize;
                    let awaited = usize::from(!self.policies.simulate_downloads && pins > 0);
                    let expected = pending + copies.count();
                    assert!(
                        (expected..=expected + awaited).contains(&pins),
                        "pins of an image on the head disk"
                    );
                }
                InTier::Moving { file, .. } => {
                    assert!(head.contains(file), "a download has its file")
                }
                InTier::Refused => panic!("a download is not refused, it waits"),
                InTier::Absent => {
                    let waits = !image.waiting.is_empty();
                    assert_eq!(
                        image.waits_since.is_some(),
                        waits,
                        "who waits has a place in the line"
                    );
                    assert_eq!(pending, 0, "the image of a pending invocation is on the head disk");
                }
            }
            if let Some(since) = image.waits_since {
                assert!(
                    self.head.awaiting_room.contains(&(since, id)),
                    "the line for room on the head disk"
                );
            }
        }
        let line = self.images.iter().filter(|image| image.waits_since.is_some()).count();
        assert_eq!(self.head.awaiting_room.len(), line, "nobody else stands in the line");
        head.check();
    }
}
