//! A simulation from start to end: the main loop, its limits, and why it may not go on.
//!
//! ```
//! use isotherm_kernel::{Duration, Simulation};
//!
//! let simulation = Simulation::new();
//! let kernel = simulation.kernel();
//! let mailbox = kernel.mailbox("greetings");
//! kernel.spawn("sender", {
//!     let (kernel, mailbox) = (kernel.clone(), mailbox.clone());
//!     async move {
//!         kernel.sleep(Duration::from_secs(2)).await;
//!         mailbox.send_detached("hello");
//!     }
//! });
//! kernel.spawn("receiver", async move { assert_eq!(mailbox.receive().await, "hello") });
//! assert_eq!(simulation.run()?.as_secs_f64(), 2.0);
//! # Ok::<(), isotherm_kernel::RunError>(())
//! ```

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::ControlFlow;

use crate::activity::Listener;
use crate::{ActorId, Kernel, Marking, TieOrder, Time};

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

/// An actor that waits, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingActor {
    /// Name of the actor.
    pub actor: String,
    /// What it waits for.
    pub waits_for: String,
}

/// Why a simulation could not go on to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// Actors wait, and nothing will ever happen.
    #[error("deadlock at {at} s: {}{}", Reasons(.reasons), Listing(.waiting))]
    Deadlock {
        /// The date from which on nothing happened any more. (What profiles still had to bring has
        /// been waited for.)
        at: Time,
        /// Who waits for what (daemons left out).
        waiting: Vec<WaitingActor>,
        /// What is missing, as the services say it that know.
        reasons: Vec<String>,
    },
    /// Actors wait, and what they wait for would come after the last date that there is. (What
    /// nobody waits for, such as a load in the background, may go on beyond it.)
    #[error(
        "at {at} s all that is still to come lies beyond the end of time (584 years): {}{}",
        Reasons(.reasons), Listing(.waiting)
    )]
    BeyondTime {
        /// The date from which on nothing happened any more.
        at: Time,
        /// Who waits for what (daemons left out).
        waiting: Vec<WaitingActor>,
        /// What goes on, as the services say it that know.
        reasons: Vec<String>,
    },
    /// The simulation was not over at the date that [`Limits::max_time`] names.
    #[error("the simulation was not over at the time limit of {limit} s")]
    TimeLimit {
        /// The limit.
        limit: Time,
    },
    /// More events than [`Limits::max_events`] would have happened.
    #[error("the limit of {limit} events was reached at {at} s")]
    EventLimit {
        /// The limit.
        limit: u64,
        /// When it was reached.
        at: Time,
    },
    /// Actors ran again and again without time moving: see [`Limits::max_steps_per_instant`].
    #[error("livelock at {at} s: actors ran {steps} times and time did not move")]
    Livelock {
        /// The date at which time stood still.
        at: Time,
        /// How many times actors had run at that date.
        steps: u64,
    },
    /// It has been run before.
    #[error(
        "the simulation has been run before, until {ended} s: a run ends all its actors, daemons too, so that another run needs \
         another simulation"
    )]
    AlreadyRun {
        /// The date at which that run ended.
        ended: Time,
    },
    /// The [watcher](Simulation::with_watcher) of the simulation said that it shall not go on.
    #[error("interrupted at {at} s")]
    Interrupted {
        /// How far it had come.
        at: Time,
    },
}

/// A deadlock may involve thousands of actors; the message names the first few.
struct Listing<'a>(&'a [WaitingActor]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for (number, waiting) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}'{}' waits for {}", waiting.actor, waiting.waits_for)?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// What services say, a sentence each, before the list of actors.
struct Reasons<'a>(&'a [String]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|reason| write!(f, "{reason}; "))
    }
}

/// Owns a simulation. Dropping it drops every actor.
pub struct Simulation {
    kernel: Kernel,
    has_run: Cell<bool>,
}

