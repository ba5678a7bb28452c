//! The controller of an experiment: registers the functions, invokes them as the workloads say, and
//! waits for all invocations to end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{Duration, Mailbox, Time};
use isotherm_serverless::{Body, Planned, RegisteredFunction, Source, Upcoming};
use isotherm_services::ExecutionController;
use isotherm_workload::{Arrival, Merge, Next, Workload, WorkloadError};

use super::Failure;
use super::ahead::ReadAhead;
use super::deployment::{Clients, Deployment};

/// The number of times in a row that the search for the next arrival may find none while time
/// stands still: millions of changes and candidates, which take about a second.
const MOST_SILENCES: u64 = 1 << 12;

/// How long a client without think time waits if its request is lost in zero time. Time must
/// advance for the missing part to come back.
const REFUSED_CLIENT_PAUSE: Duration = Duration::from_secs(1);

/// The arrivals of a workload as invocations to be submitted.
struct Arrivals {
    workload: ReadAhead<Merge>,
    search: Search,
    bodies: Vec<Body>,
    missed: Missed,
    /// The error that ended the workload.
    failure: Rc<RefCell<Option<WorkloadError>>>,
}

impl Source for Arrivals {
    // Inlined: called for every arrival, from one place that stores the result.
    #[inline(always)]
    fn next(&mut self) -> Option<Upcoming> {
        loop {
            let next = self.workload.poll();
            if let Ok(Next::Arrival(_)) = next {
                self.search.found();
            }
            match next {
                Ok(Next::Arrival(arrival)) if self.missed.take(&arrival) => {}
                Ok(Next::Arrival(arrival)) => {
                    return Some(Upcoming::Planned(Planned {
                        at: arrival.at,
                        function: arrival.function as usize,
                        body: body_of(&arrival, &self.bodies),
                    }));
                }
                Ok(Next::Silence(until)) => {
                    return Some(Upcoming::Silence(self.search.goes_on_at(until)));
                }
                Ok(Next::End) => return None,
                Err(error) => {
                    *self.failure.borrow_mut() = Some(error);
                    return None;
                }
            }
        }
    }
}

/// The search for the next arrival while only a date is known before which there is none.
///
/// Time stands still meanwhile, since the run ends at once if there is none at all. If the search
/// takes long, time advances to the date that it has reached, so that the limits of the run apply.
struct Search {
    allowed: u64,
    left: u64,
}

impl Search {
    /// A search with at most as many steps as the run may have events.
    fn new(max_events: Option<u64>) -> Self {
        let allowed = max_events.map_or(MOST_SILENCES, |most| most.min(MOST_SILENCES));
        Search { allowed, left: allowed }
    }

    /// An arrival was found.
    fn found(&mut self) {
        self.left = self.allowed;
    }

    /// The date at which to search on, if there is no arrival before it.
    fn goes_on_at(&mut self, until: Time) -> Time {
        match self.left.checked_sub(1) {
            None => until,
            Some(left) => {
                self.left = left;
                Time::ZERO
            }
        }
    }
}

/// Arrivals at dates when the host of the user or of the head was still off. They are lost.
#[derive(Clone)]
struct Missed {
    /// The date since which both hosts have been on.
    before: Time,
    lost: Rc<Cell<u64>>,
}

impl Missed {
    /// Whether the arrival is lost.
    fn take(&self, arrival: &Arrival) -> bool {
        let is_missed = arrival.at < self.before;
        self.lost.set(self.lost.get() + u64::from(is_missed));
        is_missed
    }
}

/// The body of one invocation, if it has one of its own.
fn body_of(arrival: &Arrival, bodies: &[Body]) -> Option<Body> {
    match (arrival.duration, arrival.tag) {
        (Some(duration), _) => Some(Body::sleep(duration)),
        (None, Some(tag)) => bodies.get(tag as usize).cloned(),
        (None, None) => None,
    }
}

/// The state of the controller.
pub(super) struct Driver {
    pub(super) deployment: Deployment,
    pub(super) clients: Vec<Clients>,
    /// The number of invocations that were due before there was a service.
    pub(super) lost: Rc<Cell<u64>>,
    /// The number of its actors that have not ended: those killed with their host never end.
    pub(super) acting: Rc<Cell<u64>>,
    /// Notified when the last of its actors ends.
    pub(super) alone: Mailbox<()>,
    /// The limit on events of the run.
    pub(super) max_events: Option<u64>,
    /// Whether arrivals are read by a thread of their own.
    pub(super) reads_ahead: bool,
}

