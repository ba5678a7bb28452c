//! Replays: detached invocations at given dates, made without an actor.
//!
//! [`FunctionManager::replay`](crate::FunctionManager::replay) pulls one invocation after the other
//! from a [`Source`], such as a trace of millions of rows, one ahead of time. A replay is a kernel
//! handler that is called at the date of each invocation.

use std::cell::{Cell, RefCell, RefMut};
use std::ops::ControlFlow;
use std::rc::Rc;

use isotherm_kernel::{Duration, Handler, Kernel, Mailbox, Time};
use isotherm_services::{Address, FailureCause, Port};

use crate::function::Body;
use crate::message::ManagerMessage;
use crate::service::ServerlessComputeService;
use crate::value::Given;
use crate::{FunctionId, RegisteredFunction};

/// An invocation to be made.
#[derive(Clone)]
pub struct Planned {
    /// When to make it. If the date has passed it is made at once.
    pub at: Time,
    /// Its function: an index into the list given with the source.
    pub function: usize,
    /// Its body, if not that of the function.
    pub body: Option<Body>,
}

impl Planned {
    /// The same with an input, or with sizes of its own. A clone has the same input.
    ///
    /// ```
    /// use isotherm_kernel::Time;
    /// use isotherm_serverless::{Given, Planned};
    ///
    /// let sizes = [2_000_000, 500_000];
    /// let photos = sizes.into_iter().enumerate().map(|(number, bytes)| {
    ///     let planned = Planned { at: Time::ZERO, function: 0, body: None };
    ///     planned.given(Given::default().input(format!("{number}.jpg")).input_bytes(bytes))
    /// });
    /// # let _ = photos;
    /// ```
    #[must_use]
    pub fn given(self, given: Given) -> Upcoming {
        Upcoming::Given(Box::new((self, given)))
    }
}

/// The next item of a source.
#[derive(Clone)]
pub enum Upcoming {
    /// An invocation.
    Planned(Planned),
    /// An invocation with an input, or with sizes of its own. Boxed, because most have neither.
    Given(Box<(Planned, Given)>),
    /// There is no invocation before this date, at which the source is asked again because finding
    /// the next one takes long. If the date has passed, the source is asked again in another turn
    /// of the run queue, so that the simulation can be interrupted meanwhile.
    Silence(Time),
}

impl Upcoming {
    fn at(&self) -> Time {
        match self {
            Upcoming::Planned(planned) => planned.at,
            Upcoming::Given(both) => both.0.at,
            Upcoming::Silence(until) => *until,
        }
    }

    /// The end of the silence, if it is one.
    fn silence(&self) -> Option<Time> {
        match self {
            Upcoming::Planned(_) | Upcoming::Given(_) => None,
            Upcoming::Silence(until) => Some(*until),
        }
    }
}

impl From<Planned> for Upcoming {
    fn from(planned: Planned) -> Self {
        Upcoming::Planned(planned)
    }
}

/// A source of invocations in the order of their dates. Iterators of [`Planned`] and of
/// [`Upcoming`] are sources.
pub trait Source {
    /// The next item, `None` at the end. Called when the previous one has been made.
    fn next(&mut self) -> Option<Upcoming>;
}

impl<I: Iterator<Item: Into<Upcoming>>> Source for I {
    fn next(&mut self) -> Option<Upcoming> {
        Iterator::next(self).map(Into::into)
    }
}

/// The result of a replay: the number of invocations made, or the unknown function that ended it.
pub(crate) type ReplayEnd = Result<u64, FailureCause>;

pub(crate) struct Replay<S> {
    pub(crate) service: ServerlessComputeService,
    pub(crate) manager: Port<ManagerMessage>,
    pub(crate) caller: Address,
    functions: Vec<FunctionId>,
    rest: RefCell<Rest<S>>,
    ended: Mailbox<ReplayEnd>,
    /// Set when the future that waits for the replay is dropped.
    abandoned: Cell<bool>,
}

/// A guard in the future that waits for a replay. Dropping it, as when a host fails, stops the
/// replay.
pub(crate) struct Waiting<S>(Rc<Replay<S>>);

impl<S> Drop for Waiting<S> {
    fn drop(&mut self) {
        self.0.abandoned.set(true);
    }
}

struct Rest<S> {
    source: S,
    /// The next item, already taken from the source.
    next: Option<Upcoming>,
    made: u64,
}

impl<S: Source> Rest<S> {
    /// Takes the next item from the source after the previous one was taken out.
    #[inline]
    fn advance(&mut self) {
        let nothing = std::mem::replace(&mut self.next, self.source.next());
        debug_assert!(nothing.is_none(), "the one before has been taken out");
        // Dropping `None` would still cost a check.
        std::mem::forget(nothing);
    }

