//! Actions: what a bare-metal service is asked to do and what it reports.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use isotherm_kernel::{Duration, Kernel, Time};
use isotherm_platform::HostId;

use crate::transfer::failure;
use crate::{Address, FailureCause, FileName, Site, StorageService};

/// The future of a custom body.
pub type BodyFuture = Pin<Box<dyn Future<Output = Result<(), FailureCause>>>>;

/// What makes a custom body.
pub type CustomBody = Box<dyn FnOnce(ActionContext) -> BodyFuture>;

/// What an action does.
pub enum Action {
    /// Nothing, for that long.
    Sleep(Duration),
    /// Computes on that many threads.
    Compute {
        /// The work of all threads together, in flop: zero or more, else the action fails.
        flops: f64,
        /// The number of threads; 0 is taken for 1.
        cores: u32,
    },
    /// Reads a whole file into the memory of the host.
    Read {
        /// Where it is.
        storage: StorageService,
        /// Its name.
        file: FileName,
    },
    /// Writes a file from the memory of the host.
    Write {
        /// Where to.
        storage: StorageService,
        /// Its name.
        file: FileName,
        /// Its size.
        bytes: u64,
    },
    /// Copies a file from one storage service to another.
    Copy {
        /// Where it is.
        from: StorageService,
        /// Where it is to be.
        to: StorageService,
        /// Its name.
        file: FileName,
    },
    /// Deletes a file.
    Delete {
        /// Where it is.
        storage: StorageService,
        /// Its name.
        file: FileName,
    },
    /// Whatever it does.
    Custom(CustomBody),
}

impl Action {
    /// A custom body.
    #[must_use]
    pub fn custom<F>(body: impl FnOnce(ActionContext) -> F + 'static) -> Self
    where
        F: Future<Output = Result<(), FailureCause>> + 'static,
    {
        Action::Custom(Box::new(move |context| Box::pin(body(context))))
    }

    /// What does it. Each kind has a future of its own, so that none is larger than it must be.
    pub(super) fn into_body(self, context: ActionContext) -> BodyFuture {
        match self {
            Action::Custom(body) => body(context),
            Action::Sleep(duration) => Box::pin(async move {
                context.sleep(duration).await;
                Ok(())
            }),
            Action::Compute { flops, cores } => {
                Box::pin(async move { context.compute_on(flops, cores).await })
            }
            Action::Read { storage, file } => Box::pin(async move {
                storage.read(context.address(), file, None).await?;
                Ok(())
            }),
            Action::Write { storage, file, bytes } => {
                Box::pin(async move { storage.write(context.address(), file, bytes).await })
            }
            Action::Copy { from, to, file } => Box::pin(async move {
                from.copy_to(context.address(), file, &to).await?;
                Ok(())
            }),
            Action::Delete { storage, file } => {
                Box::pin(async move { storage.delete(context.address(), file).await })
            }
        }
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Sleep(duration) => f.debug_tuple("Sleep").field(duration).finish(),
            Action::Compute { flops, cores } => {
                write!(f, "Compute {{ flops: {flops}, cores: {cores} }}")
            }
            Action::Read { storage, file } => write!(f, "Read {file:?} from {storage:?}"),
            Action::Write { storage, file, bytes } => {
                write!(f, "Write {bytes} bytes of {file:?} to {storage:?}")
            }
            Action::Copy { from, to, file } => write!(f, "Copy {file:?} from {from:?} to {to:?}"),
            Action::Delete { storage, file } => write!(f, "Delete {file:?} from {storage:?}"),
            Action::Custom(_) => f.write_str("Custom"),
        }
    }
}

/// How a body counts that ends exactly at its time limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtLimit {
    /// As timed out, with its end date.
    TimedOut,
    /// As completed. It is given every turn of that date, so it does not matter how many it needs.
    #[default]
    Completed,
}

/// What a bare-metal service is asked to do.
///
/// ```
/// use isotherm_kernel::Duration;
/// use isotherm_services::{Action, ActionRequest};
///
/// // Two threads in a container that takes 100 ms to start, for a second at most.
/// let mut request = ActionRequest::from(Action::Compute { flops: 1e9, cores: 2 });
/// request.startup = Duration::from_millis(100);
/// request.time_limit = Some(Duration::from_secs(1));
/// assert_eq!((&*request.name, request.cores), ("compute", 2));
/// ```
pub struct ActionRequest {
    /// A name for reports.
    pub name: Cow<'static, str>,
    /// How many cores of the ledger it takes. That is bookkeeping: it does not change the speed of
    /// anything.
    pub cores: u32,
    /// How long it takes before the body begins.
    pub startup: Duration,
    /// How long the body may take.
    pub time_limit: Option<Duration>,
    /// How a body counts that ends exactly at its time limit.
    pub at_limit: AtLimit,
    /// What to do.
    pub action: Action,
    /// Who is told once when it has ended.
    pub on_end: OnEnd,
    /// Where to say how far it is, if somebody wants to know.
    pub status: Option<Rc<ActionStatus>>,
}

impl ActionRequest {
    /// An action on one core, without overhead or limit.
    #[must_use]
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        action: Action,
        on_end: impl FnOnce(ActionReport) + 'static,
    ) -> Self {
        Self::told(name, action, OnEnd::Call(Box::new(on_end)))
    }

    /// An action on one core, without overhead or limit, of somebody who has many and knows them by
    /// tokens.
    #[must_use]
    pub fn owned(
        name: impl Into<Cow<'static, str>>,
        action: Action,
        owner: Rc<dyn ActionOwner>,
        token: (u64, u64),
    ) -> Self {
        Self::told(name, action, OnEnd::Owner(owner, token))
    }

    fn told(name: impl Into<Cow<'static, str>>, action: Action, on_end: OnEnd) -> Self {
        Self {
            name: name.into(),
            cores: 1,
            startup: Duration::ZERO,
            time_limit: None,
            at_limit: AtLimit::default(),
            action,
            on_end,
            status: None,
        }
    }
}

