//! Compute hosts that join and leave while the service runs.

use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::{RandomStreams, Time};
use isotherm_platform::HostId;
use isotherm_serverless::scheduler::{ByNode, ChooseNode, FirstFit, Nodes};
use isotherm_serverless::{
    FunctionId, InvocationRecord, InvocationState, Membership, NodeConfig, NodeId, Preset,
    ServerlessError, Slots,
};

const ONE_SLOT: NodeSpec = NodeSpec { cores: 1, memory: 64 * GB, disk: 200 * GB };

/// Of three nodes with a slot each, the service begins with the first.
fn first_of_three(world: &World) -> impl FnOnce(&mut isotherm_serverless::ServiceConfig) + use<> {
    let first = NodeConfig::from(world.nodes[0]);
    move |config| config.nodes = vec![first]
}

/// What waits starts on the node that joins, at that date, with the copy and the load of its image;
/// what runs on a node that leaves goes on, and what comes then waits for others.
#[test]
fn what_waits_starts_on_a_node_that_joins() {
    let world = World::of(&[ONE_SLOT; 3]);
    let service = world.service(Preset::Default, first_of_three(&world));
    let manager = world.manager.clone();
    let image = world.image("image", 100 * MB);
    let [first, second, third] = [0, 1, 2].map(|node| world.nodes[node]);
    let disk = service.node_storage(NodeId(0)).unwrap().file_system();
    world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", Some(&image), 10.0), limit(99.0)).await;
        let mut invocations = Vec::new();
        for _ in 0..4 {
            invocations.push(manager.invoke(&f).await.unwrap());
        }
        let here = download(100 * MB) + copy(100 * MB) + load(100 * MB);
        until(&me, 8.0).await;
        assert_eq!(invocations[1].state(), InvocationState::Schedulable);
        assert_eq!(service.add_compute_host(second), Ok(NodeId(1)));
        let there = 8.0 + copy(100 * MB) + load(100 * MB);
        until(&me, 12.0).await;
        // The first node leaves while the first invocation runs there.
        service.remove_compute_host(first).unwrap();
        assert_eq!(
            service.membership(NodeId(0)),
            Ok(Some(Membership::Joined)),
            "the message comes"
        );
        me.sleep(secs(0.5)).await;
        assert_eq!(service.membership(NodeId(0)), Ok(Some(Membership::Leaving)));
        assert_eq!(disk.borrow().used(), 100 * MB);
        manager.wait_all(&invocations).await;
        assert_eq!(service.membership(NodeId(0)), Ok(Some(Membership::Left)));
        assert_eq!(disk.borrow().used(), 0, "nothing of the service is left there");
        assert_completed(&invocations[0], here, here, here + 10.0);
        for (index, invocation) in invocations[1..].iter().enumerate() {
            let start = there + 10.0 * index as f64;
            assert_completed(invocation, start, start, start + 10.0);
            assert_eq!(invocation.record().node.as_deref(), Some("node1"));
        }
        // Its ids are those of before; a third one gets the next.
        assert_eq!(service.add_compute_host(first), Ok(NodeId(0)));
        assert_eq!(service.add_compute_host(third), Ok(NodeId(2)));
        assert_eq!((service.nodes(), service.node_host(NodeId(2))), (3, Some(third)));
        assert_eq!(service.node_on(third), Some(NodeId(2)));
        // It has to be copied and loaded again.
        let all = [second, third];
        all.into_iter().for_each(|host| service.remove_compute_host(host).unwrap());
        me.sleep(secs(0.5)).await;
        let (again, from) = (served(&manager, &f).await, me.now().as_secs_f64());
        let start = from - 10.0;
        assert_completed(&again, start, start, from);
        assert_duration(again.response_time().unwrap(), copy(100 * MB) + load(100 * MB) + 10.0);
    });
}

#[test]
fn what_cannot_join_or_leave() {
    let world = World::of(&[ONE_SLOT; 3]);
    let service = world.service(Preset::Default, first_of_three(&world));
    let (user, [first, second, _]) =
        (world.user, <[HostId; 3]>::try_from(&world.nodes[..]).unwrap());
    let manager = world.manager.clone();
    world.play(async move |me| {
        let named = |host: &str| host.to_owned().into();
        let twice = service.add_compute_host(first).unwrap_err();
        assert_eq!(twice, ServerlessError::AlreadyJoined { host: named("node0") });
        let none = NodeConfig { slots: Slots::Count(0), ..second.into() };
        let none = service.add_compute_host(none).unwrap_err();
        assert_eq!(none, ServerlessError::NoSlots { host: named("node1") });
        assert_eq!(service.nodes(), 1, "nothing has been added");
        let stranger = service.remove_compute_host(user).unwrap_err();
        assert_eq!(stranger, ServerlessError::NotAComputeHost { host: named("user") });
        service.remove_compute_host(first).unwrap();
        let again = service.remove_compute_host(first).unwrap_err();
        assert_eq!(again, ServerlessError::NotAComputeHost { host: named("node0") });
        me.sleep(secs(1.0)).await;
        let more = NodeConfig { slots: Slots::Count(7), ..first.into() };
        let more = service.add_compute_host(more).unwrap_err();
        let had =
            "compute host 'node0' had other slots before it left: add it with `Slots::Count(1)`";
        assert_eq!(more.to_string(), had);
        assert!(service.add_compute_host(first).is_ok());
        manager.stop(&service).await.unwrap();
        let late = service.add_compute_host(second).unwrap_err();
        assert_eq!(late, ServerlessError::Stopped { service: service.name().clone() });
        assert_eq!(service.nodes(), 1, "nothing has been added");
    });
}

