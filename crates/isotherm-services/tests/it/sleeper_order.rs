//! Actions that only sleep run without an actor, which must not be observable: random mixtures are
//! run both ways, and the logs of all events must be equal.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::{Duration, Either, Kernel, Time, select};
use isotherm_services::{
    Action, ActionReport, ActionRequest, AtLimit, BareMetalConfig, BareMetalService,
    ExecutionController, FailureCause,
};
use proptest::prelude::*;

/// One action. All times are small whole seconds, so that most events coincide.
#[derive(Clone, Debug)]
struct Plan {
    at: u64,
    cores: u32,
    startup: u64,
    sleep: u64,
    limit: Option<u64>,
    at_limit: AtLimit,
    /// Runs in an actor both times.
    custom: bool,
    cancel_at: Option<u64>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let limit = prop_oneof![Just(None), (0..5u64).prop_map(Some)];
    let at_limit = prop_oneof![Just(AtLimit::TimedOut), Just(AtLimit::Completed)];
    let cancel_at = prop_oneof![6 => Just(None), 1 => (0..8u64).prop_map(Some)];
    let times = (0..4u64, 0..3u64, 0..5u64);
    (times, 0..3u32, limit, at_limit, prop::bool::weighted(0.3), cancel_at).prop_map(
        |((at, startup, sleep), cores, limit, at_limit, custom, cancel_at)| Plan {
            at,
            cores,
            startup,
            sleep,
            limit,
            at_limit,
            custom,
            cancel_at,
        },
    )
}

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Ended(usize, ActionReport),
    Tick(u64),
    Cancelled(usize, bool),
}

type Log = Rc<RefCell<Vec<(u64, Event)>>>;

fn request(
    plan: &Plan,
    actors: bool,
    on_end: impl FnOnce(ActionReport) + 'static,
) -> ActionRequest {
    let sleep = Duration::from_secs(plan.sleep);
    let action = if actors || plan.custom {
        Action::custom(async move |context| {
            context.sleep(sleep).await;
            Ok(())
        })
    } else {
        Action::Sleep(sleep)
    };
    ActionRequest {
        cores: plan.cores,
        startup: Duration::from_secs(plan.startup),
        time_limit: plan.limit.map(Duration::from_secs),
        at_limit: plan.at_limit,
        ..ActionRequest::new("action", action, on_end)
    }
}

/// Runs the plans and returns the log.
fn play(plans: &[Plan], cores: u32, actors: bool) -> Vec<(u64, Event)> {
    let world = World::new();
    let log: Log = Rc::default();
    let config = BareMetalConfig { name: "compute".into(), host: world.node, cores: Some(cores) };
    let service = BareMetalService::start(&world.site, config);
    // Plans are submitted by two controllers, each in a step of its own.
    for parity in 0..2 {
        let (service, log) = (service.clone(), Rc::clone(&log));
        let mut plans: Vec<_> = plans.iter().cloned().enumerate().collect();
        plans.retain(|(number, _)| number % 2 == parity);
        plans.sort_by_key(|(_, plan)| plan.at);
        let body = async move |me: ExecutionController| {
            for (number, plan) in plans {
                me.sleep_until(Time::ZERO + Duration::from_secs(plan.at)).await;
                let (kernel, ends) = (me.kernel().clone(), Rc::clone(&log));
                let on_end = move |report| {
                    ends.borrow_mut().push((kernel.now().as_nanos(), Event::Ended(number, report)));
                };
                let id = service.submit(&me.address(), 0, request(&plan, actors, on_end));
                if let Some(date) = plan.cancel_at {
                    let (service, log) = (service.clone(), Rc::clone(&log));
                    me.kernel().call_after(Duration::from_secs(date), move |kernel| {
                        let event = Event::Cancelled(number, service.cancel(id));
                        log.borrow_mut().push((kernel.now().as_nanos(), event));
                        service.check();
                    });
                }
            }
        };
        ExecutionController::spawn(&world.site, world.user, "controller", body);
    }
    let (ticks, checked) = (Rc::clone(&log), service.clone());
    ExecutionController::spawn(&world.site, world.head, "bystander", async move |me| {
        for tick in 0..60 {
            ticks.borrow_mut().push((me.now().as_nanos(), Event::Tick(tick)));
            checked.check();
            me.sleep(Duration::from_secs(1)).await;
        }
    });
    world.simulation.run().unwrap();
    service.check();
    let ledger = service.ledger();
    assert_eq!((ledger.pending, ledger.running, ledger.cores_in_use), (0, 0, 0));
    log.take()
}

