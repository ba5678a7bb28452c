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
        assert!(self.service.slots_used(NodeId(0)).is_ok_and(|used| used <= Some(1)));
        self.unfinished.push(self.service.unfinished().unwrap().len());
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
                    asked.slots_used(NodeId(0)).unwrap().unwrap()
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
            _ => assert!(asked.unfinished().unwrap().len() <= 3),
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

/// Policies and an observer, all of which ask all that can be asked.
#[derive(Clone, Default)]
struct Curious(Rc<RefCell<Asked>>);

#[derive(Default)]
struct Asked {
    service: Option<ServerlessComputeService>,
    /// With the dates of their submission.
    invocations: Vec<(Invocation, Time)>,
    /// Who asked, and whether the service could be looked at.
    answers: std::collections::BTreeSet<(&'static str, bool)>,
    heard: u32,
    collected: Option<Rc<RefCell<Vec<InvocationRecord>>>>,
}

impl Curious {
    fn ask(&self, who: &'static str) {
        let mut asked = self.0.borrow_mut();
        let Some(service) = asked.service.clone() else { return };
        let looked = service.view(|view| view.nodes());
        let can_look = looked == Ok(1);
        assert!(can_look || looked.is_err());
        assert_eq!(service.unfinished().is_ok(), can_look);
        assert_eq!(service.why_unfinished().is_ok(), can_look);
        assert_eq!(service.slots_used(NodeId(0)).is_ok(), can_look);
        for &(ref invocation, submitted) in &asked.invocations {
            let state = invocation.state();
            let has_ended = matches!(state, InvocationState::Ended(_));
            assert_eq!(state == InvocationState::Changing, !can_look && !has_ended, "{who}");
            let record = invocation.record();
            assert_eq!((&*record.function, record.submitted), ("f", submitted), "{who}");
            assert!(format!("{invocation:?}").contains("id"));
        }
        assert!(service.registered("f").is_some());
        assert!(service.answer(Answer::Keep(Keep::No)).is_err());
        asked.answers.insert((who, can_look));
        // What is added here is told of what comes later.
        if who == "rank" && asked.collected.is_none() {
            asked.collected = Some(service.collect_records());
        }
        if who == "round" && asked.heard == 0 {
            asked.heard = 1;
            let (more, at_once) = (Rc::clone(&self.0), Rc::clone(&self.0));
            service.observe(Box::new(move |_| more.borrow_mut().heard |= 2));
            // Not while it asks: that is within its own borrow.
            service.observe_at_once(Box::new(move |_| {
                if let Ok(mut asked) = at_once.try_borrow_mut() {
                    asked.heard |= 4;
                }
            }));
        }
    }
}

impl Scheduler for Curious {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        self.ask("round");
        FcfsFullScan::new().round(view, plan);
    }
    fn place_alone(&mut self, _: &View<'_>, _: FunctionId) -> Option<Placed> {
        self.ask("place_alone");
        None
    }
}

impl KeepAlive for Curious {
    fn keep(&mut self, _: &IdleNow) -> Keep {
        self.ask("keep");
        Keep::Forever
    }
    fn invoked(&mut self, _: &Invoked) {
        self.ask("invoked");
    }
}

impl ContainerEviction for Curious {
    fn rank(&mut self, _: &View<'_>, _: &IdleContainer) -> Rank {
        self.ask("rank");
        Rank::of(0.0)
    }
    fn started(&mut self, _: NodeId, _: FunctionId) {
        self.ask("started");
    }
    fn used(&mut self, _: ContainerId, _: NodeId, _: FunctionId) {
        self.ask("used");
    }
    fn stopped(&mut self, _: &StoppedContainer) {
        self.ask("stopped");
    }
    fn choose(
        &self,
        view: &View<'_>,
        idle: &mut dyn Iterator<Item = IdleContainer>,
        missing: Missing,
    ) -> Option<Vec<ContainerId>> {
        self.ask("choose");
        LeastRecentlyUsed.choose(view, idle, missing)
    }
}

/// Whoever is called by a service may ask it. Who is called within a change of its state gets an
/// error instead of an answer.
#[test]
fn policies_may_ask_their_service() -> Result<(), isotherm::Error> {
    let run = |curious: Option<&Curious>| -> Result<Vec<InvocationRecord>, isotherm::Error> {
        let world = World::new(Cluster::new(1).cores(1).memory(GB).build()?)?;
        let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes());
        let config = match curious {
            None => config.with_scheduler(FcfsFullScan::new()).with_keep_alive(Fixed::FOREVER),
            Some(curious) => config
                .with_scheduler(curious.clone())
                .with_keep_alive(curious.clone())
                .with_eviction(curious.clone()),
        };
        let platform = ServerlessComputeService::start(world.site(), config)?;
        let records = platform.collect_records();
        if let Some(curious) = curious {
            curious.0.borrow_mut().service = Some(platform.clone());
            let at_once = curious.clone();
            platform.observe_at_once(Box::new(move |_| at_once.ask("at once")));
        }
        let asked = curious.cloned();
        world.controller(world.host("user")?, "controller", async move |me| {
            let functions = me.function_manager();
            let limits = Limits::time(secs(10)).memory(600 * MB);
            let register = async |name| {
                let function = Function::new(name, None, Body::sleep(secs(1)));
                functions.register(&function, &platform, limits).await
            };
            // Only one container has room, so that each use of the other function evicts one.
            let (f, g) = (register("f").await?, register("g").await?);
            for function in [&f, &f, &g, &f] {
                let submitted = me.now();
                let invocation = functions.invoke(function).await?;
                if let Some(Curious(asked)) = &asked
                    && *function == f
                {
                    asked.borrow_mut().invocations.push((invocation.clone(), submitted));
                }
                functions.wait_one(&invocation).await;
                me.sleep(secs(1)).await;
            }
            if let Some(Curious(asked)) = asked {
                *asked.borrow_mut() = Asked { service: None, ..asked.take() };
            }
            Ok(())
        });
        world.run()?;
        Ok(records.take())
    };
    let curious = Curious::default();
    assert_eq!(run(Some(&curious))?, run(None)?);
    let asked = curious.0.take();
    let expected = [
        ("at once", false),
        ("choose", false),
        ("invoked", true),
        ("keep", true),
        ("place_alone", true),
        ("rank", false),
        ("round", true),
        ("started", false),
        ("stopped", false),
        ("used", false),
    ];
    assert_eq!(asked.answers.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(asked.heard, 7);
    // From the first rank on, which is after the first record.
    assert_eq!(asked.collected.map(|records| records.borrow().len()), Some(3));
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
        assert_eq!(platform.slots_used(NodeId(0)), Ok(Some(2)));
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
