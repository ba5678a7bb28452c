//! Waiting for several things at once: in the right order, and without polling futures that have
//! not been woken.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::simulation;
use isotherm_kernel::{
    ActivitySpec, Duration, Either, Kernel, Mailbox, Random, RandomStreams, Rank, RunError,
    Sharing, Simulation, Time, join, join_all, select, select_all, with_deadline,
};
use proptest::prelude::*;

/// Counts how often a future is polled.
struct Counted<F> {
    future: Pin<Box<F>>,
    polls: Rc<Cell<u64>>,
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.polls.set(self.polls.get() + 1);
        self.future.as_mut().poll(context)
    }
}

fn counted<F: Future>(polls: &Rc<Cell<u64>>, future: F) -> Counted<F> {
    Counted { future: Box::pin(future), polls: Rc::clone(polls) }
}

/// Runs an actor to its end.
fn play<F: Future + 'static>(body: impl FnOnce(Kernel) -> F) -> Result<Time, RunError> {
    let simulation = Simulation::new();
    let actor = body(simulation.kernel());
    simulation.kernel().spawn("parent", async move {
        actor.await;
    });
    simulation.run()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Sleeps a number of times, at dates of its own.
async fn naps(kernel: Kernel, number: u64, times: u64) {
    for time in 0..times {
        kernel.sleep_until(Time::ZERO + secs(1 + time) + Duration::from_nanos(number)).await;
    }
}

const MANY: u64 = 1_000;
const TIMES: u64 = 5;

#[test]
fn a_wake_up_of_one_does_not_poll_the_others() {
    let polls = Rc::new(Cell::new(0));
    let counter = Rc::clone(&polls);
    play(|kernel| async move {
        join_all((0..MANY).map(|number| counted(&counter, naps(kernel.clone(), number, TIMES))))
            .await;
    })
    .unwrap();
    // Each is polled at the beginning, at each wake-up, and once more where it may be the first
    // that is pending.
    assert!(polls.get() <= MANY * (TIMES + 2), "{}", polls.get());
}

#[test]
fn neither_in_joins_of_joins() {
    let polls = Rc::new(Cell::new(0));
    let counter = Rc::clone(&polls);
    play(|kernel| async move {
        let group = |group: u64| {
            let members = (0..MANY / 10).map(move |number| group * MANY / 10 + number);
            let (kernel, counter) = (kernel.clone(), Rc::clone(&counter));
            let naps = members.map(move |number| {
                let limit = Time::ZERO + secs(100);
                let patient = kernel.clone();
                let napping = naps(kernel.clone(), number, TIMES);
                counted(&counter, async move { with_deadline(&patient, limit, napping).await })
            });
            join_all(naps)
        };
        let all = join_all((0..10).map(group)).await;
        assert!(all.iter().flatten().all(Result::is_ok));
    })
    .unwrap();
    assert!(polls.get() <= MANY * (TIMES + 2), "{}", polls.get());
}

#[test]
fn the_first_of_many_is_found_without_polling_the_others_again() {
    let polls = Rc::new(Cell::new(0));
    let counter = Rc::clone(&polls);
    play(|kernel| async move {
        let letters = kernel.mailbox::<u64>("letters");
        let talk = async {
            for number in 0..MANY {
                kernel.sleep(Duration::from_nanos(1)).await;
                letters.send_detached(number);
            }
        };
        // Messages wake the parent all the time.
        let listen = async { while letters.receive().await + 1 < MANY {} };
        let sleepers = select_all(
            (0..MANY)
                .map(|number| counted(&counter, kernel.sleep(secs(1 + (number + 500) % MANY)))),
        );
        let ((first, ()), _) = join(sleepers, join(talk, listen)).await;
        assert_eq!(first as u64, MANY - 500);
    })
    .unwrap();
    // One future is polled at each wake-up that belongs to none of them.
    assert!(polls.get() <= MANY + 3 * MANY, "{}", polls.get());
}

