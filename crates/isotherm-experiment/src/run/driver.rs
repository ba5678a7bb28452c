//! The controller: registers the functions, invokes them as the workloads say, and waits for what it has invoked.

use std::cell::Cell;
use std::rc::Rc;

use isotherm_serverless::{Body, RegisteredFunction};
use isotherm_services::ExecutionController;
use isotherm_workload::{Merge, Workload};

use super::Failure;
use super::world::World;

/// The controller's knowledge.
pub(super) struct Driver {
    pub(super) world: World,
    /// How many of its invocations the service has not taken in.
    pub(super) lost: Rc<Cell<u64>>,
}

impl Driver {
    pub(super) async fn drive(self, me: &ExecutionController, mut workload: Merge) -> Result<(), Failure> {
        let functions = self.register().await?;
        let mut detached = 0;
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
