//! The function manager: the user's side of the serverless platform.
//!
//! It registers and invokes functions on behalf of its user (a direct exchange of messages with the
//! service: the caller waits for the answer), hears of completions, and wakes who waits for them.
//! It is an actor of its own on the user's host; the service knows only its port.
//!
//! Registering and invoking wait for the service's answer. Waiting is by message to the manager:
//! any number of users may wait for the same invocations, each is woken on its own; waiting for
//! what is already done, for nothing at all, or twice for the same is fine.

use std::rc::Rc;
use std::sync::Arc;

use isotherm_platform::HostId;
use isotherm_services::{Address, Delivery, FailureCause, Port, Site, StorageService};

use crate::Limits;
use crate::function::{Body, Function, Image, RegisteredFunction};
use crate::invocation::{Invocation, Waiter};
use crate::message::{Answer, ManagerMessage, Reply, Request, Ticket, Woken};
use crate::replay::{Replay, Source};
use crate::service::ServerlessComputeService;

/// A function manager. A cheap handle; clones are the same manager.
///
/// ```
/// # use isotherm_kernel::{Duration, Simulation};
/// # use isotherm_platform::{Platform, PlatformBuilder};
/// # use isotherm_serverless::*;
/// # use isotherm_services::{ExecutionController, FailureCause, Site, StorageConfig, StorageService};
/// # let mut builder = PlatformBuilder::new();
/// # for host in ["user", "head", "node"] {
/// #     builder.host(host, 1e9).cores(4).memory(16_000_000_000);
/// #     builder.disk(host, "disk", 1e9, 1e9).size(1_000_000_000_000);
/// # }
/// # builder.link("lan", 1e9, 0.0);
/// # for (from, to) in [("user", "head"), ("head", "node"), ("user", "node")] {
/// #     builder.route(from, to, ["lan"]);
/// # }
/// # let simulation = Simulation::new();
/// # let site = Site::new(Platform::new(&simulation.kernel(), builder.build().unwrap())?);
/// # let [user, head, node] = ["user", "head", "node"].map(|name| site.platform().host(name).unwrap());
/// # let config = ServiceConfig::on_hosts(Preset::Default, head, [node]);
/// # let service = ServerlessComputeService::start(&site, config)?;
/// # let limits = Limits::time(Duration::from_secs(60)).memory(1_000_000_000);
/// let functions = FunctionManager::start(&site, user);
/// ExecutionController::spawn(&site, user, "controller", async move |me| {
///     let short = Function::new("short", None, Body::sleep(Duration::from_secs(1)));
///     let long = Function::new("long", None, Body::sleep(Duration::from_secs(5)));
///     let short = functions.register(&short, &service, limits).await?;
///     let long = functions.register(&long, &service, limits).await?;
///
///     let both = [functions.invoke(&long).await?, functions.invoke(&short).await?];
///     let first = functions.wait_any(&both).await.expect("the list is not empty");
///     assert_eq!((first.id(), me.now().as_secs_f64()), (both[1].id(), 1.0));
///     assert!(functions.cancel(&both[0]).await?);
///     functions.wait_all(&both).await;
///     assert_eq!(both[0].outcome(), Some(Outcome::Cancelled));
///     Ok::<(), FailureCause>(())
/// });
/// # simulation.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FunctionManager {
    site: Site,
    port: Port<ManagerMessage>,
    /// On whose behalf messages are sent: the manager's own address, or that of a body that invokes
    /// functions itself.
    caller: Address,
}

impl FunctionManager {
    /// Starts a function manager on the user's host. While the host is off it tells nobody of the
    /// end of an invocation; it makes up for that when the host is on again.
    pub fn start(site: &Site, host: HostId) -> Self {
        FunctionManager::start_named(site, host, "function_manager")
    }

