//! Isotherm simulates serverless (FaaS) platforms: fast, accurately, and with identical results on
//! every machine.
//!
//! You describe hosts, disks and links, images and functions, a workload of invocations, and the
//! policies of the platform. Isotherm simulates them in virtual time and returns the life of every
//! invocation: when it was submitted, admitted, dispatched, started and ended, on which node, cold
//! or warm, and what it waited for.
//!
//! Experiments need no Rust: the command `isotherm run FILE` reads them from a TOML file. This
//! crate is for simulations written as programs, with bodies and clients that decide while they
//! run, your own policies, and services beside the serverless platform.
//!
//! # A complete simulation
//!
//! A function that makes thumbnails runs on one compute host. It is invoked twice: the first
//! invocation waits for its image and a container, the second one finds both.
//!
//! ```
//! use isotherm::prelude::*;
//!
//! fn main() -> Result<(), isotherm::Error> {
//!     // The hardware: a compute host, a head host, and a repository and a user farther away.
//!     let cluster = Cluster::new(1).cores(16).speed(gflop(5)).memory(64 * GIB);
//!     let world = World::new(cluster.build()?)?;
//!
//!     // The services: storage for images, and the serverless platform.
//!     let repository = world.storage("repository", world.host("repository")?)?;
//!     let python = Image::put("python", 250 * MB, 120 * MB, &repository)?;
//!     let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes())
//!         .with_keep_alive(Fixed::new(minutes(10)))
//!         .with_startup(millis(300));
//!     let platform = ServerlessComputeService::start(world.site(), config)?;
//!     let records = platform.collect_records();
//!
//!     // The workload: an actor on the user's host that registers, invokes and waits.
//!     world.controller(world.host("user")?, "controller", async move |me| {
//!         let functions = me.function_manager();
//!         let body = Body::custom(async |call| {
//!             call.compute(gflop(5)).await?;
//!             call.storage().write("thumbnail", 2 * MB).await
//!         });
//!         let resize = functions.function("resize", &python, body);
//!         let limits = Limits::time(secs(60)).memory(512 * MB).disk(GB);
//!         let resize = functions.register(&resize, &platform, limits).await?;
//!
//!         let first = functions.invoke(&resize).await?;
//!         me.sleep(secs(30)).await;
//!         let second = functions.invoke(&resize).await?;
//!         let done = functions.wait_any([&first, &second]).await;
//!         assert_eq!(done, Some(first), "it ended long ago");
//!         functions.wait_one(&second).await;
//!         Ok(())
//!     });
//!     let end = world.run()?;
//!
//!     for record in &*records.borrow() {
//!         let start = record.start_kind.map_or("no", StartKind::name);
//!         let (id, outcome) = (record.id, record.outcome.name());
//!         println!("{id}: {outcome}, {start} start, {:.3} s", record.response());
//!     }
//! #   let [first, second] = &records.borrow()[..] else { panic!("two invocations have ended") };
//! #   // The first waits for 250 MB over 1 Gb/s, of which 97 % are payload, after 13.01 times the
//! #   // latency of 50 us; for a copy at the 1 GB/s of the node's disk; for a load of 120 MB at 2 GB/s;
//! #   // and for its container.
//! #   assert_eq!(first.start_kind, Some(StartKind::Cold));
//! #   assert_eq!(first.download_wait, secs(13.01 * 50e-6 + 250e6 / (0.97 * 125e6)));
//! #   assert_eq!(first.copy_wait, secs(13.01 * 50e-6 + 0.25));
//! #   assert_eq!((first.load_wait, first.startup()), (secs(0.06), Some(secs(0.3))));
//! #   assert_eq!(format!("{:.3}", first.response()), "3.675");
//! #   // The second computes 5 Gf at 5 Gf/s and writes 2 MB at 1 GB/s.
//! #   assert_eq!(second.start_kind, Some(StartKind::Warm));
//! #   assert_eq!(second.response(), secs(1.002));
//! #   assert_eq!(end, second.finished);
//!     Ok(())
//! }
//! ```
//!
//! It prints
//!
//! ```text
//! 0: completed, cold start, 3.675 s
//! 1: completed, warm start, 1.002 s
//! ```
//!
//! # Concepts
//!
//! * A [`World`] is a [`Simulation`](kernel::Simulation) with a [`Site`](services::Site), the
//!   platform on which services are started. A [`Cluster`] describes common hardware briefly, a
//!   [`PlatformBuilder`](platform::PlatformBuilder) any other, and
//!   [`PlatformSpec::from_simgrid_xml`](platform::PlatformSpec::from_simgrid_xml) reads SimGrid's
//!   files, which a builder may add to.
//! * Virtual time is in whole nanoseconds and advances only when no actor can run.
//!   [`run`](World::run) returns when all controllers have ended, or with an error if the
//!   simulation cannot go on; for a deadlock it names the waiting actors.
//! * Controllers, bodies of functions and services are actors: `async` blocks on a host. They may
//!   only await Isotherm's futures (sleeps, messages, work, [`join`](kernel::join),
//!   [`select`](kernel::select)); futures of other crates would never be woken.
//! * Failures within the simulation, such as a full storage or a host that is off, are results: a
//!   [`FailureCause`](services::FailureCause) in the record of the invocation, or the `Err` of a
//!   future. Errors of your own pass with `?` ([`or_fail`](services::OrFail::or_fail)).
//! * [Sizes, durations, rates](quantities) carry their units: `250 * MB`, `minutes(10)`,
//!   `gbit_per_s(1)`.
//!
//! # Modules
//!
//! Each module is a crate, which uses only crates above it in this list.
//!
//! | module | contents | read it for |
//! |---|---|---|
//! | [`kernel`] | time, actors, mailboxes, activities that share resources, random streams | actors of your own; the order of events |
//! | [`platform`] | hosts, disks, links, routes and their models; SimGrid's platform files | [describing](platform::PlatformBuilder) hardware; [turning parts off](platform::Platform) |
//! | [`services`] | storage, bare-metal computing, messages, controllers, failure causes | [actions](services::BareMetalService) without functions; files |
//! | [`serverless`] | images, functions, containers, the service and its policies | the [life of an invocation](serverless); policies of your own |
//! | [`workload`] | arrivals: listed, generated, or read from traces | [replaying a trace](workload::CsvTrace) |
//! | [`results`] | columns, streaming statistics, CSV and JSON Lines | the [columns](results::Column) of a record |
//! | [`figures`] | platforms as tables and drawings | [drawing a platform](figures::platform) |
//! | [`config`] | trees with places, field descriptions, units, diagnostics | files of your own in the same style |
//! | [`experiment`] | experiment files, from text to results on disk | running experiments from a program |
//! | [`conform`] | scenarios of the reference, simulated and compared | checking that dates are the reference's |
//! | [`study`] | sweeps on all cores, comparison with intervals, why an invocation was slow | many runs, and second looks at one |
//!
//! This crate adds the [`prelude`], the [`quantities`], [`World`], [`Cluster`] and [`Error`].
//!
//! # How to …
//!
//! ## … decide where invocations go, what is kept, what is evicted
//!
//! Policies are small traits that see a read-only view of the platform and return decisions:
//! [`Scheduler`](serverless::scheduler::Scheduler),
//! [`KeepAlive`](serverless::keep_alive::KeepAlive),
//! [`ContainerEviction`](serverless::eviction::ContainerEviction). Give yours to
//! [`ServiceConfig`](serverless::ServiceConfig). A scheduler that only chooses a node leaves the
//! rest to a [`Placement`](serverless::scheduler::Placement):
//!
//! ```
//! use isotherm::prelude::*;
//!
//! /// Every invocation goes to the last node that has room for it.
//! struct LastFit;
//!
//! impl Scheduler for LastFit {
//!     fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
//!         let mut placement = Placement::new(view, plan);
//!         for pending in view.pending() {
//!             let free = view.with_free_slot().iter();
//!             let node = free.filter(|&node| placement.has_place(pending.function, node)).last();
//!             if let Some(node) = node {
//!                 placement.place(pending, node);
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! `docs/writing-policies.md` in the repository explains each of them, and
//! `examples/custom_scheduler.rs` compares a scheduler with the built-in ones.
//!
//! ## … observe a simulation
//!
//! | method | observes |
//! |---|---|
//! | [`collect_records`](serverless::ServerlessComputeService::collect_records) | all invocations that have ended, after the run |
//! | [`records_to`](serverless::ServerlessComputeService::records_to) | the same during the run, in a [sink](serverless::RecordSink): [statistics](results::Summary), [files](results::RecordWriter), your own |
//! | [`observe`](serverless::ServerlessComputeService::observe) | [events](serverless::PlatformEvent): all changes of what nodes hold |
//! | [`observe_messages`](services::Site::observe_messages) | every message between actors, with its size |
//! | [`Invocation::record`](serverless::Invocation::record) | one invocation, also before its end |
//!
//! ```
//! use isotherm::prelude::*;
//!
//! # fn main() -> Result<(), isotherm::Error> {
//! # let world = World::new(Cluster::new(1).build()?)?;
//! # let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes());
//! # let platform = ServerlessComputeService::start(world.site(), config)?;
//! platform.observe(Box::new(|event| {
//!     if let EventKind::ContainerStopped { container, cause, .. } = event.kind {
//!         println!("{}: container {container} has ended: {}", event.at, cause.name());
//!     }
//! }));
//! # Ok(())
//! # }
//! ```
//!
//! ## … let things fail
//!
//! A [`Platform`](platform::Platform) turns hosts, disks and links off and on, immediately or by a
//! [profile](platform::Profile). What runs there fails with a cause.
//!
//! ```
//! use isotherm::prelude::*;
//!
//! # fn main() -> Result<(), isotherm::Error> {
//! let world = World::new(Cluster::new(1).build()?)?;
//! let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes());
//! let platform = ServerlessComputeService::start(world.site(), config)?;
//! let node = world.host("node0")?;
//! world.controller(world.host("user")?, "controller", async move |me| {
//!     let functions = me.function_manager();
//!     let nap = Function::new("nap", None, Body::sleep(secs(10)));
//!     let nap = functions.register(&nap, &platform, Limits::time(minutes(1))).await?;
//!     let invocation = functions.invoke(&nap).await?;
//!     me.sleep(secs(3)).await;
//!     me.site().platform().turn_off(node);
//!     functions.wait_one(&invocation).await;
//!     assert_eq!(invocation.cause(), Some(FailureCause::HostFailed { host: "node0".into() }));
//!     assert_eq!(me.now(), Time::ZERO + secs(3));
//!     Ok(())
//! });
//! world.run()?;
//! # Ok(())
//! # }
//! ```
//!
//! ## … draw random numbers
//!
//! Each component takes a named [stream](kernel::RandomStreams) of one seed, so that adding a
//! component does not change the numbers of the others. [Distributions](kernel::Distribution) give
//! the same bits on every machine.
//!
//! ```
//! use isotherm::prelude::*;
//!
//! let streams = RandomStreams::new(42);
//! let mut arrivals = streams.stream("arrivals");
//! let gap = Distribution::exponential_with_mean(0.5)?;
//! let first = secs(gap.sample(&mut arrivals));
//! assert!(first > Duration::ZERO);
//! # Ok::<(), isotherm::Error>(())
//! ```
//!
//! ## … write your own actors and services
//!
//! [`ExecutionController::spawn`](services::ExecutionController::spawn) starts an actor on a host;
//! [`Port`](services::Port)s carry messages between actors, over the network if they have a size; a
//! [`BareMetalService`](services::BareMetalService) runs actions on the cores of a host, and a
//! [`StorageService`](services::StorageService) keeps files. See `examples/bare_metal.rs` and
//! `examples/custom_controller.rs`.
//!
//! ## … run an experiment file from a program
//!
//! [`Experiment::load`](experiment::Experiment::load) checks a file,
//! [`Experiment::run`](experiment::Experiment::run) runs it and writes its results.
//! [`RunOptions`](experiment::RunOptions) put policies of your own in place of the file's, and
//! [`Experiment::start`](experiment::Experiment::start) gives a run that you advance yourself, date
//! by date or decision by decision. [`Kinds`](experiment::Kinds) are policies of your own that the
//! file can name.
//!
//! # Where to go next
//!
//! * [`ServiceConfig`](serverless::ServiceConfig): the configuration of a serverless platform, and
//!   the two [presets](serverless::Preset).
//! * [`FunctionManager`](serverless::FunctionManager): register, invoke, wait for one, any or all,
//!   cancel.
//! * [`Call`](serverless::Call): what a body can do, such as invoking other functions.
//! * [`InvocationRecord`](serverless::InvocationRecord): all dates of an invocation, and what it
//!   waited for.
//! * `examples/` in the repository: `custom_scheduler.rs`, `own_policy_on_a_trace.rs`,
//!   `own_kind.rs` (a policy that experiment files name), `autoscaler.rs`, `stepped.rs` (the caller
//!   decides), `custom_controller.rs` (clients with think times), `chained_functions.rs` (a
//!   function that invokes two others and takes the answer that comes first), `image_caching.rs`
//!   (where images are found), `bare_metal.rs` (actions without functions).
//! * `docs/` in the repository: what is modelled and how, with worked numbers. `ARCHITECTURE.md`:
//!   the invariants, the order among equals, where dates follow the reference simulator.

