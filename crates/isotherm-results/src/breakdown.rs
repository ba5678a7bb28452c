//! The numbers of a run, function by function and node by node.
//!
//! [`Breakdown`] takes the records and events of a run while they pass. Memory is bounded for each
//! function and node, and grows with the containers that are alive.
//!
//! What it does for every invocation has to be little. So it follows no container that serves one
//! invocation at a time: it is busy from the dispatch of each to its end, which records say. And
//! warm starts that complete without any wait, which most are, are put aside and counted together:
//! of these one time says all, and what counts them and what simulates them do not fit into the
//! cache of instructions at once.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use isotherm_kernel::Time;
use isotherm_serverless::{
    ContainerId, EventKind, FunctionId, ImageId, InvocationRecord, NodeId, Outcome, PlatformEvent,
    StartKind, StopReason,
};
use serde::Serialize;

use crate::compact::{Compact, CompactReport, Floor};
use crate::percentiles::seconds;
use crate::reference::{Described, described};
use crate::utilisation::MEGABYTE_SECOND;
use crate::{ColdReasonCounts, LiteratureReport, Paper, UtilisationReport, Window, literature};

/// Ratios are counted in billionths, as seconds are in nanoseconds.
const BILLION: u64 = 1_000_000_000;

/// Gathers the numbers of each function and of each compute host of a run.
///
/// ```
/// use isotherm_kernel::Time;
/// use isotherm_results::{Breakdown, Window};
/// use isotherm_serverless::{ContainerId, EventKind, FunctionId, NodeId, PlatformEvent};
///
/// let mut breakdown = Breakdown::new(Window::default());
/// let kind = EventKind::ContainerStarted {
///     node: NodeId(0),
///     container: ContainerId(0),
///     function: FunctionId(0),
///     image: None,
///     disk_bytes: 0,
///     memory_bytes: 256_000_000,
///     capacity: 1,
///     ready: Time::ZERO,
/// };
/// breakdown.observe(&PlatformEvent { at: Time::ZERO, kind });
/// // It has served nobody for 10 s.
/// let names = ["resize".into()];
/// let resize = breakdown.functions(&names, &names, Time::from_secs_f64(10.0)).next().unwrap();
/// assert_eq!((resize.containers_started, resize.idle_mb_s), (1, 2560.0));
/// ```
#[derive(Debug)]
pub struct Breakdown {
    window: Window,
    functions: Vec<Function>,
    nodes: Vec<Node>,
    /// What every invocation changes of nodes.
    served: Vec<Served>,
    /// Begins with those that are not counted yet.
    aside: Box<[Aside; ASIDE]>,
    /// The place of the next one.
    next_aside: u8,
    /// Those that are alive.
    containers: BTreeMap<ContainerId, Alive>,
    /// Whether a container of those ever started serves several invocations at once.
    any_shared: bool,
    /// Containers that were started in the window.
    created: u64,
    /// Size of each image that was ever copied, by its number.
    copied_bytes: Vec<u64>,
    /// Size in memory of each image that was ever loaded, by its number.
    loaded_bytes: Vec<u64>,
}

/// So many are counted together: as many as the places that a `u8` can tell.
const ASIDE: usize = 1 << u8::BITS;

/// An invocation with a warm start that completed, whose body ran all the time from its submission
/// to its end, within the window.
#[derive(Clone, Copy, Debug)]
struct Aside {
    function: FunctionId,
    node: NodeId,
    /// How long it took, which is its response and execution time, and that for which its container
    /// was busy, in nanoseconds.
    nanos: u64,
}

impl Aside {
    /// What is at a place where nothing was put yet.
    const NONE: Self = Aside { function: FunctionId(0), node: NodeId(0), nanos: 0 };

    /// What is put aside of a record; `None` if it is none of these.
    #[inline]
    fn of(record: &InvocationRecord, window: Window) -> Option<Self> {
        let InvocationRecord { submitted, finished, .. } = *record;
        let is_one = record.start_kind == Some(StartKind::Warm)
            && record.outcome == Outcome::Completed
            && record.started == Some(submitted)
            && record.ended == Some(finished)
            && submitted < finished
            && window.from <= submitted
            && finished < window.until;
        let node = record.node_id.filter(|_| is_one)?;
        let nanos = finished.since(submitted).as_nanos();
        Some(Aside { function: record.function_id, node, nanos })
    }
}

