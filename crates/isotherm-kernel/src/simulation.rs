//! The main loop: runs a simulation until only daemons are left, until it cannot go on, or, if it
//! is advanced in steps, until a date.
//!
//! Each iteration runs the run queue until it is empty, solves the shares that changed, advances
//! the clock to the first event and moves what is due then into the run queue. When no event is
//! left while actors wait, [`standstill`](crate::StandstillHandler) decides between waiting for a
//! background call and ending with a deadlock.
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

use std::cell::Cell;
use std::ops::ControlFlow;

use crate::activity::Listener;
use crate::actor::Waiting;
use crate::{ActorId, Kernel, Limits, Marking, RunError, TieOrder, Time, WaitingActor};

/// Owns a simulation. Dropping it drops all actors and everything they hold.
///
/// A simulation is configured (`with_…`), filled through its [kernel](Self::kernel), and
/// [run](Self::run) once; or advanced from outside, date by date ([`step`](Self::step)) or up to a
/// date ([`run_until`](Self::run_until)). Between two steps it may be inspected and changed through
/// its kernel. Steps between which nothing is changed make no difference to what happens.
pub struct Simulation {
    kernel: Kernel,
    has_ended: Cell<bool>,
    /// Background calls since the last event.
    calls: Cell<u64>,
    /// The background call that it waits for, if it was left while nothing else was pending.
    awaited: Cell<Option<Time>>,
}

/// How far a simulation has been advanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// It goes on: something will happen later, or it was [paused](Kernel::pause).
    Paused,
    /// It has ended at this date.
    Ended(Time),
}

/// Where to leave a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    /// When everything up to a date has happened; with [`Time::NEVER`], at the end.
    At(Time),
    /// The same; nothing that waits is left.
    Through(Time),
    /// When everything at one date has happened.
    AfterOneDate,
}

impl Default for Simulation {
    fn default() -> Self {
        Simulation::new()
    }
}

impl Simulation {
    /// Creates an empty simulation at date zero.
    #[must_use]
    pub fn new() -> Self {
        Simulation {
            kernel: Kernel::new(),
            has_ended: Cell::new(false),
            calls: Cell::new(0),
            awaited: Cell::new(None),
        }
    }

