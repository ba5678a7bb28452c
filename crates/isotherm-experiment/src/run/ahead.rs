//! Arrivals that are read ahead, on a thread of their own.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SendError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use isotherm_kernel::Time;
use isotherm_workload::{Arrival, Next, Rest, Workload, WorkloadError};

/// Arrivals in a batch.
const BATCH: usize = 4096;

/// Batches that go round: one is with each side, and one is between them.
const BATCHES: usize = 3;

/// The arrivals of another workload, which gives them on a thread of its own.
///
/// What reads a trace has nothing to do with what becomes of its arrivals, so it need not wait for
/// it. They are the same arrivals in the same order, and an error comes in its place. A panic of
/// the workload comes out of [`next_arrival`](Workload::next_arrival), where its batch would.
/// Nothing of this depends on which thread is faster: each waits for the other where it must, and
/// never looks whether it would have to.
///
/// A fixed number of batches goes round: full ones come to whoever takes the arrivals, and empty
/// ones go back. So the workload is never further than [`BATCHES`] of [`BATCH`] arrivals ahead, and
/// no more are held. Nothing is asked of it before the first arrival is wanted. The first batch is
/// read by whoever wants it, so that a short workload needs no thread; so are all of them if there
/// can be no thread. Dropping it ends the thread, which finishes the batch that it is reading. A
/// batch also ends where the workload is [silent](Next::Silence), so that it never takes long; one
/// without any arrival says how long the silence is.
pub(super) struct ReadAhead<W> {
    batch: Batch,
    /// How many arrivals of the batch have been given.
    given: usize,
    reading: Reading<W>,
}

/// Arrivals that follow each other.
#[derive(Default)]
struct Batch {
    arrivals: Vec<Arrival>,
    /// Up to when nothing follows, if the batch ends in silence.
    silence: Option<Time>,
    /// How the workload ends, if it does so after them.
    end: Option<Result<(), WorkloadError>>,
}

impl Batch {
    /// The next arrivals of a workload, in the room of others.
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

    /// After which there is nothing.
    fn last() -> Self {
        Batch { arrivals: Vec::new(), silence: None, end: Some(Ok(())) }
    }
}

/// Where the next batch comes from.
enum Reading<W> {
    /// It has to be read yet.
    Here(W),
    /// It is read by a thread.
    There(Thread),
    /// There is none.
    Over,
}

/// A thread that reads.
struct Thread {
    full: Receiver<Batch>,
    empty: SyncSender<Vec<Arrival>>,
    handle: JoinHandle<()>,
}

impl Thread {
    /// Starts a thread that reads the rest of a workload. The workload stays here if there can be
    /// none.
    fn start<W: Workload + Send + 'static>(workload: W) -> Reading<W> {
        // No more batches are under way than there are, so that only receiving ever waits.
        let (sender, full) = sync_channel(BATCHES);
        let (empty, receiver) = sync_channel(BATCHES);
        // What a thread that cannot be started was to own would be lost.
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
            // The thread is there, and takes them.
            let _ = empty.send(Vec::new());
        }
        match hand.send(workload) {
            Ok(()) => Reading::There(Thread { full, empty, handle }),
            Err(SendError(workload)) => Reading::Here(workload),
        }
    }

    /// The next batch in exchange for the room of one; `None` if the thread has panicked.
    fn exchange(&self, room: Vec<Arrival>) -> Option<Batch> {
        // A thread that has read everything takes no more room.
        let _ = self.empty.send(room);
        self.full.recv().ok()
    }

    /// Waits for its end; gives whether it has panicked.
    fn end(self) -> std::thread::Result<()> {
        let Thread { full, empty, handle } = self;
        // Nobody is there any more to give it anything, or to take anything.
        drop((full, empty));
        handle.join()
    }
}

impl<W: Workload + Send + 'static> ReadAhead<W> {
    /// How many arrivals a workload has at most given that nobody has taken yet.
    #[cfg(test)]
    pub(super) const MOST_AHEAD: usize = BATCH * BATCHES;

    /// Reads this workload ahead.
    pub(super) fn new(workload: W) -> Self {
        ReadAhead { batch: Batch::default(), given: 0, reading: Reading::Here(workload) }
    }

    /// The first arrival of the next batch, or that it has none, or the end.
    #[cold]
    fn turn(&mut self) -> Result<Next, WorkloadError> {
        self.given = 0;
        let Batch { arrivals, end, .. } = std::mem::replace(&mut self.batch, Batch::last());
        let reading = std::mem::replace(&mut self.reading, Reading::Over);
        match (end, reading) {
            (Some(end), Reading::There(thread)) => {
                // It has nothing left to do.
                let _ = thread.end();
                return end.map(|()| Next::End);
            }
            (Some(end), _) => return end.map(|()| Next::End),
            (None, Reading::Here(mut workload)) => {
                self.batch = Batch::read(arrivals, &mut workload);
                self.reading = match &self.batch.end {
                    None => Thread::start(workload),
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
            // There is an arrival now, or the end.
            _ => self.look(),
        }
    }
}

impl<W: Workload + Send + 'static> Workload for ReadAhead<W> {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        loop {
            match self.look()? {
                Next::Arrival(arrival) => return Ok(Some(arrival)),
                Next::Silence(_) => {}
                Next::End => return Ok(None),
            }
        }
    }

    #[inline]
    fn look(&mut self) -> Result<Next, WorkloadError> {
        let Some(&arrival) = self.batch.arrivals.get(self.given) else { return self.turn() };
        self.given += 1;
        Ok(Next::Arrival(arrival))
    }
}

impl<W> Drop for ReadAhead<W> {
    fn drop(&mut self) {
        if let Reading::There(thread) = std::mem::replace(&mut self.reading, Reading::Over) {
            // Of a panic behind what was taken nobody needs to know.
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
