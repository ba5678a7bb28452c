//! Transfers of data between memories and disks, on one host or across the network.
//!
//! # Fluid and buffered transfers
//!
//! A *fluid* transfer is a single stream: reading, sending and writing overlap perfectly, and the
//! rate is the least that the source disk, the route and the destination disk give it. It is used
//! unless both ends are buffered.
//!
//! A *buffered* transfer moves chunks of the size of the source's buffer through a pipeline of
//! three stages: the source reads a chunk while the previous one is sent, and the destination
//! writes a chunk while the next one is received. Chunks are plain disk accesses and network
//! transfers, each with its latency. With `n` chunks and stages of `r`, `c` and `w` seconds per
//! chunk, not shared with others, it takes about `r + c + w + (n − 1) · max(r, c, w)`.
//!
//! The future owns the activities of the transfer: dropping it aborts them.

use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use isotherm_kernel::{Activity, ActivityError};
use isotherm_platform::{DiskId, Endpoint, HostId, Part, PlatformError};

use crate::{FailureCause, Site};

/// An end of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataEnd {
    /// The host.
    pub host: HostId,
    /// The disk; `None` is the memory of the host.
    pub disk: Option<DiskId>,
    /// The size of a chunk in bytes, if it moves data in chunks; `Some(0)` counts as `None`.
    pub buffer: Option<u64>,
}

impl DataEnd {
    /// The memory of a process that reads from `other` or writes to it. It is buffered if `other`
    /// is.
    #[must_use]
    pub fn memory_for(host: HostId, other: &DataEnd) -> Self {
        Self { host, disk: None, buffer: other.buffer }
    }

    /// The size of a chunk, if there are chunks.
    fn chunk(&self) -> Option<u64> {
        self.buffer.filter(|&bytes| bytes > 0)
    }

    /// Whether it moves data in chunks.
    #[must_use]
    pub fn is_buffered(&self) -> bool {
        self.chunk().is_some()
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint { host: self.host, disk: self.disk }
    }
}

/// Moves data from one end to the other: in chunks if both ends are buffered, otherwise fluidly.
///
/// # Errors
/// A host, a disk or a link failed, or there is no route.
pub async fn move_data(
    site: &Site,
    from: DataEnd,
    to: DataEnd,
    bytes: u64,
) -> Result<(), FailureCause> {
    move_watched(site, from, to, bytes, &mut || {}).await
}

/// Like [`move_data`], and calls `on_read` at each access to the source: when a chunk begins to be
/// read, or when a stream has ended.
pub(crate) async fn move_watched(
    site: &Site,
    from: DataEnd,
    to: DataEnd,
    bytes: u64,
    on_read: &mut dyn FnMut(),
) -> Result<(), FailureCause> {
    check_on(site, from.host)?;
    check_on(site, to.host)?;
    match from.chunk() {
        Some(chunk) if to.is_buffered() => {
            Pipeline::new(site, from, to, bytes, chunk).run(on_read).await?;
        }
        _ => {
            site.platform()
                .stream(from.endpoint(), to.endpoint(), bytes as f64)
                .map_err(|error| unreachable(&error))?
                .await
                .map_err(|error| failure(site, error))?;
            on_read();
        }
    }
    check_on(site, from.host)?;
    check_on(site, to.host)
}

/// Copies data within one end: fluidly or, if it is buffered, chunk by chunk, each read and then
/// written.
///
/// # Errors
/// The host or the disk failed.
pub async fn copy_within(site: &Site, end: DataEnd, bytes: u64) -> Result<(), FailureCause> {
    let Some(chunk) = end.chunk() else {
        return move_data(site, end, end, bytes).await;
    };
    check_on(site, end.host)?;
    let mut left = bytes.max(1);
    while let (Some(disk), true) = (end.disk, left > 0) {
        let now = left.min(chunk);
        let platform = site.platform();
        let read = platform.disk_read(disk, now as f64);
        read.await.map_err(|error| failure(site, error))?;
        let write = platform.disk_write(disk, now as f64);
        write.await.map_err(|error| failure(site, error))?;
        left -= now;
    }
    check_on(site, end.host)
}

/// A stage of the pipeline.
#[derive(Default)]
enum PipelineStage {
    #[default]
    Idle,
    Busy(Activity),
    /// It takes no time, because it accesses memory; its end has not been noticed yet.
    Done,
}

impl PipelineStage {
    fn is_idle(&self) -> bool {
        matches!(self, PipelineStage::Idle)
    }

    /// A chunk is lost if the transfer is aborted, so its end is no progress.
    fn of(activity: Option<Activity>) -> Self {
        activity.map_or(PipelineStage::Done, |activity| PipelineStage::Busy(activity.as_part()))
    }

    /// Whether it has ended since the last call; then it is idle.
    fn poll(&mut self, cx: &mut Context<'_>) -> Result<bool, ActivityError> {
        match self {
            PipelineStage::Idle => return Ok(false),
            PipelineStage::Done => {}
            PipelineStage::Busy(activity) => match Pin::new(activity).poll(cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(result) => result?,
            },
        }
        *self = PipelineStage::Idle;
        Ok(true)
    }
}

