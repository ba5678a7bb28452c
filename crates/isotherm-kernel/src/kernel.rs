//! The kernel: the clock, the run queue, the event queue and everything else that the parts of a
//! simulation share.
//!
//! [`Kernel`] is the handle through which actors and services create actors, mailboxes, timers and
//! activities. [`Simulation`](crate::Simulation) drives it.

use std::cell::{Cell, RefCell, RefMut};
use std::future::Future;
use std::ops::ControlFlow;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use slab::Slab;

use crate::activity::Listener;
use crate::actor::{ActorBuilder, BoxedFuture, Identity, Label, Task, Tasks, Waiting, WhenWaiting};
use crate::alarm::{Agenda, DueEvent, ScheduledCall, Target, WaitUntil};
use crate::fluid::{Due, Fluid};
use crate::limits::StepCounter;
use crate::queue::EventQueue;
use crate::run_queue::{BoxedCall, Ready, RunQueue};
use crate::standstill::{Change, PendingChanges, StandstillHandler};
use crate::suspension::Suspension;
use crate::teardown;
use crate::waiter::{WHOLE, Waiter};
use crate::{Actor, ActorId, Duration, Group, Handler, Mailbox, Rank, Time};

/// A background call: see [`Kernel::background_at`].
struct Background {
    change: Change,
    /// When it was scheduled.
    noted: Time,
    call: BoxedCall,
}

pub(crate) struct Inner {
    pub(crate) now: Cell<Time>,
    /// The date of the last progress: see [`standstill`](crate::standstill).
    pub(crate) progress: Cell<Time>,
    pub(crate) running: Cell<Option<ActorId>>,
    /// What the running actor waits for, as the future it polled last says it.
    pub(crate) waiting: RefCell<Waiting>,
    pub(crate) agenda: RefCell<Agenda>,
    /// Pending background calls, as indices into `background`.
    background_queue: RefCell<EventQueue<u32>>,
    /// The date of the first of them.
    pub(crate) next_background: Cell<Time>,
    background: RefCell<Slab<Background>>,
    pub(crate) pending_changes: RefCell<PendingChanges>,
    /// Asked at a standstill, in the order of registration.
    standstill_handlers: RefCell<Vec<Weak<dyn StandstillHandler>>>,
    pub(crate) fluid: RefCell<Fluid>,
    pub(crate) listeners: RefCell<Vec<Listener>>,
    pub(crate) tasks: RefCell<Tasks>,
    pub(crate) suspension: Suspension,
    pub(crate) ready: RefCell<RunQueue>,
    pub(crate) steps: StepCounter,
    /// Objects that are told when the simulation is dropped.
    pub(crate) registered: RefCell<teardown::Registered>,
    /// Whether the simulation has been dropped.
    pub(crate) over: Cell<bool>,
}

/// Marks an actor as running until it is dropped, also when the actor panics.
struct Running<'a>(&'a Cell<Option<ActorId>>);

