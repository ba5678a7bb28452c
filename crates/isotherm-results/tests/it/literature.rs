//! Metrics of the literature, each against numbers worked out by hand.

use std::sync::Arc;

use isotherm_kernel::{Duration, Time};
use isotherm_results::{
    Breakdown, LiteratureReport, Paper, Totals, Utilisation, UtilisationReport, Window,
};
use isotherm_serverless::{
    ColdReason, ColdStart, ContainerId, EventKind, FunctionId, InvocationId, InvocationRecord,
    NodeId, Outcome, PlatformEvent, StartKind,
};

const NODE: NodeId = NodeId(0);
const END: f64 = 100.0;

fn at(seconds: f64) -> Time {
    Time::from_nanos((seconds * 1e9).round() as u64)
}

/// A completed invocation of a function, whose container has the same number: when it was
/// submitted, dispatched, and when its body began and ended. It started warm.
fn warm(id: u64, function: u32, dates: [f64; 4]) -> InvocationRecord {
    let [submitted, dispatched, started, ended] = dates.map(at);
    InvocationRecord {
        id: InvocationId(id),
        attempt: 1,
        function: "".into(),
        function_id: FunctionId(function),
        app: "".into(),
        image: None,
        submitted,
        admitted: Some(submitted),
        dispatched: Some(dispatched),
        started: Some(started),
        ended: Some(ended),
        finished: ended,
        outcome: Outcome::Completed,
        cause: None,
        node: None,
        node_id: Some(NODE),
        container: Some(ContainerId(function.into())),
        start_kind: Some(StartKind::Warm),
        cold_start: None,
        throttle_wait: Duration::ZERO,
        download_wait: Duration::ZERO,
        copy_wait: Duration::ZERO,
        load_wait: Duration::ZERO,
    }
}

fn cold(record: InvocationRecord, [download, copy, load]: [u64; 3]) -> InvocationRecord {
    InvocationRecord {
        start_kind: Some(StartKind::Cold),
        cold_start: Some(ColdStart { reason: ColdReason::First, last_gone: None }),
        download_wait: Duration::from_secs(download),
        copy_wait: Duration::from_secs(copy),
        load_wait: Duration::from_secs(load),
        ..record
    }
}

/// Two functions of an app and one of its own:
///
/// | invocation | wait | of it cold | execution | container, MB | busy | idle |
/// |---|---|---|---|---|---|---|
/// | 0 of `cart`, cold | 2 | 2 | 2 | 100, from 0 | 0-4 | |
/// | 1 of `cart` | 0 | | 4 | | 10-14 | 92 |
/// | 2 of `pay` | 1 | | 1 | 200, from 15 | 21-22 | |
/// | 3 of `pay` | 0 | | 1 | | 30-31 | 83 |
/// | 4 of `train`, cold | 11 | 3 + 2 + 1 + 1 | 2 | 1000, from 50 | 50-53 | 47 |
fn gathered() -> (Breakdown, Option<UtilisationReport>) {
    let records = [
        cold(warm(0, 0, [0.0, 0.0, 2.0, 4.0]), [0, 0, 0]),
        warm(1, 0, [10.0, 10.0, 10.0, 14.0]),
        warm(2, 1, [20.0, 21.0, 21.0, 22.0]),
        warm(3, 1, [30.0, 30.0, 30.0, 31.0]),
        cold(warm(4, 2, [40.0, 50.0, 51.0, 53.0]), [3, 2, 1]),
    ];
    let memory = [100_000_000, 200_000_000, 1_000_000_000];
    let mut events: Vec<PlatformEvent> = Vec::new();
    let mut event = |at, kind| events.push(PlatformEvent { at, kind });
    for (function, from) in [(0, 0.0), (1, 15.0), (2, 50.0)] {
        let container = ContainerId(function);
        let kind = EventKind::ContainerStarted {
            node: NODE,
            container,
            function: FunctionId(function as u32),
            image: None,
            disk_bytes: 0,
            memory_bytes: memory[function as usize],
            capacity: 1,
            ready: at(from),
        };
        event(at(from), kind);
        if function == 1 {
            event(at(from), EventKind::Prewarmed { node: NODE, container });
            let memory_bytes = memory[1];
            event(at(from), EventKind::ContainerIdle { node: NODE, container, memory_bytes });
        }
    }
    for record in &records {
        let (invocation, function) = (record.id, record.function_id);
        let (container, memory_bytes) = (ContainerId(function.0.into()), memory[function.index()]);
        event(record.submitted, EventKind::Submitted { invocation, function });
        let kind = EventKind::Dispatched {
            invocation,
            node: NODE,
            container,
            memory_bytes,
            was_idle: record.start_kind == Some(StartKind::Warm),
            start_kind: record.start_kind.unwrap(),
        };
        event(record.dispatched.unwrap(), kind);
        let kind =
            EventKind::Ended { invocation, outcome: record.outcome, container: Some(container) };
        event(record.finished, kind);
        event(record.finished, EventKind::ContainerIdle { node: NODE, container, memory_bytes });
    }
    events.sort_by_key(|event| event.at);
    let mut breakdown = Breakdown::new(Window::default());
    let mut utilisation = Utilisation::new(Totals { slots: None, memory_bytes: None });
    for event in &events {
        breakdown.observe(event);
        utilisation.observe(event);
        if let EventKind::Ended { invocation, .. } = event.kind {
            breakdown.record(&records[invocation.index()]);
        }
    }
    (breakdown, utilisation.report(at(END)))
}

