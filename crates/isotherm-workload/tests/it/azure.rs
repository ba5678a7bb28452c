//! The traces of Azure Functions: in which order arrivals come out, what is drawn, what is
//! tolerated, and what each broken file says.

use std::io::Cursor;
use std::sync::Arc;

use isotherm_kernel::{Duration, RandomStreams, Time};
use isotherm_workload::{
    AppSample, Arrival, Azure2019, Azure2019Files, Azure2019Replay, Azure2019Scan, Azure2021,
    Azure2021Scan, Azure2021Trace, Quirks, ReplayConfig, RequestColumns, RequestFiles,
    WithinMinute, Workload, WorkloadError, one_file,
};
use proptest::prelude::*;

const HEADER_2021: &str = "app,func,end_timestamp,duration\n";

/// A file that is read once.
fn file(text: impl AsRef<[u8]>) -> RequestFiles<Cursor<Vec<u8>>> {
    one_file("a.csv", Cursor::new(text.as_ref().to_vec()))
}

fn scan_2021(text: &str, sample: AppSample) -> Azure2021Scan {
    Azure2021::scan(file(text), RequestColumns::AZURE_2021, sample, 20).unwrap()
}

fn read_2021(text: &str, sample: AppSample) -> Vec<Arrival> {
    let scan = scan_2021(text, sample);
    assert!(scan.errors.is_empty(), "{:?}", scan.errors);
    let trace =
        Azure2021Trace::new(file(text), RequestColumns::AZURE_2021, Arc::new(scan.trace), 0)
            .unwrap();
    trace.arrivals().collect::<Result<_, _>>().unwrap()
}

fn ms(at: u64) -> Time {
    Time::from_nanos(at * 1_000_000)
}

#[test]
fn an_invocation_of_2021_arrives_when_it_starts() {
    // Ordered by end: they start at 9, 0, 1 and 10 s. The second of them started 10 s before the
    // trace did.
    let text = format!("{HEADER_2021}a,f,10,1\nb,f,20,30\na,g,21,20\na,f,21,11\n");
    let arrival = |at: u64, function, duration| Arrival {
        at: ms(at * 1_000),
        function,
        duration: Some(Duration::from_secs(duration)),
        tag: None,
    };
    let all = [arrival(0, 1, 30), arrival(1, 2, 20), arrival(9, 0, 1), arrival(10, 0, 11)];
    assert_eq!(read_2021(&text, AppSample::default()), all);
    let trace = scan_2021(&text, AppSample::default()).trace;
    // A function is unique only within its app.
    assert_eq!(trace.functions, ["a/f", "b/f", "a/g"]);
    assert_eq!(trace.apps_of_functions, ["a", "b", "a"]);
    assert_eq!((trace.apps, trace.invocations, trace.early), (2, 4, 1));
    // The row that starts at 0 comes after the one at 9 s.
    assert_eq!((trace.lateness, trace.last), (Duration::from_secs(9), ms(10_000)));
}

#[test]
fn a_sample_has_some_apps_with_all_of_their_functions() {
    let text = format!("{HEADER_2021}a,f,1,0\nb,f,2,0\na,g,3,0\nb,g,4,0\n");
    let all = [0, 1].map(|number| AppSample { apps: Some(1), number });
    for sample in all {
        let trace = scan_2021(&text, sample).trace;
        let app = &trace.functions[0][..1];
        assert_eq!(trace.functions, [format!("{app}/f"), format!("{app}/g")]);
        let dates: Vec<_> = read_2021(&text, sample).iter().map(|arrival| arrival.at).collect();
        assert_eq!(dates, if app == "a" { [ms(1_000), ms(3_000)] } else { [ms(2_000), ms(4_000)] });
    }
}

