//! The invocations that have not ended, in rows that are used again.

use std::cell::Cell;
use std::ops::Index;

use isotherm_kernel::Time;

use super::reasons::Cold;
use crate::id_map::IdMap;
use crate::life::Life;
use crate::{ContainerId, FunctionId, InvocationId, StartKind};

/// The row of an invocation in tables that are arrays: the service keeps there what belongs to it.
/// It is used again when the end of the invocation has been handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row(u32);

impl Row {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// An invocation and where it is found without a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvocationKey {
    pub(crate) id: InvocationId,
    pub(crate) row: Row,
}

impl InvocationKey {
    /// As two numbers of which the second leaves the upper half free.
    pub(crate) fn numbers(self) -> (u64, u32) {
        (self.id.0, self.row.0)
    }

    pub(crate) fn of_numbers(id: u64, row: u32) -> Self {
        InvocationKey { id: InvocationId(id), row: Row(row) }
    }
}

/// The phase of an invocation: where it waits or runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Submitted; not yet admitted or throttled.
    New,
    /// Waiting at a concurrency limit.
    Throttled,
    /// Waiting for its image to be on the head disk.
    AwaitsImage,
    /// Schedulable, with its position in the queue.
    Pending(u64),
    /// In a container.
    Running(ContainerId),
    /// It has ended; its row is not free yet, or vacant.
    Ended,
}

/// An invocation, in two cache lines.
#[repr(align(64))]
pub(crate) struct Invocation {
    pub(crate) id: InvocationId,
    pub(crate) row: Row,
    pub(crate) function: FunctionId,
    pub(crate) phase: Phase,
    /// The random word for the start-up of a container that is started for it.
    pub(crate) chance: u64,
    pub(crate) life: Life,
    /// Whether it is found by its id.
    pub(super) is_listed: bool,
    /// Whether the service keeps something for it that is to be handled at its end. Set by the
    /// service.
    pub(crate) is_attended: Cell<bool>,
    /// Whether there is a handle, whose user may read the names in the record. Set by the service.
    pub(crate) has_handle: Cell<bool>,
}

const _: () = assert!(size_of::<Invocation>() == 128, "two cache lines");

impl Invocation {
    pub(crate) fn key(&self) -> InvocationKey {
        InvocationKey { id: self.id, row: self.row }
    }

    /// Whether it has this key and has not ended.
    fn is(&self, key: InvocationKey) -> bool {
        self.id == key.id && !matches!(self.phase, Phase::Ended)
    }
}

/// The invocations that have not ended.
#[derive(Default)]
pub(crate) struct InvocationTable {
    rows: Vec<Invocation>,
    /// Why they have cold starts, by row; of no meaning for those that have none.
    cold: Vec<Cold>,
    /// The rows that are free.
    vacant: Vec<Row>,
    len: usize,
    next_id: u64,
    /// The rows of those that are looked for by their ids. Most are not: they are dispatched at
    /// once.
    listed: IdMap<InvocationId, Row>,
}

impl InvocationTable {
    #[cfg(any(test, feature = "audit"))]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// An id that has not been given before.
    #[inline]
    pub(super) fn new_id(&mut self) -> InvocationId {
        self.next_id += 1;
        InvocationId(self.next_id - 1)
    }

    /// Adds an invocation whose row is given to it.
    #[inline]
    pub(super) fn insert(
        &mut self,
        id: InvocationId,
        function: FunctionId,
        chance: u64,
        submitted: Time,
    ) -> &mut Invocation {
        self.len += 1;
        let row = self.vacant.pop().unwrap_or_else(|| self.append());
        let invocation = &mut self.rows[row.index()];
        // Field by field: a value that is put together first and copied then waits for its parts.
        (invocation.id, invocation.function, invocation.chance) = (id, function, chance);
        invocation.phase = Phase::New;
        invocation.life = Life::new(submitted);
        invocation.is_listed = false;
        invocation.is_attended.set(false);
        invocation.has_handle.set(false);
        invocation
    }

