//! The message workflow as such: who tells whom what, when, and with which payload.

use crate::common::*;
use isotherm_serverless::{Limits, Outcome, Payloads, Preset};
use isotherm_services::FailureCause;

const MANAGER: &str = "user/function_manager";
const SERVICE: &str = "head/serverless";
const NODE0: &str = "node0/serverless_node";
const BARE_METAL: &str = "node0/serverless_bare_metal";
const USER: &str = "user/controller";

/// Every payload has another size.
const PAYLOADS: Payloads = Payloads {
    register_request: 10_000,
    register_answer: 2_000,
    invoke_request: 1_000_000,
    invoke_answer: 4_096,
    completion: 250_000,
};

#[test]
fn registering_and_refusing() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |_| {});
    let log = world.log_messages();
    let (manager, image) = (world.manager.clone(), world.image("image", 50 * MB));
    let refused = world.play({
        let service = service.clone();
        async move |me| {
            let function = sleeper("f", Some(&image), 2.0);
            register(&manager, &service, &function, limit(10.0)).await;
            until(&me, 1.0).await;
            // 64 GB of memory on the only node: 50 MB for the image and one byte too many for the
            // container.
            let limits = limit(10.0).memory(64 * GB - 50 * MB + 1);
            manager.register(&function, &service, limits).await.unwrap_err()
        }
    });
    assert_eq!(refused.code(), "not_allowed");
    assert!(refused.to_string().contains("memory limit (63950000001 bytes)"), "{refused}");
    log.assert(&[
        (0.0, MANAGER, SERVICE, "register_request", 0),
        (0.0, SERVICE, MANAGER, "register_answer", 0),
        (1.0, MANAGER, SERVICE, "register_request", 0),
        (1.0, SERVICE, MANAGER, "register_answer", 0),
    ]);
    assert_eq!(service.checks(), 2, "the books are checked after each of the two messages");
}

#[test]
fn reasons_for_refusing() {
    let small = NodeSpec { memory: GB, disk: 10 * GB, ..NODE };
    let world = World::with_head_disk(&[small], 5 * GB);
    let service = world.service(Preset::Default, |_| {});
    let (manager, repository) = (world.manager.clone(), world.repository.clone());
    world.play(async move |_| {
        let answer = async |bytes: u64, memory_bytes: u64, limits: Limits| {
            let image = manager.image("image", bytes, memory_bytes, &repository);
            manager.register(&sleeper("f", Some(&image), 1.0), &service, limits).await.map(drop)
        };
        let refused = async |bytes, memory_bytes, limits, why: &str| {
            let cause = answer(bytes, memory_bytes, limits).await.unwrap_err();
            assert!(
                matches!(&cause, FailureCause::NotAllowed { reason } if reason.contains(why)),
                "{cause}"
            );
        };
        // What just fits is accepted: 5 GB on the head disk, 5 + 5 on the node's, 0.4 + 0.6 in its
        // memory.
        assert_eq!(
            answer(5 * GB, 400 * MB, limit(1.0).disk(5 * GB).memory(600 * MB)).await,
            Ok(())
        );
        refused(5 * GB + 1, 0, limit(1.0), "head disk").await;
        refused(5 * GB, 0, limit(1.0).disk(5 * GB + 1), "disk limit").await;
        refused(5 * GB, 400 * MB, limit(1.0).memory(600 * MB + 1), "memory limit").await;
    });
}

