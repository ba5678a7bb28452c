//! The services on compute hosts, and the hosts that join and leave while the service runs.

use std::cell::{Cell, OnceCell, RefCell};

use isotherm_platform::HostId;
use isotherm_services::{
    Address, BareMetalConfig, BareMetalService, Eviction, Site, StorageConfig, StorageService,
};
use rustc_hash::FxHashMap;

use super::{ServerlessComputeService, ServerlessError};
use crate::NodeId;
use crate::ask::Changing;
use crate::config::{ImageDisk, NodeConfig, ServiceConfig, Slots};
use crate::message::Request;
use crate::state::{Membership, Node};

/// The services on one compute host.
pub(super) struct NodeServices {
    pub(super) host: HostId,
    slots: Slots,
    pub(super) address: Address,
    pub(super) storage: StorageService,
    pub(super) memory: StorageService,
    pub(super) bare_metal: BareMetalService,
    /// Whether the host is to be one of the service: the message that says so to the platform state
    /// may still be on its way.
    is_wanted: Cell<bool>,
}

/// What all nodes have in common.
struct Common {
    name: String,
    mount: String,
    buffer_bytes: Option<u64>,
    disk: Eviction,
    memory: Eviction,
}

/// The configuration of a storage for images on a host. A host that has no disk for them has one
/// without room.
pub(super) fn image_storage(
    site: &Site,
    name: String,
    host: HostId,
    disk: ImageDisk,
    mount: &str,
) -> Result<StorageConfig, ServerlessError> {
    let platform = site.platform();
    match disk {
        ImageDisk::Mounted => {
            let no_disk = || ServerlessError::NoDisk {
                host: platform.host_name(host),
                mount: mount.to_owned(),
            };
            let disk = platform.disk_at(host, mount).ok_or_else(no_disk)?;
            Ok(StorageConfig::on_disk(name, host, disk))
        }
        ImageDisk::On { disk, bytes } => {
            Ok(StorageConfig { capacity: Some(bytes), ..StorageConfig::on_disk(name, host, disk) })
        }
        ImageDisk::Nowhere => {
            Ok(StorageConfig { capacity: Some(0), ..StorageConfig::new(name, host) })
        }
    }
}

/// The nodes by id. They are only ever added: a host that has left keeps its id.
pub(super) struct Nodes {
    common: Common,
    /// Those from the start, which most are.
    first: Vec<NodeServices>,
    /// The others, in chunks of 1, 2, 4, …: references to them stay valid.
    more: [OnceCell<Vec<OnceCell<NodeServices>>>; 32],
    len: Cell<usize>,
    ids: RefCell<FxHashMap<HostId, NodeId>>,
}

/// The chunk and the place in it of the node that has this number among those of `more`.
fn place(number: usize) -> (usize, usize) {
    let chunk = (number + 1).ilog2() as usize;
    (chunk, number + 1 - (1 << chunk))
}

impl Nodes {
    /// Starts the services on the compute hosts of a configuration.
    pub(super) fn start(site: &Site, config: &ServiceConfig) -> Result<Self, ServerlessError> {
        if config.nodes.is_empty() {
            return Err(ServerlessError::NoComputeHost);
        }
        let common = Common {
            name: config.name.clone(),
            mount: config.node_mount.clone(),
            buffer_bytes: config.buffer_bytes,
            disk: config.image_caches.disk,
            memory: config.image_caches.memory,
        };
        let mut nodes = Nodes {
            common,
            first: Vec::with_capacity(config.nodes.len()),
            more: [const { OnceCell::new() }; 32],
            len: Cell::new(config.nodes.len()),
            ids: RefCell::default(),
        };
        for (node, id) in config.nodes.iter().zip(0..) {
            if nodes.ids.get_mut().insert(node.host, NodeId(id)).is_some() {
                let host = site.platform().host_name(node.host);
                return Err(ServerlessError::DuplicateHost { host });
            }
            let started = nodes.start_on(site, node)?;
            nodes.first.push(started);
        }
        Ok(nodes)
    }

    fn start_on(&self, site: &Site, node: &NodeConfig) -> Result<NodeServices, ServerlessError> {
        let Common { name, mount, buffer_bytes, disk: disk_eviction, memory: memory_eviction } =
            &self.common;
        let platform = site.platform();
        let host_name = || platform.host_name(node.host);
        let slots = slots_of(site, node.host, node.slots);
        if slots == Some(0) {
            return Err(ServerlessError::NoSlots { host: host_name() });
        }
        let name = |what: &str| format!("{name}_{what}");
        let storage = StorageConfig {
            buffer: *buffer_bytes,
            eviction: *disk_eviction,
            ..image_storage(site, name("storage"), node.host, node.disk, mount)?
        };
        let memory = StorageConfig {
            eviction: *memory_eviction,
            ..StorageConfig::new(name("memory"), node.host)
        };
        let bare_metal = BareMetalConfig {
            name: name("bare_metal").into(),
            host: node.host,
            cores: Some(slots.unwrap_or(u32::MAX)),
        };
        Ok(NodeServices {
            host: node.host,
            slots: node.slots,
            address: Address::new(site, node.host, &name("node")),
            storage: StorageService::start(site, storage),
            memory: StorageService::start(site, memory),
            bare_metal: BareMetalService::start(site, bare_metal),
            is_wanted: Cell::new(true),
        })
    }

