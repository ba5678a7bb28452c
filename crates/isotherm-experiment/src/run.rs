//! From a checked plan to a finished simulation.
//!
//! A controller on the user's host registers the functions and then invokes them as the workloads say: it sleeps until the
//! next arrival, invokes, goes on. Arrivals do not wait for anything (an *open loop*): where the service's answer takes time
//! (payloads, processing overhead), every invocation is made by an actor of its own. The run ends when everything that was
//! invoked has ended; idle containers do not prolong it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::rc::Rc;

use isotherm_kernel::{Marking, RandomStreams, Simulation, Time};
use isotherm_platform::Platform;
use isotherm_results::{CsvSink, PlatformCounts, SinkError, Summary, SummaryReport};
use isotherm_serverless::eviction::{LeastRecentlyUsed, MemoryFit};
use isotherm_serverless::keep_alive::Fixed;
use isotherm_serverless::scheduler::{Fcfs, RandomPlacement, Scheduler, WorkloadBalancing};
use isotherm_serverless::{
    Body, EventKind, Function, FunctionManager, Image, Invocation, InvocationId, InvocationRecord, Limits, NodeConfig,
    PlatformEvent, Preset, RecordSink, RegisteredFunction, ServerlessComputeService, ServiceConfig, Step,
};
use isotherm_services::{ExecutionController, FailureCause, Site, StorageConfig, StorageService};
use isotherm_workload::{Arrival, ArrivalList, FunctionNames, Merge, Poisson, Workload, WorkloadError};

use crate::plan::{EvictionKind, KeepAliveKind, Plan, SchedulerKind, StepPlan, WorkloadPlan};
use crate::source::Span;
use crate::trace;

/// What a run gave.
pub struct Outcome {
    /// The numbers gathered from the records.
    pub summary: SummaryReport,
    /// What the platform did.
    pub counts: PlatformCounts,
    /// Invocations that the service never took in, because a message was lost or it had stopped. They have no record.
    pub lost: u64,
}

/// How many invocations had got how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    submitted: u64,
    admitted: u64,
    dispatched: u64,
    ended: u64,
    ended_after_admission: u64,
    ended_after_dispatch: u64,
}

impl Progress {
    fn observe(&mut self, event: &PlatformEvent) {
        match event.kind {
            EventKind::Submitted { .. } => self.submitted += 1,
            EventKind::Admitted { .. } => self.admitted += 1,
            EventKind::Dispatched { .. } => self.dispatched += 1,
            _ => {}
        }
    }

    fn ended(&mut self, record: &InvocationRecord) {
        self.ended += 1;
        self.ended_after_admission += u64::from(record.admitted.is_some());
        self.ended_after_dispatch += u64::from(record.dispatched.is_some());
    }

    /// Invocations that have not ended: those that wait for their image, those that wait for a place on a compute host, and
    /// those that have one.
    fn unfinished(&self) -> [u64; 3] {
        let placed = self.dispatched.saturating_sub(self.ended_after_dispatch);
        let admitted = self.admitted.saturating_sub(self.ended_after_admission);
        let all = self.submitted.saturating_sub(self.ended);
        [all.saturating_sub(admitted), admitted.saturating_sub(placed), placed]
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [image, place, running] = self.unfinished();
        write!(
            f,
            "{} of {} invocations had ended; of the others, {image} waited for their image, {place} for a place on a \
             compute host, and {running} had one",
            self.ended, self.submitted
        )
    }
}

/// Why a run gave nothing.
pub enum Failure {
    /// The simulation could not go on; how far it had come.
    Simulation(isotherm_kernel::RunError, Progress),
    /// The platform refused a function: where it is written, and why.
    Refused {
        /// Where the function is named.
        place: Span,
        /// Its name.
        function: String,
        /// Why.
        cause: FailureCause,
    },
    /// A workload turned out to be broken.
    Workload(WorkloadError),
    /// The platform could not be set up.
    Setup(String),
    /// The records could not be written.
    Records(SinkError),
}

impl From<WorkloadError> for Failure {
    fn from(error: WorkloadError) -> Self {
        Failure::Workload(error)
    }
}

