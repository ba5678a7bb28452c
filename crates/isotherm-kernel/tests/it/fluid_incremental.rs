//! Incremental components: whatever changes in a network, activities end at the same dates as when
//! each change solves the whole connected component.
//!
//! The feature `audit`, on in tests, also compares each update bit by bit with a solution from
//! scratch. `fluid_oracle.rs` tests the shares themselves, with and without incremental components.

use std::cell::RefCell;
use std::rc::Rc;

use isotherm_kernel::{
    ActivityError, ActivitySpec, Duration, Kernel, Random, RandomStreams, Rank, ResourceId, Sharing,
};
use isotherm_kernel::{Simulation, Time};
use proptest::prelude::*;
use proptest::sample::select;

const NEVER: u32 = u32::MAX;

/// Hosts behind links of their own to a switch, racks of them perhaps behind links that they share.
#[derive(Clone, Debug)]
struct Network {
    hosts: usize,
    /// Hosts of a rack; none at all if there is no upper level.
    rack: Option<usize>,
    bandwidths: Vec<f64>,
    uplink: f64,
    /// What all that crosses the network shares.
    backbone: Option<f64>,
}

fn network() -> impl Strategy<Value = Network> {
    let bandwidths = prop::collection::vec(select(vec![1.25e9, 1.25e9, 1.25e8, 2.5e9]), 1..4);
    let uplink = select(vec![1.25e9, 2e9, 1e10]);
    let backbone = prop::option::weighted(0.3, select(vec![2e9, 1e10, 1e11]));
    (3usize..16, prop::option::of(2usize..5), bandwidths, uplink, backbone).prop_map(
        |(hosts, rack, bandwidths, uplink, backbone)| Network {
            hosts,
            rack,
            bandwidths,
            uplink,
            backbone,
        },
    )
}

/// A network in a simulation: links in both directions.
struct Links {
    up: Vec<ResourceId>,
    down: Vec<ResourceId>,
    rack: Option<(usize, Vec<ResourceId>, Vec<ResourceId>)>,
    backbone: Option<ResourceId>,
    memory: Vec<ResourceId>,
    bandwidths: Vec<f64>,
}

impl Links {
    fn new(kernel: &Kernel, network: &Network) -> Self {
        let bandwidths: Vec<f64> = (0..network.hosts)
            .map(|host| network.bandwidths[host % network.bandwidths.len()])
            .collect();
        let links = || {
            bandwidths
                .iter()
                .map(|&bandwidth| kernel.resource(bandwidth, Sharing::Shared))
                .collect()
        };
        let uplinks = |rack: usize| -> Vec<ResourceId> {
            (0..network.hosts.div_ceil(rack))
                .map(|_| kernel.resource(network.uplink, Sharing::Shared))
                .collect()
        };
        Links {
            up: links(),
            down: links(),
            rack: network.rack.map(|rack| (rack, uplinks(rack), uplinks(rack))),
            backbone: network.backbone.map(|bandwidth| kernel.resource(bandwidth, Sharing::Shared)),
            memory: (0..network.hosts)
                .map(|_| kernel.resource(f64::MAX, Sharing::Fatpipe))
                .collect(),
            bandwidths,
        }
    }

    fn route(&self, from: usize, to: usize) -> Vec<ResourceId> {
        let mut route = vec![self.up[from]];
        if let Some((rack, up, down)) = &self.rack
            && from / rack != to / rack
        {
            route.push(up[from / rack]);
            route.extend(self.backbone);
            route.push(down[to / rack]);
        } else if self.rack.is_none() {
            route.extend(self.backbone);
        }
        route.push(self.down[to]);
        route
    }

