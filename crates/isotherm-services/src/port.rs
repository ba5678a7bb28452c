//! Ports: how services and controllers talk.
//!
//! A port is a mailbox with a place: a host and a name. A message of 0 bytes is in the mailbox at
//! once, at no simulated cost. A message with a payload crosses the network first, as a flow of
//! that many bytes from the host of the sender to the host of the port; messages on their way share
//! the network with everything else and may overtake one another, unless the port takes them [one
//! at a time](Delivery::OneAtATime).
//!
//! # What may go wrong
//!
//! A transfer may fail: there is no route, or a link goes off. Then the message never arrives; who
//! sent it with [`Port::send_or`] gets it back together with the cause. A port whose owner is gone
//! is *closed*: what arrives there is dropped, and a request tells its sender so as it is dropped.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use isotherm_kernel::{Duration, Handler, Mailbox, ReceiveTimedOut, Teardown};
use isotherm_platform::HostId;

use crate::transfer::{failure, unreachable};
use crate::{Address, FailureCause, Site};

/// What is sent through ports.
pub trait Message {
    /// A word for observers that says what kind of message it is.
    fn kind(&self) -> &'static str;
}

/// How messages with a payload reach a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Each message sets out when it is sent.
    #[default]
    Concurrent,
    /// A message sets out, latency included, when the one sent before it has arrived. The sender
    /// does not wait.
    OneAtATime,
}

/// A mailbox at an address. Cheap to clone; clones are the same port.
///
/// ```
/// use isotherm_services::{Address, ExecutionController, Message, Port, Site};
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
/// # let site = Site::new(platform);
///
/// struct Ping;
///
/// impl Message for Ping {
///     fn kind(&self) -> &'static str {
///         "ping"
///     }
/// }
///
/// let port = Port::new(&site, node, "server");
/// let sender = Address::new(&site, user, "client");
/// // 97 bytes go over a link of 100 MB/s, which acknowledgements (5 %) use too, and of which 97 % are payload. A message of
/// // 0 bytes is there at once.
/// port.send(&sender, 97, Ping);
/// port.send(&sender, 0, Ping);
/// ExecutionController::spawn(&site, node, "server", async move |me| {
///     let Ping = port.receive().await;
///     assert_eq!(me.now().as_nanos(), 0);
///     let Ping = port.receive().await;
///     assert_eq!(me.now().as_nanos(), 1_050);
/// });
/// simulation.run()?;
/// # Ok::<(), isotherm_kernel::RunError>(())
/// ```
pub struct Port<M> {
    inner: Rc<Inner<M>>,
}

struct Inner<M> {
    site: Site,
    address: Address,
    mailbox: Mailbox<M>,
    delivery: Delivery,
    closed: Cell<bool>,
    /// Whether a parcel is on its way, when they go one at a time.
    busy: Cell<bool>,
    /// The parcels behind that one.
    queue: RefCell<VecDeque<QueuedMessage<M>>>,
}

type OnLost<M> = Box<dyn FnOnce(FailureCause, M)>;

struct QueuedMessage<M> {
    from: HostId,
    bytes: u64,
    message: M,
    on_lost: Option<OnLost<M>>,
}

/// A message in line may hold the port.
impl<M> Teardown for Inner<M> {
    fn tear_down(&self) {
        let queue = self.queue.take();
        drop(queue);
    }
}

impl<M> Clone for Port<M> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner) }
    }
}

impl<M> fmt::Debug for Port<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Port({})", self.inner.address)
    }
}

