//! Isotherm simulates serverless (FaaS) platforms: fast, exactly, and the same on every machine.
//!
//! You say which hosts, disks and links there are, which images and functions are registered, who invokes what and when, and which
//! policies the platform follows. Isotherm plays it in virtual time and gives back the life of every invocation: when it was
//! submitted, admitted, dispatched, started and ended, on which node, cold or warm, and what it waited for.
//!
//! Whoever only wants to run experiments needs no Rust: the command `isotherm run FILE` takes them from a TOML file. This
//! crate is for simulations as programs: bodies and clients that decide while they run, policies of one's own, services beside the
//! serverless platform.
//!
//! # A complete simulation
//!
//! A function that makes thumbnails runs on one compute host. It is invoked twice: the first invocation has to wait for its image and
//! for a container, the second one finds both.
//!
//! ```
//! use std::cell::RefCell;
//! use std::rc::Rc;
//!
//! use isotherm::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // What there is: a user with an image repository, far away from the platform's two hosts.
//! let mut hosts = PlatformBuilder::new();
//! hosts.host("user", gflop(1));
//! hosts.disk("user", "repository", mb_per_s(500), mb_per_s(500));
//! hosts.host("head", gflop(1)).cores(8);
//! hosts.disk("head", "images", gb_per_s(2), gb_per_s(1)).size(TB);
//! hosts.host("node", gflop(5)).cores(16).memory(64 * GIB);
//! hosts.disk("node", "local", gb_per_s(2), gb_per_s(1)).size(500 * GB);
//! hosts.link("wan", gbit_per_s(1), 10e-3);
//! hosts.link("lan", gbit_per_s(10), 50e-6);
//! hosts.route("user", "head", ["wan"]);
//! hosts.route("head", "node", ["lan"]);
//! hosts.route("user", "node", ["wan", "lan"]);
//! let hosts = hosts.build().expect("the description is consistent");
//!
//! // A simulation of it.
//! let simulation = Simulation::new();
//! let site = Site::new(Platform::new(&simulation.kernel(), hosts)?);
//! let host = |name| site.platform().host(name).expect("it was described above");
//! let (user, head, node) = (host("user"), host("head"), host("node"));
//!
//! // Its services: storage for images, and the serverless platform.
//! let disk = site.platform().disk_at(user, "/").expect("it was described above");
//! let repository = StorageService::start(&site, StorageConfig::on_disk("repository", user, disk));
//! repository.put("python", 250 * MB, 0)?;
//!
//! let mut config = ServiceConfig::new(Preset::Default, head, vec![NodeConfig { host: node, slots: Slots::Cores }]);
//! config.keep_alive = Box::new(Fixed::new(minutes(10)));
//! config.startup_overhead = millis(300);
//! let platform = ServerlessComputeService::start(&site, config)?;
//! let records = Rc::new(RefCell::new(Vec::<InvocationRecord>::new()));
//! platform.records_to(records.clone());
//!
//! // What happens: an actor on the user's host that registers, invokes and waits.
//! ExecutionController::spawn(&site, user, "controller", async move |me| {
//!     let functions = FunctionManager::start(me.site(), me.host());
//!     let python = functions.image("python", 250 * MB, 120 * MB, &repository);
//!     let body = Body::custom(async |call| {
//!         call.compute(gflop(5)).await?;
//!         call.storage().write("thumbnail", 2 * MB).await
//!     });
//!     let resize = functions.function("resize", &python, body);
//!     let limits = Limits::time(secs(60)).memory(512 * MB).disk(GB);
//!     let resize = functions.register(&resize, &platform, limits).await?;
//!
//!     let first = functions.invoke(&resize).await?;
//!     me.sleep(secs(30)).await;
//!     let second = functions.invoke(&resize).await?;
//!     let done = functions.wait_any([&first, &second]).await;
//!     assert_eq!(done, Some(first), "it ended long ago");
//!     functions.wait_one(&second).await;
//!     Ok::<(), FailureCause>(())
//! });
//! let end = simulation.run()?;
//!
//! for record in &*records.borrow() {
//!     let start = record.start_kind.map_or("no", StartKind::name);
//!     println!("{}: {}, {start} start, {} s", record.id, record.outcome.name(), record.response());
//! }
//! # let [first, second] = &records.borrow()[..] else { panic!("two invocations have ended") };
//! # // The first waits for 250 MB over 1 Gb/s (2 s and the protocol's share), for a copy and a load at 1 GB/s or so, and for its container.
//! # assert_eq!(first.start_kind, Some(StartKind::Cold));
//! # assert!(first.download_wait > secs(2) && first.download_wait < secs(2.5));
//! # assert!(first.response() > secs(2 + 1) && first.response() < secs(5));
//! # // The second computes 5 Gf at 5 Gf/s and writes 2 MB at 1 GB/s.
//! # assert_eq!(second.start_kind, Some(StartKind::Warm));
//! # assert_eq!(second.response(), secs(1.002));
//! # assert_eq!(end, second.finished);
//! # Ok(())
//! # }
//! ```
//!
//! It prints
//!
//! ```text
//! 0: completed, cold start, 3.907698954 s
//! 1: completed, warm start, 1.002000000 s
//! ```
//!
//! # How to read it
//!
//! * A [`Simulation`](kernel::Simulation) owns everything; its [`Kernel`](kernel::Kernel) is the handle that all parts hold. Virtual time is
//!   whole nanoseconds and moves only when no actor can run. [`run`](kernel::Simulation::run) returns when every actor that is not a
//!   service has ended, or with an error that says why the simulation cannot go on: a deadlock is told with the names of those who wait.
//! * An actor is an `async` block on a host. Futures in it come from Isotherm alone (sleeps, messages, work, [`join`](kernel::join),
//!   [`select`](kernel::select)); those of other crates would never be woken.
//! * A [`Site`](services::Site) is the platform together with those who watch its messages; services are started on it.
//! * Failures within the simulation, such as a full storage or a host that is off, are results for you to study, not errors of the
//!   program: a [`FailureCause`](services::FailureCause) each, in the record of the invocation or as the `Err` of what was awaited.
//! * [Sizes, durations, rates](quantities) carry their units: `250 * MB`, `minutes(10)`, `gbit_per_s(1)`.
//!
//! # Where is what
//!
//! Each module is a crate of its own, and uses only those above it in this list.
//!
//! | module | has | to be read for |
//! |---|---|---|
//! | [`kernel`] | time, actors, mailboxes, activities that share resources, random streams | actors of your own; the order of events |
//! | [`platform`] | hosts, disks, links, routes and their models; SimGrid's platform files | [describing](platform::PlatformBuilder) hardware; [turning parts off](platform::Platform) |
//! | [`services`] | storage, bare-metal computing, messages, controllers, failure causes | [actions](services::BareMetalService) without functions; files |
//! | [`serverless`] | images, functions, containers, the service and its policies | the [life of an invocation](serverless); a [scheduler](serverless::scheduler) of your own |
//! | [`workload`] | arrivals: written out, drawn, or read from traces | [replaying a trace](workload::CsvTrace) |
//! | [`results`] | columns, streaming statistics, CSV | [what is left](results::Column) of an invocation |
//! | [`experiment`] | experiment files, from text to results on disk | running experiments from a program |
//!
//! and beside them the [`prelude`] and the [`quantities`].
//!
//! # Where to go next
//!
//! * [`ServiceConfig`](serverless::ServiceConfig): everything that can be told to a serverless platform, and the two
//!   [presets](serverless::Preset).
//! * [`FunctionManager`](serverless::FunctionManager): register, invoke, wait for one, any or all, cancel.
//! * [`Call`](serverless::Call): what a body can do, such as invoking other functions.
//! * [`InvocationRecord`](serverless::InvocationRecord): every date of an invocation, and what it waited for.
//! * `examples/` in the repository: `closed_loop.rs` (clients that think and invoke again), `chained_functions.rs` (a function that
//!   invokes two others and takes the answer that comes first).
//! * `ARCHITECTURE.md` in the repository: the invariants, the order among equals, where dates follow the reference simulator.

pub use isotherm_experiment as experiment;
pub use isotherm_kernel as kernel;
pub use isotherm_platform as platform;
pub use isotherm_results as results;
pub use isotherm_serverless as serverless;
pub use isotherm_services as services;
pub use isotherm_workload as workload;

pub mod prelude;
pub mod quantities;
