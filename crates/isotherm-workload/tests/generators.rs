//! Lists, Poisson processes and merges.

use isotherm_kernel::{Random, RandomStreams, Time};
use isotherm_workload::{Arrival, ArrivalList, Merge, Poisson, PoissonConfig, Workload, WorkloadError};
use proptest::prelude::*;

fn random(path: &str) -> Random {
    RandomStreams::new(42).stream(path)
}

fn at(seconds: f64) -> Time {
    Time::from_secs_f64(seconds)
}

fn all(workload: impl Workload) -> Vec<Arrival> {
    workload.arrivals().collect::<Result<_, _>>().unwrap()
}

fn list(dates: &[f64], function: u32) -> Box<dyn Workload> {
    let arrivals = dates.iter().map(|&date| Arrival::new(at(date), function)).collect();
    Box::new(ArrivalList::new(arrivals).unwrap())
}

#[test]
fn a_list_gives_what_is_written() {
    let arrivals =
        vec![Arrival { tag: Some(3), ..Arrival::new(at(1.0), 0) }, Arrival::new(at(1.0), 1), Arrival::new(at(2.0), 0)];
    let mut workload = ArrivalList::new(arrivals.clone()).unwrap();
    assert_eq!(all(&mut workload), arrivals);
    assert_eq!(workload.next_arrival().unwrap(), None, "it stays over");
    assert_eq!(all(ArrivalList::new(Vec::new()).unwrap()), []);
}

#[test]
fn a_list_out_of_order_is_refused_or_sorted() {
    let arrivals = vec![Arrival::new(at(2.0), 0), Arrival::new(at(1.0), 1), Arrival::new(at(1.0), 2)];
    let error = ArrivalList::new(arrivals.clone()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("arrival 1 of a list of arrivals is at {}, before the one at {} that precedes it", at(1.0), at(2.0))
    );
    let functions: Vec<u32> = all(ArrivalList::sorted(arrivals)).iter().map(|arrival| arrival.function).collect();
    assert_eq!(functions, [1, 2, 0], "those of one date stay in their order");
}

#[test]
fn a_poisson_process_is_the_sum_of_exponential_gaps() {
    let config = PoissonConfig { count: Some(1000), from: at(5.0), ..PoissonConfig::new(2, 4.0) };
    let arrivals = all(Poisson::new(config, random("workload/0")).unwrap());
    // The definition, with the same stream: -ln(1 - u) / rate, summed in nanoseconds.
    let mut numbers = random("workload/0");
    let mut expected = 5_000_000_000u64;
    for arrival in &arrivals {
        let gap_s = -(-numbers.uniform_open()).ln_1p() / 4.0;
        expected += (gap_s * 1e9).round() as u64;
        // The logarithm of the standard library may differ from libm's in its last digit, a gap by one nanosecond.
        assert!(arrival.at.as_nanos().abs_diff(expected) <= 2, "{} instead of {expected}", arrival.at);
        expected = arrival.at.as_nanos();
        assert_eq!((arrival.function, arrival.duration, arrival.tag), (2, None, None));
    }
    assert_eq!(arrivals.len(), 1000);
}

#[test]
fn the_number_of_arrivals_is_that_of_a_poisson_process() {
    // 5/s for 10,000 s: 50,000 in the mean with the standard deviation sqrt(50000) = 223.6; five of them are 1118.
    let config = PoissonConfig { from: at(100.0), until: Some(at(10_100.0)), ..PoissonConfig::new(0, 5.0) };
    let arrivals = all(Poisson::new(config, random("count")).unwrap());
    assert!(arrivals.len().abs_diff(50_000) < 1118, "{}", arrivals.len());
    assert!(arrivals.iter().all(|arrival| at(100.0) <= arrival.at && arrival.at < at(10_100.0)));
    // In windows of 10 s the variance is the mean, 50. The variance of a sample variance of 1,000 counts is about
    // 2·50²/1000 + 50/1000, its standard deviation 2.25; five of them are 11.2.
    let mut counts = vec![0.0; 1000];
    for arrival in &arrivals {
        counts[(arrival.at.since(at(100.0)).as_secs_f64() / 10.0) as usize] += 1.0;
    }
    let mean = counts.iter().sum::<f64>() / 1000.0;
    let variance = counts.iter().map(|count| (count - mean) * (count - mean)).sum::<f64>() / 999.0;
    assert!((variance - 50.0).abs() < 11.2, "{variance}");
}

