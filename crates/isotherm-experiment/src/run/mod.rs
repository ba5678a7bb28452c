//! From a checked plan to a finished simulation.
//!
//! A [controller](driver) on the user's host registers the functions and invokes them as the
//! workloads say: it sleeps until the next arrival, invokes, and repeats. Arrivals wait for nothing
//! (an *open loop*): where the answer of the service takes time (payloads, processing overhead),
//! every invocation is made by an actor of its own. The clients of a closed loop are actors that
//! wait for their invocations. The controller begins when the hosts of the user and of the head are
//! on; earlier arrivals are lost. The run ends when every invocation has ended; idle containers do
//! not prolong it.
//!
//! Records and events are processed as they pass and not stored: memory grows with what is alive,
//! not with what has passed. A [watcher](RunOptions::watch) sees the progress of a run and can end
//! it, but has no influence on its results.

mod ahead;
mod deployment;
mod driver;
mod progress;
mod used;

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::rc::Rc;

use isotherm_kernel::{Advanced, RunError, Simulation, Time};
use isotherm_platform::{HostId, Platform};
use isotherm_results::{
    Breakdown, LiteratureReport, PlatformCounts, RecordWriter, SinkError, Summary, SummaryReport,
    Transient, TransientReport, UseSeries, Utilisation, UtilisationReport,
};
use isotherm_serverless::eviction::ContainerEviction;
use isotherm_serverless::keep_alive::KeepAlive;
use isotherm_serverless::scheduler::Scheduler;
use isotherm_serverless::{
    CallerDecides, EventKind, InvocationRecord, PlatformEvent, RecordSink,
    ServerlessComputeService, ServiceConfig,
};
use isotherm_services::{ExecutionController, FailureCause, Site};
use isotherm_workload::WorkloadError;

use crate::output::Hashed;
use crate::plan::{EvictionKind, KeepAliveKind, Plan, SchedulerKind};
use crate::policies::Policy;

use driver::Driver;
use used::Used;

pub(crate) use deployment::workloads;
pub use deployment::{DeployError, Deployment};
pub use progress::{Progress, Stopped};

/// The number of steps of the simulation between two calls of the watcher: some microseconds to
/// some milliseconds.
const WATCH_INTERVAL: u64 = 256;

/// Called every few hundred steps of a run; `Break` ends the run.
pub type Watch = Box<dyn FnMut(&Progress) -> ControlFlow<()>>;

/// Called for every event on the platform.
type EventObserver = Box<dyn FnMut(&PlatformEvent)>;

/// How a run is carried out. Only policies of one's own change the results.
///
/// ```
/// use std::ops::ControlFlow;
/// use isotherm_experiment::RunOptions;
///
/// let mut options = RunOptions::default();
/// options.watch = Some(Box::new(|progress| {
///     eprintln!("{} s, {} invocations", progress.now(), progress.ended());
///     ControlFlow::Continue(())
/// }));
/// assert!(options.records);
/// ```
#[non_exhaustive]
pub struct RunOptions {
    /// Whether records are written, as the experiment says.
    pub records: bool,
    /// Whether to write through a link, or into a device or pipe, that stands at the path of an
    /// output.
    pub force: bool,
    /// The watcher, if any.
    pub watch: Option<Watch>,
    /// Whether a thread of its own reads arrivals ahead. It is of no use where there is a run for
    /// each core.
    pub reads_ahead: bool,
    /// The files that the experiment reads with their hashes, for its manifest.
    pub inputs: Vec<(PathBuf, String)>,
    keeps_records: bool,
    own: OwnPolicies,
    observers: Vec<EventObserver>,
    sinks: Vec<Rc<RefCell<dyn RecordSink>>>,
    caller_decides: CallerDecides,
}

