//! The site on which the tests play: a user behind a slow link, a head host, and nodes on a fast
//! link.
//!
//! Every service gets an auditor; [`World::play`] asserts that it has found nothing, that every
//! invocation has ended and that no slot is taken. The tests run with the feature `audit`, which
//! checks all books after every message.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{Duration, RunError, Simulation, Time};
use isotherm_platform::{HostId, Platform, PlatformBuilder};
use isotherm_serverless::audit::{Auditor, Capacities, NodeCapacity};
use isotherm_serverless::keep_alive::Fixed;
use isotherm_serverless::{
    Body, Function, FunctionManager, Image, Invocation, InvocationState, Limits, NodeConfig,
    NodeId, Outcome, Preset, RegisteredFunction, ServerlessComputeService, ServiceConfig, Slots,
    Step,
};
use isotherm_services::{ExecutionController, MessageEvent, Site, StorageConfig, StorageService};

pub const MB: u64 = 1_000_000;
pub const GB: u64 = 1_000_000_000;

/// Bandwidth of every disk, read and write alike, in B/s.
pub const DISK: f64 = 1e8;
/// What one flow gets on the slow link, crossed both ways by its own acknowledgements: 0.97 · 20
/// MB/s / 1.05.
pub const WAN: f64 = 0.97 * 20e6 / 1.05;
/// The latency phase of LV08 on the slow link: 13.01 · 20 µs.
pub const WAN_LATENCY: f64 = 13.01 * 20e-6;
/// The same on the fast link, 1 ns.
pub const LAN_LATENCY: f64 = 13.01e-9;

/// Seconds for a download from the user's disk to the head disk: one stream, the slow link is its
/// bottleneck.
pub fn download(bytes: u64) -> f64 {
    wan(bytes)
}

/// Seconds for so many bytes across the slow link.
pub fn wan(bytes: u64) -> f64 {
    WAN_LATENCY + bytes as f64 / WAN
}

/// Seconds for a copy from the head disk to a node's disk: one stream, the disks are its
/// bottleneck.
pub fn copy(bytes: u64) -> f64 {
    LAN_LATENCY + bytes as f64 / DISK
}

/// Seconds for a load from a node's disk to its memory.
pub fn load(bytes: u64) -> f64 {
    bytes as f64 / DISK
}

/// Seconds from the invocation to the dispatch when the image has to be downloaded, copied and
/// loaded, alone.
pub fn all_the_way(bytes: u64) -> f64 {
    download(bytes) + copy(bytes) + load(bytes)
}

/// A compute host of 50 Gflop/s cores.
#[derive(Clone, Copy)]
pub struct NodeSpec {
    pub cores: u32,
    pub memory: u64,
    pub disk: u64,
}

pub const NODE: NodeSpec = NodeSpec { cores: 10, memory: 64 * GB, disk: 200 * GB };

pub struct World {
    pub simulation: Simulation,
    pub site: Site,
    pub user: HostId,
    pub head: HostId,
    pub nodes: Vec<HostId>,
    pub repository: StorageService,
    pub manager: FunctionManager,
    services: RefCell<Vec<Audited>>,
}

struct Audited {
    service: ServerlessComputeService,
    auditor: Rc<RefCell<Auditor>>,
    messages: Rc<RefCell<u64>>,
}

impl World {
    /// A site with so many nodes, all alike.
    pub fn new(nodes: usize) -> Self {
        World::of(&vec![NODE; nodes])
    }

    /// The same, with a service of the default preset on all of them and the manager.
    pub fn plain(nodes: usize) -> (Self, ServerlessComputeService, FunctionManager) {
        let world = World::new(nodes);
        let service = world.service(Preset::Default, |_| {});
        let manager = world.manager.clone();
        (world, service, manager)
    }

    pub fn of(nodes: &[NodeSpec]) -> Self {
        World::with_head_disk(nodes, 5_000 * GB)
    }

    pub fn with_head_disk(nodes: &[NodeSpec], head_disk: u64) -> Self {
        let mut builder = PlatformBuilder::new();
        builder.host("user", 10e9);
        builder.disk("user", "disk", DISK, DISK).size(5_000 * GB).mount("/");
        builder.host("head", 10e9);
        builder.disk("head", "disk", DISK, DISK).size(head_disk).mount("/");
        builder.link("wan", 20e6, 20e-6);
        builder.link("lan", 12.5e9, 1e-9);
        builder.route("user", "head", ["wan"]);
        for (index, node) in nodes.iter().enumerate() {
            let name = format!("node{index}");
            builder.host(&name, 50e9).cores(node.cores).memory(node.memory);
            builder.disk(&name, "disk", DISK, DISK).size(node.disk).mount("/");
            builder.route("head", &name, ["lan"]);
            builder.route("user", &name, ["wan", "lan"]);
        }
        let simulation = Preset::Default.simulation();
        let platform = Platform::new(&simulation.kernel(), builder.build().unwrap()).unwrap();
        let host = |name: &str| platform.host(name).unwrap();
        let (user, head) = (host("user"), host("head"));
        let nodes = (0..nodes.len()).map(|index| host(&format!("node{index}"))).collect();
        let site = Site::new(platform.clone());
        let disk = platform.disk_at(user, "/").unwrap();
        let repository =
            StorageService::start(&site, StorageConfig::on_disk("repository", user, disk));
        let manager = FunctionManager::start(&site, user);
        World {
            simulation,
            site,
            user,
            head,
            nodes,
            repository,
            manager,
            services: RefCell::default(),
        }
    }

