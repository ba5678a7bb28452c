//! What the platform did, counted from its event log.

use isotherm_serverless::{EventKind, PlatformEvent, StopReason};
use serde::Serialize;

use crate::reference::described;

described! {
    /// Counts of what happened on the platform during a run.
    ///
    /// ```
    /// use isotherm_kernel::Time;
    /// use isotherm_results::PlatformCounts;
    /// use isotherm_serverless::{EventKind, ImageId, PlatformEvent};
    ///
    /// let mut counts = PlatformCounts::default();
    /// counts.observe(&PlatformEvent { at: Time::ZERO, kind: EventKind::DownloadEnded { image: ImageId(0) } });
    /// assert_eq!(counts.downloads, 1);
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
    pub struct PlatformCounts {
        /// Containers that were started, those that were warm from the start among them.
        pub containers_started: u64,
        /// Containers that were started before they were needed, as the keep-alive policy asked;
        /// they are among those started.
        pub containers_prewarmed: u64,
        /// Containers that were to be so started, but found no room.
        pub prewarmings_skipped: u64,
        /// Idle containers that were stopped to make room for another container or for an image.
        pub containers_evicted: u64,
        /// Images downloaded from the repository to the head disk.
        pub downloads: u64,
        /// Downloads that failed.
        pub downloads_failed: u64,
        /// Images copied from the head disk to the disk of a node.
        pub copies: u64,
        /// Copies that found no room or were interrupted.
        pub copies_failed: u64,
        /// Images loaded from the disk of a node into its memory.
        pub loads: u64,
        /// Loads that found no room or were interrupted.
        pub loads_failed: u64,
        /// Images pushed out of the head disk.
        pub head_evictions: u64,
        /// Images pushed out of the disk of a node.
        pub disk_evictions: u64,
        /// Images that left the memory of a node.
        pub memory_evictions: u64,
    }
}

impl PlatformCounts {
    /// Takes one event of the platform's log.
    #[inline]
    pub fn observe(&mut self, event: &PlatformEvent) {
        let count = match &event.kind {
            EventKind::ContainerStarted { .. } => &mut self.containers_started,
            EventKind::Prewarmed { .. } => &mut self.containers_prewarmed,
            EventKind::PrewarmingSkipped { .. } => &mut self.prewarmings_skipped,
            EventKind::ContainerStopped { cause: StopReason::Evicted, .. } => {
                &mut self.containers_evicted
            }
            EventKind::DownloadEnded { .. } => &mut self.downloads,
            EventKind::DownloadFailed { .. } => &mut self.downloads_failed,
            EventKind::CopyEnded { .. } => &mut self.copies,
            EventKind::CopyFailed { .. } => &mut self.copies_failed,
            EventKind::LoadEnded { .. } => &mut self.loads,
            EventKind::LoadFailed { .. } => &mut self.loads_failed,
            EventKind::HeadEvicted { .. } => &mut self.head_evictions,
            EventKind::DiskEvicted { .. } => &mut self.disk_evictions,
            EventKind::MemoryEvicted { .. } => &mut self.memory_evictions,
            _ => return,
        };
        *count += 1;
    }

    /// Everything that was pushed out to make room: containers, and images from any level.
    #[must_use]
    pub fn evictions(&self) -> u64 {
        self.containers_evicted + self.head_evictions + self.disk_evictions + self.memory_evictions
    }
}
