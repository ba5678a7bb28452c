//! The order of what happens at one date, and the first fluid example of the model.

use crate::common::{Log, Site, secs};
use isotherm_platform::ComputeOptions;

fn one_of_everything() -> Site {
    Site::build(|builder| {
        builder.host("a", 100.0);
        builder.disk("a", "disk", 100.0, 100.0);
        builder.host("b", 100.0);
        builder.link("link", 100.0, 0.0);
        builder.route("a", "b", ["link"]);
        builder.network_model(isotherm_platform::NetworkModel::RAW);
    })
}

/// A new sleep goes to the front of the list of actions that are put into the queue, so sleepers of
/// one date wake in reverse.
#[test]
fn sleepers_that_began_together_wake_in_reverse() {
    let site = one_of_everything();
    let log = Log::default();
    for name in ["first", "second", "third"] {
        let (log, platform) = (log.clone(), site.platform.clone());
        site.platform.spawn(site.host("a"), name, async move {
            platform.kernel().sleep(secs(1.0)).await;
            log.add(platform.kernel(), name);
        });
    }
    site.run();
    log.assert(&[("third", 1.0), ("second", 1.0), ("first", 1.0)]);
}

/// Each recomputed constraint visits its activities newest first.
#[test]
fn equal_computations_and_flows_end_newest_first() {
    let site = one_of_everything();
    let log = Log::default();
    let (a, b) = (site.host("a"), site.host("b"));
    let (platform, kernel) = (site.platform.clone(), site.kernel());
    // Both pairs share 100 per second: 50 each, done at date 1. The CPU comes before the network.
    log.end_of(&kernel, "flow 1", platform.transfer(a, b, 50.0).unwrap());
    log.end_of(&kernel, "flow 2", platform.transfer(a, b, 50.0).unwrap());
    log.end_of(&kernel, "exec 1", platform.compute(a, 50.0));
    log.end_of(&kernel, "exec 2", platform.compute(a, 50.0));
    site.run();
    log.assert(&[("exec 2", 1.0), ("exec 1", 1.0), ("flow 2", 1.0), ("flow 1", 1.0)]);
}

/// Plain disk accesses have no queue in the reference: they are reported oldest first. The CPU
/// comes before disks, disks come before the network.
#[test]
fn equal_disk_accesses_end_oldest_first_and_models_have_their_order() {
    let site = one_of_everything();
    let log = Log::default();
    let (a, b) = (site.host("a"), site.host("b"));
    let (platform, kernel) = (site.platform.clone(), site.kernel());
    let disk = platform.disk_at(a, "/").unwrap();
    log.end_of(&kernel, "flow", platform.transfer(a, b, 100.0).unwrap());
    log.end_of(&kernel, "write 1", platform.disk_write(disk, 50.0));
    log.end_of(&kernel, "write 2", platform.disk_write(disk, 50.0));
    log.end_of(&kernel, "exec", platform.compute(a, 100.0));
    site.run();
    log.assert(&[("exec", 1.0), ("write 1", 1.0), ("write 2", 1.0), ("flow", 1.0)]);
}

/// Capacity 100 shared by A (penalty 1), B (penalty 2) and C (penalty 1, bound 10). The level is
/// first 100/2.5 = 40; C's bound is below it, so C gets 10. Then 90/1.5 = 60: A gets 60 and B 30.
/// Work of ten seconds each ends at date 10.
#[test]
fn shares_follow_penalties_and_bounds() {
    let site = one_of_everything();
    let log = Log::default();
    let host = site.host("a");
    let kernel = site.kernel();
    let options = |priority, limit| ComputeOptions { priority, limit, ..ComputeOptions::default() };
    for (name, flops, options) in [
        ("A", 600.0, options(1.0, None)),
        ("B", 300.0, options(0.5, None)),
        ("C", 100.0, options(1.0, Some(10.0))),
    ] {
        log.end_of(&kernel, name, site.platform.compute_with(host, flops, options));
    }
    site.run();
    log.assert(&[("C", 10.0), ("B", 10.0), ("A", 10.0)]);
}

/// Nothing to do takes no time, whatever the model.
#[test]
fn nothing_takes_no_time() {
    let site = one_of_everything();
    let log = Log::default();
    let (a, b) = (site.host("a"), site.host("b"));
    let (platform, kernel) = (site.platform.clone(), site.kernel());
    let disk = platform.disk_at(a, "/").unwrap();
    log.end_of(&kernel, "exec", platform.compute(a, 0.0));
    log.end_of(&kernel, "read", platform.disk_read(disk, 0.0));
    log.end_of(&kernel, "flow", platform.transfer(a, b, 0.0).unwrap());
    assert_eq!(site.run(), 0.0);
    log.assert(&[("exec", 0.0), ("read", 0.0), ("flow", 0.0)]);
}
