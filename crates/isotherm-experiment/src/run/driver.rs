//! The controller: registers the functions, invokes them as the workloads say, and waits for what it has invoked.

use std::cell::Cell;
use std::rc::Rc;

use isotherm_serverless::{Body, RegisteredFunction};
use isotherm_services::ExecutionController;
use isotherm_workload::{Merge, Workload};

use super::Failure;
use super::world::{Clients, World};

/// The controller's knowledge.
pub(super) struct Driver {
    pub(super) world: World,
    pub(super) clients: Vec<Clients>,
    /// How many of its invocations the service has not taken in.
    pub(super) lost: Rc<Cell<u64>>,
}

impl Driver {
    pub(super) async fn drive(mut self, me: &ExecutionController, mut workload: Merge) -> Result<(), Failure> {
        let functions = self.register().await?;
        let mut detached = 0;
        for clients in std::mem::take(&mut self.clients) {
            self.start_clients(me, clients, &functions);
        }
        while let Some(arrival) = workload.next_arrival()? {
            if arrival.at > me.now() {
                me.sleep_until(arrival.at).await;
            }
            let function = &functions[arrival.function as usize];
            let body = self.world.body_of(&arrival);
            if self.world.invoking_is_free {
                detached += 1;
                self.world.manager.invoke_detached(function, body);
            } else {
                self.invoke_apart(me, function.clone(), body);
            }
        }
        // A service that has stopped has no invocation left.
        let _ = self.world.manager.drain(&self.world.service).await;
        self.lost.set(self.lost.get() + detached - self.world.service.detached());
        Ok(())
    }

    async fn register(&self) -> Result<Vec<RegisteredFunction>, Failure> {
        let mut registered = Vec::with_capacity(self.world.functions.len());
        for (function, limits, place) in &self.world.functions {
            let answer = self.world.manager.register(function, &self.world.service, *limits).await;
            let refused = |cause| Failure::Refused { place: *place, function: function.name().to_string(), cause };
            registered.push(answer.map_err(refused)?);
        }
        Ok(registered)
    }

    /// Starts the clients of a closed loop, an actor each. They end by themselves, and until then the simulation goes on.
    fn start_clients(&self, me: &ExecutionController, clients: Clients, functions: &[RegisteredFunction]) {
        let functions: Rc<[RegisteredFunction]> = functions.into();
        let left = Rc::new(Cell::new(clients.count));
        let (from, until) = (clients.from, clients.until);
        for mut client in clients.clients {
            let (manager, functions, kernel) = (self.world.manager.clone(), Rc::clone(&functions), me.kernel().clone());
            let (left, lost) = (Rc::clone(&left), Rc::clone(&self.lost));
            let actor = me.site().platform().actor(me.host(), Rc::clone(me.address().label()));
            drop(actor.spawn(async move {
                // Whoever begins to think will invoke, so that nobody thinks in vain when the others have invoked enough.
                while let Some(rest) = left.get().checked_sub(1) {
                    let at = kernel.now().max(from) + client.think();
                    if at >= until {
                        return;
                    }
                    left.set(rest);
                    kernel.sleep_until(at).await;
                    let request = client.request();
                    let body = request.duration.map(Body::sleep);
                    match manager.invoke_with(&functions[request.function as usize], body).await {
                        Ok(invocation) => manager.wait_one(&invocation).await,
                        Err(_) => {
                            // There is no platform any more to wait for.
                            lost.set(lost.get() + 1);
                            return;
                        }
                    }
                }
            }));
        }
    }

    /// Invokes in an actor of its own, which also sees the invocation to its end.
    fn invoke_apart(&self, me: &ExecutionController, function: RegisteredFunction, body: Option<Body>) {
        let manager = self.world.manager.clone();
        let lost = Rc::clone(&self.lost);
        let actor = me.site().platform().actor(me.host(), Rc::clone(me.address().label()));
        drop(actor.spawn(async move {
            match manager.invoke_with(&function, body).await {
                Ok(invocation) => manager.wait_one(&invocation).await,
                Err(_) => lost.set(lost.get() + 1),
            }
        }));
    }
}
