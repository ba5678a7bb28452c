//! Kinds of policies of a program, in experiment files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use isotherm_config::fields::{AtMost, Fields, takes};
use isotherm_config::schema::{Field, TableSpec, field, path, table};
use isotherm_experiment::policies::KindError;
use isotherm_experiment::{Experiment, Kinds, Overrides, RunOptions};
use isotherm_kernel::{Duration, Random, RandomStreams};
use isotherm_serverless::NodeId;
use isotherm_serverless::View;
use isotherm_serverless::eviction::{ContainerEviction, IdleContainer, Rank};
use isotherm_serverless::keep_alive::{IdleNow, Keep, KeepAlive};
use isotherm_serverless::scheduler::{ByNode, FirstFit, Placement, Plan, Scheduler};

use crate::common;

/// Three nodes of one slot, so that the node of an invocation is decided by the scheduler alone.
const STUDY: &str = r#"
name = "study"
workload = [
    { kind = "list", function = "a", at = ["0s", "10s", "20s"] },
    { kind = "list", function = "b", at = ["5s", "15s"] },
]
[platform]
nodes = { count = 3, cores = 1, memory = "2GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "50us" }
[[function]]
name = "a"
limits = { time = "60s", memory = "1GB" }
body = [{ sleep = "1s" }]
[[function]]
name = "b"
limits = { time = "60s", memory = "1GB" }
body = [{ sleep = "1s" }]
"#;

fn study(service: &str) -> String {
    format!("{STUDY}\n[service]\n{service}")
}

/// Places everything on one node.
struct Only(NodeId);

impl Scheduler for Only {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        let mut placement = Placement::new(view, plan);
        for pending in view.pending() {
            placement.place(pending, self.0);
        }
    }
}

const ONLY: &[Field] = &[field("node", takes::<u64>(), "The number of the node.").default("1")];

fn only(fields: &mut Fields<'_>) -> Option<impl Fn(&RandomStreams) -> Only + Send + Sync + use<>> {
    let node = fields.get::<u64>("node")?;
    let Ok(number @ 0..3) = u32::try_from(node) else {
        let place = fields.entry("node").map_or(fields.place(), |entry| entry.value.span);
        return fields.report().refuse(place, "there is no such node", "there are 3");
    };
    Some(move |_: &_| Only(NodeId(number)))
}

/// Keeps a container for a time for each of its uses.
struct ByUses(Duration);

impl KeepAlive for ByUses {
    fn keep(&mut self, idle: &IdleNow) -> Keep {
        Keep::For(self.0 * idle.uses)
    }
}

const BY_USES: &[Field] = &[field("each", takes::<Duration>(), "For each use.").like("\"5s\"")];

/// Ranks at random.
struct Drawn(Random);

impl ContainerEviction for Drawn {
    fn rank(&mut self, _: &View<'_>, _: &IdleContainer) -> Rank {
        Rank::of(self.0.uniform())
    }
}

fn kinds() -> Kinds {
    fn all() -> Result<Kinds, KindError> {
        Kinds::of("kinds-study 2")
            .with_scheduler(table("only", "one node").with(ONLY), only)?
            .with_keep_alive(
                table("by-uses", "the more often it was used").with(BY_USES),
                |fields| {
                    let each = fields.get("each")?;
                    Some(move |_: &_| ByUses(each))
                },
            )?
            .with_eviction(table("drawn", "one at random"), |_| {
                Some(|streams: &RandomStreams| Drawn(streams.stream("eviction/drawn")))
            })
    }
    all().unwrap_or_else(|error| panic!("{error}"))
}

fn read(text: &str) -> Result<Experiment, String> {
    read_as("study.toml", text, kinds())
}

fn read_as(name: &str, text: &str, kinds: Kinds) -> Result<Experiment, String> {
    let overrides = Overrides::default().with_kinds(kinds);
    let experiment = Experiment::parse(name, text, Path::new("."), &overrides);
    experiment.map_err(|errors| errors.render(false))
}

fn nodes(folder: &Path) -> Vec<String> {
    common::columns(folder, ["node"]).into_iter().map(|[node]| node).collect()
}

