//! The simulation of a scenario, watched by the auditor.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use isotherm_experiment::{Deployment, Plan};
use isotherm_kernel::Time;
use isotherm_platform::{Platform, PlatformSpec};
use isotherm_serverless::audit::{Auditor, Capacities, NodeCapacity};
use isotherm_serverless::{ImageDisk, Invocation, Preset, RegisteredFunction};
use isotherm_services::{ExecutionController, FailureCause, Site};

use crate::scenario::Scenario;
use crate::{Obtained, ObtainedInvocation, ObtainedRegistration, RunFailed, lower};

/// Simulates a scenario under preset `wrench`, the one that has the reference's dates, on its
/// platform.
///
/// # Errors
/// As [`run_under`].
pub fn run(scenario: &Scenario, platform: &PlatformSpec) -> Result<Obtained, RunFailed> {
    run_under(Preset::Wrench, scenario, platform)
}

/// Simulates a scenario under a preset.
///
/// # Errors
/// [`RunFailed`] if the platform does not have what the scenario names, or if the simulation could
/// not go on.
pub fn run_under(
    preset: Preset,
    scenario: &Scenario,
    platform: &PlatformSpec,
) -> Result<Obtained, RunFailed> {
    let plan = lower::plan(preset, scenario, platform)?;
    let simulation = preset.simulation();
    let site =
        Site::new(Platform::new(&simulation.kernel(), plan.platform.clone()).map_err(failed)?);
    let deployment = Deployment::start(&site, &plan).map_err(failed)?;
    let auditor = Auditor::shared(capacities(&site, &plan)?);
    deployment.service.observe(Auditor::observer(&auditor));
    let log = Rc::new(RefCell::new(ControllerLog::default()));
    ExecutionController::spawn(&site, plan.hosts.user, "controller", {
        let (log, scenario) = (Rc::clone(&log), scenario.clone());
        move |me| async move { run_controller(me, &scenario, &deployment, &log).await }
    });
    let end = simulation.run().map_err(failed)?;
    let log = log.borrow();
    Ok(Obtained {
        end,
        registrations: log.registrations.clone(),
        invocations: log
            .invocations
            .iter()
            .map(|invocation| match invocation {
                Some(invocation) if invocation.outcome().is_some() => {
                    ObtainedInvocation::from_record(&invocation.record())
                }
                _ => ObtainedInvocation::default(),
            })
            .collect(),
        violations: violations(&auditor),
    })
}

fn failed(error: impl ToString) -> RunFailed {
    RunFailed { message: error.to_string() }
}

/// What the controller has got so far.
#[derive(Default)]
struct ControllerLog {
    registrations: Vec<ObtainedRegistration>,
    invocations: Vec<Option<Invocation>>,
}

/// Capacities as the platform has them, not as the service sees them.
fn capacities(site: &Site, plan: &Plan) -> Result<Capacities, RunFailed> {
    let platform = site.platform();
    let disk = |host, disk: ImageDisk| match disk {
        ImageDisk::On { disk, .. } => Ok(platform.disk_capacity(disk)),
        _ => Err(RunFailed {
            message: format!("host `{}` has no disk for images", platform.host_name(host)),
        }),
    };
    let hosts = &plan.hosts;
    let node = |(&host, &of_node)| {
        Ok(NodeCapacity {
            disk_bytes: disk(host, of_node)?,
            memory_bytes: platform.memory(host),
            slots: Some(platform.cores(host)),
        })
    };
    let nodes = hosts.nodes.iter().zip(&hosts.node_disks).map(node);
    let nodes = nodes.collect::<Result<Vec<_>, RunFailed>>()?;
    Ok(Capacities { head_disk_bytes: disk(hosts.head, hosts.head_disk)?, nodes })
}

/// What the controller does: registers all functions, invokes as the scenario says, waits for all.
async fn run_controller(
    me: ExecutionController,
    scenario: &Scenario,
    deployment: &Deployment,
    log: &RefCell<ControllerLog>,
) {
    let Deployment { service, manager, functions, bodies, .. } = deployment;
    let mut registered: BTreeMap<&str, RegisteredFunction> = BTreeMap::new();
    for (spec, (function, limits)) in scenario.functions.iter().zip(functions) {
        let answer = manager.register(function, service, *limits).await;
        log.borrow_mut().registrations.push(ObtainedRegistration {
            accepted: answer.is_ok(),
            cause: answer.as_ref().err().map(FailureCause::code),
        });
        if let Ok(function) = answer {
            registered.insert(&spec.name, function);
        }
    }
    let mut own = bodies.iter();
    for spec in &scenario.invocations {
        let body = spec.body.as_ref().and_then(|_| own.next()).cloned();
        me.sleep_until(Time::from_secs_f64(spec.at)).await;
        let invocation = match registered.get(spec.function.as_str()) {
            Some(function) => manager.request(function).body(body).send().await.ok(),
            None => None,
        };
        if let (true, Some(invocation)) = (spec.wait, &invocation) {
            manager.wait_one(invocation).await;
        }
        log.borrow_mut().invocations.push(invocation);
    }
    let invocations = log.borrow().invocations.clone();
    manager.wait_all(invocations.iter().flatten()).await;
}

fn violations(auditor: &RefCell<Auditor>) -> Vec<String> {
    let mut auditor = auditor.borrow_mut();
    auditor.finish();
    auditor.violations().iter().map(ToString::to_string).collect()
}
