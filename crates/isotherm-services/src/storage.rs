//! Storage services: files on the disk or in the memory of a host, which are read, written, copied
//! and deleted by messages.
//!
//! # Interfaces
//!
//! *Messages*, sent from an [`Address`]. Control messages have a payload of
//! [`StorageConfig::control_bytes`]; data move by [`move_data`](crate::move_data).
//!
//! | operation | messages (C = caller, S = service) | data |
//! |---|---|---|
//! | lookup, delete, free space | C→S request, S→C answer | |
//! | read | C→S request, S→C answer, data, S→C acknowledgement | S → memory of C |
//! | write | C→S request, S→C answer, data, S→C acknowledgement | memory of C → S |
//! | copy | C→S request, data, S→C answer | source → destination |
//! | stop | C→S request, S→C acknowledgement | |
//!
//! A copy is requested from the destination (from the source, if only the destination is buffered).
//! Between two buffered services the destination first exchanges a request and an answer with the
//! source.
//!
//! *The zero-time interface*: [`StorageService::file_system`] gives access to the file system
//! itself, to be used through guards ([`FilePin`], [`FileWrite`], [`Room`](crate::Room)).
//!
//! # Rules
//!
//! * A file is pinned while it is read, written or copied: it is neither evicted nor deleted. It
//!   appears when its last byte has been written; its room is taken from the beginning.
//! * Accesses that count for [`Eviction::Lru`] are the end of a fluid read, the beginning of each
//!   chunk of a buffered one, the end of a write, and the creation of a file.
//! * Writing or copying onto an existing file moves the same messages and data, but the file keeps
//!   its size.
//! * At most [`StorageConfig::max_connections`] transfers run at once; others wait in the order of
//!   their requests.
//! * A caller that is killed, or whose future is dropped, aborts its transfer: the room is free
//!   again and nothing stays pinned.
//! * When the service is stopped or its host fails, all waiting callers get an error immediately,
//!   and so do later ones.

mod client;
mod server;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use isotherm_kernel::{Actor, Mailbox, Teardown};
use isotherm_platform::{DiskId, HostId};
use slab::Slab;

use crate::{
    Address, DataEnd, Delivery, Evicted, Eviction, FailureCause, FileError, FileName, FilePin,
    FileSystem, FileWrite, Message, Port, SharedFileSystem, Site,
};

/// The configuration of a storage service.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// Its name on its host.
    pub name: Arc<str>,
    /// The host on which it runs.
    pub host: HostId,
    /// The disk that holds the files; `None` is the memory of the host. It may be a disk of
    /// another host: the service answers on its own, and data begin and end at the disk, so that
    /// they cross the network as one stream with the access to the disk.
    pub disk: Option<DiskId>,
    /// Its capacity in bytes; by default that of the disk or memory.
    pub capacity: Option<u64>,
    /// The eviction policy.
    pub eviction: Eviction,
    /// The size of a chunk in bytes, if data move in chunks.
    pub buffer: Option<u64>,
    /// The payload of its control messages in bytes.
    pub control_bytes: u64,
    /// The largest number of concurrent transfers.
    pub max_connections: Option<u32>,
}

impl StorageConfig {
    /// A service in the memory of a host, without eviction, with fluid transfers and control
    /// messages of 0 bytes.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, host: HostId) -> Self {
        Self {
            name: name.into(),
            host,
            disk: None,
            capacity: None,
            eviction: Eviction::None,
            buffer: None,
            control_bytes: 0,
            max_connections: None,
        }
    }

    /// The same on a disk.
    #[must_use]
    pub fn on_disk(name: impl Into<Arc<str>>, host: HostId, disk: DiskId) -> Self {
        Self { disk: Some(disk), ..Self::new(name, host) }
    }
}

