//! Actors: `async` blocks that run in virtual time, on one thread.
//!
//! # Life cycle
//!
//! An actor is spawned into the run queue. It runs until it waits for something; when that has
//! happened the kernel puts it at the end of the run queue again. It ends by returning, or it is
//! killed: its future is dropped immediately, which gives up whatever it waited for. An actor that
//! kills itself ends when it next waits. Other actors may [join](Actor::join) it. Meanwhile it may
//! be [suspended](Actor::suspend) and resumed.
//!
//! *Daemons* serve other actors: the simulation is over when only daemons are left. The actors of a
//! [`Group`] can be killed together.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::waiter::Waiters;
use crate::{Kernel, Time};

/// A name of an actor or a mailbox. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// A name known at compile time.
    Static(&'static str),
    /// A name made at run time.
    Shared(Arc<str>),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Static(name) => f.pad(name),
            Label::Shared(name) => f.pad(name),
        }
    }
}

impl From<&'static str> for Label {
    fn from(name: &'static str) -> Self {
        Label::Static(name)
    }
}

impl From<String> for Label {
    fn from(name: String) -> Self {
        Label::Shared(name.into())
    }
}

impl From<Arc<str>> for Label {
    fn from(name: Arc<str>) -> Self {
        Label::Shared(name)
    }
}

impl From<Cow<'static, str>> for Label {
    fn from(name: Cow<'static, str>) -> Self {
        match name {
            Cow::Borrowed(name) => Label::Static(name),
            Cow::Owned(name) => Label::Shared(name.into()),
        }
    }
}

/// Identifies an actor, also after it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// A set of actors that can be killed together, such as those of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub(crate) u32);

/// What an actor waits for, as shown in the report of a deadlock.
#[derive(Clone, Debug, Default)]
pub(crate) enum Waiting {
    #[default]
    Unknown,
    Until(Time),
    Message(Label),
    Receiver(Label),
    Activity,
    Actor(Label),
    Resumption,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiting::Unknown => write!(f, "something that never happens"),
            Waiting::Until(time) => write!(f, "the date {time}"),
            Waiting::Message(mailbox) => write!(f, "a message in mailbox '{mailbox}'"),
            Waiting::Receiver(mailbox) => write!(f, "a receiver at mailbox '{mailbox}'"),
            Waiting::Activity => write!(f, "an activity that makes no progress"),
            Waiting::Actor(actor) => write!(f, "the end of actor '{actor}'"),
            Waiting::Resumption => write!(f, "its resumption, because it is suspended"),
        }
    }
}

pub(crate) type BoxedFuture = Pin<Box<dyn Future<Output = ()>>>;

/// What becomes of an actor when it next waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenWaiting {
    /// It waits.
    Wait,
    /// It ends, because it was killed while it ran.
    End,
    /// It is suspended.
    Suspend,
}

/// An actor. It takes one cache line, because thousands may wait.
#[repr(align(64))]
pub(crate) struct Task {
    pub(crate) generation: u32,
    /// `None` while the actor runs or is suspended, and in a free slot.
    pub(crate) future: Option<BoxedFuture>,
    pub(crate) alive: bool,
    pub(crate) scheduled: bool,
    pub(crate) when_waiting: WhenWaiting,
    pub(crate) daemon: bool,
    pub(crate) waiting: Waiting,
}

const _: () = assert!(size_of::<Task>() == 64);

/// What is needed of an actor only when it ends or is reported.
pub(crate) struct Identity {
    pub(crate) name: Label,
    pub(crate) group: Option<Group>,
    pub(crate) exit: Option<Rc<dyn Exit>>,
}

/// All actors of a simulation, in a slab with generations.
#[derive(Default)]
pub(crate) struct Tasks {
    slots: Vec<Task>,
    /// By slot.
    identities: Vec<Identity>,
    free: Vec<u32>,
    pub(crate) groups: u32,
    /// Living actors that are not daemons.
    pub(crate) users: usize,
}

impl Tasks {
    pub(crate) fn get(&mut self, id: ActorId) -> Option<&mut Task> {
        self.slots
            .get_mut(id.index as usize)
            .filter(|task| task.generation == id.generation && task.alive)
    }

    pub(crate) fn insert(&mut self, mut task: Task, identity: Identity) -> ActorId {
        if !task.daemon {
            self.users += 1;
        }
        match self.free.pop() {
            Some(index) => {
                let slot = &mut self.slots[index as usize];
                task.generation = slot.generation;
                *slot = task;
                self.identities[index as usize] = identity;
                ActorId { index, generation: slot.generation }
            }
            None => {
                self.slots.push(task);
                self.identities.push(identity);
                ActorId { index: (self.slots.len() - 1) as u32, generation: 0 }
            }
        }
    }

