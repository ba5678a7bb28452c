//! Actors and mailboxes: joining, killing, groups, rendezvous, timeouts, and the order of
//! receivers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::simulation;
use isotherm_kernel::{
    ActivitySpec, Duration, JoinError, Rank, RunError, Sharing, Simulation, Time, join, join_all,
    select_all,
};

struct OnDrop(Rc<Cell<u32>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn join_gives_the_value_once() {
    let (simulation, kernel) = simulation();
    kernel.clone().spawn("parent", async move {
        let sleeper = kernel.clone();
        let child = kernel.spawn("child", async move {
            sleeper.sleep(Duration::from_secs(5)).await;
            42
        });
        assert!(!child.is_finished());
        assert_eq!(child.join().await, Ok(42));
        assert_eq!(child.join().await, Err(JoinError::Taken));
        assert_eq!(kernel.now(), Time::from_secs_f64(5.0));
    });
    simulation.run().unwrap();
}

#[test]
fn killing_drops_the_future_at_once_and_frees_what_it_held() {
    let (simulation, kernel) = simulation();
    let dropped = Rc::new(Cell::new(0));
    let link = kernel.resource(10.0, Sharing::Shared);
    let guard = OnDrop(dropped.clone());
    let victim = kernel.spawn("victim", {
        let kernel = kernel.clone();
        async move {
            let _guard = guard;
            kernel.start(ActivitySpec::new(Rank::Network, 1000.0).uses(link, 1.0)).await.unwrap();
        }
    });
    kernel.clone().spawn("killer", async move {
        let own = kernel.start(ActivitySpec::new(Rank::Network, 20.0).uses(link, 1.0));
        kernel.sleep(Duration::from_secs(2)).await;
        // Two flows at 5/s each: 10 of 20 are left. Alone at 10/s it takes one more second.
        assert_eq!(own.remaining(), 10.0);
        victim.kill();
        assert_eq!(dropped.get(), 1);
        assert_eq!(victim.join().await, Err(JoinError::Killed));
        own.await.unwrap();
        assert_eq!(kernel.now(), Time::from_secs_f64(3.0));
    });
    simulation.run().unwrap();
}

#[test]
fn an_actor_that_kills_itself_ends_when_it_next_waits() {
    let (simulation, kernel) = simulation();
    let reached = Rc::new(Cell::new(false));
    let mark = reached.clone();
    let own = kernel.clone();
    let actor = kernel.spawn("lemming", async move {
        own.kill(own.current());
        mark.set(true);
        own.sleep(Duration::from_secs(1)).await;
        unreachable!("killed");
    });
    kernel.spawn("watcher", async move {
        assert_eq!(actor.join().await, Err(JoinError::Killed));
    });
    assert_eq!(simulation.run(), Ok(Time::ZERO));
    assert!(reached.get());
}

#[test]
fn a_group_dies_together() {
    let (simulation, kernel) = simulation();
    let host = kernel.group();
    let dropped = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let (kernel, guard) = (kernel.clone(), OnDrop(dropped.clone()));
        simulation.kernel().actor("on host").group(host).spawn(async move {
            let _guard = guard;
            kernel.sleep(Duration::from_secs(100)).await;
        });
    }
    kernel.clone().spawn("operator", async move {
        kernel.sleep(Duration::from_secs(1)).await;
        kernel.kill_group(host);
    });
    assert_eq!(simulation.run(), Ok(Time::from_secs_f64(1.0)));
    assert_eq!(dropped.get(), 3);
}