/// A storage service. A cheap handle; clones are the same service.
///
/// ```
/// use isotherm_services::{ExecutionController, FailureCause, Site, StorageConfig, StorageService};
/// # use isotherm_kernel::Simulation;
/// # use isotherm_platform::{Platform, PlatformBuilder};
/// # let mut builder = PlatformBuilder::new();
/// # for host in ["user", "node"] {
/// #     builder.host(host, 1e9).cores(4).memory(16_000_000_000);
/// #     builder.disk(host, "disk", 1e8, 1e8);
/// # }
/// # builder.link("lan", 1e8, 0.0);
/// # builder.route("user", "node", ["lan"]);
/// # let simulation = Simulation::new();
/// # let platform = Platform::new(&simulation.kernel(), builder.build().unwrap()).unwrap();
/// # let [user, node] = ["user", "node"].map(|name| platform.host(name).unwrap());
/// # let [disk, node_disk] = [user, node].map(|host| platform.disk_at(host, "/").unwrap());
/// # let site = Site::new(platform);
///
/// let home = StorageService::start(&site, StorageConfig::on_disk("home", user, disk));
/// let scratch = StorageService::start(&site, StorageConfig::on_disk("scratch", node, node_disk));
/// home.put("data", 100_000_000, 0)?;
/// ExecutionController::spawn(&site, user, "controller", async move |me| {
///     // 100 MB cross a link of 100 MB/s, which acknowledgements (5 %) use too and of which 97 %
///     // carry payload.
///     home.copy_to(&me.address(), "data", &scratch).await?;
///     assert_eq!(me.now().to_string(), "1.082474227");
///     assert!(scratch.lookup(&me.address(), "data").await?);
///     scratch.delete(&me.address(), "data").await?;
///     let gone = scratch.read(&me.address(), "data", None).await;
///     assert_eq!(gone.unwrap_err().code(), "file_not_found");
///     Ok::<(), FailureCause>(())
/// });
/// simulation.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct StorageService {
    inner: Rc<Inner>,
}

struct Inner {
    site: Site,
    name: Arc<str>,
    files: SharedFileSystem,
    host: HostId,
    end: DataEnd,
    control_bytes: u64,
    port: Port<Request>,
    stopped: Cell<bool>,
    /// Holds a token for each transfer that may start.
    connections: Option<Mailbox<()>>,
    /// The transfers that run or wait for a connection.
    transfers: RefCell<Slab<Weak<Ticket>>>,
    observers: RefCell<Vec<EvictionObserver>>,
}

type EvictionObserver = Box<dyn FnMut(&Evicted)>;

/// An observer may hold the service.
impl Teardown for Inner {
    fn tear_down(&self) {
        let observers = self.observers.take();
        drop(observers);
    }
}

impl fmt::Debug for StorageService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorageService({})", self.address())
    }
}

impl PartialEq for StorageService {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }
}

impl StorageService {
    /// Starts a storage service. On a host that is off it stays down until it is
    /// [restarted](Self::restart).
    #[must_use]
    pub fn start(site: &Site, config: StorageConfig) -> Self {
        let capacity = config.capacity.unwrap_or_else(|| match config.disk {
            Some(disk) => site.platform().disk_capacity(disk),
            None => site.platform().memory(config.host),
        });
        let connections = config.max_connections.map(|number| {
            let tokens = site.kernel().mailbox(format!("{} connections", config.name));
            (0..number.max(1)).for_each(|_| tokens.send_detached(()));
            tokens
        });
        let address = Address::new(site, config.host, &config.name);
        let inner = Inner {
            site: site.clone(),
            name: config.name,
            files: Rc::new(RefCell::new(FileSystem::new(capacity, config.eviction))),
            host: config.host,
            end: DataEnd {
                host: config.disk.map_or(config.host, |disk| site.platform().disk_host(disk)),
                disk: config.disk,
                buffer: config.buffer.filter(|&bytes| bytes > 0),
            },
            control_bytes: config.control_bytes,
            port: Port::at(site, address, Delivery::Concurrent),
            stopped: Cell::new(false),
            connections,
            transfers: RefCell::default(),
            observers: RefCell::default(),
        };
        let service = Self { inner: Rc::new(inner) };
        let weak = Rc::downgrade(&service.inner);
        site.kernel().tear_down_with(weak);
        service.spawn_daemon();
        service
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.inner.name
    }

