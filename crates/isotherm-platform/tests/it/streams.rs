//! Streams: one flow that is read from a disk, sent, and written to a disk at the same time.

use crate::common::{Log, Site, assert_close, secs, serverless_site};
use isotherm_kernel::Activity;
use isotherm_platform::{Endpoint, Platform};

/// The platform of SimGrid's io-stream: bob's disk reads 1 and writes 0.5 MB/s, alice's 4 and 4; a
/// link of 2 MB/s and 50 us.
fn bob_and_alice() -> Site {
    Site::build(|builder| {
        builder.host("bob", 1e9);
        builder.disk("bob", "disk", 1e6, 0.5e6);
        builder.host("alice", 1e9);
        builder.disk("alice", "disk", 4e6, 4e6);
        builder.link("link", 2e6, 50e-6);
        builder.route("bob", "alice", ["link"]);
    })
}

fn disk(platform: &Platform, host: &str) -> Endpoint {
    let host = platform.host(host).unwrap();
    Endpoint { host, disk: platform.disk_at(host, "/") }
}

fn memory(platform: &Platform, host: &str) -> Endpoint {
    Endpoint::memory(platform.host(host).unwrap())
}

/// SimGrid io-stream, 4e6 B each time (the published numbers, with 0.00065 = 13.01 × 50 us):
///
/// | from → to | limited by | time |
/// |---|---|---|
/// | bob's disk → alice's disk | reading: 4e6/1e6 | 4.000651 |
/// | alice's disk → bob's disk | writing: 4e6/0.5e6 | 8.000651 |
/// | bob's disk → alice's memory | reading | 4.000650 |
/// | bob's memory → alice's disk | the link: 4e6 × 1.05 / (0.97 × 2e6) | 2.165599 |
/// | bob's disk → bob's disk | writing, over the loopback | 8.000000 |
/// | nothing | the latency | 0.000650 |
#[test]
fn the_slowest_part_sets_the_pace() {
    type End = fn(&Platform, &str) -> Endpoint;
    let cases: [(End, &str, End, &str, f64, f64); 6] = [
        (disk, "bob", disk, "alice", 4e6, 4.0006505),
        (disk, "alice", disk, "bob", 4e6, 8.0006505),
        (disk, "bob", memory, "alice", 4e6, 4.0006505),
        (memory, "bob", disk, "alice", 4e6, 2.165599),
        (disk, "bob", disk, "bob", 4e6, 8.0),
        (disk, "bob", disk, "alice", 0.0, 0.0006505),
    ];
    for (from, from_host, to, to_host, bytes, expected) in cases {
        let site = bob_and_alice();
        let (from, to) = (from(&site.platform, from_host), to(&site.platform, to_host));
        site.go(
            move |platform| async move { platform.stream(from, to, bytes).unwrap().await.unwrap() },
        );
        assert_close(site.run(), expected);
    }
}

/// SimGrid io-stream: step by step instead: read 4 s, send 2.165599 s, write 1 s.
#[test]
fn store_and_forward_adds_up() {
    let site = bob_and_alice();
    let log = Log::default();
    let (bob, alice, seen) = (site.host("bob"), site.host("alice"), log.clone());
    site.go(move |platform| async move {
        let kernel = platform.kernel();
        platform.disk_read(platform.disk_at(bob, "/").unwrap(), 4e6).await.unwrap();
        seen.add(kernel, "read");
        platform.transfer(bob, alice, 4e6).unwrap().await.unwrap();
        seen.add(kernel, "sent");
        platform.disk_write(platform.disk_at(alice, "/").unwrap(), 4e6).await.unwrap();
        seen.add(kernel, "written");
    });
    site.run();
    log.assert(&[("read", 4.0), ("sent", 6.165599), ("written", 7.165599)]);
}

/// SimGrid io-stream: beside two other flows in the same direction: 3 × 1.05 · x = 2e6, so
/// 4e6/(0.97 × 634920.6) + 0.00065 = 6.495496.
#[test]
fn a_stream_shares_its_links() {
    let site = bob_and_alice();
    let log = Log::default();
    let (from, to) = (disk(&site.platform, "bob"), disk(&site.platform, "alice"));
    let (bob, alice, seen) = (site.host("bob"), site.host("alice"), log.clone());
    site.go(move |platform| async move {
        let others = [
            platform.transfer(bob, alice, 2e7).unwrap(),
            platform.transfer(bob, alice, 2e7).unwrap(),
        ];
        platform.stream(from, to, 4e6).unwrap().await.unwrap();
        seen.add(platform.kernel(), "stream");
        drop(others);
    });
    site.run();
    log.assert(&[("stream", 6.495496)]);
}

/// The read-write resource carries a copy within a disk with weight 2 × 0.97 = 1.94, so that true
/// bytes count: on a disk of 100 that reads and writes at 100 together, the copy moves 50 B/s.
#[test]
fn a_copy_within_a_disk_counts_twice() {
    let site = Site::build(|builder| {
        builder.host("a", 1e9);
        builder.disk("a", "disk", 100.0, 100.0);
    });
    let end = disk(&site.platform, "a");
    site.go(
        move |platform| async move { platform.stream(end, end, 100.0).unwrap().await.unwrap() },
    );
    assert_close(site.run(), 2.0);
}