fn files(folder: &Path) -> [String; 3] {
    ["invocations.csv", "summary.json", "manifest.toml"]
        .map(|name| std::fs::read_to_string(folder.join(name)).unwrap())
}

#[test]
fn kinds_of_a_program_are_used_as_built_in_ones_are() {
    let text = study("scheduler = { kind = \"only\", node = 2 }\neviction = \"drawn\"\n");
    let text = text.replace(
        "name = \"b\"\n",
        "name = \"b\"\nkeep_alive = { kind = \"by-uses\", each = \"9500ms\" }\n",
    );
    let folder = tempfile::tempdir().unwrap();
    let report = common::run(&read(&text).unwrap(), folder.path());
    assert_eq!(nodes(folder.path()), ["node2"; 5]);
    // The second `b` arrives 9 s after the end of the first. All `a` are within 10 minutes.
    assert_eq!((report.summary.starts.cold, report.summary.starts.warm), (2, 3));
    let own = [
        "scheduler only of kinds-study 2",
        "keep_alive by-uses of kinds-study 2",
        "eviction drawn of kinds-study 2",
    ];
    assert_eq!(report.own_policies, own);
    let shorter = read(&text.replace("9500ms", "8500ms")).unwrap();
    let shorter = shorter.start(&shorter.runs()[0], RunOptions::default()).unwrap();
    assert_eq!(shorter.finish().unwrap().summary.starts.cold, 3);
}

/// With the defaults of descriptions; and it is enough for a run, which writes the same bytes.
#[test]
fn a_manifest_has_them_with_their_parameters() {
    let out = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| out.path().join(name));
    let service = "scheduler = \"only\"\nkeep_alive = { kind = \"by-uses\", each = \"5s\" }\n";
    common::run(&read(&study(service)).unwrap(), &first);
    assert_eq!(nodes(&first), ["node1"; 5]);
    let [records, summary, manifest] = files(&first);
    for line in [
        "own_policies = [\"scheduler only of kinds-study 2\", \"keep_alive by-uses of kinds-study 2\"]",
        "scheduler = { kind = \"only\", node = 1 }",
        "keep_alive = { kind = \"by-uses\", each = \"5s\" }",
    ] {
        assert!(manifest.lines().any(|found| found == line), "{line}: {manifest}");
    }
    let again = read(&manifest).unwrap();
    assert_eq!(again.warnings().render(false), "");
    common::run(&again, &second);
    assert_eq!(files(&second), [records, summary, manifest]);
}

#[test]
fn a_sweep_takes_them_and_their_parameters() {
    let nodes_of = |sweep: &str| {
        let text = study(&format!("scheduler = {{ kind = \"only\" }}\n[sweep]\n{sweep}\n"));
        let experiment = read(&text).unwrap();
        let run = |run| {
            let folder = tempfile::tempdir().unwrap();
            experiment.run(run, folder.path()).unwrap_or_else(|error| panic!("{error}"));
            nodes(folder.path()).remove(0)
        };
        experiment.runs().iter().map(run).collect::<Vec<_>>()
    };
    assert_eq!(nodes_of("service.scheduler = [\"only\", \"first-fit\"]"), ["node1", "node0"]);
    assert_eq!(nodes_of("service.scheduler.node = [2, 0]"), ["node2", "node0"]);
}

/// Functions with equal policies share one, as they do a built-in one; others do not.
#[test]
fn a_policy_is_made_once_for_each_set_of_parameters() {
    let made = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&made);
    let kinds = Kinds::of("counting")
        .with_keep_alive(table("by-uses", "").with(BY_USES), move |fields| {
            let (each, made) = (fields.get("each")?, Arc::clone(&count));
            Some(move |_: &_| {
                made.fetch_add(1, Ordering::Relaxed);
                ByUses(each)
            })
        })
        .unwrap();
    let made_by = |a: &str, b: &str| {
        let mut text = STUDY.to_owned();
        for (name, each) in [("a", a), ("b", b)] {
            let field = format!("keep_alive = {{ kind = \"by-uses\", each = \"{each}\" }}");
            text = text
                .replace(&format!("name = \"{name}\"\n"), &format!("name = \"{name}\"\n{field}\n"));
        }
        let experiment = read_as("study.toml", &text, kinds.clone()).unwrap();
        drop(experiment.start(&experiment.runs()[0], RunOptions::default()).unwrap());
        made.swap(0, Ordering::Relaxed)
    };
    assert_eq!(made_by("1s", "1s"), 1);
    assert_eq!(made_by("1s", "2s"), 2);
}

