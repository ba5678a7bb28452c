//! Actions: what a bare-metal service runs, and what it reports.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use isotherm_kernel::{Duration, Kernel, Time};
use isotherm_platform::HostId;

use crate::port::send_bytes;
use crate::site::context_methods;
use crate::transfer::failure;
use crate::{Address, FailureCause, FileName, Site, StorageService};

/// The future of a custom body.
pub type BodyFuture = Pin<Box<dyn Future<Output = Result<(), FailureCause>>>>;

/// A function that creates the future of a custom body.
pub type CustomBody = Box<dyn FnOnce(ActionContext) -> BodyFuture>;

/// What an action does.
pub enum Action {
    /// Sleeps for a duration.
    Sleep(Duration),
    /// Computes on a number of threads.
    Compute {
        /// The work of all threads together in flop. A negative number or NaN fails the action.
        flops: f64,
        /// The number of threads; 0 counts as 1.
        cores: u32,
    },
    /// Reads a whole file into the memory of the host.
    Read {
        /// The storage service that has the file.
        storage: StorageService,
        /// The name of the file.
        file: FileName,
    },
    /// Writes a file from the memory of the host.
    Write {
        /// The storage service to write to.
        storage: StorageService,
        /// The name of the file.
        file: FileName,
        /// The size of the file.
        bytes: u64,
    },
    /// Copies a file from one storage service to another.
    Copy {
        /// The storage service that has the file.
        from: StorageService,
        /// The storage service that is to have it.
        to: StorageService,
        /// The name of the file.
        file: FileName,
    },
    /// Deletes a file.
    Delete {
        /// The storage service that has the file.
        storage: StorageService,
        /// The name of the file.
        file: FileName,
    },
    /// Runs a custom body.
    Custom(CustomBody),
    /// Runs a custom body once its input has come over the network. The transfer follows the
    /// start-up overhead; like that, it is outside the time limit.
    CustomWithInput {
        /// Where the input comes from.
        from: Address,
        /// The size of the input.
        bytes: u64,
        /// The body.
        body: CustomBody,
    },
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

    /// Brings the input of the body to its service.
    pub(super) async fn bring_input(&self, site: &Site, to: &Address) -> Result<(), FailureCause> {
        match self {
            Action::CustomWithInput { from, bytes, .. } => {
                site.message_sent(from, to, "action_input", *bytes);
                send_bytes(site, from.host(), to.host(), *bytes).await
            }
            _ => Ok(()),
        }
    }

    /// The future that does it. Each kind has its own future, so none is larger than necessary.
    pub(super) fn into_body(self, context: ActionContext) -> BodyFuture {
        match self {
            Action::Custom(body) | Action::CustomWithInput { body, .. } => body(context),
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
            Action::CustomWithInput { from, bytes, .. } => {
                write!(f, "Custom with {bytes} bytes from {from}")
            }
        }
    }
}

/// How a body that ends exactly at its time limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtLimit {
    /// As timed out, with an end date.
    TimedOut,
    /// As completed, however many steps it needs at that date.
    #[default]
    Completed,
}

/// An action with its resources, limits and callback.
///
/// ```
/// use isotherm_kernel::Duration;
/// use isotherm_services::{Action, ActionRequest};
///
/// // Two threads in a container that starts in 100 ms, for a second at most.
/// let mut request = ActionRequest::from(Action::Compute { flops: 1e9, cores: 2 });
/// request.startup = Duration::from_millis(100);
/// request.time_limit = Some(Duration::from_secs(1));
/// assert_eq!((&*request.name, request.cores), ("compute", 2));
/// ```
pub struct ActionRequest {
    /// A name for reports.
    pub name: Cow<'static, str>,
    /// The number of cores it occupies. This is accounting only and does not change any speed.
    pub cores: u32,
    /// The start-up overhead before the body begins.
    pub startup: Duration,
    /// The longest time that the body may take.
    pub time_limit: Option<Duration>,
    /// How a body that ends exactly at its time limit counts.
    pub at_limit: AtLimit,
    /// What to do.
    pub action: Action,
    /// What is called once when it has ended.
    pub on_end: OnEnd,
    /// Where its state is shown, if that is wanted.
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

