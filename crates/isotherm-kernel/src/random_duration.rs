//! Durations that are drawn when they are needed.

use std::cell::RefCell;
use std::rc::Rc;

use crate::{Distribution, Duration, Random};

/// A duration that is drawn anew each time it is needed, from a distribution in seconds and a random stream of its own. Cheap to
/// clone; clones draw from the same stream.
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
}

impl RandomDuration {
    /// A duration with this distribution in seconds. The stream should be its own, so that nothing else disturbs what is drawn.
    pub fn new(seconds: Distribution, random: Random) -> Self {
        RandomDuration { inner: Rc::new(Inner { seconds, random: RefCell::new(random) }) }
    }

    /// Draws it. Takes one word from the stream; see [`Distribution::sample_duration`].
    pub fn draw(&self) -> Duration {
        self.inner.seconds.sample_duration(&mut self.inner.random.borrow_mut())
    }

    /// The distribution, in seconds.
    pub fn distribution(&self) -> &Distribution {
        &self.inner.seconds
    }
}
