//! A platform description as written, before it is checked as a whole.
//!
//! The builder and the XML reader both fill a [`RawPlatform`]; the values in it are checked one by
//! one when they are put in. [`resolve`](crate::resolve) checks what concerns more than one thing,
//! above all the names.

use crate::error::{PlatformError, Problem};
use crate::model::NetworkModel;
use crate::profile::Profile;
use crate::routing::{FatTreeShape, Routing};
use crate::spec::{LinkSharing, Properties};

/// Where something was written: a byte of the text, if there is a text.
pub(crate) type Origin = Option<usize>;

/// A problem and where it was found.
pub(crate) struct Finding {
    pub(crate) error: PlatformError,
    pub(crate) origin: Origin,
}

/// A name and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

impl Name {
    /// A name that comes from no text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), origin: None }
    }

    pub(crate) fn finding(&self, error: impl Into<PlatformError>) -> Finding {
        Finding { error: error.into(), origin: self.origin }
    }
}

#[derive(Clone)]
pub(crate) struct RawZone {
    pub(crate) name: Name,
    pub(crate) parent: Option<usize>,
    pub(crate) routing: Routing,
    /// Its position among all zones, hosts and routers in the order of declaration.
    pub(crate) order: u32,
    /// The point at which routes enter and leave the zone unless they say otherwise.
    pub(crate) gateway: Option<Name>,
    /// The link between the links of its hosts, in a zone with `Cluster` routing.
    pub(crate) backbone: Option<Name>,
}

#[derive(Clone)]
pub(crate) struct RawHost {
    pub(crate) name: Name,
    pub(crate) zone: usize,
    pub(crate) order: u32,
    /// The number of the cluster or cabinet whose hosts are all equal, so that an error of them is
    /// reported once.
    pub(crate) series: Option<u32>,
    pub(crate) speeds: Vec<f64>,
    pub(crate) pstate: usize,
    pub(crate) cores: u32,
    pub(crate) memory: Option<u64>,
    pub(crate) properties: Properties,
    pub(crate) disks: Vec<RawDisk>,
    pub(crate) speed_profile: Option<Profile>,
    pub(crate) state_profile: Option<Profile>,
}

#[derive(Clone)]
pub(crate) struct RawDisk {
    pub(crate) name: Name,
    pub(crate) read_bandwidth: f64,
    pub(crate) write_bandwidth: f64,
    pub(crate) readwrite_bandwidth: Option<f64>,
    pub(crate) size: Option<u64>,
    pub(crate) mount: Option<String>,
    pub(crate) properties: Properties,
}

#[derive(Clone)]
pub(crate) struct RawRouter {
    pub(crate) name: Name,
    pub(crate) zone: usize,
    pub(crate) order: u32,
}

/// How a host hangs on the middle of its zone, in a zone with `Cluster` routing.
#[derive(Clone)]
pub(crate) struct RawAttachment {
    pub(crate) zone: usize,
    pub(crate) point: Name,
    pub(crate) up: RawHop,
    pub(crate) down: RawHop,
    pub(crate) limiter: Option<Name>,
    pub(crate) loopback: Option<Name>,
}

/// A zone that is a fat tree. Its hosts are those of the zone, its links follow each other.
#[derive(Clone)]
pub(crate) struct RawFatTree {
    pub(crate) zone: usize,
    pub(crate) shape: FatTreeShape,
    /// How many hosts the fat trees before it have.
    pub(crate) first_position: u32,
    /// The first of the cables.
    pub(crate) cables: Name,
    /// The first of the limiters.
    pub(crate) limiters: Option<Name>,
    /// The first of the loopbacks.
    pub(crate) loopbacks: Option<Name>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RawSharing {
    One(LinkSharing),
    SplitDuplex,
}

#[derive(Clone)]
pub(crate) struct RawLink {
    pub(crate) name: Name,
    pub(crate) bandwidth: f64,
    pub(crate) latency_s: f64,
    pub(crate) sharing: RawSharing,
    pub(crate) bandwidth_profile: Option<Profile>,
    pub(crate) latency_profile: Option<Profile>,
    pub(crate) state_profile: Option<Profile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    None,
    Up,
    Down,
}

#[derive(Clone)]
pub(crate) struct RawHop {
    pub(crate) link: Name,
    pub(crate) direction: Direction,
}

/// What the ends of a route may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Hosts and routers.
    Points,
    /// Zones.
    Zones,
    /// Any of them.
    Any,
}

#[derive(Clone)]
pub(crate) struct RawRoute {
    pub(crate) origin: Origin,
    pub(crate) zone: usize,
    pub(crate) ends: Ends,
    pub(crate) from: Name,
    pub(crate) to: Name,
    /// The points inside the zones at its ends at which it starts and ends, if they are given.
    pub(crate) gateways: (Option<Name>, Option<Name>),
    pub(crate) hops: Vec<RawHop>,
    pub(crate) symmetrical: bool,
    /// Whether it comes before all other routes between its ends.
    pub(crate) bypass: bool,
}

#[derive(Clone, Default)]
pub(crate) struct RawPlatform {
    pub(crate) zones: Vec<RawZone>,
    pub(crate) hosts: Vec<RawHost>,
    pub(crate) routers: Vec<RawRouter>,
    pub(crate) links: Vec<RawLink>,
    pub(crate) routes: Vec<RawRoute>,
    pub(crate) attachments: Vec<RawAttachment>,
    pub(crate) fat_trees: Vec<RawFatTree>,
    /// How many hosts and cables the fat trees have, which SimGrid numbers across all of them.
    pub(crate) fat_tree_hosts: u32,
    pub(crate) fat_tree_cables: u32,
    pub(crate) model: NetworkModel,
    /// How many clusters and cabinets there are.
    pub(crate) series: u32,
    /// Whether hosts and zones may be in one zone.
    pub(crate) mixed: bool,
    pub(crate) points: u32,
}

impl RawPlatform {
    /// The place of the next zone, host or router in the order of declaration.
    pub(crate) fn next_order(&mut self) -> u32 {
        self.reserve_order(1)
    }

    /// The first of so many zones, hosts and routers, by place.
    pub(crate) fn reserve_order(&mut self, count: u32) -> u32 {
        self.points += count;
        self.points - count
    }

    /// The number of the next cluster or cabinet.
    pub(crate) fn next_series(&mut self) -> u32 {
        self.series += 1;
        self.series - 1
    }
}

/// Checks that a speed or a bandwidth can be computed with.
pub(crate) fn check_rate(what: &str, value: f64) -> Result<f64, PlatformError> {
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    Err(bad_value(what, value, "it must be a positive, finite number"))
}

/// Checks that a latency can be computed with.
pub(crate) fn check_latency(what: &str, value: f64) -> Result<f64, PlatformError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    Err(bad_value(what, value, "it must be a finite number, not negative"))
}

pub(crate) fn bad_value(what: &str, value: impl ToString, rule: &str) -> PlatformError {
    PlatformError::from(Problem::BadValue {
        what: what.to_owned(),
        value: value.to_string(),
        rule: rule.to_owned(),
    })
}
