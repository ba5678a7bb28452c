//! The platform of the tests: a user behind a slow link, a head host and a node on a fast one.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use isotherm_kernel::{Duration, Simulation, Time};
use isotherm_platform::{HostId, Platform, PlatformBuilder};
use isotherm_services::{
    DataEnd, Eviction, ExecutionController, Site, StorageConfig, StorageService,
};

/// Bandwidth of every disk, read and write alike, in B/s.
pub const DISK: f64 = 1e8;
/// The rate of one flow on the slow link, used both ways by its acknowledgements: 0.97 · 20 MB/s /
/// 1.05.
pub const WAN: f64 = 0.97 * 20e6 / 1.05;
/// The latency phase on the slow link: 13.01 · 20 µs.
pub const WAN_LATENCY: f64 = 13.01 * 20e-6;
/// The same on the fast link.
pub const LAN: f64 = 0.97 * 12.5e9 / 1.05;
pub const LAN_LATENCY: f64 = 13.01e-9;
/// What the implicit loopback gives.
pub const LOOPBACK: f64 = 0.97e10;

pub struct World {
    pub simulation: Simulation,
    pub site: Site,
    pub user: HostId,
    pub head: HostId,
    pub node: HostId,
}

impl World {
    pub fn new() -> Self {
        let mut builder = PlatformBuilder::new();
        builder.host("user", 10e9);
        builder.host("head", 10e9);
        builder.host("node", 50e9).cores(10).memory(64_000_000_000);
        for host in ["user", "head", "node"] {
            builder.disk(host, "disk", DISK, DISK).size(200_000_000_000).mount("/");
        }
        builder.link("wan", 20e6, 20e-6);
        builder.link("lan", 12.5e9, 1e-9);
        builder.route("user", "head", ["wan"]);
        builder.route("head", "node", ["lan"]);
        builder.route("user", "node", ["wan", "lan"]);
        let simulation = Simulation::new();
        let platform = Platform::new(&simulation.kernel(), builder.build().unwrap()).unwrap();
        let host = |name| platform.host(name).unwrap();
        World {
            user: host("user"),
            head: host("head"),
            node: host("node"),
            site: Site::new(platform.clone()),
            simulation,
        }
    }

    pub fn platform(&self) -> &Platform {
        self.site.platform()
    }

    pub fn disk_end(&self, host: HostId, buffer: Option<u64>) -> DataEnd {
        let disk = self.platform().disk_at(host, "/");
        DataEnd { host, disk, buffer }
    }

    pub fn storage_config(&self, name: &str, host: HostId) -> StorageConfig {
        let disk = self.platform().disk_at(host, "/").unwrap();
        StorageConfig::on_disk(name, host, disk)
    }

    pub fn storage(&self, name: &str, host: HostId) -> StorageService {
        StorageService::start(&self.site, self.storage_config(name, host))
    }

    pub fn lru_storage(&self, name: &str, host: HostId, capacity: u64) -> StorageService {
        let config = StorageConfig {
            capacity: Some(capacity),
            eviction: Eviction::Lru,
            ..self.storage_config(name, host)
        };
        StorageService::start(&self.site, config)
    }

    /// Runs the simulation with one controller on the user's host and returns its result.
    pub fn play<T, F>(&self, body: impl FnOnce(ExecutionController) -> F) -> T
    where
        T: 'static,
        F: Future<Output = T> + 'static,
    {
        let result = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&result);
        ExecutionController::spawn(&self.site, self.user, "controller", |me| {
            let body = body(me);
            async move {
                let value = body.await;
                slot.replace(Some(value));
            }
        });
        self.simulation.run().unwrap();
        result.take().unwrap()
    }

    /// Calls a function at a date.
    pub fn at(&self, date: f64, what: impl FnOnce(&Platform) + 'static) {
        let platform = self.platform().clone();
        let date = Duration::from_secs_f64(date);
        self.site.kernel().call_after(date, move |_| what(&platform));
    }
}

pub fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Asserts a date in seconds, up to the rounding to nanoseconds at a few events.
#[track_caller]
pub fn assert_date(date: Time, expected: f64) {
    let off = (date.as_secs_f64() - expected).abs();
    assert!(off < 2e-8, "the date is {date}, not {expected}");
}
