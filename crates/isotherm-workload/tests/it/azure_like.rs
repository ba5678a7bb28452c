//! The apps of `azure-like` against what was measured: the quantities of 100,000 apps, as they are
//! found in the arrivals of 14 days.

use isotherm_kernel::{Duration, RandomStreams, Time};
use isotherm_testing::count;
use isotherm_workload::{AzureLike, AzureLikeConfig, MemoryOfApp, Workload};

const APPS: u32 = 100_000;
const FORTNIGHT_S: f64 = 14.0 * 86_400.0;

/// From so many arrivals of an app, its rate and variation are known well enough.
const ENOUGH: usize = 1000;

/// How far a share may be from the measured one.
const TOLERANCE: f64 = 0.02;

fn fortnight() -> AzureLikeConfig {
    AzureLikeConfig {
        apps: APPS,
        scale: 1.0,
        at_least_per_day: 0.0,
        invocations_per_day: None,
        memory: MemoryOfApp::App,
        sigma: 0.0,
        from: Time::ZERO,
        until: Time::from_secs_f64(FORTNIGHT_S),
    }
}

fn streams() -> RandomStreams {
    RandomStreams::new(7)
}

/// What is found in the arrivals of an app.
struct Measured {
    invocations: f64,
    /// The coefficient of variation of its gaps, where there are two or more.
    variation: Option<f64>,
    is_timer: bool,
}

fn measured(drawn: &AzureLike, apps: impl Iterator<Item = u32>, timers: &[bool]) -> Vec<Measured> {
    apps.map(|app| {
        let mut arrivals = drawn.arrivals_of(app..app + 1, 0, &streams(), "a");
        let mut dates = Vec::new();
        while dates.len() < ENOUGH
            && let Some(arrival) = arrivals.next_arrival().unwrap()
        {
            dates.push(arrival.at);
        }
        let gaps: Vec<f64> =
            dates.windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64()).collect();
        let number = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / number;
        let variance = gaps.iter().map(|gap| (gap - mean) * (gap - mean)).sum::<f64>() / number;
        Measured {
            invocations: if dates.len() < ENOUGH { dates.len() as f64 } else { FORTNIGHT_S / mean },
            variation: (gaps.len() > 1).then(|| variance.sqrt() / mean),
            is_timer: timers[app as usize],
        }
    })
    .collect()
}

/// Whether a timer triggers each of the apps.
fn timers(drawn: &AzureLike) -> Vec<bool> {
    let first = drawn.functions().iter().filter(|function| function.name.ends_with("-f0"));
    first.map(|function| function.is_timer).collect()
}

fn share(values: &[f64], is: impl Fn(f64) -> bool) -> f64 {
    values.iter().filter(|&&value| is(value)).count() as f64 / values.len() as f64
}

/// A value x is the quantile at p if the share below x is at most p, and the share up to x at least
/// p. Where several quantiles are equal, both hold for each.
fn assert_quantiles(what: &str, column: usize, values: &[f64]) {
    let table = include_str!("../../data/azure2019-marginals.csv");
    for line in table.lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let (quantile, value) = (cells[0], cells[column]);
        // Rates that are estimated from gaps, and sums of rounded parts.
        let slack = 1e-6 * value + 1e-9;
        let below = share(values, |other| other < value - slack);
        let up_to = share(values, |other| other <= value + slack);
        assert!(
            below <= quantile + TOLERANCE && up_to >= quantile - TOLERANCE,
            "{what}: {quantile} of the measured ones are up to {value}; here {below} are below, \
             {up_to} up to it"
        );
    }
}