    /// Sets the limits of the run.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        self.kernel.inner.steps.limits.set(limits);
        self
    }

    /// Sets what is solved again when flows begin and end; see [`Marking`].
    #[must_use]
    pub fn with_marking(self, marking: Marking) -> Self {
        self.kernel.inner.fluid.borrow_mut().marking = marking;
        self
    }

    /// Sets the order among events of one model and one date; see [`TieOrder`]. It must be set
    /// before anything is created in the simulation.
    #[must_use]
    pub fn with_tie_order(self, order: TieOrder) -> Self {
        self.kernel.inner.agenda.borrow_mut().queue.order = order;
        self
    }

    /// Sets from how many activities limited by one resource (at least 2) a virtual-time group
    /// accounts for them together. A group is faster for many activities and slower for few. By
    /// default it is 8 if the activities use nothing else, as executions do, and otherwise 64.
    ///
    /// Dates are the same up to rounding, and the order among equals is the same under
    /// [`TieOrder::NewestFirst`]. Under [`TieOrder::Reference`], activities of different resources
    /// that end at the same date may end in another order, unless none of them uses two.
    #[must_use]
    pub fn with_virtual_time_from(self, activities: u32) -> Self {
        let mut fluid = self.kernel.inner.fluid.borrow_mut();
        fluid.virtual_time_from = activities.max(2);
        fluid.local_from = fluid.virtual_time_from;
        drop(fluid);
        self
    }

    /// Sets from how many activities (at least 2) a connected component that no single resource
    /// limits is solved incrementally: a change then solves only the shares that it changes. This
    /// is faster for large components and slower for small ones.
    ///
    /// Dates are the same up to rounding, and the order among equals is the same under
    /// [`TieOrder::NewestFirst`]. Under [`TieOrder::Reference`], activities that end at the same
    /// date may end in another order.
    #[must_use]
    pub fn with_incremental_from(self, activities: u32) -> Self {
        self.kernel.inner.fluid.borrow_mut().incremental_from = activities.max(2);
        self
    }

    /// Calls `watch` with the current date every `every` steps (at least 1), to show progress or to
    /// interrupt the run: `Break` ends it with [`RunError::Interrupted`]. A step is an entry of the
    /// run queue, a background call or a date that is reached.
    #[must_use]
    pub fn with_watcher(
        self,
        every: u64,
        watch: impl FnMut(Time) -> ControlFlow<()> + 'static,
    ) -> Self {
        self.kernel.inner.steps.watch(every, watch);
        self
    }

    /// Returns a handle on the kernel.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.kernel.clone()
    }

    /// Runs until only daemons are left, drops these, and returns the date of the end.
    ///
    /// # Errors
    /// A [`RunError`] says why the simulation could not go on; whatever happened before has
    /// happened. [Pauses](Kernel::pause) are passed over. A second call returns
    /// [`RunError::AlreadyRun`], however the first one ended, because a run drops all actors.
    pub fn run(&self) -> Result<Time, RunError> {
        loop {
            if let Advanced::Ended(at) = self.advance(Leave::At(Time::NEVER))? {
                return Ok(at);
            }
        }
    }

    /// Runs everything that happens up to a date, this date included. Then it is that date, unless
    /// the simulation has ended before. A simulation in which all actors wait for something that
    /// will not happen is paused too, because the caller may still cause it; it is an error only
    /// with [`Time::NEVER`], in [`run`](Self::run) and [`step`](Self::step). One without actors
    /// other than daemons has ended.
    ///
    /// ```
    /// use isotherm_kernel::{Duration, Advanced, Simulation, Time};
    ///
    /// let simulation = Simulation::new();
    /// let kernel = simulation.kernel();
    /// kernel.spawn("sleeper", {
    ///     let kernel = kernel.clone();
    ///     async move { kernel.sleep(Duration::from_secs(3)).await }
    /// });
    /// let two = Time::ZERO + Duration::from_secs(2);
    /// assert_eq!(simulation.run_until(two)?, Advanced::Paused);
    /// assert_eq!(kernel.now(), two);
    /// let three = Time::ZERO + Duration::from_secs(3);
    /// assert_eq!(simulation.run_until(Time::NEVER)?, Advanced::Ended(three));
    /// # Ok::<(), isotherm_kernel::RunError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`run`](Self::run). After an error or the end the simulation is over.
    pub fn run_until(&self, date: Time) -> Result<Advanced, RunError> {
        self.advance(Leave::At(date))
    }

    /// The same, for a caller that causes nothing in between and only looks: a simulation in which
    /// all actors wait for something that will not happen is an error at once, as in
    /// [`run`](Self::run).
    ///
    /// # Errors
    /// Those of [`run`](Self::run). After an error or the end the simulation is over.
    pub fn run_through(&self, date: Time) -> Result<Advanced, RunError> {
        self.advance(Leave::Through(date))
    }

    /// Runs everything that happens at the next date, and what can happen at the present one
    /// before.
    ///
    /// # Errors
    /// Those of [`run`](Self::run). After an error or the end the simulation is over.
    pub fn step(&self) -> Result<Advanced, RunError> {
        self.advance(Leave::AfterOneDate)
    }

    fn advance(&self, leave: Leave) -> Result<Advanced, RunError> {
        // An actor may panic, or call this.
        if self.has_ended.replace(true) {
            return Err(RunError::AlreadyRun { ended: self.kernel.now() });
        }
        // The caller is in control already.
        self.kernel.inner.steps.takes_pause();
        let mut result = self.advance_to(leave);
        if matches!(result, Err(RunError::Interrupted { .. }))
            && self.kernel.inner.steps.takes_pause()
        {
            result = Ok(Advanced::Paused);
        }
        if result == Ok(Advanced::Paused) {
            self.has_ended.set(false);
        } else {
            self.kill_all();
        }
        result
    }

    fn advance_to(&self, leave: Leave) -> Result<Advanced, RunError> {
        let kernel = &self.kernel;
        let meter = &kernel.inner.steps;
        let limits = meter.limits.get();
        let most_events = limits.max_events.unwrap_or(u64::MAX);
        if !kernel.inner.ready.borrow().is_empty() {
            self.awaited.set(None);
        }
        let begin = kernel.now();
        // Nothing else about leaving is looked at in each iteration.
        let mut last = match leave {
            Leave::At(date) | Leave::Through(date) => date.max(begin),
            Leave::AfterOneDate => begin,
        };
        loop {
            self.run_instant()?;
            if kernel.inner.tasks.borrow().users == 0 {
                return Ok(Advanced::Ended(kernel.now()));
            }
            let event = kernel.settle();
            let background = kernel.inner.next_background.get();
            let next = match event {
                Some(event) => event.min(background),
                None if kernel.standstill_handlers().iter().any(|handler| handler.retry()) => {
                    continue;
                }
                None if self.waits_for(background) => background,
                // The caller may still change something, and the environment changes meanwhile.
                None if matches!(leave, Leave::At(_)) && last < Time::NEVER => {
                    if background > last {
                        kernel.inner.now.set(last);
                        return Ok(Advanced::Paused);
                    }
                    background
                }
                None => return Err(self.standstill()),
            };
            self.awaited.set(None);
            if next > last {
                if leave == Leave::AfterOneDate && last == begin {
                    last = next;
                } else {
                    self.awaited.set(event.is_none().then_some(background));
                    return self.leave_before(next, last);
                }
            }
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
                if event.is_none() || self.calls.get() >= Limits::FREE_STEPS {
                    meter.count_as_event(next)?;
                }
                self.calls.set(self.calls.get() + 1);
                kernel.call_background();
                meter.step_within(next)?;
            }
            // An event beyond the limit must not take effect.
            let may_run = meter.events.get() < most_events;
            let (delivered, has_run) = kernel.deliver_due(may_run);
            if delivered > 0 {
                meter.events.set(meter.events.get() + delivered);
                self.calls.set(0);
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

    /// Whether a simulation in which nothing else is pending goes on to a background call.
    #[cold]
    fn waits_for(&self, background: Time) -> bool {
        self.awaited.take() == Some(background) || self.kernel.may_wait_for_background()
    }

    /// Leaves a simulation at the date `last`, before what happens next.
    #[cold]
    fn leave_before(&self, next: Time, last: Time) -> Result<Advanced, RunError> {
        if let Some(limit) = self.kernel.inner.steps.limits.get().max_time
            && next.min(last) > limit
        {
            return Err(RunError::TimeLimit { limit });
        }
        self.kernel.inner.now.set(last);
        Ok(Advanced::Paused)
    }

    /// Runs entries of the run queue until it is empty.
    #[inline]
    fn run_instant(&self) -> Result<(), RunError> {
        let (meter, now) = (&self.kernel.inner.steps, self.kernel.now());
        loop {
            let next = self.kernel.inner.ready.borrow_mut().take_next();
            if let Some((handler, token)) = next {
                meter.count_if_many(now)?;
                handler.handle(token);
            } else {
                let ready = self.kernel.inner.ready.borrow_mut().pop();
                let Some(ready) = ready else { return Ok(()) };
                meter.count_if_many(now)?;
                self.kernel.run(ready);
            }
            meter.step(now)?;
            meter.count_step(now)?;
        }
    }

    /// Says why nothing will happen any more.
    fn standstill(&self) -> RunError {
        let kernel = &self.kernel;
        let at = kernel.inner.progress.get();
        let reasons =
            kernel.standstill_handlers().iter().flat_map(|handler| handler.missing()).collect();
        let waiting = self.waiting();
        if self.waits_beyond_time() {
            RunError::BeyondTime { at, waiting, reasons }
        } else {
            RunError::Deadlock { at, waiting, reasons }
        }
    }

    /// Whether what actors wait for would end after the last date that can be represented.
    fn waits_beyond_time(&self) -> bool {
        let inner = &self.kernel.inner;
        let listeners = inner.listeners.borrow();
        // The waiting actor; `Some(None)` for a callback, which may help any actor.
        let hears = |index: usize| match listeners.get(index)? {
            Listener::Call(_) => Some(None),
            listener => listener.actor().map(Some),
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
        !who.is_empty() && self.kernel.standstill_handlers().iter().any(|handler| handler.is_busy())
    }

    fn waiting(&self) -> Vec<WaitingActor> {
        let tasks = self.kernel.inner.tasks.borrow();
        tasks
            .living()
            .filter(|(_, task)| !task.daemon)
            .map(|(id, task)| {
                let suspended = self.kernel.inner.suspension.contains(id);
                let waiting = if suspended { &Waiting::Resumption } else { &task.waiting };
                WaitingActor {
                    actor: tasks.identity(id).name.to_string(),
                    waits_for: waiting.to_string(),
                }
            })
            .collect()
    }

    /// Drops all actors and the run queue, and whatever their drop handlers start meanwhile.
    fn kill_all(&self) {
        loop {
            // An actor without a future has panicked: it cannot be dropped again.
            let living: Vec<_> = {
                let (tasks, suspension) =
                    (self.kernel.inner.tasks.borrow(), &self.kernel.inner.suspension);
                tasks
                    .living()
                    .filter(|(id, task)| task.future.is_some() || suspension.contains(*id))
                    .map(|(id, _)| id)
                    .collect()
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
        // From now on, whatever drop handlers start is dropped at once.
        self.kernel.inner.over.set(true);
        self.kill_all();
        // Pending calls may hold the kernel; they are dropped while nothing is borrowed.
        let agenda = self.kernel.inner.agenda.borrow_mut().take();
        let listeners = self.kernel.inner.listeners.take();
        drop((agenda, listeners));
        self.kernel.inner.steps.drop_watcher();
        self.kernel.forget_background();
        self.kernel.tear_down();
        // Only actors that have panicked are left.
        let tasks = self.kernel.inner.tasks.take();
        drop(tasks);
    }
}
