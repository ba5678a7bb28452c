//! The traces of Huawei Cloud: what is read of them, and what is tolerated.

use std::sync::Arc;

use isotherm_kernel::{Duration, RandomStreams, Time};
use isotherm_workload::{
    AppSample, Arrival, Azure2019, Azure2019Replay, Azure2019Scan, Huawei2023Files, Quirks,
    ReplayConfig, TimeUnit, Workload,
};

/// The requests and delays of the first days, which are these days of the data set.
fn scan(days: &[(u16, &str, &str)], sample: AppSample) -> Azure2019Scan {
    let mut files = Huawei2023Files::new(sample, 20);
    for (number, &(day, requests, delays)) in (0u16..).zip(days) {
        files.requests(number, day, "r.csv", requests.as_bytes()).unwrap();
        if !delays.is_empty() {
            let unit = TimeUnit::MILLISECOND;
            files.delays(number, day, unit, "d.csv", delays.as_bytes()).unwrap();
        }
    }
    files.finish()
}

fn read(days: &[(u16, &str, &str)]) -> Azure2019 {
    let scan = scan(days, AppSample::default());
    assert!(scan.errors.is_empty(), "{:?}", scan.errors);
    scan.trace
}

fn played(trace: Azure2019) -> Vec<Arrival> {
    let numbers: Vec<Option<u32>> = (0u32..).take(trace.functions.len()).map(Some).collect();
    let replay = Azure2019Replay::new(
        Arc::new(trace),
        &numbers,
        ReplayConfig::default(),
        Time::ZERO,
        RandomStreams::new(1),
        "w",
    );
    replay.unwrap().arrivals().collect::<Result<_, _>>().unwrap()
}

#[test]
fn counts_are_played_in_their_minutes() {
    // Days 7 and 9 of the data set follow each other.
    let days = [
        (7, "day,time,0,28\n7,604800,2.0,\n7,604920,NaN,1\n", "day,time,0,28\n7,604800,5,\n"),
        (9, "day,time,0,28\n9,777660,,3\n", "day,time,0,28\n9,777660,7,40\n"),
    ];
    let trace = read(&days);
    let functions = trace.functions.iter();
    let told: Vec<_> =
        functions.map(|one| (one.name.as_str(), one.app.as_str(), one.invocations)).collect();
    assert_eq!(told, [("0", "0", 2), ("28", "28", 4)]);
    assert_eq!((trace.apps, trace.days), (2, 2));
    let arrivals = played(trace);
    let minutes: Vec<_> = arrivals
        .iter()
        .map(|one| (one.at.as_nanos() / 60_000_000_000, one.function, one.duration))
        .collect();
    let ms = |ms: u64| Some(Duration::from_nanos(ms * 1_000_000));
    // Function 28 has no delay on day 7: that of the nearest day that has one holds.
    let expected = [
        (0, 0, ms(5)),
        (0, 0, ms(5)),
        (2, 1, ms(40)),
        (1441, 1, ms(40)),
        (1441, 1, ms(40)),
        (1441, 1, ms(40)),
    ];
    assert_eq!(minutes, expected);
}

#[test]
fn durations_are_between_the_means_of_minutes() {
    let requests = "day,time,5\n0,0,10\n0,60,1000\n0,120,90\n";
    let delays = "day,time,5\n0,0,1\n0,60,20\n0,120,500\n";
    let trace = read(&[(0, requests, delays)]);
    let mut durations: Vec<f64> = played(trace)
        .iter()
        .map(|arrival| arrival.duration.unwrap().as_secs_f64() * 1_000.0)
        .collect();
    durations.sort_by(f64::total_cmp);
    assert_eq!(durations.len(), 1_100);
    assert!(durations[0] >= 1.0 && durations[1_099] <= 500.0);
    // From the 1st to the 75th percentile the mean of the minute with 1,000 of 1,100 holds.
    assert!((durations[550] - 20.0).abs() < 1e-6, "{}", durations[550]);
}

#[test]
fn what_is_tolerated() {
    let requests = "day,time,note,0,1\n0,0,x,3,0\n0,0,x,2,nan\n0,60,x,,\n";
    let delays = "day,time,1,0\n0,0,5,-1\n0,60,,NaN\n";
    let trace = read(&[(0, requests, delays), (1, "day,time,0\n", "")]);
    // Function 1 is not invoked; a column that is no number is none of a function.
    assert_eq!(trace.functions.len(), 1);
    assert_eq!(trace.functions[0].invocations, 5);
    let expected =
        Quirks { not_invoked: 1, repeated: 1, mended: 1, unknown: 0, empty: 1, partial: 1 };
    assert_eq!(trace.quirks, expected);
    assert!(played(trace).iter().all(|arrival| arrival.duration == Some(Duration::ZERO)));
}

#[test]
fn a_larger_sample_has_the_functions_of_a_smaller_one() {
    let header: String = (0..40).map(|number| format!(",{number}")).collect();
    let ones = ",1".repeat(40);
    let of_day = |day: u64| format!("day,time{header}\n{day},{}{ones}\n", day * 86_400);
    let names = |most: u64| -> Vec<String> {
        let days = [of_day(0), of_day(1)];
        let days = [(0, days[0].as_str(), ""), (1, days[1].as_str(), "")];
        let scan = scan(&days, AppSample { apps: Some(most), number: 3 });
        assert!(scan.trace.functions.iter().all(|function| function.invocations == 2));
        scan.trace.functions.into_iter().map(|function| function.name).collect()
    };
    let (small, large) = (names(5), names(15));
    assert_eq!((small.len(), large.len()), (5, 15));
    assert!(small.iter().all(|name| large.contains(name)));
}

#[test]
fn what_is_wrong() {
    let says = |text: &str| -> Vec<String> {
        let mut files = Huawei2023Files::new(AppSample::default(), 20);
        match files.requests(0, 1, "r.csv", text.as_bytes()) {
            Ok(()) => {
                let errors = files.finish().errors.into_iter();
                errors.map(|error| format!("{error} ({})", error.hint())).collect()
            }
            Err(error) => vec![error.to_string()],
        }
    };
    assert_eq!(says(""), ["r.csv: the trace is empty"]);
    assert_eq!(
        says("day,time,0\n"),
        ["r.csv: the trace has a header, but no row (nothing would be invoked)"]
    );
    assert_eq!(says("day,time,f\n1,86400,1\n"), ["r.csv: no column is one of a function"]);
    assert_eq!(says("day,0\n1,1\n"), ["r.csv: there is no column `time`"]);
    assert_eq!(says("time,0,0\n1,1,1\n"), ["r.csv: there are two columns `0`"]);
    assert_eq!(
        says("time,0\n86400,1\n172800,1\n86401,1\n86400,one\n"),
        [
            "r.csv:3: column `time`: `172800` does not begin a minute of day 1 \
             (its minutes are the multiples of 60 from 86400 to 172740, in seconds)",
            "r.csv:4: column `time`: `86401` does not begin a minute of day 1 \
             (its minutes are the multiples of 60 from 86400 to 172740, in seconds)",
            "r.csv:5: column `0`: `one` is not a number of invocations \
             (a minute has a whole number of them, zero or more)",
        ]
    );
    let many: String = (0..20_001).map(|number| format!(",{number}")).collect();
    assert_eq!(says(&format!("time{many}\n")), ["r.csv: more than 20000 names of functions"]);
}