    /// Starts a function manager of that name.
    pub fn start_named(site: &Site, host: HostId, name: &str) -> Self {
        let address = Address::new(site, host, name);
        let port = Port::at(site, address.clone(), Delivery::OneAtATime);
        let manager = FunctionManager { site: site.clone(), port, caller: address };
        let daemon = manager.clone();
        let label = Arc::clone(manager.caller.label());
        // It outlives its host: what has come meanwhile it takes when the host is on again.
        site.kernel().actor(label).daemon().spawn(async move { daemon.serve().await });
        manager
    }

    /// The manager behind a port.
    pub(crate) fn at_port(site: &Site, port: Port<ManagerMessage>) -> Self {
        FunctionManager { site: site.clone(), caller: port.address().clone(), port }
    }

    /// The same manager as used from another address, such as that of a controller or of a body:
    /// requests come from there and their answers go there. Completions still go to the manager.
    pub fn called_from(&self, caller: Address) -> Self {
        FunctionManager { caller, ..self.clone() }
    }

    /// The manager's address.
    pub fn address(&self) -> &Address {
        self.port.address()
    }

    /// An image whose file of the same name is on a storage service. Sizes in bytes.
    pub fn image(
        &self,
        name: &str,
        bytes: u64,
        memory_bytes: u64,
        repository: &StorageService,
    ) -> Image {
        Image::new(name, bytes, memory_bytes, repository)
    }

    /// A function.
    pub fn function(&self, name: &str, image: &Image, body: Body) -> Function {
        Function::new(name, Some(image.clone()), body)
    }

    /// Registers a function with a service.
    ///
    /// # Errors
    /// [`FailureCause::NotAllowed`] if the platform could never run it,
    /// [`FailureCause::ServiceStopped`], [`FailureCause::NetworkFailed`] if a message was lost.
    pub async fn register(
        &self,
        function: &Function,
        service: &ServerlessComputeService,
        limits: Limits,
    ) -> Result<RegisteredFunction, FailureCause> {
        let bytes = service.payloads().register_request;
        let id = self
            .ask(service, bytes, "register_answer", |reply| Request::Register {
                function: function.clone(),
                limits,
                reply,
            })
            .await?;
        Ok(RegisteredFunction::new(service, id, function, limits))
    }

    /// Invokes a function. Gives the invocation as soon as the service has taken it in.
    ///
    /// # Errors
    /// [`FailureCause::FunctionNotRegistered`], [`FailureCause::ServiceStopped`],
    /// [`FailureCause::NetworkFailed`] if a message was lost.
    pub async fn invoke(&self, function: &RegisteredFunction) -> Result<Invocation, FailureCause> {
        self.invoke_with(function, None).await
    }

    /// Invokes a function with another body than its own.
    ///
    /// # Errors
    /// As [`invoke`](Self::invoke).
    pub async fn invoke_with(
        &self,
        function: &RegisteredFunction,
        body: Option<Body>,
    ) -> Result<Invocation, FailureCause> {
        self.invoke_at(function, &function.service, body).await
    }

    /// Invokes a function at a service, which refuses it if it is registered with another one.
    ///
    /// # Errors
    /// As [`invoke`](Self::invoke).
    pub async fn invoke_at(
        &self,
        function: &RegisteredFunction,
        service: &ServerlessComputeService,
        body: Option<Body>,
    ) -> Result<Invocation, FailureCause> {
        if function.service != *service {
            let function = Arc::clone(&function.name);
            return Err(FailureCause::FunctionNotRegistered { function });
        }
        let bytes = service.payloads().invoke_request;
        self.ask(service, bytes, "invoke_answer", |reply| Request::Invoke {
            function: function.id,
            body,
            reply: Some(reply),
            manager: self.port.clone(),
            ticket: Ticket::new(service),
            processed: false,
        })
        .await
    }

    /// Invokes a function and goes on at once: there is no handle, and nobody is told of the end.
    /// What becomes of the invocation is in its record ([`ServerlessComputeService::records_to`]).
    /// If the service has stopped or the message is lost, nothing does.
    ///
    /// It is the cheapest way to invoke, for those who make millions of invocations. `body` stands
    /// in for the function's own.
    pub fn invoke_detached(&self, function: &RegisteredFunction, body: Option<Body>) {
        function.service.invoke_detached(&self.caller, function.id, body, &self.port);
    }

