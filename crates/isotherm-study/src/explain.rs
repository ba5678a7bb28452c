//! Why an invocation took as long as it did, and why it ran where it did.
//!
//! The records of a run say when something happened; [`explain`] says what the platform was like
//! then. It repeats the run from its manifest, which gives the same run again: once until the
//! invocation has ended, to learn its dates, and once until just before it was dispatched, to look
//! at the platform. It is another run if a file has changed that the experiment names: the manifest
//! has the hashes of these files, which are compared. And all records up to that of the invocation
//! must be the same, if the run has kept them: another build may give others.

use std::cell::RefCell;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use isotherm_experiment::{
    Diagnostics, Experiment, ExperimentError, Overrides, Results, ResultsError, RunOptions, Running,
};
use isotherm_kernel::{Duration, Time};
use isotherm_platform::quantity::{self, size};
use isotherm_serverless::scheduler::Nearness;
use isotherm_serverless::{
    ColdReason, EventKind, FunctionId, InvocationId, InvocationRecord, Need, NodeId, Outcome,
    PlatformEvent, StartKind, View, WaitedFor,
};

use crate::each_record::each_record;
use crate::written::{Unreadable, Written};

/// The life of an invocation, with what the platform was like when it was dispatched.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Its record.
    pub record: InvocationRecord,
    /// What it waited for between its submission and the beginning of its body, in this order;
    /// waits of no time are left out.
    pub waits: Vec<(WaitedFor, Duration)>,
    /// How many other invocations waited for the download of its image just before it had come;
    /// `None` if it did not wait for that.
    pub waited_beside: Option<usize>,
    /// The platform just before it was dispatched, or ended without that; `None` if that was at the
    /// beginning of the simulation.
    pub before: Option<Situation>,
}

/// The platform at a date.
#[derive(Clone, Debug)]
pub struct Situation {
    /// The date before which it is looked at: everything earlier has happened, and nothing of this
    /// date.
    pub before: Time,
    /// Invocations that were schedulable and not dispatched.
    pub pending: usize,
    /// Those of the same function.
    pub pending_of_function: usize,
    /// Containers of the function, busy and idle.
    pub containers: u32,
    /// How many invocations of the function ran.
    pub running: u32,
    /// How many other invocations were dispatched at this date, before it.
    pub dispatched_before: u64,
    /// How many containers of the function were started at this date, before it was dispatched.
    pub started_before: u64,
    /// What a container of the function needs.
    pub need: Need,
    /// The compute hosts.
    pub nodes: Vec<Candidate>,
}

/// A compute host at that date.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name.
    pub node: String,
    /// Whether the invocation was dispatched to it.
    pub was_chosen: bool,
    /// Whether a container of the function could take the invocation there.
    pub standing: Standing,
}

/// What stood for or against a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its host was off, or did not take part.
    Away,
    /// Its slots were in use.
    NoSlot {
        /// How many there are.
        slots: Option<u32>,
    },
    /// An idle container of the function was there.
    IdleContainer,
    /// There was not enough memory or disk space for another container and its image.
    NoRoom {
        /// What could be had: free, or held by unused images or idle containers.
        obtainable: Need,
    },
    /// There was room for a container.
    Room {
        /// Where the function's image was; `None` if it was not there.
        image: Option<Nearness>,
        /// Whether the function has an image.
        has_image: bool,
    },
}

/// Why an invocation cannot be explained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The folder does not hold the results of a run.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The manifest, or a file that it names, cannot be read any more.
    #[error("the run cannot be repeated from its manifest: {0}")]
    Input(Diagnostics),
    /// The run that is repeated fails.
    #[error("the run cannot be repeated: {0}")]
    Run(#[from] ExperimentError),
    /// The run has made no such invocation.
    #[error("there is no invocation {id}: the run has made {made}, which are counted from 0")]
    Unknown {
        /// The number that was given.
        id: u64,
        /// How many invocations there are.
        made: u64,
    },
    /// A file has changed that the run has read.
    #[error("the run cannot be repeated: `{}`, which it has read, has changed since", .0.display())]
    InputChanged(PathBuf),
    /// The repeated run is another one.
    #[error(
        "the run is another one when it is repeated up to invocation {id}: a file that the \
         experiment names has changed, or its results are of another version"
    )]
    Changed {
        /// Its number.
        id: u64,
    },
    /// The records cannot be read.
    #[error(transparent)]
    Records(#[from] Unreadable),
}

