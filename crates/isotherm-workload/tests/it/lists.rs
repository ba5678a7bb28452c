//! Lists and merges.

use isotherm_kernel::Time;
use isotherm_workload::{Arrival, ArrivalList, Merge, Rest, Workload, WorkloadError};
use proptest::prelude::*;

fn at(seconds: f64) -> Time {
    Time::from_secs_f64(seconds)
}

fn all(workload: impl Workload) -> Vec<Arrival> {
    workload.arrivals().collect::<Result<_, _>>().unwrap()
}

fn list(dates: &[f64], function: u32) -> Box<dyn Workload + Send> {
    let arrivals = dates.iter().map(|&date| Arrival::new(at(date), function)).collect();
    Box::new(ArrivalList::new(arrivals).unwrap())
}

#[test]
fn a_list_gives_what_is_written() {
    let arrivals = vec![
        Arrival { tag: Some(3), ..Arrival::new(at(1.0), 0) },
        Arrival::new(at(1.0), 1),
        Arrival::new(at(2.0), 0),
    ];
    let mut workload = ArrivalList::new(arrivals.clone()).unwrap();
    assert_eq!(all(&mut workload), arrivals);
    assert_eq!(workload.next_arrival().unwrap(), None, "it stays over");
    assert_eq!(all(ArrivalList::new(Vec::new()).unwrap()), []);
}

#[test]
fn a_list_out_of_order_is_refused_or_sorted() {
    let arrivals =
        vec![Arrival::new(at(2.0), 0), Arrival::new(at(1.0), 1), Arrival::new(at(1.0), 2)];
    let error = ArrivalList::new(arrivals.clone()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "arrival 1 of a list of arrivals is at {}, before the one at {} that precedes it",
            at(1.0),
            at(2.0)
        )
    );
    let functions: Vec<u32> =
        all(ArrivalList::sorted(arrivals)).iter().map(|arrival| arrival.function).collect();
    assert_eq!(functions, [1, 2, 0], "those of one date stay in their order");
}

#[test]
fn a_merge_is_ordered_by_date_then_by_workload() {
    let merge = Merge::new(vec![
        list(&[1.0, 3.0, 3.0], 0),
        list(&[0.0, 3.0, 4.0], 1),
        list(&[], 2),
        list(&[3.0], 3),
    ]);
    let given: Vec<(f64, u32)> =
        all(merge).iter().map(|arrival| (arrival.at.as_secs_f64(), arrival.function)).collect();
    assert_eq!(given, [(0.0, 1), (1.0, 0), (3.0, 0), (3.0, 0), (3.0, 1), (3.0, 3), (4.0, 1)]);
    assert_eq!(all(Merge::new(Vec::new())), []);
}

/// Gives these results, whatever they are.
struct Script(std::vec::IntoIter<Result<Option<Arrival>, WorkloadError>>);

impl Workload for Script {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        self.0.next().unwrap_or(Ok(None))
    }
}

fn script(results: Vec<Result<Option<Arrival>, WorkloadError>>) -> Box<dyn Workload + Send> {
    Box::new(Script(results.into_iter()))
}

#[test]
fn an_error_in_one_workload_ends_the_merge() {
    let first = || Ok(Some(Arrival::new(at(1.0), 9)));
    let mut merge =
        Merge::new(vec![list(&[0.0, 5.0], 0), script(vec![first(), Err(WorkloadError::Endless)])]);
    assert_eq!(merge.next_arrival().unwrap(), Some(Arrival::new(at(0.0), 0)));
    assert!(matches!(merge.next_arrival(), Err(WorkloadError::Endless)));
    assert_eq!(merge.next_arrival().unwrap(), None);
    let mut at_once =
        Merge::new(vec![script(vec![first()]), script(vec![Err(WorkloadError::Endless)])]);
    assert!(at_once.next_arrival().is_err());
    assert_eq!(at_once.next_arrival().unwrap(), None);
}

#[test]
fn a_workload_that_goes_back_is_found_by_the_merge() {
    let wrong = vec![Ok(Some(Arrival::new(at(2.0), 0))), Ok(Some(Arrival::new(at(1.0), 0)))];
    let mut merge = Merge::new(vec![list(&[], 0), script(wrong)]);
    let message = merge.next_arrival().unwrap_err().to_string();
    assert!(message.starts_with("arrival 1 of workload 1 is at"), "{message}");
}

