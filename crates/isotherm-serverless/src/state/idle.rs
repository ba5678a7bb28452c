//! Ordered collections of idle containers: of a function in the order of serving, and of a node in
//! the order of eviction.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use isotherm_kernel::Time;
use rustc_hash::FxHashMap;

use crate::eviction::Rank;
use crate::id_map::IdMap;
use crate::node_set::NodeSet;
use crate::steps::counted;
use crate::{ContainerId, NodeId};

/// Up to this many idle containers of a function are kept in a list.
const FEW: usize = 32;

/// An idle container of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Idle {
    /// Its unique sort key.
    key: u64,
    id: ContainerId,
    node: NodeId,
}

/// The idle containers of a function in the order of their keys.
///
/// Finding the first one takes O(log n); listing those on a node takes time in proportion to their
/// number. Most functions have only a few, which are fastest in a short list.
#[derive(Debug, Default)]
pub(crate) struct IdleContainers {
    /// All while there are few, in reverse order: most insertions and removals are at the first,
    /// which is the end of the list.
    few: Vec<Idle>,
    /// What only some functions need.
    more: OnceCell<Box<More>>,
}

#[derive(Debug, Default)]
struct More {
    /// All, once there have been more than a few.
    many: Option<Many>,
    /// The nodes with any; maintained after the first request, since most schedulers do not ask.
    nodes: OnceCell<NodeSet>,
}

/// The representation of many idle containers.
#[derive(Debug, Default)]
struct Many {
    all: BTreeMap<u64, (ContainerId, NodeId)>,
    /// The same by number; maintained after the first request.
    numbered: OnceCell<Numbered>,
    /// Those on each node, sorted by key; likewise.
    by_node: OnceCell<IdMap<NodeId, Vec<(u64, ContainerId)>>>,
}

/// Idle containers in arbitrary order, numbered from 0.
#[derive(Debug, Default)]
struct Numbered {
    list: Vec<Idle>,
    /// The number of each, by key.
    places: FxHashMap<u64, usize>,
}

impl Numbered {
    fn insert(&mut self, idle: Idle) {
        self.places.insert(idle.key, self.list.len());
        self.list.push(idle);
    }

    fn remove(&mut self, key: u64) {
        let Some(place) = self.places.remove(&key) else { return };
        self.list.swap_remove(place);
        if let Some(moved) = self.list.get(place) {
            self.places.insert(moved.key, place);
        }
    }
}

impl Many {
    fn numbered(&self) -> &Numbered {
        self.numbered.get_or_init(|| {
            let mut numbered = Numbered::default();
            self.all.iter().for_each(|(&key, &(id, node))| numbered.insert(Idle { key, id, node }));
            numbered
        })
    }

    fn insert(&mut self, Idle { key, id, node }: Idle) {
        self.all.insert(key, (id, node));
        if let Some(numbered) = self.numbered.get_mut() {
            numbered.insert(Idle { key, id, node });
        }
        if let Some(by_node) = self.by_node.get_mut() {
            let there = by_node.get_or_insert_with(node, Vec::new);
            let place = there.partition_point(|&(other, _)| other < key);
            there.insert(place, (key, id));
        }
    }

    fn remove(&mut self, key: u64, node: NodeId) {
        self.all.remove(&key);
        if let Some(numbered) = self.numbered.get_mut() {
            numbered.remove(key);
        }
        let Some(by_node) = self.by_node.get_mut() else { return };
        let Some(there) = by_node.get_mut(&node) else { return };
        if let Ok(place) = there.binary_search_by_key(&key, |&(other, _)| other) {
            there.remove(place);
        }
        if there.is_empty() {
            by_node.remove(&node);
        }
    }

    /// Those on a node.
    fn on(&self, node: NodeId) -> &[(u64, ContainerId)] {
        let by_node = self.by_node.get_or_init(|| {
            let mut by_node = IdMap::default();
            for (&key, &(id, node)) in &self.all {
                by_node.get_or_insert_with(node, Vec::new).push((key, id));
            }
            by_node
        });
        by_node.get(&node).map_or(&[], Vec::as_slice)
    }
}

impl IdleContainers {
    fn many(&self) -> Option<&Many> {
        self.more.get()?.many.as_ref()
    }