#[test]
fn what_is_wrong_with_a_trace_of_2021() {
    let says = |text: &str| -> Vec<String> {
        match Azure2021::scan(file(text), RequestColumns::AZURE_2021, AppSample::default(), 20) {
            Ok(scan) => {
                scan.errors.iter().map(|error| format!("{error} ({})", error.hint())).collect()
            }
            Err(error) => vec![error.to_string()],
        }
    };
    assert_eq!(says(""), ["a.csv: the trace is empty"]);
    assert_eq!(says(HEADER_2021), ["a.csv: the trace has a header, but no row"]);
    assert_eq!(
        says("app,func,end,duration\na,f,1,1\n"),
        ["a.csv: there is no column `end_timestamp`"]
    );
    assert_eq!(
        says(&format!("{HEADER_2021}a,f,1,1\na,,2,1\na,f,x,-1\na,f,3\n")),
        [
            "a.csv:3: column `func`: a function without a name (the column `func` takes names)",
            "a.csv:4: column `end_timestamp`: `x` is not a number (the column `end_timestamp` takes numbers like 12.5)",
            "a.csv:5: this row has 3 fields, but the header has 4 (is the file complete?)",
        ]
    );
}

/// Names that differ in bytes that are no text would look alike.
#[test]
fn names_are_text() {
    let says = |errors: &[isotherm_workload::TraceError]| -> Vec<String> {
        errors.iter().map(|error| format!("{error} ({})", error.hint())).collect()
    };
    let hint = "(save the file as UTF-8: `file` says what it is)";
    let text = [HEADER_2021.as_bytes(), b"a,f,1,1\na,\xe9,2,1\n\xff,f,3,1\na,f,4,1\n"].concat();
    let scan =
        Azure2021::scan(file(&text), RequestColumns::AZURE_2021, AppSample::default(), 20).unwrap();
    assert_eq!(
        says(&scan.errors),
        ["a.csv:3: column `func`", "a.csv:4: column `app`"]
            .map(|place| format!("{place}: this is not UTF-8 text {hint}"))
    );

    let mut files = Azure2019Files::new(AppSample::default(), 20);
    // The letter stands for a byte that is no text.
    let bytes = |text: String| text.bytes().map(|b| if b == b'X' { 0xff } else { b }).collect();
    let text: Vec<u8> = bytes(invocations("o,a,f,http,1,0,0\no,a,X,http,1,0,0\n"));
    files.invocations(0, "i.csv", text.as_slice()).unwrap();
    let text: Vec<u8> = bytes(format!("{MEMORY}X,a,10,140\n"));
    files.memory(0, "m.csv", text.as_slice()).unwrap();
    assert_eq!(
        says(&files.finish().errors),
        ["i.csv:3: column `HashFunction`", "m.csv:2: column `HashOwner`"]
            .map(|place| format!("{place}: this is not UTF-8 text {hint}"))
    );
}

proptest! {
    #![proptest_config(isotherm_testing::cases(10_000))]

    /// In whatever order the rows are, arrivals come in theirs, and every row is one.
    #[test]
    fn rows_of_2021_may_be_in_any_order(rows in prop::collection::vec((0u64..3, 0u64..60_000, 0u64..30_000), 1..60)) {
        let mut text = HEADER_2021.to_owned();
        for (function, end, duration) in &rows {
            text += &format!("a,f{function},{},{}\n", *end as f64 / 1e3, *duration as f64 / 1e3);
        }
        let got = read_2021(&text, AppSample::default());
        prop_assert!(got.is_sorted_by_key(|arrival| arrival.at));
        let mut got: Vec<_> = got.iter().map(|arrival| (arrival.at, arrival.duration.unwrap())).collect();
        let mut expected: Vec<_> = rows
            .iter()
            .map(|&(_, end, duration)| (ms(end.saturating_sub(duration)), Duration::from_millis(duration)))
            .collect();
        got.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(got, expected);
    }
}

/// A file of invocations with these minutes.
fn invocations_of(minutes: impl IntoIterator<Item = u16>, rows: &str) -> String {
    let minutes: String = minutes.into_iter().map(|minute| format!(",{minute}")).collect();
    format!("HashOwner,HashApp,HashFunction,Trigger{minutes}\n{rows}")
}