/// A stream between two memories of one host is a message over the loopback.
#[test]
fn memory_to_memory_is_a_transfer() {
    let site = serverless_site();
    let end = memory(&site.platform, "head");
    site.go(
        move |platform| async move { platform.stream(end, end, 9.7e9).unwrap().await.unwrap() },
    );
    assert_close(site.run(), 1.0);
}

/// The rates of streams that share disks, from their penalties: download D (user → head): 20e-6 +
/// 20537/20e6 = 1.04685e-3; copy C (head → node): 1e-9 + 20537/12.5e9 = 1.64396e-6; load L (node
/// disk → memory of the node, loopback without latency): 1.
#[test]
fn streams_share_disks_by_their_penalties() {
    let download =
        |platform: &Platform| stream(platform, disk(platform, "user"), disk(platform, "head"));
    let copy =
        |platform: &Platform| stream(platform, disk(platform, "head"), disk(platform, "node1"));
    let copy_2 =
        |platform: &Platform| stream(platform, disk(platform, "head"), disk(platform, "node2"));
    let load =
        |platform: &Platform| stream(platform, disk(platform, "node1"), memory(platform, "node1"));
    type Start<'a> = &'a dyn Fn(&Platform) -> Activity;
    let cases: [(&str, Vec<Start>, Vec<f64>); 8] = [
        ("D", vec![&download], vec![18_476_190.476]),
        ("C", vec![&copy], vec![1e8]),
        ("L", vec![&load], vec![1e8]),
        ("D and C", vec![&download, &copy], vec![156_792.510, 99_843_207.490]),
        ("C and L", vec![&copy, &load], vec![99_999_835.604, 164.396]),
        (
            "D, C and L",
            vec![&download, &copy, &load],
            vec![156_792.510, 99_843_207.490, 156_792.510],
        ),
        ("two C", vec![&copy, &copy_2], vec![5e7, 5e7]),
        ("two L", vec![&load, &load], vec![5e7, 5e7]),
    ];
    for (name, streams, expected) in cases {
        let site = serverless_site();
        let running: Vec<Activity> = streams.iter().map(|start| start(&site.platform)).collect();
        site.go(move |platform| async move {
            platform.kernel().sleep(secs(0.1)).await;
            for (stream, rate) in running.iter().zip(expected) {
                assert!(
                    (stream.rate() - rate).abs() < 1e-3,
                    "{name}: {}, expected {rate}",
                    stream.rate()
                );
            }
        });
        site.run();
    }
}

fn stream(platform: &Platform, from: Endpoint, to: Endpoint) -> Activity {
    platform.stream(from, to, 1e12).unwrap()
}

/// The data phases of a first invocation, one after the other: download of 1e8 B: 13.01 × 20 us +
/// 1e8/18476190.476 = 5.412631334; copy: 13.01 ns + 1 s; load: 1 s.
#[test]
fn download_copy_and_load() {
    let site = serverless_site();
    let log = site.logged(async move |platform, seen| {
        let kernel = platform.kernel();
        let (user, head, node) =
            (disk(&platform, "user"), disk(&platform, "head"), disk(&platform, "node1"));
        let memory = memory(&platform, "node1");
        for (name, from, to) in
            [("download", user, head), ("copy", head, node), ("load", node, memory)]
        {
            platform.stream(from, to, 1e8).unwrap().await.unwrap();
            seen.add(kernel, name);
        }
    });
    log.assert(&[("download", 5.412631334), ("copy", 6.412631347), ("load", 7.412631347)]);
}

/// A stream and plain accesses on one disk are one max-min problem: the stream's penalty (loopback: 1)
/// equals that of the plain read, and it uses the disk with 0.97 of its share, so 0.97x + x = 100:
/// the read gets 50.76 and the stream 0.97 × 50.76 = 49.24 B/s.
#[test]
fn streams_and_plain_accesses_share_a_disk() {
    let site = Site::build(|builder| {
        builder.host("a", 1e9);
        builder.disk("a", "disk", 100.0, 100.0);
    });
    let from = disk(&site.platform, "a");
    let to = memory(&site.platform, "a");
    site.go(move |platform| async move {
        let stream = platform.stream(from, to, 1e6).unwrap();
        let read = platform.disk_read(from.disk.unwrap(), 1e6);
        platform.kernel().sleep(secs(1.0)).await;
        assert_close(stream.rate(), 97.0 / 1.97);
        assert_close(read.rate(), 100.0 / 1.97);
    });
    site.run();
}

#[test]
fn a_disk_is_used_on_its_own_host() {
    let site = bob_and_alice();
    let (bob, alice) = (site.host("bob"), site.host("alice"));
    let wrong = Endpoint { host: alice, disk: site.platform.disk_at(bob, "/") };
    let error = site.platform.stream(wrong, Endpoint::memory(bob), 1.0).err().unwrap();
    assert_eq!(error.to_string(), "disk `disk` is not on host `alice`");
}
