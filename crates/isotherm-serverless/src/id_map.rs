//! A table for what is named by ids that are given out in order and never again.
//!
//! Every invocation looks up its container, itself and what its service keeps for it a dozen times,
//! so these tables are what a run of millions of invocations spends much of its time in. Ids that
//! count upwards are spread evenly by one multiplication (Fibonacci hashing: Knuth, The Art of
//! Computer Programming 3, 6.4), so that an id is nearly always found where it is first looked for.
//!
//! # Invariants
//!
//! * At most three quarters of the places are taken. An id is in the first free place after the one
//!   where it belongs (linear probing), so there is no gap between the two.
//! * What the table gives when it is walked through is in no order that means anything, but in the
//!   same in every run.

use std::marker::PhantomData;
use std::ops::Index;

use crate::{ContainerId, InvocationId, NodeId};

/// 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
/// No id is as large as that.
const VACANT: u64 = u64::MAX;
const LEAST_PLACES: usize = 8;

/// What counts upwards.
pub(crate) trait CountedId: Copy {
    fn count(self) -> u64;
    fn of_count(count: u64) -> Self;
}

macro_rules! counted {
    ($($id:ty),*) => {
        $(impl CountedId for $id {
            fn count(self) -> u64 {
                self.0.into()
            }

            fn of_count(count: u64) -> Self {
                Self(count as _)
            }
        })*
    };
}
counted!(ContainerId, InvocationId, NodeId);

/// A table of values `T` by ids `I`.
#[derive(Debug)]
pub(crate) struct IdMap<I, T> {
    /// A power of two of them, or none.
    places: Vec<Place<T>>,
    /// How far a hash is shifted to give a place.
    shift: u32,
    len: usize,
    of: PhantomData<I>,
}

/// An id and its value lie side by side in memory, so that both are had at once.
#[derive(Debug)]
struct Place<T> {
    /// `VACANT` if there is none.
    id: u64,
    value: Option<T>,
}

impl<T> Place<T> {
    const VACANT: Self = Place { id: VACANT, value: None };
}

impl<I, T> Default for IdMap<I, T> {
    fn default() -> Self {
        IdMap { places: Vec::new(), shift: 0, len: 0, of: PhantomData }
    }
}