/// A container that is alive.
#[derive(Clone, Copy, Debug)]
struct Alive {
    function: FunctionId,
    node: NodeId,
    memory_bytes: u64,
    is_shared: bool,
    /// Since when it is busy, if it is; in the window. Kept of shared ones only.
    busy_since: u64,
}

/// What is gathered of a function.
#[derive(Debug, Default)]
struct Function {
    hot: Hot,
    /// Response times of those that completed.
    response: Compact,
    /// Waits of those whose body began, if they waited.
    wait: Compact,
    /// Response over execution time of those that completed, if it is not 1; in billionths.
    slowdown: Compact,
    /// Those that did not complete, by outcome and by the way they started.
    others: [[u64; STARTS]; OTHERS],
    /// Those of them whose body began.
    others_begun: u64,
    reasons: ColdReasonCounts,
    /// Time that cold starts whose body began waited for images and start-ups, in nanoseconds.
    cold: u128,
    /// Response time less execution time of those that completed, in nanoseconds.
    not_executed: u128,
    /// Execution time of those that did not complete, in nanoseconds.
    others_executed: u128,
    /// The sum of wait ÷ (wait + execution) of those that completed.
    overhead_ratios: f64,
    /// Those that completed and neither waited nor took time.
    timeless: u64,
    containers: ContainerCounts,
    /// How long containers lasted, in nanoseconds.
    held: Held,
}

/// What every invocation changes.
#[derive(Debug, Default)]
#[repr(align(64))] // A line of the cache.
struct Hot {
    /// Those that completed, by the way they started.
    completed: [u64; STARTS],
    /// Those of them whose body took no time.
    instant: u64,
    /// How long its containers were busy, in nanoseconds.
    busy: u128,
    /// What a container holds; 0 before there was one.
    memory_bytes: u64,
    /// Whether its containers may serve several invocations at once.
    is_shared: bool,
}

/// Cold, warm, never dispatched.
const STARTS: usize = 3;

/// The outcomes but for completion, which is the first.
const OTHERS: usize = Outcome::ALL.len() - 1;

/// What every invocation changes of its node.
#[derive(Clone, Copy, Debug, Default)]
struct Served {
    /// Invocations that were dispatched there: cold and warm.
    starts: [u64; 2],
    /// Memory × time of busy containers, in bytes × nanoseconds.
    busy: u128,
}

/// What is gathered of a node.
#[derive(Debug, Default)]
struct Node {
    memory: Peak,
    containers: ContainerCounts,
    /// Memory × time of containers.
    held: Held,
    copies: u64,
    copied_bytes: u64,
    loads: u64,
    loaded_bytes: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct ContainerCounts {
    started: u64,
    evicted: u64,
    expired: u64,
}

/// The time integral of what is held, over the window.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    now: u64,
    /// The sum of the dates at which it was given back, less that of the dates at which it was
    /// taken, each times the amount.
    difference: i128,
}

impl Held {
    fn take(&mut self, amount: u64, now: u64) {
        self.now = self.now.saturating_add(amount);
        self.difference -= i128::from(amount) * i128::from(now);
    }

    fn give_back(&mut self, amount: u64, now: u64) {
        self.now = self.now.saturating_sub(amount);
        self.difference += i128::from(amount) * i128::from(now);
    }

    fn until(&self, end: u64) -> u128 {
        let held = self.difference + i128::from(self.now) * i128::from(end);
        u128::try_from(held).unwrap_or_default()
    }
}

/// The most that was held in the window for longer than an instant.
#[derive(Clone, Copy, Debug, Default)]
struct Peak {
    now: u64,
    peak: u64,
    /// The date of the last change.
    since: u64,
}

impl Peak {
    fn pass(&mut self, now: u64) {
        if now > self.since {
            self.peak = self.peak.max(self.now);
            self.since = now;
        }
    }

    fn take(&mut self, amount: u64, now: u64) {
        self.pass(now);
        self.now = self.now.saturating_add(amount);
    }

    fn give_back(&mut self, amount: u64, now: u64) {
        self.pass(now);
        self.now = self.now.saturating_sub(amount);
    }

