//! The function manager: the client side of the serverless platform.
//!
//! It registers and invokes functions for its user by exchanging messages with the service, is
//! notified of completions, and wakes the actors that wait for them. It is a daemon actor on the
//! user's host; the service knows only its port.
//!
//! Registering and invoking wait for the answer of the service. Waiting for invocations is a
//! message to the manager: any number of actors may wait for the same invocations, and each is
//! woken on its own. Waiting for ended invocations, for an empty list, or for the same invocation
//! twice is allowed.

use std::rc::Rc;
use std::sync::Arc;

use isotherm_platform::HostId;
use isotherm_services::{Address, Delivery, FailureCause, Port, Site, StorageService};

use crate::Limits;
use crate::function::{Body, Function, Image, RegisteredFunction};
use crate::invocation::{Invocation, Waiter};
use crate::invoke::InvokeRequest;
use crate::message::{Answer, ManagerMessage, Reply, Request, Ticket, Woken};
use crate::replay::{Replay, Source};
use crate::service::ServerlessComputeService;
use crate::value::Given;

/// A handle of a function manager. Cheap to clone; clones are the same manager.
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
/// # let [user, head, node] =
/// #     ["user", "head", "node"].map(|name| site.platform().host(name).unwrap());
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
    /// The sender of requests: the manager itself, or a body that invokes functions.
    caller: Address,
}

impl FunctionManager {
    /// Starts a function manager on the user's host. While the host is off it wakes no waiters; it
    /// handles the completions that arrived meanwhile when the host is on again.
    #[must_use]
    pub fn start(site: &Site, host: HostId) -> Self {
        FunctionManager::start_named(site, host, "function_manager")
    }

    /// Starts a function manager with this name.
    #[must_use]
    pub fn start_named(site: &Site, host: HostId, name: &str) -> Self {
        let address = Address::new(site, host, name);
        let port = Port::at(site, address.clone(), Delivery::OneAtATime);
        let manager = FunctionManager { site: site.clone(), port, caller: address };
        let daemon = manager.clone();
        let label = Arc::clone(manager.caller.label());
        // It outlives its host and handles what has arrived when the host is on again.
        site.kernel().actor(label).daemon().spawn(async move { daemon.serve().await });
        manager
    }

    /// The manager behind a port.
    pub(crate) fn at_port(site: &Site, port: Port<ManagerMessage>) -> Self {
        FunctionManager { site: site.clone(), caller: port.address().clone(), port }
    }

    /// The same manager as used from another address, such as that of a controller or of a body:
    /// requests come from there and their answers go there. Completions still go to the manager.
    #[must_use]
    pub fn called_from(&self, caller: Address) -> Self {
        FunctionManager { caller, ..self.clone() }
    }

