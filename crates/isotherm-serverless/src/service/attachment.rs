//! What the service keeps for an invocation until its end, beside what the platform state knows.

use isotherm_kernel::Duration;
use isotherm_services::{ActionId, Port};

use crate::NodeId;
use crate::function::Body;
use crate::invocation::Invocation;
use crate::message::ManagerMessage;
use crate::state::Row;

/// The body of an invocation, its user's handle and the action that runs it.
pub(super) struct Attachment {
    pub(super) body: Body,
    /// The handle, if there is one.
    pub(super) handle: Option<Invocation>,
    /// Invoked without a handle: its user is not notified of the end, even if a handle was made
    /// later.
    pub(super) is_detached: bool,
    /// That of the user. A body of one sleep needs none if its end is not notified.
    pub(super) manager: Option<Port<ManagerMessage>>,
    /// The action that runs the body, and its node.
    pub(super) action: Option<(NodeId, ActionId)>,
}

impl Attachment {
    fn vacant() -> Self {
        let body = Body::sleep(Duration::ZERO);
        Attachment { body, handle: None, is_detached: false, manager: None, action: None }
    }

    /// Gives up every value that may hold the service.
    fn take(&mut self) -> Self {
        std::mem::replace(self, Attachment::vacant())
    }
}

/// The attachments of all invocations, by row. A row is kept after the end of its invocation, for
/// the next one.
#[derive(Default)]
pub(super) struct Attachments {
    rows: Vec<Attachment>,
}

impl Attachments {
    /// The row of an invocation that has just been submitted, with its body and otherwise empty.
    #[inline]
    pub(super) fn insert(&mut self, row: Row, body: Body) -> &mut Attachment {
        if row.index() >= self.rows.len() {
            self.grow(row);
        }
        let attachment = &mut self.rows[row.index()];
        (attachment.body, attachment.action) = (body, None);
        attachment
    }

    #[cold]
    fn grow(&mut self, row: Row) {
        self.rows.resize_with(row.index() + 1, Attachment::vacant);
    }

    pub(super) fn get(&self, row: Row) -> Option<&Attachment> {
        self.rows.get(row.index())
    }

    pub(super) fn get_mut(&mut self, row: Row) -> Option<&mut Attachment> {
        self.rows.get_mut(row.index())
    }

    /// Gives up what an ended invocation leaves behind, if anything: a body that is not one sleep
    /// has a manager.
    #[inline]
    pub(super) fn take(&mut self, row: Row) -> Option<Attachment> {
        let ended = self.rows.get_mut(row.index())?;
        (ended.handle.is_some() || ended.manager.is_some()).then(|| ended.take())
    }

    /// The number of rows that are not vacant.
    #[cfg(any(test, feature = "audit"))]
    pub(super) fn len(&self) -> usize {
        self.rows.iter().filter(|row| row.handle.is_some() || row.manager.is_some()).count()
    }

    /// Gives up every value that may hold the service.
    pub(super) fn tear_down(&mut self) -> Vec<Attachment> {
        self.rows.iter_mut().map(Attachment::take).collect()
    }
}
