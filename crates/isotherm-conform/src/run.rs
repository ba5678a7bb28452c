//! The simulation of a scenario, watched by the auditor.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use isotherm_kernel::{Duration, Time};
use isotherm_platform::{HostId, Platform, PlatformSpec};
use isotherm_serverless::audit::{Auditor, Capacities, NodeCapacity};
use isotherm_serverless::eviction::{LeastRecentlyUsed, MemoryFit};
use isotherm_serverless::keep_alive::Fixed;
use isotherm_serverless::scheduler::{Fcfs, WorkloadBalancing};
use isotherm_serverless::{
    Body, Function, FunctionManager, Image, Invocation, Limits, NodeConfig, Payloads, Preset, RegisteredFunction,
    ServerlessComputeService, ServiceConfig, Slots, Step,
};
use isotherm_services::{ExecutionController, FailureCause, Site, StorageConfig, StorageService};

use crate::scenario::{self, IdleEviction, Scenario, SchedulerName};
use crate::{Obtained, ObtainedInvocation, ObtainedRegistration, RunFailed};

/// Simulates a scenario under preset `wrench`, the one that has the reference's dates, on its platform.
///
/// # Errors
/// As [`run_under`].
pub fn run(scenario: &Scenario, platform: &PlatformSpec) -> Result<Obtained, RunFailed> {
    run_under(Preset::Wrench, scenario, platform)
}

/// Simulates a scenario under a preset.
///
/// # Errors
/// [`RunFailed`] if the platform does not have what the scenario names, or if the simulation could not go on.
pub fn run_under(preset: Preset, scenario: &Scenario, platform: &PlatformSpec) -> Result<Obtained, RunFailed> {
    let simulation = preset.simulation();
    let platform = Platform::new(&simulation.kernel(), platform.clone()).map_err(failed)?;
    let site = Site::new(platform);
    let stage = Stage::set(&site, preset, scenario)?;
    let play = Rc::new(RefCell::new(Play::default()));
    ExecutionController::spawn(&site, stage.user, "controller", {
        let (play, scenario) = (Rc::clone(&play), scenario.clone());
        let (stage, functions) = (stage.clone(), stage.functions.clone());
        move |me| async move { play_scenario(me, &scenario, &stage, &functions, &play).await }
    });
    let end = simulation.run().map_err(failed)?;
    let play = play.borrow();
    Ok(Obtained {
        end,
        registrations: play.registrations.clone(),
        invocations: play
            .invocations
            .iter()
            .map(|invocation| match invocation {
                Some(invocation) if invocation.outcome().is_some() => {
                    ObtainedInvocation::from_record(&invocation.record())
                }
                _ => ObtainedInvocation::default(),
            })
            .collect(),
        violations: violations(&stage.auditor),
    })
}

fn failed(error: impl ToString) -> RunFailed {
    RunFailed { message: error.to_string() }
}

/// The services of a scenario.
#[derive(Clone)]
struct Stage {
    user: HostId,
    service: ServerlessComputeService,
    manager: FunctionManager,
    functions: Vec<(Function, Limits)>,
    auditor: Rc<RefCell<Auditor>>,
}

/// What the controller has got so far.
#[derive(Default)]
struct Play {
    registrations: Vec<ObtainedRegistration>,
    invocations: Vec<Option<Invocation>>,
}

impl Stage {
    fn set(site: &Site, preset: Preset, scenario: &Scenario) -> Result<Stage, RunFailed> {
        let host = |name: &str| {
            let message = format!("the platform has no host `{name}`");
            site.platform().host(name).ok_or(RunFailed { message })
        };
        let repository = start_repository(site, scenario, &host)?;
        let (service, auditor) = start_service(site, preset, scenario, &host)?;
        let images: BTreeMap<&str, Image> = scenario
            .images
            .iter()
            .map(|image| {
                let known = Image::new(image.name.as_str(), image.disk_bytes, image.ram_bytes, &repository);
                (image.name.as_str(), known)
            })
            .collect();
        let functions = scenario
            .functions
            .iter()
            .map(|function| {
                let image = images.get(function.image.as_str()).cloned();
                let limits = Limits::time(Duration::from_secs_f64(function.time_limit_s))
                    .disk(function.disk_limit_bytes)
                    .memory(function.ram_limit_bytes);
                (Function::new(function.name.as_str(), image, body(&function.body)), limits)
            })
            .collect();
        let user = host(&scenario.user_host)?;
        let manager = FunctionManager::start(site, user);
        Ok(Stage { user, service, manager, functions, auditor })
    }
}

fn start_repository(
    site: &Site,
    scenario: &Scenario,
    host: &impl Fn(&str) -> Result<HostId, RunFailed>,
) -> Result<StorageService, RunFailed> {
    let place = &scenario.image_storage;
    let on = host(&place.host)?;
    let disk = site
        .platform()
        .disk_at(on, &place.mount)
        .ok_or_else(|| RunFailed { message: format!("host `{}` has no disk at `{}`", place.host, place.mount) })?;
    let config = StorageConfig { buffer: chunk(place.buffer_size), ..StorageConfig::on_disk("images", on, disk) };
    let repository = StorageService::start(site, config);
    for image in &scenario.images {
        repository.put(image.name.as_str(), image.disk_bytes, 0).map_err(failed)?;
    }
    Ok(repository)
}