impl<'a> Running<'a> {
    fn new(running: &'a Cell<Option<ActorId>>, id: ActorId) -> Self {
        running.set(Some(id));
        Running(running)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

/// A handle on a simulation, held by everything in it. Cheap to clone.
///
/// # Order of events
///
/// Actors run one at a time in the order of the run queue, each until it waits. Only when the run
/// queue is empty are shares solved, and time advances to the date of the first event.
/// [Background calls](Self::background_at) of that date are made first, in the order in which they
/// were scheduled. Everything else that is due is then put into the run queue before any actor
/// runs: CPU (executions, sleeps and calls), disk, network, timers.
///
/// Within one model and one date the simulation's [`TieOrder`](crate::TieOrder) decides.
///
/// Under [`TieOrder::NewestFirst`](crate::TieOrder::NewestFirst) the newest comes first:
///
/// * an activity is created when it is [started](Self::start); later latencies, suspensions and
///   changes of its share do not matter;
/// * a sleep or timer is created when its future is first polled;
/// * a call ([`call_after`](Self::call_after), [`signal_after`](Self::signal_after),
///   [`signal_in_series`](Self::signal_in_series)) is created when it is scheduled.
///
/// So the order depends on the order of creation alone, not on the number of activities, which
/// selects the solver's strategy.
///
/// Under [`TieOrder::Reference`](crate::TieOrder::Reference), the default, CPU and network events
/// come in the order in which their dates were last computed: the sleeps begun since time last
/// advanced, newest first, then the activities of each re-solved resource, newest first. Latencies,
/// plain disk activities, streams and timers end in the order of creation.
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
///
/// use isotherm_kernel::{Duration, Simulation};
///
/// let simulation = Simulation::new();
/// let kernel = simulation.kernel();
/// let woken = Rc::new(RefCell::new(Vec::new()));
/// for name in ["first", "second"] {
///     let (kernel, woken) = (kernel.clone(), Rc::clone(&woken));
///     simulation.kernel().spawn(name, async move {
///         kernel.sleep(Duration::from_secs(1)).await;
///         woken.borrow_mut().push(name);
///     });
/// }
/// simulation.run()?;
/// // Sleeps that begin together end newest first in either order.
/// assert_eq!(*woken.borrow(), ["second", "first"]);
/// # Ok::<(), isotherm_kernel::RunError>(())
/// ```
#[derive(Clone)]
pub struct Kernel {
    pub(crate) inner: Rc<Inner>,
}

/// A handle that does not keep the kernel alive. The kernel lives as long as its simulation or any
/// [`Kernel`] handle.
///
/// ```
/// use isotherm_kernel::{Duration, Simulation};
///
/// let simulation = Simulation::new();
/// let kernel = simulation.kernel().downgrade();
/// simulation.kernel().spawn("sleeper", simulation.kernel().sleep(Duration::from_secs(1)));
/// assert!(kernel.upgrade().is_some());
/// drop(simulation);
/// assert!(kernel.upgrade().is_none());
/// ```
#[derive(Clone)]
pub struct WeakKernel(Weak<Inner>);

impl WeakKernel {
    /// Returns a handle on the kernel if it is still alive.
    #[must_use]
    pub fn upgrade(&self) -> Option<Kernel> {
        self.0.upgrade().map(|inner| Kernel { inner })
    }
}

impl Kernel {
    /// Returns a handle that does not keep the kernel alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakKernel {
        WeakKernel(Rc::downgrade(&self.inner))
    }

    pub(crate) fn new() -> Self {
        Kernel {
            inner: Rc::new(Inner {
                now: Cell::new(Time::ZERO),
                progress: Cell::new(Time::ZERO),
                running: Cell::new(None),
                waiting: RefCell::default(),
                agenda: RefCell::new(Agenda::new()),
                background_queue: RefCell::new(EventQueue::new()),
                next_background: Cell::new(Time::NEVER),
                background: RefCell::default(),
                pending_changes: RefCell::default(),
                standstill_handlers: RefCell::default(),
                fluid: RefCell::new(Fluid::new()),
                listeners: RefCell::default(),
                tasks: RefCell::default(),
                suspension: Suspension::default(),
                ready: RefCell::default(),
                steps: StepCounter::new(),
                registered: RefCell::default(),
                over: Cell::new(false),
            }),
        }
    }

    /// The current date.
    #[must_use]
    pub fn now(&self) -> Time {
        self.inner.now.get()
    }

    /// Prepares an actor, to be configured and [spawned](ActorBuilder::spawn).
    #[must_use]
    pub fn actor(&self, name: impl Into<Label>) -> ActorBuilder {
        ActorBuilder::new(self.clone(), name.into())
    }

    /// Spawns an actor that is no daemon and belongs to no group.
    pub fn spawn<F>(&self, name: impl Into<Label>, future: F) -> Actor<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.actor(name).spawn(future)
    }

    /// Creates a group of actors.
    #[must_use]
    pub fn group(&self) -> Group {
        let mut tasks = self.inner.tasks.borrow_mut();
        tasks.groups += 1;
        Group(tasks.groups)
    }

    /// Kills all actors of a group, in the order of their slots. Costs O(actors).
    pub fn kill_group(&self, group: Group) {
        let members: Vec<ActorId> = {
            let tasks = self.inner.tasks.borrow();
            let ids = tasks.living().map(|(id, _)| id);
            ids.filter(|&id| tasks.identity(id).group == Some(group)).collect()
        };
        for member in members {
            self.kill(member);
        }
    }