    /// Starts the services on a further host.
    fn add(&self, site: &Site, node: &NodeConfig) -> Result<NodeId, ServerlessError> {
        let started = self.start_on(site, node)?;
        let number = self.len.get();
        let (chunk, within) = place(number - self.first.len());
        let chunk =
            self.more[chunk].get_or_init(|| (0..1 << chunk).map(|_| OnceCell::new()).collect());
        chunk[within].get_or_init(|| started);
        self.len.set(number + 1);
        let id = NodeId(number as u32);
        self.ids.borrow_mut().insert(node.host, id);
        Ok(id)
    }

    pub(super) fn len(&self) -> usize {
        self.len.get()
    }

    #[inline]
    pub(super) fn get(&self, node: NodeId) -> Option<&NodeServices> {
        match self.first.get(node.index()) {
            Some(found) => Some(found),
            None => self.added(node.index() - self.first.len()),
        }
    }

    #[cold]
    fn added(&self, number: usize) -> Option<&NodeServices> {
        let (chunk, within) = place(number);
        self.more.get(chunk)?.get()?.get(within)?.get()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &NodeServices> {
        (0..self.len() as u32).filter_map(|node| self.get(NodeId(node)))
    }

    pub(super) fn on(&self, host: HostId) -> Option<NodeId> {
        self.ids.borrow().get(&host).copied()
    }
}

/// Nodes of the state have services.
impl std::ops::Index<NodeId> for Nodes {
    type Output = NodeServices;

    #[inline]
    fn index(&self, node: NodeId) -> &NodeServices {
        match self.first.get(node.index()) {
            Some(found) => found,
            None => self.added(node.index() - self.first.len()).expect("a node has services"),
        }
    }
}

impl NodeServices {
    /// Starts the services again after an outage of the host. While the service is gone nothing
    /// runs: its bare-metal services start again with it.
    pub(super) fn restart(&self, is_gone: bool) {
        self.storage.restart();
        self.memory.restart();
        if !is_gone {
            self.bare_metal.restart();
        }
    }

    /// The node as the platform state begins with it.
    pub(super) fn state(&self, site: &Site) -> Node {
        let platform = site.platform();
        let (disk, memory) = (self.storage.file_system(), self.memory.file_system());
        let profile = &platform.spec().host(self.host).state_profile;
        Node {
            is_on: platform.is_on(self.host),
            comes_back: profile.as_ref().is_some_and(|profile| profile.period().is_some()),
            speed: platform.speed(self.host),
            cores: platform.cores(self.host),
            ..Node::new(platform.host_name(self.host), self.slots(site), disk, memory)
        }
    }