impl From<Diagnostics> for ExplainError {
    fn from(diagnostics: Diagnostics) -> Self {
        ExplainError::Input(diagnostics)
    }
}

/// Explains an invocation of a run, given by its number in the records, from the folder of the
/// results.
///
/// # Errors
/// The results are incomplete, the run cannot be repeated, or it has made no such invocation.
pub fn explain(results: &Path, id: u64) -> Result<Explanation, ExplainError> {
    let results = Results::open(results)?;
    if let Some(path) = results.changed_input() {
        return Err(ExplainError::InputChanged(path));
    }
    let experiment = Experiment::load(&results.manifest(), &Overrides::default())?;
    let written = results.invocations().map(|path| Written::open(&path)).transpose()?;
    let Lived { record, function, node, dispatched, started } = lived(&experiment, id, written)?;
    let mut run = begin(&experiment, RunOptions::default())?;
    let mut waited_beside = None;
    if let Some(admitted) = record.admitted
        && !record.download_wait.is_zero()
    {
        advance_to_before(&mut run, admitted)?;
        let waiting = run.view(|view| view.waiting_for(view.image_of(function)?).checked_sub(1));
        waited_beside = waiting;
    }
    let date = record.dispatched.unwrap_or(record.finished);
    let mut before = None;
    if date > Time::ZERO {
        advance_to_before(&mut run, date)?;
        let seen = run.view(|view| seen(view, date, function, node));
        before = Some(Situation { dispatched_before: dispatched, started_before: started, ..seen });
    }
    let waits = record.waits().into_iter().filter(|(_, time)| !time.is_zero()).collect();
    Ok(Explanation { waits, waited_beside, before, record })
}

/// What the first repetition tells.
struct Lived {
    record: InvocationRecord,
    function: FunctionId,
    node: Option<NodeId>,
    /// Other invocations that were dispatched at the same date, before it.
    dispatched: u64,
    /// Containers of its function that were started at the same date, before it was dispatched.
    started: u64,
}

/// What events say of an invocation.
#[derive(Default)]
struct Heard {
    submitted: u64,
    function: Option<FunctionId>,
    node: Option<NodeId>,
    /// The date of the last event until it was dispatched, and what happened at that date.
    date: Time,
    dispatched: u64,
    /// The functions whose containers were started.
    started: Vec<FunctionId>,
    /// Whether the last of them is for the invocation that is dispatched next.
    is_for_it: bool,
}

impl Heard {
    fn hear(&mut self, event: &PlatformEvent, id: u64) {
        if let EventKind::Submitted { invocation, function } = event.kind {
            self.submitted += 1;
            if invocation.0 == id {
                self.function = Some(function);
            }
        }
        if self.node.is_some() {
            return;
        }
        if event.at != self.date {
            (self.date, self.dispatched) = (event.at, 0);
            self.started.clear();
        }
        match event.kind {
            EventKind::Dispatched { invocation, node, .. } if invocation.0 == id => {
                self.node = Some(node);
                if self.is_for_it {
                    self.started.pop();
                }
            }
            EventKind::Dispatched { .. } => {
                self.dispatched += 1;
                self.is_for_it = false;
            }
            EventKind::ContainerStarted { function, .. } => {
                self.started.push(function);
                self.is_for_it = true;
            }
            EventKind::Prewarmed { .. } | EventKind::ContainerPlaced { .. } => {
                self.is_for_it = false;
            }
            _ => {}
        }
    }
}

fn begin(experiment: &Experiment, options: RunOptions) -> Result<Running, ExplainError> {
    // A manifest is of one run.
    Ok(experiment.start(&experiment.runs()[0], options)?)
}

