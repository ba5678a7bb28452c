//! Things that happen at a date: sleeps, calls and timers.
//!
//! A *sleep* (or a *call*, which is a sleep without an actor) belongs to the CPU model: it ends before disk and network
//! activities of the same date. Sleeps begun since virtual time last moved enter the event queue when it next moves, the newest
//! first, so that sleepers who began together wake in reverse order. A *timer* fires after everything else of its
//! date, in the order of creation: deadlines are timers, so what ends exactly at its deadline has ended in time.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::actor::Waiting;
use crate::kernel::{Ready, Target};
use crate::queue::{EventId, EventQueue, Key, key, time_of};
use crate::{ActorId, Duration, Kernel, Rank, Time};

pub(crate) type BoxedCall = Box<dyn FnOnce(&Kernel)>;

/// Who is called at a date, again and again, without anything being allocated for each call: see [`Kernel::signal_after`].
pub trait Signalled {
    /// The date has come. `token` is what was given when the call was asked for.
    fn signalled(self: Rc<Self>, token: [u64; 2]);
}

enum Action {
    Wake(ActorId),
    Call(BoxedCall),
    Signal(Rc<dyn Signalled>, [u64; 2]),
}

enum State {
    Vacant,
    /// Begun since time last moved; enters the queue when it next moves.
    Begun,
    Queued(EventId),
    Fired,
}

struct Alarm {
    generation: u32,
    due: Time,
    state: State,
    action: Option<Action>,
}

/// Names an alarm while it is owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AlarmId {
    index: u32,
    generation: u32,
}

/// What has begun since time last moved.
enum Begun {
    Alarm(AlarmId),
    /// One of a series.
    InSeries(Time, Rc<dyn Signalled>, [u64; 2]),
}

/// A call of a series, which is kept apart from the event queue.
struct InSeries {
    key: Key,
    whom: Rc<dyn Signalled>,
    token: [u64; 2],
}

/// Everything that is to happen at a date: the event queue, with all alarms of a simulation in reusable slots.
pub(crate) struct Agenda {
    pub(crate) queue: EventQueue<Target>,
    slots: Vec<Alarm>,
    free: Vec<u32>,
    begun: Vec<Begun>,
    /// The last one comes first.
    series: Vec<InSeries>,
}

/// Something that is due.
pub(crate) enum Due {
    Ready(Ready),
    /// Nobody waits for it any more.
    Nothing,
    Activity(u32),
}

impl Agenda {
    pub(crate) fn new() -> Self {
        let queue = EventQueue::new();
        Agenda { queue, slots: Vec::new(), free: Vec::new(), begun: Vec::new(), series: Vec::new() }
    }

    /// Gives up everything that was to happen, to be dropped while nothing is borrowed.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Agenda::new())
    }

    fn insert(&mut self, due: Time, action: Action) -> AlarmId {
        let alarm = |generation| Alarm { generation, due, state: State::Begun, action: Some(action) };
        match self.free.pop() {
            Some(index) => {
                let slot = &mut self.slots[index as usize];
                *slot = alarm(slot.generation);
                AlarmId { index, generation: slot.generation }
            }
            None => {
                self.slots.push(alarm(0));
                AlarmId { index: (self.slots.len() - 1) as u32, generation: 0 }
            }
        }
    }

    fn get(&mut self, id: AlarmId) -> Option<&mut Alarm> {
        self.slots.get_mut(id.index as usize).filter(|alarm| alarm.generation == id.generation)
    }

    fn release(&mut self, id: AlarmId) -> Option<State> {
        let alarm = self.get(id)?;
        alarm.generation = alarm.generation.wrapping_add(1);
        alarm.action = None;
        let state = std::mem::replace(&mut alarm.state, State::Vacant);
        self.free.push(id.index);
        Some(state)
    }

    /// Puts the sleeps begun since time last moved into the queue, newest first.
    pub(crate) fn settle(&mut self) {
        while let Some(begun) = self.begun.pop() {
            match begun {
                Begun::Alarm(id) => {
                    let slot = self.slots.get_mut(id.index as usize);
                    let Some(alarm) = slot.filter(|alarm| alarm.generation == id.generation) else { continue };
                    let sequence = self.queue.draw_sequence();
                    let event = self.queue.push(alarm.due, Rank::Cpu, sequence, Target::Alarm(id.index));
                    alarm.state = State::Queued(event);
                }
                Begun::InSeries(due, whom, token) => {
                    let key = key(due, Rank::Cpu, self.queue.draw_sequence());
                    let next = InSeries { key, whom, token };
                    match self.series.last() {
                        Some(first) if first.key < key => {
                            let place = self.series.partition_point(|other| other.key > key);
                            self.series.insert(place, next);
                        }
                        _ => self.series.push(next),
                    }
                }
            }
        }
    }

    /// The date of what happens first.
    pub(crate) fn next_time(&self) -> Option<Time> {
        let first = self.queue.first_key();
        let first = self.series.last().map_or(first, |next| Some(first.map_or(next.key, |first| first.min(next.key))));
        first.map(time_of)
    }

    /// Takes what happens first if it is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Due> {
        if let Some(next) = self.series.last()
            && time_of(next.key) <= now
            && self.queue.first_key().is_none_or(|first| next.key < first)
        {
            return self.series.pop().map(|InSeries { whom, token, .. }| Due::Ready(Ready::Signal(whom, token)));
        }
        Some(match self.queue.pop_due(now)? {
            Target::Alarm(index) => self.fire(index).map_or(Due::Nothing, Due::Ready),
            Target::Activity(index) => Due::Activity(index),
        })
    }

    /// The event of alarm `index` is due: what is to be put into the run queue.
    fn fire(&mut self, index: u32) -> Option<Ready> {
        let alarm = &mut self.slots[index as usize];
        let ready = match alarm.action.take()? {
            // The future that has begun it still looks at it.
            Action::Wake(actor) => {
                alarm.state = State::Fired;
                return Some(Ready::Actor(actor));
            }
            Action::Call(call) => Ready::Call(call),
            Action::Signal(whom, token) => Ready::Signal(whom, token),
        };
        alarm.state = State::Vacant;
        alarm.generation = alarm.generation.wrapping_add(1);
        self.free.push(index);
        Some(ready)
    }
}