/// Policies that replace those of the experiment.
#[derive(Default)]
struct OwnPolicies {
    scheduler: Option<Box<dyn Scheduler>>,
    keep_alive: Option<Box<dyn KeepAlive>>,
    eviction: Option<Box<dyn ContainerEviction>>,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions {
            records: true,
            force: false,
            watch: None,
            reads_ahead: true,
            inputs: Vec::new(),
            keeps_records: false,
            own: OwnPolicies::default(),
            observers: Vec::new(),
            sinks: Vec::new(),
            caller_decides: CallerDecides::default(),
        }
    }
}

impl RunOptions {
    /// The same without records.
    #[must_use]
    pub fn without_records(mut self) -> Self {
        self.records = false;
        self
    }

    /// The same with records that are kept until the caller of a
    /// [started](crate::Experiment::start) run [takes](crate::Running::records) them.
    #[must_use]
    pub fn with_kept_records(mut self) -> Self {
        self.keeps_records = true;
        self
    }

    /// The same with a scheduler of one's own in place of the experiment's.
    ///
    /// A run with a policy of one's own says so in its `summary.json` and in its manifest, which
    /// cannot repeat it alone.
    #[must_use]
    pub fn with_scheduler(mut self, scheduler: impl Scheduler + 'static) -> Self {
        self.own.scheduler = Some(Box::new(scheduler));
        self
    }

    /// The same with a keep-alive policy of one's own in place of that of the service. Functions to
    /// which the experiment gives another one keep that.
    #[must_use]
    pub fn with_keep_alive(mut self, keep_alive: impl KeepAlive + 'static) -> Self {
        self.own.keep_alive = Some(Box::new(keep_alive));
        self
    }

    /// The same with an eviction policy of one's own in place of the experiment's.
    #[must_use]
    pub fn with_eviction(mut self, eviction: impl ContainerEviction + 'static) -> Self {
        self.own.eviction = Some(Box::new(eviction));
        self
    }

