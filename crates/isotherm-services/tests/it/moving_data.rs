//! Dates of fluid and buffered transfers, against formulas written down by hand.

use crate::common::*;
use isotherm_kernel::Time;
use isotherm_services::{DataEnd, FailureCause, copy_within, move_data};

const MB: u64 = 1_000_000;

/// Moves the data and returns the date at which they have arrived.
fn move_date(world: &World, from: DataEnd, to: DataEnd, bytes: u64) -> Time {
    let site = world.site.clone();
    world.play(async move |me| {
        move_data(&site, from, to, bytes).await.unwrap();
        me.now()
    })
}

#[test]
fn a_fluid_copy_is_as_fast_as_its_slowest_part() {
    // Latency once, then everything overlaps at the rate of the slow link.
    let world = World::new();
    let (from, to) = (world.disk_end(world.user, None), world.disk_end(world.head, None));
    let date = move_date(&world, from, to, 100 * MB);
    assert_date(date, WAN_LATENCY + 1e8 / WAN);
}

#[test]
fn a_fluid_copy_on_a_fast_link_is_as_fast_as_the_disks() {
    let world = World::new();
    let (from, to) = (world.disk_end(world.head, None), world.disk_end(world.node, None));
    assert_date(move_date(&world, from, to, 100 * MB), LAN_LATENCY + 1.0);
}

#[test]
fn a_fluid_read_on_the_same_host_has_no_latency() {
    let world = World::new();
    let from = world.disk_end(world.node, None);
    let to = DataEnd::memory_for(world.node, &from);
    assert_date(move_date(&world, from, to, 100 * MB), 1.0);
}

#[test]
fn a_fluid_copy_within_a_disk_shares_it_with_itself() {
    // Reading and writing together are bounded by 1e8 B/s: half of it each.
    let world = World::new();
    let end = world.disk_end(world.node, None);
    assert_date(move_date(&world, end, end, 100 * MB), 2.0);
}

#[test]
fn one_end_without_a_buffer_makes_it_fluid() {
    let world = World::new();
    let (from, to) = (world.disk_end(world.user, Some(10 * MB)), world.disk_end(world.head, None));
    assert_date(move_date(&world, from, to, 100 * MB), WAN_LATENCY + 1e8 / WAN);
    let world = World::new();
    let (from, to) =
        (world.disk_end(world.user, Some(10 * MB)), world.disk_end(world.head, Some(0)));
    assert_date(move_date(&world, from, to, 100 * MB), WAN_LATENCY + 1e8 / WAN);
}

#[test]
fn chunks_pay_the_latency_each_and_overlap_between_the_stages() {
    // r + c + w + (n - 1) max(r, c, w) with n = 10 chunks: the network is the bottleneck.
    let world = World::new();
    let buffer = Some(10 * MB);
    let (from, to) = (world.disk_end(world.user, buffer), world.disk_end(world.head, buffer));
    let (r, c, w) = (0.1, WAN_LATENCY + 1e7 / WAN, 0.1);
    assert_date(move_date(&world, from, to, 100 * MB), r + 10.0 * c + w);
}

#[test]
fn a_pipeline_with_a_fast_network_goes_at_the_pace_of_the_disks() {
    let world = World::new();
    let buffer = Some(10 * MB);
    let (from, to) = (world.disk_end(world.head, buffer), world.disk_end(world.node, buffer));
    let (r, c, w) = (0.1, LAN_LATENCY + 1e7 / LAN, 0.1);
    assert_date(move_date(&world, from, to, 100 * MB), r + c + w + 9.0 * r);
}

#[test]
fn the_last_chunk_may_be_smaller() {
    // Chunks of 40, 40 and 20 MB over the slow link, which is the bottleneck of every chunk.
    let world = World::new();
    let buffer = Some(40 * MB);
    let (from, to) = (world.disk_end(world.user, buffer), world.disk_end(world.head, buffer));
    let expected = 0.4 + 3.0 * WAN_LATENCY + 1e8 / WAN + 0.2;
    assert_date(move_date(&world, from, to, 100 * MB), expected);
}

#[test]
fn a_buffered_read_into_memory_overlaps_reading_and_sending() {
    // Reading is the bottleneck: ten reads, then the last chunk is sent over the loopback.
    let world = World::new();
    let from = world.disk_end(world.node, Some(10 * MB));
    let to = DataEnd::memory_for(world.node, &from);
    assert_date(move_date(&world, from, to, 100 * MB), 10.0 * 0.1 + 1e7 / LOOPBACK);
}

#[test]
fn a_buffered_write_from_memory_overlaps_sending_and_writing() {
    // Sending is the bottleneck: ten chunks are sent, then the last one is written.
    let world = World::new();
    let to = world.disk_end(world.head, Some(10 * MB));
    let from = DataEnd::memory_for(world.user, &to);
    let c = WAN_LATENCY + 1e7 / WAN;
    assert_date(move_date(&world, from, to, 100 * MB), 10.0 * c + 0.1);
}

#[test]
fn a_buffered_copy_within_a_service_reads_and_writes_in_turn() {
    let world = World::new();
    let (end, site) = (world.disk_end(world.node, Some(30 * MB)), world.site.clone());
    let date = world.play(async move |me| {
        copy_within(&site, end, 100 * MB).await.unwrap();
        me.now()
    });
    assert_date(date, 1.0 + 1.0);
}

