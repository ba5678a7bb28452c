//! The dates of an invocation while it lives, and the building of its record.

use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{Duration, Time};

use crate::{ContainerId, FunctionId, InvocationId, InvocationRecord, NodeId, Outcome, StartKind};

/// The state of an invocation. Admission and dispatch are instants: their dates are in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationState {
    /// Accepted by the service; its image is not on the head disk yet.
    Submitted,
    /// Admitted: its image is on the head disk. It waits for a slot, and for the image to be copied
    /// and loaded.
    Schedulable,
    /// Dispatched to a container that is still starting, or its input is on its way there.
    Starting,
    /// Its body runs.
    Running,
    /// It has ended.
    Ended(Outcome),
    /// The service is [changing](crate::Changing), and cannot tell.
    Changing,
}

/// The dates of an attempt of an invocation that has not ended.
#[derive(Debug)]
pub(crate) struct Life {
    /// Which attempt of the invocation it is, from 1.
    pub(crate) attempt: u32,
    pub(crate) submitted: Time,
    /// Whether it has been admitted: when its waits were over.
    is_admitted: bool,
    pub(crate) throttle_wait: Duration,
    download_wait: Duration,
    pub(crate) dispatched: Option<Dispatched>,
}

/// What its dispatch has determined.
#[derive(Debug)]
pub(crate) struct Dispatched {
    pub(crate) at: Time,
    pub(crate) node: NodeId,
    pub(crate) container: ContainerId,
    pub(crate) start_kind: StartKind,
    /// When its body begins.
    pub(crate) begins: Time,
    pub(crate) copy_wait: Duration,
    pub(crate) load_wait: Duration,
}

/// The names for the record of an invocation.
pub(crate) struct Names<'a> {
    pub(crate) function: &'a Arc<str>,
    pub(crate) app: &'a Arc<str>,
    pub(crate) image: Option<&'a Arc<str>>,
    pub(crate) node: Option<&'a Arc<str>>,
}

impl Life {
    pub(crate) fn new(submitted: Time) -> Self {
        let (throttle_wait, download_wait) = (Duration::ZERO, Duration::ZERO);
        let (attempt, is_admitted, dispatched) = (1, false, None);
        Life { attempt, submitted, is_admitted, throttle_wait, download_wait, dispatched }
    }

    pub(crate) fn submitted(&self) -> Time {
        self.submitted
    }

    /// It is admitted: what it has waited beside throttling, it has waited for its image.
    pub(crate) fn admit(&mut self, now: Time) {
        self.is_admitted = true;
        self.download_wait = now.since(self.submitted).saturating_sub(self.throttle_wait);
    }

    #[cfg(test)]
    pub(crate) fn download_wait(&self) -> Duration {
        self.download_wait
    }

    pub(crate) fn admitted(&self) -> Option<Time> {
        self.is_admitted.then(|| self.submitted + self.throttle_wait + self.download_wait)
    }

    /// The state at date `now`.
    pub(crate) fn state(&self, now: Time) -> InvocationState {
        match (self.is_admitted, &self.dispatched) {
            (_, Some(dispatched)) if dispatched.begins <= now => InvocationState::Running,
            (_, Some(_)) => InvocationState::Starting,
            (true, None) => InvocationState::Schedulable,
            (false, None) => InvocationState::Submitted,
        }
    }

    /// When its body began; `None` if it has not by `now`.
    pub(crate) fn started(&self, now: Time) -> Option<Time> {
        self.dispatched.as_ref().map(|dispatched| dispatched.begins).filter(|&begins| begins <= now)
    }

    /// The record so far: without an end, the start of the body and the reason of a cold start.
    pub(crate) fn record(
        &self,
        (id, function_id): (InvocationId, FunctionId),
        names: &Names<'_>,
    ) -> InvocationRecord {
        let mut record = InvocationRecord {
            id,
            attempt: self.attempt,
            function: Arc::clone(names.function),
            function_id,
            app: Arc::clone(names.app),
            image: None,
            submitted: self.submitted,
            admitted: None,
            dispatched: None,
            started: None,
            ended: None,
            finished: Time::NEVER,
            outcome: Outcome::Completed,
            cause: None,
            node: None,
            node_id: None,
            container: None,
            start_kind: None,
            cold_start: None,
            throttle_wait: Duration::ZERO,
            download_wait: Duration::ZERO,
            copy_wait: Duration::ZERO,
            load_wait: Duration::ZERO,
        };
        self.write(&mut record, (id, function_id), names);
        record
    }

    /// Writes the dates and names into a record and leaves the fields of its end, and the reason of
    /// a cold start, as they are. Names that are equal already are not touched.
    fn write(
        &self,
        record: &mut InvocationRecord,
        (id, function_id): (InvocationId, FunctionId),
        names: &Names<'_>,
    ) {
        (record.id, record.attempt) = (id, self.attempt);
        record.function_id = function_id;
        if !Arc::ptr_eq(&record.function, names.function) {
            record.function = Arc::clone(names.function);
        }
        if !Arc::ptr_eq(&record.app, names.app) {
            record.app = Arc::clone(names.app);
        }
        set_name(&mut record.image, names.image);
        set_name(&mut record.node, names.node);
        record.submitted = self.submitted;
        record.admitted = self.admitted();
        record.throttle_wait = self.throttle_wait;
        record.download_wait = self.download_wait;
        let dispatched = self.dispatched.as_ref();
        record.dispatched = dispatched.map(|dispatched| dispatched.at);
        record.node_id = dispatched.map(|dispatched| dispatched.node);
        record.container = dispatched.map(|dispatched| dispatched.container);
        record.start_kind = dispatched.map(|dispatched| dispatched.start_kind);
        record.copy_wait = dispatched.map_or(Duration::ZERO, |dispatched| dispatched.copy_wait);
        record.load_wait = dispatched.map_or(Duration::ZERO, |dispatched| dispatched.load_wait);
    }
}

fn set_name(place: &mut Option<Arc<str>>, name: Option<&Arc<str>>) {
    let is_there = match (&place, name) {
        (Some(there), Some(name)) => Arc::ptr_eq(there, name),
        (None, None) => true,
        _ => false,
    };
    if !is_there {
        *place = name.cloned();
    }
}

/// A pool of records: one that nothing refers to any more is used again.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// Whether a sink reads the names in records.
    pub(crate) names_wanted: bool,
    no_name: Arc<str>,
    spare: Vec<Rc<InvocationRecord>>,
}

impl Records {
    /// The most records that the pool keeps.
    const MOST_SPARE: usize = 64;

    /// The record of a life that ends, with empty names if they are not given; `end` fills in the
    /// fields of the end.
    pub(crate) fn of(
        &mut self,
        life: &Life,
        ids: (InvocationId, FunctionId),
        names: Option<Names<'_>>,
        end: impl FnOnce(&mut InvocationRecord),
    ) -> Rc<InvocationRecord> {
        let no_name = &self.no_name;
        let no_names = Names { function: no_name, app: no_name, image: None, node: None };
        let names = &names.unwrap_or(no_names);
        if let Some(mut spare) = self.spare.pop()
            && let Some(record) = Rc::get_mut(&mut spare)
        {
            life.write(record, ids, names);
            end(record);
            return spare;
        }
        let mut record = life.record(ids, names);
        end(&mut record);
        Rc::new(record)
    }

    /// Returns a record to the pool after all sinks have got it.
    pub(crate) fn give_back(&mut self, mut record: Rc<InvocationRecord>) {
        if self.spare.len() < Self::MOST_SPARE && Rc::get_mut(&mut record).is_some() {
            self.spare.push(record);
        }
    }
}
