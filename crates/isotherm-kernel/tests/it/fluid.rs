//! Fluid sharing, one small system at a time: each test states its equation, then what follows from
//! it.
//!
//! The systems are solved by hand. Section numbers are those of the description of the kernel's
//! behaviour; examples "of the network model" and the like use its formulas with the constants of
//! the default models.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use isotherm_kernel::{
    ActivityError, ActivityId, ActivitySpec, Duration, Kernel, Rank, ResourceId, Simulation, Time,
};

mod changes;
mod dates;
mod ends;
mod order;
mod shares;
mod virtual_time;

/// More work than is ever done in these tests.
const ENDLESS: f64 = 1e9;

/// Plays a simulation of one actor and gives what the actor returns.
fn play<F>(body: impl FnOnce(Kernel) -> F) -> F::Output
where
    F: Future + 'static,
    F::Output: 'static,
{
    let simulation = Simulation::new();
    let result = Rc::new(RefCell::new(None));
    let actor = body(simulation.kernel());
    simulation.kernel().spawn("main", {
        let result = Rc::clone(&result);
        async move {
            let value = actor.await;
            *result.borrow_mut() = Some(value);
        }
    });
    simulation.run().expect("the simulation comes to its end");
    result.take().expect("the actor has returned")
}

/// Lets the least time pass, so that the shares are those of everything that has been started and
/// changed.
async fn settle(kernel: &Kernel) {
    kernel.sleep(Duration::from_nanos(1)).await;
}

fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

fn at(secs: f64) -> Time {
    Time::from_secs_f64(secs)
}

/// An activity with penalty 1 that never ends and uses each resource with weight 1.
fn flow(resources: &[ResourceId]) -> ActivitySpec {
    work(ENDLESS, resources)
}

/// An activity with penalty 1 that uses each resource with weight 1.
fn work(amount: f64, resources: &[ResourceId]) -> ActivitySpec {
    resources
        .iter()
        .fold(ActivitySpec::new(Rank::Network, amount), |spec, &resource| spec.uses(resource, 1.0))
}

fn rates(kernel: &Kernel, ids: &[ActivityId]) -> Vec<f64> {
    ids.iter().map(|&id| kernel.rate(id)).collect()
}

/// Asserts equality up to the rounding of a few operations.
#[track_caller]
fn assert_close(actual: &[f64], expected: &[f64]) {
    let close = |(a, e): (&f64, &f64)| (a - e).abs() <= 1e-12 * e.abs();
    let equal = actual.len() == expected.len() && actual.iter().zip(expected).all(close);
    assert!(equal, "{actual:?} instead of {expected:?}");
}

/// When what ended, and how.
type End = (Time, &'static str, Result<(), ActivityError>);

/// What has ended, in the order of the ends.
#[derive(Clone, Default)]
struct Ends(Rc<RefCell<Vec<End>>>);

impl Ends {
    /// What has ended in a simulation of one actor, which notes it.
    fn of<F: Future<Output = ()> + 'static>(body: impl FnOnce(Kernel, Ends) -> F) -> Ends {
        let ends = Ends::default();
        play(|kernel| body(kernel, ends.clone()));
        ends
    }

    /// Starts an activity and notes its end under a name.
    fn start(&self, kernel: &Kernel, name: &'static str, spec: ActivitySpec) -> ActivityId {
        let ends = self.clone();
        kernel
            .start(spec)
            .on_end(move |kernel, result| ends.0.borrow_mut().push((kernel.now(), name, result)))
    }

    /// Names and dates, all of which must have ended well.
    fn dates(&self) -> Vec<(&'static str, Time)> {
        let ends = self.0.borrow();
        assert!(ends.iter().all(|end| end.2.is_ok()), "{ends:?}");
        ends.iter().map(|&(date, name, _)| (name, date)).collect()
    }

    fn names(&self) -> Vec<&'static str> {
        self.dates().into_iter().map(|(name, _)| name).collect()
    }

    /// All that has ended, with how.
    fn all(&self) -> Vec<End> {
        self.0.borrow().clone()
    }
}
