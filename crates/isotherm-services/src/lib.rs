//! What any simulated site has: storage services, bare-metal compute services and execution
//! controllers, the data that move between them and the reasons for which any of it fails.
//!
//! * [`Site`]: the platform that services share, with those who watch their messages.
//! * [`Port`] and [`Address`]: how services and controllers talk.
//! * [`StorageService`]: files to be read, written, copied and deleted; its books are a [`FileSystem`].
//! * [`move_data`]: how bytes get from one disk or memory to another.
//! * [`BareMetalService`]: runs actions on a host and keeps the ledger of its cores.
//! * [`ExecutionController`]: an actor that drives a simulation.
//! * [`FailureCause`]: the one list of reasons for which something in a simulation can fail.
//!
//! # Invariants
//!
//! 1. Services know nothing of functions or images.
//! 2. Services talk by messages; one of 0 bytes costs no simulated time and no event.
//! 3. Dropping a future, or killing the actor that holds it, leaves all books right.
//! 4. No host, disk or link that fails leaves anybody waiting for an answer that never comes.

mod bare_metal;
mod controller;
mod failure;
mod file_system;
mod guards;
mod port;
mod site;
mod storage;
mod transfer;

pub use bare_metal::{
    Action, ActionContext, ActionId, ActionReport, ActionRequest, ActionState, ActionStatus, AtLimit, BareMetalConfig,
    BareMetalService, BodyFuture, CustomBody, Ledger,
};
pub use controller::ExecutionController;
pub use failure::FailureCause;
pub use file_system::{Evicted, Eviction, FileError, FileId, FileName, FileSystem};
pub use guards::{FilePin, FileWrite, Room, SharedFileSystem};
pub use port::{Delivery, Message, Port};
pub use site::{Address, MessageEvent, Site};
pub use storage::{StorageConfig, StorageService};
pub use transfer::{DataEnd, copy_within, move_data};
