//! Carries out the effects that the platform state has decided: starts transfers and bodies, sets
//! timers, delivers records and completions.

use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{Actor, Change, Duration, Time};
use isotherm_services::{
    Action, ActionId, ActionOwner, ActionReport, ActionRequest, ActionStatus, Address, DataEnd,
    FailureCause, FilePin, Port, SleepRequest, move_data,
};

use super::attachment::Attachment;
use super::nodes::NodeServices;
use super::{Inner, ServerlessComputeService, Signal};
use crate::call::{Call, PrivateStorage};
use crate::function::Body;
use crate::manager::FunctionManager;
use crate::message::{ManagerMessage, Request, time_limit};
use crate::state::{Effect, InvocationKey, Move, PlatformState, Round};
use crate::{ContainerId, ImageId, Invocation, InvocationRecord, NodeId};

/// A message to the service that a transfer has ended. If the transfer's actor is killed, the
/// message says that it failed.
struct Notice<F: FnOnce(Result<(), FailureCause>) -> Request> {
    service: ServerlessComputeService,
    from: Address,
    request: Option<F>,
}

impl<F: FnOnce(Result<(), FailureCause>) -> Request> Notice<F> {
    fn send(&mut self, result: Result<(), FailureCause>) {
        if let Some(request) = self.request.take() {
            self.service.tell(&self.from, request(result));
        }
    }

    fn disarm(&mut self) {
        self.request = None;
    }
}

impl<F: FnOnce(Result<(), FailureCause>) -> Request> Drop for Notice<F> {
    fn drop(&mut self) {
        let platform = self.service.inner.site.platform();
        // At the end of the simulation actors are dropped too, but then their hosts are on and no
        // message is due.
        if let Some(request) = self.request.take()
            && !platform.is_on(self.from.host())
        {
            let host = platform.host_name(self.from.host());
            // The service must be notified of the host failure first, so that it starts nothing
            // there.
            self.service.tell_later(&self.from, request(Err(FailureCause::HostFailed { host })));
        }
    }
}

/// The token of a body, as an action of the service.
fn body_token(invocation: InvocationKey, node: NodeId) -> (u64, u64) {
    let (id, row) = invocation.numbers();
    (id, u64::from(node.0) << 32 | u64::from(row))
}

/// The output of an invocation on its way to the service.
pub(super) struct Outgoing {
    invocation: InvocationKey,
    node: NodeId,
    /// That of the body, which has completed.
    report: ActionReport,
    actor: Actor<()>,
}

/// The actions of the service are the bodies of invocations.
impl ActionOwner for Inner {
    fn action_ended(
        self: Rc<Self>,
        (invocation, node_and_row): (u64, u64),
        mut report: ActionReport,
    ) {
        if let Err(FailureCause::ServiceStopped { service: stopped }) = &mut report.result
            && self.stopped.get()
        {
            // Users do not know the bare-metal services; name the service that they know.
            *stopped = Arc::clone(&self.name);
        }
        let invocation = InvocationKey::of_numbers(invocation, node_and_row as u32);
        let node = node_and_row >> 32;
        let service = ServerlessComputeService { inner: self };
        let from = &service.inner.nodes[NodeId(node as u32)].address;
        // A body whose output has a size ends in an actor, so its end is never handled here.
        if !service.takes_at_once(from, "body_ended") {
            return service.report_end(node, invocation, report);
        }
        service.state_now();
        let idle = service.body_ended(invocation, &report);
        service.conclude(idle, Round::Yes);
    }
}

impl ServerlessComputeService {
    /// Carries out the queued effects in order.
    pub(super) fn carry_out(&self) {
        let mut state = self.inner.state.borrow_mut();
        self.note_ends(&mut state);
        if let Some(news) = state.observers.take_news() {
            drop(state);
            self.tell_observers(news);
            state = self.inner.state.borrow_mut();
        }
        let is_anybody_left = loop {
            // Those that every invocation has are carried out here, others apart, so that this
            // stays short.
            match state.effects.next() {
                None => break !state.invocations.is_empty(),
                Some(&Effect::Start { invocation, node, container, startup, limit }) => {
                    drop(state);
                    self.start_body(invocation, node, container, startup, limit);
                }
                Some(&Effect::Ended { invocation, is_attended, outcome }) => {
                    let record = state.effects.records.pop_front();
                    drop(state);
                    if let Some(record) = record {
                        debug_assert_eq!((record.id, record.outcome), (invocation.id, outcome));
                        self.invocation_ended(invocation, is_attended, record);
                    }
                }
                Some(&other) => {
                    drop(state);
                    self.carry_out_other(other);
                }
            }
            state = self.inner.state.borrow_mut();
        };
        if !is_anybody_left {
            self.answer_drained();
        }
    }