/// The scheduler of the run options stands in place of the file's, whatever that is.
#[test]
fn options_are_stronger_than_the_file() {
    let experiment = read(&study("scheduler = \"only\"\nkeep_alive = \"none\"\n")).unwrap();
    let options = RunOptions::default().with_scheduler(ByNode::new(FirstFit, false));
    let report = experiment.start(&experiment.runs()[0], options).unwrap().finish().unwrap();
    assert_eq!(report.own_policies, ["scheduler"]);
}

#[test]
fn wrong_files_get_the_messages_of_built_in_kinds() {
    let messages = |service: &str| read(&study(service)).unwrap_err();
    let [start, end] = ["scheduler = ", "\n"];
    let of = |scheduler: &str| messages(&format!("{start}{scheduler}{end}"));
    let expect = |messages: String, parts: &[&str]| {
        for part in parts {
            assert!(messages.contains(part), "{part}: {messages}");
        }
    };
    expect(of("\"onyl\""), &["unknown scheduler `onyl`\n", "^^^^^^ did you mean `only`?"]);
    expect(of("\"x\""), &["unknown scheduler `x`", "`workload-balancing` and `only`"]);
    expect(of("{ kind = 3 }"), &["must be a string", "`workload-balancing` and `only`"]);
    expect(
        of("{ kind = \"only\", nod = 2 }"),
        &["--> study.toml:21:30\n", "unknown field `nod`", "^^^ did you mean `node`?"],
    );
    expect(of("{ kind = \"only\", node = \"2s\" }"), &["expected a whole number, found a string"]);
    expect(of("{ kind = \"only\", node = 9 }"), &["there is no such node", "^ there are 3"]);
    expect(
        of("{ kind = \"first-fit\", node = 2 }"),
        &["`node` is a parameter of `only`, not of `first-fit`"],
    );
    expect(
        of("{ kind = \"only\", prefer_warm = true }"),
        &["and `power-of-two`, not of `only`", "`only` takes `node`"],
    );
    expect(
        messages("keep_alive = \"by-uses\"\n"),
        &[
            "`by-uses` needs its parameter `each`",
            "write it like { kind = \"by-uses\", each = \"5s\" }",
        ],
    );
    expect(
        messages("keep_alive = { kind = \"by-uses\" }\n"),
        &["missing field `each` in `by-uses`", "add `each = \"5s\"`"],
    );
    expect(messages("keep_alive = { kind = \"by-uses\", each = 5 }\n"), &["--> study.toml:21:41"]);
}

/// What the plain command says, which has the built-in kinds only.
#[test]
fn a_kind_that_is_not_built_in_may_be_a_programs_own() {
    let error = |name: &str, text: &str| read_as(name, text, Kinds::default()).unwrap_err();
    let messages = error("study.toml", &study("scheduler = { kind = \"only\", node = 2 }\n"));
    assert!(messages.contains("error: scheduler `only` is not built in\n"), "{messages}");
    assert!(
        messages.contains(
            "and `workload-balancing`; if it is a program's own, run the file by that program"
        ),
        "{messages}"
    );
    let json = r#"{ "service": { "eviction": "drawn" } }"#;
    assert!(error("study.json", json).contains("eviction `drawn` is not built in"));
    // A manifest says whose it is.
    let folder = tempfile::tempdir().unwrap();
    common::run(&read(&study("scheduler = \"only\"\n")).unwrap(), folder.path());
    let [.., manifest] = files(folder.path());
    let messages = error("manifest.toml", &manifest);
    assert!(messages.contains("error: scheduler `only` is not built in\n"), "{messages}");
    assert!(
        messages.contains(
            "^^^^^^ the run of this manifest had it from the program `kinds-study 2`: run it there"
        ),
        "{messages}"
    );
    // Another program with a kind of that name is told that it is another one.
    let other = Kinds::of("other").with_scheduler(table("only", "").with(ONLY), only).unwrap();
    let other = read_as("manifest.toml", &manifest, other).unwrap();
    let warnings = other.warnings().render(false);
    assert!(warnings.contains("had policies of the program that ran it"), "{warnings}");
}

