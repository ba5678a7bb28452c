//! Activities and resources as actors use them: methods of [`Kernel`], and the future [`Activity`]
//! that is ready when the work is done. [`fluid`](crate::fluid) computes the shares.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::actor::Waiting;
use crate::alarm::Target;
use crate::fluid::{
    ActivityError, ActivityId, ActivitySpec, assert_bound, assert_capacity, assert_penalty,
    assert_weight,
};
use crate::run_queue::{BoxedEnd, Ready};
use crate::waiter::Waiter;
use crate::{ActorId, Kernel, ResourceId, ResourceUsage, Sharing};

/// What is to be done when an activity ends.
#[derive(Default)]
pub(crate) enum Listener {
    /// Nothing yet: the owner will poll it.
    #[default]
    Owner,
    /// Wake a waiter.
    Waiter(Waiter),
    /// Wake a waiter; the activity is a [part](Activity::as_part) of something larger.
    Part(Waiter),
    /// Call a function.
    Call(BoxedEnd),
    /// Nothing, because it is detached.
    Nothing,
}

impl Listener {
    /// The actor that is woken.
    pub(crate) fn actor(&self) -> Option<ActorId> {
        match self {
            Listener::Waiter(waiter) | Listener::Part(waiter) => Some(waiter.actor()),
            Listener::Owner | Listener::Call(_) | Listener::Nothing => None,
        }
    }
}

/// A future for work that shares resources with other activities, see [`crate::fluid`].
///
/// Its output says how the activity ended; it can also be awaited by `&mut`. Dropping it cancels
/// the activity, so that a killed actor leaves nothing behind; after [`Activity::detach`] or
/// [`Activity::on_end`] the activity goes on without a future.
///
/// ```
/// use isotherm_kernel::{ActivitySpec, Rank, Sharing, Simulation};
///
/// let simulation = Simulation::new();
/// let kernel = simulation.kernel();
/// // Two activities on a resource of capacity 10 per second.
/// let resource = kernel.resource(10.0, Sharing::Shared);
/// for work in [10.0, 30.0] {
///     let activity = kernel.start(ActivitySpec::new(Rank::Cpu, work).uses(resource, 1.0));
///     kernel.spawn("worker", activity);
/// }
/// // They share it until the first ends after 2 s. The second has 20 left, at the full rate.
/// assert_eq!(simulation.run()?.as_secs_f64(), 4.0);
/// # Ok::<(), isotherm_kernel::RunError>(())
/// ```
#[must_use = "dropping an activity cancels it"]
pub struct Activity {
    kernel: Kernel,
    id: ActivityId,
    owned: bool,
    is_part: bool,
}

impl Kernel {
    /// Adds a resource with a capacity in units of work per second.
    ///
    /// # Panics
    /// If the capacity is negative or not a number.
    #[track_caller]
    #[must_use]
    pub fn resource(&self, capacity: f64, sharing: Sharing) -> ResourceId {
        assert_capacity(capacity);
        self.inner.fluid.borrow_mut().add_resource(capacity, sharing)
    }

    /// The capacity of a resource.
    #[must_use]
    pub fn capacity(&self, resource: ResourceId) -> f64 {
        self.inner.fluid.borrow().capacity(resource)
    }

    /// Changes the capacity of a resource. Shares are solved again at the current date.
    ///
    /// # Panics
    /// If the capacity is negative or not a number.
    #[track_caller]
    pub fn set_capacity(&self, resource: ResourceId, capacity: f64) {
        assert_capacity(capacity);
        self.inner.fluid.borrow_mut().set_capacity(resource, capacity, self.now());
    }

    /// Begins to measure how much a resource is used. From then on each activity that begins or
    /// ceases to use it costs O(1) more. Does nothing if it is measured already.
    pub fn meter(&self, resource: ResourceId) {
        self.inner.fluid.borrow_mut().begin_meter(resource, self.now());
    }

    /// How much a resource has been used since it is [measured](Self::meter); `None` if it is not.
    /// Costs O(activities that use it now).
    ///
    /// ```
    /// use isotherm_kernel::{ActivitySpec, Duration, Rank, Sharing, Simulation};
    ///
    /// let simulation = Simulation::new();
    /// let kernel = simulation.kernel();
    /// let disk = kernel.resource(100.0, Sharing::Shared);
    /// kernel.meter(disk);
    /// kernel.spawn("reader", {
    ///     let kernel = kernel.clone();
    ///     async move {
    ///         kernel.sleep(Duration::from_secs(2)).await;
    ///         let read = ActivitySpec::new(Rank::Disk, 300.0).uses(disk, 1.0).bound(50.0);
    ///         kernel.start(read).await.unwrap();
    ///         kernel.sleep(Duration::from_secs(2)).await;
    ///     }
    /// });
    /// simulation.run()?;
    /// let used = kernel.usage(disk).unwrap();
    /// // 300 at 50 a second, in 10 s.
    /// assert_eq!(used.busy.as_secs_f64(), 6.0);
    /// assert_eq!(used.work, 300.0);
    /// let passed = kernel.now().since(used.since).as_secs_f64();
    /// assert_eq!(used.work / (kernel.capacity(disk) * passed), 0.3);
    /// # Ok::<(), isotherm_kernel::RunError>(())
    /// ```
    #[must_use]
    pub fn usage(&self, resource: ResourceId) -> Option<ResourceUsage> {
        self.inner.fluid.borrow().usage(resource, self.now())
    }

