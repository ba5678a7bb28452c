//! An autoscaler of one's own: a target of idle containers for each function, kept by a scheduler
//! that looks every five seconds.
//!
//!     cargo run --release --example autoscaler
//!
//! `Autoscaler` leaves placement to a built-in scheduler and decides only how many containers
//! there are: as many idle ones as it is told, beside those that are busy. Containers beyond that
//! are stopped, and missing ones are started ahead on the nodes with the most free memory. So it
//! trades memory for cold starts, whatever the keep-alive policy does.

use std::path::Path;

use isotherm::experiment::{Experiment, Overrides, RunOptions};
use isotherm::prelude::*;

const STUDY: &str = r#"
    name = "autoscaler"
    seed = 1
    service = { keep_alive = "forever", startup = "2s" }
    workload = [{ kind = "poisson", function = "resize", rate = "2/s", until = "1h" }]
    [platform]
    nodes = { count = 4, cores = 8, memory = "16GB", disk = { read = "2GB/s", write = "1GB/s" } }
    head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
    network = { node = "10Gbps", latency = "50us" }
    [[function]]
    name = "resize"
    limits = { time = "10s", memory = "1GB" }
    body = [{ sleep = "1s" }]
"#;

struct Autoscaler {
    placement: ByNode<WarmFirst>,
    /// Idle containers wanted for each function.
    spare: usize,
    next_look: Time,
}

impl Autoscaler {
    fn new(spare: usize) -> Self {
        Autoscaler { placement: ByNode::new(WarmFirst, true), spare, next_look: Time::ZERO }
    }

    /// Starts and stops containers of a function so that `spare` are idle.
    fn scale(&self, view: &View<'_>, function: FunctionId, plan: &mut Plan) {
        let mut nodes = view.members().to_vec();
        let idle = |&node: &NodeId| view.idle(function, node);
        let idle: Vec<ContainerId> = nodes.iter().flat_map(idle).collect();
        plan.stops.extend(idle.iter().skip(self.spare));
        nodes.sort_by_key(|&node| std::cmp::Reverse(view.free_memory(node)));
        let missing = nodes.iter().cycle().take(self.spare.saturating_sub(idle.len()));
        plan.starts.extend(missing.map(|&node| StartAhead { function, node, keep: None }));
    }
}

impl Scheduler for Autoscaler {
    fn first_round(&self) -> Option<Time> {
        Some(self.next_look)
    }

    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        if view.pending().next().is_some() {
            self.placement.round(view, plan);
        }
        if view.now() >= self.next_look {
            (0..view.functions() as u32).for_each(|f| self.scale(view, FunctionId(f), plan));
            self.next_look = view.now() + secs(5);
            plan.next_round = Some(self.next_look);
        }
    }
}

fn main() -> Result<(), isotherm::Error> {
    let experiment = Experiment::parse("study.toml", STUDY, Path::new(""), &Overrides::default())?;
    println!("spare  cold starts  idle memory (GB·h)");
    for spare in [0, 1, 2, 4, 8] {
        let options = RunOptions::default().with_scheduler(Autoscaler::new(spare));
        let report = experiment.start(&experiment.runs()[0], options)?.finish()?;
        let idle =
            report.utilisation.map_or(0.0, |used| used.container_memory.idle_mb_s / 1e3 / 3600.0);
        println!("{spare:5} {:12} {idle:19.1}", report.summary.starts.cold);
    }
    Ok(())
}