    /// An action on one core, without overhead or limit, for an owner that identifies its actions
    /// by tokens.
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

/// A sleep on one core for the [owner](ActionOwner) of many actions.
#[derive(Clone, Copy, Debug)]
pub struct SleepRequest {
    /// How long to sleep.
    pub duration: Duration,
    /// The start-up overhead before it begins.
    pub startup: Duration,
    /// The longest time that the sleep may take.
    pub time_limit: Option<Duration>,
    /// How a sleep that ends exactly at its time limit counts.
    pub at_limit: AtLimit,
}

/// The owner of many actions.
pub trait ActionOwner {
    /// An action has ended. `token` is the one it was submitted with. This is the last thing in a
    /// step, so the owner may go on if [nothing else is due](isotherm_kernel::Kernel::is_quiet).
    fn action_ended(self: Rc<Self>, token: (u64, u64), report: ActionReport);
}

/// What is called when an action has ended.
pub enum OnEnd {
    /// Nothing.
    Nothing,
    /// A function.
    Call(Box<dyn FnOnce(ActionReport)>),
    /// Its owner, with the token. Nothing is allocated for that.
    Owner(Rc<dyn ActionOwner>, (u64, u64)),
}

impl OnEnd {
    /// Calls it with a report, which is put together where it is passed on.
    #[inline]
    pub(super) fn tell(
        self,
        started: Option<Time>,
        ended: Option<Time>,
        result: Result<(), FailureCause>,
    ) {
        match self {
            OnEnd::Nothing => {}
            OnEnd::Call(call) => call(ActionReport { started, ended, result }),
            OnEnd::Owner(owner, token) => {
                owner.action_ended(token, ActionReport { started, ended, result });
            }
        }
    }
}

/// An action named after its kind, on as many cores as it computes on, without a callback.
impl From<Action> for ActionRequest {
    fn from(action: Action) -> Self {
        let (name, cores) = match &action {
            Action::Sleep(_) => ("sleep", 1),
            Action::Compute { cores, .. } => ("compute", (*cores).max(1)),
            Action::Read { .. } => ("read", 1),
            Action::Write { .. } => ("write", 1),
            Action::Copy { .. } => ("copy", 1),
            Action::Delete { .. } => ("delete", 1),
            Action::Custom(_) | Action::CustomWithInput { .. } => ("custom", 1),
        };
        Self { cores, ..Self::told(name, action, OnEnd::Nothing) }
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

/// The report of an action that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionReport {
    /// When its body began, if it did.
    pub started: Option<Time>,
    /// When its body ended by itself; `None` if it was killed.
    pub ended: Option<Time>,
    /// Whether it succeeded, or the cause of its failure.
    pub result: Result<(), FailureCause>,
}

/// The state of an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ActionState {
    /// Its message is on its way, or it waits for cores.
    #[default]
    Pending,
    /// It holds its cores during its start-up overhead and the transfer of its input.
    Starting,
    /// Its body runs.
    Running,
    /// It has ended.
    Ended,
}

/// Shows the state of an action while it is in progress.
#[derive(Debug, Default)]
pub struct ActionStatus {
    state: Cell<ActionState>,
    started: Cell<Option<Time>>,
}

impl ActionStatus {
    /// The state of the action.
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

/// The context of a custom body: its host, its cores and the address for its messages. Cheap to
/// clone.
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

    /// The address from which it sends messages.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The number of cores that the action holds.
    #[must_use]
    pub fn cores(&self) -> u32 {
        self.cores
    }

    /// Computes on one core of the host, which it shares with other computations there.
    ///
    /// # Errors
    /// The host failed, or [`FailureCause::NotAllowed`] if the work is negative or NaN.
    pub async fn compute(&self, flops: f64) -> Result<(), FailureCause> {
        self.compute_on(flops, 1).await
    }

    /// Computes on several threads, among which the work is divided evenly.
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

context_methods!(ActionContext);
