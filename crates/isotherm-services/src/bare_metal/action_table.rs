//! The state of a bare-metal service: a slab of its actions, the queue of those that wait for
//! cores, and the counts. It is plain synchronous code;
//! [`BareMetalService`](super::BareMetalService) acts on it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::rc::Rc;

use isotherm_kernel::{Actor, Duration, ScheduledCall, Time};

use super::{Action, ActionRequest, ActionState, ActionStatus, AtLimit, OnEnd, SleepRequest};

/// Identifies an action of one service, also after it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionId {
    /// The number of the submission, so ids are unique and sort by submission.
    sequence: u64,
    index: u32,
}

impl ActionId {
    /// The id as a token of a [`Handler`](isotherm_kernel::Handler).
    pub(super) fn token(self) -> (u64, u64) {
        (self.sequence, u64::from(self.index))
    }

    pub(super) fn of_token((sequence, index): (u64, u64)) -> Self {
        Self { sequence, index: index as u32 }
    }
}

/// Counts of the cores and actions of a bare-metal service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The number of cores.
    pub cores: u32,
    /// Cores held by actions that start or run.
    pub cores_in_use: u32,
    /// Actions submitted so far.
    pub submitted: u64,
    /// Actions whose message is on its way, or that wait for cores.
    pub pending: u64,
    /// Actions that start or run.
    pub running: u64,
    /// Actions that succeeded.
    pub completed: u64,
    /// Actions that failed: timed out, cancelled, refused or killed with their host.
    pub failed: u64,
}

/// The stage of an action, with what must be cancelled when it is ended by force.
#[derive(Debug)]
pub(super) enum ActionStage {
    /// Its request is on its way or just arrived.
    Sent,
    /// It waits for cores.
    Waiting,
    /// It runs without an actor and its next step is in the run queue.
    Queued,
    /// It runs without an actor; its next step is the given call.
    Call(ScheduledCall),
    /// It runs in the given actor.
    Executor(Box<Actor<()>>),
    /// It has ended.
    Ended,
}

impl ActionStage {
    fn holds_cores(&self) -> bool {
        !matches!(self, ActionStage::Sent | ActionStage::Waiting | ActionStage::Ended)
    }
}

/// The next step of an action that runs without an actor: see [`sleeper`](super::sleeper).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    StartUp,
    Begin,
    Sleep,
    Wake,
    Report,
}

