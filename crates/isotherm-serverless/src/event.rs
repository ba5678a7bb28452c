//! The event log of the platform: every change of what a node holds, in the order of occurrence.
//!
//! An observer can rebuild disks, memories and slots from these events alone, without access to the
//! platform's state: [`crate::audit`] does so.

use isotherm_kernel::Time;

use crate::{
    ContainerId, FunctionId, ImageId, InvocationId, NodeId, Outcome, StartKind, StopReason,
};

/// An event on the platform, with its date.
///
/// ```
/// # use isotherm_kernel::{Duration, Simulation};
/// # use isotherm_platform::{Platform, PlatformBuilder};
/// # use isotherm_serverless::*;
/// # use isotherm_services::{ExecutionController, FailureCause, Site, StorageConfig, StorageService};
/// # let mut builder = PlatformBuilder::new();
/// # for host in ["user", "head", "node"] {
/// #     builder.host(host, 1e9).cores(4).memory(16_000_000_000);
/// #     builder.disk(host, "disk", 1e9, 1e9).size(1_000_000_000_000);
/// # }
/// # builder.link("lan", 1e9, 0.0);
/// # for (from, to) in [("user", "head"), ("head", "node"), ("user", "node")] {
/// #     builder.route(from, to, ["lan"]);
/// # }
/// # let simulation = Simulation::new();
/// # let site = Site::new(Platform::new(&simulation.kernel(), builder.build().unwrap())?);
/// # let [user, head, node] = ["user", "head", "node"].map(|name| site.platform().host(name).unwrap());
/// # let config = ServiceConfig::on_hosts(Preset::Default, head, [node]);
/// # let service = ServerlessComputeService::start(&site, config)?;
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// let cold_starts = Rc::new(Cell::new(0));
/// let counter = Rc::clone(&cold_starts);
/// service.observe(Box::new(move |event| {
///     if let EventKind::Dispatched { start_kind: StartKind::Cold, .. } = event.kind {
///         counter.set(counter.get() + 1);
///     }
/// }));
/// # simulation.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PlatformEvent {
    /// When it happened.
    pub at: Time,
    /// What happened.
    pub kind: EventKind,
}

