//! The results of a run as tables for people.

use comfy_table::{Cell, CellAlignment};
use isotherm_experiment::RunReport;
use isotherm_results::{
    ColdStartReport, ContainerMemory, LiteratureReport, TimesReport, UtilisationReport,
};
use isotherm_study::metric::COLD_SHARE;
use isotherm_study::statistics::LEVEL;
use isotherm_study::{COLD_WAIT, PointRow};

use crate::table::{lines, row, table};
use crate::text::{
    DisplayUnit, count, difference, percent, seconds, share, three_digits, with_interval,
};

/// Everything about one run.
pub fn one_run(report: &RunReport) -> String {
    let mut text = outcomes(report);
    if report.summary.response_of_completed.all.is_some() {
        text.push('\n');
        text.push_str(&responses(report));
    }
    if let Some(mean) = &report.summary.cold_start_mean {
        text.push('\n');
        text.push_str(&cold_starts(mean));
    }
    if let Some(utilisation) = &report.utilisation {
        text.push('\n');
        text.push_str(&in_use(utilisation));
        text.push('\n');
        text.push_str(&container_memory(&utilisation.container_memory));
    }
    if let Some(literature) = &report.literature {
        text.push('\n');
        text.push_str(&of_papers(literature));
    }
    text
}

/// Metrics of the literature, by their names in `summary.json`.
fn of_papers(literature: &LiteratureReport) -> String {
    let mut table = table();
    let mut last = "";
    for (paper, name, value) in literature.named() {
        if paper != last {
            row(&mut table, paper, &[String::new()]);
            last = paper;
        }
        row(&mut table, &format!("  {name}"), &[value.map_or_else(String::new, three_digits)]);
    }
    lines(&table)
}

fn outcomes(report: &RunReport) -> String {
    let invocations = report.summary.invocations;
    let starts = report.summary.starts;
    let mut table = table();
    let label = match report.measure {
        Some(measure) => {
            let until = measure.until_s.map_or_else(|| "the end".to_owned(), |s| format!("{s} s"));
            format!("invocations from {} s to {until}", measure.from_s)
        }
        None => "invocations".to_owned(),
    };
    row(&mut table, &label, &[count(invocations.total), String::new()]);
    let outcomes = [
        ("completed", invocations.completed),
        ("timed out", invocations.timed_out),
        ("failed", invocations.failed),
        ("cancelled", invocations.cancelled),
        ("rejected", invocations.rejected),
    ];
    for (name, number) in outcomes {
        if number > 0 || name == "completed" {
            row(
                &mut table,
                &format!("  {name}"),
                &[count(number), percent(number, invocations.total)],
            );
        }
    }
    // That a body which timed out had reached its time limit is no news.
    let causes = report.summary.causes.iter().filter(|(cause, _)| **cause != "time_limit");
    for (cause, number) in causes {
        row(
            &mut table,
            &format!("    {}", cause.replace('_', " ")),
            &[count(*number), String::new()],
        );
    }
    if report.requests_lost > 0 {
        row(&mut table, "requests lost", &[count(report.requests_lost), String::new()]);
    }
    let started = starts.cold + starts.warm;
    row(&mut table, "cold starts", &[count(starts.cold), percent(starts.cold, started)]);
    if let Some(measured) = report.measured_cold_starts {
        row(&mut table, "  measured", &[count(measured), percent(measured, started)]);
    }
    for (name, number) in report.summary.cold_starts_by_reason.named() {
        if number > 0 {
            let name = format!("  {}", name.replace('_', " "));
            row(&mut table, &name, &[count(number), percent(number, started)]);
        }
    }
    row(&mut table, "warm starts", &[count(starts.warm), percent(starts.warm, started)]);
    if starts.never_dispatched > 0 {
        row(&mut table, "never started", &[count(starts.never_dispatched), String::new()]);
    }
    let platform = &report.platform;
    let evictions = [
        ("containers evicted", platform.containers_evicted),
        ("images evicted from memory", platform.memory_evictions),
        ("images evicted from node disks", platform.disk_evictions),
        ("images evicted from the head", platform.head_evictions),
    ];
    for (name, number) in evictions {
        if number > 0 {
            row(&mut table, name, &[count(number), String::new()]);
        }
    }
    lines(&table)
}

fn responses(report: &RunReport) -> String {
    let responses = &report.summary.response_of_completed;
    let mut table = table();
    let header = ["count", "mean", "p50", "p95", "p99", "max"].map(str::to_owned);
    row(&mut table, "response time, s", &header);
    let kinds = [
        ("  completed, cold start", responses.cold),
        ("  completed, warm start", responses.warm),
        ("  all completed", responses.all),
    ];
    for (name, times) in kinds {
        if let Some(times) = times {
            row(&mut table, name, &times_row(&times));
        }
    }
    lines(&table)
}

fn times_row(times: &TimesReport) -> Vec<String> {
    let mut row = vec![count(times.count)];
    row.extend([times.mean_s, times.p50_s, times.p95_s, times.p99_s, times.max_s].map(seconds));
    row
}

fn cold_starts(mean: &ColdStartReport) -> String {
    let mut table = table();
    let header = ["download", "copy", "load", "queue", "start-up", "total"].map(str::to_owned);
    row(&mut table, "cold start, mean, s", &header);
    let times =
        [mean.download_wait_s, mean.copy_wait_s, mean.load_wait_s, mean.queue_s, mean.startup_s];
    let all: f64 = times.iter().sum();
    let column = |write: &dyn Fn(f64) -> String| {
        times.iter().chain([&all]).map(|time| write(*time)).collect::<Vec<_>>()
    };
    row(&mut table, "  wait", &column(&seconds));
    if all > 0.0 {
        row(&mut table, "  share of the total", &column(&|time| share(time / all)));
    }
    lines(&table)
}