#[test]
fn guards_of_killed_actors_may_use_the_kernel() {
    struct Report(isotherm_kernel::Mailbox<&'static str>);
    impl Drop for Report {
        fn drop(&mut self) {
            self.0.send_detached("gone");
        }
    }
    let (simulation, kernel) = simulation();
    let mailbox = kernel.mailbox("reports");
    let report = Report(mailbox.clone());
    let victim = kernel.spawn("victim", {
        let kernel = kernel.clone();
        async move {
            let _report = report;
            kernel.sleep(Duration::from_secs(10)).await;
        }
    });
    kernel.spawn("killer", async move {
        victim.kill();
        assert_eq!(mailbox.receive().await, "gone");
    });
    simulation.run().unwrap();
}

#[test]
fn a_rendezvous_waits_for_the_receiver_and_a_detached_send_does_not() {
    let (simulation, kernel) = simulation();
    let mailbox = kernel.mailbox("box");
    let sender = kernel.clone();
    let outgoing = mailbox.clone();
    kernel.spawn("sender", async move {
        outgoing.send_detached(1);
        assert_eq!(sender.now(), Time::ZERO);
        outgoing.send(2).await;
        assert_eq!(sender.now(), Time::from_secs_f64(3.0));
    });
    kernel.clone().spawn("receiver", async move {
        kernel.sleep(Duration::from_secs(3)).await;
        assert_eq!(mailbox.receive().await, 1);
        assert_eq!(mailbox.receive().await, 2);
    });
    simulation.run().unwrap();
}

#[test]
fn receivers_are_served_in_the_order_in_which_they_came() {
    let (simulation, kernel) = simulation();
    let mailbox = kernel.mailbox::<u32>("box");
    let log = Rc::new(RefCell::new(Vec::new()));
    for receiver in 0..3 {
        let (mailbox, log) = (mailbox.clone(), log.clone());
        kernel.spawn("receiver", async move {
            let value = mailbox.receive().await;
            log.borrow_mut().push((receiver, value));
        });
    }
    kernel.clone().spawn("sender", async move {
        for value in 10..13 {
            kernel.sleep(Duration::from_secs(1)).await;
            mailbox.send_detached(value);
        }
    });
    simulation.run().unwrap();
    assert_eq!(*log.borrow(), [(0, 10), (1, 11), (2, 12)]);
}

#[test]
fn a_receiver_that_leaves_passes_its_message_on() {
    let (simulation, kernel) = simulation();
    let mailbox = kernel.mailbox::<u32>("box");
    let first = kernel.spawn("first", {
        let mailbox = mailbox.clone();
        async move { mailbox.receive().await }
    });
    let second = kernel.spawn("second", {
        let mailbox = mailbox.clone();
        async move { mailbox.receive().await }
    });
    kernel.clone().spawn("sender", async move {
        kernel.sleep(Duration::from_secs(1)).await;
        mailbox.send_detached(5);
        // The first receiver has been woken for it, but is killed before it runs.
        first.kill();
        assert_eq!(second.join().await, Ok(5));
    });
    simulation.run().unwrap();
}

#[test]
fn a_message_that_comes_exactly_at_the_time_out_is_in_time() {
    let (simulation, kernel) = simulation();
    let mailbox = kernel.mailbox::<u32>("box");
    let sender = kernel.clone();
    let outgoing = mailbox.clone();
    kernel.spawn("sender", async move {
        sender.sleep(Duration::from_secs(1)).await;
        outgoing.send_detached(5);
        sender.sleep(Duration::from_secs(2)).await;
        outgoing.send_detached(6);
    });
    kernel.clone().spawn("receiver", async move {
        assert_eq!(mailbox.receive_with_timeout(Duration::from_secs(1)).await, Ok(5));
        assert!(mailbox.receive_with_timeout(Duration::from_secs(1)).await.is_err());
        assert_eq!(kernel.now(), Time::from_secs_f64(2.0));
        assert_eq!(mailbox.receive().await, 6);
    });
    simulation.run().unwrap();
}

#[test]
fn joins_and_selects_over_many() {
    let (simulation, kernel) = simulation();
    kernel.clone().spawn("waiter", async move {
        let nap = |seconds| {
            let kernel = kernel.clone();
            async move {
                kernel.sleep(Duration::from_secs(seconds)).await;
                seconds
            }
        };
        assert_eq!(join_all([nap(3), nap(1), nap(2)]).await, [3, 1, 2]);
        assert_eq!(kernel.now(), Time::from_secs_f64(3.0));
        assert_eq!(select_all([nap(3), nap(1), nap(2)]).await, (1, 1));
        assert_eq!(kernel.now(), Time::from_secs_f64(4.0));
        assert_eq!(join(nap(1), nap(2)).await, (1, 2));
        assert_eq!(kernel.now(), Time::from_secs_f64(6.0));
        assert!(join_all(Vec::<std::future::Ready<()>>::new()).await.is_empty());
    });
    simulation.run().unwrap();
}

#[test]
fn an_activity_left_alone_reports_to_its_callback() {
    let (simulation, kernel) = simulation();
    let link = kernel.resource(1.0, Sharing::Shared);
    let mailbox = kernel.mailbox("ends");
    let ends = mailbox.clone();
    kernel.start(ActivitySpec::new(Rank::Network, 2.0).uses(link, 1.0)).on_end(
        move |kernel, result| {
            ends.send_detached((kernel.now(), result));
        },
    );
    kernel.spawn("waiter", async move {
        assert_eq!(mailbox.receive().await, (Time::from_secs_f64(2.0), Ok(())));
    });
    simulation.run().unwrap();
}

#[test]
fn a_watcher_sees_how_far_a_run_has_come_and_can_end_it() {
    use std::ops::ControlFlow;
    let seen = Rc::new(RefCell::new(Vec::new()));
    let looks = Rc::clone(&seen);
    let simulation = Simulation::new().with_watcher(10, move |now| {
        looks.borrow_mut().push(now.as_secs_f64());
        if looks.borrow().len() < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let kernel = simulation.kernel();
    let clock = kernel.clone();
    kernel.spawn("clock", async move {
        loop {
            clock.sleep(Duration::from_secs(1)).await;
        }
    });
    // The first step starts the clock at 0 s. Each second has two: its date is reached, and the
    // clock runs. So the tenth step is the date of 5 s, the twentieth that of 10 s, and the
    // thirtieth that of 15 s.
    let end = simulation.run();
    assert_eq!(end, Err(RunError::Interrupted { at: Time::from_nanos(15_000_000_000) }));
    assert_eq!(*seen.borrow(), [5.0, 10.0, 15.0]);
}

#[test]
fn what_a_cancelled_call_holds_may_end_other_things() {
    let (simulation, kernel) = simulation();
    let link = kernel.resource(1e9, Sharing::Shared);
    let clock = kernel.clone();
    kernel.spawn("canceller", async move {
        let flow = clock.start(ActivitySpec::new(Rank::Network, 5e9).uses(link, 1.0));
        let sleep = clock.sleep(Duration::from_secs(9));
        let call = clock.call_after(Duration::from_secs(3), move |_| drop((flow, sleep)));
        clock.sleep(Duration::from_secs(1)).await;
        assert!(clock.cancel_call(call), "it was still to happen");
        assert!(clock.users_of(link).is_empty(), "the flow has ended with the call that held it");
    });
    assert_eq!(simulation.run(), Ok(Time::from_nanos(1_000_000_000)));
}
