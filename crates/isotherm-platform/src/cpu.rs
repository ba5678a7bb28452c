//! Computing: the CPU model Cas01.
//!
//! A host with c cores, speed s of its processor state and availability a (a factor from its speed
//! profile) is one resource of capacity c·s·a.
//!
//! | activity | work | penalty | bound |
//! |---|---|---|---|
//! | one thread, priority q | f flops | 1/q | s·a |
//! | n threads of f flops each | n·f flops | 1/n | n·s·a |
//!
//! So m equal computations on c cores run at min(s, s·c/m) each, and no priority lets one thread
//! run faster than one core.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use isotherm_kernel::{
    Activity, ActivityId, ActivitySpec, Group, Kernel, Mailbox, Rank, ResourceId, Sharing,
};

use crate::error::PlatformError;
use crate::id::HostId;
use crate::platform::{ActivityList, Part, Platform, out_of_range, valid_priority};
use crate::spec::HostSpec;

pub(crate) struct HostState {
    pub(crate) name: Arc<str>,
    pub(crate) group: Group,
    pub(crate) cpu: ResourceId,
    /// Used, without limiting anything, by transfers from and to the memory of the host: they fail
    /// with it.
    pub(crate) memory: ResourceId,
    pub(crate) on: Cell<bool>,
    /// The actors that wait for the host to be on, in the order in which they began to wait.
    pub(crate) waiting: RefCell<BTreeMap<u64, Mailbox<()>>>,
    pstate: Cell<usize>,
    availability: Cell<f64>,
    computations: RefCell<ActivityList<Computation>>,
}

/// What is needed to compute the new bound of a running computation when the speed changes.
struct Computation {
    id: ActivityId,
    threads: f64,
    limit: f64,
}

/// How something is computed. The default is one thread of priority 1 without a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComputeOptions {
    /// Shares of one thread are proportional to it. It must be positive; anything else counts as 1.
    pub priority: f64,
    /// The fastest it may run, in flop/s.
    pub limit: Option<f64>,
    /// How many threads do the same work. Zero counts as 1.
    pub threads: u32,
}

impl Default for ComputeOptions {
    fn default() -> Self {
        Self { priority: 1.0, limit: None, threads: 1 }
    }
}

impl HostState {
    pub(crate) fn new(kernel: &Kernel, spec: &HostSpec) -> Self {
        let speed = spec.speeds[spec.pstate];
        Self {
            name: spec.name.as_str().into(),
            group: kernel.group(),
            cpu: kernel.resource(f64::from(spec.cores) * speed, Sharing::Shared),
            memory: kernel.resource(f64::MAX, Sharing::Fatpipe),
            on: Cell::new(true),
            waiting: RefCell::default(),
            pstate: Cell::new(spec.pstate),
            availability: Cell::new(1.0),
            computations: RefCell::default(),
        }
    }
}

impl Platform {
    /// The speed of one core of a host now, in flop/s, its availability included.
    #[must_use]
    pub fn speed(&self, host: HostId) -> f64 {
        let state = &self.inner.hosts[host.index()];
        self.inner.spec.host(host).speeds[state.pstate.get()] * state.availability.get()
    }

    /// The processor state of a host.
    #[must_use]
    pub fn pstate(&self, host: HostId) -> usize {
        self.inner.hosts[host.index()].pstate.get()
    }

    /// The part of its speed that a host can use now, as its speed profile says: 1 without one.
    #[must_use]
    pub fn availability(&self, host: HostId) -> f64 {
        self.inner.hosts[host.index()].availability.get()
    }

    /// Flops per second computed on a host now.
    #[must_use]
    pub fn load(&self, host: HostId) -> f64 {
        let kernel = &self.inner.kernel;
        let computations = self.inner.hosts[host.index()].computations.borrow();
        computations.iter().map(|entry| kernel.rate(entry.id)).sum()
    }

    /// Starts computing `flops` on one core of a host.
    ///
    /// # Panics
    /// If the work is negative or not a number.
    #[track_caller]
    pub fn compute(&self, host: HostId, flops: f64) -> Activity {
        self.compute_with(host, flops, ComputeOptions::default())
    }

