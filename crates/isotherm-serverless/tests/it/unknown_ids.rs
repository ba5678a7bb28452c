//! Policies that ask and decide about ids that there are not.

use isotherm_kernel::Duration;
use isotherm_serverless::scheduler::{Dispatch, Plan, Scheduler, StartAhead};
use isotherm_serverless::{
    AppId, ContainerId, FunctionId, ImageId, InvocationId, Need, NodeId, Pending, Preset, View,
};

use crate::common::{World, limit, register, served, sleeper};

/// Asks the view about ids that there are not, and decides for them.
struct MakesUpIds;

impl Scheduler for MakesUpIds {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        let (node, function, image) = (NodeId(7), FunctionId(7), ImageId(7));
        let (container, nothing) = (ContainerId(77), Need::default());
        let known = view.pending().next().unwrap();
        for (function, node) in [(function, node), (known.function, node), (function, NodeId(0))] {
            assert!(!view.fits(function, node));
            assert!(!view.has_room(function, node, nothing));
            assert!(!view.has_spare_room(function, node, nothing));
            assert!(!view.has_idle_on(function, node));
            assert_eq!(
                (view.idle_count(function, node), view.idle(function, node).count()),
                (0, 0)
            );
        }
        assert_eq!((view.pending_of(function).count(), view.pending_count(function)), (0, 0));
        assert_eq!(view.positions_of(function).count(), 0);
        assert_eq!((view.running_of(function), view.containers_of(function)), (0, 0));
        assert_eq!((view.image_of(function), view.need_of(function)), (None, nothing));
        assert_eq!((view.app_of(function), view.app_name(AppId(7))), (None, ""));
        assert_eq!(view.app_of(known.function).map(|app| view.app_name(app)), Some("f"));
        assert_eq!((view.time_limit(function), view.concurrency_of(function)), (Duration::ZERO, 0));
        assert!(view.with_idle(function).is_empty() && !view.has_idle(function));
        assert_eq!(view.first_idle(function, |_| true), None);
        assert_eq!((view.host_name(node), view.cores(node), view.speed(node)), ("", 0, 0.0));
        assert_eq!((view.slots(node), view.free_slots(node), view.running(node)), (Some(0), 0, 0));
        assert_eq!((view.free_memory(node), view.free_disk(node), view.is_up(node)), (0, 0, false));
        assert_eq!([view.capacity(node), view.obtainable(node), view.spare(node)], [nothing; 3]);
        assert_eq!(view.claimed(node, Some(image)), nothing);
        for nodes in
            [view.on_disk(image), view.in_memory(image), view.copying(image), view.loading(image)]
        {
            assert!(nodes.is_empty());
        }
        assert_eq!((view.image_memory(image), view.waiting_for(image)), (0, 0));
        assert_eq!([view.image_need(image, node), view.image_need(image, NodeId(0))], [nothing; 2]);
        assert_eq!(view.container(container), None);
        assert_eq!(view.pending_from(u64::MAX).count(), 0);
        let dispatch = |node, container| Dispatch { node, container, ..dispatch_to(&known) };
        plan.dispatches.push(dispatch(node, None));
        plan.dispatches.push(dispatch(NodeId(0), Some(container)));
        plan.dispatches
            .push(Dispatch { invocation: InvocationId(77), ..dispatch(NodeId(0), None) });
        plan.loads.extend([(node, image), (NodeId(0), image)]);
        plan.copies.extend([(node, image), (NodeId(0), image)]);
        plan.stops.push(container);
        let start = |function, node| StartAhead { function, node, keep: None };
        plan.starts.extend([start(function, NodeId(0)), start(known.function, node)]);
        plan.dispatches.push(dispatch_to(&known));
    }
}

fn dispatch_to(pending: &Pending) -> Dispatch {
    Dispatch { invocation: pending.invocation, node: NodeId(0), container: None }
}

#[test]
fn ids_that_there_are_not_have_nothing_and_do_nothing() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| config.scheduler = Box::new(MakesUpIds));
    let (manager, platform) = (world.manager.clone(), service.clone());
    world.play(|_| async move {
        let function = register(&manager, &platform, &sleeper("f", None, 2.0), limit(9.0)).await;
        served(&manager, &function).await;
    });
}
