//! `isotherm platform`

use std::io::Read;
use std::process::{Command, Stdio};

use crate::ran::{assert_snapshot, examples, isotherm_in};

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isotherm"));
    command.current_dir(examples()).arg("platform");
    command
}

fn platform(arguments: &[&str]) -> (Option<i32>, String, String) {
    isotherm_in(&examples(), &[&["platform"], arguments].concat())
}

#[test]
fn what_is_shown() {
    let shown = [
        (&["quickstart.toml"][..], "platform-quickstart.txt"),
        (&["platforms/reference-example.xml", "--all"], "platform-all.txt"),
        (&["quickstart.toml", "--route", "repository", "node2"], "platform-route.txt"),
        (&["platforms/reference-example.xml", "--json"], "platform.json"),
        (
            &["platforms/reference-example.xml", "--route", "user", "node0", "--json"],
            "platform-route.json",
        ),
        (&["platforms/reference-example.xml", "--dot", "-"], "platform.dot"),
        (&["--help"], "platform-help.txt"),
    ];
    for (arguments, snapshot) in shown {
        let (code, out, err) = platform(arguments);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}");
        assert_snapshot(&out, snapshot);
    }
}

/// The platform of an experiment that says it in a few words, with one field of it changed: 3 hosts
/// and 2,000 nodes.
#[test]
fn a_field_can_be_set() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = folder.path().join("few-words.toml");
    std::fs::write(
        &experiment,
        "name = \"few-words\"\n[platform]\n\
         nodes = { count = 4, cores = 16, memory = \"64GiB\", disk = { read = \"2GB/s\", write = \"1GB/s\", size = \"1TB\" } }\n\
         head = { cores = 8, disk = { read = \"2GB/s\", write = \"1GB/s\", size = \"10TB\" } }\n\
         network = { node = \"10Gbps\", latency = \"50us\", repository = \"1Gbps\" }\n\
         [[image]]\nname = \"i\"\nsize = \"1MB\"\nmemory = \"1MB\"\n\
         [[function]]\nname = \"f\"\nimage = \"i\"\nlimits = { time = \"1s\", memory = \"1MB\", disk = \"1MB\" }\nbody = [{ sleep = \"1s\" }]\n\
         [[workload]]\nkind = \"poisson\"\nfunction = \"f\"\nrate = \"1/s\"\nuntil = \"1s\"\n",
    )
    .unwrap();
    let (code, out, err) =
        platform(&[experiment.to_str().unwrap(), "--set", "platform.nodes.count=2000"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(
        out.contains("hosts (2,003)") && out.contains("node0 ... node1999 (2,000)  compute"),
        "{out}"
    );
}

#[test]
fn what_is_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (broken, empty) = (folder.path().join("broken.xml"), folder.path().join("empty.xml"));
    std::fs::write(&broken, "<platform version=\"4.1\"><zone id=\"z\" routing=\"None\">\n  <host id=\"a\" sped=\"1Gf\"/>\n</zone></platform>\n").unwrap();
    std::fs::write(&empty, "").unwrap();
    let wrong = [
        (&["nowhere.xml"][..], "error: cannot read `nowhere.xml`: there is no such file\n"),
        (&["data"], "error: cannot read `data`: it is a folder\n"),
        (
            &["quickstart.toml", "--route", "user", "nod1"],
            "error: there is no host `nod1`: did you mean `node1`?\n",
        ),
        (
            &["platforms/quickstart.xml", "--set", "seed=1"],
            "error: `--set` changes an experiment, and `platforms/quickstart.xml` is a platform file\n",
        ),
        (
            &[broken.to_str().unwrap()],
            "broken.xml:2:16\n  |\n2 |   <host id=\"a\" sped=\"1Gf\"/>\n  |                ^^^^ did you mean `speed`?\n",
        ),
        (&[empty.to_str().unwrap()], "error: not well-formed XML"),
    ];
    for (arguments, message) in wrong {
        let (code, out, err) = platform(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(err.contains(message), "{arguments:?}: {err}");
    }
}

/// A drawing is written beside what else is asked for; if it cannot be, it is said, and nothing is
/// left.
#[test]
fn drawings_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let (svg, dot) = (folder.path().join("p.svg"), folder.path().join("p.dot"));
    let (code, out, _) = platform(&[
        "quickstart.toml",
        "--svg",
        svg.to_str().unwrap(),
        "--dot",
        dot.to_str().unwrap(),
    ]);
    assert_eq!(
        (code, out),
        (Some(0), format!("drawn in {}\ndrawn in {}\n", svg.display(), dot.display()))
    );
    assert!(std::fs::read_to_string(&svg).unwrap().ends_with("</svg>\n"));
    assert!(std::fs::read_to_string(&dot).unwrap().starts_with("graph \"quickstart\" {"));
    let nowhere = folder.path().join("nowhere/p.svg");
    let (code, _, err) = platform(&["quickstart.toml", "--svg", nowhere.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with("error: cannot write `"), "{err}");
    // Who mistypes a host gets no drawing either.
    let other = folder.path().join("other.svg");
    let (code, _, _) =
        platform(&["quickstart.toml", "--route", "user", "nod", "--svg", other.to_str().unwrap()]);
    assert_eq!((code, other.exists()), (Some(2), false));
}

/// More than a pipe holds, to a reader that has seen enough.
#[test]
fn a_closed_pipe_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.xml");
    std::fs::write(
        &file,
        "<platform version=\"4.1\"><cluster id=\"c\" prefix=\"n\" suffix=\"\" radical=\"0-19999\" speed=\"1Gf\" bw=\"1GBps\" lat=\"1us\"/>\
         </platform>",
    )
    .unwrap();
    let mut child = command()
        .arg(&file)
        .arg("--all")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

/// The text of `docs/platforms.md` with what the commands it names print, for the platform that it
/// describes.
fn page_anew(page: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let xml = page.split_once("```xml\n").unwrap().1.split_once("```").unwrap().0;
    std::fs::write(folder.path().join("cluster.xml"), xml).unwrap();
    let mut anew = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("```text\n") {
        let asked = before.rsplit_once("`isotherm platform ").unwrap().1.split_once('`').unwrap().0;
        let output = command().current_dir(folder.path()).args(asked.split(' ')).output().unwrap();
        assert_eq!(
            (output.status.code(), output.stderr.as_slice()),
            (Some(0), &b""[..]),
            "{asked}"
        );
        let (_, behind) = after.split_once("```").unwrap();
        anew.push_str(&format!(
            "{before}```text\n{}```",
            String::from_utf8(output.stdout).unwrap()
        ));
        rest = behind;
    }
    anew + rest
}

#[test]
fn the_documentation_says_what_the_command_prints() {
    let page = "docs/platforms.md";
    let text = std::fs::read_to_string(isotherm_testing::in_repository(page)).unwrap();
    assert_eq!(text.matches("```text").count(), 2);
    isotherm_testing::assert_generated(page, &page_anew(&text));
}

/// The short description of the first example as a SimGrid file, which shows the same hosts, disks
/// and links, and is the same file again.
#[test]
fn a_short_description_is_written_as_a_simgrid_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.xml");
    let path = path.to_str().unwrap();
    let (code, out, err) = platform(&["quickstart.toml", "--to-xml", path]);
    assert_eq!((code, out, err.as_str()), (Some(0), format!("written to {path}\n"), ""));
    let (code, shown, err) = platform(&[path]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let (_, short, _) = platform(&["quickstart.toml"]);
    let disks_and_links = |shown: &str| {
        let begin = shown.find(" disks (").unwrap();
        shown[begin..shown.find(" zones").unwrap()].to_owned()
    };
    assert_eq!(disks_and_links(&shown), disks_and_links(&short));
    let (_, again, _) = platform(&[path, "--to-xml", "-"]);
    assert_eq!(again, std::fs::read_to_string(path).unwrap());
    // Nothing that is read is replaced.
    let (code, _, err) = platform(&[path, "--to-xml", path]);
    assert_ne!(code, Some(0), "{err}");
    let (code, _, err) = platform(&["quickstart.toml", "--to-xml", "-", "--svg", "-"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("two files would be written to the same place"), "{err}");
}

/// What an experiment has fail is listed, and is not part of the file.
#[test]
fn failures_are_listed() {
    let (code, out, _) = platform(&["node-lost.toml"]);
    assert_eq!(code, Some(0));
    let listed: Vec<&str> = out.lines().skip_while(|line| !line.contains("failures (1)")).collect();
    let cells = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(cells(listed[1]), "node2 off at 300 s, for 120 s", "{out}");
    let (_, json, _) = platform(&["node-lost.toml", "--json"]);
    let data: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(data["failures"][0]["for_s"], 120.0);
    let (code, out, err) = platform(&["node-lost.toml", "--to-xml", "-"]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("<?xml") && out.trim_end().ends_with("</platform>"), "{out}");
    assert_eq!(err, "note: the failures of the experiment are not part of the file\n");
}

/// The picture of `docs/platforms.md`.
#[test]
fn the_picture_in_the_documentation_is_what_is_drawn() {
    let (_, svg, _) = platform(&["quickstart.toml", "--svg", "-"]);
    isotherm_testing::assert_generated("docs/platform.svg", &svg);
}