    /// How long to wait for the next item; `None` if it is due. One that is silent is waited for in
    /// any case, so that another turn begins.
    #[inline]
    fn pause(&self, now: Time) -> Option<Duration> {
        match self.next.as_ref()? {
            Upcoming::Planned(next) => (next.at > now).then(|| next.at.since(now)),
            Upcoming::Given(both) => (both.0.at > now).then(|| both.0.at.since(now)),
            Upcoming::Silence(until) => Some(until.since(now)),
        }
    }
}

impl<S: Source + 'static> Replay<S> {
    pub(crate) fn new(
        service: &ServerlessComputeService,
        manager: Port<ManagerMessage>,
        caller: Address,
        functions: &[RegisteredFunction],
        mut source: S,
    ) -> Rc<Self> {
        let next = source.next();
        Rc::new(Replay {
            service: service.clone(),
            manager,
            caller,
            functions: functions.iter().map(RegisteredFunction::id).collect(),
            rest: RefCell::new(Rest { source, next, made: 0 }),
            ended: service.kernel().mailbox("the end of a replay"),
            abandoned: Cell::new(false),
        })
    }

    /// Begins, and returns the mailbox for the result and the guard.
    pub(crate) fn begin(self: Rc<Self>) -> (Mailbox<ReplayEnd>, Waiting<S>) {
        let (ended, waiting) = (self.ended.clone(), Waiting(Rc::clone(&self)));
        self.go_on();
        (ended, waiting)
    }

    fn kernel(&self) -> &Kernel {
        self.service.kernel()
    }

    /// Makes the invocations that are due and schedules the next call.
    fn go_on(self: Rc<Self>) {
        let now = self.kernel().now();
        if self.abandoned.get() {
            return;
        }
        loop {
            let mut rest = self.rest.borrow_mut();
            let planned = match rest.next.take() {
                Some(Upcoming::Planned(planned)) if planned.at <= now => planned,
                other => match self.go_on_with(rest, other) {
                    ControlFlow::Continue(()) => continue,
                    ControlFlow::Break(()) => return,
                },
            };
            let Some(&function) = self.functions.get(planned.function) else {
                return self.end_at_unknown(planned.function);
            };
            rest.made += 1;
            rest.advance();
            let pause = rest.pause(now);
            drop(rest);
            let Replay { service, caller, manager, .. } = &*self;
            if let Some(after) = pause {
                Rc::clone(&self).wait(after);
                return service.invoke_last(caller, function, planned.body, manager);
            }
            service.invoke_detached(caller, function, planned.body, None, manager);
            // Millions may be made at one date; limits and watchers must be checked meanwhile.
            if self.kernel().count_turn().is_break() {
                return;
            }
        }
    }

    /// Goes on with anything but a plain invocation that is due. Apart, so that these cost no more
    /// for it.
    #[cold]
    fn go_on_with(
        self: &Rc<Self>,
        mut rest: RefMut<'_, Rest<S>>,
        next: Option<Upcoming>,
    ) -> ControlFlow<()> {
        let now = self.kernel().now();
        let after = match next {
            None => {
                self.ended.send_detached(Ok(rest.made));
                return ControlFlow::Break(());
            }
            Some(Upcoming::Given(both)) if both.0.at <= now => return self.make_given(rest, *both),
            Some(Upcoming::Silence(until)) if until <= now => {
                rest.advance();
                let silent = rest.next.as_ref().and_then(Upcoming::silence);
                match silent {
                    Some(until) => until.since(now),
                    None => return ControlFlow::Continue(()),
                }
            }
            Some(next) => {
                let after = next.at().since(now);
                rest.next = Some(next);
                after
            }
        };
        drop(rest);
        Rc::clone(self).wait(after);
        ControlFlow::Break(())
    }

    /// Makes an invocation that is given something.
    fn make_given(
        &self,
        mut rest: RefMut<'_, Rest<S>>,
        (planned, given): (Planned, Given),
    ) -> ControlFlow<()> {
        let Some(&function) = self.functions.get(planned.function) else {
            self.end_at_unknown(planned.function);
            return ControlFlow::Break(());
        };
        rest.made += 1;
        rest.advance();
        drop(rest);
        let Replay { service, caller, manager, .. } = self;
        service.invoke_detached(caller, function, planned.body, Some(Box::new(given)), manager);
        self.kernel().count_turn()
    }

    #[cold]
    fn end_at_unknown(&self, function: usize) {
        let function = format!("number {function} of a replay").into();
        self.ended.send_detached(Err(FailureCause::FunctionNotRegistered { function }));
    }

    #[inline]
    fn wait(self: Rc<Self>, after: Duration) {
        let kernel = self.kernel().clone();
        kernel.signal_in_series(after, self, (0, 0));
    }
}

impl<S: Source + 'static> Handler for Replay<S> {
    fn handle(self: Rc<Self>, _: (u64, u64)) {
        self.go_on();
    }
}
