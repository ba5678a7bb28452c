//! Replaying: invocations that are made at given dates, without an actor.
//!
//! Traces of millions of invocations are made in this way:
//! [`FunctionManager::replay`](crate::FunctionManager::replay) takes one invocation after the other
//! from a [`Source`], which may read them from wherever they are, one ahead of time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use isotherm_kernel::{Duration, Handler, Kernel, Mailbox, Time};
use isotherm_services::{Address, FailureCause, Port};

use crate::function::Body;
use crate::message::ManagerMessage;
use crate::service::ServerlessComputeService;
use crate::{FunctionId, RegisteredFunction};

/// An invocation that is to be made.
#[derive(Clone)]
pub struct Planned {
    /// When. One whose date has passed is made at once.
    pub at: Time,
    /// Its function: an index into the list that was given with the source.
    pub function: usize,
    /// What it does, if that is not the function's own body.
    pub body: Option<Body>,
}

/// What comes next in a replay.
#[derive(Clone)]
pub enum Upcoming {
    /// An invocation.
    Planned(Planned),
    /// Nothing before this date, at which the source is asked again: it would take long to find out
    /// what comes then. If the date has passed it is asked again in a turn of its own, so that time
    /// stands still and the simulation can be ended meanwhile.
    Silence(Time),
}

impl Upcoming {
    fn at(&self) -> Time {
        match self {
            Upcoming::Planned(planned) => planned.at,
            Upcoming::Silence(until) => *until,
        }
    }

    /// Up to when there is nothing, if it is not known what comes then.
    fn silence(&self) -> Option<Time> {
        match self {
            Upcoming::Planned(_) => None,
            Upcoming::Silence(until) => Some(*until),
        }
    }
}

/// Where the invocations of a replay come from, in the order of their dates.
pub trait Source {
    /// What comes next. It is asked for when the one before is made.
    fn next(&mut self) -> Option<Upcoming>;
}

impl<I: Iterator<Item = Planned>> Source for I {
    fn next(&mut self) -> Option<Upcoming> {
        Iterator::next(self).map(Upcoming::Planned)
    }
}

/// How a replay ends: with how many invocations have been made, or with a function that is none of
/// the list.
pub(crate) type ReplayEnd = Result<u64, FailureCause>;

pub(crate) struct Replay<S> {
    pub(crate) service: ServerlessComputeService,
    pub(crate) manager: Port<ManagerMessage>,
    pub(crate) caller: Address,
    functions: Vec<FunctionId>,
    rest: RefCell<Rest<S>>,
    ended: Mailbox<ReplayEnd>,
    /// Nobody waits for it any more.
    abandoned: Cell<bool>,
}

/// Held by the future that waits for a replay. When it is dropped, as when a host fails, no further
/// invocations are made.
pub(crate) struct Waiting<S>(Rc<Replay<S>>);

impl<S> Drop for Waiting<S> {
    fn drop(&mut self) {
        self.0.abandoned.set(true);
    }
}

struct Rest<S> {
    source: S,
    /// The next one, which has been taken from the source.
    next: Option<Upcoming>,
    made: u64,
}

impl<S: Source> Rest<S> {
    /// Asks the source for what comes next, when the one before has been taken out.
    #[inline]
    fn advance(&mut self) {
        let nothing = std::mem::replace(&mut self.next, self.source.next());
        debug_assert!(nothing.is_none(), "the one before has been taken out");
        // Dropping it would cost a look at what is not there.
        std::mem::forget(nothing);
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

    /// Begins, and gives where the end will be told to whoever waits for it.
    pub(crate) fn begin(self: Rc<Self>) -> (Mailbox<ReplayEnd>, Waiting<S>) {
        let (ended, waiting) = (self.ended.clone(), Waiting(Rc::clone(&self)));
        self.go_on();
        (ended, waiting)
    }

    fn kernel(&self) -> &Kernel {
        self.service.kernel()
    }

    /// Makes the invocations whose date has come, and sees to it that it goes on when that of the
    /// next one comes. The last invocation is the last thing that is done, so that the service may
    /// take it in the same turn.
    fn go_on(self: Rc<Self>) {
        let now = self.kernel().now();
        if self.abandoned.get() {
            return;
        }
        loop {
            let mut rest = self.rest.borrow_mut();
            let Some(next) = rest.next.take() else {
                return self.ended.send_detached(Ok(rest.made));
            };
            if next.at() > now {
                let after = next.at().since(now);
                rest.next = Some(next);
                drop(rest);
                return self.wait(after);
            }
            let planned = match next {
                Upcoming::Planned(planned) => planned,
                Upcoming::Silence(_) => {
                    rest.advance();
                    let silent = rest.next.as_ref().and_then(Upcoming::silence);
                    drop(rest);
                    match silent {
                        Some(until) => return self.wait(until.since(now)),
                        None => continue,
                    }
                }
            };
            let Some(&function) = self.functions.get(planned.function) else {
                let function = format!("number {} of a replay", planned.function).into();
                return self
                    .ended
                    .send_detached(Err(FailureCause::FunctionNotRegistered { function }));
            };
            rest.made += 1;
            rest.advance();
            let is_silent = rest.next.as_ref().is_some_and(|next| next.silence().is_some());
            match rest.next.as_ref().map(|next| next.at().since(now)) {
                after if after.unwrap_or_default().is_zero() && !is_silent => {
                    drop(rest);
                    self.service.invoke_detached(
                        &self.caller,
                        function,
                        planned.body,
                        &self.manager,
                    );
                    // Millions may be made at one date: limits and watchers are to be heard
                    // meanwhile.
                    if self.kernel().count_turn().is_break() {
                        return;
                    }
                }
                after => {
                    let after = after.unwrap_or_default();
                    drop(rest);
                    self.clone().wait(after);
                    return self.service.invoke_at_last(
                        &self.caller,
                        function,
                        planned.body,
                        &self.manager,
                    );
                }
            }
        }
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