    /// Gives the handles of ended invocations their records. Until then nothing may query them,
    /// because the state does not know them any more.
    #[inline]
    pub(super) fn note_ends(&self, state: &mut PlatformState) {
        if state.effects.has_ended_handles {
            state.effects.has_ended_handles = false;
            self.note_ends_of(state);
        }
    }

    #[cold]
    fn note_ends_of(&self, state: &PlatformState) {
        let tables = self.inner.tables.borrow();
        for (row, record) in state.effects.ends() {
            let attachment = tables.attachments.get(row);
            if let Some(handle) = attachment.and_then(|ended| ended.handle.as_ref()) {
                handle.set_ended(record);
            }
        }
    }

    /// Carries out an effect that not every invocation has.
    #[inline(never)]
    fn carry_out_other(&self, effect: Effect) {
        match effect {
            // Carried out by the caller.
            Effect::Start { .. } | Effect::Ended { .. } => {}
            Effect::Download { image } => self.download(image),
            Effect::DownloadAtOnce { image } => {
                self.tell_later(self.address(), Request::DownloadEnded { image, result: Ok(()) });
            }
            Effect::Move { step, node, image } => self.move_image(step, node, image),
            Effect::MoveRefused { step, node, image } => {
                let result = Err(self.no_room(node));
                self.tell_later(
                    &self.inner.nodes[node].address,
                    Request::MoveEnded { step, node, image, result },
                );
            }
            Effect::KeepAlive { container, idle_sequence, idle } => {
                let token = Signal::IdleTimeout { container, idle_sequence }.token();
                self.kernel().signal_after(idle, Rc::clone(&self.inner) as _, token);
            }
            Effect::Expire { at } => {
                let after = at.since(self.kernel().now());
                let timer = self.kernel().signal_after(
                    after,
                    Rc::clone(&self.inner) as _,
                    Signal::Expire.token(),
                );
                let before = self.inner.tables.borrow_mut().expiry.replace(timer);
                if let Some(before) = before {
                    self.kernel().cancel_call(before);
                }
            }
            Effect::Prewarm { function, after } => {
                let service = self.clone();
                let timer = self.kernel().call_after(after, move |_| {
                    service.inner.tables.borrow_mut().prewarmings.remove(&function);
                    service.tell(service.address(), Request::Prewarm { function });
                });
                self.inner.tables.borrow_mut().prewarmings.insert(function, timer);
            }
            Effect::ForgetPrewarm { function } => {
                let timer = self.inner.tables.borrow_mut().prewarmings.remove(&function);
                if let Some(timer) = timer {
                    self.kernel().cancel_call(timer);
                }
            }
            Effect::HoldRound { at } => {
                let service = Rc::downgrade(&self.inner);
                // A simulation in which nothing else is to happen does not go on with it for ever.
                let change = Change::Repeated(at.since(self.kernel().now()));
                self.kernel().background_at(at, change, move |_| {
                    let Some(inner) = service.upgrade() else { return };
                    inner.port.send(inner.port.address(), 0, Request::RoundDue);
                });
            }
            Effect::RetryMove { after } => {
                let service = Rc::downgrade(&self.inner);
                self.kernel().background_at(
                    self.kernel().now() + after,
                    Change::Retry,
                    move |_| {
                        let Some(inner) = service.upgrade() else { return };
                        inner.port.send(inner.port.address(), 0, Request::Retry);
                    },
                );
            }
            Effect::Stopped { container } => {
                self.inner.tables.borrow_mut().private.remove(&container);
            }
            Effect::CancelBody { invocation } => {
                if self.cut_off_output(invocation) {
                    return;
                }
                let tables = self.inner.tables.borrow();
                let attachment = tables.attachments.get(invocation.row);
                let action = attachment.and_then(|found| found.action);
                drop(tables);
                if let Some((node, action)) = action {
                    self.inner.nodes[node].bare_metal.cancel(action);
                }
            }
        }
    }

