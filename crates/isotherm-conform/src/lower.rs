//! A scenario as a plan: its services, policies, functions and bodies are set up as those of any
//! experiment.
//!
//! The plan has no workload, because a workload cannot express a scenario: the controller of a
//! scenario goes on if a function is refused, and invokes only when the invocation before has been
//! answered, or has ended.

use std::sync::Arc;

use isotherm_config::source::{Sources, Span};
use isotherm_experiment::Plan;
use isotherm_experiment::plan::{
    Body, ConcurrencyPlan, EvictionKind, FunctionPlan, HostsPlan, ImagePlan, KeepAliveKind,
    OnFailurePlan, OutputPlan, SchedulerKind, ServicePlan, StepPlan, StoragePlan, ValueSizes,
};
use isotherm_kernel::Duration;
use isotherm_platform::{DiskId, HostId, PlatformSpec};
use isotherm_serverless::{ImageDisk, Limits, Payloads, Preset};

use crate::RunFailed;
use crate::scenario::{IdleEviction, Scenario, SchedulerName, StepSpec};

/// Lowers a scenario to a plan under a preset. The bodies of the plan are those of the invocations
/// that have one of their own, in their order.
pub(crate) fn plan(
    preset: Preset,
    scenario: &Scenario,
    platform: &PlatformSpec,
) -> Result<Plan, RunFailed> {
    let service = &scenario.serverless;
    let host = |name: &str| {
        let message = format!("the platform has no host `{name}`");
        platform.host_id(name).ok_or(RunFailed { message })
    };
    let nodes = service.compute_hosts.iter().map(|name| host(name));
    let nodes = nodes.collect::<Result<Vec<HostId>, RunFailed>>()?;
    let head = host(&service.head_host)?;
    let hosts = HostsPlan {
        user: host(&scenario.user_host)?,
        head,
        head_disk: image_disk(platform, head, &service.head_mount)?,
        // The service refuses a host without a disk.
        node_disks: nodes
            .iter()
            .map(|&node| image_disk(platform, node, "/").unwrap_or_default())
            .collect(),
        nodes,
    };
    let images = host(&scenario.image_storage.host)?;
    let storage = StoragePlan {
        name: "images".to_owned(),
        host: images,
        disk: Some(disk_at(platform, images, &scenario.image_storage.mount)?),
        buffer_bytes: chunk(scenario.image_storage.buffer_size),
        files: Vec::new(),
    };
    let images = scenario.images.iter().map(|image| ImagePlan {
        name: image.name.clone(),
        bytes: image.disk_bytes,
        memory_bytes: image.ram_bytes,
        storage: 0,
    });
    // Places are for messages about an experiment file, which a scenario is not.
    let source = Sources::default().add(scenario.name.as_str(), "");
    let startup = Duration::from_secs_f64(service.properties.startup_overhead_s);
    let functions = scenario.functions.iter().map(|function| FunctionPlan {
        name: function.name.clone(),
        place: Span { source, start: 0, end: 0 },
        app: None,
        image: scenario.images.iter().position(|image| image.name == function.image),
        limits: Limits {
            time: Duration::from_secs_f64(function.time_limit_s),
            memory_bytes: function.ram_limit_bytes,
            disk_bytes: function.disk_limit_bytes,
        },
        startup: startup.into(),
        keep_alive: None,
        on_failure: OnFailurePlan::default(),
        concurrency: ConcurrencyPlan::default(),
        sizes: ValueSizes::default(),
        body: body(&function.body),
        workload: None,
    });
    Ok(Plan {
        name: scenario.name.clone(),
        seed: 0,
        preset,
        limits: isotherm_kernel::Limits::default(),
        measure: Default::default(),
        platform: platform.clone(),
        hosts,
        service: service_plan(preset, scenario),
        output: OutputPlan::default(),
        storages: vec![storage],
        images: images.collect(),
        functions: functions.collect(),
        trace: None,
        workloads: Vec::new(),
        bodies: scenario
            .invocations
            .iter()
            .filter_map(|spec| spec.body.as_deref())
            .map(body)
            .collect(),
    })
}

fn service_plan(preset: Preset, scenario: &Scenario) -> ServicePlan {
    let service = &scenario.serverless;
    let (properties, payloads) = (&service.properties, &service.payloads);
    ServicePlan {
        scheduler: match service.scheduler {
            SchedulerName::Fcfs => SchedulerKind::Fcfs,
            SchedulerName::WorkloadBalancing => SchedulerKind::WorkloadBalancing,
        },
        keep_alive: KeepAliveKind::Fixed(Duration::from_secs_f64(properties.idle_timeout_s)),
        eviction: match properties.eviction {
            IdleEviction::Lru => EvictionKind::Lru,
            IdleEviction::Ram => EvictionKind::Ram,
        },
        processing_overhead: Duration::from_secs_f64(properties.processing_overhead_s),
        simulate_downloads: properties.simulate_downloads,
        buffer_bytes: chunk(properties.buffer_bytes),
        payloads: Payloads {
            register_request: payloads.register_request,
            register_answer: payloads.register_answer,
            invoke_request: payloads.invoke_request,
            invoke_answer: payloads.invoke_answer,
            completion: payloads.completion,
        },
        ..ServicePlan::of_preset(preset)
    }
}

/// The disk at a mount point of a host.
fn disk_at(platform: &PlatformSpec, host: HostId, mount: &str) -> Result<DiskId, RunFailed> {
    let message = || format!("host `{}` has no disk at `{mount}`", platform.host(host).name);
    platform.disk_at(host, mount).ok_or_else(|| RunFailed { message: message() })
}

/// The whole disk at a mount point of a host.
fn image_disk(platform: &PlatformSpec, host: HostId, mount: &str) -> Result<ImageDisk, RunFailed> {
    let disk = disk_at(platform, host, mount)?;
    Ok(ImageDisk::On { disk, bytes: platform.disk(disk).size })
}

/// A chunk size, where 0 moves a file as one stream.
fn chunk(bytes: u64) -> Option<u64> {
    (bytes > 0).then_some(bytes)
}

fn body(steps: &[StepSpec]) -> Body {
    let step = |step: &StepSpec| match step {
        StepSpec::Sleep(seconds) => StepPlan::Sleep(Duration::from_secs_f64(*seconds)),
        StepSpec::Compute(flops) => StepPlan::Compute(*flops),
        StepSpec::Write { file, bytes } => StepPlan::Write { file: file.clone(), bytes: *bytes },
        StepSpec::Read(file) => StepPlan::Read { file: file.clone() },
    };
    steps.iter().map(step).collect::<Arc<[StepPlan]>>()
}