    /// Starts `threads` threads that compute `flops_per_thread` each.
    ///
    /// # Panics
    /// If the work is negative or not a number.
    #[track_caller]
    pub fn compute_threads(&self, host: HostId, flops_per_thread: f64, threads: u32) -> Activity {
        let options = ComputeOptions { threads, ..ComputeOptions::default() };
        self.compute_with(host, flops_per_thread, options)
    }

    /// Starts computing `flops` per thread on a host.
    ///
    /// # Panics
    /// If the work is negative or not a number.
    #[track_caller]
    pub fn compute_with(&self, host: HostId, flops: f64, options: ComputeOptions) -> Activity {
        let state = &self.inner.hosts[host.index()];
        let threads = f64::from(options.threads.max(1));
        let limit = options.limit.unwrap_or(f64::INFINITY);
        let penalty = 1.0 / (threads * valid_priority(options.priority));
        let spec = ActivitySpec::new(Rank::Cpu, threads * flops)
            .penalty(penalty)
            .bound((threads * self.speed(host)).min(limit))
            .uses(state.cpu, 1.0);
        let activity = self.inner.kernel.start(spec);
        self.note_computation(host, Computation { id: activity.id(), threads, limit });
        activity
    }

    /// Moves a computation to another host, with the flops that it has left and its priority, limit
    /// and threads. If that host is off it fails. Nothing happens if the activity has ended or is
    /// no computation. Costs O(computations on the host that it leaves).
    pub fn move_computation(&self, computation: ActivityId, to: HostId) {
        let Some(from) = self.computes_on(computation).filter(|&from| from != to) else { return };
        let mut left = self.inner.hosts[from.index()].computations.borrow_mut();
        let Some(entry) = left.take(|entry| entry.id == computation) else { return };
        drop(left);
        let (kernel, state) = (&self.inner.kernel, &self.inner.hosts[to.index()]);
        let bound = (entry.threads * self.speed(to)).min(entry.limit);
        kernel.move_to(computation, &[(state.cpu, 1.0)], bound);
        self.note_computation(to, entry);
    }

    /// The host on which a computation runs; `None` for other activities.
    pub(crate) fn computes_on(&self, activity: ActivityId) -> Option<HostId> {
        let &(resource, _) = self.inner.kernel.resources_of(activity).first()?;
        match self.part(resource)? {
            Part::Host(host) => (self.inner.hosts[host.index()].cpu == resource).then_some(host),
            Part::Disk(_) | Part::Link(_) => None,
        }
    }

    /// Lists a computation that has begun on a host, and fails it if the host is off.
    fn note_computation(&self, host: HostId, entry: Computation) {
        let (kernel, state) = (&self.inner.kernel, &self.inner.hosts[host.index()]);
        let mut computations = state.computations.borrow_mut();
        computations.add(entry, |entry| kernel.remaining(entry.id) > 0.0);
        drop(computations);
        if !state.on.get() {
            kernel.fail_users(state.cpu);
        }
    }

    /// Changes the processor state of a host. Running computations continue at the new speed.
    ///
    /// # Errors
    /// If the host has no such state.
    pub fn set_pstate(&self, host: HostId, pstate: usize) -> Result<(), PlatformError> {
        let spec = self.inner.spec.host(host);
        if pstate >= spec.speeds.len() {
            let what = format!("the processor state of host `{}`", spec.name);
            let rule = format!("it has {} of them, counted from 0", spec.speeds.len());
            return Err(out_of_range(what, pstate, rule));
        }
        self.inner.hosts[host.index()].pstate.set(pstate);
        self.speed_changed(host);
        Ok(())
    }

    pub(crate) fn set_availability(&self, host: HostId, availability: f64) {
        self.inner.hosts[host.index()].availability.set(availability);
        self.speed_changed(host);
    }

    fn speed_changed(&self, host: HostId) {
        self.inner.kernel.note_progress();
        let state = &self.inner.hosts[host.index()];
        let kernel = &self.inner.kernel;
        let speed = self.speed(host);
        kernel.set_capacity(state.cpu, f64::from(self.cores(host)) * speed);
        for entry in state.computations.borrow().iter() {
            kernel.set_bound(entry.id, (entry.threads * speed).min(entry.limit));
        }
    }
}
