//! Durations that are drawn anew whenever they are needed, such as start-up times of containers.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use crate::random::uniform_open;
use crate::{Distribution, Duration, Random};

/// A random duration with its own random stream. Cheap to clone; clones draw from the same stream.
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
    /// The initial state of the stream, from which `apart` branches off.
    beginning: Random,
    apart: OnceCell<RandomDuration>,
}

impl RandomDuration {
    /// A duration with a distribution in seconds. Nothing else should draw from the stream.
    #[must_use]
    pub fn new(seconds: Distribution, random: Random) -> Self {
        let (beginning, random) = (random.clone(), RefCell::new(random));
        RandomDuration {
            inner: Rc::new(Inner { seconds, random, beginning, apart: OnceCell::new() }),
        }
    }

    /// Draws a duration. Takes one word from the stream; see [`Distribution::sample_duration`].
    #[must_use]
    pub fn draw(&self) -> Duration {
        self.inner.seconds.sample_duration(&mut self.inner.random.borrow_mut())
    }

    /// Takes the next word of the stream, from which [`of_word`](Self::of_word) makes the duration
    /// that [`draw`](Self::draw) would have returned, should it be needed.
    ///
    /// ```
    /// # use isotherm_kernel::{Distribution, RandomDuration, RandomStreams};
    /// let exponential = Distribution::exponential(1.0)?;
    /// let stream = RandomStreams::new(42).stream("startup");
    /// let startup = || RandomDuration::new(exponential.clone(), stream.clone());
    /// let (drawn, later) = (startup(), startup());
    /// assert_eq!(drawn.draw(), later.of_word(later.next_word()));
    /// # Ok::<(), isotherm_kernel::DistributionError>(())
    /// ```
    #[must_use]
    pub fn next_word(&self) -> u64 {
        self.inner.random.borrow_mut().next_word()
    }

    /// The duration that corresponds to a word of the stream.
    #[must_use]
    pub fn of_word(&self, word: u64) -> Duration {
        Duration::from_secs_f64(self.inner.seconds.quantile(uniform_open(word)))
    }

    /// The same distribution with a second stream, which branches off the initial state of this
    /// one. Draws from either stream do not influence the other. Always returns the same stream.
    ///
    /// ```
    /// # use isotherm_kernel::{Distribution, RandomDuration, RandomStreams};
    /// let exponential = Distribution::exponential(1.0)?;
    /// let stream = RandomStreams::new(42).stream("startup");
    /// let startup = || RandomDuration::new(exponential.clone(), stream.clone());
    /// let (early, late) = (startup(), startup());
    /// late.draw();
    /// assert_eq!(early.apart().draw(), late.apart().draw());
    /// # Ok::<(), isotherm_kernel::DistributionError>(())
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