    #[inline]
    fn invocation_ended(
        &self,
        invocation: InvocationKey,
        is_attended: bool,
        record: Rc<InvocationRecord>,
    ) {
        self.kernel().note_progress();
        // A sink may query the service or add another sink, which gets the next record.
        let sinks = Rc::clone(&self.inner.sinks.borrow());
        for sink in sinks.iter() {
            sink.borrow_mut().record(&record);
        }
        #[cfg(any(test, feature = "audit"))]
        self.inner.tables.borrow_mut().progress.remove(&invocation.id);
        if is_attended {
            return self.leave_behind(invocation, record);
        }
        self.inner.state.borrow_mut().is_over(invocation, record);
    }

    /// Sends a message to the service after everything that is already due at this date, as a
    /// helper started now would.
    fn tell_later(&self, from: &Address, request: Request) {
        let (service, from) = (self.clone(), from.clone());
        self.kernel().call_after(Duration::ZERO, move |_| service.tell(&from, request));
    }

    /// Notifies the user of an ended invocation, if that is wanted, and drops its body and its
    /// input. That may run any code, so nothing is borrowed.
    #[inline(never)]
    fn leave_behind(&self, invocation: InvocationKey, record: Rc<InvocationRecord>) {
        let ended = self.inner.tables.borrow_mut().attachments.take(invocation.row);
        self.inner.state.borrow_mut().is_over(invocation, record);
        let Some(Attachment { handle, manager, is_detached, .. }) = ended else { return };
        if let Some(handle) = &handle {
            handle.drop_values();
        }
        if !is_detached && let Some((manager, handle)) = manager.zip(handle) {
            self.notify(&manager, handle);
        }
    }

    /// Notifies the user that an invocation has ended. If the message is lost, the notification is
    /// repeated without payload, and without the output.
    fn notify(&self, manager: &Port<ManagerMessage>, handle: Invocation) {
        let (back, address) = (manager.clone(), self.address().clone());
        let bytes = self.inner.payloads.completion.saturating_add(handle.output_bytes());
        let completed = ManagerMessage::Completed(handle);
        manager.send_or(self.address(), bytes, completed, move |cause, lost| {
            if let ManagerMessage::Completed(handle) = &lost {
                handle.lose_output(cause);
            }
            back.send(&address, 0, lost);
        });
    }

    /// Sends the service the message that a body has ended, with the output if it has a size.
    fn report_end(&self, node: u64, invocation: InvocationKey, report: ActionReport) {
        let services = &self.inner.nodes[NodeId(node as u32)];
        let bytes = match &report.result {
            Ok(()) if self.inner.has_sizes.get() => self.output_bytes(invocation),
            _ => 0,
        };
        if bytes == 0 {
            return self.tell(&services.address, Request::BodyEnded { invocation, report });
        }
        let arrived = Request::BodyEnded { invocation, report: report.clone() };
        let mut notice = Notice {
            service: self.clone(),
            from: services.address.clone(),
            request: Some({
                let report = report.clone();
                move |result| {
                    let report = ActionReport { result, ..report };
                    Request::BodyEnded { invocation, report }
                }
            }),
        };
        let actor = self.inner.site.platform().actor(services.host, "output");
        let actor = actor.daemon().spawn(async move {
            let port = notice.service.inner.port.clone();
            match port.deliver(&notice.from, bytes, arrived).await {
                Ok(()) => notice.disarm(),
                Err(cause) => notice.send(Err(cause)),
            }
        });
        let output = Outgoing { invocation, node: NodeId(node as u32), report, actor };
        self.inner.tables.borrow_mut().outgoing.insert(invocation.id, output);
    }

    /// Cancels an invocation whose output is on its way to the service; returns whether it is.
    fn cut_off_output(&self, invocation: InvocationKey) -> bool {
        let output = self.inner.tables.borrow_mut().outgoing.remove(&invocation.id);
        output.map(|output| self.end_output(output, FailureCause::Cancelled)).is_some()
    }

