//! The kernel: one clock, one run queue, one event queue.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::ops::ControlFlow;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use slab::Slab;

use crate::activity::Listener;
use crate::actor::{ActorBuilder, Label, Task, Tasks, Waiting};
use crate::alarm::{Agenda, DueEvent, ScheduledCall, Target, WaitUntil};
use crate::fluid::{Due, Fluid};
use crate::limits::Meter;
use crate::queue::EventQueue;
use crate::run_queue::{BoxedCall, Ready};
use crate::standstill::{Change, PendingChanges, StandstillHandler};
use crate::teardown;
use crate::waiter::{WHOLE, Waiter};
use crate::{Actor, ActorId, Duration, Group, Mailbox, Rank, Time};

/// A change of the world that happens whoever waits.
struct Background {
    change: Change,
    /// When it was asked for.
    noted: Time,
    call: BoxedCall,
}

pub(crate) struct Inner {
    pub(crate) now: Cell<Time>,
    /// When something last happened that shows that the simulation is not at a standstill.
    pub(crate) progress: Cell<Time>,
    running: Cell<Option<ActorId>>,
    /// What the running actor waits for, as its futures say it.
    waiting: RefCell<Waiting>,
    pub(crate) agenda: RefCell<Agenda>,
    /// Changes of the world that nobody waits for, by number of `background`.
    background_queue: RefCell<EventQueue<u32>>,
    /// The date of the first of them.
    pub(crate) next_background: Cell<Time>,
    background: RefCell<Slab<Background>>,
    pub(crate) pending_changes: RefCell<PendingChanges>,
    /// Who can say what is waited for, if nothing will happen any more.
    standstill_handlers: RefCell<Vec<Weak<dyn StandstillHandler>>>,
    pub(crate) fluid: RefCell<Fluid>,
    pub(crate) listeners: RefCell<Vec<Listener>>,
    pub(crate) tasks: RefCell<Tasks>,
    pub(crate) ready: RefCell<VecDeque<Ready>>,
    pub(crate) meter: Meter,
    /// Who lets go of what it holds when the simulation is dropped.
    pub(crate) registered: RefCell<teardown::Registered>,
    /// Whether the simulation has been dropped.
    pub(crate) over: Cell<bool>,
}

/// An actor runs as long as this lives, which is not beyond its panic.
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

/// A handle on a simulation, held by everything that lives in it; cheap to clone.
///
/// # Order
///
/// Actors run one at a time in the order of the run queue, each until it waits. Only when the run
/// queue is empty are shares computed and does time move to the date of the first event. Everything
/// due at that date is then put into the run queue in the order of the event queue, before any
/// actor runs: CPU (executions, sleeps), disk, network, timers. (What is due alone, when the run
/// queue is empty, is not put there but runs at once, which is the same.)
///
/// What comes first among things of one model and one date is the simulation's
/// [`TieOrder`](crate::TieOrder).
///
/// [`TieOrder::NewestFirst`](crate::TieOrder::NewestFirst): what was created last comes first.
/// Created is
///
/// * an activity, when it is [started](Self::start): with or without a latency, and however often
///   it is stopped, resumed or given another share later;
/// * a sleep or a timer, when it begins, which is when its future is first polled;
/// * a call or a signal ([`call_after`](Self::call_after), [`signal_after`](Self::signal_after),
///   [`signal_in_series`](Self::signal_in_series)), when it is asked for.
///
/// So the order depends on nothing but the order in which these were created: not on the number of
/// activities, which decides how the solver goes about them, nor on what else has happened.
///
/// [`TieOrder::Reference`](crate::TieOrder::Reference), the default: within the CPU and network
/// models the order in which dates were (re-)computed: sleeps newest first of those begun since
/// time last moved, then for each re-solved resource its activities newest first. Latencies end in
/// the order of creation, and so do plain disk activities, streams and timers.
///
/// [Background calls](Self::background_at) come before all this, in the order in which they were
/// asked for.
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
/// // Sleeps that began together end newest first in either order.
/// assert_eq!(*woken.borrow(), ["second", "first"]);
/// # Ok::<(), isotherm_kernel::RunError>(())
/// ```
#[derive(Clone)]
pub struct Kernel {
    pub(crate) inner: Rc<Inner>,
}

/// Whether a kernel is still there: it is as long as its simulation, or anybody who has a handle on
/// something in it, is.
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
    /// A handle that keeps the kernel, if it is still there.
    #[must_use]
    pub fn upgrade(&self) -> Option<Kernel> {
        self.0.upgrade().map(|inner| Kernel { inner })
    }
}

impl Kernel {
    /// A handle that does not keep the kernel.
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
                ready: RefCell::default(),
                meter: Meter::new(),
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