    pub fn platform(&self) -> &Platform {
        self.site.platform()
    }

    /// A configuration that uses every node.
    pub fn config(&self, preset: Preset) -> ServiceConfig {
        let nodes = self
            .nodes
            .iter()
            .map(|&host| NodeConfig { slots: Slots::Cores, ..host.into() })
            .collect();
        ServiceConfig::new(preset, self.head, nodes)
    }

    /// Starts a service on every node and has it audited.
    pub fn service(
        &self,
        preset: Preset,
        change: impl FnOnce(&mut ServiceConfig),
    ) -> ServerlessComputeService {
        let mut config = self.config(preset);
        change(&mut config);
        let platform = self.platform();
        let size = |host: HostId| platform.disk_capacity(platform.disk_at(host, "/").unwrap());
        let node = |node: &NodeConfig| NodeCapacity {
            disk_bytes: size(node.host),
            memory_bytes: platform.memory(node.host),
            slots: match node.slots {
                Slots::Cores => Some(platform.cores(node.host)),
                Slots::Count(slots) => Some(slots),
                Slots::Unlimited => None,
            },
        };
        let nodes = config.nodes.iter().map(node).collect();
        let auditor = Auditor::shared(Capacities { head_disk_bytes: size(self.head), nodes });
        let service = ServerlessComputeService::start(&self.site, config).unwrap();
        service.observe(Auditor::observer(&auditor));
        let messages = Rc::new(RefCell::new(0));
        let (counter, label) = (Rc::clone(&messages), Arc::clone(service.address().label()));
        self.site.observe_messages(Box::new(move |event| {
            *counter.borrow_mut() += u64::from(event.to == label)
        }));
        self.services.borrow_mut().push(Audited { service: service.clone(), auditor, messages });
        service
    }

    /// How many messages were sent to a service so far.
    pub fn messages_to(&self, service: &ServerlessComputeService) -> u64 {
        let services = self.services.borrow();
        let audited = services.iter().find(|audited| audited.service == *service).unwrap();
        *audited.messages.borrow()
    }

    /// Its judge.
    pub fn auditor(&self, service: &ServerlessComputeService) -> Rc<RefCell<Auditor>> {
        let services = self.services.borrow();
        Rc::clone(&services.iter().find(|audited| audited.service == *service).unwrap().auditor)
    }

    /// An image that takes as much in memory as on disk, and is in the repository.
    pub fn image(&self, name: &str, bytes: u64) -> Image {
        self.repository.file_system().borrow_mut().create(name, bytes, 0).unwrap();
        self.manager.image(name, bytes, bytes, &self.repository)
    }

    /// Writes down every message from now on.
    pub fn log_messages(&self) -> MessageLog {
        let log = MessageLog::default();
        let writer = Rc::clone(&log.0);
        self.site.observe_messages(Box::new(move |event| writer.borrow_mut().push(event.clone())));
        log
    }

    /// Runs the simulation with one controller on the user's host and gives its result. Whatever
    /// the test is about, the judge of every service must have found nothing.
    pub fn play<T, F>(&self, body: impl FnOnce(ExecutionController) -> F) -> T
    where
        T: 'static,
        F: Future<Output = T> + 'static,
    {
        self.try_play(body).unwrap()
    }

    /// The same for a simulation that may not go on to its end.
    pub fn try_play<T, F>(&self, body: impl FnOnce(ExecutionController) -> F) -> Result<T, RunError>
    where
        T: 'static,
        F: Future<Output = T> + 'static,
    {
        let result = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&result);
        ExecutionController::spawn(&self.site, self.user, "controller", |me| {
            let body = body(me);
            async move {
                let value = body.await;
                slot.replace(Some(value));
            }
        });
        self.simulation.run()?;
        for Audited { service, auditor, .. } in &*self.services.borrow() {
            let mut auditor = auditor.borrow_mut();
            auditor.finish();
            assert!(auditor.is_clean(), "{:#?}", auditor.violations());
            // Nothing of an invocation is left, though containers and images may be.
            for node in 0..service.nodes() {
                let node = NodeId(node as u32);
                assert_eq!(service.slots_used(node), Ok(Some(0)));
                assert_eq!(service.ledger(node).unwrap().cores_in_use, 0);
            }
        }
        Ok(result.take().unwrap())
    }

    /// Does something to the platform at a date.
    pub fn at(&self, date: f64, what: impl FnOnce(&Platform) + 'static) {
        let platform = self.platform().clone();
        self.site.kernel().call_after(secs(date), move |_| what(&platform));
    }

    /// Turns the slow link off at a date.
    pub fn cut_wan(&self, date: f64) {
        self.at(date, |platform| platform.link_off(platform.link("wan").unwrap()));
    }

    pub fn mend_wan(&self, date: f64) {
        self.at(date, |platform| platform.link_on(platform.link("wan").unwrap()));
    }

    pub fn turn_off(&self, date: f64, host: HostId) {
        self.at(date, move |platform| platform.turn_off(host));
    }

    pub fn turn_on(&self, date: f64, host: HostId) {
        self.at(date, move |platform| platform.turn_on(host));
    }
}

