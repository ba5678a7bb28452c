//! Isotherm platform.
pub mod builder;
pub mod error;
mod id;
mod model;
mod profile;
mod raw;
mod resolve;
mod routing;
mod spec;
pub mod units;
mod xml;

pub use builder::{DiskBuilder, HostBuilder, LinkBuilder, PlatformBuilder, Via};
pub use error::{Kind, Place, PlatformError, Problem};
pub use id::{DiskId, HostId, LinkId};
pub use model::NetworkModel;
pub use profile::{Occurrences, Profile, ProfileError};
pub use routing::Links;
pub use spec::{DiskSpec, HostSpec, LinkSharing, LinkSpec, PlatformSpec, Properties};
pub use xml::ProfileFiles;
