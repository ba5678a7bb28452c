//! The disk model: reading, writing, both at once, priorities, new bandwidths. Numbers marked
//! "SimGrid" are the published outputs of its examples.

use crate::common::{Log, Site, assert_close, secs};
use isotherm_platform::{DiskAccess, DiskBandwidth, DiskId};

fn one_disk(read: f64, write: f64) -> (Site, DiskId) {
    let site = Site::build(|builder| {
        builder.host("a", 1e9);
        builder.disk("a", "disk", read, write);
    });
    let disk = site.platform.disk_at(site.host("a"), "/").unwrap();
    (site, disk)
}

/// A read and a write share the third resource. 100/100: 50 each. 100/40: writing saturates first
/// at 40, reading gets the other 60 of the larger bandwidth, 100.
#[test]
fn reading_and_writing_at_once_share_the_larger_bandwidth() {
    for (write_bandwidth, read_rate, write_rate) in [(100e6, 50e6, 50e6), (40e6, 60e6, 40e6)] {
        let (site, disk) = one_disk(100e6, write_bandwidth);
        let (log, kernel) = (Log::default(), site.kernel());
        // Ten seconds of work each at the expected rates: both end at date 10 and never run alone.
        log.end_of(&kernel, "read", site.platform.disk_read(disk, 10.0 * read_rate));
        log.end_of(&kernel, "write", site.platform.disk_write(disk, 10.0 * write_rate));
        site.run();
        log.assert(&[("read", 10.0), ("write", 10.0)]);
    }
}

/// SimGrid io-priority at 40 MB/s: priorities 1 and 2, 4e6 B each: shares 1/3 and 2/3, so 0.15 s;
/// the other has 2e6 left and the disk alone: 0.2 s. Then two with priority 1; at 0.3 each has 2e6
/// left and one gets priority 2: 2e6/26.67e6 = 0.075 s; the other does 1e6 meanwhile and the rest
/// in 0.025 s.
#[test]
fn shares_are_proportional_to_priorities() {
    let (site, disk) = one_disk(40e6, 40e6);
    let (log, kernel) = (Log::default(), site.kernel());
    log.end_of(&kernel, "plain", site.platform.disk_write(disk, 4e6));
    log.end_of(&kernel, "privileged", site.platform.disk_access(disk, DiskAccess::Write, 4e6, 2.0));
    let seen = log.clone();
    site.go(move |platform| async move {
        let kernel = platform.kernel();
        kernel.sleep(secs(0.2)).await;
        let raised = platform.disk_write(disk, 4e6);
        seen.end_of(kernel, "left alone", platform.disk_write(disk, 4e6));
        kernel.sleep(secs(0.1)).await;
        assert_close(raised.remaining(), 2e6);
        platform.set_priority(&raised, 2.0);
        seen.end_of(kernel, "raised", raised);
    });
    site.run();
    log.assert(&[("privileged", 0.15), ("plain", 0.2), ("raised", 0.375), ("left alone", 0.4)]);
}

/// SimGrid io-disk-raw: 400000 B written at 40 MB/s, 200000 B read at 100 MB/s, 800000 B written at
/// 64 MB/s on another disk.
#[test]
fn disks_of_a_host_are_apart() {
    let site = Site::build(|builder| {
        builder.host("bob", 1e9);
        builder.disk("bob", "Disk1", 100e6, 40e6).mount("/scratch");
        builder.disk("bob", "Disk3", 100e6, 64e6).mount("/home").size(500);
    });
    let (log, bob) = (Log::default(), site.host("bob"));
    let one = site.platform.disk_named(bob, "Disk1").unwrap();
    let three = site.platform.disk_at(bob, "/home").unwrap();
    assert_eq!(site.platform.disks(bob), [one, three]);
    assert_eq!(site.platform.disk_capacity(three), 500);
    assert_eq!(site.platform.disk_capacity(one), i64::MAX as u64);
    assert_eq!(site.platform.disk_at(bob, "/"), None);
    assert_eq!(site.platform.disk_host(one), bob);
    let seen = log.clone();
    site.go(move |platform| async move {
        platform.disk_write(one, 400_000.0).await.unwrap();
        seen.add(platform.kernel(), "written");
        platform.disk_read(one, 200_000.0).await.unwrap();
        seen.add(platform.kernel(), "read");
        platform.disk_write(three, 800_000.0).await.unwrap();
        seen.add(platform.kernel(), "written elsewhere");
    });
    site.run();
    log.assert(&[("written", 0.01), ("read", 0.012), ("written elsewhere", 0.0245)]);
}

