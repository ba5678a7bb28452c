//! A keep-alive policy of one's own on a trace, beside that of the experiment.
//!
//!     cargo run --release --example own_policy_on_a_trace

use isotherm::experiment::{Experiment, Overrides, RunOptions};
use isotherm::prelude::*;
use std::path::Path;

/// A minute for each invocation that the function has had, at most an hour.
struct ByPopularity(Vec<u32>);

impl KeepAlive for ByPopularity {
    fn invoked(&mut self, invoked: &Invoked) {
        self.0[invoked.function.index()] += 1;
    }
    fn keep(&mut self, idle: &IdleNow) -> Keep {
        Keep::For(minutes(self.0[idle.function.index()].min(60)))
    }
}

fn main() -> Result<(), isotherm::Error> {
    let trace = Path::new("examples/azure-2019.toml");
    let experiment = Experiment::load(trace, &Overrides::default())?;
    let own = RunOptions::default().with_keep_alive(ByPopularity(vec![0; 1000]));
    for options in [RunOptions::default(), own] {
        let run = experiment.start(&experiment.runs()[0], options)?;
        println!("{} cold starts", run.finish()?.summary.starts.cold);
    }
    Ok(())
}
