//! Limits of a run, and the meter that counts events and steps against them.
//!
//! An *event* is something that was scheduled for a date. A *step* is the execution of one entry of
//! the run queue, which takes no virtual time.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use crate::{RunError, Time};

/// Limits of a run. By default only the number of steps at one date is limited.
///
/// ```
/// use isotherm_kernel::{Duration, Limits, RunError, Simulation, Time};
///
/// let limit = Time::from_secs_f64(10.0);
/// let limits = Limits { max_time: Some(limit), ..Limits::default() };
/// let simulation = Simulation::new().with_limits(limits);
/// let kernel = simulation.kernel();
/// kernel.spawn("sleeper", kernel.sleep(Duration::from_secs(60)));
/// assert_eq!(simulation.run(), Err(RunError::TimeLimit { limit }));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The date by which the simulation must have ended.
    pub max_time: Option<Time>,
    /// The largest number of events: ends of sleeps, calls, timers, activities and latencies.
    ///
    /// Steps are not events, but beyond the first [`FREE_STEPS`](Self::FREE_STEPS) at one date each
    /// step counts as one, so that this limit also holds while virtual time stands still.
    ///
    /// [Background calls](crate::Kernel::background_at) count as events while no other event is
    /// pending. Otherwise the first [`FREE_STEPS`](Self::FREE_STEPS) of them after each event are
    /// free.
    pub max_events: Option<u64>,
    /// The largest number of steps at one date; more counts as a livelock.
    pub max_steps_per_instant: u64,
}

impl Limits {
    /// How many steps at one date, and how many background calls between two events, do not count
    /// as events.
    pub const FREE_STEPS: u64 = 1_000_000;
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_time: None, max_events: None, max_steps_per_instant: 1_000_000_000 }
    }
}

/// Counts events and steps, and says when the run must end.
pub(crate) struct StepCounter {
    pub(crate) limits: Cell<Limits>,
    pub(crate) events: Cell<u64>,
    /// Steps at the current date.
    pub(crate) steps: Cell<u64>,
    watcher: RefCell<Option<Watcher>>,
    /// Steps until the watcher is called, or until an error found within a step is reported.
    steps_until_check: Cell<u64>,
    /// The error that was found within a step.
    verdict: RefCell<Option<RunError>>,
    /// Set while a step has asked for a pause: the steps that were left until the check then.
    pause: Cell<Option<u64>>,
}

/// A callback that observes the run: see
/// [`Simulation::with_watcher`](crate::Simulation::with_watcher).
struct Watcher {
    every: u64,
    watch: Box<dyn FnMut(Time) -> ControlFlow<()>>,
}

impl StepCounter {
    pub(crate) fn new() -> Self {
        StepCounter {
            limits: Cell::new(Limits::default()),
            events: Cell::new(0),
            steps: Cell::new(0),
            watcher: RefCell::new(None),
            steps_until_check: Cell::new(u64::MAX),
            verdict: RefCell::new(None),
            pause: Cell::new(None),
        }
    }

    /// Has the step that is being taken reported as interrupted, so that the main loop is left.
    pub(crate) fn ask_for_pause(&self) {
        if self.pause.get().is_none() {
            self.pause.set(Some(self.steps_until_check.replace(1)));
        }
    }

    /// Whether a pause was asked for, which is over now.
    pub(crate) fn takes_pause(&self) -> bool {
        let Some(left) = self.pause.take() else { return false };
        // The step has been counted. An error found within it is still to be reported.
        let is_due = self.verdict.borrow().is_some();
        self.steps_until_check.set(if is_due { 1 } else { left.saturating_sub(1).max(1) });
        true
    }

    /// Installs the watcher: `watch` is called every `every` steps.
    pub(crate) fn watch(&self, every: u64, watch: impl FnMut(Time) -> ControlFlow<()> + 'static) {
        let every = every.max(1);
        self.watcher.replace(Some(Watcher { every, watch: Box::new(watch) }));
        self.steps_until_check.set(every);
    }

    /// Drops the watcher, which may hold the kernel.
    pub(crate) fn drop_watcher(&self) {
        let watcher = self.watcher.take();
        drop(watcher);
    }

    /// Counts a step taken within another one. An error is reported when the outer step has ended.
    pub(crate) fn count_turn(&self, now: Time) -> ControlFlow<()> {
        let counted = self
            .count_if_many(now)
            .and_then(|()| self.step_within(now))
            .and_then(|()| self.count_step(now));
        match counted {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.verdict.replace(Some(error));
                self.steps_until_check.set(1);
                ControlFlow::Break(())
            }
        }
    }

    /// Counts a step at the current date.
    #[inline]
    pub(crate) fn count_step(&self, now: Time) -> Result<(), RunError> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps < self.limits.get().max_steps_per_instant {
            return Ok(());
        }
        Err(RunError::Livelock { at: now, steps })
    }

    /// Counts a step as an event, before it is taken, if the current date has had many steps.
    #[inline]
    pub(crate) fn count_if_many(&self, now: Time) -> Result<(), RunError> {
        if self.steps.get() < Limits::FREE_STEPS { Ok(()) } else { self.count_as_event(now) }
    }

    /// Counts a step or a background call as an event, before it happens.
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
        let left = self.steps_until_check.get() - 1;
        self.steps_until_check.set(left);
        if left == 0 { self.check_watcher(now) } else { Ok(()) }
    }

    /// Like [`step`](Self::step), for a step after which the main loop cannot be left: a pause that
    /// it asks for comes after the next step.
    pub(crate) fn step_within(&self, now: Time) -> Result<(), RunError> {
        match self.step(now) {
            Err(RunError::Interrupted { .. }) if self.pause.get().is_some() => {
                self.steps_until_check.set(1);
                Ok(())
            }
            result => result,
        }
    }

    #[cold]
    fn check_watcher(&self, now: Time) -> Result<(), RunError> {
        if let Some(verdict) = &*self.verdict.borrow() {
            self.steps_until_check.set(1);
            return Err(verdict.clone());
        }
        if self.pause.get().is_some() {
            return Err(RunError::Interrupted { at: now });
        }
        let mut watcher = self.watcher.borrow_mut();
        let Some(Watcher { every, watch }) = &mut *watcher else {
            self.steps_until_check.set(u64::MAX);
            return Ok(());
        };
        self.steps_until_check.set(*every);
        match watch(now) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(RunError::Interrupted { at: now }),
        }
    }
}