    fn slots(&self, site: &Site) -> Option<u32> {
        slots_of(site, self.host, self.slots)
    }
}

fn slots_of(site: &Site, host: HostId, slots: Slots) -> Option<u32> {
    match slots {
        Slots::Cores => Some(site.platform().cores(host)),
        Slots::Count(slots) => Some(slots),
        Slots::Unlimited => None,
    }
}

impl ServerlessComputeService {
    /// Takes a compute host into the running service.
    ///
    /// Its services start at once; the platform learns of it by a message without payload and holds
    /// a round, so what waits may start there. Its id is the next one. A host that has
    /// [left](Self::remove_compute_host) may join again: it has the id and the slots of before, and
    /// an empty cache of images. If it had other slots than cores, they must be
    /// [given](NodeConfig::slots) again. One that is still leaving stays.
    ///
    /// ```
    /// # use isotherm_kernel::{Duration, Simulation};
    /// # use isotherm_platform::{Platform, PlatformBuilder};
    /// # use isotherm_serverless::*;
    /// # use isotherm_services::{ExecutionController, FailureCause, Site};
    /// # let mut builder = PlatformBuilder::new();
    /// # for host in ["user", "head", "node", "other"] {
    /// #     builder.host(host, 1e9).cores(1).memory(16_000_000_000);
    /// #     builder.disk(host, "disk", 1e9, 1e9).size(1_000_000_000_000);
    /// # }
    /// # builder.link("lan", 1e9, 0.0);
    /// # builder.route("user", "head", ["lan"]);
    /// # for node in ["node", "other"] {
    /// #     builder.route("head", node, ["lan"]).route("user", node, ["lan"]);
    /// # }
    /// # let simulation = Simulation::new();
    /// # let site = Site::new(Platform::new(&simulation.kernel(), builder.build().unwrap())?);
    /// # let [user, head, node, other] =
    /// #     ["user", "head", "node", "other"].map(|name| site.platform().host(name).unwrap());
    /// let config = ServiceConfig::on_hosts(Preset::Default, head, [node]);
    /// let service = ServerlessComputeService::start(&site, config)?;
    /// # let functions = FunctionManager::start(&site, user);
    /// ExecutionController::spawn(&site, user, "controller", async move |me| {
    ///     let nap = Function::new("nap", None, Body::sleep(Duration::from_secs(60)));
    ///     let nap = functions.register(&nap, &service, Limits::time(Duration::MAX)).await?;
    ///     let both = [functions.invoke(&nap).await?, functions.invoke(&nap).await?];
    ///     // Each node has one slot.
    ///     me.sleep(Duration::from_secs(1)).await;
    ///     assert_eq!(both[1].state(), InvocationState::Schedulable);
    ///     let joined = service.add_compute_host(other).expect("it is no compute host yet");
    ///     me.sleep(Duration::from_secs(1)).await;
    ///     assert_eq!(both[1].state(), InvocationState::Running);
    ///     service.remove_compute_host(other).expect("it is one now");
    ///     me.sleep(Duration::from_secs(1)).await;
    ///     assert_eq!(service.membership(joined), Ok(Some(Membership::Leaving)));
    ///     functions.wait_all(&both).await;
    ///     assert_eq!(service.membership(joined), Ok(Some(Membership::Left)));
    ///     Ok::<(), FailureCause>(())
    /// });
    /// # simulation.run()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// It is one of the service's compute hosts, has no disk at the mount point or no slots, or has
    /// left with other slots; or the service has been stopped.
    pub fn add_compute_host(&self, node: impl Into<NodeConfig>) -> Result<NodeId, ServerlessError> {
        let (node, inner) = (node.into(), &*self.inner);
        let host = || inner.site.platform().host_name(node.host);
        if inner.stopped.get() {
            return Err(ServerlessError::Stopped { service: inner.name.clone() });
        }
        let id = match inner.nodes.on(node.host) {
            None => inner.nodes.add(&inner.site, &node)?,
            Some(id) => {
                let known = &inner.nodes[id];
                if known.is_wanted.get() {
                    return Err(ServerlessError::AlreadyJoined { host: host() });
                }
                let before = known.slots(&inner.site);
                if slots_of(&inner.site, node.host, node.slots) != before {
                    let before = before.map_or(Slots::Unlimited, Slots::Count);
                    return Err(ServerlessError::OtherSlots { host: host(), before });
                }
                known.is_wanted.set(true);
                id
            }
        };
        self.tell(self.address(), Request::NodeJoins { node: id });
        Ok(id)
    }

    /// Lets a compute host go.
    ///
    /// From the message on that says so, without payload, nothing is placed there; its idle
    /// containers stop, and the others when their last invocation has ended. When no container and
    /// no copy or load is left, its images are removed from its memory and its disk, and it has
    /// [left](Membership::Left).
    ///
    /// # Errors
    /// It is not one of the service's compute hosts, or is leaving already.
    pub fn remove_compute_host(&self, host: HostId) -> Result<(), ServerlessError> {
        let nodes = &self.inner.nodes;
        match nodes.on(host).filter(|&node| nodes[node].is_wanted.replace(false)) {
            Some(node) => {
                self.tell(self.address(), Request::NodeLeaves { node });
                Ok(())
            }
            None => Err(ServerlessError::NotAComputeHost {
                host: self.inner.site.platform().host_name(host),
            }),
        }
    }

    /// Whether a node takes part; `None` if it has not joined yet.
    ///
    /// # Errors
    /// The service is [changing](Changing): see [`view`](Self::view).
    pub fn membership(&self, node: NodeId) -> Result<Option<Membership>, Changing> {
        Ok(self.unchanging()?.nodes.all.get(node).map(|node| node.membership))
    }

    /// The message that a host joins has come.
    pub(super) fn node_joins(&self, node: NodeId) {
        let (services, site) = (&self.inner.nodes[node], &self.inner.site);
        let is_on = site.platform().is_on(services.host);
        if is_on {
            services.restart(self.is_gone());
        }
        let mut state = self.inner.state.borrow_mut();
        if state.nodes.all.get(node).is_some() {
            state.node_rejoins(node, is_on);
        } else {
            state.node_joins(services.state(site));
        }
    }
}
