//! What most simulations need, in one line: `use isotherm::prelude::*;`
//!
//! Where two crates use one word for different things, the prelude has the one of the serverless platform: its [`Limits`] are those
//! of a function (those of a simulation are [`kernel::Limits`](crate::kernel::Limits)), and its [`Call`] is what the body of a
//! function sees (the kernel's delayed call is [`kernel::Call`](crate::kernel::Call)).

pub use crate::quantities::*;

pub use isotherm_kernel::{
    Actor, Distribution, Duration, Kernel, Mailbox, Random, RandomStreams, RunError, Simulation, Time, join, join_all,
    select,
};
pub use isotherm_platform::{
    DiskId, Endpoint, HostId, LinkId, Platform, PlatformBuilder, PlatformError, PlatformSpec, Via,
};
pub use isotherm_serverless::keep_alive::{Fixed, KeepAlive};
pub use isotherm_serverless::scheduler::{Fcfs, RandomPlacement, Scheduler, WorkloadBalancing};
pub use isotherm_serverless::{
    Body, Call, ContainerReuse, Function, FunctionManager, Image, Invocation, InvocationRecord, InvocationState,
    Limits, NodeConfig, Outcome, Preset, RecordSink, RegisteredFunction, ServerlessComputeService, ServerlessError,
    ServiceConfig, Slots, StartKind, Step,
};
pub use isotherm_services::{
    Action, ActionRequest, BareMetalConfig, BareMetalService, Eviction, ExecutionController, FailureCause, Site,
    StorageConfig, StorageService,
};
