//! Arrivals, and what gives them.

use isotherm_kernel::{Duration, Time};

use crate::WorkloadError;

/// One invocation to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arrival {
    /// When.
    pub at: Time,
    /// Number of the function in the list of the workload's builder.
    pub function: u32,
    /// How long the body runs, if the workload says so (then it takes the place of the function's
    /// body).
    pub duration: Option<Duration>,
    /// A number chosen by the builder, such as the index of a body for this invocation alone. It is
    /// passed on unchanged.
    pub tag: Option<u32>,
}

impl Arrival {
    /// An invocation of a function, with nothing special about it.
    #[must_use]
    pub fn new(at: Time, function: u32) -> Self {
        Arrival { at, function, duration: None, tag: None }
    }
}

/// What comes next, as far as a workload has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// An arrival.
    Arrival(Arrival),
    /// Nothing arrives before this date. What comes then is found by looking on.
    Silence(Time),
    /// There are no more arrivals.
    End,
}

/// What follows the arrivals that a workload has [read](Workload::read).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// As many as were wanted have been read; there may be more.
    Open,
    /// Nothing arrives before this date. What comes then is found by reading on.
    Silence(Time),
    /// There are no more arrivals.
    End,
}

/// A stream of arrivals.
///
/// # Contract
///
/// The dates never go back. After `Ok(None)` or an error the stream is over: every further call
/// gives `Ok(None)`.
pub trait Workload {
    /// The next arrival; `Ok(None)` if there are no more.
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError>;

    /// The next arrival, if it is found after a bounded number of steps. Between two arrivals of a
    /// process there may be billions of changes of its state, or of rejected candidates. A caller
    /// that must stay responsive uses this instead of [`next_arrival`](Self::next_arrival); the
    /// arrivals are the same.
    fn poll(&mut self) -> Result<Next, WorkloadError> {
        Ok(self.next_arrival()?.map_or(Next::End, Next::Arrival))
    }

    /// Appends at most so many arrivals, and returns what follows them. They are the arrivals that
    /// [`poll`](Self::poll) finds one by one; a workload may find them faster together.
    ///
    /// # Errors
    /// That of the arrival behind those that have been read.
    fn read(&mut self, max: usize, arrivals: &mut Vec<Arrival>) -> Result<Rest, WorkloadError> {
        read_one_by_one(self, max, arrivals)
    }

    /// The arrivals as an iterator.
    fn arrivals(self) -> Arrivals<Self>
    where
        Self: Sized,
    {
        Arrivals { workload: self }
    }
}

impl<W: Workload + ?Sized> Workload for Box<W> {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        (**self).next_arrival()
    }

    fn poll(&mut self) -> Result<Next, WorkloadError> {
        (**self).poll()
    }

    fn read(&mut self, max: usize, arrivals: &mut Vec<Arrival>) -> Result<Rest, WorkloadError> {
        (**self).read(max, arrivals)
    }
}

impl<W: Workload + ?Sized> Workload for &mut W {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        (**self).next_arrival()
    }

    fn poll(&mut self) -> Result<Next, WorkloadError> {
        (**self).poll()
    }

    fn read(&mut self, max: usize, arrivals: &mut Vec<Arrival>) -> Result<Rest, WorkloadError> {
        (**self).read(max, arrivals)
    }
}

/// Reads the next arrivals of a workload, one after the other.
pub(crate) fn read_one_by_one(
    workload: &mut (impl Workload + ?Sized),
    max: usize,
    arrivals: &mut Vec<Arrival>,
) -> Result<Rest, WorkloadError> {
    for _ in 0..max {
        match workload.poll()? {
            Next::Arrival(arrival) => arrivals.push(arrival),
            Next::Silence(until) => return Ok(Rest::Silence(until)),
            Next::End => return Ok(Rest::End),
        }
    }
    Ok(Rest::Open)
}

/// The next arrival of a workload that is polled step by step.
pub(crate) fn find_arrival(workload: &mut impl Workload) -> Result<Option<Arrival>, WorkloadError> {
    loop {
        match workload.poll()? {
            Next::Arrival(arrival) => return Ok(Some(arrival)),
            Next::Silence(_) => {}
            Next::End => return Ok(None),
        }
    }
}

/// The arrivals of a workload as an iterator. An error is its last item.
#[derive(Clone, Debug)]
pub struct Arrivals<W> {
    workload: W,
}

impl<W: Workload> Iterator for Arrivals<W> {
    type Item = Result<Arrival, WorkloadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.workload.next_arrival().transpose()
    }
}
