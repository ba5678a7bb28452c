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

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::rc::Rc;

use isotherm_kernel::{RunError, Time};
use isotherm_platform::Platform;
use isotherm_results::{
    CsvSink, PlatformCounts, SinkError, Summary, SummaryReport, Utilisation, UtilisationReport,
};
use isotherm_serverless::{
    EventKind, InvocationRecord, PlatformEvent, RecordSink, ServerlessComputeService,
};
use isotherm_services::{ExecutionController, FailureCause, Site};
use isotherm_workload::WorkloadError;

use crate::output::Hashed;
use crate::plan::Plan;

use driver::Driver;

pub(crate) use deployment::workloads;
pub use deployment::{DeployError, Deployment};
pub use progress::{Progress, Stopped};

/// The number of steps of the simulation between two calls of the watcher: some microseconds to
/// some milliseconds.
const WATCH_INTERVAL: u64 = 256;

/// Called every few hundred steps of a run; `Break` ends the run.
pub type Watch = Box<dyn FnMut(&Progress) -> ControlFlow<()>>;

/// How a run is carried out. None of it changes the results.
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
    /// Whether `invocations.csv` is written.
    pub records: bool,
    /// Whether to write through a link, or into a device or pipe, that stands at the path of an
    /// output.
    pub force: bool,
    /// The watcher, if any.
    pub watch: Option<Watch>,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions { records: true, force: false, watch: None }
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

/// Simulates a plan. Records go to `records`, if it is given.
pub fn run(plan: &Plan, records: Option<Hashed>, watch: Option<Watch>) -> Result<Outcome, Failure> {
    let mut simulation = plan.preset.simulation().with_limits(plan.limits);
    let kernel = simulation.kernel();
    let platform = Platform::new(&kernel, plan.platform.clone())
        .map_err(|error| Failure::Setup(error.to_string()))?;
    let site = Site::new(platform);
    let deployment =
        Deployment::start(&site, plan).map_err(|error| Failure::Setup(error.to_string()))?;
    let workload = deployment::workloads(plan)?;

    let totals = deployment::totals(&site, plan);
    let recorder = Rc::new(RefCell::new(Recorder::new(records)));
    let observer = Rc::new(RefCell::new(Observer {
        counts: PlatformCounts::default(),
        utilisation: Utilisation::new(totals),
        progress: Progress::new(plan, totals.slots),
    }));
    listen(&deployment.service, &recorder, &observer);
    if let Some(mut watch) = watch {
        let observer = Rc::clone(&observer);
        simulation = simulation.with_watcher(WATCH_INTERVAL, move |now| {
            let progress = observer.borrow().progress.at(now);
            watch(&progress)
        });
    }

    let failure = Rc::new(RefCell::new(None));
    let lost = Rc::new(Cell::new(0));
    let service = deployment.service.clone();
    let clients = deployment::clients(plan);
    // One of them is the controller.
    let acting = Rc::new(Cell::new(1));
    let alone = kernel.mailbox("the last of the controller's actors");
    let (max_events, lost_before) = (plan.limits.max_events, Rc::clone(&lost));
    let driver = Driver {
        deployment,
        clients,
        lost: lost_before,
        acting: Rc::clone(&acting),
        alone,
        max_events,
    };
    let failed = Rc::clone(&failure);
    let still_acting = Rc::clone(&acting);
    let controller =
        ExecutionController::spawn(&site, plan.hosts.user, "controller", move |me| async move {
            if let Err(error) = driver.drive(&me, workload).await {
                *failed.borrow_mut() = Some(error);
            }
            acting.set(acting.get() - 1);
        });
    drop(controller);
    let end = simulation.run();
    if let Some(failure) = failure.take() {
        return Err(failure);
    }
    let mut observer = observer.borrow_mut();
    let progress = observer.progress.at(kernel.now());
    let end = end.map_err(|error| match error {
        RunError::Interrupted { .. } => Failure::Interrupted(progress),
        error => Failure::Simulation(Box::new(Stopped {
            error,
            progress,
            unfinished: service.why_unfinished(),
        })),
    })?;
    if still_acting.get() > 0 {
        // Actors are only killed with their host.
        return Err(Failure::UserGone {
            host: site.platform().host_name(plan.hosts.user).to_string(),
            at: end,
        });
    }
    let (summary, csv) = recorder.borrow_mut().finish(end);
    csv.map_err(Failure::Records)?;
    let utilisation = observer.utilisation.report(end);
    let lost = lost.get() + service.requests_lost();
    Ok(Outcome { summary, counts: observer.counts, utilisation, lost })
}

/// Passes all events to the observers that gather statistics.
fn listen(
    service: &ServerlessComputeService,
    recorder: &Rc<RefCell<Recorder>>,
    observer: &Rc<RefCell<Observer>>,
) {
    service.records_to(recorder.clone());
    let observer = Rc::clone(observer);
    service.observe_at_once(Box::new(move |event| {
        // No observer here is concerned by it.
        if !matches!(event.kind, EventKind::Admitted { .. }) {
            observer.borrow_mut().observe(event);
        }
    }));
}

/// The observer that counts and measures.
struct Observer {
    counts: PlatformCounts,
    utilisation: Utilisation,
    progress: Progress,
}

impl Observer {
    fn observe(&mut self, event: &PlatformEvent) {
        self.utilisation.observe(event);
        match event.kind {
            EventKind::Submitted { .. } => self.progress.note_submission(),
            EventKind::Ended { .. } => self.progress.note_end(),
            // Events that every invocation has are not counted.
            EventKind::Dispatched { .. } | EventKind::ContainerIdle { .. } => {}
            _ => self.counts.observe(event),
        }
    }
}

/// The sink of records.
struct Recorder {
    csv: Option<CsvSink<Hashed>>,
    summary: Summary,
}

impl Recorder {
    fn new(records: Option<Hashed>) -> Self {
        Recorder { csv: records.map(CsvSink::new), summary: Summary::default() }
    }

    fn finish(&mut self, end: Time) -> (SummaryReport, Result<(), SinkError>) {
        let closed = self.csv.take().map_or(Ok(()), |csv| csv.close().map(drop));
        (self.summary.report(end), closed)
    }
}

impl RecordSink for Recorder {
    fn wants_names(&self) -> bool {
        self.csv.is_some()
    }

    fn record(&mut self, record: &InvocationRecord) {
        self.summary.record(record);
        if let Some(csv) = &mut self.csv {
            csv.record(record);
        }
    }
}