    fn until(mut self, end: u64) -> u64 {
        self.pass(end);
        self.peak
    }
}

impl Breakdown {
    /// Begins with nothing.
    #[must_use]
    pub fn new(window: Window) -> Self {
        Breakdown {
            window,
            functions: Vec::new(),
            nodes: Vec::new(),
            served: Vec::new(),
            aside: Box::new([Aside::NONE; ASIDE]),
            next_aside: 0,
            containers: BTreeMap::new(),
            any_shared: false,
            created: 0,
            copied_bytes: Vec::new(),
            loaded_bytes: Vec::new(),
        }
    }

    /// Takes the record of an invocation that has ended.
    #[inline]
    pub fn record(&mut self, record: &InvocationRecord) {
        let Some(aside) = Aside::of(record, self.window) else { return self.count(record) };
        self.aside[usize::from(self.next_aside)] = aside;
        match self.next_aside.checked_add(1) {
            Some(next) => self.next_aside = next,
            None => self.count_aside(ASIDE),
        }
    }

    /// Counts those that were put aside, which are so many.
    #[inline(never)]
    fn count_aside(&mut self, many: usize) {
        for Aside { function, node, nanos } in self.aside[..many].iter().copied() {
            let function = of(&mut self.functions, function.index());
            let node = of(&mut self.served, node.index());
            occupy(function, node, nanos);
            node.starts[1] += 1;
            function.hot.completed[1] += 1;
            function.response.add(nanos);
        }
        self.next_aside = 0;
    }

    /// Counts one that is put aside nowhere.
    #[inline(never)]
    fn count(&mut self, record: &InvocationRecord) {
        let function = of(&mut self.functions, record.function_id.index());
        let is_counted = self.window.contains(record.submitted);
        if let (Some(dispatched), Some(node)) = (record.dispatched, record.node_id) {
            let node = of(&mut self.served, node.index());
            occupy(function, node, self.window.overlap(dispatched, record.finished).as_nanos());
            if is_counted {
                node.starts[usize::from(record.start_kind == Some(StartKind::Warm))] += 1;
            }
        }
        if is_counted {
            function.add(record);
        }
    }

    /// Whether it has to see the events that every invocation has, its dispatch and the idleness of
    /// its container: as soon as a container was started that may serve several at once.
    #[must_use]
    pub fn follows_all(&self) -> bool {
        self.any_shared
    }

    /// Takes one event of the platform's log.
    pub fn observe(&mut self, event: &PlatformEvent) {
        let now = in_window(self.window, event.at);
        match event.kind {
            EventKind::Dispatched { container, was_idle: true, .. } => {
                if let Some(alive) = self.containers.get_mut(&container) {
                    alive.busy_since = now;
                }
            }
            EventKind::ContainerIdle { container, .. }
            | EventKind::Prewarmed { container, .. }
            | EventKind::ContainerPlaced { container, .. } => {
                self.becomes_idle(container, now);
            }
            EventKind::ContainerStarted {
                node,
                container,
                function,
                memory_bytes,
                capacity,
                ..
            } => {
                let is_shared = capacity > 1;
                let alive = Alive { function, node, memory_bytes, is_shared, busy_since: now };
                self.containers.insert(container, alive);
                self.any_shared |= is_shared;
                self.created += u64::from(self.window.contains(event.at));
                let function = of(&mut self.functions, function.index());
                function.hot.memory_bytes = memory_bytes;
                function.hot.is_shared = is_shared;
                function.containers.started += 1;
                function.held.take(1, now);
                let node = of(&mut self.nodes, node.index());
                node.containers.started += 1;
                node.held.take(memory_bytes, now);
                node.memory.take(memory_bytes, now);
            }
            EventKind::ContainerStopped { container, was_idle, cause, .. } => {
                if !was_idle {
                    self.becomes_idle(container, now);
                }
                let Some(alive) = self.containers.remove(&container) else { return };
                let function = of(&mut self.functions, alive.function.index());
                function.containers.count_end(cause);
                function.held.give_back(1, now);
                let node = of(&mut self.nodes, alive.node.index());
                node.containers.count_end(cause);
                node.held.give_back(alive.memory_bytes, now);
                node.memory.give_back(alive.memory_bytes, now);
            }
            EventKind::CopyStarted { image, bytes, .. } => {
                *of(&mut self.copied_bytes, image.index()) = bytes;
            }
            EventKind::CopyEnded { node, image } => {
                let bytes = *of(&mut self.copied_bytes, image.index());
                let node = of(&mut self.nodes, node.index());
                node.copies += 1;
                node.copied_bytes = node.copied_bytes.saturating_add(bytes);
            }
            EventKind::LoadStarted { node, image, bytes }
            | EventKind::MemoryPlaced { node, image, bytes } => {
                *of(&mut self.loaded_bytes, image.index()) = bytes;
                of(&mut self.nodes, node.index()).memory.take(bytes, now);
            }
            EventKind::LoadEnded { node, image } => {
                let bytes = *of(&mut self.loaded_bytes, image.index());
                let node = of(&mut self.nodes, node.index());
                node.loads += 1;
                node.loaded_bytes = node.loaded_bytes.saturating_add(bytes);
            }
            EventKind::LoadFailed { node, image, started: true } => {
                self.leaves_memory(node, image, None, now);
            }
            EventKind::MemoryEvicted { node, image, bytes } => {
                self.leaves_memory(node, image, Some(bytes), now);
            }
            _ => {}
        }
    }

