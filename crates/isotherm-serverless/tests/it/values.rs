//! Inputs and outputs of invocations, and the time that their sizes take.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::common::*;
use isotherm_platform::Part;
use isotherm_serverless::{
    Body, Function, FunctionManager, Given, Invocation, InvocationState, Outcome, Payloads,
    Planned, Preset, RegisteredFunction, ServerlessComputeService, ValueError, ValueKind,
};
use isotherm_services::FailureCause;

/// Seconds for so many bytes across the fast link, whose flow is crossed by its acknowledgements.
fn lan(bytes: u64) -> f64 {
    LAN_LATENCY + bytes as f64 / (0.97 * 12.5e9 / 1.05)
}

async fn with_body(
    manager: &FunctionManager,
    service: &ServerlessComputeService,
    name: &str,
    body: Body,
) -> RegisteredFunction {
    register(manager, service, &Function::new(name, None, body), limit(100.0)).await
}

/// Values of any type go there and back, at no cost without a size; a body passes on what it gets
/// from others.
#[test]
fn values_go_there_and_back() {
    #[derive(Debug)]
    struct Photo {
        pixels: u64,
    }
    let (world, service, manager) = World::plain(1);
    world.play(async move |me| {
        let half = Body::custom(async |call| {
            let photo = call.input::<Photo>()?;
            call.sleep(secs(1.0)).await;
            call.set_output(Photo { pixels: photo.pixels / 2 });
            Ok(())
        });
        let half = with_body(&manager, &service, "half", half).await;
        let quarter = Body::custom(async move |call| {
            let mut photo = call.input::<Photo>()?;
            for _ in 0..2 {
                // The same value, or the one that the other function has made.
                let functions = call.functions();
                let invocation =
                    functions.request(&half).input(Photo { pixels: photo.pixels }).send().await?;
                functions.wait_one(&invocation).await;
                photo = invocation.output::<Photo>()?;
            }
            call.set_output(photo.pixels);
            Ok(())
        });
        let quarter = with_body(&manager, &service, "quarter", quarter).await;
        let request = manager.request(&quarter).input(Photo { pixels: 1000 });
        let invocation = request.send().await.unwrap();
        let early = invocation.output::<u64>().unwrap_err();
        assert_eq!(early, ValueError::NotDone { function: "quarter".into() });
        manager.wait_one(&invocation).await;
        assert_eq!(*invocation.output::<u64>().unwrap(), 250);
        assert_date(me.now(), 2.0);
    });
}

/// A value that is missing or of another type is an error that says so.
#[test]
fn what_is_no_value_says_why() {
    let (world, service, manager) = World::plain(1);
    world.play(async move |_| {
        let body = Body::custom(async |call| {
            call.set_output(*call.input::<u32>()? + 1);
            Ok(())
        });
        let f = with_body(&manager, &service, "f", body).await;
        let message = |invocation: &Invocation| invocation.cause().unwrap().to_string();

        let none = served(&manager, &f).await;
        let expected =
            "the body failed: function `f` was invoked without an input; it needs a `u32`";
        assert_eq!(message(&none), expected);
        let cause = none.cause().unwrap();
        let failed = ValueError::NotCompleted { function: "f".into(), cause };
        assert_eq!(none.output::<u32>().unwrap_err(), failed);

        let other = manager.request(&f).input("1").send().await.unwrap();
        manager.wait_one(&other).await;
        assert_eq!(
            message(&other),
            "the body failed: the input of function `f` is a `&str`, not a `u32`"
        );

        let right = manager.request(&f).input(1u32).send().await.unwrap();
        manager.wait_one(&right).await;
        let (value, function) = (ValueKind::Output, "f".into());
        let other = ValueError::OtherType { value, function, wanted: "i32", found: "u32" };
        assert_eq!(right.output::<i32>().unwrap_err(), other);
        assert_eq!(*right.output::<u32>().unwrap(), 2);

        let silent = manager.request(&f).input(1u32).body(Body::sleep(secs(1.0)));
        let silent = silent.send().await.unwrap();
        manager.wait_one(&silent).await;
        let nothing = ValueError::NoOutput { function: "f".into(), wanted: "u32" };
        assert_eq!(silent.output::<u32>().unwrap_err(), nothing);
    });
}

