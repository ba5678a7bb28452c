//! Calls in series: they come in the same order whether or not they are kept outside the event
//! queue.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::simulation;
use isotherm_kernel::{Duration, Handler, Kernel, RunError, Simulation, Time};
use proptest::prelude::*;

/// What happened: the date, the caller, and how often it was called before.
type Log = Rc<RefCell<Vec<(Time, usize, u64)>>>;

/// A handler that schedules itself again, after these pauses in seconds.
struct Caller {
    kernel: Kernel,
    name: usize,
    pauses: Vec<u64>,
    calls: Cell<u64>,
    in_series: bool,
    log: Log,
}

impl Caller {
    fn wait(self: Rc<Self>) {
        let Some(&pause) = self.pauses.get(self.calls.get() as usize) else { return };
        let (kernel, pause) = (self.kernel.clone(), Duration::from_secs(pause));
        let token = (self.calls.get(), 7);
        if self.in_series {
            kernel.signal_in_series(pause, self, token);
        } else {
            kernel.signal_after(pause, self, token);
        }
    }
}

impl Handler for Caller {
    fn handle(self: Rc<Self>, (call, seven): (u64, u64)) {
        assert_eq!((call, seven), (self.calls.get(), 7), "the token that was given");
        self.log.borrow_mut().push((self.kernel.now(), self.name, call));
        self.calls.set(call + 1);
        self.wait();
    }
}

/// What happens if the callers whose bits are set use series.
fn log_of(pauses: &[Vec<u64>], in_series: u32) -> Vec<(Time, usize, u64)> {
    let simulation = Simulation::new();
    let (kernel, log) = (simulation.kernel(), Log::default());
    for (name, pauses) in pauses.iter().enumerate() {
        let caller = Caller {
            kernel: kernel.clone(),
            name,
            pauses: pauses.clone(),
            calls: Cell::new(0),
            in_series: in_series >> name & 1 == 1,
            log: Rc::clone(&log),
        };
        Rc::new(caller).wait();
    }
    // Calls alone do not keep a simulation going.
    kernel.spawn("clock", kernel.sleep(Duration::from_secs(1_000)));
    simulation.run().unwrap();
    log.take()
}

proptest! {
    #![proptest_config(isotherm_testing::cases(10_000))]

    #[test]
    fn calls_in_series_come_in_the_order_of_others(
        pauses in prop::collection::vec(prop::collection::vec(0u64..4, 0..12), 1..7),
        in_series: u32,
    ) {
        let others = log_of(&pauses, 0);
        prop_assert_eq!(others.len(), pauses.iter().map(Vec::len).sum::<usize>(), "every call is made");
        prop_assert_eq!(log_of(&pauses, in_series), others);
    }
}

#[test]
fn a_call_at_no_date_never_comes() {
    for in_series in [0, 1] {
        let (simulation, kernel) = simulation();
        let log = Log::default();
        let caller = Caller {
            kernel: kernel.clone(),
            name: 0,
            pauses: vec![u64::MAX / 1_000_000_000 + 1],
            calls: Cell::new(0),
            in_series: in_series == 1,
            log: Rc::clone(&log),
        };
        Rc::new(caller).wait();
        let letters = kernel.mailbox::<()>("letters");
        kernel.spawn("reader", async move { letters.receive().await });
        assert!(
            matches!(simulation.run(), Err(RunError::Deadlock { at: Time::ZERO, .. })),
            "nothing happens any more"
        );
        assert!(log.borrow().is_empty());
    }
}
