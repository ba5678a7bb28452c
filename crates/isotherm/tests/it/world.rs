//! The pieces that make programs short: a cluster in a few words, and a world that forgets no
//! failure.

use std::collections::BTreeMap;
use std::path::Path;

use isotherm::experiment::{Experiment, Overrides};
use isotherm::prelude::*;

/// What there is on a platform: cores, speed, memory and disk of each host, and bandwidth and
/// latency of each route.
fn inventory(spec: PlatformSpec) -> BTreeMap<String, String> {
    let world = World::new(spec).unwrap();
    let platform = world.site().platform();
    let mut inventory = BTreeMap::new();
    for (id, host) in platform.spec().hosts() {
        let disks: Vec<_> = host.disks.iter().map(|&disk| platform.spec().disk(disk)).collect();
        let disks: Vec<_> = disks
            .iter()
            .map(|disk| (disk.read_bandwidth, disk.write_bandwidth, disk.size))
            .collect();
        let text =
            format!("{} × {:?}, {:?} bytes, {disks:?}", host.cores, host.speeds, host.memory);
        inventory.insert(host.name.clone(), text);
        for other in platform.hosts() {
            let route = platform
                .route(id, other)
                .map(|route| (route.bandwidth, route.latency_s, route.links.len()));
            inventory.insert(
                format!("{} to {}", host.name, platform.host_name(other)),
                format!("{:?}", route.ok()),
            );
        }
    }
    inventory
}

/// The documentation says that it is what the compact `[platform]` of an experiment describes.
#[test]
fn a_cluster_is_the_compact_platform_of_an_experiment() {
    let experiment = r#"
        name = "compact"
        [platform]
        nodes = { count = 3, cores = 4, speed = "2Gf/s", memory = "16GiB", disk = { read = "300MB/s", write = "200MB/s", size = "1TB" } }
        head = { cores = 8, speed = "2Gf/s", disk = { read = "2GB/s", write = "1GB/s", size = "10TB" } }
        network = { node = "10Gbps", latency = "100us", repository = "1Gbps" }
        [[function]]
        name = "f"
        limits = { time = "1s", memory = "1MB" }
        body = [{ sleep = "1s" }]
        [[workload]]
        kind = "poisson"
        function = "f"
        rate = "1/s"
        until = "1s"
    "#;
    let experiment =
        Experiment::parse("compact", experiment, Path::new("."), &Overrides::default());
    let experiment = experiment.unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let cluster = Cluster::new(3)
        .cores(4)
        .speed(gflop(2))
        .memory(16 * GIB)
        .disk(mb_per_s(300), mb_per_s(200), TB)
        .network(gbit_per_s(10), micros(100));
    let mut expected = inventory(experiment.runs()[0].plan.platform.clone());
    let mut got = inventory(cluster.build().unwrap());
    // User and repository compute nothing that the service would see.
    for name in ["user", "repository"] {
        expected.remove(name);
        got.remove(name);
    }
    assert_eq!(got, expected);
}

#[test]
fn a_controller_that_gives_up_is_not_forgotten() {
    let world = World::new(Cluster::new(1).build().unwrap()).unwrap();
    let user = world.host("user").unwrap();
    world.controller(user, "first", async |me| {
        me.sleep(secs(2)).await;
        Err(FailureCause::Cancelled)?
    });
    world.controller(user, "second", async |me| {
        me.sleep(secs(1)).await;
        Err(FailureCause::TimeLimit)?
    });
    // Both give up; the one that did so first is told.
    assert_eq!(
        world.run().unwrap_err().to_string(),
        "controller `second` failed: the time limit was reached"
    );
}

#[test]
fn a_deadlock_is_an_error_that_names_the_waiting_actors() {
    let world = World::new(Cluster::new(1).build().unwrap()).unwrap();
    world.controller(world.host("user").unwrap(), "reader", async |me| {
        me.kernel().mailbox::<()>("letters").receive().await;
        Ok(())
    });
    let error = world.run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "deadlock at 0.000000000 s: 'user/reader' waits for a message in mailbox 'letters'"
    );
    assert!(matches!(error, isotherm::Error::Run(RunError::Deadlock { .. })));
}

#[test]
fn what_is_not_there_is_told() {
    let mut hosts = PlatformBuilder::new();
    hosts.host("diskless", gflop(1));
    let world = World::new(hosts.build().unwrap()).unwrap();
    let host = world.host("diskless").unwrap();
    assert_eq!(
        world.storage("s", host).unwrap_err().to_string(),
        "host `diskless` has no disk mounted at `/`"
    );
    assert!(world.nodes().is_empty());
    // Everything at once, each with its reason.
    let error = Cluster::new(1).cores(0).speed(-1.0).build().unwrap_err().to_string();
    assert!(error.contains("the number of cores of host `node0` is `0`, but"), "{error}");
    assert!(error.contains("the speed of host `head` is `-1`, but"), "{error}");
}