#[test]
fn until_and_count_whichever_comes_first() {
    let both = PoissonConfig { until: Some(at(10.0)), count: Some(3), ..PoissonConfig::new(0, 1000.0) };
    assert_eq!(all(Poisson::new(both.clone(), random("x")).unwrap()).len(), 3);
    let rare = PoissonConfig { rate_per_s: 1e-9, ..both };
    let mut never = Poisson::new(rare, random("x")).unwrap();
    assert_eq!(never.next_arrival().unwrap(), None);
    assert_eq!(never.next_arrival().unwrap(), None, "it stays over");
}

#[test]
fn another_stream_gives_other_arrivals_and_the_same_stream_the_same() {
    let arrivals = |path: &str| {
        let config = PoissonConfig { count: Some(5), ..PoissonConfig::new(0, 1.0) };
        all(Poisson::new(config, random(path)).unwrap())
    };
    assert_eq!(arrivals("a"), arrivals("a"));
    assert_ne!(arrivals("a"), arrivals("b"));
}

#[test]
fn more_arrivals_come_after_those_that_were_there() {
    // A larger count, or a later end, leaves the first arrivals as they are.
    let arrivals = |count| {
        let config = PoissonConfig { count: Some(count), ..PoissonConfig::new(0, 1.0) };
        all(Poisson::new(config, random("a")).unwrap())
    };
    assert_eq!(arrivals(5)[..], arrivals(50)[..5]);
}

#[test]
fn bad_parameters_of_a_poisson_process() {
    let good = PoissonConfig { count: Some(1), ..PoissonConfig::new(0, 1.0) };
    let says = |config: PoissonConfig| Poisson::new(config, random("x")).unwrap_err().to_string();
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let config = PoissonConfig { rate_per_s: rate, ..good.clone() };
        assert_eq!(says(config), format!("the rate of a Poisson workload must be a positive number, not {rate}"));
    }
    assert!(says(PoissonConfig::new(0, 1.0)).contains("needs an end"));
    assert!(says(PoissonConfig { count: Some(0), ..good.clone() }).contains("the count of a Poisson workload"));
    let backwards = PoissonConfig { from: at(2.0), until: Some(at(2.0)), ..good };
    assert!(says(backwards).contains("the end of a Poisson workload must be after its beginning"));
}

#[test]
fn dates_beyond_the_end_of_time_end_the_process() {
    let config = PoissonConfig { count: Some(10), ..PoissonConfig::new(0, 1e-300) };
    assert_eq!(all(Poisson::new(config, random("x")).unwrap()), []);
}

#[test]
fn a_merge_is_ordered_by_date_then_by_workload() {
    let merge = Merge::new(vec![list(&[1.0, 3.0, 3.0], 0), list(&[0.0, 3.0, 4.0], 1), list(&[], 2), list(&[3.0], 3)]);
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

fn script(results: Vec<Result<Option<Arrival>, WorkloadError>>) -> Box<dyn Workload> {
    Box::new(Script(results.into_iter()))
}

#[test]
fn an_error_in_one_workload_ends_the_merge() {
    let first = || Ok(Some(Arrival::new(at(1.0), 9)));
    let mut merge = Merge::new(vec![list(&[0.0, 5.0], 0), script(vec![first(), Err(WorkloadError::Endless)])]);
    assert_eq!(merge.next_arrival().unwrap(), Some(Arrival::new(at(0.0), 0)));
    assert!(matches!(merge.next_arrival(), Err(WorkloadError::Endless)));
    assert_eq!(merge.next_arrival().unwrap(), None);
    let mut at_once = Merge::new(vec![script(vec![first()]), script(vec![Err(WorkloadError::Endless)])]);
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
    let results =
        vec![Ok(Some(Arrival::new(at(1.0), 0))), Ok(Some(Arrival::new(at(2.0), 0))), Err(WorkloadError::Endless)];
    let mut merge = Merge::new(vec![script(results)]);
    assert!(merge.next_arrival().is_ok(), "only one arrival is read ahead");
    assert!(merge.next_arrival().is_err());
}

proptest! {
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
        let boxed = lists.into_iter().map(|list| Box::new(ArrivalList::new(list).unwrap()) as Box<dyn Workload>);
        prop_assert_eq!(all(Merge::new(boxed.collect())), expected);
    }
}