impl Driver {
    pub(super) async fn drive(
        mut self,
        me: &ExecutionController,
        workload: Merge,
    ) -> Result<(), Failure> {
        let mut workload = ReadAhead::new(workload, self.reads_ahead);
        let head = self.deployment.service.address().host();
        me.site().platform().wait_until_on(head).await;
        let missed = Missed { before: me.now(), lost: Rc::clone(&self.lost) };
        let functions = self.register().await?;
        for clients in std::mem::take(&mut self.clients) {
            self.start_clients(me, clients, &functions);
        }
        let Deployment { manager, service, .. } = &self.deployment;
        let mut search = Search::new(self.max_events);
        if self.deployment.invoking_is_free {
            let failure = Rc::new(RefCell::new(None));
            let bodies = self.deployment.bodies.clone();
            let arrivals =
                Arrivals { workload, search, bodies, missed, failure: Rc::clone(&failure) };
            // All functions are registered with this service, and workloads name no others.
            let _ = manager.replay(service, &functions, arrivals).await;
            if let Some(error) = failure.take() {
                return Err(error.into());
            }
        } else {
            loop {
                let arrival = match workload.poll()? {
                    Next::Arrival(arrival) => arrival,
                    Next::Silence(until) => {
                        // In a step of its own of the run queue, so that the run can be ended.
                        me.kernel().yield_now().await;
                        me.sleep_until(search.goes_on_at(until)).await;
                        continue;
                    }
                    Next::End => break,
                };
                search.found();
                if missed.take(&arrival) {
                    continue;
                }
                me.sleep_until(arrival.at).await;
                let function = functions[arrival.function as usize].clone();
                self.invoke_apart(me, function, body_of(&arrival, &self.deployment.bodies));
            }
        }
        // Bodies may have invoked functions they no longer wait for, so waiting for the own actors
        // is not enough.
        loop {
            // A service that has stopped has no invocation left.
            let _ = manager.drain(service).await;
            if self.acting.get() <= 1 {
                break;
            }
            self.alone.receive().await;
        }
        Ok(())
    }

    async fn register(&self) -> Result<Vec<RegisteredFunction>, Failure> {
        let mut registered = Vec::with_capacity(self.deployment.functions.len());
        for (index, (function, limits)) in self.deployment.functions.iter().enumerate() {
            let answer =
                self.deployment.manager.register(function, &self.deployment.service, *limits).await;
            registered.push(answer.map_err(|cause| Failure::Refused { function: index, cause })?);
        }
        Ok(registered)
    }

    /// Starts the clients of a closed loop, an actor each. They end by themselves, and until then
    /// the simulation goes on.
    fn start_clients(
        &self,
        me: &ExecutionController,
        clients: Clients,
        functions: &[RegisteredFunction],
    ) {
        let functions: Rc<[RegisteredFunction]> = functions.into();
        let left = Rc::new(Cell::new(clients.count));
        let (from, until) = (clients.from, clients.until);
        for mut client in clients.clients {
            let (manager, functions, kernel) =
                (self.deployment.manager.clone(), Rc::clone(&functions), me.kernel().clone());
            let left = Rc::clone(&left);
            self.act(me, async move {
                // A client that begins to think takes a ticket for an invocation, so that none
                // thinks in vain when the others have used up the number of invocations.
                let mut is_refused_at_once = false;
                while let Some(rest) = left.get().checked_sub(1) {
                    let mut think = client.think();
                    if is_refused_at_once && think.is_zero() {
                        think = REFUSED_CLIENT_PAUSE;
                    }
                    let at = kernel.now().max(from) + think;
                    if at >= until {
                        return;
                    }
                    left.set(rest);
                    kernel.sleep_until(at).await;
                    let request = client.request();
                    let body = request.duration.map(Body::sleep);
                    let lost = match manager
                        .request(&functions[request.function as usize])
                        .body(body)
                        .send()
                        .await
                    {
                        Ok(invocation) => {
                            manager.wait_one(&invocation).await;
                            false
                        }
                        // The host of the head, or a link, may come back.
                        Err(_) => true,
                    };
                    is_refused_at_once = lost && kernel.now() == at;
                }
            });
        }
    }

    /// Invokes in a new actor, which also waits for the invocation to end.
    fn invoke_apart(
        &self,
        me: &ExecutionController,
        function: RegisteredFunction,
        body: Option<Body>,
    ) {
        let manager = self.deployment.manager.clone();
        self.act(me, async move {
            if let Ok(invocation) = manager.request(&function).body(body).send().await {
                manager.wait_one(&invocation).await;
            }
        });
    }

    /// Starts an actor that the controller counts.
    fn act(&self, me: &ExecutionController, act: impl Future<Output = ()> + 'static) {
        let (acting, alone) = (Rc::clone(&self.acting), self.alone.clone());
        acting.set(acting.get() + 1);
        let actor = me.site().platform().actor(me.host(), Arc::clone(me.address().label()));
        drop(actor.spawn(async move {
            act.await;
            acting.set(acting.get() - 1);
            if acting.get() == 1 {
                alone.send_detached(());
            }
        }));
    }
}
