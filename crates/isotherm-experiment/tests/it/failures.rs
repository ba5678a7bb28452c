//! `[[failure]]`: hosts and links that fail or are slow, at a date or at random dates.

use std::collections::BTreeMap;
use std::path::Path;

use isotherm_experiment::{Experiment, Overrides};
use isotherm_platform::ProfileTarget;

use crate::common::{columns, parsed, rows, run};
use crate::outages;

/// Two nodes of one core of 1 Gf/s; the function `f` computes for 10 s, `g` fetches 100 MB from the
/// repository, whose link moves 100 MB/s. `at` says when each is invoked.
fn experiment(failures: &str, workload: &str) -> String {
    format!(
        "name = \"failing\"\nseed = 3\n\
         [platform]\n\
         nodes = {{ count = 2, cores = 1, speed = \"1Gf\", \
         disk = {{ read = \"1GB/s\", write = \"1GB/s\" }} }}\n\
         head = {{ cores = 1, disk = {{ read = \"1GB/s\", write = \"1GB/s\" }} }}\n\
         network = {{ node = \"8Gbps\", latency = \"0s\", repository = \"800Mbps\" }}\n\
         {failures}\n\
         [[storage]]\nname = \"repository\"\nhost = \"repository\"\n\
         files = [{{ name = \"photo\", size = \"100MB\" }}]\n\
         [[function]]\nname = \"f\"\nlimits = {{ time = \"1h\", memory = \"1MB\" }}\n\
         body = [{{ compute = \"10Gf\" }}]\n\
         [[function]]\nname = \"g\"\nlimits = {{ time = \"1h\", memory = \"1MB\" }}\n\
         body = [{{ fetch = \"photo\", from = \"repository\" }}]\n\
         [output]\nevents = true\n\
         [[workload]]\nkind = \"list\"\n{workload}\n"
    )
}

fn failure(text: &str) -> String {
    format!("[[failure]]\n{text}\n")
}

/// When the invocations of a run were over: a body that is lost has no end of its own.
fn ended(out: &Path) -> Vec<f64> {
    let dates = columns(out, ["submitted_s", "response_s"]);
    let seconds = |text: String| text.parse::<f64>().unwrap();
    dates.into_iter().map(|[submitted, response]| seconds(submitted) + seconds(response)).collect()
}

/// Plays such an experiment: for each record when it ended, how, and why.
fn ends(failures: &str, workload: &str) -> Vec<(f64, String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run(&parsed(&experiment(failures, workload)), &out);
    let how = columns(&out, ["outcome", "cause"]);
    ended(&out).into_iter().zip(how).map(|(end, [outcome, cause])| (end, outcome, cause)).collect()
}

#[track_caller]
fn assert_ends(failures: &str, workload: &str, expected: &[(f64, &str, &str)]) {
    let ends = ends(failures, workload);
    assert_eq!(ends.len(), expected.len(), "{ends:?}");
    for ((ended, outcome, cause), expected) in ends.iter().zip(expected) {
        assert!((ended - expected.0).abs() < 1e-6, "{ends:?}");
        assert_eq!((outcome.as_str(), cause.as_str()), (expected.1, expected.2), "{ends:?}");
    }
}

const F: &str = "function = \"f\"\nat = [\"0s\"]";
const G: &str = "function = \"g\"\nat = [\"0s\"]";

#[test]
fn a_host_that_fails_takes_its_invocation_with_it() {
    let lost = failure("hosts = \"nodes\"\nat = \"4s\"\nfor = \"2s\"");
    assert_ends(&lost, F, &[(4.0, "failed", "host_failed")]);
    // What comes meanwhile waits until a node is back: 6 s, and 10 s of work.
    let later = "function = \"f\"\nat = [\"5s\"]";
    assert_ends(&lost, later, &[(16.0, "completed", "")]);
    // It fails before it begins, or never.
    let at_once = failure("hosts = \"node?\"\nat = \"0s\"\nfor = \"3s\"");
    assert_ends(&at_once, F, &[(13.0, "completed", "")]);
}

#[test]
fn a_failure_after_the_end_changes_nothing_and_does_not_prolong_the_run() {
    let after = failure("hosts = \"nodes\"\nat = \"1h\"\nfor = \"2s\"");
    let drawn = failure("hosts = \"nodes\"\nmtbf = \"1000d\"\nmttr = \"1min\"");
    for failures in [after, drawn] {
        let folder = tempfile::tempdir().unwrap();
        let report = run(&parsed(&experiment(&failures, F)), &folder.path().join("out"));
        assert_eq!(report.summary.simulated_end_s, 10.0);
    }
}

