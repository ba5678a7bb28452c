//! Arrivals, and what gives them.

use isotherm_kernel::{Duration, Time};

use crate::WorkloadError;

/// One invocation to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arrival {
    /// When.
    pub at: Time,
    /// Number of the function in the list of whoever built the workload.
    pub function: u32,
    /// How long the body runs, if the workload says so (then it takes the place of the function's body).
    pub duration: Option<Duration>,
    /// A number of the builder's choice, such as the index of a body for this invocation alone. Passed on as it is.
    pub tag: Option<u32>,
}

impl Arrival {
    /// An invocation of a function, with nothing special about it.
    pub fn new(at: Time, function: u32) -> Self {
        Arrival { at, function, duration: None, tag: None }
    }
}

/// A stream of arrivals.
///
/// # Contract
///
/// The dates never go back. After `Ok(None)` or an error the stream is over: every further call gives `Ok(None)`.
pub trait Workload {
    /// The next arrival; `Ok(None)` if there are no more.
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError>;

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
}

impl<W: Workload + ?Sized> Workload for &mut W {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        (**self).next_arrival()
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
