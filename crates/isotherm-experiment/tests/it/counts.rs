//! What a check says about the number of invocations is what a run plays.

use std::fmt::Write;
use std::path::Path;

use isotherm_experiment::{Arrivals, Experiment, Overrides};
use proptest::prelude::*;

use crate::common::{columns, run};

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

const HUAWEI_2023: &str = r#"
[functions]
huawei_2023 = { folder = ".", days = [1, 2], delay_unit = "ms" }
limits = { memory = "1MB" }
[[workload]]
kind = "huawei-2023"
"#;

const HUAWEI_2025: &str = r#"
[functions]
huawei_2025 = { folder = "R1" }
[[workload]]
kind = "huawei-2025"
"#;

/// A window and a limit of a workload.
#[derive(Clone, Debug)]
struct Chosen {
    window: Option<(u64, u64)>,
    limit: Option<u32>,
}

impl Chosen {
    fn any(latest_s: u64) -> impl Strategy<Value = Chosen> {
        let window = prop::option::of((0..latest_s, 1..latest_s));
        (window, prop::option::of(1u32..60)).prop_map(|(window, limit)| Chosen { window, limit })
    }

    fn fields(&self) -> String {
        let window = self.window.map(|(from, length)| {
            format!("window = {{ from = \"{from}s\", until = \"{}s\" }}\n", from + length)
        });
        let limit = self.limit.map(|limit| format!("limit = {limit}\n"));
        window.into_iter().chain(limit).collect()
    }

    /// Whether one of its ends is within a minute.
    fn is_cut(&self) -> bool {
        self.window.is_some_and(|(from, length)| {
            !from.is_multiple_of(60) || !(from + length).is_multiple_of(60)
        })
    }
}

