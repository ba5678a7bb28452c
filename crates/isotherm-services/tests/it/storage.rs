//! Storage services by their messages: dates, file systems, evictions, refusals.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::{Time, join, select};
use isotherm_services::{
    Eviction, FailureCause, FilePin, FileWrite, Room, StorageConfig, StorageService,
};

const MB: u64 = 1_000_000;

fn names(storage: &StorageService) -> Vec<String> {
    let files = storage.file_system();
    let files = files.borrow();
    files.files().map(|(name, _)| name.to_string()).collect()
}

#[track_caller]
fn assert_idle(storage: &StorageService) {
    let files = storage.file_system();
    files.borrow().check();
    assert_eq!(storage.transfers(), 0);
    let files = files.borrow();
    for (name, id) in files.files() {
        assert_eq!(files.pins(id), 0, "{name} is pinned");
    }
}

#[test]
fn a_write_takes_its_room_at_once_and_appears_at_its_end() {
    // 50 MB over the slow link, then the file is there.
    let world = World::new();
    let storage = world.storage("store", world.head);
    let (file_system, service) = (storage.file_system(), storage.clone());
    let kernel = world.site.kernel().clone();
    let during = Rc::new(RefCell::new(None));
    let seen = Rc::clone(&during);
    kernel.call_after(secs(1.0), move |_| {
        let files = file_system.borrow();
        seen.replace(Some((files.used(), files.lookup("a").is_some())));
    });
    let date = world.play(async move |me| {
        service.write(&me.address(), "a", 50 * MB).await.unwrap();
        me.now()
    });
    assert_date(date, WAN_LATENCY + 5e7 / WAN);
    assert_eq!(*during.borrow(), Some((50 * MB, false)));
    assert_eq!(names(&storage), ["a"]);
    assert_eq!(storage.file_system().borrow().used(), 50 * MB);
    assert_idle(&storage);
}

#[test]
fn a_read_takes_the_time_of_its_bytes() {
    let world = World::new();
    let storage = world.storage("store", world.user);
    storage.put("a", 100 * MB, 0).unwrap();
    let service = storage.clone();
    let dates = world.play(async move |me| {
        assert_eq!(service.read(&me.address(), "a", None).await, Ok(100 * MB));
        let whole = me.now();
        // A footprint may be smaller or larger than the file.
        assert_eq!(service.read(&me.address(), "a", Some(30 * MB)).await, Ok(30 * MB));
        assert_eq!(service.read(&me.address(), "a", Some(150 * MB)).await, Ok(150 * MB));
        (whole, me.now())
    });
    assert_date(dates.0, 1.0);
    assert_date(dates.1, 1.0 + 0.3 + 1.5);
    assert_idle(&storage);
}

#[test]
fn a_copy_keeps_name_and_tag() {
    let world = World::new();
    let (from, to) = (world.storage("a", world.head), world.storage("b", world.node));
    from.put("image", 100 * MB, 42).unwrap();
    let (source, destination) = (from.clone(), to.clone());
    let date = world.play(async move |me| {
        assert_eq!(source.copy_to(&me.address(), "image", &destination).await, Ok(100 * MB));
        me.now()
    });
    assert_date(date, LAN_LATENCY + 1.0);
    let files = to.file_system();
    let id = files.borrow().lookup("image").unwrap();
    assert_eq!((files.borrow().bytes(id), files.borrow().tag(id)), (100 * MB, 42));
    assert_idle(&from);
    assert_idle(&to);
}

#[test]
fn the_image_of_a_buffered_service_is_downloaded_fluidly_by_one_that_is_not() {
    // Both directions: only two buffered services move in chunks.
    for (source, destination) in [(Some(10 * MB), None), (None, Some(10 * MB))] {
        let world = World::new();
        let service = |name: &str, host, buffer| {
            let config = StorageConfig { buffer, ..world.storage_config(name, host) };
            StorageService::start(&world.site, config)
        };
        let from = service("from", world.user, source);
        let to = service("to", world.head, destination);
        from.put("image", 100 * MB, 0).unwrap();
        let date = world.play(async move |me| {
            from.copy_to(&me.address(), "image", &to).await.unwrap();
            me.now()
        });
        assert_date(date, WAN_LATENCY + 1e8 / WAN);
    }
}