/// The same of a day, whose rows say only the first three minutes.
fn invocations(rows: &str) -> String {
    let whole: String = rows.lines().map(|row| format!("{row}{}\n", ",".repeat(1437))).collect();
    invocations_of(1..=1440, &whole)
}

const DURATIONS: &str = "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,\
                         percentile_Average_1,percentile_Average_25,percentile_Average_50,percentile_Average_75,\
                         percentile_Average_99,percentile_Average_100\n";
const MEMORY: &str = "HashOwner,HashApp,SampleCount,AverageAllocatedMb\n";

/// Days, each of invocations, durations and memory.
fn scan_2019(days: &[[&str; 3]], sample: AppSample) -> Azure2019Scan {
    let mut files = Azure2019Files::new(sample, 20);
    let whole = |header: &str, rows: &str| format!("{header}{rows}").into_bytes();
    for (day, [invocations, ..]) in (0..).zip(days) {
        files.invocations(day, "i.csv", self::invocations(invocations).as_bytes()).unwrap();
    }
    for (day, [_, durations, memory]) in (0..).zip(days) {
        if !durations.is_empty() {
            files.durations(day, "d.csv", whole(DURATIONS, durations).as_slice()).unwrap();
        }
        if !memory.is_empty() {
            files.memory(day, "m.csv", whole(MEMORY, memory).as_slice()).unwrap();
        }
    }
    files.finish()
}

fn good(days: &[[&str; 3]]) -> Arc<Azure2019> {
    let scan = scan_2019(days, AppSample::default());
    assert!(scan.errors.is_empty(), "{:?}", scan.errors);
    Arc::new(scan.trace)
}

fn play(trace: &Arc<Azure2019>, config: ReplayConfig, seed: u64) -> Azure2019Replay {
    let numbers: Vec<_> =
        (0..trace.functions.len()).map(|function| Some(function as u32)).collect();
    Azure2019Replay::new(
        Arc::clone(trace),
        &numbers,
        config,
        Time::ZERO,
        RandomStreams::new(seed),
        "workload/0",
    )
    .unwrap()
}

fn played(trace: &Arc<Azure2019>, config: ReplayConfig, seed: u64) -> Vec<Arrival> {
    play(trace, config, seed).arrivals().collect::<Result<_, WorkloadError>>().unwrap()
}

fn within(within_minute: WithinMinute) -> ReplayConfig {
    ReplayConfig { within_minute, ..ReplayConfig::default() }
}

/// Invocations of each function in each minute of two days.
fn histogram(arrivals: &[Arrival], functions: usize) -> Vec<Vec<u32>> {
    let mut counts = vec![vec![0; 2 * 1440]; functions];
    for arrival in arrivals {
        counts[arrival.function as usize][(arrival.at.as_nanos() / 60_000_000_000) as usize] += 1;
    }
    counts
}

#[test]
fn every_minute_of_2019_has_its_invocations() {
    let trace = good(&[
        ["o,a,f,http,3,0,1000\no,a,g,timer,1,1,1\n", "", ""],
        ["o,b,f,queue,0,0,7\no,a,f,http,0,20,0\n", "", ""],
    ]);
    let names: Vec<_> = trace
        .functions
        .iter()
        .map(|function| (function.name.as_str(), function.invocations))
        .collect();
    assert_eq!(names, [("a/f", 1_023), ("a/g", 3), ("b/f", 7)]);
    assert_eq!((trace.apps, trace.days), (2, 2));
    for choice in [WithinMinute::Uniform, WithinMinute::Even] {
        let arrivals = played(&trace, within(choice), 1);
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.at));
        let counts = histogram(&arrivals, 3);
        assert_eq!(
            (counts[0][0], counts[0][1], counts[0][2], counts[0][1440 + 1]),
            (3, 0, 1_000, 20),
            "{choice:?}"
        );
        assert_eq!((&counts[1][..3], counts[2][1440 + 2]), (&[1, 1, 1][..], 7), "{choice:?}");
        assert_eq!(arrivals.len(), 1_033);
    }
    // The last minute is the third one of the second day.
    assert_eq!(trace.end(0..3), Time::ZERO + Duration::from_secs(86_400 + 180));
    let between = |from, until| {
        let date = |s: u64| Time::ZERO + Duration::from_secs(s);
        let arrivals = trace.arrivals_between(0..3, date(from), date(until));
        (arrivals.whole, arrivals.cut)
    };
    assert_eq!(between(0, 120), (5, 0.0), "3 of the first function and 2 of the second");
    assert_eq!(between(0, 30), (0, 2.0), "half of 3 and of 1");
    assert_eq!(between(0, 10 * 86_400), (1_033, 0.0));
}

