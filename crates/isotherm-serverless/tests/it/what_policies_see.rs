//! What schedulers and keep-alive policies are told, in a small run: two nodes and four
//! invocations.

use std::cell::RefCell;
use std::rc::Rc;

use isotherm_kernel::{Duration, Simulation, Time};
use isotherm_platform::{Platform, PlatformBuilder};
use isotherm_serverless::keep_alive::{IdleNow, Invoked, Keep, KeepAlive};
use isotherm_serverless::scheduler::{ByNode, FirstFit, Plan, Scheduler};
use isotherm_serverless::{
    Body, Change, ChangeKinds, Cursor, Function, FunctionManager, Limits, NodeConfig, NodeId,
    Preset, ServerlessComputeService, ServiceConfig, Slots, View,
};
use isotherm_services::{ExecutionController, FailureCause, Site};

type Lines = Rc<RefCell<Vec<String>>>;

/// First fit, and notes what it sees.
struct Witness {
    inner: ByNode<FirstFit>,
    cursor: Cursor,
    lines: Lines,
}

impl Scheduler for Witness {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        let mut lines = self.lines.borrow_mut();
        let now = view.now().as_secs_f64();
        match view.changes_since(&mut self.cursor) {
            None => {
                for node in (0..view.nodes() as u32).map(NodeId) {
                    let (room, name) = (view.capacity(node), view.host_name(node));
                    let (memory, disk) = (room.memory_bytes, room.disk_bytes);
                    let (slots, cores, speed) =
                        (view.slots(node), view.cores(node), view.speed(node));
                    lines.push(format!("{name}: {slots:?} {cores} × {speed:.0e} {memory} {disk}"));
                }
            }
            Some(changes) => lines.extend(changes.map(|change| match change {
                Change::Stopped { container, why, .. } => format!("{now} {container} {why:?}"),
                Change::Idle { container, node, .. } => match view.container(container) {
                    Some(known) => {
                        let since = known.idle_since.map(Time::as_secs_f64);
                        let (from, uses) = (known.started_at.as_secs_f64(), known.uses);
                        format!("{now} {container} on {node} from {from}, idle {since:?}, {uses}")
                    }
                    None => format!("{now} {container} on {node} was idle"),
                },
                Change::Pending { invocation, .. } => format!("{now} pending {invocation}"),
                Change::Left { invocation, .. } => format!("{now} left {invocation}"),
                Change::Started { invocation, node, .. } => format!("{now} {invocation} on {node}"),
                Change::Ended { invocation, .. } => format!("{now} ended {invocation}"),
                other => format!("{now} {other:?}"),
            })),
        }
        for pending in view.pending() {
            let (invocation, function) = (pending.invocation, pending.function);
            let submitted = view.submitted_at(invocation).expect("it waits").as_secs_f64();
            assert_eq!(view.attempt_of(invocation), Some(1));
            let (queue, running) = (view.queue_len(), view.running_of(function));
            let containers = view.containers_of(function);
            lines.push(format!(
                "{now} {invocation} since {submitted}: {queue} pending, {running} run in {containers}"
            ));
        }
        self.inner.round(view, plan);
    }
}

/// Keeps containers for five seconds, and notes what it sees.
struct Keeper(Lines);

impl KeepAlive for Keeper {
    fn keep(&mut self, idle: &IdleNow) -> Keep {
        let (at, node, age) = (idle.at.as_secs_f64(), idle.node, idle.age().as_secs_f64());
        let last = idle.last_idle.map(Duration::as_secs_f64);
        let (uses, all) = (idle.uses, idle.containers);
        self.0.borrow_mut().push(format!("{at} on {node}: {age} old, {uses}, of {all}, {last:?}"));
        Keep::For(Duration::from_secs(5))
    }

    fn invoked(&mut self, invoked: &Invoked) {
        let (at, idle) = (invoked.at.as_secs_f64(), invoked.idle.map(Duration::as_secs_f64));
        self.0.borrow_mut().push(format!("{at} invoked: {}, {idle:?}", invoked.containers));
    }
}

