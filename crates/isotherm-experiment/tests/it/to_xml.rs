//! A short description of a platform, written as a SimGrid file, is the same platform.

use std::path::Path;

use isotherm_experiment::{Experiment, Overrides};

use crate::common::run;

const SHORT: &str = "[platform]\n\
    nodes = [{ count = 3, cores = 4, memory = \"8GiB\", disk = { read = \"2GB/s\", \
    write = \"1GB/s\", size = \"1TB\" } }, { count = 2, cores = 2, memory = \"3GB\", \
    disk = { read = \"500MB/s\", write = \"300MB/s\" } }]\n\
    head = { cores = 8, disk = { read = \"2GB/s\", write = \"1GB/s\", size = \"10TB\" } }\n\
    network = { node = \"10Gbps\", latency = \"70us\", repository = \"1Gbps\" }\n";

const REST: &str = "seed = 5\n\
    [service]\nstartup = { kind = \"lognormal\", median = \"300ms\", sigma = 0.5 }\n\
    [[image]]\nname = \"i\"\nsize = \"250MB\"\nmemory = \"120MB\"\n\
    [[function]]\nname = \"f\"\nimage = \"i\"\n\
    limits = { time = \"60s\", memory = \"512MB\", disk = \"1GB\" }\n\
    body = [{ compute = \"5Gf\" }, { write = \"20MB\" }]\n\
    [[workload]]\nkind = \"poisson\"\nfunction = \"f\"\nrate = \"3/s\"\nuntil = \"2min\"\n\
    [output]\nevents = true\n";

fn load(folder: &Path, platform: &str) -> Experiment {
    let text = match platform.starts_with('[') {
        true => REST.replacen('\n', &format!("\nname = \"same\"\n{platform}"), 1),
        false => format!("name = \"same\"\n{platform}\n{REST}"),
    };
    Experiment::parse("e.toml", &text, folder, &Overrides::default())
        .unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn runs_on_a_short_description_and_on_its_file_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let short = load(folder, SHORT);
    let xml = short.runs()[0].plan.platform.to_simgrid_xml().unwrap();
    std::fs::write(folder.join("p.xml"), &xml).unwrap();
    let file = load(folder, "platform = \"p.xml\"");
    let [one, other] = ["one", "other"].map(|name| folder.join(name));
    run(&short, &one);
    run(&file, &other);
    let mut names: Vec<_> =
        std::fs::read_dir(&one).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| name != "manifest.toml" && name != "provenance.json");
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let [one, other] = [&one, &other].map(|out| std::fs::read(out.join(&name)).unwrap());
        assert!(one == other, "{name:?} differs");
    }
    // What is written of the file is that file.
    assert_eq!(file.runs()[0].plan.platform.to_simgrid_xml().unwrap(), xml);
}
