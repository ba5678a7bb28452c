//! Arrivals that are written out one by one.

use std::vec;

use isotherm_kernel::Time;

use crate::{Arrival, Workload, WorkloadError};

/// Arrivals that are written out one by one.
#[derive(Clone, Debug)]
pub struct ArrivalList {
    arrivals: vec::IntoIter<Arrival>,
}

impl ArrivalList {
    /// These arrivals, which must be ordered by date. Those of one date stay in their order.
    pub fn new(arrivals: Vec<Arrival>) -> Result<Self, WorkloadError> {
        let mut previous = Time::ZERO;
        for (index, arrival) in arrivals.iter().enumerate() {
            if arrival.at < previous {
                let of = "a list of arrivals".to_owned();
                return Err(WorkloadError::OutOfOrder {
                    of,
                    index: index as u64,
                    at: arrival.at,
                    previous,
                });
            }
            previous = arrival.at;
        }
        Ok(ArrivalList { arrivals: arrivals.into_iter() })
    }

    /// These arrivals in the order of their dates. Those of one date stay in the order in which
    /// they are given.
    #[must_use]
    pub fn sorted(mut arrivals: Vec<Arrival>) -> Self {
        arrivals.sort_by_key(|arrival| arrival.at);
        ArrivalList { arrivals: arrivals.into_iter() }
    }
}

impl Workload for ArrivalList {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        Ok(self.arrivals.next())
    }
}
