//! Hosts of SimGrid files without a disk, with one that is mounted elsewhere, and with one of
//! another host: what runs there, and what the dates are.

use std::fmt::Write;
use std::path::Path;

use crate::common::{columns, run};
use isotherm_experiment::{Experiment, Overrides};
use isotherm_serverless::ImageDisk;

/// A platform with one link of 1 GB/s between all hosts, whose model makes transfers as fast as the
/// link; a host is its name and what is in it.
fn platform(folder: &Path, hosts: &[(&str, &str)]) {
    let mut xml = String::from(
        "<platform version=\"4.1\"><config><prop id=\"network/bandwidth-factor\" value=\"1\"/>\
         <prop id=\"network/crosstraffic\" value=\"no\"/></config>\
         <zone id=\"z\" routing=\"Full\"><link id=\"l\" bandwidth=\"1GBps\" latency=\"0\"/>",
    );
    for (name, content) in hosts {
        write!(xml, "<host id=\"{name}\" speed=\"1Gf\">{content}</host>").unwrap();
    }
    for (index, (from, _)) in hosts.iter().enumerate() {
        for (to, _) in &hosts[index + 1..] {
            write!(xml, "<route src=\"{from}\" dst=\"{to}\"><link_ctn id=\"l\"/></route>").unwrap();
        }
    }
    std::fs::write(folder.join("p.xml"), xml + "</zone></platform>").unwrap();
}

/// A disk that reads 500 MB/s, writes 250 MB/s and holds 10 GB.
fn disk(name: &str, mount: &str) -> String {
    format!(
        "<disk id=\"{name}\" read_bw=\"500MBps\" write_bw=\"250MBps\">\
         <prop id=\"size\" value=\"10GB\"/><prop id=\"mount\" value=\"{mount}\"/></disk>"
    )
}

const SLEEPS: &str = "[[function]]\nname = \"f\"\nlimits = { time = \"9s\", memory = \"1MB\" }\n\
                      body = [{ sleep = \"1s\" }]\n";

/// Takes a second to copy 250 MB, and half a second to load it, on the disks above.
const IMAGE: &str = "[[image]]\nname = \"i\"\nsize = \"250MB\"\n[[function]]\nname = \"f\"\n\
                     image = \"i\"\nlimits = { time = \"9s\", memory = \"1MB\" }\n\
                     body = [{ sleep = \"1s\" }]\n";

/// Writes 500 MB and reads them again: 2 s and 1 s on the disks above.
const WRITES: &str = "[[function]]\nname = \"f\"\n\
                      limits = { time = \"9s\", memory = \"1MB\", disk = \"1GB\" }\n\
                      body = [{ write = \"500MB\", file = \"x\" }, { read = \"x\" }]\n";

fn load(folder: &Path, platform: &str, function: &str) -> Result<Experiment, String> {
    let text = format!(
        "name = \"disks\"\nplatform = {platform}\n{function}\
         [[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\"]\n"
    );
    let path = folder.join("e.toml");
    std::fs::write(&path, text).unwrap();
    Experiment::load(&path, &Overrides::default()).map_err(|errors| errors.to_string())
}