    /// The same with a further observer, which is called for every event on the platform; see
    /// [`observe`](ServerlessComputeService::observe). It cannot change the results.
    #[must_use]
    pub fn with_observer(mut self, observer: impl FnMut(&PlatformEvent) + 'static) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// The same with a further sink of records.
    pub(crate) fn with_sink(mut self, sink: Rc<RefCell<dyn RecordSink>>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// The same with decisions that the caller of a [started](crate::Experiment::start) run makes
    /// in place of policies.
    #[must_use]
    pub fn with_caller_deciding(mut self, what: CallerDecides) -> Self {
        self.caller_decides = what;
        self
    }

    /// The policies of a run that are those of a program: in place of the experiment's, or because
    /// the experiment names them.
    pub(crate) fn own_policies(&self, plan: &Plan) -> Vec<String> {
        let OwnPolicies { scheduler, keep_alive, eviction } = &self.own;
        let CallerDecides { rounds, keep } = self.caller_decides;
        let mut own = Vec::new();
        match &plan.service.scheduler {
            _ if scheduler.is_some() || rounds => own.push("scheduler".to_owned()),
            SchedulerKind::Own(kind) => own.push(kind.of_family(SchedulerKind::FAMILY)),
            _ => {}
        }
        if keep_alive.is_some() || keep {
            own.push("keep_alive".to_owned());
        }
        let of_service = (keep_alive.is_none() && !keep).then_some(&plan.service.keep_alive);
        let of_functions =
            plan.functions.iter().filter_map(|function| function.keep_alive.as_ref());
        for kind in of_service.into_iter().chain(of_functions) {
            if let KeepAliveKind::Own(kind) = kind
                && let name = kind.of_family(KeepAliveKind::FAMILY)
                && !own.contains(&name)
            {
                own.push(name);
            }
        }
        match &plan.service.eviction {
            _ if eviction.is_some() => own.push("eviction".to_owned()),
            EvictionKind::Own(kind) => own.push(kind.of_family(EvictionKind::FAMILY)),
            _ => {}
        }
        own
    }
}

impl OwnPolicies {
    /// Puts them in place of those of a service.
    fn replace(self, config: &mut ServiceConfig) {
        let OwnPolicies { scheduler, keep_alive, eviction } = self;
        if let Some(scheduler) = scheduler {
            config.scheduler = scheduler;
        }
        if let Some(keep_alive) = keep_alive {
            config.keep_alive = keep_alive;
        }
        if let Some(eviction) = eviction {
            config.eviction = eviction;
        }
    }
}

/// The outcome of a run.
pub struct Outcome {
    /// Statistics of the records.
    pub summary: SummaryReport,
    /// Counts of what the platform did.
    pub counts: PlatformCounts,
    /// How much of the platform was in use.
    pub utilisation: Option<UtilisationReport>,
    /// Requests that the service never accepted, because a message was lost or it had stopped. They
    /// have no record.
    pub lost: u64,
    /// Metrics of the literature, if the experiment asks for some.
    pub literature: Option<LiteratureReport>,
    /// The beginning of the run, until all images have been used once.
    pub transient: Option<TransientReport>,
    /// What was gathered of each function and node, if it was.
    pub breakdown: Option<Box<Breakdown>>,
}

/// Why a run has no outcome.
pub enum Failure {
    /// The simulation could not go on.
    Simulation(Box<Stopped>),
    /// The watcher has ended it after this progress.
    Interrupted(Progress),
    /// The platform refused a function.
    Refused {
        /// Its index.
        function: usize,
        /// Why.
        cause: FailureCause,
    },
    /// A workload turned out to be broken.
    Workload(WorkloadError),
    /// The platform could not be set up.
    Setup(String),
    /// The host from which it invokes went off, and no actor was left to go on.
    UserGone {
        /// The host.
        host: String,
        /// When.
        at: Time,
    },
    /// The records could not be written.
    Records(SinkError),
}

impl From<WorkloadError> for Failure {
    fn from(error: WorkloadError) -> Self {
        Failure::Workload(error)
    }
}

/// A plan that is being simulated.
pub(crate) struct Started {
    simulation: Simulation,
    service: ServerlessComputeService,
    site: Site,
    user: HostId,
    gathered: Rc<RefCell<Gathered>>,
    /// The failure of the controller.
    failure: Rc<RefCell<Option<Failure>>>,
    /// The number of actors of the controller that have not ended, itself included.
    acting: Rc<Cell<u64>>,
    /// The number of invocations that were due before there was a service.
    lost: Rc<Cell<u64>>,
    /// When it ended.
    ended: Option<Time>,
    /// Something has failed, so it does not go on.
    has_failed: bool,
    /// How much of links and disks is used, if that is measured.
    used: Option<Used>,
}

impl Started {
    /// Sets a plan up. Records are written to `records`, if it is given, and what is `detailed` is
    /// gathered for each function and node. Arrivals are read by a thread of their own if
    /// `reads_ahead`.
    pub(crate) fn start(
        plan: &Plan,
        options: RunOptions,
        records: Option<RecordWriter<Hashed>>,
        is_detailed: bool,
        reads_ahead: bool,
    ) -> Result<Self, Failure> {
        let RunOptions { watch, keeps_records, own, observers, sinks, caller_decides, .. } =
            options;
        let mut simulation = plan.preset.simulation().with_limits(plan.limits);
        let kernel = simulation.kernel();
        let platform = Platform::new(&kernel, plan.platform.clone())
            .map_err(|error| Failure::Setup(error.to_string()))?;
        let site = Site::new(platform);
        let deployment = Deployment::start_with(&site, plan, |config| own.replace(config))
            .map_err(|error| Failure::Setup(error.to_string()))?;
        let workload = deployment::workloads(plan)?;

        let totals = deployment::totals(&site, plan);
        let gathered = Rc::new(RefCell::new(Gathered {
            records,
            summary: Summary::within(plan.measure),
            transient: plan.functions.iter().any(|function| function.image.is_some()).then(|| {
                let images = plan.functions.iter().map(|function| function.image);
                Transient::new(images.collect(), plan.measure)
            }),
            breakdown: (is_detailed || !plan.output.metrics.is_empty())
                .then(|| Box::new(Breakdown::new(plan.measure))),
            follows_all: false,
            kept: keeps_records.then(Vec::new),
            counts: PlatformCounts::default(),
            utilisation: Utilisation::new(totals).within(plan.measure),
            progress: Progress::new(plan, totals.slots),
        }));
        let service = deployment.service.clone();
        listen(&service, &gathered);
        observers.into_iter().for_each(|observer| service.observe(observer));
        sinks.into_iter().for_each(|sink| service.records_to(sink));
        service.ask_caller(caller_decides);
        if let Some(mut watch) = watch {
            let gathered = Rc::clone(&gathered);
            simulation = simulation.with_watcher(WATCH_INTERVAL, move |now| {
                let progress = gathered.borrow().progress.at(now);
                watch(&progress)
            });
        }

        let failure = Rc::new(RefCell::new(None));
        let lost = Rc::new(Cell::new(0));
        let acting = Rc::new(Cell::new(1));
        let driver = Driver {
            deployment,
            clients: deployment::clients(plan),
            lost: Rc::clone(&lost),
            acting: Rc::clone(&acting),
            alone: kernel.mailbox("the last of the controller's actors"),
            max_events: plan.limits.max_events,
            reads_ahead,
        };
        let (failed, still_acting) = (Rc::clone(&failure), Rc::clone(&acting));
        let user = plan.hosts.user;
        drop(ExecutionController::spawn(&site, user, "controller", move |me| async move {
            if let Err(error) = driver.drive(&me, workload).await {
                *failed.borrow_mut() = Some(error);
            }
            still_acting.set(still_acting.get() - 1);
        }));
        Ok(Started {
            simulation,
            service,
            site,
            user,
            gathered,
            failure,
            acting,
            lost,
            ended: None,
            has_failed: false,
            used: None,
        })
    }

    /// Has the use of links and disks measured from date 0 on.
    pub(crate) fn measure_use(&mut self) {
        self.used = Some(Used::new(self.site.platform()));
    }

    /// What was measured of it.
    pub(crate) fn take_use(&mut self) -> Option<UseSeries> {
        Some(self.used.take()?.series)
    }

    /// Advances it until a date, or until the service asks its caller. It may pause before.
    ///
    /// A run that has failed is over, even if some of its actors could go on.
    pub(crate) fn run_until(&mut self, date: Time) -> Result<Advanced, Failure> {
        if self.has_failed {
            return Err(self.stopped(RunError::AlreadyRun { ended: self.now() }));
        }
        if let Some(at) = self.ended {
            return Ok(Advanced::Ended(at));
        }
        let advanced = self.advance(date);
        self.has_failed = advanced.is_err();
        advanced
    }

    fn advance(&mut self, date: Time) -> Result<Advanced, Failure> {
        let advanced = match &mut self.used {
            None => self.simulation.run_until(date),
            Some(used) => used.run_until(&self.simulation, date),
        };
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let advanced = advanced.map_err(|error| match error {
            RunError::Interrupted { .. } => Failure::Interrupted(self.progress()),
            error => self.stopped(error),
        })?;
        if let Advanced::Ended(at) = advanced {
            if self.acting.get() > 0 {
                // Actors are only killed with their host.
                let host = self.site.platform().host_name(self.user).to_string();
                return Err(Failure::UserGone { host, at });
            }
            self.ended = Some(at);
        }
        Ok(advanced)
    }

    fn stopped(&self, error: RunError) -> Failure {
        let (progress, unfinished) =
            (self.progress(), self.service.why_unfinished().unwrap_or_default());
        Failure::Simulation(Box::new(Stopped { error, progress, unfinished }))
    }

    /// Whether an error was returned.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }

    pub(crate) fn service(&self) -> &ServerlessComputeService {
        &self.service
    }

    pub(crate) fn now(&self) -> Time {
        self.site.now()
    }

    pub(crate) fn progress(&self) -> Progress {
        self.gathered.borrow().progress.at(self.now())
    }

    /// The records since the last call, if they are collected.
    pub(crate) fn take_records(&mut self) -> Vec<InvocationRecord> {
        self.gathered.borrow_mut().kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The outcome of a run that has ended.
    pub(crate) fn finish(self, plan: &Plan) -> Result<Outcome, Failure> {
        let end = self.ended.unwrap_or(self.now());
        let gathered = &mut *self.gathered.borrow_mut();
        if let Some(records) = gathered.records.take() {
            records.close().map_err(Failure::Records)?;
        }
        let utilisation = gathered.utilisation.report(end);
        let papers = Some(&plan.output.metrics).filter(|papers| !papers.is_empty());
        let literature = papers.zip(gathered.breakdown.as_mut()).map(|(papers, breakdown)| {
            let (names, apps) = (plan.names().functions, plan.apps());
            breakdown.literature(papers, (&names, &apps), end, utilisation.as_ref())
        });
        Ok(Outcome {
            summary: gathered.summary.report(end),
            counts: gathered.counts,
            utilisation,
            literature,
            lost: self.lost.get() + self.service.requests_lost(),
            transient: gathered.transient.as_ref().and_then(Transient::report),
            breakdown: gathered.breakdown.take(),
        })
    }
}

/// Passes all records and events to what gathers statistics.
fn listen(service: &ServerlessComputeService, gathered: &Rc<RefCell<Gathered>>) {
    service.records_to(gathered.clone());
    let gathered = Rc::clone(gathered);
    service.observe_at_once(Box::new(move |event| {
        // Nothing here is concerned by it.
        if !matches!(event.kind, EventKind::Admitted { .. }) {
            gathered.borrow_mut().observe(event);
        }
    }));
}

/// What is gathered from records and events. One cell holds all of it, for which it is borrowed
/// once a record and once an event.
struct Gathered {
    records: Option<RecordWriter<Hashed>>,
    summary: Summary,
    /// The beginning of the run, if there are images.
    transient: Option<Transient>,
    /// Each function and node, if somebody is to see that.
    breakdown: Option<Box<Breakdown>>,
    /// Whether the breakdown needs the events that every invocation has.
    follows_all: bool,
    /// Records that the caller has not taken yet, if it takes any.
    kept: Option<Vec<InvocationRecord>>,
    counts: PlatformCounts,
    utilisation: Utilisation,
    progress: Progress,
}

impl Gathered {
    fn observe(&mut self, event: &PlatformEvent) {
        self.utilisation.observe(event);
        match event.kind {
            EventKind::Submitted { .. } => self.progress.note_submission(),
            EventKind::Ended { .. } => self.progress.note_end(),
            // Events that every invocation has are not counted.
            EventKind::Dispatched { .. } | EventKind::ContainerIdle { .. } if !self.follows_all => {
            }
            _ => self.observe_rare(event),
        }
    }

    #[cold]
    fn observe_rare(&mut self, event: &PlatformEvent) {
        self.counts.observe(event);
        if let Some(breakdown) = &mut self.breakdown {
            breakdown.observe(event);
            self.follows_all = breakdown.follows_all();
        }
    }
}

impl RecordSink for Gathered {
    fn wants_names(&self) -> bool {
        self.records.is_some() || self.kept.is_some()
    }

    fn record(&mut self, record: &InvocationRecord) {
        self.summary.record(record);
        if let Some(transient) = &mut self.transient {
            transient.record(record);
        }
        if let Some(breakdown) = &mut self.breakdown {
            breakdown.record(record);
        }
        if let Some(records) = &mut self.records {
            records.record(record);
        }
        if let Some(kept) = &mut self.kept {
            kept.push(record.clone());
        }
    }
}