/// Runs four invocations of one function that each take two seconds, submitted at 0, 0.5, 1 and 10
/// s, on two nodes with a slot each. A start-up takes half a second.
fn run(configure: impl FnOnce(&mut ServiceConfig)) -> Result<(), Box<dyn std::error::Error>> {
    let simulation: Simulation = Preset::Default.simulation();
    let mut builder = PlatformBuilder::new();
    for (name, speed, cores) in [("head", 1e9, 1), ("small", 1e9, 2), ("large", 3e9, 8)] {
        builder.host(name, speed).cores(cores).memory(1000 * u64::from(cores));
        builder.disk(name, format!("{name} disk"), 1e9, 1e9).size(5000 * u64::from(cores));
    }
    for name in ["small", "large"] {
        builder.link(name, 1e9, 0.0);
        builder.route("head", name, [name]);
    }
    let site =
        Site::new(Platform::new(&simulation.kernel(), builder.build().expect("a sound platform"))?);
    let host = |name: &str| site.platform().host(name).expect("a host");
    let node = |name| NodeConfig { slots: Slots::Count(1), ..host(name).into() };
    let nodes = vec![node("small"), node("large")];
    let mut config = ServiceConfig::new(Preset::Default, host("head"), nodes);
    config.startup_overhead = Duration::from_millis(500);
    configure(&mut config);
    let service = ServerlessComputeService::start(&site, config)?;
    let functions = FunctionManager::start(&site, host("head"));
    ExecutionController::spawn(&site, host("head"), "controller", async move |me| {
        let function = Function::new("f", None, Body::sleep(Duration::from_secs(2)));
        let limits = Limits::time(Duration::from_secs(60)).memory(100);
        let f = functions.register(&function, &service, limits).await?;
        let mut all = Vec::new();
        for pause in [0.0, 0.5, 0.5, 9.0] {
            me.sleep(Duration::from_secs_f64(pause)).await;
            all.push(functions.invoke(&f).await?);
        }
        functions.wait_all(&all).await;
        Ok::<(), FailureCause>(())
    });
    simulation.run()?;
    Ok(())
}

#[test]
fn schedulers() {
    let lines = Lines::default();
    let kept = Rc::clone(&lines);
    let result = run(move |config| {
        let kinds =
            ChangeKinds::PENDING | ChangeKinds::QUEUE | ChangeKinds::RUNS | ChangeKinds::CONTAINERS;
        config.scheduler = Box::new(Witness {
            inner: ByNode::new(FirstFit, true),
            cursor: Cursor::new(kinds),
            lines: kept,
        });
        config.keep_alive = Box::new(Keeper(Lines::default()));
    });
    assert!(result.is_ok(), "{result:?}");
    // The third invocation waits for the end of the first, and runs in its container from 2.5 s to
    // 4.5 s. Nobody waits then, so the next round is that of the fourth invocation, when both
    // containers have been idle for five seconds and have stopped, at 8 and 9.5 s.
    let expected = "\
small: Some(1) 2 × 1e9 2000 10000
large: Some(1) 8 × 3e9 8000 40000
0 0 since 0: 1 pending, 0 run in 0
0.5 left 0
0.5 0 on 0
0.5 pending 1
0.5 1 since 0.5: 1 pending, 1 run in 1
1 left 1
1 1 on 1
1 pending 2
1 2 since 1: 1 pending, 2 run in 2
2.5 ended 0
2.5 Available { function: FunctionId(0) }
2.5 0 on 0 from 0, idle Some(2.5), 1
2.5 2 since 1: 1 pending, 1 run in 2
10 left 2
10 2 on 0
10 ended 1
10 1 on 1 was idle
10 ended 2
10 0 on 0 was idle
10 1 Expired
10 0 Expired
10 pending 3
10 3 since 10: 1 pending, 0 run in 0";
    assert_eq!(lines.borrow().join("\n"), expected);
}

#[test]
fn keep_alive_policies() {
    let lines = Lines::default();
    let kept = Rc::clone(&lines);
    let result = run(move |config| config.keep_alive = Box::new(Keeper(kept)));
    assert!(result.is_ok(), "{result:?}");
    // The large node has more room, so the first invocation runs there.
    let expected = "\
0 invoked: 0, None
0.5 invoked: 1, None
1 invoked: 2, None
2.5 on 1: 2.5 old, 1, of 2, None
3 on 0: 2.5 old, 1, of 2, None
4.5 on 1: 4.5 old, 2, of 2, None
10 invoked: 0, Some(5.5)
12.5 on 1: 2.5 old, 1, of 1, Some(5.5)";
    assert_eq!(lines.borrow().join("\n"), expected);
}