/// Counts what happens in a simulation, and says when it is to end.
pub(crate) struct Meter {
    limits: Cell<Limits>,
    events: Cell<u64>,
    /// Turns at the current date.
    steps: Cell<u64>,
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
    fn count_step(&self, now: Time) -> Result<(), RunError> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps < self.limits.get().max_steps_per_instant {
            return Ok(());
        }
        Err(RunError::Livelock { at: now, steps })
    }

    /// Counts a turn of a date that has had very many as an event, before it is taken.
    #[inline]
    fn count_if_many(&self, now: Time) -> Result<(), RunError> {
        if self.steps.get() < Limits::FREE_STEPS { Ok(()) } else { self.count_as_event(now) }
    }

    /// Counts as an event what is not one by itself, before it happens.
    #[cold]
    fn count_as_event(&self, now: Time) -> Result<(), RunError> {
        self.events.set(self.events.get() + 1);
        match self.limits.get().max_events {
            Some(limit) if self.events.get() > limit => {
                Err(RunError::EventLimit { limit, at: now })
            }
            _ => Ok(()),
        }
    }

    #[inline]
    fn step(&self, now: Time) -> Result<(), RunError> {
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

impl Default for Simulation {
    fn default() -> Self {
        Simulation::new()
    }
}

impl Simulation {
    /// An empty simulation at date zero.
    pub fn new() -> Self {
        Simulation { kernel: Kernel::new(), has_run: Cell::new(false) }
    }

    /// Sets the limits.
    pub fn with_limits(self, limits: Limits) -> Self {
        self.kernel.inner.meter.limits.set(limits);
        self
    }

    /// Says what is solved anew when flows begin and end; see [`Marking`].
    pub fn with_marking(self, marking: Marking) -> Self {
        self.kernel.inner.fluid.borrow_mut().marking = marking;
        self
    }

    /// Says what comes first among things of one model that end at the same date; see [`TieOrder`].
    /// To be chosen before anything begins.
    pub fn with_tie_order(self, order: TieOrder) -> Self {
        self.kernel.inner.agenda.borrow_mut().queue.order = order;
        self
    }

    /// Says from how many activities on that one resource limits they are accounted for together
    /// (at least 2), which is faster for many of them and slower for few. Dates are the same but
    /// for rounding, and so is the order among equals under [`TieOrder::NewestFirst`]. Under
    /// [`TieOrder::Reference`], of activities of different resources that end at the same date
    /// others may come first.
    pub fn with_virtual_time_from(self, activities: u32) -> Self {
        self.kernel.inner.fluid.borrow_mut().virtual_time_from = activities.max(2);
        self
    }

    /// Says from how many activities on (at least 2) a component that no single resource limits is
    /// kept as an incremental component, of which a change solves only what it changes, which is
    /// faster for many of them and slower for few. Dates are the same but for rounding, and so is
    /// the order among equals under [`TieOrder::NewestFirst`]. Under [`TieOrder::Reference`], of
    /// activities that end at the same date others may come first.
    pub fn with_incremental_from(self, activities: u32) -> Self {
        self.kernel.inner.fluid.borrow_mut().incremental_from = activities.max(2);
        self
    }

    /// Has somebody look in on the run every so many steps (at least one; a step is an actor that
    /// runs, a background call or a date that is reached): to show how far it has come, or to end
    /// it, by `Break`, with [`RunError::Interrupted`]. He sees the date and cannot change anything.
    pub fn with_watcher(
        self,
        every: u64,
        look: impl FnMut(Time) -> ControlFlow<()> + 'static,
    ) -> Self {
        let every = every.max(1);
        let meter = &self.kernel.inner.meter;
        meter.watcher.replace(Some(Watcher { every, look: Box::new(look) }));
        meter.steps_until_look.set(every);
        self
    }

    /// A handle on the kernel.
    pub fn kernel(&self) -> Kernel {
        self.kernel.clone()
    }

    /// Runs until only daemons are left, then drops them, and gives the date of the end.
    ///
    /// # Errors
    /// A [`RunError`] that says why the simulation cannot go on. Everything that has happened until
    /// then has happened. [`RunError::AlreadyRun`] if it has been run before, however that ended:
    /// there is nobody left who could do anything.
    pub fn run(&self) -> Result<Time, RunError> {
        if self.has_run.replace(true) {
            return Err(RunError::AlreadyRun { ended: self.kernel.now() });
        }
        let result = self.run_to_end();
        self.kill_all();
        result
    }

    fn run_to_end(&self) -> Result<Time, RunError> {
        let kernel = &self.kernel;
        let meter = &kernel.inner.meter;
        let limits = meter.limits.get();
        let most_events = limits.max_events.unwrap_or(u64::MAX);
        // Background calls since the last event.
        let mut calls = 0;
        loop {
            self.run_instant()?;
            if kernel.inner.tasks.borrow().users == 0 {
                return Ok(kernel.now());
            }
            let due = kernel.settle();
            let next = match due {
                Some(next) => next.min(kernel.inner.next_background.get()),
                None if kernel.witnesses().iter().any(|witness| witness.tries_again()) => continue,
                None if kernel.may_wait_for_background() => kernel.inner.next_background.get(),
                None => return Err(self.standstill()),
            };
            debug_assert!(next >= kernel.now(), "time never goes back");
            if let Some(limit) = limits.max_time
                && next > limit
            {
                return Err(RunError::TimeLimit { limit });
            }
            if next > kernel.now() {
                meter.steps.set(0);
            }
            kernel.inner.now.set(next);
            meter.step(next)?;
            while kernel.inner.next_background.get() <= next {
                if due.is_none() || calls >= Limits::FREE_STEPS {
                    meter.count_as_event(next)?;
                }
                calls += 1;
                kernel.call_background();
                meter.step(next)?;
            }
            // One event too many must not take effect.
            let may_run = meter.events.get() < most_events;
            let (delivered, has_run) = kernel.deliver_due(may_run);
            if delivered > 0 {
                meter.events.set(meter.events.get() + delivered);
                calls = 0;
            }
            if has_run {
                meter.step(next)?;
                meter.count_step(next)?;
            }
            if meter.events.get() > most_events {
                return Err(RunError::EventLimit { limit: most_events, at: kernel.now() });
            }
        }
    }

    /// Runs everything in the run queue.
    fn run_instant(&self) -> Result<(), RunError> {
        let (meter, now) = (&self.kernel.inner.meter, self.kernel.now());
        loop {
            let ready = self.kernel.inner.ready.borrow_mut().pop_front();
            let Some(ready) = ready else { return Ok(()) };
            meter.count_if_many(now)?;
            self.kernel.run(ready);
            meter.step(now)?;
            meter.count_step(now)?;
        }
    }

    /// Why nothing will happen any more.
    fn standstill(&self) -> RunError {
        let kernel = &self.kernel;
        let at = kernel.inner.progress.get();
        let reasons = kernel.witnesses().iter().flat_map(|witness| witness.lacks()).collect();
        let waiting = self.waiting();
        if self.waits_beyond_time() {
            RunError::BeyondTime { at, waiting, reasons }
        } else {
            RunError::Deadlock { at, waiting, reasons }
        }
    }

    /// Whether what is waited for would end beyond the end of time.
    fn waits_beyond_time(&self) -> bool {
        let inner = &self.kernel.inner;
        let listeners = inner.listeners.borrow();
        // Who hears of it; `None` is whoever a call may help.
        let hears = |index: usize| match listeners.get(index)? {
            Listener::Waiter(waiter) | Listener::Part(waiter) => Some(Some(waiter.actor())),
            Listener::Call(_) => Some(None),
            Listener::Owner | Listener::Nobody => None,
        };
        let (agenda, fluid) = (inner.agenda.borrow(), inner.fluid.borrow());
        let of_activities = fluid.making_progress().filter_map(hears);
        let who: Vec<Option<ActorId>> = agenda.beyond_time().chain(of_activities).collect();
        let mut tasks = inner.tasks.borrow_mut();
        let is_user = |id| tasks.get(id).is_some_and(|task| !task.daemon);
        if who.iter().copied().flatten().any(is_user) {
            return true;
        }
        drop((listeners, agenda, fluid, tasks));
        !who.is_empty() && self.kernel.witnesses().iter().any(|witness| witness.carries_out())
    }

    fn waiting(&self) -> Vec<WaitingActor> {
        let tasks = self.kernel.inner.tasks.borrow();
        tasks
            .living()
            .filter(|(_, task)| !task.daemon)
            .map(|(_, task)| WaitingActor {
                actor: task.name.to_string(),
                waits_for: task.waiting.to_string(),
            })
            .collect()
    }

    /// Drops every actor and everything in the run queue. What their guards start anew is dropped
    /// too.
    fn kill_all(&self) {
        loop {
            // An actor without a future is one that has panicked: it cannot be dropped again.
            let living: Vec<_> = {
                let tasks = self.kernel.inner.tasks.borrow();
                tasks.living().filter(|(_, task)| task.future.is_some()).map(|(id, _)| id).collect()
            };
            let ready = std::mem::take(&mut *self.kernel.inner.ready.borrow_mut());
            if living.is_empty() && ready.is_empty() {
                return;
            }
            drop(ready);
            for id in living {
                self.kernel.kill(id);
            }
        }
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // From now on what guards start anew is dropped where it is started.
        self.kernel.inner.over.set(true);
        self.kill_all();
        // Calls that never happened may hold the kernel; they are dropped while nothing is
        // borrowed.
        let agenda = self.kernel.inner.agenda.borrow_mut().take();
        let listeners = self.kernel.inner.listeners.take();
        drop((agenda, listeners));
        let watcher = self.kernel.inner.meter.watcher.take();
        drop(watcher);
        self.kernel.forget_background();
        self.kernel.tear_down();
        // Those of actors that have panicked are left.
        let tasks = self.kernel.inner.tasks.take();
        drop(tasks);
    }
}