    /// Makes [detached](Self::invoke_detached) invocations at their dates, as a source says, and
    /// waits until the last has been made. `Planned` names its function by its place in
    /// `functions`, which are registered with `service`. Gives how many have been made.
    ///
    /// Nothing of a replay is kept but what comes next, and no actor is woken for an invocation: it
    /// is the way to play traces. If the future is dropped, be it because the host of its actor
    /// fails, no further invocations are made.
    ///
    /// ```
    /// # use isotherm_kernel::{Duration, Simulation, Time};
    /// # use isotherm_platform::{Platform, PlatformBuilder};
    /// # use isotherm_serverless::*;
    /// # use isotherm_services::{ExecutionController, FailureCause, Site, StorageConfig, StorageService};
    /// # let mut builder = PlatformBuilder::new();
    /// # for host in ["user", "head", "node"] {
    /// #     builder.host(host, 1e9).cores(4).memory(16_000_000_000);
    /// #     builder.disk(host, "disk", 1e9, 1e9).size(1_000_000_000_000);
    /// # }
    /// # builder.link("lan", 1e9, 0.0);
    /// # for (from, to) in [("user", "head"), ("head", "node"), ("user", "node")] {
    /// #     builder.route(from, to, ["lan"]);
    /// # }
    /// # let simulation = Simulation::new();
    /// # let site = Site::new(Platform::new(&simulation.kernel(), builder.build().unwrap())?);
    /// # let [user, head, node] = ["user", "head", "node"].map(|name| site.platform().host(name).unwrap());
    /// # let config = ServiceConfig::on_hosts(Preset::Default, head, [node]);
    /// # let service = ServerlessComputeService::start(&site, config)?;
    /// # let functions = FunctionManager::start(&site, user);
    /// let records = service.collect_records();
    /// ExecutionController::spawn(&site, user, "controller", async move |me| {
    ///     let nap = Function::new("nap", None, Body::sleep(Duration::from_secs(1)));
    ///     let nap = functions.register(&nap, &service, Limits::time(Duration::from_secs(60))).await?;
    ///     let every_minute = (0..60).map(|minute| Planned { at: Time::from_secs_f64(60.0 * f64::from(minute)), function: 0, body: None });
    ///     assert_eq!(functions.replay(&service, &[nap], every_minute).await?, 60);
    ///     assert_eq!(me.now().as_secs_f64(), 59.0 * 60.0);
    ///     functions.drain(&service).await?;
    ///     Ok::<(), FailureCause>(())
    /// });
    /// simulation.run()?;
    /// assert_eq!(records.borrow().len(), 60);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FailureCause::FunctionNotRegistered`] if a function is registered with another service, or
    /// the source names one that is not in the list.
    pub async fn replay(
        &self,
        service: &ServerlessComputeService,
        functions: &[RegisteredFunction],
        source: impl Source + 'static,
    ) -> Result<u64, FailureCause> {
        if let Some(stranger) = functions.iter().find(|function| function.service != *service) {
            let function = Arc::clone(&stranger.name);
            return Err(FailureCause::FunctionNotRegistered { function });
        }
        let replay =
            Replay::new(service, self.port.clone(), self.caller.clone(), functions, source);
        let (ended, _waiting) = replay.begin();
        ended.receive().await
    }

    /// Waits until a service has no invocation left: until all that had been asked of it when this
    /// message reached it, also where the request was still on its way or waited to be processed,
    /// and all that has come since, have ended.
    ///
    /// # Errors
    /// [`FailureCause::ServiceStopped`].
    pub async fn drain(&self, service: &ServerlessComputeService) -> Result<(), FailureCause> {
        self.ask(service, 0, "drain_answer", |reply| Request::Drain { reply }).await
    }