#[test]
fn nothing_takes_no_time_fluidly_and_one_byte_in_chunks() {
    let world = World::new();
    let end = world.disk_end(world.node, None);
    assert_eq!(move_date(&world, end, DataEnd::memory_for(world.node, &end), 0), Time::ZERO);
    let world = World::new();
    let end = world.disk_end(world.node, Some(MB));
    let date = move_date(&world, end, DataEnd::memory_for(world.node, &end), 0);
    // One byte: 10 ns on the disk, a tenth of one on the loopback.
    assert_eq!(date.as_nanos(), 10);
}

#[test]
fn an_image_that_is_downloaded_copied_and_loaded_in_chunks_is_there_at_the_measured_date() {
    // Measured on the reference for a 100 MB image and buffers of 10 MB: dispatch at 7.716870056 s.
    let world = World::new();
    let buffer = Some(10 * MB);
    let [user, head, node] =
        [world.user, world.head, world.node].map(|host| world.disk_end(host, buffer));
    let site = world.site.clone();
    let date = world.play(async move |me| {
        move_data(&site, user, head, 100 * MB).await.unwrap();
        move_data(&site, head, node, 100 * MB).await.unwrap();
        let memory = DataEnd::memory_for(node.host, &node);
        move_data(&site, node, memory, 100 * MB).await.unwrap();
        me.now()
    });
    // The reference rounds the progress of plain disk accesses to whole bytes at every event.
    assert!((date.as_secs_f64() - 7.716870056).abs() < 1e-4, "{date}");
}

#[test]
fn two_copies_from_one_disk_share_it() {
    // Two fluid copies of 50 MB from the head's disk, which gives half to each: 1 s. (Same route,
    // same penalty.)
    let world = World::new();
    let (from, to) = (world.disk_end(world.head, None), world.disk_end(world.node, None));
    let site = world.site.clone();
    let date = world.play(async move |me| {
        let copy = || move_data(&site, from, to, 50 * MB);
        let (one, two) = isotherm_kernel::join(copy(), copy()).await;
        one.and(two).unwrap();
        me.now()
    });
    assert_date(date, LAN_LATENCY + 1.0);
}

/// Makes a part fail at 2 s of a transfer that would take more than 5 s; returns the cause and the
/// date of the end.
fn broken(buffer: Option<u64>, what: impl FnOnce(&World)) -> (FailureCause, Time) {
    let world = World::new();
    what(&world);
    let (from, to) = (world.disk_end(world.head, buffer), world.disk_end(world.user, buffer));
    // The controller is on the node, so that it survives.
    let (site, node) = (world.site.clone(), world.node);
    let result = std::rc::Rc::new(std::cell::RefCell::new(None));
    let slot = std::rc::Rc::clone(&result);
    isotherm_services::ExecutionController::spawn(
        &world.site,
        node,
        "controller",
        async move |me| {
            let cause = move_data(&site, from, to, 100 * MB).await.unwrap_err();
            slot.replace(Some((cause, me.now())));
        },
    );
    world.simulation.run().unwrap();
    result.take().unwrap()
}

#[test]
fn a_link_that_fails_breaks_a_move() {
    for buffer in [None, Some(10 * MB)] {
        let (cause, date) = broken(buffer, |world| {
            world.at(2.0, |platform| platform.link_off(platform.link("wan").unwrap()));
        });
        let detail = "link `wan`".into();
        assert_eq!(cause, FailureCause::NetworkFailed { detail });
        assert_date(date, 2.0);
    }
}

#[test]
fn a_host_that_fails_breaks_a_fluid_move_at_once() {
    for host in ["head", "user"] {
        let (cause, date) = broken(None, move |world| {
            world.at(2.0, move |platform| platform.turn_off(platform.host(host).unwrap()));
        });
        assert_eq!(cause, FailureCause::HostFailed { host: host.into() });
        assert_date(date, 2.0);
    }
}

#[test]
fn a_host_that_fails_breaks_a_move_in_chunks() {
    // It is noticed when the disk is next used: at most a chunk later.
    for host in ["head", "user"] {
        let (cause, date) = broken(Some(10 * MB), move |world| {
            world.at(2.0, move |platform| platform.turn_off(platform.host(host).unwrap()));
        });
        assert_eq!(cause, FailureCause::HostFailed { host: host.into() });
        let date = date.as_secs_f64();
        assert!((2.0..=2.0 + WAN_LATENCY + 1e7 / WAN).contains(&date), "{date}");
    }
}

#[test]
fn a_disk_that_fails_alone_is_named() {
    let (cause, _) = broken(None, |world| {
        world.at(2.0, |platform| {
            let head = platform.host("head").unwrap();
            platform.disk_off(platform.disk_at(head, "/").unwrap());
        });
    });
    let detail = "disk `disk` on host `head`".into();
    assert_eq!(cause, FailureCause::DiskFailed { detail });
}

#[test]
fn a_move_to_a_host_that_is_off_fails_at_once() {
    let (cause, date) = broken(None, |world| world.platform().turn_off(world.user));
    assert_eq!(cause, FailureCause::HostFailed { host: "user".into() });
    assert_eq!(date, Time::ZERO);
}

#[test]
fn a_move_that_is_dropped_leaves_the_disk_to_others() {
    // A copy is given up after 1 s; what follows has the disk for itself: 1 s for 100 MB.
    for buffer in [None, Some(10 * MB)] {
        let world = World::new();
        let (from, to) = (world.disk_end(world.head, buffer), world.disk_end(world.node, buffer));
        let site = world.site.clone();
        let date = world.play(async move |me| {
            let copy = Box::pin(move_data(&site, from, to, 10_000 * MB));
            isotherm_kernel::select(copy, me.kernel().sleep(secs(1.0))).await;
            let read = site.platform().disk_read(from.disk.unwrap(), 1e8);
            read.await.unwrap();
            me.now()
        });
        assert_date(date, 2.0);
    }
}
