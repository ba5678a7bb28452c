//! Disks: the disk model S19.
//!
//! A disk is three resources: what it can read, what it can write, and what it can do of both
//! together (by default the larger of the two). A read uses the first and the third, a write the
//! second and the third; accesses share them in proportion to their priorities. There is no
//! latency.

use std::cell::Cell;

use isotherm_kernel::{Activity, ActivitySpec, Kernel, Rank, ResourceId, Sharing};

use crate::error::PlatformError;
use crate::id::DiskId;
use crate::platform::{Platform, valid_priority};
use crate::raw::check_rate;
use crate::spec::DiskSpec;

pub(crate) struct DiskState {
    pub(crate) read: ResourceId,
    pub(crate) write: ResourceId,
    pub(crate) readwrite: ResourceId,
    pub(crate) on: Cell<bool>,
}

/// What one does with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskAccess {
    /// Reading.
    Read,
    /// Writing.
    Write,
}

/// One of the three bandwidths of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskBandwidth {
    /// All reads together.
    Read,
    /// All writes together.
    Write,
    /// All reads and writes together.
    ReadWrite,
}

impl DiskState {
    pub(crate) fn new(kernel: &Kernel, spec: &DiskSpec) -> Self {
        Self {
            read: kernel.resource(spec.read_bandwidth, Sharing::Shared),
            write: kernel.resource(spec.write_bandwidth, Sharing::Shared),
            readwrite: kernel.resource(spec.readwrite_bandwidth, Sharing::Shared),
            on: Cell::new(true),
        }
    }

    pub(crate) fn resources(&self) -> [ResourceId; 3] {
        [self.read, self.write, self.readwrite]
    }

    /// The resource that only this kind of access uses.
    pub(crate) fn own(&self, access: DiskAccess) -> ResourceId {
        match access {
            DiskAccess::Read => self.read,
            DiskAccess::Write => self.write,
        }
    }
}

impl Platform {
    /// Starts reading from a disk.
    ///
    /// # Panics
    /// If the size is negative or not a number.
    #[track_caller]
    pub fn disk_read(&self, disk: DiskId, bytes: f64) -> Activity {
        self.disk_access(disk, DiskAccess::Read, bytes, 1.0)
    }

    /// Starts writing to a disk.
    ///
    /// # Panics
    /// If the size is negative or not a number.
    #[track_caller]
    pub fn disk_write(&self, disk: DiskId, bytes: f64) -> Activity {
        self.disk_access(disk, DiskAccess::Write, bytes, 1.0)
    }

    /// Starts an access to a disk. A priority that is not positive counts as 1.
    ///
    /// # Panics
    /// If the size is negative or not a number.
    #[track_caller]
    pub fn disk_access(
        &self,
        disk: DiskId,
        access: DiskAccess,
        bytes: f64,
        priority: f64,
    ) -> Activity {
        let state = &self.inner.disks[disk.index()];
        let spec = ActivitySpec::new(Rank::Disk, bytes)
            .penalty(1.0 / valid_priority(priority))
            .uses(state.own(access), 1.0)
            .uses(state.readwrite, 1.0);
        let activity = self.inner.kernel.start(spec);
        if !state.on.get() {
            self.inner.kernel.fail_users(state.readwrite);
        }
        activity
    }

    /// Changes a bandwidth of a disk, in bytes per second. Running accesses continue with the new
    /// one.
    ///
    /// # Errors
    /// If the bandwidth is not positive and finite.
    pub fn set_disk_bandwidth(
        &self,
        disk: DiskId,
        which: DiskBandwidth,
        bandwidth: f64,
    ) -> Result<(), PlatformError> {
        let bandwidth = check_rate("the bandwidth of a disk", bandwidth)?;
        let state = &self.inner.disks[disk.index()];
        let resource = match which {
            DiskBandwidth::Read => state.read,
            DiskBandwidth::Write => state.write,
            DiskBandwidth::ReadWrite => state.readwrite,
        };
        self.inner.kernel.set_capacity(resource, bandwidth);
        Ok(())
    }
}
