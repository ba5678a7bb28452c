//! What users define: images, functions and their bodies.

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{Duration, RandomDuration};
use isotherm_services::{FailureCause, FileName, StorageService};

use crate::call::Call;
use crate::keep_alive::{KeepAlive, SharedKeepAlive};
use crate::limits::Concurrency;
use crate::rules::OnFailure;
use crate::service::ServerlessComputeService;
use crate::value::Sizes;
use crate::{FunctionId, Limits, Startup};

/// A container image: a file in a repository, with its sizes on disk and in memory. Cheap to clone;
/// clones are the same image and equal, images made apart are not, whatever their names.
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
/// # let [user, head, node] = ["user", "head", "node"].map(|name| site.platform().host(name).unwrap());
/// # let config = ServiceConfig::on_hosts(Preset::Default, head, [node]);
/// # let service = ServerlessComputeService::start(&site, config)?;
/// # let disk = site.platform().disk_at(user, "/").unwrap();
/// let repository = StorageService::start(&site, StorageConfig::on_disk("repository", user, disk));
/// let python = Image::put("python", 250_000_000, 120_000_000, &repository)?;
/// assert_eq!((python.bytes(), python.memory_bytes()), (250_000_000, 120_000_000));
/// assert!(repository.file_system().borrow().lookup("python").is_some());
/// # simulation.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Image {
    inner: Rc<ImageInner>,
}

struct ImageInner {
    name: Arc<str>,
    bytes: u64,
    memory_bytes: u64,
    repository: StorageService,
    file: FileName,
}

impl Image {
    /// An image whose file, of the same name, is on a storage service. Sizes are in bytes.
    pub fn new(
        name: impl Into<Arc<str>>,
        bytes: u64,
        memory_bytes: u64,
        repository: &StorageService,
    ) -> Self {
        let name = name.into();
        let inner = ImageInner {
            file: Arc::clone(&name),
            name,
            bytes,
            memory_bytes,
            repository: repository.clone(),
        };
        Image { inner: Rc::new(inner) }
    }

    /// Like [`new`](Self::new), and puts the file on the storage service in zero time.
    ///
    /// # Errors
    /// [`FailureCause::StorageFull`].
    pub fn put(
        name: impl Into<Arc<str>>,
        bytes: u64,
        memory_bytes: u64,
        repository: &StorageService,
    ) -> Result<Self, FailureCause> {
        let image = Image::new(name, bytes, memory_bytes, repository);
        repository.put(Arc::clone(image.file()), bytes, 0)?;
        Ok(image)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.inner.name
    }

    /// Its size on disk in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.inner.bytes
    }

    /// Its size in memory in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.inner.memory_bytes
    }

    /// The storage service from which it is downloaded.
    #[must_use]
    pub fn repository(&self) -> &StorageService {
        &self.inner.repository
    }

    pub(crate) fn file(&self) -> &FileName {
        &self.inner.file
    }

    /// Identifies the image; images of one name have different identities.
    pub(crate) fn identity(&self) -> usize {
        Rc::as_ptr(&self.inner) as usize
    }
}

impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Image {}

/// By name: an address would differ from run to run.
impl Hash for Image {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.name.hash(state);
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({})", self.inner.name)
    }
}

/// One step of a body. Steps run one after the other on the compute host. Sizes are in bytes.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the comment of a step says what its fields are")]
pub enum Step {
    /// Waits.
    Sleep(Duration),
    /// Waits for a random time, drawn when the service accepts the invocation: so the draw does not
    /// depend on when and where the invocation runs.
    SleepRandom(RandomDuration),
    /// Computes a number of flops on one core.
    Compute(f64),
    /// Writes a file to the container's private storage.
    Write { file: FileName, bytes: u64 },
    /// Reads a file of the container's private storage.
    Read { file: FileName },
    /// Reads a file of a storage service into memory.
    Fetch { storage: StorageService, file: FileName },
    /// Writes a file from memory to a storage service.
    Put { storage: StorageService, file: FileName, bytes: u64 },
    /// Invokes another function of the same service, by name, and waits until the invocation has
    /// ended.
    Invoke { function: Arc<str> },
}

/// The future of a custom body.
pub type BodyFuture = Pin<Box<dyn Future<Output = Result<(), FailureCause>>>>;

/// The behaviour of a function.
#[derive(Clone)]
pub enum Body {
    /// One sleep. It is simulated without an actor.
    Sleep(Duration),
    /// Steps, one after the other.
    Steps(Rc<[Step]>),
    /// An async closure, which can do anything an actor can.
    Custom(Rc<dyn Fn(Call) -> BodyFuture>),
}