#[test]
fn every_measured_quantile_is_met() {
    let drawn = AzureLike::new(fortnight(), &streams(), "a").unwrap();
    let timers = timers(&drawn);
    assert_eq!(timers.len(), APPS as usize);
    let milliseconds: Vec<f64> =
        drawn.functions().iter().map(|function| function.average.as_secs_f64() * 1e3).collect();
    assert_quantiles("execution time in ms", 1, &milliseconds);
    let mut megabytes = vec![0.0; APPS as usize];
    let mut functions = vec![0.0; APPS as usize];
    for function in drawn.functions() {
        let app: usize = function.app.strip_prefix("app").unwrap().parse().unwrap();
        megabytes[app] = function.memory_bytes as f64 / 1e6;
        functions[app] += 1.0;
    }
    assert_quantiles("memory in MB", 2, &megabytes);
    assert_quantiles("functions per app", 5, &functions);

    let step = (APPS / count(1_000_000).min(APPS)) as usize;
    let measured = measured(&drawn, (0..APPS).step_by(step), &timers);
    let invocations: Vec<f64> = measured.iter().map(|app| app.invocations).collect();
    assert_quantiles("invocations", 3, &invocations);
    // Gaps that are all the same differ by a nanosecond, from rounding.
    let exact = |variation: f64| if variation < 1e-6 { 0.0 } else { variation };
    let varying: Vec<f64> = measured.iter().filter_map(|app| app.variation.map(exact)).collect();
    assert_quantiles("variation of gaps", 4, &varying);

    let near = |what, found: f64, expected: f64| {
        assert!((found - expected).abs() < TOLERANCE, "{what}: {found} and not {expected}");
    };
    near("at most once an hour", share(&invocations, |n| n <= 14.0 * 24.0), 0.646);
    near("at most once a minute", share(&invocations, |n| n <= 14.0 * 1440.0), 0.95);
    near("variation above 1", share(&varying, |variation| variation > 1.0), 0.186);
    let of_timers = measured.iter().filter(|app| app.is_timer);
    near("timers", of_timers.clone().count() as f64 / measured.len() as f64, 0.13);
    for timer in of_timers {
        assert!(timer.variation.is_some_and(|variation| variation < 1e-6));
        assert!((3.0..=14.0 * 1440.0 + 0.1).contains(&timer.invocations));
    }
}

/// Every app with few invocations has as many in 14 days as was drawn, from any beginning.
#[test]
fn rare_apps_are_invoked_as_often_as_expected() {
    let drawn = AzureLike::new(fortnight(), &streams(), "a").unwrap();
    let config = |until: f64| AzureLikeConfig { until: Time::from_secs_f64(until), ..fortnight() };
    // A day is like any other: the rarer half of the apps make a 14th of their invocations in the
    // first one.
    let day = AzureLike::new(config(86_400.0), &streams(), "a").unwrap();
    assert_eq!(day.functions(), drawn.functions());
    let (mut of_day, mut of_fortnight) = (0u32, 0u32);
    for app in (0..APPS).step_by(10) {
        let mut arrivals = drawn.arrivals_of(app..app + 1, 0, &streams(), "a");
        let mut dates = Vec::new();
        while dates.len() < 75
            && let Some(arrival) = arrivals.next_arrival().unwrap()
        {
            dates.push(arrival.at);
        }
        if dates.len() < 75 {
            of_fortnight += dates.len() as u32;
            let first_day = dates.iter().filter(|at| at.as_secs_f64() < 86_400.0);
            of_day += first_day.count() as u32;
        }
    }
    let ratio = 14.0 * f64::from(of_day) / f64::from(of_fortnight);
    assert!((ratio - 1.0).abs() < 0.1, "{ratio}");
}

