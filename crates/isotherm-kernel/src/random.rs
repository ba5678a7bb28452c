//! Random numbers: one named stream per component, the same on every machine.
//!
//! A simulation has one seed. Each component that needs random numbers (a workload, a scheduler, a
//! failure generator) takes its own [`Random`] stream from [`RandomStreams`] by a path such as
//! `workload/resize`. A stream depends on the seed and its path alone, so adding, removing or
//! reordering components does not change the numbers of the others.
//!
//! ```
//! # use isotherm_kernel::RandomStreams;
//! let streams = RandomStreams::new(42);
//! let mut arrivals = streams.stream("workload/resize");
//! let mut placement = streams.stream("scheduler");
//! assert!(arrivals.uniform() < 1.0);
//! assert!(placement.below(8) < 8);
//! ```
//!
//! # What exactly is drawn
//!
//! All of this is part of the format of results: a change here changes every result that depends on
//! random numbers.
//!
//! * The generator is PCG XSL RR 128/64 (`pcg64`), as the crate `rand_pcg` has it.
//! * It is seeded with four words `w0..w3` of a SplitMix64 that starts at `mix(seed) ^ hash(path)`,
//!   where `mix` is the first output of a SplitMix64 started at `seed` and `hash` is FNV-1a (64
//!   bits) over the UTF-8 bytes of the path: state `w0·2^64 + w1`, stream `w2·2^64 + w3`. For one
//!   path, different seeds never meet; for one seed, two paths meet only if their hashes do.
//! * [`Random::uniform`] is the upper 53 bits of a word times 2^-53; [`Random::uniform_open`] the
//!   upper 52 bits plus a half, times 2^-52.
//! * [`Random::below`] is the multiply-shift method with rejection (Lemire 2019): without bias,
//!   nearly always one word.
//! * [`Random::branch`] is the stream of a path in the same way, its SplitMix64 starting at
//!   `mix(w) ^ hash(path)`, where `w` is the word that the stream would give next.
//! * [`Random::shuffle`] is the Fisher-Yates shuffle from the end to the front.

use std::convert::Infallible;

use rand_core::{Rng, TryRng};
use rand_pcg::Pcg64;

/// The source of all random streams of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomStreams {
    seed: u64,
}

impl RandomStreams {
    /// The streams of a seed. All seeds are equally good, 0 included.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        RandomStreams { seed }
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The stream of the component with this path, from its beginning.
    ///
    /// Two calls with the same path return generators that yield the same numbers: a component
    /// calls it once and keeps the generator.
    #[must_use]
    pub fn stream(&self, path: &str) -> Random {
        Random::named(self.seed, path)
    }
}

/// A stream of random numbers. See the [module](self) for what exactly is drawn.
///
/// ```
/// use isotherm_kernel::RandomStreams;
///
/// let mut random = RandomStreams::new(42).stream("placement");
/// let mut order = ["a", "b", "c"];
/// random.shuffle(&mut order);
/// assert!(order.contains(random.choose(&["a", "b", "c"]).unwrap()));
/// // The same path gives the same numbers.
/// let die = || RandomStreams::new(42).stream("die").below(6);
/// assert_eq!(die(), die());
/// ```
///
/// It implements [`rand_core::TryRng`], and with it `rand_core::Rng`, for the crates of the `rand`
/// family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    generator: Pcg64,
}

impl Random {
    fn named(seed: u64, path: &str) -> Self {
        let start = SplitMix64(seed).next() ^ fnv1a(path.as_bytes());
        let mut words = SplitMix64(start);
        let state = wide(words.next(), words.next());
        let stream = wide(words.next(), words.next());
        Random { generator: Pcg64::new(state, stream) }
    }

    /// A stream that depends on the present state of this one and on a name. This stream is not
    /// advanced.
    #[must_use]
    pub fn branch(&self, name: &str) -> Self {
        Random::named(self.clone().next_word(), name)
    }

    /// The next 64-bit word.
    pub fn next_word(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A number in [0, 1), uniform on the multiples of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        (self.next_word() >> 11) as f64 * STEP
    }

    /// A number in (0, 1), neither 0 nor 1 and symmetric about 1/2, for inverse distribution
    /// functions.
    pub fn uniform_open(&mut self) -> f64 {
        uniform_open(self.next_word())
    }

    /// An integer in `0..n`, uniformly distributed without bias.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "a random choice among nothing");
        let mut product = u128::from(self.next_word()) * u128::from(n);
        if low(product) < n {
            // 2^64 mod n words are rejected, so that the rest maps evenly.
            let surplus = n.wrapping_neg() % n;
            while low(product) < surplus {
                product = u128::from(self.next_word()) * u128::from(n);
            }
        }
        high(product)
    }

    /// One of the items, each with the same probability; `None`, with nothing drawn, if there are
    /// none.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() {
            return None;
        }
        items.get(self.below(items.len() as u64) as usize)
    }

    /// Puts the items in a random order, each order with the same probability. Draws one index
    /// fewer than there are items.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = self.below(last as u64 + 1) as usize;
            items.swap(last, chosen);
        }
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.generator.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.generator.try_next_u64()
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        self.generator.try_fill_bytes(destination)
    }
}

/// The number that [`Random::uniform_open`] makes from a word.
pub(crate) fn uniform_open(word: u64) -> f64 {
    const STEP: f64 = 1.0 / (1u64 << 52) as f64;
    ((word >> 12) as f64 + 0.5) * STEP
}

fn wide(high: u64, low: u64) -> u128 {
    (u128::from(high) << 64) | u128::from(low)
}

fn low(product: u128) -> u64 {
    product as u64
}

fn high(product: u128) -> u64 {
    (product >> 64) as u64
}

/// SplitMix64 (Steele, Lea, Flood 2014): spreads one word over many, with good avalanche.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_gives_the_published_values() {
        // Test vectors of the authors of FNV (draft-eastlake-fnv, table of FNV-1a 64).
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn split_mix_gives_the_published_values() {
        // The first outputs for the start 1234567, as many implementations of SplitMix64 list them.
        let mut words = SplitMix64(1_234_567);
        assert_eq!(words.next(), 6_457_827_717_110_365_317);
        assert_eq!(words.next(), 3_203_168_211_198_807_973);
        assert_eq!(words.next(), 9_817_491_932_198_370_423);
        assert_eq!(words.next(), 4_593_380_528_125_082_431);
        assert_eq!(words.next(), 16_408_922_859_458_223_821);
    }
}
