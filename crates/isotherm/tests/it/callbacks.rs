//! Who is called by a service may ask it.

use std::cell::RefCell;
use std::rc::Rc;

use isotherm::prelude::*;

/// A sink that asks, and has another sink given the later records.
struct Asking {
    service: ServerlessComputeService,
    others: Option<Rc<RefCell<Vec<InvocationRecord>>>>,
    unfinished: Vec<usize>,
}

impl RecordSink for Asking {
    fn record(&mut self, record: &InvocationRecord) {
        assert!(self.service.slots_used(NodeId(0)).is_some_and(|used| used <= 1));
        self.unfinished.push(self.service.unfinished().len());
        self.others.get_or_insert_with(|| self.service.collect_records());
        assert_eq!(&*record.function, "f");
    }
}

#[test]
fn observers_and_sinks_may_ask_their_service() -> Result<(), isotherm::Error> {
    let world = World::new(Cluster::new(1).cores(1).build()?)?;
    let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes());
    let platform = ServerlessComputeService::start(world.site(), config)?;
    let sink = Rc::new(RefCell::new(Asking {
        service: platform.clone(),
        others: None,
        unfinished: Vec::new(),
    }));
    platform.records_to(sink.clone());

    let seen = Rc::<RefCell<Vec<String>>>::default();
    let invocations = Rc::<RefCell<Vec<Invocation>>>::default();
    let (asked, notes, handles, manager) =
        (platform.clone(), seen.clone(), invocations.clone(), RefCell::new(None));
    let (site, user) = (world.site().clone(), world.host("user")?);
    platform.observe(Box::new(move |event| {
        let states: Vec<_> = handles.borrow().iter().map(Invocation::state).collect();
        assert!(handles.borrow().iter().all(|invocation| &*invocation.record().function == "f"));
        match event.kind {
            EventKind::Ended { invocation, .. } => {
                let note = format!(
                    "{} ends at {}, {} slots, {states:?}",
                    invocation.0,
                    event.at,
                    asked.slots_used(NodeId(0)).unwrap()
                );
                notes.borrow_mut().push(note);
                // It sends messages, and has others listen.
                let function = asked.registered("f").unwrap();
                let mut manager = manager.borrow_mut();
                let manager = manager
                    .get_or_insert_with(|| FunctionManager::start_named(&site, user, "observer"));
                if invocation.0 == 0 {
                    manager.invoke_detached(&function, Some(Body::sleep(secs(5))));
                    let notes = notes.clone();
                    asked.observe(Box::new(move |event| {
                        if let EventKind::Ended { invocation, .. } = event.kind {
                            notes
                                .borrow_mut()
                                .push(format!("{} is heard by the new one", invocation.0));
                        }
                    }));
                }
            }
            _ => assert!(asked.unfinished().len() <= 3),
        }
    }));
    let service = platform.clone();
    world.controller(user, "controller", async move |me| {
        let functions = me.function_manager();
        let function = Function::new("f", None, Body::sleep(secs(1)));
        let function = functions.register(&function, &platform, Limits::time(secs(10))).await?;
        for _ in 0..2 {
            let invocation = functions.invoke(&function).await?;
            invocations.borrow_mut().push(invocation);
        }
        functions.drain(&platform).await?;
        Ok(())
    });
    assert_eq!(world.run()?, Time::ZERO + secs(7));
    let expected = [
        "0 ends at 1.000000000, 1 slots, [Ended(Completed), Running]",
        "1 ends at 2.000000000, 1 slots, [Ended(Completed), Ended(Completed)]",
        "1 is heard by the new one",
        "2 ends at 7.000000000, 0 slots, [Ended(Completed), Ended(Completed)]",
        "2 is heard by the new one",
    ];
    assert_eq!(*seen.borrow(), expected);
    assert_eq!(service.requests_lost(), 0);
    Ok(())
}

/// The reference spends the processing overhead of a request in its main loop: meanwhile it hears
/// of nothing. Bodies end, or are killed, on their nodes all the same.
#[test]
fn a_service_of_the_reference_hears_of_ends_when_it_has_processed_its_requests()
-> Result<(), isotherm::Error> {
    let world = World::new(Cluster::new(1).cores(8).build()?)?;
    let mut config = ServiceConfig::on_hosts(Preset::Wrench, world.host("head")?, world.nodes());
    config.processing_overhead = secs(1);
    let platform = ServerlessComputeService::start(world.site(), config)?;
    let records = platform.collect_records();
    let service = platform.clone();
    world.controller(world.host("user")?, "controller", async move |me| {
        let functions = me.function_manager();
        let function = Function::new("f", None, Body::sleep(secs(20)));
        let function = functions.register(&function, &platform, Limits::time(secs(1))).await?;
        for _ in 0..5 {
            functions.invoke_detached(&function, None);
        }
        // The first one ran from 1 s to 2 s, the second one runs; the service knows of no end.
        me.sleep(secs(2.5)).await;
        assert_eq!(platform.ledger(NodeId(0)).map(|ledger| ledger.cores_in_use), Some(1));
        assert_eq!(platform.slots_used(NodeId(0)), Some(2));
        functions.drain(&platform).await?;
        Ok(())
    });
    world.run()?;
    let heard: Vec<_> = records
        .borrow()
        .iter()
        .map(|record| (record.started, record.finished, record.ended))
        .collect();
    let at = |seconds: u64| Time::ZERO + secs(seconds as f64);
    assert_eq!(
        heard,
        [1, 2, 3, 4, 5].map(|second| (Some(at(second)), at((second + 1).max(5)), None))
    );
    assert!(records.borrow().iter().all(|record| record.outcome == Outcome::TimedOut));
    assert_eq!(service.requests_lost(), 0);
    Ok(())
}