    fn leaves_memory(&mut self, node: NodeId, image: ImageId, bytes: Option<u64>, now: u64) {
        let bytes = bytes.unwrap_or_else(|| *of(&mut self.loaded_bytes, image.index()));
        of(&mut self.nodes, node.index()).memory.give_back(bytes, now);
    }

    /// A busy container serves no invocation any more.
    fn becomes_idle(&mut self, container: ContainerId, now: u64) {
        let Some(alive) = self.containers.get(&container).filter(|alive| alive.is_shared) else {
            return;
        };
        let busy = u128::from(now.saturating_sub(alive.busy_since));
        of(&mut self.functions, alive.function.index()).hot.busy += busy;
        of(&mut self.served, alive.node.index()).busy += u128::from(alive.memory_bytes) * busy;
    }

    /// What was seen until the end of the run of functions with these names and apps, which are in
    /// the order of their numbers.
    pub fn functions<'a>(
        &'a mut self,
        names: &'a [Arc<str>],
        apps: &'a [Arc<str>],
        end: Time,
    ) -> impl Iterator<Item = FunctionReport> + 'a {
        self.count_aside(self.next_aside.into());
        let end = in_window(self.window, end);
        names.iter().zip(apps).enumerate().map(move |(number, (name, app))| {
            match self.functions.get(number) {
                Some(function) => function.report(name, app, end),
                None => Function::default().report(name, app, end),
            }
        })
    }

    /// The metrics of some papers, of functions with these names and apps, which are in the order
    /// of their numbers. `utilisation` is that of the same run and window.
    #[must_use]
    pub fn literature(
        &mut self,
        papers: &[Paper],
        (names, apps): (&[Arc<str>], &[Arc<str>]),
        end: Time,
        utilisation: Option<&UtilisationReport>,
    ) -> LiteratureReport {
        let functions: Vec<_> = self.functions(names, apps, end).collect();
        let mut sums = literature::Sums { created: self.created, ..Default::default() };
        for function in &self.functions {
            let completed = function.hot.completed.iter().sum::<u64>();
            sums.cold += function.cold;
            sums.executed += function.response.sum() - function.not_executed;
            sums.executed += function.others_executed;
            sums.overhead_ratios += function.overhead_ratios;
            sums.taking_time += completed - function.timeless;
        }
        literature::report(papers, &functions, &sums, utilisation)
    }

    /// What was seen until the end of the run of nodes with these names, which are in the order of
    /// their numbers.
    pub fn nodes<'a>(
        &'a mut self,
        names: &'a [Arc<str>],
        end: Time,
    ) -> impl Iterator<Item = NodeReport> + 'a {
        self.count_aside(self.next_aside.into());
        let end = in_window(self.window, end);
        names.iter().enumerate().map(move |(number, name)| {
            let served = self.served.get(number).copied().unwrap_or_default();
            match self.nodes.get(number) {
                Some(node) => node.report(name, served, end),
                None => Node::default().report(name, served, end),
            }
        })
    }
}

