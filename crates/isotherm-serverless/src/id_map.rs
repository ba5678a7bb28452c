//! A hash table for ids that are given out in increasing order.
//!
//! It uses open addressing with linear probing and Fibonacci hashing (Knuth, *The Art of Computer
//! Programming* 3, section 6.4), which spreads consecutive ids evenly, so that nearly every look-up
//! hits at the first probe. An invocation makes some twenty look-ups, so these tables decide how
//! fast a run is.
//!
//! # Invariants
//!
//! * At most three quarters of the buckets are taken. An id is in the first free bucket from its
//!   home bucket on, so no vacant bucket lies between the two. Removal shifts later entries back to
//!   keep this (no tombstones).
//! * The order of iteration is arbitrary but deterministic.

use std::marker::PhantomData;
use std::ops::Index;

use crate::{ContainerId, InvocationId, NodeId};

/// 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
/// Marks a vacant bucket; no id is this large.
const VACANT: u64 = u64::MAX;
const LEAST_BUCKETS: usize = 8;

/// An id that is a number.
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
    /// Their number is a power of two, or zero.
    buckets: Vec<Bucket<T>>,
    /// By how many bits a hash is shifted to give a bucket.
    shift: u32,
    len: usize,
    of: PhantomData<I>,
}

/// An id beside its value, so that one memory access fetches both. Aligned so that a container and
/// its id take no more than two cache lines.
#[derive(Debug)]
#[repr(align(16))]
struct Bucket<T> {
    /// `VACANT` if there is none.
    id: u64,
    value: Option<T>,
}

impl<T> Bucket<T> {
    const VACANT: Self = Bucket { id: VACANT, value: None };
}

impl<I, T> Default for IdMap<I, T> {
    fn default() -> Self {
        IdMap { buckets: Vec::new(), shift: 0, len: 0, of: PhantomData }
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
        self.buckets.get(self.find(*id)?)?.value.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: &I) -> Option<&mut T> {
        let bucket = self.find(*id)?;
        self.buckets.get_mut(bucket)?.value.as_mut()
    }

    /// Puts a value under an id and gives the one that was there.
    pub(crate) fn insert(&mut self, id: I, value: T) -> Option<T> {
        match self.find(id) {
            Some(bucket) => self.buckets[bucket].value.replace(value),
            None => {
                self.insert_new(id, value);
                None
            }
        }
    }

    /// Inserts a value under an id that is not in the table.
    #[inline]
    pub(crate) fn insert_new(&mut self, id: I, value: T) -> &mut T {
        debug_assert!(self.find(id).is_none(), "an id is given out once");
        if 4 * (self.len + 1) > 3 * self.buckets.len() {
            self.grow();
        }
        self.len += 1;
        let bucket = self.vacant(id.count());
        let Bucket { id: taken, value: room } = &mut self.buckets[bucket];
        *taken = id.count();
        let nothing = room.take();
        debug_assert!(nothing.is_none(), "a vacant bucket holds nothing");
        // Dropping `None` would still cost a call.
        std::mem::forget(nothing);
        room.insert(value)
    }

    /// The value of an id; inserts one if there is none.
    pub(crate) fn get_or_insert_with(&mut self, id: I, value: impl FnOnce() -> T) -> &mut T {
        match self.find(id) {
            Some(bucket) => self.buckets[bucket].value.get_or_insert_with(value),
            None => self.insert_new(id, value()),
        }
    }

    pub(crate) fn remove(&mut self, id: &I) -> Option<T> {
        let mut gap = self.find(*id)?;
        let value = self.buckets[gap].value.take();
        self.len -= 1;
        // Entries behind the gap whose home is not behind it move into it, so that probing still
        // finds them.
        let mask = self.buckets.len() - 1;
        let mut bucket = gap;
        loop {
            bucket = (bucket + 1) & mask;
            let other = self.buckets[bucket].id;
            if other == VACANT {
                break;
            }
            let home = self.home(other);
            if (bucket.wrapping_sub(home) & mask) >= (bucket.wrapping_sub(gap) & mask) {
                self.buckets.swap(gap, bucket);
                gap = bucket;
            }
        }
        self.buckets[gap].id = VACANT;
        value
    }

    /// All ids and their values, in arbitrary order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (I, &T)> + '_ {
        self.buckets
            .iter()
            .filter_map(|bucket| Some((I::of_count(bucket.id), bucket.value.as_ref()?)))
    }

    /// All values, in arbitrary order.
    #[cfg(any(test, feature = "audit"))]
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> + '_ {
        self.buckets.iter().filter_map(|bucket| bucket.value.as_ref())
    }

    fn home(&self, id: u64) -> usize {
        (id.wrapping_mul(MULTIPLIER) >> self.shift) as usize
    }

    #[inline]
    fn find(&self, id: I) -> Option<usize> {
        let home = self.home(id.count());
        // Without buckets there is none at any number.
        if self.buckets.get(home)?.id == id.count() { Some(home) } else { self.find_from(home, id) }
    }

    /// Apart, so that the frequent case stays short.
    #[inline(never)]
    fn find_from(&self, mut bucket: usize, id: I) -> Option<usize> {
        let (id, mask) = (id.count(), self.buckets.len() - 1);
        loop {
            match self.buckets[bucket].id {
                found if found == id => return Some(bucket),
                VACANT => return None,
                _ => bucket = (bucket + 1) & mask,
            }
        }
    }

    /// The first vacant bucket for an id that is not in the table.
    #[inline]
    fn vacant(&self, id: u64) -> usize {
        let mask = self.buckets.len() - 1;
        let mut bucket = self.home(id);
        while self.buckets[bucket].id != VACANT {
            bucket = (bucket + 1) & mask;
        }
        bucket
    }

    #[cold]
    fn grow(&mut self) {
        let count = (2 * self.buckets.len()).max(LEAST_BUCKETS);
        let mut buckets = Vec::new();
        buckets.resize_with(count, || Bucket::VACANT);
        let before = std::mem::replace(&mut self.buckets, buckets);
        self.shift = u64::BITS - count.trailing_zeros();
        for taken in before.into_iter().filter(|bucket| bucket.id != VACANT) {
            let bucket = self.vacant(taken.id);
            self.buckets[bucket] = taken;
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
        #![proptest_config(isotherm_testing::cases(5_000))]

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
        assert_eq!(map.buckets.len(), LEAST_BUCKETS);
    }
}
