//! Failure causes: the reasons for which anything in a simulation can fail.
//!
//! A failure inside the simulation is a result, not an error of the simulator. So causes are plain
//! data, cheap to clone and comparable, with a sentence for people ([`Display`](std::fmt::Display))
//! and a stable word for result columns ([`FailureCause::code`]).

use std::fmt;
use std::sync::Arc;

/// Why something in the simulation failed.
///
/// ```
/// use isotherm_services::FailureCause;
///
/// let cause = FailureCause::StorageFull {
///     storage: "head".into(),
///     needed_bytes: 10,
///     free_bytes: 4,
/// };
/// assert_eq!(cause.code(), "storage_full");
/// assert_eq!(
///     cause.to_string(),
///     "storage `head` is full: 10 bytes needed, 4 bytes free"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of a variant shows what its fields are")]
pub enum FailureCause {
    /// It was still running at its time limit.
    #[error("the time limit was reached")]
    TimeLimit,
    /// A storage service has no room for a file, even after evicting what it may.
    #[error("storage `{storage}` is full: {needed_bytes} bytes needed, {free_bytes} bytes free")]
    StorageFull { storage: Arc<str>, needed_bytes: u64, free_bytes: u64 },
    /// A storage service does not have the file.
    #[error("there is no file `{file}` on storage `{storage}`")]
    FileNotFound { storage: Arc<str>, file: Arc<str> },
    /// The file cannot be deleted while it is read or written.
    #[error("file `{file}` on storage `{storage}` is in use")]
    FileInUse { storage: Arc<str>, file: Arc<str> },
    /// A host that is needed is off, or was turned off meanwhile.
    #[error("host `{host}` failed")]
    HostFailed { host: Arc<str> },
    /// A transfer was aborted, or there is no route.
    #[error("the network failed: {detail}")]
    NetworkFailed {
        /// Which link failed, or what was missing.
        detail: Arc<str>,
    },
    /// No answer came in time.
    #[error("no answer in time: {detail}")]
    NetworkTimeout {
        /// Which answer was waited for.
        detail: Arc<str>,
    },
    /// A disk failed during a read or a write.
    #[error("the disk failed: {detail}")]
    DiskFailed { detail: Arc<str> },
    /// The request can never be granted.
    #[error("not allowed: {reason}")]
    NotAllowed { reason: Arc<str> },
    /// The function or the service runs as many invocations as it may, and refuses further ones.
    #[error("function `{function}` has no more concurrency")]
    Throttled { function: Arc<str> },
    /// The function is not registered with this service.
    #[error("function `{function}` is not registered with this service")]
    FunctionNotRegistered { function: Arc<str> },
    /// The body of a function or of a custom action reported an error of its own.
    #[error("the body failed: {message}")]
    BodyFailed { message: Arc<str> },
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The service has been stopped.
    #[error("service `{service}` has been stopped")]
    ServiceStopped { service: Arc<str> },
}

impl FailureCause {
    /// The cause for an error of a body itself: [`BodyFailed`](Self::BodyFailed) with the message
    /// of the error.
    ///
    /// Common errors of the standard library convert to it by `?`, all others by
    /// [`or_fail`](crate::OrFail::or_fail), and so do your own error types that implement the
    /// conversion:
    ///
    /// ```
    /// use isotherm_services::FailureCause;
    ///
    /// #[derive(Debug)]
    /// struct NoThumbnail;
    ///
    /// impl From<NoThumbnail> for FailureCause {
    ///     fn from(_: NoThumbnail) -> Self {
    ///         FailureCause::body_failed("there is no thumbnail")
    ///     }
    /// }
    ///
    /// fn body(size: &str) -> Result<u32, FailureCause> {
    ///     let size = size.parse()?;
    ///     if size == 0 { Err(NoThumbnail)? } else { Ok(size) }
    /// }
    /// assert_eq!(body("0").unwrap_err().to_string(), "the body failed: there is no thumbnail");
    /// let cause = body("x").unwrap_err();
    /// assert_eq!(cause.to_string(), "the body failed: invalid digit found in string");
    /// ```
    #[must_use]
    pub fn body_failed(error: impl fmt::Display) -> Self {
        FailureCause::BodyFailed { message: error.to_string().into() }
    }