/// Which selection gives which figure (docs/workloads.md has the table): the shares of the apps
/// that are invoked at most once an hour and at most once a minute, and of those with a variation
/// above 1.
#[test]
fn selections_of_apps() {
    let shares = |at_least_per_day: f64| {
        let config = AzureLikeConfig { at_least_per_day, apps: 4000, ..fortnight() };
        let drawn = AzureLike::new(config, &streams(), "a").unwrap();
        let mut rates = vec![0.0; 4000];
        for (function, rate_per_s) in drawn.functions().iter().zip(drawn.rates_per_s()) {
            let app: usize = function.app.strip_prefix("app").unwrap().parse().unwrap();
            rates[app] += rate_per_s * 86_400.0;
        }
        assert!(rates.iter().all(|&per_day| per_day >= at_least_per_day * (1.0 - 1e-9)));
        let measured = measured(&drawn, 0..4000, &timers(&drawn));
        let invocations: Vec<f64> = measured.iter().map(|app| app.invocations).collect();
        let varying: Vec<f64> = measured.iter().filter_map(|app| app.variation).collect();
        let shares = [
            share(&invocations, |n| n <= 14.0 * 24.0),
            share(&invocations, |n| n <= 14.0 * 1440.0),
            share(&varying, |variation| variation > 1.0),
        ];
        println!("at least {at_least_per_day} a day: {shares:.3?}");
        shares
    };
    for (at_least_per_day, documented) in [
        (0.0, [0.65, 0.95, 0.19]),
        (0.5, [0.49, 0.93, 0.19]),
        (1.0, [0.45, 0.92, 0.19]),
        (5.0, [0.31, 0.90, 0.19]),
        (24.0, [0.0, 0.86, 0.19]),
        (40.0, [0.0, 0.81, 0.19]),
    ] {
        for (documented, found) in documented.into_iter().zip(shares(at_least_per_day)) {
            assert!((documented - found).abs() < TOLERANCE, "{found} and not {documented}");
        }
    }
}

/// With the volume of a day given, only the apps beyond the last quantile but one change.
#[test]
fn the_volume_of_a_day_comes_from_the_busiest_apps() {
    let config =
        AzureLikeConfig { apps: 46_000, until: Time::from_secs_f64(86_400.0), ..fortnight() };
    let published = AzureLike::new(config.clone(), &streams(), "a").unwrap();
    println!("{} invocations a day", published.expected_arrivals());
    assert!((2.8e8..3.0e8).contains(&published.expected_arrivals()));
    let config = AzureLikeConfig { invocations_per_day: Some(8.9e8), ..config };
    let larger = AzureLike::new(config.clone(), &streams(), "a").unwrap();
    assert!((larger.expected_arrivals() / 8.9e8 - 1.0).abs() < 1e-9);
    let rates = |drawn: &AzureLike| drawn.rates_per_s().collect::<Vec<_>>();
    let changed = rates(&published).iter().zip(rates(&larger)).filter(|(a, b)| **a != *b).count();
    assert!(changed > 0 && changed < published.functions().len() / 500, "{changed}");

    let says = |config| AzureLike::new(config, &streams(), "a").unwrap_err().to_string();
    let few = AzureLikeConfig { apps: 10, ..config.clone() };
    assert!(says(few).contains("none of the apps is beyond the 99.9 % quantile"));
    let too_few = AzureLikeConfig { invocations_per_day: Some(1e6), ..config };
    assert!(says(too_few).contains("quantile make"));
    let none = AzureLikeConfig { at_least_per_day: 1e7, ..fortnight() };
    assert!(says(none).contains("of the selected apps"));
}

/// Each of the functions of an app with timers is periodic.
#[test]
fn functions_of_timers_take_turns() {
    let drawn = AzureLike::new(fortnight(), &streams(), "a").unwrap();
    let mut first = 0;
    let mut seen = 0;
    for (app, is_timer) in (0u32..).zip(timers(&drawn)).take(2000) {
        let name = format!("app{app}");
        let own = drawn.functions()[first..].iter().take_while(|function| function.app == name);
        let functions = own.count();
        if is_timer && functions > 1 {
            seen += 1;
            let mut arrivals = drawn.arrivals_of(app..app + 1, 0, &streams(), "a");
            let mut last = vec![None; functions];
            let mut period: Option<Duration> = None;
            for _ in 0..100 {
                let Some(arrival) = arrivals.next_arrival().unwrap() else { break };
                let function = arrival.function as usize - first;
                if let Some(last) = last[function].replace(arrival.at) {
                    let gap = arrival.at.since(last);
                    assert_eq!(*period.get_or_insert(gap), gap);
                }
            }
        }
        first += functions;
    }
    assert!(seen > 50, "{seen}");
}
