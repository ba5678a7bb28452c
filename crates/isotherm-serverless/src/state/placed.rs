//! What is there from the start: images that were not downloaded, copied or loaded, and
//! containers that are warm without a start-up.
//!
//! Both take free room only. An image that a warm container needs is placed with it: on the head
//! disk, because no invocation is admitted before its image is there, on the disk of the node and
//! in its memory. From then on neither differs from any other image or idle container.

use isotherm_services::FailureCause;

use super::containers::StartedFor;
use super::tier::InTier;
use super::{Image, Move, Need, Node, PlatformState};
use crate::limits::Concurrency;
use crate::warm::{Space, spread};
use crate::{ContainerId, EventKind, FunctionId, ImageId, Limits, NodeId};

impl PlatformState {
    /// Places an image on the head disk, and on the disks of all nodes too if `on_nodes`, wherever
    /// there is free room.
    pub(crate) fn prepull(&mut self, image: ImageId, on_nodes: bool) {
        if self.place_on_head(image) && on_nodes {
            for node in self.nodes.members.clone() {
                self.place(Move::Copy, node, image);
            }
        }
    }

    /// Places an image on the head disk, unless it is there, or on its way. Returns whether it is
    /// now, or will be.
    fn place_on_head(&mut self, image: ImageId) -> bool {
        let entry = &self.images[image];
        if entry.head != InTier::Absent {
            return true;
        }
        let bytes = entry.bytes;
        if bytes > self.head.disk.borrow().free() {
            return false;
        }
        let Some((mut moving, _)) = self.head.disk.begin(image, entry, bytes, self.now) else {
            return false;
        };
        self.head.disk.arrived(&mut moving, self.now);
        self.images[image].head = moving;
        self.emit(|| EventKind::HeadPlaced { image, bytes });
        true
    }

    /// Places an image where a move would bring it, unless it is there. Returns whether it is now.
    fn place(&mut self, step: Move, node: NodeId, image: ImageId) -> bool {
        let now = self.now;
        let known = *self.nodes[node].image_mut(image).at(step);
        let entry = &self.images[image];
        let bytes = entry.bytes_of(step);
        let tier = self.nodes[node].tier(step);
        if known != InTier::Absent || bytes > tier.borrow().free() {
            self.nodes[node].forget_if_gone(image, now);
            return known.is_present();
        }
        let Some((mut moving, _)) = tier.begin(image, entry, bytes, now) else { return false };
        tier.arrived(&mut moving, now);
        *self.nodes[node].image_mut(image).at(step) = moving;
        self.images[image].places(step).0.insert(node);
        self.image_moved(node, image);
        self.emit(|| match step {
            Move::Copy => EventKind::DiskPlaced { node, image, bytes },
            Move::Load => EventKind::MemoryPlaced { node, image, bytes },
        });
        true
    }

    /// The nodes of so many containers that are to be warm when their function is registered.
    /// Fails if they have not enough free room.
    pub(super) fn plan_warm(
        &self,
        image: Option<ImageId>,
        limits: &Limits,
        concurrency: Concurrency,
        count: u32,
    ) -> Result<Vec<NodeId>, FailureCause> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let refused = |reason: String| Err(FailureCause::NotAllowed { reason: reason.into() });
        if let Some(Image { head: InTier::Absent, bytes, .. }) = image.map(|id| &self.images[id])
            && *bytes > self.head.disk.borrow().free()
        {
            return refused(format!(
                "the head disk has no room for the image ({bytes} bytes) of containers that are to \
                 be warm"
            ));
        }
        let Limits { memory_bytes, disk_bytes, .. } = *limits;
        let need = Need { memory_bytes, disk_bytes };
        let nodes: Vec<NodeId> =
            self.nodes.members.iter().copied().filter(|&node| self.nodes[node].is_up()).collect();
        let space = |&node: &NodeId| {
            let state = &self.nodes[node];
            let missing = image.map_or(Some(Need::default()), |image| self.unplaced(state, image));
            // No room beside what cannot be placed.
            let free = missing.map_or(Need::default(), |_| state.free());
            let missing = missing.unwrap_or(Need { memory_bytes: 1, disk_bytes: 1 });
            Space::new(state.slots, state.promised, free, missing, need)
        };
        let spaces: Vec<Space> = nodes.iter().map(space).collect();
        match spread(count, concurrency.per_container, &spaces) {
            Ok(places) => Ok(places.into_iter().map(|place| nodes[place]).collect()),
            Err(room) => refused(format!(
                "{count} containers are to be warm, and the compute hosts have free room for {room}"
            )),
        }
    }

    /// What is missing of an image on a node; `None` if it is on its way there.
    fn unplaced(&self, node: &Node, image: ImageId) -> Option<Need> {
        let known = node.image(image);
        let mut missing = self.images[image].size();
        for (at, bytes) in
            [(known.disk, &mut missing.disk_bytes), (known.memory, &mut missing.memory_bytes)]
        {
            match at {
                InTier::Absent => {}
                InTier::Present { .. } => *bytes = 0,
                InTier::Refused | InTier::Moving { .. } => return None,
            }
        }
        Some(missing)
    }

    /// Takes the nodes of the containers that are to be warm now that the function is registered.
    pub(crate) fn take_planned_warm(&mut self, function: FunctionId) -> Vec<NodeId> {
        std::mem::take(&mut self.functions[function].rest.planned_warm)
    }

    /// Places a container of the function on the node, with its image. It has started, and has
    /// become idle. `None` if the room or the node that it was planned for is gone, as if it was to
    /// be started ahead.
    pub(crate) fn place_warm(&mut self, function: FunctionId, node: NodeId) -> Option<ContainerId> {
        let placed = self.place_with_image(function, node);
        match placed {
            Some(container) => self.emit(|| EventKind::ContainerPlaced { node, container }),
            None => self.skip_start(node, function),
        }
        placed
    }

    fn place_with_image(&mut self, function: FunctionId, node: NodeId) -> Option<ContainerId> {
        if !self.nodes[node].is_up() {
            return None;
        }
        if let Some(image) = self.functions[function].image {
            let is_there = self.place_on_head(image)
                && self.place(Move::Copy, node, image)
                && self.place(Move::Load, node, image);
            if !is_there {
                return None;
            }
        }
        let spec = &self.functions[function];
        if !spec.need().fits_into(self.nodes[node].free()) {
            return None;
        }
        let slots = u64::from(spec.concurrency);
        let container = self.start_container_for(node, function, StartedFor::Placement)?;
        self.nodes[node].promised += slots;
        Some(container)
    }
}