    /// A stable word for the cause in snake case, as it appears in result columns.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TimeLimit => "time_limit",
            Self::StorageFull { .. } => "storage_full",
            Self::FileNotFound { .. } => "file_not_found",
            Self::FileInUse { .. } => "file_in_use",
            Self::HostFailed { .. } => "host_failed",
            Self::NetworkFailed { .. } => "network_failed",
            Self::NetworkTimeout { .. } => "network_timeout",
            Self::DiskFailed { .. } => "disk_failed",
            Self::NotAllowed { .. } => "not_allowed",
            Self::Throttled { .. } => "throttled",
            Self::FunctionNotRegistered { .. } => "function_not_registered",
            Self::BodyFailed { .. } => "body_failed",
            Self::Cancelled => "cancelled",
            Self::ServiceStopped { .. } => "service_stopped",
        }
    }

    /// All [codes](Self::code), for the reference of columns.
    pub const CODES: [&'static str; 14] = [
        "time_limit",
        "storage_full",
        "file_not_found",
        "file_in_use",
        "host_failed",
        "network_failed",
        "network_timeout",
        "disk_failed",
        "not_allowed",
        "throttled",
        "function_not_registered",
        "body_failed",
        "cancelled",
        "service_stopped",
    ];
}

/// Converts common errors of the standard library to an error type by a function of it.
#[doc(hidden)]
#[macro_export]
macro_rules! from_common_errors {
    ($target:ty, $convert:path) => {
        $crate::from_common_errors! {
            $target, $convert,
            Box<dyn std::error::Error + Send + Sync>,
            std::fmt::Error,
            std::io::Error,
            std::num::ParseFloatError,
            std::num::ParseIntError,
            std::num::TryFromIntError,
            std::str::ParseBoolError,
            std::str::Utf8Error,
            std::string::FromUtf8Error
        }
    };
    ($target:ty, $convert:path, $($error:ty),*) => {
        $(
            impl From<$error> for $target {
                fn from(error: $error) -> Self {
                    $convert(error)
                }
            }
        )*
    };
}

from_common_errors!(FailureCause, FailureCause::body_failed);

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of_each() -> Vec<FailureCause> {
        let name = || Arc::<str>::from("x");
        vec![
            FailureCause::TimeLimit,
            FailureCause::StorageFull { storage: name(), needed_bytes: 2, free_bytes: 1 },
            FailureCause::FileNotFound { storage: name(), file: name() },
            FailureCause::FileInUse { storage: name(), file: name() },
            FailureCause::HostFailed { host: name() },
            FailureCause::NetworkFailed { detail: name() },
            FailureCause::NetworkTimeout { detail: name() },
            FailureCause::DiskFailed { detail: name() },
            FailureCause::NotAllowed { reason: name() },
            FailureCause::Throttled { function: name() },
            FailureCause::FunctionNotRegistered { function: name() },
            FailureCause::BodyFailed { message: name() },
            FailureCause::Cancelled,
            FailureCause::ServiceStopped { service: name() },
        ]
    }

    #[test]
    fn codes_are_listed_in_order_and_snake_case() {
        let codes: Vec<_> = one_of_each().iter().map(FailureCause::code).collect();
        assert_eq!(codes, FailureCause::CODES);
        for code in codes {
            assert!(code.bytes().all(|b| b == b'_' || b.is_ascii_lowercase()));
        }
    }

    #[test]
    fn messages_follow_the_house_style() {
        // Lower case and without a final period, so that they can be embedded in a sentence.
        for cause in one_of_each() {
            let text = cause.to_string();
            assert!(text.starts_with(|c: char| c.is_lowercase()), "{text}");
            assert!(!text.ends_with('.'), "{text}");
        }
    }

    #[test]
    fn messages_name_what_was_concerned() {
        let cause =
            FailureCause::FileNotFound { storage: "repository".into(), file: "a.img".into() };
        assert_eq!(cause.to_string(), "there is no file `a.img` on storage `repository`");
    }
}
