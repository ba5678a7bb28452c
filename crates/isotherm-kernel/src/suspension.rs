//! Suspended actors: methods of [`Kernel`].
//!
//! A suspended actor runs no code until it is resumed. The activities that it awaits are suspended
//! with it; sleeps, timers and messages are not, but what wakes it meanwhile lets it run only when
//! it is resumed. This is what SimGrid does.
//!
//! # Cost
//!
//! The future of a suspended actor is kept here, so that an actor without one is looked at more
//! closely only where it would have run. Which activities an actor awaits is not noted before
//! somebody asks: the first question looks at all activities, and from then on each is noted when
//! an actor begins to wait for it. A further question costs what the actor awaits.
//!
//! # Invariants
//!
//! * An actor is in `suspended` if and only if it is alive, does not run, and has been suspended
//!   since it was last resumed.
//! * What is resumed with an actor is what was suspended with it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::activity::Listener;
use crate::actor::{BoxedFuture, WhenWaiting};
use crate::{ActivityId, ActorId, Group, Kernel};

/// A suspended actor.
struct SuspendedActor {
    future: BoxedFuture,
    /// Whether it would have run meanwhile.
    woken: bool,
    /// The activities that were suspended with it.
    activities: Vec<ActivityId>,
}

/// The activities that an actor has begun to wait for.
#[derive(Default)]
struct AwaitedList {
    /// Of the actor in the slot.
    generation: u32,
    activities: SmallVec<[ActivityId; 2]>,
    /// The length at which those that it no longer awaits are removed.
    sweep_at: usize,
}

/// The state of the module.
#[derive(Default)]
pub(crate) struct Suspension {
    suspended: RefCell<BTreeMap<ActorId, SuspendedActor>>,
    /// Whether it is noted which activities are awaited.
    pub(crate) notes_awaited: Cell<bool>,
    /// By the slot of the actor.
    awaited: RefCell<Vec<AwaitedList>>,
}

impl Suspension {
    pub(crate) fn contains(&self, id: ActorId) -> bool {
        self.suspended.borrow().contains_key(&id)
    }

    /// Notes that an actor awaits an activity.
    fn note_awaited(
        &self,
        actor: ActorId,
        id: ActivityId,
        is_awaited: impl Fn(ActivityId) -> bool,
    ) {
        let mut lists = self.awaited.borrow_mut();
        let slot = actor.index as usize;
        if slot >= lists.len() {
            lists.resize_with(slot + 1, AwaitedList::default);
        }
        let list = &mut lists[slot];
        if list.generation != actor.generation {
            *list = AwaitedList { generation: actor.generation, ..AwaitedList::default() };
        }
        list.add(id, is_awaited);
    }
}

impl AwaitedList {
    fn add(&mut self, id: ActivityId, is_awaited: impl Fn(ActivityId) -> bool) {
        if self.activities.len() >= self.sweep_at {
            self.activities.retain(|id| is_awaited(*id));
            self.sweep_at = (2 * self.activities.len()).max(8);
        }
        self.activities.push(id);
    }
}

impl Kernel {
    /// Suspends an actor: see [`Actor::suspend`](crate::Actor::suspend).
    pub fn suspend_actor(&self, id: ActorId) {
        if let Some(future) = self.take_future(id) {
            self.suspend_waiting(id, future);
        } else if self.inner.running.get() == Some(id)
            && let Some(task) = self.inner.tasks.borrow_mut().get(id)
            && task.when_waiting == WhenWaiting::Wait
        {
            task.when_waiting = WhenWaiting::Suspend;
        }
    }

    /// Suspends the running actor, and returns when it has been resumed.
    ///
    /// ```
    /// use isotherm_kernel::{Duration, Simulation};
    ///
    /// let simulation = Simulation::new();
    /// let kernel = simulation.kernel();
    /// let lazy = kernel.spawn("lazy", {
    ///     let kernel = kernel.clone();
    ///     async move {
    ///         kernel.suspend_self().await;
    ///         kernel.now()
    ///     }
    /// });
    /// kernel.spawn("master", {
    ///     let kernel = kernel.clone();
    ///     async move {
    ///         kernel.sleep(Duration::from_secs(10)).await;
    ///         lazy.resume();
    ///         assert_eq!(lazy.join().await.unwrap().as_secs_f64(), 10.0);
    ///     }
    /// });
    /// simulation.run()?;
    /// # Ok::<(), isotherm_kernel::RunError>(())
    /// ```
    pub async fn suspend_self(&self) {
        self.suspend_actor(self.current());
        self.yield_now().await;
    }

    /// Resumes an actor: see [`Actor::resume`](crate::Actor::resume).
    pub fn resume_actor(&self, id: ActorId) {
        let suspended = self.inner.suspension.suspended.borrow_mut().remove(&id);
        let mut tasks = self.inner.tasks.borrow_mut();
        let Some(task) = tasks.get(id) else { return };
        let Some(SuspendedActor { future, woken, activities }) = suspended else {
            // It may have suspended itself and not waited since.
            if task.when_waiting == WhenWaiting::Suspend {
                task.when_waiting = WhenWaiting::Wait;
            }
            return;
        };
        task.future = Some(future);
        drop(tasks);
        activities.into_iter().for_each(|activity| self.resume(activity));
        if woken {
            self.wake(id);
        }
    }

    /// Whether an actor is suspended, or will be when it next waits.
    #[must_use]
    pub fn is_actor_suspended(&self, id: ActorId) -> bool {
        let mut tasks = self.inner.tasks.borrow_mut();
        let Some(task) = tasks.get(id) else { return false };
        task.when_waiting == WhenWaiting::Suspend || self.inner.suspension.contains(id)
    }