#[test]
fn a_buffered_service_moves_chunks() {
    let world = World::new();
    let service = |name: &str, host| {
        let config = StorageConfig { buffer: Some(10 * MB), ..world.storage_config(name, host) };
        StorageService::start(&world.site, config)
    };
    let (from, to) = (service("from", world.head), service("to", world.node));
    from.put("image", 100 * MB, 0).unwrap();
    let (source, destination) = (from.clone(), to.clone());
    let dates = world.play(async move |me| {
        source.copy_to(&me.address(), "image", &destination).await.unwrap();
        let copied = me.now();
        // Within one service: read, then write, chunk after chunk.
        source.copy_as(&me.address(), "image", &source, "twin").await.unwrap();
        (copied, me.now())
    });
    let (r, c, w) = (0.1, LAN_LATENCY + 1e7 / LAN, 0.1);
    let copied = r + c + w + 9.0 * 0.1;
    assert_date(dates.0, copied);
    assert_date(dates.1, copied + 2.0);
    assert_eq!(names(&from), ["image", "twin"]);
    assert_idle(&from);
    assert_idle(&to);
}

#[test]
fn what_is_not_there_is_not_found() {
    let world = World::new();
    let (storage, other) = (world.storage("store", world.head), world.storage("other", world.node));
    world.play(async move |me| {
        let missing = FailureCause::FileNotFound { storage: "store".into(), file: "a".into() };
        assert_eq!(storage.lookup(&me.address(), "a").await, Ok(false));
        assert_eq!(storage.read(&me.address(), "a", None).await, Err(missing.clone()));
        assert_eq!(storage.delete(&me.address(), "a").await, Err(missing.clone()));
        assert_eq!(storage.copy_to(&me.address(), "a", &other).await, Err(missing));
        storage.write(&me.address(), "a", 1).await.unwrap();
        assert_eq!(storage.lookup(&me.address(), "a").await, Ok(true));
        assert!(me.now() > Time::ZERO);
    });
}

#[test]
fn a_full_storage_refuses_at_once() {
    let world = World::new();
    let config = StorageConfig { capacity: Some(100), ..world.storage_config("store", world.head) };
    let storage = StorageService::start(&world.site, config);
    let source = world.storage("source", world.user);
    source.put("big", 71, 0).unwrap();
    storage.put("a", 30, 0).unwrap();
    let service = storage.clone();
    world.play(async move |me| {
        let full =
            FailureCause::StorageFull { storage: "store".into(), needed_bytes: 71, free_bytes: 70 };
        assert_eq!(service.write(&me.address(), "b", 71).await, Err(full.clone()));
        assert_eq!(source.copy_to(&me.address(), "big", &service).await, Err(full.clone()));
        assert_eq!(service.put("b", 71, 0), Err(full));
        assert_eq!(service.free_space(&me.address()).await, Ok(70));
        assert_eq!(me.now(), Time::ZERO);
    });
    assert_eq!(names(&storage), ["a"]);
    assert_idle(&storage);
}

#[test]
fn an_open_file_is_not_deleted() {
    let world = World::new();
    let storage = world.storage("store", world.user);
    storage.put("a", 100 * MB, 0).unwrap();
    let service = storage.clone();
    world.play(async move |me| {
        let address = &me.address();
        let read = service.read(address, "a", None);
        let delete = async {
            me.sleep(secs(0.5)).await;
            service.delete(address, "a").await
        };
        let (read, deleted) = join(read, delete).await;
        let in_use = FailureCause::FileInUse { storage: "store".into(), file: "a".into() };
        assert_eq!((read, deleted), (Ok(100 * MB), Err(in_use)));
        assert_eq!(service.delete(address, "a").await, Ok(()));
    });
    assert!(names(&storage).is_empty());
}

#[test]
fn files_in_use_are_passed_over_when_room_is_made() {
    // `a` is the oldest, but it is being read when `c` needs room: `b` goes.
    let world = World::new();
    let storage = world.lru_storage("store", world.user, 100 * MB);
    storage.put("a", 50 * MB, 1).unwrap();
    storage.put("b", 50 * MB, 2).unwrap();
    let gone = Rc::new(RefCell::new(Vec::new()));
    let list = Rc::clone(&gone);
    storage.observe_evictions(Box::new(move |file| list.borrow_mut().push(file.tag)));
    let service = storage.clone();
    world.play(async move |me| {
        let here = me.address();
        let read = service.read(&here, "a", None);
        let write = async {
            me.sleep(secs(0.1)).await;
            service.write(&me.address(), "c", 10 * MB).await
        };
        let (read, written) = join(read, write).await;
        assert!(read.is_ok() && written.is_ok());
    });
    assert_eq!(*gone.borrow(), [2]);
    assert_eq!(names(&storage), ["a", "c"]);
    assert_idle(&storage);
}

