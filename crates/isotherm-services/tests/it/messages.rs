//! Messages between services: senders, receivers and dates, network costs, and lost messages.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::{Duration, Time};
use isotherm_services::{Action, ActionRequest};
use isotherm_services::{
    Address, BareMetalConfig, BareMetalService, Delivery, ExecutionController, FailureCause,
    Message, MessageEvent, Port, StorageConfig, StorageService,
};

const MB: u64 = 1_000_000;

#[derive(Debug, PartialEq)]
struct Note(u32);

impl Message for Note {
    fn kind(&self) -> &'static str {
        "note"
    }
}

fn watch(world: &World) -> Rc<RefCell<Vec<MessageEvent>>> {
    let events: Rc<RefCell<Vec<MessageEvent>>> = Rc::default();
    let list = Rc::clone(&events);
    world.site.observe_messages(Box::new(move |event| list.borrow_mut().push(event.clone())));
    events
}

fn words(events: &RefCell<Vec<MessageEvent>>) -> Vec<(String, String, &'static str)> {
    let events = events.borrow();
    let words =
        events.iter().map(|event| (event.from.to_string(), event.to.to_string(), event.kind));
    words.collect()
}

/// Sends notes of these sizes from user to head at once; returns their numbers and dates of
/// arrival.
fn arrivals(delivery: Delivery, sizes: &'static [u64]) -> Vec<(u32, Time)> {
    let world = World::new();
    let address = Address::new(&world.site, world.head, "inbox");
    let port: Port<Note> = Port::at(&world.site, address, delivery);
    world.play(async move |me| {
        for (number, &bytes) in sizes.iter().enumerate() {
            port.send(&me.address(), bytes, Note(number as u32));
        }
        let mut arrivals = Vec::new();
        for _ in sizes {
            arrivals.push((port.receive().await.0, me.now()));
        }
        arrivals
    })
}

#[test]
fn a_message_of_no_bytes_is_there_at_once() {
    assert_eq!(arrivals(Delivery::Concurrent, &[0, 0]), [(0, Time::ZERO), (1, Time::ZERO)]);
    assert_eq!(arrivals(Delivery::OneAtATime, &[0, 0]), [(0, Time::ZERO), (1, Time::ZERO)]);
}

#[test]
fn messages_with_a_payload_share_the_network_and_may_overtake() {
    // 3 MB and 1 MB share the link until the smaller one has arrived; the rest of the larger one is
    // alone.
    let arrivals = arrivals(Delivery::Concurrent, &[3 * MB, MB, 0]);
    assert_eq!(arrivals[0], (2, Time::ZERO));
    assert_eq!(arrivals[1].0, 1);
    assert_date(arrivals[1].1, WAN_LATENCY + 1e6 / (WAN / 2.0));
    assert_eq!(arrivals[2].0, 0);
    assert_date(arrivals[2].1, WAN_LATENCY + 4e6 / WAN);
}

#[test]
fn a_controller_that_has_moved_sends_from_where_it_is() {
    // 1 MB from the node over the fast link, in place of the slow one of the user.
    let world = World::new();
    let port: Port<Note> = Port::new(&world.site, world.head, "inbox");
    let (user, node) = (world.user, world.node);
    let date = world.play(async move |me| {
        let address = me.address().to_string();
        me.migrate(node);
        assert_eq!((me.host(), me.address().name()), (node, "controller"));
        assert_eq!(me.address().to_string(), "node/controller");
        port.send(&me.address(), MB, Note(0));
        port.receive().await;
        let arrived = me.now();
        me.clone().migrate(user);
        assert_eq!(me.address().to_string(), address);
        arrived
    });
    assert_date(date, LAN_LATENCY + 1e6 / LAN);
}

#[test]
fn a_suspended_sender_sends_nothing_more() {
    // 3 MB over the slow link; after a tenth of a second the sender, which waits for the arrival,
    // stands still until 1 s.
    let world = World::new();
    let port: Port<Note> = Port::new(&world.site, world.head, "inbox");
    let sender = ExecutionController::spawn(&world.site, world.user, "sender", {
        let port = port.clone();
        async move |me| port.deliver(&me.address(), 3 * MB, Note(0)).await
    });
    let date = world.play(async move |me| {
        me.sleep(Duration::from_secs_f64(0.1)).await;
        sender.suspend();
        me.sleep(Duration::from_secs_f64(0.9)).await;
        sender.resume();
        assert_eq!(sender.join().await, Ok(Ok(())));
        me.now()
    });
    assert_date(date, WAN_LATENCY + 3e6 / WAN + 0.9);
}