    /// Ends all invocations whose outputs are on their way to the service.
    pub(super) fn cut_off_outputs(&self, cause: &FailureCause) {
        let outgoing = std::mem::take(&mut self.inner.tables.borrow_mut().outgoing);
        outgoing.into_values().for_each(|output| self.end_output(output, cause.clone()));
    }

    fn end_output(&self, output: Outgoing, cause: FailureCause) {
        let Outgoing { invocation, node, report, actor } = output;
        actor.kill();
        let report = ActionReport { result: Err(cause), ..report };
        self.tell(&self.inner.nodes[node].address, Request::BodyEnded { invocation, report });
    }

    /// The size of the output of an invocation whose body has completed.
    #[cold]
    fn output_bytes(&self, invocation: InvocationKey) -> u64 {
        let state = self.inner.state.borrow();
        let Some(live) = state.invocations.at(invocation) else { return 0 };
        let tables = self.inner.tables.borrow();
        let handle = tables.attachments.get(live.row).and_then(|found| found.handle.as_ref());
        handle.map_or(0, |handle| handle.sizes().output)
    }

    /// Answers the requests that wait until no invocation is left.
    pub(super) fn answer_drained(&self) {
        let replies = {
            let mut tables = self.inner.tables.borrow_mut();
            let nothing_comes = self.inner.on_their_way.get() == 0;
            let mut replies =
                if nothing_comes { std::mem::take(&mut tables.draining) } else { Vec::new() };
            if self.inner.stopped.get() {
                replies.extend(tables.stopping.take());
            }
            replies
        };
        for reply in replies {
            reply.answer(0, Ok(()));
        }
    }

    fn no_room(&self, node: NodeId) -> FailureCause {
        let storage = &self.inner.nodes[node].storage;
        let free_bytes = storage.file_system().borrow().free();
        FailureCause::StorageFull { storage: storage.name().clone(), needed_bytes: 0, free_bytes }
    }

    fn download(&self, image: ImageId) {
        let source = self.inner.tables.borrow().images[image.index()].clone();
        let mut notice = Notice {
            service: self.clone(),
            from: self.address().clone(),
            request: Some(move |result| Request::DownloadEnded { image, result }),
        };
        let service = self.clone();
        let actor = self.inner.site.platform().actor(self.address().host(), "image download");
        actor.daemon().spawn(async move {
            let repository = source.repository();
            let result = match FilePin::lookup(&repository.file_system(), source.file()) {
                None => Err(FailureCause::FileNotFound {
                    storage: repository.name().clone(),
                    file: source.file().clone(),
                }),
                Some(pin) => {
                    let to = service.inner.head.data_end();
                    let result =
                        move_data(&service.inner.site, repository.data_end(), to, source.bytes())
                            .await;
                    pin.touch();
                    result
                }
            };
            notice.send(result);
        });
    }

    /// Starts an actor on a node that copies or loads an image and notifies the service of the
    /// result.
    fn move_image(&self, step: Move, node: NodeId, image: ImageId) {
        let services = self.node(node);
        let tables = self.inner.tables.borrow();
        let (image_spec, disk) = (&tables.images[image.index()], services.storage.data_end());
        let (name, bytes, from, to) = match step {
            Move::Copy => ("image copy", image_spec.bytes(), self.inner.head.data_end(), disk),
            Move::Load => {
                let memory = DataEnd::memory_for(services.host, &disk);
                ("image load", image_spec.memory_bytes(), disk, memory)
            }
        };
        drop(tables);
        let mut notice = Notice {
            service: self.clone(),
            from: services.address.clone(),
            request: Some(move |result| Request::MoveEnded { step, node, image, result }),
        };
        let site = self.inner.site.clone();
        let actor = self.inner.site.platform().actor(services.host, name);
        actor.daemon().spawn(async move {
            let result = move_data(&site, from, to, bytes).await;
            notice.send(result);
        });
    }

    fn node(&self, node: NodeId) -> &NodeServices {
        &self.inner.nodes[node]
    }

