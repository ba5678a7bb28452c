//! Services of a simulated site: storage, bare-metal compute services and execution controllers,
//! the messages and transfers between them, and the causes for which they fail.
//!
//! * [`Site`]: the platform that the services share, and the observers of their messages.
//! * [`Port`] and [`Address`]: messages between services and controllers.
//! * [`StorageService`]: files that are read, written, copied and deleted by messages; it manages
//!   them in a [`FileSystem`].
//! * [`move_data`]: transfers between disks and memories.
//! * [`BareMetalService`]: runs actions on a host and accounts for its cores.
//! * [`ExecutionController`]: an actor with which a user drives a simulation.
//! * [`FailureCause`]: the reasons for which anything in a simulation can fail; [`OrFail`] makes
//!   one of any error.
//!
//! ```
//! use isotherm_kernel::Simulation;
//! use isotherm_platform::{Platform, PlatformBuilder};
//! use isotherm_services::{Action, BareMetalConfig, BareMetalService, ExecutionController};
//! use isotherm_services::{FailureCause, Site, StorageConfig, StorageService};
//!
//! let mut builder = PlatformBuilder::new();
//! builder.host("user", 1e9);
//! builder.host("node", 1e9).cores(2);
//! builder.disk("node", "disk", 200e6, 100e6);
//! builder.link("lan", 125e6, 50e-6);
//! builder.route("user", "node", ["lan"]);
//! let simulation = Simulation::new();
//! let platform = Platform::new(&simulation.kernel(), builder.build().unwrap())?;
//! let [user, node] = ["user", "node"].map(|name| platform.host(name).unwrap());
//! let disk = platform.disk_at(node, "/").unwrap();
//!
//! let site = Site::new(platform);
//! let storage = StorageService::start(&site, StorageConfig::on_disk("storage", node, disk));
//! let service = BareMetalService::start(&site, BareMetalConfig::new("bare_metal", node));
//!
//! ExecutionController::spawn(&site, user, "controller", async move |me| {
//!     let (to, bytes) = (storage.clone(), 200_000_000);
//!     let write = Action::Write { storage: to, file: "data".into(), bytes };
//!     service.perform(&me.address(), write).await.result?;
//!     assert_eq!(me.now().as_secs_f64(), 2.0);
//!     let read = Action::Read { storage, file: "data".into() };
//!     service.perform(&me.address(), read).await.result?;
//!     assert_eq!(me.now().as_secs_f64(), 3.0);
//!     Ok::<(), FailureCause>(())
//! });
//! simulation.run()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Invariants
//!
//! 1. Services know nothing of functions or images.
//! 2. Services talk by messages; one of 0 bytes costs no simulated time and no event.
//! 3. Dropping a future, or killing the actor that holds it, gives back every pin, reservation and
//!    core it held.
//! 4. When a host, disk or link fails, every caller that waits for an answer gets one.

mod any_error;
mod bare_metal;
mod controller;
mod failure;
mod file_system;
mod guards;
mod port;
mod site;
mod storage;
mod transfer;

pub use any_error::{AnyError, OrFail};
pub use bare_metal::{
    Action, ActionContext, ActionId, ActionOwner, ActionReport, ActionRequest, ActionState,
    ActionStatus, AtLimit, BareMetalConfig, BareMetalService, BodyFuture, CustomBody, Ledger,
    OnEnd, SleepRequest,
};
pub use controller::ExecutionController;
pub use failure::FailureCause;
pub use file_system::{Evicted, Eviction, FileError, FileId, FileName, FileSystem};
pub use guards::{FilePin, FileWrite, Room, SharedFileSystem};
pub use port::{Delivery, Message, Port};
pub use site::{Address, MessageEvent, Site};
pub use storage::{StorageConfig, StorageService};
pub use transfer::{DataEnd, copy_within, move_data};
