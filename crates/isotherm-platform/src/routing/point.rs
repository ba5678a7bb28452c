//! What a route leads between, and how a zone routes.

use crate::id::{HostId, RouterId, ZoneId};

/// How the routes between the points of a zone are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Routing {
    /// Every route is declared.
    Full,
    /// Declared routes are steps; a route is the path with the fewest links, and all of them are
    /// found at once.
    Floyd,
    /// Declared routes are steps; a route is the path with the fewest links, found when it is asked
    /// for.
    Dijkstra,
    /// Every host has links of its own to the middle of the zone.
    Cluster,
    /// The hosts are the leaves of a tree of switches with several parents.
    FatTree,
    /// There are no routes.
    None,
}

impl Routing {
    /// Its name in platform files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Routing::Full => "Full",
            Routing::Floyd => "Floyd",
            Routing::Dijkstra => "Dijkstra",
            Routing::Cluster => "Cluster",
            Routing::FatTree => "FatTree",
            Routing::None => "None",
        }
    }
}

/// Something that routes begin, end or pass at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    /// A host.
    Host(HostId),
    /// A router.
    Router(RouterId),
    /// A zone.
    Zone(ZoneId),
}