/// The sizes take their time on each part of the way, beside the payloads of the messages; the
/// dates of the record show it.
#[test]
fn sizes_take_time_on_the_network() {
    let world = World::new(1);
    let payloads = Payloads { invoke_request: MB, completion: 2 * MB, ..Payloads::default() };
    let service = world.service(Preset::Default, |config| {
        config.payloads = payloads;
        config.startup_overhead = secs(0.5);
    });
    let manager = world.manager.clone();
    let log = world.log_messages();
    let (request, input, output, completion) =
        (wan(41 * MB), lan(40 * MB), lan(60 * MB), wan(62 * MB));
    world.play(async move |me| {
        let function = sleeper("f", None, 3.0).with_input_bytes(40 * MB).with_output_bytes(60 * MB);
        let f = register(&manager, &service, &function, limit(3.5)).await;
        let invocation = manager.invoke(&f).await.unwrap();
        assert_date(me.now(), request);
        assert_eq!(invocation.state(), InvocationState::Starting);
        me.sleep(secs(0.5 + input / 2.0)).await;
        assert_eq!(invocation.state(), InvocationState::Starting);
        assert_eq!(invocation.record().started, None);
        me.sleep(secs(input / 2.0 + 1e-6)).await;
        assert_eq!(invocation.state(), InvocationState::Running);
        manager.wait_one(&invocation).await;
        let started = request + 0.5 + input;
        assert_completed(&invocation, request, started, started + 3.0);
        assert_date(invocation.record().finished, started + 3.0 + output);
        assert_date(me.now(), started + 3.0 + output + completion);
    });
    let log = log.0.borrow();
    let sized: Vec<_> = log.iter().filter(|event| event.payload_bytes > 0).collect();
    let sized: Vec<_> = sized.iter().map(|event| (event.kind, event.payload_bytes)).collect();
    let expected = [
        ("invoke_request", 41 * MB),
        ("action_input", 40 * MB),
        ("body_ended", 60 * MB),
        ("completion", 62 * MB),
    ];
    assert_eq!(sized, expected);
}

/// A request says its own sizes, and a body that of its output; they hold for detached invocations
/// too. An invocation that does not complete sends no output.
#[test]
fn sizes_of_single_invocations() {
    let (world, service, manager) = World::plain(1);
    let records = service.collect_records();
    world.play(async move |_| {
        let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(2.0)).await;
        let sized = || manager.request(&f).input_bytes(10 * MB).output_bytes(20 * MB);
        sized().send_detached();
        manager.drain(&service).await.unwrap();
        let grows = Body::custom(async |call| {
            call.set_output_bytes(4 * call.input_bytes());
            call.sleep(secs(1.0)).await;
            Ok(())
        });
        let invocation = sized().body(grows).send().await.unwrap();
        manager.wait_one(&invocation).await;
        let fails = Body::custom(async |_| Err(FailureCause::Cancelled));
        let invocation = sized().body(fails).send().await.unwrap();
        manager.wait_one(&invocation).await;
        let invocation = sized().body(Body::sleep(secs(5.0))).send().await.unwrap();
        manager.wait_one(&invocation).await;
        assert_eq!(invocation.outcome(), Some(Outcome::TimedOut));
    });
    let records = records.borrow();
    for (record, (body, output)) in
        records.iter().zip([(1.0, lan(20 * MB)), (1.0, lan(40 * MB)), (0.0, 0.0), (2.0, 0.0)])
    {
        let expected = record.submitted.as_secs_f64() + lan(10 * MB) + body + output;
        assert_date(record.finished, expected);
    }
    assert_eq!(records.len(), 4);
}

