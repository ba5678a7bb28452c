//! Mailboxes: queues through which actors send each other messages.
//!
//! A mailbox is an unbounded FIFO queue of typed values. It takes no virtual time and never touches
//! the event queue. A message wakes the receiver that has waited longest. Sending is detached
//! ([`Mailbox::send_detached`]) or a rendezvous ([`Mailbox::send`]: the sender waits until the
//! message has been received). Network costs are modelled by the layers above, which put a message
//! into the mailbox when its transfer has ended.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use crate::actor::{Label, Waiting};
use crate::combinators::{Either, select};
use crate::teardown::{Registration, Teardown};
use crate::waiter::{Waiter, Waiters};
use crate::{Duration, Handler, Kernel};

struct Envelope<T> {
    value: T,
    receipt: Option<Rc<Receipt>>,
}

/// Tells the sender of a rendezvous that its message has been received.
struct Receipt {
    sender: Cell<Option<Waiter>>,
    received: Cell<bool>,
}

struct Inner<T> {
    kernel: Kernel,
    name: Label,
    queue: RefCell<VecDeque<Envelope<T>>>,
    receivers: RefCell<Waiters>,
    /// Called when messages have come, in place of a receiver.
    listener: RefCell<Option<Weak<dyn Handler>>>,
    /// Whether the listener has been called and has not emptied the queue since.
    notified: Cell<bool>,
    /// Its registration for the teardown of the simulation.
    registration: Cell<Option<Registration>>,
}

/// A message that is never received may hold the mailbox that contains it.
impl<T> Teardown for Inner<T> {
    fn tear_down(&self) {
        let queue = self.queue.take();
        let listener = self.listener.take();
        drop((queue, listener));
    }
}

impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        if let Some(registration) = self.registration.take() {
            self.kernel.unregister(&registration);
        }
    }
}

/// A queue of messages of type `T`. Cheap to clone; clones are the same mailbox.
///
/// ```
/// use isotherm_kernel::{Duration, Simulation};
///
/// let simulation = Simulation::new();
/// let kernel = simulation.kernel();
/// let queue = kernel.mailbox("queue");
/// queue.send_detached("one");
/// kernel.spawn("reader", async move {
///     assert_eq!(queue.receive().await, "one");
///     // No second message is sent.
///     let patience = Duration::from_secs(5);
///     assert!(queue.receive_with_timeout(patience).await.is_err());
/// });
/// assert_eq!(simulation.run()?.as_secs_f64(), 5.0);
/// # Ok::<(), isotherm_kernel::RunError>(())
/// ```
pub struct Mailbox<T>(Rc<Inner<T>>);

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Mailbox(Rc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("name", &self.0.name).field("len", &self.len()).finish()
    }
}

/// No message came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no message came within {0} s")]
pub struct ReceiveTimedOut(
    /// How long the receiver waited.
    pub Duration,
);

impl<T> Mailbox<T> {
    pub(crate) fn new(kernel: Kernel, name: Label) -> Self
    where
        T: 'static,
    {
        let mailbox = Mailbox(Rc::new(Inner {
            kernel,
            name,
            queue: RefCell::default(),
            receivers: RefCell::default(),
            listener: RefCell::default(),
            notified: Cell::new(false),
            registration: Cell::default(),
        }));
        let weak = Rc::downgrade(&mailbox.0);
        mailbox.0.registration.set(mailbox.0.kernel.register(weak));
        mailbox
    }

    /// The mailbox's name, for reports.
    #[must_use]
    pub fn name(&self) -> &Label {
        &self.0.name
    }

