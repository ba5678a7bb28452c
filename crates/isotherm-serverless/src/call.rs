//! What a running body can use: the site, its container's private storage, and the function
//! manager.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{Duration, Kernel, Time};
use isotherm_platform::HostId;
use isotherm_services::{
    ActionContext, Address, DataEnd, Eviction, FailureCause, FileError, FileName, FilePin,
    FileSystem, FileWrite, SharedFileSystem, Site, move_data,
};

use crate::function::{Body, Step};
use crate::invocation::Invocation;
use crate::manager::FunctionManager;
use crate::value::{Value, ValueError};

/// The private storage of a container: a part of its node's disk, as large as the disk limit. It is
/// wiped when the last invocation in the container ends. A body gets it from [`Call::storage`].
#[derive(Clone)]
pub struct PrivateStorage {
    site: Site,
    /// The host of the container. The disk may be one of another host.
    host: HostId,
    end: DataEnd,
    name: Arc<str>,
    files: SharedFileSystem,
}

impl fmt::Debug for PrivateStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateStorage({})", self.name)
    }
}

impl PrivateStorage {
    pub(crate) fn new(site: &Site, host: HostId, end: DataEnd, name: Arc<str>, bytes: u64) -> Self {
        let files = Rc::new(RefCell::new(FileSystem::new(bytes, Eviction::None)));
        PrivateStorage { site: site.clone(), host, end, name, files }
    }

    /// Its file system, for operations that take no simulated time.
    #[must_use]
    pub fn files(&self) -> &SharedFileSystem {
        &self.files
    }

    /// Free space in bytes.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.files.borrow().free()
    }

    /// Writes a file of `bytes` from memory. A file of the same name is replaced.
    ///
    /// # Errors
    /// [`FailureCause::StorageFull`] if it does not fit, [`FailureCause::FileInUse`] if a file of
    /// that name is being read, or the host or disk failed.
    pub async fn write(&self, file: impl Into<FileName>, bytes: u64) -> Result<(), FailureCause> {
        let file = file.into();
        let old = self.files.borrow().lookup(&file);
        if let Some(old) = old {
            self.files.borrow_mut().remove(old).map_err(|error| self.refusal(error))?;
        }
        let (write, _) = FileWrite::begin(&self.files, Arc::clone(&file), bytes, 0)
            .map_err(|error| self.refusal(error))?;
        let memory = DataEnd::memory_for(self.host, &self.end);
        move_data(&self.site, memory, self.end, bytes).await?;
        write.commit();
        Ok(())
    }

    /// Reads a file into memory and returns its size in bytes.
    ///
    /// # Errors
    /// [`FailureCause::FileNotFound`], or the host or disk failed.
    pub async fn read(&self, file: impl Into<FileName>) -> Result<u64, FailureCause> {
        let file = file.into();
        let Some(pin) = FilePin::lookup(&self.files, &file) else {
            return Err(FailureCause::FileNotFound { storage: Arc::clone(&self.name), file });
        };
        let bytes = pin.bytes();
        let memory = DataEnd::memory_for(self.host, &self.end);
        move_data(&self.site, self.end, memory, bytes).await?;
        Ok(bytes)
    }

    pub(crate) fn wipe(&self) {
        self.files.borrow_mut().clear();
    }

    fn refusal(&self, error: FileError) -> FailureCause {
        let storage = Arc::clone(&self.name);
        match error {
            FileError::NotEnoughSpace { needed, free } => {
                FailureCause::StorageFull { storage, needed_bytes: needed, free_bytes: free }
            }
            FileError::AlreadyExists { name } | FileError::InUse { name } => {
                FailureCause::FileInUse { storage, file: name }
            }
        }
    }
}

/// The invocation as its running body sees it. Cheap to clone.
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
/// # let limits = Limits::time(Duration::from_secs(60)).memory(1_000_000_000).disk(1_000_000_000);
/// # let functions = FunctionManager::start(&site, user);
/// # ExecutionController::spawn(&site, user, "controller", async move |_| {
/// let leaf = Function::new("leaf", None, Body::sleep(Duration::from_secs(1)));
/// let leaf = functions.register(&leaf, &service, limits).await?;
/// let body = Body::custom(async move |call| {
///     call.compute(2e9).await?;
///     call.storage().write("notes", 500_000_000).await?;
///     let invocation = call.functions().invoke(&leaf).await?;
///     call.functions().wait_one(&invocation).await;
///     call.set_output("done");
///     Ok(())
/// });
/// let root = functions.register(&Function::new("root", None, body), &service, limits).await?;
/// let invocation = functions.invoke(&root).await?;
/// functions.wait_one(&invocation).await;
/// // 2 Gf at 1 Gf/s, 500 MB at 1 GB/s, and a second for the other function.
/// assert_eq!(invocation.response_time(), Some(Duration::from_secs_f64(3.5)));
/// assert_eq!(*invocation.output::<&str>()?, "done");
/// # Ok::<(), FailureCause>(())
/// # });
/// # simulation.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Call {
    context: ActionContext,
    storage: PrivateStorage,
    invocation: Invocation,
    functions: FunctionManager,
}

