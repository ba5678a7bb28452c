//! The event log of the platform: every change of what a node holds, in the order of occurrence.
//!
//! An observer can rebuild disks, memories and slots from these events alone, without access to the
//! platform's state: [`crate::audit`] does so.

use isotherm_kernel::Time;

use crate::{ContainerId, FunctionId, ImageId, InvocationId, NodeId, Outcome, StartKind};

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

/// The kinds of events. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// The service has accepted an invocation.
    Submitted {
        /// The invocation.
        invocation: InvocationId,
        /// Its function.
        function: FunctionId,
    },
    /// The image of an invocation is on the head disk, so the invocation is schedulable.
    Admitted {
        /// The invocation.
        invocation: InvocationId,
    },
    /// A download to the head disk began; its room on the head disk is taken from now on.
    DownloadStarted {
        /// The image.
        image: ImageId,
        /// Its size on disk.
        bytes: u64,
    },
    /// The image is on the head disk.
    DownloadEnded {
        /// The image.
        image: ImageId,
    },
    /// The download failed; its room is free again.
    DownloadFailed {
        /// The image.
        image: ImageId,
    },
    /// An image was evicted from the head disk.
    HeadEvicted {
        /// The image.
        image: ImageId,
        /// Room that is free again.
        bytes: u64,
    },
    /// A copy from the head disk to a node's disk began; its room on the node's disk is taken from
    /// now on.
    CopyStarted {
        /// The node.
        node: NodeId,
        /// The image.
        image: ImageId,
        /// Its size on disk.
        bytes: u64,
    },
    /// The image is on the node's disk.
    CopyEnded {
        /// The node.
        node: NodeId,
        /// The image.
        image: ImageId,
    },
    /// A copy found no room, or was interrupted.
    CopyFailed {
        /// The node.
        node: NodeId,
        /// The image.
        image: ImageId,
        /// Whether room had been taken, which is free again.
        started: bool,
    },
    /// A load from a node's disk to its memory began; its room in memory is taken from now on.
    LoadStarted {
        /// The node.
        node: NodeId,
        /// The image.
        image: ImageId,
        /// Its size in memory.
        bytes: u64,
    },
    /// The image is in the node's memory.
    LoadEnded {
        /// The node.
        node: NodeId,
        /// The image.
        image: ImageId,
    },
    /// A load found no room, or was interrupted.
    LoadFailed {
        /// The node.
        node: NodeId,
        /// The image.
        image: ImageId,
        /// Whether room had been taken, which is free again.
        started: bool,
    },
    /// An image was evicted from a node's disk.
    DiskEvicted {
        /// The node.
        node: NodeId,
        /// The image.
        image: ImageId,
        /// Room that is free again.
        bytes: u64,
    },
    /// An image left a node's memory: it was evicted, or dropped because it is no longer on the
    /// node's disk.
    MemoryEvicted {
        /// The node.
        node: NodeId,
        /// The image.
        image: ImageId,
        /// Room that is free again.
        bytes: u64,
    },
    /// A container was started; its disk and memory limits are taken from now on and its image is
    /// pinned.
    ContainerStarted {
        /// The node.
        node: NodeId,
        /// The container.
        container: ContainerId,
        /// The function that it serves.
        function: FunctionId,
        /// The image of that function, if it has one.
        image: Option<ImageId>,
        /// Its disk limit.
        disk_bytes: u64,
        /// Its memory limit.
        memory_bytes: u64,
        /// How many invocations it may serve at once.
        places: u32,
    },
    /// The last invocation in a container has ended and the container is kept: it is idle until an
    /// invocation is dispatched to it or it stops. A container that is not kept stops without
    /// having been idle.
    ContainerIdle {
        /// The node.
        node: NodeId,
        /// The container.
        container: ContainerId,
        /// Its memory limit.
        memory_bytes: u64,
    },
    /// The container that has just been started was started ahead, for no invocation. It is idle
    /// from now on, though it may still be starting.
    Prewarmed {
        /// The node.
        node: NodeId,
        /// The container.
        container: ContainerId,
    },
    /// A container should have been started ahead, but there was no room, its image was not there,
    /// or the node was off.
    PrewarmingSkipped {
        /// The node.
        node: NodeId,
        /// The function.
        function: FunctionId,
    },
    /// A container stopped and gave back what it held.
    ContainerStopped {
        /// The node.
        node: NodeId,
        /// The container.
        container: ContainerId,
        /// Its memory limit.
        memory_bytes: u64,
        /// Whether it was idle until now.
        was_idle: bool,
        /// Whether it was idle and was evicted because its room was needed.
        evicted: bool,
    },
    /// An invocation was dispatched to a container and takes a slot of the node.
    Dispatched {
        /// The invocation.
        invocation: InvocationId,
        /// The node.
        node: NodeId,
        /// The container.
        container: ContainerId,
        /// The memory limit of the container.
        memory_bytes: u64,
        /// Whether the container was idle until now. If not, it is new, or serves other invocations
        /// too.
        was_idle: bool,
        /// Cold if the container was started for it, or was still starting.
        start_kind: StartKind,
    },
    /// An invocation ended. If it had been dispatched its slot is free again.
    Ended {
        /// The invocation.
        invocation: InvocationId,
        /// How it ended.
        outcome: Outcome,
        /// The container that served it, if it had been dispatched.
        container: Option<ContainerId>,
    },
}
