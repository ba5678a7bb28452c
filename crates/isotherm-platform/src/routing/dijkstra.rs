//! The routes with the fewest links from one point of a zone to all others (Dijkstra).
//!
//! An edge is a declared route and costs the number of its links. Points are visited by distance,
//! those at the same distance in the order in which the declared routes first name them, and only a
//! strictly shorter path replaces another.
//!
//! The first query from a point computes its tree of paths, which is kept within a limit.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::table::RouteTable;
use super::{PointId, RouteSteps};

/// How many points all trees that are kept may have together: 16 MB.
const MOST_KEPT: usize = 1 << 22;

/// Finds paths. See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Dijkstra {
    graph: OnceLock<StepGraph>,
    trees: Mutex<FxHashMap<u32, Arc<[u32]>>>,
}

impl Clone for Dijkstra {
    /// The same, without the trees that are kept.
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[derive(Debug)]
struct StepGraph {
    points: IndexSet<PointId, FxBuildHasher>,
    /// The index in `steps` of the first step of each point; the last entry is the end of `steps`.
    begins: Vec<usize>,
    /// To which point, and at what cost.
    steps: Vec<(u32, u32)>,
}

/// The predecessor of the first point of a path, and of a point that cannot be reached.
const NOWHERE: u32 = u32::MAX;

impl Dijkstra {
    /// The declared routes along the path from one point to another.
    pub(super) fn find(
        &self,
        table: &RouteTable,
        from: PointId,
        to: PointId,
    ) -> Option<RouteSteps> {
        if from == to {
            return table.find(from, to).map(|step| RouteSteps::from_slice(&[step]));
        }
        let graph = self.graph.get_or_init(|| StepGraph::new(table));
        let first = graph.points.get_index_of(&from)?;
        let mut at = graph.points.get_index_of(&to)?;
        let tree = self.tree(graph, first as u32);
        let mut steps = RouteSteps::new();
        while at != first {
            let before = tree[at] as usize;
            let source = *graph.points.get_index(before)?;
            steps.push(table.find(source, graph.points[at])?);
            at = before;
        }
        steps.reverse();
        Some(steps)
    }

    fn tree(&self, graph: &StepGraph, first: u32) -> Arc<[u32]> {
        // A thread that panicked with the lock held has at worst forgotten a tree.
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = trees.get(&first) {
            return Arc::clone(tree);
        }
        let tree: Arc<[u32]> = graph.tree(first).into();
        if (trees.len() + 1) * tree.len() > MOST_KEPT {
            trees.clear();
        }
        trees.insert(first, Arc::clone(&tree));
        tree
    }
}

impl StepGraph {
    fn new(table: &RouteTable) -> Self {
        let mut points: IndexSet<PointId, FxBuildHasher> = IndexSet::default();
        let mut ways = Vec::new();
        for (from, to, length) in table.ways() {
            let from = points.insert_full(from).0;
            let to = points.insert_full(to).0;
            ways.push((from, to as u32, length));
        }
        // Sorting is stable: the steps from a point stay in the order of declaration.
        ways.sort_by_key(|&(from, _, _)| from);
        let begins = (0..=points.len())
            .map(|point| ways.partition_point(|&(from, _, _)| from < point))
            .collect();
        let steps = ways.into_iter().map(|(_, to, length)| (to, length)).collect();
        Self { points, begins, steps }
    }

    /// For each point the one before it on the path from the first one.
    fn tree(&self, first: u32) -> Vec<u32> {
        let mut before = vec![NOWHERE; self.points.len()];
        let mut distances = vec![u32::MAX; self.points.len()];
        let mut next = BinaryHeap::new();
        distances[first as usize] = 0;
        next.push(Reverse((0_u32, first)));
        while let Some(Reverse((distance, point))) = next.pop() {
            if distance > distances[point as usize] {
                continue;
            }
            let steps = self.begins[point as usize]..self.begins[point as usize + 1];
            for &(to, length) in &self.steps[steps] {
                let through = distance + length;
                if through < distances[to as usize] {
                    distances[to as usize] = through;
                    before[to as usize] = point;
                    next.push(Reverse((through, to)));
                }
            }
        }
        before
    }
}
