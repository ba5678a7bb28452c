//! What the service has to carry out.

use std::collections::VecDeque;
use std::rc::Rc;

use isotherm_kernel::{Duration, Time};

use super::{InvocationKey, Move, Row};
use crate::{ContainerId, FunctionId, ImageId, InvocationRecord, NodeId, Outcome};

/// What the service has to carry out.
///
/// Plain data, which is written and read in place in the queue; values that an effect owns wait in
/// queues of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// Download an image to the head disk, where its room is taken.
    Download { image: ImageId },
    /// Report at the end of the message queue that an image is on the head disk.
    DownloadAtOnce { image: ImageId },
    /// Copy or load an image to a node, where its room is taken.
    Move { step: Move, node: NodeId, image: ImageId },
    /// Report at the end of the message queue that a copy or a load found no room.
    MoveRefused { step: Move, node: NodeId, image: ImageId },
    /// Start an invocation on a node.
    Start {
        invocation: InvocationKey,
        node: NodeId,
        container: ContainerId,
        startup: Duration,
        limit: Duration,
    },
    /// Wake the service at this date, and not before, to look for containers whose keep-alive time
    /// has passed.
    Expire { at: Time },
    /// Wake the service when the keep-alive time of a container has passed.
    KeepAlive { container: ContainerId, idle_sequence: u64, idle: Duration },
    /// Wake the service to retry an interrupted copy or load.
    RetryMove { after: Duration },
    /// Wake the service at this date, and not before, to hold a round.
    HoldRound { at: Time },
    /// Wake the service to start a container of a function ahead.
    Prewarm { function: FunctionId, after: Duration },
    /// Cancel this.
    ForgetPrewarm { function: FunctionId },
    /// A container has stopped: drop what belongs to it.
    Stopped { container: ContainerId },
    /// Stop the body of an invocation.
    CancelBody { invocation: InvocationKey },
    /// An invocation has ended: pass its record, the next one of [`Effects::records`], to the
    /// sinks; and, if the service keeps something for it, notify its user.
    Ended { invocation: InvocationKey, is_attended: bool, outcome: Outcome },
}

/// The effects that the service has not carried out yet.
#[derive(Default)]
pub(crate) struct Effects {
    queue: Vec<Effect>,
    /// How many of them have been carried out: they are removed together, which is cheaper than a
    /// ring.
    passed: usize,
    /// Those of the effects [`Effect::Ended`], in order.
    pub(crate) records: VecDeque<Rc<InvocationRecord>>,
    /// Whether there are handles that do not know yet that their invocations are among these.
    pub(crate) has_ended_handles: bool,
}

impl Effects {
    #[inline]
    pub(super) fn push(&mut self, effect: Effect) {
        self.queue.push(effect);
    }

    /// The next effect, which is to be carried out. It is not copied, because a copy would wait
    /// until what was just written is in memory.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<&Effect> {
        let next = self.passed;
        if next == self.queue.len() {
            self.clear();
        } else {
            self.passed += 1;
        }
        self.queue.get(next)
    }

    fn clear(&mut self) {
        self.queue.clear();
        self.passed = 0;
    }

    /// Gives up what has not been carried out.
    pub(super) fn tear_down(&mut self) {
        self.clear();
        self.records.clear();
    }

    /// How many have not been carried out.
    pub(super) fn len(&self) -> usize {
        self.queue.len() - self.passed
    }

    /// The rows and records of the invocations whose ends have not been carried out.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (Row, &Rc<InvocationRecord>)> + '_ {
        let ends = self.queue[self.passed..].iter().filter_map(|effect| match effect {
            Effect::Ended { invocation, .. } => Some(invocation.row),
            _ => None,
        });
        ends.zip(&self.records)
    }
}