    /// Kills an actor: its future is dropped immediately; the running actor ends when it next
    /// waits. Does nothing if the actor has ended.
    pub fn kill(&self, id: ActorId) {
        match self.take_future(id) {
            Some(future) => {
                // Destructors of the future may call the kernel, so nothing is borrowed here.
                drop(future);
                self.finish(id, true);
            }
            None => self.kill_without_future(id),
        }
    }

    /// The future of an actor that waits; `None` if it runs, is suspended or has ended.
    pub(crate) fn take_future(&self, id: ActorId) -> Option<BoxedFuture> {
        self.inner.tasks.borrow_mut().get(id)?.future.take()
    }

    /// Waits for a duration. A duration of zero is ready immediately.
    pub fn sleep(&self, duration: Duration) -> WaitUntil {
        self.sleep_until(self.now() + duration)
    }

    /// Waits until a date. A date that is not in the future is ready immediately.
    pub fn sleep_until(&self, date: Time) -> WaitUntil {
        self.alarm_at(date, Rank::Cpu)
    }

    /// Waits until a date, after everything else of that date: for deadlines and timeouts.
    pub fn timer_at(&self, date: Time) -> WaitUntil {
        self.alarm_at(date, Rank::Timer)
    }

    /// Calls a function after a duration, like an actor that sleeps first. A duration of zero puts
    /// the call at the end of the run queue.
    pub fn call_after(
        &self,
        duration: Duration,
        call: impl FnOnce(&Kernel) + 'static,
    ) -> ScheduledCall {
        self.call_at_date(self.now() + duration, Box::new(call))
    }

    /// Schedules a background call: a change of the environment, such as an event of a speed
    /// profile. At its date it comes before all other events, after background calls scheduled
    /// earlier.
    ///
    /// Background calls do not prolong a simulation whose actors have ended. `change` says for how
    /// long they keep one going in which nothing else is pending.
    pub fn background_at(&self, date: Time, change: Change, call: impl FnOnce(&Kernel) + 'static) {
        if self.is_over() {
            return;
        }
        let number = self.inner.background.borrow_mut().insert(Background {
            change,
            noted: self.now(),
            call: Box::new(call),
        }) as u32;
        self.inner.pending_changes.borrow_mut().note(change, self.now());
        let mut queue = self.inner.background_queue.borrow_mut();
        let created = queue.draw_number();
        let date = date.max(self.now());
        queue.push(date, Rank::Cpu, created, number);
        self.inner.next_background.set(self.inner.next_background.get().min(date));
    }

    /// Makes the first background call, if it is due now.
    pub(crate) fn call_background(&self) {
        let mut queue = self.inner.background_queue.borrow_mut();
        let number = queue.pop_due(self.now());
        self.inner.next_background.set(queue.next_time().unwrap_or(Time::NEVER));
        drop(queue);
        let Some(number) = number else { return };
        let Background { change, noted, call } =
            self.inner.background.borrow_mut().remove(number as usize);
        let before = self.inner.progress.get();
        call(self);
        // A change that repeats is no progress by itself.
        let progress = if change == Change::Once { self.now() } else { before };
        self.inner.progress.set(progress);
        self.inner.pending_changes.borrow_mut().forget(change, noted);
    }

    /// Drops all pending background calls.
    pub(crate) fn forget_background(&self) {
        let calls = self.inner.background.take();
        drop(calls);
    }

    /// Records progress, after which a simulation in which all actors wait for [changes that
    /// repeat](Change::Repeated) goes on for a thousand of the longest periods before it counts as
    /// deadlocked.
    ///
    /// The kernel records progress itself when an actor that is no daemon runs, when an activity
    /// completes or has less work left, and at each [`Change::Once`]. A service calls this when
    /// something larger has completed that cannot complete again and again for ever.
    #[inline]
    pub fn note_progress(&self) {
        self.inner.progress.set(self.now());
    }