#[cfg(feature = "experiment")]
pub use isotherm_config as config;
#[cfg(feature = "experiment")]
pub use isotherm_conform as conform;
#[cfg(feature = "experiment")]
pub use isotherm_experiment as experiment;
#[cfg(feature = "figures")]
pub use isotherm_figures as figures;
pub use isotherm_kernel as kernel;
pub use isotherm_platform as platform;
#[cfg(feature = "results")]
pub use isotherm_results as results;
pub use isotherm_serverless as serverless;
pub use isotherm_services as services;
#[cfg(feature = "experiment")]
pub use isotherm_study as study;
#[cfg(feature = "workload")]
pub use isotherm_workload as workload;

mod cluster;
mod error;
pub mod prelude;
pub mod quantities;
mod world;

pub use cluster::Cluster;
pub use error::Error;
pub use world::{FunctionUser, World};

/// The Rust in the documentation of the repository is compiled and run with the tests.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/concepts.md")]
    struct Concepts;
    #[doc = include_str!("../../../docs/platforms.md")]
    struct Platforms;
    #[doc = include_str!("../../../docs/sharing.md")]
    struct Sharing;
    #[doc = include_str!("../../../docs/tutorial.md")]
    struct Tutorial;
    #[doc = include_str!("../../../docs/writing-policies.md")]
    struct WritingPolicies;
}
