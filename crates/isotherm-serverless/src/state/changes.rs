//! The log of what has happened on the platform, for schedulers that keep indexes of their own.
//!
//! A scheduler that looks at everything in every round is simple, and slow where there is much. One
//! that keeps what it has found out has to know what has changed since: [`View::changes_since`]
//! says it. Each reader has a [`Cursor`] of its own, so any number of them may read: a scheduler,
//! those that it consists of, and one around it.
//!
//! A reader names the [`ChangeKinds`] of changes that it wants to read. Only what some reader wants
//! is logged, so other schedulers cost nothing.
//!
//! # Costs
//!
//! An entry takes O(1) to log and to read. [`Change::Event`], [`Change::Node`],
//! [`Change::SlotsUsed`] and [`Change::Available`] say that something is no longer as it was, not
//! what it is now; they are not repeated until they are read, so that a scheduler that is seldom
//! asked finds each node once, however often it has changed.
//!
//! The log is bounded. What its only reader has read is forgotten; with several readers, or if one
//! reads seldom, the older half goes when there are more entries than nodes and functions together
//! (and a few more). A reader that has missed entries gets `None` and looks at everything anew:
//! O(n) once in O(n) changes.
//!
//! [`View::changes_since`]: super::View::changes_since

use std::cell::Cell;
use std::ops::BitOr;
use std::rc::Rc;

use super::PlatformState;
use crate::steps::counted;
use crate::{ContainerId, FunctionId, ImageId, InvocationId, NodeId};

/// Something that has happened on the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something other than an arrival has been processed, or decisions were carried out: whatever
    /// waits may now have a place. Copies that began in free room as decided do not count. Not
    /// repeated until it is read.
    Event,
    /// An invocation has become pending.
    Pending {
        /// The invocation.
        invocation: InvocationId,
        /// Its function.
        function: FunctionId,
    },
    /// A pending invocation has been dispatched, by whichever scheduler, or cancelled.
    Left {
        /// The invocation.
        invocation: InvocationId,
        /// Its function.
        function: FunctionId,
    },
    /// The dispatch of a pending invocation of this function was infeasible.
    Refused {
        /// The function.
        function: FunctionId,
    },
    /// A container of a function that has pending invocations has become able to take one. Not
    /// repeated until it is read.
    Available {
        /// The function.
        function: FunctionId,
    },
    /// An invocation has been given to a container, where its start-up or its body begins.
    Started {
        /// The invocation.
        invocation: InvocationId,
        /// Its function.
        function: FunctionId,
        /// The node.
        node: NodeId,
    },
    /// An invocation has left its container.
    Ended {
        /// The invocation.
        invocation: InvocationId,
        /// Its function.
        function: FunctionId,
        /// The node.
        node: NodeId,
    },
    /// A container serves no invocation any more, or was started ahead, and is kept.
    Idle {
        /// The container.
        container: ContainerId,
        /// Its function.
        function: FunctionId,
        /// Its node.
        node: NodeId,
    },
    /// A container has stopped.
    Stopped {
        /// The container.
        container: ContainerId,
        /// Its function.
        function: FunctionId,
        /// Its node.
        node: NodeId,
        /// Why.
        why: StopReason,
    },
    /// The room or the free slots of a node, its idle containers, or what may be moved to it have
    /// changed. Not repeated until it is read.
    Node {
        /// The node.
        node: NodeId,
    },
    /// The number of invocations on a node has changed. Not repeated until it is read.
    SlotsUsed {
        /// The node.
        node: NodeId,
    },
    /// A node has joined, a new one or one that had left or was leaving; its host may be off.
    Joined {
        /// The node.
        node: NodeId,
    },
    /// A node takes nothing new from now on.
    Leaving {
        /// The node.
        node: NodeId,
    },
    /// A node has left: nothing of it is in use any more.
    NodeLeft {
        /// The node.
        node: NodeId,
    },
    /// The host of a node has come on.
    Up {
        /// The node.
        node: NodeId,
    },
    /// The host of a node has gone off.
    Down {
        /// The node.
        node: NodeId,
    },
    /// A copy or load of an image to a node has begun or ended, or the image has left the node's
    /// disk or memory.
    Image {
        /// The node.
        node: NodeId,
        /// The image.
        image: ImageId,
    },
}

