//! The user's handle of an invocation.

use std::any::type_name;
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use isotherm_kernel::{Duration, Time};
use isotherm_services::{FailureCause, Port};

use crate::function::RegisteredFunction;
use crate::life::InvocationState;
use crate::message::Woken;
use crate::service::ServerlessComputeService;
use crate::state::InvocationKey;
use crate::value::{Sizes, Value, ValueError, ValueKind, Values};
use crate::{FunctionId, InvocationId, InvocationRecord, Outcome, StartKind};

/// A handle of an invocation, from its submission on. Cheap to clone; handles of the same
/// invocation are equal. Dropping it does not affect the invocation.
///
/// Methods query the service. Schedulers, keep-alive policies, observers and sinks may call them.
/// An eviction policy, or an observer that is called at once, learns nothing by them, because the
/// service is [changing](crate::Changing) then.
///
/// ```
/// # use isotherm_kernel::{Duration, Simulation};
/// # use isotherm_platform::{Platform, PlatformBuilder};
/// # use isotherm_serverless::*;
/// # use isotherm_services::{ExecutionController, FailureCause, Site, StorageConfig, StorageService};
/// # let mut builder = PlatformBuilder::new();
/// # for host in ["user", "head", "node"] {
/// #     builder.host(host, 1e9).cores(4).memory(16_000_000_000);
/// #     builder.disk(host, "disk", 1e9, 1e9).size(1_000_000_000_000);
/// # }
/// # builder.link("lan", 1e9, 0.0);
/// # for (from, to) in [("user", "head"), ("head", "node"), ("user", "node")] {
/// #     builder.route(from, to, ["lan"]);
/// # }
/// # let simulation = Simulation::new();
/// # let site = Site::new(Platform::new(&simulation.kernel(), builder.build().unwrap())?);
/// # let [user, head, node] =
/// #     ["user", "head", "node"].map(|name| site.platform().host(name).unwrap());
/// # let config = ServiceConfig::on_hosts(Preset::Default, head, [node]);
/// # let service = ServerlessComputeService::start(&site, config)?;
/// # let functions = FunctionManager::start(&site, user);
/// # ExecutionController::spawn(&site, user, "controller", async move |me| {
/// let nap = Function::new("nap", None, Body::sleep(Duration::from_secs(10)));
/// let limits = Limits::time(Duration::from_secs(2)).memory(1_000_000_000);
/// let nap = functions.register(&nap, &service, limits).await?;
/// let invocation = functions.invoke(&nap).await?;
/// me.sleep(Duration::from_secs(1)).await;
/// assert_eq!(invocation.state(), InvocationState::Running);
/// assert_eq!(invocation.function(), nap);
/// functions.wait_one(&invocation).await;
/// // It needed longer than it may run.
/// assert_eq!(invocation.outcome(), Some(Outcome::TimedOut));
/// assert_eq!(invocation.response_time(), Some(Duration::from_secs(2)));
/// # Ok::<(), FailureCause>(())
/// # });
/// # simulation.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Invocation {
    inner: Rc<Inner>,
}

struct Inner {
    key: InvocationKey,
    function: FunctionId,
    submitted: Time,
    service: ServerlessComputeService,
    /// Its record, once it has ended.
    ended: OnceCell<Rc<InvocationRecord>>,
    /// Whether the function manager has been notified of the end.
    done: Cell<bool>,
    waiters: RefCell<Vec<Rc<Waiter>>>,
    /// `None` as long as it has neither input nor output.
    values: RefCell<Option<Box<Values>>>,
}

/// A request to be woken when a number of invocations have ended.
pub(crate) struct Waiter {
    /// How many invocations must still end before the waiter is woken.
    left: Cell<usize>,
    reply: Port<Woken>,
}

impl Waiter {
    pub(crate) fn new(left: usize, reply: Port<Woken>) -> Rc<Self> {
        Rc::new(Waiter { left: Cell::new(left), reply })
    }

    pub(crate) fn reply(&self) -> &Port<Woken> {
        &self.reply
    }

    /// Counts an invocation that is done. Returns whether the waiter must be woken now.
    pub(crate) fn one_less(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 1
    }

    /// Whether it was woken or abandoned.
    fn is_over(&self) -> bool {
        self.left.get() == 0
    }

    /// A guard that abandons the waiter when it is dropped.
    pub(crate) fn while_waiting(self: &Rc<Self>) -> Waiting {
        Waiting(Rc::clone(self))
    }
}

/// Abandons its waiter when dropped.
pub(crate) struct Waiting(Rc<Waiter>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.left.set(0);
    }
}

impl Invocation {
    pub(crate) fn new(
        key: InvocationKey,
        function: FunctionId,
        submitted: Time,
        service: ServerlessComputeService,
    ) -> Self {
        let inner = Inner {
            key,
            function,
            submitted,
            service,
            ended: OnceCell::new(),
            done: Cell::new(false),
            waiters: RefCell::default(),
            values: RefCell::default(),
        };
        Invocation { inner: Rc::new(inner) }
    }

    /// Its id, unique at its service.
    #[must_use]
    pub fn id(&self) -> InvocationId {
        self.inner.key.id
    }

    pub(crate) fn key(&self) -> InvocationKey {
        self.inner.key
    }

    /// The service that runs it.
    #[must_use]
    pub fn service(&self) -> &ServerlessComputeService {
        &self.inner.service
    }

    /// The function that was invoked.
    #[must_use]
    pub fn function(&self) -> RegisteredFunction {
        self.inner.service.registered_as(self.inner.function)
    }

