//! Consistent hashing with bounded loads: a home node for each function.

use std::rc::Rc;

use super::{ChooseNode, Nodes};
use crate::{FunctionId, NodeId};

/// The points of each node on the ring. More points make the shares more even.
const POINTS: u32 = 32;

/// The most points to look at before the nodes are searched in order instead.
const STEPS: usize = if cfg!(test) { 8 } else { 256 };

/// Nodes and functions are points on a ring, and a function goes to the first node from its point
/// on that is not too busy and has a place. A node is too busy if it would run more than
/// `load_factor` times the mean, rounded up.
///
/// So a function returns to the node where its containers and its image are, and popular functions
/// spread over the next nodes. Adding a node moves only about the share of functions that it takes
/// over. A node where idle containers must be evicted is passed over as long as another has spare
/// room. If all nodes with a place are too busy, the bound does not hold.
///
/// V. Mirrokni, M. Thorup, M. Zadimoghaddam, *Consistent Hashing with Bounded Loads* (SODA 2018);
/// for serverless platforms A. Fuerst, P. Sharma, *Locality-aware Load-Balancing For Serverless
/// Clusters* (HPDC 2022).
#[derive(Debug)]
pub struct HashAffinity {
    load_factor: f64,
    /// The points of the nodes, sorted.
    ring: Vec<(u64, NodeId)>,
    /// The members for which it was built.
    roster: Option<Rc<()>>,
}

impl HashAffinity {
    /// No node shall run more than `load_factor` times the mean; values below 1 count as 1.
    #[must_use]
    pub fn new(load_factor: f64) -> Self {
        HashAffinity { load_factor: load_factor.max(1.0), ring: Vec::new(), roster: None }
    }

    fn build(&mut self, members: &[NodeId]) {
        let points = members.iter().flat_map(|node| (0..POINTS).map(move |point| (node.0, point)));
        self.ring = points
            .map(|(node, point)| (hash(1 + u64::from(node), u64::from(point)), NodeId(node)))
            .collect();
        self.ring.sort_unstable();
    }
}

impl ChooseNode for HashAffinity {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        let view = nodes.view();
        let (members, roster) = (view.members(), view.roster());
        if !self.roster.as_ref().is_some_and(|known| Rc::ptr_eq(known, roster)) {
            self.build(members);
            self.roster = Some(Rc::clone(roster));
        }
        let mean = (nodes.total_running() + 1) as f64 / members.len() as f64;
        let bound = (self.load_factor * mean).ceil();
        let home =
            self.ring.partition_point(|&(point, _)| point < hash(0, function.index() as u64));
        let (before, after) = self.ring.split_at(home);
        if !nodes.any_has_place(function) {
            return None;
        }
        let spare = nodes.any_has_spare_place(function);
        // The first node that is not too busy but needs evictions, and the first that is too busy.
        let (mut crowded, mut busy) = (None, None);
        for &(_, node) in after.iter().chain(before).take(STEPS) {
            let within_bound = f64::from(nodes.running(node)) < bound;
            if within_bound && (spare || crowded.is_none()) {
                if nodes.has_spare_place(function, node) {
                    return Some(node);
                }
                if crowded.is_none() && nodes.has_place(function, node) {
                    crowded = Some(node);
                }
            } else if busy.is_none() && nodes.has_place(function, node) {
                busy = Some(node);
            }
            if crowded.is_some() && !spare {
                break;
            }
        }
        if crowded.is_some() {
            return crowded;
        }
        if let (Some(node), true) = (busy, self.ring.len() <= STEPS) {
            return Some(node);
        }
        // Few nodes have a place, or many are too busy: the least busy one is never above the mean.
        nodes.least_running(function)
    }
}

/// A hash: the finalizer of SplitMix64 (G. Steele et al., *Fast Splittable Pseudorandom Number
/// Generators*, OOPSLA 2014).
fn hash(kind: u64, number: u64) -> u64 {
    let mut word = kind
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(number)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}
