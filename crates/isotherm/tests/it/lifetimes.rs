//! Nothing of a simulation outlives it, however it ends, unless its user still holds it.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use isotherm::kernel::WeakKernel;
use isotherm::prelude::*;

/// How a simulation ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// All controllers have ended; the rest is cut off.
    Normal,
    TimeLimit,
    EventLimit,
    Interrupt,
    ControllerFails,
    Deadlock,
    BodyPanics,
    PolicyPanics,
    ObserverPanics,
    HeadFails,
    NodesFail,
    Stopped,
    Killed,
    /// It was never run.
    NotRun,
}

const ENDS: [End; 14] = [
    End::Normal,
    End::TimeLimit,
    End::EventLimit,
    End::Interrupt,
    End::ControllerFails,
    End::Deadlock,
    End::BodyPanics,
    End::PolicyPanics,
    End::ObserverPanics,
    End::HeadFails,
    End::NodesFail,
    End::Stopped,
    End::Killed,
    End::NotRun,
];

/// A keep-alive policy that holds the service that it is a policy of.
struct Holder {
    service: Rc<RefCell<Option<ServerlessComputeService>>>,
    panics: bool,
    _token: Token,
}

impl KeepAlive for Holder {
    fn keep(&mut self, _: &IdleNow) -> Keep {
        assert!(!self.panics, "the policy panics");
        assert!(self.service.borrow().is_some());
        Keep::Forever
    }
}

/// Something of the user's that is to be dropped too.
type Token = Rc<()>;

/// What the user may still hold afterwards.
#[derive(Default)]
struct Kept {
    functions: Vec<RegisteredFunction>,
    invocations: Vec<Invocation>,
    services: Vec<ServerlessComputeService>,
    sites: Vec<Site>,
}