    /// Starts a body. One that is a single sleep needs no actor.
    #[inline(always)]
    fn start_body(
        &self,
        invocation: InvocationKey,
        node: NodeId,
        container: ContainerId,
        startup: Duration,
        limit: Duration,
    ) {
        let tables = self.inner.tables.borrow();
        let attachment = tables.attachments.get(invocation.row);
        let Some(&Attachment { body: Body::Sleep(duration), .. }) = attachment else {
            drop(tables);
            return self.start_custom_body(invocation, node, container, startup, limit);
        };
        drop(tables);
        let at_limit = self.inner.at_limit;
        let sleep = SleepRequest { duration, startup, time_limit: time_limit(limit), at_limit };
        let (owner, token) = (Rc::clone(&self.inner) as _, body_token(invocation, node));
        let status = self.body_status(invocation, node);
        let bare_metal = &self.node(node).bare_metal;
        let action = bare_metal.submit_sleep(self.address(), sleep, owner, token, status);
        self.body_started(invocation, node, action);
    }

    #[inline(never)]
    fn start_custom_body(
        &self,
        invocation: InvocationKey,
        node: NodeId,
        container: ContainerId,
        startup: Duration,
        limit: Duration,
    ) {
        let Some(action) = self.custom_action(invocation, node, container) else {
            // It has ended since the decision: an observer has turned the head host off.
            self.inner.state.borrow_mut().containers.dispatches -= 1;
            return;
        };
        let (owner, token) = (Rc::clone(&self.inner) as _, body_token(invocation, node));
        let mut request = ActionRequest::owned("invocation", action, owner, token);
        (request.startup, request.time_limit) = (startup, time_limit(limit));
        request.at_limit = self.inner.at_limit;
        request.status = self.body_status(invocation, node);
        let action = self.node(node).bare_metal.submit(self.address(), 0, request);
        self.body_started(invocation, node, action);
    }

    /// Where checks see the state of a body.
    #[cfg(any(test, feature = "audit"))]
    fn body_status(&self, invocation: InvocationKey, node: NodeId) -> Option<Rc<ActionStatus>> {
        let status = Rc::new(ActionStatus::default());
        let mut tables = self.inner.tables.borrow_mut();
        tables.progress.insert(invocation.id, (node, Rc::clone(&status)));
        Some(status)
    }

    #[cfg(not(any(test, feature = "audit")))]
    #[expect(clippy::unused_self, reason = "checks need it")]
    fn body_status(&self, _: InvocationKey, _: NodeId) -> Option<Rc<ActionStatus>> {
        None
    }

    fn body_started(&self, invocation: InvocationKey, node: NodeId, action: ActionId) {
        let mut tables = self.inner.tables.borrow_mut();
        if let Some(attachment) = tables.attachments.get_mut(invocation.row) {
            attachment.action = Some((node, action));
        }
    }

    /// The action that runs a body in an actor.
    fn custom_action(
        &self,
        invocation: InvocationKey,
        node: NodeId,
        container: ContainerId,
    ) -> Option<Action> {
        let tables = self.inner.tables.borrow();
        let attachment = tables.attachments.get(invocation.row)?;
        let (body, manager) = (attachment.body.clone(), attachment.manager.clone()?);
        let manager = FunctionManager::at_port(&self.inner.site, manager);
        drop(tables);
        let mut state = self.inner.state.borrow_mut();
        let handle = self.handle(state.invocations.at(invocation)?);
        let mut tables = self.inner.tables.borrow_mut();
        let storage = tables.private.get_or_insert_with(container, || {
            let storage = &self.node(node).storage;
            let name = format!("{} of container {container}", storage.name()).into();
            let bytes = state.disk_limit(container);
            PrivateStorage::new(&self.inner.site, storage.host(), storage.data_end(), name, bytes)
        });
        let storage = storage.clone();
        let bytes = handle.sizes().input;
        if bytes > 0 {
            state.invocations.body_begins(invocation, Time::NEVER);
        }
        let action = Action::custom(move |context| {
            if bytes > 0 {
                let mut state = handle.service().inner.state.borrow_mut();
                state.invocations.body_begins(invocation, context.now());
            }
            Call::new(context, storage, handle, &manager).run(body)
        });
        Some(match action {
            Action::Custom(body) if bytes > 0 => {
                Action::CustomWithInput { from: self.address().clone(), bytes, body }
            }
            action => action,
        })
    }
}
