//! Invocations in each minute of a day, packed: most minutes of most functions have none.

/// How many minutes a day has.
pub(in crate::trace) const MINUTES: u16 = 1440;

/// The counts of one function on one day: for each minute that has any, how many minutes were
/// skipped before it, and how many invocations there are in it; both as numbers of 7 bits a byte.
#[derive(Clone, Debug, Default)]
pub(in crate::trace) struct MinuteCounts {
    bytes: Box<[u8]>,
}

/// Goes over the minutes that have invocations.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MinuteCursor {
    at: usize,
    /// The minute after the last one.
    next: u16,
}

impl MinuteCounts {
    /// Packs the counts of minutes; none if there are no invocations.
    pub(in crate::trace) fn pack(counts: &[u32]) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut skipped = 0;
        for &count in counts {
            if count == 0 {
                skipped += 1;
            } else {
                push(&mut bytes, skipped);
                push(&mut bytes, count);
                skipped = 0;
            }
        }
        (!bytes.is_empty()).then(|| MinuteCounts { bytes: bytes.into() })
    }

    /// The counts of all minutes.
    pub(in crate::trace) fn unpack(&self) -> Vec<u32> {
        let mut all = vec![0; usize::from(MINUTES)];
        let mut cursor = MinuteCursor::default();
        while let Some((minute, count)) = self.next(&mut cursor) {
            all[usize::from(minute)] = count;
        }
        all
    }

    /// The next minute that has invocations, and how many.
    pub(super) fn next(&self, cursor: &mut MinuteCursor) -> Option<(u16, u32)> {
        let skipped = pull(&self.bytes, &mut cursor.at)?;
        let count = pull(&self.bytes, &mut cursor.at)?;
        let minute = cursor.next + skipped as u16;
        cursor.next = minute + 1;
        Some((minute, count))
    }

    /// Adds those of another row of the same function and day.
    pub(super) fn add(&mut self, other: &MinuteCounts) {
        let mut sums = [0u32; MINUTES as usize];
        for counts in [&*self, other] {
            let mut cursor = MinuteCursor::default();
            while let Some((minute, count)) = counts.next(&mut cursor) {
                let sum = &mut sums[usize::from(minute)];
                *sum = sum.saturating_add(count);
            }
        }
        if let Some(sum) = MinuteCounts::pack(&sums) {
            *self = sum;
        }
    }

    /// All invocations of the day.
    pub(in crate::trace) fn total(&self) -> u64 {
        let mut cursor = MinuteCursor::default();
        std::iter::from_fn(|| self.next(&mut cursor)).map(|(_, count)| u64::from(count)).sum()
    }

    /// The last minute that has invocations.
    pub(super) fn last(&self) -> Option<u16> {
        let mut cursor = MinuteCursor::default();
        std::iter::from_fn(|| self.next(&mut cursor)).last().map(|(minute, _)| minute)
    }
}

fn push(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn pull(bytes: &[u8], at: &mut usize) -> Option<u32> {
    let mut number = 0;
    for shift in (0..32).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_without_invocations_is_none() {
        assert!(MinuteCounts::pack(&[0; MINUTES as usize]).is_none());
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(2_500))]

        #[test]
        fn what_was_packed_comes_back(
            counts in prop::collection::vec(prop_oneof![3 => Just(0u32), 1 => any::<u32>()], MINUTES as usize)
        ) {
            let Some(mut packed) = MinuteCounts::pack(&counts) else { return Ok(()) };
            prop_assert_eq!(&packed.unpack(), &counts);
            prop_assert_eq!(packed.total(), counts.iter().map(|&count| u64::from(count)).sum::<u64>());
            prop_assert_eq!(packed.last().map(usize::from), counts.iter().rposition(|&count| count > 0));
            packed.add(&packed.clone());
            let doubled: Vec<u32> = counts.iter().map(|count| count.saturating_mul(2)).collect();
            prop_assert_eq!(packed.unpack(), doubled);
        }
    }
}