/// Runs until the invocation has ended, as long as the records are those that were written.
fn lived(
    experiment: &Experiment,
    id: u64,
    mut written: Option<Written>,
) -> Result<Lived, ExplainError> {
    let heard = Rc::new(RefCell::new(Heard::default()));
    let hear = {
        let heard = Rc::clone(&heard);
        move |event: &PlatformEvent| heard.borrow_mut().hear(event, id)
    };
    let options = RunOptions::default().with_kept_records().with_observer(hear);
    let mut run = begin(experiment, options)?;
    let (mut found, mut as_written) = (None, Ok(true));
    each_record(&mut run, |record| {
        if let Some(written) = &mut written {
            as_written = written.has_next(&record);
            if !matches!(as_written, Ok(true)) {
                return ControlFlow::Break(());
            }
        }
        if record.id != InvocationId(id) {
            return ControlFlow::Continue(());
        }
        found = Some(record);
        ControlFlow::Break(())
    })?;
    if !as_written? {
        return Err(ExplainError::Changed { id });
    }
    let heard = heard.borrow();
    match found.zip(heard.function) {
        Some((record, function)) => {
            let Heard { node, dispatched, .. } = *heard;
            let started = heard.started.iter().filter(|one| **one == function).count() as u64;
            Ok(Lived { record, function, node, dispatched, started })
        }
        None => Err(ExplainError::Unknown { id, made: heard.submitted }),
    }
}

/// Runs until just before a date.
fn advance_to_before(run: &mut Running, date: Time) -> Result<(), ExplainError> {
    run.advance_until(Time::from_nanos(date.as_nanos().saturating_sub(1)))?;
    Ok(())
}

fn seen(view: &View<'_>, before: Time, function: FunctionId, chosen: Option<NodeId>) -> Situation {
    let nodes = (0..view.nodes() as u32).map(NodeId);
    let candidate = |node| Candidate {
        node: view.host_name(node).to_owned(),
        was_chosen: chosen == Some(node),
        standing: standing(view, function, node),
    };
    Situation {
        before,
        pending: view.queue_len(),
        pending_of_function: view.pending_count(function),
        containers: view.containers_of(function),
        running: view.running_of(function),
        dispatched_before: 0,
        started_before: 0,
        need: view.need_of(function),
        nodes: nodes.map(candidate).collect(),
    }
}

fn standing(view: &View<'_>, function: FunctionId, node: NodeId) -> Standing {
    if !view.is_up(node) {
        return Standing::Away;
    }
    if view.free_slots(node) == 0 {
        return Standing::NoSlot { slots: view.slots(node) };
    }
    if view.has_idle_on(function, node) {
        return Standing::IdleContainer;
    }
    if !view.has_room(function, node, Need::default()) {
        return Standing::NoRoom { obtainable: view.obtainable(node) };
    }
    let near = |image| {
        let sets = [
            (Nearness::InMemory, view.in_memory(image)),
            (Nearness::Loading, view.loading(image)),
            (Nearness::OnDisk, view.on_disk(image)),
            (Nearness::Copying, view.copying(image)),
        ];
        sets.into_iter().find(|(_, nodes)| nodes.contains(node)).map(|(near, _)| near)
    };
    let image = view.image_of(function);
    Standing::Room { image: image.and_then(near), has_image: image.is_some() }
}

/// More nodes than this are counted by what stood for or against them.
const MOST_NODES: usize = 16;

fn waited_for(what: WaitedFor) -> &'static str {
    match what {
        WaitedFor::Concurrency => "its turn at a concurrency limit",
        WaitedFor::Download => "the download of its image to the head host",
        WaitedFor::Copy => "the copy of its image to the node",
        WaitedFor::Load => "the load of its image into the node's memory",
        WaitedFor::Place => "a slot, room, or invocations before it",
        WaitedFor::StartUp => "the start-up of its container",
    }
}

/// Why an invocation had a cold start.
fn why_cold(reason: ColdReason) -> &'static str {
    match reason {
        ColdReason::Starting => "it joined a container that was still starting",
        ColdReason::PrewarmLate => "a container was started ahead for it, or was to be, too late",
        ColdReason::Elsewhere => "a container of the function had a free place on another node",
        ColdReason::Busy => "all containers of the function were busy",
        ColdReason::PrewarmSkipped => "there had been no room to start a container ahead",
        ColdReason::Lost => "the last container of the function was lost with its host",
        ColdReason::Evicted => "the last container of the function was evicted",
        ColdReason::Expired => "the keep-alive time of the last container had passed",
        ColdReason::Discarded => "the last container was discarded after a failure",
        ColdReason::NotKept => "the last container was not kept",
        ColdReason::First => "it was the first of its function",
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvocationRecord { id, function, image, submitted, finished, .. } = &self.record;
        write!(f, "Invocation {id} of function `{function}`")?;
        match image {
            Some(image) => writeln!(f, " (image `{image}`)")?,
            None => writeln!(f)?,
        }
        let response = self.record.response();
        let how = match (self.record.outcome, &self.record.cause) {
            (Outcome::Completed, _) => "completed".to_owned(),
            (outcome, None) => outcome.name().replace('_', " "),
            (outcome, Some(cause)) => format!("{}: {cause}", outcome.name().replace('_', " ")),
        };
        writeln!(
            f,
            "It was submitted at {submitted:.6} s and ended at {finished:.6} s, \
             after {response:.6} s."
        )?;
        writeln!(f, "Outcome: {how}.")?;
        writeln!(f)?;
        self.write_times(f)?;
        self.write_start(f)?;
        match &self.before {
            Some(before) => before.write(f, self.record.dispatched.is_some()),
            None => writeln!(f, "\nThat was at the beginning of the simulation."),
        }
    }
}