    /// The host on which it runs.
    #[must_use]
    pub fn host(&self) -> HostId {
        self.inner.host
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.inner.port.address()
    }

    /// The disk or memory where its data are.
    #[must_use]
    pub fn data_end(&self) -> DataEnd {
        self.inner.end
    }

    /// Its file system, for operations that take no time.
    #[must_use]
    pub fn file_system(&self) -> SharedFileSystem {
        Rc::clone(&self.inner.files)
    }

    /// Whether it answers: it has not been stopped and its host is on.
    #[must_use]
    pub fn is_up(&self) -> bool {
        !self.inner.port.is_closed()
    }

    /// The number of transfers that run or wait for a connection.
    #[must_use]
    pub fn transfers(&self) -> usize {
        self.inner.transfers.borrow().len()
    }

    /// Creates a file in zero time. Does nothing if the file exists.
    ///
    /// # Errors
    /// [`FailureCause::StorageFull`].
    pub fn put(&self, name: impl Into<FileName>, bytes: u64, tag: u64) -> Result<(), FailureCause> {
        let created = self.inner.files.borrow_mut().create(name, bytes, tag);
        match created {
            Ok((_, evicted)) => {
                self.tell_evicted(&evicted);
                Ok(())
            }
            Err(FileError::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(self.refusal(error)),
        }
    }

    /// Calls `observer` for every file that this service evicts. Users of
    /// [`file_system`](Self::file_system) get the evicted files returned instead.
    pub fn observe_evictions(&self, observer: Box<dyn FnMut(&Evicted)>) {
        self.inner.observers.borrow_mut().push(observer);
    }

    /// Starts the service again after its host has been off, or after it was stopped. Files that
    /// were written are kept. Does nothing while it is up.
    pub fn restart(&self) {
        if !self.is_up() && self.inner.site.platform().is_on(self.host()) {
            self.inner.stopped.set(false);
            self.inner.port.open();
            self.spawn_daemon();
        }
    }

    fn tell_evicted(&self, evicted: &[Evicted]) {
        if evicted.is_empty() {
            return;
        }
        let mut observers = self.inner.observers.take();
        for file in evicted {
            for observer in &mut observers {
                observer(file);
            }
        }
        let mut added = self.inner.observers.borrow_mut();
        observers.append(&mut added);
        *added = observers;
    }

    /// The failure cause for a refusal of the file system.
    fn refusal(&self, error: FileError) -> FailureCause {
        let storage = Arc::clone(&self.inner.name);
        match error {
            FileError::NotEnoughSpace { needed, free } => {
                FailureCause::StorageFull { storage, needed_bytes: needed, free_bytes: free }
            }
            FileError::InUse { name } | FileError::AlreadyExists { name } => {
                FailureCause::FileInUse { storage, file: name }
            }
        }
    }

    fn not_found(&self, file: &FileName) -> FailureCause {
        FailureCause::FileNotFound { storage: Arc::clone(&self.inner.name), file: Arc::clone(file) }
    }

    /// The failure cause for callers while the service is down.
    fn why_down(&self) -> FailureCause {
        let platform = self.inner.site.platform();
        if self.inner.stopped.get() || platform.is_on(self.host()) {
            FailureCause::ServiceStopped { service: Arc::clone(&self.inner.name) }
        } else {
            FailureCause::HostFailed { host: platform.host_name(self.host()) }
        }
    }
}

/// The requests of callers and of other storage services.
enum Request {
    Lookup {
        file: FileName,
        reply: Reply,
    },
    Delete {
        file: FileName,
        reply: Reply,
    },
    FreeSpace {
        reply: Reply,
    },
    Read {
        file: FileName,
        bytes: Option<u64>,
        ticket: Rc<Ticket>,
        reply: Reply,
    },
    Write {
        file: FileName,
        bytes: u64,
        tag: u64,
        ticket: Rc<Ticket>,
        reply: Reply,
    },
    Copy {
        job: Copy,
        ticket: Rc<Ticket>,
        reply: Reply,
    },
    /// From the destination of a buffered copy to the source.
    Fetch {
        file: FileName,
        reply: Reply,
    },
    Stop {
        reply: Reply,
    },
}

/// A file to be copied, and where.
struct Copy {
    source: StorageService,
    destination: StorageService,
    file: FileName,
    name: FileName,
}

impl Message for Request {
    fn kind(&self) -> &'static str {
        match self {
            Request::Lookup { .. } => "lookup_request",
            Request::Delete { .. } => "delete_request",
            Request::FreeSpace { .. } => "free_space_request",
            Request::Read { .. } | Request::Fetch { .. } => "read_request",
            Request::Write { .. } => "write_request",
            Request::Copy { .. } => "copy_request",
            Request::Stop { .. } => "stop_request",
        }
    }
}

