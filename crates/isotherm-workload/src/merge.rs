//! Several workloads as one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use isotherm_kernel::Time;

use crate::{Arrival, Workload, WorkloadError};

/// Several workloads as one, ordered by date.
///
/// Arrivals of one date come in the order of the workloads, and those of one workload in its order. One arrival of each
/// workload is held at a time; each arrival costs O(log n) for n workloads.
pub struct Merge {
    workloads: Vec<Source>,
    /// The date of the next arrival of each workload that is not at its end.
    heads: BinaryHeap<Reverse<(Time, usize)>>,
    /// Whether the first arrival of each workload has been asked for.
    begun: bool,
}

struct Source {
    workload: Box<dyn Workload>,
    /// The next arrival, taken out of the workload already.
    head: Option<Arrival>,
    /// How many arrivals it gave.
    given: u64,
    last: Time,
}

impl Merge {
    /// Merges these workloads. Nothing is asked of them before the first arrival is wanted.
    pub fn new(workloads: Vec<Box<dyn Workload>>) -> Self {
        let source = |workload| Source { workload, head: None, given: 0, last: Time::ZERO };
        let workloads: Vec<Source> = workloads.into_iter().map(source).collect();
        Merge { heads: BinaryHeap::with_capacity(workloads.len()), workloads, begun: false }
    }

    /// Takes the next arrival out of a workload.
    fn advance(&mut self, index: usize) -> Result<(), WorkloadError> {
        let source = &mut self.workloads[index];
        source.head = source.workload.next_arrival()?;
        if let Some(arrival) = &source.head {
            if arrival.at < source.last {
                // A merge of streams that go back would go back itself.
                let of = format!("workload {index}");
                let (at, previous) = (arrival.at, source.last);
                return Err(WorkloadError::OutOfOrder { of, index: source.given, at, previous });
            }
            source.last = arrival.at;
            source.given += 1;
            self.heads.push(Reverse((arrival.at, index)));
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        if !self.begun {
            self.begun = true;
            for index in 0..self.workloads.len() {
                self.advance(index)?;
            }
        }
        let Some(Reverse((_, index))) = self.heads.pop() else { return Ok(None) };
        let arrival = self.workloads[index].head.take();
        self.advance(index)?;
        Ok(arrival)
    }
}

impl Workload for Merge {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        let result = self.next();
        if result.is_err() {
            self.heads.clear();
        }
        result
    }
}

impl std::fmt::Debug for Merge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Merge").field("workloads", &self.workloads.len()).field("heads", &self.heads).finish()
    }
}
