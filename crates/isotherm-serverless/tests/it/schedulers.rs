//! Schedulers from outside: whatever one decides, the platform carries out only what is feasible.

use std::cell::RefCell;
use std::rc::Rc;

use isotherm_kernel::{Duration, Limits as KernelLimits, RandomStreams};
use isotherm_platform::{Platform, PlatformBuilder};
use isotherm_serverless::audit::{Auditor, Capacities, NodeCapacity};
use isotherm_serverless::scheduler::{Dispatch, Plan, Scheduler};
use isotherm_serverless::{
    Body, ContainerId, Function, FunctionManager, Image, ImageId, InvocationId, InvocationRecord,
    Limits, NodeConfig, NodeId, Outcome, Preset, ServerlessComputeService, ServiceConfig, Slots,
    View,
};
use isotherm_services::{Site, StorageConfig, StorageService};

const MB: u64 = 1_000_000;

/// Decides as FCFS does, and a lot of nonsense besides.
struct Nonsense {
    sound: Box<dyn Scheduler>,
    random: isotherm_kernel::Random,
}

impl Scheduler for Nonsense {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        for _ in 0..8 {
            let mut below = |n: u64| self.random.below(n);
            let node = NodeId(below(5) as u32);
            let container = (below(2) == 0).then(|| ContainerId(below(20)));
            plan.dispatches.push(Dispatch { invocation: InvocationId(below(60)), node, container });
            plan.loads.push((NodeId(below(5) as u32), ImageId(below(5) as u32)));
            plan.copies.push((NodeId(below(5) as u32), ImageId(below(5) as u32)));
        }
        self.sound.round(view, plan);
        // Everything twice.
        plan.dispatches.extend(plan.dispatches.clone());
        plan.loads.extend(plan.loads.clone());
        plan.copies.extend(plan.copies.clone());
    }
}

/// Plays forty invocations of three functions on three nodes.
fn play(preset: Preset, seed: u64) -> Vec<InvocationRecord> {
    let limits = KernelLimits { max_events: Some(200_000), ..KernelLimits::default() };
    let simulation = preset.simulation().with_limits(limits);
    let mut builder = PlatformBuilder::new();
    builder.host("head", 1e9);
    builder.disk("head", "disk", 1e8, 1e8).size(1000 * MB);
    for name in ["n0", "n1", "n2"] {
        builder.host(name, 1e9).cores(2).memory(100 * MB);
        builder.disk(name, "disk", 1e8, 1e8).size(100 * MB);
        builder.link(format!("link {name}"), 1e8, 1e-4);
        builder.route("head", name, [format!("link {name}")]);
    }
    let spec = builder.build().expect("a sound platform");
    let site = Site::new(Platform::new(&simulation.kernel(), spec).expect("a sound platform"));
    let host = |name: &str| site.platform().host(name).expect("a host");
    let nodes =
        ["n0", "n1", "n2"].map(|name| NodeConfig { slots: Slots::Cores, ..host(name).into() });
    let mut config = ServiceConfig::new(preset, host("head"), nodes.to_vec());
    let sound = config.rules.fcfs();
    config.scheduler =
        Box::new(Nonsense { sound, random: RandomStreams::new(seed).stream("nonsense") });
    config.keep_alive =
        Box::new(isotherm_serverless::keep_alive::Fixed::new(Duration::from_secs(1)));
    let service = ServerlessComputeService::start(&site, config).expect("a sound service");
    let node = NodeCapacity { disk_bytes: 100 * MB, memory_bytes: 100 * MB, slots: Some(2) };
    let auditor = Auditor::shared(Capacities { head_disk_bytes: 1000 * MB, nodes: vec![node; 3] });
    service.observe(Auditor::observer(&auditor));
    let records: Rc<RefCell<Vec<InvocationRecord>>> = Rc::default();
    service.records_to(records.clone());
    let disk = site.platform().disk_at(host("head"), "/").expect("a disk");
    let repository =
        StorageService::start(&site, StorageConfig::on_disk("repository", host("head"), disk));
    let functions = FunctionManager::start(&site, host("head"));
    let (on, kernel) = (host("head"), site.kernel().clone());
    let _detached = site.platform().spawn(on, "user", async move {
        let mut registered = Vec::new();
        for (name, memory) in [("a", 20), ("b", 30), ("c", 40)] {
            repository
                .file_system()
                .borrow_mut()
                .create(name, 10 * MB, 0)
                .expect("room for the image");
            let image = Image::new(name, 10 * MB, 20 * MB, &repository);
            let body = Body::sleep(Duration::from_millis(300));
            let limits = Limits::time(Duration::from_secs(5)).memory(memory * MB).disk(5 * MB);
            let function = Function::new(name, Some(image), body);
            registered
                .push(functions.register(&function, &service, limits).await.expect("it can run"));
        }
        let mut all = Vec::new();
        for index in 0..40 {
            kernel.sleep(Duration::from_millis(50)).await;
            all.push(functions.invoke(&registered[index % 3]).await.expect("it is registered"));
        }
        functions.wait_all(&all).await;
    });
    simulation.run().expect("it comes to its end");
    assert!(auditor.borrow().is_clean(), "{:?}", auditor.borrow().violations());
    records.take()
}

#[test]
fn infeasible_decisions_are_refused() {
    for preset in [Preset::Default, Preset::Wrench] {
        for seed in 0..20 {
            let records = play(preset, seed);
            assert_eq!(records.len(), 40);
            assert!(
                records.iter().all(|record| record.outcome == Outcome::Completed),
                "{preset:?}, seed {seed}"
            );
        }
    }
}
