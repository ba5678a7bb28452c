//! The controller: registers the functions, invokes them as the workloads say, and waits for what
//! it has invoked.

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

/// So many times in a row whoever looks for the next arrival may find none without time going on:
/// millions of changes and candidates, which take about a second.
const MOST_SILENCES: u64 = 1 << 12;

/// A client that does not think waits for so long if its request is lost in no time: time has to go
/// on until whoever was missing is there.
const NOBODY_THERE: Duration = Duration::from_secs(1);

/// The arrivals of a workload as invocations to be made.
struct Arrivals {
    workload: ReadAhead<Merge>,
    search: Search,
    bodies: Vec<Body>,
    missed: Missed,
    /// Why there are no more.
    failure: Rc<RefCell<Option<WorkloadError>>>,
}

impl Source for Arrivals {
    // Called for every arrival, from one place that keeps what it gives.
    #[inline(always)]
    fn next(&mut self) -> Option<Upcoming> {
        loop {
            let next = self.workload.look();
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

/// The search for the next arrival, of which it is only known up to when there is none.
///
/// Time stands still meanwhile, since the run is over at once if there is none any more. Only where
/// that takes long it goes on to the date that the search has reached, so that limits are heard.
struct Search {
    allowed: u64,
    left: u64,
}

impl Search {
    /// A search that takes no more steps than a run may have events.
    fn new(max_events: Option<u64>) -> Self {
        let allowed = max_events.map_or(MOST_SILENCES, |most| most.min(MOST_SILENCES));
        Search { allowed, left: allowed }
    }

    /// There is an arrival.
    fn found(&mut self) {
        self.left = self.allowed;
    }

    /// When to look on, if there is none up to this date.
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

/// Arrivals of dates at which the host of the user or that of the head was still off: they are
/// lost.
#[derive(Clone)]
struct Missed {
    /// Since when both have been on.
    before: Time,
    lost: Rc<Cell<u64>>,
}

impl Missed {
    /// Whether it is one of these.
    fn take(&self, arrival: &Arrival) -> bool {
        let is_missed = arrival.at < self.before;
        self.lost.set(self.lost.get() + u64::from(is_missed));
        is_missed
    }
}

/// The body of one invocation, if it is not the function's.
fn body_of(arrival: &Arrival, bodies: &[Body]) -> Option<Body> {
    match (arrival.duration, arrival.tag) {
        (Some(duration), _) => Some(Body::sleep(duration)),
        (None, Some(tag)) => bodies.get(tag as usize).cloned(),
        (None, None) => None,
    }
}

/// The controller's knowledge.
pub(super) struct Driver {
    pub(super) deployment: Deployment,
    pub(super) clients: Vec<Clients>,
    /// How many of its invocations were to be made before there was a service.
    pub(super) lost: Rc<Cell<u64>>,
    /// How many actors have not come to their end: those that die with their host never do.
    pub(super) acting: Rc<Cell<u64>>,
    /// Where the controller hears that it is the last that acts.
    pub(super) alone: Mailbox<()>,
    /// At most so many events may there be.
    pub(super) max_events: Option<u64>,
}

impl Driver {
    pub(super) async fn drive(
        mut self,
        me: &ExecutionController,
        workload: Merge,
    ) -> Result<(), Failure> {
        let mut workload = ReadAhead::new(workload);
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
                let arrival = match workload.look()? {
                    Next::Arrival(arrival) => arrival,
                    Next::Silence(until) => {
                        // In a turn of its own, so that the run can be ended.
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
        // Bodies may have invoked what they no longer wait for, so there is more to wait for than
        // the own actors do.
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
                // Whoever begins to think will invoke, so that nobody thinks in vain when the
                // others have invoked enough.
                let mut is_refused_at_once = false;
                while let Some(rest) = left.get().checked_sub(1) {
                    let mut think = client.think();
                    if is_refused_at_once && think.is_zero() {
                        think = NOBODY_THERE;
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
                        .invoke_with(&functions[request.function as usize], body)
                        .await
                    {
                        Ok(invocation) => {
                            manager.wait_one(&invocation).await;
                            false
                        }
                        // The host of the head may come back, or a link.
                        Err(_) => true,
                    };
                    is_refused_at_once = lost && kernel.now() == at;
                }
            });
        }
    }

    /// Invokes in an actor of its own, which also sees the invocation to its end.
    fn invoke_apart(
        &self,
        me: &ExecutionController,
        function: RegisteredFunction,
        body: Option<Body>,
    ) {
        let manager = self.deployment.manager.clone();
        self.act(me, async move {
            if let Ok(invocation) = manager.invoke_with(&function, body).await {
                manager.wait_one(&invocation).await;
            }
        });
    }

    /// Starts an actor of the controller's.
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
