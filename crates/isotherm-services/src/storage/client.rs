//! The client side: methods of [`StorageService`] that send requests and wait for answers.

use super::*;

/// Aborts the transfer when the caller's future is dropped.
struct Caller(Rc<Ticket>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl StorageService {
    /// Asks whether a file exists.
    ///
    /// # Errors
    /// The service did not answer.
    pub async fn lookup(
        &self,
        from: &Address,
        file: impl Into<FileName>,
    ) -> Result<bool, FailureCause> {
        let file = file.into();
        let found = self.ask(from, |reply| Request::Lookup { file, reply }).await?;
        Ok(found > 0)
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// [`FailureCause::FileNotFound`], [`FailureCause::FileInUse`], or the service did not answer.
    pub async fn delete(
        &self,
        from: &Address,
        file: impl Into<FileName>,
    ) -> Result<(), FailureCause> {
        let file = file.into();
        self.ask(from, |reply| Request::Delete { file, reply }).await?;
        Ok(())
    }

    /// Asks how many bytes are free without evicting anything.
    ///
    /// # Errors
    /// The service did not answer.
    pub async fn free_space(&self, from: &Address) -> Result<u64, FailureCause> {
        self.ask(from, |reply| Request::FreeSpace { reply }).await
    }

    /// Stops the service. Running transfers are aborted, and their callers get an error.
    ///
    /// # Errors
    /// The service did not answer.
    pub async fn stop(&self, from: &Address) -> Result<(), FailureCause> {
        self.ask(from, |reply| Request::Stop { reply }).await?;
        Ok(())
    }

    /// Reads a file into the memory of the caller's host: `bytes` bytes, whatever the size of the
    /// file, or the whole file. Returns the number of bytes read.
    ///
    /// # Errors
    /// [`FailureCause::FileNotFound`]; the transfer failed; the service did not answer.
    pub async fn read(
        &self,
        from: &Address,
        file: impl Into<FileName>,
        bytes: Option<u64>,
    ) -> Result<u64, FailureCause> {
        let file = file.into();
        let caller = Caller(Rc::default());
        let ticket = Rc::clone(&caller.0);
        let answers = self.send(from, |reply| Request::Read { file, bytes, ticket, reply });
        answers.receive().await.value?;
        answers.receive().await.value
    }

    /// Writes a file from the memory of the caller's host.
    ///
    /// # Errors
    /// [`FailureCause::StorageFull`]; the transfer failed; the service did not answer.
    pub async fn write(
        &self,
        from: &Address,
        file: impl Into<FileName>,
        bytes: u64,
    ) -> Result<(), FailureCause> {
        self.write_tagged(from, file, bytes, 0).await
    }

    /// Writes a file with a tag, see [`FileSystem::tag`].
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn write_tagged(
        &self,
        from: &Address,
        file: impl Into<FileName>,
        bytes: u64,
        tag: u64,
    ) -> Result<(), FailureCause> {
        let file = file.into();
        let caller = Caller(Rc::default());
        let ticket = Rc::clone(&caller.0);
        let answers = self.send(from, |reply| Request::Write { file, bytes, tag, ticket, reply });
        answers.receive().await.value?;
        answers.receive().await.value?;
        Ok(())
    }

    /// Copies a file to another service, under the same name and with the same tag. Returns the
    /// number of bytes copied.
    ///
    /// # Errors
    /// [`FailureCause::FileNotFound`] here, [`FailureCause::StorageFull`] there; the transfer
    /// failed; a service did not answer.
    pub async fn copy_to(
        &self,
        from: &Address,
        file: impl Into<FileName>,
        destination: &StorageService,
    ) -> Result<u64, FailureCause> {
        let file = file.into();
        let name = Arc::clone(&file);
        self.copy_as(from, file, destination, name).await
    }

    /// Copies a file to another service, or to this one, under another name.
    ///
    /// # Errors
    /// As [`copy_to`](Self::copy_to).
    pub async fn copy_as(
        &self,
        from: &Address,
        file: impl Into<FileName>,
        destination: &StorageService,
        name: impl Into<FileName>,
    ) -> Result<u64, FailureCause> {
        let job = Copy {
            source: self.clone(),
            destination: destination.clone(),
            file: file.into(),
            name: name.into(),
        };
        let at_source = destination.inner.end.is_buffered() && !self.inner.end.is_buffered();
        let service = if at_source { self } else { destination };
        let caller = Caller(Rc::default());
        let ticket = Rc::clone(&caller.0);
        let answers = service.send(from, |reply| Request::Copy { job, ticket, reply });
        answers.receive().await.value
    }

    pub(super) async fn ask(
        &self,
        from: &Address,
        request: impl FnOnce(Reply) -> Request,
    ) -> Result<u64, FailureCause> {
        self.send(from, request).receive().await.value
    }

    /// Sends a request and returns the port at which answers arrive.
    fn send(&self, from: &Address, request: impl FnOnce(Reply) -> Request) -> Port<Answer> {
        let answers = Port::at(&self.inner.site, from.clone(), Delivery::Concurrent);
        let request =
            request(Reply { service: self.clone(), port: answers.clone(), finished: false });
        self.inner.port.send_or(from, self.inner.control_bytes, request, |cause, request| {
            request.reply().fail(cause);
        });
        answers
    }
}