    /// Frees the slot of an actor that has ended and returns its exit callback.
    pub(crate) fn remove(&mut self, id: ActorId) -> Option<Rc<dyn Exit>> {
        let task = self.get(id)?;
        task.alive = false;
        task.generation = task.generation.wrapping_add(1);
        if !task.daemon {
            self.users -= 1;
        }
        self.free.push(id.index);
        self.identities[id.index as usize].exit.take()
    }

    pub(crate) fn living(&self) -> impl Iterator<Item = (ActorId, &Task)> {
        self.slots.iter().enumerate().filter(|(_, task)| task.alive).map(|(index, task)| {
            (ActorId { index: index as u32, generation: task.generation }, task)
        })
    }

    /// The identity of a living actor.
    pub(crate) fn identity(&self, id: ActorId) -> &Identity {
        &self.identities[id.index as usize]
    }

    pub(crate) fn set_group(&mut self, id: ActorId, group: Group) {
        if self.get(id).is_some() {
            self.identities[id.index as usize].group = Some(group);
        }
    }
}

/// Called when an actor has ended.
pub(crate) trait Exit {
    fn exited(&self, kernel: &Kernel, killed: bool);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Running,
    Finished,
    Killed,
}

struct JoinState<T> {
    status: Cell<Status>,
    value: RefCell<Option<T>>,
    waiters: RefCell<Waiters>,
}

impl<T> Exit for JoinState<T> {
    fn exited(&self, kernel: &Kernel, killed: bool) {
        self.status.set(if killed { Status::Killed } else { Status::Finished });
        let mut waiters = self.waiters.take();
        while let Some(waiter) = waiters.next() {
            kernel.wake(waiter.notify());
        }
    }
}

/// Why joining an actor returned no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The actor was killed before it returned.
    #[error("the actor was killed")]
    Killed,
    /// An earlier join has taken the value.
    #[error("the actor's value has already been taken")]
    Taken,
}

/// An actor that is being configured: see [`Kernel::actor`].
///
/// ```
/// use isotherm_kernel::{Duration, Simulation};
///
/// let simulation = Simulation::new();
/// let kernel = simulation.kernel();
/// let site = kernel.group();
/// // A daemon runs for ever; the simulation does not wait for it.
/// kernel.actor("server").group(site).daemon().spawn(kernel.sleep(Duration::MAX));
/// kernel.spawn("user", kernel.sleep(Duration::from_secs(2)));
/// assert_eq!(simulation.run()?.as_secs_f64(), 2.0);
/// # Ok::<(), isotherm_kernel::RunError>(())
/// ```
pub struct ActorBuilder {
    kernel: Kernel,
    name: Label,
    group: Option<Group>,
    daemon: bool,
}

impl ActorBuilder {
    pub(crate) fn new(kernel: Kernel, name: Label) -> Self {
        ActorBuilder { kernel, name, group: None, daemon: false }
    }

    /// Makes the actor a member of a group, with which it can be killed.
    #[must_use]
    pub fn group(mut self, group: Group) -> Self {
        self.group = Some(group);
        self
    }

    /// Makes the actor a daemon: it does not keep the simulation going.
    #[must_use]
    pub fn daemon(mut self) -> Self {
        self.daemon = true;
        self
    }

    /// Starts the actor at the end of the run queue. Dropping the returned handle does not affect
    /// the actor.
    pub fn spawn<F>(self, future: F) -> Actor<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let state = Rc::new(JoinState {
            status: Cell::new(Status::Running),
            value: RefCell::new(None),
            waiters: RefCell::default(),
        });
        let result = Rc::clone(&state);
        let body = async move {
            let value = future.await;
            *result.value.borrow_mut() = Some(value);
        };
        let task = Task {
            generation: 0,
            future: Some(Box::pin(body)),
            alive: true,
            scheduled: false,
            when_waiting: WhenWaiting::Wait,
            daemon: self.daemon,
            waiting: Waiting::Unknown,
        };
        let exit = Some(Rc::clone(&state) as Rc<dyn Exit>);
        let identity = Identity { name: self.name.clone(), group: self.group, exit };
        let id = self.kernel.insert_task(task, identity);
        Actor { kernel: self.kernel, id, name: self.name, state }
    }
}

