//! Hosts, disks, links and routes, and how fast they are.
//!
//! * [`PlatformSpec`] says what there is. It is read from a SimGrid platform file
//!   ([`PlatformSpec::from_simgrid_xml`]) or made with a [`PlatformBuilder`], and checked as a
//!   whole.
//! * [`Platform`] is such a description in a simulation. It starts computations, disk accesses,
//!   transfers and streams, and turns hosts, disks and links on and off.
//! * [`units`] reads quantities such as `1.25GBps`, and [`quantity`] shows them to people.
//!
//! # Invariants
//!
//! 1. No path is opened here: a text comes in, and what it refers to is asked of the caller.
//! 2. A [`PlatformSpec`] that exists is consistent; all errors of a description are reported at
//!    once.
//! 3. This crate does not know services, files or functions.

pub mod builder;
pub mod error;
pub mod platform;
pub mod profile;
pub mod quantity;
pub mod spec;
pub mod units;

mod cpu;
mod disk;
mod id;
mod model;
mod nearest;
mod network;
mod profile_events;
mod raw;
mod resolve;
mod routing;
mod series;
mod state;
mod xml;

pub use builder::{ClusterBuilder, DiskBuilder, HostBuilder, LinkBuilder, PlatformBuilder, Via};
pub use cpu::ComputeOptions;
pub use disk::{DiskAccess, DiskBandwidth};
pub use error::{Kind, PlatformError, Problem, TextPosition};
pub use id::{DiskId, HostId, LinkId, RouterId, ZoneId};
pub use model::NetworkModel;
pub use network::{Endpoint, Route};
pub use platform::{Part, Platform};
pub use profile::{Occurrences, Profile, ProfileError};
pub use profile_events::ProfileTarget;
pub use routing::{Cable, FatTreeNode, FatTreeShape, Links, Point, Routing};
pub use spec::{
    Attachment, DeclaredRoute, DiskSpec, HostSpec, LinkSharing, LinkSpec, PlatformSpec, Properties,
    RemoteDisk, RouterSpec, ZoneSpec,
};
pub use xml::ProfileFiles;
