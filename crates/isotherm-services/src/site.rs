//! The site: the platform that all services of a simulation share, and the observers of messages.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{Kernel, Teardown, Time};
use isotherm_platform::{HostId, Platform};

/// The platform that the services of a simulation share, and the observers of their messages. Cheap
/// to clone.
///
/// ```
/// use isotherm_services::{ExecutionController, Site, StorageConfig, StorageService};
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
///
/// let site = Site::new(platform);
/// site.observe_messages(Box::new(|message| {
///     println!("{} {} -> {}: {}", message.sent, message.from, message.to, message.kind);
/// }));
/// let memory = StorageService::start(&site, StorageConfig::new("memory", node));
/// ExecutionController::spawn(&site, user, "controller", async move |me| {
///     // From user/controller to node/memory: lookup_request, and back: lookup_answer.
///     assert_eq!(memory.lookup(&me.address(), "data").await, Ok(false));
/// });
/// simulation.run()?;
/// # Ok::<(), isotherm_kernel::RunError>(())
/// ```
#[derive(Clone)]
pub struct Site {
    inner: Rc<Inner>,
}

struct Inner {
    platform: Platform,
    observers: RefCell<Vec<Observer>>,
    observed: Cell<bool>,
}

type Observer = Box<dyn FnMut(&MessageEvent)>;

/// An observer may hold the site, or an object that does.
impl Teardown for Inner {
    fn tear_down(&self) {
        let observers = self.observers.take();
        drop(observers);
    }
}

/// A message that was sent. Observers are called at the date of sending, whether or not the message
/// arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageEvent {
    /// The date of sending.
    pub sent: Time,
    /// The sender's address, `host/name`.
    pub from: Arc<str>,
    /// The receiver's address, `host/name`.
    pub to: Arc<str>,
    /// The kind of the message.
    pub kind: &'static str,
    /// The payload in bytes; 0 costs no simulated time.
    pub payload_bytes: u64,
}

impl Site {
    /// A site on a platform, without observers.
    #[must_use]
    pub fn new(platform: Platform) -> Self {
        let inner = Inner { platform, observers: RefCell::default(), observed: Cell::new(false) };
        let site = Self { inner: Rc::new(inner) };
        let weak = Rc::downgrade(&site.inner);
        site.kernel().tear_down_with(weak);
        site
    }

    /// The platform.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.inner.platform
    }

    /// The kernel that simulates the platform.
    #[must_use]
    pub fn kernel(&self) -> &Kernel {
        self.inner.platform.kernel()
    }

    /// The current date.
    #[must_use]
    pub fn now(&self) -> Time {
        self.kernel().now()
    }

    /// Calls `observer` for every message from now on. Messages that an observer sends are not
    /// observed.
    pub fn observe_messages(&self, observer: Box<dyn FnMut(&MessageEvent)>) {
        self.inner.observers.borrow_mut().push(observer);
        self.inner.observed.set(true);
    }

    /// Calls the observers, if there are any.
    #[inline]
    pub(crate) fn message_sent(
        &self,
        from: &Address,
        to: &Address,
        kind: &'static str,
        payload_bytes: u64,
    ) {
        if self.inner.observed.get() {
            self.tell_observers(from, to, kind, payload_bytes);
        }
    }

    #[cold]
    fn tell_observers(&self, from: &Address, to: &Address, kind: &'static str, payload_bytes: u64) {
        let event = MessageEvent {
            sent: self.now(),
            from: from.label.clone(),
            to: to.label.clone(),
            kind,
            payload_bytes,
        };
        // An observer may add observers or send messages: nothing stays borrowed while it runs.
        let mut observers = self.inner.observers.take();
        for observer in &mut observers {
            observer(&event);
        }
        let mut added = self.inner.observers.borrow_mut();
        observers.append(&mut added);
        *added = observers;
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").finish_non_exhaustive()
    }
}

/// The address of a sender or receiver: a name on a host. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: HostId,
    label: Arc<str>,
    /// The index in the label at which the name begins.
    name: usize,
}

impl Address {
    /// The address of `name` on a host, displayed as `host/name`.
    #[must_use]
    pub fn new(site: &Site, host: HostId, name: &str) -> Self {
        let host_name = site.platform().host_name(host);
        Self { host, label: format!("{host_name}/{name}").into(), name: host_name.len() + 1 }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> HostId {
        self.host
    }

    /// The name, without the host.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.label[self.name..]
    }

    /// The whole address, `host/name`.
    #[must_use]
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

/// The methods that the contexts of actors share: they have a `site` and an `address()`.
macro_rules! context_methods {
    ($context:ident) => {
        impl $context {
            /// The site.
            #[must_use]
            pub fn site(&self) -> &Site {
                &self.site
            }

            /// The kernel.
            #[must_use]
            pub fn kernel(&self) -> &Kernel {
                self.site.kernel()
            }

            /// The host on which it runs.
            #[must_use]
            pub fn host(&self) -> HostId {
                self.address().host()
            }

            /// The current date.
            #[must_use]
            pub fn now(&self) -> Time {
                self.kernel().now()
            }

            /// Sleeps for a duration.
            pub async fn sleep(&self, duration: Duration) {
                self.kernel().sleep(duration).await;
            }
        }
    };
}
pub(crate) use context_methods;
