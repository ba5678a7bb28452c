//! How many instructions the hot paths of the kernel take: unlike times, the same on a busy
//! machine, so that a few per cent more show.
//!
//! ```text
//! cargo install --locked gungraun-runner --version "$(cargo pkgid gungraun | sed 's/.*[#@]//')"
//! cargo bench -p isotherm-bench --features measure --bench instructions
//! ```
//!
//! It takes Valgrind and the runner, in the version of the library; each run is compared with the
//! one before. The simulations are those of `kernel.rs`, smaller. What is counted is the run,
//! without what it takes to set it up.

#![expect(missing_docs, reason = "the macros of gungraun make public items without any")]

use gungraun::{library_benchmark, library_benchmark_group, main};
use isotherm::kernel::{RunError, Simulation, Time};

use isotherm_bench::{executions, one_bottleneck, round_trips, sleeps, star_transfers};

#[library_benchmark]
#[bench::sleeps(args = (1_000, 20_000), setup = sleeps)]
#[bench::round_trips(args = (20_000), setup = round_trips)]
#[bench::executions(args = (10, 32, 3_200), setup = executions)]
#[bench::one_link(args = (1_000), setup = one_bottleneck)]
#[bench::star(args = (256, 500, 1_000), setup = star_transfers)]
fn run(simulation: Simulation) -> (Simulation, Result<Time, RunError>) {
    let end = simulation.run();
    // Taking it down is not counted either.
    (simulation, end)
}

library_benchmark_group!(name = kernel, benchmarks = run);

main!(library_benchmark_groups = kernel);
