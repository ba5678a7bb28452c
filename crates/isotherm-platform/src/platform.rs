//! A platform in a simulation: the hosts, disks and links of a [`PlatformSpec`] as resources of a
//! kernel.
//!
//! A [`Platform`] is a cheap handle. It starts the activities that use its parts (computations,
//! disk accesses, transfers, streams), knows what is on and off, and changes speeds as its profiles
//! say. What an activity costs is described with the functions that start it; the models are those
//! of SimGrid (CPU Cas01, network LV08, disk S19).
//!
//! # Life cycle
//!
//! [`Platform::new`] creates one resource for the cores of each host, three for each disk (reading,
//! writing, both) and one for each link, applies what the profiles say for date 0, and has the
//! kernel call it at the dates of all later events of the profiles. Nothing is ever removed.
//!
//! # Invariants
//!
//! * An activity fails at once if a part that it uses is off when it starts or is turned off while
//!   it runs.
//! * The capacity of the cores is cores × speed of the processor state × availability, always.
//! * Actors of a host are in its [group](Platform::group) and die when it is turned off.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{
    Activity, Actor, ActorBuilder, ActorId, Group, Kernel, Label, ResourceId, ResourceUsage,
    Sharing, Teardown,
};
use rustc_hash::FxHashMap;

use crate::cpu::HostState;
use crate::disk::{DiskAccess, DiskState};
use crate::error::{Kind, PlatformError, Problem};
use crate::id::{DiskId, HostId, LinkId};
use crate::network::{LinkState, RouteCache};
use crate::raw::{check_latency, check_rate};
use crate::spec::{LinkSharing, PlatformSpec};

/// A part of a platform that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// A host.
    Host(HostId),
    /// A disk.
    Disk(DiskId),
    /// A link.
    Link(LinkId),
}

/// A function that is called when a host is turned on or off.
pub(crate) type HostObserver = Rc<dyn Fn(HostId, bool)>;
pub(crate) type RecoveryObserver = Rc<dyn Fn()>;

pub(crate) struct Inner {
    pub(crate) kernel: Kernel,
    pub(crate) spec: Arc<PlatformSpec>,
    pub(crate) hosts: Vec<HostState>,
    pub(crate) disks: Vec<DiskState>,
    pub(crate) links: Vec<LinkState>,
    pub(crate) routes: RefCell<RouteCache>,
    /// The number of hosts, links and disks that are off. While it is 0, nothing needs to be
    /// checked.
    pub(crate) parts_off: Cell<usize>,
    /// How many times one has been turned on or off.
    pub(crate) state_changes: Cell<u64>,
    /// The number of times that an actor began to wait for a host to be on.
    pub(crate) waits: Cell<u64>,
    pub(crate) observers: RefCell<Vec<HostObserver>>,
    pub(crate) recovery_observers: RefCell<Vec<RecoveryObserver>>,
    parts: FxHashMap<ResourceId, Part>,
}

/// An observer may hold the platform, or what holds it.
impl Teardown for Inner {
    fn tear_down(&self) {
        let observers = (self.observers.take(), self.recovery_observers.take());
        drop(observers);
    }
}

/// A platform in a simulation. See the [module](self).
///
/// ```
/// use isotherm_kernel::Simulation;
/// use isotherm_platform::{Platform, PlatformBuilder};
///
/// let mut builder = PlatformBuilder::new();
/// builder.host("node", 1e9).cores(2);
/// let simulation = Simulation::new();
/// let platform = Platform::new(&simulation.kernel(), builder.build().unwrap()).unwrap();
/// let node = platform.host("node").unwrap();
/// platform.spawn(node, "worker", {
///     let platform = platform.clone();
///     async move { platform.compute(node, 3e9).await.unwrap() }
/// });
/// assert_eq!(simulation.run().unwrap().as_secs_f64(), 3.0);
/// ```
#[derive(Clone)]
pub struct Platform {
    pub(crate) inner: Rc<Inner>,
}