    /// The nodes with an idle container.
    pub(crate) fn nodes(&self) -> &NodeSet {
        self.more.get_or_init(Box::default).nodes.get_or_init(|| {
            let mut nodes = NodeSet::new();
            self.iter().for_each(|(_, node)| {
                nodes.insert(node);
            });
            nodes
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many().is_none()
    }

    /// Whether there is one on a node.
    pub(crate) fn any_on(&self, node: NodeId) -> bool {
        match self.many() {
            Some(many) => !many.on(node).is_empty(),
            None => self.few.iter().any(|idle| idle.node == node),
        }
    }

    /// The first one that meets a condition.
    #[inline]
    pub(crate) fn find(&self, meets: impl Fn(NodeId) -> bool) -> Option<(ContainerId, NodeId)> {
        match self.many() {
            Some(many) => many.all.values().copied().map(counted).find(|&(_, node)| meets(node)),
            None => self
                .few
                .iter()
                .rev()
                .map(counted)
                .find(|idle| meets(idle.node))
                .map(|idle| (idle.id, idle.node)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.many().map_or(self.few.len(), |many| many.all.len())
    }

    /// The one with a number below `len`; numbers change with every insertion and removal.
    pub(crate) fn numbered(&self, number: usize) -> Option<(ContainerId, NodeId)> {
        let idle = match self.many() {
            Some(many) => many.numbered().list.get(number),
            None => self.few.get(number),
        };
        idle.map(|idle| (idle.id, idle.node))
    }

    /// How many there are on a node.
    pub(crate) fn len_on(&self, node: NodeId) -> usize {
        match self.many() {
            Some(many) => many.on(node).len(),
            None => self.few.iter().filter(|idle| idle.node == node).count(),
        }
    }

    /// The one on a node with a number below `len_on`.
    pub(crate) fn numbered_on(&self, node: NodeId, number: usize) -> Option<ContainerId> {
        match self.many() {
            Some(many) => many.on(node).get(number).map(|&(_, id)| id),
            None => {
                self.few.iter().filter(|idle| idle.node == node).nth(number).map(|idle| idle.id)
            }
        }
    }

    #[inline]
    pub(crate) fn insert(&mut self, key: u64, container: ContainerId, node: NodeId) {
        let idle = Idle { key, id: container, node };
        if self.more.get().is_some() || self.few.len() == FEW {
            self.insert_among_many(idle);
        } else if self.few.last().is_none_or(|first| key < first.key) {
            self.few.push(idle);
        } else {
            let place = self.few.partition_point(|other| other.key > key);
            self.few.insert(place, idle);
        }
    }

    #[inline(never)]
    fn insert_among_many(&mut self, idle: Idle) {
        let Idle { key, node, .. } = idle;
        if let Some(More { many, nodes }) = self.more.get_mut().map(Box::as_mut) {
            if let Some(nodes) = nodes.get_mut() {
                nodes.insert(node);
            }
            if let Some(many) = many {
                return many.insert(idle);
            }
        }
        if self.few.len() == FEW {
            self.more.get_or_init(Box::default);
            let Some(more) = self.more.get_mut() else { return };
            let many = more.many.get_or_insert_default();
            self.few.drain(..).chain([idle]).for_each(|idle| many.insert(idle));
        } else {
            let place = self.few.partition_point(|other| other.key > key);
            self.few.insert(place, idle);
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, key: u64, node: NodeId) {
        // Mostly it has just been found as the first one.
        if self.more.get().is_none() && self.few.last().is_some_and(|first| first.key == key) {
            self.few.pop();
        } else {
            self.remove_otherwise(key, node);
        }
    }

    #[inline(never)]
    fn remove_otherwise(&mut self, key: u64, node: NodeId) {
        if let Ok(place) = self.few.binary_search_by(|other| key.cmp(&other.key)) {
            self.few.remove(place);
        }
        if let Some(more) = self.more.get_mut() {
            let More { many, nodes } = &mut **more;
            if let Some(known) = many {
                known.remove(key, node);
                // With hysteresis, so that the representation does not change to and fro.
                if known.all.len() < FEW / 2 {
                    let all = known.all.iter().rev();
                    self.few.extend(all.map(|(&key, &(id, node))| Idle { key, id, node }));
                    *many = None;
                }
            }
            if let Some(nodes) = nodes.get_mut() {
                let is_left = match many {
                    Some(many) => !many.on(node).is_empty(),
                    None => self.few.iter().any(|idle| idle.node == node),
                };
                if !is_left {
                    nodes.remove(node);
                }
            }
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ContainerId, NodeId)> + '_ {
        let many = self.many().into_iter().flat_map(|many| many.all.values().copied());
        self.few.iter().rev().map(|idle| (idle.id, idle.node)).chain(many).map(counted)
    }

    /// Those on a node.
    pub(crate) fn on(&self, node: NodeId) -> impl Iterator<Item = ContainerId> + '_ {
        let many = self.many().into_iter().flat_map(move |many| many.on(node));
        let few = self.few.iter().rev().filter(move |idle| idle.node == node).map(|idle| idle.id);
        few.chain(many.map(|&(_, container)| container)).map(counted)
    }

    /// Asserts that all representations agree and are sorted.
    #[cfg(any(test, feature = "audit"))]
    pub(crate) fn check(&self) {
        assert!(
            self.few.iter().rev().is_sorted_by_key(|idle| idle.key),
            "idle containers in their order"
        );
        assert!(self.few.is_empty() || self.many().is_none(), "idle containers in one place");
        if let Some(many) = self.many() {
            if let Some(by_node) = many.by_node.get() {
                let on_nodes: usize = by_node.values().map(Vec::len).sum();
                assert_eq!(many.all.len(), on_nodes, "idle containers by order and by node");
                for (&key, &(container, node)) in &many.all {
                    let is_there = many.on(node).contains(&(key, container));
                    assert!(is_there, "an idle container in both orders");
                }
            }
            if let Some(numbered) = many.numbered.get() {
                assert_eq!(
                    many.all.len(),
                    numbered.list.len(),
                    "idle containers by order and by number"
                );
                for (place, idle) in numbered.list.iter().enumerate() {
                    assert_eq!(
                        many.all.get(&idle.key),
                        Some(&(idle.id, idle.node)),
                        "a numbered container"
                    );
                    assert_eq!(
                        numbered.places.get(&idle.key),
                        Some(&place),
                        "the number of a container"
                    );
                }
            }
        }
        let Some(nodes) = self.more.get().and_then(|more| more.nodes.get()) else { return };
        assert!(self.iter().all(|(_, node)| nodes.contains(node)), "nodes with an idle container");
        assert!(nodes.iter().all(|node| self.any_on(node)), "idle containers of each node");
    }
}

/// The sort key of an idle container on its node: by rank, then the longest idle first, then by
/// creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IdleKey {
    pub(crate) rank: Rank,
    pub(crate) since: Time,
    pub(crate) id: ContainerId,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(isotherm_testing::cases(2_500))]

        /// Behaves like a sorted list that is searched, whether there are few or many.
        #[test]
        fn is_a_sorted_list(
            steps in prop::collection::vec((any::<bool>(), 0u64..100, 0u32..6), 0..400),
            asked in 0usize..400,
        ) {
            let (mut idle, mut model) = (IdleContainers::default(), BTreeMap::new());
            for (number, (insert, key, node)) in steps.into_iter().enumerate() {
                // From this step on the nodes are maintained.
                if number == asked {
                    idle.nodes();
                }
                match (insert, model.remove(&key)) {
                    (false, Some(node)) => idle.remove(key, node),
                    (true, None) => {
                        model.insert(key, NodeId(node));
                        idle.insert(key, ContainerId(key), NodeId(node));
                    }
                    (true, Some(before)) => {
                        model.insert(key, before);
                    }
                    (false, None) => {}
                }
                idle.check();
                let all = model.iter().map(|(&key, &node)| (ContainerId(key), node));
                prop_assert!(idle.iter().eq(all.clone()));
                let there = all.filter(|&(_, other)| other == NodeId(node)).map(|(id, _)| id);
                prop_assert!(idle.on(NodeId(node)).eq(there.clone()));
                let mut numbered: Vec<_> = (0..idle.len_on(NodeId(node)))
                    .map(|number| idle.numbered_on(NodeId(node), number).unwrap())
                    .collect();
                numbered.sort_unstable();
                prop_assert!(there.eq(numbered));
                if number > asked {
                    let mut numbered: Vec<_> = (0..idle.len()).map(|number| idle.numbered(number).unwrap()).collect();
                    numbered.sort_unstable();
                    prop_assert!(idle.iter().eq(numbered));
                }
            }
        }
    }
}
