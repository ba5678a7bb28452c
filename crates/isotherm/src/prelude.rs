//! What most simulations need, in one line: `use isotherm::prelude::*;`
//!
//! Where two crates use one word for different things, the prelude has the one of the serverless
//! platform: its [`Limits`] are those of a function (those of a simulation are
//! [`kernel::Limits`](crate::kernel::Limits)), and its [`Call`] is what the body of a function sees
//! (the kernel's delayed call is [`kernel::Call`](crate::kernel::Call)), its [`Plan`] is what a
//! scheduler writes (that of an experiment is [`experiment::Plan`](crate::experiment::Plan)).
//! [`Error`](crate::Error) is not in it, because that word is everybody's: say `isotherm::Error`.

pub use crate::quantities::*;
pub use crate::{Cluster, FunctionUser, World};

pub use isotherm_kernel::{
    Actor, Distribution, Duration, Kernel, Mailbox, Random, RandomDuration, RandomStreams,
    RunError, Simulation, Time, join, join_all, select,
};
pub use isotherm_platform::{
    DiskId, Endpoint, HostId, LinkId, Platform, PlatformBuilder, PlatformError, PlatformSpec, Via,
};
pub use isotherm_serverless::eviction::{
    ContainerEviction, FirstInFirstOut, GreedyDual, IdleContainer, LargestFirst,
    LeastFrequentlyUsed, LeastRecentlyUsed, MemoryFit, Missing, Rank, StoppedContainer,
};
pub use isotherm_serverless::keep_alive::{
    Fixed, HybridConfig, HybridHistogram, IdleNow, Invoked, Keep, KeepAlive,
};
pub use isotherm_serverless::scheduler::{
    ByNode, ChooseNode, Dispatch, Fcfs, FirstFit, HashAffinity, LeastLoaded, LoadMeasure, Locality,
    MostLoaded, Nodes, Placed, Placement, Plan, PowerOfTwo, RandomPlacement, RoundRobin, Scheduler,
    WarmFirst, WorkloadBalancing,
};
pub use isotherm_serverless::{
    AfterFailure, Body, Call, ContainerId, ContainerReuse, EventKind, Function, FunctionId,
    FunctionManager, Image, ImageCaches, Invocation, InvocationId, InvocationRecord,
    InvocationState, Limits, NodeConfig, NodeId, OnFailure, Outcome, Payloads, Pending, Planned,
    PlatformEvent, Preset, RecordSink, RegisteredFunction, ServerlessComputeService,
    ServerlessError, ServiceConfig, Slots, Source, StartKind, Startup, Step, View,
};
pub use isotherm_services::{
    Action, ActionReport, ActionRequest, BareMetalConfig, BareMetalService, Eviction,
    ExecutionController, FailureCause, Site, StorageConfig, StorageService,
};