fn start_service(
    site: &Site,
    preset: Preset,
    scenario: &Scenario,
    host: &impl Fn(&str) -> Result<HostId, RunFailed>,
) -> Result<(ServerlessComputeService, Rc<RefCell<Auditor>>), RunFailed> {
    let spec = &scenario.serverless;
    let properties = &spec.properties;
    let nodes = spec
        .compute_hosts
        .iter()
        .map(|name| Ok(NodeConfig { host: host(name)?, slots: Slots::Cores }))
        .collect::<Result<Vec<_>, RunFailed>>()?;
    let mut config = ServiceConfig::new(preset, host(&spec.head_host)?, nodes);
    config.head_mount.clone_from(&spec.head_mount);
    config.scheduler = match spec.scheduler {
        SchedulerName::Fcfs => Box::new(Fcfs::new(config.rules.fcfs_looks_at_room)),
        SchedulerName::WorkloadBalancing => Box::new(WorkloadBalancing),
    };
    config.keep_alive = Box::new(Fixed::new(Duration::from_secs_f64(properties.idle_timeout_s)));
    config.eviction = match properties.eviction {
        IdleEviction::Lru => Box::new(LeastRecentlyUsed),
        IdleEviction::Ram => Box::new(MemoryFit),
    };
    config.startup_overhead = Duration::from_secs_f64(properties.startup_overhead_s);
    config.processing_overhead = Duration::from_secs_f64(properties.processing_overhead_s);
    config.simulate_downloads = properties.simulate_downloads;
    config.buffer_bytes = chunk(properties.buffer_bytes);
    config.payloads = Payloads {
        register_request: spec.payloads.register_request,
        register_answer: spec.payloads.register_answer,
        invoke_request: spec.payloads.invoke_request,
        invoke_answer: spec.payloads.invoke_answer,
        completion: spec.payloads.completion,
    };
    let auditor = Auditor::shared(capacities(site, &config)?);
    let service = ServerlessComputeService::start(site, config).map_err(failed)?;
    service.observe(Auditor::observer(&auditor));
    Ok((service, auditor))
}

fn chunk(bytes: u64) -> Option<u64> {
    (bytes > 0).then_some(bytes)
}

/// Capacities as the platform has them, not as the service sees them.
fn capacities(site: &Site, config: &ServiceConfig) -> Result<Capacities, RunFailed> {
    let platform = site.platform();
    let disk = |host, mount: &str| {
        let disk = platform.disk_at(host, mount).ok_or_else(|| RunFailed {
            message: format!("host `{}` has no disk at `{mount}`", platform.host_name(host)),
        })?;
        Ok(platform.disk_capacity(disk))
    };
    let nodes = config
        .nodes
        .iter()
        .map(|node| {
            Ok(NodeCapacity {
                disk_bytes: disk(node.host, &config.node_mount)?,
                memory_bytes: platform.memory(node.host),
                slots: Some(platform.cores(node.host)),
            })
        })
        .collect::<Result<Vec<_>, RunFailed>>()?;
    Ok(Capacities { head_disk_bytes: disk(config.head, &config.head_mount)?, nodes })
}

fn body(steps: &[scenario::Step]) -> Body {
    Body::steps(steps.iter().map(|step| match step {
        scenario::Step::Sleep(seconds) => Step::Sleep(Duration::from_secs_f64(*seconds)),
        scenario::Step::Compute(flops) => Step::Compute(*flops),
        scenario::Step::Write { file, bytes } => Step::Write { file: file.as_str().into(), bytes: *bytes },
        scenario::Step::Read(file) => Step::Read { file: file.as_str().into() },
    }))
}

/// What the controller does: registers all functions, invokes as the scenario says, waits for all.
async fn play_scenario(
    me: ExecutionController,
    scenario: &Scenario,
    stage: &Stage,
    functions: &[(Function, Limits)],
    play: &RefCell<Play>,
) {
    let mut registered: BTreeMap<&str, RegisteredFunction> = BTreeMap::new();
    for (spec, (function, limits)) in scenario.functions.iter().zip(functions) {
        let answer = stage.manager.register(function, &stage.service, *limits).await;
        play.borrow_mut().registrations.push(ObtainedRegistration {
            accepted: answer.is_ok(),
            cause: answer.as_ref().err().map(FailureCause::code),
        });
        if let Ok(function) = answer {
            registered.insert(&spec.name, function);
        }
    }
    for spec in &scenario.invocations {
        me.sleep_until(Time::from_secs_f64(spec.at)).await;
        let invocation = match registered.get(spec.function.as_str()) {
            Some(function) => stage.manager.invoke_with(function, spec.body.as_deref().map(body)).await.ok(),
            None => None,
        };
        if let (true, Some(invocation)) = (spec.wait, &invocation) {
            stage.manager.wait_one(invocation).await;
        }
        play.borrow_mut().invocations.push(invocation);
    }
    let invocations = play.borrow().invocations.clone();
    stage.manager.wait_all(invocations.iter().flatten()).await;
}

fn violations(auditor: &RefCell<Auditor>) -> Vec<String> {
    let mut auditor = auditor.borrow_mut();
    auditor.finish();
    auditor.violations().iter().map(ToString::to_string).collect()
}