#[test]
fn a_controller_suspends_itself() {
    let world = World::new();
    let lazy = ExecutionController::spawn(&world.site, world.user, "lazy", async move |me| {
        me.suspend_self().await;
        me.now()
    });
    let woken = world.play(async move |me| {
        me.sleep(Duration::from_secs(3)).await;
        assert!(lazy.is_suspended());
        lazy.resume();
        lazy.join().await.unwrap()
    });
    assert_date(woken, 3.0);
}

#[test]
fn one_at_a_time_each_message_pays_its_latency_after_the_one_before() {
    let arrivals = arrivals(Delivery::OneAtATime, &[3 * MB, MB, MB]);
    let dates = [3e6, 4e6, 5e6].map(|bytes| bytes / WAN);
    for (number, (arrival, date)) in arrivals.into_iter().zip(dates).enumerate() {
        assert_eq!(arrival.0 as usize, number);
        assert_date(arrival.1, date + (number + 1) as f64 * WAN_LATENCY);
    }
}

#[test]
fn a_message_that_is_lost_goes_back_to_its_sender() {
    for delivery in [Delivery::Concurrent, Delivery::OneAtATime] {
        let world = World::new();
        let address = Address::new(&world.site, world.head, "inbox");
        let port: Port<Note> = Port::at(&world.site, address, delivery);
        world.at(0.1, |platform| platform.link_off(platform.link("wan").unwrap()));
        world.at(0.2, |platform| platform.link_on(platform.link("wan").unwrap()));
        let lost = Rc::new(RefCell::new(Vec::new()));
        let (list, inbox) = (Rc::clone(&lost), port.clone());
        world.play(async move |me| {
            inbox.send_or(&me.address(), 10 * MB, Note(1), move |cause, note| {
                list.borrow_mut().push((cause, note));
            });
            inbox.send(&me.address(), 10 * MB, Note(2));
            me.sleep(secs(0.3)).await;
            // The port goes on afterwards.
            inbox.send(&me.address(), MB, Note(3));
            assert_eq!(inbox.receive().await, Note(3));
        });
        let cause = FailureCause::NetworkFailed { detail: "link `wan`".into() };
        assert_eq!(*lost.borrow(), [(cause, Note(1))]);
        assert!(port.is_empty());
    }
}

#[test]
fn delivering_waits_and_says_whether_it_arrived() {
    let world = World::new();
    let port: Port<Note> = Port::new(&world.site, world.head, "inbox");
    world.at(1.0, |platform| platform.link_off(platform.link("wan").unwrap()));
    world.play(async move |me| {
        port.deliver(&me.address(), MB, Note(1)).await.unwrap();
        assert_date(me.now(), WAN_LATENCY + 1e6 / WAN);
        assert_eq!(port.try_receive(), Some(Note(1)));
        let late = port.deliver(&me.address(), 100 * MB, Note(2)).await;
        assert_eq!(late.unwrap_err().code(), "network_failed");
        assert_date(me.now(), 1.0);
        assert_eq!(port.try_receive(), None);
    });
}

#[test]
fn receiving_may_time_out() {
    let world = World::new();
    let port: Port<Note> = Port::new(&world.site, world.head, "inbox");
    world.play(async move |me| {
        let patience = Duration::from_secs(30);
        assert!(port.receive_with_timeout(patience).await.is_err());
        assert_date(me.now(), 30.0);
        port.send(&me.address(), 0, Note(1));
        assert_eq!(port.receive_with_timeout(patience).await, Ok(Note(1)));
        assert_date(me.now(), 30.0);
    });
}

#[test]
fn a_closed_port_drops_what_it_has_and_what_arrives() {
    let world = World::new();
    let port: Port<Note> = Port::new(&world.site, world.head, "inbox");
    world.play(async move |me| {
        port.send(&me.address(), 0, Note(1));
        port.send(&me.address(), MB, Note(2));
        port.close();
        assert!(port.is_closed() && port.is_empty());
        me.sleep(secs(1.0)).await;
        assert!(port.is_empty());
        port.open();
        port.send(&me.address(), 0, Note(3));
        assert_eq!(port.receive().await, Note(3));
    });
}

