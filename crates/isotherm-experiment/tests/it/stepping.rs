//! Runs that are advanced from outside, and policies of the program that runs them.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_experiment::{
    Experiment, ExperimentError, Overrides, Reached, RunOptions, RunReport, Running,
};
use isotherm_kernel::{Duration, Time};
use isotherm_serverless::eviction::{ContainerEviction, IdleContainer, Rank};
use isotherm_serverless::keep_alive::{Fixed, IdleNow, Keep, KeepAlive};
use isotherm_serverless::scheduler::{ByNode, FirstFit, Placement, Plan, Scheduler};
use isotherm_serverless::{CallerDecides, Decision, EventKind, NodeId, NotAsked, View};
use proptest::prelude::*;

use crate::common;

/// Open and closed loops, images that have to be moved, bodies that invoke, containers that are
/// evicted, links that are off for a while.
const STUDY: &str = r#"
name = "study"
seed = 7
service = { scheduler = "first-fit", keep_alive = { kind = "fixed", idle = "20s" } }
output = { timeseries = true, trace = "trace.json" }
image = [{ name = "python", size = "250MB", memory = "120MB" }]
workload = [
    { kind = "poisson", function = "thumbnail", rate = "2/s", until = "60s" },
    { kind = "poisson", function = "report", rate = "10/min", until = "60s" },
    { kind = "closed", function = "login", clients = 3, think = "1s", until = "60s" },
]
[platform]
nodes = { count = 3, cores = 2, memory = "2GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "50us" }
[[function]]
name = "thumbnail"
image = "python"
limits = { time = "60s", memory = "512MB" }
body = [{ sleep = "700ms" }]
[[function]]
name = "report"
limits = { time = "60s", memory = "256MB" }
body = [{ invoke = "thumbnail" }, { compute = "1Gf" }]
[[function]]
name = "login"
limits = { time = "60s", memory = "1GB" }
startup = "300ms"
body = [{ sleep = "2s" }]
"#;

fn secs(secs: f64) -> Time {
    Time::from_secs_f64(secs)
}

fn start(experiment: &Experiment, options: RunOptions) -> Running {
    experiment.start(&experiment.runs()[0], options).unwrap_or_else(|error| panic!("{error}"))
}

/// The bytes of the results in a folder.
fn files(folder: &Path) -> [String; 7] {
    [
        "invocations.csv",
        "functions.csv",
        "nodes.csv",
        "timeseries-links.csv",
        "trace.json",
        "summary.json",
        "manifest.toml",
    ]
    .map(|name| std::fs::read_to_string(folder.join(name)).unwrap())
}

fn rounds() -> RunOptions {
    RunOptions::default().with_kept_records().with_caller_deciding(CallerDecides::ROUNDS)
}

/// Lets a scheduler answer all that a run asks up to a date.
fn answer_until(run: &mut Running, date: Time, scheduler: &mut dyn Scheduler) {
    let mut plan = Plan::default();
    while let Reached::Decision(decision) = run.advance_until(date).unwrap() {
        assert!(matches!(decision, Decision::Round));
        plan.clear();
        run.view(|view| scheduler.round(view, &mut plan));
        run.answer(plan.clone()).unwrap();
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(400))]

    #[test]
    fn advanced_in_any_steps_it_writes_the_same_bytes(
        steps in prop::collection::vec(0.0f64..9.0, 0..30),
    ) {
        let experiment = common::parsed(STUDY);
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [whole, stepped] = [0, 1].map(|index: usize| folders[index].path());
        let expected = common::run(&experiment, whole);
        let options = RunOptions::default();
        let mut run = experiment.start_in(&experiment.runs()[0], stepped, options).unwrap();
        for step in steps {
            let date = run.now() + Duration::from_secs_f64(step);
            match run.advance_until(date).unwrap() {
                Reached::Date => prop_assert_eq!(run.now(), date),
                Reached::End(at) => prop_assert!(at <= date),
                Reached::Decision(_) => prop_assert!(false, "nothing is left to the caller"),
            }
            prop_assert_eq!(run.view(|view| view.nodes()), 3);
        }
        prop_assert_eq!(run.finish().unwrap(), expected);
        prop_assert_eq!(files(stepped), files(whole));
    }
}

