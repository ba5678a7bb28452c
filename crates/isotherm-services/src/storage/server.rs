//! The server side: the daemon that receives requests, and the helper actors that carry out
//! transfers.

use std::future::Future;

use super::*;
use crate::transfer::{copy_within, move_watched};

/// Closes the port when the daemon ends, by a stop or with its host.
struct Daemon(StorageService);

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.inner.port.close();
    }
}

/// A connection, given back on drop.
struct Connection(StorageService);

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(tokens) = &self.0.inner.connections {
            tokens.send_detached(());
        }
    }
}

/// Removes a transfer from the list of the service on drop.
struct Listed {
    service: StorageService,
    key: usize,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.service.inner.transfers.borrow_mut().remove(self.key);
    }
}

/// A file to be written: new, or existing.
enum Target {
    New(FileWrite),
    Old(FilePin),
}

impl Target {
    fn complete(self) {
        match self {
            Target::New(write) => {
                write.commit();
            }
            Target::Old(pin) => pin.touch(),
        }
    }
}

impl StorageService {
    pub(super) fn spawn_daemon(&self) {
        if !self.inner.site.platform().is_on(self.host()) {
            self.inner.port.close();
            return;
        }
        let daemon = Daemon(self.clone());
        let name = Arc::clone(&self.inner.name);
        let platform = self.inner.site.platform();
        platform.actor(self.host(), name).daemon().spawn(async move { daemon.0.serve().await });
    }

    async fn serve(&self) {
        loop {
            match self.inner.port.receive().await {
                Request::Lookup { file, reply } => {
                    let found = self.inner.files.borrow().lookup(&file).is_some();
                    reply.finish_and_wait("lookup_answer", u64::from(found)).await;
                }
                Request::FreeSpace { reply } => {
                    let free = self.inner.files.borrow().free();
                    reply.finish("free_space_answer", Ok(free));
                }
                Request::Delete { file, reply } => {
                    let deleted = self.delete_now(&file);
                    reply.finish("delete_answer", deleted.map(|()| 0));
                }
                Request::Read { file, bytes, ticket, reply } => {
                    self.begin_read(file, bytes, ticket, reply).await
                }
                Request::Write { file, bytes, tag, ticket, reply } => {
                    self.begin_write((file, bytes, tag), ticket, reply).await;
                }
                Request::Copy { job, ticket, reply } => self.begin_copy(job, ticket, reply),
                Request::Fetch { file, reply } => match FilePin::lookup(&self.inner.files, &file) {
                    Some(pin) => reply.finish("read_answer", Ok(pin.bytes())),
                    None => reply.finish("read_answer", Err(self.not_found(&file))),
                },
                Request::Stop { reply } => {
                    self.break_off_all();
                    reply.finish_and_wait("stop_answer", 0).await;
                    return;
                }
            }
        }
    }

    fn delete_now(&self, file: &FileName) -> Result<(), FailureCause> {
        let mut files = self.inner.files.borrow_mut();
        let id = files.lookup(file).ok_or_else(|| self.not_found(file))?;
        files.remove(id).map_err(|error| self.refusal(error))
    }

    async fn begin_read(
        &self,
        file: FileName,
        bytes: Option<u64>,
        ticket: Rc<Ticket>,
        reply: Reply,
    ) {
        if ticket.abandoned.get() {
            return reply.done();
        }
        let Some(pin) = FilePin::lookup(&self.inner.files, &file) else {
            return reply.finish("read_answer", Err(self.not_found(&file)));
        };
        let bytes = bytes.unwrap_or_else(|| pin.bytes());
        if let Err(cause) = reply.go_ahead("read_answer", bytes).await {
            return reply.fail(cause);
        }
        let service = self.clone();
        self.transfer(ticket, async move {
            let from = service.inner.end;
            let to = DataEnd::memory_for(reply.port.address().host(), &from);
            let site = &service.inner.site;
            let moved = move_watched(site, from, to, bytes, &mut || pin.touch()).await;
            drop(pin);
            reply.finish("read_acknowledgement", moved.map(|()| bytes));
        });
    }

