//! The limits of functions.

use isotherm_kernel::Duration;

/// The limits of a registered function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long the body may run, start-up excluded; [`Duration::MAX`] is unlimited.
    pub time: Duration,
    /// Disk space of a container in bytes: the size of its private storage.
    pub disk_bytes: u64,
    /// Memory of a container in bytes, excluding its image.
    pub memory_bytes: u64,
}

impl Limits {
    /// A time limit, and no disk space or memory.
    #[must_use]
    pub fn time(time: Duration) -> Self {
        Limits { time, disk_bytes: 0, memory_bytes: 0 }
    }

    /// Sets the memory limit in bytes.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// Sets the disk limit in bytes.
    #[must_use]
    pub fn disk(mut self, bytes: u64) -> Self {
        self.disk_bytes = bytes;
        self
    }
}

/// How many invocations of a function may run at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Concurrency {
    /// In one container.
    pub(crate) per_container: u32,
    /// In all containers; `None`: any number.
    pub(crate) limit: Option<u32>,
    /// Whether this number is reserved for the function.
    pub(crate) reserved: bool,
}

impl Default for Concurrency {
    fn default() -> Self {
        Concurrency { per_container: 1, limit: None, reserved: false }
    }
}
