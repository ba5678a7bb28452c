//! The declared routes between the points of a zone.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{HopListId, PointId, RouteStep};

/// A declared route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteEntry {
    pub(crate) hops: HopListId,
    /// How many links it has.
    pub(crate) length: u32,
    /// Whether it is also the way back, read backwards.
    pub(crate) symmetrical: bool,
    /// Where the links begin and end: its ends, or gateways inside them if they are zones.
    pub(crate) start: PointId,
    pub(crate) end: PointId,
}

/// The declared routes between the points of a zone, in the order of declaration.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteTable {
    routes: IndexMap<(PointId, PointId), RouteEntry, FxBuildHasher>,
}

impl RouteTable {
    /// Declares a route. Returns false, and does nothing, if there is one already.
    pub(super) fn declare(&mut self, from: PointId, to: PointId, route: RouteEntry) -> bool {
        let forth = self.routes.contains_key(&(from, to));
        let back = self.routes.get(&(to, from));
        let overlaps = forth || back.is_some_and(|back| back.symmetrical || route.symmetrical);
        if !overlaps {
            self.routes.insert((from, to), route);
        }
        !overlaps
    }

    pub(super) fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The declared route from a point to another.
    pub(super) fn find(&self, from: PointId, to: PointId) -> Option<RouteStep> {
        if let Some(route) = self.routes.get(&(from, to)) {
            return Some(RouteStep {
                hops: route.hops,
                backwards: false,
                start: route.start,
                end: route.end,
            });
        }
        let route = self.routes.get(&(to, from)).filter(|route| route.symmetrical)?;
        Some(RouteStep { hops: route.hops, backwards: true, start: route.end, end: route.start })
    }

    /// The routes in the order of declaration.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PointId, PointId, &RouteEntry)> {
        self.routes.iter().map(|(&(from, to), route)| (from, to, route))
    }

    /// The routes in the order of declaration, each way of a symmetrical one by itself.
    pub(super) fn ways(&self) -> impl Iterator<Item = (PointId, PointId, u32)> {
        self.iter().flat_map(|(from, to, route)| {
            let back = route.symmetrical.then_some((to, from, route.length));
            std::iter::once((from, to, route.length)).chain(back)
        })
    }
}
