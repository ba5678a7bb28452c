//! What cannot be is refused where it is said, with a message that says what it is of.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::simulation;
use isotherm_kernel::{ActivitySpec, Duration, Rank, Sharing, Simulation};

/// The message of a panic.
#[track_caller]
fn refused<T>(what: impl FnOnce() -> T) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(what)) else { panic!("it is refused") };
    panic
        .downcast::<String>()
        .map_or_else(|panic| panic.downcast::<&str>().unwrap().to_string(), |text| *text)
}

fn work(amount: f64) -> ActivitySpec {
    ActivitySpec::new(Rank::Cpu, amount)
}

#[test]
fn what_an_activity_cannot_be_is_refused() {
    let resource = Simulation::new().kernel().resource(1.0, Sharing::Shared);
    for number in [-1.0, f64::NAN] {
        assert_eq!(
            refused(|| work(number)),
            format!("the work of an activity must be zero or more, not {number}")
        );
        let expected = format!("the penalty of an activity must be positive, not {number}");
        assert_eq!(refused(|| work(1.0).penalty(number)), expected);
        let expected = format!("the rate factor of an activity must be zero or more, not {number}");
        assert_eq!(refused(|| work(1.0).rate_factor(number)), expected);
        let expected = format!("the weight of a use must be zero or more, not {number}");
        assert_eq!(refused(|| work(1.0).uses(resource, number)), expected);
    }
    assert_eq!(
        refused(|| work(1.0).penalty(0.0)),
        "the penalty of an activity must be positive, not 0"
    );
    assert_eq!(refused(|| work(1.0).bound(f64::NAN)), "the bound of an activity must be a number");
}

#[test]
fn what_cannot_be_changed_so_is_refused_and_changes_nothing() {
    let (_simulation, kernel) = simulation();
    let resource = kernel.resource(1.0, Sharing::Shared);
    let id = kernel.start(work(2.0).uses(resource, 1.0)).detach();
    for number in [-1.0, f64::NAN] {
        let expected = format!("the capacity of a resource must be zero or more, not {number}");
        assert_eq!(refused(|| kernel.resource(number, Sharing::Shared)), expected);
        assert_eq!(refused(|| kernel.set_capacity(resource, number)), expected);
        let expected = format!("the penalty of an activity must be positive, not {number}");
        assert_eq!(refused(|| kernel.set_penalty(id, number)), expected);
    }
    assert_eq!(
        refused(|| kernel.set_bound(id, f64::NAN)),
        "the bound of an activity must be a number"
    );
    assert_eq!((kernel.capacity(resource), kernel.penalty(id)), (1.0, 1.0));
}

#[test]
fn a_duration_is_zero_or_more() {
    assert_eq!(Duration::try_from_secs_f64(0.0), Ok(Duration::ZERO));
    assert_eq!(Duration::try_from_secs_f64(f64::INFINITY), Ok(Duration::MAX));
    for secs in [-1e-9, f64::NEG_INFINITY, f64::NAN] {
        let error = Duration::try_from_secs_f64(secs).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("a duration must be zero or more seconds, not {secs}")
        );
    }
}