/// A date, or where the window begins or ends if it lies outside: differences are times within the
/// window.
#[inline]
fn in_window(window: Window, date: Time) -> u64 {
    date.max(window.from).min(window.until).as_nanos()
}

/// The entry with this number.
#[inline]
fn of<T: Default>(all: &mut Vec<T>, number: usize) -> &mut T {
    if number < all.len() { &mut all[number] } else { lengthened(all, number) }
}

#[cold]
fn lengthened<T: Default>(all: &mut Vec<T>, number: usize) -> &mut T {
    all.resize_with(number + 1, T::default);
    &mut all[number]
}

/// A container of a function was busy for so long, in nanoseconds, unless it is followed.
#[inline]
fn occupy(function: &mut Function, node: &mut Served, nanos: u64) {
    if !function.hot.is_shared {
        let busy = u128::from(nanos);
        function.hot.busy += busy;
        node.busy += u128::from(function.hot.memory_bytes) * busy;
    }
}

impl Function {
    fn add(&mut self, record: &InvocationRecord) {
        let start = match record.start_kind {
            Some(StartKind::Warm) => 1,
            Some(StartKind::Cold) => {
                self.add_reason(record);
                0
            }
            None => 2,
        };
        if record.outcome != Outcome::Completed {
            return self.add_other(record, start);
        }
        self.hot.completed[start] += 1;
        let started = record.started.unwrap_or(record.submitted);
        let ended = record.ended.unwrap_or(record.finished);
        self.add_times(record.submitted, started, ended, record.finished);
    }

    /// Adds the times of one that completed.
    #[inline]
    fn add_times(&mut self, submitted: Time, started: Time, ended: Time, finished: Time) {
        let response = finished.since(submitted).as_nanos();
        self.response.add(response);
        let execution = ended.since(started).as_nanos();
        // Nearly always the body began at once.
        if execution == 0 || execution < response {
            self.add_slowed(started.since(submitted).as_nanos(), execution, response);
        }
    }

    #[inline(never)]
    fn add_slowed(&mut self, wait: u64, execution: u64, response: u64) {
        self.not_executed += u128::from(response - execution);
        if wait > 0 {
            self.wait.add(wait);
            self.overhead_ratios += wait as f64 / (wait + execution) as f64;
        } else if execution == 0 {
            self.timeless += 1;
        }
        match execution {
            0 => self.hot.instant += 1,
            execution if execution < response => self.slowdown.add(ratio(response, execution)),
            _ => {}
        }
    }

    #[inline(never)]
    fn add_reason(&mut self, record: &InvocationRecord) {
        if let Some(cold) = &record.cold_start {
            self.reasons.add(cold.reason);
        }
        if let Some(startup) = record.startup() {
            let waits = [record.download_wait, record.copy_wait, record.load_wait, startup];
            self.cold += waits.iter().map(|wait| u128::from(wait.as_nanos())).sum::<u128>();
        }
    }

    #[cold]
    fn add_other(&mut self, record: &InvocationRecord, start: usize) {
        self.others[record.outcome as usize - 1][start] += 1;
        if let Some(started) = record.started {
            self.others_begun += 1;
            let execution = record.ended.unwrap_or(record.finished).since(started);
            self.others_executed += u128::from(execution.as_nanos());
            let wait = started.since(record.submitted).as_nanos();
            if wait > 0 {
                self.wait.add(wait);
            }
        }
    }

