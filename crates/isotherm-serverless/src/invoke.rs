//! Requests to invoke a function, with what differs from a plain one.

use std::fmt;

use isotherm_services::FailureCause;

use crate::function::{Body, RegisteredFunction};
use crate::invocation::Invocation;
use crate::manager::FunctionManager;
use crate::value::{Given, Value};

/// A request to invoke a function, to be completed and sent. From
/// [`FunctionManager::request`](crate::FunctionManager::request), which has an example.
#[must_use = "a request does nothing until it is sent"]
pub struct InvokeRequest<'a> {
    manager: &'a FunctionManager,
    function: &'a RegisteredFunction,
    body: Option<Body>,
    /// Boxed, because most requests have none.
    given: Option<Box<Given>>,
}

impl fmt::Debug for InvokeRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvokeRequest")
            .field("function", &self.function.name)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

impl<'a> InvokeRequest<'a> {
    pub(crate) fn new(manager: &'a FunctionManager, function: &'a RegisteredFunction) -> Self {
        InvokeRequest { manager, function, body: None, given: None }
    }

    /// Gives the body a value, which it gets by [`Call::input`](crate::Call::input).
    pub fn input<T: 'static>(mut self, value: T) -> Self {
        self.given.get_or_insert_default().input = Some(Value::new(value));
        self
    }

    /// Sets the size of the input, in place of [that of the
    /// function](crate::Function::with_input_bytes).
    pub fn input_bytes(mut self, bytes: u64) -> Self {
        self.given.get_or_insert_default().input_bytes = Some(bytes);
        self
    }

    /// Sets the size of the output, in place of [that of the
    /// function](crate::Function::with_output_bytes). The body may
    /// [change](crate::Call::set_output_bytes) it.
    pub fn output_bytes(mut self, bytes: u64) -> Self {
        self.given.get_or_insert_default().output_bytes = Some(bytes);
        self
    }

    /// Has `body`, if there is one, run in place of that of the function.
    pub fn body(mut self, body: impl Into<Option<Body>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the request. Returns the invocation as soon as the service has accepted it.
    ///
    /// # Errors
    /// As [`FunctionManager::invoke`](crate::FunctionManager::invoke).
    pub async fn send(self) -> Result<Invocation, FailureCause> {
        let InvokeRequest { manager, function, body, given } = self;
        manager.invoke_given(function, body, given).await
    }

    /// Sends the request and waits for no answer, as
    /// [`FunctionManager::invoke_detached`](crate::FunctionManager::invoke_detached) does. The
    /// output only takes time on the network.
    pub fn send_detached(self) {
        let InvokeRequest { manager, function, body, given } = self;
        manager.invoke_detached_given(function, body, given);
    }
}