/// A scheduler of this name and with these parameters.
fn added(name: &'static str, parameters: &'static [Field]) -> Result<(), String> {
    let spec = table(name, "").with(parameters);
    kinds()
        .with_scheduler(spec, |_| Some(|_: &_| Only(NodeId(0))))
        .map(drop)
        .map_err(|e| e.to_string())
}

#[test]
fn what_cannot_be_a_kind_is_an_error_at_once() {
    assert_eq!(added("further", &[]), Ok(()));
    let error = |name, parameters| added(name, parameters).unwrap_err();
    assert_eq!(
        error("first-fit", &[]),
        "there is already a scheduler `first-fit`, which is built in: choose another name"
    );
    assert_eq!(error("only", &[]), "there is already a scheduler `only`: choose another name");
    for name in ["", "Mine", "my own", "-mine", "mine-", "a--b", "2nd", "my_own", "größe"] {
        let message = error(name, &[]);
        assert!(message.starts_with(&format!("`{name}` cannot be the name of")), "{message}");
    }
    let none =
        Kinds::default().with_scheduler(table("mine", ""), |_| Some(|_: &_| Only(NodeId(0))));
    assert_eq!(
        none.unwrap_err().to_string(),
        "manifests name the program that has scheduler `mine`: begin with `Kinds::of(...)`"
    );
    const NUMBER: Field = field("n", takes::<u64>(), "").default("1");
    const WRONG: &[(&[Field], &str)] = &[
        (
            &[field("kind", takes::<u64>(), "")],
            "`kind` of scheduler `mine` has the name of the field",
        ),
        (
            &[field("Node", takes::<u64>(), "")],
            "`Node` of scheduler `mine` has a name that is not of",
        ),
        (&[NUMBER, NUMBER], "`n` of scheduler `mine` is described twice"),
        (&[field("file", path("a path", "\"x\""), "")], "`file` of scheduler `mine` is a path"),
        (&[field("n", takes::<u64>(), "").like("")], "`n` of scheduler `mine` has no example"),
        (&[field("n", takes::<u64>(), "").default("5 s")], "has a default that is not TOML"),
    ];
    for (parameters, expected) in WRONG {
        let message = error("mine", parameters);
        assert!(message.starts_with("parameter ") && message.contains(expected), "{message}");
    }
}

/// A kind is read once from its own description when it is added.
#[test]
fn a_kind_that_cannot_read_its_description_is_an_error_at_once() {
    fn error(
        spec: TableSpec,
        read: impl Fn(&mut Fields<'_>) -> Option<u64> + Send + Sync + 'static,
    ) -> String {
        let read = move |fields: &mut Fields<'_>| read(fields).map(|_| |_: &_| Only(NodeId(0)));
        Kinds::of("p").with_scheduler(spec, read).unwrap_err().to_string()
    }
    const DEFAULT: &[Field] = &[field("n", takes::<u64>(), "").default("\"many\"")];
    assert_eq!(
        error(table("mine", "").with(DEFAULT), |fields| fields.get("n")),
        "scheduler `mine` cannot be read from its own description, { kind = \"mine\" }: expected a \
         whole number, found a string"
    );
    const EXAMPLE: &[Field] = &[field("n", takes::<AtMost<8>>(), "").like("9")];
    assert_eq!(
        error(table("mine", "").with(EXAMPLE), |fields| fields
            .get::<AtMost<8>>("n")
            .map(|n| n.0.into())),
        "scheduler `mine` cannot be read from its own description, { kind = \"mine\", n = 9 }: this \
         number is out of range"
    );
    assert!(
        error(table("mine", ""), |fields| fields.get("m"))
            .ends_with("field `m` of mine is not described")
    );
    assert!(
        error(table("mine", ""), |_| None)
            .ends_with("scheduler `mine` does not take these parameters")
    );
}