    fn report(&self, name: &str, app: &str, end: u64) -> FunctionReport {
        let completed: u64 = self.hot.completed.iter().sum();
        let of_outcome = |outcome: Outcome| match outcome as usize {
            0 => completed,
            other => self.others[other - 1].iter().sum(),
        };
        let outcomes = Outcome::ALL.map(of_outcome);
        let started = |start: usize| -> u64 {
            self.hot.completed[start] + self.others.iter().map(|starts| starts[start]).sum::<u64>()
        };
        let (cold, warm) = (started(0), started(1));
        let response = self.response.report(Floor { value: 0, count: 0 });
        let without_wait = completed + self.others_begun - self.wait.count();
        let wait = self.wait.report(Floor { value: 0, count: without_wait });
        let not_slowed = completed - self.hot.instant - self.slowdown.count();
        let slowdown = self.slowdown.report(Floor { value: BILLION, count: not_slowed });
        // A billionth is to a ratio as a nanosecond is to a second.
        let told = |report: Option<CompactReport>, value: fn(CompactReport) -> u64| {
            report.map(|report| seconds(value(report)))
        };
        let (held, busy) = (self.held.until(end), self.hot.busy);
        let idle = held.saturating_sub(busy);
        let memory = u128::from(self.hot.memory_bytes);
        FunctionReport {
            function: name.to_owned(),
            app: app.to_owned(),
            invocations: outcomes.iter().sum(),
            completed,
            timed_out: of_outcome(Outcome::TimedOut),
            failed: of_outcome(Outcome::Failed),
            cancelled: of_outcome(Outcome::Cancelled),
            rejected: of_outcome(Outcome::Rejected),
            cold,
            warm,
            cold_share: share(cold, warm),
            cold_starting: self.reasons.starting,
            cold_prewarm_late: self.reasons.prewarm_late,
            cold_elsewhere: self.reasons.elsewhere,
            cold_busy: self.reasons.busy,
            cold_prewarm_skipped: self.reasons.prewarm_skipped,
            cold_lost: self.reasons.lost,
            cold_evicted: self.reasons.evicted,
            cold_expired: self.reasons.expired,
            cold_discarded: self.reasons.discarded,
            cold_not_kept: self.reasons.not_kept,
            cold_first: self.reasons.first,
            response_mean_s: told(response, |it| it.mean),
            response_p50_s: told(response, |it| it.p50),
            response_p95_s: told(response, |it| it.p95),
            response_p99_s: told(response, |it| it.p99),
            response_max_s: told(response, |it| it.max),
            wait_mean_s: told(wait, |it| it.mean),
            wait_p50_s: told(wait, |it| it.p50),
            wait_p95_s: told(wait, |it| it.p95),
            wait_p99_s: told(wait, |it| it.p99),
            wait_max_s: told(wait, |it| it.max),
            slowdown_mean: told(slowdown, |it| it.mean),
            slowdown_p50: told(slowdown, |it| it.p50),
            slowdown_p99: told(slowdown, |it| it.p99),
            memory_bytes: (self.containers.started > 0).then_some(self.hot.memory_bytes),
            containers_started: self.containers.started,
            containers_evicted: self.containers.evicted,
            containers_expired: self.containers.expired,
            busy_s: busy as f64 / 1e9,
            idle_s: idle as f64 / 1e9,
            busy_mb_s: (memory * busy) as f64 / MEGABYTE_SECOND,
            idle_mb_s: (memory * idle) as f64 / MEGABYTE_SECOND,
        }
    }
}

/// A ratio above 1 in billionths.
#[inline]
fn ratio(numerator: u64, denominator: u64) -> u64 {
    ((numerator as f64 / denominator as f64) * BILLION as f64) as u64
}

fn share(cold: u64, warm: u64) -> Option<f64> {
    let all = cold + warm;
    (all > 0).then(|| cold as f64 / all as f64)
}

impl ContainerCounts {
    fn count_end(&mut self, cause: StopReason) {
        match cause {
            StopReason::Evicted => self.evicted += 1,
            StopReason::Expired => self.expired += 1,
            _ => {}
        }
    }
}

impl Node {
    fn report(&self, name: &str, served: Served, end: u64) -> NodeReport {
        let Served { starts: [cold, warm], busy } = served;
        let held = self.held.until(end);
        NodeReport {
            node: name.to_owned(),
            invocations: cold + warm,
            cold,
            warm,
            cold_share: share(cold, warm),
            containers_started: self.containers.started,
            containers_evicted: self.containers.evicted,
            containers_expired: self.containers.expired,
            copies: self.copies,
            copied_bytes: self.copied_bytes,
            loads: self.loads,
            loaded_bytes: self.loaded_bytes,
            memory_used_peak_bytes: self.memory.until(end),
            busy_mb_s: busy as f64 / MEGABYTE_SECOND,
            idle_mb_s: held.saturating_sub(busy) as f64 / MEGABYTE_SECOND,
        }
    }
}

