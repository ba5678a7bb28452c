//! The order in which the containers of a function serve consecutive invocations.
//!
//! Most rules order the containers by a key ([`Container`](super::Container), `serving_key`): the
//! first one serves while it has capacity. Two rules do not:
//!
//! * Least recently used, if containers serve several invocations at once: a container becomes the
//!   last with each dispatch, so they alternate.
//! * Random: each choice is uniform among the containers with capacity. The draws depend on a
//!   *token*, a random word in the state that is replaced at each dispatch. So a scheduler may ask
//!   any number of times before it decides, and gets the same answers.

use isotherm_kernel::Random;
use rustc_hash::FxHashMap;

use crate::rules::ContainerReuse;
use crate::steps;

/// The increment of SplitMix64 between the draws of one token.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The order.
pub(crate) struct Reuse {
    pub(super) rule: ContainerReuse,
    random: Random,
    /// The random word for draws, until the next dispatch.
    pub(super) token: u64,
}

impl Reuse {
    pub(crate) fn new(rule: ContainerReuse, mut random: Random) -> Self {
        Reuse { rule, token: random.next_word(), random }
    }

    /// Replaces the token.
    #[inline]
    pub(super) fn renew(&mut self) {
        if self.rule == ContainerReuse::Random {
            self.token = self.random.next_word();
        }
    }
}

/// A sequence of containers drawn at random, as numbers below `len`, by a lazy Fisher–Yates shuffle
/// with multiplicities. O(1) per draw.
pub(super) struct Draws<P> {
    state: u64,
    /// The number of positions whose containers have capacity left: these come first.
    len: usize,
    /// The positions that do not hold their own number: the number they hold, and how often it was
    /// drawn.
    moved: FxHashMap<usize, (usize, usize)>,
    places: P,
    last: Option<usize>,
}

impl<P: Fn(usize) -> usize> Draws<P> {
    /// Draws for a function. `places` is the capacity of a container.
    pub(super) fn new(token: u64, function: u32, len: usize, places: P) -> Self {
        let state = mix(token ^ mix(u64::from(function)));
        Draws { state, len, moved: FxHashMap::default(), places, last: None }
    }

    fn at(&self, place: usize) -> (usize, usize) {
        self.moved.get(&place).copied().unwrap_or((place, 0))
    }

    /// Applies the last draw. Deferred until another draw, which is seldom.
    fn settle(&mut self) {
        let Some(place) = self.last.take() else { return };
        let (number, drawn) = self.at(place);
        if drawn + 1 < (self.places)(number) {
            self.moved.insert(place, (number, drawn + 1));
        } else {
            self.len -= 1;
            let last = self.at(self.len);
            self.moved.insert(place, last);
        }
    }
}

impl<P: Fn(usize) -> usize> Iterator for Draws<P> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.settle();
        steps::count(1);
        if self.len == 0 {
            return None;
        }
        self.state = self.state.wrapping_add(STEP);
        // Multiply-shift: of the 2^64 words each position gets the same number, up to one.
        let place = ((u128::from(mix(self.state)) * self.len as u128) >> 64) as usize;
        self.last = Some(place);
        Some(self.at(place).0)
    }
}

/// The finalizer of SplitMix64.
fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_container_is_drawn_as_often_as_it_has_places() {
        let places = [1usize, 3, 2, 1, 5];
        for token in 0..100 {
            let mut drawn = [0usize; 5];
            Draws::new(token, 7, 5, |number| places[number]).for_each(|number| drawn[number] += 1);
            assert_eq!(drawn, places);
        }
        assert_eq!(Draws::new(1, 1, 0, |_| 1).next(), None);
    }

    #[test]
    fn draws_are_uniform_among_those_that_have_a_place() {
        // Of three containers the first has two places. The second draw is uniform among two if the
        // first was one of the others, and among three if it was the first: P(second = 0) = 1/3 ·
        // 1/3 + 2/3 · 1/2 = 4/9.
        let places = [2usize, 1, 1];
        let mut counts = [[0u32; 3]; 2];
        const TOKENS: u32 = 90_000;
        for token in 0..TOKENS {
            let drawn = Draws::new(u64::from(token), 3, 3, |number| places[number]);
            for (count, number) in counts.iter_mut().zip(drawn) {
                count[number] += 1;
            }
        }
        let expected = [[1.0 / 3.0; 3], [4.0 / 9.0, 2.5 / 9.0, 2.5 / 9.0]];
        for (counts, expected) in counts.iter().zip(expected) {
            for (&count, share) in counts.iter().zip(expected) {
                // Five standard deviations are below 0.0085.
                let off = (f64::from(count) / f64::from(TOKENS) - share).abs();
                assert!(off < 0.0085, "{count} of {TOKENS} instead of {share}");
            }
        }
    }
}
