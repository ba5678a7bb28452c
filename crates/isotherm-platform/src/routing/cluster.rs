//! Zones with `Cluster` routing: each host has its own links to the backbone of the zone, so routes
//! go up from one host and down to the other.
//!
//! The way up is the limiter of the host, its uplink, and the backbone of the zone; the way down is
//! the reverse, with its downlink. A repeated link counts once. So a route between two hosts is
//! limiter, up, backbone, down, limiter, where only up and down always exist. A router has no links
//! of its own: the route to it ends behind the backbone.
//!
//! A host that sends to itself does so over its loopback, if it has one, or else up and down its
//! own links: there is no implicit loopback.

use rustc_hash::FxHashMap;

use super::{Links, PointId};
use crate::id::LinkId;

/// The links of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostLinks {
    pub(crate) up: LinkId,
    pub(crate) down: LinkId,
    pub(crate) limiter: Option<LinkId>,
    pub(crate) loopback: Option<LinkId>,
}

/// A zone with `Cluster` routing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    /// The points that are connected; `None` for a router without links of its own.
    attached: FxHashMap<PointId, Option<HostLinks>>,
    backbone: Option<LinkId>,
}

impl Cluster {
    pub(crate) fn set_backbone(&mut self, link: LinkId) {
        self.backbone = Some(link);
    }

    pub(crate) fn backbone(&self) -> Option<LinkId> {
        self.backbone
    }

    /// Gives a point its links, or none if it is at the backbone itself. Returns false, and does
    /// nothing, if it has some.
    pub(crate) fn attach(&mut self, point: PointId, links: Option<HostLinks>) -> bool {
        let before = self.attached.get(&point).copied().flatten();
        if before.is_none() {
            self.attached.insert(point, links);
        }
        before.is_none()
    }

    /// The links of a point.
    pub(crate) fn attached(&self, point: PointId) -> Option<HostLinks> {
        self.attached.get(&point).copied().flatten()
    }

    /// Appends the links from one point to another. Returns false if one of them is not connected.
    pub(super) fn append(&self, from: PointId, to: PointId, links: &mut Links) -> bool {
        let (Some(&source), Some(&target)) = (self.attached.get(&from), self.attached.get(&to))
        else {
            return false;
        };
        if from == to
            && let Some(loopback) = source.and_then(|source| source.loopback)
        {
            links.push(loopback);
            return true;
        }
        let begin = links.len();
        let mut add = |link: Option<LinkId>| {
            if let Some(link) = link
                && !links[begin..].contains(&link)
            {
                links.push(link);
            }
        };
        if let Some(source) = source {
            add(source.limiter);
            add(Some(source.up));
            add(self.backbone);
        }
        if let Some(target) = target {
            add(self.backbone);
            add(Some(target.down));
            add(target.limiter);
        }
        true
    }
}
