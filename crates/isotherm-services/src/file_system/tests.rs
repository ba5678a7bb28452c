use proptest::prelude::*;

use super::*;

fn names(evicted: &[Evicted]) -> Vec<&str> {
    evicted.iter().map(|file| &*file.name).collect()
}

fn full(eviction: Eviction) -> (FileSystem, [FileId; 3]) {
    let mut fs = FileSystem::new(30, eviction);
    let ids = ["a", "b", "c"].map(|name| fs.create(name, 10, 0).unwrap().0);
    (fs, ids)
}

#[test]
fn creating_takes_room_and_removing_gives_it_back() {
    let mut fs = FileSystem::new(100, Eviction::None);
    let (id, evicted) = fs.create("a", 40, 7).unwrap();
    assert!(evicted.is_empty());
    assert_eq!((fs.used(), fs.free(), fs.capacity()), (40, 60, 100));
    assert_eq!(fs.lookup("a"), Some(id));
    assert_eq!((&**fs.name(id), fs.bytes(id), fs.tag(id)), ("a", 40, 7));
    fs.remove(id).unwrap();
    assert_eq!((fs.used(), fs.lookup("a")), (0, None));
    assert!(!fs.contains(id));
    fs.check();
}

#[test]
fn a_name_is_given_once() {
    let mut fs = FileSystem::new(100, Eviction::Lru);
    fs.create("a", 1, 0).unwrap();
    let name: FileName = "a".into();
    let taken = FileError::AlreadyExists { name };
    assert_eq!(fs.create("a", 1, 0).unwrap_err(), taken);
    assert_eq!(fs.begin_write("a", 1, 0).unwrap_err(), taken);
    assert_eq!(fs.used(), 1);
}

#[test]
fn without_eviction_a_full_partition_refuses() {
    let (mut fs, _) = full(Eviction::None);
    let refused = FileError::NotEnoughSpace { needed: 1, free: 0 };
    assert_eq!(fs.create("d", 1, 0).unwrap_err(), refused);
    assert_eq!(fs.reserve(1).unwrap_err(), refused);
    assert_eq!((fs.evictable(), fs.pinned()), (0, 30));
    assert!(fs.create("empty", 0, 0).is_ok());
    fs.check();
}

#[test]
fn fifo_evicts_in_order_of_appearance_whatever_is_accessed() {
    let (mut fs, [a, ..]) = full(Eviction::Fifo);
    fs.touch(a);
    let (_, evicted) = fs.create("d", 11, 0).unwrap();
    assert_eq!(names(&evicted), ["a", "b"]);
    fs.check();
}

#[test]
fn lru_evicts_what_was_not_accessed_for_longest() {
    let (mut fs, [a, ..]) = full(Eviction::Lru);
    fs.touch(a);
    let (_, evicted) = fs.create("d", 11, 0).unwrap();
    assert_eq!(names(&evicted), ["b", "c"]);
    fs.check();
}

#[test]
fn pinning_is_not_an_access() {
    let (mut fs, [a, ..]) = full(Eviction::Lru);
    fs.pin(a);
    fs.unpin(a);
    assert_eq!(names(&fs.create("d", 1, 0).unwrap().1), ["a"]);
}

#[test]
fn no_more_goes_than_is_needed() {
    let (mut fs, _) = full(Eviction::Lru);
    assert_eq!(names(&fs.create("d", 10, 0).unwrap().1), ["a"]);
    assert_eq!((fs.len(), fs.free()), (3, 0));
}

#[test]
fn empty_files_on_the_way_go_too() {
    // They are met before there is room, and the rule deletes what it meets.
    let mut fs = FileSystem::new(10, Eviction::Lru);
    fs.create("empty", 0, 0).unwrap();
    fs.create("big", 10, 0).unwrap();
    fs.create("late", 0, 0).unwrap();
    assert_eq!(names(&fs.create("d", 5, 0).unwrap().1), ["empty", "big"]);
    assert!(fs.lookup("late").is_some());
}

#[test]
fn pinned_files_are_passed_over() {
    let (mut fs, [a, ..]) = full(Eviction::Lru);
    fs.pin(a);
    assert_eq!((fs.evictable(), fs.pinned()), (20, 10));
    assert_eq!(names(&fs.create("d", 10, 0).unwrap().1), ["b"]);
    assert!(fs.contains(a));
    fs.check();
}