/// Replayed invocations have inputs and sizes of their own, alone at their date or not, beside
/// others that have none.
#[test]
fn replayed_invocations_are_given_inputs() {
    let (world, service, manager) = World::plain(1);
    let records = service.collect_records();
    let got: Rc<RefCell<Vec<Option<u64>>>> = Rc::default();
    let notes = Rc::clone(&got);
    world.play(async move |_| {
        let body = Body::custom(async move |call| {
            notes.borrow_mut().push(call.input::<u64>().ok().map(|value| *value));
            call.sleep(secs(1.0)).await;
            Ok(())
        });
        let f = with_body(&manager, &service, "f", body).await;
        let at = |second: f64| Planned { at: date(second), function: 0, body: None };
        let given = Given::default;
        let shared = at(40.0).given(given().input(3u64));
        let source = [
            at(0.0).given(given().input(1u64)),
            at(0.0).into(),
            at(10.0).given(given().input(2u64).input_bytes(10 * MB).output_bytes(20 * MB)),
            at(20.0).given(given().input_bytes(30 * MB)),
            at(20.0).into(),
            shared.clone(),
            shared,
        ];
        let functions = [f];
        assert_eq!(manager.replay(&service, &functions, source.into_iter()).await, Ok(7));
        manager.drain(&service).await.unwrap();
        let unknown = Planned { function: 1, ..at(50.0) }.given(given().input(5u64));
        let cause = manager.replay(&service, &functions, [unknown].into_iter()).await.unwrap_err();
        assert_eq!(cause.code(), "function_not_registered");
    });
    // The smaller request of two at one date is there first.
    assert_eq!(got.take(), [Some(1), None, Some(2), None, None, Some(3), Some(3)]);
    let mut records = records.take();
    records.sort_by_key(|record| record.id);
    let expected = [
        (0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0),
        (10.0 + wan(10 * MB), lan(10 * MB), lan(20 * MB)),
        (20.0, 0.0, 0.0),
        (20.0 + wan(30 * MB), lan(30 * MB), 0.0),
        (40.0, 0.0, 0.0),
        (40.0, 0.0, 0.0),
    ];
    assert_eq!(records.len(), expected.len());
    for (record, (submitted, input, output)) in records.iter().zip(expected) {
        assert_date(record.submitted, submitted);
        assert_date(record.finished, submitted + input + 1.0 + output);
    }
}

/// A value that is on its way is lost with the link or the host, and the invocation fails, or has
/// no output.
#[test]
fn what_is_on_its_way_may_be_lost() {
    // 1 GB takes 0.09 s: the input until 0.09, the output from 1.09 to 1.18.
    let play = |date: f64, turn_off: fn(&World, f64)| {
        let (world, service, manager) = World::plain(1);
        turn_off(&world, date);
        world.play(async move |me| {
            let function = sleeper("f", None, 1.0).with_output_bytes(GB);
            let f = register(&manager, &service, &function, limit(10.0)).await;
            let link = Body::custom(async |call| {
                call.set_output(7);
                call.sleep(secs(1.0)).await;
                Ok(())
            });
            // The request itself is sent at once.
            let invocation = manager.request(&f).body(link).send().await.unwrap();
            me.sleep(secs(3.0)).await;
            invocation
        })
    };
    let link = |world: &World, date: f64| {
        world.at(date, |platform| platform.link_off(platform.link("lan").unwrap()));
    };
    let node = |world: &World, date: f64| {
        world.turn_off(date, world.nodes[0]);
        world.turn_on(date + 0.5, world.nodes[0]);
    };
    for (turn_off, expected) in [(link as fn(&World, f64), "network_failed"), (node, "host_failed")]
    {
        let invocation = play(1.05, turn_off);
        assert_eq!((invocation.outcome(), code(&invocation)), (Some(Outcome::Failed), expected));
        assert_date(invocation.record().ended, 1.0);
        assert_date(invocation.record().finished, 1.05);
    }
    // On its way from the service to the user: completed, without its output.
    let invocation = play(1.5, |world, date| world.cut_wan(date));
    assert_eq!(invocation.outcome(), Some(Outcome::Completed));
    let lost = invocation.output::<i32>().unwrap_err();
    let ValueError::Lost { cause, .. } = &lost else { panic!("{lost}") };
    assert!(lost.to_string().ends_with("on its way: the network failed: link `wan`"), "{lost}");
    assert_eq!(cause.code(), "network_failed");
}

