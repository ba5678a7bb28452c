//! What any simulated site has: storage services, bare-metal compute services and execution
//! controllers, the data that move between them and the reasons for which any of it fails.
//!
//! * [`FileSystem`]: the books of one partition, plain and synchronous, without an actor in it.
//! * [`FailureCause`]: the one list of reasons for which something in a simulation can fail.

mod failure;
mod file_system;

pub use failure::FailureCause;
pub use file_system::{Evicted, Eviction, FileError, FileId, FileName, FileSystem};
