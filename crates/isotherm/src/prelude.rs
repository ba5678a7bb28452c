//! The imports that most simulations need: `use isotherm::prelude::*;`
//!
//! Where two crates use one name, the prelude has the one of the serverless platform: [`Limits`]
//! are those of a function, [`Call`] is the context of a function's body, and [`Plan`] is written
//! by a scheduler. The others are [`kernel::Limits`](crate::kernel::Limits),
//! [`kernel::ScheduledCall`](crate::kernel::ScheduledCall) and
//! [`experiment::Plan`](crate::experiment::Plan). [`isotherm::Error`](crate::Error) is left out
//! because its name is too common.

pub use crate::quantities::*;
pub use crate::{Cluster, FunctionUser, World};

pub use isotherm_kernel::{
    Actor, Distribution, Duration, Kernel, Mailbox, Random, RandomDuration, RandomStreams,
    RunError, Simulation, Time, join, join_all, select,
};
pub use isotherm_platform::{
    DiskId, Endpoint, HostId, LinkId, Part, Platform, PlatformBuilder, PlatformError, PlatformSpec,
    Via,
};
pub use isotherm_serverless::eviction::{
    ContainerEviction, FirstInFirstOut, GreedyDual, IdleContainer, LargestFirst,
    LeastFrequentlyUsed, LeastRecentlyUsed, MemoryFit, Missing, Rank, StoppedContainer,
};
pub use isotherm_serverless::keep_alive::{
    Fixed, HybridConfig, HybridHistogram, IdleNow, Invoked, Keep, KeepAlive,
};
pub use isotherm_serverless::scheduler::{
    ByNode, ChooseNode, Dispatch, Fcfs, FcfsFullScan, FirstFit, HashAffinity, LeastLoaded,
    LoadMeasure, Locality, MostLoaded, Nodes, Placed, Placement, Plan, PowerOfTwo, RandomPlacement,
    RoundRobin, Scheduler, StartAhead, WarmFirst, WorkloadBalancing,
};
pub use isotherm_serverless::{
    AfterFailure, Answer, Body, Call, CallerDecides, Change, ChangeKinds, ContainerId,
    ContainerReuse, Cursor, Decision, EventKind, Function, FunctionId, FunctionManager, Given,
    Image, ImageCaches, ImageDisk, Invocation, InvocationId, InvocationRecord, InvocationState,
    InvokeRequest, Limits, Membership, NodeConfig, NodeId, OnFailure, Outcome, Payloads, Pending,
    Planned, PlatformEvent, Preset, RecordSink, RegisteredFunction, ServerlessComputeService,
    ServerlessError, ServiceConfig, Slots, Source, StartKind, Startup, Step, StopReason, Upcoming,
    ValueError, View,
};
pub use isotherm_services::{
    Action, ActionReport, ActionRequest, AnyError, BareMetalConfig, BareMetalService, Eviction,
    ExecutionController, FailureCause, OrFail, Site, StorageConfig, StorageService,
};
