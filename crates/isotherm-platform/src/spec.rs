//! The static description of a platform: what there is and how fast it is.
//!
//! A [`PlatformSpec`] is made by [`PlatformBuilder`](crate::PlatformBuilder) or read from a SimGrid platform file, is
//! checked as a whole when it is made, and never changes. It is plain data that can be shared between threads: one
//! description serves any number of simulations.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::error::{Kind, PlatformError, Problem};
use crate::id::{DiskId, HostId, LinkId};
use crate::model::NetworkModel;
use crate::profile::Profile;
use crate::routing::{Links, Topology};

/// Properties by name.
pub type Properties = BTreeMap<String, String>;

/// A host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostSpec {
    /// Its name, unique among hosts, routers and zones.
    pub name: String,
    /// The speed of one core in each processor state, in flop/s. Never empty.
    pub speeds: Vec<f64>,
    /// The processor state at the start.
    pub pstate: usize,
    /// The number of cores, at least 1.
    pub cores: u32,
    /// The size of the memory in bytes, if given.
    pub memory: Option<u64>,
    /// Its properties.
    pub properties: Properties,
    /// Its disks in order of declaration.
    pub disks: Vec<DiskId>,
    /// How its speed varies: factors of the speed of the processor state.
    pub speed_profile: Option<Profile>,
    /// When it is on (> 0) and off (0).
    pub state_profile: Option<Profile>,
}

/// A disk.
#[derive(Clone, Debug, PartialEq)]
pub struct DiskSpec {
    /// Its name, unique on its host.
    pub name: String,
    /// The host it is part of.
    pub host: HostId,
    /// How fast it reads, in bytes per second.
    pub read_bandwidth: f64,
    /// How fast it writes, in bytes per second.
    pub write_bandwidth: f64,
    /// How fast it reads and writes at once, in bytes per second: by default the larger of the two.
    pub readwrite_bandwidth: f64,
    /// How much it holds, in bytes: 2^63 − 1 by default.
    pub size: u64,
    /// Where it is mounted: `/` by default. Unique on its host.
    pub mount: String,
    /// Its properties.
    pub properties: Properties,
}

/// How flows share a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkSharing {
    /// All flows together get the bandwidth.
    Shared,
    /// Each flow by itself gets the bandwidth.
    Fatpipe,
}

/// A link in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkSpec {
    /// Its name. The halves of a split-duplex link `x` are `x_UP` and `x_DOWN`.
    pub name: String,
    /// How many bytes pass in a second.
    pub bandwidth: f64,
    /// How long a byte is under way, in seconds.
    pub latency_s: f64,
    /// How flows share it.
    pub sharing: LinkSharing,
    /// The other direction of a split-duplex link.
    pub opposite: Option<LinkId>,
    /// Whether it is the implicit loopback of the hosts of a zone.
    pub implicit: bool,
    /// How its bandwidth varies, in bytes per second.
    pub bandwidth_profile: Option<Profile>,
    /// How its latency varies, in seconds.
    pub latency_profile: Option<Profile>,
    /// When it is on (> 0) and off (0).
    pub state_profile: Option<Profile>,
}

/// A whole platform. See the [module](self).
#[derive(Clone, Debug)]
pub struct PlatformSpec {
    pub(crate) hosts: IndexMap<String, HostSpec, FxBuildHasher>,
    pub(crate) disks: Vec<DiskSpec>,
    pub(crate) links: IndexMap<String, LinkSpec, FxBuildHasher>,
    pub(crate) topology: Topology,
    pub(crate) network_model: NetworkModel,
    pub(crate) warnings: Vec<PlatformError>,
}

impl PlatformSpec {
    /// The hosts in order of declaration.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = (HostId, &HostSpec)> {
        self.hosts.values().enumerate().map(|(index, host)| (HostId(index as u32), host))
    }

    /// The disks in order of declaration.
    pub fn disks(&self) -> impl ExactSizeIterator<Item = (DiskId, &DiskSpec)> {
        self.disks.iter().enumerate().map(|(index, disk)| (DiskId(index as u32), disk))
    }

    /// The links in order of declaration; the implicit loopbacks come last.
    pub fn links(&self) -> impl ExactSizeIterator<Item = (LinkId, &LinkSpec)> {
        self.links.values().enumerate().map(|(index, link)| (LinkId(index as u32), link))
    }

    /// The host of a name.
    pub fn host_id(&self, name: &str) -> Option<HostId> {
        self.hosts.get_index_of(name).map(|index| HostId(index as u32))
    }

    /// The link of a name; for a split-duplex link `x` ask for `x_UP` or `x_DOWN`.
    pub fn link_id(&self, name: &str) -> Option<LinkId> {
        self.links.get_index_of(name).map(|index| LinkId(index as u32))
    }

    /// A host. The number must come from this description.
    pub fn host(&self, host: HostId) -> &HostSpec {
        &self.hosts[host.index()]
    }

    /// A disk. The number must come from this description.
    pub fn disk(&self, disk: DiskId) -> &DiskSpec {
        &self.disks[disk.index()]
    }

    /// A link. The number must come from this description.
    pub fn link(&self, link: LinkId) -> &LinkSpec {
        &self.links[link.index()]
    }

    /// The links from one host to another, a link that is crossed twice listed twice. From a host to
    /// itself it is the declared route to itself, if any, or else the implicit loopback of its zone.
    ///
    /// # Errors
    /// If no route connects the hosts.
    pub fn route(&self, from: HostId, to: HostId) -> Result<Links, PlatformError> {
        self.topology.route(from, to).ok_or_else(|| {
            PlatformError::from(Problem::NoRoute { from: self.host(from).name.clone(), to: self.host(to).name.clone() })
        })
    }

    /// The constants of the network model.
    pub fn network_model(&self) -> &NetworkModel {
        &self.network_model
    }

    /// Replaces the constants of the network model, those of the implicit loopbacks included.
    #[must_use]
    pub fn with_network_model(mut self, model: NetworkModel) -> Self {
        for link in self.links.values_mut().filter(|link| link.implicit) {
            link.bandwidth = model.loopback_bandwidth;
            link.latency_s = model.loopback_latency_s;
        }
        self.network_model = model;
        self
    }

    /// What was accepted but is probably not what was meant, such as a quantity without a unit.
    pub fn warnings(&self) -> &[PlatformError] {
        &self.warnings
    }

    /// An error that says that there is no host of this name, with the nearest name as a hint.
    pub fn unknown_host(&self, name: &str) -> PlatformError {
        let kind = Kind::Host;
        PlatformError::from(Problem::Unknown { kind, name: name.to_owned() })
            .with_suggestion(name, self.hosts.keys().map(String::as_str))
    }
}