    /// The measured resources that were in use at any time since the last call. Costs O(of them).
    ///
    /// So whoever follows the use of many resources, interval by interval, need not ask for the
    /// [usage](Self::usage) of those that nobody used.
    #[must_use]
    pub fn take_used(&self) -> Vec<ResourceId> {
        self.inner.fluid.borrow_mut().take_used()
    }

    /// Fails all activities that use a resource, oldest first.
    pub fn fail_users(&self, resource: ResourceId) {
        let users = self.inner.fluid.borrow().users_of(resource);
        for user in users {
            self.end_activity(user, ActivityError::Failed { resource });
        }
    }

    /// The activities that use a resource, oldest first. Costs O(activities).
    #[must_use]
    pub fn users_of(&self, resource: ResourceId) -> Vec<ActivityId> {
        self.inner.fluid.borrow().users_of(resource)
    }

    /// Starts an activity at the current date.
    pub fn start(&self, spec: ActivitySpec) -> Activity {
        let id = {
            let queue = &mut self.inner.agenda.borrow_mut().queue;
            self.inner.fluid.borrow_mut().start(spec, self.now(), queue, Target::Activity)
        };
        let mut listeners = self.inner.listeners.borrow_mut();
        let index = id.index as usize;
        if index >= listeners.len() {
            listeners.resize_with(index + 1, Listener::default);
        }
        listeners[index] = Listener::Owner;
        Activity { kernel: self.clone(), id, owned: true, is_part: false }
    }

    /// Ends an activity early and calls its listener.
    fn end_activity(&self, id: ActivityId, error: ActivityError) {
        let ended = {
            let queue = &mut self.inner.agenda.borrow_mut().queue;
            self.inner.fluid.borrow_mut().end(id, error, self.now(), queue)
        };
        if ended {
            self.activity_ended(id.index, Err(error));
        }
    }

    /// Calls the listener of activity `index` with its result.
    pub(crate) fn activity_ended(&self, index: u32, result: Result<(), ActivityError>) {
        let listener = self
            .inner
            .listeners
            .borrow_mut()
            .get_mut(index as usize)
            .map(std::mem::take)
            .unwrap_or_default();
        if result.is_ok() && !matches!(listener, Listener::Part(_)) {
            self.note_progress();
        }
        match listener {
            Listener::Owner => {}
            Listener::Waiter(waiter) | Listener::Part(waiter) => self.wake(waiter.notify()),
            Listener::Call(call) => {
                self.release_ended(index);
                self.inner.ready.borrow_mut().push(Ready::End(call, result));
            }
            Listener::Nothing => self.release_ended(index),
        }
    }

    fn release_ended(&self, index: u32) {
        let mut fluid = self.inner.fluid.borrow_mut();
        let id = fluid.id_at(index);
        fluid.release(id);
    }

    /// The work an activity has left; 0 once it has ended.
    #[must_use]
    pub fn remaining(&self, id: ActivityId) -> f64 {
        self.inner.fluid.borrow().remaining(id, self.now())
    }

    /// The progress of an activity per second, as of the last solve; 0 once it has ended.
    #[must_use]
    pub fn rate(&self, id: ActivityId) -> f64 {
        self.inner.fluid.borrow().rate(id)
    }

    /// The penalty of an activity; 1 once it has ended.
    #[must_use]
    pub fn penalty(&self, id: ActivityId) -> f64 {
        self.inner.fluid.borrow().penalty(id)
    }

    /// Changes the penalty of an activity. Shares are solved again at the current date.
    ///
    /// # Panics
    /// If the penalty is not positive.
    #[track_caller]
    pub fn set_penalty(&self, id: ActivityId, penalty: f64) {
        assert_penalty(penalty);
        self.inner.fluid.borrow_mut().set_penalty(id, penalty, self.now());
    }

    /// Changes the bound on the share of an activity; zero or less removes it.
    ///
    /// # Panics
    /// If the bound is not a number.
    #[track_caller]
    pub fn set_bound(&self, id: ActivityId, bound: f64) {
        assert_bound(bound);
        self.inner.fluid.borrow_mut().set_bound(id, bound, self.now());
    }

    /// Suspends an activity until it is resumed. During its latency, it loses the rest of the
    /// latency.
    pub fn suspend(&self, id: ActivityId) {
        let queue = &mut self.inner.agenda.borrow_mut().queue;
        self.inner.fluid.borrow_mut().suspend(id, self.now(), queue);
    }

