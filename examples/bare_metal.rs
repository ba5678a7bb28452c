//! Actions without functions: a small workflow on a bare-metal service.
//!
//!     cargo run --release --example bare_metal
//!
//! A node of 8 cores fetches a film from a repository over 1 Gb/s, reads it, converts it on four
//! cores, and puts the result back. Then three conversions need four cores each; two of them fit at
//! once.

use isotherm::prelude::*;

fn main() -> Result<(), isotherm::Error> {
    let world = World::new(Cluster::new(1).cores(8).build()?)?;
    let node = world.host("node0")?;
    let repository = world.storage("repository", world.host("repository")?)?;
    let local = world.storage("local", node)?;
    repository.put("film", 2 * GB, 0)?;
    let service = BareMetalService::start(world.site(), BareMetalConfig::new("bare_metal", node));

    println!("action      began (s)  ended (s)");
    world.controller(world.host("user")?, "controller", async move |me| {
        let convert = || Action::Compute { flops: gflop(400), cores: 4 };
        for (name, action) in [
            (
                "fetch",
                Action::Copy { from: repository.clone(), to: local.clone(), file: "film".into() },
            ),
            ("read", Action::Read { storage: local.clone(), file: "film".into() }),
            ("convert", convert()),
            ("write", Action::Write { storage: local.clone(), file: "result".into(), bytes: GB }),
            (
                "put back",
                Action::Copy { from: local.clone(), to: repository.clone(), file: "result".into() },
            ),
            ("delete", Action::Delete { storage: local.clone(), file: "film".into() }),
            ("cool down", Action::Sleep(secs(5))),
        ] {
            print(name, service.perform(&me.address(), action).await)?;
        }
        // A failure is a result too, with its cause.
        let again = Action::Read { storage: local.clone(), file: "film".into() };
        let report = service.perform(&me.address(), again).await;
        println!("read again: {}", report.result.expect_err("it was deleted"));

        let here = me.address();
        let three = (0..3).map(|_| service.perform(&here, convert()));
        for report in join_all(three).await {
            print("convert", report)?;
        }
        let ledger = service.ledger();
        println!("{} actions completed, {} failed", ledger.completed, ledger.failed);
        Ok(())
    });
    world.run()?;
    Ok(())
}

fn print(name: &str, report: ActionReport) -> Result<(), FailureCause> {
    report.result?;
    let date = |date: Option<Time>| date.map_or(f64::NAN, Time::as_secs_f64);
    println!("{name:10}  {:9.3}  {:9.3}", date(report.started), date(report.ended));
    Ok(())
}