#[test]
fn even_invocations_are_equally_far_apart() {
    let trace = good(&[["o,a,f,http,4,4,1\n", "", ""]]);
    let arrivals = played(&trace, within(WithinMinute::Even), 3);
    let gaps: Vec<_> =
        arrivals.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_nanos()).collect();
    // 15 s, up to the rounding of each date to a nanosecond.
    assert!(gaps[..7].iter().all(|gap| gap.abs_diff(15_000_000_000) <= 1), "{gaps:?}");
}

/// The mean of a uniform date is half a minute, its variance 60²/12 = 300 s²; gaps of a Poisson
/// process are memoryless.
#[test]
fn dates_within_a_minute_have_their_distribution() {
    let trace = good(&[["o,a,f,http,20000,0,0\n", "", ""]]);
    let seconds = |arrivals: &[Arrival]| {
        arrivals.iter().map(|arrival| arrival.at.as_secs_f64()).collect::<Vec<_>>()
    };
    let uniform = seconds(&played(&trace, within(WithinMinute::Uniform), 5));
    let mean = uniform.iter().sum::<f64>() / 20_000.0;
    let variance = uniform.iter().map(|at| (at - 30.0) * (at - 30.0)).sum::<f64>() / 20_000.0;
    // Four standard errors: 17.32/sqrt(20000) = 0.122, and 300·sqrt(0.8/20000) = 1.9.
    assert!((mean - 30.0).abs() < 0.5 && (variance - 300.0).abs() < 8.0, "{mean} {variance}");
    let poisson = seconds(&played(&trace, within(WithinMinute::Poisson), 5));
    // The number is Poisson with deviation sqrt(20000) = 141.
    assert!((poisson.len() as f64 - 20_000.0).abs() < 600.0, "{}", poisson.len());
    let gaps: Vec<f64> = poisson.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let longer =
        gaps.iter().filter(|gap| **gap > 60.0 / 20_000.0).count() as f64 / gaps.len() as f64;
    // P(gap > mean) = 1/e.
    assert!((longer - 0.3679).abs() < 0.015, "{longer}");
}

#[test]
fn a_scale_is_right_in_the_mean() {
    let trace = good(&[["o,a,f,http,1,0,30000\n", "", ""]]);
    for choice in [WithinMinute::Uniform, WithinMinute::Even, WithinMinute::Poisson] {
        let config = ReplayConfig { within_minute: choice, scale: 0.1 };
        let count = played(&trace, config, 1).len();
        assert!((2_780..=3_220).contains(&count), "{choice:?}: {count}");
    }
    // A minute with one invocation has one with probability 1/4.
    let single = good(&[["o,a,f,http,1,0,0\n", "", ""]]);
    let config = || ReplayConfig { scale: 0.25, ..ReplayConfig::default() };
    let some = (0..4_000).filter(|&seed| !played(&single, config(), seed).is_empty()).count();
    assert!((890..=1_110).contains(&some), "{some}");
    let numbers = [Some(0)];
    let zero = ReplayConfig { scale: 0.0, ..ReplayConfig::default() };
    let error =
        Azure2019Replay::new(single, &numbers, zero, Time::ZERO, RandomStreams::new(1), "w")
            .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the scale of a replayed workload must be a positive number, not 0"
    );
}

