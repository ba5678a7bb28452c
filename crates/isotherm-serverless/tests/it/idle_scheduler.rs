//! A scheduler that never places anything: the simulation ends with a deadlock that says who waits,
//! and what waits can be asked for.

use std::cell::RefCell;
use std::rc::Rc;

use isotherm_kernel::{Duration, RunError, Simulation};
use isotherm_platform::{Platform, PlatformBuilder};
use isotherm_serverless::scheduler::{Plan, Scheduler};
use isotherm_serverless::{
    Body, Function, FunctionManager, InvocationId, InvocationState, Limits, NodeConfig, Preset,
    ServerlessComputeService, ServiceConfig, Slots, View,
};
use isotherm_services::{ExecutionController, Site};

/// Looks on.
struct Lazy;

impl Scheduler for Lazy {
    fn round(&mut self, _: &View<'_>, _: &mut Plan) {}
}

fn site(simulation: &Simulation) -> Site {
    let mut builder = PlatformBuilder::new();
    for name in ["head", "node"] {
        builder.host(name, 1e9).memory(1_000_000_000);
        builder.disk(name, format!("{name} disk"), 1e8, 1e8).size(1_000_000_000);
    }
    builder.link("link", 1e8, 1e-4);
    builder.route("head", "node", ["link"]);
    let spec = builder.build().expect("a sound platform");
    Site::new(Platform::new(&simulation.kernel(), spec).expect("a sound platform"))
}

#[test]
fn a_scheduler_that_never_places_anything_is_a_named_deadlock() {
    let simulation = Preset::Default.simulation();
    let site = site(&simulation);
    let host = |name: &str| site.platform().host(name).expect("a host");
    let nodes = vec![NodeConfig { slots: Slots::Cores, ..host("node").into() }];
    let mut config = ServiceConfig::new(Preset::Default, host("head"), nodes);
    config.scheduler = Box::new(Lazy);
    let service = ServerlessComputeService::start(&site, config).expect("sound hosts");
    let manager = FunctionManager::start(&site, host("head"));
    let handles = Rc::new(RefCell::new(Vec::new()));
    let (kept, platform) = (Rc::clone(&handles), service.clone());
    drop(ExecutionController::spawn(&site, host("head"), "controller", move |me| async move {
        let function = Function::new("resize", None, Body::sleep(Duration::from_secs(1)));
        let limits = Limits::time(Duration::from_secs(60)).memory(1_000_000);
        let resize = manager.register(&function, &platform, limits).await.expect("it fits");
        for _ in 0..3 {
            let invocation = manager.invoke(&resize).await.expect("it is taken in");
            kept.borrow_mut().push(invocation);
            me.sleep(Duration::from_secs(2)).await;
        }
        let invocations = kept.borrow().clone();
        manager.wait_all(&invocations).await;
    }));
    let error = simulation.run().expect_err("nothing was ever placed");
    // The last invocation was at 4 s, and then the controller slept once more.
    let RunError::Deadlock { at, waiting, .. } = &error else { panic!("{error}") };
    assert_eq!(at.as_secs_f64(), 6.0);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!(
        error.to_string(),
        "deadlock at 6.000000000 s: 3 invocations of `resize` wait for the scheduler, which places them nowhere although \
         compute host `node` has room, the first since 0.000000000 s; 'head/controller' waits for a message in mailbox \
         'head/function_manager'"
    );
    let unfinished = service.unfinished().unwrap();
    assert_eq!(
        unfinished.iter().map(|invocation| invocation.id()).collect::<Vec<_>>(),
        [0, 1, 2].map(InvocationId)
    );
    assert!(unfinished.iter().all(|invocation| invocation.state() == InvocationState::Schedulable));
}