/// A cold invocation, then a warm one, with messages of no size.
#[test]
fn invoking_cold_and_warm() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| {
        keep(config, 100.0);
        config.startup_overhead = secs(1.0);
    });
    let log = world.log_messages();
    let (manager, image) = (world.manager.clone(), world.image("image", 50 * MB));
    let function = sleeper("f", Some(&image), 2.0);
    world.play({
        let service = service.clone();
        async move |me| {
            // The controller speaks for itself here.
            let manager = manager.called_from(me.address().clone());
            let f = register(&manager, &service, &function, limit(10.0)).await;
            served(&manager, &f).await;
            until(&me, 50.0).await;
            served(&manager, &f).await;
            until(&me, 200.0).await;
        }
    });
    let downloaded = download(50 * MB);
    let copied = downloaded + copy(50 * MB);
    let loaded = copied + load(50 * MB);
    let ended = loaded + 1.0 + 2.0;
    log.assert(&[
        (0.0, USER, SERVICE, "register_request", 0),
        (0.0, SERVICE, USER, "register_answer", 0),
        (0.0, USER, SERVICE, "invoke_request", 0),
        (0.0, SERVICE, USER, "invoke_answer", 0),
        (0.0, USER, MANAGER, "wait_request", 0),
        (downloaded, SERVICE, SERVICE, "download_ended", 0),
        (copied, NODE0, SERVICE, "copy_ended", 0),
        (loaded, NODE0, SERVICE, "load_ended", 0),
        (loaded, SERVICE, BARE_METAL, "action_request", 0),
        (ended, NODE0, SERVICE, "body_ended", 0),
        (ended, SERVICE, MANAGER, "completion", 0),
        (ended, MANAGER, USER, "wait_answer", 0),
        (50.0, USER, SERVICE, "invoke_request", 0),
        (50.0, SERVICE, USER, "invoke_answer", 0),
        (50.0, SERVICE, BARE_METAL, "action_request", 0),
        (50.0, USER, MANAGER, "wait_request", 0),
        (52.0, NODE0, SERVICE, "body_ended", 0),
        (52.0, SERVICE, MANAGER, "completion", 0),
        (52.0, MANAGER, USER, "wait_answer", 0),
        // The first idle period was cut short and its timer cancelled; this is the end of the
        // second.
        (152.0, SERVICE, SERVICE, "idle_timeout", 0),
    ]);
    assert_eq!(
        service.checks(),
        world.messages_to(&service),
        "the books are checked after every message"
    );
    assert_eq!(service.checks(), 9);
}

/// The same with payloads, each of which takes 13.01 · 20 µs and its bytes / (0.97 · 20 MB/s /
/// 1.05).
#[test]
fn invoking_cold_and_warm_with_payloads() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| {
        keep(config, 100.0);
        config.payloads = PAYLOADS;
    });
    let log = world.log_messages();
    let (manager, image) = (world.manager.clone(), world.image("image", 50 * MB));
    let function = sleeper("f", Some(&image), 2.0);
    world.play(async move |me| {
        let f = register(&manager, &service, &function, limit(10.0)).await;
        served(&manager, &f).await;
        until(&me, 50.0).await;
        served(&manager, &f).await;
        assert_date(me.now(), 50.0 + wan(1_000_000) + 2.0 + wan(250_000));
    });
    let registered = wan(10_000) + wan(2_000);
    let submitted = registered + wan(1_000_000);
    let answered = submitted + wan(4_096);
    // The answer and the download begin together and share the slow link from the end of their
    // latency phases on: the answer is over when 2 · 4,096 bytes have crossed, the download when
    // everything has.
    let answered = answered + 4_096.0 / WAN;
    let downloaded = submitted + download(50 * MB) + 4_096.0 / WAN;
    let copied = downloaded + copy(50 * MB);
    let loaded = copied + load(50 * MB);
    let warm = 50.0 + wan(1_000_000);
    log.assert(&[
        (0.0, MANAGER, SERVICE, "register_request", 10_000),
        (wan(10_000), SERVICE, MANAGER, "register_answer", 2_000),
        (registered, MANAGER, SERVICE, "invoke_request", 1_000_000),
        (submitted, SERVICE, MANAGER, "invoke_answer", 4_096),
        (answered, MANAGER, MANAGER, "wait_request", 0),
        (downloaded, SERVICE, SERVICE, "download_ended", 0),
        (copied, NODE0, SERVICE, "copy_ended", 0),
        (loaded, NODE0, SERVICE, "load_ended", 0),
        (loaded, SERVICE, BARE_METAL, "action_request", 0),
        (loaded + 2.0, NODE0, SERVICE, "body_ended", 0),
        (loaded + 2.0, SERVICE, MANAGER, "completion", 250_000),
        (loaded + 2.0 + wan(250_000), MANAGER, MANAGER, "wait_answer", 0),
        (50.0, MANAGER, SERVICE, "invoke_request", 1_000_000),
        (warm, SERVICE, MANAGER, "invoke_answer", 4_096),
        (warm, SERVICE, BARE_METAL, "action_request", 0),
        (warm + wan(4_096), MANAGER, MANAGER, "wait_request", 0),
        (warm + 2.0, NODE0, SERVICE, "body_ended", 0),
        (warm + 2.0, SERVICE, MANAGER, "completion", 250_000),
        (warm + 2.0 + wan(250_000), MANAGER, MANAGER, "wait_answer", 0),
    ]);
}

