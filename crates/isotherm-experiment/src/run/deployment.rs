//! Sets up what a plan describes in an empty simulation: storages, the serverless platform,
//! functions with their bodies, workloads.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{RandomStreams, Time};
use isotherm_results::Totals;
use isotherm_serverless::keep_alive::KeepAlive;
use isotherm_serverless::{
    Body, Function, FunctionManager, Image, ImageCaches, Limits, NodeConfig,
    ServerlessComputeService, ServerlessError, ServiceConfig, Slots, Step,
};
use isotherm_services::{FailureCause, Site, StorageConfig, StorageService};
use isotherm_workload::{
    ArrivalList, Client, FunctionNames, Generator, Merge, Workload, WorkloadError,
};

use crate::plan::{
    ClosedPlan, ConcurrencyPlan, KeepAliveKind, OnFailurePlan, Plan, StepPlan, ValueSizes,
    WorkloadPlan,
};
use crate::trace;

/// What a plan describes, started on a site: everything that exists when the controller begins.
///
/// No function is registered or invoked yet. [`Experiment::run`](crate::Experiment::run) does that
/// as the workloads of the plan say; a program that deploys a plan brings a controller of its own.
#[non_exhaustive]
pub struct Deployment {
    /// The serverless platform.
    pub service: ServerlessComputeService,
    /// The function manager, on the host of the user.
    pub manager: FunctionManager,
    /// The functions of the plan, with what their containers may use.
    pub functions: Vec<(Function, Limits)>,
    /// The bodies of single invocations.
    pub bodies: Vec<Body>,
    /// Whether the answer to an invocation takes no time.
    pub(super) invoking_is_free: bool,
}