impl Platform {
    /// Brings a platform into a simulation. Give an `Arc` to share one description among many
    /// simulations.
    ///
    /// # Errors
    /// If a constant of the network model is out of range.
    pub fn new(kernel: &Kernel, spec: impl Into<Arc<PlatformSpec>>) -> Result<Self, PlatformError> {
        let spec = spec.into();
        check_model(&spec)?;
        let hosts: Vec<HostState> =
            spec.hosts().map(|(_, host)| HostState::new(kernel, host)).collect();
        let disks: Vec<DiskState> =
            spec.disks().map(|(_, disk)| DiskState::new(kernel, disk)).collect();
        let links: Vec<LinkState> =
            spec.links().map(|(_, link)| LinkState::new(kernel, link)).collect();
        let mut parts = FxHashMap::default();
        for (index, host) in hosts.iter().enumerate() {
            for resource in [host.cpu, host.memory] {
                parts.insert(resource, Part::Host(HostId(index as u32)));
            }
        }
        for (index, disk) in disks.iter().enumerate() {
            for resource in disk.resources() {
                parts.insert(resource, Part::Disk(DiskId(index as u32)));
            }
        }
        for (index, link) in links.iter().enumerate() {
            parts.insert(link.resource, Part::Link(LinkId(index as u32)));
        }
        let platform = Self {
            inner: Rc::new(Inner {
                kernel: kernel.clone(),
                spec,
                hosts,
                disks,
                links,
                routes: RefCell::default(),
                parts_off: Cell::new(0),
                state_changes: Cell::new(0),
                waits: Cell::new(0),
                observers: RefCell::default(),
                recovery_observers: RefCell::default(),
                parts,
            }),
        };
        let witness = Rc::downgrade(&platform.inner);
        kernel.add_standstill_handler(witness);
        let weak = Rc::downgrade(&platform.inner);
        platform.kernel().tear_down_with(weak);
        platform.start_profiles();
        Ok(platform)
    }

    /// The kernel of the simulation.
    #[must_use]
    pub fn kernel(&self) -> &Kernel {
        &self.inner.kernel
    }

    /// The description that the platform was made from.
    #[must_use]
    pub fn spec(&self) -> &PlatformSpec {
        &self.inner.spec
    }

