//! Merges several workloads lazily into one, ordered by date.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use isotherm_kernel::Time;

use crate::arrival::{find_arrival, read_one_by_one};
use crate::{Arrival, Next, Rest, Workload, WorkloadError};

/// Several workloads merged into one, ordered by date.
///
/// Arrivals of one date come in the order of the workloads, and those of one workload in its order.
/// One arrival of each workload is held at a time; each arrival costs O(log n) for n workloads, and
/// O(1) while successive arrivals come from the same workload.
pub struct Merge {
    workloads: Vec<MergedWorkload>,
    /// The workload whose next arrival is the first of all.
    leader: Option<usize>,
    /// The date of the next arrival of each of the others that is not at its end.
    heads: BinaryHeap<Reverse<(Time, usize)>>,
    /// Whether the first arrival of each workload has been asked for.
    begun: bool,
}

struct MergedWorkload {
    workload: Box<dyn Workload + Send>,
    /// The next arrival, already taken out of the workload; nothing if the workload has only
    /// announced silence until `last`.
    head: Option<Arrival>,
    /// The number of arrivals it has returned.
    given: u64,
    /// The date of its last arrival, or the end of its last silence.
    last: Time,
}

impl MergedWorkload {
    /// Looks for the next arrival of this workload, whose number is for errors.
    #[inline]
    fn poll(&mut self, number: usize) -> Result<Next, WorkloadError> {
        let next = self.workload.poll();
        let (at, is_arrival) = match &next {
            Ok(Next::Arrival(arrival)) => (arrival.at, true),
            Ok(Next::Silence(until)) => (*until, false),
            Ok(Next::End) | Err(_) => return next,
        };
        if at < self.last {
            return Err(self.out_of_order(number, at));
        }
        self.last = at;
        self.given += u64::from(is_arrival);
        next
    }

    /// Reads the next arrivals of the workload, which is the one of this number.
    fn read(
        &mut self,
        number: usize,
        max: usize,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<Rest, WorkloadError> {
        let before = arrivals.len();
        let mut rest = self.workload.read(max, arrivals);
        let mut read = arrivals.len();
        for (place, arrival) in arrivals.iter().enumerate().skip(before) {
            if arrival.at < self.last {
                rest = Err(self.out_of_order(number, arrival.at));
                read = place;
                break;
            }
            self.last = arrival.at;
            self.given += 1;
        }
        arrivals.truncate(read);
        match rest {
            Ok(Rest::Silence(until)) if until < self.last => Err(self.out_of_order(number, until)),
            Ok(Rest::Silence(until)) => {
                self.last = until;
                rest
            }
            _ => rest,
        }
    }

    /// If an input is not ordered by date, the merge would not be either.
    #[cold]
    fn out_of_order(&self, number: usize, at: Time) -> WorkloadError {
        WorkloadError::OutOfOrder {
            of: format!("workload {number}"),
            index: self.given,
            at,
            previous: self.last,
        }
    }

    /// Stores the next arrival. Returns the previous one, and the date of the next arrival or of
    /// the end of a silence.
    #[inline]
    fn advance(&mut self, number: usize) -> Result<(Option<Arrival>, Option<Time>), WorkloadError> {
        let (next, at) = match self.poll(number)? {
            Next::Arrival(arrival) => (Some(arrival), Some(arrival.at)),
            Next::Silence(until) => (None, Some(until)),
            Next::End => (None, None),
        };
        Ok((std::mem::replace(&mut self.head, next), at))
    }
}

impl Merge {
    /// Merges these workloads. Nothing is asked of them before the first arrival is wanted.
    #[must_use]
    pub fn new(workloads: Vec<Box<dyn Workload + Send>>) -> Self {
        let source = |workload| MergedWorkload { workload, head: None, given: 0, last: Time::ZERO };
        let workloads: Vec<MergedWorkload> = workloads.into_iter().map(source).collect();
        Merge {
            heads: BinaryHeap::with_capacity(workloads.len()),
            leader: None,
            workloads,
            begun: false,
        }
    }

    /// Asks every workload for its first arrival.
    fn begin(&mut self) -> Result<(), WorkloadError> {
        for (index, source) in self.workloads.iter_mut().enumerate() {
            let (_, at) = source.advance(index)?;
            self.heads.extend(at.map(|at| Reverse((at, index))));
        }
        self.leader = self.heads.pop().map(|Reverse((_, index))| index);
        Ok(())
    }

    /// After an error nothing more comes.
    #[inline]
    fn end_with<T>(&mut self, result: Result<T, WorkloadError>) -> Result<T, WorkloadError> {
        if result.is_err() {
            self.workloads.clear();
            self.leader = None;
        }
        result
    }

    fn next(&mut self) -> Result<Next, WorkloadError> {
        if !self.begun {
            self.begun = true;
            self.begin()?;
        }
        loop {
            let Some(index) = self.leader else { return Ok(Next::End) };
            let arrival = self.follow(index)?;
            if let Some(arrival) = arrival {
                return Ok(Next::Arrival(arrival));
            }
            // The leader had only announced silence; it has a new date now.
            let leader = self.leader.and_then(|index| self.workloads.get(index));
            if let Some(MergedWorkload { head: None, last, .. }) = leader {
                return Ok(Next::Silence(*last));
            }
        }
    }

    /// Takes the arrival of the first input, if there is one, and finds the input that is first
    /// then.
    #[inline]
    fn follow(&mut self, index: usize) -> Result<Option<Arrival>, WorkloadError> {
        let (arrival, at) = self.workloads[index].advance(index)?;
        match (at, self.heads.peek_mut()) {
            (None, None) => self.leader = None,
            (None, Some(first)) => self.leader = Some(PeekMut::pop(first).0.1),
            (Some(at), Some(mut first)) if first.0 < (at, index) => {
                let Reverse((_, other)) = std::mem::replace(&mut *first, Reverse((at, index)));
                self.leader = Some(other);
            }
            (Some(_), _) => {}
        }
        Ok(arrival)
    }
}

impl Workload for Merge {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        find_arrival(self)
    }

    fn poll(&mut self) -> Result<Next, WorkloadError> {
        let result = match &mut *self.workloads {
            [only] => only.poll(0),
            _ => self.next(),
        };
        self.end_with(result)
    }

    fn read(&mut self, max: usize, arrivals: &mut Vec<Arrival>) -> Result<Rest, WorkloadError> {
        match &mut *self.workloads {
            [only] => {
                let result = only.read(0, max, arrivals);
                self.end_with(result)
            }
            _ => read_one_by_one(self, max, arrivals),
        }
    }
}

impl std::fmt::Debug for Merge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Merge")
            .field("workloads", &self.workloads.len())
            .field("heads", &self.heads)
            .finish_non_exhaustive()
    }
}
