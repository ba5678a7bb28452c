//! Sweeps whose points have as many runs as an interval needs.

use isotherm_study::precision::{MOST, PreciseOutcome, Precision, PrecisionError, Reached, run};
use isotherm_study::statistics::{LEVEL, Moments};
use isotherm_study::{Shard, SweepOptions};

use crate::sweep::{Here, files, jobs};

/// Bodies of two spreads: one point needs more runs than the other.
const SWEEP: &str = "[sweep]\nrepeat = 3\nfunction.f.body = [
    [{ sleep = { kind = \"uniform\", low = \"0.9s\", high = \"1.1s\" } }],
    [{ sleep = { kind = \"exponential\", mean = \"1s\" } }],
]\n";

fn precise(here: &Here, out: &str, text: &str, options: &SweepOptions) -> PreciseOutcome {
    let precision: Precision = text.parse().unwrap();
    run(&mut here.load(), &here.path(out), options, &precision).unwrap_or_else(|e| panic!("{e}"))
}

fn reached(outcome: &PreciseOutcome) -> Vec<Reached> {
    outcome.points.iter().map(|point| point.reached).collect()
}

fn counts(outcome: &PreciseOutcome) -> Vec<u64> {
    outcome.points.iter().map(|point| point.runs).collect()
}

/// The mean of the responses of each run of a point, as its table has them.
fn means(here: &Here, out: &str, point: &str) -> Vec<f64> {
    let rows = here.table(&format!("{out}/points.csv"));
    let of_point = rows.iter().filter(|row| row["point"] == point);
    of_point.map(|row| row["response_of_completed.all.mean_s"].parse().unwrap()).collect()
}

#[test]
fn points_get_as_many_runs_as_they_need() {
    let here = Here::new(SWEEP);
    let outcome = precise(&here, "out", "mean 10%", &jobs(2));
    assert_eq!(reached(&outcome), [Reached::Yes; 2]);
    let runs = counts(&outcome);
    assert!(runs[0] == 5 && runs[1] > 5 && runs[1].is_multiple_of(5), "{runs:?}");
    assert_eq!(outcome.sweep.runs, runs[0] + runs[1]);
    assert_eq!(outcome.sweep.done + outcome.sweep.reused, outcome.sweep.runs);
    // With the last batch the interval is narrow enough, and without it it is not.
    let all = means(&here, "out", "1");
    assert_eq!(all.len() as u64, runs[1]);
    let part = |means: &[f64]| {
        let moments: Moments = means.iter().copied().collect();
        moments.interval(LEVEL).unwrap().half_width() / moments.mean().unwrap()
    };
    assert!(part(&all) <= 0.1 && part(&all[..all.len() - 5]) > 0.1);
    assert_eq!(outcome.points[1].part, Some(part(&all)));
    let aggregates = here.table("out/aggregates.csv");
    let of_point = |point: &str| {
        let row = aggregates.iter().find(|row| {
            row["point"] == point && row["metric"] == "response_of_completed.all.mean_s"
        });
        row.unwrap()["runs"].parse::<u64>().unwrap()
    };
    assert_eq!([of_point("0"), of_point("1")], [runs[0], runs[1]]);
}

#[test]
fn added_runs_are_used_again_and_have_the_same_bytes() {
    let here = Here::new(SWEEP);
    let first = precise(&here, "out", "mean 10%", &jobs(1));
    let again = precise(&here, "out", "mean 10%", &jobs(1));
    assert_eq!((again.sweep.done, again.sweep.reused), (0, first.sweep.runs));
    assert_eq!(again.points, first.points);
    assert_eq!(precise(&here, "other", "mean 10%", &jobs(3)).points, first.points);
    assert!(files(&here.path("out")) == files(&here.path("other")));
    let fresh = SweepOptions { fresh: true, ..jobs(2) };
    assert_eq!(precise(&here, "out", "mean 10%", &fresh).sweep.done, first.sweep.runs);
    assert!(files(&here.path("out")) == files(&here.path("other")));
    // The sweep itself has three runs of each, of which the folder has more.
    assert_eq!(here.run("out", &jobs(1)).runs, 6);
    assert_eq!(here.table("out/points.csv").len(), 6);
    assert_eq!(means(&here, "out", "1"), means(&here, "other", "1")[..3]);
}

#[test]
fn what_cannot_be_precise_is_told() {
    let here = Here::new("");
    let wide = precise(&here, "out", "mean 0.01%", &jobs(2));
    assert_eq!((reached(&wide), counts(&wide)), (vec![Reached::TooWide], vec![MOST]));
    assert_eq!(here.table("out/points.csv").len() as u64, MOST);
    let seeds: std::collections::BTreeSet<String> =
        here.table("out/points.csv").iter().map(|row| row["seed"].clone()).collect();
    assert_eq!(seeds.len() as u64, MOST);
    let zero = precise(&here, "zero", "invocations.failed 5%", &jobs(2));
    assert_eq!((reached(&zero), counts(&zero)), (vec![Reached::Zero], vec![5]));
    let refused = |text: &str, options: &SweepOptions| {
        let precision: Precision = text.parse().unwrap();
        run(&mut here.load(), &here.path("none"), options, &precision).unwrap_err()
    };
    let shard = SweepOptions { shard: Shard::new(1, 2), ..jobs(1) };
    assert!(matches!(refused("mean 5%", &shard), PrecisionError::Shard));
    let unknown = refused("maen 5%", &jobs(1)).to_string();
    assert!(unknown.contains("there is no metric `maen`"), "{unknown}");
}

#[test]
fn a_run_that_fails_ends_its_point_only() {
    let sweep = "[sweep]\nlimits.time = [\"1ms\", \"1h\"]\n";
    let here = Here::new(sweep);
    let outcome = precise(&here, "out", "mean 50%", &jobs(2));
    assert_eq!(reached(&outcome)[0], Reached::Failed);
    assert_eq!((counts(&outcome)[0], outcome.sweep.failed.len()), (5, 5));
}