impl Explanation {
    fn write_times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.waits.is_empty() {
            writeln!(f, "It waited for nothing.")?;
        }
        for (what, time) in &self.waits {
            write!(f, "It waited {time:.6} s for {}", waited_for(*what))?;
            match self.waited_beside.filter(|_| *what == WaitedFor::Download) {
                Some(1) => writeln!(f, ", beside 1 other.")?,
                Some(others) if others > 1 => writeln!(f, ", beside {others} others.")?,
                _ => writeln!(f, ".")?,
            }
        }
        match self.record.execution() {
            Some(time) => writeln!(f, "Its body ran for {time:.6} s."),
            None => writeln!(f, "Its body never began."),
        }
    }

    fn write_start(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvocationRecord { start_kind, node, container, dispatched, .. } = &self.record;
        let (Some(kind), Some(node), Some(container), Some(at)) =
            (start_kind, node, container, dispatched)
        else {
            return writeln!(f, "It was never dispatched.");
        };
        write!(f, "At {at:.6} s it was dispatched to container {container} on `{node}`, ")?;
        match kind {
            StartKind::Warm => writeln!(f, "which was ready: a warm start."),
            StartKind::Cold => writeln!(f, "which was not ready: a cold start."),
        }?;
        let Some(cold) = &self.record.cold_start else { return Ok(()) };
        write!(f, "Why: {}", why_cold(cold.reason))?;
        match &cold.last_gone {
            Some(gone) => {
                write!(f, "; the last one ended at {:.6} s ({})", gone.at, gone.cause.name())?;
                match &gone.evicted_for {
                    Some(function) => writeln!(f, ", for `{function}`."),
                    None => writeln!(f, "."),
                }
            }
            None => writeln!(f, "."),
        }
    }
}

impl Situation {
    fn write(&self, f: &mut fmt::Formatter<'_>, was_dispatched: bool) -> fmt::Result {
        let moment = if was_dispatched { "it was dispatched" } else { "it ended" };
        writeln!(f, "\nJust before the date at which {moment}:")?;
        writeln!(
            f,
            "  {} pending, {} of this function",
            counted(self.pending, "invocation was", "invocations were"),
            self.pending_of_function
        )?;
        let containers = counted(self.containers as usize, "container", "containers");
        writeln!(f, "  the function had {containers} and {} running", self.running)?;
        if was_dispatched && self.dispatched_before > 0 {
            let others =
                counted(self.dispatched_before as usize, "invocation was", "invocations were");
            let started = counted(self.started_before as usize, "container was", "containers were");
            writeln!(
                f,
                "  at that date, {others} dispatched before it, and {started} started for the \
                 function"
            )?;
        }
        writeln!(f)?;
        if self.nodes.len() <= MOST_NODES {
            for candidate in &self.nodes {
                self.write_candidate(f, candidate)?;
            }
            return Ok(());
        }
        for chosen in self.nodes.iter().filter(|candidate| candidate.was_chosen) {
            self.write_candidate(f, chosen)?;
        }
        let others = self.nodes.iter().filter(|candidate| !candidate.was_chosen);
        let mut groups: Vec<(&str, usize)> = Vec::new();
        for candidate in others {
            let why = candidate.standing.in_general();
            match groups.iter_mut().find(|(known, _)| *known == why) {
                Some((_, count)) => *count += 1,
                None => groups.push((why, 1)),
            }
        }
        for (why, count) in groups {
            writeln!(f, "  {}: {why}", counted(count, "other node", "other nodes"))?;
        }
        Ok(())
    }

