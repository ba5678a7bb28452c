//! Transfers and streams: LV08, SimGrid's default model of TCP.
//!
//! A transfer of `size` bytes over a route first waits for `latency_factor · lat`, using no
//! resource, where `lat` is the sum of the latencies of its links. Then it uses each link with
//! weight 1 (a link crossed twice with weight 2) and each link of the reverse route with weight
//! 0.05 (its acknowledgements), and moves `0.97 · x` bytes per second, where `x` is its max-min
//! fair share with these parameters:
//!
//! * Penalty: `lat + Σ 20537 / bandwidth` over the links of the route, or 1 if the latency is zero
//!   (so a flow without latency gets a much smaller share than any flow with one).
//! * Bound: the minimum of the bandwidths of its links, the rate limit of the TCP window
//!   `gamma / (2 · lat)`, and the caller's limit / 0.97.
//!
//! A *stream* is a transfer that also reads from a disk, writes to one, or both. It uses the disks
//! with weight 0.97, so that each disk is charged exactly `size` bytes; everything overlaps,
//! nothing is stored in between, and even a stream from a disk to memory on the same host goes
//! through the loopback. The constants are those of [`NetworkModel`](crate::NetworkModel).
//!
//! A running flow is not affected by changes of routes. It is affected by a new latency of a link
//! (penalty and window; a latency phase that has begun stays) and by a new bandwidth (capacity and
//! penalty; its bound stays).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use isotherm_kernel::{Activity, ActivityId, ActivitySpec, Duration, Kernel, Rank, ResourceId};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::disk::DiskAccess;
use crate::error::{PlatformError, Problem};
use crate::id::{DiskId, HostId, LinkId};
use crate::platform::{ActivityList, Part, Platform, kernel_sharing};
use crate::raw::{bad_value, check_latency, check_rate};
use crate::routing::Links;
use crate::spec::LinkSpec;

pub(crate) struct LinkState {
    pub(crate) resource: ResourceId,
    pub(crate) on: Cell<bool>,
    bandwidth: Cell<f64>,
    latency_s: Cell<f64>,
    flows: RefCell<ActivityList<Crossing>>,
}

impl LinkState {
    pub(crate) fn new(kernel: &Kernel, spec: &LinkSpec) -> Self {
        Self {
            resource: kernel.resource(spec.bandwidth, kernel_sharing(spec.sharing)),
            on: Cell::new(true),
            bandwidth: Cell::new(spec.bandwidth),
            latency_s: Cell::new(spec.latency_s),
            flows: RefCell::default(),
        }
    }
}

/// A running flow, as far as changes of the links need it.
struct Flow {
    id: ActivityId,
    latency_s: Cell<f64>,
    /// Latency and weights. While the latency is zero, and no link has changed since the start, 1
    /// is in force instead.
    penalty: Cell<f64>,
    /// The bound without that of the window.
    bound: f64,
}

impl Flow {
    /// Adds to the penalty and puts the result in force. Penalties are positive; a sum that
    /// rounding (or a model without weights) leaves at zero changes nothing.
    fn add_penalty(&self, kernel: &Kernel, change: f64) {
        let penalty = self.penalty.get() + change;
        if penalty > 0.0 {
            self.penalty.set(penalty);
            kernel.set_penalty(self.id, penalty);
        }
    }
}

/// A flow on a link that it crosses some number of times.
struct Crossing {
    flow: Rc<Flow>,
    times: f64,
}

/// A route with its current latency and bandwidth.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The links in the order in which they are crossed, one that is crossed twice listed twice.
    pub links: Links,
    /// The sum of their latencies, in seconds.
    pub latency_s: f64,
    /// The least of their bandwidths, in bytes per second.
    pub bandwidth: f64,
}

/// A route with what a flow along it uses.
struct Path {
    /// The links of the route, each once, with how often they are crossed.
    crossings: SmallVec<[(LinkId, f64); 4]>,
    /// The links of the reverse route that carry acknowledgements.
    back: SmallVec<[LinkId; 4]>,
    uses: SmallVec<[(ResourceId, f64); 4]>,
    latency_s: f64,
    /// The latency and the weights of the links.
    penalty: f64,
    least_bandwidth: f64,
}