#[test]
fn failures_of_one_target_overlap() {
    // Off from 2 s to 6 s and from 4 s to 9 s: it is back at 9 s.
    let two = failure("hosts = \"nodes\"\nat = \"2s\"\nfor = \"4s\"")
        + &failure("hosts = [\"node0\", \"node*\"]\nat = \"4s\"\nfor = \"5s\"");
    let later = "function = \"f\"\nat = [\"5s\"]";
    assert_ends(&two, later, &[(19.0, "completed", "")]);
    // Half the speed from 2 s to 6 s and again from 4 s to 10 s. By 2 s 2 Gf are done, by 4 s 3,
    // by 6 s (a quarter) 3.5, by 10 s 5.5; the other 4.5 take until 14.5 s.
    let slow = failure("hosts = \"nodes\"\nat = \"2s\"\nfor = \"4s\"\nspeed = 0.5")
        + &failure("hosts = \"nodes\"\nat = \"4s\"\nfor = \"6s\"\nspeed = 0.5");
    assert_ends(&slow, F, &[(14.5, "completed", "")]);
}

#[test]
fn links_and_the_repository_fail_and_are_slow() {
    let whole = ends("", G)[0].0;
    // The link moves everything in `whole` seconds. From half of it on at a tenth of that.
    let half = whole / 2.0;
    let slow = failure(&format!(
        "links = \"repository-link\"\nat = \"{half}s\"\nfor = \"2s\"\nbandwidth = 0.1"
    ));
    // In 2 s it moves what takes 0.2 s otherwise.
    assert_ends(&slow, G, &[(half + 2.0 + half - 0.2, "completed", "")]);
    for off in ["links = \"repository-link_UP\"", "links = \"*-link\""] {
        let off = failure(&format!("{off}\nat = \"500ms\""));
        assert_ends(&off, G, &[(0.5, "failed", "network_failed")]);
    }
    let off = failure("hosts = \"repository\"\nat = \"500ms\"");
    assert_eq!(ends(&off, G)[0].1, "failed");
}

#[test]
fn a_failure_comes_on_top_of_the_profile_of_the_platform() {
    let folder = tempfile::tempdir().unwrap();
    let speed = ("speed of n0", "0 0.5\n4 1\n");
    let state = ("n0", "0 0\n2 1\n");
    for (profile, failure, ended) in [
        // Half the speed until 4 s by the file, and from 2 s to 6 s by the failure: 1 + 0.5 + 1 Gf
        // by 6 s, and 7.5 Gf after.
        (speed, "hosts = \"n0\"\nat = \"2s\"\nfor = \"4s\"\nspeed = 0.5", 13.5),
        // Off until 2 s by the file, until 3 s by the failure.
        (state, "hosts = \"z\"\nat = \"1s\"\nfor = \"2s\"", 13.0),
    ] {
        // The zone `z` is all hosts, user and head too: only the node, where that matters.
        let failure = failure.replace("\"z\"", "\"n?\"");
        outages::platform(folder.path(), 1, &[profile]);
        let text = format!(
            "name = \"both\"\nplatform = \"p.xml\"\n[[failure]]\n{failure}\n\
             [[function]]\nname = \"f\"\nlimits = {{ time = \"60s\", memory = \"1MB\" }}\n\
             body = [{{ compute = \"10Gf\" }}]\n\
             [[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\"]\n"
        );
        let experiment =
            Experiment::parse("both.toml", &text, folder.path(), &Overrides::default())
                .unwrap_or_else(|errors| panic!("{errors}"));
        let out = folder.path().join("out");
        run(&experiment, &out);
        let end = self::ended(&out)[0];
        assert!((end - ended).abs() < 1e-6, "{end}");
        std::fs::remove_dir_all(out).unwrap();
        std::fs::remove_file(folder.path().join("p.xml")).unwrap();
    }
}