    /// Resumes a suspended activity.
    pub fn resume(&self, id: ActivityId) {
        self.inner.fluid.borrow_mut().resume(id, self.now());
    }

    /// Moves an activity to other resources, in place of those that it uses, with the work that it
    /// has left. It shares them from the current date on, or when it is resumed if it is suspended.
    /// Its place among equals stays that of its start.
    ///
    /// # Panics
    /// If the bound is not a number, or a weight is negative or not a number.
    #[track_caller]
    pub fn move_to(&self, id: ActivityId, uses: &[(ResourceId, f64)], bound: f64) {
        assert_bound(bound);
        uses.iter().for_each(|&(_, weight)| assert_weight(weight));
        let queue = &mut self.inner.agenda.borrow_mut().queue;
        self.inner.fluid.borrow_mut().move_to(id, uses, bound, self.now(), queue);
    }

    /// The resources that an activity uses, with their weights; none once it has ended.
    #[must_use]
    pub fn resources_of(&self, id: ActivityId) -> Vec<(ResourceId, f64)> {
        self.inner.fluid.borrow().resources_of(id)
    }

    /// Whether an activity is suspended.
    #[must_use]
    pub fn is_suspended(&self, id: ActivityId) -> bool {
        self.inner.fluid.borrow().is_suspended(id)
    }

    /// Cancels an activity: its future returns [`ActivityError::Cancelled`].
    pub fn cancel(&self, id: ActivityId) {
        self.end_activity(id, ActivityError::Cancelled);
    }
}

impl Activity {
    /// The activity's id, for the methods of the kernel.
    #[must_use]
    pub fn id(&self) -> ActivityId {
        self.id
    }

    /// The work it has left.
    #[must_use]
    pub fn remaining(&self) -> f64 {
        self.kernel.remaining(self.id)
    }

    /// Its progress per second, as of the last solve.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.kernel.rate(self.id)
    }

    /// Whether it has ended, successfully or not.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.kernel.inner.fluid.borrow().result(self.id).is_some()
    }

    /// Declares it a part of a larger task that may start again from the beginning. Its completion
    /// does not count as [progress](Kernel::note_progress); the owner notes progress when the whole
    /// task is done.
    pub fn as_part(mut self) -> Self {
        self.is_part = true;
        self
    }

    /// Cancels the activity.
    pub fn cancel(&self) {
        self.kernel.cancel(self.id);
    }

    /// Suspends the activity until it is resumed.
    pub fn suspend(&self) {
        self.kernel.suspend(self.id);
    }

    /// Resumes the suspended activity.
    pub fn resume(&self) {
        self.kernel.resume(self.id);
    }

    /// Lets the activity go on without a future.
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn detach(self) -> ActivityId {
        self.leave_to(Listener::Nothing)
    }

    /// Lets the activity go on without a future, and calls a function when it ends.
    pub fn on_end(
        self,
        call: impl FnOnce(&Kernel, Result<(), ActivityError>) + 'static,
    ) -> ActivityId {
        self.leave_to(Listener::Call(Box::new(call)))
    }

    fn leave_to(mut self, listener: Listener) -> ActivityId {
        self.owned = false;
        if self.kernel.is_over() {
            return self.id;
        }
        let index = self.id.index;
        self.kernel.inner.listeners.borrow_mut()[index as usize] = listener;
        let result = self.kernel.inner.fluid.borrow().result(self.id);
        if let Some(result) = result {
            self.kernel.activity_ended(index, result);
        }
        self.id
    }
}

impl Future for Activity {
    type Output = Result<(), ActivityError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(result) = self.kernel.inner.fluid.borrow().result(self.id) {
            return Poll::Ready(result);
        }
        let mut listeners = self.kernel.inner.listeners.borrow_mut();
        let listener = &mut listeners[self.id.index as usize];
        let is_known = matches!(
            listener, Listener::Waiter(waiter) | Listener::Part(waiter) if waiter.polls(&self.kernel, context)
        );
        if !is_known {
            let waiter = Waiter::new(&self.kernel, context);
            *listener =
                if self.is_part { Listener::Part(waiter) } else { Listener::Waiter(waiter) };
            if self.kernel.inner.suspension.notes_awaited.get() {
                self.kernel.note_awaited(&listeners, self.id);
            }
        }
        drop(listeners);
        self.kernel.wait_for(|| Waiting::Activity);
        Poll::Pending
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        if self.owned {
            // The simulation may be dropped before its activities; then the list is empty.
            if let Some(listener) =
                self.kernel.inner.listeners.borrow_mut().get_mut(self.id.index as usize)
            {
                *listener = Listener::Owner;
            }
            self.kernel.cancel(self.id);
            self.kernel.inner.fluid.borrow_mut().release(self.id);
        }
    }
}
