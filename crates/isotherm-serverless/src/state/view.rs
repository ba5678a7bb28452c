//! The platform as a scheduler sees it: read-only.

use isotherm_kernel::{Duration, Time};

use super::PlatformState;
use crate::node_set::NodeSet;
use crate::{ContainerId, FunctionId, ImageId, InvocationId, NodeId};

/// An invocation that waits to be scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The invocation.
    pub invocation: InvocationId,
    /// Its function.
    pub function: FunctionId,
}

/// Room that is needed on a node, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// In memory.
    pub memory_bytes: u64,
    /// On disk.
    pub disk_bytes: u64,
}

impl Need {
    /// Adds another need to this one.
    pub fn add(&mut self, other: Need) {
        self.memory_bytes = self.memory_bytes.saturating_add(other.memory_bytes);
        self.disk_bytes = self.disk_bytes.saturating_add(other.disk_bytes);
    }
}

/// A read-only view of the platform for a scheduler. Sets of nodes are in the order in which the service lists them.
#[derive(Clone, Copy)]
pub struct View<'a> {
    state: &'a PlatformState,
}

impl<'a> View<'a> {
    pub(crate) fn new(state: &'a PlatformState) -> Self {
        View { state }
    }

    /// The current date.
    pub fn now(&self) -> Time {
        self.state.now
    }

    /// The invocations that wait, in the order in which they became schedulable.
    pub fn pending(&self) -> impl DoubleEndedIterator<Item = Pending> + 'a {
        self.state.pending.values().copied()
    }

    /// The waiting invocations of one function, in the order in which they became schedulable.
    pub fn pending_of(&self, function: FunctionId) -> impl DoubleEndedIterator<Item = InvocationId> + 'a {
        self.state.functions[function.index()].pending.values().copied()
    }

    /// How many invocations of a function wait.
    pub fn pending_count(&self, function: FunctionId) -> usize {
        self.state.functions[function.index()].pending.len()
    }

    /// The functions that have waiting invocations, in the order of registration.
    pub fn functions_waiting(&self) -> impl Iterator<Item = FunctionId> + 'a {
        self.state.functions_waiting.iter().copied()
    }

    /// The image of a function, if it has one.
    pub fn image_of(&self, function: FunctionId) -> Option<ImageId> {
        self.state.functions[function.index()].image
    }

    /// The time limit of a function.
    pub fn time_limit(&self, function: FunctionId) -> Duration {
        self.state.functions[function.index()].limits.time
    }

    /// Room that a container of the function takes, its image not counted.
    pub fn need_of(&self, function: FunctionId) -> Need {
        let limits = &self.state.functions[function.index()].limits;
        Need { memory_bytes: limits.memory_bytes, disk_bytes: limits.disk_bytes }
    }

    /// Number of compute hosts.
    pub fn nodes(&self) -> usize {
        self.state.nodes.len()
    }

    /// Free slots of a node; `u32::MAX` if it has any number of them.
    pub fn free_slots(&self, node: NodeId) -> u32 {
        self.state.nodes[node.index()].free_slots()
    }

    /// Free memory of a node in bytes; images that could be pushed out are not counted as free.
    pub fn free_memory(&self, node: NodeId) -> u64 {
        self.state.nodes[node.index()].memory.borrow().free()
    }

    /// Free disk space of a node in bytes; images that could be pushed out are not counted as free.
    pub fn free_disk(&self, node: NodeId) -> u64 {
        self.state.nodes[node.index()].disk.borrow().free()
    }

    /// Nodes with a free slot.
    pub fn with_free_slot(&self) -> &'a NodeSet {
        &self.state.free_nodes
    }

    /// Nodes with an idle container of the function.
    pub fn with_idle(&self, function: FunctionId) -> &'a NodeSet {
        &self.state.functions[function.index()].idle_nodes
    }

    /// Number of idle containers of the function on a node.
    pub fn idle_count(&self, function: FunctionId, node: NodeId) -> usize {
        self.state.functions[function.index()].idle.get(&node).map_or(0, |idle| idle.len())
    }

    /// The idle containers of the function on a node, in the order in which they are to serve.
    pub fn idle(&self, function: FunctionId, node: NodeId) -> impl Iterator<Item = ContainerId> + 'a {
        let idle = self.state.functions[function.index()].idle.get(&node);
        idle.into_iter().flat_map(|idle| idle.values().copied())
    }

    /// Nodes that have the image on disk.
    pub fn on_disk(&self, image: ImageId) -> &'a NodeSet {
        &self.state.images[image.index()].on_disk
    }

    /// Nodes that have the image in memory.
    pub fn in_memory(&self, image: ImageId) -> &'a NodeSet {
        &self.state.images[image.index()].in_memory
    }

    /// Nodes to whose disk the image is being copied.
    pub fn copying(&self, image: ImageId) -> &'a NodeSet {
        &self.state.images[image.index()].copying
    }

    /// Nodes into whose memory the image is being loaded.
    pub fn loading(&self, image: ImageId) -> &'a NodeSet {
        &self.state.images[image.index()].loading
    }

    /// Whether the node, were it empty, could hold the function's image and one container.
    pub fn fits(&self, function: FunctionId, node: NodeId) -> bool {
        match &self.state.functions[function.index()].fits {
            Some(fits) => fits.contains(node),
            None => true,
        }
    }

    /// Whether a container of the function, and its image where it is missing, would find room on the node now, on top
    /// of what has been `promised`: beside the containers that are busy and the images that are in use, but in
    /// place of idle containers and idle images. A good guess, not a guarantee.
    pub fn has_room(&self, function: FunctionId, node: NodeId, promised: Need) -> bool {
        let mut need = promised;
        need.add(self.need_of(function));
        let state = &self.state.nodes[node.index()];
        let (disk, memory) = (state.disk.borrow(), state.memory.borrow());
        // What can be had: free room, idle images (but not the function's own), idle containers.
        let mut have = Need {
            memory_bytes: memory.free().saturating_add(memory.evictable()).saturating_add(state.idle_memory),
            disk_bytes: disk.free().saturating_add(disk.evictable()).saturating_add(state.idle_disk),
        };
        if let Some(image) = self.image_of(function) {
            let known = state.image(image);
            let size = &self.state.images[image.index()];
            match known.disk {
                Some(file) if disk.pins(file) == 0 => have.disk_bytes = have.disk_bytes.saturating_sub(size.bytes),
                None if !size.copying.contains(node) => need.disk_bytes = need.disk_bytes.saturating_add(size.bytes),
                _ => {}
            }
            match known.memory {
                Some(file) if memory.pins(file) == 0 => {
                    have.memory_bytes = have.memory_bytes.saturating_sub(size.memory_bytes);
                }
                None if !size.loading.contains(node) => {
                    need.memory_bytes = need.memory_bytes.saturating_add(size.memory_bytes);
                }
                _ => {}
            }
        }
        need.memory_bytes <= have.memory_bytes && need.disk_bytes <= have.disk_bytes
    }
}
