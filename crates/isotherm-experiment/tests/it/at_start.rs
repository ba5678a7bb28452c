//! `prepull` and `warm`, seen on small experiments whose numbers are derived by hand.

use isotherm_experiment::{Experiment, Overrides};
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;

use crate::common::{columns, parsed, rows, run};

/// Five arrivals at once. An image of 1 GB takes 1 s from the head host to a node's disk, and the
/// 500 MB that it has in memory 0.5 s from there; a container takes 2 s to start.
fn five(service: &str) -> String {
    format!(
        r#"
name = "five"
platform.nodes = {{ count = 3, cores = 2, memory = "8GB", disk = {{ read = "1GB/s", write = "1GB/s" }} }}
platform.head = {{ cores = 8, disk = {{ read = "100GB/s", write = "100GB/s" }} }}
platform.network = {{ node = "1000Gb/s", latency = "0s" }}
service.startup = "2s"
output.events = true
{service}
[[image]]
name = "unused"
size = "1MB"
[[image]]
name = "python"
size = "1GB"
memory = "500MB"
[[function]]
name = "f"
image = "python"
limits = {{ time = "1min", memory = "1GB" }}
body = [{{ sleep = "1s" }}]
[[workload]]
kind = "list"
function = "f"
at = ["10s", "10s", "10s", "10s", "10s"]
"#
    )
}

struct Ran {
    /// Start kinds and waits of the invocations.
    starts: Vec<(String, f64)>,
    summary: Value,
    events: Vec<Value>,
}

fn ran(text: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    run(&parsed(text), folder.path());
    let starts = columns(folder.path(), ["start_kind", "submitted_s", "started_s"]);
    let seconds = |text: &str| text.parse::<f64>().unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    Ran {
        starts: starts
            .into_iter()
            .map(|[kind, submitted, started]| (kind, seconds(&started) - seconds(&submitted)))
            .collect(),
        summary: serde_json::from_str(&read("summary.json")).unwrap(),
        events: read("events.jsonl")
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    }
}

#[test]
fn as_many_arrivals_as_warm_containers_wait_for_nothing() {
    for service in ["", "preset = \"wrench\"\nservice.keep_alive = \"forever\""] {
        let with = |count: u32| ran(&five(&format!("{service}\nservice.warm.f = {count}")));
        let Ran { starts, summary, .. } = with(5);
        assert_eq!(starts, vec![("warm".to_owned(), 0.0); 5]);
        assert_eq!(summary["platform"]["downloads"], 0);
        assert_eq!(summary["platform"]["containers_started"], 5);
        // Five containers of 1 GB from date 0 on, busy for a second each, until the end at 11 s.
        let utilisation = &summary["utilisation"];
        assert_eq!((&utilisation["from_s"], &utilisation["to_s"]), (&0.0.into(), &11.0.into()));
        assert_eq!(utilisation["container_memory"]["busy_mb_s"], 5_000.0);
        assert_eq!(utilisation["container_memory"]["idle_mb_s"], 50_000.0);
        let images = &utilisation["memory"]["images"];
        assert_eq!(images["mean_bytes"], 1_500_000_000, "on each of the three nodes");
        let cold = with(4).starts.iter().filter(|(kind, _)| kind == "cold").count();
        assert_eq!(cold, 1);
    }
}