impl<I: CountedId, T> IdMap<I, T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(crate) fn get(&self, id: &I) -> Option<&T> {
        self.places.get(self.find(*id)?)?.value.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: &I) -> Option<&mut T> {
        let place = self.find(*id)?;
        self.places.get_mut(place)?.value.as_mut()
    }

    #[cfg(test)]
    pub(crate) fn contains_key(&self, id: &I) -> bool {
        self.find(*id).is_some()
    }

    /// Puts a value under an id and gives the one that was there.
    pub(crate) fn insert(&mut self, id: I, value: T) -> Option<T> {
        match self.find(id) {
            Some(place) => self.places[place].value.replace(value),
            None => {
                self.insert_new(id, value);
                None
            }
        }
    }

    /// Puts a value under an id that is not in the table.
    #[inline]
    pub(crate) fn insert_new(&mut self, id: I, value: T) -> &mut T {
        debug_assert!(self.find(id).is_none(), "an id is given out once");
        if 4 * (self.len + 1) > 3 * self.places.len() {
            self.grow();
        }
        self.len += 1;
        let place = self.vacant(id.count());
        let Place { id: taken, value: room } = &mut self.places[place];
        *taken = id.count();
        let nothing = room.take();
        debug_assert!(nothing.is_none(), "a vacant place holds nothing");
        // Dropping it would cost a call that finds nothing to do.
        std::mem::forget(nothing);
        room.insert(value)
    }

    /// The value of an id, which is made if there is none.
    pub(crate) fn get_or_insert_with(&mut self, id: I, value: impl FnOnce() -> T) -> &mut T {
        match self.find(id) {
            Some(place) => self.places[place].value.get_or_insert_with(value),
            None => self.insert_new(id, value()),
        }
    }

    pub(crate) fn remove(&mut self, id: &I) -> Option<T> {
        self.remove_if(id, |_| true)
    }

    /// Takes the value of an id out if it meets a condition.
    pub(crate) fn remove_if(&mut self, id: &I, meets: impl FnOnce(&T) -> bool) -> Option<T> {
        let mut gap = self.find(*id)?;
        let value = self.places[gap].value.take_if(|value| meets(value));
        value.as_ref()?;
        self.len -= 1;
        // Whoever stands behind the gap and belongs before it moves into it, so that nobody is cut
        // off from where he belongs.
        let mask = self.places.len() - 1;
        let mut place = gap;
        loop {
            place = (place + 1) & mask;
            let other = self.places[place].id;
            if other == VACANT {
                break;
            }
            let home = self.home(other);
            if (place.wrapping_sub(home) & mask) >= (place.wrapping_sub(gap) & mask) {
                self.places.swap(gap, place);
                gap = place;
            }
        }
        self.places[gap].id = VACANT;
        value
    }

    /// All ids and their values, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (I, &T)> + '_ {
        self.places.iter().filter_map(|place| Some((I::of_count(place.id), place.value.as_ref()?)))
    }

    /// All values, in no order that means anything.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> + '_ {
        self.places.iter_mut().filter_map(|place| place.value.as_mut())
    }

    /// All values, in no order that means anything.
    #[cfg(any(test, feature = "audit"))]
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> + '_ {
        self.places.iter().filter_map(|place| place.value.as_ref())
    }

    fn home(&self, id: u64) -> usize {
        (id.wrapping_mul(MULTIPLIER) >> self.shift) as usize
    }

    #[inline]
    fn find(&self, id: I) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        let (id, mask) = (id.count(), self.places.len() - 1);
        let mut place = self.home(id);
        loop {
            match self.places[place].id {
                found if found == id => return Some(place),
                VACANT => return None,
                _ => place = (place + 1) & mask,
            }
        }
    }

    /// The vacant place for an id that is not in the table, which has one.
    #[inline]
    fn vacant(&self, id: u64) -> usize {
        let mask = self.places.len() - 1;
        let mut place = self.home(id);
        while self.places[place].id != VACANT {
            place = (place + 1) & mask;
        }
        place
    }

    #[cold]
    fn grow(&mut self) {
        let count = (2 * self.places.len()).max(LEAST_PLACES);
        let mut places = Vec::new();
        places.resize_with(count, || Place::VACANT);
        let before = std::mem::replace(&mut self.places, places);
        self.shift = u64::BITS - count.trailing_zeros();
        for taken in before.into_iter().filter(|place| place.id != VACANT) {
            let place = self.vacant(taken.id);
            self.places[place] = taken;
        }
    }
}

impl<I: CountedId, T> Index<&I> for IdMap<I, T> {
    type Output = T;

    fn index(&self, id: &I) -> &T {
        self.get(id).expect("an id that is in the table")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Behaves like a map that is searched, whatever comes and goes, ids far apart and side by
        /// side.
        #[test]
        fn is_a_map(operations in prop::collection::vec((0u8..4, 0u64..60, any::<bool>()), 0..400)) {
            let (mut map, mut model) = (IdMap::default(), BTreeMap::new());
            for (step, (operation, id, far)) in operations.into_iter().enumerate() {
                let id = InvocationId(if far { id << 32 } else { id });
                match operation {
                    0 | 1 => prop_assert_eq!(map.insert(id, step), model.insert(id, step)),
                    2 => prop_assert_eq!(map.remove(&id), model.remove(&id)),
                    _ => {
                        let value = map.get_or_insert_with(id, || step);
                        prop_assert_eq!(*value, *model.entry(id).or_insert(step));
                    }
                }
                prop_assert_eq!(map.len(), model.len());
                prop_assert_eq!(map.get(&id), model.get(&id));
            }
            let mut all: Vec<_> = map.iter().map(|(id, &value)| (id, value)).collect();
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(model));
        }
    }

    #[test]
    fn ids_that_come_and_go_leave_nothing_behind() {
        let mut map = IdMap::default();
        for number in 0..10_000 {
            map.insert(InvocationId(number), ());
            if number >= 4 {
                assert!(map.remove(&InvocationId(number - 4)).is_some());
            }
        }
        assert_eq!(map.len(), 4);
        assert_eq!(map.places.len(), LEAST_PLACES);
    }
}