/// SimGrid io-async at 80 MB/s: 5e7 B watched each 0.2 s: 1.6e7 less each time.
#[test]
fn what_is_left_can_be_watched() {
    let (site, disk) = one_disk(80e6, 80e6);
    site.go(move |platform| async move {
        let access = platform.disk_write(disk, 5e7);
        for left in [5e7, 3.4e7, 1.8e7, 2e6] {
            assert!(
                (access.remaining() - left).abs() < 1.0,
                "{} left, expected {left}",
                access.remaining()
            );
            platform.kernel().sleep(secs(0.2)).await;
        }
        assert!(access.is_ended());
    });
    assert_close(site.run(), 0.8);
}

/// SimGrid io-set-bw: a disk of 1e6 B/s for everything, 1e6 B each time. Read and write take 1 and
/// 1 s; with half the bandwidth to read 2 and 1; with half of that to write 1 and 2; with half of
/// that for both 2 and 2. Halved in the middle: 0.5 s for the first half, 5e5/5e5 = 1 s for the
/// second.
#[test]
fn bandwidths_can_be_changed() {
    use DiskBandwidth::{Read, ReadWrite, Write};
    let (site, disk) = one_disk(1e6, 1e6);
    let log = Log::default();
    let seen = log.clone();
    site.go(move |platform| async move {
        let kernel = platform.kernel().clone();
        let set = |which, bandwidth| platform.set_disk_bandwidth(disk, which, bandwidth).unwrap();
        let took = |since: isotherm_kernel::Time| kernel.now().since(since).as_secs_f64();
        for which in [None, Some(Read), Some(Write), Some(ReadWrite)] {
            if let Some(which) = which {
                set(which, 0.5e6);
            }
            for access in [DiskAccess::Read, DiskAccess::Write] {
                let since = kernel.now();
                platform.disk_access(disk, access, 1e6, 1.0).await.unwrap();
                seen.value(format!("{access:?}"), took(since));
            }
            if let Some(which) = which {
                set(which, 1e6);
            }
        }
        for (which, access) in
            [(Read, DiskAccess::Read), (Write, DiskAccess::Write), (ReadWrite, DiskAccess::Read)]
        {
            let since = kernel.now();
            let access = platform.disk_access(disk, access, 1e6, 1.0);
            kernel.sleep(secs(0.5)).await;
            set(which, 0.5e6);
            access.await.unwrap();
            seen.value("changed", took(since));
            set(which, 1e6);
        }
    });
    assert_close(site.run(), 16.5);
    log.assert(&[
        ("Read", 1.0),
        ("Write", 1.0),
        ("Read", 2.0),
        ("Write", 1.0),
        ("Read", 1.0),
        ("Write", 2.0),
        ("Read", 2.0),
        ("Write", 2.0),
        ("changed", 1.5),
        ("changed", 1.5),
        ("changed", 1.5),
    ]);
}

/// SimGrid concurrent_rw: five writers of 4e6 B at 40 MB/s are done at 0.5, five readers at 100
/// MB/s take 0.2 s, both in the order in which they began.
#[test]
fn equal_accesses_end_in_the_order_of_their_start() {
    let (site, disk) = one_disk(100e6, 40e6);
    let log = Log::default();
    for name in ["1", "2", "3", "4", "5"] {
        let (seen, platform) = (log.clone(), site.platform.clone());
        site.kernel().spawn(name, async move {
            let kernel = platform.kernel();
            platform.disk_write(disk, 4e6).await.unwrap();
            seen.add(kernel, format!("{name} written"));
            platform.disk_read(disk, 4e6).await.unwrap();
            seen.add(kernel, format!("{name} read"));
        });
    }
    site.run();
    let expected = [("written", 0.5), ("read", 0.7)]
        .iter()
        .flat_map(|(what, date)| (1..=5).map(move |number| (format!("{number} {what}"), *date)))
        .collect::<Vec<_>>();
    let expected: Vec<(&str, f64)> =
        expected.iter().map(|(name, date)| (name.as_str(), *date)).collect();
    log.assert(&expected);
}

/// With the bandwidth of both together at the sum, reading and writing do not disturb each other.
#[test]
fn the_bandwidth_for_both_can_be_given() {
    let site = Site::build(|builder| {
        builder.host("a", 1e9);
        builder.disk("a", "disk", 100.0, 100.0).readwrite_bandwidth(200.0);
    });
    let disk = site.platform.disk_at(site.host("a"), "/").unwrap();
    let (log, kernel) = (Log::default(), site.kernel());
    log.end_of(&kernel, "read", site.platform.disk_read(disk, 100.0));
    log.end_of(&kernel, "write", site.platform.disk_write(disk, 100.0));
    site.run();
    log.assert(&[("read", 1.0), ("write", 1.0)]);
}