/// A handle on an actor. Dropping it does not affect the actor.
///
/// ```
/// use isotherm_kernel::{Duration, JoinError, Simulation};
///
/// let simulation = Simulation::new();
/// let kernel = simulation.kernel();
/// kernel.spawn("parent", {
///     let kernel = kernel.clone();
///     async move {
///         let worker = kernel.spawn("worker", async { 42 });
///         assert_eq!(worker.join().await, Ok(42));
///
///         let sleeper = kernel.spawn("sleeper", kernel.sleep(Duration::from_secs(60)));
///         kernel.sleep(Duration::from_secs(1)).await;
///         sleeper.kill();
///         assert_eq!(sleeper.join().await, Err(JoinError::Killed));
///     }
/// });
/// assert_eq!(simulation.run()?.as_secs_f64(), 1.0);
/// # Ok::<(), isotherm_kernel::RunError>(())
/// ```
pub struct Actor<T> {
    kernel: Kernel,
    id: ActorId,
    name: Label,
    state: Rc<JoinState<T>>,
}

impl<T> fmt::Debug for Actor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T> Actor<T> {
    /// The actor's id.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.id
    }

    /// Whether the actor has returned or was killed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state.status.get() != Status::Running
    }

    /// Kills the actor: its future is dropped immediately. Does nothing if the actor has ended.
    pub fn kill(&self) {
        self.kernel.kill(self.id);
    }

    /// Suspends the actor: it runs no code until it is [resumed](Self::resume). What it awaits is
    /// suspended with it or goes on as in SimGrid:
    ///
    /// * Activities that it awaits are suspended, and leave their shares to others. During a
    ///   latency, an activity loses the rest of the latency. Activities that it has started and
    ///   does not await go on.
    /// * Sleeps and timers go on. If they end meanwhile, the actor runs when it is resumed.
    /// * A message that comes meanwhile is received when the actor is resumed.
    ///
    /// An actor that suspends itself goes on until it next waits; see also
    /// [`Kernel::suspend_self`]. Suspending one that is suspended or has ended does nothing.
    ///
    /// ```
    /// use isotherm_kernel::{ActivitySpec, Duration, Rank, Sharing, Simulation};
    ///
    /// let simulation = Simulation::new();
    /// let kernel = simulation.kernel();
    /// let core = kernel.resource(10.0, Sharing::Shared);
    /// let work = kernel.start(ActivitySpec::new(Rank::Cpu, 50.0).uses(core, 1.0));
    /// let worker = kernel.spawn("worker", work);
    /// kernel.spawn("scheduler", {
    ///     let kernel = kernel.clone();
    ///     async move {
    ///         kernel.sleep(Duration::from_secs(2)).await;
    ///         worker.suspend();
    ///         kernel.sleep(Duration::from_secs(100)).await;
    ///         worker.resume();
    ///     }
    /// });
    /// // 2 s before the break and 3 s after it.
    /// assert_eq!(simulation.run()?.as_secs_f64(), 105.0);
    /// # Ok::<(), isotherm_kernel::RunError>(())
    /// ```
    pub fn suspend(&self) {
        self.kernel.suspend_actor(self.id);
    }

    /// Resumes the actor, and the activities that were suspended with it. Does nothing if it is not
    /// suspended.
    pub fn resume(&self) {
        self.kernel.resume_actor(self.id);
    }

    /// Whether the actor is suspended.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.kernel.is_actor_suspended(self.id)
    }

    /// Waits for the end of the actor and takes the value it returned.
    ///
    /// # Errors
    /// [`JoinError::Killed`] if the actor was killed, [`JoinError::Taken`] if an earlier join has
    /// taken the value.
    pub fn join(&self) -> Join<'_, T> {
        Join { actor: self, number: None }
    }
}

/// Future of [`Actor::join`].
#[must_use = "futures do nothing unless awaited"]
pub struct Join<'a, T> {
    actor: &'a Actor<T>,
    /// The number under which it waits, once it does.
    number: Option<u64>,
}

impl<T> Future for Join<'_, T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let state = &self.actor.state;
        match state.status.get() {
            Status::Finished => Poll::Ready(state.value.take().ok_or(JoinError::Taken)),
            Status::Killed => Poll::Ready(Err(JoinError::Killed)),
            Status::Running => {
                let kernel = &self.actor.kernel;
                let number = state.waiters.borrow_mut().wait(self.number, kernel, context);
                kernel.wait_for(|| Waiting::Actor(self.actor.name.clone()));
                self.number = Some(number);
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Join<'_, T> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.actor.state.waiters.borrow_mut().leave(number);
        }
    }
}
