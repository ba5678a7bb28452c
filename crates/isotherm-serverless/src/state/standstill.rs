//! Finds out what unfinished invocations wait for. It looks at all data, and is meant for the end
//! of a simulation.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use isotherm_kernel::Time;

use super::{Invocation, Need, Phase, PlatformState};
use crate::unfinished::{Lack, Unfinished};
use crate::{FunctionId, ImageId, InvocationId, NodeId};

impl PlatformState {
    /// The unfinished invocations, grouped by reason and function.
    pub(crate) fn unfinished(&self, now: Time) -> Vec<Unfinished> {
        let mut groups: BTreeMap<(Lack, FunctionId), (u64, Time)> = BTreeMap::new();
        // Pending invocations of a function wait for the same thing.
        let mut places: BTreeMap<FunctionId, Lack> = BTreeMap::new();
        for invocation in self.invocations.iter() {
            let Invocation { id, function, life, .. } = invocation;
            let (id, function) = (*id, *function);
            let (lack, since) = match invocation.phase {
                Phase::New | Phase::Throttled => {
                    (self.limit_before(id, function), Some(life.submitted))
                }
                Phase::AwaitsImage => (self.lacks_image(id, function), Some(life.submitted)),
                Phase::Pending(_) => {
                    let lack = places.entry(function).or_insert_with(|| self.lacks_place(function));
                    (lack.clone(), life.admitted())
                }
                Phase::Running(_) | Phase::Ended => match life.started(now) {
                    None => {
                        (Lack::Starting, life.dispatched.as_ref().map(|dispatched| dispatched.at))
                    }
                    started => (Lack::Running, started),
                },
            };
            let since = since.unwrap_or(life.submitted);
            let (count, first) = groups.entry((lack, function)).or_insert((0, since));
            *count += 1;
            *first = since.min(*first);
        }
        let unfinished = |((lack, function), (count, since)): ((Lack, FunctionId), _)| Unfinished {
            function: self.functions[function].rest.name.to_string(),
            lack,
            count,
            since,
        };
        groups.into_iter().map(unfinished).collect()
    }

    /// What an invocation lacks whose image is not on the head disk.
    fn lacks_image(&self, id: InvocationId, function: FunctionId) -> Lack {
        let Some(image) = self.functions[function].image else {
            return self.limit_before(id, function);
        };
        let entry = &self.images[image];
        let name = entry.name.to_string();
        if entry.head.is_moving() {
            return Lack::Download { image: name };
        }
        let head = self.head.disk.borrow();
        let obtainable_bytes = head.free().saturating_add(head.evictable());
        Lack::HeadDisk { image: name, bytes: entry.bytes, obtainable_bytes }
    }

    /// What an invocation of the function lacks that can be scheduled.
    fn lacks_place(&self, function: FunctionId) -> Lack {
        let all = self.nodes.members.iter().copied();
        let fitting: Vec<NodeId> = all.filter(|&node| self.fits(function, node)).collect();
        if fitting.is_empty() {
            return Lack::HostsLeft;
        }
        let is_up = |node: &NodeId| self.nodes[*node].is_up();
        let up: Vec<NodeId> = fitting.iter().copied().filter(is_up).collect();
        let image = self.functions[function].image;
        if up.is_empty() {
            // A host that comes on periodically is not what is missing.
            let returning: Vec<NodeId> =
                fitting.iter().copied().filter(|node| self.nodes[*node].comes_back).collect();
            let broken = image.and_then(|image| self.broken_on(image, &returning));
            return broken.unwrap_or(Lack::HostsOff { hosts: fitting.len() });
        }
        let has_slot = |node: &NodeId| self.nodes[*node].free_slots() > 0;
        let with_slot: Vec<NodeId> = up.iter().copied().filter(has_slot).collect();
        if with_slot.is_empty() {
            return Lack::Slot { hosts: up.len() };
        }
        if let Some(lack) = image.and_then(|image| self.lacks_image_on(image, &with_slot)) {
            return lack;
        }
        let needs: Vec<(NodeId, Need, Need)> =
            with_slot.iter().map(|&node| self.need_and_room(function, node)).collect();
        if let Some(&(node, ..)) = needs.iter().find(|(_, need, room)| need.fits_into(*room)) {
            return Lack::Decision { node: self.nodes[node].name.to_string() };
        }
        let most_memory = needs.iter().max_by_key(|(_, _, room)| room.memory_bytes);
        let enough_memory =
            needs.iter().filter(|(_, need, room)| need.memory_bytes <= room.memory_bytes);
        match (enough_memory.max_by_key(|(_, _, room)| room.disk_bytes), most_memory) {
            (Some((_, need, room)), _) => {
                Lack::Disk { bytes: need.disk_bytes, obtainable_bytes: room.disk_bytes }
            }
            (None, Some((_, need, room))) => {
                Lack::Memory { bytes: need.memory_bytes, obtainable_bytes: room.memory_bytes }
            }
            (None, None) => Lack::Slot { hosts: up.len() },
        }
    }

    /// Whether the image is in transit to one of the nodes, or was interrupted on its way.
    fn lacks_image_on(&self, image: ImageId, nodes: &[NodeId]) -> Option<Lack> {
        let known = |node: NodeId| self.nodes[node].image(image);
        if nodes.iter().any(|&node| known(node).memory.is_present()) {
            return None;
        }
        let moving = |node: &NodeId| {
            let known = known(*node);
            known.disk.is_moving() || known.memory.is_moving()
        };
        if let Some(&node) = nodes.iter().find(|node| moving(node)) {
            let is_copy = known(node).disk.is_moving();
            let (image, node) = self.names(image, node);
            return Some(Lack::Image { image, node, is_copy });
        }
        self.broken_on(image, nodes)
    }

    /// The last interruption of a copy or load of the image to one of the nodes.
    fn broken_on(&self, image: ImageId, nodes: &[NodeId]) -> Option<Lack> {
        let broken =
            nodes.iter().filter_map(|&node| Some((node, self.retries.broken.get(&(node, image))?)));
        let (node, (_, cause)) = broken.max_by_key(|&(node, &(at, _))| (at, Reverse(node)))?;
        let (image, node) = self.names(image, node);
        Some(Lack::BrokenImage { image, node, cause: cause.to_string() })
    }

    fn names(&self, image: ImageId, node: NodeId) -> (String, String) {
        (self.images[image].name.to_string(), self.nodes[node].name.to_string())
    }

    /// The need of a container of the function and its missing image on a node, and the obtainable
    /// room there.
    fn need_and_room(&self, function: FunctionId, node: NodeId) -> (NodeId, Need, Need) {
        let mut need = self.functions[function].need();
        need.add(self.nodes[node].claimed);
        if let Some(image) = self.functions[function].image {
            need.add(self.image_need(image, node));
        }
        (node, need, self.obtainable(node))
    }
}