impl Path {
    /// The penalty that a new flow gets.
    fn initial_penalty(&self, latency_factor: f64) -> f64 {
        if latency_factor * self.latency_s > 0.0 && self.penalty > 0.0 { self.penalty } else { 1.0 }
    }
}

/// The paths between pairs of hosts that were used lately. It is emptied when a link changes and
/// when it gets large.
#[derive(Default)]
pub(crate) struct RouteCache {
    paths: FxHashMap<(HostId, HostId), Rc<Path>>,
}

/// How many paths are kept at most: some megabytes.
const CACHED_PATHS: usize = 1 << 16;

/// An end of a stream: a disk of a host, or its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The host.
    pub host: HostId,
    /// The disk, which must be one of the host; `None` for its memory, which is never the
    /// bottleneck.
    pub disk: Option<DiskId>,
}

impl Endpoint {
    /// The memory of a host.
    #[must_use]
    pub fn memory(host: HostId) -> Self {
        Self { host, disk: None }
    }
}

/// The hosts whose memory a flow uses, each once. A disk at the other end on the same host fails
/// with the host anyway.
fn memories(from: Endpoint, to: Endpoint) -> SmallVec<[HostId; 2]> {
    match (from.disk, to.disk) {
        (None, None) if from.host != to.host => SmallVec::from_slice(&[from.host, to.host]),
        (None, None) => SmallVec::from_slice(&[from.host]),
        (None, Some(_)) if from.host != to.host => SmallVec::from_slice(&[from.host]),
        (Some(_), None) if from.host != to.host => SmallVec::from_slice(&[to.host]),
        _ => SmallVec::new(),
    }
}

impl Platform {
    /// The route between two hosts, with its current latency and bandwidth.
    ///
    /// # Errors
    /// If no route connects them.
    pub fn route(&self, from: HostId, to: HostId) -> Result<Route, PlatformError> {
        let links = self.inner.spec.route(from, to)?;
        let state = |link: &LinkId| &self.inner.links[link.index()];
        Ok(Route {
            latency_s: links.iter().map(|link| state(link).latency_s.get()).sum(),
            bandwidth: links
                .iter()
                .map(|link| state(link).bandwidth.get())
                .fold(f64::INFINITY, f64::min),
            links,
        })
    }

    /// Starts a transfer from the memory of one host to that of another. Zero bytes take only the
    /// latency.
    ///
    /// # Errors
    /// If no route connects them, or the size is negative. (A route that is broken is no error
    /// here: the transfer fails.)
    pub fn transfer(
        &self,
        from: HostId,
        to: HostId,
        bytes: f64,
    ) -> Result<Activity, PlatformError> {
        self.stream(Endpoint::memory(from), Endpoint::memory(to), bytes)
    }

    /// Starts a transfer that moves at most `limit` bytes per second.
    ///
    /// # Errors
    /// If no route connects the hosts, the size is negative, or the limit is not positive.
    pub fn transfer_limited(
        &self,
        from: HostId,
        to: HostId,
        bytes: f64,
        limit: f64,
    ) -> Result<Activity, PlatformError> {
        self.stream_limited(Endpoint::memory(from), Endpoint::memory(to), bytes, limit)
    }

    /// Starts a stream: one flow that is read, sent and written at the same time.
    ///
    /// # Errors
    /// If no route connects the hosts, a disk is not on its host, or the size is negative.
    pub fn stream(
        &self,
        from: Endpoint,
        to: Endpoint,
        bytes: f64,
    ) -> Result<Activity, PlatformError> {
        self.start_flow(from, to, bytes, f64::INFINITY)
    }

    /// Starts a stream that moves at most `limit` bytes per second.
    ///
    /// # Errors
    /// If no route connects the hosts, a disk is not on its host, the size is negative, or the
    /// limit is not positive.
    pub fn stream_limited(
        &self,
        from: Endpoint,
        to: Endpoint,
        bytes: f64,
        limit: f64,
    ) -> Result<Activity, PlatformError> {
        let limit = check_rate("the rate limit of a transfer", limit)?;
        self.start_flow(from, to, bytes, limit)
    }

