//! How long it takes to make platforms and to find routes.
//!
//! * `star/10000`: what the compact description of an experiment becomes: every host with a
//!   split-duplex link of its own, and declared routes between each and three others.
//! * `cluster-xml/10000`: reading a flat `<cluster>` of SimGrid.
//! * `simulation/10000`: bringing that star into a simulation.
//! * `route/…`: looking up routes that were looked up before, on a grid of 900 routers and hosts.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use isotherm::kernel::Simulation;
use isotherm::platform::{HostId, Platform, PlatformBuilder, PlatformSpec, Routing, Via};

const HOSTS: usize = 10_000;

fn star() -> PlatformSpec {
    let mut builder = PlatformBuilder::new();
    let link = |host: &str| format!("{host}-link");
    let others = ["user", "repository", "head"];
    let nodes: Vec<String> = (0..HOSTS).map(|node| format!("node{node}")).collect();
    for host in others.into_iter().chain(nodes.iter().map(String::as_str)) {
        builder.host(host, 1e10).cores(16).memory(64 << 30);
        builder.disk(host, format!("{host}-disk"), 2e9, 1e9).size(1_000_000_000_000);
        builder.link(link(host), 1.25e9, 25e-6).split_duplex();
    }
    for node in &nodes {
        for other in others {
            builder.route(other, node, [Via::up(link(other)), Via::down(link(node))]);
        }
    }
    builder.build().expect("the description is consistent")
}

/// Hosts in a square, each connected with the next one in its row and in its column.
fn grid(routing: Routing) -> PlatformSpec {
    const SIDE: usize = 30;
    let mut builder = PlatformBuilder::new();
    builder.routing(routing);
    let name = |x: usize, y: usize| format!("{x}.{y}");
    for x in 0..SIDE {
        for y in 0..SIDE {
            builder.host(name(x, y), 1e9);
            for (side, (x_from, y_from)) in
                [(x > 0, (x.wrapping_sub(1), y)), (y > 0, (x, y.wrapping_sub(1)))]
            {
                if side {
                    let link = format!("{}-{}", name(x_from, y_from), name(x, y));
                    builder.link(link.clone(), 1e9, 1e-6);
                    builder.route(&name(x_from, y_from), &name(x, y), [link]);
                }
            }
        }
    }
    builder.build().expect("the description is consistent")
}

fn platforms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("platform");
    group.sample_size(10);
    group.bench_function("star/10000", |bencher| bencher.iter(|| black_box(star())));
    let text = format!(
        "<platform version='4.1'><cluster id='c' prefix='n' suffix='' radical='0-{}' speed='1Gf' core='16' bw='10Gbps' lat='25us'/></platform>",
        HOSTS - 1
    );
    group.bench_function("cluster-xml/10000", |bencher| {
        bencher
            .iter(|| PlatformSpec::from_simgrid_xml(black_box(&text)).expect("the text is good"));
    });
    let spec = Arc::new(star());
    group.bench_function("simulation/10000", |bencher| {
        bencher.iter(|| {
            let simulation = Simulation::new();
            Platform::new(&simulation.kernel(), Arc::clone(&spec)).expect("the platform is good")
        });
    });
    group.finish();
}

fn routes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route");
    for routing in [Routing::Floyd, Routing::Dijkstra] {
        let spec = grid(routing);
        let hosts: Vec<HostId> = spec.hosts().map(|(host, _)| host).collect();
        let mut turn = 0_usize;
        group.bench_function(format!("grid-900/{}", routing.name()), |bencher| {
            bencher.iter(|| {
                turn += 1;
                spec.route(hosts[turn * 7 % hosts.len()], hosts[turn * 31 % hosts.len()])
                    .map(|links| links.len())
            });
        });
    }
    let spec = star();
    let hosts: Vec<HostId> = spec.hosts().map(|(host, _)| host).collect();
    let mut turn = 3_usize;
    group.bench_function("star-10000", |bencher| {
        bencher.iter(|| {
            turn = if turn + 1 < hosts.len() { turn + 1 } else { 3 };
            spec.route(hosts[2], hosts[turn]).map(|links| links.len())
        });
    });
    group.finish();
}

criterion_group!(benches, platforms, routes);
criterion_main!(benches);