#[test]
fn nothing_goes_when_the_room_cannot_be_made() {
    let (mut fs, [a, ..]) = full(Eviction::Lru);
    fs.pin(a);
    assert!(fs.can_hold(20) && !fs.can_hold(21));
    let refused = fs.create("d", 21, 0).unwrap_err();
    assert_eq!(refused, FileError::NotEnoughSpace { needed: 21, free: 0 });
    assert_eq!(fs.len(), 3);
    fs.check();
}

#[test]
fn sizes_beyond_any_sum_do_not_overflow() {
    let mut fs = FileSystem::new(u64::MAX, Eviction::Lru);
    fs.create("a", u64::MAX, 0).unwrap();
    assert_eq!(names(&fs.create("b", u64::MAX, 0).unwrap().1), ["a"]);
    let mut small = FileSystem::new(10, Eviction::Lru);
    small.create("a", 5, 0).unwrap();
    assert!(small.create("b", u64::MAX, 0).is_err());
}

#[test]
fn a_file_is_hidden_while_it_is_written() {
    let (mut fs, _) = full(Eviction::Lru);
    let (id, evicted) = fs.begin_write("d", 10, 3).unwrap();
    assert_eq!(names(&evicted), ["a"]);
    assert_eq!((fs.lookup("d"), fs.pins(id), fs.free()), (None, 1, 0));
    assert_eq!(fs.evictable(), 20);
    assert_eq!(fs.remove(id), Err(FileError::InUse { name: "d".into() }));
    assert_eq!(fs.commit(id), id);
    assert_eq!((fs.lookup("d"), fs.pins(id), fs.tag(id)), (Some(id), 0, 3));
    assert_eq!(fs.evictable(), 30);
    fs.check();
}

#[test]
fn the_end_of_a_write_is_an_access() {
    // `d` began before `e` appeared and ended after it: it is the younger one, under both policies.
    for eviction in [Eviction::Lru, Eviction::Fifo] {
        let mut fs = FileSystem::new(20, eviction);
        let (d, _) = fs.begin_write("d", 10, 0).unwrap();
        fs.create("e", 10, 0).unwrap();
        fs.commit(d);
        assert_eq!(names(&fs.create("f", 10, 0).unwrap().1), ["e"]);
    }
}

#[test]
fn a_broken_write_leaves_nothing() {
    let mut fs = FileSystem::new(30, Eviction::Lru);
    let (id, _) = fs.begin_write("d", 10, 0).unwrap();
    fs.abort(id);
    assert_eq!((fs.free(), fs.contains(id)), (30, false));
    fs.check();
}

#[test]
fn of_two_writes_of_one_name_the_first_to_end_stays() {
    let mut fs = FileSystem::new(30, Eviction::Lru);
    let (first, _) = fs.begin_write("d", 10, 0).unwrap();
    let (second, _) = fs.begin_write("d", 15, 0).unwrap();
    assert_eq!(fs.free(), 5);
    assert_eq!(fs.commit(second), second);
    assert_eq!(fs.commit(first), second);
    assert_eq!((fs.free(), fs.contains(first)), (15, false));
    fs.check();
}

#[test]
fn a_pin_of_the_writer_survives_the_commit_if_it_was_taken_twice() {
    let mut fs = FileSystem::new(10, Eviction::Lru);
    let (id, _) = fs.begin_write("d", 10, 0).unwrap();
    fs.pin(id);
    fs.commit(id);
    assert_eq!((fs.pins(id), fs.evictable()), (1, 0));
    fs.unpin(id);
    assert_eq!(fs.evictable(), 10);
    fs.check();
}

#[test]
fn reservations_push_out_files_and_are_not_evicted() {
    let (mut fs, _) = full(Eviction::Lru);
    assert_eq!(names(&fs.reserve(15).unwrap()), ["a", "b"]);
    assert_eq!((fs.free(), fs.reserved()), (5, 15));
    assert!(!fs.can_hold(16));
    fs.release(5);
    fs.release(10);
    assert_eq!((fs.free(), fs.reserved()), (20, 0));
    fs.check();
}

