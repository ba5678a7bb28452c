//! The invariants of the platform's state, checked after every message in tests.

use std::collections::BTreeMap;

use super::{OnHead, Place, PlatformState};
use crate::state::node::Transfer;

impl PlatformState {
    /// Recounts everything.
    ///
    /// # Panics
    /// If the books do not add up.
    pub(crate) fn check(&self) {
        self.check_invocations();
        self.check_nodes();
        self.check_images();
    }

    fn check_invocations(&self) {
        let pending = self.invocations.values().filter(|invocation| matches!(invocation.place, Place::Pending(_)));
        assert_eq!(pending.count(), self.pending.len(), "pending invocations are those in the queue");
        let waiting: usize = self.images.iter().map(|image| image.waiting.len()).sum();
        let running = self.containers.values().filter(|container| container.serves.is_some()).count();
        assert_eq!(
            self.invocations.len(),
            self.new.len() + waiting + self.pending.len() + running,
            "an invocation is in exactly one place"
        );
        let by_function: usize = self.functions.iter().map(|function| function.pending.len()).sum();
        assert_eq!(by_function, self.pending.len(), "the queues of the functions are the queue");
    }

    fn check_nodes(&self) {
        let mut busy = vec![0u32; self.nodes.len()];
        let mut memory = vec![0u64; self.nodes.len()];
        let mut disk = vec![0u64; self.nodes.len()];
        let mut idle = vec![(0usize, 0u64, 0u64); self.nodes.len()];
        for container in self.containers.values() {
            let limits = &self.functions[container.function.index()].limits;
            let node = container.node.index();
            memory[node] += limits.memory_bytes;
            disk[node] += limits.disk_bytes;
            if container.serves.is_some() {
                busy[node] += 1;
            } else {
                idle[node].0 += 1;
                idle[node].1 += limits.memory_bytes;
                idle[node].2 += limits.disk_bytes;
            }
        }
        for (index, node) in self.nodes.iter().enumerate() {
            assert_eq!(node.slots_used, busy[index], "slots used = busy containers on '{}'", node.name);
            assert!(node.slots.is_none_or(|slots| node.slots_used <= slots), "slots above capacity");
            assert_eq!(node.idle.len(), idle[index].0, "idle containers are those in the list");
            assert_eq!((node.idle_memory, node.idle_disk), (idle[index].1, idle[index].2), "room of idle containers");
            let loading: u64 = node
                .images
                .iter()
                .filter(|(_, known)| matches!(known.load, Transfer::Running { .. }))
                .map(|(image, _)| self.images[image.index()].memory_bytes)
                .sum();
            assert_eq!(node.memory.borrow().reserved(), memory[index] + loading, "memory reserved on '{}'", node.name);
            assert_eq!(node.disk.borrow().reserved(), disk[index], "disk reserved on '{}'", node.name);
            node.memory.borrow().check();
            node.disk.borrow().check();
        }
    }

    fn check_images(&self) {
        let mut pins: BTreeMap<_, u32> = BTreeMap::new();
        for container in self.containers.values() {
            if let Some(image) = self.functions[container.function.index()].image {
                *pins.entry((container.node, image)).or_default() += 1;
            }
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let node_id = crate::NodeId(index as u32);
            for (&image, known) in &node.images {
                let entry = &self.images[image.index()];
                assert_eq!(entry.on_disk.contains(node_id), known.disk.is_some(), "index of images on disk");
                assert_eq!(entry.in_memory.contains(node_id), known.memory.is_some(), "index of images in memory");
                assert_eq!(entry.copying.contains(node_id), known.copy != Transfer::None, "index of copies");
                assert_eq!(entry.loading.contains(node_id), known.load != Transfer::None, "index of loads");
                let containers = pins.get(&(node_id, image)).copied().unwrap_or_default();
                if let Some(file) = known.memory {
                    assert_eq!(node.memory.borrow().pins(file), containers, "pins of an image in memory");
                }
                if let Some(file) = known.disk {
                    let loading = u32::from(matches!(known.load, Transfer::Running { .. }));
                    assert_eq!(node.disk.borrow().pins(file), containers + loading, "pins of an image on disk");
                }
                assert!(
                    containers == 0 || known.memory.is_some() && known.disk.is_some(),
                    "containers keep their image"
                );
            }
        }
        for image in &self.images {
            if let OnHead::Present(file) = image.head {
                assert!(self.head.borrow().contains(file), "an image that is present has its file");
            }
        }
        self.head.borrow().check();
    }
}