    /// The host of a name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<HostId> {
        self.inner.spec.host_id(name)
    }

    /// The host of a name.
    ///
    /// # Errors
    /// If there is none; the hint names the nearest one.
    pub fn require_host(&self, name: &str) -> Result<HostId, PlatformError> {
        self.host(name).ok_or_else(|| self.inner.spec.unknown_host(name))
    }

    /// All hosts in order of declaration.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = HostId> + use<> {
        (0..self.inner.hosts.len() as u32).map(HostId)
    }

    /// The name of a host.
    #[must_use]
    pub fn host_name(&self, host: HostId) -> Arc<str> {
        Arc::clone(&self.inner.hosts[host.index()].name)
    }

    /// How many cores a host has.
    #[must_use]
    pub fn cores(&self, host: HostId) -> u32 {
        self.inner.spec.host(host).cores
    }

    /// How much memory a host has, in bytes; `u64::MAX` if its description does not say.
    #[must_use]
    pub fn memory(&self, host: HostId) -> u64 {
        self.inner.spec.host(host).memory.unwrap_or(u64::MAX)
    }

    /// A property of a host.
    pub fn property(&self, host: HostId, name: &str) -> Option<&str> {
        self.inner.spec.host(host).properties.get(name).map(String::as_str)
    }

    /// The disks of a host in order of declaration.
    #[must_use]
    pub fn disks(&self, host: HostId) -> &[DiskId] {
        &self.inner.spec.host(host).disks
    }

    /// The disk of a host that is mounted at a place.
    #[must_use]
    pub fn disk_at(&self, host: HostId, mount: &str) -> Option<DiskId> {
        self.inner.spec.disk_at(host, mount)
    }

    /// The disk of a host that has a name.
    #[must_use]
    pub fn disk_named(&self, host: HostId, name: &str) -> Option<DiskId> {
        self.find_disk(host, |disk| disk.name == name)
    }

    fn find_disk(
        &self,
        host: HostId,
        fits: impl Fn(&crate::spec::DiskSpec) -> bool,
    ) -> Option<DiskId> {
        let disks = self.disks(host).iter().copied();
        disks.into_iter().find(|&disk| fits(self.inner.spec.disk(disk)))
    }

    /// How much a disk holds, in bytes.
    #[must_use]
    pub fn disk_capacity(&self, disk: DiskId) -> u64 {
        self.inner.spec.disk(disk).size
    }

    /// The host of a disk.
    #[must_use]
    pub fn disk_host(&self, disk: DiskId) -> HostId {
        self.inner.spec.disk(disk).host
    }

    /// The name of a disk.
    #[must_use]
    pub fn disk_name(&self, disk: DiskId) -> &str {
        &self.inner.spec.disk(disk).name
    }

    /// The link of a name; for a split-duplex link `x` ask for `x_UP` or `x_DOWN`.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<LinkId> {
        self.inner.spec.link_id(name)
    }

    /// The name of a link.
    #[must_use]
    pub fn link_name(&self, link: LinkId) -> &str {
        &self.inner.spec.link(link).name
    }

    /// The group of the actors of a host, which die when it is turned off.
    #[must_use]
    pub fn group(&self, host: HostId) -> Group {
        self.inner.hosts[host.index()].group
    }

    /// Starts an actor on a host. On a host that is off the actor is killed at once.
    pub fn spawn<F>(&self, host: HostId, name: impl Into<Label>, future: F) -> Actor<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let actor = self.actor(host, name).spawn(future);
        if !self.is_on(host) {
            actor.kill();
        }
        actor
    }

    /// Prepares an actor on a host, for instance to make it a daemon. The caller sees to it that
    /// the host is on.
    pub fn actor(&self, host: HostId, name: impl Into<Label>) -> ActorBuilder {
        self.inner.kernel.actor(name).group(self.group(host))
    }

    /// The host of an actor; `None` if it has ended or belongs to no host of this platform.
    #[must_use]
    pub fn host_of(&self, actor: ActorId) -> Option<HostId> {
        let group = self.inner.kernel.group_of(actor)?;
        // Groups are in the order of their creation, and so are hosts.
        let index = self.inner.hosts.binary_search_by_key(&group, |host| host.group).ok()?;
        Some(HostId(index as u32))
    }

    /// Moves an actor to another host: from now on it is in that host's [group](Self::group) and
    /// dies with it. As in SimGrid, the computations that it awaits on the host that it leaves move
    /// with it (see [`move_computation`](Self::move_computation)); disk accesses and transfers go
    /// on where they are. On a host that is off it is killed at once. Does nothing if it is there
    /// already, or has ended.
    ///
    /// ```
    /// use isotherm_kernel::{Duration, Simulation};
    /// use isotherm_platform::{Platform, PlatformBuilder};
    ///
    /// let mut builder = PlatformBuilder::new();
    /// builder.host("slow", 1e9);
    /// builder.host("fast", 4e9);
    /// let simulation = Simulation::new();
    /// let platform = Platform::new(&simulation.kernel(), builder.build().unwrap()).unwrap();
    /// let [slow, fast] = ["slow", "fast"].map(|name| platform.host(name).unwrap());
    /// let worker = platform.spawn(slow, "worker", {
    ///     let platform = platform.clone();
    ///     async move { platform.compute(slow, 10e9).await.unwrap() }
    /// });
    /// simulation.kernel().spawn("balancer", {
    ///     let platform = platform.clone();
    ///     async move {
    ///         platform.kernel().sleep(Duration::from_secs(2)).await;
    ///         platform.migrate(worker.id(), fast);
    ///         assert_eq!(platform.host_of(worker.id()), Some(fast));
    ///     }
    /// });
    /// // 2 Gf in 2 s, and the other 8 Gf in 2 s.
    /// assert_eq!(simulation.run().unwrap().as_secs_f64(), 4.0);
    /// ```
    pub fn migrate(&self, actor: ActorId, to: HostId) {
        let kernel = &self.inner.kernel;
        let from = self.host_of(actor);
        if from == Some(to) {
            return;
        }
        kernel.set_group(actor, self.group(to));
        for activity in kernel.awaited_by(actor) {
            if from.is_some() && self.computes_on(activity) == from {
                self.move_computation(activity, to);
            }
        }
        if !self.is_on(to) {
            kernel.kill(actor);
        }
    }

    /// The part of the platform that a resource belongs to, for saying what failed.
    #[must_use]
    pub fn part(&self, resource: ResourceId) -> Option<Part> {
        self.inner.parts.get(&resource).copied()
    }

    /// Begins to measure how much a part is used; until then nothing is accounted for. Does nothing
    /// if it is measured already.
    pub fn meter(&self, part: Part) {
        self.inner.kernel.meter(self.measured(part));
    }

    /// How long and how much a part has been used since it is [measured](Self::meter); `None` if it
    /// is not. Costs O(activities that use it now).
    ///
    /// The work of a host is flops on all its cores, that of a disk bytes read and written, and
    /// that of a link bytes of its nominal bandwidth: headers (3 %) and acknowledgements (5 %) of
    /// the network model are part of it.
    ///
    /// ```
    /// use isotherm_kernel::{Duration, Simulation};
    /// use isotherm_platform::{Part, Platform, PlatformBuilder};
    ///
    /// let mut builder = PlatformBuilder::new();
    /// builder.host("node", 1e9).cores(4);
    /// let simulation = Simulation::new();
    /// let platform = Platform::new(&simulation.kernel(), builder.build().unwrap()).unwrap();
    /// let node = platform.host("node").unwrap();
    /// platform.meter(Part::Host(node));
    /// platform.spawn(node, "worker", {
    ///     let platform = platform.clone();
    ///     async move {
    ///         platform.compute(node, 3e9).await.unwrap();
    ///         platform.kernel().sleep(Duration::from_secs(2)).await;
    ///     }
    /// });
    /// simulation.run().unwrap();
    /// let used = platform.usage(Part::Host(node)).unwrap();
    /// assert_eq!((used.busy.as_secs_f64(), used.work), (3.0, 3e9));
    /// ```
    #[must_use]
    pub fn usage(&self, part: Part) -> Option<ResourceUsage> {
        self.inner.kernel.usage(self.measured(part))
    }

    /// The resource of a link in the kernel.
    #[must_use]
    pub fn link_resource(&self, link: LinkId) -> ResourceId {
        self.inner.links[link.index()].resource
    }

    /// The resource in the kernel that only this kind of access to a disk uses.
    #[must_use]
    pub fn disk_resource(&self, disk: DiskId, access: DiskAccess) -> ResourceId {
        self.inner.disks[disk.index()].own(access)
    }

    /// The resource that everything uses that uses a part.
    fn measured(&self, part: Part) -> ResourceId {
        match part {
            Part::Host(host) => self.inner.hosts[host.index()].cpu,
            Part::Disk(disk) => self.inner.disks[disk.index()].readwrite,
            Part::Link(link) => self.inner.links[link.index()].resource,
        }
    }

    /// A part in words: ``host `node` ``, ``disk `d` on host `node` ``, ``link `wan` ``.
    #[must_use]
    pub fn describe(&self, part: Part) -> String {
        let spec = &self.inner.spec;
        match part {
            Part::Host(host) => format!("{} `{}`", Kind::Host, spec.host(host).name),
            Part::Disk(disk) => {
                let disk = spec.disk(disk);
                let host = &spec.host(disk.host).name;
                format!("{} `{}` on host `{host}`", Kind::Disk, disk.name)
            }
            Part::Link(link) => format!("{} `{}`", Kind::Link, spec.link(link).name),
        }
    }

    /// Sets the priority of a running computation of one thread or of a disk access: shares are
    /// proportional to priorities. See [`Platform::compute_with`] for what counts as a priority.
    pub fn set_priority(&self, activity: &Activity, priority: f64) {
        self.inner.kernel.set_penalty(activity.id(), 1.0 / valid_priority(priority));
    }
}