/// An empty simulation that shares resources as a preset does: see [`Plan::preset`].
pub(crate) fn simulation(preset: Preset) -> Simulation {
    Simulation::new().with_marking(match preset {
        Preset::Wrench => Marking::FirstResource,
        Preset::Default => Marking::Everything,
    })
}

/// Simulates a plan; records go to `records`.
pub fn run(plan: &Plan, records: File) -> Result<Outcome, Failure> {
    let simulation = simulation(plan.preset).with_limits(plan.limits);
    let kernel = simulation.kernel();
    let platform = Platform::new(&kernel, plan.platform.clone()).map_err(|error| Failure::Setup(error.to_string()))?;
    let site = Site::new(platform);
    let world = World::start(&site, plan)?;
    let workload = workloads(plan)?;

    let recorder = Rc::new(RefCell::new(Recorder::new(records)));
    world.service.records_to(recorder.clone());
    let counter = Rc::new(RefCell::new(Counter::default()));
    let observer = Rc::clone(&counter);
    world.service.observe(Box::new(move |event| observer.borrow_mut().observe(event)));
    world.service.records_to(counter.clone());

    let failure = Rc::new(RefCell::new(None));
    let lost = Rc::new(Cell::new(0));
    let driver = Driver { world, recorder: Rc::clone(&recorder), lost: Rc::clone(&lost) };
    let failed = Rc::clone(&failure);
    let controller = ExecutionController::spawn(&site, plan.hosts.user, "controller", move |me| async move {
        if let Err(error) = driver.drive(&me, workload).await {
            *failed.borrow_mut() = Some(error);
        }
    });
    drop(controller);
    let end = simulation.run();
    if let Some(failure) = failure.take() {
        return Err(failure);
    }
    let Counter { counts, progress } = *counter.borrow();
    let end = end.map_err(|error| Failure::Simulation(error, progress))?;
    let (summary, csv) = recorder.borrow_mut().finish(end);
    csv.map_err(Failure::Records)?;
    Ok(Outcome { summary, counts, lost: lost.get() })
}

/// Everything that is there when the controller begins.
struct World {
    service: ServerlessComputeService,
    manager: FunctionManager,
    functions: Vec<(Function, Limits, Span)>,
    bodies: Vec<Body>,
    /// Whether the answer to an invocation takes no time.
    invoking_is_free: bool,
}

impl World {
    fn start(site: &Site, plan: &Plan) -> Result<Self, Failure> {
        let storages = storages(site, plan)?;
        let service = ServerlessComputeService::start(site, service_config(plan))
            .map_err(|error| Failure::Setup(error.to_string()))?;
        let image = |index: usize| {
            let image = &plan.images[index];
            Image::new(image.name.as_str(), image.bytes, image.memory_bytes, &storages[image.storage])
        };
        let images: Vec<Image> = (0..plan.images.len()).map(image).collect();
        let names: Vec<Rc<str>> = plan.functions.iter().map(|function| function.name.as_str().into()).collect();
        let body = |steps: &[StepPlan]| Body::steps(steps.iter().map(|step| self::step(step, &storages, &names)));
        let functions = plan.functions.iter().zip(&names).map(|(function, name)| {
            let image = function.image.map(|index| images[index].clone());
            let limits = Limits {
                time: function.limits.time,
                disk_bytes: function.limits.disk_bytes,
                memory_bytes: function.limits.memory_bytes,
            };
            let built = Function::new(Rc::clone(name), image, body(&function.body)).with_startup(function.startup);
            (built, limits, function.place)
        });
        Ok(World {
            functions: functions.collect(),
            bodies: plan.bodies.iter().map(|steps| body(steps)).collect(),
            manager: FunctionManager::start(site, plan.hosts.user),
            service,
            invoking_is_free: plan.service.invoking_is_free(),
        })
    }

    /// The body of one invocation, if it is not the function's.
    fn body_of(&self, arrival: &Arrival) -> Option<Body> {
        match (arrival.duration, arrival.tag) {
            (Some(duration), _) => Some(Body::sleep(duration)),
            (None, Some(tag)) => self.bodies.get(tag as usize).cloned(),
            (None, None) => None,
        }
    }
}

