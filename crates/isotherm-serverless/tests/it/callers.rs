//! Callers that decide in place of the policies, and at any date.

use std::cell::RefCell;
use std::rc::Rc;

use isotherm_kernel::{Advanced, Time};
use isotherm_platform::{HostId, Platform};
use isotherm_serverless::eviction::{ContainerEviction, IdleContainer, Rank};
use isotherm_serverless::keep_alive::Keep;
use isotherm_serverless::scheduler::{Dispatch, FcfsFullScan, Plan, Scheduler};
use isotherm_serverless::{
    CallerDecides, Decision, Invocation, InvocationState, NodeId, Preset, ServerlessComputeService,
    View,
};
use isotherm_services::ExecutionController;

use crate::common::{
    MB, NODE, NodeSpec, World, date, keep, limit, register, secs, served, sleeper,
};

type Served = Rc<RefCell<Option<Invocation>>>;

/// A service that asks its caller, and an invocation of 2 s of a function with such an image.
fn asking(what: CallerDecides, image: Option<u64>) -> (World, ServerlessComputeService, Served) {
    let (world, service, manager) = World::plain(1);
    service.ask_caller(what);
    let image = image.map(|bytes| world.image("image", bytes));
    let (platform, served_last) = (service.clone(), Served::default());
    let slot = Rc::clone(&served_last);
    ExecutionController::spawn(&world.site, world.user, "controller", move |me| async move {
        let function = sleeper("f", image.as_ref(), 2.0);
        let function = register(&manager, &platform, &function, limit(9.0)).await;
        slot.replace(Some(served(&manager, &function).await));
        me.sleep_until(date(30.0)).await;
    });
    (world, service, served_last)
}

fn until_asked(world: &World, service: &ServerlessComputeService) -> Decision {
    loop {
        if let Some(decision) = service.asked() {
            return decision;
        }
        assert_eq!(world.simulation.step(), Ok(Advanced::Paused));
    }
}

#[test]
fn the_head_fails_while_the_caller_is_asked_about_a_container() {
    let (world, service, _) = asking(CallerDecides { rounds: false, keep: true }, Some(MB));
    assert!(matches!(until_asked(&world, &service), Decision::Keep(_)));
    world.platform().turn_off(world.head);
    assert!(service.asked().is_none(), "the container has stopped");
    assert!(service.answer(Keep::Forever.into()).is_err());
    service.check();
    assert_eq!(world.auditor(&service).borrow().containers(), 0);
    world.simulation.run().unwrap();
    assert!(world.auditor(&service).borrow().is_clean());
}

/// Notes when it is asked.
struct Noting(Rc<RefCell<Vec<Time>>>, FcfsFullScan);

impl Scheduler for Noting {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        self.0.borrow_mut().push(view.now());
        self.1.round(view, plan);
    }
}

/// A container that is lost with the head host leaves no timer, whoever would have decided to keep
/// it: under the reference's rules one that ends causes a round.
#[test]
fn what_would_have_been_kept_when_the_head_failed_has_no_effect() {
    for asks in [false, true] {
        let world = World::of(&[NodeSpec { cores: 1, ..NODE }]);
        let rounds = Rc::<RefCell<Vec<Time>>>::default();
        let service = world.service(Preset::Wrench, |config| {
            keep(config, 20.0);
            config.scheduler = Box::new(Noting(rounds.clone(), FcfsFullScan::new()));
        });
        service.ask_caller(CallerDecides { rounds: false, keep: asks });
        world.turn_off(1.0, world.head);
        world.turn_on(1.5, world.head);
        let (manager, platform) = (world.manager.clone(), service.clone());
        ExecutionController::spawn(&world.site, world.user, "controller", move |me| async move {
            let f = sleeper("f", None, 30.0);
            let f = register(&manager, &platform, &f, limit(99.0)).await;
            served(&manager, &f).await;
            me.sleep_until(date(2.0)).await;
            let both = [manager.invoke(&f).await.unwrap(), manager.invoke(&f).await.unwrap()];
            manager.wait_all(&both).await;
        });
        while let Advanced::Paused = world.simulation.run_until(Time::NEVER).unwrap() {
            while service.asked().is_some() {
                service.answer(Keep::For(secs(20.0)).into()).unwrap();
            }
        }
        // One for each invocation, and for the second one again when the first has ended.
        let expected = [0.0, 2.0, 2.0, 32.0].map(date);
        assert_eq!(*rounds.borrow(), expected, "asks {asks}");
    }
}

#[test]
fn an_answer_counts_from_its_date() {
    let (world, service, served) = asking(CallerDecides::ROUNDS, None);
    until_asked(&world, &service);
    assert_eq!(world.simulation.run_until(date(10.0)), Ok(Advanced::Paused));
    assert_eq!(service.view(|view| view.now()).unwrap(), date(10.0));
    let dispatches = service
        .view(|view| {
            let place = |pending: isotherm_serverless::Pending| Dispatch {
                invocation: pending.invocation,
                node: NodeId(0),
                container: None,
            };
            view.pending().map(place).collect()
        })
        .unwrap();
    service.answer(Plan { dispatches, ..Plan::default() }.into()).unwrap();
    world.simulation.run().unwrap();
    let record = served.borrow().as_ref().unwrap().record();
    assert_eq!((record.dispatched, record.finished), (Some(date(10.0)), date(12.0)));
}

/// Turns a host off when a container becomes idle.
struct TurnsOff(Platform, HostId);

impl ContainerEviction for TurnsOff {
    fn rank(&mut self, _: &View<'_>, idle: &IdleContainer) -> Rank {
        self.0.turn_off(self.1);
        Rank::whole(idle.id.0)
    }
}

#[test]
fn an_eviction_policy_turns_the_head_off() {
    let world = World::new(1);
    let (platform, head) = (world.platform().clone(), world.head);
    let service = world.service(Preset::Default, |config| {
        config.eviction = Box::new(TurnsOff(platform, head));
        keep(config, 60.0);
    });
    let (manager, platform) = (world.manager.clone(), service.clone());
    world.play(|me| async move {
        let function = register(&manager, &platform, &sleeper("f", None, 2.0), limit(9.0)).await;
        let invocation = manager.invoke(&function).await.unwrap();
        me.sleep(secs(5.0)).await;
        assert_eq!(invocation.record().finished, Time::ZERO + secs(2.0));
        assert!(manager.invoke(&function).await.is_err());
    });
    assert_eq!(world.auditor(&service).borrow().containers(), 0);
}

#[test]
fn a_node_fails_while_a_round_is_open() {
    let (world, service, _) = asking(CallerDecides::ROUNDS, None);
    until_asked(&world, &service);
    assert!(service.view(|view| view.is_up(NodeId(0)) && view.free_slots(NodeId(0)) > 0).unwrap());
    world.platform().turn_off(world.nodes[0]);
    assert!(!service.view(|view| view.is_up(NodeId(0))).unwrap());
    assert_eq!(service.view(|view| view.free_slots(NodeId(0))).unwrap(), 0);
    service.check();
}

#[test]
fn what_looks_at_the_platform_may_look_at_invocations() {
    let (world, service, _) = asking(CallerDecides::ROUNDS, None);
    until_asked(&world, &service);
    let states = service
        .view(|view| {
            assert_eq!(view.queue_len(), 1);
            assert_eq!(service.why_unfinished().unwrap().len(), 1);
            service.unfinished().unwrap().iter().map(Invocation::state).collect::<Vec<_>>()
        })
        .unwrap();
    assert_eq!(states, [InvocationState::Schedulable]);
}