    fn start_flow(
        &self,
        from: Endpoint,
        to: Endpoint,
        bytes: f64,
        limit: f64,
    ) -> Result<Activity, PlatformError> {
        self.check_endpoint(from)?;
        self.check_endpoint(to)?;
        if bytes.is_nan() || bytes < 0.0 {
            return Err(bad_value(
                "the size of a transfer",
                bytes,
                "it must be zero or more bytes",
            ));
        }
        let path = self.path(from.host, to.host)?;
        let model = self.inner.spec.network_model();
        let factor = model.bandwidth_factor;
        let bound = path.least_bandwidth.min(limit / factor);
        let mut spec = ActivitySpec::new(Rank::Network, bytes)
            .latency(Duration::from_secs_f64(model.latency_factor * path.latency_s))
            .penalty(path.initial_penalty(model.latency_factor))
            .bound(bound.min(self.window(path.latency_s)))
            .rate_factor(factor);
        for &(resource, weight) in &path.uses {
            spec = spec.uses(resource, weight);
        }
        for (disk, access) in [(from.disk, DiskAccess::Read), (to.disk, DiskAccess::Write)] {
            if let Some(disk) = disk {
                // Used twice, the resource for both directions counts twice: a copy within a disk.
                let disk = &self.inner.disks[disk.index()];
                spec = spec.uses(disk.own(access), factor).uses(disk.readwrite, factor);
            }
        }
        if from.disk.is_some() || to.disk.is_some() {
            // Measured on the reference: streams that end at the same date end in the order of
            // creation.
            spec = spec.oldest_first();
        }
        for host in memories(from, to) {
            spec = spec.uses(self.inner.hosts[host.index()].memory, 1.0);
        }
        let activity = self.inner.kernel.start(spec);
        self.register(&activity, &path, bound);
        if self.inner.parts_off.get() > 0
            && let Some(part) = self.first_part_off(&path, from, to)
        {
            self.fail_part(part);
        }
        Ok(activity)
    }