/// The executor as the reference has it: the body runs in its own actor, which the executor joins
/// until the limit. At the limit the executor goes to the end of the run queue once and then checks
/// whether the body has ended.
async fn reference_executor(kernel: Kernel, plan: Plan) -> ActionReport {
    kernel.sleep(Duration::from_secs(plan.startup)).await;
    let started = kernel.now();
    let body = {
        let kernel = kernel.clone();
        async move { kernel.sleep(Duration::from_secs(plan.sleep)).await }
    };
    let (ended, result) = match plan.limit {
        None => {
            body.await;
            (Some(kernel.now()), Ok(()))
        }
        Some(limit) => {
            let body = kernel.spawn("body", body);
            kernel.yield_now().await;
            let limit = kernel.sleep(Duration::from_secs(limit));
            match select(body.join(), limit).await {
                Either::First(_) => (Some(kernel.now()), Ok(())),
                Either::Second(()) => {
                    kernel.yield_now().await;
                    let ended = body.is_finished().then(|| kernel.now());
                    body.kill();
                    (ended, Err(FailureCause::TimeLimit))
                }
            }
        }
    };
    ActionReport { started: Some(started), ended, result }
}

/// Runs the plans by hand, without a service.
fn play_by_hand(plans: &[Plan]) -> Vec<(u64, Event)> {
    let world = World::new();
    let log: Log = Rc::default();
    let kernel = world.site.kernel().clone();
    let mut plans: Vec<_> = plans.iter().cloned().enumerate().collect();
    plans.sort_by_key(|(_, plan)| plan.at);
    let list = Rc::clone(&log);
    world.play(async move |me| {
        for (number, plan) in plans {
            me.sleep_until(Time::ZERO + Duration::from_secs(plan.at)).await;
            let (kernel, list) = (kernel.clone(), Rc::clone(&list));
            me.kernel().spawn("executor", async move {
                let report = reference_executor(kernel.clone(), plan).await;
                list.borrow_mut().push((kernel.now().as_nanos(), Event::Ended(number, report)));
            });
        }
    });
    log.take()
}

/// Runs the plans on a service with enough cores and one controller.
fn play_alone(plans: &[Plan], actors: bool) -> Vec<(u64, Event)> {
    let world = World::new();
    let log: Log = Rc::default();
    let config = BareMetalConfig { name: "compute".into(), host: world.node, cores: Some(1000) };
    let service = BareMetalService::start(&world.site, config);
    let mut plans: Vec<_> = plans.iter().cloned().enumerate().collect();
    plans.sort_by_key(|(_, plan)| plan.at);
    let list = Rc::clone(&log);
    world.play(async move |me| {
        for (number, plan) in plans {
            me.sleep_until(Time::ZERO + Duration::from_secs(plan.at)).await;
            let (kernel, list) = (me.kernel().clone(), Rc::clone(&list));
            let on_end = move |report| {
                list.borrow_mut().push((kernel.now().as_nanos(), Event::Ended(number, report)));
            };
            service.submit(&me.address(), 0, request(&plan, actors, on_end));
        }
        me.sleep(Duration::from_secs(60)).await;
    });
    log.take()
}

proptest! {
    #![proptest_config(isotherm_testing::cases(3_000))]

    #[test]
    fn a_sleeper_is_indistinguishable_from_an_executor(
        plans in prop::collection::vec(plan(), 1..14),
        cores in prop_oneof![Just(2u32), Just(1000)],
    ) {
        let with_actors = play(&plans, cores, true);
        let without = play(&plans, cores, false);
        prop_assert_eq!(&with_actors, &without);
        let ends = without.iter().filter(|(_, event)| matches!(event, Event::Ended(..)));
        prop_assert_eq!(ends.count(), plans.len(), "each ends once");
    }

    #[test]
    fn executors_keep_the_order_of_the_reference(
        mut plans in prop::collection::vec(plan(), 1..14),
    ) {
        for plan in &mut plans {
            plan.at_limit = AtLimit::TimedOut;
            // The reference ignores a limit of zero.
            plan.limit = plan.limit.filter(|&limit| limit > 0);
        }
        let expected = play_by_hand(&plans);
        prop_assert_eq!(expected.len(), plans.len());
        prop_assert_eq!(&play_alone(&plans, true), &expected);
        prop_assert_eq!(&play_alone(&plans, false), &expected);
    }
}