    /// The manager's address.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.port.address()
    }

    /// An image whose file of the same name is on a storage service. Sizes in bytes.
    #[must_use]
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
    #[must_use]
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

    /// Invokes a function. Returns the invocation as soon as the service has accepted it.
    ///
    /// # Errors
    /// [`FailureCause::FunctionNotRegistered`], [`FailureCause::ServiceStopped`],
    /// [`FailureCause::NetworkFailed`] if a message was lost.
    pub async fn invoke(&self, function: &RegisteredFunction) -> Result<Invocation, FailureCause> {
        self.invoke_given(function, None, None).await
    }

    /// Invokes a function at a service. Fails if it is registered with another one.
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
        self.invoke_given(function, body, None).await
    }

    pub(crate) async fn invoke_given(
        &self,
        function: &RegisteredFunction,
        body: Option<Body>,
        given: Option<Box<Given>>,
    ) -> Result<Invocation, FailureCause> {
        let service = &function.service;
        let bytes = service.request_bytes(function.id, given.as_deref());
        self.ask(service, bytes, "invoke_answer", |reply| Request::Invoke {
            function: function.id,
            body,
            given,
            reply: Some(reply),
            manager: self.port.clone(),
            ticket: Ticket::new(service),
            processed: false,
        })
        .await
    }

    /// A request to invoke a function, with an input, sizes or a body of its own.
    ///
    /// Input and output are values of any Rust type; without a size they cost no simulated time.
    /// The size of the input is added to the request and crosses the network from the head host to
    /// the compute host before the body begins; that of the output goes the same way back when the
    /// body has ended.
    ///
    /// ```
    /// # use isotherm_kernel::{Duration, Simulation};
    /// # use isotherm_platform::{Platform, PlatformBuilder};
    /// # use isotherm_serverless::*;
    /// # use isotherm_services::{ExecutionController, FailureCause, Site};
    /// # let mut builder = PlatformBuilder::new();
    /// # for host in ["user", "head", "node"] {
    /// #     builder.host(host, 1e9).cores(4).memory(16_000_000_000);
    /// #     builder.disk(host, "disk", 1e9, 1e9).size(1_000_000_000_000);
    /// # }
    /// # builder.link("lan", 1e8, 0.0);
    /// # for (from, to) in [("user", "head"), ("head", "node"), ("user", "node")] {
    /// #     builder.route(from, to, ["lan"]);
    /// # }
    /// # let simulation = Simulation::new();
    /// # let site = Site::new(Platform::new(&simulation.kernel(), builder.build().unwrap())?);
    /// # let [user, head, node] =
    /// #     ["user", "head", "node"].map(|name| site.platform().host(name).unwrap());
    /// # let config = ServiceConfig::on_hosts(Preset::Default, head, [node]);
    /// # let service = ServerlessComputeService::start(&site, config)?;
    /// # let limits = Limits::time(Duration::from_secs(60)).memory(1_000_000_000);
    /// # let functions = FunctionManager::start(&site, user);
    /// # ExecutionController::spawn(&site, user, "controller", async move |_| {
    /// let body = Body::custom(async |call| {
    ///     let words = call.input::<Vec<&str>>()?;
    ///     call.sleep(Duration::from_secs(1)).await;
    ///     call.set_output(words.len());
    ///     Ok(())
    /// });
    /// let count = functions.register(&Function::new("count", None, body), &service, limits).await?;
    /// let words = vec!["in", "simulated", "time"];
    /// let invocation = functions.request(&count).input(words).input_bytes(50_000_000).send().await?;
    /// functions.wait_one(&invocation).await;
    /// assert_eq!(*invocation.output::<usize>()?, 3);
    /// // Half a second and more to the head host and to the node each, at 100 MB/s.
    /// let record = invocation.record();
    /// let dates = [record.submitted, record.started.unwrap(), record.finished];
    /// assert_eq!(dates.map(|date| format!("{:.2}", date.as_secs_f64())), ["0.54", "1.08", "2.08"]);
    /// assert_eq!(
    ///     invocation.output::<String>().unwrap_err().to_string(),
    ///     "the output of function `count` is a `usize`, not a `alloc::string::String`",
    /// );
    /// # Ok::<(), FailureCause>(())
    /// # });
    /// # simulation.run()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn request<'a>(&'a self, function: &'a RegisteredFunction) -> InvokeRequest<'a> {
        InvokeRequest::new(self, function)
    }

    /// Invokes a function without waiting for an answer: there is no handle and no notification of
    /// the end. The result is only in the record ([`ServerlessComputeService::records_to`]). A
    /// request that is lost, or that reaches a stopped service, leaves no record.
    ///
    /// This is the cheapest way to invoke, meant for millions of invocations. `body` replaces that
    /// of the function.
    pub fn invoke_detached(&self, function: &RegisteredFunction, body: Option<Body>) {
        self.invoke_detached_given(function, body, None);
    }

    pub(crate) fn invoke_detached_given(
        &self,
        function: &RegisteredFunction,
        body: Option<Body>,
        given: Option<Box<Given>>,
    ) {
        function.service.invoke_detached(&self.caller, function.id, body, given, &self.port);
    }

    /// Makes [detached](Self::invoke_detached) invocations at the dates that a source gives, and
    /// waits until the last has been made. [`Planned`](crate::Planned) names a function by its
    /// index in `functions`, which are registered with `service`; it may be
    /// [given](crate::Planned::given) an input. Returns the number of invocations made.
    ///
    /// Only the next invocation is held in memory and no actor is woken for an invocation, so this
    /// is the way to replay traces. If the future is dropped, also because the host of its actor
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
    /// # let [user, head, node] =
    /// #     ["user", "head", "node"].map(|name| site.platform().host(name).unwrap());
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

    /// Waits until a service has no invocation left. Requests that were on their way, or waited to
    /// be processed, when this message arrived count, and so do all that arrive before the end. If
    /// the service is stopped meanwhile, it has none left.
    ///
    /// # Errors
    /// [`FailureCause::ServiceStopped`] if it has been stopped before, [`FailureCause::HostFailed`]
    /// if its host is off, [`FailureCause::NetworkFailed`] if a message was lost.
    pub async fn drain(&self, service: &ServerlessComputeService) -> Result<(), FailureCause> {
        self.ask(service, 0, "drain_answer", |reply| Request::Drain { reply }).await
    }

    /// Cancels an invocation in whatever state, also while its output is on the way. Returns
    /// whether it had not ended. If its body ends at the same date it may still complete.
    ///
    /// # Errors
    /// As [`drain`](Self::drain); a service that has been stopped ends all invocations by itself.
    pub async fn cancel(&self, invocation: &Invocation) -> Result<bool, FailureCause> {
        let key = invocation.key();
        self.ask(invocation.service(), 0, "cancel_answer", |reply| Request::Cancel {
            invocation: key,
            reply,
        })
        .await
    }

    /// Stops a service: its pending and running invocations end with
    /// [`FailureCause::ServiceStopped`].
    ///
    /// # Errors
    /// [`FailureCause::ServiceStopped`] if it has been stopped before.
    pub async fn stop(&self, service: &ServerlessComputeService) -> Result<(), FailureCause> {
        self.ask(service, 0, "stop_answer", |reply| Request::Stop { reply }).await
    }

    /// Whether the manager has been notified of the end of an invocation.
    #[must_use]
    pub fn is_done(&self, invocation: &Invocation) -> bool {
        invocation.is_done()
    }

    /// Waits until an invocation is done.
    pub async fn wait_one(&self, invocation: &Invocation) {
        self.wait(&[invocation], 1).await;
    }

    /// Waits until one of several invocations is done and returns the first in the list that is;
    /// `None` for an empty list.
    pub async fn wait_any<'a>(
        &self,
        invocations: impl IntoIterator<Item = &'a Invocation>,
    ) -> Option<Invocation> {
        let invocations: Vec<&Invocation> = invocations.into_iter().collect();
        self.wait(&invocations, 1).await;
        invocations.into_iter().find(|invocation| invocation.is_done()).cloned()
    }

    /// Waits until all invocations are done.
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

    /// Tells a waiter that one of its invocations is done, and wakes it if it was the last.
    fn tell(&self, waiter: &Rc<Waiter>) {
        if waiter.one_less() {
            waiter.reply().send(self.port.address(), 0, Woken);
        }
    }
}