#[test]
fn a_caller_that_answers_like_a_policy_gets_its_results() {
    let experiment = common::parsed(STUDY);
    let [by_policy, by_caller] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    common::run(&experiment, by_policy.path());
    let options =
        RunOptions::default().with_caller_deciding(CallerDecides { rounds: true, keep: true });
    let mut run = experiment.start_in(&experiment.runs()[0], by_caller.path(), options).unwrap();
    let (mut scheduler, mut plan) = (ByNode::new(FirstFit, true), Plan::default());
    let mut keep_alive = Fixed::new(Duration::from_secs(20));
    let (mut rounds, mut kept) = (0, 0);
    while let Some(decision) = run.until_decision().unwrap() {
        match decision {
            Decision::Round => {
                rounds += 1;
                plan.clear();
                run.view(|view| scheduler.round(view, &mut plan));
                run.answer(plan.clone()).unwrap();
            }
            Decision::Keep(idle) => {
                kept += 1;
                run.answer(keep_alive.keep(&idle)).unwrap();
            }
        }
    }
    assert!(rounds > 100 && kept > 100, "{rounds} rounds, {kept} idle containers");
    let report = run.finish().unwrap();
    assert_eq!(report.own_policies, ["scheduler", "keep_alive"]);
    let ([expected, ..], [records, .., manifest]) =
        (files(by_policy.path()), files(by_caller.path()));
    assert_eq!(records, expected);
    assert!(manifest.contains("own_policies = [\"scheduler\", \"keep_alive\"]"), "{manifest}");
}

/// The first, or the last, node that has room.
struct Fit {
    last: bool,
}

impl Scheduler for Fit {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        let mut placement = Placement::new(view, plan);
        for pending in view.pending() {
            let mut nodes: Vec<NodeId> = view.with_free_slot().iter().collect();
            if self.last {
                nodes.reverse();
            }
            if let Some(node) =
                nodes.into_iter().find(|&node| placement.has_place(pending.function, node))
            {
                placement.place(pending, node);
            }
        }
    }
}

#[test]
fn a_replay_is_a_fork() {
    let experiment = common::parsed(STUDY);
    let mut run = start(&experiment, rounds());
    answer_until(&mut run, secs(40.0), &mut Fit { last: false });
    let mut fork = run.replay_to(secs(25.0), rounds()).unwrap();
    assert_eq!(fork.now(), secs(25.0));
    let mut other = run.replay_to(secs(25.0), rounds()).unwrap();
    answer_until(&mut run, Time::NEVER, &mut Fit { last: false });
    answer_until(&mut fork, Time::NEVER, &mut Fit { last: false });
    answer_until(&mut other, Time::NEVER, &mut Fit { last: true });
    let (expected, other) = (run.records(), other.records());
    assert_eq!(fork.records(), expected, "the same answers");
    assert_eq!(fork.finish().unwrap(), run.finish().unwrap());
    let until = |records: &[isotherm_serverless::InvocationRecord]| {
        records.iter().take_while(|record| record.finished < secs(25.0)).count()
    };
    let same = until(&expected);
    assert!(same > 20, "{same}");
    assert_eq!(other[..same], expected[..same], "the same until then");
    assert_ne!(other, expected, "other answers");
}

#[test]
fn a_scheduler_may_go_on_with_another_run() {
    let experiment = common::parsed(STUDY);
    let (mut run, mut scheduler) = (start(&experiment, rounds()), ByNode::new(FirstFit, true));
    answer_until(&mut run, secs(40.0), &mut scheduler);
    let mut fork = run.replay_to(secs(5.0), rounds()).unwrap();
    answer_until(&mut fork, Time::NEVER, &mut scheduler);
    answer_until(&mut run, Time::NEVER, &mut scheduler);
    assert_eq!(fork.finish().unwrap().summary.starts, run.finish().unwrap().summary.starts);
}

#[test]
fn a_copy_that_asks_for_something_else_is_an_error() {
    let experiment = common::parsed(STUDY);
    let mut run = start(&experiment, rounds());
    answer_until(&mut run, secs(30.0), &mut Fit { last: false });
    let options =
        RunOptions::default().with_caller_deciding(CallerDecides { rounds: false, keep: true });
    let error = run.replay_to(secs(30.0), options).err().expect("it has other options");
    assert!(matches!(error, ExperimentError::OtherRun { .. }), "{error}");
}

#[test]
fn a_copy_that_asks_for_nothing_is_an_error() {
    let experiment = common::parsed(STUDY);
    let mut run = start(&experiment, rounds());
    answer_until(&mut run, secs(30.0), &mut Fit { last: false });
    let error = run.replay_to(secs(30.0), RunOptions::default()).err().expect("other options");
    assert!(matches!(error, ExperimentError::OtherRun { .. }), "{error}");
}