/// A hundred million invocations in a minute are not held in memory.
#[test]
fn a_full_minute_is_a_stream() {
    let trace = good(&[["o,a,f,http,100000000,0,0\n", "", ""]]);
    for choice in [WithinMinute::Uniform, WithinMinute::Even, WithinMinute::Poisson] {
        let first: Vec<_> =
            play(&trace, within(choice), 1).arrivals().take(10_000).map(Result::unwrap).collect();
        assert!(first.is_sorted_by_key(|arrival| arrival.at));
        // The 10,000th of 10^8 in a minute comes after 6 ms, give or take 0.06.
        let last = first[9_999].at.as_secs_f64();
        assert!((last - 0.006).abs() < 0.000_3, "{choice:?}: {last}");
    }
}

#[test]
fn functions_do_not_disturb_each_other() {
    let durations = "o,a,f,1,1,1,1,0,1,25,50,75,99,100\n";
    let alone = good(&[["o,a,f,http,30,0,5\n", durations, ""]]);
    let among = good(&[["o,z,g,http,9,9,9\no,a,f,http,30,0,5\no,a,h,http,2,2,2\n", durations, ""]]);
    let only = |arrivals: Vec<Arrival>, function| -> Vec<_> {
        let of = arrivals.into_iter().filter(|arrival| arrival.function == function);
        of.map(|arrival| (arrival.at, arrival.duration)).collect()
    };
    let first = only(played(&alone, ReplayConfig::default(), 7), 0);
    assert_eq!(first, only(played(&among, ReplayConfig::default(), 7), 1));
    assert!(
        first != only(played(&alone, ReplayConfig::default(), 8), 0),
        "another seed, other dates"
    );
    // How dates are chosen does not matter to durations.
    let even = only(played(&alone, within(WithinMinute::Even), 7), 0);
    let durations = |arrivals: &[(Time, Option<Duration>)]| {
        arrivals.iter().map(|(_, took)| *took).collect::<Vec<_>>()
    };
    assert_eq!(durations(&first), durations(&even));
}

#[test]
fn durations_are_drawn_between_percentiles() {
    // In ms: minimum 10, 1 % below 20, a quarter below 100, half below 200, ...
    let trace = good(&[[
        "o,a,f,http,20000,0,0\no,a,g,http,10,0,0\n",
        "o,a,f,1,1,1,1,10,20,100,200,400.5,900,1000\n",
        "",
    ]]);
    let arrivals = played(&trace, ReplayConfig::default(), 2);
    assert!(arrivals.iter().all(|arrival| (arrival.function == 0) == arrival.duration.is_some()));
    let mut took: Vec<_> = arrivals
        .iter()
        .filter_map(|arrival| arrival.duration)
        .map(|took| took.as_secs_f64())
        .collect();
    took.sort_by(f64::total_cmp);
    assert!(took[0] >= 0.01 && took[19_999] <= 1.0);
    for (rank, expected) in [(5_000, 0.1), (10_000, 0.2), (15_000, 0.400_5)] {
        assert!((took[rank] - expected).abs() < 0.01, "{rank}: {}", took[rank]);
    }
}

#[test]
fn a_day_without_durations_takes_those_of_the_nearest() {
    let percentiles = |ms: u32| format!("o,a,f,1,1,1,1{}\n", format!(",{ms}").repeat(7));
    let (first, last) = (percentiles(1), percentiles(4));
    let rows = "o,a,f,http,1,0,0\n";
    let trace = good(&[[rows, &first, ""], [rows, "", ""], [rows, "", ""], [rows, &last, ""]]);
    let took: Vec<_> = played(&trace, ReplayConfig::default(), 1)
        .iter()
        .map(|one| one.duration.unwrap())
        .collect();
    assert_eq!(took, [1, 1, 4, 4].map(Duration::from_millis));
}