/// The first dates of what is drawn, by target.
fn dates(failures: &str, seed: u64) -> BTreeMap<String, Vec<f64>> {
    let text = experiment(failures, F);
    let overrides = Overrides::default().with_seed(seed);
    let experiment = Experiment::parse("e.toml", &text, Path::new("."), &overrides)
        .unwrap_or_else(|errors| panic!("{errors}"));
    let spec = &experiment.runs()[0].plan.platform;
    let name = |target| match target {
        ProfileTarget::HostState(host) | ProfileTarget::Speed(host) => &spec.host(host).name,
        ProfileTarget::LinkState(link) => &spec.link(link).name,
        other => panic!("{other:?}"),
    };
    let mut dates: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (target, profile) in spec.further_profiles() {
        let first = profile.occurrences().take(6).map(|(date, _)| date.as_secs_f64());
        dates.entry(name(target).clone()).or_default().extend(first);
    }
    dates
}

#[test]
fn what_is_drawn_depends_on_the_seed_and_the_target_alone() {
    let mtbf = "mtbf = \"10h\"\nmttr = { kind = \"weibull\", mean = \"5min\", sd = \"2min\" }";
    let nodes = failure(&format!("hosts = \"nodes\"\n{mtbf}"));
    let alone = dates(&nodes, 3);
    assert_eq!(alone, dates(&nodes, 3));
    assert_ne!(alone, dates(&nodes, 4));
    assert_ne!(alone["node0"], alone["node1"]);
    let links = failure(&format!("links = \"node*\"\n{mtbf}"));
    let at = failure("hosts = \"node0\"\nat = \"1s\"");
    let more = dates(&(links + &nodes + &failure(&format!("hosts = \"head\"\n{mtbf}"))), 3);
    assert_eq!((&more["node0"], &more["node1"]), (&alone["node0"], &alone["node1"]));
    // A second one of the same target comes after; one at a date draws nothing.
    let twice = dates(&(at + &nodes + &nodes), 3);
    assert_eq!(twice["node0"][1..7], alone["node0"]);
    assert_ne!(twice["node0"][7..], alone["node0"]);
}

#[test]
fn drawn_failures_are_in_the_log_and_go_through_the_manifest() {
    let failures = failure("hosts = \"node0\"\nmtbf = \"1min\"\nmttr = \"10s\"")
        + &failure("hosts = \"node1\"\nat = \"25s\"\nfor = \"1s\"\nspeed = 0.25");
    let list: Vec<String> = (0..60).map(|index| format!("\"{}s\"", 5 * index)).collect();
    let workload = format!("function = \"f\"\nat = [{}]", list.join(", "));
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first");
    run(&parsed(&experiment(&failures, &workload)), &first);
    let events = std::fs::read_to_string(first.join("events.jsonl")).unwrap();
    let down = events.matches("\"node_down\"").count();
    let up = events.matches("\"node_up\"").count();
    assert!(down > 2 && (up == down || up + 1 == down), "{down} {up}");
    // A minute of work and 10 s of repair: about the share of a seventh is lost on one node.
    assert!(rows(&first, "invocations.csv").iter().any(|row| row["cause"] == "host_failed"));
    let again = Experiment::load(&first.join("manifest.toml"), &Overrides::default())
        .unwrap_or_else(|errors| panic!("{errors}"));
    let second = folder.path().join("second");
    run(&again, &second);
    for file in ["invocations.csv", "events.jsonl", "summary.json", "manifest.toml"] {
        let [one, other] = [&first, &second].map(|out| std::fs::read(out.join(file)).unwrap());
        assert!(one == other, "{file} differs");
    }
}

#[test]
fn a_failure_is_an_axis_of_a_sweep() {
    let sweep = "[sweep]\nfailure.0.at = [\"4s\", \"8s\", \"20s\"]\n";
    let lost = failure("hosts = \"nodes\"\nat = \"1s\"");
    let experiment = parsed(&experiment(&(sweep.to_owned() + &lost), F));
    let folder = tempfile::tempdir().unwrap();
    let ends = experiment.runs().iter().enumerate().map(|(index, planned)| {
        let out = folder.path().join(index.to_string());
        experiment.run(planned, &out).unwrap();
        ended(&out)[0]
    });
    assert_eq!(ends.collect::<Vec<_>>(), [4.0, 8.0, 10.0]);
}

