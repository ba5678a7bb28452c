//! Errors of any type in bodies and controllers.
//!
//! Bodies return a [`FailureCause`] and controllers an error of their program. Other errors are
//! converted to these by `?` in two ways, both through [`AnyError`]: [`OrFail::or_fail`] where the
//! error occurs, or a function of one's own that returns [`AnyError`].

use std::error::Error;
use std::fmt;

use crate::FailureCause;

type Boxed = Box<dyn Error + Send + Sync>;

/// An error of any type. It is not an [`Error`] itself, so that `?` converts every error to it; it
/// is boxed as one by `into`.
///
/// In a body it becomes [`FailureCause::BodyFailed`] with the message of the error, unless the
/// error is a [`FailureCause`], which stays as it is.
///
/// ```
/// use isotherm_services::{AnyError, FailureCause, OrFail};
///
/// #[derive(Debug, PartialEq, thiserror::Error)]
/// #[error("{0} thumbnails are too many")]
/// struct TooMany(u32);
///
/// fn thumbnails(text: &str) -> Result<u32, AnyError> {
///     let count = text.parse()?;
///     match count {
///         0 => Err(FailureCause::Cancelled)?,
///         1..=10 => Ok(count),
///         _ => Err(TooMany(count))?,
///     }
/// }
///
/// fn body(text: &str) -> Result<(), FailureCause> {
///     thumbnails(text)?;
///     Err(TooMany(7)).or_fail()?
/// }
/// let message = |text| body(text).unwrap_err().to_string();
/// assert_eq!(message("many"), "the body failed: invalid digit found in string");
/// assert_eq!(message("0"), "cancelled");
/// assert_eq!(message("11"), "the body failed: 11 thumbnails are too many");
/// assert_eq!(message("3"), "the body failed: 7 thumbnails are too many");
/// ```
pub struct AnyError(Boxed);

impl<E: Error + Send + Sync + 'static> From<E> for AnyError {
    fn from(error: E) -> Self {
        AnyError(Box::new(error))
    }
}

impl From<AnyError> for Boxed {
    fn from(error: AnyError) -> Self {
        error.0
    }
}

impl From<AnyError> for FailureCause {
    fn from(error: AnyError) -> Self {
        match error.0.downcast::<FailureCause>() {
            Ok(cause) => *cause,
            Err(error) => FailureCause::body_failed(error),
        }
    }
}

impl fmt::Display for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Gives the error of a result a form that `?` converts in bodies and controllers.
pub trait OrFail<T> {
    /// The result with [`AnyError`]. The error may be of any type, a text, or a boxed error:
    ///
    /// ```
    /// use isotherm_services::{FailureCause, OrFail};
    ///
    /// fn body(sizes: &[u64]) -> Result<u64, FailureCause> {
    ///     Ok(*sizes.first().ok_or("there is no picture").or_fail()?)
    /// }
    /// assert_eq!(body(&[]), Err(FailureCause::body_failed("there is no picture")));
    /// ```
    ///
    /// # Errors
    /// The error.
    fn or_fail(self) -> Result<T, AnyError>;
}

impl<T, E: Into<Boxed>> OrFail<T> for Result<T, E> {
    fn or_fail(self) -> Result<T, AnyError> {
        self.map_err(|error| AnyError(error.into()))
    }
}
