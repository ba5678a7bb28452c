//! The serverless platform of Isotherm: images, functions, containers, and the service that runs them.
//!
//! A [`ServerlessComputeService`] on a head host runs functions on compute hosts. Users talk to it through a
//! [`FunctionManager`]: they register functions, invoke them and wait for them.
//!
//! # The life of an invocation
//!
//! 1. *submitted*: the service has taken it in. Its image is downloaded to the head disk unless it is there: one download
//!    per image at a time, however many invocations wait for it.
//! 2. *admitted*: the image is on the head disk. The invocation is schedulable. In rounds, the
//!    [scheduler](scheduler::Scheduler) has images copied to node disks and loaded into node memories and dispatches
//!    invocations to containers.
//! 3. *dispatched*: a container serves it, an idle one (warm start) or a new one (cold start, with its start-up time).
//! 4. *started*: the body runs on the node's bare-metal service, within its time limit.
//! 5. *ended*: completed, timed out or failed; or cancelled or failed before. The container becomes idle and is
//!    [kept](keep_alive) for a while.
//!
//! # Where is what
//!
//! * [`state`](crate::scheduler): what the platform knows and what follows from an event, in plain synchronous code.
//! * [`scheduler`], [`keep_alive`], [`eviction`]: the policies, a small trait each.
//! * [`ServiceConfig`]: hosts, policies, and the rules in which the [`Preset`]s differ.
//! * [`InvocationRecord`] and [`RecordSink`]: what is left of an invocation.
//! * [`PlatformEvent`] and [`audit`]: everything that changes what a node holds, and an independent check of it.

pub mod audit;
pub mod eviction;
pub mod keep_alive;
pub mod scheduler;

mod call;
mod config;
mod event;
mod function;
mod id;
mod invocation;
mod limits;
mod manager;
mod message;
mod node_set;
mod record;
mod service;
mod state;
mod status;

pub use call::{Call, PrivateStorage};
pub use config::{ContainerReuse, NodeConfig, OverheadRule, Payloads, Preset, RoomRule, Rules, ServiceConfig, Slots};
pub use event::{EventKind, PlatformEvent};
pub use function::{Body, BodyFuture, Function, Image, RegisteredFunction, Step};
pub use id::{ContainerId, FunctionId, ImageId, InvocationId, NodeId};
pub use invocation::Invocation;
pub use limits::Limits;
pub use manager::FunctionManager;
pub use node_set::NodeSet;
pub use record::{InvocationRecord, Outcome, RecordSink, StartKind};
pub use service::{ServerlessComputeService, ServerlessError};
pub use state::{Need, Pending, View};
pub use status::InvocationState;
