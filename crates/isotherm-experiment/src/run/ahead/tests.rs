use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use isotherm_kernel::Time;
use isotherm_workload::{Arrival, ArrivalList, Workload, WorkloadError};
use proptest::prelude::*;

use super::ReadAhead;

/// What becomes known of a [`Script`].
#[derive(Default)]
struct Known {
    /// How often it was asked.
    asked: AtomicUsize,
    /// Arrivals that the test has taken.
    taken: AtomicUsize,
    /// Who has asked.
    threads: Mutex<Vec<ThreadId>>,
}

/// How a [`Script`] ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Over,
    Fails,
    Panics,
}

/// Gives this many arrivals, all of them different, and ends.
struct Script {
    length: usize,
    end: End,
    known: Arc<Known>,
}

impl Script {
    fn new(length: usize, end: End) -> (Self, Arc<Known>) {
        let known = Arc::new(Known::default());
        (Script { length, end, known: Arc::clone(&known) }, known)
    }
}

fn arrival(index: usize) -> Arrival {
    Arrival { tag: Some(index as u32), ..Arrival::new(Time::from_nanos(index as u64 / 3), 7) }
}

type Ahead = ReadAhead<Script>;

impl Workload for Script {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        let index = self.known.asked.fetch_add(1, Ordering::SeqCst);
        let mut threads = self.known.threads.lock().unwrap();
        if threads.last() != Some(&thread::current().id()) {
            threads.push(thread::current().id());
        }
        drop(threads);
        if index < self.length {
            let taken = self.known.taken.load(Ordering::SeqCst);
            assert!(
                index < taken + Ahead::MOST_AHEAD,
                "arrival {index} is given when {taken} have been taken"
            );
            return Ok(Some(arrival(index)));
        }
        match self.end {
            _ if index > self.length => Ok(None),
            End::Over => Ok(None),
            End::Fails => Err(WorkloadError::Endless),
            // Like a panic, but says nothing on standard error.
            End::Panics => resume_unwind(Box::new("the script says so")),
        }
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(2_500))]

    #[test]
    fn it_gives_what_the_workload_gives(
        // Around the ends of batches, whatever divisor of this their size is.
        batches in 0usize..4, around in -3isize..4, length in 0usize..30_000,
        exact: bool, fails: bool,
    ) {
        let length = if exact { (batches * Ahead::MOST_AHEAD / 3).saturating_add_signed(around) } else { length };
        let (script, known) = Script::new(length, if fails { End::Fails } else { End::Over });
        let mut ahead = ReadAhead::new(script, true);
        for index in 0..length {
            prop_assert_eq!(ahead.next_arrival().unwrap(), Some(arrival(index)));
            known.taken.fetch_add(1, Ordering::SeqCst);
        }
        let last = ahead.next_arrival();
        match fails {
            false => prop_assert!(matches!(last, Ok(None))),
            true => prop_assert!(matches!(last, Err(WorkloadError::Endless))),
        }
        for _ in 0..3 {
            prop_assert!(matches!(ahead.next_arrival(), Ok(None)), "it stays over");
        }
        prop_assert_eq!(known.asked.load(Ordering::SeqCst), length + 1, "a workload that is over is not asked again");
    }
}

#[test]
fn nothing_is_asked_for_before_it_is_wanted() {
    let (script, known) = Script::new(10, End::Over);
    let mut ahead = ReadAhead::new(script, true);
    assert_eq!(known.asked.load(Ordering::SeqCst), 0);
    assert_eq!(ahead.next_arrival().unwrap(), Some(arrival(0)));
}

#[test]
fn a_long_workload_is_read_by_another_thread_and_a_short_one_by_none() {
    let readers = |length| {
        let (script, known) = Script::new(length, End::Over);
        for _ in ReadAhead::new(script, true).arrivals() {
            known.taken.fetch_add(1, Ordering::SeqCst);
        }
        Arc::into_inner(known).unwrap().threads.into_inner().unwrap()
    };
    let here = thread::current().id();
    assert_eq!(readers(1_000), [here]);
    let both = readers(100_000);
    assert_eq!(both.len(), 2, "the first batch is read here, the others by one thread");
    assert_eq!(both[0], here);
    assert_ne!(both[1], here);
}

#[test]
fn a_slow_consumer_is_waited_for() {
    let (script, known) = Script::new(50_000, End::Over);
    let mut ahead = ReadAhead::new(script, true);
    // The script itself looks whether it is too far ahead, and has all the time to be.
    while ahead.next_arrival().unwrap().is_some() {
        known.taken.fetch_add(1, Ordering::SeqCst);
        thread::yield_now();
    }
    assert_eq!(known.taken.load(Ordering::SeqCst), 50_000);
}

#[test]
fn dropping_it_ends_the_thread() {
    // Before the first arrival, in the first batch, at the end of a batch, behind it, where the
    // thread has ended by itself, and where it has panicked behind what was taken.
    let endless = usize::MAX;
    let cases = [
        (endless, 0),
        (endless, 1),
        (endless, 4_096),
        (endless, 20_000),
        (10_000, 9_000),
        (10_000, 5_000),
    ];
    for (length, taken) in cases {
        let (script, known) =
            Script::new(length, if taken == 5_000 { End::Panics } else { End::Over });
        let mut ahead = ReadAhead::new(script, true);
        for _ in 0..taken {
            known.taken.fetch_add(1, Ordering::SeqCst);
            ahead.next_arrival().unwrap();
        }
        drop(ahead);
        assert_eq!(Arc::strong_count(&known), 1, "the workload is gone");
    }
}

#[test]
fn a_panic_comes_out_where_arrivals_are_taken() {
    for length in [0, 5, 4_096, 20_000] {
        let (script, known) = Script::new(length, End::Panics);
        let mut ahead = ReadAhead::new(script, true);
        let take_all = || {
            while ahead.next_arrival().unwrap().is_some() {
                known.taken.fetch_add(1, Ordering::SeqCst);
            }
        };
        let panic = catch_unwind(AssertUnwindSafe(take_all)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"the script says so"));
        // Some of the arrivals before it may be lost, but no more than were read ahead.
        assert!(known.taken.load(Ordering::SeqCst) + Ahead::MOST_AHEAD > length);
        assert!(matches!(ahead.next_arrival(), Ok(None)));
    }
}

#[test]
fn one_that_reads_another_gives_the_same() {
    let list: Vec<Arrival> = (0..40_000).map(arrival).collect();
    let twice = ReadAhead::new(ReadAhead::new(ArrivalList::new(list.clone()).unwrap(), true), true);
    assert_eq!(twice.arrivals().collect::<Result<Vec<_>, _>>().unwrap(), list);
}