    /// Its current state, as the platform knows it. [`InvocationState::Changing`] for who is called
    /// within a [change](crate::Changing).
    #[must_use]
    pub fn state(&self) -> InvocationState {
        match self.inner.ended.get() {
            Some(record) => InvocationState::Ended(record.outcome),
            None => self.inner.service.state_of(self.inner.key),
        }
    }

    /// Its record so far: dates, node, container. Complete once it has ended. For who is called
    /// within a [change](crate::Changing) it tells no more than the submission.
    #[must_use]
    pub fn record(&self) -> InvocationRecord {
        match self.inner.ended.get() {
            Some(record) => InvocationRecord::clone(record),
            None => {
                let Inner { key, function, submitted, service, .. } = &*self.inner;
                service.record_of(*key, *function, *submitted)
            }
        }
    }

    /// Whether its function manager has been notified of its end.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.inner.done.get()
    }

    /// How it ended; `None` while it has not.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.inner.ended.get().map(|record| record.outcome)
    }

    /// The cause, if it has ended without completing.
    #[must_use]
    pub fn cause(&self) -> Option<FailureCause> {
        self.inner.ended.get()?.cause.clone()
    }

    /// Whether it started cold or warm; `None` before its dispatch.
    #[must_use]
    pub fn start_kind(&self) -> Option<StartKind> {
        match self.inner.ended.get() {
            Some(record) => record.start_kind,
            None => self.record().start_kind,
        }
    }

    /// The time from its submission to its end; `None` while it has not ended.
    #[must_use]
    pub fn response_time(&self) -> Option<Duration> {
        self.inner.ended.get().map(|record| record.response())
    }

    /// The output that the body has set, once the invocation is [done](Self::is_done).
    ///
    /// # Errors
    /// It is not done, has not completed, has no output or one of another type, or the output was
    /// lost.
    pub fn output<T: 'static>(&self) -> Result<Rc<T>, ValueError> {
        let function = self.function().name;
        if !self.is_done() {
            return Err(ValueError::NotDone { function });
        }
        if let Some(cause) = self.cause() {
            return Err(ValueError::NotCompleted { function, cause });
        }
        let values = self.inner.values.borrow();
        match values.as_deref() {
            Some(Values { lost: Some(cause), .. }) => {
                Err(ValueError::Lost { function, cause: cause.clone() })
            }
            Some(Values { output: Some(output), .. }) => output.get(ValueKind::Output, &function),
            _ => Err(ValueError::NoOutput { function, wanted: type_name::<T>() }),
        }
    }

    /// The input, which is there until the invocation ends.
    pub(crate) fn input<T: 'static>(&self) -> Result<Rc<T>, ValueError> {
        let function = self.function().name;
        let values = self.inner.values.borrow();
        match values.as_deref().and_then(|values| values.input.as_ref()) {
            Some(input) => input.get(ValueKind::Input, &function),
            None => Err(ValueError::NoInput { function, wanted: type_name::<T>() }),
        }
    }

    /// The sizes of its input and its output.
    pub(crate) fn sizes(&self) -> Sizes {
        self.inner.values.borrow().as_deref().map(|values| values.sizes).unwrap_or_default()
    }

    /// The size of the output that its user gets: nothing if it has not completed.
    pub(crate) fn output_bytes(&self) -> u64 {
        match self.outcome() {
            Some(Outcome::Completed) => self.sizes().output,
            _ => 0,
        }
    }

    pub(crate) fn set_values(&self, values: Box<Values>) {
        self.inner.values.replace(Some(values));
    }

    /// Changes the values. What `change` returns is dropped when nothing is borrowed, since it may
    /// hold values of the user.
    fn change_values<R>(&self, change: impl FnOnce(&mut Values) -> R) {
        let before = change(self.inner.values.borrow_mut().get_or_insert_default());
        drop(before);
    }

    pub(crate) fn set_output(&self, output: Value) {
        self.change_values(|values| values.output.replace(output));
    }

    pub(crate) fn set_output_bytes(&self, bytes: u64) {
        self.change_values(|values| values.sizes.output = bytes);
        if bytes > 0 {
            self.inner.service.note_sizes();
        }
    }

    /// Drops the values that cannot be read after the end.
    pub(crate) fn drop_values(&self) {
        if self.inner.values.borrow().is_none() {
            return;
        }
        let is_completed = self.outcome() == Some(Outcome::Completed);
        self.change_values(|values| {
            let output = if is_completed { None } else { values.output.take() };
            (values.input.take(), output)
        });
    }

    /// The output was lost on its way to the function manager.
    pub(crate) fn lose_output(&self, cause: FailureCause) {
        if self.inner.values.borrow().is_some() {
            self.change_values(|values| {
                values.lost = Some(cause);
                values.output.take()
            });
        }
    }

    /// Stores the record of an invocation that has ended.
    pub(crate) fn set_ended(&self, record: &Rc<InvocationRecord>) {
        self.inner.ended.get_or_init(|| Rc::clone(record));
    }

    /// Marks the invocation as done and returns its waiters.
    pub(crate) fn set_done(&self) -> Vec<Rc<Waiter>> {
        self.inner.done.set(true);
        self.inner.waiters.take()
    }

    pub(crate) fn add_waiter(&self, waiter: Rc<Waiter>) {
        let mut waiters = self.inner.waiters.borrow_mut();
        // Waiters that were woken by another invocation, or abandoned, are dropped.
        waiters.retain(|waiter| !waiter.is_over());
        waiters.push(waiter);
    }
}

impl PartialEq for Invocation {
    fn eq(&self, other: &Self) -> bool {
        self.inner.key == other.inner.key && self.inner.service == other.inner.service
    }
}

impl Eq for Invocation {}

impl Hash for Invocation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.key.id.hash(state);
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation")
            .field("id", &self.inner.key.id)
            .field("state", &self.state())
            .finish()
    }
}