/// Reads 100 MB of `a` from 0 s to 1 s while `b` is accessed at 0.5 s; returns which of them is
/// evicted first.
fn first_to_go(buffer: Option<u64>) -> Vec<String> {
    let world = World::new();
    let config = StorageConfig {
        capacity: Some(200 * MB),
        eviction: Eviction::Lru,
        buffer,
        ..world.storage_config("store", world.user)
    };
    let storage = StorageService::start(&world.site, config);
    storage.put("a", 100 * MB, 0).unwrap();
    storage.put("b", 100 * MB, 0).unwrap();
    let service = storage.clone();
    world.play(async move |me| {
        let here = me.address();
        let read = service.read(&here, "a", None);
        let touch = async {
            me.sleep(secs(0.5)).await;
            let files = service.file_system();
            let id = files.borrow().lookup("b").unwrap();
            files.borrow_mut().touch(id);
        };
        join(read, touch).await.0.unwrap();
        service.write(&me.address(), "c", MB).await.unwrap();
    });
    names(&storage)
}

#[test]
fn a_fluid_read_counts_as_an_access_at_its_end() {
    assert_eq!(first_to_go(None), ["a", "c"]);
}

#[test]
fn a_buffered_read_counts_as_an_access_as_each_chunk_begins() {
    // With one chunk of 100 MB the only access is at 0 s, before that of `b`; with ten the last one
    // is at 0.9 s.
    assert_eq!(first_to_go(Some(100 * MB)), ["b", "c"]);
    assert_eq!(first_to_go(Some(10 * MB)), ["a", "c"]);
}

#[test]
fn writing_onto_a_file_keeps_its_size_and_takes_its_time() {
    let world = World::new();
    let storage = world.storage("store", world.user);
    storage.put("a", 10 * MB, 7).unwrap();
    let service = storage.clone();
    let date = world.play(async move |me| {
        service.write(&me.address(), "a", 100 * MB).await.unwrap();
        me.now()
    });
    assert_date(date, 1.0);
    let files = storage.file_system();
    assert_eq!(files.borrow().used(), 10 * MB);
    assert_idle(&storage);
}

#[test]
fn connections_are_given_in_the_order_of_requests() {
    // Three reads of 1 s each and one connection: they end at 1, 2 and 3 s instead of all at 3 s.
    let world = World::new();
    let config =
        StorageConfig { max_connections: Some(1), ..world.storage_config("store", world.user) };
    let storage = StorageService::start(&world.site, config);
    storage.put("a", 100 * MB, 0).unwrap();
    let ends = Rc::new(RefCell::new(Vec::new()));
    for number in 0..3 {
        let (service, ends) = (storage.clone(), Rc::clone(&ends));
        let body = async move |me: isotherm_services::ExecutionController| {
            service.read(&me.address(), "a", None).await.unwrap();
            ends.borrow_mut().push((number, me.now()));
        };
        isotherm_services::ExecutionController::spawn(&world.site, world.user, "reader", body);
    }
    world.simulation.run().unwrap();
    let ends = ends.borrow();
    for (index, &(number, date)) in ends.iter().enumerate() {
        assert_eq!(number, index);
        assert_date(date, index as f64 + 1.0);
    }
    assert_eq!(ends.len(), 3);
    assert_idle(&storage);
}

#[test]
fn a_caller_that_waits_for_a_connection_may_go_away() {
    // The second of three readers gives up while it waits; the third is served at 1 s.
    let world = World::new();
    let config =
        StorageConfig { max_connections: Some(1), ..world.storage_config("store", world.user) };
    let storage = StorageService::start(&world.site, config);
    storage.put("a", 100 * MB, 0).unwrap();
    let service = storage.clone();
    let date = world.play(async move |me| {
        let here = me.address();
        let read = || Box::pin(service.read(&here, "a", None));
        let impatient = async {
            select(read(), me.kernel().sleep(secs(0.5))).await;
        };
        let (one, ((), three)) = join(read(), join(impatient, read())).await;
        assert!(one.is_ok() && three.is_ok());
        me.now()
    });
    assert_date(date, 2.0);
    assert_idle(&storage);
}

#[test]
fn a_caller_that_goes_away_gives_everything_back() {
    let world = World::new();
    let (from, to) =
        (world.lru_storage("from", world.head, 500 * MB), world.storage("to", world.node));
    from.put("a", 100 * MB, 0).unwrap();
    let (source, destination) = (from.clone(), to.clone());
    world.play(async move |me| {
        let address = &me.address();
        let copy = Box::pin(source.copy_to(address, "a", &destination));
        select(copy, me.kernel().sleep(secs(0.5))).await;
        let write = Box::pin(source.write(address, "b", 100 * MB));
        select(write, me.kernel().sleep(secs(0.5))).await;
        let read = Box::pin(source.read(address, "a", None));
        select(read, me.kernel().sleep(secs(0.5))).await;
        // Aborted before the service has received it.
        drop(Box::pin(source.read(address, "a", None)));
    });
    assert_eq!(from.file_system().borrow().used(), 100 * MB);
    assert_eq!(to.file_system().borrow().used(), 0);
    assert_idle(&from);
    assert_idle(&to);
}