#[test]
fn the_memory_of_an_app_is_the_mean_over_its_days() {
    let rows = "o,a,f,http,1,0,0\no,a,g,http,1,0,0\no,b,f,http,1,0,0\n";
    let trace = good(&[[rows, "", "o,a,10,100\no,c,1,1\n"], [rows, "", "o,a,30,200.5\no,b,5,\n"]]);
    let memory: Vec<_> = trace
        .functions
        .iter()
        .map(|function| (function.app_memory_bytes, function.app_functions))
        .collect();
    let apps: Vec<_> = trace.functions.iter().map(|function| function.app.as_str()).collect();
    assert_eq!(apps, ["a", "a", "b"]);
    // (10 · 100 + 30 · 200.5) / 40 = 175.375 MB.
    assert_eq!(memory, [(Some(175_375_000), 2), (Some(175_375_000), 2), (None, 1)]);
    let expected = Quirks { not_invoked: 1, unknown: 1, ..Quirks::default() };
    assert_eq!(trace.quirks, expected);
}

#[test]
fn quirks_are_counted() {
    let trace = good(&[[
        // The same function twice: its invocations are added. A decimal point after a whole number,
        // and nothing at all.
        "o,a,f,http,1,,2.0\no,a,f,timer,1,1,0\no,a,g,http,0,0,0\n",
        // Below zero; falling; missing; of a function that is never invoked; again.
        "o,a,f,1,1,1,1,-5,0,10,9,20,30,30\no,a,f,1,1,1,1,,,,,,,\no,x,x,1,1,1,1,1,1,1,1,1,1,1\no,a,f,1,1,1,1,1,1,1,1,1,1,1\n",
        "o,a,1,100\no,a,1,200\n",
    ]]);
    assert_eq!(trace.functions.len(), 1, "a function without invocations is none");
    assert_eq!(
        (trace.functions[0].invocations, trace.functions[0].app_memory_bytes),
        (5, Some(100_000_000))
    );
    assert_eq!(
        trace.quirks,
        Quirks { not_invoked: 1, repeated: 3, mended: 1, unknown: 1, empty: 0, partial: 0 }
    );
    let took = played(&trace, ReplayConfig::default(), 1);
    assert!(took.iter().all(|arrival| arrival.duration.unwrap() <= Duration::from_millis(30)));
}

#[test]
fn an_app_of_two_owners_is_two_apps() {
    let trace = good(&[["o,a,f,http,1,0,0\np,a,f,http,2,0,0\n", "", "o,a,1,100\np,a,1,200\n"]]);
    let functions: Vec<_> = trace
        .functions
        .iter()
        .map(|function| (function.name.as_str(), function.invocations, function.app_memory_bytes))
        .collect();
    assert_eq!(functions, [("o/a/f", 1, Some(100_000_000)), ("p/a/f", 2, Some(200_000_000))]);
}

#[test]
fn a_sample_of_2019_is_the_same_in_whatever_files() {
    let rows: String =
        (0..40).map(|app| format!("o,app{app},f,http,1,0,0\no,app{app},g,http,2,0,0\n")).collect();
    let more: String = (20..60).map(|app| format!("o,app{app},f,http,1,0,0\n")).collect();
    let sample = AppSample { apps: Some(5), number: 3 };
    let names = |scan: Azure2019Scan| {
        let mut names: Vec<_> = scan
            .trace
            .functions
            .into_iter()
            .map(|function| (function.name, function.invocations))
            .collect();
        names.sort();
        (scan.trace.apps, names)
    };
    // One day with all rows, or two days; the sample is drawn among the apps of both.
    let both = format!("{rows}{more}");
    let (apps, in_one) = names(scan_2019(&[[&both, "", ""]], sample));
    assert_eq!(apps, 5);
    assert_eq!((5, in_one.clone()), names(scan_2019(&[[&rows, "", ""], [&more, "", ""]], sample)));
    assert_eq!((5, in_one), names(scan_2019(&[[&more, "", ""], [&rows, "", ""]], sample)));
}

