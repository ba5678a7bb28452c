//! The results of a run as tables for people.

use comfy_table::{Cell, CellAlignment};
use isotherm_experiment::RunReport;
use isotherm_results::{ColdStartReport, ContainerMemory, TimesReport, UtilisationReport};

use crate::table::{lines, row, table};
use crate::text::{DisplayUnit, count, difference, percent, seconds, share, three_digits};

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
    text
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

/// The runs of a sweep side by side.
pub fn sweep(reports: &[(String, RunReport)]) -> String {
    let mut table = table();
    let idle = |report: &RunReport| {
        report.utilisation.map(|utilisation| utilisation.container_memory.idle_mb_s)
    };
    let unit = DisplayUnit::of_megabyte_seconds(
        reports.iter().filter_map(|(_, report)| idle(report)).fold(0.0, f64::max),
    );
    let header = [
        "completed",
        "timed out",
        "failed",
        "cold",
        "warm",
        "p50 s",
        "p95 s",
        "p99 s",
        "max s",
        "evicted",
    ];
    let mut header = header.map(str::to_owned).to_vec();
    header.push(format!("idle {}", unit.name));
    row(&mut table, "run", &header);
    for (label, report) in reports {
        let invocations = report.summary.invocations;
        let other = invocations.failed + invocations.cancelled + invocations.rejected;
        let mut numbers =
            vec![count(invocations.completed), count(invocations.timed_out), count(other)];
        numbers.extend([report.summary.starts.cold, report.summary.starts.warm].map(count));
        let times = report.summary.response_of_completed.all;
        numbers.extend(match times {
            Some(times) => [times.p50_s, times.p95_s, times.p99_s, times.max_s].map(seconds),
            None => [const { String::new() }; 4],
        });
        numbers.push(count(report.platform.containers_evicted));
        numbers.push(idle(report).map(|idle| unit.show(idle)).unwrap_or_default());
        row(&mut table, label, &numbers);
    }
    let mut text = lines(&table);
    if let Some(measured) = reports.first().and_then(|(_, report)| report.measured_cold_starts) {
        text.push('\n');
        text.push_str(&beside_measured(reports, measured));
    }
    text
}

/// The values that the names of runs stand for, where a name does not say it: values that are
/// written alike in the name of a folder.
pub fn names(reports: &[(String, RunReport)]) -> String {
    let tells = |label: &str, report: &RunReport| {
        report.sweep.iter().all(|setting| {
            label.split('_').any(|part| part.ends_with(&format!("-{}", setting.shown)))
        })
    };
    let unclear: Vec<_> = reports.iter().filter(|(label, report)| !tells(label, report)).collect();
    if unclear.is_empty() {
        return String::new();
    }
    let mut table = table();
    table.add_row(["folder", "values"]);
    for (label, report) in unclear {
        let values =
            report.sweep.iter().map(|setting| format!("{} = {}", setting.path, setting.shown));
        table.add_row([format!("  {label}"), values.collect::<Vec<_>>().join(", ")]);
    }
    format!("\n{}", lines(&table))
}

/// The cold starts of each run beside those that were measured on a real platform.
fn beside_measured(reports: &[(String, RunReport)], measured: u64) -> String {
    let mut table = table();
    let first = reports.first().map(|(_, report)| report.sweep.as_slice()).unwrap_or_default();
    let paths: Vec<_> = first.iter().map(|setting| setting.path.as_str()).collect();
    let header = ["simulated", "measured", "off by"].map(str::to_owned);
    row(&mut table, &format!("cold starts by {}", paths.join(", ")), &header);
    for (_, report) in reports {
        let settings = &report.sweep;
        let label: Vec<_> = settings.iter().map(|setting| setting.shown.as_str()).collect();
        let simulated = report.summary.starts.cold;
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