/// Two invocations, one download, one copy, one load; completions reach the manager one after the
/// other.
#[test]
fn two_invocations_share_a_download() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| config.payloads.completion = 250_000);
    let (manager, image) = (world.manager.clone(), world.image("image", 50 * MB));
    let function = sleeper("f", Some(&image), 2.0);
    let log = world.log_messages();
    world.play(async move |me| {
        let f = register(&manager, &service, &function, limit(10.0)).await;
        let first = manager.invoke(&f).await.unwrap();
        until(&me, 1.0).await;
        let second = manager.invoke(&f).await.unwrap();
        manager.wait_all([&first, &second]).await;
    });
    let downloaded = download(50 * MB);
    let copied = downloaded + copy(50 * MB);
    let loaded = copied + load(50 * MB);
    let ended = loaded + 2.0;
    log.assert(&[
        (0.0, MANAGER, SERVICE, "register_request", 0),
        (0.0, SERVICE, MANAGER, "register_answer", 0),
        (0.0, MANAGER, SERVICE, "invoke_request", 0),
        (0.0, SERVICE, MANAGER, "invoke_answer", 0),
        (1.0, MANAGER, SERVICE, "invoke_request", 0),
        (1.0, SERVICE, MANAGER, "invoke_answer", 0),
        (1.0, MANAGER, MANAGER, "wait_request", 0),
        (downloaded, SERVICE, SERVICE, "download_ended", 0),
        (copied, NODE0, SERVICE, "copy_ended", 0),
        (loaded, NODE0, SERVICE, "load_ended", 0),
        (loaded, SERVICE, BARE_METAL, "action_request", 0),
        (loaded, SERVICE, BARE_METAL, "action_request", 0),
        (ended, NODE0, SERVICE, "body_ended", 0),
        (ended, NODE0, SERVICE, "body_ended", 0),
        (ended, SERVICE, MANAGER, "completion", 250_000),
        (ended, SERVICE, MANAGER, "completion", 250_000),
        // The second sets out when the first has arrived.
        (ended + 2.0 * wan(250_000), MANAGER, MANAGER, "wait_answer", 0),
    ]);
}

#[test]
fn a_time_out() {
    let (world, service, manager) = World::plain(1);
    let log = world.log_messages();
    let invocation = world.play(async move |_| {
        serve_once(&manager, &service, &sleeper("f", None, 50.0), limit(10.0)).await
    });
    assert_eq!((invocation.outcome(), code(&invocation)), (Some(Outcome::TimedOut), "time_limit"));
    log.assert(&[
        (0.0, MANAGER, SERVICE, "register_request", 0),
        (0.0, SERVICE, MANAGER, "register_answer", 0),
        (0.0, MANAGER, SERVICE, "invoke_request", 0),
        (0.0, SERVICE, MANAGER, "invoke_answer", 0),
        (0.0, SERVICE, BARE_METAL, "action_request", 0),
        (0.0, MANAGER, MANAGER, "wait_request", 0),
        (10.0, NODE0, SERVICE, "body_ended", 0),
        (10.0, SERVICE, MANAGER, "completion", 0),
        (10.0, MANAGER, MANAGER, "wait_answer", 0),
    ]);
}

#[test]
fn a_failed_download() {
    let (world, service, manager) = World::plain(1);
    let image = world.image("image", 50 * MB);
    let function = sleeper("f", Some(&image), 2.0);
    world.cut_wan(1.0);
    let log = world.log_messages();
    let invocation =
        world.play(async move |_| serve_once(&manager, &service, &function, limit(10.0)).await);
    assert_eq!(
        (invocation.outcome(), code(&invocation)),
        (Some(Outcome::Failed), "network_failed")
    );
    log.assert(&[
        (0.0, MANAGER, SERVICE, "register_request", 0),
        (0.0, SERVICE, MANAGER, "register_answer", 0),
        (0.0, MANAGER, SERVICE, "invoke_request", 0),
        (0.0, SERVICE, MANAGER, "invoke_answer", 0),
        (0.0, MANAGER, MANAGER, "wait_request", 0),
        (1.0, SERVICE, SERVICE, "download_ended", 0),
        // A message of no size needs no network.
        (1.0, SERVICE, MANAGER, "completion", 0),
        (1.0, MANAGER, MANAGER, "wait_answer", 0),
    ]);
}

