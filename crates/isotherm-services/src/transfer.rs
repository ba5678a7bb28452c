//! Moving data between memories and disks, on one host or across the network.
//!
//! # Two ways
//!
//! *Fluid*: the whole is one stream; reading, sending and writing overlap perfectly and its rate is
//! the least of what the source disk, the route and the destination disk give it. This is the way
//! unless both ends are buffered.
//!
//! *Buffered*: the data go in chunks of the size of the source's buffer. Both sides work on one
//! chunk at a time: the source reads the next chunk while the previous one is being sent, and the
//! destination writes a chunk while the next one is being received. Disk accesses are plain input
//! and output, chunks are network transfers that pay the latency each. With `n` chunks and unshared
//! stages of `r`, `c` and `w` seconds for a chunk, it takes about
//! `r + c + w + (n − 1) · max(r, c, w)`.
//!
//! The future owns everything that is on its way: dropping it breaks the move off.

use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use isotherm_kernel::{Activity, ActivityError};
use isotherm_platform::{DiskId, Endpoint, HostId, Part, PlatformError};

use crate::{FailureCause, Site};

/// Where data come from or go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataEnd {
    /// The host.
    pub host: HostId,
    /// The disk, or the memory of the host.
    pub disk: Option<DiskId>,
    /// The size of a chunk in bytes if it moves data in chunks; `Some(0)` is no buffer either.
    pub buffer: Option<u64>,
}

impl DataEnd {
    /// The memory of a process that reads from `other` or writes to it: it takes part in chunks if
    /// `other` moves in chunks.
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

/// Moves data from one end to the other: fluidly, or in chunks if both ends are buffered.
///
/// # Errors
/// A host, a disk or a link failed on the way, or there is no route.
pub async fn move_data(
    site: &Site,
    from: DataEnd,
    to: DataEnd,
    bytes: u64,
) -> Result<(), FailureCause> {
    move_watched(site, from, to, bytes, &mut || {}).await
}

/// Like [`move_data`]; calls `on_read` whenever the source is accessed: as each chunk begins to be
/// read, or as a stream has ended.
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

/// Copies data within one end: fluidly, or, if it is buffered, strictly one chunk after the other,
/// read then written.
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

/// A stage that has nothing to do, or an activity, or nothing but the end to notice.
#[derive(Default)]
enum PipelineStage {
    #[default]
    Idle,
    Busy(Activity),
    /// It takes no time: memory is read and written at once.
    Done,
}

impl PipelineStage {
    fn is_idle(&self) -> bool {
        matches!(self, PipelineStage::Idle)
    }

    /// A chunk is lost if the move is broken off, so it brings nothing forward by itself.
    fn of(activity: Option<Activity>) -> Self {
        activity.map_or(PipelineStage::Done, |activity| PipelineStage::Busy(activity.as_part()))
    }

    /// Whether it has ended; then it is idle again.
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

/// The three stages of a buffered move, and how many chunks each has dealt with.
struct Pipeline<'a> {
    site: &'a Site,
    from: DataEnd,
    to: DataEnd,
    bytes: u64,
    chunk: u64,
    chunks: u64,
    read: u64,
    /// Chunks that the source has handed over to be sent.
    posted: u64,
    sent: u64,
    written: u64,
    reading: PipelineStage,
    sending: PipelineStage,
    writing: PipelineStage,
}

impl<'a> Pipeline<'a> {
    fn new(site: &'a Site, from: DataEnd, to: DataEnd, bytes: u64, chunk: u64) -> Self {
        // Nothing is moved as one byte: there is always a chunk that says that it was the last.
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

    /// Notes what has ended and starts what can start; says whether anything has ended.
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
        // The destination asks for the next chunk when it begins to write the previous one.
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

/// Why an activity on the platform has failed.
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

/// Why a transfer could not begin.
pub(crate) fn unreachable(error: &PlatformError) -> FailureCause {
    FailureCause::NetworkFailed { detail: error.to_string().into() }
}