    /// A transfer as the network model makes it, between hosts drawn at random.
    fn transfer(&self, random: &mut Random) -> ActivitySpec {
        let hosts = self.up.len();
        let from = random.below(hosts as u64) as usize;
        let to = (from + 1 + random.below(hosts as u64 - 1) as usize) % hosts;
        let (there, back) = (self.route(from, to), self.route(to, from));
        let latency = 1e-5 * there.len() as f64;
        let bandwidth = self.bandwidths[from].min(self.bandwidths[to]);
        let window = if random.below(8) == 0 { 4_194_304.0 / (2.0 * 0.02) } else { f64::INFINITY };
        // Round sizes now and then, so that transfers end together.
        let bytes = if random.below(4) == 0 { 1e7 } else { 1e7 * (0.5 + random.uniform()) };
        let spec = ActivitySpec::new(Rank::Network, bytes)
            .penalty(latency + there.len() as f64 * 20537.0 / bandwidth)
            .bound(bandwidth.min(window))
            .rate_factor(0.97)
            .latency(Duration::from_secs_f64(13.01 * latency));
        let spec = there.iter().fold(spec, |spec, &link| spec.uses(link, 1.0));
        let spec = back.iter().fold(spec, |spec, &link| spec.uses(link, 0.05));
        spec.uses(self.memory[from], 1.0).uses(self.memory[to], 1.0)
    }
}

/// The transfers that are played: each lane sends its transfers one after another.
#[derive(Clone, Debug)]
struct Churn {
    network: Network,
    lanes: u64,
    transfers: u64,
    /// Whether links change and transfers are suspended, limited and cancelled in between.
    trouble: bool,
    seed: u64,
}

fn churn() -> impl Strategy<Value = Churn> {
    (network(), 2u64..40, 1u64..6, any::<bool>(), any::<u64>()).prop_map(
        |(network, lanes, transfers, trouble, seed)| Churn {
            network,
            lanes,
            transfers,
            trouble,
            seed,
        },
    )
}

type Ends = Vec<(u64, Time, Result<(), ActivityError>)>;

/// Changes a transfer in progress.
async fn meddle(
    kernel: &Kernel,
    links: &Links,
    id: isotherm_kernel::ActivityId,
    random: &mut Random,
) {
    kernel.sleep(Duration::from_nanos(1 + random.below(20_000_000))).await;
    match random.below(5) {
        0 => kernel.cancel(id),
        1 => kernel.set_bound(id, 1e8),
        2 => kernel.set_penalty(id, kernel.penalty(id) * 2.0),
        3 => {
            kernel.suspend(id);
            kernel.sleep(Duration::from_nanos(1_000_000)).await;
            kernel.resume(id);
        }
        _ => {
            let link = links.up[random.below(links.up.len() as u64) as usize];
            kernel.set_capacity(link, if random.below(3) == 0 { 0.0 } else { 6.25e8 });
            kernel.sleep(Duration::from_nanos(3_000_000)).await;
            kernel.set_capacity(link, 1.25e9);
        }
    }
}

/// The ends of the transfers of each lane: dates and results.
fn ends(churn: &Churn, incremental: u32) -> Ends {
    let simulation =
        Simulation::new().with_virtual_time_from(NEVER).with_incremental_from(incremental);
    let kernel = simulation.kernel();
    let links = Rc::new(Links::new(&kernel, &churn.network));
    let streams = RandomStreams::new(churn.seed);
    let ends = Rc::new(RefCell::new(Vec::new()));
    for lane in 0..churn.lanes {
        let (kernel, links, ends) = (kernel.clone(), Rc::clone(&links), Rc::clone(&ends));
        let mut random = streams.stream(&format!("lane/{lane}"));
        let (transfers, trouble) = (churn.transfers, churn.trouble);
        simulation.kernel().spawn("lane", async move {
            for _ in 0..transfers {
                let transfer = kernel.start(links.transfer(&mut random));
                if trouble && random.below(3) == 0 {
                    meddle(&kernel, &links, transfer.id(), &mut random).await;
                }
                let end = transfer.await;
                ends.borrow_mut().push((lane, kernel.now(), end));
            }
        });
    }
    simulation.run().expect("every transfer ends");
    let mut ends = ends.take();
    // Ends of one date may come in another order.
    ends.sort_by_key(|&(lane, date, _)| (lane, date));
    ends
}

proptest! {
    #![proptest_config(isotherm_testing::cases(2_000))]

    /// To the nanosecond.
    #[test]
    fn dates_are_those_of_solving_all_anew(churn in churn(), incremental in select(vec![2u32, 2, 5, 10])) {
        prop_assert_eq!(ends(&churn, incremental), ends(&churn, NEVER));
    }
}
