//! Alarms: sleeps, calls and timers, and the agenda that holds them beside the event queue.
//!
//! A *sleep* wakes an actor at a date; a *call* runs a callback without an actor. Both belong to
//! the CPU model, so they come before disk and network events of the same date. A *timer* comes
//! after everything else of its date: deadlines are timers, so an activity that ends exactly at its
//! deadline is in time.
//!
//! An alarm is created when its future is first polled, or when its call is scheduled. Under
//! [`TieOrder::NewestFirst`] the newest alarm of a date comes first. Under [`TieOrder::Reference`]
//! sleeps and calls enter the event queue when time next advances, newest first; timers come in the
//! order of creation.
//!
//! Alarms are kept in a slab with generations. Starting, ending and firing one costs O(log n) in
//! the number of pending events.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::actor::Waiting;
use crate::event_key::EventKey;
use crate::queue::{EventId, EventQueue, TieOrder, key, time_of};
use crate::run_queue::{BoxedCall, Handler, Ready};
use crate::waiter::Waiter;
use crate::{ActorId, Duration, Kernel, Rank, Time};

/// What an entry of the event queue refers to, by its slot.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    Alarm(u32),
    Activity(u32),
}

enum AlarmState {
    Vacant,
    /// Begun since time last advanced; enters the queue when it next does. Reference order only.
    Begun,
    Queued(EventId),
    /// Due after the last date that can be represented.
    Beyond,
}

/// An alarm. It takes half a cache line, because thousands may be pending.
struct Alarm {
    generation: u32,
    state: AlarmState,
    /// What is woken; `None` if a callback of [`Agenda::callbacks`] is called.
    waiter: Option<Waiter>,
}

const _: () = assert!(size_of::<Alarm>() <= 32);

impl Alarm {
    /// Makes the polling task the one that is woken. Not inlined: mostly an alarm has fired when it
    /// is polled again.
    #[inline(never)]
    fn wait_again(&mut self, kernel: &Kernel, context: &Context<'_>) {
        if !self.waiter.as_ref().is_some_and(|waiter| waiter.polls(kernel, context)) {
            self.waiter = Some(Waiter::new(kernel, context));
        }
    }
}

/// What an alarm calls.
#[derive(Default)]
struct Callback {
    call: Option<BoxedCall>,
    /// A handler and its token, in place of a call. They are fields of their own because such calls
    /// are frequent.
    handler: Option<Rc<dyn Handler>>,
    token: (u64, u64),
}

/// Identifies an alarm until it ends: the slot in the lower half, the generation in the upper half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AlarmId(u64);

impl AlarmId {
    fn new(index: u32, generation: u32) -> Self {
        AlarmId(u64::from(generation) << 32 | u64::from(index))
    }