fn storages(site: &Site, plan: &Plan) -> Result<Vec<StorageService>, Failure> {
    let mut storages = Vec::with_capacity(plan.storages.len());
    for storage in &plan.storages {
        let config = StorageConfig {
            disk: storage.disk,
            buffer: storage.buffer_bytes,
            ..StorageConfig::new(storage.name.as_str(), storage.host)
        };
        let service = StorageService::start(site, config);
        let images = plan.images.iter().filter(|image| plan.storages[image.storage].name == storage.name);
        let files = storage.files.iter().map(|file| (&file.name, file.bytes));
        for (name, bytes) in files.chain(images.map(|image| (&image.name, image.bytes))) {
            service.put(name.as_str(), bytes, 0).map_err(|cause| Failure::Setup(cause.to_string()))?;
        }
        storages.push(service);
    }
    Ok(storages)
}

fn service_config(plan: &Plan) -> ServiceConfig {
    let service = &plan.service;
    let nodes = plan.hosts.nodes.iter().map(|&host| NodeConfig { host, slots: service.slots }).collect();
    let mut config = ServiceConfig::new(plan.preset, plan.hosts.head, nodes);
    let scheduler: Box<dyn Scheduler> = match service.scheduler {
        SchedulerKind::Fcfs => Box::new(Fcfs::new(config.rules.fcfs_looks_at_room)),
        SchedulerKind::Random => {
            Box::new(RandomPlacement::new(RandomStreams::new(plan.seed).stream("scheduler/random")))
        }
        SchedulerKind::WorkloadBalancing => Box::new(WorkloadBalancing),
    };
    config.scheduler = scheduler;
    config.keep_alive = Box::new(match service.keep_alive {
        KeepAliveKind::None => Fixed::new(isotherm_kernel::Duration::ZERO),
        KeepAliveKind::Fixed(idle) => Fixed::new(idle),
    });
    config.eviction = match service.eviction {
        EvictionKind::Lru => Box::new(LeastRecentlyUsed),
        EvictionKind::Ram => Box::new(MemoryFit),
    };
    config.head_mount = plan.hosts.head_mount.clone();
    config.node_mount = plan.hosts.node_mount.clone();
    config.reuse = service.reuse;
    config.processing_overhead = service.processing_overhead;
    config.startup_overhead = service.startup;
    config.simulate_downloads = service.simulate_downloads;
    config.buffer_bytes = service.buffer_bytes;
    config.payloads = service.payloads;
    config
}

fn step(step: &StepPlan, storages: &[StorageService], functions: &[Rc<str>]) -> Step {
    match step {
        StepPlan::Sleep(duration) => Step::Sleep(*duration),
        StepPlan::Compute(flops) => Step::Compute(*flops),
        StepPlan::Write { file, bytes } => Step::Write { file: file.as_str().into(), bytes: *bytes },
        StepPlan::Read { file } => Step::Read { file: file.as_str().into() },
        StepPlan::Fetch { storage, file } => {
            Step::Fetch { storage: storages[*storage].clone(), file: file.as_str().into() }
        }
        StepPlan::Put { storage, file, bytes } => {
            Step::Put { storage: storages[*storage].clone(), file: file.as_str().into(), bytes: *bytes }
        }
        StepPlan::Invoke { function } => Step::Invoke { function: Rc::clone(&functions[*function]) },
    }
}

fn workloads(plan: &Plan) -> Result<Merge, Failure> {
    let streams = RandomStreams::new(plan.seed);
    let names = FunctionNames::new(plan.functions.iter().map(|function| function.name.as_str()));
    let workload = |workload: &WorkloadPlan| -> Result<Box<dyn Workload>, WorkloadError> {
        Ok(match workload {
            WorkloadPlan::List(arrivals) => Box::new(ArrivalList::new(arrivals.clone())?),
            WorkloadPlan::Poisson(config, stream) => Box::new(Poisson::new(config.clone(), streams.stream(stream))?),
            WorkloadPlan::Csv(csv) => Box::new(trace::open(csv, names.clone())?),
        })
    };
    let workloads: Result<Vec<_>, _> = plan.workloads.iter().map(workload).collect();
    Ok(Merge::new(workloads?))
}

