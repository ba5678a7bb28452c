//! The simulations of the kernel's benchmarks: measured by the clock in `benches/kernel.rs`, and by
//! counting instructions in `benches/instructions.rs`.

use std::cell::Cell;
use std::rc::Rc;

use isotherm::kernel::{
    ActivitySpec, Duration, Kernel, Random, RandomStreams, Rank, ResourceId, Sharing, Simulation,
};

/// `actors` sleep all the time, so that as many dates are pending; `sleeps` of them end in all.
#[must_use]
pub fn sleeps(actors: u64, sleeps: u64) -> Simulation {
    let simulation = Simulation::new();
    let streams = RandomStreams::new(1);
    for number in 0..actors {
        let kernel = simulation.kernel();
        let mut random = streams.stream(&format!("sleeper/{number}"));
        simulation.kernel().spawn("sleeper", async move {
            for _ in 0..sleeps / actors {
                kernel.sleep(Duration::from_nanos(1 + random.below(1_000_000_000))).await;
            }
        });
    }
    simulation
}

/// Two actors that send each other messages that cost nothing.
#[must_use]
pub fn round_trips(number: u64) -> Simulation {
    let simulation = Simulation::new();
    let kernel = simulation.kernel();
    let (there, back) = (kernel.mailbox::<u64>("there"), kernel.mailbox::<u64>("back"));
    kernel.actor("server").daemon().spawn({
        let (there, back) = (there.clone(), back.clone());
        async move {
            loop {
                let value = there.receive().await;
                back.send_detached(value + 1);
            }
        }
    });
    kernel.spawn("client", async move {
        let mut value = 0;
        while value < number {
            there.send_detached(value);
            value = back.receive().await;
        }
    });
    simulation
}

/// Resources that each run `concurrent` executions at a time, `total` in all.
#[must_use]
pub fn executions(resources: u64, concurrent: u64, total: u64) -> Simulation {
    let simulation = Simulation::new();
    let kernel = simulation.kernel();
    let streams = RandomStreams::new(2);
    for number in 0..resources {
        let host = kernel.resource(16e9, Sharing::Shared);
        for lane in 0..concurrent {
            let kernel = kernel.clone();
            let mut random = streams.stream(&format!("host/{number}/{lane}"));
            simulation.kernel().spawn("lane", async move {
                for _ in 0..total / (resources * concurrent) {
                    let flops = 1e9 * (0.5 + random.uniform());
                    let execution = ActivitySpec::new(Rank::Cpu, flops).uses(host, 1.0).bound(1e9);
                    kernel.start(execution).await.expect("nothing fails here");
                }
            });
        }
    }
    simulation
}

/// A flow as the network model makes it: latency, penalty and bound from the links, the way back
/// charged with 5 %.
fn transfer(there: &[ResourceId], back: &[ResourceId], bytes: f64, bandwidth: f64) -> ActivitySpec {
    let latency = 1e-4;
    let spec = ActivitySpec::new(Rank::Network, bytes)
        .penalty(latency + there.len() as f64 * 20537.0 / bandwidth)
        .bound(bandwidth.min(4_194_304.0 / (2.0 * latency)))
        .rate_factor(0.97)
        .latency(Duration::from_secs_f64(13.01 * latency));
    let spec = there.iter().fold(spec, |spec, &link| spec.uses(link, 1.0));
    back.iter().fold(spec, |spec, &link| spec.uses(link, 0.05))
}

/// `flows` of different sizes over one link, all begun at once, until the last has ended.
#[must_use]
pub fn one_bottleneck(flows: u64) -> Simulation {
    let simulation = Simulation::new();
    let kernel = simulation.kernel();
    let link = kernel.resource(1.25e8, Sharing::Shared);
    let mut random = RandomStreams::new(3).stream("sizes");
    for _ in 0..flows {
        let bytes = 1e6 * (0.5 + random.uniform());
        let flow = kernel.start(transfer(&[link], &[link], bytes, 1.25e8));
        kernel.spawn("flow", async move { flow.await.expect("nothing fails here") });
    }
    simulation
}

struct Host {
    up: ResourceId,
    down: ResourceId,
}

fn star(kernel: &Kernel, hosts: u64) -> Vec<Host> {
    let link = || kernel.resource(1.25e9, Sharing::Shared);
    (0..hosts).map(|_| Host { up: link(), down: link() }).collect()
}

fn random_transfer(hosts: &[Host], random: &mut Random) -> ActivitySpec {
    let from = random.below(hosts.len() as u64) as usize;
    let to = (from + 1 + random.below(hosts.len() as u64 - 1) as usize) % hosts.len();
    let (from, to) = (&hosts[from], &hosts[to]);
    let bytes = 1e8 * (0.5 + random.uniform());
    transfer(&[from.up, to.down], &[to.up, from.down], bytes, 1.25e9)
}

/// `concurrent` flows at a time between random hosts of a star of full-duplex links, until `total`
/// have ended.
#[must_use]
pub fn star_transfers(hosts: u64, concurrent: u64, total: u64) -> Simulation {
    let simulation = Simulation::new();
    let kernel = simulation.kernel();
    let hosts = Rc::new(star(&kernel, hosts));
    let streams = RandomStreams::new(4);
    let done = kernel.mailbox("done");
    let left = Rc::new(Cell::new(total));
    for number in 0..concurrent {
        let (kernel, hosts, left, done) =
            (kernel.clone(), Rc::clone(&hosts), Rc::clone(&left), done.clone());
        let mut random = streams.stream(&format!("lane/{number}"));
        simulation.kernel().actor("lane").daemon().spawn(async move {
            loop {
                let flow = random_transfer(&hosts, &mut random);
                kernel.start(flow).await.expect("nothing fails here");
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
