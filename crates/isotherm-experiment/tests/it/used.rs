//! How much of links and disks is used over time, derived by hand.

use std::collections::BTreeMap;

use isotherm_experiment::{Experiment, Overrides};

use crate::{common, outages};

/// An image of 970 MB is downloaded, copied and loaded; link and disks do 1 GB/s. Of the bandwidth
/// of a link 0.97 carry data, and acknowledgements take 0.05 for each 1, on the same link: each
/// transfer takes 970 / (1000 · 0.97 / 1.05) = 1.05 s in which nothing is left of the link. Disks
/// do 970 MB in 0.97 s of full use. The load is the only thing that takes a disk as a whole.
#[test]
fn transfers_use_what_they_take() {
    let folder = tempfile::tempdir().unwrap();
    outages::platform(folder.path(), 1, &[]);
    let text = "name = \"used\"\nplatform = \"p.xml\"\noutput = { timeseries = true }\n\
        image = [{ name = \"i\", size = \"970MB\" }]\n\
        [[function]]\nname = \"f\"\nimage = \"i\"\n\
        limits = { time = \"60s\", memory = \"1MB\" }\nbody = [{ sleep = \"2s\" }]\n\
        [[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"1s\"]\n";
    let experiment = Experiment::parse("e.toml", text, folder.path(), &Overrides::default());
    let experiment = experiment.unwrap_or_else(|errors| panic!("{errors}"));
    let out = folder.path().join("out");
    let report = common::run(&experiment, &out);
    // 1 s, two transfers, the load, and the body.
    assert_eq!(report.summary.simulated_end_s, 6.07);
    let mut full: BTreeMap<(String, String), f64> = BTreeMap::new();
    let mut bins = 0;
    let file = out.join("timeseries-links.csv");
    let columns = ["from_s", "to_s", "kind", "host", "name", "used_share"];
    for [from, to, kind, host, name, share] in common::columns_of(&file, columns) {
        let number = |text: &str| text.parse::<f64>().unwrap();
        let (from, to, share) = (number(&from), number(&to), number(&share));
        if kind == "link" {
            bins += 1;
            assert_eq!(name, "l");
            let is_within = |begin: f64, end: f64| from >= begin && to <= end;
            // Bins are 4 ms wide.
            match share {
                0.0 => assert!(!is_within(1.0, 3.1), "{from}"),
                _ if is_within(1.0, 3.1) => assert!((share - 1.0).abs() < 1e-6, "{from} {share}"),
                _ => assert!(is_within(0.996, 3.104), "{from} {share}"),
            }
        }
        *full.entry((kind, host)).or_default() += share * (to - from);
    }
    assert_eq!(bins, 1_518, "of 6.07 s");
    let expected = [
        ("disk_read", "head", 0.97),
        ("disk_read", "n0", 0.97),
        ("disk_read", "repository", 0.97),
        ("disk_read", "user", 0.0),
        ("disk_write", "head", 0.97),
        ("disk_write", "n0", 0.97),
        ("disk_write", "repository", 0.0),
        ("disk_write", "user", 0.0),
        ("link", "", 2.1),
    ];
    assert_eq!(full.len(), expected.len());
    for (kind, host, seconds) in expected {
        let found = full[&(kind.to_owned(), host.to_owned())];
        assert!((found - seconds).abs() < 1e-6, "{kind} {host}: {found}");
    }
}