/// Slots and memory of the compute hosts: mean over time, its part of all there is, and peak.
fn in_use(utilisation: &UtilisationReport) -> String {
    let UtilisationReport { slots, memory, .. } = utilisation;
    let mut table = table();
    row(&mut table, "in use", &["mean", "share", "peak", "capacity"].map(str::to_owned));
    let part = |part: Option<f64>| part.map(share).unwrap_or_default();
    let all = slots.total.map_or_else(|| "unlimited".to_owned(), count);
    let mean = three_digits(slots.used_mean);
    row(&mut table, "  slots", &[mean, part(slots.used_share), count(slots.used_peak), all]);
    let unit = DisplayUnit::of_bytes(memory.used.peak_bytes);
    let amount = |bytes: u64| unit.show(bytes as f64);
    let rows = [
        (format!("  memory, {}", unit.name), memory.used),
        ("    busy containers".to_owned(), memory.busy_containers),
        ("    idle containers".to_owned(), memory.idle_containers),
        ("    images".to_owned(), memory.images),
    ];
    for (number, (name, held)) in rows.into_iter().enumerate() {
        let mut numbers =
            vec![amount(held.mean_bytes), part(held.mean_share), amount(held.peak_bytes)];
        if number == 0 {
            numbers.push(memory.total_bytes.map_or_else(|| "unlimited".to_owned(), amount));
        }
        row(&mut table, &name, &numbers);
    }
    lines(&table)
}

/// What the containers held their memory for.
fn container_memory(memory: &ContainerMemory) -> String {
    let mut table = table();
    let unit = DisplayUnit::of_megabyte_seconds(memory.busy_mb_s.max(memory.idle_mb_s));
    row(&mut table, "container memory × time", &[unit.name.to_owned(), "share".to_owned()]);
    let part = |part: Option<f64>| part.map(share).unwrap_or_default();
    let busy = memory.idle_share.map(|idle| 1.0 - idle);
    row(&mut table, "  busy", &[unit.show(memory.busy_mb_s), part(busy)]);
    row(&mut table, "  idle (wasted)", &[unit.show(memory.idle_mb_s), part(memory.idle_share)]);
    lines(&table)
}

/// Megabytes × seconds in a gigabyte × hour.
const GB_H: f64 = 3.6e6;

/// The points of a sweep side by side: means over their seeds, and the half of the 95 % confidence
/// interval behind each where there are several.
pub fn sweep(rows: &[PointRow]) -> String {
    let mut table = table();
    let header = ["runs", "cold", "p50 s", "p95 s", "p99 s", "idle GB·h", "cold wait s"];
    row(&mut table, "point", &header.map(str::to_owned));
    let all = "response_of_completed.all";
    for point in rows {
        // With an interval in the unit of the column; without one as elsewhere.
        let number = |path: &str, scale: f64, unit: &str, alone: &dyn Fn(f64) -> String| {
            let moments = point.metric(path);
            let Some(mean) = moments.mean() else { return String::new() };
            match moments.interval(LEVEL).map(|interval| interval.half_width()) {
                Some(half) if half > 0.0 => with_interval(scale * mean, scale * half) + unit,
                Some(_) => format!("{} ± 0{unit}", alone(mean).trim_end_matches(unit)),
                None => alone(mean),
            }
        };
        let time = |path: &str| number(path, 1.0, "", &seconds);
        let idle = |mb_s: f64| three_digits(mb_s / GB_H);
        let numbers = [
            count(point.metric("invocations.total").count()),
            number(COLD_SHARE, 100.0, " %", &share),
            time(&format!("{all}.p50_s")),
            time(&format!("{all}.p95_s")),
            time(&format!("{all}.p99_s")),
            number("utilisation.container_memory.idle_mb_s", 1.0 / GB_H, "", &idle),
            time(COLD_WAIT),
        ];
        row(&mut table, &point.name, &numbers);
    }
    let mut text = lines(&table);
    if rows.iter().any(|row| row.measured_cold_starts.is_some()) {
        text.push('\n');
        text.push_str(&beside_measured(rows));
    }
    text
}

/// The cold starts of each point beside those that were measured on a real platform, for points
/// with results.
fn beside_measured(rows: &[PointRow]) -> String {
    let mut table = table();
    let first = rows.first().map(|row| row.settings.as_slice()).unwrap_or_default();
    let paths: Vec<_> = first.iter().map(|setting| setting.path.as_str()).collect();
    let header = ["simulated", "measured", "off by"].map(str::to_owned);
    row(&mut table, &format!("cold starts by {}", paths.join(", ")), &header);
    for point in rows {
        let simulated = point.metric("starts.cold").mean();
        let Some((measured, simulated)) = point.measured_cold_starts.zip(simulated) else {
            continue;
        };
        let simulated = simulated.round() as u64;
        let settings = &point.settings;
        let label: Vec<_> = settings.iter().map(|setting| setting.shown.as_str()).collect();
        let mut cells = vec![Cell::new(format!("  {}", label.join(", ")))];
        let numbers = [count(simulated), count(measured), difference(simulated, measured)];
        cells.extend(numbers.map(|number| Cell::new(number).set_alignment(CellAlignment::Right)));
        let meanings: Vec<_> =
            settings.iter().filter_map(isotherm_experiment::Setting::meaning).collect();
        cells.push(Cell::new(meanings.join("; ")));
        table.add_row(cells);
    }
    lines(&table)
}
