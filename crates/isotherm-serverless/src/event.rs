//! The event log of the platform: everything that changes what a node holds, in the order in which it happens.
//!
//! An observer that listens to these events can rebuild disks, memories and slots on its own, without asking the
//! platform's books: that is what [`crate::audit`] does.

use isotherm_kernel::Time;

use crate::{ContainerId, FunctionId, ImageId, InvocationId, NodeId, Outcome, StartKind};

/// One thing that happened on the platform, with its date.
#[derive(Clone, Debug, PartialEq)]
pub struct PlatformEvent {
    /// When it happened.
    pub at: Time,
    /// What happened.
    pub kind: EventKind,
}

/// What can happen on the platform. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// An invocation was taken in by the service.
    Submitted { invocation: InvocationId, function: FunctionId },
    /// The image of an invocation is on the head disk: it may be scheduled.
    Admitted { invocation: InvocationId },
    /// A download to the head disk began; its room on the head disk is taken from now on.
    DownloadStarted { image: ImageId, bytes: u64 },
    /// The image is on the head disk.
    DownloadEnded { image: ImageId },
    /// The download failed; its room is free again.
    DownloadFailed { image: ImageId },
    /// An image was pushed out of the head disk.
    HeadEvicted { image: ImageId, bytes: u64 },
    /// A copy from the head disk to a node's disk began; its room on the node's disk is taken from now on.
    CopyStarted { node: NodeId, image: ImageId, bytes: u64 },
    /// The image is on the node's disk.
    CopyEnded { node: NodeId, image: ImageId },
    /// A copy found no room, or was interrupted. `started` says whether room had been taken, which is free again.
    CopyFailed { node: NodeId, image: ImageId, started: bool },
    /// A load from a node's disk to its memory began; its room in memory is taken from now on.
    LoadStarted { node: NodeId, image: ImageId, bytes: u64 },
    /// The image is in the node's memory.
    LoadEnded { node: NodeId, image: ImageId },
    /// A load found no room, or was interrupted. `started` says whether room had been taken, which is free again.
    LoadFailed { node: NodeId, image: ImageId, started: bool },
    /// An image was pushed out of a node's disk.
    DiskEvicted { node: NodeId, image: ImageId, bytes: u64 },
    /// An image left a node's memory: pushed out, or dropped because it is no longer on the node's disk.
    MemoryEvicted { node: NodeId, image: ImageId, bytes: u64 },
    /// A container was started; its disk and memory limits are taken from now on and its image is pinned.
    ContainerStarted {
        node: NodeId,
        container: ContainerId,
        function: FunctionId,
        image: Option<ImageId>,
        disk_bytes: u64,
        memory_bytes: u64,
    },
    /// A container stopped and gave back what it held.
    ContainerStopped { node: NodeId, container: ContainerId, evicted: bool },
    /// An invocation was given to a container and takes a slot of the node.
    Dispatched { invocation: InvocationId, node: NodeId, container: ContainerId, start_kind: StartKind },
    /// An invocation ended. If it had been dispatched its slot is free again.
    Ended { invocation: InvocationId, outcome: Outcome },
}
