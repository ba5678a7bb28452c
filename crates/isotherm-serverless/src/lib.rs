//! A serverless platform: images, functions, containers, and the service that runs invocations.
//!
//! A [`ServerlessComputeService`] on a head host runs functions on compute hosts (*nodes*). Users
//! register functions, invoke them and wait for invocations through a [`FunctionManager`].
//!
//! # The life of an invocation
//!
//! 1. *submitted*: the service has accepted it. If its image is missing on the head disk it is
//!    *downloaded* from its repository, once for all invocations that wait for it.
//! 2. *admitted*: the image is on the head disk, so the invocation is schedulable. In rounds, the
//!    [scheduler](scheduler::Scheduler) has images *copied* from the head disk to node disks and
//!    *loaded* from there into node memories, and dispatches invocations to containers.
//! 3. *dispatched*: a container serves it, either an idle one (warm start) or a new one (cold
//!    start, with its start-up time).
//! 4. *started*: the body runs on the node's bare-metal service, within its time limit.
//! 5. *ended*: it completed, timed out or failed; or it was cancelled, rejected or failed before it
//!    started. A container that serves nothing more becomes idle and is [kept](keep_alive) for a
//!    while.
//!
//! # A complete simulation
//!
//! ```
//! use isotherm_kernel::Duration;
//! use isotherm_platform::{Platform, PlatformBuilder};
//! use isotherm_serverless::{Body, Function, FunctionManager, Limits, Preset, ServerlessComputeService, ServiceConfig};
//! use isotherm_services::{ExecutionController, FailureCause, Site};
//!
//! let mut builder = PlatformBuilder::new();
//! for host in ["user", "head", "node"] {
//!     builder.host(host, 1e9).cores(4).memory(16_000_000_000);
//!     builder.disk(host, "disk", 1e9, 1e9).size(1_000_000_000_000);
//! }
//! builder.link("lan", 1e9, 50e-6);
//! for (from, to) in [("user", "head"), ("head", "node"), ("user", "node")] {
//!     builder.route(from, to, ["lan"]);
//! }
//! let simulation = Preset::Default.simulation();
//! let site = Site::new(Platform::new(&simulation.kernel(), builder.build().unwrap())?);
//! let [user, head, node] = ["user", "head", "node"].map(|name| site.platform().host(name).unwrap());
//!
//! let config = ServiceConfig::on_hosts(Preset::Default, head, [node]).with_startup(Duration::from_millis(500));
//! let service = ServerlessComputeService::start(&site, config)?;
//! let records = service.collect_records();
//! let functions = FunctionManager::start(&site, user);
//! ExecutionController::spawn(&site, user, "controller", async move |_| {
//!     let nap = Function::new("nap", None, Body::sleep(Duration::from_secs(1)));
//!     let nap = functions.register(&nap, &service, Limits::time(Duration::from_secs(60))).await?;
//!     let invocation = functions.invoke(&nap).await?;
//!     functions.wait_one(&invocation).await;
//!     Ok::<(), FailureCause>(())
//! });
//! simulation.run()?;
//! let record = &records.borrow()[0];
//! assert_eq!((record.started.unwrap().as_secs_f64(), record.finished.as_secs_f64()), (0.5, 1.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Overview
//!
//! * [`ServerlessComputeService`] and [`FunctionManager`]: the platform and its client side;
//!   [`Function`], [`Image`], [`Body`], [`Limits`]: what users define; [`Invocation`]: a handle;
//!   [`Call`]: what a running body can use.
//! * [`scheduler`], [`keep_alive`], [`eviction`]: the policies, a small trait each.
//! * [`ServiceConfig`]: hosts, policies, and the rules in which the [`Preset`]s differ.
//! * [`InvocationRecord`] and [`RecordSink`]: the dates and the outcome of an ended invocation.
//! * [`PlatformEvent`] and [`audit`]: the log of everything that changes what a node holds, and an
//!   independent check of it.

pub mod audit;
pub mod eviction;
pub mod keep_alive;
pub mod scheduler;
pub mod warm;

mod ask;
mod call;
mod config;
mod event;
mod function;
mod id;
mod id_map;
mod id_vec;
mod invocation;
mod invoke;
mod life;
mod limits;
mod manager;
mod message;
mod node_set;
mod plan;
mod record;
mod replay;
mod rules;
mod service;
mod startup;
mod state;
mod steps;
mod unfinished;
mod value;

pub use ask::{Answer, CallerDecides, Changing, Decision, NotAsked};
pub use call::{Call, PrivateStorage};
pub use config::{ImageCaches, ImageDisk, NodeConfig, Payloads, Preset, ServiceConfig, Slots};
pub use event::{EventKind, PlatformEvent};
pub use function::{Body, BodyFuture, Function, Image, RegisteredFunction, Step};
pub use id::{AppId, ContainerId, FunctionId, ImageId, InvocationId, NodeId};
pub use invocation::Invocation;
pub use invoke::InvokeRequest;
pub use life::InvocationState;
pub use limits::Limits;
pub use manager::FunctionManager;
pub use node_set::{DenseId, IdSet, NodeSet};
pub use record::{
    ColdReason, ColdStart, InvocationRecord, LastGone, Outcome, RecordSink, StartKind, WaitedFor,
};
pub use replay::{Planned, Source, Upcoming};
pub use rules::{AfterFailure, ContainerReuse, OnFailure, OverheadRule, RoomRule, Rules, Throttle};
pub use service::{Prepull, ServerlessComputeService, ServerlessError};
pub use startup::Startup;
pub use state::{
    Change, ChangeKinds, ContainerInfo, Cursor, Membership, Need, Pending, StopReason, View,
};
pub use unfinished::{Lack, Unfinished};
pub use value::{Given, ValueError, ValueKind};
