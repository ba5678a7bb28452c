//! What the service has to carry out.

use std::collections::VecDeque;
use std::rc::Rc;

use isotherm_kernel::{Duration, Time};

use super::{InvocationKey, Move, Row};
use crate::{ContainerId, FunctionId, ImageId, InvocationId, InvocationRecord, NodeId, Outcome};

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
    /// An invocation has ended, the next one of those in [`Effects::finished`]: pass its
    /// record to the sinks, and notify its user.
    Ended { invocation: InvocationId, outcome: Outcome },
}

/// An invocation that has ended, until the service has handled that.
pub(crate) struct Finished {
    pub(crate) row: Row,
    /// Whether the service keeps something for it, and whether there is a handle.
    pub(crate) is_attended: bool,
    pub(crate) record: Rc<InvocationRecord>,
}

/// The effects that the service has not carried out yet.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) queue: VecDeque<Effect>,
    /// What goes with the effects [`Effect::Ended`].
    pub(crate) finished: VecDeque<Finished>,
    /// Whether there are handles that do not know yet that their invocations are among these.
    pub(crate) has_ended_handles: bool,
}

impl Effects {
    #[inline]
    pub(super) fn push(&mut self, effect: Effect) {
        self.queue.push_back(effect);
    }
}