described! {
    /// A function in a few numbers: a row of `functions.csv`. What there is none of is empty.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct FunctionReport {
        /// Its name.
        pub function: String,
        /// Its app, which is its own if it belongs to none.
        pub app: String,
        /// Its invocations that were taken in.
        pub invocations: u64,
        /// Those whose body ran to its end within its time limit.
        pub completed: u64,
        /// Those whose body was stopped by its time limit.
        pub timed_out: u64,
        /// Those that failed.
        pub failed: u64,
        /// Those that their user cancelled.
        pub cancelled: u64,
        /// Those that the service refused.
        pub rejected: u64,
        /// Those that had a cold start.
        pub cold: u64,
        /// Those that had a warm start.
        pub warm: u64,
        /// Cold starts among both.
        pub cold_share: Option<f64>,
        /// Cold starts by reason, as in `cold_starts_by_reason`: it joined a starting container.
        pub cold_starting: u64,
        /// A start ahead came late, or was cancelled by an invocation before it.
        pub cold_prewarm_late: u64,
        /// A container elsewhere had a free place.
        pub cold_elsewhere: u64,
        /// All containers were busy.
        pub cold_busy: u64,
        /// A start ahead found no room.
        pub cold_prewarm_skipped: u64,
        /// The last container was lost.
        pub cold_lost: u64,
        /// The last container was evicted.
        pub cold_evicted: u64,
        /// The last container expired.
        pub cold_expired: u64,
        /// The last container was discarded.
        pub cold_discarded: u64,
        /// The last container was not kept.
        pub cold_not_kept: u64,
        /// The function had never had a container.
        pub cold_first: u64,
        /// Mean response time of those that completed, in seconds.
        pub response_mean_s: Option<f64>,
        /// Half of these response times were at or below this, in seconds.
        pub response_p50_s: Option<f64>,
        /// 95 % of them were at or below this, in seconds.
        pub response_p95_s: Option<f64>,
        /// 99 % of them were at or below this, in seconds.
        pub response_p99_s: Option<f64>,
        /// The longest of them, in seconds.
        pub response_max_s: Option<f64>,
        /// Mean time from submission to the beginning of the body, of all whose body began, in
        /// seconds.
        pub wait_mean_s: Option<f64>,
        /// Half of these waits were at or below this, in seconds.
        pub wait_p50_s: Option<f64>,
        /// 95 % of them were at or below this, in seconds.
        pub wait_p95_s: Option<f64>,
        /// 99 % of them were at or below this, in seconds.
        pub wait_p99_s: Option<f64>,
        /// The longest of them, in seconds.
        pub wait_max_s: Option<f64>,
        /// Mean slowdown, which is response time over execution time, of those that completed and
        /// whose body took any time.
        pub slowdown_mean: Option<f64>,
        /// Half of these slowdowns were at or below this.
        pub slowdown_p50: Option<f64>,
        /// 99 % of them were at or below this.
        pub slowdown_p99: Option<f64>,
        /// Memory that a container of it holds; empty if none was started.
        pub memory_bytes: Option<u64>,
        /// Its containers that were started.
        pub containers_started: u64,
        /// Those of them that were stopped to make room.
        pub containers_evicted: u64,
        /// Those of them that stopped when their keep-alive time had passed.
        pub containers_expired: u64,
        /// Time that its containers were busy, summed over them, in seconds.
        pub busy_s: f64,
        /// Time that its containers were idle, summed over them, in seconds.
        pub idle_s: f64,
        /// Memory of busy containers × time, in megabytes × seconds.
        pub busy_mb_s: f64,
        /// Memory of idle containers × time, in megabytes × seconds.
        pub idle_mb_s: f64,
    }

    /// A compute host in a few numbers: a row of `nodes.csv`.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct NodeReport {
        /// Its name.
        pub node: String,
        /// Invocations that were dispatched there.
        pub invocations: u64,
        /// Those that had a cold start.
        pub cold: u64,
        /// Those that had a warm start.
        pub warm: u64,
        /// Cold starts among both; empty if there were none.
        pub cold_share: Option<f64>,
        /// Containers that were started there.
        pub containers_started: u64,
        /// Those of them that were stopped to make room.
        pub containers_evicted: u64,
        /// Those of them that stopped when their keep-alive time had passed.
        pub containers_expired: u64,
        /// Images copied to its disk: what its disk did not have.
        pub copies: u64,
        /// The size of these copies together, in bytes.
        pub copied_bytes: u64,
        /// Images loaded into its memory: what its memory did not have.
        pub loads: u64,
        /// The size of these loads together, in bytes.
        pub loaded_bytes: u64,
        /// How much memory containers and images held at most, in bytes.
        pub memory_used_peak_bytes: u64,
        /// Memory of busy containers × time, in megabytes × seconds.
        pub busy_mb_s: f64,
        /// Memory of idle containers × time, in megabytes × seconds.
        pub idle_mb_s: f64,
    }
}

