//! What is known of an invocation while it lives, shared between the platform and the user's handle.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;

use isotherm_kernel::{Duration, Time};

use crate::{InvocationId, InvocationRecord, Outcome};

/// Where an invocation is in its life. Admission and dispatch are instants: see the dates of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationState {
    /// Taken in by the service; its image is not on the head disk yet.
    Submitted,
    /// Admitted: its image is on the head disk. It waits for a slot, and for the image to be copied and loaded.
    Schedulable,
    /// Dispatched to a container that is still starting.
    Starting,
    /// Its body runs.
    Running,
    /// It has ended.
    Ended(Outcome),
}

/// The growing record of an invocation. The platform writes it, handles read it.
#[derive(Debug)]
pub(crate) struct Status {
    record: RefCell<InvocationRecord>,
    /// When the body begins, once it has been dispatched.
    begins: Cell<Option<Time>>,
    ended: Cell<bool>,
}

impl Status {
    pub(crate) fn new(id: InvocationId, function: Rc<str>, image: Option<Rc<str>>, submitted: Time) -> Self {
        Status {
            record: RefCell::new(InvocationRecord {
                id,
                function,
                image,
                submitted,
                admitted: None,
                dispatched: None,
                started: None,
                ended: None,
                finished: Time::NEVER,
                outcome: Outcome::Completed,
                cause: None,
                node: None,
                container: None,
                start_kind: None,
                throttle_wait: Duration::ZERO,
                download_wait: Duration::ZERO,
                copy_wait: Duration::ZERO,
                load_wait: Duration::ZERO,
            }),
            begins: Cell::new(None),
            ended: Cell::new(false),
        }
    }

    pub(crate) fn record(&self) -> Ref<'_, InvocationRecord> {
        self.record.borrow()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut InvocationRecord)) {
        debug_assert!(!self.ended.get(), "the record of an invocation that has ended is complete");
        change(&mut self.record.borrow_mut());
    }

    pub(crate) fn set_begin(&self, begins: Time) {
        self.begins.set(Some(begins));
    }

    pub(crate) fn set_ended(&self) {
        self.ended.set(true);
    }

    /// The state at date `now`.
    pub(crate) fn state(&self, now: Time) -> InvocationState {
        let record = self.record.borrow();
        if self.ended.get() {
            InvocationState::Ended(record.outcome)
        } else {
            match (record.admitted, self.begins.get()) {
                (_, Some(begins)) if begins <= now => InvocationState::Running,
                (_, Some(_)) => InvocationState::Starting,
                (Some(_), None) => InvocationState::Schedulable,
                (None, None) => InvocationState::Submitted,
            }
        }
    }

    /// The record so far; the start of a body that runs is in it.
    pub(crate) fn snapshot(&self, now: Time) -> InvocationRecord {
        let mut record = self.record.borrow().clone();
        if !self.ended.get() {
            record.started = self.begins.get().filter(|&begins| begins <= now);
        }
        record
    }
}

/// Room in memory for the statuses of invocations: that of those that have ended, and that nobody looks at any more, is used again.
#[derive(Debug, Default)]
pub(crate) struct Statuses {
    spare: Vec<Rc<Status>>,
}

impl Statuses {
    /// More than that are not kept.
    const MOST_SPARE: usize = 1024;

    /// The status of an invocation that has just been submitted.
    pub(crate) fn of(
        &mut self,
        id: InvocationId,
        function: &Rc<str>,
        image: Option<&Rc<str>>,
        submitted: Time,
    ) -> Rc<Status> {
        if let Some(mut spare) = self.spare.pop()
            && let Some(Status { record, begins, ended }) = Rc::get_mut(&mut spare)
        {
            let record = record.get_mut();
            // The names that are there are most often the same, or none.
            if !Rc::ptr_eq(&record.function, function) {
                record.function = Rc::clone(function);
            }
            record.image = image.cloned();
            record.id = id;
            record.submitted = submitted;
            record.admitted = None;
            record.dispatched = None;
            record.started = None;
            record.ended = None;
            record.finished = Time::NEVER;
            record.outcome = Outcome::Completed;
            record.cause = None;
            record.node = None;
            record.container = None;
            record.start_kind = None;
            record.throttle_wait = Duration::ZERO;
            record.download_wait = Duration::ZERO;
            record.copy_wait = Duration::ZERO;
            record.load_wait = Duration::ZERO;
            begins.set(None);
            ended.set(false);
            return spare;
        }
        Rc::new(Status::new(id, Rc::clone(function), image.cloned(), submitted))
    }

    /// An invocation has ended, and this has been told to all who have to hear of it.
    pub(crate) fn give_back(&mut self, mut status: Rc<Status>) {
        if self.spare.len() < Self::MOST_SPARE && Rc::get_mut(&mut status).is_some() {
            self.spare.push(status);
        }
    }
}