/// A priority that makes no sense counts as 1.
pub(crate) fn valid_priority(priority: f64) -> f64 {
    if priority.is_finite() && priority > 0.0 { priority } else { 1.0 }
}

pub(crate) fn kernel_sharing(sharing: LinkSharing) -> Sharing {
    match sharing {
        LinkSharing::Shared => Sharing::Shared,
        LinkSharing::Fatpipe => Sharing::Fatpipe,
    }
}

fn check_model(spec: &PlatformSpec) -> Result<(), PlatformError> {
    let model = spec.network_model();
    check_rate("the bandwidth factor of the network", model.bandwidth_factor)?;
    check_rate("the bandwidth of the loopback", model.loopback_bandwidth)?;
    for (what, value) in [
        ("the latency factor of the network", model.latency_factor),
        ("the weight S of the network", model.weight_s),
        ("the gamma of the network", model.gamma),
        ("the cross-traffic of the network", model.cross_traffic),
        ("the latency of the loopback", model.loopback_latency_s),
    ] {
        check_latency(what, value)?;
    }
    Ok(())
}

/// A list of running activities. Ended ones are removed from time to time, at constant amortised
/// cost per entry.
pub(crate) struct ActivityList<T> {
    entries: Vec<T>,
    sweep_at: usize,
}

impl<T> Default for ActivityList<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), sweep_at: 16 }
    }
}

impl<T> ActivityList<T> {
    pub(crate) fn add(&mut self, entry: T, is_running: impl Fn(&T) -> bool) {
        if self.entries.len() >= self.sweep_at {
            self.entries.retain(is_running);
            self.sweep_at = (2 * self.entries.len()).max(16);
        }
        self.entries.push(entry);
    }

    /// Takes the first entry that is looked for out of the list.
    pub(crate) fn take(&mut self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let place = self.entries.iter().position(is_it)?;
        Some(self.entries.remove(place))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter()
    }
}

pub(crate) fn out_of_range(what: String, value: usize, rule: String) -> PlatformError {
    PlatformError::from(Problem::BadValue { what, value: value.to_string(), rule })
}