impl Call {
    pub(crate) fn new(
        context: ActionContext,
        storage: PrivateStorage,
        invocation: Invocation,
        functions: &FunctionManager,
    ) -> Self {
        let functions = functions.called_from(context.address().clone());
        Call { context, storage, invocation, functions }
    }

    /// The site.
    #[must_use]
    pub fn site(&self) -> &Site {
        self.context.site()
    }

    /// The kernel.
    #[must_use]
    pub fn kernel(&self) -> &Kernel {
        self.context.kernel()
    }

    /// The date.
    #[must_use]
    pub fn now(&self) -> Time {
        self.context.now()
    }

    /// The compute host on which the body runs.
    #[must_use]
    pub fn host(&self) -> HostId {
        self.context.host()
    }

    /// The address from which the body sends messages.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.context.address()
    }

    /// The invocation that the body serves.
    #[must_use]
    pub fn invocation(&self) -> &Invocation {
        &self.invocation
    }

    /// The container's private storage.
    #[must_use]
    pub fn storage(&self) -> &PrivateStorage {
        &self.storage
    }

    /// The function manager of the user that invoked the function, for invoking other functions
    /// from the body and waiting for them.
    #[must_use]
    pub fn functions(&self) -> &FunctionManager {
        &self.functions
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        self.context.sleep(duration).await;
    }

    /// Computes on one core of the host, sharing it with everything else that computes there.
    ///
    /// # Errors
    /// The host failed, or [`FailureCause::NotAllowed`] if the work is negative or not a number.
    pub async fn compute(&self, flops: f64) -> Result<(), FailureCause> {
        self.context.compute(flops).await
    }

    /// The input of the invocation: what its invoker has
    /// [given](crate::InvokeRequest::input).
    ///
    /// # Errors
    /// There is none, or it has another type.
    pub fn input<T: 'static>(&self) -> Result<Rc<T>, ValueError> {
        self.invocation.input()
    }

    /// The size of the input in bytes.
    #[must_use]
    pub fn input_bytes(&self) -> u64 {
        self.invocation.sizes().input
    }

    /// Sets the output of the invocation, which its invoker gets by
    /// [`Invocation::output`](crate::Invocation::output) if it completes. An output that holds the
    /// handle of this invocation is never dropped.
    pub fn set_output<T: 'static>(&self, output: T) {
        self.invocation.set_output(Value::new(output));
    }

    /// Sets the size of the output in bytes, in place of what the function or the request says.
    pub fn set_output_bytes(&self, bytes: u64) {
        self.invocation.set_output_bytes(bytes);
    }

    /// Runs a body.
    pub(crate) async fn run(self, body: Body) -> Result<(), FailureCause> {
        match body {
            Body::Sleep(duration) => {
                self.sleep(duration).await;
                Ok(())
            }
            Body::Custom(body) => body(self).await,
            Body::Steps(steps) => {
                for step in steps.iter() {
                    self.step(step).await?;
                }
                Ok(())
            }
        }
    }

    async fn step(&self, step: &Step) -> Result<(), FailureCause> {
        match step {
            Step::Sleep(duration) => {
                self.sleep(*duration).await;
                Ok(())
            }
            Step::SleepRandom(duration) => {
                self.sleep(duration.draw()).await;
                Ok(())
            }
            Step::Compute(flops) => self.compute(*flops).await,
            Step::Write { file, bytes } => self.storage.write(Arc::clone(file), *bytes).await,
            Step::Read { file } => self.storage.read(Arc::clone(file)).await.map(drop),
            Step::Fetch { storage, file } => {
                storage.read(self.address(), Arc::clone(file), None).await.map(drop)
            }
            Step::Put { storage, file, bytes } => {
                storage.write(self.address(), Arc::clone(file), *bytes).await
            }
            Step::Invoke { function } => {
                let service = self.invocation.service();
                let Some(registered) = service.registered(function) else {
                    return Err(FailureCause::FunctionNotRegistered {
                        function: Arc::clone(function),
                    });
                };
                let invocation = self.functions.invoke(&registered).await?;
                self.functions.wait_one(&invocation).await;
                match invocation.cause() {
                    None => Ok(()),
                    Some(cause) => {
                        let message =
                            format!("function '{function}', which it invoked, failed: {cause}")
                                .into();
                        Err(FailureCause::BodyFailed { message })
                    }
                }
            }
        }
    }
}
