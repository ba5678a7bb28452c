//! Random actions on two services whose hosts fail at random, some of them cancelled: each action
//! ends exactly once, and the ledgers are correct throughout.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::{Duration, Time};
use isotherm_services::{
    Action, ActionRequest, AtLimit, BareMetalConfig, BareMetalService, ExecutionController,
    StorageService,
};
use proptest::prelude::*;

const MB: u64 = 1_000_000;

/// One action; times are in tenths of a second.
#[derive(Clone, Debug)]
struct Plan {
    service: usize,
    at: u64,
    payload: u64,
    cores: u32,
    startup: u64,
    limit: Option<u64>,
    at_limit: AtLimit,
    kind: u8,
    size: u64,
    cancel_after: Option<u64>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let place = (0..2usize, 0..40u64, prop_oneof![Just(0), Just(10 * MB)], 0..5u32);
    let cancel_after = prop_oneof![4 => Just(None), 1 => (0..40u64).prop_map(Some)];
    let at_limit = prop_oneof![Just(AtLimit::TimedOut), Just(AtLimit::Completed)];
    let shape = (0..10u64, prop::option::of(0..20u64), at_limit, 0..6u8, 0..30u64, cancel_after);
    (place, shape).prop_map(|((service, at, payload, cores), shape)| {
        let (startup, limit, at_limit, kind, size, cancel_after) = shape;
        Plan { service, at, payload, cores, startup, limit, at_limit, kind, size, cancel_after }
    })
}

fn tenths(number: u64) -> Duration {
    Duration::from_millis(100 * number)
}

fn action(plan: &Plan, number: usize, [here, there]: &[StorageService; 2]) -> Action {
    let (size, here, there) = (plan.size, here.clone(), there.clone());
    match plan.kind {
        0 => Action::Sleep(tenths(size)),
        1 => Action::custom(async move |context| {
            context.sleep(tenths(size)).await;
            Ok(())
        }),
        2 => Action::Compute { flops: size as f64 * 1e9, cores: plan.cores },
        3 => Action::Read { storage: here, file: "input".into() },
        4 => Action::Write {
            storage: there,
            file: format!("output{number}").into(),
            bytes: size * 10 * MB,
        },
        _ => Action::Copy { from: here, to: there, file: "input".into() },
    }
}

struct Scene {
    services: [BareMetalService; 2],
    storages: [StorageService; 2],
    ends: Rc<RefCell<Vec<u32>>>,
}

impl Scene {
    fn new(world: &World, actions: usize) -> Self {
        let start = |host| {
            let config = BareMetalConfig { name: "compute".into(), host, cores: Some(4) };
            BareMetalService::start(&world.site, config)
        };
        let storages = [world.storage("here", world.node), world.storage("there", world.head)];
        storages[0].put("input", 50 * MB, 0).unwrap();
        Self {
            services: [start(world.head), start(world.node)],
            storages,
            ends: Rc::new(RefCell::new(vec![0; actions])),
        }
    }

    fn submit(&self, me: &ExecutionController, number: usize, plan: &Plan) {
        let (counts, kernel) = (Rc::clone(&self.ends), me.kernel());
        let request = ActionRequest {
            cores: plan.cores,
            startup: tenths(plan.startup),
            time_limit: plan.limit.map(tenths),
            at_limit: plan.at_limit,
            ..ActionRequest::new("action", action(plan, number, &self.storages), move |_| {
                counts.borrow_mut()[number] += 1;
            })
        };
        let service = self.services[plan.service].clone();
        let id = service.submit(&me.address(), plan.payload, request);
        assert_eq!(self.ends.borrow()[number], 0, "never called from within a method");
        service.check();
        if let Some(delay) = plan.cancel_after {
            let counts = Rc::clone(&self.ends);
            kernel.call_after(tenths(delay), move |_| {
                let before = counts.borrow()[number];
                service.cancel(id);
                assert_eq!(counts.borrow()[number], before, "never called from within a method");
                service.check();
            });
        }
    }

    fn break_host(&self, world: &World, date: u64, name: &str) {
        let host = world.platform().host(name).unwrap();
        let ends = Rc::clone(&self.ends);
        let services = self.services.clone();
        world.at(date as f64 / 10.0, move |platform| {
            let before = ends.borrow().clone();
            platform.turn_off(host);
            assert_eq!(*ends.borrow(), before, "never called from within a method");
            services.iter().for_each(BareMetalService::check);
        });
        let (services, storages) = (self.services.clone(), self.storages.clone());
        world.at(date as f64 / 10.0 + 0.5, move |platform| {
            platform.turn_on(host);
            services.iter().for_each(BareMetalService::restart);
            storages.iter().for_each(StorageService::restart);
        });
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(1_500))]

    #[test]
    fn each_action_ends_exactly_once(
        mut plans in prop::collection::vec(plan(), 1..16),
        failures in prop::collection::vec((0..60u64, prop_oneof![Just("head"), Just("node")]), 0..4),
    ) {
        plans.sort_by_key(|plan| plan.at);
        let world = World::new();
        let scene = Rc::new(Scene::new(&world, plans.len()));
        for (date, host) in failures {
            scene.break_host(&world, date, host);
        }
        let stage = Rc::clone(&scene);
        let count = plans.len();
        world.play(async move |me| {
            for (number, plan) in plans.iter().enumerate() {
                me.sleep_until(Time::ZERO + tenths(plan.at)).await;
                stage.submit(&me, number, plan);
            }
            for _ in 0..200 {
                me.sleep(Duration::from_secs(1)).await;
                stage.services.iter().for_each(BareMetalService::check);
            }
        });
        prop_assert_eq!(&*scene.ends.borrow(), &vec![1; count]);
        for service in &scene.services {
            service.check();
            let ledger = service.ledger();
            prop_assert_eq!((ledger.cores_in_use, ledger.pending, ledger.running), (0, 0, 0));
        }
        for storage in &scene.storages {
            let files = storage.file_system();
            let files = files.borrow();
            files.check();
            prop_assert!(files.files().all(|(_, id)| files.pins(id) == 0));
            let visible: u64 = files.files().map(|(_, id)| files.bytes(id)).sum();
            prop_assert_eq!(visible, files.used(), "half-written files");
        }
    }
}