    async fn begin_write(
        &self,
        (file, bytes, tag): (FileName, u64, u64),
        ticket: Rc<Ticket>,
        reply: Reply,
    ) {
        if ticket.abandoned.get() {
            return reply.done();
        }
        let target = match self.target(file, bytes, tag) {
            Ok(target) => target,
            Err(cause) => return reply.finish("write_answer", Err(cause)),
        };
        if let Err(cause) = reply.go_ahead("write_answer", bytes).await {
            return reply.fail(cause);
        }
        let service = self.clone();
        self.transfer(ticket, async move {
            let to = service.inner.end;
            let from = DataEnd::memory_for(reply.port.address().host(), &to);
            let moved = move_watched(&service.inner.site, from, to, bytes, &mut || {}).await;
            if moved.is_ok() {
                target.complete();
            } else {
                drop(target);
            }
            reply.finish("write_acknowledgement", moved.map(|()| bytes));
        });
    }

    fn begin_copy(&self, job: Copy, ticket: Rc<Ticket>, reply: Reply) {
        if ticket.abandoned.get() {
            return reply.done();
        }
        let Some(pin) = FilePin::lookup(&job.source.inner.files, &job.file) else {
            return reply.finish("copy_answer", Err(job.source.not_found(&job.file)));
        };
        if !job.source.is_up() {
            return reply.finish("copy_answer", Err(job.source.why_down()));
        }
        if !job.destination.is_up() {
            return reply.finish("copy_answer", Err(job.destination.why_down()));
        }
        let bytes = pin.bytes();
        let tag = job.source.inner.files.borrow().tag(pin.id());
        let target = match job.destination.target(Arc::clone(&job.name), bytes, tag) {
            Ok(target) => target,
            Err(cause) => return reply.finish("copy_answer", Err(cause)),
        };
        self.transfer(ticket, async move {
            let copied = copy(&job, &pin, bytes).await;
            drop(pin);
            if copied.is_ok() {
                target.complete();
            } else {
                drop(target);
            }
            reply.finish("copy_answer", copied.map(|()| bytes));
        });
    }

    /// Begins to write a new file, or pins the existing one.
    fn target(&self, file: FileName, bytes: u64, tag: u64) -> Result<Target, FailureCause> {
        if let Some(pin) = FilePin::lookup(&self.inner.files, &file) {
            return Ok(Target::Old(pin));
        }
        let (write, evicted) = FileWrite::begin(&self.inner.files, file, bytes, tag)
            .map_err(|error| self.refusal(error))?;
        self.tell_evicted(&evicted);
        Ok(Target::New(write))
    }

    /// Spawns a helper that carries out a transfer when there is a connection.
    fn transfer(&self, ticket: Rc<Ticket>, work: impl Future<Output = ()> + 'static) {
        if ticket.abandoned.get() {
            // The caller gave up while the answer was on its way.
            return;
        }
        let key = self.inner.transfers.borrow_mut().insert(Rc::downgrade(&ticket));
        let listed = Listed { service: self.clone(), key };
        let platform = self.inner.site.platform();
        let helper = platform.actor(self.host(), "transfer").daemon().spawn(async move {
            let service = &listed.service;
            let _connection = match &service.inner.connections {
                Some(tokens) => {
                    tokens.receive().await;
                    Some(Connection(service.clone()))
                }
                None => None,
            };
            work.await;
        });
        ticket.helper.replace(Some(helper));
    }

    fn break_off_all(&self) {
        self.inner.stopped.set(true);
        // The port is closed first, so that whatever drop handlers request is refused.
        self.inner.port.close();
        let tickets: Vec<_> = {
            let transfers = self.inner.transfers.borrow();
            transfers.iter().filter_map(|(_, ticket)| ticket.upgrade()).collect()
        };
        for ticket in tickets {
            ticket.abandon();
        }
    }
}

/// Moves the data of a copy.
async fn copy(job: &Copy, pin: &FilePin, bytes: u64) -> Result<(), FailureCause> {
    let (source, destination) = (&job.source, &job.destination);
    let site = &source.inner.site;
    let (from, to) = (source.inner.end, destination.inner.end);
    if source == destination {
        copy_within(site, from, bytes).await?;
        pin.touch();
        return Ok(());
    }
    if from.is_buffered() && to.is_buffered() {
        // The destination requests the file like any other reader.
        let file = Arc::clone(&job.file);
        source.ask(destination.address(), |reply| Request::Fetch { file, reply }).await?;
    }
    move_watched(site, from, to, bytes, &mut || pin.touch()).await
}
