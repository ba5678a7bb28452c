//! What a workload looks like, as a plot and tables to read.

use isotherm_experiment::WorkloadReport;
use isotherm_results::TimesReport;

use crate::table::{lines, row, table};
use crate::text::{DisplayUnit, count, seconds, share, three_digits};

/// Lines of the plot.
const HEIGHT: usize = 6;

/// Columns of the plot at most.
const WIDTH: usize = 60;

/// Eighths of a line.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Everything about a workload.
pub fn shown(report: &WorkloadReport) -> String {
    let mut blocks = vec![head(report)];
    if report.arrivals > 0 {
        blocks.push(plot(report));
        blocks.push(functions(report));
    }
    if let Some(durations) = &report.durations {
        blocks.push(duration_table(durations, report));
    }
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n").trim_end().to_owned()
}

fn head(report: &WorkloadReport) -> String {
    let mut text = format!("{}\n\n", report.name);
    let mut line = |label: &str, value: String| text += &format!("{label:<13}{value}\n");
    let when = match (report.first_s, report.last_s) {
        (Some(first), Some(last)) => format!(", from {} s to {} s", seconds(first), seconds(last)),
        _ => String::new(),
    };
    line("invocations", format!("{}{when}", count(report.arrivals)));
    if report.closed_loop_clients > 0 {
        let clients = count(report.closed_loop_clients);
        line(
            "closed loops",
            format!("{clients} clients, whose invocations depend on the platform"),
        );
    }
    let invoked = match report.functions_invoked {
        all if all == report.functions => String::new(),
        invoked => format!(", of which {} are invoked", count(invoked)),
    };
    line("functions", format!("{}{invoked}", count(report.functions)));
    if let Some(rate) = report.rate_per_s {
        let peak = three_digits(report.rate.peak_per_s);
        line(
            "rate",
            format!(
                "{}/s on average, {peak}/s at most (in {})",
                three_digits(rate),
                length(report.rate.part_s)
            ),
        );
    }
    if let Some(variation) = report.gap_variation {
        let meaning = match variation {
            v if v < 0.05 => "evenly spaced",
            v if v < 0.8 => "more regular than a Poisson process",
            v if v <= 1.25 => "like a Poisson process",
            _ => "in bursts",
        };
        line("gaps", format!("coefficient of variation {}: {meaning}", three_digits(variation)));
    }
    if let Some(concurrency) = report.mean_concurrency {
        let memory = report.mean_memory_bytes.map_or(String::new(), |bytes| {
            let unit = DisplayUnit::of_bytes(bytes as u64);
            format!("; their containers hold {} {} of memory", unit.show(bytes), unit.name)
        });
        line(
            "busy",
            format!(
                "{} concurrent bodies on average, if nothing waits{memory}",
                three_digits(concurrency)
            ),
        );
    }
    text
}

/// A length of time in the unit in which it is a round number.
fn length(length_s: f64) -> String {
    let units = [("d", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 0.001)];
    let fits = |&&(_, size): &&(&str, f64)| length_s >= size * 0.999_999;
    let (name, size) = units.iter().find(fits).copied().unwrap_or(("ms", 0.001));
    format!("{} {name}", count((length_s / size).round() as u64))
}

/// Arrivals over time: a column for one or more parts, from date 0 to the last arrival.
fn plot(report: &WorkloadReport) -> String {
    let rate = &report.rate;
    let parts_each = rate.arrivals.len().div_ceil(WIDTH).max(1);
    let column_s = rate.part_s * parts_each as f64;
    let columns: Vec<f64> = rate
        .arrivals
        .chunks(parts_each)
        .map(|parts| parts.iter().sum::<u64>() as f64 / column_s)
        .collect();
    let highest = columns.iter().copied().fold(0.0, f64::max);
    let top = format!("{}/s", three_digits(highest));
    let width = top.chars().count().max(3);
    let eighths = HEIGHT * 8;
    let heights: Vec<usize> = columns
        .iter()
        .map(|&rate| match (rate / highest * eighths as f64).round() as usize {
            // A little is not nothing.
            0 if rate > 0.0 => 1,
            height => height,
        })
        .collect();
    let mut text = format!("arrivals over time (each column covers {})\n", length(column_s));
    for line in (0..HEIGHT).rev() {
        let label = if line + 1 == HEIGHT { top.as_str() } else { "" };
        let bars: String = heights
            .iter()
            .map(|&height| BARS[height.saturating_sub(line * 8).min(BARS.len() - 1)])
            .collect();
        text += format!("  {label:>width$} │{bars}").trim_end();
        text.push('\n');
    }
    text += &format!("  {:>width$} └{}\n", "0", "─".repeat(columns.len()));
    let end = length(column_s * columns.len() as f64);
    let space = columns.len().saturating_sub(end.chars().count()).max(1);
    text + &format!(
        "  {:>width$}  0{:>space$}{end}\n",
        "",
        "",
        space = space.saturating_sub(1).max(1)
    )
}

fn functions(report: &WorkloadReport) -> String {
    let mut table = table();
    let any_duration = report.popular.iter().any(|function| function.mean_duration_s.is_some());
    let mut header = vec!["invocations".to_owned(), "share".to_owned()];
    if any_duration {
        header.push("mean duration, s".to_owned());
    }
    row(&mut table, "function", &header);
    for function in &report.popular {
        let mut cells = vec![count(function.arrivals), share(function.share)];
        if any_duration {
            cells.push(function.mean_duration_s.map_or_else(|| "-".to_owned(), seconds));
        }
        row(&mut table, &format!("  {}", function.function), &cells);
    }
    let shown = report.popular.len() as u64;
    if let Some(more) = report.functions_invoked.checked_sub(shown).filter(|&more| more > 0) {
        let of_popular: u64 = report.popular.iter().map(|function| function.arrivals).sum();
        let rest = report.arrivals - of_popular;
        row(
            &mut table,
            &format!("  {} others", count(more)),
            &[count(rest), share(rest as f64 / report.arrivals as f64)],
        );
    }
    let mut text = lines(&table);
    if let Some(top) = report.share_of_top_percent.filter(|_| report.functions_invoked >= 100) {
        text += &format!(
            "the most popular hundredth of the functions receives {} of the invocations\n",
            share(top)
        );
    }
    text
}

fn duration_table(durations: &TimesReport, report: &WorkloadReport) -> String {
    let mut table = table();
    row(
        &mut table,
        "durations, s",
        &["count", "mean", "p50", "p95", "p99", "max"].map(str::to_owned),
    );
    let times =
        [durations.mean_s, durations.p50_s, durations.p95_s, durations.p99_s, durations.max_s]
            .map(seconds);
    row(&mut table, "  known", &[vec![count(durations.count)], times.to_vec()].concat());
    if report.durations_unknown > 0 {
        row(&mut table, "  unknown", &[count(report.durations_unknown)]);
    }
    lines(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_round() {
        assert_eq!(
            [0.001, 0.2, 1.0, 20.0, 120.0, 7200.0, 172_800.0].map(length),
            ["1 ms", "200 ms", "1 s", "20 s", "2 min", "2 h", "2 d"]
        );
    }
}