#[test]
fn a_file_in_use_is_not_removed() {
    let (mut fs, [a, ..]) = full(Eviction::Lru);
    fs.pin(a);
    fs.pin(a);
    fs.unpin(a);
    assert_eq!(fs.remove(a), Err(FileError::InUse { name: "a".into() }));
    fs.unpin(a);
    assert_eq!(fs.remove(a), Ok(()));
}

#[test]
fn clearing_leaves_what_is_in_use() {
    let (mut fs, [a, ..]) = full(Eviction::None);
    fs.pin(a);
    fs.clear();
    assert_eq!(fs.files().map(|(name, _)| &**name).collect::<Vec<_>>(), ["a"]);
    assert_eq!(fs.free(), 20);
    fs.check();
}

#[test]
fn files_are_listed_by_name_and_victims_by_age() {
    let mut fs = FileSystem::new(30, Eviction::Fifo);
    let c = fs.create("c", 1, 0).unwrap().0;
    let a = fs.create("a", 1, 0).unwrap().0;
    assert_eq!(fs.files().map(|(_, id)| id).collect::<Vec<_>>(), [a, c]);
    assert_eq!(fs.victims().collect::<Vec<_>>(), [c, a]);
}

#[test]
fn an_id_is_not_given_again() {
    let mut fs = FileSystem::new(30, Eviction::None);
    let a = fs.create("a", 1, 0).unwrap().0;
    fs.remove(a).unwrap();
    let b = fs.create("b", 1, 0).unwrap().0;
    assert_ne!(a, b);
    assert!(!fs.contains(a));
}

#[test]
#[should_panic(expected = "the file is gone")]
fn the_id_of_a_file_that_is_gone_is_not_mistaken_for_another() {
    let mut fs = FileSystem::new(30, Eviction::None);
    let a = fs.create("a", 1, 0).unwrap().0;
    fs.remove(a).unwrap();
    fs.create("b", 1, 0).unwrap();
    let _ = fs.bytes(a);
}

/// The rules written down once more, without any index: a list of files that is scanned.
struct Oracle {
    capacity: u64,
    eviction: Eviction,
    reserved: u64,
    /// Name, bytes, pins, visible; the first to go first.
    files: Vec<(u8, u64, u32, bool)>,
}

impl Oracle {
    fn free(&self) -> i128 {
        let files: i128 = self.files.iter().map(|file| i128::from(file.1)).sum();
        i128::from(self.capacity) - i128::from(self.reserved) - files
    }

    fn make_room(&mut self, bytes: u64) -> Option<Vec<u8>> {
        let mut missing = i128::from(bytes) - self.free();
        let mut victims = Vec::new();
        for &(name, size, pins, visible) in &self.files {
            if missing <= 0 {
                break;
            }
            if self.eviction != Eviction::None && visible && pins == 0 {
                victims.push(name);
                missing -= i128::from(size);
            }
        }
        if missing > 0 {
            return None;
        }
        self.files.retain(|file| !(file.3 && victims.contains(&file.0)));
        Some(victims)
    }