/// An invocation whose output is on its way has not ended: it is cancelled, or stopped with the
/// service, at that date, and the transfer of 100 GB, which takes 9 s, ends.
#[test]
fn an_output_on_its_way_is_cut_off() {
    for (stops, outcome, expected) in
        [(false, Outcome::Cancelled, "cancelled"), (true, Outcome::Failed, "service_stopped")]
    {
        let (world, service, manager) = World::plain(1);
        let platform = world.platform().clone();
        let lan = Part::Link(platform.link("lan").unwrap());
        platform.meter(lan);
        world.play(async move |me| {
            let function = sleeper("f", None, 1.0).with_output_bytes(100 * GB);
            let f = register(&manager, &service, &function, limit(10.0)).await;
            let invocation = manager.invoke(&f).await.unwrap();
            until(&me, 2.0).await;
            if stops {
                manager.stop(&service).await.unwrap();
            } else {
                assert_eq!(manager.cancel(&invocation).await, Ok(true));
            }
            manager.wait_one(&invocation).await;
            assert_eq!((invocation.outcome(), code(&invocation)), (Some(outcome), expected));
            assert_date(invocation.record().ended, 1.0);
            assert_date(invocation.record().finished, 2.0);
            until(&me, 5.0).await;
            assert_duration(platform.usage(lan).unwrap().busy, 1.0 - LAN_LATENCY);
            assert!(service.live_tables().contains(&("outputs on their way", 0)));
        });
    }
}

/// An input that does not come fails the invocation before its body begins; a cancelled one does
/// not begin either.
#[test]
fn an_input_may_not_come() {
    let (world, service, manager) = World::plain(1);
    let user = world.site.platform().clone();
    world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(10.0)).await;
        let lan = user.link("lan").unwrap();
        for (what, outcome) in [("cut", Outcome::Failed), ("cancel", Outcome::Cancelled)] {
            let begun = Rc::new(Cell::new(false));
            let notes = Rc::clone(&begun);
            let body = Body::custom(async move |_| {
                notes.set(true);
                Ok(())
            });
            // It is at the service at once: 10 GB need 0.9 s to the node.
            let parts = manager.request(&f).body(body).input_bytes(10 * MB);
            let invocation = parts.send().await.unwrap();
            me.sleep(secs(lan_part())).await;
            match what {
                "cut" => user.link_off(lan),
                _ => assert!(manager.cancel(&invocation).await.unwrap()),
            }
            manager.wait_one(&invocation).await;
            user.link_on(lan);
            assert_eq!(invocation.outcome(), Some(outcome), "{what}");
            assert_eq!(invocation.record().started, None);
            assert!(!begun.get());
        }
    });
    fn lan_part() -> f64 {
        lan(10 * MB) / 2.0
    }
}

/// Inputs are dropped at the end, outputs with the last handle, and neither while the service is
/// busy: it can be asked.
#[test]
fn values_are_dropped() {
    struct Asks(ServerlessComputeService, Rc<RefCell<Vec<&'static str>>>, &'static str);
    impl Drop for Asks {
        fn drop(&mut self) {
            assert!(self.0.unfinished().unwrap().is_empty());
            self.1.borrow_mut().push(self.2);
        }
    }
    let (world, service, manager) = World::plain(1);
    let dropped: Rc<RefCell<Vec<&'static str>>> = Rc::default();
    let notes = Rc::clone(&dropped);
    world.play(async move |_| {
        let asks = |what| Asks(service.clone(), Rc::clone(&notes), what);
        let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(10.0)).await;
        let (service, noted) = (service.clone(), Rc::clone(&notes));
        let body = Body::custom(async move |call| {
            call.set_output(Asks(service.clone(), Rc::clone(&noted), "output"));
            call.sleep(secs(1.0)).await;
            Ok(())
        });
        let request = manager.request(&f).input(asks("input")).body(body);
        let invocation = request.send().await.unwrap();
        manager.wait_one(&invocation).await;
        assert_eq!(*notes.borrow(), ["input"]);
        drop(invocation);
        assert_eq!(*notes.borrow(), ["input", "output"]);
        manager.request(&f).input(asks("of a detached one")).send_detached();
        manager.drain(f.service()).await.unwrap();
    });
    assert_eq!(*dropped.borrow(), ["input", "output", "of a detached one"]);
}
