//! Limits of a run, and the meter that counts its events and steps against them.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use crate::{RunError, Time};

/// What a simulation may use. The default limits nothing but the steps of one instant.
///
/// ```
/// use isotherm_kernel::{Duration, Limits, RunError, Simulation, Time};
///
/// let limit = Time::from_secs_f64(10.0);
/// let simulation = Simulation::new().with_limits(Limits { max_time: Some(limit), ..Limits::default() });
/// let kernel = simulation.kernel();
/// kernel.spawn("sleeper", kernel.sleep(Duration::from_secs(60)));
/// assert_eq!(simulation.run(), Err(RunError::TimeLimit { limit }));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The simulation must be over by this date.
    pub max_time: Option<Time>,
    /// At most this many events may happen. An event is what happens at a date that was set before:
    /// the end of a sleep, a call, a timer, of an activity or of its latency.
    ///
    /// Turns of the run queue (an actor that runs, a call without delay) are no events, unless
    /// there are very many of them at one date: the first [`FREE_STEPS`](Self::FREE_STEPS) are
    /// free, and each further one counts as an event. So the limit also holds where time stands
    /// still.
    ///
    /// [Background calls](Kernel::background_at) are events while nothing else is to come. While
    /// something is, the first [`FREE_STEPS`](Self::FREE_STEPS) after each other event are free.
    pub max_events: Option<u64>,
    /// At most this many turns of the run queue may there be at one date: more is taken for a
    /// livelock.
    pub max_steps_per_instant: u64,
}

impl Limits {
    /// How many turns of the run queue there may be at one date, and how many background calls from
    /// one event to the next, before they count as events.
    pub const FREE_STEPS: u64 = 1_000_000;
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_time: None, max_events: None, max_steps_per_instant: 1_000_000_000 }
    }
}

/// Counts what happens in a simulation, and says when it is to end.
pub(crate) struct Meter {
    pub(crate) limits: Cell<Limits>,
    pub(crate) events: Cell<u64>,
    /// Turns at the current date.
    pub(crate) steps: Cell<u64>,
    watcher: RefCell<Option<Watcher>>,
    /// Steps until the watcher looks again, or what has been said within a turn is heard.
    steps_until_look: Cell<u64>,
    /// Why the simulation is to end, if that was found out within a turn.
    verdict: RefCell<Option<RunError>>,
}

/// Who looks in on a simulation.
struct Watcher {
    every: u64,
    look: Box<dyn FnMut(Time) -> ControlFlow<()>>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Meter {
            limits: Cell::new(Limits::default()),
            events: Cell::new(0),
            steps: Cell::new(0),
            watcher: RefCell::new(None),
            steps_until_look: Cell::new(u64::MAX),
            verdict: RefCell::new(None),
        }
    }

    /// Installs the watcher: `look` is called every `every` steps.
    pub(crate) fn watch(&self, every: u64, look: impl FnMut(Time) -> ControlFlow<()> + 'static) {
        let every = every.max(1);
        self.watcher.replace(Some(Watcher { every, look: Box::new(look) }));
        self.steps_until_look.set(every);
    }

    /// Drops the watcher, which may hold the kernel.
    pub(crate) fn drop_watcher(&self) {
        let watcher = self.watcher.take();
        drop(watcher);
    }

    /// Counts a turn that is taken within another one, to whose end an error waits.
    pub(crate) fn count_turn(&self, now: Time) -> ControlFlow<()> {
        let counted = self
            .count_if_many(now)
            .and_then(|()| self.step(now))
            .and_then(|()| self.count_step(now));
        match counted {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.verdict.replace(Some(error));
                self.steps_until_look.set(1);
                ControlFlow::Break(())
            }
        }
    }

    /// Counts a turn at the current date.
    #[inline]
    pub(crate) fn count_step(&self, now: Time) -> Result<(), RunError> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps < self.limits.get().max_steps_per_instant {
            return Ok(());
        }
        Err(RunError::Livelock { at: now, steps })
    }

    /// Counts a turn of a date that has had very many as an event, before it is taken.
    #[inline]
    pub(crate) fn count_if_many(&self, now: Time) -> Result<(), RunError> {
        if self.steps.get() < Limits::FREE_STEPS { Ok(()) } else { self.count_as_event(now) }
    }

    /// Counts as an event what is not one by itself, before it happens.
    #[cold]
    pub(crate) fn count_as_event(&self, now: Time) -> Result<(), RunError> {
        self.events.set(self.events.get() + 1);
        match self.limits.get().max_events {
            Some(limit) if self.events.get() > limit => {
                Err(RunError::EventLimit { limit, at: now })
            }
            _ => Ok(()),
        }
    }

    #[inline]
    pub(crate) fn step(&self, now: Time) -> Result<(), RunError> {
        let left = self.steps_until_look.get() - 1;
        self.steps_until_look.set(left);
        if left == 0 { self.look(now) } else { Ok(()) }
    }

    #[cold]
    fn look(&self, now: Time) -> Result<(), RunError> {
        if let Some(verdict) = &*self.verdict.borrow() {
            self.steps_until_look.set(1);
            return Err(verdict.clone());
        }
        let mut watcher = self.watcher.borrow_mut();
        let Some(Watcher { every, look }) = &mut *watcher else {
            self.steps_until_look.set(u64::MAX);
            return Ok(());
        };
        self.steps_until_look.set(*every);
        match look(now) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(RunError::Interrupted { at: now }),
        }
    }
}