/// Writes reports as CSV: a header and a row for each.
///
/// # Errors
///
/// Those of the writer.
pub fn write_rows<R: Described + Serialize, W: Write>(
    rows: impl Iterator<Item = R>,
    writer: W,
) -> io::Result<W> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(writer);
    writer.write_record(R::FIELDS.iter().map(|field| field.name))?;
    for row in rows {
        writer.serialize(row)?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

#[cfg(test)]
mod tests {
    use isotherm_kernel::Duration;
    use proptest::prelude::*;

    use super::*;

    fn warm(function: u32, times: [u64; 5]) -> InvocationRecord {
        let name: Arc<str> = "any".into();
        let [submitted, dispatched, started, ended, finished] = times.map(Time::from_nanos);
        InvocationRecord {
            id: isotherm_serverless::InvocationId(0),
            attempt: 0,
            function: Arc::clone(&name),
            function_id: FunctionId(function),
            app: name,
            image: None,
            submitted,
            admitted: Some(submitted),
            dispatched: Some(dispatched),
            started: Some(started),
            ended: Some(ended),
            finished,
            outcome: Outcome::Completed,
            cause: None,
            node: None,
            node_id: Some(NodeId(function % 2)),
            container: None,
            start_kind: Some(StartKind::Warm),
            cold_start: None,
            throttle_wait: Duration::ZERO,
            download_wait: Duration::ZERO,
            copy_wait: Duration::ZERO,
            load_wait: Duration::ZERO,
        }
    }

    /// In the queue, for its container, for its answer.
    fn waits() -> impl Strategy<Value = [u64; 3]> {
        prop::array::uniform3(prop_oneof![3 => Just(0), 1 => 0u64..500])
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(200))]

        /// Those that are put aside count as if they were not, whatever the window.
        #[test]
        fn what_is_put_aside_counts_alike(
            records in prop::collection::vec((0u32..4, 0u64..1_000, waits()), 1..900),
            body in prop_oneof![Just(0), 1u64..400],
            window in prop_oneof![Just((0, u64::MAX)), (0u64..500, 300u64..1_500)],
        ) {
            let (from, until) = (Time::from_nanos(window.0), Time::from_nanos(window.1));
            let window = Window { from, until };
            let [mut aside, mut direct] = [(); 2].map(|()| Breakdown::new(window));
            for breakdown in [&mut aside, &mut direct] {
                for number in 0..4 {
                    breakdown.observe(&PlatformEvent {
                        at: Time::ZERO,
                        kind: EventKind::ContainerStarted {
                            node: NodeId(number % 2),
                            container: ContainerId(number.into()),
                            function: FunctionId(number),
                            image: None,
                            disk_bytes: 0,
                            memory_bytes: 1_000_000 * u64::from(1 + number),
                            capacity: 1 + number / 3,
                            ready: Time::ZERO,
                        },
                    });
                }
            }
            for (function, submitted, [queue, start, answer]) in records {
                let dispatched = submitted + queue;
                let started = dispatched + start;
                let ended = started + body;
                let finished = ended + answer;
                let record = warm(function, [submitted, dispatched, started, ended, finished]);
                aside.record(&record);
                direct.count(&record);
            }
            let names: Vec<Arc<str>> = ["a", "b", "c", "d"].map(Arc::from).to_vec();
            let end = Time::from_nanos(10_000);
            let [aside, direct] = [aside, direct].map(|mut one| {
                let functions: Vec<_> = one.functions(&names, &names, end).collect();
                (functions, one.nodes(&names[..2], end).collect::<Vec<_>>())
            });
            prop_assert_eq!(aside, direct);
        }
    }
}
