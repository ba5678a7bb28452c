//! Nodes that join while the platform runs.

use super::*;

/// A node takes what has waited for it, if it is large enough, whatever functions were registered
/// before.
#[test]
fn nodes_may_join() {
    let schedulers: [Box<dyn Scheduler>; 2] =
        [Box::new(FcfsFullScan::new()), Box::new(ByNode::new(Fcfs, true))];
    for scheduler in schedulers {
        nodes_join(scheduler);
    }
}

fn nodes_join(scheduler: Box<dyn Scheduler>) {
    let setup = Setup::new(Preset::Default, &[(1, 100, 100)]);
    let mut stage = Setup { scheduler: Some(scheduler), ..setup }.stage();
    let (small, large) = (stage.function(None, 10, 0), stage.function(None, 60, 0));
    let [first, second, third] = [small, large, small].map(|function| stage.invoke(function));
    assert!(stage.is_running(first));
    assert!(!stage.is_running(second) && !stage.is_running(third), "the only slot is taken");

    let joins =
        |stage: &mut Stage, index, size| stage.message(|state| state.add_node(node(index, size)));
    let too_small = joins(&mut stage, 1, (5, 50, 100));
    assert!(!stage.state.fits(large, too_small) && stage.state.fits(small, too_small));
    assert!(stage.is_running(third) && !stage.is_running(second));

    let enough = joins(&mut stage, 2, (5, 60, 100));
    assert!(stage.state.fits(large, enough));
    let effects = stage.effects();
    assert!(effects.iter().any(|effect| matches!(
        effect,
        Effect::Start { invocation, node, .. } if (invocation.id, *node) == (second, enough)
    )));

    // 100 fit on the first node only, 101 on none.
    let registration = |memory| {
        let limits = Limits::time(Duration::from_secs(60)).memory(memory);
        Registration::new("f".into(), None, limits)
    };
    let most = stage.register(registration(100));
    assert!(stage.state.fits(most, NodeId(0)) && !stage.state.fits(most, enough));
    assert!(stage.state.register(registration(101)).is_err());
    stage.message(|state| state.add_node(node(3, (1, 101, 0))));
    assert!(stage.state.register(registration(101)).is_ok());
}