/// The stages of a buffered transfer, and the number of chunks that each has processed.
struct Pipeline<'a> {
    site: &'a Site,
    from: DataEnd,
    to: DataEnd,
    bytes: u64,
    chunk: u64,
    chunks: u64,
    read: u64,
    /// Chunks that the source has handed over for sending.
    posted: u64,
    sent: u64,
    written: u64,
    reading: PipelineStage,
    sending: PipelineStage,
    writing: PipelineStage,
}

impl<'a> Pipeline<'a> {
    fn new(site: &'a Site, from: DataEnd, to: DataEnd, bytes: u64, chunk: u64) -> Self {
        // An empty transfer moves one byte, because a chunk must signal the end.
        let bytes = bytes.max(1);
        Self {
            site,
            from,
            to,
            bytes,
            chunk,
            chunks: bytes.div_ceil(chunk),
            read: 0,
            posted: 0,
            sent: 0,
            written: 0,
            reading: PipelineStage::Idle,
            sending: PipelineStage::Idle,
            writing: PipelineStage::Idle,
        }
    }

    async fn run(&mut self, on_read: &mut dyn FnMut()) -> Result<(), FailureCause> {
        poll_fn(|cx| {
            loop {
                if self.written == self.chunks {
                    self.site.kernel().note_progress();
                    return Poll::Ready(Ok(()));
                }
                let advanced = match self.advance(cx, on_read) {
                    Ok(advanced) => advanced,
                    Err(cause) => return Poll::Ready(Err(cause)),
                };
                if !advanced {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Starts what can start and notes what has ended. Returns whether anything has ended.
    fn advance(
        &mut self,
        cx: &mut Context<'_>,
        on_read: &mut dyn FnMut(),
    ) -> Result<bool, FailureCause> {
        self.start(on_read)?;
        let failed = |error| failure(self.site, error);
        let (read, sent, written) = (
            self.reading.poll(cx).map_err(failed)?,
            self.sending.poll(cx).map_err(failed)?,
            self.writing.poll(cx).map_err(failed)?,
        );
        self.read += u64::from(read);
        self.sent += u64::from(sent);
        self.written += u64::from(written);
        // A chunk is handed over when it has been read and the previous one has been sent.
        if self.read > self.posted && self.sent == self.posted {
            self.posted += 1;
        }
        Ok(read || sent || written)
    }

    fn start(&mut self, on_read: &mut dyn FnMut()) -> Result<(), FailureCause> {
        let platform = self.site.platform();
        if self.writing.is_idle() && self.written < self.sent {
            let bytes = self.size(self.written);
            let write = self.to.disk.map(|disk| platform.disk_write(disk, bytes));
            self.writing = PipelineStage::of(write);
        }
        if self.reading.is_idle() && self.read == self.posted && self.read < self.chunks {
            let bytes = self.size(self.read);
            on_read();
            let read = self.from.disk.map(|disk| platform.disk_read(disk, bytes));
            self.reading = PipelineStage::of(read);
        }
        // The destination requests a chunk when it begins to write the previous one.
        let being_written = self.written + u64::from(!self.writing.is_idle());
        if self.sending.is_idle() && self.sent < self.posted && being_written >= self.sent {
            let bytes = self.size(self.sent);
            let send = platform
                .transfer(self.from.host, self.to.host, bytes)
                .map_err(|error| unreachable(&error))?;
            self.sending = PipelineStage::of(Some(send));
        }
        Ok(())
    }

    /// The size of chunk `index`, counted from 0.
    fn size(&self, index: u64) -> f64 {
        (self.bytes - index * self.chunk).min(self.chunk) as f64
    }
}

fn check_on(site: &Site, host: HostId) -> Result<(), FailureCause> {
    if site.platform().is_on(host) {
        Ok(())
    } else {
        let host = site.platform().host_name(host);
        Err(FailureCause::HostFailed { host })
    }
}

/// The cause for the failure of an activity of the platform.
pub(crate) fn failure(site: &Site, error: ActivityError) -> FailureCause {
    let ActivityError::Failed { resource } = error else {
        return FailureCause::Cancelled;
    };
    let platform = site.platform();
    let Some(part) = platform.part(resource) else {
        return FailureCause::Cancelled;
    };
    let detail = || platform.describe(part).into();
    let host = match part {
        Part::Link(_) => return FailureCause::NetworkFailed { detail: detail() },
        Part::Host(host) => host,
        // A disk fails with its host, or on its own.
        Part::Disk(disk) if platform.is_on(platform.disk_host(disk)) => {
            return FailureCause::DiskFailed { detail: detail() };
        }
        Part::Disk(disk) => platform.disk_host(disk),
    };
    FailureCause::HostFailed { host: platform.host_name(host) }
}

/// The cause for a transfer that could not start.
pub(crate) fn unreachable(error: &PlatformError) -> FailureCause {
    FailureCause::NetworkFailed { detail: error.to_string().into() }
}