/// What an action does. Sleeps are stored inline because there may be very many.
pub(super) enum ActionWork {
    Sleep(Duration),
    /// The name and action of an executor, taken when it begins.
    Act(Option<Box<(Cow<'static, str>, Action)>>),
}

impl ActionWork {
    /// Takes the name and action for an executor. A sleep can be taken again, other work cannot.
    pub(super) fn take(&mut self) -> Option<(Cow<'static, str>, Action)> {
        match self {
            ActionWork::Sleep(duration) => Some(("sleep".into(), Action::Sleep(*duration))),
            ActionWork::Act(act) => act.take().map(|act| *act),
        }
    }
}

/// An action, in two cache lines: between its start and its end there may be millions of others.
#[repr(align(64))]
pub(super) struct ActionEntry {
    sequence: u64,
    pub(super) cores: u32,
    /// The next vacant entry, if this one is vacant.
    next_free: u32,
    pub(super) startup: Duration,
    /// [`Duration::MAX`] if there is none.
    time_limit: Duration,
    pub(super) at_limit: AtLimit,
    pub(super) work: ActionWork,
    pub(super) on_end: OnEnd,
    status: Option<Rc<ActionStatus>>,
    /// When its body began; [`Time::NEVER`] if it has not.
    started: Time,
    pub(super) stage: ActionStage,
    /// The next step, if it runs without an actor.
    pub(super) next: Step,
}

/// What is left of an action that has been removed.
pub(super) struct Removed {
    pub(super) stage: ActionStage,
    pub(super) started: Option<Time>,
    pub(super) on_end: OnEnd,
    /// Dropping an action that has not begun runs its destructor, which may call the service. The
    /// caller drops it after releasing its borrow of the table.
    _work: ActionWork,
}

const _: () = assert!(size_of::<ActionEntry>() == 128, "two cache lines");

/// The sequence of a vacant entry.
const VACANT: u64 = u64::MAX;
/// No entry.
const NONE: u32 = u32::MAX;

impl ActionEntry {
    fn vacant() -> Self {
        ActionEntry {
            sequence: VACANT,
            cores: 0,
            next_free: NONE,
            startup: Duration::ZERO,
            time_limit: Duration::MAX,
            at_limit: AtLimit::default(),
            work: ActionWork::Act(None),
            on_end: OnEnd::Nothing,
            status: None,
            started: Time::NEVER,
            stage: ActionStage::Ended,
            next: Step::StartUp,
        }
    }

    /// The longest time that its body may take, if there is one.
    pub(super) fn time_limit(&self) -> Option<Duration> {
        (self.time_limit < Duration::MAX).then_some(self.time_limit)
    }

    /// Whether it can run without an actor: a sleep, unless it is longer than a time limit at which
    /// it only counts as completed and its caller may give it further steps.
    pub(super) fn sleeps(&self) -> bool {
        match (&self.work, self.time_limit(), self.at_limit) {
            (ActionWork::Sleep(duration), Some(limit), AtLimit::Completed) => *duration <= limit,
            (ActionWork::Sleep(_), ..) => true,
            (ActionWork::Act(_), ..) => false,
        }
    }

    /// Records that its body begins now.
    pub(super) fn begins(&mut self, now: Time) {
        self.started = now;
        self.tell(ActionState::Running, Some(now));
    }

    pub(super) fn tell(&self, state: ActionState, started: Option<Time>) {
        if let Some(status) = &self.status {
            status.set(state, started);
        }
    }
}

/// Writes a field of a vacant entry, which owns nothing. To drop what was there would cost code.
#[inline(always)]
fn fill<T>(field: &mut T, value: T) {
    std::mem::forget(std::mem::replace(field, value));
}

pub(super) struct ActionTable {
    pub(super) ledger: Ledger,
    /// Entries, of which vacant ones are used again.
    entries: Vec<ActionEntry>,
    /// The first vacant entry.
    free: u32,
    /// Actions that wait for cores; some may have been ended by force meanwhile.
    waiting: VecDeque<ActionId>,
}

impl ActionTable {
    pub(super) fn new(cores: u32) -> Self {
        let ledger = Ledger { cores, ..Ledger::default() };
        Self { ledger, entries: Vec::new(), free: NONE, waiting: VecDeque::new() }
    }

    /// Adds an action whose message is on its way.
    pub(super) fn send(&mut self, request: &mut ActionRequest) -> ActionId {
        self.ledger.pending += 1;
        self.insert(request, ActionStage::Sent)
    }

    /// Adds an action whose request has arrived. If no other waits and there are cores for it, it
    /// takes them and starts. Returns its id and whether it starts. Empties the request.
    #[inline]
    pub(super) fn receive(&mut self, request: &mut ActionRequest) -> (ActionId, bool) {
        if !self.may_start(request.cores) {
            return (self.send(request), false);
        }
        if let Some(status) = &request.status {
            status.set(ActionState::Starting, None);
        }
        self.ledger.cores_in_use += request.cores;
        self.ledger.running += 1;
        (self.insert(request, ActionStage::Queued), true)
    }

    /// Adds a sleep that has arrived and [may start](Self::may_start). It takes one core and
    /// starts.
    #[inline]
    pub(super) fn receive_sleep(
        &mut self,
        sleep: SleepRequest,
        on_end: OnEnd,
        status: Option<Rc<ActionStatus>>,
    ) -> ActionId {
        if let Some(status) = &status {
            status.set(ActionState::Starting, None);
        }
        self.ledger.cores_in_use += 1;
        self.ledger.running += 1;
        let (id, entry) = self.vacant();
        entry.cores = 1;
        entry.startup = sleep.startup;
        entry.time_limit = sleep.time_limit.unwrap_or(Duration::MAX);
        entry.at_limit = sleep.at_limit;
        fill(&mut entry.work, ActionWork::Sleep(sleep.duration));
        fill(&mut entry.on_end, on_end);
        fill(&mut entry.status, status);
        fill(&mut entry.stage, ActionStage::Queued);
        id
    }

    /// Whether an action that arrives now gets its cores: no other waits for some.
    #[inline]
    pub(super) fn may_start(&self, cores: u32) -> bool {
        self.waiting.is_empty() && cores <= self.free_cores()
    }

    fn insert(&mut self, request: &mut ActionRequest, stage: ActionStage) -> ActionId {
        let (id, entry) = self.vacant();
        entry.cores = request.cores;
        entry.startup = request.startup;
        entry.time_limit = request.time_limit.unwrap_or(Duration::MAX);
        entry.at_limit = request.at_limit;
        let work = match request.action {
            Action::Sleep(duration) => ActionWork::Sleep(duration),
            _ => {
                let action = std::mem::replace(&mut request.action, Action::Sleep(Duration::ZERO));
                ActionWork::Act(Some(Box::new((std::mem::take(&mut request.name), action))))
            }
        };
        fill(&mut entry.work, work);
        fill(&mut entry.on_end, std::mem::replace(&mut request.on_end, OnEnd::Nothing));
        fill(&mut entry.status, request.status.take());
        fill(&mut entry.stage, stage);
        id
    }

    /// A vacant entry for the next action, to be written field by field: a value that is put
    /// together first and copied then waits for its parts.
    #[inline]
    fn vacant(&mut self) -> (ActionId, &mut ActionEntry) {
        let sequence = self.ledger.submitted;
        self.ledger.submitted += 1;
        if self.free == NONE {
            self.grow();
        }
        let index = self.free;
        let entry = &mut self.entries[index as usize];
        self.free = entry.next_free;
        entry.sequence = sequence;
        entry.started = Time::NEVER;
        entry.next = Step::StartUp;
        (ActionId { sequence, index }, entry)
    }

    /// Adds a vacant entry.
    #[cold]
    fn grow(&mut self) {
        let index = u32::try_from(self.entries.len()).ok().filter(|&index| index < NONE);
        self.free = index.expect("fewer than 2^32 actions at a time");
        self.entries.push(ActionEntry::vacant());
    }

    #[inline]
    pub(super) fn get(&mut self, id: ActionId) -> Option<&mut ActionEntry> {
        let entry = self.entries.get_mut(id.index as usize);
        entry.filter(|entry| entry.sequence == id.sequence)
    }

    /// Puts an action into the queue for cores.
    pub(super) fn queue(&mut self, id: ActionId) {
        if let Some(entry) = self.get(id) {
            entry.stage = ActionStage::Waiting;
            self.waiting.push_back(id);
        }
    }

    /// Takes the action at the head of the queue, with its cores, if there are enough.
    pub(super) fn next_to_start(&mut self) -> Option<ActionId> {
        loop {
            let &id = self.waiting.front()?;
            let Some(entry) = self.get(id) else {
                self.waiting.pop_front();
                continue;
            };
            let cores = entry.cores;
            if cores > self.free_cores() {
                return None;
            }
            self.waiting.pop_front();
            self.take_cores(id, cores);
            return Some(id);
        }
    }

    /// Gives an action that has arrived its cores, if none waits and there are enough. Returns
    /// whether it does.
    pub(super) fn take_cores_if_free(&mut self, id: ActionId) -> bool {
        let Some(cores) = self.get(id).map(|entry| entry.cores) else { return false };
        let starts = self.may_start(cores);
        if starts {
            self.take_cores(id, cores);
        }
        starts
    }

    fn free_cores(&self) -> u32 {
        self.ledger.cores - self.ledger.cores_in_use
    }

    fn take_cores(&mut self, id: ActionId, cores: u32) {
        if let Some(entry) = self.get(id) {
            entry.stage = ActionStage::Queued;
            entry.tell(ActionState::Starting, None);
        }
        self.ledger.cores_in_use += cores;
        self.ledger.pending -= 1;
        self.ledger.running += 1;
    }

    pub(super) fn none_waiting(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Removes an action and gives its cores back.
    #[inline(always)]
    pub(super) fn remove(&mut self, id: ActionId, succeeded: bool) -> Option<Removed> {
        let entry = self.entries.get_mut(id.index as usize);
        let entry = entry.filter(|entry| entry.sequence == id.sequence)?;
        entry.sequence = VACANT;
        let work = std::mem::replace(&mut entry.work, ActionWork::Act(None));
        let stage = std::mem::replace(&mut entry.stage, ActionStage::Ended);
        let on_end = std::mem::replace(&mut entry.on_end, OnEnd::Nothing);
        let cores = entry.cores;
        let started = (entry.started < Time::NEVER).then_some(entry.started);
        entry.next_free = std::mem::replace(&mut self.free, id.index);
        if let Some(status) = entry.status.take() {
            status.set(ActionState::Ended, started);
        }
        let ledger = &mut self.ledger;
        if stage.holds_cores() {
            ledger.cores_in_use -= cores;
            ledger.running -= 1;
        } else {
            ledger.pending -= 1;
        }
        if succeeded {
            ledger.completed += 1;
        } else {
            ledger.failed += 1;
        }
        Some(Removed { stage, started, on_end, _work: work })
    }

    /// All actions that have not ended, in the order of submission.
    pub(super) fn all(&self) -> Vec<ActionId> {
        let all = (0..)
            .zip(&self.entries)
            .map(|(index, entry)| ActionId { sequence: entry.sequence, index });
        let mut ids: Vec<_> = all.filter(|id| id.sequence != VACANT).collect();
        ids.sort_unstable();
        ids
    }

    #[cfg(any(test, feature = "audit"))]
    pub(super) fn check(&self) {
        let ledger = &self.ledger;
        let running = || self.entries.iter().filter(|entry| entry.stage.holds_cores());
        let cores: u32 = running().map(|entry| entry.cores).sum();
        assert_eq!(ledger.cores_in_use, cores, "cores in use");
        assert!(cores <= ledger.cores, "more cores in use than there are");
        assert_eq!(ledger.running, running().count() as u64, "running");
        let alive = self.entries.iter().filter(|entry| entry.sequence != VACANT).count() as u64;
        assert_eq!(ledger.pending + ledger.running, alive, "alive");
        let ended = ledger.completed + ledger.failed;
        assert_eq!(ledger.submitted, alive + ended, "submitted");
    }
}