/// A host that goes off while it leaves loses what runs there, and has left then; it may come on
/// and go off again without being used.
#[test]
fn an_outage_while_a_node_leaves() {
    let world = World::of(&[ONE_SLOT; 3]);
    let service = world.service(Preset::Default, first_of_three(&world));
    let (manager, first, second) = (world.manager.clone(), world.nodes[0], world.nodes[1]);
    world.turn_off(2.0, first);
    world.turn_on(3.0, first);
    world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", None, 10.0), limit(99.0)).await;
        let (one, other) = (manager.invoke(&f).await.unwrap(), manager.invoke(&f).await.unwrap());
        until(&me, 1.0).await;
        service.remove_compute_host(first).unwrap();
        manager.wait_one(&one).await;
        assert_eq!(code(&one), "host_failed");
        assert_date(me.now(), 2.0);
        assert_eq!(service.membership(NodeId(0)), Ok(Some(Membership::Left)));
        until(&me, 4.0).await;
        assert_eq!(other.state(), InvocationState::Schedulable, "the host is on, but has left");
        service.add_compute_host(second).unwrap();
        manager.wait_one(&other).await;
        assert_completed(&other, 4.0, 4.0, 14.0);
        // A host may join while it is off.
        me.site().platform().turn_off(first);
        service.add_compute_host(first).unwrap();
        service.remove_compute_host(second).unwrap();
        let last = manager.invoke(&f).await.unwrap();
        until(&me, 20.0).await;
        assert_eq!(last.state(), InvocationState::Schedulable);
        me.site().platform().turn_on(first);
        manager.wait_one(&last).await;
        assert_completed(&last, 20.0, 20.0, 30.0);
    });
}

/// First fit, but from a date on not on one node.
struct Avoiding(NodeId, Time);

impl ChooseNode for Avoiding {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        let avoids = nodes.view().now() >= self.1;
        nodes.all_with_place(function).find(|&node| !(avoids && node == self.0))
    }
}

/// Without images and idle containers, a node that leaves at a date is one that a scheduler does
/// not choose from that date on.
#[test]
fn a_node_that_leaves_is_one_that_is_not_chosen_any_more() {
    let play = |seed: u64, leaves: Option<f64>, avoids: f64| -> Vec<InvocationRecord> {
        let world = World::of(&[ONE_SLOT, NodeSpec { cores: 2, ..ONE_SLOT }, ONE_SLOT]);
        let service = world.service(Preset::Default, |config| {
            keep(config, 0.0);
            config.scheduler = match leaves {
                Some(_) => Box::new(ByNode::new(FirstFit, false)),
                None => Box::new(ByNode::new(Avoiding(NodeId(1), date(avoids)), false)),
            };
        });
        let records = service.collect_records();
        if let Some(leaves) = leaves {
            let (service, host) = (service.clone(), world.nodes[1]);
            world.at(leaves, move |_| service.remove_compute_host(host).unwrap());
        }
        let manager = world.manager.clone();
        world.play(async move |me| {
            let mut random = RandomStreams::new(seed).stream("arrivals");
            let f = register(&manager, &service, &sleeper("f", None, 3.0), limit(99.0)).await;
            let g = register(&manager, &service, &sleeper("g", None, 1.0), limit(99.0)).await;
            for _ in 0..30 {
                me.sleep(secs(random.below(1500) as f64 / 1e3)).await;
                manager.invoke_detached(if random.below(2) == 0 { &f } else { &g }, None);
            }
            manager.drain(&service).await.unwrap();
        });
        let mut records = Rc::unwrap_or_clone(records).into_inner();
        // Only why earlier containers have ended differs.
        records.iter_mut().for_each(|record| record.cold_start = None);
        records
    };
    let mut on_it = 0;
    for seed in 0..20 {
        // Not a date of anything else.
        let leaves = 1.0 + seed as f64 * 0.9 + 0.000_000_5;
        let records = play(seed, Some(leaves), 0.0);
        assert_eq!(records, play(seed, None, leaves), "seed {seed}");
        let node = |record: &&InvocationRecord| record.node.as_deref() == Some("node1");
        on_it += records.iter().filter(node).count();
        let late = |record: &InvocationRecord| record.dispatched.unwrap() >= date(leaves);
        assert!(!records.iter().filter(node).any(late));
    }
    assert!(on_it > 50, "{on_it} invocations ran there");
}
