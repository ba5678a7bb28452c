//! The routes with the fewest links between all points of a zone (Floyd and Warshall).
//!
//! An edge is a declared route and costs the number of its links. Ties are resolved as in the
//! reference: the loops run over the intermediate, the first and the last point in the order of
//! declaration, and only a strictly shorter path replaces another.
//!
//! The first query computes all paths, in O(n³); a query then costs O(length of its path).

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::table::RouteTable;
use super::{PointId, RouteStep, RouteSteps};

/// The largest number of points of a zone; more would take minutes, and gigabytes.
pub(crate) const MOST_POINTS: usize = 4000;

/// No path. Two of these can be added.
const ENDLESS: u32 = u32::MAX / 2;

/// Finds paths. See the [module](self).
#[derive(Clone, Debug, Default)]
pub(super) struct Floyd(OnceLock<Paths>);

#[derive(Clone, Debug)]
struct Paths {
    points: Box<[PointId]>,
    ranks: FxHashMap<PointId, u32>,
    /// For every first and last point of a path its last but one: `before[first · n + last]`.
    before: Box<[u32]>,
}

impl Floyd {
    /// The declared routes along the path from one point to another.
    pub(super) fn find(
        &self,
        table: &RouteTable,
        members: &[PointId],
        from: PointId,
        to: PointId,
    ) -> Option<RouteSteps> {
        if from == to {
            return table.find(from, to).map(|step| RouteSteps::from_slice(&[step]));
        }
        let paths = self.0.get_or_init(|| Paths::new(table, members));
        paths.find(table, from, to)
    }
}

impl Paths {
    fn new(table: &RouteTable, members: &[PointId]) -> Self {
        let count = members.len();
        let rank = |(rank, &point): (usize, &PointId)| (point, rank as u32);
        let ranks: FxHashMap<PointId, u32> = members.iter().enumerate().map(rank).collect();
        let mut cost = vec![ENDLESS; count * count];
        let mut before = vec![u32::MAX; count * count];
        for point in 0..count {
            cost[point * count + point] = 0;
        }
        for (from, to, length) in table.ways() {
            let (from, to) = (ranks[&from], ranks[&to]);
            if from != to {
                let at = from as usize * count + to as usize;
                cost[at] = length;
                before[at] = from;
            }
        }
        for between in 0..count {
            let row = between * count..(between + 1) * count;
            let (onwards, onwards_before) = (cost[row.clone()].to_vec(), before[row].to_vec());
            for first in 0..count {
                let row = first * count..(first + 1) * count;
                let until = cost[first * count + between];
                if until >= ENDLESS {
                    continue;
                }
                let ends = cost[row.clone()].iter_mut().zip(&mut before[row]);
                for ((cost, before), (onwards, onwards_before)) in
                    ends.zip(onwards.iter().zip(&onwards_before))
                {
                    let through = until + onwards;
                    if through < *cost {
                        *cost = through;
                        *before = *onwards_before;
                    }
                }
            }
        }
        Self { points: members.into(), ranks, before: before.into() }
    }

    fn find(&self, table: &RouteTable, from: PointId, to: PointId) -> Option<RouteSteps> {
        let first = *self.ranks.get(&from)? as usize;
        let mut at = *self.ranks.get(&to)? as usize;
        let mut steps = RouteSteps::new();
        while at != first {
            let before = *self.before.get(first * self.points.len() + at)? as usize;
            let step: RouteStep = table.find(*self.points.get(before)?, self.points[at])?;
            steps.push(step);
            at = before;
        }
        steps.reverse();
        Some(steps)
    }
}