    fn write_candidate(&self, f: &mut fmt::Formatter<'_>, candidate: &Candidate) -> fmt::Result {
        let chosen = if candidate.was_chosen { "chosen; " } else { "" };
        write!(f, "  {}: {chosen}{}", candidate.node, candidate.standing.in_general())?;
        match candidate.standing {
            Standing::NoSlot { slots: Some(slots) } => writeln!(f, " (of {slots})"),
            Standing::NoRoom { obtainable } => {
                let Need { memory_bytes, disk_bytes } = self.need;
                writeln!(
                    f,
                    " (a container needs {} of memory and {} of disk; {} and {} could be had)",
                    size(memory_bytes),
                    size(disk_bytes),
                    size(obtainable.memory_bytes),
                    size(obtainable.disk_bytes)
                )
            }
            _ => writeln!(f),
        }
    }
}

impl Standing {
    /// It in words that are the same for many nodes.
    fn in_general(self) -> &'static str {
        match self {
            Standing::Away => "its host was off or did not take part",
            Standing::NoSlot { .. } => "no slot was free",
            Standing::IdleContainer => "an idle container of the function was there",
            Standing::NoRoom { .. } => "no room for a container with its image",
            Standing::Room { has_image: false, .. } => "there was room for a container",
            Standing::Room { image: None, .. } => {
                "there was room for a container, but the image was not there"
            }
            Standing::Room { image: Some(Nearness::InMemory), .. } => {
                "there was room for a container, and the image was in memory"
            }
            Standing::Room { image: Some(Nearness::Loading), .. } => {
                "there was room for a container, and the image was being loaded into memory"
            }
            Standing::Room { image: Some(Nearness::OnDisk), .. } => {
                "there was room for a container, and the image was on disk"
            }
            Standing::Room { image: Some(Nearness::Copying), .. } => {
                "there was room for a container, and the image was being copied to the disk"
            }
        }
    }
}

