//! How much hosts, disks and links are used.

use crate::common::{Site, assert_close, hosts, secs};
use isotherm_platform::{Endpoint, Part};

/// A transfer of 1 MB over a link of 1 MB/s carries 1/0.97 of that, and 5 % of it for the
/// acknowledgements; the link is busy for the whole transfer but not for the latency. A stream from
/// a disk of 2 MB/s is limited by the link in the same way, and so busy that long. The cores are
/// used for 2 of 4 flops/s during 3 s.
#[test]
fn parts_are_busy_while_something_uses_them() {
    let site = Site::build(|builder| {
        hosts(builder, &["b"]);
        builder.host("a", 2.0).cores(2);
        builder.disk("a", "disk", 2e6, 2e6);
        builder.link("wan", 1e6, 0.01);
        builder.route("a", "b", ["wan"]);
    });
    let platform = site.platform.clone();
    let [a, b] = ["a", "b"].map(|name| site.host(name));
    let disk = platform.disks(a)[0];
    let parts = [Part::Host(a), Part::Disk(disk), Part::Link(platform.link("wan").unwrap())];
    parts.iter().for_each(|&part| platform.meter(part));
    assert_eq!(platform.usage(Part::Host(b)), None);
    site.go(move |platform| async move {
        platform.transfer(a, b, 1e6).unwrap().await.unwrap();
        let from = Endpoint { host: a, disk: Some(disk) };
        platform.stream(from, Endpoint::memory(b), 1e6).unwrap().await.unwrap();
        platform.disk_write(disk, 2e6).await.unwrap();
        platform.compute(a, 6.0).await.unwrap();
        platform.kernel().sleep(secs(10.0)).await;
    });
    site.run();
    let transfer = 1.05 / 0.97;
    let expected = [(3.0, 6.0), (transfer + 1.0, 3e6), (2.0 * transfer, 2e6 * transfer)];
    for (part, (busy, work)) in parts.into_iter().zip(expected) {
        let used = platform.usage(part).unwrap();
        assert_close(used.busy.as_secs_f64(), busy);
        assert_close(used.work / 1e6, work / 1e6);
    }
}
