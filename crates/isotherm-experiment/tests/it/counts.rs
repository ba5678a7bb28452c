//! What a check says about the number of invocations is what a run plays.

use std::fmt::Write;
use std::path::Path;

use isotherm_experiment::{Arrivals, Experiment, Overrides};
use proptest::prelude::*;

use crate::common::run;

const PLATFORM: &str = r#"
name = "counted"
[platform]
nodes = { count = 1, cores = 64, memory = "64GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "10Gb/s", latency = "50us" }
"#;

const OF_2019: &str = r#"
[functions]
azure_2019 = { folder = "." }
limits = { memory = "1MB" }
body = []
[[workload]]
kind = "azure-2019"
"#;

const OF_2021: &str = r#"
[functions]
azure_2021 = { file = "t.csv" }
limits = { memory = "1MB" }
[[workload]]
kind = "azure-2021"
"#;

/// What a check announces, and how many invocations a run has.
fn announced_and_played(workload: &str, folder: &Path) -> (Arrivals, u64) {
    let text = format!("{PLATFORM}{workload}");
    let experiment = Experiment::parse("counted.toml", &text, folder, &Overrides::default())
        .unwrap_or_else(|errors| panic!("{errors}"));
    let announced = experiment.inventory(&experiment.runs()[0]).arrivals();
    let report = run(&experiment, &folder.join("out"));
    (announced, report.summary.invocations.total)
}

/// The invocations of one function in some minutes of a day.
fn minutes(counts: &[(u16, u32)]) -> String {
    let mut header = "HashOwner,HashApp,HashFunction,Trigger".to_owned();
    let mut row = "o,a,f,http".to_owned();
    for minute in 1..=1440 {
        write!(header, ",{minute}").unwrap();
        let count = counts.iter().find(|(known, _)| *known == minute).map_or(0, |one| one.1);
        write!(row, ",{count}").unwrap();
    }
    format!("{header}\n{row}\n")
}

proptest! {
    #![proptest_config(isotherm_testing::cases(40))]

    #[test]
    fn minutes_of_2019(
        counts in prop::collection::btree_map(1u16..6, 1u32..50, 1..4),
        until in prop::option::of(1u64..400),
        arrivals in prop::sample::select(vec!["uniform", "even", "poisson"]),
        scale in prop::sample::select(vec![1.0, 0.5, 2.0]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let counts: Vec<_> = counts.into_iter().collect();
        let write = |family: &str, text: &str| {
            std::fs::write(folder.path().join(format!("{family}.anon.d01.csv")), text).unwrap();
        };
        write("invocations_per_function_md", &minutes(&counts));
        write("app_memory_percentiles", "HashOwner,HashApp,SampleCount,AverageAllocatedMb\no,a,1,1\n");
        write(
            "function_durations_percentiles",
            "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,percentile_Average_1,\
             percentile_Average_25,percentile_Average_50,percentile_Average_75,percentile_Average_99,percentile_Average_100\n",
        );
        let until_line = until.map_or(String::new(), |until| format!("until = \"{until}s\"\n"));
        let workload = format!("{OF_2019}arrivals = \"{arrivals}\"\nscale = {scale:?}\n{until_line}");
        let (announced, played) = announced_and_played(&workload, folder.path());
        let is_cut = until.is_some_and(|until| {
            !until.is_multiple_of(60) && counts.iter().any(|(minute, _)| u64::from(*minute) == until / 60 + 1)
        });
        match announced {
            Arrivals::Exactly(count) => prop_assert_eq!(count, played),
            Arrivals::About(count) => {
                prop_assert!(is_cut || arrivals == "poisson" || scale != 1.0, "it can be known");
                // Five standard deviations of a Poisson process, which varies most.
                let most = 5.0 * (count as f64).sqrt() + 5.0;
                prop_assert!((count as f64 - played as f64).abs() <= most, "{count} {played}");
            }
        }
    }

    #[test]
    fn rows_of_2021(
        ends in prop::collection::vec((0u32..100, 0u32..30), 1..30),
        until in prop::option::of(1u32..120),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut text = "app,func,end_timestamp,duration\n".to_owned();
        for (end, duration) in &ends {
            writeln!(text, "a,f,{end},{duration}").unwrap();
        }
        std::fs::write(folder.path().join("t.csv"), text).unwrap();
        let until = until.map_or(String::new(), |until| format!("until = \"{until}s\"\n"));
        let (announced, played) =
            announced_and_played(&format!("{OF_2021}{until}"), folder.path());
        prop_assert_eq!(announced, Arrivals::Exactly(played));
    }
}