impl Kernel {
    #[inline]
    fn begin_alarm(&self, due: Time, rank: Rank, action: Action) -> AlarmId {
        let mut agenda = self.inner.agenda.borrow_mut();
        let id = agenda.insert(due, action);
        if due == Time::NEVER {
            // Never fires: it stays out of the queue, so that a deadlock is seen as one.
        } else if rank == Rank::Cpu {
            agenda.begun.push(Begun::Alarm(id));
        } else {
            let sequence = agenda.queue.draw_sequence();
            let event = agenda.queue.push(due, rank, sequence, Target::Alarm(id.index));
            agenda.slots[id.index as usize].state = State::Queued(event);
        }
        id
    }

    fn end_alarm(&self, id: AlarmId) -> bool {
        let mut agenda = self.inner.agenda.borrow_mut();
        match agenda.release(id) {
            Some(State::Queued(event)) => {
                agenda.queue.remove(event);
                true
            }
            Some(State::Begun) => true,
            _ => false,
        }
    }

    pub(crate) fn alarm_at(&self, due: Time, rank: Rank) -> WaitUntil {
        WaitUntil { kernel: self.clone(), due, rank, alarm: None }
    }

    pub(crate) fn call_at_date(&self, due: Time, call: BoxedCall) -> Call {
        if due <= self.now() {
            self.inner.ready.borrow_mut().push_back(Ready::Call(call));
            return Call { alarm: None };
        }
        Call { alarm: Some(self.begin_alarm(due, Rank::Cpu, Action::Call(call))) }
    }

    /// Like [`call_after`](Self::call_after), for those who have many calls to make: `whom` is told the `token`.
    pub fn signal_after(&self, duration: Duration, whom: Rc<dyn Signalled>, token: [u64; 2]) -> Call {
        if duration.is_zero() {
            self.inner.ready.borrow_mut().push_back(Ready::Signal(whom, token));
            return Call { alarm: None };
        }
        Call { alarm: Some(self.begin_alarm(self.now() + duration, Rank::Cpu, Action::Signal(whom, token))) }
    }

    /// Like [`signal_after`](Self::signal_after), for those who make one call after the other and cancel none: what comes next is kept apart from the
    /// event queue, which makes it cheaper to wait for. If k such calls are under way at a time, each costs O(k).
    pub fn signal_in_series(&self, duration: Duration, whom: Rc<dyn Signalled>, token: [u64; 2]) {
        if duration.is_zero() {
            self.inner.ready.borrow_mut().push_back(Ready::Signal(whom, token));
        } else {
            self.inner.agenda.borrow_mut().begun.push(Begun::InSeries(self.now() + duration, whom, token));
        }
    }

    /// Cancels a call that has not happened yet. Says whether it was still to happen.
    pub fn cancel_call(&self, call: Call) -> bool {
        call.alarm.is_some_and(|alarm| self.end_alarm(alarm))
    }
}

/// A call that will happen, see [`Kernel::call_after`]. Dropping it does not cancel the call;
/// [`Kernel::cancel_call`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// `None` for a call that went straight into the run queue and can no longer be cancelled.
    alarm: Option<AlarmId>,
}

/// Future that is ready at a date: a sleep or a timer. It begins when it is first awaited; dropping it ends it.
#[must_use = "futures do nothing unless awaited"]
pub struct WaitUntil {
    kernel: Kernel,
    due: Time,
    rank: Rank,
    alarm: Option<AlarmId>,
}

impl Future for WaitUntil {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.alarm {
            None => {
                // A sleep that ends now is no sleep at all; a timer that is due still fires after everything else.
                if self.rank == Rank::Cpu && self.due <= self.kernel.now() {
                    return Poll::Ready(());
                }
                let action = Action::Wake(self.kernel.current());
                let due = self.due.max(self.kernel.now());
                self.alarm = Some(self.kernel.begin_alarm(due, self.rank, action));
            }
            Some(id) => {
                let mut agenda = self.kernel.inner.agenda.borrow_mut();
                if agenda.get(id).is_none_or(|alarm| matches!(alarm.state, State::Fired)) {
                    return Poll::Ready(());
                }
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