/// Why a plan cannot be deployed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// The serverless platform cannot be started.
    #[error(transparent)]
    Service(#[from] ServerlessError),
    /// Files do not fit on their storage.
    #[error(transparent)]
    Storage(#[from] FailureCause),
}

impl Deployment {
    /// Starts what the plan describes on a site that has the platform of the plan.
    ///
    /// # Errors
    /// See [`DeployError`].
    pub fn start(site: &Site, plan: &Plan) -> Result<Self, DeployError> {
        Self::start_with(site, plan, |_| {})
    }

    /// The same with another configuration of the service.
    pub(super) fn start_with(
        site: &Site,
        plan: &Plan,
        change: impl FnOnce(&mut ServiceConfig),
    ) -> Result<Self, DeployError> {
        let storages = storages(site, plan)?;
        let mut config = service_config(plan);
        change(&mut config);
        let image = |index: usize| {
            let image = &plan.images[index];
            Image::new(
                image.name.as_str(),
                image.bytes,
                image.memory_bytes,
                &storages[image.storage],
            )
        };
        let images: Vec<Image> = (0..plan.images.len()).map(image).collect();
        let service = ServerlessComputeService::start(site, config)?;
        for &(index, to) in &plan.service.prepull {
            service.prepull([&images[index]], to)?;
        }
        let names: Vec<Arc<str>> =
            plan.functions.iter().map(|function| function.name.as_str().into()).collect();
        let streams = RandomStreams::new(plan.seed);
        let body = |steps: &[StepPlan], of: &str| {
            // Every random step has a stream of its own, so that adding a step leaves the others
            // unchanged.
            let step = |(number, step)| {
                self::step(step, &storages, &names, &streams, &format!("{of}/{number}"))
            };
            Body::steps(steps.iter().enumerate().map(step))
        };
        let mut keep_alives = KeepAlives::default();
        let mut warm = plan.service.warm.iter().copied().peekable();
        let functions =
            plan.functions.iter().zip(&names).enumerate().map(|(index, (function, name))| {
                let image = function.image.map(|index| images[index].clone());
                let startup =
                    function.startup.startup(&streams, &format!("function/{name}/startup"));
                let body = body(&function.body, &format!("function/{name}/body"));
                let mut built = Function::new(Arc::clone(name), image, body).with_startup(startup);
                if let Some(app) = &function.app {
                    built = built.with_app(app.as_str());
                }
                if let Some(kind) = &function.keep_alive {
                    built = built.with_shared_keep_alive(keep_alives.get(kind, &streams));
                }
                if function.on_failure != OnFailurePlan::default() {
                    built = built.with_on_failure(function.on_failure.or(plan.service.on_failure));
                }
                let ValueSizes { input, output } = function.sizes;
                built = built.with_input_bytes(input).with_output_bytes(output);
                if let Some((_, count)) = warm.next_if(|&(of, _)| of == index) {
                    built = built.with_warm(count);
                }
                (concurrent(built, function.concurrency), function.limits)
            });
        let own = plan
            .bodies
            .iter()
            .enumerate()
            .map(|(index, steps)| body(steps, &format!("body/{index}")));
        Ok(Deployment {
            functions: functions.collect(),
            bodies: own.collect(),
            manager: FunctionManager::start(site, plan.hosts.user),
            service,
            invoking_is_free: plan.service.invoking_is_free()
                && plan.functions.iter().all(|function| function.sizes == ValueSizes::default()),
        })
    }
}

/// Keep-alive policies of functions. Equal ones share an instance, which may be large.
#[derive(Default)]
struct KeepAlives {
    made: Vec<(KeepAliveKind, Rc<RefCell<dyn KeepAlive>>)>,
}

impl KeepAlives {
    fn get(&mut self, kind: &KeepAliveKind, streams: &RandomStreams) -> Rc<RefCell<dyn KeepAlive>> {
        if let Some((_, made)) = self.made.iter().find(|(other, _)| other == kind) {
            return Rc::clone(made);
        }
        let made: Rc<RefCell<dyn KeepAlive>> = Rc::new(RefCell::new(kind.build(streams)));
        self.made.push((kind.clone(), Rc::clone(&made)));
        made
    }
}

fn concurrent(function: Function, concurrency: ConcurrencyPlan) -> Function {
    let ConcurrencyPlan { per_container, maximum, reserved } = concurrency;
    let function = function.with_concurrency(per_container);
    match maximum {
        None => function,
        Some(maximum) if reserved => function.with_reserved_concurrency(maximum),
        Some(maximum) => function.with_max_concurrency(maximum),
    }
}

fn storages(site: &Site, plan: &Plan) -> Result<Vec<StorageService>, DeployError> {
    let mut storages = Vec::with_capacity(plan.storages.len());
    for storage in &plan.storages {
        let config = StorageConfig {
            disk: storage.disk,
            buffer: storage.buffer_bytes,
            ..StorageConfig::new(storage.name.as_str(), storage.host)
        };
        let service = StorageService::start(site, config);
        let images =
            plan.images.iter().filter(|image| plan.storages[image.storage].name == storage.name);
        let files = storage.files.iter().map(|file| (&file.name, file.bytes));
        for (name, bytes) in files.chain(images.map(|image| (&image.name, image.bytes))) {
            service.put(name.as_str(), bytes, 0)?;
        }
        storages.push(service);
    }
    Ok(storages)
}

fn service_config(plan: &Plan) -> ServiceConfig {
    let service = &plan.service;
    let nodes = plan.hosts.nodes.iter().zip(&plan.hosts.node_disks);
    let nodes =
        nodes.map(|(&host, &disk)| NodeConfig { host, slots: service.slots, disk }).collect();
    let mut config = ServiceConfig::new(plan.preset, plan.hosts.head, nodes);
    let streams = RandomStreams::new(plan.seed);
    config.scheduler = service.scheduler.build(config.rules, &streams);
    config.keep_alive = service.keep_alive.build(&streams);
    config.eviction = service.eviction.build(&streams);
    config.image_caches = ImageCaches::all(service.image_eviction.build());
    (config.max_concurrency, config.throttle) = (service.max_concurrency, service.throttle);
    config.head_disk = plan.hosts.head_disk;
    config.reuse = service.reuse;
    config.reuse_random = streams.stream("reuse/random");
    config.on_failure = service.on_failure;
    config.processing_overhead = service.processing_overhead;
    config.simulate_downloads = service.simulate_downloads;
    config.buffer_bytes = service.buffer_bytes;
    config.payloads = service.payloads;
    config
}

fn step(
    step: &StepPlan,
    storages: &[StorageService],
    functions: &[Arc<str>],
    streams: &RandomStreams,
    stream: &str,
) -> Step {
    match step {
        StepPlan::SleepRandom(distribution) => {
            Step::SleepRandom(distribution.random(streams, stream))
        }
        StepPlan::Sleep(duration) => Step::Sleep(*duration),
        StepPlan::Compute(flops) => Step::Compute(*flops),
        StepPlan::Write { file, bytes } => {
            Step::Write { file: file.as_str().into(), bytes: *bytes }
        }
        StepPlan::Read { file } => Step::Read { file: file.as_str().into() },
        StepPlan::Fetch { storage, file } => {
            Step::Fetch { storage: storages[*storage].clone(), file: file.as_str().into() }
        }
        StepPlan::Put { storage, file, bytes } => Step::Put {
            storage: storages[*storage].clone(),
            file: file.as_str().into(),
            bytes: *bytes,
        },
        StepPlan::Invoke { function } => {
            Step::Invoke { function: Arc::clone(&functions[*function]) }
        }
    }
}

/// All workloads of a plan except the closed loops, merged by date.
pub(crate) fn workloads(plan: &Plan) -> Result<Merge, WorkloadError> {
    let streams = RandomStreams::new(plan.seed);
    let names = FunctionNames::new(plan.functions.iter().map(|function| function.name.as_str()));
    let workload = |workload: &WorkloadPlan| -> Result<Box<dyn Workload + Send>, WorkloadError> {
        Ok(match workload {
            WorkloadPlan::List(arrivals) => Box::new(ArrivalList::new(arrivals.clone())?),
            WorkloadPlan::Generated(plan) => {
                Box::new(Generator::new(plan.config.clone(), &streams, &plan.stream)?)
            }
            // The clients of a closed loop are actors of the controller.
            WorkloadPlan::Closed(_) => Box::new(ArrivalList::new(Vec::new())?),
            WorkloadPlan::AzureLike(plan) => {
                Box::new(plan.drawn.arrivals(plan.first_function, &streams, &plan.stream))
            }
            WorkloadPlan::Csv(csv) => trace::open(csv, names.clone())?,
            WorkloadPlan::Azure(azure) => trace::azure(azure, streams)?,
        })
    };
    let workloads: Result<Vec<_>, _> = plan.workloads.iter().map(workload).collect();
    Ok(Merge::new(workloads?))
}

/// The clients of a closed loop, and what limits them.
pub(super) struct Clients {
    pub(super) clients: Vec<Client>,
    pub(super) from: Time,
    pub(super) until: Time,
    pub(super) count: u64,
}

/// The clients of all closed loops of a plan.
pub(super) fn clients(plan: &Plan) -> Vec<Clients> {
    let streams = RandomStreams::new(plan.seed);
    let clients = |workload: &WorkloadPlan| {
        let WorkloadPlan::Closed(ClosedPlan { closed, stream, .. }) = workload else { return None };
        let config = closed.config();
        Some(Clients {
            clients: closed.clients(&streams, stream).collect(),
            from: config.from,
            until: config.until.unwrap_or(Time::NEVER),
            count: config.count.unwrap_or(u64::MAX),
        })
    };
    plan.workloads.iter().filter_map(clients).collect()
}

/// The slots and the memory of all compute hosts together.
pub(super) fn totals(site: &Site, plan: &Plan) -> Totals {
    let platform = site.platform();
    let slots = |host| match plan.service.slots {
        Slots::Cores => Some(u64::from(platform.cores(host))),
        Slots::Count(slots) => Some(u64::from(slots)),
        Slots::Unlimited => None,
    };
    // A host without a stated memory has an unlimited one.
    let memory = |host| Some(platform.memory(host)).filter(|&bytes| bytes < u64::MAX);
    let nodes = || plan.hosts.nodes.iter().copied();
    Totals {
        slots: nodes().map(slots).sum(),
        memory_bytes: nodes().try_fold(0u64, |sum, host| sum.checked_add(memory(host)?)),
    }
}
