//! Ports: mailboxes with an address, through which services and controllers send messages.
//!
//! A message of 0 bytes arrives immediately, at no simulated cost. A message with a payload first
//! crosses the network, as a flow of that many bytes from the sender's host to the port's host.
//! Flows share the network with everything else and may overtake one another, unless the port takes
//! them [one at a time](Delivery::OneAtATime).
//! # What may go wrong
//!
//! A transfer fails if there is no route or a link goes off. The message is then lost;
//! [`Port::send_or`] returns it to the sender with the cause. A port whose owner is gone is
//! *closed*: messages that arrive are dropped, and a request informs its sender as it is dropped.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use isotherm_kernel::{Duration, Handler, Mailbox, ReceiveTimedOut, Teardown};
use isotherm_platform::HostId;

use crate::transfer::{failure, unreachable};
use crate::{Address, FailureCause, Site};

/// A type that can be sent through ports.
pub trait Message {
    /// The kind of the message, for observers.
    fn kind(&self) -> &'static str;
}

/// How messages with a payload reach a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Each transfer starts when its message is sent.
    #[default]
    Concurrent,
    /// A transfer, latency included, starts when the previous one has ended. Senders do not wait.
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
/// // 97 bytes cross a link of 100 MB/s, which acknowledgements (5 %) use too and of which 97 %
/// // carry payload. A message of 0 bytes arrives immediately.
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
    /// Whether a transfer is in progress, if they go one at a time.
    busy: Cell<bool>,
    /// The messages waiting for that transfer to end.
    queue: RefCell<VecDeque<QueuedMessage<M>>>,
}

type OnLost<M> = Box<dyn FnOnce(FailureCause, M)>;

struct QueuedMessage<M> {
    from: HostId,
    bytes: u64,
    message: M,
    on_lost: Option<OnLost<M>>,
}

/// A queued message may hold the port.
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
    /// Creates a port with this name on a host.
    #[must_use]
    pub fn new(site: &Site, host: HostId, name: &str) -> Self {
        Self::at(site, Address::new(site, host, name), Delivery::Concurrent)
    }

    /// Creates a port at an address.
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

    /// The address of the port.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// The number of messages that have arrived and have not been received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.mailbox.len()
    }

    /// Whether no message has arrived.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends a message without waiting. It arrives immediately if it has no payload, otherwise when
    /// its transfer ends, and never if the transfer fails.
    pub fn send(&self, from: &Address, payload_bytes: u64, message: M) {
        self.post(from, payload_bytes, message, None);
    }

    /// Like [`send`](Self::send), but calls `on_lost` with the cause and the message if the
    /// transfer fails.
    pub fn send_or(
        &self,
        from: &Address,
        payload_bytes: u64,
        message: M,
        on_lost: impl FnOnce(FailureCause, M) + 'static,
    ) {
        // A message without payload is never lost.
        let on_lost = (payload_bytes > 0).then(|| Box::new(on_lost) as OnLost<M>);
        self.post(from, payload_bytes, message, on_lost);
    }

    /// Sends a message and waits until it has arrived. Dropping the future aborts the transfer. The
    /// transfer starts at once, even if the port takes others [one at a
    /// time](Delivery::OneAtATime).
    ///
    /// # Errors
    /// The transfer failed and the message is lost.
    pub async fn deliver(
        &self,
        from: &Address,
        payload_bytes: u64,
        message: M,
    ) -> Result<(), FailureCause> {
        let Inner { site, address, .. } = &*self.inner;
        site.message_sent(from, address, message.kind(), payload_bytes);
        send_bytes(site, from.host(), address.host(), payload_bytes).await?;
        self.arrive(message);
        Ok(())
    }

    /// Waits for a message.
    pub async fn receive(&self) -> M {
        self.inner.mailbox.receive().await
    }

    /// Waits for a message for at most `patience`. A message that comes exactly then is in time.
    ///
    /// # Errors
    /// No message came in time.
    pub async fn receive_with_timeout(&self, patience: Duration) -> Result<M, ReceiveTimedOut> {
        self.inner.mailbox.receive_with_timeout(patience).await
    }

    /// Calls `listener` when messages have arrived: see [`Mailbox::listen`].
    pub fn listen(&self, listener: Weak<dyn Handler>) {
        self.inner.mailbox.listen(listener);
    }

    /// Takes the first message if one has arrived.
    #[must_use]
    pub fn try_receive(&self) -> Option<M> {
        self.inner.mailbox.try_receive()
    }

    /// Closes the port: messages in it and messages that arrive later are dropped.
    pub fn close(&self) {
        self.inner.closed.set(true);
        while let Some(message) = self.inner.mailbox.try_receive() {
            drop(message);
        }
    }

    /// Opens a closed port.
    pub fn open(&self) {
        self.inner.closed.set(false);
    }

    /// Whether the port is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.closed.get()
    }

    /// Puts a message into the mailbox, unless the port is closed.
    pub(crate) fn arrive(&self, message: M) {
        if !self.is_closed() {
            self.inner.mailbox.send_detached(message);
        }
    }

    /// Reports a message without payload that its receiver processes without the mailbox, because
    /// it would receive it next.
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

    /// Starts the transfer of a message.
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

/// Sends bytes over the network and waits until they have come; 0 bytes cost no time.
pub(crate) async fn send_bytes(
    site: &Site,
    from: HostId,
    to: HostId,
    bytes: u64,
) -> Result<(), FailureCause> {
    if bytes == 0 {
        return Ok(());
    }
    let transfer = site.platform().transfer(from, to, bytes as f64);
    transfer.map_err(|error| unreachable(&error))?.await.map_err(|error| failure(site, error))
}

/// Transfers `bytes` between hosts and calls `end` with the result, never from within this call.
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