impl Request {
    fn reply(self) -> Reply {
        match self {
            Request::Lookup { reply, .. }
            | Request::Delete { reply, .. }
            | Request::FreeSpace { reply }
            | Request::Read { reply, .. }
            | Request::Write { reply, .. }
            | Request::Copy { reply, .. }
            | Request::Fetch { reply, .. }
            | Request::Stop { reply } => reply,
        }
    }
}

/// An answer of a storage service: a number of bytes, or 0 or 1 for a lookup.
struct Answer {
    kind: &'static str,
    value: Result<u64, FailureCause>,
}

impl Message for Answer {
    fn kind(&self) -> &'static str {
        self.kind
    }
}

/// The way back to the caller. Dropped without an answer, it tells the caller why none will come.
struct Reply {
    service: StorageService,
    port: Port<Answer>,
    finished: bool,
}

impl Reply {
    /// Sends an answer before the last one and waits until it has arrived.
    async fn go_ahead(&self, kind: &'static str, bytes: u64) -> Result<(), FailureCause> {
        let answer = Answer { kind, value: Ok(bytes) };
        let service = &self.service;
        self.port.deliver(service.address(), service.inner.control_bytes, answer).await
    }

    /// Sends the last answer and waits until it has arrived.
    async fn finish_and_wait(self, kind: &'static str, value: u64) {
        match self.go_ahead(kind, value).await {
            Ok(()) => self.done(),
            Err(cause) => self.fail(cause),
        }
    }

    /// Sends the last answer.
    fn finish(mut self, kind: &'static str, value: Result<u64, FailureCause>) {
        self.finished = true;
        let port = self.port.clone();
        let service = &self.service;
        let bytes = service.inner.control_bytes;
        let answer = Answer { kind, value };
        self.port.send_or(service.address(), bytes, answer, move |cause, answer| {
            port.arrive(Answer { value: Err(cause), ..answer });
        });
    }

    /// Ends without another answer.
    fn done(mut self) {
        self.finished = true;
    }

    /// Tells the caller, at no cost, that there will be no answer.
    fn fail(mut self, cause: FailureCause) {
        self.give_up(cause);
    }

    fn give_up(&mut self, cause: FailureCause) {
        self.finished = true;
        self.port.arrive(Answer { kind: "failure", value: Err(cause) });
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.finished {
            let cause = self.service.why_down();
            self.give_up(cause);
        }
    }
}

/// The state of a transfer shared by caller and service, with which the caller can abort it.
#[derive(Default)]
struct Ticket {
    abandoned: Cell<bool>,
    helper: RefCell<Option<Actor<()>>>,
}

impl Ticket {
    /// Aborts the transfer, at any stage.
    fn abandon(&self) {
        self.abandoned.set(true);
        let helper = self.helper.take();
        if let Some(helper) = helper {
            helper.kill();
        }
    }
}
