//! Lengths in the encoding `DELTA_BINARY_PACKED`, which are added up without being kept:
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use super::guard::ThriftFields;

/// Lengths at the beginning of some bytes.
#[derive(Debug)]
pub(super) struct Lengths<'a> {
    bytes: &'a [u8],
    /// Where the first block begins.
    begin: usize,
    /// How many blocks of bits a block has, and how many values each of them.
    bit_blocks: usize,
    values: u64,
    count: u64,
    first: i32,
}

impl<'a> Lengths<'a> {
    /// Reads what is said of them. `None` if it cannot be.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = ThriftFields { rest: bytes, depth: 0 };
        let (block, bit_blocks) = (fields.length()?, fields.length()?);
        let (count, first) = (fields.length()?, i32::try_from(fields.number()?).ok()?);
        let values = block.checked_div(bit_blocks)?;
        if values == 0 || !values.is_multiple_of(32) || values.checked_mul(bit_blocks)? != block {
            return None;
        }
        let begin = bytes.len() - fields.rest.len();
        let bit_blocks = usize::try_from(bit_blocks).ok()?;
        Some(Lengths { bytes, begin, bit_blocks, values, count, first })
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Their sum, and where they end. `None` if they break off, or if one is negative.
    pub(super) fn add_up(&self) -> Option<(u64, usize)> {
        let mut length = self.first;
        let mut sum = if self.count > 0 { u64::try_from(length).ok()? } else { 0 };
        let mut left = self.count.saturating_sub(1);
        let mut at = self.begin;
        while left > 0 {
            let mut fields = ThriftFields { rest: self.bytes.get(at..)?, depth: 0 };
            let least = i32::try_from(fields.number()?).ok()?;
            let (widths, mut rest) = fields.rest.split_at_checked(self.bit_blocks)?;
            for width in widths {
                // Behind the last value there are no bits, whatever their widths are said to be.
                if left == 0 {
                    break;
                }
                let width = u64::from(*width);
                if width > 32 {
                    return None;
                }
                let values = self.values.min(left);
                for index in 0..values {
                    let delta = bits(rest, index * width, width)? as i32;
                    length = length.wrapping_add(least).wrapping_add(delta);
                    sum = sum.checked_add(u64::try_from(length).ok()?)?;
                    left -= 1;
                }
                let bytes = usize::try_from(self.values.checked_mul(width)? / 8).ok()?;
                rest = rest.get(bytes..)?;
            }
            at = self.bytes.len() - rest.len();
        }
        Some((sum, at))
    }
}

/// Reads this number of bits, at most 32, least significant bit first.
fn bits(bytes: &[u8], begin: u64, width: u64) -> Option<u32> {
    if width == 0 {
        return Some(0);
    }
    let first = usize::try_from(begin / 8).ok()?;
    let end = usize::try_from((begin + width).div_ceil(8)).ok()?;
    let mut word = 0u64;
    for (byte, shift) in bytes.get(first..end)?.iter().zip((0..64).step_by(8)) {
        word |= u64::from(*byte) << shift;
    }
    let word = word >> (begin % 8);
    Some((word & ((1 << width) - 1)) as u32)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A length: seven bits in each byte, the lowest first.
    pub(in super::super) fn varint(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    /// Writes lengths in blocks of four times 32, in as few bits as do.
    pub(in super::super) fn packed(lengths: &[i32]) -> Vec<u8> {
        let zigzag = |number: i64| varint(((number << 1) ^ (number >> 63)) as u64);
        let first = i64::from(lengths.first().copied().unwrap_or(0));
        let count = varint(lengths.len() as u64);
        let mut bytes = [varint(128), varint(4), count, zigzag(first)].concat();
        let deltas: Vec<i64> =
            lengths.windows(2).map(|pair| i64::from(pair[1]) - i64::from(pair[0])).collect();
        for block in deltas.chunks(128) {
            let least = block.iter().copied().min().unwrap_or(0);
            bytes.extend(zigzag(least));
            let (mut widths, mut all) = ([7u8; 4], Vec::new());
            for (part, width) in block.chunks(32).zip(&mut widths) {
                let most = part.iter().map(|delta| (delta - least) as u64).max().unwrap_or(0);
                *width = (64 - most.leading_zeros()) as u8;
                let bits = 0..usize::from(*width);
                let mut part: Vec<u64> = part.iter().map(|delta| (delta - least) as u64).collect();
                part.resize(32, 0);
                let bits: Vec<bool> = part
                    .iter()
                    .flat_map(|x| bits.clone().map(move |bit| x >> bit & 1 == 1))
                    .collect();
                all.extend(bits.chunks(8).map(|bits| {
                    bits.iter().rev().fold(0u8, |byte, bit| byte << 1 | u8::from(*bit))
                }));
            }
            bytes.extend(widths);
            bytes.extend(all);
        }
        bytes
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(5_000))]

        #[test]
        fn the_sum_is_that_of_all(lengths in prop::collection::vec(
            prop_oneof![Just(0), 0..100, 0..1_000_000], 0..600,
        ), more: Vec<u8>) {
            let written = packed(&lengths);
            let bytes = [&written[..], &more].concat();
            let read = Lengths::new(&bytes).unwrap();
            prop_assert_eq!(read.count(), lengths.len() as u64);
            let sum = lengths.iter().map(|length| *length as u64).sum();
            prop_assert_eq!(read.add_up(), Some((sum, written.len())));
        }

        #[test]
        fn whatever_it_is_it_ends(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let head = [varint(128), varint(4), varint(1000), bytes].concat();
            if let Some(lengths) = Lengths::new(&head) {
                let end = lengths.add_up().map_or(0, |(_, end)| end);
                prop_assert!(end <= head.len());
            }
        }
    }

    #[test]
    fn what_cannot_be_is_none() {
        let head = |block: u64, parts: u64| [varint(block), varint(parts), vec![1, 0]].concat();
        assert!(Lengths::new(&head(128, 4)).is_some());
        for (block, parts) in [(128, 0), (0, 4), (128, 3), (128, 8), (u64::MAX, 1)] {
            assert!(Lengths::new(&head(block, parts)).is_none(), "{block} {parts}");
        }
        // One that is negative, and one that breaks off.
        let sum = |bytes: &[u8]| Lengths::new(bytes).unwrap().add_up();
        assert_eq!(sum(&packed(&[5, -1])), None);
        let long = packed(&[1, 900, 3, 7]);
        assert_eq!(sum(&long[..long.len() - 1]), None);
    }
}
