//! Durations that are drawn when they are needed.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use crate::random::uniform_open;
use crate::{Distribution, Duration, Random};

/// A duration that is drawn anew each time it is needed, from a distribution in seconds and a
/// random stream of its own. Cheap to clone; clones draw from the same stream.
///
/// ```
/// # use isotherm_kernel::{Distribution, Duration, RandomDuration, RandomStreams};
/// let stream = RandomStreams::new(42).stream("function/resize/startup");
/// let startup = RandomDuration::new(Distribution::uniform(0.2, 0.4)?, stream);
/// let drawn = startup.draw();
/// assert!(Duration::from_millis(200) <= drawn && drawn <= Duration::from_millis(400));
/// # Ok::<(), isotherm_kernel::DistributionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomDuration {
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    seconds: Distribution,
    random: RefCell<Random>,
    /// The stream as it was at first, from which that of `apart` branches off.
    beginning: Random,
    apart: OnceCell<RandomDuration>,
}

impl RandomDuration {
    /// A duration with this distribution in seconds. The stream should be its own, so that nothing
    /// else disturbs what is drawn.
    #[must_use]
    pub fn new(seconds: Distribution, random: Random) -> Self {
        let (beginning, random) = (random.clone(), RefCell::new(random));
        RandomDuration {
            inner: Rc::new(Inner { seconds, random, beginning, apart: OnceCell::new() }),
        }
    }

    /// Draws it. Takes one word from the stream; see [`Distribution::sample_duration`].
    pub fn draw(&self) -> Duration {
        self.inner.seconds.sample_duration(&mut self.inner.random.borrow_mut())
    }

    /// The next word of the stream: what [`draw`](Self::draw) would take, for a duration that may
    /// not be needed. [`of_word`](Self::of_word) makes it of the word.
    ///
    /// ```
    /// # use isotherm_kernel::{Distribution, RandomDuration, RandomStreams};
    /// let startup = || RandomDuration::new(Distribution::exponential(1.0).unwrap(), RandomStreams::new(42).stream("startup"));
    /// let (drawn, later) = (startup(), startup());
    /// assert_eq!(drawn.draw(), later.of_word(later.next_word()));
    /// ```
    pub fn next_word(&self) -> u64 {
        self.inner.random.borrow_mut().next_word()
    }

    /// The duration that belongs to a word of the stream.
    #[must_use]
    pub fn of_word(&self, word: u64) -> Duration {
        Duration::from_secs_f64(self.inner.seconds.quantile(uniform_open(word)))
    }

    /// The same distribution, drawn from another stream that branches off the beginning of this
    /// one: what is drawn here and there does not disturb each other, whatever has been drawn
    /// before. Always the same one.
    ///
    /// ```
    /// # use isotherm_kernel::{Distribution, RandomDuration, RandomStreams};
    /// let startup = || RandomDuration::new(Distribution::exponential(1.0).unwrap(), RandomStreams::new(42).stream("startup"));
    /// let (early, late) = (startup(), startup());
    /// late.draw();
    /// assert_eq!(early.apart().draw(), late.apart().draw());
    /// ```
    #[must_use]
    pub fn apart(&self) -> RandomDuration {
        let Inner { seconds, beginning, apart, .. } = &*self.inner;
        apart
            .get_or_init(|| RandomDuration::new(seconds.clone(), beginning.branch("apart")))
            .clone()
    }

    /// The distribution, in seconds.
    #[must_use]
    pub fn distribution(&self) -> &Distribution {
        &self.inner.seconds
    }
}