#[test]
fn the_workflow_of_a_copy_can_be_watched() {
    let world = World::new();
    let service = |name: &str, host| {
        let config = StorageConfig { buffer: Some(MB), ..world.storage_config(name, host) };
        StorageService::start(&world.site, config)
    };
    let (from, to) = (service("repository", world.user), service("store", world.head));
    from.put("a", 1, 0).unwrap();
    let events = watch(&world);
    world.play(async move |me| {
        from.copy_to(&me.address(), "a", &to).await.unwrap();
    });
    let line = |from: &str, to: &str, kind| (from.to_owned(), to.to_owned(), kind);
    assert_eq!(
        words(&events),
        [
            line("user/controller", "head/store", "copy_request"),
            line("head/store", "user/repository", "read_request"),
            line("user/repository", "head/store", "read_answer"),
            line("head/store", "user/controller", "copy_answer"),
        ]
    );
}

#[test]
fn the_workflow_of_reading_and_writing_can_be_watched() {
    let world = World::new();
    let config = StorageConfig { control_bytes: 100, ..world.storage_config("store", world.head) };
    let storage = StorageService::start(&world.site, config);
    let events = watch(&world);
    world.play(async move |me| {
        storage.write(&me.address(), "a", 1).await.unwrap();
        storage.read(&me.address(), "a", None).await.unwrap();
        storage.delete(&me.address(), "a").await.unwrap();
        storage.lookup(&me.address(), "a").await.unwrap();
        storage.free_space(&me.address()).await.unwrap();
        storage.stop(&me.address()).await.unwrap();
    });
    let kinds: Vec<_> = words(&events).into_iter().map(|(.., kind)| kind).collect();
    assert_eq!(
        kinds,
        [
            "write_request",
            "write_answer",
            "write_acknowledgement",
            "read_request",
            "read_answer",
            "read_acknowledgement",
            "delete_request",
            "delete_answer",
            "lookup_request",
            "lookup_answer",
            "free_space_request",
            "free_space_answer",
            "stop_request",
            "stop_answer",
        ]
    );
    let events = events.borrow();
    assert!(events.iter().all(|event| event.payload_bytes == 100));
    assert!(events.iter().is_sorted_by_key(|event| event.sent));
    // An event has the date of sending: the answer is sent when the request has arrived.
    assert_eq!(events[0].sent, Time::ZERO);
    assert_date(events[1].sent, WAN_LATENCY + 100.0 / WAN);
}

#[test]
fn submissions_are_messages_too() {
    let world = World::new();
    let config = BareMetalConfig { name: "compute".into(), host: world.node, cores: None };
    let service = BareMetalService::start(&world.site, config);
    let events = watch(&world);
    world.play(async move |me| {
        let request = ActionRequest::new("a", Action::Sleep(Duration::from_secs(1)), |_| {});
        service.submit(&me.address(), 0, request);
    });
    assert_eq!(
        words(&events),
        [("user/controller".to_owned(), "node/compute".to_owned(), "action_request")]
    );
}

#[test]
fn an_observer_may_send_messages_and_add_observers() {
    let world = World::new();
    let port: Port<Note> = Port::new(&world.site, world.head, "inbox");
    let (site, copies) = (world.site.clone(), port.clone());
    let me = Address::new(&world.site, world.head, "observer");
    let seen = Rc::new(RefCell::new(0));
    let count = Rc::clone(&seen);
    world.site.observe_messages(Box::new(move |_| {
        copies.send(&me, 0, Note(9));
        let count = Rc::clone(&count);
        site.observe_messages(Box::new(move |_| *count.borrow_mut() += 1));
    }));
    let sender = Address::new(&world.site, world.user, "test");
    port.send(&sender, 0, Note(1));
    assert_eq!((port.len(), *seen.borrow()), (2, 0));
    port.send(&sender, 0, Note(2));
    assert_eq!((port.len(), *seen.borrow()), (4, 1));
}

#[test]
fn an_address_reads_host_and_name() {
    let world = World::new();
    let address = Address::new(&world.site, world.head, "a/b");
    assert_eq!((address.to_string().as_str(), address.name()), ("head/a/b", "a/b"));
    assert_eq!(address.host(), world.head);
}
