//! The inputs and outputs of invocations: values of any Rust type, and their sizes on the network.

use std::any::{Any, type_name};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_services::FailureCause;

/// Why there is no input or output of the type that was asked for.
///
/// It converts to a [`FailureCause`], so a body that needs an input writes
/// `call.input::<Photo>()?`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of a variant shows what its fields are")]
pub enum ValueError {
    /// The value has another type.
    #[error("the {value} of function `{function}` is a `{found}`, not a `{wanted}`")]
    OtherType { value: ValueKind, function: Arc<str>, wanted: &'static str, found: &'static str },
    /// It was invoked without an input.
    #[error("function `{function}` was invoked without an input; it needs a `{wanted}`")]
    NoInput { function: Arc<str>, wanted: &'static str },
    /// It has completed without setting an output.
    #[error("function `{function}` has set no output; a `{wanted}` is expected")]
    NoOutput { function: Arc<str>, wanted: &'static str },
    /// The function manager has not been notified of its end: wait for it. Of detached invocations
    /// it never is.
    #[error(
        "the invocation of function `{function}` is not done: wait for it by \
             `FunctionManager::wait_one` first"
    )]
    NotDone { function: Arc<str> },
    /// It has ended without completing.
    #[error("function `{function}` gave no output: {cause}")]
    NotCompleted { function: Arc<str>, cause: FailureCause },
    /// The network failed while the output was on its way from the service to the function manager.
    #[error("the output of function `{function}` was lost on its way: {cause}")]
    Lost { function: Arc<str>, cause: FailureCause },
}

impl From<ValueError> for FailureCause {
    fn from(error: ValueError) -> Self {
        FailureCause::body_failed(error)
    }
}

/// One of the two values of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// What the invoker gives to the body.
    Input,
    /// What the body gives to the invoker.
    Output,
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ValueKind::Input => "input",
            ValueKind::Output => "output",
        })
    }
}

/// A value of any type, with the name of the type for errors. Clones share it.
#[derive(Clone)]
pub(crate) struct Value {
    value: Rc<dyn Any>,
    type_name: &'static str,
}

impl Value {
    pub(crate) fn new<T: 'static>(value: T) -> Self {
        Value { value: Rc::new(value), type_name: type_name::<T>() }
    }

    /// The value as a `T`.
    pub(crate) fn get<T: 'static>(
        &self,
        value: ValueKind,
        function: &Arc<str>,
    ) -> Result<Rc<T>, ValueError> {
        Rc::downcast(Rc::clone(&self.value)).map_err(|_| ValueError::OtherType {
            value,
            function: Arc::clone(function),
            wanted: type_name::<T>(),
            found: self.type_name,
        })
    }
}

/// The sizes of an input and an output in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

/// What an invocation is given: an input, and sizes of its input and output. Sizes that it leaves
/// out are those of the function.
#[derive(Clone, Default)]
#[must_use = "it does nothing until an invocation is made with it"]
pub struct Given {
    pub(crate) input: Option<Value>,
    pub(crate) input_bytes: Option<u64>,
    pub(crate) output_bytes: Option<u64>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given")
            .field("input", &self.input.as_ref().map(|value| value.type_name))
            .field("input_bytes", &self.input_bytes)
            .field("output_bytes", &self.output_bytes)
            .finish()
    }
}

impl Given {
    /// The same with a value for the body, which gets it by [`Call::input`](crate::Call::input).
    pub fn input<T: 'static>(mut self, value: T) -> Self {
        self.input = Some(Value::new(value));
        self
    }

    /// The same with this size of the input, in place of [that of the
    /// function](crate::Function::with_input_bytes).
    pub fn input_bytes(mut self, bytes: u64) -> Self {
        self.input_bytes = Some(bytes);
        self
    }

    /// The same with this size of the output, in place of [that of the
    /// function](crate::Function::with_output_bytes). The body may
    /// [change](crate::Call::set_output_bytes) it.
    pub fn output_bytes(mut self, bytes: u64) -> Self {
        self.output_bytes = Some(bytes);
        self
    }

    /// The sizes of an invocation of a function with these sizes.
    pub(crate) fn sizes(&self, function: Sizes) -> Sizes {
        Sizes {
            input: self.input_bytes.unwrap_or(function.input),
            output: self.output_bytes.unwrap_or(function.output),
        }
    }
}

/// Input and output of an invocation.
#[derive(Default)]
pub(crate) struct Values {
    /// Until its end.
    pub(crate) input: Option<Value>,
    pub(crate) output: Option<Value>,
    pub(crate) sizes: Sizes,
    /// Why the output was lost on its way to the function manager, if it was.
    pub(crate) lost: Option<FailureCause>,
}
