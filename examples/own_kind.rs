//! A kind of keep-alive policy of one's own, which an experiment file names like a built-in one.
//!
//!     cargo run --release --example own_kind

use std::path::Path;

use isotherm::config::fields::takes;
use isotherm::config::schema::{Field, field, table};
use isotherm::experiment::{Experiment, Kinds, Overrides, RunOptions};
use isotherm::prelude::*;

const STUDY: &str = r#"
    name = "own-kind"
    service = { keep_alive = { kind = "by-uses" } }
    sweep = { service.keep_alive.each = ["10s", "15s", "30s"] }
    function = [{ name = "resize", limits = { time = "10s", memory = "1GB" }, body = [{ sleep = "1s" }] }]
    workload = [{ kind = "list", function = "resize", at = ["0s", "15s", "45s", "105s", "225s"] }]
    [platform]
    nodes = { count = 1, cores = 4, memory = "16GB", disk = { read = "2GB/s", write = "1GB/s" } }
    head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
    network = { node = "10Gbps", latency = "50us" }
"#;

/// Keeps a container longer the more often it was used.
struct ByUses {
    each: Duration,
}

impl KeepAlive for ByUses {
    fn keep(&mut self, idle: &IdleNow) -> Keep {
        Keep::For(self.each * idle.uses)
    }
}

/// The parameters of the kind, as messages and manifests need them.
const PARAMETERS: &[Field] =
    &[field("each", takes::<Duration>(), "How long for each use.").default("\"1min\"")];

fn main() -> Result<(), isotherm::Error> {
    let by_uses = table("by-uses", "longer the more often it was used").with(PARAMETERS);
    let kinds = Kinds::of("own_kind 1.0").with_keep_alive(by_uses, |fields| {
        let each = fields.get("each")?;
        Some(move |_: &_| ByUses { each })
    })?;
    let overrides = Overrides::default().with_kinds(kinds);
    let experiment = Experiment::parse("study.toml", STUDY, Path::new(""), &overrides)?;
    println!("each  cold starts");
    for run in experiment.runs() {
        let report = experiment.start(run, RunOptions::default())?.finish()?;
        println!("{:>4}  {:>11}", run.settings[0].shown, report.summary.starts.cold);
    }
    Ok(())
}
