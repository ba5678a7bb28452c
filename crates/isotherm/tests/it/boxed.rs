//! Policies and sinks that are chosen at run time.

use std::cell::RefCell;
use std::rc::Rc;

use isotherm::prelude::*;
use isotherm::serverless::FunctionId;
use isotherm::serverless::eviction::NeverEvict;
use isotherm::serverless::scheduler::Placed;

type Calls = Rc<RefCell<Vec<&'static str>>>;

/// A policy of all kinds that notes how it is called.
struct Noting {
    calls: Calls,
    scheduler: ByNode<Box<dyn ChooseNode>>,
}

impl Noting {
    fn new(calls: &Calls) -> Self {
        let rule: Box<dyn ChooseNode> = Box::new(FirstFit);
        Noting { calls: Rc::clone(calls), scheduler: ByNode::new(rule, true) }
    }

    fn note(&self, call: &'static str) {
        self.calls.borrow_mut().push(call);
    }
}

impl Scheduler for Noting {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        self.note("round");
        self.scheduler.round(view, plan);
    }

    fn place_alone(&mut self, view: &View<'_>, function: FunctionId) -> Option<Placed> {
        self.note("place_alone");
        self.scheduler.place_alone(view, function)
    }
}

impl KeepAlive for Noting {
    fn keep(&mut self, _: &IdleNow) -> Keep {
        self.note("keep");
        Keep::Forever
    }

    fn invoked(&mut self, _: &Invoked) {
        self.note("invoked");
    }
}

impl ContainerEviction for Noting {
    fn rank(&mut self, _: &View<'_>, _: &IdleContainer) -> Rank {
        self.note("rank");
        Rank::default()
    }

    fn started(&mut self, _: NodeId, _: FunctionId) {
        self.note("started");
    }

    fn used(&mut self, _: ContainerId, _: NodeId, _: FunctionId) {
        self.note("used");
    }

    fn stopped(&mut self, _: &StoppedContainer) {
        self.note("stopped");
    }

    fn choose(
        &self,
        _: &View<'_>,
        idle: &mut dyn Iterator<Item = IdleContainer>,
        _: Missing,
    ) -> Option<Vec<ContainerId>> {
        self.note("choose");
        Some(idle.map(|container| container.id).collect())
    }
}

impl RecordSink for Noting {
    fn record(&mut self, record: &InvocationRecord) {
        assert_eq!(&*record.function, "", "names are not wanted");
        self.note("record");
    }

    fn wants_names(&self) -> bool {
        false
    }
}

/// Two functions take turns on a node that has memory for one container.
#[test]
fn a_boxed_policy_is_called_like_the_policy() -> Result<(), isotherm::Error> {
    let calls = Calls::default();
    let world = World::new(Cluster::new(1).memory(GB).build()?)?;
    let scheduler: Box<dyn Scheduler> = Box::new(Noting::new(&calls));
    let keep_alive: Box<dyn KeepAlive> = Box::new(Noting::new(&calls));
    let eviction: Box<dyn ContainerEviction> = Box::new(Noting::new(&calls));
    let sink: Box<dyn RecordSink> = Box::new(Noting::new(&calls));
    let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes())
        .with_scheduler(scheduler)
        .with_keep_alive(keep_alive)
        .with_eviction(eviction);
    let platform = ServerlessComputeService::start(world.site(), config)?;
    platform.records_to(Rc::new(RefCell::new(sink)));
    world.controller(world.host("user")?, "controller", async move |me| {
        let functions = me.function_manager();
        for name in ["a", "b"] {
            let function = Function::new(name, None, Body::sleep(secs(1)));
            let limits = Limits::time(secs(10)).memory(GB);
            let function = functions.register(&function, &platform, limits).await?;
            functions.invoke_detached(&function, None);
            functions.drain(&platform).await?;
        }
        Ok(())
    });
    world.run()?;
    let of_one = ["invoked", "place_alone", "started", "used", "keep", "rank", "record"];
    let mut seen = calls.borrow().clone();
    for call in of_one {
        assert_eq!(seen.iter().filter(|&&seen| seen == call).count(), 2, "{call}: {seen:?}");
    }
    // The container of `b` takes the room of that of `a`.
    seen.retain(|call| !of_one.contains(call));
    assert_eq!(seen, ["choose", "stopped"]);
    Ok(())
}

#[test]
fn a_boxed_policy_says_the_same_of_itself() {
    let policies: [Box<dyn KeepAlive>; 2] =
        [Box::new(Fixed::FOREVER), Box::new(Noting::new(&Calls::default()))];
    assert_eq!(policies.map(|policy| policy.constant()), [Some(Keep::Forever), None]);
    let policies: [Box<dyn ContainerEviction>; 2] =
        [Box::new(NeverEvict), Box::new(LeastRecentlyUsed)];
    assert_eq!(policies.map(|policy| policy.evicts()), [false, true]);
}