    /// The activities that an actor awaits, also as parts of one future, oldest first. One that
    /// lost a [`select`](crate::select) and has not been dropped since is among them.
    #[must_use]
    pub fn awaited_by(&self, actor: ActorId) -> Vec<ActivityId> {
        let (suspension, fluid) = (&self.inner.suspension, self.inner.fluid.borrow());
        let listeners = self.inner.listeners.borrow();
        if !suspension.notes_awaited.replace(true) {
            for (listener, index) in listeners.iter().zip(0..) {
                if let Some(actor) = listener.actor() {
                    suspension.note_awaited(actor, fluid.id_at(index), |_| true);
                }
            }
        }
        let awaited = suspension.awaited.borrow();
        let list = awaited.get(actor.index as usize);
        let list = list.filter(|list| list.generation == actor.generation);
        let mut activities: Vec<_> = list
            .into_iter()
            .flat_map(|list| &list.activities)
            .filter(|id| fluid.is_live(**id) && is_heard_by(&listeners, **id, actor))
            .map(|&id| (fluid.created(id), id))
            .collect();
        activities.sort_unstable_by_key(|activity| activity.0);
        activities.dedup();
        activities.into_iter().map(|activity| activity.1).collect()
    }

    /// The group of an actor that has not ended.
    #[must_use]
    pub fn group_of(&self, id: ActorId) -> Option<Group> {
        let mut tasks = self.inner.tasks.borrow_mut();
        tasks.get(id)?;
        tasks.identity(id).group
    }

    /// Makes an actor a member of a group, in place of the one that it is in. Does nothing if it
    /// has ended.
    pub fn set_group(&self, id: ActorId, group: Group) {
        self.inner.tasks.borrow_mut().set_group(id, group);
    }

    /// Notes that the running actor awaits an activity.
    #[cold]
    pub(crate) fn note_awaited(&self, listeners: &[Listener], id: ActivityId) {
        let (actor, fluid) = (self.current(), self.inner.fluid.borrow());
        self.inner
            .suspension
            .note_awaited(actor, id, |id| fluid.is_live(id) && is_heard_by(listeners, id, actor));
    }

    /// An actor was to run that does not: it is suspended, or has panicked.
    #[cold]
    pub(crate) fn missed_turn(&self, id: ActorId) {
        if let Some(actor) = self.inner.suspension.suspended.borrow_mut().get_mut(&id) {
            actor.woken = true;
        }
    }

    /// Kills an actor that runs or is suspended. Does nothing if it has ended.
    #[cold]
    pub(crate) fn kill_without_future(&self, id: ActorId) {
        let suspended = self.inner.suspension.suspended.borrow_mut().remove(&id);
        if let Some(SuspendedActor { future, activities, .. }) = suspended {
            // Destructors of the future may call the kernel, so nothing is borrowed here.
            drop(future);
            // Another actor may own what this one awaited.
            activities.into_iter().for_each(|activity| self.resume(activity));
            self.finish(id, true);
        } else if let Some(task) = self.inner.tasks.borrow_mut().get(id) {
            task.when_waiting = WhenWaiting::End;
        }
    }

    /// The running actor waits, and was killed or suspended while it ran.
    #[cold]
    pub(crate) fn end_or_suspend(&self, id: ActorId, future: BoxedFuture) {
        if let Some(task) = self.inner.tasks.borrow_mut().get(id)
            && task.when_waiting == WhenWaiting::Suspend
        {
            task.when_waiting = WhenWaiting::Wait;
            task.waiting = self.inner.waiting.take();
        } else {
            drop(future);
            return self.finish(id, true);
        }
        self.suspend_waiting(id, future);
    }

    /// Suspends an actor that waits, with the activities that it awaits.
    fn suspend_waiting(&self, id: ActorId, future: BoxedFuture) {
        let mut activities = self.awaited_by(id);
        activities.retain(|&activity| !self.is_suspended(activity));
        activities.iter().for_each(|&activity| self.suspend(activity));
        let actor = SuspendedActor { future, woken: false, activities };
        self.inner.suspension.suspended.borrow_mut().insert(id, actor);
    }
}

/// Whether an activity, or a later one in its slot, wakes an actor.
fn is_heard_by(listeners: &[Listener], id: ActivityId, actor: ActorId) -> bool {
    listeners.get(id.index as usize).and_then(Listener::actor) == Some(actor)
}

#[cfg(test)]
mod tests {
    use crate::{ActivitySpec, Duration, Rank, Sharing, Simulation};

    /// An actor that waits for one activity after another does not need ever more memory.
    #[test]
    fn what_has_ended_is_forgotten() {
        let simulation = Simulation::new();
        let kernel = simulation.kernel();
        let core = kernel.resource(1.0, Sharing::Shared);
        let actor = kernel.spawn("worker", {
            let kernel = kernel.clone();
            async move {
                for _ in 0..100 {
                    kernel.start(ActivitySpec::new(Rank::Cpu, 1.0).uses(core, 1.0)).await.unwrap();
                }
            }
        });
        kernel.spawn("master", {
            let kernel = kernel.clone();
            async move {
                for _ in 0..99 {
                    kernel.sleep(Duration::from_nanos(990_000_000)).await;
                    assert_eq!(kernel.awaited_by(actor.id()).len(), 1);
                    let lists = kernel.inner.suspension.awaited.borrow();
                    assert!(lists[actor.id().index as usize].activities.len() <= 8);
                }
            }
        });
        simulation.run().unwrap();
    }
}