/// Somebody who has many actions under way.
pub trait ActionOwner {
    /// An action has ended. `token` is what he gave with it.
    fn action_ended(self: Rc<Self>, token: (u64, u64), report: ActionReport, turn: Turn);
}

/// Whether whoever calls has more to do in the turn in which he calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// He has not.
    Ends,
    /// He has.
    GoesOn,
}

/// Who is told that an action has ended.
pub enum OnEnd {
    /// Nobody.
    Nobody,
    /// A function is called.
    Call(Box<dyn FnOnce(ActionReport)>),
    /// Its owner is told the token; nothing is allocated for that.
    Owner(Rc<dyn ActionOwner>, (u64, u64)),
}

impl OnEnd {
    /// Tells.
    pub(super) fn tell(self, report: ActionReport, turn: Turn) {
        let ActionReport { started, ended, result } = report;
        self.tell_parts(started, ended, result, turn);
    }

    /// Tells, in a report that is put together where it is told.
    #[inline]
    pub(super) fn tell_parts(
        self,
        started: Option<Time>,
        ended: Option<Time>,
        result: Result<(), FailureCause>,
        turn: Turn,
    ) {
        match self {
            OnEnd::Nobody => {}
            OnEnd::Call(call) => call(ActionReport { started, ended, result }),
            OnEnd::Owner(owner, token) => {
                owner.action_ended(token, ActionReport { started, ended, result }, turn)
            }
        }
    }
}

/// An action under the name of its kind, on as many cores as it computes on, whose end nobody hears
/// of.
impl From<Action> for ActionRequest {
    fn from(action: Action) -> Self {
        let (name, cores) = match &action {
            Action::Sleep(_) => ("sleep", 1),
            Action::Compute { cores, .. } => ("compute", (*cores).max(1)),
            Action::Read { .. } => ("read", 1),
            Action::Write { .. } => ("write", 1),
            Action::Copy { .. } => ("copy", 1),
            Action::Delete { .. } => ("delete", 1),
            Action::Custom(_) => ("custom", 1),
        };
        Self { cores, ..Self::told(name, action, OnEnd::Nobody) }
    }
}

impl fmt::Debug for ActionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActionRequest")
            .field("name", &self.name)
            .field("cores", &self.cores)
            .field("startup", &self.startup)
            .field("time_limit", &self.time_limit)
            .field("at_limit", &self.at_limit)
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

/// How an action went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionReport {
    /// When its body began, if it did.
    pub started: Option<Time>,
    /// When its body ended by itself; nothing if it was killed.
    pub ended: Option<Time>,
    /// Whether it succeeded, or why not.
    pub result: Result<(), FailureCause>,
}

/// How far an action is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ActionState {
    /// Its message is on its way, or it waits for cores.
    #[default]
    Pending,
    /// It holds its cores and its start-up overhead passes.
    Starting,
    /// Its body runs.
    Running,
    /// It has ended.
    Ended,
}

/// Says how far an action is while it is on its way.
#[derive(Debug, Default)]
pub struct ActionStatus {
    state: Cell<ActionState>,
    started: Cell<Option<Time>>,
}

impl ActionStatus {
    /// How far it is.
    #[must_use]
    pub fn state(&self) -> ActionState {
        self.state.get()
    }

    /// When its body began, if it has.
    #[must_use]
    pub fn started(&self) -> Option<Time> {
        self.started.get()
    }

    pub(super) fn set(&self, state: ActionState, started: Option<Time>) {
        self.state.set(state);
        self.started.set(started);
    }
}

/// What a custom body knows: where it runs and on whose behalf. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ActionContext {
    site: Site,
    address: Address,
    cores: u32,
}

impl ActionContext {
    pub(super) fn new(site: &Site, address: &Address, cores: u32) -> Self {
        Self { site: site.clone(), address: address.clone(), cores }
    }

    /// The site.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The kernel.
    #[must_use]
    pub fn kernel(&self) -> &Kernel {
        self.site.kernel()
    }

    /// The address from which the body sends messages: that of its bare-metal service.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The host on which the body runs.
    #[must_use]
    pub fn host(&self) -> HostId {
        self.address.host()
    }

    /// How many cores the action holds.
    #[must_use]
    pub fn cores(&self) -> u32 {
        self.cores
    }

    /// The date.
    #[must_use]
    pub fn now(&self) -> Time {
        self.kernel().now()
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        self.kernel().sleep(duration).await;
    }

    /// Computes on one core of the host, which it shares with everything else that computes there.
    ///
    /// # Errors
    /// The host failed, or [`FailureCause::NotAllowed`] if the work is negative or not a number.
    pub async fn compute(&self, flops: f64) -> Result<(), FailureCause> {
        self.compute_on(flops, 1).await
    }

    /// Computes on several threads that share the work evenly.
    ///
    /// # Errors
    /// As [`compute`](Self::compute).
    pub async fn compute_on(&self, flops: f64, threads: u32) -> Result<(), FailureCause> {
        if flops.is_nan() || flops < 0.0 {
            let reason = format!("work must be zero or more, not {flops} flop").into();
            return Err(FailureCause::NotAllowed { reason });
        }
        let (platform, host) = (self.site.platform(), self.host());
        let work = match threads {
            0 | 1 => platform.compute(host, flops),
            threads => platform.compute_threads(host, flops / f64::from(threads), threads),
        };
        work.await.map_err(|error| failure(&self.site, error))
    }
}
