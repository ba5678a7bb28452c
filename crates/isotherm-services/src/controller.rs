//! Execution controllers: the actors with which a user drives a simulation.
//!
//! A controller is an actor on a host, with an [`Address`] from which it sends requests to
//! services. The simulation goes on until all controllers have ended. A controller that dies with
//! its host has ended, too.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{Actor, ActorId, Duration, Kernel, Time};
use isotherm_platform::HostId;

use crate::site::context_methods;
use crate::{Address, Site};

/// The context of a controller: the site and its own address. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ExecutionController {
    site: Site,
    place: Rc<Place>,
}

/// Where a controller is.
#[derive(Debug)]
struct Place {
    actor: Cell<Option<ActorId>>,
    /// Its address on the host on which it was when it was last asked for.
    address: RefCell<Address>,
}

impl ExecutionController {
    /// Spawns a controller on a host. On a host that is off it begins when the host is turned on;
    /// if that never happens, the simulation ends with an error that names the host.
    ///
    /// ```
    /// use isotherm_kernel::{Duration, Simulation};
    /// use isotherm_platform::{Platform, PlatformBuilder};
    /// use isotherm_services::{ExecutionController, Site, StorageConfig, StorageService};
    ///
    /// let mut builder = PlatformBuilder::new();
    /// builder.host("user", 1e9);
    /// builder.disk("user", "disk", 1e8, 1e8);
    /// let simulation = Simulation::new();
    /// let platform = Platform::new(&simulation.kernel(), builder.build().unwrap()).unwrap();
    /// let user = platform.host("user").unwrap();
    /// let disk = platform.disk_at(user, "/").unwrap();
    /// let site = Site::new(platform);
    /// let storage = StorageService::start(&site, StorageConfig::on_disk("store", user, disk));
    ///
    /// ExecutionController::spawn(&site, user, "controller", async move |me| {
    ///     me.sleep(Duration::from_secs(1)).await;
    ///     storage.write(&me.address(), "data", 100_000_000).await.unwrap();
    /// });
    /// assert_eq!(simulation.run().unwrap().as_secs_f64(), 2.0);
    /// ```
    pub fn spawn<F>(
        site: &Site,
        host: HostId,
        name: &str,
        body: impl FnOnce(ExecutionController) -> F,
    ) -> Actor<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let home = Address::new(site, host, name);
        let label = Arc::clone(home.label());
        let place = Rc::new(Place { actor: Cell::new(None), address: RefCell::new(home) });
        let controller = Self { site: site.clone(), place: Rc::clone(&place) };
        let actor = site.platform().actor(host, label);
        let acting = body(controller);
        let actor = if site.platform().is_on(host) {
            actor.spawn(acting)
        } else {
            let platform = site.platform().clone();
            actor.spawn(async move {
                platform.wait_until_on(host).await;
                acting.await
            })
        };
        place.actor.set(Some(actor.id()));
        actor
    }

    /// The address from which it sends messages, on the host on which it is now.
    #[must_use]
    pub fn address(&self) -> Address {
        let platform = self.site.platform();
        let host = self.place.actor.get().and_then(|actor| platform.host_of(actor));
        let mut address = self.place.address.borrow_mut();
        if let Some(host) = host.filter(|&host| host != address.host()) {
            *address = Address::new(&self.site, host, address.name());
        }
        address.clone()
    }

    /// Moves the controller to another host at once, as [`Platform::migrate`] does. What it sends
    /// from then on comes from there. A function manager that it has started stays where it is.
    ///
    /// ```
    /// use isotherm_kernel::Simulation;
    /// use isotherm_platform::{Platform, PlatformBuilder};
    /// use isotherm_services::{ExecutionController, Site};
    ///
    /// let mut builder = PlatformBuilder::new();
    /// builder.host("slow", 1e9);
    /// builder.host("fast", 4e9);
    /// let simulation = Simulation::new();
    /// let platform = Platform::new(&simulation.kernel(), builder.build().unwrap()).unwrap();
    /// let [slow, fast] = ["slow", "fast"].map(|name| platform.host(name).unwrap());
    /// let site = Site::new(platform.clone());
    /// ExecutionController::spawn(&site, slow, "nomad", async move |me| {
    ///     platform.compute(me.host(), 1e9).await.unwrap();
    ///     me.migrate(fast);
    ///     platform.compute(me.host(), 1e9).await.unwrap();
    ///     assert_eq!(me.address().to_string(), "fast/nomad");
    /// });
    /// assert_eq!(simulation.run().unwrap().as_secs_f64(), 1.25);
    /// ```
    ///
    /// [`Platform::migrate`]: isotherm_platform::Platform::migrate
    pub fn migrate(&self, to: HostId) {
        if let Some(actor) = self.place.actor.get() {
            self.site.platform().migrate(actor, to);
        }
    }

    /// Suspends the controller, and returns when another actor has [resumed](Actor::resume) it.
    pub async fn suspend_self(&self) {
        self.kernel().suspend_self().await;
    }

    /// Sleeps until a date. A date that is not in the future is ready immediately.
    pub async fn sleep_until(&self, date: Time) {
        self.kernel().sleep_until(date).await;
    }
}

context_methods!(ExecutionController);
