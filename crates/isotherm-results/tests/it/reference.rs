//! The reference of results is what the code says, and says what is written.

use std::collections::BTreeMap;

use isotherm_kernel::Time;
use isotherm_results::reference::{self, FieldDoc, OBJECTS};
use isotherm_results::{
    Breakdown, ColdStartReport, ContainerMemory, MemoryReport, MemoryUse, Paper, PlatformCounts,
    ResponseReport, SlotUse, Summary, SummaryReport, TimesReport, UtilisationReport, Window,
};
use serde_json::Value;

#[test]
fn the_reference_is_up_to_date() {
    isotherm_testing::assert_generated("docs/reference/results.md", &reference::markdown());
}

/// A report in which nothing is absent.
fn complete() -> Value {
    let times = Some(TimesReport {
        count: 1,
        mean_s: 1.0,
        p50_s: 1.0,
        p95_s: 1.0,
        p99_s: 1.0,
        max_s: 1.0,
        percentiles: "exact",
    });
    let summary = SummaryReport {
        causes: BTreeMap::from([("time_limit", 1)]),
        response_of_completed: ResponseReport { all: times, cold: times, warm: times },
        cold_start_mean: Some(ColdStartReport {
            download_wait_s: 1.0,
            copy_wait_s: 1.0,
            load_wait_s: 1.0,
            queue_s: 1.0,
            startup_s: 1.0,
        }),
        ..Summary::default().report(Time::ZERO)
    };
    let memory = MemoryUse { mean_bytes: 1, peak_bytes: 1, mean_share: Some(1.0) };
    let utilisation = UtilisationReport {
        from_s: 0.0,
        to_s: 1.0,
        slots: SlotUse { total: Some(1), used_mean: 1.0, used_peak: 1, used_share: Some(1.0) },
        memory: MemoryReport {
            total_bytes: Some(1),
            used: memory,
            busy_containers: memory,
            idle_containers: memory,
            images: memory,
        },
        container_memory: ContainerMemory { busy_mb_s: 1.0, idle_mb_s: 1.0, idle_share: Some(0.5) },
    };
    let mut value = serde_json::to_value(summary).unwrap();
    let window = Window { from: Time::ZERO, until: Time::from_nanos(1) };
    value["measure"] = serde_json::to_value(window.report()).unwrap();
    value["platform"] = serde_json::to_value(PlatformCounts::default()).unwrap();
    value["utilisation"] = serde_json::to_value(utilisation).unwrap();
    let mut breakdown = Breakdown::new(Window::default());
    let literature = breakdown.literature(&Paper::ALL, (&[], &[]), Time::ZERO, Some(&utilisation));
    value["literature"] = serde_json::to_value(literature).unwrap();
    value
}

fn names(fields: &[FieldDoc]) -> Vec<&str> {
    let mut names: Vec<_> = fields.iter().map(|field| field.name).collect();
    names.sort_unstable();
    names
}

/// Walks through the objects of the report. `causes` has a key for each cause that occurred; it is
/// the only one without fixed keys.
fn assert_described(value: &Value, path: &str, seen: &mut Vec<String>) {
    let Value::Object(object) = value else { return };
    if path == "causes" {
        return;
    }
    if !path.is_empty() {
        let described = OBJECTS.iter().find(|object| object.paths.contains(&path));
        let described = described.unwrap_or_else(|| panic!("`{path}` is not in the reference"));
        let keys: Vec<_> = object.keys().map(String::as_str).collect();
        assert_eq!(keys, names(described.fields), "the fields of `{path}`");
        seen.push(path.to_owned());
    }
    for (key, value) in object {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        assert_described(value, &path, seen);
    }
}

#[test]
fn every_field_of_the_summary_is_described_and_every_description_is_of_a_field() {
    let value = complete();
    let mut seen = Vec::new();
    assert_described(&value, "", &mut seen);
    let mut described: Vec<_> =
        OBJECTS.iter().flat_map(|object| object.paths).map(|path| (*path).to_owned()).collect();
    described.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, described);
    // Top-level fields that do not come from here are added by the crate that runs experiments,
    // where another test checks them.
    let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let top = reference::top();
    assert!(keys.iter().all(|key| top.iter().any(|field| field.name == *key)), "{keys:?}");
}

#[test]
fn units_are_told_from_the_names() {
    let unit = |name| FieldDoc { name, meaning: "" }.unit();
    assert_eq!(
        ["p50_s", "mean_bytes", "idle_mb_s", "used_share", "cold"].map(unit),
        ["s", "B", "MB·s", "0 to 1", ""]
    );
}
