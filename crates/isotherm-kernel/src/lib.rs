//! The Isotherm simulation kernel: a deterministic, single-threaded discrete-event simulator with
//! `async` actors and fluid resource sharing.
//!
//! The crate knows nothing of hosts, files or functions; `isotherm-platform` builds these on it. It
//! offers
//!
//! * [`Time`] and [`Duration`]: virtual time in whole nanoseconds;
//! * [`Simulation`], which owns a simulation and runs it, and [`Kernel`], the handle that
//!   everything inside it holds;
//! * [`Actor`]s: `async` blocks that talk through [`Mailbox`]es, sleep and wait with deadlines;
//! * [`Activity`]s: work that shares [resources](ResourceId) by max-min fairness, see [`fluid`];
//! * [`Random`] streams, one for each named component, and [`Distribution`]s that give the same
//!   numbers on every machine.
//!
//! ```
//! use isotherm_kernel::{ActivitySpec, Duration, Rank, Sharing, Simulation};
//!
//! let simulation = Simulation::new();
//! let kernel = simulation.kernel();
//! let disk = kernel.resource(100e6, Sharing::Shared);
//! let requests = kernel.mailbox::<f64>("requests");
//! kernel.actor("disk").daemon().spawn({
//!     let (kernel, requests) = (kernel.clone(), requests.clone());
//!     async move {
//!         loop {
//!             let bytes = requests.receive().await;
//!             let access = kernel.start(ActivitySpec::new(Rank::Disk, bytes).uses(disk, 1.0));
//!             access.await.expect("the disk does not fail");
//!         }
//!     }
//! });
//! kernel.spawn("user", {
//!     let kernel = kernel.clone();
//!     async move {
//!         requests.send(50e6).await;
//!         // The rendezvous lasts until the disk is free again.
//!         requests.send(50e6).await;
//!         assert_eq!(kernel.now().as_secs_f64(), 0.5);
//!         kernel.sleep(Duration::from_secs(1)).await;
//!     }
//! });
//! assert_eq!(simulation.run()?.as_secs_f64(), 1.5);
//! # Ok::<(), isotherm_kernel::RunError>(())
//! ```
//!
//! # Invariants
//!
//! 1. A simulation runs on one thread and is deterministic: nothing depends on the wall clock, on
//!    hashing or on addresses.
//! 2. Virtual time advances only when no actor can run, and never goes back.
//! 3. Events are totally ordered; [`Kernel`] documents the order.
//! 4. A message costs no virtual time and no entry in the event queue.
//! 5. A cancelled event leaves the event queue immediately.

pub mod fluid;

mod activity;
mod actor;
mod alarm;
mod combinators;
pub mod distribution;
mod event_key;
mod heap;
mod kernel;
mod later;
mod limits;
mod mailbox;
mod number;
mod queue;
pub mod random;
mod random_duration;
mod run_error;
mod run_queue;
mod simulation;
mod standstill;
mod suspension;
mod teardown;
mod time;
mod waiter;

pub use activity::Activity;
pub use actor::{Actor, ActorBuilder, ActorId, Group, Join, JoinError, Label};
pub use alarm::{ScheduledCall, WaitUntil};
pub use combinators::{DeadlinePassed, Either, join, join_all, select, select_all, with_deadline};
pub use distribution::{Distribution, DistributionError};
pub use fluid::{
    ActivityError, ActivityId, ActivitySpec, Marking, ResourceId, ResourceUsage, Sharing,
};
pub use kernel::{Kernel, WeakKernel};
pub use limits::Limits;
pub use mailbox::{Mailbox, Receive, ReceiveTimedOut};
pub use number::Number;
pub use queue::{Rank, TieOrder};
pub use random::{Random, RandomStreams};
pub use random_duration::RandomDuration;
pub use run_error::{RunError, WaitingActor};
pub use run_queue::Handler;
pub use simulation::{Advanced, Simulation};
pub use standstill::{Change, StandstillHandler};
pub use teardown::Teardown;
pub use time::{Duration, DurationError, Time};
