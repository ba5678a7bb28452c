//! Helpers of the tests: a platform in a simulation, and the dates at which activities end.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use isotherm_kernel::{Activity, ActivityError, Duration, Kernel, RunError, Simulation, Time};
use isotherm_platform::{HostId, Platform, PlatformBuilder, PlatformSpec};

/// Dates are whole nanoseconds and the reference prints six decimals.
pub const TOLERANCE: f64 = 1e-6;

pub struct Site {
    pub simulation: Simulation,
    pub platform: Platform,
}

impl Site {
    pub fn new(spec: PlatformSpec) -> Self {
        let simulation = Simulation::new();
        let platform = Platform::new(&simulation.kernel(), spec).unwrap();
        Self { simulation, platform }
    }

    pub fn build(describe: impl FnOnce(&mut PlatformBuilder)) -> Self {
        let mut builder = PlatformBuilder::new();
        describe(&mut builder);
        Self::new(builder.build().unwrap())
    }

    pub fn kernel(&self) -> Kernel {
        self.simulation.kernel()
    }

    pub fn host(&self, name: &str) -> HostId {
        self.platform.require_host(name).unwrap()
    }

    /// Starts an actor that belongs to no host.
    pub fn go<F: Future<Output = ()> + 'static>(&self, actor: impl FnOnce(Platform) -> F) {
        self.kernel().spawn("test", actor(self.platform.clone()));
    }

    /// Runs the simulation with an actor that belongs to no host, and gives what it noted.
    pub fn logged<F>(&self, actor: impl FnOnce(Platform, Log) -> F) -> Log
    where
        F: Future<Output = ()> + 'static,
    {
        let log = Log::default();
        self.go(|platform| actor(platform, log.clone()));
        self.run();
        log
    }

    pub fn run(&self) -> f64 {
        self.simulation.run().unwrap().as_secs_f64()
    }

    pub fn try_run(&self) -> Result<Time, RunError> {
        self.simulation.run()
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<(String, f64)>>>);

impl Log {
    pub fn add(&self, kernel: &Kernel, what: impl Into<String>) {
        self.0.borrow_mut().push((what.into(), kernel.now().as_secs_f64()));
    }

    pub fn value(&self, what: impl Into<String>, value: f64) {
        self.0.borrow_mut().push((what.into(), value));
    }

    /// Logs the end of an activity, with `failed` appended if it failed.
    pub fn end_of(&self, kernel: &Kernel, what: &str, activity: Activity) {
        let (log, name) = (self.clone(), what.to_owned());
        kernel.spawn(what.to_owned(), {
            let kernel = kernel.clone();
            async move {
                match activity.await {
                    Ok(()) => log.add(&kernel, name),
                    Err(ActivityError::Failed { .. }) => log.add(&kernel, format!("{name} failed")),
                    Err(ActivityError::Cancelled) => log.add(&kernel, format!("{name} cancelled")),
                }
            }
        });
    }

    pub fn names(&self) -> Vec<String> {
        self.0.borrow().iter().map(|(name, _)| name.clone()).collect()
    }

    #[track_caller]
    pub fn assert(&self, expected: &[(&str, f64)]) {
        let found = self.0.borrow();
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        let wanted: Vec<&str> = expected.iter().map(|&(name, _)| name).collect();
        assert_eq!(names, wanted, "{found:?}");
        for ((name, value), (_, wanted)) in found.iter().zip(expected) {
            assert!((value - wanted).abs() <= TOLERANCE, "{name}: {value}, expected {wanted}");
        }
    }
}

/// Hosts of 1 Gflop/s each.
pub fn hosts(builder: &mut PlatformBuilder, names: &[&str]) {
    names.iter().for_each(|name| _ = builder.host(*name, 1e9));
}

#[track_caller]
pub fn assert_close(found: f64, expected: f64) {
    let tolerance = TOLERANCE.max(1e-9 * expected.abs());
    assert!((found - expected).abs() <= tolerance, "{found}, expected {expected}");
}

pub fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

/// The platform of the worked numbers on disk sharing: disks of 100 MB/s, `wide_area` 20 MB/s and
/// 20 us, `local_area` 100 Gb/s and 1 ns; two compute nodes behind the head host.
pub fn serverless_site() -> Site {
    Site::build(|builder| {
        for name in ["user", "head", "node1", "node2"] {
            builder.host(name, 10e9);
            builder.disk(name, "disk", 1e8, 1e8);
        }
        builder.link("wide_area", 20e6, 20e-6);
        builder.link("local_area", 12.5e9, 1e-9);
        builder.route("user", "head", ["wide_area"]);
        builder.route("head", "node1", ["local_area"]);
        builder.route("head", "node2", ["local_area"]);
        builder.route("user", "node1", ["wide_area", "wide_area"]);
    })
}