impl Body {
    /// A body that is one sleep.
    #[must_use]
    pub fn sleep(duration: Duration) -> Self {
        Body::Sleep(duration)
    }

    /// A body that is one sleep of a random time, drawn for each invocation.
    #[must_use]
    pub fn sleep_random(duration: RandomDuration) -> Self {
        Body::Steps(Rc::new([Step::SleepRandom(duration)]))
    }

    /// The body of one invocation: draws its random times, in the order of the steps.
    pub(crate) fn drawn(self) -> Self {
        let Body::Steps(steps) = &self else { return self };
        if let [Step::SleepRandom(duration)] = &**steps {
            return Body::Sleep(duration.draw());
        }
        if !steps.iter().any(|step| matches!(step, Step::SleepRandom(_))) {
            return self;
        }
        Body::steps(steps.iter().map(|step| match step {
            Step::SleepRandom(duration) => Step::Sleep(duration.draw()),
            other => other.clone(),
        }))
    }

    /// A body that is run by an actor, which a sleep is not.
    pub(crate) fn by_actor(self) -> Self {
        match self {
            Body::Sleep(duration) => Body::Steps(Rc::new([Step::Sleep(duration)])),
            other => other,
        }
    }

    /// A body of steps.
    pub fn steps(steps: impl IntoIterator<Item = Step>) -> Self {
        let steps: Rc<[Step]> = steps.into_iter().collect();
        match *steps {
            [Step::Sleep(duration)] => Body::Sleep(duration),
            _ => Body::Steps(steps),
        }
    }

    /// A body that is an async closure. It is called for each invocation, so all invocations share
    /// what it captures.
    ///
    /// ```
    /// use isotherm_serverless::Body;
    ///
    /// let flops = [1e9, 2e9];
    /// let body = Body::custom(async move |call| {
    ///     for step in flops {
    ///         call.compute(step).await?;
    ///     }
    ///     call.storage().write("result", 1_000_000).await
    /// });
    /// ```
    pub fn custom(body: impl AsyncFn(Call) -> Result<(), FailureCause> + 'static) -> Self {
        let body = Rc::new(body);
        Body::Custom(Rc::new(move |call| {
            // The future borrows from the closure, so it keeps the closure alive.
            let body = Rc::clone(&body);
            Box::pin(async move { body(call).await })
        }))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Sleep(duration) => f.debug_tuple("Sleep").field(duration).finish(),
            Body::Steps(steps) => f.debug_tuple("Steps").field(steps).finish(),
            Body::Custom(_) => f.write_str("Custom"),
        }
    }
}

/// A function: a name, an image and a body. Cheap to clone. It can be registered any number of
/// times, with different limits and services.
///
/// Clones are the same function and equal; functions made apart are not, whatever their names. A
/// `with_*` method makes another function.
///
/// ```
/// use isotherm_kernel::{Duration, RandomDuration};
/// use isotherm_serverless::{Body, Function, Step};
///
/// let body = Body::steps([
///     Step::Compute(5e9),
///     Step::Write { file: "thumbnail".into(), bytes: 2_000_000 },
/// ]);
/// let resize = Function::new("resize", None, body).with_startup(Duration::from_millis(300));
/// assert_eq!(&**resize.name(), "resize");
/// ```
#[derive(Clone)]
pub struct Function {
    inner: Rc<FunctionInner>,
}

#[derive(Clone)]
struct FunctionInner {
    name: Arc<str>,
    app: Option<Arc<str>>,
    image: Option<Image>,
    body: Body,
    startup: Option<Startup>,
    keep_alive: Option<SharedKeepAlive>,
    on_failure: Option<OnFailure>,
    concurrency: Concurrency,
    sizes: Sizes,
    warm: u32,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Function {}

/// By name: an address would differ from run to run.
impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.name.hash(state);
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FunctionInner { name, image, body, startup, .. } = &*self.inner;
        f.debug_struct("Function")
            .field("name", name)
            .field("image", image)
            .field("body", body)
            .field("startup", startup)
            .finish_non_exhaustive()
    }
}

impl Function {
    /// A function. Without an image nothing is downloaded, copied or loaded for it.
    pub fn new(name: impl Into<Arc<str>>, image: Option<Image>, body: Body) -> Self {
        let inner = FunctionInner {
            name: name.into(),
            app: None,
            image,
            body,
            startup: None,
            keep_alive: None,
            on_failure: None,
            concurrency: Concurrency::default(),
            sizes: Sizes::default(),
            warm: 0,
        };
        Function { inner: Rc::new(inner) }
    }

