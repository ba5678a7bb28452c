//! How fast transfers are: many at a time between random hosts of a star, and from one host.
//!
//! * `star-1024/N`: N transfers at a time between random pairs of 1,024 hosts, each behind a
//!   split-duplex link of 1.25 GB/s; each that completes starts another one between another pair.
//!   The figure is transfers completed per second of wall time, once N are under way.
//! * `one-host/N`: N transfers of different sizes from one of those hosts to the others, all begun
//!   at once, until the last has ended.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration as Wall;

use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use isotherm::kernel::{Random, RandomStreams, Simulation};
use isotherm::platform::{HostId, Platform, PlatformBuilder, PlatformSpec};

const HOSTS: u32 = 1024;

fn star() -> PlatformSpec {
    let mut builder = PlatformBuilder::new();
    builder.cluster("star", HOSTS, 1e9).link(1.25e9, 50e-6);
    builder.build().expect("the description is consistent")
}

fn bytes(random: &mut Random) -> f64 {
    1e8 * (0.5 + random.uniform())
}

/// Two hosts that are not the same.
fn pair(random: &mut Random, hosts: &[HostId]) -> (HostId, HostId) {
    let from = random.below(hosts.len() as u64) as usize;
    let to = (from + 1 + random.below(hosts.len() as u64 - 1) as usize) % hosts.len();
    (hosts[from], hosts[to])
}

/// `concurrent` transfers at a time between random pairs, until `total` have completed.
fn random_pairs(spec: &Arc<PlatformSpec>, concurrent: u64, total: u64) -> Simulation {
    let simulation = Simulation::new();
    let kernel = simulation.kernel();
    let platform = Platform::new(&kernel, Arc::clone(spec)).expect("the platform is good");
    let hosts: Rc<[HostId]> = spec.hosts().map(|(host, _)| host).collect();
    let streams = RandomStreams::new(4);
    let done = kernel.mailbox("done");
    let left = Rc::new(Cell::new(total));
    for number in 0..concurrent {
        let (platform, hosts, left, done) =
            (platform.clone(), Rc::clone(&hosts), Rc::clone(&left), done.clone());
        let mut random = streams.stream(&format!("lane/{number}"));
        kernel.actor("lane").daemon().spawn(async move {
            loop {
                let (from, to) = pair(&mut random, &hosts);
                let transfer =
                    platform.transfer(from, to, bytes(&mut random)).expect("there is a route");
                transfer.await.expect("nothing fails here");
                left.set(left.get().saturating_sub(1));
                if left.get() == 0 {
                    done.send_detached(());
                }
            }
        });
    }
    kernel.spawn("main", async move { done.receive().await });
    simulation
}

/// `number` transfers from the first host to the others, all at once.
fn one_host(spec: &Arc<PlatformSpec>, number: u64) -> Simulation {
    let simulation = Simulation::new();
    let kernel = simulation.kernel();
    let platform = Platform::new(&kernel, Arc::clone(spec)).expect("the platform is good");
    let hosts: Vec<HostId> = spec.hosts().map(|(host, _)| host).collect();
    let mut random = RandomStreams::new(3).stream("sizes");
    for _ in 0..number {
        let to = hosts[1 + random.below(u64::from(HOSTS) - 1) as usize];
        let transfer =
            platform.transfer(hosts[0], to, bytes(&mut random)).expect("there is a route");
        kernel.spawn("transfer", async move { transfer.await.expect("nothing fails here") });
    }
    simulation
}

fn network(criterion: &mut Criterion) {
    let spec = Arc::new(star());
    let mut group = criterion.benchmark_group("network");
    group.sampling_mode(SamplingMode::Flat).sample_size(10).warm_up_time(Wall::from_millis(500));
    for concurrent in [2_000, 4_000] {
        let total = 5 * concurrent;
        group.throughput(Throughput::Elements(total));
        group.bench_with_input(
            BenchmarkId::new("star-1024", concurrent),
            &concurrent,
            |bencher, &concurrent| {
                bencher.iter(|| black_box(random_pairs(&spec, concurrent, total).run()));
            },
        );
    }
    for number in [1_000, 4_000] {
        group.throughput(Throughput::Elements(number));
        group.bench_with_input(
            BenchmarkId::new("one-host", number),
            &number,
            |bencher, &number| {
                bencher.iter(|| black_box(one_host(&spec, number).run()));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, network);
criterion_main!(benches);
