//! A part of a workload: what arrives in a window, and no more than so many.

use isotherm_kernel::{Duration, Time};

use crate::{Arrival, Next, Workload, WorkloadError};

/// Which part of a workload is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Arrivals before this date are left out, and the others count from it.
    pub from: Time,
    /// Arrivals at this date of the workload or later are left out.
    pub until: Time,
    /// No more arrivals than these.
    pub most: u64,
}

impl Default for Part {
    fn default() -> Self {
        Part { from: Time::ZERO, until: Time::NEVER, most: u64::MAX }
    }
}

/// What a part of a workload makes of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It comes before the part.
    Before,
    /// It arrives in the part at this date.
    In(Time),
    /// The part is over.
    Behind,
}

impl Part {
    /// What it makes of an arrival at this date, of a workload of which so many have been played.
    pub(crate) fn place(&self, at: Time, played: u64) -> Place {
        if played >= self.most || at >= self.until {
            return Place::Behind;
        }
        match at >= self.from {
            true => Place::In(Time::ZERO + at.since(self.from)),
            false => Place::Before,
        }
    }

    /// How long it is; `None` if it has no end.
    #[must_use]
    pub fn length(&self) -> Option<Duration> {
        (self.until != Time::NEVER).then(|| self.until.since(self.from))
    }
}

/// A [part](Part) of a workload.
///
/// ```
/// use isotherm_kernel::Time;
/// use isotherm_workload::{Arrival, ArrivalList, Part, PartOf, Workload};
///
/// let second = |second: u64| Time::from_nanos(second * 1_000_000_000);
/// let all = ArrivalList::new((0..10).map(|at| Arrival::new(second(at), 0)).collect())?;
/// let part = Part { from: second(3), until: second(8), most: 4 };
/// let dates: Vec<_> = PartOf::new(all, part).arrivals().map(|one| one.unwrap().at).collect();
/// assert_eq!(dates, [second(0), second(1), second(2), second(3)]);
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
#[derive(Debug)]
pub struct PartOf<W> {
    workload: W,
    part: Part,
    played: u64,
}

impl<W: Workload> PartOf<W> {
    /// This part of a workload.
    pub fn new(workload: W, part: Part) -> Self {
        PartOf { workload, part, played: 0 }
    }

    fn take(&mut self, mut arrival: Arrival) -> Option<Next> {
        match self.part.place(arrival.at, self.played) {
            Place::Before => None,
            Place::In(at) => {
                arrival.at = at;
                self.played += 1;
                Some(Next::Arrival(arrival))
            }
            Place::Behind => {
                self.part.most = 0;
                Some(Next::End)
            }
        }
    }
}

impl<W: Workload> Workload for PartOf<W> {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        loop {
            match self.poll()? {
                Next::Arrival(arrival) => return Ok(Some(arrival)),
                Next::End => return Ok(None),
                Next::Silence(_) => {}
            }
        }
    }

    fn poll(&mut self) -> Result<Next, WorkloadError> {
        if self.played >= self.part.most {
            return Ok(Next::End);
        }
        // So many rows before the part are passed at once.
        for _ in 0..1_024 {
            match self.workload.poll()? {
                Next::Arrival(arrival) => {
                    if let Some(next) = self.take(arrival) {
                        return Ok(next);
                    }
                }
                Next::Silence(at) if at >= self.part.until => return Ok(Next::End),
                Next::Silence(at) => {
                    return Ok(Next::Silence(
                        Time::ZERO + at.max(self.part.from).since(self.part.from),
                    ));
                }
                Next::End => return Ok(Next::End),
            }
        }
        Ok(Next::Silence(Time::ZERO))
    }
}