#[test]
fn nothing_is_asked_for_before_it_is_wanted() {
    // The second arrival is an error; who takes only the first never meets it before its time.
    let merge = Merge::new(vec![script(vec![Err(WorkloadError::Endless)])]);
    drop(merge);
    let results = || {
        vec![
            Ok(Some(Arrival::new(at(1.0), 0))),
            Ok(Some(Arrival::new(at(2.0), 0))),
            Err(WorkloadError::Endless),
        ]
    };
    let mut merge = Merge::new(vec![script(results()), list(&[], 1)]);
    assert!(merge.next_arrival().is_ok(), "only one arrival is read ahead");
    assert!(merge.next_arrival().is_err());
    let mut alone = Merge::new(vec![script(results())]);
    assert!(
        alone.next_arrival().is_ok() && alone.next_arrival().is_ok(),
        "none is read ahead of a single workload"
    );
    assert!(alone.next_arrival().is_err());
}

/// All that a workload gives, read so many arrivals at a time, and how it ends.
fn read(mut workload: impl Workload, most: usize) -> (Vec<Arrival>, Result<(), String>) {
    let mut arrivals = Vec::new();
    loop {
        let before = arrivals.len();
        match workload.read(most, &mut arrivals) {
            Ok(Rest::Open) => assert_eq!(arrivals.len(), before + most, "as many as were wanted"),
            Ok(Rest::Silence(_)) => {}
            Ok(Rest::End) => {
                assert_eq!(
                    workload.read(most, &mut Vec::new()).unwrap(),
                    Rest::End,
                    "it stays over"
                );
                return (arrivals, Ok(()));
            }
            Err(error) => return (arrivals, Err(error.to_string())),
        }
    }
}

#[test]
fn what_precedes_an_error_is_read() {
    let arrival = |seconds| Arrival::new(at(seconds), 0);
    let error = WorkloadError::Endless.to_string();
    let broken = || {
        script(vec![Ok(Some(arrival(1.0))), Ok(Some(arrival(2.0))), Err(WorkloadError::Endless)])
    };
    let alone = Merge::new(vec![broken()]);
    assert_eq!(read(alone, 10), (vec![arrival(1.0), arrival(2.0)], Err(error.clone())));
    // With others, one arrival is read ahead, and the error with it.
    let merge = Merge::new(vec![broken(), list(&[], 1)]);
    assert_eq!(read(merge, 10), (vec![arrival(1.0)], Err(error)));
}

#[test]
fn a_workload_that_goes_back_is_found_when_many_are_read() {
    let dates = [1.0, 2.0, 1.5, 3.0];
    let script = script(dates.iter().map(|&date| Ok(Some(Arrival::new(at(date), 0)))).collect());
    let (arrivals, end) = read(Merge::new(vec![script]), 10);
    assert_eq!(arrivals, [Arrival::new(at(1.0), 0), Arrival::new(at(2.0), 0)]);
    assert!(end.unwrap_err().starts_with("arrival 2 of workload 0 is at"));
}

proptest! {
    #![proptest_config(isotherm_testing::cases(10_000))]

    #[test]
    fn a_merge_is_a_stable_sort_of_its_workloads(
        dates in prop::collection::vec(prop::collection::vec(0u64..20, 0..15), 0..6)
    ) {
        let lists: Vec<Vec<Arrival>> = dates
            .into_iter()
            .enumerate()
            .map(|(function, mut dates)| {
                dates.sort_unstable();
                let arrivals = dates.into_iter().enumerate().map(|(index, date)| Arrival {
                    tag: Some(index as u32),
                    ..Arrival::new(Time::from_nanos(date), function as u32)
                });
                arrivals.collect()
            })
            .collect();
        // The oracle: all arrivals in the order of the workloads, sorted stably by date.
        let mut expected = lists.concat();
        expected.sort_by_key(|arrival| arrival.at);
        let merge = || {
            let boxed = lists.iter().map(|list| ArrivalList::new(list.clone()).unwrap());
            Merge::new(boxed.map(|list| Box::new(list) as Box<dyn Workload + Send>).collect())
        };
        prop_assert_eq!(all(merge()), expected.clone());
        for most in [1, 3, 100] {
            prop_assert_eq!(read(merge(), most), (expected.clone(), Ok(())));
        }
    }
}