    /// Prepares an actor: a group, daemon or not, then [`ActorBuilder::spawn`].
    #[must_use]
    pub fn actor(&self, name: impl Into<Label>) -> ActorBuilder {
        ActorBuilder::new(self.clone(), name.into())
    }

    /// Starts an actor that is not a daemon and belongs to no group.
    pub fn spawn<F>(&self, name: impl Into<Label>, future: F) -> Actor<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.actor(name).spawn(future)
    }

    /// A new group of actors.
    #[must_use]
    pub fn group(&self) -> Group {
        let mut tasks = self.inner.tasks.borrow_mut();
        tasks.groups += 1;
        Group(tasks.groups)
    }

    /// Kills all actors of a group, oldest slot first.
    pub fn kill_group(&self, group: Group) {
        let members: Vec<ActorId> = {
            let tasks = self.inner.tasks.borrow();
            tasks.living().filter(|(_, task)| task.group == Some(group)).map(|(id, _)| id).collect()
        };
        for member in members {
            self.kill(member);
        }
    }

    /// Kills an actor: its future is dropped now; the running actor ends when it next waits. Does
    /// nothing to one that has ended.
    pub fn kill(&self, id: ActorId) {
        let future = {
            let mut tasks = self.inner.tasks.borrow_mut();
            let Some(task) = tasks.get(id) else { return };
            match task.future.take() {
                Some(future) => future,
                None => {
                    task.killed = true;
                    return;
                }
            }
        };
        // The future's guards may call the kernel, so nothing is borrowed here.
        drop(future);
        self.finish(id, true);
    }

    /// Waits for a duration. Nothing at all happens if it is zero.
    pub fn sleep(&self, duration: Duration) -> WaitUntil {
        self.sleep_until(self.now() + duration)
    }

    /// Waits until a date. Nothing at all happens if it has passed.
    pub fn sleep_until(&self, date: Time) -> WaitUntil {
        self.alarm_at(date, Rank::Cpu)
    }

    /// Waits until everything else of a date has ended: for deadlines and time-outs.
    pub fn timer_at(&self, date: Time) -> WaitUntil {
        self.alarm_at(date, Rank::Timer)
    }

    /// Calls a function after a duration, like an actor that sleeps and then calls it, but without
    /// an actor. A duration of zero puts the call at the end of the run queue.
    pub fn call_after(
        &self,
        duration: Duration,
        call: impl FnOnce(&Kernel) + 'static,
    ) -> ScheduledCall {
        self.call_at_date(self.now() + duration, Box::new(call))
    }

    /// Calls a function at a date, before anything that ends at that date and after what was given
    /// to this method earlier: for changes of the world that happen whoever waits, such as the
    /// events of a speed profile. Such calls do not prolong a simulation whose actors have ended,
    /// and how far they keep one going in which nothing else is to come, `change` says.
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

    /// Makes the background call that comes first, if it is due now.
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
        // What happens again and again brings nothing forward by itself.
        let progress = if change == Change::Once { self.now() } else { before };
        self.inner.progress.set(progress);
        self.inner.pending_changes.borrow_mut().forget(change, noted);
    }

    /// Forgets the background calls that are still to come.
    pub(crate) fn forget_background(&self) {
        let calls = self.inner.background.take();
        drop(calls);
    }

    /// Notes that something has come to its end which would not come to it again and again for
    /// ever: a simulation in which that happens is not at a standstill, even if all its actors wait
    /// for the next event of a profile that repeats.
    #[inline]
    pub fn note_progress(&self) {
        self.inner.progress.set(self.now());
    }

    /// Has somebody asked what is waited for, should the simulation end because nothing can happen
    /// any more.
    pub fn add_standstill_handler(&self, handler: Weak<dyn StandstillHandler>) {
        self.inner.standstill_handlers.borrow_mut().push(handler);
    }

    /// Those who are asked at a standstill, in the order in which they came.
    pub(crate) fn standstill_handlers(&self) -> Vec<Rc<dyn StandstillHandler>> {
        self.inner.standstill_handlers.borrow().iter().filter_map(Weak::upgrade).collect()
    }

    /// Goes to the end of the run queue.
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

    /// Whether nobody waits for a turn at this date: what goes to the end of the run queue now runs
    /// next. Who has nothing more to do in his own turn may then go on at once with what he would
    /// do in his next one.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.inner.ready.borrow().is_empty()
    }

    /// Counts a further turn of the run queue within the one that is being taken: for those who do
    /// one thing after the other in one turn, such as taking messages, and may do so millions of
    /// times. So limits and watchers hold there, too. `Break` says that the simulation is to end,
    /// which it does when this turn has ended: who has asked leaves the rest undone.
    pub fn count_turn(&self) -> ControlFlow<()> {
        self.inner.meter.count_turn(self.now())
    }

    /// A new mailbox.
    #[must_use]
    pub fn mailbox<T: 'static>(&self, name: impl Into<Label>) -> Mailbox<T> {
        Mailbox::new(self.clone(), name.into())
    }

    /// The running actor.
    ///
    /// # Panics
    /// Outside of an actor: a future of the kernel can only be awaited by one.
    #[must_use]
    pub fn current(&self) -> ActorId {
        self.inner
            .running
            .get()
            .expect("a future of the kernel is awaited by an actor of the kernel")
    }

    /// The name of a living actor.
    #[must_use]
    pub fn name_of(&self, id: ActorId) -> Option<Label> {
        self.inner.tasks.borrow_mut().get(id).map(|task| task.name.clone())
    }

    /// Notes what the running actor waits for.
    pub(crate) fn wait_for(&self, waiting: impl FnOnce() -> Waiting) {
        *self.inner.waiting.borrow_mut() = waiting();
    }

    /// Puts an actor at the end of the run queue, unless it is there already or has ended.
    pub(crate) fn wake(&self, id: ActorId) {
        if let Some(task) = self.inner.tasks.borrow_mut().get(id)
            && !task.scheduled
        {
            task.scheduled = true;
            self.inner.ready.borrow_mut().push_back(Ready::Actor(id));
        }
    }

    pub(crate) fn insert_task(&self, mut task: Task) -> ActorId {
        task.scheduled = true;
        let id = self.inner.tasks.borrow_mut().insert(task);
        if self.is_over() {
            self.kill(id);
        } else {
            self.inner.ready.borrow_mut().push_back(Ready::Actor(id));
        }
        id
    }

    fn finish(&self, id: ActorId, killed: bool) {
        let exit = self.inner.tasks.borrow_mut().remove(id);
        if let Some(exit) = exit {
            exit.exited(self, killed);
        }
    }

    /// Runs one entry of the run queue.
    #[inline]
    pub(crate) fn run(&self, ready: Ready) {
        match ready {
            Ready::Actor(id) => self.run_actor(id),
            Ready::Call(call) => call(self),
            Ready::Signal(handler, token) => handler.handle(token),
            Ready::End(call, result) => call(self, result),
        }
    }

    fn run_actor(&self, id: ActorId) {
        let future = {
            let mut tasks = self.inner.tasks.borrow_mut();
            let Some(task) = tasks.get(id) else { return };
            task.scheduled = false;
            if !task.daemon {
                self.note_progress();
            }
            task.future.take()
        };
        let Some(mut future) = future else { return };
        let running = Running::new(&self.inner.running, id);
        let poll = future.as_mut().poll(&mut Context::from_waker(WHOLE));
        drop(running);
        if poll.is_pending() {
            let mut tasks = self.inner.tasks.borrow_mut();
            if let Some(task) = tasks.get(id)
                && !task.killed
            {
                task.waiting = self.inner.waiting.take();
                let none = task.future.replace(future);
                debug_assert!(none.is_none(), "it was taken before it ran");
                // Dropping it would mean to look at it.
                std::mem::forget(none);
                return;
            }
        }
        drop(future);
        self.finish(id, poll.is_pending());
    }

    /// Computes shares and dates before time moves, and gives the date to which it can move.
    pub(crate) fn settle(&self) -> Option<Time> {
        let mut agenda = self.inner.agenda.borrow_mut();
        agenda.settle();
        self.inner.fluid.borrow_mut().settle(self.now(), &mut agenda.queue, Target::Activity);
        agenda.next_time()
    }

    /// Moves everything that is due now into the run queue and says how many events that were.
    /// Mostly there is one, and nobody else waits for a turn: then it has its turn at once if it
    /// may, which is said as well.
    pub(crate) fn deliver_due(&self, may_run: bool) -> (u64, bool) {
        let mut events = 0;
        let mut agenda = self.inner.agenda.borrow_mut();
        while let Some(due) = agenda.pop_due(self.now()) {
            events += 1;
            match due {
                DueEvent::Ready(ready) => {
                    let is_alone = may_run && events == 1 && self.is_quiet();
                    if is_alone && agenda.next_time().is_none_or(|next| next > self.now()) {
                        drop(agenda);
                        self.run(ready);
                        return (events, true);
                    }
                    match ready {
                        Ready::Actor(id) => self.wake(id),
                        ready => self.inner.ready.borrow_mut().push_back(ready),
                    }
                }
                DueEvent::Nothing => {}
                DueEvent::Activity(index) => {
                    let mut fluid = self.inner.fluid.borrow_mut();
                    let due = fluid.due(index, self.now(), &mut agenda.queue, Target::Activity);
                    drop(fluid);
                    if let Due::Ended = due {
                        drop(agenda);
                        self.activity_ended(index, Ok(()));
                        agenda = self.inner.agenda.borrow_mut();
                    }
                }
            }
        }
        (events, false)
    }
}