/// Why a container has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Its room was needed.
    Evicted,
    /// Its keep-alive time has passed.
    Expired,
    /// The keep-alive policy did not keep it at all.
    NotKept,
    /// The scheduler has stopped it.
    Planned,
    /// It was discarded after a failure of its invocation.
    Discarded,
    /// Its host, or that of the service, has gone off.
    Lost,
    /// Its node leaves.
    NodeLeaves,
}

impl StopReason {
    /// The name in files and tables: `evicted`, `expired`, `not_kept`, `stopped`, `discarded`,
    /// `lost`, `node_left`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            StopReason::Evicted => "evicted",
            StopReason::Expired => "expired",
            StopReason::NotKept => "not_kept",
            StopReason::Planned => "stopped",
            StopReason::Discarded => "discarded",
            StopReason::Lost => "lost",
            StopReason::NodeLeaves => "node_left",
        }
    }
}

/// Kinds of [`Change`]s.
///
/// ```
/// use isotherm_serverless::ChangeKinds;
///
/// let wanted = ChangeKinds::QUEUE | ChangeKinds::NODES;
/// assert!(ChangeKinds::ALL.contains(wanted) && !wanted.contains(ChangeKinds::RUNS));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeKinds(u8);

impl ChangeKinds {
    /// [`Change::Event`].
    pub const EVENTS: ChangeKinds = ChangeKinds(1);
    /// [`Change::Pending`].
    pub const PENDING: ChangeKinds = ChangeKinds(1 << 1);
    /// [`Change::Left`], [`Change::Refused`] and [`Change::Available`].
    pub const QUEUE: ChangeKinds = ChangeKinds(1 << 2);
    /// [`Change::Started`] and [`Change::Ended`].
    pub const RUNS: ChangeKinds = ChangeKinds(1 << 3);
    /// [`Change::Idle`] and [`Change::Stopped`].
    pub const CONTAINERS: ChangeKinds = ChangeKinds(1 << 4);
    /// [`Change::Node`], [`Change::Joined`], [`Change::Leaving`], [`Change::NodeLeft`],
    /// [`Change::Up`] and [`Change::Down`].
    pub const NODES: ChangeKinds = ChangeKinds(1 << 5);
    /// [`Change::Image`].
    pub const IMAGES: ChangeKinds = ChangeKinds(1 << 6);
    /// [`Change::SlotsUsed`].
    pub const SLOTS: ChangeKinds = ChangeKinds(1 << 7);
    /// All kinds.
    pub const ALL: ChangeKinds = ChangeKinds(u8::MAX);

    /// Whether all of some kinds are among these.
    #[must_use]
    pub const fn contains(self, kinds: ChangeKinds) -> bool {
        self.0 & kinds.0 == kinds.0
    }
}

impl BitOr for ChangeKinds {
    type Output = ChangeKinds;

    fn bitor(self, other: ChangeKinds) -> ChangeKinds {
        ChangeKinds(self.0 | other.0)
    }
}

impl Change {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ChangeKinds {
        match self {
            Change::Event => ChangeKinds::EVENTS,
            Change::Pending { .. } => ChangeKinds::PENDING,
            Change::Left { .. } | Change::Refused { .. } | Change::Available { .. } => {
                ChangeKinds::QUEUE
            }
            Change::Started { .. } | Change::Ended { .. } => ChangeKinds::RUNS,
            Change::Idle { .. } | Change::Stopped { .. } => ChangeKinds::CONTAINERS,
            Change::Node { .. }
            | Change::Joined { .. }
            | Change::Leaving { .. }
            | Change::NodeLeft { .. }
            | Change::Up { .. }
            | Change::Down { .. } => ChangeKinds::NODES,
            Change::SlotsUsed { .. } => ChangeKinds::SLOTS,
            Change::Image { .. } => ChangeKinds::IMAGES,
        }
    }
}

/// What a reader wants to read, and how far it has read; see
/// [`View::changes_since`](super::View::changes_since). On another platform than before it has read
/// nothing.
#[derive(Debug)]
pub struct Cursor {
    kinds: ChangeKinds,
    /// The log that it reads, and how far it has read it; `None` if it has read nothing yet.
    read: Option<(LogIdentity, u64)>,
}

/// Two logs have different ones.
type LogIdentity = Rc<()>;

impl Cursor {
    /// A cursor that has read nothing yet.
    #[must_use]
    pub const fn new(kinds: ChangeKinds) -> Self {
        Cursor { kinds, read: None }
    }