/// The date at which the invocation ends, and its node.
fn end(folder: &Path, platform: &str, function: &str) -> (f64, String) {
    let experiment = load(folder, platform, function).unwrap_or_else(|errors| panic!("{errors}"));
    run(&experiment, &folder.join("out"));
    let rows = columns(&folder.join("out"), ["ended_s", "node"]);
    let [[end, node]] = &rows[..] else { panic!("{rows:?}") };
    (end.parse().unwrap(), node.clone())
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_function_that_needs_no_disk_runs_where_there_is_none() {
    let folder = folder();
    let folder = folder.path();
    platform(folder, &[("user", ""), ("head", ""), ("n0", "")]);
    assert_eq!(end(folder, "\"p.xml\"", SLEEPS), (1.0, "n0".to_owned()));
    for (function, host, reason) in [
        (IMAGE, "head host `head`", "images are kept there"),
        (IMAGE, "compute host `n0`", "images are kept there"),
        (WRITES, "compute host `n0`", "containers write there"),
    ] {
        let errors = load(folder, "\"p.xml\"", function).unwrap_err();
        assert!(errors.contains(&format!("{host} has no disk at `/`")), "{errors}");
        assert!(errors.contains(reason), "{errors}");
    }
    // The head keeps nothing but images.
    assert!(!load(folder, "\"p.xml\"", WRITES).unwrap_err().contains("head host"));
}

/// The user's memory sends 250 MB to the head's disk in 1 s, which the head's disk sends to the
/// node's in 1 s, which takes 0.5 s to load; the body takes 1 s.
#[test]
fn hosts_without_a_disk_get_one() {
    let folder = folder();
    let folder = folder.path();
    let own = disk("ssd", "/");
    platform(folder, &[("user", ""), ("head", ""), ("n0", ""), ("n1", &own)]);
    let given =
        "{ xml = \"p.xml\", disk = { read = \"500MB/s\", write = \"250MB/s\", size = \"20GB\" } }";
    let experiment = load(folder, given, IMAGE).unwrap();
    let plan = &experiment.runs()[0].plan;
    let sizes = plan.hosts.node_disks.iter().map(|disk| match disk {
        ImageDisk::On { bytes, .. } => *bytes,
        other => panic!("{other:?}"),
    });
    // The one that has a disk keeps it.
    assert_eq!(sizes.collect::<Vec<_>>(), [20_000_000_000, 10_000_000_000]);
    // The user plays the repository, whose disk reads 250 MB in 0.5 s while the head's writes.
    assert_eq!(end(folder, given, IMAGE), (3.5, "n0".to_owned()));
}

#[test]
fn a_disk_that_no_host_lacks_is_warned_about() {
    let folder = folder();
    let folder = folder.path();
    let own = disk("ssd", "/");
    platform(folder, &[("user", &own), ("head", &own), ("n0", &own)]);
    let given = "{ xml = \"p.xml\", disk = { read = \"500MB/s\", write = \"250MB/s\" } }";
    let experiment = load(folder, given, IMAGE).unwrap();
    let warnings = experiment.warnings().to_string();
    assert!(warnings.contains("no host gets this disk"), "{warnings}");
}

#[test]
fn disks_that_are_mounted_elsewhere_are_named() {
    let folder = folder();
    let folder = folder.path();
    let (root, scratch) = (disk("ssd", "/"), disk("ssd", "/scratch"));
    platform(folder, &[("user", ""), ("head", &root), ("n0", &scratch), ("n1", &scratch)]);
    let errors = load(folder, "\"p.xml\"", IMAGE).unwrap_err();
    assert!(errors.contains("`{ host = \"n0\", mount = \"/scratch\" }` names one"), "{errors}");
    for nodes in [
        "[{ host = \"n0\", mount = \"/scratch\" }, { host = \"n1\", mount = \"/scratch\" }]",
        "[{ host = \"n0\", mount = \"/scratch\" }, { host = \"n*\", mount = \"/scratch\" }]",
        "[{ host = \"*\", mount = \"/scratch\" }]",
        "{ host = \"n*\", mount = \"/scratch\" }",
        "{ mount = \"/scratch\" }",
    ] {
        let platform = format!("{{ xml = \"p.xml\", nodes = {nodes} }}");
        assert_eq!(end(folder, &platform, IMAGE), (3.5, "n0".to_owned()), "{nodes}");
        let plan = load(folder, &platform, IMAGE).unwrap().runs()[0].plan.clone();
        assert_eq!(plan.hosts.nodes.len(), 2, "{nodes}");
    }
    // Names alone, as patterns.
    for pattern in ["n*", "n?", "?[01]"] {
        let platform = format!("{{ xml = \"p.xml\", nodes = [\"{pattern}\"] }}");
        let loaded = load(folder, &platform, SLEEPS);
        match pattern {
            "?[01]" => assert!(loaded.unwrap_err().contains("is the name of no host")),
            _ => assert_eq!(loaded.unwrap().runs()[0].plan.hosts.nodes.len(), 2, "{pattern}"),
        }
    }
    let errors = load(folder, "{ xml = \"p.xml\", nodes = [\"nn*\"] }", SLEEPS).unwrap_err();
    assert!(errors.contains("did you mean `n*`?"), "{errors}");
    let platform = "{ xml = \"p.xml\", nodes = [\"rack*\"] }";
    let errors = load(folder, platform, SLEEPS).unwrap_err();
    assert!(errors.contains("`rack*` is the name of no host"), "{errors}");
    let platform = "{ xml = \"p.xml\", nodes = { mount = \"/data\" } }";
    let errors = load(folder, platform, SLEEPS).unwrap_err();
    assert!(errors.contains("host `n0` has no disk at `/data`"), "{errors}");
}

/// A disk of 500 and 250 MB/s behind a link of 1 GB/s: what is written and read crosses the link,
/// which is not the slowest part. With chunks, each crosses it after it was read.
#[test]
fn a_disk_of_another_host_is_reached_through_the_network() {
    let folder = folder();
    let folder = folder.path();
    let remote = "<prop id=\"remote_disk\" value=\"/:nas:server\"/>";
    let nas = disk("nas", "/export");
    let hosts = [("user", ""), ("head", ""), ("n0", remote), ("server", &nas)];
    platform(folder, &hosts);
    let only = "{ xml = \"p.xml\", nodes = [\"n0\"] }";
    assert_eq!(end(folder, only, WRITES), (3.0, "n0".to_owned()));
    // A link of 100 MB/s is the slowest part: 5 s in, 5 s out.
    let xml = std::fs::read_to_string(folder.join("p.xml")).unwrap();
    let xml = xml.replace("bandwidth=\"1GBps\"", "bandwidth=\"100MBps\"");
    std::fs::write(folder.join("p.xml"), xml).unwrap();
    assert_eq!(end(folder, only, &WRITES.replace("9s", "19s")), (10.0, "n0".to_owned()));
    // Several hosts on one disk share what it holds.
    platform(
        folder,
        &[("user", ""), ("head", ""), ("n0", remote), ("n1", remote), ("server", &nas)],
    );
    let both = "{ xml = \"p.xml\", nodes = [\"n*\"] }";
    let plan = load(folder, both, WRITES).unwrap().runs()[0].plan.clone();
    let share = |disk: &ImageDisk| matches!(disk, ImageDisk::On { bytes: 5_000_000_000, .. });
    assert!(plan.hosts.node_disks.iter().all(share), "{:?}", plan.hosts.node_disks);
}

/// What a run's manifest says gives the same run.
#[test]
fn a_manifest_keeps_the_disks() {
    let folder = folder();
    let folder = folder.path();
    let scratch = disk("ssd", "/scratch");
    platform(folder, &[("user", ""), ("head", ""), ("n0", &scratch), ("n1", "")]);
    let given = "{ xml = \"p.xml\", nodes = { host = \"n*\", mount = \"/scratch\" }, \
                 disk = { read = \"500MB/s\", write = \"250MB/s\" } }";
    let first = end(folder, given, IMAGE);
    let manifest = folder.join("out").join("manifest.toml");
    let again = Experiment::load(&manifest, &Overrides::default()).unwrap();
    run(&again, &folder.join("again"));
    let [[end, node]] = &columns(&folder.join("again"), ["ended_s", "node"])[..] else { panic!() };
    assert_eq!((end.parse().unwrap(), node.clone()), first);
}
