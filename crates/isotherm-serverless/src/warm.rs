//! How containers that are warm from the start are spread over compute hosts.
//!
//! A function may have containers that are idle when it is
//! [registered](crate::Function::with_warm). [`spread`] says on which hosts they are. The service
//! follows it, and a check of a plan can learn from it beforehand whether they have room.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::state::Need;

/// What a compute host has left for the containers of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Its slots less those that warm containers are there for already; less than 0 if these are
    /// more.
    slots: i64,
    /// How many containers have room in its memory and on its disk.
    containers: u64,
}

impl Space {
    /// The space on a host with these slots, of which `promised` have warm containers already, and
    /// with this free room. A container needs `need`, and all of them together that part of their
    /// image which is not there yet.
    #[must_use]
    pub fn new(slots: Option<u32>, promised: u64, free: Need, image: Need, need: Need) -> Self {
        let slots = slots.map_or(i64::MAX, i64::from);
        let slots = slots.saturating_sub(i64::try_from(promised).unwrap_or(i64::MAX));
        if !image.fits_into(free) {
            return Space { slots, containers: 0 };
        }
        let left = free.without(image);
        let times = |left: u64, need: u64| left.checked_div(need).unwrap_or(u64::MAX);
        let containers = times(left.memory_bytes, need.memory_bytes)
            .min(times(left.disk_bytes, need.disk_bytes));
        Space { slots, containers }
    }
}

/// The hosts of so many containers, one after the other, by their places in `spaces`.
///
/// Each is placed on the host that has the most slots without a warm container (one that serves
/// several invocations at once is there for as many slots), of those that have room for it; the
/// first such. So on equal hosts they are placed in turn, and as long as there are as many slots
/// as containers, all of them can serve at once. Idle containers take no slot, so there may be
/// more.
///
/// ```
/// use isotherm_serverless::Need;
/// use isotherm_serverless::warm::{Space, spread};
///
/// let free = Need { memory_bytes: 1_000, disk_bytes: 0 };
/// let (image, need) = (Need::default(), Need { memory_bytes: 300, disk_bytes: 0 });
/// let space = |slots| Space::new(Some(slots), 0, free, image, need);
/// assert_eq!(spread(4, 1, &[space(1), space(3)]), Ok(vec![1, 1, 0, 1]));
/// // Each has room for three.
/// assert_eq!(spread(7, 1, &[space(1), space(3)]), Err(6));
/// ```
///
/// # Errors
/// The number of containers that have room, if it is less than `count`.
pub fn spread(count: u32, per_container: u32, spaces: &[Space]) -> Result<Vec<usize>, u64> {
    let room = spaces.iter().fold(0u64, |sum, space| sum.saturating_add(space.containers));
    if room < u64::from(count) {
        return Err(room);
    }
    let with_room = spaces.iter().enumerate().filter(|(_, space)| space.containers > 0);
    let mut hosts: BinaryHeap<(i64, Reverse<usize>, u64)> =
        with_room.map(|(index, space)| (space.slots, Reverse(index), space.containers)).collect();
    let mut places = Vec::with_capacity(count as usize);
    while places.len() < count as usize
        && let Some((slots, index, room)) = hosts.pop()
    {
        places.push(index.0);
        if room > 1 {
            hosts.push((slots.saturating_sub(per_container.into()), index, room - 1));
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn need(memory_bytes: u64, disk_bytes: u64) -> Need {
        Need { memory_bytes, disk_bytes }
    }

    fn space(slots: Option<u32>, promised: u64, free: u64) -> Space {
        Space::new(slots, promised, need(free, 0), need(0, 0), need(10, 0))
    }

    #[test]
    fn equal_hosts_take_turns() {
        for slots in [Some(1), Some(8), None] {
            let hosts = [space(slots, 0, 1000); 3];
            assert_eq!(spread(5, 1, &hosts), Ok(vec![0, 1, 2, 0, 1]), "{slots:?}");
            assert_eq!(spread(3, 4, &hosts), Ok(vec![0, 1, 2]), "{slots:?}");
        }
    }

    #[test]
    fn slots_of_other_functions_count_and_room_limits() {
        let hosts = [space(Some(4), 3, 1000), space(Some(4), 0, 20), space(Some(2), 0, 1000)];
        // Slots left: 1, 4, 2, and two containers fit into the second.
        assert_eq!(spread(6, 1, &hosts), Ok(vec![1, 1, 2, 0, 2, 0]));
    }

    #[test]
    fn the_image_takes_its_room_once() {
        let with_image = |image| Space::new(None, 0, need(100, 50), image, need(20, 10));
        assert_eq!(with_image(need(0, 0)).containers, 5);
        assert_eq!(with_image(need(30, 0)).containers, 3, "memory is left for three");
        assert_eq!(with_image(need(0, 35)).containers, 1, "disk is left for one");
        assert_eq!(with_image(need(0, 51)).containers, 0);
        let nothing = Space::new(None, 0, need(0, 0), need(0, 0), need(0, 0));
        assert_eq!(nothing.containers, u64::MAX);
    }

    proptest! {
        /// All are placed if they have room; none is where there is no room; and no slot is without
        /// one as long as a host has two too many and the other one room.
        #[test]
        fn they_are_spread_evenly(
            hosts in prop::collection::vec((0u32..6, 0u64..60), 1..6),
            count in 0u32..40,
        ) {
            let spaces: Vec<Space> =
                hosts.iter().map(|&(slots, free)| space(Some(slots), 0, free)).collect();
            let room: u64 = hosts.iter().map(|(_, free)| free / 10).sum();
            let places = match spread(count, 1, &spaces) {
                Ok(places) => places,
                Err(fit) => {
                    prop_assert!(fit == room && fit < u64::from(count));
                    return Ok(());
                }
            };
            prop_assert_eq!(places.len(), count as usize);
            let on = |host| places.iter().filter(|&&place| place == host).count();
            for (host, &(slots, free)) in hosts.iter().enumerate() {
                prop_assert!(on(host) as u64 <= free / 10);
                let left = i64::from(slots) - on(host) as i64;
                for (other, &(slots, free)) in hosts.iter().enumerate() {
                    let is_full = on(other) as u64 == free / 10;
                    let others = i64::from(slots) - on(other) as i64;
                    prop_assert!(is_full || on(host) == 0 || others <= left + 1);
                }
            }
        }
    }
}
