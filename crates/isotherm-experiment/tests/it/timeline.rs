//! The timeline for Perfetto, against its format and against the other files of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use isotherm_experiment::{Experiment, ExperimentError, Overrides};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

/// A number of seconds or microseconds in nanoseconds, exactly.
fn nanos(text: &str, decimals: usize) -> u64 {
    let (whole, part) = text.split_once('.').unwrap();
    assert_eq!(part.len(), decimals, "{text}");
    (whole.to_owned() + part).parse().unwrap()
}

/// A complete event.
#[derive(Debug)]
struct Slice {
    name: String,
    category: String,
    pid: u64,
    tid: u64,
    from: u64,
    to: u64,
    arguments: Value,
}

#[derive(Default)]
struct Timeline {
    slices: Vec<Slice>,
    processes: BTreeMap<u64, String>,
    /// The process and the name of each thread.
    threads: BTreeMap<u64, (u64, String)>,
    /// The values of each part of a counter, with the dates since when they hold.
    counters: BTreeMap<(u64, String, String), Vec<(u64, u64)>>,
}

/// Reads a timeline as the format says: an object with a list of events, each of them with a name
/// and a phase. Every event stands on a line of its own, from which dates are read exactly.
fn read(text: &str) -> Timeline {
    let whole: Value = serde_json::from_str(text).unwrap();
    let mut timeline = Timeline::default();
    let lines = text.lines().skip(1).filter(|line| line.starts_with('{'));
    let mut count = 0;
    for (event, line) in whole["traceEvents"].as_array().unwrap().iter().zip(lines) {
        count += 1;
        assert_eq!(*event, serde_json::from_str::<Value>(line.trim_end_matches(',')).unwrap());
        let date = |key: &str| {
            let rest = line.split_once(&format!("\"{key}\":")).unwrap().1;
            nanos(rest.split(',').next().unwrap(), 3)
        };
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        let number = |key: &str| event[key].as_u64().unwrap();
        let (name, pid) = (text("name"), number("pid"));
        match event["ph"].as_str().unwrap() {
            "M" => {
                let arguments = &event["args"];
                let called = || arguments["name"].as_str().unwrap().to_owned();
                let again = match name.as_str() {
                    "process_name" => timeline.processes.insert(pid, called()).is_some(),
                    "thread_name" => {
                        timeline.threads.insert(number("tid"), (pid, called())).is_some()
                    }
                    "process_sort_index" | "thread_sort_index" => {
                        arguments["sort_index"].as_u64().is_none()
                    }
                    other => panic!("{other}"),
                };
                assert!(!again, "{event} is said twice");
            }
            "C" => {
                let at = date("ts");
                for (part, value) in event["args"].as_object().unwrap() {
                    let key = (pid, name.clone(), part.clone());
                    let values = timeline.counters.entry(key).or_default();
                    assert!(values.last().is_none_or(|(before, _)| *before < at), "{event}");
                    values.push((at, value.as_u64().unwrap()));
                }
            }
            "X" => {
                let from = date("ts");
                timeline.slices.push(Slice {
                    name,
                    category: text("cat"),
                    pid,
                    tid: number("tid"),
                    from,
                    to: from + date("dur"),
                    arguments: event["args"].clone(),
                });
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(count, whole["traceEvents"].as_array().unwrap().len());
    timeline
}

impl Timeline {
    /// The integral over time of some parts of a counter.
    fn integral(&self, pid: u64, counter: &str, parts: &[&str], end: u64) -> u128 {
        let mut sum = 0;
        for part in parts {
            let key = (pid, counter.to_owned(), (*part).to_owned());
            let values = self.counters.get(&key).map(Vec::as_slice).unwrap_or_default();
            for (number, (from, value)) in values.iter().enumerate() {
                let to = values.get(number + 1).map_or(end, |(next, _)| *next);
                sum += u128::from(*value) * u128::from(to - from);
            }
        }
        sum
    }

    /// Slices lie within each other or apart, on threads that are named.
    fn nests(&self) {
        let mut by_thread: BTreeMap<u64, Vec<&Slice>> = BTreeMap::new();
        for slice in &self.slices {
            assert_eq!(self.threads[&slice.tid].0, slice.pid, "{slice:?}");
            assert!(self.processes.contains_key(&slice.pid));
            by_thread.entry(slice.tid).or_default().push(slice);
        }
        for slices in by_thread.values_mut() {
            // Viewers sort by date and, at the same, take the longer ones first.
            slices.sort_by_key(|slice| (slice.from, u64::MAX - slice.to));
            let mut open: Vec<&Slice> = Vec::new();
            for slice in slices {
                while open.last().is_some_and(|outer| outer.to <= slice.from) {
                    open.pop();
                }
                if let Some(outer) = open.last() {
                    assert!(slice.to <= outer.to, "{slice:?} crosses {outer:?}");
                    let takes_time = slice.to > slice.from;
                    let is_part = slice.arguments["id"] == outer.arguments["id"];
                    assert!(is_part || !takes_time, "{slice:?} overlaps {outer:?}");
                }
                open.push(slice);
            }
        }
    }
}

/// The rows of a CSV file, by the names of the columns; what is empty is left out.
fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let rows = csv.deserialize().map(|row| row.unwrap());
    rows.map(|row: BTreeMap<String, String>| {
        row.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    })
    .collect()
}

/// Runs an experiment and compares its timeline with its records, its events and its summary.
/// Returns what was seen. What is written besides the records makes no difference to them.
fn compared(text: &str, folder: &Path) -> BTreeSet<String> {
    let experiment = Experiment::parse("e.toml", text, folder, &Overrides::default())
        .unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let (out, bare) = (folder.join("out"), folder.join("bare"));
    let without = text.replace("trace = \"trace.json.gz\", events = true, timeseries = true", "");
    assert!(without.len() < text.len());
    let alone = Experiment::parse("e.toml", &without, folder, &Overrides::default()).unwrap();
    let alone = alone.run(&alone.runs()[0], &bare);
    let report = experiment.run(&experiment.runs()[0], &out);
    let report = match report {
        Ok(report) => report,
        // Under preset `wrench` some of them stall, and leave nothing.
        Err(error @ ExperimentError::Simulation(_)) if text.contains("\"wrench\"") => {
            assert!(!out.exists());
            let told = |error: &ExperimentError| (error.to_string(), error.notes());
            assert_eq!(told(&error), told(&alone.unwrap_err()));
            return BTreeSet::from(["stalled".to_owned()]);
        }
        Err(error) => panic!("{error} {:?}\n{text}", error.notes()),
    };
    let mut seen = BTreeSet::from(["compared".to_owned()]);
    let records = |folder: &Path| std::fs::read_to_string(folder.join("invocations.csv")).unwrap();
    assert_eq!(report, alone.unwrap());
    assert!(records(&out) == records(&bare));

    let mut unpacked = String::new();
    let file = std::fs::File::open(out.join("trace.json.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut unpacked).unwrap();
    let timeline = read(&unpacked);
    timeline.nests();
    let records = rows(&records(&out));
    let of = |category: &str| -> BTreeMap<u64, &Slice> {
        let all = timeline.slices.iter().filter(|slice| slice.category == category);
        let by_id: BTreeMap<_, _> =
            all.clone().map(|slice| (slice.arguments["id"].as_u64().unwrap(), slice)).collect();
        assert_eq!(by_id.len(), all.count(), "{category}");
        by_id
    };
    let (wholes, starts, bodies) = (of("invocation"), of("start-up"), of("body"));
    let having = |column: &str| records.iter().filter(|row| row.contains_key(column)).count();
    assert_eq!(wholes.len(), having("dispatched_s"));
    assert_eq!(bodies.len(), having("started_s"));
    assert_eq!(starts.len() as u64, report.summary.starts.cold);
    let (mut waited, mut ran) = (0, BTreeMap::<u64, u128>::new());
    for row in &records {
        let id: u64 = row["id"].parse().unwrap();
        let date = |column: &str| row.get(column).map(|text| nanos(text, 9));
        let response = nanos(&row["response_s"], 9);
        let finished = date("submitted_s").unwrap() + response;
        let Some(dispatched) = date("dispatched_s") else {
            waited += u128::from(response);
            assert!(!wholes.contains_key(&id));
            continue;
        };
        waited += u128::from(dispatched - date("submitted_s").unwrap());
        let whole = wholes[&id];
        assert_eq!((whole.from, whole.to), (dispatched, finished));
        assert_eq!(whole.name, row["function"]);
        assert_eq!(timeline.processes[&whole.pid], row["node"]);
        *ran.entry(whole.pid).or_default() += u128::from(finished - dispatched);
        let arguments = whole.arguments.as_object().unwrap();
        assert_eq!(arguments.len(), row.len());
        for (column, value) in row {
            let shown = &arguments[column];
            match shown.as_str() {
                Some(text) => assert_eq!(text, value),
                None => assert_eq!(shown.as_f64().unwrap(), value.parse::<f64>().unwrap()),
            }
        }
        let started = date("started_s");
        assert_eq!(starts.contains_key(&id), row["start_kind"] == "cold");
        if let Some(start) = starts.get(&id) {
            assert_eq!((start.from, start.to), (dispatched, started.unwrap_or(finished)));
            assert_eq!(
                (start.tid, &start.arguments["cold_reason"]),
                (whole.tid, &arguments["cold_reason"])
            );
            seen.insert(format!("cold {}", row["cold_reason"]));
        }
        assert_eq!(bodies.contains_key(&id), started.is_some());
        if let Some(body) = bodies.get(&id) {
            let ended = date("ended_s").unwrap_or(finished);
            assert_eq!((body.from, body.to, body.tid), (started.unwrap(), ended, whole.tid));
        }
        seen.insert(row["outcome"].clone());
        seen.extend(row.get("cause").cloned());
    }

    // Each took the lowest slot: those below were in use when it was dispatched.
    let slots: BTreeMap<(u64, u64), u64> = timeline
        .threads
        .iter()
        .filter_map(|(tid, (pid, name))| {
            Some(((*pid, name.strip_prefix("slot ")?.parse().unwrap()), *tid))
        })
        .collect();
    let mut on_thread: BTreeMap<u64, Vec<&Slice>> = BTreeMap::new();
    wholes.values().for_each(|slice| on_thread.entry(slice.tid).or_default().push(slice));
    for (&(pid, number), tid) in &slots {
        for slice in on_thread.get(tid).into_iter().flatten() {
            for lower in 1..number {
                let mut others = on_thread[&slots[&(pid, lower)]].iter();
                let is_used =
                    others.any(|other| other.from <= slice.from && slice.from <= other.to);
                assert!(is_used, "slot {lower} is free: {slice:?}");
            }
        }
        seen.insert(format!("slot {number}"));
    }

    // Counters, in whole nanoseconds.
    let end = (report.summary.simulated_end_s * 1e9).round() as u64;
    let head = *timeline.processes.iter().find(|(_, name)| *name == "head host").unwrap().0;
    assert_eq!(timeline.integral(head, "pending", &["invocations"], end), waited);
    let (mut memory, mut idle) = (0, 0);
    for &pid in timeline.processes.keys() {
        let running = timeline.integral(pid, "running", &["invocations"], end);
        assert_eq!(running, ran.get(&pid).copied().unwrap_or(0), "{pid}");
        memory += timeline.integral(pid, "memory_bytes", &["starting", "busy", "idle"], end);
        idle += timeline.integral(pid, "memory_bytes", &["idle"], end);
    }
    if let Some(utilisation) = &report.utilisation {
        let known = utilisation.container_memory;
        let is_near = |sum: u128, known: f64| (sum as f64 / 1e15 - known).abs() <= 1e-9 * known;
        assert!(is_near(memory, known.busy_mb_s + known.idle_mb_s), "{memory} {known:?}");
        // What is started ahead is idle to the summary while it starts.
        assert!(idle as f64 / 1e15 <= known.idle_mb_s * (1.0 + 1e-9), "{idle} {known:?}");
    }

    // Images, as the event log has them.
    let events = std::fs::read_to_string(out.join("events.jsonl")).unwrap();
    let mut begun: BTreeMap<String, usize> = BTreeMap::new();
    for event in events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let name = event["event"].as_str().unwrap();
        seen.insert(name.to_owned());
        if let Some(what) = name.strip_suffix("_started").filter(|what| *what != "container") {
            let of = (what, &event["node"], &event["image"], &event["bytes"], &event["at_s"]);
            *begun.entry(format!("{of:?}")).or_default() += 1;
        }
    }
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    for slice in timeline.slices.iter().filter(|slice| slice.category == "image") {
        let node = match slice.pid == head {
            true => Value::Null,
            false => timeline.processes[&slice.pid].clone().into(),
        };
        let (arguments, at) = (&slice.arguments, Value::from(slice.from as f64 / 1e9));
        let of = (slice.name.as_str(), &node, &arguments["image"], &arguments["bytes"], &at);
        *shown.entry(format!("{of:?}")).or_default() += 1;
        seen.insert(format!("{} {}", slice.name, arguments["ending"].as_str().unwrap()));
    }
    assert_eq!(shown, begun);
    seen
}

/// An experiment in which much happens at the same date: sizes and times are few.
#[derive(Clone, Debug)]
struct Scenario {
    wrench: bool,
    service: String,
    nodes: u64,
    memory_mb: u64,
    /// When a node goes off and comes back, in seconds, or the network if it is none of them.
    outages: Vec<(u64, u64, u64)>,
    functions: Vec<(u64, u64, u64, u64)>,
    arrivals: Vec<(u64, usize)>,
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let scheduler = prop::sample::select(vec!["fcfs", "warm-first", "random", "locality"]);
    let keep = prop::sample::select(vec![
        "\"none\"",
        "{ kind = \"fixed\", idle = \"3s\" }",
        "\"forever\"",
        "{ kind = \"hybrid-histogram\", bin = \"1s\", range = \"10s\", variation = 0.0 }",
    ]);
    let service = (scheduler, keep, 0..3u64, any::<bool>()).prop_map(
        |(scheduler, keep, startup, discards)| {
            let startup =
                ["\"0s\"", "\"1s\"", "{ kind = \"uniform\", low = \"0s\", high = \"4s\" }"]
                    [startup as usize];
            let failure = if discards { "discard" } else { "keep" };
            format!(
                "[service]\nscheduler = \"{scheduler}\"\nkeep_alive = {keep}\n\
                 startup = {startup}\non_failure = \"{failure}\"\nprocessing_overhead = \"100ms\"\n"
            )
        },
    );
    (
        any::<bool>(),
        service,
        1..4u64,
        5..12u64,
        prop::collection::vec((0..5u64, 1..30u64, 1..10u64), 0..3),
        prop::collection::vec((0..3u64, 1..4u64, 1..4u64, 0..6u64), 1..5),
        prop::collection::vec((0..30u64, 0..5usize), 1..60),
    )
        .prop_map(|(wrench, service, nodes, memory, mut outages, functions, arrivals)| {
            outages.sort_unstable();
            outages.dedup_by_key(|outage| outage.0);
            let memory_mb = memory * 100;
            Scenario { wrench, service, nodes, memory_mb, outages, functions, arrivals }
        })
}

impl Scenario {
    fn platform(&self, folder: &Path) {
        let mut names: Vec<String> = ["user", "head", "repository"].map(str::to_owned).into();
        names.extend((0..self.nodes).map(|number| format!("n{number}")));
        let state = |part: u64| {
            let outage = self.outages.iter().find(|outage| outage.0.min(self.nodes) == part);
            let Some((_, from, time)) = outage else { return String::new() };
            let file = format!("part{part}.profile");
            std::fs::write(folder.join(&file), format!("{from} 0\n{} 1\n", from + time)).unwrap();
            format!(" state_file=\"{file}\"")
        };
        let mut xml = "<?xml version='1.0'?>\n<platform version=\"4.1\">\
                       <zone id=\"z\" routing=\"Full\">\n"
            .to_owned();
        for (place, name) in names.iter().enumerate() {
            let profile = place.checked_sub(3).map(|number| state(number as u64));
            let (profile, ram) = (profile.unwrap_or_default(), self.memory_mb);
            let _ = writeln!(
                xml,
                "<host id=\"{name}\" speed=\"1Gf\" core=\"4\"{profile}>\
                 <disk id=\"d\" read_bw=\"200MBps\" write_bw=\"100MBps\"/>\
                 <prop id=\"ram\" value=\"{ram}MB\"/></host>"
            );
        }
        let wan = state(self.nodes);
        let _ = writeln!(xml, "<link id=\"l\" bandwidth=\"100MBps\" latency=\"0\"{wan}/>");
        for (place, from) in names.iter().enumerate() {
            for to in &names[place + 1..] {
                let _ = writeln!(
                    xml,
                    "<route src=\"{from}\" dst=\"{to}\"><link_ctn id=\"l\"/></route>"
                );
            }
        }
        std::fs::write(folder.join("p.xml"), xml + "</zone></platform>\n").unwrap();
    }

    fn text(&self) -> String {
        let preset = if self.wrench { "wrench" } else { "default" };
        let mut text = format!(
            "name = \"timeline\"\npreset = \"{preset}\"\nplatform = \"p.xml\"\n\
             limits = {{ time = \"10min\", events = 200_000 }}\n\
             output = {{ trace = \"trace.json.gz\", events = true, timeseries = true }}\n{}",
            self.service
        );
        for image in 0..2 {
            let _ = writeln!(
                text,
                "[[image]]\nname = \"image {image}\"\nsize = \"{}MB\"",
                100 + 100 * image
            );
        }
        for (number, (image, sleep, concurrency, what)) in self.functions.iter().enumerate() {
            let image = match image {
                2 => String::new(),
                image => format!("image = \"image {image}\"\n"),
            };
            let body = match what {
                0 => "{ write = \"90MB\" }".to_owned(),
                1 if number > 0 => format!("{{ invoke = \"f {}\" }}", number - 1),
                2 => "{ compute = \"2Gf\" }".to_owned(),
                _ => format!("{{ sleep = \"{sleep}s\" }}"),
            };
            let _ = writeln!(
                text,
                "[[function]]\nname = \"f {number}\"\n{image}concurrency = {concurrency}\n\
                 limits = {{ time = \"{}s\", memory = \"{}MB\", disk = \"80MB\" }}\n\
                 body = [{body}, {{ sleep = \"1s\" }}]",
                3 + sleep % 2,
                100 * concurrency
            );
        }
        text += "[[workload]]\nkind = \"list\"\narrivals = [\n";
        let mut arrivals = self.arrivals.clone();
        arrivals.sort_unstable();
        for (at, function) in arrivals {
            let function = function % self.functions.len();
            let _ = writeln!(text, "{{ at = \"{at}s\", function = \"f {function}\" }},");
        }
        text + "]\n"
    }
}

/// Whatever happens, the timeline is what its format says, and tells what the other files tell.
#[test]
fn of_random_runs() {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut random = TestRunner::deterministic();
    for _ in 0..isotherm_testing::count(2_000) {
        let scenario = scenario().new_tree(&mut random).unwrap().current();
        let folder = tempfile::tempdir().unwrap();
        scenario.platform(folder.path());
        for what in compared(&scenario.text(), folder.path()) {
            *seen.entry(what).or_default() += 1;
        }
    }
    for what in [
        "completed",
        "timed_out",
        "failed",
        "host_failed",
        "storage_full",
        "cold first",
        "cold evicted",
        "cold busy",
        "cold starting",
        "slot 3",
        "download done",
        "copy done",
        "load done",
        "copy failed",
        "prewarmed",
        "node_down",
        "memory_evicted",
    ] {
        assert!(seen.contains_key(what), "{what} never occurred: {seen:?}");
    }
    assert!(seen["compared"] > 3 * seen.get("stalled").unwrap_or(&0), "{seen:?}");
}
