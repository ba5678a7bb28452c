//! A log of changes for a scheduler that keeps its decisions between rounds.

use std::cell::Cell;

use crate::{FunctionId, ImageId, NodeId};

/// Something on which decisions depend has, or may have, changed. The view has the current value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The free slots of a node.
    Slots(NodeId),
    /// How near an image is to a node.
    Image(ImageId, NodeId),
    /// The containers of a function on a node that can take an invocation.
    Idle(FunctionId, NodeId),
    /// The invocation at this position has left the queue.
    Left(u64),
}

/// The maximum length of the log; a reader that misses changes starts over.
const MOST: usize = 1 << 14;

/// The changes since the last round. Nothing is logged before the first request.
#[derive(Debug, Default)]
pub(crate) struct ChangeLog {
    wanted: Cell<bool>,
    /// The number of changes logged before the present entries.
    gone: u64,
    entries: Vec<Change>,
}

impl ChangeLog {
    #[inline]
    pub(crate) fn note(&mut self, change: Change) {
        if !self.wanted.get() {
            return;
        }
        if self.entries.len() == MOST {
            self.forget();
            // A reader that has read everything up to here has missed this change.
            self.gone += 1;
        }
        self.entries.push(change);
    }

    /// Drops the entries.
    pub(crate) fn forget(&mut self) {
        self.gone += self.entries.len() as u64;
        self.entries.clear();
    }

    /// The index of the next change.
    pub(crate) fn end(&self) -> u64 {
        self.gone + self.entries.len() as u64
    }

    /// The changes from an index on; `None` if they are not known.
    pub(crate) fn since(&self, place: u64) -> Option<&[Change]> {
        self.wanted.get().then_some(())?;
        self.entries.get(usize::try_from(place.checked_sub(self.gone)?).ok()?..)
    }

    /// Starts logging.
    pub(crate) fn begin(&self) {
        self.wanted.set(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_taken_to_be_nothing() {
        let mut log = ChangeLog::default();
        let change = Change::Slots(NodeId(0));
        log.note(change);
        assert_eq!(
            log.since(log.end()),
            None,
            "nobody has asked yet, so the change before was not written down"
        );
        log.begin();
        let place = log.end();
        assert_eq!(log.since(place), Some(&[][..]));
        log.note(change);
        assert_eq!(log.since(place), Some(&[change][..]));
        log.forget();
        assert_eq!(log.since(place), None);
        let place = log.end();
        for _ in 0..MOST {
            log.note(change);
        }
        assert_eq!(log.since(place).map(<[Change]>::len), Some(MOST));
        log.note(change);
        assert_eq!(log.since(place), None);
        assert_eq!(log.since(place + MOST as u64), None);
    }
}
