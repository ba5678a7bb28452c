//! Seconds of full use in, bins out.

use isotherm_kernel::Time;
use isotherm_results::{Format, MOST_BINS, MOST_PARTS, TimeSeries, UseSeries, UsedPart};
use proptest::prelude::*;

fn links(count: usize) -> UseSeries {
    let name = |number| format!("l{number}").into();
    UseSeries::new(
        (0..count)
            .map(|number| UsedPart { kind: "link", host: None, name: name(number) })
            .collect(),
    )
}

/// The rows of the file: name, beginning, end and share.
fn rows(series: &UseSeries, end: Time) -> Vec<(String, String, String, Option<f64>)> {
    let text = series.write(end, Vec::new(), Format::Csv).unwrap();
    let mut csv = csv::Reader::from_reader(&text[..]);
    let row =
        |row: Vec<String>| (row[4].clone(), row[0].clone(), row[1].clone(), row[5].parse().ok());
    csv.deserialize().map(|it| row(it.unwrap())).collect()
}

/// Lets bins pass until the end; a link is used in full for some intervals.
fn passed(series: &mut UseSeries, end: u64, used: &[(u64, u64)]) {
    loop {
        let until = series.next().min(Time::from_nanos(end));
        let is_over = until < series.next() || until.as_nanos() == end;
        let before = |&(from, to): &(u64, u64)| to.min(until.as_nanos()).saturating_sub(from);
        let nanos: u64 = used.iter().map(before).sum();
        series.pass(until, [(0, nanos as f64 / 1e9)]);
        if is_over {
            return;
        }
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(300))]

    /// The bins are those of the time series, and a share is the part of the bin in which the link
    /// was used.
    #[test]
    fn bins_are_those_of_the_time_series(
        end in (0..45u32, 0..1u64 << 24).prop_map(|(scale, end)| (end << 20) >> scale),
        parts in prop::collection::vec((0.0..1.0f64, 0.0..0.1f64), 0..5),
    ) {
        let mut used = Vec::new();
        let mut free = 0;
        for (from, time) in parts {
            let from = free.max((end as f64 * from) as u64);
            free = from + (end as f64 * time) as u64;
            used.push((from, free));
        }
        let mut series = links(1);
        passed(&mut series, end, &used);
        let at = Time::from_nanos(end);
        let text = TimeSeries::new(Vec::new()).write(at, Vec::new(), Format::Csv).unwrap();
        let mut csv = csv::Reader::from_reader(&text[..]);
        let bins: Vec<(String, String)> = csv
            .deserialize()
            .map(|row: Result<Vec<String>, _>| row.map(|row| (row[0].clone(), row[1].clone())).unwrap())
            .collect();
        let rows = rows(&series, at);
        prop_assert!(rows.len() <= MOST_BINS);
        prop_assert_eq!(rows.iter().map(|row| (row.1.clone(), row.2.clone())).collect::<Vec<_>>(), bins);
        for (_, from, to, share) in rows {
            let nanos = |text: String| text.replace('.', "").parse::<u64>().unwrap();
            let (from, to) = (nanos(from), nanos(to));
            let within = |&(begin, end): &(u64, u64)| end.min(to).saturating_sub(begin.max(from));
            let time: u64 = used.iter().map(within).sum();
            match share {
                None => prop_assert_eq!(from, to),
                Some(share) => {
                    let expected = time as f64 / (to - from) as f64;
                    // Sums of seconds are rounded in proportion to the whole run.
                    let rounding = 1e-15 * end as f64 / (to - from) as f64;
                    prop_assert!((share - expected).abs() <= rounding.max(1e-12), "{} {}", share, expected);
                }
            }
        }
    }
}

/// Of many links those are shown that were used most, in their order; of equal ones the first.
#[test]
fn of_many_links_the_busiest_are_shown() {
    let mut series = links(MOST_PARTS + 20);
    let end = Time::from_nanos(1_000_000);
    series.pass(end, [(3, 1e-4), (MOST_PARTS + 7, 1e-4), (MOST_PARTS + 2, 2e-4)]);
    let names: Vec<_> = rows(&series, end).into_iter().map(|row| row.0).collect();
    let first = (0..MOST_PARTS - 2).chain([MOST_PARTS + 2, MOST_PARTS + 7]);
    assert_eq!(names, first.map(|number| format!("l{number}")).collect::<Vec<_>>());
}