fn literature(papers: &[Paper]) -> LiteratureReport {
    let (mut breakdown, utilisation) = gathered();
    let names: [Arc<str>; 3] = ["cart", "pay", "train"].map(Into::into);
    let apps: [Arc<str>; 3] = ["shop", "shop", "train"].map(Into::into);
    breakdown.literature(papers, (&names, &apps), at(END), utilisation.as_ref())
}

#[track_caller]
fn assert_near(got: Option<f64>, expected: f64) {
    let got = got.expect("there is a value");
    assert!((got - expected).abs() <= 1e-9 * expected, "{got} instead of {expected}");
}

/// Of the apps one has 1 cold start of 4, the other 1 of 1.
#[test]
fn sitw_counts_by_app() {
    let sitw = literature(&[Paper::Sitw]).sitw.unwrap();
    assert_eq!(sitw.apps, 2);
    assert_eq!(sitw.app_median_cold_share, Some(0.25));
    assert_eq!(sitw.app_third_quartile_cold_share, Some(1.0));
    assert_eq!(sitw.apps_always_cold_share, Some(0.5));
    assert_near(Some(sitw.wasted_h), (92.0 + 83.0 + 47.0) / 3600.0);
    // 9.2 + 16.6 + 47 GB·s.
    assert_near(Some(sitw.wasted_gb_h), 72.8 / 3600.0);
}

/// 2 of 5 starts are cold; 2 s and 7 s of cold starts, 10 s of execution.
#[test]
fn faascache_relates_cold_starts_to_execution() {
    let faascache = literature(&[Paper::FaasCache]).faascache.unwrap();
    assert_eq!(faascache.cold_share, Some(0.4));
    assert_near(faascache.execution_increase, 0.9);
}

/// The slowdowns are 2 and 1, 2 and 1, and 6.5; their p99 2, 2 and 6.5.
#[test]
fn cidre_relates_waits_to_response_times() {
    let cidre = literature(&[Paper::Cidre]).cidre.unwrap();
    assert_near(cidre.overhead_ratio, (0.5 + 0.0 + 0.5 + 0.0 + 11.0 / 13.0) / 5.0);
    assert_near(cidre.p99_slowdown_geometric_mean, 26f64.cbrt());
    assert_near(cidre.p99_slowdown_max, 6.5);
}

/// 9 s of cold starts, 72.8 GB·s wasted and 4.2 GB·s used, 3 containers in 100 s for 5 invocations.
#[test]
fn femux_weighs_cold_starts_and_waste() {
    let femux = literature(&[Paper::FeMux]).femux.unwrap();
    assert_near(Some(femux.cold_start_s), 9.0);
    assert_near(Some(femux.wasted_gb_s), 72.8);
    assert_near(Some(femux.rum), 9.0 + 72.8 / 99.7);
    assert_near(femux.normalised_memory, 77.0 / 4.2);
    assert_near(femux.created_per_invocation, 0.6);
    assert_near(femux.created_per_second, 0.03);
}

#[test]
fn only_what_is_asked_for_is_there() {
    let report = literature(&[Paper::FaasCache]);
    assert!(report.sitw.is_none() && report.cidre.is_none() && report.femux.is_none());
    let named = report.named();
    assert_eq!(named[0], ("faascache", "cold_share", Some(0.4)));
    assert_eq!((named[1].1, named.len()), ("execution_increase", 2));
}

#[test]
fn a_run_without_invocations_has_no_shares() {
    let report =
        Breakdown::new(Window::default()).literature(&Paper::ALL, (&[], &[]), at(1.0), None);
    let without = report.named().into_iter().filter(|(.., value)| value.is_none());
    let names: Vec<_> = without.map(|(_, name, _)| name).collect();
    assert_eq!(
        names,
        [
            "app_median_cold_share",
            "app_third_quartile_cold_share",
            "apps_always_cold_share",
            "cold_share",
            "execution_increase",
            "overhead_ratio",
            "p99_slowdown_geometric_mean",
            "p99_slowdown_max",
            "normalised_memory",
            "created_per_invocation",
            "created_per_second",
        ]
    );
}
