//! How many instructions the hot paths of the serverless platform take: unlike times, the same on a
//! busy machine, so that a few per cent more show.
//!
//! ```text
//! cargo install --locked gungraun-runner --version "$(cargo pkgid gungraun | sed 's/.*[#@]//')"
//! cargo bench -p isotherm-bench --features measure --bench invocations
//! ```
//!
//! It takes Valgrind and the runner, in the version of the library; each run is compared with the
//! one before. What is counted is the run, without what it takes to set it up. Divide by the number
//! of invocations: 20,000, and 2,000 where there are images.

#![expect(missing_docs, reason = "the macros of gungraun make public items without any")]

use gungraun::{library_benchmark, library_benchmark_group, main};
use isotherm::kernel::{Distribution, Duration, Random, RandomStreams, RunError, Simulation, Time};
use isotherm::platform::{Platform, PlatformBuilder};
use isotherm::serverless::keep_alive::{Fixed, HybridConfig, HybridHistogram};
use isotherm::serverless::scheduler::{
    ByNode, FirstFit, LeastLoaded, LoadMeasure, RandomPlacement,
};
use isotherm::serverless::{
    Body, Function, FunctionManager, Image, Limits, NodeConfig, Planned, Preset,
    ServerlessComputeService, ServiceConfig, Slots,
};
use isotherm::services::{ExecutionController, FailureCause, Site, StorageConfig, StorageService};

const MB: u64 = 1_000_000;
/// Functions, and nodes.
const FUNCTIONS: usize = 30;
const NODES: usize = 20;

/// What is played.
#[derive(Clone, Copy)]
enum Case {
    /// Idle containers serve nearly everything; the first node with room gets a new one.
    Warm,
    /// The same, and the node with most memory left gets a new one.
    LeastLoaded,
    /// No container is kept.
    Cold,
    /// The hybrid histogram says how long containers are kept and when they are started.
    Learning,
    /// Memory is short: every new container evicts others.
    Evicting,
    /// More comes than can run: thousands wait.
    Backlog,
    /// A scheduler that decides in rounds.
    Rounds,
    /// Images are downloaded, copied and loaded, first come, first served.
    Images,
}

impl Case {
    fn invocations(self) -> usize {
        if matches!(self, Case::Images) { 2_000 } else { 20_000 }
    }

    /// Memory of a node in MB, of which a container takes 100. About 25 invocations run at a time.
    fn memory(self) -> u64 {
        match self {
            Case::Evicting => 200,
            Case::Backlog => 100,
            _ => 8_000,
        }
    }

    fn configure(self, config: &mut ServiceConfig) {
        config.startup_overhead = Duration::from_millis(500);
        config.keep_alive = match self {
            Case::Cold => Box::new(Fixed::new(Duration::ZERO)),
            Case::Learning => Box::new(HybridHistogram::new(HybridConfig::default())),
            _ => Box::new(Fixed::new(Duration::from_secs(600))),
        };
        config.scheduler = match self {
            Case::LeastLoaded => Box::new(ByNode::new(LeastLoaded::by(LoadMeasure::Memory), true)),
            Case::Rounds => {
                Box::new(RandomPlacement::new(RandomStreams::new(1).stream("placement")))
            }
            Case::Images => config.rules.fcfs(),
            _ => Box::new(ByNode::new(FirstFit, true)),
        };
    }
}

fn site(simulation: &Simulation, case: Case) -> Site {
    let mut builder = PlatformBuilder::new();
    for name in ["user", "head"]
        .map(String::from)
        .into_iter()
        .chain((0..NODES).map(|node| format!("node{node}")))
    {
        builder.host(name.as_str(), 1e9).cores(16).memory(case.memory() * MB);
        builder.disk(&name, "disk", 1e9, 1e9).size(1_000_000 * MB);
        builder.link(format!("link of {name}"), 1e9, 1e-5);
    }
    builder.route("user", "head", ["link of user", "link of head"]);
    for node in 0..NODES {
        let (name, link) = (format!("node{node}"), format!("link of node{node}"));
        builder.route("head", &name, ["link of head", link.as_str()]);
    }
    let spec = builder.build().expect("a sound platform");
    Site::new(Platform::new(&simulation.kernel(), spec).expect("a sound platform"))
}

/// Arrivals at a mean rate of 50 a second, of functions drawn evenly, whose bodies sleep half a
/// second on average.
fn arrivals(count: usize) -> impl Iterator<Item = Planned> + 'static {
    let mut random: Random = RandomStreams::new(42).stream("arrivals");
    let exponential = |mean| Distribution::exponential_with_mean(mean).expect("a positive mean");
    let (gap, duration) = (exponential(0.02), exponential(0.5));
    let mut at = Time::ZERO;
    (0..count).map(move |_| {
        at += gap.sample_duration(&mut random);
        let body = Some(Body::sleep(duration.sample_duration(&mut random)));
        Planned { at, function: random.below(FUNCTIONS as u64) as usize, body }
    })
}

fn prepare(case: Case) -> Simulation {
    let simulation = Preset::Default.simulation();
    let site = site(&simulation, case);
    let host = |name: &str| site.platform().host(name).expect("a host of the platform");
    let slots = if matches!(case, Case::Images) { Slots::Cores } else { Slots::Unlimited };
    let nodes = (0..NODES)
        .map(|node| NodeConfig { slots, ..host(&format!("node{node}")).into() })
        .collect();
    let mut config = ServiceConfig::new(Preset::Default, host("head"), nodes);
    case.configure(&mut config);
    let service = ServerlessComputeService::start(&site, config).expect("a sound service");
    let functions = FunctionManager::start(&site, host("user"));
    let disk = site.platform().disk_at(host("user"), "/").expect("a disk of the user");
    let repository =
        StorageService::start(&site, StorageConfig::on_disk("repository", host("user"), disk));
    ExecutionController::spawn(&site, host("user"), "controller", async move |_| {
        let mut registered = Vec::new();
        for number in 0..FUNCTIONS {
            let image = matches!(case, Case::Images).then(|| {
                let name = format!("image{number}");
                let created =
                    repository.file_system().borrow_mut().create(name.as_str(), 50 * MB, 0);
                created.expect("the repository is large enough");
                Image::new(name, 50 * MB, 50 * MB, &repository)
            });
            let function =
                Function::new(format!("f{number}"), image, Body::sleep(Duration::from_secs(1)));
            let limits = Limits::time(Duration::from_secs(3600)).memory(100 * MB);
            registered.push(functions.register(&function, &service, limits).await?);
        }
        functions.replay(&service, &registered, arrivals(case.invocations())).await?;
        functions.drain(&service).await?;
        assert_eq!(service.detached(), case.invocations() as u64, "all have been taken in");
        Ok::<(), FailureCause>(())
    });
    simulation
}

#[library_benchmark]
#[bench::warm(args = (Case::Warm), setup = prepare)]
#[bench::least_loaded(args = (Case::LeastLoaded), setup = prepare)]
#[bench::cold(args = (Case::Cold), setup = prepare)]
#[bench::learning(args = (Case::Learning), setup = prepare)]
#[bench::evicting(args = (Case::Evicting), setup = prepare)]
#[bench::backlog(args = (Case::Backlog), setup = prepare)]
#[bench::rounds(args = (Case::Rounds), setup = prepare)]
#[bench::images(args = (Case::Images), setup = prepare)]
fn run(simulation: Simulation) -> (Simulation, Result<Time, RunError>) {
    let end = simulation.run();
    // Taking it down is not counted either.
    (simulation, end)
}

library_benchmark_group!(name = serverless, benchmarks = run);

main!(library_benchmark_groups = serverless);