/// The kinds of events.
///
/// Fields such as `node` are the numbers of what the event is about. `bytes` is the room of an
/// image that is taken or free again, on the disk or in the memory that the event is about.
/// `disk_bytes` and `memory_bytes` are the limits of the container. `started` says whether a copy
/// or load that failed had taken room, which is free again.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the enum says what its fields are")]
pub enum EventKind {
    /// A compute host has joined the running service, for the first time or after it had left.
    /// `slots` is `None` if it has any number of them.
    NodeJoined { node: NodeId, slots: Option<u32>, memory_bytes: u64, disk_bytes: u64 },
    /// A compute host is to leave: nothing begins there from now on.
    NodeLeaving { node: NodeId },
    /// It is not to leave after all.
    NodeStays { node: NodeId },
    /// It has left, and holds nothing any more.
    NodeLeft { node: NodeId, slots: Option<u32>, memory_bytes: u64 },
    /// The host of a node has gone off. Those that are off when the service starts are not
    /// mentioned.
    NodeDown { node: NodeId },
    /// It has come on.
    NodeUp { node: NodeId },
    /// The service has accepted an invocation.
    Submitted { invocation: InvocationId, function: FunctionId },
    /// The image of an invocation is on the head disk, so the invocation is schedulable.
    Admitted { invocation: InvocationId },
    /// A download to the head disk began; its room on the head disk is taken from now on.
    DownloadStarted { image: ImageId, bytes: u64 },
    /// The image is on the head disk.
    DownloadEnded { image: ImageId },
    /// The download failed; its room is free again.
    DownloadFailed { image: ImageId },
    /// An image is on the head disk, though it was not downloaded: it is there from the start.
    HeadPlaced { image: ImageId, bytes: u64 },
    /// An image is on a node's disk, though it was not copied: it is there from the start.
    DiskPlaced { node: NodeId, image: ImageId, bytes: u64 },
    /// An image is in a node's memory, though it was not loaded: it is there from the start, for
    /// the container that follows.
    MemoryPlaced { node: NodeId, image: ImageId, bytes: u64 },
    /// An image was evicted from the head disk.
    HeadEvicted { image: ImageId, bytes: u64 },
    /// A copy from the head disk to a node's disk began; its room on the node's disk is taken from
    /// now on.
    CopyStarted { node: NodeId, image: ImageId, bytes: u64 },
    /// The image is on the node's disk.
    CopyEnded { node: NodeId, image: ImageId },
    /// A copy found no room, or was interrupted.
    CopyFailed { node: NodeId, image: ImageId, started: bool },
    /// A load from a node's disk to its memory began; its room in memory is taken from now on.
    LoadStarted { node: NodeId, image: ImageId, bytes: u64 },
    /// The image is in the node's memory.
    LoadEnded { node: NodeId, image: ImageId },
    /// A load found no room, or was interrupted.
    LoadFailed { node: NodeId, image: ImageId, started: bool },
    /// An image was evicted from a node's disk.
    DiskEvicted { node: NodeId, image: ImageId, bytes: u64 },
    /// An image left a node's memory: it was evicted, or dropped because it is no longer on the
    /// node's disk.
    MemoryEvicted { node: NodeId, image: ImageId, bytes: u64 },
    /// A container was started; its disk and memory limits are taken from now on and its image is
    /// pinned.
    ContainerStarted {
        node: NodeId,
        container: ContainerId,
        function: FunctionId,
        /// The image of that function, if it has one.
        image: Option<ImageId>,
        disk_bytes: u64,
        memory_bytes: u64,
        /// How many invocations it may serve at once.
        capacity: u32,
        /// When its start-up ends. If no invocation is left in it before, it has ended then.
        ready: Time,
    },
    /// The last invocation in a container has ended and the container is kept: it is idle until an
    /// invocation is dispatched to it or it stops. A container that is not kept stops without
    /// having been idle.
    ContainerIdle { node: NodeId, container: ContainerId, memory_bytes: u64 },
    /// A container that still serves invocations gets no further ones, and stops when they have
    /// ended: its host, or an invocation in it, has failed.
    ContainerClosed { node: NodeId, container: ContainerId },
    /// A container is to be started ahead at a date. It follows that it is
    /// [prewarmed](EventKind::Prewarmed), [skipped](EventKind::PrewarmingSkipped) or
    /// [cancelled](EventKind::PrewarmCancelled), unless the run ends before.
    PrewarmPlanned { node: NodeId, function: FunctionId, due: Time },
    /// The plan to start a container ahead was given up: for an invocation of the function that has
    /// just come, or because another container is idle, another plan takes its place, or the
    /// service has lost its data.
    PrewarmCancelled { function: FunctionId, by: Option<InvocationId> },
    /// The container that has just been started was started ahead, for no invocation. It is idle
    /// from now on, though it may still be starting.
    Prewarmed { node: NodeId, container: ContainerId },
    /// The container that has just been started is warm from the start, for no invocation. The
    /// keep-alive policy is asked about it at once, as about one that has just served: it becomes
    /// [idle](EventKind::ContainerIdle) or stops.
    ContainerPlaced { node: NodeId, container: ContainerId },
    /// A container should have been started ahead, but there was no room, its image was not there,
    /// or the node was off; or it should have been there from the start, and its room was gone.
    PrewarmingSkipped { node: NodeId, function: FunctionId },
    /// A container stopped and gave back what it held.
    ContainerStopped {
        node: NodeId,
        container: ContainerId,
        memory_bytes: u64,
        /// Whether it was idle until now.
        was_idle: bool,
        /// Why it stopped.
        cause: StopReason,
        /// The function for whose container it was evicted, or for whose image.
        evicted_for: Option<FunctionId>,
    },
    /// An invocation was dispatched to a container and takes a slot of the node.
    Dispatched {
        invocation: InvocationId,
        node: NodeId,
        container: ContainerId,
        memory_bytes: u64,
        /// Whether the container was idle until now. If not, it is new, or serves other invocations
        /// too.
        was_idle: bool,
        /// Cold if the container was started for it, or was still starting.
        start_kind: StartKind,
    },
    /// An invocation ended. If it had been dispatched its slot is free again.
    Ended {
        invocation: InvocationId,
        outcome: Outcome,
        /// The container that served it, if it had been dispatched.
        container: Option<ContainerId>,
    },
}