/// Clients go on after the trace has turned out to be broken.
#[test]
fn a_run_that_has_failed_is_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.csv"), "function,at\nlogin,1\nlogin,oops\n").unwrap();
    let trace = r#"
    { kind = "csv", file = "broken.csv", columns = { function = "function", arrival = "at" }, units = { arrival = "s" } },
    { kind = "closed""#;
    let text = STUDY.replace("\n    { kind = \"closed\"", trace);
    let experiment =
        Experiment::parse("study.toml", &text, folder.path(), &Overrides::default()).unwrap();
    let out = folder.path().join("out");
    let mut run = experiment.start_in(&experiment.runs()[0], &out, RunOptions::default()).unwrap();
    let error = loop {
        let date = run.now() + Duration::from_secs(1);
        match run.advance_until(date) {
            Ok(reached) => assert!(matches!(reached, Reached::Date), "{reached:?}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ExperimentError::Input(_)), "{error}");
    assert!(run.advance_until(secs(90.0)).is_err());
    assert!(run.finish().is_err());
    assert!(!out.join("summary.json").exists());
}

#[test]
fn only_what_is_asked_can_be_answered() {
    let experiment = common::parsed(STUDY);
    let mut run = start(&experiment, rounds());
    assert_eq!(run.answer(Keep::No), Err(NotAsked::Nothing));
    assert!(run.until_decision().unwrap().is_some());
    let error = run.answer(Keep::No).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the answer decides what to do with an idle container, but a scheduling round is asked for"
    );
    // It does not move before it is answered.
    let now = run.now();
    assert!(matches!(run.advance_until(secs(9.0)).unwrap(), Reached::Decision(Decision::Round)));
    assert_eq!(run.now(), now);
    run.answer(Plan::default()).unwrap();
    assert!(run.until_decision().unwrap().is_some());
    let error = run.finish().unwrap_err();
    assert_eq!(error.to_string(), "the run waits for its caller to decide a scheduling round");
}

#[test]
fn a_run_without_answers_names_what_waits() {
    let text = STUDY.replace("until = \"60s\"", "until = \"2s\"");
    let experiment = common::parsed(&text);
    let mut run = start(&experiment, rounds());
    // Empty answers place nothing, and then nothing happens any more.
    let error = loop {
        match run.until_decision() {
            Ok(Some(_)) => run.answer(Plan::default()).unwrap(),
            Ok(None) => panic!("nothing was placed"),
            Err(error) => break error,
        }
    };
    let notes = error.notes().join("; ");
    assert!(notes.contains("the scheduler, which places"), "{error}: {notes}");
}

/// What the policies of a run were asked.
#[derive(Default)]
struct Asked {
    placed: u64,
    kept: u64,
    ranked: u64,
    ended: u64,
}

#[derive(Clone, Default)]
struct Mine(Rc<RefCell<Asked>>);

impl Scheduler for Mine {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        self.0.borrow_mut().placed += 1;
        Fit { last: true }.round(view, plan);
    }
}

impl KeepAlive for Mine {
    fn keep(&mut self, _: &IdleNow) -> Keep {
        self.0.borrow_mut().kept += 1;
        Keep::For(Duration::from_secs(3))
    }
}

impl ContainerEviction for Mine {
    fn rank(&mut self, _: &View<'_>, idle: &IdleContainer) -> Rank {
        self.0.borrow_mut().ranked += 1;
        Rank::whole(idle.id.0)
    }
}

#[test]
fn policies_of_a_program_replace_those_of_the_experiment() {
    let experiment = common::parsed(STUDY);
    let folder = tempfile::tempdir().unwrap();
    let mine = Mine::default();
    let counter = mine.clone();
    let options = RunOptions::default()
        .with_scheduler(mine.clone())
        .with_keep_alive(mine.clone())
        .with_eviction(mine.clone())
        .with_observer(move |event| {
            let ended = matches!(event.kind, EventKind::Ended { .. });
            counter.0.borrow_mut().ended += u64::from(ended);
        });
    let report: RunReport =
        experiment.run_with(&experiment.runs()[0], folder.path(), options).unwrap();
    let asked = mine.0.borrow();
    assert!(asked.placed > 100 && asked.kept > 100 && asked.ranked > 100);
    let nodes = common::columns(folder.path(), ["node"]);
    assert_eq!(asked.ended, nodes.len() as u64);
    // The last node that has room, in place of the first.
    let first_fit = tempfile::tempdir().unwrap();
    common::run(&experiment, first_fit.path());
    let before = common::columns(first_fit.path(), ["node"]);
    let on_last = |nodes: &[[String; 1]]| nodes.iter().filter(|[node]| node == "node2").count();
    assert!(on_last(&nodes) > on_last(&before), "{} of {}", on_last(&nodes), on_last(&before));
    // The manifest does not pretend to be the whole of it.
    assert_eq!(report.own_policies, ["scheduler", "keep_alive", "eviction"]);
    let manifest = folder.path().join("manifest.toml");
    let again = Experiment::load(&manifest, &Overrides::default()).unwrap();
    let warnings = again.warnings().render(false);
    assert!(warnings.contains("had policies of the program that ran it"), "{warnings}");
    assert_eq!(experiment.warnings().render(false), "");
}

/// A run outlives its experiment, and shares the plan with it instead of copying it.
#[test]
fn a_run_owns_what_it_needs() {
    let started = || {
        let experiment = common::parsed(STUDY);
        let run = start(&experiment, RunOptions::default());
        assert_eq!(Arc::strong_count(&experiment.runs()[0].plan), 2);
        run
    };
    let experiment = common::parsed(STUDY);
    let whole = start(&experiment, RunOptions::default()).finish().unwrap();
    assert_eq!(started().finish().unwrap(), whole);
}
