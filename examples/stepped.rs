//! Placement decided by the caller: an ordinary loop in place of a scheduler.
//!
//!     cargo run --release --example stepped

use std::path::Path;

use isotherm::experiment::{Experiment, Overrides, RunOptions};
use isotherm::prelude::*;

const STUDY: &str = r#"
    name = "stepped"
    function = [{ name = "resize", limits = { time = "10s", memory = "1GB" }, body = [{ sleep = "200ms" }] }]
    workload = [{ kind = "poisson", function = "resize", rate = "100/s", until = "1h" }]
    [platform]
    nodes = { count = 4, cores = 8, memory = "16GB", disk = { read = "2GB/s", write = "1GB/s" } }
    head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
    network = { node = "10Gbps", latency = "50us" }
"#;

fn main() -> Result<(), isotherm::Error> {
    let experiment = Experiment::parse("study.toml", STUDY, Path::new(""), &Overrides::default())?;
    let options = RunOptions::default().with_caller_deciding(CallerDecides::ROUNDS);
    let mut run = experiment.start(&experiment.runs()[0], options)?;
    while run.until_decision()?.is_some() {
        let mut plan = Plan::default();
        run.view(|view| {
            let mut placement = Placement::new(view, &mut plan);
            for pending in view.pending() {
                let free = view.with_free_slot().iter();
                let open = free.filter(|&node| placement.has_place(pending.function, node));
                let Some(node) = open.min_by_key(|&node| view.running(node)) else { break };
                placement.place(pending, node);
            }
        });
        run.answer(plan)?;
    }
    let decisions = run.decisions();
    println!("{decisions} decisions, {} cold starts", run.finish()?.summary.starts.cold);
    Ok(())
}