/// Counts what happens.
#[derive(Clone, Copy, Default)]
struct Counter {
    counts: PlatformCounts,
    progress: Progress,
}

impl Counter {
    fn observe(&mut self, event: &PlatformEvent) {
        self.counts.observe(event);
        self.progress.observe(event);
    }
}

impl RecordSink for Counter {
    fn record(&mut self, record: &InvocationRecord) {
        self.progress.ended(record);
    }
}

/// The controller's knowledge.
struct Driver {
    world: World,
    recorder: Rc<RefCell<Recorder>>,
    lost: Rc<Cell<u64>>,
}

impl Driver {
    async fn drive(self, me: &ExecutionController, mut workload: Merge) -> Result<(), Failure> {
        let functions = self.register().await?;
        while let Some(arrival) = workload.next_arrival()? {
            if arrival.at > me.now() {
                me.sleep_until(arrival.at).await;
            }
            let function = &functions[arrival.function as usize];
            let body = self.world.body_of(&arrival);
            if self.world.invoking_is_free {
                match self.world.manager.invoke_with(function, body).await {
                    Ok(invocation) => self.recorder.borrow_mut().add(invocation),
                    Err(_) => self.lost.set(self.lost.get() + 1),
                }
            } else {
                self.invoke_apart(me, function.clone(), body);
            }
        }
        let pending = self.recorder.borrow_mut().take_pending();
        self.world.manager.wait_all(&pending).await;
        Ok(())
    }

    async fn register(&self) -> Result<Vec<RegisteredFunction>, Failure> {
        let mut registered = Vec::with_capacity(self.world.functions.len());
        for (function, limits, place) in &self.world.functions {
            let answer = self.world.manager.register(function, &self.world.service, *limits).await;
            let refused = |cause| Failure::Refused { place: *place, function: function.name().to_string(), cause };
            registered.push(answer.map_err(refused)?);
        }
        Ok(registered)
    }

    /// Invokes in an actor of its own, which also sees the invocation to its end.
    fn invoke_apart(&self, me: &ExecutionController, function: RegisteredFunction, body: Option<Body>) {
        let manager = self.world.manager.clone();
        let lost = Rc::clone(&self.lost);
        let actor = me.site().platform().actor(me.host(), Rc::clone(me.address().label()));
        drop(actor.spawn(async move {
            match manager.invoke_with(&function, body).await {
                Ok(invocation) => manager.wait_one(&invocation).await,
                Err(_) => lost.set(lost.get() + 1),
            }
        }));
    }
}

/// Takes records, and knows which of the controller's invocations have not ended.
struct Recorder {
    csv: Option<CsvSink<File>>,
    summary: Summary,
    pending: BTreeMap<InvocationId, Invocation>,
}

impl Recorder {
    fn new(records: File) -> Self {
        Recorder { csv: Some(CsvSink::new(records)), summary: Summary::default(), pending: BTreeMap::new() }
    }

    /// Remembers an invocation until its record comes, if it has not come already.
    fn add(&mut self, invocation: Invocation) {
        if invocation.outcome().is_none() {
            self.pending.insert(invocation.id(), invocation);
        }
    }

    fn take_pending(&mut self) -> Vec<Invocation> {
        std::mem::take(&mut self.pending).into_values().collect()
    }

    fn finish(&mut self, end: Time) -> (SummaryReport, Result<(), SinkError>) {
        let closed = self.csv.take().map_or(Ok(()), |csv| csv.close().map(drop));
        (self.summary.report(end), closed)
    }
}

impl RecordSink for Recorder {
    fn record(&mut self, record: &InvocationRecord) {
        self.pending.remove(&record.id);
        self.summary.record(record);
        if let Some(csv) = &mut self.csv {
            csv.record(record);
        }
    }
}
