//! The traces of Huawei Cloud: what is read of them, and what is tolerated.

use std::io::Cursor;
use std::sync::Arc;

use isotherm_kernel::{Duration, RandomStreams, Time};
use isotherm_workload::{
    AppSample, Arrival, Azure2019, Azure2019Replay, Azure2019Scan, Azure2021, Azure2021Scan,
    Azure2021Trace, Huawei2023Files, Quirks, ReplayConfig, RequestColumns, RequestFiles, TimeUnit,
    Workload, WorkloadError,
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

/// The columns that are read of the request tables of 2025, and one that is not.
const HEADER_2025: &str = "time_worker,requestID,funcName,podID,userID,totalCost_worker\n";

/// The files of a region.
fn tables(texts: &[&str]) -> RequestFiles<Cursor<Vec<u8>>> {
    let named = (0..).zip(texts).map(|(number, text): (u32, _)| {
        let text = format!("{HEADER_2025}{text}");
        Ok((format!("R1_{number}.csv"), Cursor::new(text.into_bytes())))
    });
    Box::new(named.collect::<Vec<_>>().into_iter())
}

fn scan_2025(texts: &[&str]) -> Result<Azure2021Scan, WorkloadError> {
    Azure2021::scan(tables(texts), RequestColumns::HUAWEI_2025, AppSample::default(), 20)
}

#[test]
fn requests_arrive_when_they_began() {
    // Day 30 begins at 2,592,000 s. Two files, the second of which goes back.
    let texts = [
        "2592010.5,a,296,pool22-300-128-0000618412,224,0.5\n\
         2592020,b,296,pool24-600-512-0000000001,224,1\n\
         2592001,c,7,pool22-300-128-0000000002,224,4\n",
        "2592005,d,7,pool22-300-128-0000000003,9,1\n",
    ];
    let trace = scan_2025(&texts).unwrap().trace;
    // A function of two pools is two; one of another user is another.
    assert_eq!(
        trace.functions,
        ["224/296@pool22-300-128", "224/296@pool24-600-512", "224/7", "9/7"]
    );
    let mb = |mb: u64| Some(mb * 1_000_000);
    assert_eq!(trace.memory_bytes_of_functions, [mb(128), mb(512), mb(128), mb(128)]);
    assert_eq!((trace.apps, trace.invocations, trace.early), (2, 4, 1));
    let arrivals = |columns: RequestColumns| -> Vec<(f64, u32)> {
        let scan = Azure2021::scan(tables(&texts), columns, AppSample::default(), 20).unwrap();
        let trace = Azure2021Trace::new(tables(&texts), columns, Arc::new(scan.trace), 0).unwrap();
        let arrivals = trace.arrivals().map(Result::unwrap);
        arrivals.map(|arrival| (arrival.at.as_secs_f64(), arrival.function)).collect()
    };
    let ends = arrivals(RequestColumns::HUAWEI_2025);
    assert_eq!(ends, [(0.0, 2), (4.0, 3), (10.0, 0), (19.0, 1)]);
    let starts = arrivals(RequestColumns { is_end: false, ..RequestColumns::HUAWEI_2025 });
    assert_eq!(starts, [(1.0, 2), (5.0, 3), (10.5, 0), (20.0, 1)]);
}

#[test]
fn what_is_wrong_with_request_tables() {
    let says = |texts: &[&str]| -> Vec<String> {
        match scan_2025(texts) {
            Ok(scan) => {
                let errors = scan.errors.into_iter();
                errors.map(|error| format!("{error} ({})", error.hint())).collect()
            }
            Err(error) => vec![error.to_string()],
        }
    };
    let good = "2592010,a,296,pool22-300-128-0000618412,224,0.5\n";
    let pod = "(a pod is named after its pool, whose name has the memory in MB: \
               `pool22-300-128-0000618412`)";
    // Each file has its own lines; one without rows is no error among others.
    assert_eq!(
        says(&[
            good,
            "",
            "2592010,a,296,pool22,224,0.5\n2592010,a,296,pool22-300-none-1,224,0.5\n\
             2591999,a,296,pool22-300-128-1,224,0.5\n2592010,a,296,,224,x\n2592010,a,,p,2\n"
        ]),
        [
            format!("R1_2.csv:2: column `podID`: `pool22` is not the name of a pod {pod}"),
            format!(
                "R1_2.csv:3: column `podID`: `pool22-300-none-1` is not the name of a pod {pod}"
            ),
            "R1_2.csv:4: column `time_worker`: this date is 1 s before the day of the \
             first row (the first row of the first file says which day is the first: order them \
             by day)"
                .to_owned(),
            "R1_2.csv:5: column `totalCost_worker`: `x` is not a number \
             (the column `totalCost_worker` takes numbers like 12.5)"
                .to_owned(),
            format!("R1_2.csv:5: column `podID`: `` is not the name of a pod {pod}"),
            "R1_2.csv:6: this row has 5 fields, but the header has 6 (is the file complete?)"
                .to_owned(),
        ]
    );
    assert_eq!(says(&["", ""]), ["R1_1.csv: the trace has a header, but no row"]);
    let other = || -> RequestFiles<Cursor<Vec<u8>>> {
        let first = format!("{HEADER_2025}{good}").into_bytes();
        let second = b"time_worker,funcName\n1,2\n".to_vec();
        let files = [("a.csv", first), ("b.csv", second)];
        Box::new(files.into_iter().map(|(name, text)| Ok((name.to_owned(), Cursor::new(text)))))
    };
    let found = Azure2021::scan(other(), RequestColumns::HUAWEI_2025, AppSample::default(), 20);
    assert_eq!(found.unwrap_err().to_string(), "b.csv: there is no column `userID`");
}