#[test]
fn many_may_wait_for_one_actor_or_one_mailbox() {
    let polls = Rc::new(Cell::new(0));
    let counter = Rc::clone(&polls);
    play(|kernel| async move {
        let letters = kernel.mailbox::<u64>("letters");
        let sender = kernel.spawn("sender", {
            let (kernel, letters) = (kernel.clone(), letters.clone());
            async move {
                for number in 0..MANY {
                    kernel.sleep(secs(1)).await;
                    letters.send(number).await;
                }
            }
        });
        let readers = (0..MANY).map(|_| counted(&counter, letters.receive()));
        let waiters = (0..MANY).map(|_| counted(&counter, sender.join()));
        let (read, joined) = join(join_all(readers), join_all(waiters)).await;
        // The receiver that has waited longest gets the next message.
        assert_eq!(read, (0..MANY).collect::<Vec<_>>());
        assert_eq!(
            joined.iter().filter(|joined| joined.is_ok()).count(),
            1,
            "one of them gets the value"
        );
    })
    .unwrap();
    // The first future that waits for the actor is polled at each message.
    assert!(polls.get() <= 6 * MANY, "{}", polls.get());
}

#[test]
fn what_is_ready_at_once_is_polled_once() {
    let polls = Rc::new(Cell::new(0));
    let counter = Rc::clone(&polls);
    play(|kernel| async move {
        let values =
            join_all((0..MANY).map(|number| counted(&counter, async move { number }))).await;
        assert_eq!(values, (0..MANY).collect::<Vec<_>>());
        assert_eq!(counter.replace(0), MANY);
        assert_eq!(
            select_all((0..MANY).map(|number| counted(&counter, async move { number }))).await,
            (0, 0)
        );
        assert_eq!(counter.replace(0), 1);
        // Futures that only yield.
        join_all((0..MANY).map(|_| counted(&counter, kernel.yield_now()))).await;
        assert_eq!(counter.get(), 2 * MANY);
        assert_eq!(join_all(Vec::<std::future::Ready<()>>::new()).await, []);
    })
    .unwrap();
}