#[test]
fn images_on_disks_are_neither_downloaded_nor_copied() {
    for (prepull, [downloads, copies], waited) in [
        ("[\"python\"]", [0, 0], 0.5 + 2.0),
        ("{ head = [\"python\"] }", [0, 1], 1.0 + 0.5 + 2.0),
        ("{ nodes = [\"*\"] }", [0, 0], 0.5 + 2.0),
        ("[\"unused\"]", [1, 1], f64::NAN),
        ("[]", [1, 1], f64::NAN),
    ] {
        let Ran { starts, summary, events } = ran(&five(&format!("service.prepull = {prepull}")));
        let platform = &summary["platform"];
        assert_eq!(platform["downloads"], downloads, "{prepull}");
        assert_eq!(platform["copies"].as_u64() > Some(0), copies > 0, "{prepull}");
        if waited.is_finite() {
            assert!((starts[0].1 - waited).abs() < 1e-3, "{prepull}: {}", starts[0].1);
        }
        // Images have their own names, though the service hears of them in another order.
        let image_of = |event: &str| {
            let all = events.iter().filter(|found| found["event"] == event);
            all.map(|event| event["image"].as_str().unwrap()).next_back()
        };
        assert_eq!(image_of("load_started"), Some("python"), "{prepull}");
        let placed = match prepull {
            "[]" => None,
            "[\"unused\"]" => Some("unused"),
            _ => Some("python"),
        };
        assert_eq!(image_of("head_placed"), placed, "{prepull}");
    }
}

/// What is said by name holds, else the first pattern that fits.
#[test]
fn functions_are_meant_by_name_or_pattern() {
    let function = |name: &str| {
        format!(
            "[[function]]\nname = \"{name}\"\nlimits = {{ time = \"1s\", memory = \"1MB\" }}\n\
             body = [{{ sleep = \"1s\" }}]\n"
        )
    };
    let text = five("service.warm = { \"a*\" = 2, \"*\" = 1, a-1 = 3, b = 0 }")
        + &["a-1", "a-2", "b", "c"].map(function).concat();
    let experiment = parsed(&text);
    let plan = &experiment.runs()[0].plan;
    // `f`, `a-1`, `a-2`, `c`.
    assert_eq!(plan.service.warm, [(0, 1), (1, 3), (2, 2), (4, 1)]);
}

#[test]
fn they_are_axes_of_sweeps() {
    let text = five("")
        + "[sweep]\nservice.warm.f = [0, 1, 5]\nservice.prepull = [[], [\"python\"], { head = [\"*\"] }]\n";
    let experiment = parsed(&text);
    let plans = experiment.runs().iter().map(|run| &run.plan.service);
    let seen: Vec<_> = plans.map(|plan| (plan.warm.len(), plan.prepull.len())).collect();
    assert_eq!(seen, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (1, 0), (1, 1), (1, 2)]);
    let overrides =
        Overrides::default().with("service.warm.f", "4").with("service.prepull", "[\"python\"]");
    let set = Experiment::parse("five.toml", &five(""), Path::new("."), &overrides).unwrap();
    assert_eq!(set.runs()[0].plan.service.warm, [(0, 4)]);
}

/// Warm containers on hosts that are off at the start have no room, which is known only then.
#[test]
fn a_host_that_is_off_at_the_start() {
    let off = "[[failure]]\nhosts = [\"node1\", \"node2\"]\nat = \"0s\"\nfor = \"5s\"\n";
    let play = |count: u32| {
        let text = five(&format!("service.warm.f = {count}")) + off;
        let folder = tempfile::tempdir().unwrap();
        let experiment = parsed(&text);
        experiment
            .run(&experiment.runs()[0], folder.path())
            .map(|_| rows(folder.path(), "nodes.csv"))
    };
    let nodes = play(5).unwrap();
    let started: Vec<&str> = nodes.iter().map(|row| row["containers_started"].as_str()).collect();
    assert_eq!(started[0], "5");
    let error = play(8).unwrap_err().to_string();
    assert!(error.contains("function `f`"), "{error}");
    let reason = "8 containers are to be warm, and the compute hosts have free room for 7";
    assert!(error.contains(reason), "{error}");
}