#[test]
fn what_is_wrong_with_files_of_2019() {
    let errors = |scan: Azure2019Scan| -> Vec<String> {
        scan.errors.iter().map(|error| format!("{error} ({})", error.hint())).collect()
    };
    let scan = scan_2019(
        &[[
            "o,a,f,http,1,x,0\no,a,f,http,1.5,0,0\no,a,f,http,0,-1,0\no,a,f,http,0,0,1000000000\no,,f,http,1,1,1\no,a,f,http,1\n",
            "o,a,f,1,1,1,1,0,1,2,three,4,5,6\n",
            "o,a,x,100\no,a,1,1e300\n",
        ]],
        AppSample::default(),
    );
    assert_eq!(
        errors(scan),
        [
            "i.csv:2: column `2`: `x` is not a number of invocations (a minute has a whole number of them, zero or more)",
            "i.csv:3: column `1`: `1.5` is not a number of invocations (a minute has a whole number of them, zero or more)",
            "i.csv:4: column `2`: `-1` is not a number of invocations (a minute has a whole number of them, zero or more)",
            "i.csv:5: column `3`: `1000000000` invocations in one minute (at most 100000000 are taken: is this a column of counts?)",
            "i.csv:6: column `HashApp`: a function without a name (the column `HashApp` takes names)",
            "i.csv:7: this row has 1442 fields, but the header has 1444 (is the file complete?)",
            "d.csv:2: column `percentile_Average_50`: `three` is not a number (the column `percentile_Average_50` takes numbers like 12.5)",
            "m.csv:2: column `SampleCount`: `x` is not a number (the column `SampleCount` takes numbers like 12.5)",
            "m.csv:3: column `AverageAllocatedMb`: `1e300` is too large for a size (is the unit of the column right?)",
        ]
    );
    let whole = |text: &str| {
        let read =
            Azure2019Files::new(AppSample::default(), 20).invocations(0, "i.csv", text.as_bytes());
        read.unwrap_err().to_string()
    };
    assert_eq!(whole(""), "i.csv: the trace is empty");
    assert_eq!(whole("HashOwner,HashApp,HashFunction\no,a,f\n"), "i.csv: there is no column `1`");
}

/// A day on which nothing is invoked has files with a header alone, and so may have the files of
/// durations and memory of any day.
#[test]
fn a_day_may_have_no_rows_but_not_all_days() {
    let durations = "o,a,f,1,1,1,1,5,5,5,5,5,5,5\n";
    let read = |days: &[[&str; 3]]| {
        let mut files = Azure2019Files::new(AppSample::default(), 20);
        for (day, [rows, ..]) in (0..).zip(days) {
            files.invocations(day, &format!("i{day}.csv"), invocations(rows).as_bytes()).unwrap();
        }
        for (day, [_, durations, memory]) in (0..).zip(days) {
            files.durations(day, "d.csv", format!("{DURATIONS}{durations}").as_bytes()).unwrap();
            files.memory(day, "m.csv", format!("{MEMORY}{memory}").as_bytes()).unwrap();
        }
        files.finish()
    };
    let scan = read(&[
        ["", "", ""],
        ["o,a,f,http,1,0,0\n", durations, "o,a,1,100\n"],
        ["o,a,f,http,0,2,0\n", "", ""],
        ["", "", ""],
    ]);
    assert!(scan.errors.is_empty(), "{:?}", scan.errors);
    assert_eq!((scan.trace.days, scan.trace.quirks), (4, Quirks { empty: 8, ..Quirks::default() }));
    let arrivals = played(&Arc::new(scan.trace), ReplayConfig::default(), 1);
    let found: Vec<_> = arrivals
        .iter()
        .map(|arrival| (arrival.at.as_nanos() / 60_000_000_000, arrival.duration))
        .collect();
    let took = Some(Duration::from_millis(5));
    assert_eq!(found, [(1440, took), (2 * 1440 + 1, took), (2 * 1440 + 1, took)]);
    let errors: Vec<_> = read(&[["", durations, ""], ["", "", ""]])
        .errors
        .iter()
        .map(|error| format!("{error} ({})", error.hint()))
        .collect();
    assert_eq!(errors, ["i0.csv: the trace has a header, but no row (nothing would be invoked)"]);
}