#[test]
fn those_woken_together_are_asked_in_the_order_of_the_list() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&log);
    play(|kernel| async move {
        let nap = |number: u64| {
            let (kernel, log) = (kernel.clone(), Rc::clone(&noted));
            async move {
                kernel.sleep(secs(1)).await;
                log.borrow_mut().push(number);
            }
        };
        join_all((0..5).map(nap)).await;
    })
    .unwrap();
    // As actors they would wake in reverse.
    assert_eq!(*log.borrow(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_join_that_is_dropped_leaves_nothing_behind() {
    let end = play(|kernel| async move {
        let letters = kernel.mailbox::<u64>("letters");
        let disk = kernel.resource(1.0, Sharing::Shared);
        let work = || kernel.start(ActivitySpec::new(Rank::Disk, 1.0).uses(disk, 1.0));
        let joined = join_all(
            (0..10).map(|_| join(select(letters.receive(), kernel.sleep(secs(9))), work())),
        );
        assert!(with_deadline(&kernel, Time::ZERO + secs(1), joined).await.is_err());
        // No future is left that would take a message, wake for it, or use the disk.
        letters.send_detached(7);
        assert_eq!(letters.len(), 1);
        assert!(work().await.is_ok());
        assert_eq!(kernel.now(), Time::ZERO + secs(2));
        assert_eq!(letters.receive().await, 7);
    });
    assert_eq!(end, Ok(Time::ZERO + secs(2)));
}

#[test]
fn a_letter_for_one_that_gave_up_goes_to_the_next() {
    play(|kernel| async move {
        let letters = kernel.mailbox::<u64>("letters");
        let read = |patience| {
            let (kernel, letters) = (kernel.clone(), letters.clone());
            async move {
                let result = letters.receive_with_timeout(secs(patience)).await;
                (kernel.now().since(Time::ZERO), result.ok())
            }
        };
        kernel.spawn("sender", {
            let (kernel, letters) = (kernel.clone(), letters.clone());
            async move {
                for number in [0, 1] {
                    kernel.sleep(secs(2)).await;
                    letters.send_detached(number);
                }
            }
        });
        let read = join_all([read(1), read(5), read(3), read(9)]).await;
        assert_eq!(
            read,
            [(secs(1), None), (secs(2), Some(0)), (secs(3), None), (secs(4), Some(1))]
        );
    })
    .unwrap();
}

#[test]
fn what_nothing_can_wake_is_asked_whenever_the_actor_runs() {
    let end = play(|kernel| async move {
        let flag = Rc::new(Cell::new(false));
        kernel.spawn("setter", {
            let (kernel, flag) = (kernel.clone(), Rc::clone(&flag));
            async move {
                kernel.sleep(Duration::from_millis(2_500)).await;
                flag.set(true);
            }
        });
        let raised = poll_fn(|_| if flag.get() { Poll::Ready(()) } else { Poll::Pending });
        let raised = async {
            raised.await;
            kernel.now()
        };
        let clock = async {
            naps(kernel.clone(), 0, 5).await;
            kernel.now()
        };
        let futures: [Pin<Box<dyn Future<Output = Time> + '_>>; 2] =
            [Box::pin(clock), Box::pin(raised)];
        assert_eq!(join_all(futures).await, [Time::ZERO + secs(5), Time::ZERO + secs(3)]);
    });
    assert_eq!(end, Ok(Time::ZERO + secs(5)));
}

#[test]
fn a_deadlock_says_what_one_of_them_waits_for() {
    let error = play(|kernel| async move {
        let (orders, bills) = (kernel.mailbox::<u64>("orders"), kernel.mailbox::<u64>("bills"));
        let nap = kernel.sleep(secs(1));
        let order = async { orders.receive().await };
        let nap = async {
            nap.await;
            0
        };
        let bill = async { bills.receive().await };
        let futures: [Pin<Box<dyn Future<Output = u64> + '_>>; 3] =
            [Box::pin(order), Box::pin(nap), Box::pin(bill)];
        join_all(futures).await;
    });
    let error = error.unwrap_err().to_string();
    assert_eq!(
        error,
        "deadlock at 1.000000000 s: 'parent' waits for a message in mailbox 'orders'"
    );
}

/// Polls all futures at each wake-up.
async fn join_all_by_asking_all<F: Future>(futures: Vec<F>) {
    let mut futures: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    poll_fn(|context| {
        for slot in &mut futures {
            if slot.as_mut().is_some_and(|future| future.as_mut().poll(context).is_ready()) {
                *slot = None;
            }
        }
        if futures.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

type Log = Rc<RefCell<Vec<(Time, usize, &'static str)>>>;

/// The state shared by the futures of a case.
#[derive(Clone)]
struct Party {
    kernel: Kernel,
    boxes: Rc<Vec<Mailbox<u64>>>,
    resource: isotherm_kernel::ResourceId,
    log: Log,
}

impl Party {
    fn note(&self, member: usize, what: &'static str) {
        self.log.borrow_mut().push((self.kernel.now(), member, what));
    }

    /// Does what is drawn, and records when it has been done.
    async fn member(self, member: usize, mut random: Random) {
        let kernel = &self.kernel;
        for _ in 0..8 {
            let second = secs(1 + random.below(3));
            let other = &self.boxes[random.below(self.boxes.len() as u64) as usize];
            match random.below(8) {
                0 => kernel.sleep(second).await,
                1 => kernel.yield_now().await,
                2 | 3 => other.send_detached(7),
                4 => drop(self.boxes[member].receive_with_timeout(second).await),
                5 => drop(with_deadline(kernel, kernel.now() + second, other.send(8)).await),
                6 => {
                    let work = kernel
                        .start(ActivitySpec::new(Rank::Network, 1.0).uses(self.resource, 1.0));
                    if let Either::Second(()) = select(work, kernel.sleep(second)).await {
                        self.note(member, "too slow");
                    }
                }
                _ => {
                    let actor = kernel.spawn("helper", kernel.sleep(second));
                    let both =
                        select_all([kernel.sleep(secs(2)), kernel.timer_at(kernel.now() + second)]);
                    let _ = join(actor.join(), both).await;
                }
            }
            self.note(member, "goes on");
        }
    }
}

/// The log of the futures of a case, joined in one of the two ways.
fn party(seed: u64, members: usize, ask_all: bool) -> Vec<(Time, usize, &'static str)> {
    let (simulation, kernel) = simulation();
    let boxes = Rc::new((0..members).map(|_| kernel.mailbox("box")).collect());
    let resource = kernel.resource(2.0, Sharing::Shared);
    let party = Party { kernel: kernel.clone(), boxes, resource, log: Log::default() };
    let log = Rc::clone(&party.log);
    let streams = RandomStreams::new(seed);
    let member =
        move |number| party.clone().member(number, streams.stream(&format!("member/{number}")));
    kernel.spawn("party", async move {
        let members = (0..members).map(member);
        if ask_all {
            join_all_by_asking_all(members.collect()).await
        } else {
            drop(join_all(members).await)
        }
    });
    simulation.run().expect("all actors end");
    log.take()
}

proptest! {
    #![proptest_config(isotherm_testing::cases(1_500))]

    /// A future that is not polled would not have made progress.
    #[test]
    fn the_same_happens_as_if_all_were_asked(seed: u64, members in 1usize..12) {
        prop_assert_eq!(party(seed, members, false), party(seed, members, true));
    }
}