    /// Wants to read further kinds of changes. The next reading may return `None`; if it does not,
    /// look at what these kinds tell of after it.
    pub fn want(&mut self, kinds: ChangeKinds) {
        self.kinds = self.kinds | kinds;
    }
}

/// The fewest entries that are kept for those who have not read them.
const LEAST: usize = if cfg!(test) { 4 } else { 64 };

/// When something was last logged that is not repeated until it is read: the position after its
/// entry.
pub(crate) type Logged = u64;

/// The log.
#[derive(Debug, Default)]
pub(crate) struct ChangeLog {
    identity: LogIdentity,
    entries: Vec<Change>,
    /// The position of the next entry. Positions count from 0.
    end: u64,
    /// What some reader wants.
    kinds: Cell<ChangeKinds>,
    /// The position from which all of that has been logged.
    complete_from: Cell<u64>,
    /// How far any reader has read.
    read_to: Cell<u64>,
    /// The number of cursors that have been used.
    readers: Cell<u32>,
    /// The number of entries at which some are to go.
    most: usize,
    /// The number of nodes and functions.
    things: usize,
    event: Logged,
}

impl ChangeLog {
    /// A node or a function has been added.
    pub(crate) fn grow(&mut self, things: usize) {
        self.things += things;
    }

    pub(super) fn wants(&self, kinds: ChangeKinds) -> bool {
        self.kinds.get().contains(kinds)
    }

    /// Logs a change if a reader wants it.
    #[inline]
    pub(crate) fn add(&mut self, change: Change) {
        if self.wants(change.kind()) {
            self.push(change);
        }
    }

    /// Logs a change if a reader wants it and the last one like it has been read.
    #[inline]
    pub(crate) fn renew(&mut self, logged: &mut Logged, change: Change) {
        if *logged <= self.read_to.get() && self.wants(change.kind()) {
            self.push(change);
            *logged = self.end;
        }
    }

    /// Logs [`Change::Event`].
    #[inline]
    pub(crate) fn add_event(&mut self) {
        let mut logged = self.event;
        self.renew(&mut logged, Change::Event);
        self.event = logged;
    }

    /// Apart, so that what logs stays short.
    #[inline(never)]
    fn push(&mut self, change: Change) {
        if self.entries.len() >= self.most {
            self.make_room();
        }
        self.entries.push(change);
        self.end += 1;
    }

    /// Forgets entries: those that every reader has read, and the older half if there are too many.
    fn make_room(&mut self) {
        if self.readers.get() <= 1 {
            let read = self.read_to.get().saturating_sub(self.start());
            self.entries.drain(..(read as usize).min(self.entries.len()));
        }
        if self.entries.len() > LEAST + self.things {
            self.entries.drain(..self.entries.len() / 2);
        }
        self.most = (2 * self.entries.len()).max(LEAST);
    }

    /// The position of the first entry that is left.
    fn start(&self) -> u64 {
        self.end - self.entries.len() as u64
    }

    /// Whether a cursor has read nothing of this log.
    pub(super) fn is_new_to(&self, cursor: &Cursor) -> bool {
        !cursor.read.as_ref().is_some_and(|(log, _)| Rc::ptr_eq(log, &self.identity))
    }

    pub(super) fn since<'a>(
        &'a self,
        cursor: &mut Cursor,
    ) -> Option<impl Iterator<Item = Change> + use<'a>> {
        let kinds = cursor.kinds;
        let from = match &mut cursor.read {
            Some((log, position)) if Rc::ptr_eq(log, &self.identity) => {
                Some(std::mem::replace(position, self.end))
            }
            read => {
                *read = Some((Rc::clone(&self.identity), self.end));
                self.readers.set(self.readers.get().saturating_add(1));
                None
            }
        };
        if !self.wants(kinds) {
            self.kinds.set(self.kinds.get() | kinds);
            self.complete_from.set(self.end);
        }
        self.read_to.set(self.end);
        let (start, complete_from) = (self.start(), self.complete_from.get());
        let from = from.filter(|from| (start.max(complete_from)..=self.end).contains(from))?;
        let entries = self.entries[(from - start) as usize..].iter().copied().map(counted);
        Some(entries.filter(move |change| kinds.contains(change.kind())))
    }
}

impl PlatformState {
    /// The room or the slots of a node may have changed, or what may be moved to it.
    #[inline]
    pub(super) fn touch(&mut self, node: NodeId) {
        self.log.renew(&mut self.nodes[node].logged, Change::Node { node });
    }