/// The first dates at which the nodes and the link of such a platform change.
fn drawn_by_the_platform(folder: &Path, seed: u64) -> BTreeMap<String, Vec<f64>> {
    let overrides = Overrides::default().with_seed(seed);
    let experiment = Experiment::load(&folder.join("e.toml"), &overrides)
        .unwrap_or_else(|errors| panic!("{errors}"));
    let spec = &experiment.runs()[0].plan.platform;
    let hosts = spec.hosts().map(|(_, host)| (&host.name, &host.state_profile));
    let links = spec.links().map(|(_, link)| (&link.name, &link.bandwidth_profile));
    let profiles = hosts.chain(links).filter_map(|(name, profile)| Some((name, profile.as_ref()?)));
    profiles
        .map(|(name, profile)| {
            let dates = profile.occurrences().take(6).map(|(date, _)| date.as_secs_f64());
            (name.clone(), dates.collect())
        })
        .collect()
}

/// A stochastic profile of the platform file: each target draws from a stream of its own, by the
/// seed of the experiment, both directions of a link the same, and the manifest gives it again.
#[test]
fn stochastic_profiles_are_drawn_from_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let xml = "<platform version=\"4.1\"><zone id=\"w\" routing=\"Full\">
      <host id=\"user\" speed=\"1Gf\"/><host id=\"head\" speed=\"1Gf\"/>
      <host id=\"n0\" speed=\"1Gf\" state_file=\"node.state\"/>
      <host id=\"n1\" speed=\"1Gf\" state_file=\"node.state\"/>
      <link id=\"l\" bandwidth=\"1GBps\" sharing_policy=\"SPLITDUPLEX\" bandwidth_file=\"l.bw\"/>
      <route src=\"user\" dst=\"head\"><link_ctn id=\"l\" direction=\"UP\"/></route>
      <route src=\"user\" dst=\"n0\"><link_ctn id=\"l\" direction=\"UP\"/></route>
      <route src=\"user\" dst=\"n1\"><link_ctn id=\"l\" direction=\"UP\"/></route>
      <route src=\"head\" dst=\"n0\"><link_ctn id=\"l\" direction=\"UP\"/></route>
      <route src=\"head\" dst=\"n1\"><link_ctn id=\"l\" direction=\"UP\"/></route>
    </zone></platform>";
    std::fs::write(folder.join("p.xml"), xml).unwrap();
    let state = "STOCHASTIC LOOP\nWEIB 1.5 60 DET 0\nUNIF 5 15 DET 1\n";
    std::fs::write(folder.join("node.state"), state).unwrap();
    std::fs::write(folder.join("l.bw"), "STOCHASTIC LOOP\nEXP 0.1 NORM 5e8 3e8\n").unwrap();
    let list: Vec<String> = (0..60).map(|index| format!("\"{}s\"", 5 * index)).collect();
    let text = format!(
        "name = \"drawn\"\nplatform = \"p.xml\"\nseed = 3\n\
         [[function]]\nname = \"f\"\nlimits = {{ time = \"60s\", memory = \"1MB\" }}\n\
         body = [{{ compute = \"8Gf\" }}]\n[output]\nevents = true\n\
         [[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [{}]\n",
        list.join(", ")
    );
    std::fs::write(folder.join("e.toml"), text).unwrap();
    let three = drawn_by_the_platform(folder, 3);
    assert_eq!(three.keys().collect::<Vec<_>>(), ["l_DOWN", "l_UP", "n0", "n1"]);
    assert_eq!(three, drawn_by_the_platform(folder, 3));
    let four = drawn_by_the_platform(folder, 4);
    assert!(three.iter().all(|(name, dates)| four[name] != *dates));
    assert_ne!(three["n0"], three["n1"]);
    assert_eq!(three["l_UP"], three["l_DOWN"]);
    assert!(three["n0"].chunks(2).all(|pair| (5.0..15.0).contains(&(pair[1] - pair[0]))));

    let [first, second] = ["first", "second"].map(|name| folder.join(name));
    let experiment = Experiment::load(&folder.join("e.toml"), &Overrides::default()).unwrap();
    run(&experiment, &first);
    let events = std::fs::read_to_string(first.join("events.jsonl")).unwrap();
    assert!(events.matches("\"node_down\"").count() > 4);
    let again = Experiment::load(&first.join("manifest.toml"), &Overrides::default());
    run(&again.unwrap_or_else(|errors| panic!("{errors}")), &second);
    for file in ["invocations.csv", "events.jsonl", "summary.json", "manifest.toml"] {
        let [one, other] = [&first, &second].map(|out| std::fs::read(out.join(file)).unwrap());
        assert!(one == other, "{file} differs");
    }
}