impl<M: Message + 'static> Port<M> {
    /// A new port of that name on a host.
    #[must_use]
    pub fn new(site: &Site, host: HostId, name: &str) -> Self {
        Self::at(site, Address::new(site, host, name), Delivery::Concurrent)
    }

    /// A new port at an address.
    #[must_use]
    pub fn at(site: &Site, address: Address, delivery: Delivery) -> Self {
        let inner = Inner {
            site: site.clone(),
            mailbox: site.kernel().mailbox(Arc::clone(address.label())),
            address,
            delivery,
            closed: Cell::new(false),
            busy: Cell::new(false),
            queue: RefCell::default(),
        };
        let port = Self { inner: Rc::new(inner) };
        if delivery == Delivery::OneAtATime {
            let weak = Rc::downgrade(&port.inner);
            site.kernel().tear_down_with(weak);
        }
        port
    }

    /// Where the port is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// How many messages have arrived and wait to be received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.mailbox.len()
    }

    /// Whether no message waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends a message and goes on. It arrives now if it has no payload, when its transfer has
    /// ended otherwise, and never if the transfer fails.
    pub fn send(&self, from: &Address, payload_bytes: u64, message: M) {
        self.post(from, payload_bytes, message, None);
    }

    /// Like [`send`](Self::send), but if the transfer fails the sender gets the message back.
    pub fn send_or(
        &self,
        from: &Address,
        payload_bytes: u64,
        message: M,
        on_lost: impl FnOnce(FailureCause, M) + 'static,
    ) {
        // What has no payload arrives at once and is never lost.
        let on_lost = (payload_bytes > 0).then(|| Box::new(on_lost) as OnLost<M>);
        self.post(from, payload_bytes, message, on_lost);
    }

    /// Sends a message and waits until it has arrived. Dropping the future breaks the transfer off.
    /// Messages sent in this way do not line up at a port that takes the others [one at a
    /// time](Delivery::OneAtATime).
    ///
    /// # Errors
    /// The transfer failed: the message will never arrive.
    pub async fn deliver(
        &self,
        from: &Address,
        payload_bytes: u64,
        message: M,
    ) -> Result<(), FailureCause> {
        let Inner { site, address, .. } = &*self.inner;
        site.message_sent(from, address, message.kind(), payload_bytes);
        if payload_bytes > 0 {
            let (from, to) = (from.host(), address.host());
            site.platform()
                .transfer(from, to, payload_bytes as f64)
                .map_err(|error| unreachable(&error))?
                .await
                .map_err(|error| failure(site, error))?;
        }
        self.arrive(message);
        Ok(())
    }

    /// Waits for a message.
    pub async fn receive(&self) -> M {
        self.inner.mailbox.receive().await
    }

    /// Waits for a message, but not for longer than `patience`. One that comes exactly then is in
    /// time.
    ///
    /// # Errors
    /// None came in time.
    pub async fn receive_with_timeout(&self, patience: Duration) -> Result<M, ReceiveTimedOut> {
        self.inner.mailbox.receive_with_timeout(patience).await
    }

    /// Has somebody told when messages have arrived: see [`Mailbox::listen`].
    pub fn listen(&self, listener: Weak<dyn Handler>) {
        self.inner.mailbox.listen(listener);
    }

    /// Takes the first message if one has arrived.
    #[must_use]
    pub fn try_receive(&self) -> Option<M> {
        self.inner.mailbox.try_receive()
    }

    /// Closes the port: what waits in it and what arrives from now on is dropped.
    pub fn close(&self) {
        self.inner.closed.set(true);
        while let Some(message) = self.inner.mailbox.try_receive() {
            drop(message);
        }
    }

    /// Opens a port that was closed.
    pub fn open(&self) {
        self.inner.closed.set(false);
    }

    /// Whether the port is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.closed.get()
    }

    /// Puts a message into the mailbox, whatever way it has come.
    pub(crate) fn arrive(&self, message: M) {
        if !self.is_closed() {
            self.inner.mailbox.send_detached(message);
        }
    }

    /// Whether a message without payload that is sent now, by who has nothing more to do in his
    /// turn, would be the next thing that happens. A receiver that listens may then take it without
    /// its coming through the mailbox; he says so to those who observe messages by
    /// [`taken_at_once`](Self::taken_at_once).
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.inner.site.kernel().is_quiet() && self.is_empty() && !self.is_closed()
    }

    /// Notes a message without payload that did not come through the mailbox: see
    /// [`is_quiet`](Self::is_quiet).
    pub fn taken_at_once(&self, from: &Address, kind: &'static str) {
        self.inner.site.message_sent(from, &self.inner.address, kind, 0);
    }

    fn post(&self, from: &Address, bytes: u64, message: M, on_lost: Option<OnLost<M>>) {
        let inner = &*self.inner;
        let kind = message.kind();
        inner.site.message_sent(from, &inner.address, kind, bytes);
        if bytes == 0 {
            self.arrive(message);
            return;
        }
        let queued = QueuedMessage { from: from.host(), bytes, message, on_lost };
        match inner.delivery {
            Delivery::Concurrent => self.transmit(queued),
            Delivery::OneAtATime if inner.busy.get() => inner.queue.borrow_mut().push_back(queued),
            Delivery::OneAtATime => {
                inner.busy.set(true);
                self.transmit(queued);
            }
        }
    }

    /// Sets a parcel on its way.
    fn transmit(&self, queued: QueuedMessage<M>) {
        let port = self.clone();
        let (site, to) = (&self.inner.site, self.inner.address.host());
        transmit(site, queued.from, to, queued.bytes, move |result| {
            match result {
                Ok(()) => port.arrive(queued.message),
                Err(cause) => {
                    if let Some(on_lost) = queued.on_lost {
                        on_lost(cause, queued.message);
                    }
                }
            }
            if port.inner.delivery == Delivery::OneAtATime {
                port.transmit_next();
            }
        });
    }

    fn transmit_next(&self) {
        let next = self.inner.queue.borrow_mut().pop_front();
        match next {
            Some(queued) => self.transmit(queued),
            None => self.inner.busy.set(false),
        }
    }
}

/// Carries `bytes` from host to host and calls `end` with how it went, never from within this call.
pub(crate) fn transmit(
    site: &Site,
    from: HostId,
    to: HostId,
    bytes: u64,
    end: impl FnOnce(Result<(), FailureCause>) + 'static,
) {
    match site.platform().transfer(from, to, bytes as f64) {
        Ok(transfer) => {
            let site = site.clone();
            transfer.on_end(move |_, result| end(result.map_err(|error| failure(&site, error))));
        }
        Err(error) => {
            let cause = unreachable(&error);
            site.kernel().call_after(Duration::ZERO, move |_| end(Err(cause)));
        }
    }
}
