//! The Isotherm simulation kernel: virtual time, actors, mailboxes, fluid sharing of resources,
//! random streams.
//!
//! This crate knows nothing of hosts, files or functions. It offers
//!
//! * [`Time`] and [`Duration`]: whole nanoseconds;
//! * [`Simulation`] and [`Kernel`]: the main loop and the handle that everything in a simulation
//!   holds;
//! * [`Actor`]s: `async` blocks on one thread, with [`Mailbox`]es to talk, sleeps, timers and
//!   deadlines;
//! * [`Activity`]s: work that shares [resources](ResourceId) fluidly, see [`fluid`];
//! * [`Random`] streams named after components, and [`Distribution`]s that are the same on every
//!   machine.
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
//!             access.await.expect("nobody fails the disk");
//!         }
//!     }
//! });
//! kernel.spawn("user", {
//!     let kernel = kernel.clone();
//!     async move {
//!         requests.send(50e6).await;
//!         // It waits until the disk is free again.
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
//! 1. One simulation is one thread and deterministic: nothing depends on the wall clock, on hashing
//!    or on addresses.
//! 2. Virtual time moves only when no actor can run, and never goes back.
//! 3. The order of events is total and documented at [`Kernel`].
//! 4. A message costs no virtual time and no entry in the event queue.
//! 5. What is cancelled leaves the event queue at once.

pub mod fluid;

mod activity;
mod actor;
mod alarm;
mod combinators;
pub mod distribution;
mod heap;
mod kernel;
mod limits;
mod mailbox;
mod queue;
pub mod random;
mod random_duration;
mod run_error;
mod run_queue;
mod simulation;
mod standstill;
mod teardown;
mod time;
mod waiter;

pub use activity::Activity;
pub use actor::{Actor, ActorBuilder, ActorId, Group, Join, JoinError, Label};
pub use alarm::{ScheduledCall, WaitUntil};
pub use combinators::{DeadlinePassed, Either, join, join_all, select, select_all, with_deadline};
pub use distribution::{Distribution, DistributionError};
pub use fluid::{ActivityError, ActivityId, ActivitySpec, Marking, ResourceId, Sharing};
pub use kernel::{Kernel, WeakKernel};
pub use limits::Limits;
pub use mailbox::{Mailbox, Receive, ReceiveTimedOut};
pub use queue::{Rank, TieOrder};
pub use random::{Random, RandomStreams};
pub use random_duration::RandomDuration;
pub use run_error::{RunError, WaitingActor};
pub use run_queue::Handler;
pub use simulation::Simulation;
pub use standstill::{Change, StandstillHandler};
pub use teardown::Teardown;
pub use time::{Duration, DurationError, Time};