    fn index(self) -> u32 {
        self.0 as u32
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// What is left of an alarm that has been ended.
struct Released {
    /// The state in which it was.
    state: AlarmState,
    /// Dropping a callback may call the kernel, so it is dropped by the caller, while nothing is
    /// borrowed.
    _waiter: Option<Waiter>,
    _call: Option<BoxedCall>,
    _handler: Option<Rc<dyn Handler>>,
}

/// An alarm begun since time last advanced, in the reference's order.
enum Begun {
    Alarm(AlarmId, Time),
    /// The call of a series in this slot.
    InSeries(u32),
}

/// The next call of a series, kept outside the event queue in a reusable slot: see
/// [`Kernel::signal_in_series`].
struct InSeries {
    due: Time,
    /// Its key among the events while it is queued, otherwise `UNQUEUED`.
    key: EventKey,
    handler: Option<Rc<dyn Handler>>,
    token: (u64, u64),
}

const UNQUEUED: EventKey = EventKey::MAX;

/// Everything that is to happen at a date: the event queue, the alarms and the calls in series.
pub(crate) struct Agenda {
    pub(crate) queue: EventQueue<Target>,
    slots: Vec<Alarm>,
    /// By slot. They are apart because most of many alarms wake actors.
    callbacks: Vec<Callback>,
    free: Vec<u32>,
    begun: Vec<Begun>,
    series: Vec<InSeries>,
    /// The least key among the queued calls of series, and its slot.
    first_in_series: (EventKey, u32),
}

/// An event that is due.
pub(crate) enum DueEvent {
    Ready(Ready),
    Activity(u32),
}

impl Agenda {
    pub(crate) fn new() -> Self {
        Agenda {
            queue: EventQueue::new(),
            slots: Vec::new(),
            callbacks: Vec::new(),
            free: Vec::new(),
            begun: Vec::new(),
            series: Vec::new(),
            first_in_series: (UNQUEUED, 0),
        }
    }

    /// Takes out all callbacks, so that they are dropped while nothing is borrowed. The events
    /// stay: activities that outlive the simulation refer to theirs.
    pub(crate) fn take(&mut self) -> Self {
        let queue = std::mem::replace(&mut self.queue, EventQueue::new());
        std::mem::replace(self, Agenda { queue, ..Agenda::new() })
    }

    #[inline]
    fn insert(&mut self, waiter: Waiter) -> AlarmId {
        let id = self.vacant();
        let none = self.slots[id.index() as usize].waiter.replace(waiter);
        debug_assert!(none.is_none(), "the slot is vacant");
        // Dropping it would cost a check that it is `None`.
        std::mem::forget(none);
        id
    }

    #[inline]
    fn insert_signal(&mut self, handler: Rc<dyn Handler>, token: (u64, u64)) -> AlarmId {
        let id = self.vacant();
        let callback = &mut self.callbacks[id.index() as usize];
        // Written in place: moving a freshly written value would stall on store forwarding.
        callback.handler = Some(handler);
        callback.token = token;
        id
    }

    /// Takes a free slot for an alarm that begins.
    #[inline]
    fn vacant(&mut self) -> AlarmId {
        let index = self.free.pop().unwrap_or_else(|| self.add_slot());
        let slot = &mut self.slots[index as usize];
        slot.state = AlarmState::Begun;
        AlarmId::new(index, slot.generation)
    }

    #[cold]
    fn add_slot(&mut self) -> u32 {
        self.slots.push(Alarm { generation: 0, state: AlarmState::Vacant, waiter: None });
        self.callbacks.push(Callback::default());
        (self.slots.len() - 1) as u32
    }

    /// Puts a call of a series into a free slot.
    #[inline]
    fn insert_in_series(&mut self, due: Time, handler: Rc<dyn Handler>, token: (u64, u64)) {
        let vacant = self.series.iter().position(|one| one.handler.is_none());
        let index = vacant.unwrap_or_else(|| {
            self.series.push(InSeries { due, key: UNQUEUED, handler: None, token });
            self.series.len() - 1
        });
        let place = &mut self.series[index];
        place.due = due;
        place.handler = Some(handler);
        place.token = token;
        // A call that never comes stays out of the queue, so that a deadlock is detected.
        if due < Time::NEVER {
            match self.queue.order {
                TieOrder::Reference => self.begun.push(Begun::InSeries(index as u32)),
                TieOrder::NewestFirst => {
                    let created = self.queue.draw_number();
                    self.queue_in_series(index as u32, self.queue.place_of(created));
                }
            }
        }
    }

    /// Gives a call of a series its key among the events.
    #[inline]
    fn queue_in_series(&mut self, index: u32, place: u64) {
        let next = &mut self.series[index as usize];
        next.key = key(next.due, Rank::Cpu, place);
        if next.key < self.first_in_series.0 {
            self.first_in_series = (next.key, index);
        }
    }

    /// Begins a sleep or a call. One that never ends stays out of the queue, so that a deadlock is
    /// detected.
    #[inline]
    fn begin_sleep(&mut self, id: AlarmId, due: Time) {
        match self.queue.order {
            _ if due == Time::NEVER => self.slots[id.index() as usize].state = AlarmState::Beyond,
            TieOrder::Reference => self.begun.push(Begun::Alarm(id, due)),
            TieOrder::NewestFirst => self.enqueue(id, due, Rank::Cpu),
        }
    }

    /// Puts an alarm into the queue, as created now.
    fn enqueue(&mut self, id: AlarmId, due: Time, rank: Rank) {
        let created = self.queue.draw_number();
        let event =
            self.queue.push(due, rank, self.queue.place_of(created), Target::Alarm(id.index()));
        self.slots[id.index() as usize].state = AlarmState::Queued(event);
    }

    fn get(&mut self, id: AlarmId) -> Option<&mut Alarm> {
        self.slots.get_mut(id.index() as usize).filter(|alarm| alarm.generation == id.generation())
    }

    /// Ends an alarm and frees its slot.
    #[inline]
    fn release(&mut self, id: AlarmId) -> Option<Released> {
        let alarm = self.get(id)?;
        alarm.generation = alarm.generation.wrapping_add(1);
        let waiter = alarm.waiter.take();
        let state = std::mem::replace(&mut alarm.state, AlarmState::Vacant);
        if let AlarmState::Queued(event) = state {
            self.queue.remove(event);
        }
        let Callback { call, handler, .. } = &mut self.callbacks[id.index() as usize];
        self.free.push(id.index());
        Some(Released { state, _waiter: waiter, _call: call.take(), _handler: handler.take() })
    }

    /// Puts the sleeps and calls begun since time last advanced into the queue, newest first, as
    /// the reference's order requires.
    #[inline]
    pub(crate) fn settle(&mut self) {
        while let Some(begun) = self.begun.pop() {
            match begun {
                Begun::Alarm(id, due) => {
                    let slot = self.slots.get_mut(id.index() as usize);
                    let Some(alarm) = slot.filter(|alarm| alarm.generation == id.generation())
                    else {
                        continue;
                    };
                    let place = self.queue.draw_number();
                    let event = self.queue.push(due, Rank::Cpu, place, Target::Alarm(id.index()));
                    alarm.state = AlarmState::Queued(event);
                }
                Begun::InSeries(index) => {
                    let place = self.queue.draw_number();
                    self.queue_in_series(index, place);
                }
            }
        }
    }

    /// The actors that sleep beyond the last date; `None` for a call.
    pub(crate) fn beyond_time(&self) -> impl Iterator<Item = Option<ActorId>> {
        let alarms = self.slots.iter().filter(|alarm| matches!(alarm.state, AlarmState::Beyond));
        let who = alarms.map(|alarm| alarm.waiter.as_ref().map(Waiter::actor));
        let is_beyond = |one: &&InSeries| one.handler.is_some() && one.due == Time::NEVER;
        who.chain(self.series.iter().filter(is_beyond).map(|_| None))
    }

    /// The date of the first event.
    #[inline]
    pub(crate) fn next_time(&self) -> Option<Time> {
        let (in_series, _) = self.first_in_series;
        let first = self.queue.first_key().map_or(in_series, |first| first.min(in_series));
        (first != UNQUEUED).then(|| time_of(first))
    }

    /// Takes the first event if it is due at `now`.
    // Inlined to keep the event in registers.
    #[inline(always)]
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<DueEvent> {
        let (key, index) = self.first_in_series;
        if key != UNQUEUED
            && time_of(key) <= now
            && self.queue.first_key().is_none_or(|first| key < first)
        {
            let next = &mut self.series[index as usize];
            next.key = UNQUEUED;
            let (handler, token) = (next.handler.take()?, next.token);
            let keys = self.series.iter().map(|one| one.key).zip(0..);
            self.first_in_series = keys.min().unwrap_or((UNQUEUED, 0));
            return Some(DueEvent::Ready(Ready::Signal(handler, token)));
        }
        Some(match self.queue.pop_due(now)? {
            Target::Alarm(index) => DueEvent::Ready(self.fire(index)?),
            Target::Activity(index) => DueEvent::Activity(index),
        })
    }

    /// Fires an alarm: returns what is to be put into the run queue, and frees the slot. A future
    /// that still refers to it knows by the generation that it has fired.
    #[inline]
    fn fire(&mut self, index: u32) -> Option<Ready> {
        let alarm = &mut self.slots[index as usize];
        alarm.state = AlarmState::Vacant;
        alarm.generation = alarm.generation.wrapping_add(1);
        self.free.push(index);
        if let Some(waiter) = alarm.waiter.take() {
            return Some(Ready::Actor(waiter.notify()));
        }
        let callback = &mut self.callbacks[index as usize];
        match callback.handler.take() {
            Some(handler) => Some(Ready::Signal(handler, callback.token)),
            None => callback.call.take().map(Ready::Call),
        }
    }
}

impl Kernel {
    #[inline]
    fn begin_alarm(&self, due: Time, rank: Rank, waiter: Waiter) -> AlarmId {
        let mut agenda = self.inner.agenda.borrow_mut();
        let id = agenda.insert(waiter);
        if rank == Rank::Cpu {
            agenda.begin_sleep(id, due);
        } else if due < Time::NEVER {
            // A timer that never fires is no reason to wait.
            agenda.enqueue(id, due, rank);
        }
        id
    }

    #[inline]
    fn end_alarm(&self, id: AlarmId) -> bool {
        // Its callback is dropped while nothing is borrowed.
        let released = self.inner.agenda.borrow_mut().release(id);
        released.is_some_and(|released| {
            matches!(released.state, AlarmState::Queued(_) | AlarmState::Begun | AlarmState::Beyond)
        })
    }

    pub(crate) fn alarm_at(&self, due: Time, rank: Rank) -> WaitUntil {
        WaitUntil { kernel: self.clone(), due, rank, alarm: None }
    }

    pub(crate) fn call_at_date(&self, due: Time, call: BoxedCall) -> ScheduledCall {
        if self.is_over() {
            return ScheduledCall { alarm: None };
        }
        if due <= self.now() {
            self.inner.ready.borrow_mut().push(Ready::Call(call));
            return ScheduledCall { alarm: None };
        }
        let mut agenda = self.inner.agenda.borrow_mut();
        let id = agenda.vacant();
        agenda.callbacks[id.index() as usize].call = Some(call);
        agenda.begin_sleep(id, due);
        ScheduledCall { alarm: Some(id) }
    }

    /// Like [`call_after`](Self::call_after), without an allocation for each call: `handler` is
    /// called with `token`.
    pub fn signal_after(
        &self,
        duration: Duration,
        handler: Rc<dyn Handler>,
        token: (u64, u64),
    ) -> ScheduledCall {
        if duration.is_zero() || self.is_over() {
            // It ignores calls after the end.
            self.signal_now(handler, token);
            return ScheduledCall { alarm: None };
        }
        let due = self.now() + duration;
        let mut agenda = self.inner.agenda.borrow_mut();
        let id = agenda.insert_signal(handler, token);
        agenda.begin_sleep(id, due);
        ScheduledCall { alarm: Some(id) }
    }

    /// Like [`signal_after`](Self::signal_after), for a caller that makes one call after another
    /// and cancels none. Such calls are kept outside the event queue, which makes them cheaper:
    /// with k of them pending, each costs O(k).
    pub fn signal_in_series(
        &self,
        duration: Duration,
        handler: Rc<dyn Handler>,
        token: (u64, u64),
    ) {
        if duration.is_zero() || self.is_over() {
            // It ignores calls after the end.
            self.signal_now(handler, token);
        } else {
            self.inner.agenda.borrow_mut().insert_in_series(self.now() + duration, handler, token);
        }
    }

    /// Cancels a call. Returns whether it was still pending.
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn cancel_call(&self, call: ScheduledCall) -> bool {
        call.alarm.is_some_and(|alarm| self.end_alarm(alarm))
    }
}

/// A call that has been scheduled, see [`Kernel::call_after`]. Dropping it does not cancel the
/// call; [`Kernel::cancel_call`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduledCall {
    /// `None` for a call that went straight into the run queue and cannot be cancelled.
    alarm: Option<AlarmId>,
}

/// The future of a sleep or a timer, ready at a date. It begins when it is first polled; dropping
/// it ends it.
#[must_use = "futures do nothing unless awaited"]
pub struct WaitUntil {
    kernel: Kernel,
    due: Time,
    rank: Rank,
    alarm: Option<AlarmId>,
}

impl Future for WaitUntil {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.alarm {
            None => {
                // A sleep that ends now is ready; a timer that is due still comes after everything
                // else.
                if self.rank == Rank::Cpu && self.due <= self.kernel.now() {
                    return Poll::Ready(());
                }
                let waiter = Waiter::new(&self.kernel, context);
                let due = self.due.max(self.kernel.now());
                self.alarm = Some(self.kernel.begin_alarm(due, self.rank, waiter));
            }
            Some(id) => {
                let mut agenda = self.kernel.inner.agenda.borrow_mut();
                // Otherwise it has fired.
                let Some(alarm) = agenda.get(id) else { return Poll::Ready(()) };
                alarm.wait_again(&self.kernel, context);
            }
        }
        self.kernel.wait_for(|| Waiting::Until(self.due));
        Poll::Pending
    }
}

impl Drop for WaitUntil {
    fn drop(&mut self) {
        if let Some(id) = self.alarm {
            self.kernel.end_alarm(id);
        }
    }
}