proptest! {
    #![proptest_config(isotherm_testing::cases(2_000))]

    /// What is accepted is played: the service refuses nothing. What is refused says how many have
    /// room: so many are accepted, and one more is not.
    #[test]
    fn what_is_accepted_has_room(
        nodes in prop::collection::vec((1u32..5, 1u64..40, 1u64..40), 1..4),
        head in 10u64..60,
        images in prop::collection::vec((1u64..15, 1u64..10), 2),
        functions in prop::collection::vec((0usize..3, 1u64..12, 0u64..10, 1u32..3, 0u32..9), 1..4),
        prepull in 0usize..4,
    ) {
        let text = |warm: &[u32]| {
            let disk = "read = \"1GB/s\", write = \"1GB/s\"";
            let nodes = nodes.iter().map(|(cores, memory, room)| format!(
                "{{ count = 1, cores = {cores}, memory = \"{memory}00MB\", \
                 disk = {{ {disk}, size = \"{room}00MB\" }} }}"
            ));
            let nodes: Vec<String> = nodes.collect();
            let prepull = ["[]", "[\"i0\"]", "[\"*\"]", "{ head = [\"i1\"] }"][prepull];
            let mut text = format!(
                "name = \"room\"\n[platform]\nnodes = [{}]\n\
                 head = {{ cores = 1, disk = {{ {disk}, size = \"{head}00MB\" }} }}\n\
                 network = {{ node = \"10Gb/s\", latency = \"0s\" }}\n\
                 [service]\nprepull = {prepull}\n",
                nodes.join(", ")
            );
            for (index, count) in warm.iter().enumerate() {
                text += &format!("warm.f{index} = {count}\n");
            }
            for (index, (bytes, memory)) in images.iter().enumerate() {
                text += &format!(
                    "[[image]]\nname = \"i{index}\"\nsize = \"{bytes}00MB\"\nmemory = \
                     \"{memory}00MB\"\n"
                );
            }
            for (index, (image, memory, disk, concurrency, _)) in functions.iter().enumerate() {
                text += &format!(
                    "[[function]]\nname = \"f{index}\"\nconcurrency = {concurrency}\n\
                     limits = {{ time = \"9s\", memory = \"{memory}00MB\", disk = \"{disk}00MB\" \
                     }}\n\
                     body = [{{ sleep = \"1s\" }}]\n"
                );
                if *image > 0 {
                    text += &format!("image = \"i{}\"\n", image - 1);
                }
            }
            text + "[[workload]]\nkind = \"list\"\nfunction = \"f0\"\nat = [\"0s\"]\n"
        };
        let read = |warm: &[u32]| {
            let text = text(warm);
            Experiment::parse("room.toml", &text, Path::new("."), &Overrides::default())
                .map_err(|errors| errors.to_string())
        };
        let mut warm: Vec<u32> = functions.iter().map(|function| function.4).collect();
        loop {
            match read(&warm) {
                Ok(experiment) => {
                    let folder = tempfile::tempdir().unwrap();
                    let ran = experiment.run(&experiment.runs()[0], folder.path());
                    prop_assert!(ran.is_ok(), "{}", ran.err().unwrap());
                    let skipped = ran.unwrap().platform.prewarmings_skipped;
                    prop_assert_eq!(skipped, 0);
                    break;
                }
                Err(errors) => {
                    // The first function that has no room, and how many of it do.
                    let parts = errors.split_once(" warm containers of function `f");
                    let Some((_, name)) = parts else {
                        // An image or a function has no room at all.
                        prop_assert!(
                            errors.contains("does not fit on the disk of")
                                || errors.contains("there is no room for function"),
                            "{errors}"
                        );
                        break;
                    };
                    let index: usize = name[..1].parse().unwrap();
                    let (_, room) = name.split_once("have room for ").expect("it says how many");
                    let room: u32 = room.split(',').next().unwrap().parse().unwrap();
                    prop_assert!(room < warm[index]);
                    let is_refused = |warm: &[u32]| {
                        let told = format!("warm containers of function `f{index}`");
                        read(warm).is_err_and(|errors| errors.contains(&told))
                    };
                    warm[index] = room + 1;
                    prop_assert!(is_refused(&warm), "f{index}: {warm:?}");
                    warm[index] = room;
                    prop_assert!(!is_refused(&warm), "f{index}: {warm:?}");
                }
            }
        }
    }
}