    /// Registers a handler that is asked when nothing is pending while actors wait.
    pub fn add_standstill_handler(&self, handler: Weak<dyn StandstillHandler>) {
        self.inner.standstill_handlers.borrow_mut().push(handler);
    }

    /// The registered handlers that are still alive, in the order of registration.
    pub(crate) fn standstill_handlers(&self) -> Vec<Rc<dyn StandstillHandler>> {
        self.inner.standstill_handlers.borrow().iter().filter_map(Weak::upgrade).collect()
    }

    /// Puts the running actor at the end of the run queue.
    pub async fn yield_now(&self) {
        let mut yielded = false;
        std::future::poll_fn(|context| {
            if yielded {
                return Poll::Ready(());
            }
            yielded = true;
            self.wake(Waiter::new(self, context).notify());
            Poll::Pending
        })
        .await;
    }

    /// Whether nothing else is due at this date and no actor is running. What a handler would then
    /// put into the run queue as the last thing of its step, it may as well do in this step: the
    /// order of events is the same.
    #[must_use]
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.inner.ready.borrow().is_empty() && self.inner.running.get().is_none()
    }

    /// Has `handler` called with `token` at this date, after everything that is already due. If
    /// nothing is, it is called in the next step and takes no place in the queue.
    #[inline]
    pub fn signal_now(&self, handler: Rc<dyn Handler>, token: (u64, u64)) {
        if !self.is_over() {
            self.inner.ready.borrow_mut().push_signal(handler, token);
        }
    }

    /// Counts a step taken within the running one, for callers that do the work of many steps in
    /// one, such as receiving all messages of a mailbox. So limits and watchers also hold for
    /// these. On `Break` the run ends after the current step, and the caller leaves the rest
    /// undone.
    pub fn count_turn(&self) -> ControlFlow<()> {
        self.inner.steps.count_turn(self.now())
    }

    /// Has the simulation left after the running step, so that the caller of
    /// [`step`](crate::Simulation::step) or [`run_until`](crate::Simulation::run_until) can decide
    /// something. (If a [background call](Self::background_at) asks, it is left after the next
    /// step.) Nothing changes if it then goes on. [`run`](crate::Simulation::run) goes on at once.
    pub fn pause(&self) {
        self.inner.steps.ask_for_pause();
    }

    /// Creates a mailbox.
    #[must_use]
    pub fn mailbox<T: 'static>(&self, name: impl Into<Label>) -> Mailbox<T> {
        Mailbox::new(self.clone(), name.into())
    }

    /// The running actor.
    ///
    /// # Panics
    /// Outside an actor: the kernel's futures can be awaited by its actors only.
    #[must_use]
    pub fn current(&self) -> ActorId {
        self.inner
            .running
            .get()
            .expect("a future of the kernel is awaited by an actor of the kernel")
    }

    /// The name of an actor that has not ended.
    #[must_use]
    pub fn name_of(&self, id: ActorId) -> Option<Label> {
        let mut tasks = self.inner.tasks.borrow_mut();
        tasks.get(id)?;
        Some(tasks.identity(id).name.clone())
    }

    /// Records what the running actor waits for.
    pub(crate) fn wait_for(&self, waiting: impl FnOnce() -> Waiting) {
        *self.inner.waiting.borrow_mut() = waiting();
    }

    /// Puts an actor at the end of the run queue, unless it is in it already or has ended.
    pub(crate) fn wake(&self, id: ActorId) {
        if let Some(task) = self.inner.tasks.borrow_mut().get(id)
            && !task.scheduled
        {
            task.scheduled = true;
            self.inner.ready.borrow_mut().push(Ready::Actor(id));
        }
    }

    pub(crate) fn insert_task(&self, mut task: Task, identity: Identity) -> ActorId {
        task.scheduled = true;
        let id = self.inner.tasks.borrow_mut().insert(task, identity);
        if self.is_over() {
            self.kill(id);
        } else {
            self.inner.ready.borrow_mut().push(Ready::Actor(id));
        }
        id
    }

    pub(crate) fn finish(&self, id: ActorId, killed: bool) {
        let exit = self.inner.tasks.borrow_mut().remove(id);
        if let Some(exit) = exit {
            exit.exited(self, killed);
        }
    }

    /// Runs one entry of the run queue.
    // Inlined to keep an entry that is a signal in registers.
    #[inline(always)]
    pub(crate) fn run(&self, ready: Ready) {
        match ready {
            Ready::Signal(handler, token) => handler.handle(token),
            ready => self.run_other(ready),
        }
    }

    #[inline(never)]
    fn run_other(&self, ready: Ready) {
        match ready {
            Ready::Actor(id) => self.run_actor(id),
            Ready::Call(call) => call(self),
            // Not reached from `run`, which saves a call for the most frequent case.
            Ready::Signal(handler, token) => handler.handle(token),
            Ready::End(call, result) => call(self, result),
        }
    }

    #[inline]
    fn run_actor(&self, id: ActorId) {
        let mut future = {
            let mut tasks = self.inner.tasks.borrow_mut();
            let Some(task) = tasks.get(id) else { return };
            task.scheduled = false;
            let Some(future) = task.future.take() else {
                drop(tasks);
                return self.missed_turn(id);
            };
            if !task.daemon {
                self.note_progress();
            }
            future
        };
        let running = Running::new(&self.inner.running, id);
        let poll = future.as_mut().poll(&mut Context::from_waker(WHOLE));
        drop(running);
        if poll.is_pending() {
            let mut tasks = self.inner.tasks.borrow_mut();
            if let Some(task) = tasks.get(id)
                && task.when_waiting == WhenWaiting::Wait
            {
                task.waiting = self.inner.waiting.take();
                let none = task.future.replace(future);
                debug_assert!(none.is_none(), "it was taken before it ran");
                // Dropping it would cost a check that it is `None`.
                std::mem::forget(none);
                return;
            }
            drop(tasks);
            return self.end_or_suspend(id, future);
        }
        drop(future);
        self.finish(id, false);
    }

    /// Solves shares, updates the event queue and returns the date of the first event.
    #[inline]
    pub(crate) fn settle(&self) -> Option<Time> {
        let mut agenda = self.inner.agenda.borrow_mut();
        agenda.settle();
        self.inner.fluid.borrow_mut().settle(self.now(), &mut agenda.queue, Target::Activity);
        agenda.next_time()
    }

    /// Moves everything that is due now into the run queue. Returns the number of events, and
    /// whether an entry has been run: a single one runs at once if `may_run` allows it and the run
    /// queue is empty.
    #[inline]
    pub(crate) fn deliver_due(&self, may_run: bool) -> (u64, bool) {
        let mut agenda = self.inner.agenda.borrow_mut();
        let Some(due) = agenda.pop_due(self.now()) else { return (0, false) };
        let is_alone =
            may_run && agenda.next_time().is_none_or(|next| next > self.now()) && self.is_quiet();
        match due {
            DueEvent::Ready(ready) if is_alone => {
                drop(agenda);
                self.run(ready);
                (1, true)
            }
            due => (self.deliver(due, agenda), false),
        }
    }

    /// Moves an event and everything else that is due now into the run queue. Returns the number of
    /// events.
    #[inline(never)]
    fn deliver<'a>(&'a self, first: DueEvent, mut agenda: RefMut<'a, Agenda>) -> u64 {
        let mut events = 0;
        let mut next = Some(first);
        while let Some(due) = next {
            events += 1;
            match due {
                DueEvent::Ready(Ready::Actor(id)) => self.wake(id),
                DueEvent::Ready(ready) => self.inner.ready.borrow_mut().push(ready),
                DueEvent::Activity(index) => {
                    let mut fluid = self.inner.fluid.borrow_mut();
                    let due = fluid.due(index, self.now(), &mut agenda.queue, Target::Activity);
                    drop(fluid);
                    match due {
                        Due::Nothing => {}
                        // Its members are events.
                        Due::Group => events -= 1,
                        Due::Ended => {
                            drop(agenda);
                            self.activity_ended(index, Ok(()));
                            agenda = self.inner.agenda.borrow_mut();
                        }
                    }
                }
            }
            next = agenda.pop_due(self.now());
        }
        events
    }
}