    /// Cancels an invocation, wherever it is. Says whether it was still going on. If its body ends
    /// by itself at that very date it may complete all the same.
    ///
    /// # Errors
    /// [`FailureCause::ServiceStopped`].
    pub async fn cancel(&self, invocation: &Invocation) -> Result<bool, FailureCause> {
        let id = invocation.id();
        self.ask(invocation.service(), 0, "cancel_answer", |reply| Request::Cancel {
            invocation: id,
            reply,
        })
        .await
    }

    /// Stops a service: invocations that wait or run end with [`FailureCause::ServiceStopped`].
    ///
    /// # Errors
    /// [`FailureCause::ServiceStopped`] if it has been stopped before.
    pub async fn stop(&self, service: &ServerlessComputeService) -> Result<(), FailureCause> {
        self.ask(service, 0, "stop_answer", |reply| Request::Stop { reply }).await
    }

    /// Whether the manager has heard that an invocation has ended.
    pub fn is_done(&self, invocation: &Invocation) -> bool {
        invocation.is_done()
    }

    /// Waits until an invocation is done.
    pub async fn wait_one(&self, invocation: &Invocation) {
        self.wait(&[invocation], 1).await;
    }

    /// Waits until one of several invocations is done and gives the first in the list that is. With
    /// an empty list it gives `None` at once.
    pub async fn wait_any<'a>(
        &self,
        invocations: impl IntoIterator<Item = &'a Invocation>,
    ) -> Option<Invocation> {
        let invocations: Vec<&Invocation> = invocations.into_iter().collect();
        self.wait(&invocations, 1).await;
        invocations.into_iter().find(|invocation| invocation.is_done()).cloned()
    }

    /// Waits until all invocations are done. With an empty list there is nothing to wait for.
    pub async fn wait_all<'a>(&self, invocations: impl IntoIterator<Item = &'a Invocation>) {
        let invocations: Vec<&Invocation> = invocations.into_iter().collect();
        self.wait(&invocations, invocations.len()).await;
    }

    /// Waits until `count` of the invocations are done.
    async fn wait(&self, invocations: &[&Invocation], count: usize) {
        if invocations.is_empty() {
            return;
        }
        let reply = Port::at(&self.site, self.caller.clone(), Delivery::Concurrent);
        let waiter = Waiter::new(count, reply.clone());
        let _here = waiter.while_waiting();
        let targets = invocations.iter().map(|&invocation| invocation.clone()).collect();
        self.port.send(&self.caller, 0, ManagerMessage::Wait { targets, waiter });
        let Woken = reply.receive().await;
    }

    /// Sends a request to a service and waits for the answer.
    async fn ask<T: 'static>(
        &self,
        service: &ServerlessComputeService,
        bytes: u64,
        kind: &'static str,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<T, FailureCause> {
        let answers: Port<Answer<T>> =
            Port::at(&self.site, self.caller.clone(), Delivery::Concurrent);
        let reply = Reply::new(answers.clone(), kind, service.address());
        service.ask(&self.caller, bytes, request(reply));
        answers.receive().await.value
    }

    async fn serve(&self) {
        loop {
            let message = self.port.receive().await;
            self.site.platform().wait_until_on(self.port.address().host()).await;
            match message {
                ManagerMessage::Completed(invocation) => {
                    for waiter in invocation.set_done() {
                        self.tell(&waiter);
                    }
                }
                ManagerMessage::Wait { targets, waiter } => {
                    for invocation in targets {
                        if invocation.is_done() {
                            self.tell(&waiter);
                        } else {
                            invocation.add_waiter(Rc::clone(&waiter));
                        }
                    }
                }
            }
        }
    }

    /// One of the invocations that the waiter waits for is done.
    fn tell(&self, waiter: &Rc<Waiter>) {
        if waiter.one_less() {
            waiter.reply().send(self.port.address(), 0, Woken);
        }
    }
}