    /// Makes it part of an app, by name. A function of which this is not said is an app of its own,
    /// of its own name. Apps are there for policies and statistics.
    ///
    /// ```
    /// use isotherm_kernel::Duration;
    /// use isotherm_serverless::{Body, Function};
    ///
    /// let cart = Function::new("cart", None, Body::sleep(Duration::from_millis(20)));
    /// assert_eq!(&**cart.app(), "cart");
    /// assert_eq!(&**cart.with_app("shop").app(), "shop");
    /// ```
    #[must_use]
    pub fn with_app(self, app: impl Into<Arc<str>>) -> Self {
        self.changed(|inner| inner.app = Some(app.into()))
    }

    /// Sets a start-up time, in place of the service's.
    #[must_use]
    pub fn with_startup(self, startup: impl Into<Startup>) -> Self {
        self.changed(|inner| inner.startup = Some(startup.into()))
    }

    /// Sets a keep-alive policy, in place of the service's. Clones of the function share it.
    ///
    /// ```
    /// use isotherm_kernel::Duration;
    /// use isotherm_serverless::keep_alive::Fixed;
    /// use isotherm_serverless::{Body, Function};
    ///
    /// let login = Function::new("login", None, Body::sleep(Duration::from_millis(20))).with_keep_alive(Fixed::FOREVER);
    /// ```
    #[must_use]
    pub fn with_keep_alive(self, keep_alive: impl KeepAlive + 'static) -> Self {
        self.with_shared_keep_alive(Rc::new(RefCell::new(keep_alive)))
    }

    /// Like [`with_keep_alive`](Self::with_keep_alive), with a policy that other functions may
    /// share.
    #[must_use]
    pub fn with_shared_keep_alive(self, keep_alive: Rc<RefCell<dyn KeepAlive>>) -> Self {
        self.changed(|inner| inner.keep_alive = Some(keep_alive))
    }

    /// Sets what becomes of the container of a failed invocation, in place of the service's rule.
    #[must_use]
    pub fn with_on_failure(self, on_failure: OnFailure) -> Self {
        self.changed(|inner| inner.on_failure = Some(on_failure))
    }

    /// Lets one container serve this many invocations at once (at least 1). Each takes a slot; they
    /// share the memory, the disk space and the private storage of the container.
    #[must_use]
    pub fn with_concurrency(self, per_container: u32) -> Self {
        self.changed(|inner| inner.concurrency.per_container = per_container.max(1))
    }

    /// Limits how many invocations of the function run at once. [`Throttle`](crate::Throttle) says
    /// what becomes of further ones; with 0 all are rejected.
    #[must_use]
    pub fn with_max_concurrency(self, limit: u32) -> Self {
        self.changed(|inner| {
            inner.concurrency.limit = Some(limit);
            inner.concurrency.reserved = false;
        })
    }

    /// Reserves this much of the [concurrency of the
    /// service](crate::ServiceConfig::max_concurrency) for the function, which is also the most
    /// that it may use. Registration is refused if this much is not left, or if nothing would be
    /// left for functions that share the rest. With 0 all its invocations are rejected, as on AWS
    /// Lambda.
    #[must_use]
    pub fn with_reserved_concurrency(self, limit: u32) -> Self {
        self.changed(|inner| {
            inner.concurrency.limit = Some(limit);
            inner.concurrency.reserved = true;
        })
    }

    /// Sets the size of the input of an invocation, 0 without. It takes time on the network, with
    /// the request and on its way to the compute host, whether or not a value is
    /// [given](crate::InvokeRequest::input).
    #[must_use]
    pub fn with_input_bytes(self, bytes: u64) -> Self {
        self.changed(|inner| inner.sizes.input = bytes)
    }

    /// Sets the size of the output of an invocation that completes, 0 without. It takes time on the
    /// network, from the compute host to the service and with the completion, whether or not a
    /// value is [set](crate::Call::set_output).
    #[must_use]
    pub fn with_output_bytes(self, bytes: u64) -> Self {
        self.changed(|inner| inner.sizes.output = bytes)
    }