/// Plays a simulation in which much is unfinished at 5 s, when it ends in this way. What holds what
/// is as tangled as can be.
fn play(end: End, token: &Token, kept: &Rc<RefCell<Kept>>) -> Result<WeakKernel, isotherm::Error> {
    let limits = isotherm::kernel::Limits {
        max_time: (end == End::TimeLimit).then_some(Time::ZERO + secs(5)),
        max_events: (end == End::EventLimit).then_some(40),
        ..Default::default()
    };
    let watched = Rc::clone(token);
    let simulation = Simulation::new().with_limits(limits).with_watcher(1, move |now| {
        let _watched = &watched;
        let is_late = now >= Time::ZERO + secs(5);
        if end == End::Interrupt && is_late {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let kernel = simulation.kernel().downgrade();
    let world = World::with(simulation, Cluster::new(2).cores(8).memory(32 * GB).build()?)?;
    let (site, user, head) = (world.site().clone(), world.host("user")?, world.host("head")?);
    let repository = world.storage("repository", world.host("repository")?)?;
    let image = Image::put("image", 100 * MB, 100 * MB, &repository)?;
    let late = Image::put("late", 100 * GB, GB, &repository)?;

    let service = Rc::new(RefCell::new(None));
    let policy = Holder {
        service: service.clone(),
        panics: end == End::PolicyPanics,
        _token: token.clone(),
    };
    let config =
        ServiceConfig::on_hosts(Preset::Default, head, world.nodes()).with_keep_alive(policy);
    let platform = ServerlessComputeService::start(&site, config)?;
    *service.borrow_mut() = Some(platform.clone());
    kept.borrow_mut().services.push(platform.clone());
    kept.borrow_mut().sites.push(site.clone());

    // Whoever listens holds what it listens to.
    let (held, listening) = ((platform.clone(), site.clone(), repository.clone()), token.clone());
    platform.observe(Box::new(move |event| {
        let _held = (&held, &listening);
        let ends = matches!(event.kind, EventKind::Ended { .. });
        assert!(end != End::ObserverPanics || !ends, "the observer panics");
    }));
    let (held, listening) = ((platform.clone(), site.clone(), repository.clone()), token.clone());
    site.observe_messages(Box::new(move |_| drop((held.clone(), listening.clone()))));
    let (held, listening) = ((platform.clone(), site.clone(), repository.clone()), token.clone());
    site.platform().observe_hosts(move |_, _| drop((held.clone(), listening.clone())));
    let (held, listening) = ((platform.clone(), site.clone(), repository.clone()), token.clone());
    repository.observe_evictions(Box::new(move |_| drop((held.clone(), listening.clone()))));

    let bare_metal =
        BareMetalService::start(&site, BareMetalConfig::new("bare_metal", world.nodes()[0]));
    // A message that holds the mailbox that contains it.
    let letters = site.kernel().mailbox::<(Mailbox<Token>, Token)>("letters");
    let answers = site.kernel().mailbox::<Token>("answers");
    letters.send_detached((answers.clone(), token.clone()));
    answers.send_detached(token.clone());
    let turned = site.kernel().mailbox::<Box<dyn std::any::Any>>("turned");
    turned.send_detached(Box::new(turned.clone()));
    let held = (platform.clone(), token.clone());
    site.kernel().call_after(minutes(5), move |_| drop(held));
    let held = (platform.clone(), token.clone());
    site.kernel().background_at(
        Time::ZERO + minutes(5),
        isotherm::kernel::Change::Once,
        move |_| drop(held),
    );

    let (mine, kept, token) = (site.clone(), Rc::clone(kept), token.clone());
    let nodes = world.nodes();
    let controller = world.controller(user, "controller", async move |me| {
        let functions = me.function_manager();
        let limits = Limits::time(minutes(9)).memory(GB).disk(GB);
        let mut register = Vec::new();
        // A leaf, a body that holds the leaf, and one that holds itself.
        let leaf = Function::new("leaf", Some(image), Body::sleep(secs(2)));
        let leaf = functions.register(&leaf, &platform, limits).await?;
        let (held, holds) = (leaf.clone(), token.clone());
        let outer = Body::custom(async move |call| {
            let _holds = &holds;
            for _ in 0..3 {
                let invocation = call.functions().invoke(&held).await?;
                call.functions().wait_one(&invocation).await;
            }
            assert!(end != End::BodyPanics, "the body panics");
            call.storage().write("file", 100 * MB).await?;
            call.sleep(minutes(8)).await;
            Ok(())
        });
        register.push(
            functions.register(&Function::new("outer", None, outer), &platform, limits).await?,
        );
        let itself = Rc::new(RefCell::new(None::<RegisteredFunction>));
        let held = (itself.clone(), token.clone());
        let recursive = Body::custom(async move |call| {
            let me = held.0.borrow().clone();
            call.sleep(secs(1)).await;
            if let Some(me) = me {
                call.functions().invoke_detached(&me, Some(Body::sleep(minutes(7))));
            }
            std::future::pending().await
        });
        let recursive = functions
            .register(&Function::new("recursive", None, recursive), &platform, limits)
            .await?;
        *itself.borrow_mut() = Some(recursive.clone());
        register.push(recursive);
        // Its image is on its way for minutes.
        let late = Function::new("late", Some(late), Body::sleep(secs(1)));
        register.push(functions.register(&late, &platform, limits).await?);
        register.push(leaf);

        let mut invocations = Vec::new();
        for function in &register {
            for _ in 0..3 {
                invocations.push(functions.invoke(function).await?);
            }
            functions.invoke_detached(function, None);
        }
        // Actors wait for all of them, for a transfer, and there are more actions than
        // cores.
        let (waiting, waited) = (functions.clone(), invocations.clone());
        let daemon = |name| mine.kernel().actor(name).daemon();
        drop(daemon("waiting").spawn(async move { waiting.wait_all(&waited).await }));
        let (reader, from) = (repository.clone(), me.address().clone());
        drop(daemon("reading").spawn(async move { reader.read(&from, "late", None).await }));
        for _ in 0..40 {
            let held = (bare_metal.clone(), token.clone());
            let action = Action::custom(move |context| async move {
                let _held = held;
                context.sleep(minutes(6)).await;
                Ok(())
            });
            bare_metal.submit(&me.address(), 1000, ActionRequest::new("action", action, |_| ()));
        }
        kept.borrow_mut().functions.extend(register);
        kept.borrow_mut().invocations.extend(invocations);
        drop(kept);
        me.sleep(secs(5)).await;
        match end {
            End::ControllerFails => Err(isotherm::Error::other("no more"))?,
            End::Deadlock => std::future::pending::<()>().await,
            End::HeadFails => mine.platform().turn_off(head),
            End::NodesFail => nodes.iter().for_each(|&node| mine.platform().turn_off(node)),
            End::Stopped => functions.stop(&platform).await?,
            End::TimeLimit | End::EventLimit | End::Interrupt => me.sleep(minutes(1)).await,
            End::BodyPanics | End::PolicyPanics | End::ObserverPanics => me.sleep(minutes(1)).await,
            End::Normal | End::Killed | End::NotRun => {}
        }
        me.sleep(secs(1)).await;
        Ok(())
    });
    if end == End::NotRun {
        return Ok(kernel);
    }
    if end == End::Killed {
        let site = site.clone();
        world.controller(user, "killer", async move |me| {
            me.sleep(secs(3)).await;
            controller.kill();
            drop(site);
            Ok(())
        });
    }
    let ended = catch_unwind(AssertUnwindSafe(|| world.run()));
    match end {
        End::BodyPanics | End::PolicyPanics | End::ObserverPanics => {
            let message = *ended.unwrap_err().downcast::<&str>().expect("the message of the panic");
            assert!(message.ends_with(" panics"), "{message}");
        }
        End::Normal | End::Stopped | End::Killed | End::HeadFails | End::NodesFail => {
            let ended = ended.expect("nobody has panicked");
            assert!(ended.is_ok(), "{end:?}: {ended:?}");
        }
        _ => {
            let error = ended.expect("nobody has panicked").unwrap_err();
            let expected = match end {
                End::TimeLimit => "time limit",
                End::EventLimit => "limit of 40 events",
                End::Interrupt => "interrupted",
                End::ControllerFails => "no more",
                _ => "deadlock",
            };
            assert!(error.to_string().contains(expected), "{end:?}: {error}");
        }
    }
    Ok(kernel)
}

/// Every handle on anything in a simulation holds the kernel, so that it is there as long as any of
/// them is.
#[test]
fn nothing_outlives_its_simulation_however_that_ends() -> Result<(), isotherm::Error> {
    for end in ENDS {
        let (token, kept) = (Token::default(), Rc::<RefCell<Kept>>::default());
        let kernel = play(end, &token, &kept)?;
        let handles =
            Rc::try_unwrap(kept).map_err(|_| format!("{end:?}: somebody holds what was kept"));
        let handles = handles.map_err(isotherm::Error::other)?.into_inner();
        assert_eq!(
            handles.invocations.is_empty(),
            end == End::NotRun,
            "{end:?}: the simulation has come far enough"
        );
        // The user's own handles keep what they stand for, and tell how far it had come.
        assert!(kernel.upgrade().is_some(), "{end:?}");
        for invocation in &handles.invocations {
            let (state, record) = (invocation.state(), invocation.record());
            assert_eq!(invocation.outcome().map(InvocationState::Ended).unwrap_or(state), state);
            assert!(record.submitted <= Time::ZERO + secs(5));
        }
        for function in &handles.functions {
            assert!(
                ["leaf", "outer", "recursive", "late"].contains(&&**function.function().name())
            );
        }
        drop(handles.services[0].unfinished().unwrap());
        // What is asked of a simulation that is gone is not done, and keeps nothing.
        for function in &handles.functions {
            let token = token.clone();
            let body = Body::custom(async move |_| {
                let _token = &token;
                Ok(())
            });
            let manager = FunctionManager::start(
                &handles.sites[0],
                handles.services[0].head_storage().host(),
            );
            manager.invoke_detached(function, Some(body));
        }
        assert_eq!(Rc::strong_count(&token), 1, "{end:?}: something of the user's is still held");
        drop(handles);
        assert!(kernel.upgrade().is_none(), "{end:?}: somebody still holds the kernel");
    }
    Ok(())
}

/// A run ends all actors, the daemons of services too, so a second one could only give what makes
/// no sense.
#[test]
fn a_second_run_is_an_error() -> Result<(), isotherm::Error> {
    let world = World::new(Cluster::new(1).build()?)?;
    let user = world.host("user")?;
    world.controller(user, "first", async |me| {
        me.sleep(secs(5)).await;
        Ok(())
    });
    assert_eq!(world.run()?, Time::ZERO + secs(5));
    world.controller(user, "second", async |_| panic!("it never runs"));
    for _ in 0..2 {
        let error = world.run().unwrap_err();
        assert!(
            matches!(error, isotherm::Error::Run(RunError::AlreadyRun { ended }) if ended == Time::ZERO + secs(5))
        );
        assert!(
            error
                .to_string()
                .starts_with("the simulation has been run before, until 5.000000000 s: "),
            "{error}"
        );
    }
    // However the first one ended.
    let limits =
        isotherm::kernel::Limits { max_time: Some(Time::ZERO + secs(1)), ..Default::default() };
    let simulation = Simulation::new().with_limits(limits);
    simulation.kernel().spawn("sleeper", simulation.kernel().sleep(secs(2)));
    assert!(matches!(simulation.run(), Err(RunError::TimeLimit { .. })));
    assert!(matches!(simulation.run(), Err(RunError::AlreadyRun { .. })));
    Ok(())
}

/// Panics of the user's pass through, and what they leave can be asked and dropped, also while
/// another one is on its way.
#[test]
fn a_panic_leaves_the_process_usable() {
    let dropped_while_unwinding = catch_unwind(|| {
        let world = World::new(Cluster::new(1).build().unwrap()).unwrap();
        let user = world.host("user").unwrap();
        let config =
            ServiceConfig::on_hosts(Preset::Default, world.host("head").unwrap(), world.nodes());
        let platform = ServerlessComputeService::start(world.site(), config).unwrap();
        world.controller(user, "panics", async move |me| {
            let functions = me.function_manager();
            let function = Function::new("f", None, Body::custom(async |_| panic!("in a body")));
            let function = functions.register(&function, &platform, Limits::time(secs(9))).await?;
            functions.wait_one(&functions.invoke(&function).await?).await;
            Ok(())
        });
        // Everything is dropped by the unwinding itself.
        world.run().unwrap()
    });
    assert_eq!(dropped_while_unwinding.unwrap_err().downcast_ref::<&str>(), Some(&"in a body"));

    let simulation = Simulation::new();
    let kernel = simulation.kernel();
    kernel.spawn("panics", async { panic!("in an actor") });
    kernel.spawn("sleeps", kernel.sleep(secs(1)));
    assert!(catch_unwind(AssertUnwindSafe(|| simulation.run())).is_err());
    assert_eq!(simulation.run(), Err(RunError::AlreadyRun { ended: Time::ZERO }));
    let weak = kernel.downgrade();
    drop((simulation, kernel));
    assert!(weak.upgrade().is_none());
}