    /// An image has begun or ended its way to the disk or the memory of a node, or has left it.
    pub(super) fn image_moved(&mut self, node: NodeId, image: ImageId) {
        self.touch(node);
        self.log.add(Change::Image { node, image });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(number: u32) -> Change {
        Change::Node { node: NodeId(number) }
    }

    fn left(number: u64) -> Change {
        Change::Left { invocation: InvocationId(number), function: FunctionId(0) }
    }

    fn read(log: &ChangeLog, cursor: &mut Cursor) -> Option<Vec<Change>> {
        log.since(cursor).map(Iterator::collect)
    }

    #[test]
    fn nothing_is_logged_that_nobody_reads() {
        let mut log = ChangeLog::default();
        log.add(left(0));
        log.add_event();
        assert!(log.entries.is_empty());
        let mut cursor = Cursor::new(ChangeKinds::QUEUE);
        assert_eq!(read(&log, &mut cursor), None, "it has to look at everything first");
        log.add_event();
        log.add(left(1));
        assert_eq!(log.entries, [left(1)]);
        assert_eq!(read(&log, &mut cursor), Some(vec![left(1)]));
        assert_eq!(read(&log, &mut cursor), Some(vec![]));
    }

    #[test]
    fn each_reader_reads_for_itself_and_what_it_wants() {
        let mut log = ChangeLog::default();
        let (mut queue, mut both) = (
            Cursor::new(ChangeKinds::QUEUE),
            Cursor::new(ChangeKinds::QUEUE | ChangeKinds::EVENTS),
        );
        read(&log, &mut queue);
        log.add(left(0));
        assert_eq!(read(&log, &mut both), None);
        // Events have not been logged so far, so each reader has to look at everything once.
        assert_eq!(read(&log, &mut queue), None);
        log.add_event();
        log.add(left(1));
        assert_eq!(read(&log, &mut queue), Some(vec![left(1)]));
        assert_eq!(read(&log, &mut both), Some(vec![Change::Event, left(1)]));
    }

    #[test]
    fn a_node_is_not_repeated_until_it_is_read() {
        let mut log = ChangeLog::default();
        let mut cursor = Cursor::new(ChangeKinds::NODES);
        read(&log, &mut cursor);
        let mut logged = [0; 2];
        for number in [0, 1, 0, 0] {
            log.renew(&mut logged[number], node(number as u32));
        }
        assert_eq!(read(&log, &mut cursor), Some(vec![node(0), node(1)]));
        log.renew(&mut logged[0], node(0));
        assert_eq!(read(&log, &mut cursor), Some(vec![node(0)]));
    }

    #[test]
    fn what_has_been_read_is_forgotten() {
        let mut log = ChangeLog::default();
        let mut cursor = Cursor::new(ChangeKinds::QUEUE);
        read(&log, &mut cursor);
        for number in 0..1000 {
            log.add(left(number));
            assert_eq!(read(&log, &mut cursor), Some(vec![left(number)]));
            assert!(log.entries.len() <= LEAST);
        }
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        /// Two readers get everything that has been logged since they last read, or are told that
        /// they have missed something. That happens only after as many entries as there are things.
        #[test]
        fn a_reader_misses_nothing_without_being_told(
            things in 0usize..20,
            steps in prop::collection::vec(0u8..10, 1..300),
        ) {
            let mut log = ChangeLog::default();
            log.grow(things);
            let mut readers = [(); 2].map(|()| (Cursor::new(ChangeKinds::QUEUE), None::<Vec<Change>>));
            for (number, step) in steps.into_iter().enumerate() {
                let Some((cursor, expected)) = readers.get_mut(usize::from(step)) else {
                    log.add(left(number as u64));
                    for (_, expected) in &mut readers {
                        expected.iter_mut().for_each(|all| all.push(left(number as u64)));
                    }
                    prop_assert!(log.entries.len() <= 2 * (LEAST + things));
                    continue;
                };
                let changes = read(&log, cursor);
                let all = expected.replace(Vec::new());
                match (changes, all) {
                    (Some(changes), all) => prop_assert_eq!(Some(changes), all),
                    (None, None) => {}
                    (None, Some(all)) => prop_assert!(2 * all.len() > LEAST + things),
                }
            }
        }
    }
}
