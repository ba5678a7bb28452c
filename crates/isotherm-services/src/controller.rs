//! Execution controllers: the actors with which a user drives a simulation.
//!
//! A controller is an actor on a host, with an [`Address`] from which it sends requests to
//! services. The simulation goes on until all controllers have ended. A controller that dies with
//! its host has ended, too.

use std::future::Future;
use std::sync::Arc;

use isotherm_kernel::{Actor, Duration, Kernel, Time};
use isotherm_platform::HostId;

use crate::site::context_methods;
use crate::{Address, Site};

/// The context of a controller: the site and its own address. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ExecutionController {
    site: Site,
    address: Address,
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
    ///     storage.write(me.address(), "data", 100_000_000).await.unwrap();
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
        let controller = Self { site: site.clone(), address: Address::new(site, host, name) };
        let label = Arc::clone(controller.address.label());
        let actor = site.platform().actor(host, label);
        let acting = body(controller);
        if site.platform().is_on(host) {
            return actor.spawn(acting);
        }
        let platform = site.platform().clone();
        actor.spawn(async move {
            platform.wait_until_on(host).await;
            acting.await
        })
    }

    /// Sleeps until a date. A date that is not in the future is ready immediately.
    pub async fn sleep_until(&self, date: Time) {
        self.kernel().sleep_until(date).await;
    }
}

context_methods!(ExecutionController);