/// An excerpt has some minutes of a day, and perhaps the memory of each function.
#[test]
fn an_excerpt_of_a_day() {
    let mut files = Azure2019Files::new(AppSample::default(), 20);
    let rows = "o,a,f,http,0,2,0\no,a,g,http,1,0,0\n";
    files.invocations(0, "i.csv", invocations_of(540..=542, rows).as_bytes()).unwrap();
    let memory = "HashOwner,HashApp,HashFunction,SampleCount,AverageAllocatedMb\n\
                  o,a,f,1,100\no,a,g,3,50\no,a,f,9,9\n";
    files.memory(0, "m.csv", memory.as_bytes()).unwrap();
    let scan = files.finish();
    assert!(scan.errors.is_empty(), "{:?}", scan.errors);
    let quirks = Quirks { partial: 1, repeated: 1, ..Quirks::default() };
    assert_eq!(scan.trace.quirks, quirks);
    let memory = scan.trace.functions.iter().map(|one| (one.memory_bytes, one.app_memory_bytes));
    assert!(memory.eq([(Some(100_000_000), None), (Some(50_000_000), None)]));
    let minutes = |arrivals: Vec<Arrival>| -> Vec<u64> {
        arrivals.iter().map(|arrival| arrival.at.as_nanos() / 60_000_000_000).collect()
    };
    let trace = Arc::new(scan.trace);
    assert_eq!(minutes(played(&trace, ReplayConfig::default(), 1)), [539, 540, 540]);
    // Minutes that end before the beginning are not looked at.
    let from = |minute: u64| {
        let from = Time::ZERO + Duration::from_secs(60 * minute);
        let config = ReplayConfig::default();
        let streams = RandomStreams::new(1);
        let numbers = [Some(0), Some(1)];
        let replay =
            Azure2019Replay::new(Arc::clone(&trace), &numbers, config, from, streams, "w").unwrap();
        minutes(replay.arrivals().collect::<Result<_, _>>().unwrap())
    };
    assert_eq!([from(539), from(540), from(541)], [vec![539, 540, 540], vec![540, 540], vec![]]);
}

/// A day has the minutes 1 to 1440 or some of them, whatever else there is, and in whatever order.
#[test]
fn a_file_of_invocations_has_minutes_of_a_day() {
    let read = |minutes: Vec<u16>| {
        let row = format!("o,a,f,http{}\n", ",1".repeat(minutes.len()));
        let mut files = Azure2019Files::new(AppSample::default(), 20);
        match files.invocations(0, "i.csv", invocations_of(minutes, &row).as_bytes()) {
            Ok(()) => files.finish().trace.functions[0].invocations.to_string(),
            Err(WorkloadError::Trace(error)) => format!("{error} ({})", error.hint()),
            Err(error) => error.to_string(),
        }
    };
    let hint =
        "(a day has 1440 minutes, with the columns `1` to `1440`, or some of them without a gap)";
    assert_eq!(read((1..=1440).rev().collect()), "1440");
    assert_eq!(read((540..570).collect()), "30");
    assert_eq!(read(Vec::new()), format!("i.csv: there is no column `1` {hint}"));
    assert_eq!(
        read((1..=1440).filter(|&minute| minute != 70).collect()),
        format!("i.csv: there is no column `70` {hint}")
    );
    assert_eq!(read((1..=1441).collect()), format!("i.csv: there is a column `1441` {hint}"));
    assert_eq!(read((0..=1440).collect()), format!("i.csv: there is a column `0` {hint}"));
    let twice = read((1..=1440).chain([70]).collect());
    assert_eq!(twice, "i.csv: there are two columns `70` (give each column a name of its own)");
}
