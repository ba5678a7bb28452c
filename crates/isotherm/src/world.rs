//! A simulation with its platform, and the controllers that act on it.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use isotherm_kernel::{Actor, Simulation, Time};
use isotherm_platform::{HostId, Platform, PlatformSpec};
use isotherm_serverless::{FunctionManager, Preset};
use isotherm_services::{ExecutionController, Site, StorageConfig, StorageService};

use crate::Error;

/// A simulation of a platform: what most programs begin with.
///
/// It holds a [`Simulation`] and a [`Site`] on it, finds hosts by name, and remembers why a
/// controller gave up, which would otherwise be lost. Whoever needs more than that uses the two
/// directly; there is no magic in here.
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
/// assert!(end > Time::ZERO + secs(3), "the image came over 1 Gb/s before the body slept for a second");
/// # Ok::<(), isotherm::Error>(())
/// ```
pub struct World {
    simulation: Simulation,
    site: Site,
    failure: Rc<RefCell<Option<Error>>>,
}

impl World {
    /// A simulation of a platform, without limits, that follows [`Preset::Default`].
    ///
    /// # Errors
    /// If a constant of the network model is out of range.
    pub fn new(platform: PlatformSpec) -> Result<Self, Error> {
        Self::with(Preset::Default.simulation(), platform)
    }

    /// A platform in a simulation that has [limits](Simulation::with_limits), somebody who
    /// [looks in](Simulation::with_watcher), or that follows the reference simulator to the
    /// microsecond: `Preset::Wrench.simulation()`. Begin with [`Preset::simulation`] of the preset
    /// that the services have: [`Simulation::new`] orders what ends at the same date as the
    /// reference does ([`TieOrder`](isotherm_kernel::TieOrder)).
    ///
    /// ```
    /// use isotherm::prelude::*;
    ///
    /// let limits = isotherm::kernel::Limits { max_time: Some(Time::ZERO + hours(1)),
    /// ..Default::default() }; let world =
    /// World::with(Preset::Default.simulation().with_limits(limits), Cluster::new(2).build()?)?;
    /// assert_eq!(world.run()?, Time::ZERO);
    /// # Ok::<(), isotherm::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a constant of the network model is out of range.
    pub fn with(simulation: Simulation, platform: PlatformSpec) -> Result<Self, Error> {
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

    /// The host of a name.
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

    /// Starts a controller on a host. The simulation goes on until every controller has ended, so a
    /// controller waits for what it has begun: an invocation that nobody waits for may be cut off.
    /// If a controller gives up with an error, the others go on all the same, and
    /// [`run`](Self::run) tells in the end. On a host that is off a controller begins when the host
    /// is on, and it dies with its host, which counts as an end.
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

    /// Runs until every controller has ended, and gives the date of the end.
    ///
    /// # Errors
    /// [`Error::Controller`] if a controller has given up (the first of them), else [`Error::Run`]
    /// if the simulation could not go on, or if it has been run before
    /// ([`RunError::AlreadyRun`](isotherm_kernel::RunError::AlreadyRun)).
    pub fn run(&self) -> Result<Time, Error> {
        let end = self.simulation.run();
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(end?),
        }
    }
}

/// What controllers can do with functions. It is here because the crate that has controllers knows
/// nothing of functions.
pub trait FunctionUser {
    /// Starts a function manager on the controller's host: one for all that the controller does is
    /// enough.
    fn function_manager(&self) -> FunctionManager;
}

impl FunctionUser for ExecutionController {
    fn function_manager(&self) -> FunctionManager {
        FunctionManager::start(self.site(), self.host())
    }
}
