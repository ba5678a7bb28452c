//! Images that are on disks from the start, and are neither downloaded nor copied.

use isotherm_platform::HostId;

use super::{ServerlessComputeService, ServerlessError};
use crate::function::Image;
use crate::message::Request;

/// Where images are from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepull {
    /// On the disk of the head host, so that they are not downloaded.
    Head,
    /// On the disks of all compute hosts too, so that they are not copied either. (They are on that
    /// of the head host because no invocation is admitted before its image is there.)
    Nodes,
}

impl ServerlessComputeService {
    /// Has images be on disks before anything happens, in no time.
    ///
    /// It is to be called before the simulation runs: the images are there as soon as it does. They
    /// are on the disks of the compute hosts that the service has by then, whether these are on or
    /// off; hosts that join later come without images. In the memories of compute hosts they are
    /// loaded as usual. They take free room only, and are unused: they are evicted like any other.
    ///
    /// ```
    /// # use isotherm_kernel::{Duration, Simulation};
    /// # use isotherm_platform::{Platform, PlatformBuilder};
    /// # use isotherm_serverless::*;
    /// # use isotherm_services::{
    /// #     ExecutionController, FailureCause, Site, StorageConfig, StorageService,
    /// # };
    /// # let mut builder = PlatformBuilder::new();
    /// # for host in ["user", "head", "node"] {
    /// #     builder.host(host, 1e9).cores(4).memory(16_000_000_000);
    /// #     builder.disk(host, "disk", 1e8, 1e8).size(1_000_000_000_000);
    /// # }
    /// # builder.link("lan", 1e8, 0.0);
    /// # for (from, to) in [("user", "head"), ("head", "node"), ("user", "node")] {
    /// #     builder.route(from, to, ["lan"]);
    /// # }
    /// # let simulation = Simulation::new();
    /// # let site = Site::new(Platform::new(&simulation.kernel(), builder.build().unwrap())?);
    /// # let host = |name| site.platform().host(name).unwrap();
    /// # let [user, head, node] = ["user", "head", "node"].map(host);
    /// # let disk = site.platform().disk_at(user, "/").unwrap();
    /// # let config = StorageConfig::on_disk("repository", user, disk);
    /// # let repository = StorageService::start(&site, config);
    /// let python = Image::put("python", 250_000_000, 120_000_000, &repository)?;
    /// let config = ServiceConfig::on_hosts(Preset::Default, head, [node]);
    /// let service = ServerlessComputeService::start(&site, config)?;
    /// service.prepull([&python], Prepull::Nodes)?;
    /// # let functions = FunctionManager::start(&site, user);
    /// # let records = service.collect_records();
    /// # ExecutionController::spawn(&site, user, "controller", async move |_| {
    /// let nap = Function::new("nap", Some(python), Body::sleep(Duration::from_secs(1)));
    /// let nap = functions.register(&nap, &service, Limits::time(Duration::MAX)).await?;
    /// functions.wait_one(&functions.invoke(&nap).await?).await;
    /// # Ok::<(), FailureCause>(())
    /// # });
    /// # simulation.run()?;
    /// let record = &records.borrow()[0];
    /// assert_eq!(record.admitted, Some(record.submitted));
    /// // 120 MB are loaded at 100 MB/s.
    /// assert_eq!(record.started.unwrap().as_secs_f64(), 1.2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ServerlessError::PrepulledTooLarge`]: a disk cannot hold all images that are to be there.
    /// Then this call has no effect.
    pub fn prepull<'a>(
        &self,
        images: impl IntoIterator<Item = &'a Image>,
        to: Prepull,
    ) -> Result<(), ServerlessError> {
        let mut tables = self.inner.tables.borrow_mut();
        let mut wanted = tables.prepulled.clone();
        for image in images {
            let known = wanted.iter_mut().find(|(other, _)| other == image);
            match known {
                Some((_, known)) if to == Prepull::Nodes => *known = to,
                Some(_) => {}
                None => wanted.push((image.clone(), to)),
            }
        }
        let bytes = |of: &dyn Fn(Prepull) -> bool| {
            let those = wanted.iter().filter(|(_, to)| of(*to));
            those.fold(0u64, |sum, (image, _)| sum.saturating_add(image.bytes()))
        };
        let head = self.inner.head.file_system().borrow().capacity();
        self.check_room(self.address().host(), bytes(&|_| true), head)?;
        let on_nodes = bytes(&|to| to == Prepull::Nodes);
        for node in self.inner.nodes.iter() {
            let capacity = node.storage.file_system().borrow().capacity();
            self.check_room(node.host, on_nodes, capacity)?;
        }
        tables.prepulled = wanted;
        drop(tables);
        self.tell(self.address(), Request::Prepull);
        Ok(())
    }

    fn check_room(&self, host: HostId, bytes: u64, capacity: u64) -> Result<(), ServerlessError> {
        if bytes <= capacity {
            return Ok(());
        }
        let host = self.inner.site.platform().host_name(host);
        Err(ServerlessError::PrepulledTooLarge { host, bytes, capacity })
    }

    /// The simulation has begun: the images are there.
    pub(super) fn place_prepulled(&self) {
        let mut tables = self.inner.tables.borrow_mut();
        let mut state = self.inner.state.borrow_mut();
        for (image, to) in tables.prepulled.clone() {
            let image = tables.image_id(&mut state, &image);
            state.prepull(image, to == Prepull::Nodes);
        }
    }
}