fn counted(things: usize, one: &str, many: &str) -> String {
    match things {
        0 => format!("no {many}"),
        _ => quantity::count(things, one, many),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two nodes, and functions without images: the container of the first invocation of `a` serves
    /// the second one as well.
    const STUDY: &str = r#"
        name = "explained"
        workload = [
            { kind = "list", function = "a", at = ["0s", "3s"] },
            { kind = "list", function = "b", at = ["2s"] },
        ]
        [platform]
        nodes = { count = 2, cores = 1, memory = "1GB", disk = { read = "1GB/s", write = "1GB/s" } }
        head = { cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
        network = { node = "10Gb/s", latency = "0s" }
        [service]
        startup = "100ms"
        scheduler = "first-fit"
        keep_alive = { kind = "fixed", idle = "10min" }
        [[function]]
        name = "a"
        limits = { time = "10s", memory = "600MB" }
        body = [{ sleep = "1s" }]
        [[function]]
        name = "b"
        limits = { time = "10s", memory = "600MB" }
        body = [{ sleep = "5s" }]
    "#;

    fn run(text: &str, records: bool) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let overrides = Overrides::default();
        let experiment = Experiment::parse("study.toml", text, Path::new("."), &overrides).unwrap();
        let mut options = RunOptions::default();
        options.records = records;
        experiment.run_with(&experiment.runs()[0], folder.path(), options).unwrap();
        folder
    }

    #[test]
    fn says_what_stood_for_and_against_each_node() {
        for records in [true, false] {
            let folder = run(STUDY, records);
            // Ids are given out in the order of submission. At 2 s the container of `a` is idle on
            // one node, where it could be evicted: there is room on both.
            let of_b = explain(folder.path(), 1).unwrap();
            assert_eq!((&*of_b.record.function, of_b.record.submitted), ("b", date(2.0)));
            assert_eq!(of_b.waits, [(WaitedFor::StartUp, Duration::from_millis(100))]);
            let before = of_b.before.unwrap();
            assert_eq!((before.before, before.pending, before.containers), (date(2.0), 0, 0));
            let chosen: Vec<bool> = before.nodes.iter().map(|node| node.was_chosen).collect();
            assert_eq!(chosen.iter().filter(|&&chosen| chosen).count(), 1);
            for node in &before.nodes {
                assert_eq!(node.standing, Standing::Room { image: None, has_image: false });
            }
            let warm = explain(folder.path(), 2).unwrap();
            assert_eq!(warm.record.start_kind, Some(StartKind::Warm));
            let before = warm.before.unwrap();
            let chosen = before.nodes.iter().find(|node| node.was_chosen).unwrap();
            assert_eq!(chosen.standing, Standing::IdleContainer);
            assert_eq!((before.containers, before.running), (1, 0));
        }
    }

    /// Three at one date for two nodes of one slot: the reasons of the second one came with the
    /// first.
    #[test]
    fn says_what_happened_at_the_same_date() {
        let text = STUDY.replace("[\"0s\", \"3s\"]", "[\"1s\", \"1s\", \"1s\"]");
        let folder = run(&text, true);
        let of = |id| {
            let before = explain(folder.path(), id).unwrap().before.unwrap();
            (before.containers, before.dispatched_before, before.started_before)
        };
        assert_eq!([of(0), of(1), of(2)], [(0, 0, 0), (0, 1, 1), (2, 0, 0)]);
        let said = explain(folder.path(), 1).unwrap().to_string();
        let expected = "at that date, 1 invocation was dispatched before it, and 1 container was \
                        started for the function";
        assert!(said.contains(expected), "{said}");
    }

    fn date(seconds: f64) -> Time {
        Time::from_secs_f64(seconds)
    }

    #[test]
    fn one_that_does_not_exist_is_an_error() {
        let folder = run(STUDY, true);
        let error = explain(folder.path(), 3).unwrap_err();
        assert!(matches!(error, ExplainError::Unknown { id: 3, made: 3 }), "{error}");
        let error = explain(Path::new("nowhere"), 0).unwrap_err();
        assert!(matches!(error, ExplainError::Results(ResultsError::NoManifest(_))), "{error}");
    }

    #[test]
    fn a_run_that_is_another_one_when_repeated_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace.csv");
        std::fs::write(&trace, "arrival_s,function\n0,a\n1,a\n").unwrap();
        let text = STUDY.replace(
            "{ kind = \"list\", function = \"b\", at = [\"2s\"] },",
            "{ kind = \"csv\", file = \"trace.csv\", \
             columns = { arrival = \"arrival_s\", function = \"function\" } },",
        );
        assert_ne!(text, STUDY);
        let overrides = Overrides::default();
        let parsed =
            |text: &str| Experiment::parse("study.toml", text, folder.path(), &overrides).unwrap();
        let formats = ["csv", "jsonl", "parquet"].map(|format| {
            let text = format!("{text}\n[output]\nrecords = \"{format}\"\n");
            let experiment = parsed(&text);
            let out = folder.path().join(format);
            experiment.run(&experiment.runs()[0], &out).unwrap();
            out
        });
        for out in &formats {
            (0..4).for_each(|id| assert!(explain(out, id).is_ok(), "{}", out.display()));
        }
        std::fs::write(&trace, "arrival_s,function\n0,a\n1.5,a\n").unwrap();
        for out in &formats {
            let refused =
                (0..4).all(|id| matches!(explain(out, id), Err(ExplainError::InputChanged(_))));
            assert!(refused, "{}", out.display());
            // Without hashes the records tell: those of 0 s have ended before any differs.
            let manifest = out.join("manifest.toml");
            let text = std::fs::read_to_string(&manifest).unwrap();
            let begin = text.find("\n[manifest.inputs]").unwrap();
            let end = begin + 1 + text[begin + 1..].find("\n[manifest.sha256]").unwrap();
            std::fs::write(&manifest, text[..begin].to_owned() + &text[end..]).unwrap();
            let changed = [0, 1, 2, 3]
                .map(|id| matches!(explain(out, id), Err(ExplainError::Changed { .. })));
            assert_eq!(changed, [false, false, true, true], "{}", out.display());
        }
    }

    #[test]
    fn it_is_told_in_sentences() {
        let folder = run(STUDY, true);
        let text = explain(folder.path(), 2).unwrap().to_string();
        let expected = "\
Invocation 2 of function `a`
It was submitted at 3.000000 s and ended at 4.000000 s, after 1.000000 s.
Outcome: completed.

It waited for nothing.
Its body ran for 1.000000 s.
At 3.000000 s it was dispatched to container 0 on `node0`, which was ready: a warm start.

Just before the date at which it was dispatched:
  no invocations were pending, 0 of this function
  the function had 1 container and 0 running

  node0: chosen; an idle container of the function was there
";
        assert!(text.starts_with(expected), "{text}");
    }
}