    /// Adds a row, of an invocation that has ended.
    #[cold]
    fn append(&mut self) -> Row {
        let row = u32::try_from(self.rows.len()).expect("fewer than 2^32 invocations at a time");
        self.cold.push(Cold::NONE);
        self.rows.push(Invocation {
            id: InvocationId(0),
            row: Row(row),
            function: FunctionId(0),
            phase: Phase::Ended,
            chance: 0,
            life: Life::new(Time::ZERO),
            is_listed: false,
            is_attended: Cell::new(false),
            has_handle: Cell::new(false),
        });
        Row(row)
    }

    /// Lets an invocation be found by its id.
    #[inline]
    pub(crate) fn list(&mut self, InvocationKey { id, row }: InvocationKey) {
        let invocation = &mut self.rows[row.index()];
        if !std::mem::replace(&mut invocation.is_listed, true) {
            self.listed.insert_new(id, row);
        }
    }

    /// The key of a listed invocation.
    pub(crate) fn find(&self, id: InvocationId) -> Option<InvocationKey> {
        self.listed.get(&id).map(|&row| InvocationKey { id, row })
    }

    /// A listed invocation.
    pub(crate) fn get(&self, id: InvocationId) -> Option<&Invocation> {
        self.at(self.find(id)?)
    }

    /// The invocation of a key, if it has not ended.
    #[inline]
    pub(crate) fn at(&self, key: InvocationKey) -> Option<&Invocation> {
        self.rows.get(key.row.index()).filter(|invocation| invocation.is(key))
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, key: InvocationKey) -> Option<&mut Invocation> {
        self.rows.get_mut(key.row.index()).filter(|invocation| invocation.is(key))
    }

    /// Notes why an invocation has a cold start.
    pub(super) fn note_cold(&mut self, key: InvocationKey, cold: Cold) {
        self.cold[key.row.index()] = cold;
    }

    /// Why an invocation has a cold start, if it has one.
    #[inline]
    pub(super) fn cold(&self, invocation: &Invocation) -> Option<&Cold> {
        let dispatched = invocation.life.dispatched.as_ref();
        let is_cold = dispatched.is_some_and(|it| it.start_kind == StartKind::Cold);
        is_cold.then(|| &self.cold[invocation.row.index()])
    }

    /// Removes an invocation that has ended. Its row is kept until it is [released](Self::release).
    #[inline]
    pub(super) fn remove(&mut self, key: InvocationKey) {
        let Some(invocation) = self.at_mut(key) else { return };
        invocation.phase = Phase::Ended;
        let is_listed = invocation.is_listed;
        self.len -= 1;
        if is_listed {
            self.listed.remove(&key.id);
        }
    }

    /// Frees the row of an invocation that was removed.
    #[inline]
    pub(super) fn release(&mut self, row: Row) {
        self.vacant.push(row);
    }

    /// The invocations in containers, in the order of submission.
    pub(crate) fn running(&self) -> Vec<InvocationKey> {
        self.all_that(|phase| matches!(phase, Phase::Running(_)))
    }

    /// The invocations in a phase, in the order of submission.
    pub(crate) fn all_that(&self, is_meant: impl Fn(Phase) -> bool) -> Vec<InvocationKey> {
        let meant = self.iter().filter(|invocation| is_meant(invocation.phase));
        let mut meant: Vec<InvocationKey> = meant.map(Invocation::key).collect();
        meant.sort_unstable_by_key(|key| key.id);
        meant
    }

    /// The body of an invocation begins at another date than the end of the start-up.
    pub(crate) fn body_begins(&mut self, key: InvocationKey, at: Time) {
        let invocation = self.at_mut(key);
        if let Some(dispatched) = invocation.and_then(|found| found.life.dispatched.as_mut()) {
            dispatched.begins = at;
        }
    }

    /// The container that an invocation is in.
    pub(crate) fn container_of(&self, key: InvocationKey) -> Option<ContainerId> {
        match self.at(key)?.phase {
            Phase::Running(container) => Some(container),
            _ => None,
        }
    }

    /// All of them, in arbitrary order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Invocation> + '_ {
        self.rows.iter().filter(|invocation| invocation.phase != Phase::Ended)
    }
}

impl Index<InvocationKey> for InvocationTable {
    type Output = Invocation;

    fn index(&self, key: InvocationKey) -> &Invocation {
        self.at(key).expect("an invocation that has not ended")
    }
}