    fn check_endpoint(&self, end: Endpoint) -> Result<(), PlatformError> {
        match end.disk {
            Some(disk) if self.disk_host(disk) != end.host => Err(Problem::DiskElsewhere {
                disk: self.disk_name(disk).to_owned(),
                host: self.host_name(end.host).to_string(),
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// The largest share that the window of TCP allows.
    fn window(&self, latency_s: f64) -> f64 {
        let gamma = self.inner.spec.network_model().gamma;
        if gamma > 0.0 && latency_s > 0.0 { gamma / (2.0 * latency_s) } else { f64::INFINITY }
    }

    fn register(&self, activity: &Activity, path: &Path, bound: f64) {
        let kernel = &self.inner.kernel;
        let flow = Rc::new(Flow {
            id: activity.id(),
            latency_s: Cell::new(path.latency_s),
            penalty: Cell::new(path.penalty),
            bound,
        });
        for &(link, times) in &path.crossings {
            let crossing = Crossing { flow: Rc::clone(&flow), times };
            let mut flows = self.inner.links[link.index()].flows.borrow_mut();
            flows.add(crossing, |entry| kernel.remaining(entry.flow.id) > 0.0);
        }
    }

    fn first_part_off(&self, path: &Path, from: Endpoint, to: Endpoint) -> Option<Part> {
        let links = path.crossings.iter().map(|&(link, _)| link);
        let off_link = links.chain(path.back.iter().copied()).find(|&link| !self.link_is_on(link));
        let off_disk =
            || [from.disk, to.disk].into_iter().flatten().find(|&disk| !self.disk_is_on(disk));
        let off_host = || memories(from, to).into_iter().find(|&host| !self.is_on(host));
        off_link
            .map(Part::Link)
            .or_else(|| off_disk().map(Part::Disk))
            .or_else(|| off_host().map(Part::Host))
    }

    fn path(&self, from: HostId, to: HostId) -> Result<Rc<Path>, PlatformError> {
        let mut cache = self.inner.routes.borrow_mut();
        if let Some(path) = cache.paths.get(&(from, to)) {
            return Ok(Rc::clone(path));
        }
        let path = Rc::new(self.make_path(from, to)?);
        if cache.paths.len() >= CACHED_PATHS {
            cache.paths.clear();
        }
        cache.paths.insert((from, to), Rc::clone(&path));
        Ok(path)
    }

    fn make_path(&self, from: HostId, to: HostId) -> Result<Path, PlatformError> {
        let spec = &self.inner.spec;
        let model = spec.network_model();
        let links = spec.route(from, to)?;
        let mut path = Path {
            crossings: SmallVec::new(),
            back: SmallVec::new(),
            uses: SmallVec::new(),
            latency_s: 0.0,
            penalty: 0.0,
            least_bandwidth: f64::INFINITY,
        };
        let mut weights = 0.0;
        for &link in &links {
            let state = &self.inner.links[link.index()];
            match path.crossings.iter_mut().find(|(known, _)| *known == link) {
                Some((_, times)) => *times += 1.0,
                None => path.crossings.push((link, 1.0)),
            }
            path.latency_s += state.latency_s.get();
            weights += model.weight_s / state.bandwidth.get();
            path.least_bandwidth = path.least_bandwidth.min(state.bandwidth.get());
            path.uses.push((state.resource, 1.0));
        }
        path.penalty = path.latency_s + weights;
        if model.cross_traffic > 0.0 {
            // Without a way back there is nothing that acknowledgements could load.
            path.back = spec.route(to, from).into_iter().flatten().collect();
            for link in &path.back {
                let resource = self.inner.links[link.index()].resource;
                path.uses.push((resource, model.cross_traffic));
            }
        }
        Ok(path)
    }

    /// The bandwidth of a link now, in bytes per second.
    #[must_use]
    pub fn bandwidth(&self, link: LinkId) -> f64 {
        self.inner.links[link.index()].bandwidth.get()
    }

    /// The latency of a link now, in seconds.
    #[must_use]
    pub fn latency_s(&self, link: LinkId) -> f64 {
        self.inner.links[link.index()].latency_s.get()
    }

    /// Changes the bandwidth of a link, in bytes per second. Running flows share the new one; the
    /// bound that the old one set for them when they started stays.
    ///
    /// # Errors
    /// If the bandwidth is not positive and finite.
    pub fn set_bandwidth(&self, link: LinkId, bandwidth: f64) -> Result<(), PlatformError> {
        let what = format!("the bandwidth of link `{}`", self.link_name(link));
        let bandwidth = check_rate(&what, bandwidth)?;
        let state = &self.inner.links[link.index()];
        let old = state.bandwidth.replace(bandwidth);
        let kernel = &self.inner.kernel;
        kernel.set_capacity(state.resource, bandwidth);
        let weight = self.inner.spec.network_model().weight_s;
        let change = weight / bandwidth - weight / old;
        for Crossing { flow, times } in state.flows.borrow().iter() {
            flow.add_penalty(kernel, times * change);
        }
        self.inner.routes.borrow_mut().paths.clear();
        kernel.note_progress();
        Ok(())
    }

    /// Changes the latency of a link, in seconds. Running flows get the penalty and the window of
    /// the new latency; the latency phase of a flow that has begun keeps its length.
    ///
    /// # Errors
    /// If the latency is negative or not finite.
    pub fn set_latency(&self, link: LinkId, latency_s: f64) -> Result<(), PlatformError> {
        let what = format!("the latency of link `{}`", self.link_name(link));
        let latency_s = check_latency(&what, latency_s)?;
        let state = &self.inner.links[link.index()];
        let change = latency_s - state.latency_s.replace(latency_s);
        let kernel = &self.inner.kernel;
        for Crossing { flow, times } in state.flows.borrow().iter() {
            // Rounding must not leave a latency below zero.
            let latency = (flow.latency_s.get() + times * change).max(0.0);
            flow.latency_s.set(latency);
            kernel.set_bound(flow.id, flow.bound.min(self.window(latency)));
            flow.add_penalty(kernel, times * change);
        }
        self.inner.routes.borrow_mut().paths.clear();
        kernel.note_progress();
        Ok(())
    }
}