/// Keeps idle containers for so many seconds.
pub fn keep(config: &mut ServiceConfig, seconds: f64) {
    config.keep_alive = Box::new(Fixed::new(secs(seconds)));
}

/// A function that sleeps.
pub fn sleeper(name: &str, image: Option<&Image>, seconds: f64) -> Function {
    Function::new(name, image.cloned(), Body::sleep(secs(seconds)))
}

pub fn write(file: &str, bytes: u64) -> Step {
    Step::Write { file: file.into(), bytes }
}

pub fn read(file: &str) -> Step {
    Step::Read { file: file.into() }
}

pub fn invoke(function: &str) -> Step {
    Step::Invoke { function: function.into() }
}

/// A time limit of so many seconds, no disk space and no memory.
pub fn limit(seconds: f64) -> Limits {
    Limits::time(secs(seconds))
}

/// Registers a function that must be accepted.
pub async fn register(
    manager: &FunctionManager,
    service: &ServerlessComputeService,
    function: &Function,
    limits: Limits,
) -> RegisteredFunction {
    manager.register(function, service, limits).await.unwrap()
}

/// Invokes a function and waits for the end of the invocation.
pub async fn served(manager: &FunctionManager, function: &RegisteredFunction) -> Invocation {
    let invocation = manager.invoke(function).await.unwrap();
    manager.wait_one(&invocation).await;
    invocation
}

/// Registers a function that must be accepted, invokes it and waits for the end.
pub async fn serve_once(
    manager: &FunctionManager,
    service: &ServerlessComputeService,
    function: &Function,
    limits: Limits,
) -> Invocation {
    let registered = register(manager, service, function, limits).await;
    served(manager, &registered).await
}

pub fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub fn date(seconds: f64) -> Time {
    Time::from_secs_f64(seconds)
}

/// Waits until a date.
pub async fn until(me: &ExecutionController, seconds: f64) {
    me.sleep_until(date(seconds)).await;
}

/// The date is that many seconds, up to the rounding of the clock to nanoseconds at a few events.
#[track_caller]
pub fn assert_date(date: impl Into<Option<Time>>, expected: f64) {
    let date = date.into().expect("the date was reached");
    let off = (date.as_secs_f64() - expected).abs();
    assert!(off < 3e-8, "the date is {date}, not {expected}");
}

#[track_caller]
pub fn assert_duration(duration: Duration, expected: f64) {
    let off = (duration.as_secs_f64() - expected).abs();
    assert!(off < 3e-8, "the duration is {} s, not {expected}", duration.as_secs_f64());
}

/// The invocation has completed; dispatched, started and ended then.
#[track_caller]
pub fn assert_completed(invocation: &Invocation, dispatched: f64, started: f64, ended: f64) {
    assert_eq!(
        invocation.state(),
        InvocationState::Ended(Outcome::Completed),
        "{:?}",
        invocation.cause()
    );
    let record = invocation.record();
    assert_date(record.dispatched, dispatched);
    assert_date(record.started, started);
    assert_date(record.ended, ended);
    assert_eq!(record.cause, None);
}

/// The word for the cause of a failure.
#[track_caller]
pub fn code(invocation: &Invocation) -> &'static str {
    invocation.cause().expect("it has not completed").code()
}

/// A message as tests write it down: date, from, to, kind, payload.
pub type Line = (f64, &'static str, &'static str, &'static str, u64);

/// Every message since the log began.
#[derive(Default)]
pub struct MessageLog(pub Rc<RefCell<Vec<MessageEvent>>>);

impl MessageLog {
    /// The messages were these, in this order.
    #[track_caller]
    pub fn assert(&self, expected: &[Line]) {
        assert_messages(&self.0.borrow(), expected);
    }
}

#[track_caller]
fn assert_messages(log: &[MessageEvent], expected: &[Line]) {
    let same = log.len() == expected.len()
        && log.iter().zip(expected).all(|(event, &(sent, from, to, kind, bytes))| {
            (event.sent.as_secs_f64() - sent).abs() < 3e-8
                && (&*event.from, &*event.to, event.kind, event.payload_bytes)
                    == (from, to, kind, bytes)
        });
    if !same {
        let lines = log.iter().map(|event| {
            let MessageEvent { sent, from, to, kind, payload_bytes } = event;
            format!("({:.9}, {from:?}, {to:?}, {kind:?}, {payload_bytes})\n", sent.as_secs_f64())
        });
        let wanted = expected.iter().map(|(sent, from, to, kind, bytes)| {
            format!("({sent:.9}, {from:?}, {to:?}, {kind:?}, {bytes})\n")
        });
        panic!(
            "messages were\n{}instead of\n{}",
            lines.collect::<String>(),
            wanted.collect::<String>()
        );
    }
}