    /// Has so many containers of the function be warm when it is registered, as if each had just
    /// served an invocation.
    ///
    /// They are [spread](crate::warm::spread) over the compute hosts that are on, one after the
    /// other where most slots have no warm container yet, and take only free room; registration is
    /// refused if there is not enough for all. Their image is placed with them: on the head disk,
    /// on the disk and in the memory of their host. Nothing of this takes simulated time. The
    /// keep-alive policy is asked about each, so its time begins at the registration; a policy that
    /// keeps nothing stops them at once. They hold memory like any idle container, and are evicted
    /// or expire like it.
    ///
    /// ```
    /// # use isotherm_kernel::{Duration, Simulation};
    /// # use isotherm_platform::{Platform, PlatformBuilder};
    /// # use isotherm_serverless::*;
    /// # use isotherm_services::{ExecutionController, FailureCause, Site};
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
    /// use isotherm_serverless::keep_alive::Fixed;
    ///
    /// let config = ServiceConfig::on_hosts(Preset::Default, head, [node])
    ///     .with_startup(Duration::from_millis(300))
    ///     .with_keep_alive(Fixed::new(Duration::from_secs(600)));
    /// # let service = ServerlessComputeService::start(&site, config)?;
    /// # let functions = FunctionManager::start(&site, user);
    /// # let records = service.collect_records();
    /// # ExecutionController::spawn(&site, user, "controller", async move |_| {
    /// let nap = Function::new("nap", None, Body::sleep(Duration::from_secs(1))).with_warm(2);
    /// let nap = functions.register(&nap, &service, Limits::time(Duration::MAX)).await?;
    /// for _ in 0..3 {
    ///     functions.invoke_detached(&nap, None);
    /// }
    /// functions.drain(&service).await?;
    /// # Ok::<(), FailureCause>(())
    /// # });
    /// # simulation.run()?;
    /// let records = records.borrow();
    /// let kinds: Vec<_> = records.iter().map(|record| record.start_kind.unwrap()).collect();
    /// assert_eq!(kinds, [StartKind::Warm, StartKind::Warm, StartKind::Cold]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_warm(self, containers: u32) -> Self {
        self.changed(|inner| inner.warm = containers)
    }

    fn changed(self, change: impl FnOnce(&mut FunctionInner)) -> Self {
        let mut inner = FunctionInner::clone(&self.inner);
        change(&mut inner);
        Function { inner: Rc::new(inner) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.inner.name
    }

    /// The name of its app.
    #[must_use]
    pub fn app(&self) -> &Arc<str> {
        self.inner.app.as_ref().unwrap_or(&self.inner.name)
    }

    /// Its image.
    #[must_use]
    pub fn image(&self) -> Option<&Image> {
        self.inner.image.as_ref()
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.inner.body
    }

    pub(crate) fn sizes(&self) -> Sizes {
        self.inner.sizes
    }

    /// How many containers are warm when it is registered.
    pub(crate) fn warm(&self) -> u32 {
        self.inner.warm
    }

    pub(crate) fn concurrency(&self) -> Concurrency {
        self.inner.concurrency
    }

    /// Its rule for containers of failed invocations, if it has its own.
    #[must_use]
    pub fn on_failure(&self) -> Option<OnFailure> {
        self.inner.on_failure
    }

    /// Its keep-alive policy, if it has its own.
    pub(crate) fn keep_alive(&self) -> Option<&SharedKeepAlive> {
        self.inner.keep_alive.as_ref()
    }

    /// Its start-up time, if it has its own.
    #[must_use]
    pub fn startup(&self) -> Option<&Startup> {
        self.inner.startup.as_ref()
    }
}

/// A function that a service has accepted. Cheap to clone. Two are equal if they come from the same
/// registration: they have one service and one id.
///
/// A body may hold it, even the body of the function itself: the service drops its functions when
/// the simulation is dropped.
#[derive(Clone)]
pub struct RegisteredFunction {
    pub(crate) service: ServerlessComputeService,
    pub(crate) id: FunctionId,
    pub(crate) name: Arc<str>,
    /// Fetched from the service on the first request, because the body of the function may hold
    /// this handle.
    function: OnceCell<Function>,
    pub(crate) limits: Limits,
}

impl PartialEq for RegisteredFunction {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.service == other.service
    }
}

impl Eq for RegisteredFunction {}

impl Hash for RegisteredFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl fmt::Debug for RegisteredFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RegisteredFunction { service, id, name, limits, .. } = self;
        f.debug_struct("RegisteredFunction")
            .field("service", service)
            .field("id", id)
            .field("name", name)
            .field("limits", limits)
            .finish_non_exhaustive()
    }
}

impl RegisteredFunction {
    pub(crate) fn new(
        service: &ServerlessComputeService,
        id: FunctionId,
        function: &Function,
        limits: Limits,
    ) -> Self {
        let (name, function) = (Arc::clone(function.name()), OnceCell::new());
        RegisteredFunction { service: service.clone(), id, name, function, limits }
    }

    /// Its id at the service.
    pub fn id(&self) -> FunctionId {
        self.id
    }

    /// The function.
    pub fn function(&self) -> &Function {
        self.function.get_or_init(|| self.service.function(self.id))
    }

    /// The limits with which it was registered.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The service that has accepted it.
    pub fn service(&self) -> &ServerlessComputeService {
        &self.service
    }
}
