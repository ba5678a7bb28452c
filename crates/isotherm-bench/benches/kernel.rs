//! How fast the kernel is: sleeps, messages, activities on one resource each, flows over shared
//! links.
//!
//! Each benchmark plays whole simulations and counts what its name says per second: sleeps that
//! ended, round trips, activities that completed. The sizes are those for which figures of other
//! simulators are at hand.

use std::hint::black_box;
use std::time::Duration as Wall;

use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use isotherm::kernel::Simulation;

use isotherm_bench::{executions, one_bottleneck, round_trips, sleeps, star_transfers};

/// Measures whole simulations; `number` is what the rate per second counts.
fn measure(
    criterion: &mut Criterion,
    group: &str,
    sizes: &[(u64, u64)],
    setup: impl Fn(u64) -> Simulation,
) {
    let mut group = criterion.benchmark_group(group);
    group.sampling_mode(SamplingMode::Flat).sample_size(10).warm_up_time(Wall::from_millis(500));
    group.measurement_time(Wall::from_secs(4));
    for &(size, number) in sizes {
        group.throughput(Throughput::Elements(number));
        group.bench_with_input(BenchmarkId::from_parameter(size), &size, |bencher, &size| {
            bencher.iter(|| black_box(setup(size).run()));
        });
    }
    group.finish();
}

fn kernel(criterion: &mut Criterion) {
    let sizes = [(1, 200_000), (1_000, 200_000), (20_000, 200_000)];
    measure(criterion, "sleeps", &sizes, |actors| sleeps(actors, 200_000));
    measure(criterion, "round trips", &[(200_000, 200_000)], round_trips);
    measure(criterion, "executions, 100 resources", &[(32, 96_000)], |lanes| {
        executions(100, lanes, 96_000)
    });
    measure(criterion, "flows over one link", &[(1_000, 1_000), (4_000, 4_000)], one_bottleneck);
    let sizes = [(2_000, 20_000), (4_000, 20_000)];
    measure(criterion, "flows on a star of 1024", &sizes, |flows| {
        star_transfers(1024, flows, 20_000)
    });
}

criterion_group!(benches, kernel);
criterion_main!(benches);
