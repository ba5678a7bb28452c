//! A simulation with its platform, and the controllers that drive it.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{Actor, Simulation, Time};
use isotherm_platform::{HostId, Platform, PlatformSpec};
use isotherm_serverless::{FunctionManager, Preset};
use isotherm_services::{ExecutionController, Site, StorageConfig, StorageService};

use crate::Error;

/// A simulation of a platform: where most programs start.
///
/// It owns a [`Simulation`] and a [`Site`] on it, finds hosts by name, and keeps the first error of
/// a controller, which would otherwise be lost. Programs that need more use the simulation and the
/// site directly.
///
/// ```
/// use isotherm::prelude::*;
///
/// let world = World::new(Cluster::new(2).build()?)?;
/// let user = world.host("user")?;
/// let repository = world.storage("repository", world.host("repository")?)?;
/// let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes());
/// let platform = ServerlessComputeService::start(world.site(), config)?;
///
/// world.controller(user, "controller", async move |me| {
///     let functions = me.function_manager();
///     let python = Image::put("python", 250 * MB, 120 * MB, &repository)?;
///     let hello = functions.function("hello", &python, Body::sleep(secs(1)));
///     let hello = functions.register(&hello, &platform, Limits::time(minutes(1))).await?;
///     let invocation = functions.invoke(&hello).await?;
///     functions.wait_one(&invocation).await;
///     assert_eq!(invocation.outcome(), Some(Outcome::Completed));
///     Ok(())
/// });
/// let end = world.run()?;
/// assert!(end > Time::ZERO + secs(3), "2 s for the image over 1 Gb/s, then 1 s for the body");
/// # Ok::<(), isotherm::Error>(())
/// ```
pub struct World {
    simulation: Simulation,
    site: Site,
    failure: Rc<RefCell<Option<Error>>>,
}

impl World {
    /// A simulation of a platform, without limits, under [`Preset::Default`]. Many simulations may
    /// share one description:
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use isotherm::prelude::*;
    ///
    /// let platform = Arc::new(Cluster::new(2).build()?);
    /// for _ in 0..2 {
    ///     let world = World::new(Arc::clone(&platform))?;
    ///     assert_eq!(world.run()?, Time::ZERO);
    /// }
    /// # Ok::<(), isotherm::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a constant of the network model is out of range.
    pub fn new(platform: impl Into<Arc<PlatformSpec>>) -> Result<Self, Error> {
        Self::with(Preset::Default.simulation(), platform)
    }

    /// A platform in a simulation that you configure, with [limits](Simulation::with_limits), a
    /// [watcher](Simulation::with_watcher), or the dates of the reference simulator. Start from
    /// [`Preset::simulation`] of the preset of your services: [`Simulation::new`] has the
    /// reference's [`TieOrder`](isotherm_kernel::TieOrder).
    ///
    /// ```
    /// use isotherm::prelude::*;
    ///
    /// let max_time = Some(Time::ZERO + hours(1));
    /// let limits = isotherm::kernel::Limits { max_time, ..Default::default() };
    /// let simulation = Preset::Default.simulation().with_limits(limits);
    /// let world = World::with(simulation, Cluster::new(2).build()?)?;
    /// assert_eq!(world.run()?, Time::ZERO);
    /// # Ok::<(), isotherm::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a constant of the network model is out of range.
    pub fn with(
        simulation: Simulation,
        platform: impl Into<Arc<PlatformSpec>>,
    ) -> Result<Self, Error> {
        let site = Site::new(Platform::new(&simulation.kernel(), platform)?);
        Ok(World { simulation, site, failure: Rc::default() })
    }

    /// The simulation.
    pub fn simulation(&self) -> &Simulation {
        &self.simulation
    }

    /// The site, on which services are started.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The host with this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn host(&self, name: &str) -> Result<HostId, Error> {
        Ok(self.site.platform().require_host(name)?)
    }

    /// The hosts whose names begin with `node`, in the order of declaration.
    pub fn nodes(&self) -> Vec<HostId> {
        let platform = self.site.platform();
        platform.hosts().filter(|&host| platform.host_name(host).starts_with("node")).collect()
    }

    /// Starts a storage service on the disk of a host that is mounted at `/`.
    ///
    /// # Errors
    /// If the host has no such disk.
    pub fn storage(&self, name: &str, host: HostId) -> Result<StorageService, Error> {
        let platform = self.site.platform();
        let Some(disk) = platform.disk_at(host, "/") else {
            return Err(Error::NoDisk {
                host: platform.host_name(host).to_string(),
                mount: "/".to_owned(),
            });
        };
        Ok(StorageService::start(&self.site, StorageConfig::on_disk(name, host, disk)))
    }

    /// Spawns a controller on a host. The simulation goes on until all controllers have ended. So a
    /// controller must wait for the invocations it has made; others may be cut off.
    ///
    /// When a controller returns an error, the other controllers go on, and [`run`](Self::run)
    /// returns the error in the end. On a host that is off a controller begins when the host is
    /// turned on. A controller that dies with its host has ended, too.
    pub fn controller<F>(
        &self,
        host: HostId,
        name: &str,
        body: impl FnOnce(ExecutionController) -> F,
    ) -> Actor<()>
    where
        F: Future<Output = Result<(), Error>> + 'static,
    {
        let failure = Rc::clone(&self.failure);
        let shown = name.to_owned();
        ExecutionController::spawn(&self.site, host, name, |me| {
            let acting = body(me);
            async move {
                if let Err(error) = acting.await {
                    failure
                        .borrow_mut()
                        .get_or_insert(Error::Controller { name: shown, error: Box::new(error) });
                }
            }
        })
    }

    /// Runs until all controllers have ended, and returns the date of the end.
    ///
    /// # Errors
    /// [`Error::Controller`] with the first error of a controller; otherwise [`Error::Run`] if the
    /// simulation could not go on, or has been run before
    /// ([`RunError::AlreadyRun`](isotherm_kernel::RunError::AlreadyRun)).
    pub fn run(&self) -> Result<Time, Error> {
        let end = self.simulation.run();
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(end?),
        }
    }
}

/// Gives controllers access to functions. It is an extension trait because the crate of the
/// controllers knows nothing of functions.
pub trait FunctionUser {
    /// Starts a function manager on the controller's host. One is enough for a controller.
    fn function_manager(&self) -> FunctionManager;
}

impl FunctionUser for ExecutionController {
    fn function_manager(&self) -> FunctionManager {
        FunctionManager::start(self.site(), self.host())
    }
}