/// One invocation runs, another waits for its image. The one that waits ends first; the service has
/// stopped when the last body has.
#[test]
fn a_stop_with_invocations_running() {
    let (world, service, manager) = World::plain(1);
    let image = world.image("image", 50 * MB);
    let log = world.log_messages();
    let (running, waiting) = world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", None, 50.0), limit(100.0)).await;
        let g = register(&manager, &service, &sleeper("g", Some(&image), 2.0), limit(100.0)).await;
        let running = manager.invoke(&f).await.unwrap();
        let waiting = manager.invoke(&g).await.unwrap();
        until(&me, 1.0).await;
        assert_eq!(manager.stop(&service).await, Ok(()));
        assert!(running.is_done() && waiting.is_done());
        let refused = manager.invoke(&f).await.unwrap_err();
        assert_eq!(refused, FailureCause::ServiceStopped { service: "serverless".into() });
        (running, waiting)
    });
    for invocation in [&running, &waiting] {
        assert_eq!(invocation.outcome(), Some(Outcome::Failed));
        assert_eq!(
            invocation.cause(),
            Some(FailureCause::ServiceStopped { service: "serverless".into() })
        );
        assert_date(invocation.record().finished, 1.0);
    }
    assert_date(running.record().started, 0.0);
    assert_eq!((running.record().ended, waiting.record().started), (None, None));
    log.assert(&[
        (0.0, MANAGER, SERVICE, "register_request", 0),
        (0.0, SERVICE, MANAGER, "register_answer", 0),
        (0.0, MANAGER, SERVICE, "register_request", 0),
        (0.0, SERVICE, MANAGER, "register_answer", 0),
        (0.0, MANAGER, SERVICE, "invoke_request", 0),
        (0.0, SERVICE, MANAGER, "invoke_answer", 0),
        (0.0, SERVICE, BARE_METAL, "action_request", 0),
        (0.0, MANAGER, SERVICE, "invoke_request", 0),
        (0.0, SERVICE, MANAGER, "invoke_answer", 0),
        (1.0, MANAGER, SERVICE, "stop_request", 0),
        (1.0, SERVICE, MANAGER, "completion", 0),
        (1.0, NODE0, SERVICE, "body_ended", 0),
        (1.0, SERVICE, MANAGER, "completion", 0),
        (1.0, SERVICE, MANAGER, "stop_answer", 0),
        (1.0, MANAGER, SERVICE, "invoke_request", 0),
        (1.0, SERVICE, MANAGER, "invoke_answer", 0),
    ]);
}

/// Many bodies end at one date: actions give their cores back before the service has heard of it,
/// and the check of the ledgers, which runs after every message, knows that.
#[test]
fn the_books_are_checked_after_every_message() {
    let world = World::new(2);
    let service = world.service(Preset::Default, |config| keep(config, 5.0));
    let manager = world.manager.clone();
    world.play({
        let service = service.clone();
        async move |me| {
            let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(10.0)).await;
            let mut invocations = Vec::new();
            for _ in 0..30 {
                invocations.push(manager.invoke(&f).await.unwrap());
            }
            manager.wait_all(&invocations).await;
            // 20 slots: two batches.
            assert_date(me.now(), 2.0);
            until(&me, 10.0).await;
        }
    });
    // 1 registration, 30 requests, 30 ends, and the two dates at which ten containers each have
    // been idle for long enough. That the ten which serve the second batch have been idle before is
    // no message.
    assert_eq!(world.messages_to(&service), 1 + 30 + 30 + 2);
    assert_eq!(service.checks(), world.messages_to(&service));
    let submitted: u64 = (0..2)
        .map(|node| service.ledger(isotherm_serverless::NodeId(node)).unwrap().submitted)
        .sum();
    assert_eq!(submitted, 30, "actions submitted = dispatches");
    let auditor = world.auditor(&service);
    let counters = auditor.borrow().counters().clone();
    assert_eq!((counters.cold_starts, counters.warm_starts), (20, 10));
}
