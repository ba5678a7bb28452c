//! Read-ahead: a workload is read by a second thread while its arrivals are simulated.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SendError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use isotherm_kernel::Time;
use isotherm_workload::{Arrival, Next, Rest, Workload, WorkloadError};

/// Arrivals per batch.
const BATCH: usize = 4096;

/// Batches in circulation: one on each side, and one in between.
const BATCHES: usize = 3;

/// A workload that is read by a thread of its own.
///
/// Reading a trace does not depend on the simulation, so it can run ahead of it. The arrivals and
/// their order are those of the workload, and an error comes in its place. A panic of the workload
/// is raised by [`next_arrival`](Workload::next_arrival) where its batch would be read. Nothing
/// depends on timing: each side blocks for the next batch and never polls.
///
/// A fixed number of batches circulates: full ones go to the consumer, empty ones back. So the
/// reader is at most [`BATCHES`] of [`BATCH`] arrivals ahead, and memory is bounded. Nothing is
/// read before the first arrival is asked for. The first batch is read by the consumer, so a short
/// workload needs no thread; the consumer reads everything if no thread can be started. Dropping
/// the workload ends the thread after the batch it is reading. A batch also ends where the workload
/// is [silent](Next::Silence), so that it never takes long; a batch without arrivals says until
/// when the silence lasts.
pub(super) struct ReadAhead<W> {
    batch: Batch,
    /// Whether it is read by a thread.
    has_thread: bool,
    /// The number of arrivals of the batch that have been returned.
    given: usize,
    reading: Reading<W>,
}

/// Consecutive arrivals.
#[derive(Default)]
struct Batch {
    arrivals: Vec<Arrival>,
    /// The date before which nothing follows, if the batch ends in silence.
    silence: Option<Time>,
    /// How the workload ends, if it ends after these arrivals.
    end: Option<Result<(), WorkloadError>>,
}

impl Batch {
    /// Fills a batch with the next arrivals, reusing its memory.
    fn read(mut arrivals: Vec<Arrival>, workload: &mut impl Workload) -> Self {
        arrivals.clear();
        let (silence, end) = match workload.read(BATCH, &mut arrivals) {
            Ok(Rest::Open) => (None, None),
            Ok(Rest::Silence(until)) => (Some(until), None),
            Ok(Rest::End) => (None, Some(Ok(()))),
            Err(error) => (None, Some(Err(error))),
        };
        Batch { arrivals, silence, end }
    }

    /// The batch after the end: it has no arrivals, and nothing follows.
    fn last() -> Self {
        Batch { arrivals: Vec::new(), silence: None, end: Some(Ok(())) }
    }
}

/// Where the next batch comes from.
enum Reading<W> {
    /// The workload itself: nothing has been read yet, or there is no thread.
    Here(W),
    /// The thread that reads it.
    There(Thread),
    /// Nowhere: there is no next batch.
    Over,
}

/// The reading thread.
struct Thread {
    full: Receiver<Batch>,
    empty: SyncSender<Vec<Arrival>>,
    handle: JoinHandle<()>,
}

impl Thread {
    /// Starts a thread that reads the rest of a workload. If none can be started, the workload
    /// stays with the caller.
    fn start<W: Workload + Send + 'static>(workload: W) -> Reading<W> {
        // The channels hold all batches there are, so only receiving ever blocks.
        let (sender, full) = sync_channel(BATCHES);
        let (empty, receiver) = sync_channel(BATCHES);
        // What is moved into a thread that fails to start would be lost.
        let (hand, taken) = sync_channel::<W>(1);
        let read = move || {
            let Ok(mut workload) = taken.recv() else { return };
            while let Ok(room) = receiver.recv() {
                let batch = Batch::read(room, &mut workload);
                let is_last = batch.end.is_some();
                if sender.send(batch).is_err() || is_last {
                    return;
                }
            }
        };
        let Ok(handle) = Builder::new().name("arrivals".to_owned()).spawn(read) else {
            return Reading::Here(workload);
        };
        for _ in 1..BATCHES {
            // The thread has started and receives them.
            let _ = empty.send(Vec::new());
        }
        match hand.send(workload) {
            Ok(()) => Reading::There(Thread { full, empty, handle }),
            Err(SendError(workload)) => Reading::Here(workload),
        }
    }

    /// The next full batch in exchange for an empty one; `None` if the thread has panicked.
    fn exchange(&self, room: Vec<Arrival>) -> Option<Batch> {
        // A thread that has read everything receives no more batches.
        let _ = self.empty.send(room);
        self.full.recv().ok()
    }

    /// Waits for the thread to end. Returns its panic, if it has panicked.
    fn end(self) -> std::thread::Result<()> {
        let Thread { full, empty, handle } = self;
        // The channels are closed first, so the thread does not block.
        drop((full, empty));
        handle.join()
    }
}

impl<W: Workload + Send + 'static> ReadAhead<W> {
    /// The largest number of arrivals that were read and not yet returned.
    #[cfg(test)]
    pub(super) const MOST_AHEAD: usize = BATCH * BATCHES;

    /// Reads this workload ahead, by a thread or (in batches) by the consumer.
    pub(super) fn new(workload: W, has_thread: bool) -> Self {
        let reading = Reading::Here(workload);
        ReadAhead { batch: Batch::default(), has_thread, given: 0, reading }
    }

    /// The first arrival of the next batch, or a silence, or the end.
    #[cold]
    fn turn(&mut self) -> Result<Next, WorkloadError> {
        self.given = 0;
        let Batch { arrivals, end, .. } = std::mem::replace(&mut self.batch, Batch::last());
        let reading = std::mem::replace(&mut self.reading, Reading::Over);
        match (end, reading) {
            (Some(end), Reading::There(thread)) => {
                // The thread has ended already.
                let _ = thread.end();
                return end.map(|()| Next::End);
            }
            (Some(end), _) => return end.map(|()| Next::End),
            (None, Reading::Here(mut workload)) => {
                self.batch = Batch::read(arrivals, &mut workload);
                self.reading = match &self.batch.end {
                    None if self.has_thread => Thread::start(workload),
                    None => Reading::Here(workload),
                    Some(_) => Reading::Over,
                };
            }
            (None, Reading::There(thread)) => match thread.exchange(arrivals) {
                Some(batch) => (self.batch, self.reading) = (batch, Reading::There(thread)),
                None => thread.end().unwrap_or_else(|panic| resume_unwind(panic)),
            },
            (None, Reading::Over) => {}
        }
        match self.batch.silence {
            Some(until) if self.batch.arrivals.is_empty() => Ok(Next::Silence(until)),
            // The batch has an arrival now, or is the end.
            _ => self.poll(),
        }
    }
}

impl<W: Workload + Send + 'static> Workload for ReadAhead<W> {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        loop {
            match self.poll()? {
                Next::Arrival(arrival) => return Ok(Some(arrival)),
                Next::Silence(_) => {}
                Next::End => return Ok(None),
            }
        }
    }

    #[inline]
    fn poll(&mut self) -> Result<Next, WorkloadError> {
        let Some(&arrival) = self.batch.arrivals.get(self.given) else { return self.turn() };
        self.given += 1;
        Ok(Next::Arrival(arrival))
    }
}

impl<W> Drop for ReadAhead<W> {
    fn drop(&mut self) {
        if let Reading::There(thread) = std::mem::replace(&mut self.reading, Reading::Over) {
            // A panic behind the last arrival that was taken does not matter.
            let _ = thread.end();
        }
    }
}

impl<W> fmt::Debug for ReadAhead<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.batch.arrivals.len() - self.given;
        f.debug_struct("ReadAhead").field("held", &held).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