/// What a check announces, and how many invocations a run has.
fn announced_and_played(workload: &str, folder: &Path) -> (Arrivals, u64) {
    let file = folder.join("counted.toml");
    std::fs::write(&file, format!("{PLATFORM}{workload}")).unwrap();
    let experiment = match Experiment::load_whole(&file, &Overrides::default()) {
        Ok(experiment) => experiment,
        Err(errors) => {
            let told = errors.to_string();
            assert!(told.contains("no row of the file is in its window"), "{told}");
            return (Arrivals::Exactly(0), 0);
        }
    };
    let described = experiment.describe(&experiment.runs()[0]);
    let inventory = experiment.inventory(&experiment.runs()[0]);
    let report = run(&experiment, &folder.join("out"));
    // Records are in the order in which invocations end.
    let rows = columns(&folder.join("out"), ["submitted_s"]);
    let mut dates: Vec<f64> = rows.iter().map(|[date]| date.parse().unwrap()).collect();
    dates.sort_by(f64::total_cmp);
    if let (Some(announced), Some(last)) = (inventory.last(), dates.last()) {
        assert!(*last <= announced.as_secs_f64() + 1e-9);
    }
    let total = report.summary.invocations.total;
    match described {
        Ok(described) => {
            assert_eq!(described.arrivals, total);
            let found = (described.first_s.as_ref(), described.last_s.as_ref());
            assert_eq!(found, (dates.first(), dates.last()));
        }
        Err(error) => assert_eq!(total, 0, "{error}"),
    }
    (inventory.arrivals(), report.summary.invocations.total)
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
        chosen in Chosen::any(400),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let counts: Vec<_> = counts.into_iter().collect();
        let write = |family: &str, text: &str| {
            std::fs::write(folder.path().join(format!("{family}.anon.d01.csv")), text).unwrap();
        };
        write("invocations_per_function_md", &minutes(&counts));
        let memory = "HashOwner,HashApp,SampleCount,AverageAllocatedMb\no,a,1,1\n";
        write("app_memory_percentiles", memory);
        write(
            "function_durations_percentiles",
            "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,\
             percentile_Average_1,percentile_Average_25,percentile_Average_50,\
             percentile_Average_75,percentile_Average_99,percentile_Average_100\n",
        );
        let until_line = until.map_or(String::new(), |until| format!("until = \"{until}s\"\n"));
        let chosen_fields = chosen.fields();
        let workload = format!(
            "{OF_2019}arrivals = \"{arrivals}\"\nscale = {scale:?}\n{until_line}{chosen_fields}"
        );
        let (announced, played) = announced_and_played(&workload, folder.path());
        let is_cut = chosen.is_cut() || until.is_some_and(|until| !until.is_multiple_of(60));
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
    fn minutes_of_huawei(
        counts in prop::collection::btree_map((1u64..3, 0u64..6), (0u32..30, 0u32..30), 1..6),
        arrivals in prop::sample::select(vec!["uniform", "even"]),
        chosen in prop_oneof![Chosen::any(400), Chosen::any(90_000)],
    ) {
        let folder = tempfile::tempdir().unwrap();
        for family in ["requests_minute", "function_delay_minute"] {
            std::fs::create_dir(folder.path().join(family)).unwrap();
            for day in 1..3 {
                let mut text = "day,time,0,7\n".to_owned();
                for ((_, minute), (one, other)) in counts.iter().filter(|((of, _), _)| *of == day) {
                    writeln!(text, "{day},{},{one}.0,{other}", day * 86_400 + minute * 60).unwrap();
                }
                let file = folder.path().join(format!("{family}/day_00{day}.csv"));
                std::fs::write(file, text).unwrap();
            }
        }
        prop_assume!(counts.values().any(|(one, other)| one + other > 0));
        let workload =
            format!("{HUAWEI_2023}arrivals = \"{arrivals}\"\n{}", chosen.fields());
        let (announced, played) = announced_and_played(&workload, folder.path());
        match announced {
            Arrivals::Exactly(count) => prop_assert_eq!(count, played),
            Arrivals::About(_) => prop_assert!(chosen.is_cut(), "it can be known"),
        }
        if chosen.window.is_none() {
            let all: u32 = counts.values().map(|(one, other)| one + other).sum();
            prop_assert_eq!(played, u64::from(all.min(chosen.limit.unwrap_or(u32::MAX))));
        }
    }

    #[test]
    fn rows_of_2021(
        ends in prop::collection::vec((0u32..100, 0u32..30), 1..30),
        until in prop::option::of(1u32..120),
        chosen in Chosen::any(120),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut text = "app,func,end_timestamp,duration\n".to_owned();
        for (end, duration) in &ends {
            writeln!(text, "a,f,{end},{duration}").unwrap();
        }
        std::fs::write(folder.path().join("t.csv"), text).unwrap();
        let until = until.map_or(String::new(), |until| format!("until = \"{until}s\"\n"));
        let (announced, played) =
            announced_and_played(&format!("{OF_2021}{until}{}", chosen.fields()), folder.path());
        prop_assert_eq!(announced, Arrivals::Exactly(played));
    }

    #[test]
    fn rows_of_huawei(
        rows in prop::collection::vec((0u64..100, 0u32..30, 0usize..3), 1..30),
        until in prop::option::of(1u32..120),
        chosen in Chosen::any(120),
    ) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("R1")).unwrap();
        // Any row may be in any of the files.
        for file in 0..3 {
            let mut text = "time_worker,totalCost_worker,funcName,userID,podID\n".to_owned();
            for (date, duration, _) in rows.iter().filter(|(.., of)| *of == file) {
                let date = 2_592_000 + date;
                writeln!(text, "{date}.5,{duration},7,1,pool22-300-128-{file}").unwrap();
            }
            std::fs::write(folder.path().join(format!("R1/R1_{file}.csv")), text).unwrap();
        }
        let until = until.map_or(String::new(), |until| format!("until = \"{until}s\"\n"));
        let text = format!("{HUAWEI_2025}{until}{}", chosen.fields());
        let (announced, played) = announced_and_played(&text, folder.path());
        prop_assert_eq!(announced, Arrivals::Exactly(played));
        if chosen.window.is_none() && until.is_empty() {
            let all = rows.len().min(chosen.limit.unwrap_or(u32::MAX) as usize);
            prop_assert_eq!(played, all as u64);
        }
    }

    #[test]
    fn rows_of_tables(
        gaps in prop::collection::vec(0u64..9, 1..30),
        chosen in Chosen::any(120),
        format in prop::sample::select(vec!["iso", "epoch", "plain", "semicolons"]),
        origin in prop::sample::select(vec!["", "first", "2024-05-01T00:00:00Z"]),
    ) {
        // 2024-05-01T00:00:00Z
        const BEGIN: u64 = 1_714_521_600;
        let is_calendar = matches!(format, "iso" | "epoch");
        let origin = if is_calendar || origin == "first" { origin } else { "" };
        let seconds: Vec<u64> =
            gaps.iter().scan(0, |sum, gap| { *sum += gap; Some(*sum) }).collect();
        let row = |at: &u64| match format {
            "iso" => format!("2024-05-01 00:{:02}:{:02},f\n", at / 60, at % 60),
            "epoch" => format!("{},f\n", BEGIN + at),
            "plain" => format!("{at},f\n"),
            _ => format!("{at},5;f\n"),
        };
        let (header, fields) = match format {
            "iso" => ("at,function\n", ""),
            "semicolons" => ("at_s;function\n", "decimal = \",\"\n"),
            _ => ("at_s,function\n", ""),
        };
        let column = if format == "iso" { "at" } else { "at_s" };
        let folder = tempfile::tempdir().unwrap();
        let text = header.to_owned() + &seconds.iter().map(row).collect::<String>();
        std::fs::write(folder.path().join("t.csv"), text).unwrap();
        let origin_line = match origin {
            "" => String::new(),
            origin => format!("origin = \"{origin}\"\n"),
        };
        let workload = format!(
            "[[function]]\nname = \"f\"\nlimits = {{ time = \"1s\", memory = \"1MB\" }}\n\
             body = []\n[[workload]]\nkind = \"csv\"\nfile = \"t.csv\"\n\
             columns = {{ arrival = \"{column}\", function = \"function\" }}\n\
             {fields}{origin_line}{}",
            chosen.fields(),
        );
        // An epoch without origin begins after the window.
        let (announced, played) = announced_and_played(&workload, folder.path());
        prop_assert_eq!(announced, Arrivals::Exactly(played));
        if format == "iso" || is_calendar && !origin.is_empty() {
            // The first row is the origin unless a date is given.
            let begin = if origin.contains('2') { 0 } else { seconds[0] };
            let window = chosen.window.map(|(from, length)| (from, from + length));
            let (from, until) = window.unwrap_or((0, u64::MAX));
            let there = seconds.iter().map(|at| at - begin).filter(|at| (from..until).contains(at));
            let expected = (there.count() as u64).min(chosen.limit.map_or(u64::MAX, u64::from));
            prop_assert_eq!(played, expected);
        }
    }
}