#[test]
fn stopping_fails_waiting_and_later_callers() {
    let world = World::new();
    let storage = world.storage("store", world.user);
    storage.put("a", 100 * MB, 0).unwrap();
    let service = storage.clone();
    world.play(async move |me| {
        let address = &me.address();
        let stop = async {
            me.sleep(secs(0.5)).await;
            service.stop(address).await
        };
        let (read, stopped) = join(service.read(address, "a", None), stop).await;
        let cause = FailureCause::ServiceStopped { service: "store".into() };
        assert_eq!((read, stopped), (Err(cause.clone()), Ok(())));
        assert_date(me.now(), 0.5);
        assert!(!service.is_up());
        assert_eq!(service.lookup(address, "a").await, Err(cause.clone()));
        assert_eq!(service.write(address, "b", 1).await, Err(cause));
        service.restart();
        assert_eq!(service.lookup(address, "a").await, Ok(true));
    });
    assert_idle(&storage);
}

#[test]
fn the_zero_time_interface_and_the_messages_share_the_books() {
    let world = World::new();
    let storage = world.lru_storage("store", world.user, 100);
    let service = storage.clone();
    world.play(async move |me| {
        let files = service.file_system();
        let (write, _) = FileWrite::begin(&files, "a", 40, 0).unwrap();
        assert_eq!(service.lookup(&me.address(), "a").await, Ok(false));
        assert_eq!(service.free_space(&me.address()).await, Ok(60));
        write.commit();
        let pin = FilePin::lookup(&files, "a").unwrap();
        let (room, _) = Room::reserve(&files, 60).unwrap();
        assert!(service.delete(&me.address(), "a").await.is_err());
        assert!(service.write(&me.address(), "b", 1).await.is_err());
        drop((pin, room));
        assert_eq!(service.delete(&me.address(), "a").await, Ok(()));
    });
    assert_idle(&storage);
}

#[test]
fn control_messages_cost_their_payload() {
    // 1 MB from user to head and back for a lookup; for a read the answer, the data and the
    // acknowledgement.
    let world = World::new();
    let config = StorageConfig { control_bytes: MB, ..world.storage_config("store", world.head) };
    let storage = StorageService::start(&world.site, config);
    storage.put("a", 100 * MB, 0).unwrap();
    let service = storage.clone();
    let dates = world.play(async move |me| {
        service.lookup(&me.address(), "a").await.unwrap();
        let looked = me.now();
        service.read(&me.address(), "a", None).await.unwrap();
        (looked, me.now())
    });
    let message = WAN_LATENCY + 1e6 / WAN;
    assert_date(dates.0, 2.0 * message);
    assert_date(dates.1, 2.0 * message + 3.0 * message + WAN_LATENCY + 1e8 / WAN);
}

#[test]
fn a_buffered_copy_has_the_destination_ask_the_source() {
    // User → head request, head → node request and answer, the chunk, head → user answer. (One
    // chunk.)
    let world = World::new();
    let service = |name: &str, host| {
        let config = StorageConfig {
            control_bytes: MB,
            buffer: Some(100 * MB),
            ..world.storage_config(name, host)
        };
        StorageService::start(&world.site, config)
    };
    let (from, to) = (service("from", world.node), service("to", world.head));
    from.put("a", 100 * MB, 0).unwrap();
    let date = world.play(async move |me| {
        from.copy_to(&me.address(), "a", &to).await.unwrap();
        me.now()
    });
    let (wan, lan) = (WAN_LATENCY + 1e6 / WAN, LAN_LATENCY + 1e6 / LAN);
    let data = 1.0 + (LAN_LATENCY + 1e8 / LAN) + 1.0;
    assert_date(date, 2.0 * wan + 2.0 * lan + data);
}

#[test]
fn services_in_memory_know_no_disk() {
    // From disk to memory on one host: only the disk counts. The memory of the node is its
    // capacity.
    let world = World::new();
    let disk = world.storage("disk", world.node);
    let memory = StorageService::start(&world.site, StorageConfig::new("memory", world.node));
    assert_eq!(memory.file_system().borrow().capacity(), 64_000_000_000);
    assert_eq!(disk.file_system().borrow().capacity(), 200_000_000_000);
    disk.put("a", 100 * MB, 0).unwrap();
    let date = world.play(async move |me| {
        disk.copy_to(&me.address(), "a", &memory).await.unwrap();
        me.now()
    });
    assert_date(date, 1.0);
}