    fn position(&self, name: u8, visible: bool) -> Option<usize> {
        let mut files = self.files.iter();
        files.position(|file| file.0 == name && file.3 == visible)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Create(u8, u64),
    Begin(u8, u64),
    Commit(u8),
    Abort(u8),
    Reserve(u64),
    Release(u64),
    Pin(u8),
    Unpin(u8),
    Touch(u8),
    Remove(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = || 0..12u8;
    let step = prop_oneof![
        4 => (name(), 0..40u64).prop_map(|(n, b)| Step::Create(n, b)),
        3 => (name(), 0..40u64).prop_map(|(n, b)| Step::Begin(n, b)),
        2 => name().prop_map(Step::Commit),
        1 => name().prop_map(Step::Abort),
        1 => (0..40u64).prop_map(Step::Reserve),
        1 => (0..40u64).prop_map(Step::Release),
        3 => name().prop_map(Step::Pin),
        3 => name().prop_map(Step::Unpin),
        3 => name().prop_map(Step::Touch),
        1 => name().prop_map(Step::Remove),
    ];
    prop::collection::vec(step, 1..120)
}

/// Applies a step to both and compares what they answer.
fn apply(fs: &mut FileSystem, oracle: &mut Oracle, hidden: &mut [Option<FileId>; 12], step: &Step) {
    let text = |name: u8| format!("file{name:02}");
    match *step {
        Step::Create(name, bytes) | Step::Begin(name, bytes) => {
            let visible = matches!(step, Step::Create(..));
            if !visible && hidden[name as usize].is_some() {
                return; // The oracle knows one hidden file of a name at a time.
            }
            let expected = match oracle.position(name, true) {
                Some(_) => None,
                None => oracle.make_room(bytes),
            };
            let result = if visible {
                fs.create(text(name), bytes, u64::from(name))
            } else {
                fs.begin_write(text(name), bytes, u64::from(name))
            };
            assert_eq!(result.is_ok(), expected.is_some(), "{step:?}: {result:?}");
            if let (Ok((id, evicted)), Some(victims)) = (result, expected) {
                let tags: Vec<_> = evicted.iter().map(|file| file.tag as u8).collect();
                assert_eq!(tags, victims);
                let pins = u32::from(!visible);
                oracle.files.push((name, bytes, pins, visible));
                if !visible {
                    hidden[name as usize] = Some(id);
                }
            }
        }
        Step::Commit(name) => {
            if let Some(id) = hidden[name as usize].take() {
                let at = oracle.position(name, false).unwrap();
                let mut file = oracle.files.remove(at);
                let wins = oracle.position(name, true).is_none();
                assert_eq!(fs.commit(id) == id, wins);
                if wins {
                    (file.2, file.3) = (0, true);
                    oracle.files.push(file);
                }
            }
        }
        Step::Abort(name) => {
            if let Some(id) = hidden[name as usize].take() {
                oracle.files.remove(oracle.position(name, false).unwrap());
                fs.abort(id);
            }
        }
        Step::Reserve(bytes) => {
            let expected = oracle.make_room(bytes);
            let result = fs.reserve(bytes);
            assert_eq!(result.is_ok(), expected.is_some());
            if expected.is_some() {
                oracle.reserved += bytes;
            }
        }
        Step::Release(bytes) => {
            let bytes = bytes.min(oracle.reserved);
            oracle.reserved -= bytes;
            fs.release(bytes);
        }
        Step::Pin(name) | Step::Unpin(name) | Step::Touch(name) | Step::Remove(name) => {
            let at = oracle.position(name, true);
            let id = fs.lookup(&text(name));
            assert_eq!(id.is_some(), at.is_some(), "{step:?}");
            if let (Some(at), Some(id)) = (at, id) {
                apply_to_file(fs, oracle, step, at, id);
            }
        }
    }
}

fn apply_to_file(fs: &mut FileSystem, oracle: &mut Oracle, step: &Step, at: usize, id: FileId) {
    match step {
        Step::Pin(_) => {
            fs.pin(id);
            oracle.files[at].2 += 1;
        }
        Step::Unpin(_) if oracle.files[at].2 > 0 => {
            fs.unpin(id);
            oracle.files[at].2 -= 1;
        }
        Step::Touch(_) => {
            fs.touch(id);
            if oracle.eviction == Eviction::Lru {
                let file = oracle.files.remove(at);
                oracle.files.push(file);
            }
        }
        Step::Remove(_) => {
            let removed = fs.remove(id).is_ok();
            assert_eq!(removed, oracle.files[at].2 == 0);
            if removed {
                oracle.files.remove(at);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(10_000))]

    #[test]
    fn agrees_with_a_list_that_is_scanned(
        steps in steps(),
        eviction in prop_oneof![Just(Eviction::None), Just(Eviction::Fifo), Just(Eviction::Lru)],
    ) {
        let mut fs = FileSystem::new(100, eviction);
        let mut oracle = Oracle { capacity: 100, eviction, reserved: 0, files: Vec::new() };
        let mut hidden = [None; 12];
        for step in &steps {
            apply(&mut fs, &mut oracle, &mut hidden, step);
            fs.check();
            prop_assert!(oracle.free() >= 0);
            prop_assert_eq!(i128::from(fs.free()), oracle.free());
            for &(name, bytes, pins, visible) in &oracle.files {
                if visible {
                    let id = fs.lookup(&format!("file{name:02}")).unwrap();
                    prop_assert_eq!((fs.bytes(id), fs.pins(id)), (bytes, pins));
                }
            }
        }
    }
}