    /// The number of messages in the queue.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.queue.borrow().len()
    }

    /// Whether the queue is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends a message without waiting.
    pub fn send_detached(&self, value: T) {
        self.put(Envelope { value, receipt: None });
    }

    /// Sends a message and waits until it has been received. Dropping the future does not take the
    /// message back.
    pub async fn send(&self, value: T) {
        let receipt = Rc::new(Receipt { sender: Cell::new(None), received: Cell::new(false) });
        self.put(Envelope { value, receipt: Some(Rc::clone(&receipt)) });
        std::future::poll_fn(|context| {
            if receipt.received.get() {
                return Poll::Ready(());
            }
            receipt.sender.set(Some(Waiter::new(&self.0.kernel, context)));
            self.0.kernel.wait_for(|| Waiting::Receiver(self.0.name.clone()));
            Poll::Pending
        })
        .await;
    }

    /// Makes `listener` the receiver: it is called from the run queue when messages have come and
    /// takes them with [`try_receive`](Self::try_receive) until there are none. This is cheaper
    /// than an actor that only receives. The mailbox does not keep the listener alive, and no actor
    /// may receive from it.
    pub fn listen(&self, listener: Weak<dyn Handler>) {
        self.0.listener.replace(Some(listener));
    }

    fn put(&self, envelope: Envelope<T>) {
        if self.0.kernel.is_over() {
            return;
        }
        self.0.queue.borrow_mut().push_back(envelope);
        self.wake_next();
    }

    fn notify_listener(&self, listener: &Weak<dyn Handler>) {
        if !self.0.notified.replace(true)
            && let Some(listener) = listener.upgrade()
        {
            self.0.kernel.signal_now(listener, (0, 0));
        }
    }

    fn wake_next(&self) {
        if let Some(listener) = &*self.0.listener.borrow() {
            return self.notify_listener(listener);
        }
        let receiver = self.0.receivers.borrow_mut().next();
        if let Some(receiver) = receiver {
            self.0.kernel.wake(receiver.notify());
        }
    }

    /// Takes the first message, if there is one.
    #[must_use]
    pub fn try_receive(&self) -> Option<T> {
        let Some(envelope) = self.0.queue.borrow_mut().pop_front() else {
            self.0.notified.set(false);
            return None;
        };
        if let Some(receipt) = envelope.receipt {
            receipt.received.set(true);
            if let Some(sender) = receipt.sender.take() {
                self.0.kernel.wake(sender.notify());
            }
        }
        Some(envelope.value)
    }

    /// Waits for a message.
    pub fn receive(&self) -> Receive<'_, T> {
        Receive { mailbox: self, number: None }
    }

    /// Waits for a message for at most `patience`. A message that comes exactly then is in time.
    ///
    /// # Errors
    /// [`ReceiveTimedOut`] if none came; later messages stay in the mailbox.
    pub async fn receive_with_timeout(&self, patience: Duration) -> Result<T, ReceiveTimedOut> {
        let kernel = &self.0.kernel;
        match select(self.receive(), kernel.timer_at(kernel.now() + patience)).await {
            Either::First(value) => Ok(value),
            Either::Second(()) => Err(ReceiveTimedOut(patience)),
        }
    }
}

/// Future of [`Mailbox::receive`].
#[must_use = "futures do nothing unless awaited"]
pub struct Receive<'a, T> {
    mailbox: &'a Mailbox<T>,
    /// The number under which it waits, once it does.
    number: Option<u64>,
}

impl<T> Future for Receive<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mailbox = self.mailbox;
        if let Some(value) = mailbox.try_receive() {
            // The actor may have been woken for another of its futures, so this one may still be
            // among the receivers.
            if let Some(number) = self.number.take() {
                mailbox.0.receivers.borrow_mut().leave(number);
            }
            return Poll::Ready(value);
        }
        let number = mailbox.0.receivers.borrow_mut().wait(self.number, &mailbox.0.kernel, context);
        self.number = Some(number);
        mailbox.0.kernel.wait_for(|| Waiting::Message(mailbox.0.name.clone()));
        Poll::Pending
    }
}

impl<T> Drop for Receive<'_, T> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.mailbox.0.receivers.borrow_mut().leave(number);
            // The receiver may have been woken for a message that is now left to the next one.
            if !self.mailbox.is_empty() {
                self.mailbox.wake_next();
            }
        }
    }
}
