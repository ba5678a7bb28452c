//! The error type of programs that use this library.

use std::fmt;

#[cfg(feature = "experiment")]
use isotherm_experiment::policies::KindError;
#[cfg(feature = "experiment")]
use isotherm_experiment::{Diagnostics, ExperimentError};
use isotherm_kernel::{DistributionError, RunError};
use isotherm_platform::PlatformError;
use isotherm_serverless::{Changing, NotAsked, ServerlessError, ValueError};
use isotherm_services::{AnyError, FailureCause};
#[cfg(feature = "workload")]
use isotherm_workload::WorkloadError;

/// Everything that can go wrong in a program that uses this library, so that `?` suffices.
///
/// `{:?}` prints the same as `{}`: a `main` that returns it shows the message.
///
/// ```
/// use isotherm::prelude::*;
///
/// fn simulate() -> Result<Time, isotherm::Error> {
///     let world = World::new(Cluster::new(2).build()?)?;
///     let host = world.host("heat")?;
///     world.controller(host, "controller", async |_| Ok(()));
///     world.run()
/// }
/// let error = simulate().unwrap_err().to_string();
/// assert_eq!(error, "there is no host `heat` (did you mean `head`?)");
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A platform is not valid, or has no such part: a list of all errors.
    #[error("{}", Listing(.0))]
    Platform(Vec<PlatformError>),
    /// A serverless platform cannot be set up.
    #[error(transparent)]
    Serverless(#[from] ServerlessError),
    /// A host has no disk where one is needed.
    #[error("host `{host}` has no disk mounted at `{mount}`")]
    NoDisk {
        /// The host.
        host: String,
        /// The mount point.
        mount: String,
    },
    /// An operation failed within the simulation.
    #[error(transparent)]
    Failure(#[from] FailureCause),
    /// A controller returned an error.
    #[error("controller `{name}` failed: {error}")]
    Controller {
        /// The name of the controller.
        name: String,
        /// The error it returned.
        #[source]
        error: Box<Error>,
    },
    /// The simulation could not go on.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A distribution has invalid parameters.
    #[error(transparent)]
    Distribution(#[from] DistributionError),
    /// A workload cannot be read.
    #[cfg(feature = "workload")]
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// An experiment could not be run.
    #[cfg(feature = "experiment")]
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// A kind of policy cannot be added to those of experiment files.
    #[cfg(feature = "experiment")]
    #[error(transparent)]
    Kind(#[from] KindError),
    /// A decision that was not asked for.
    #[error(transparent)]
    NotAsked(#[from] NotAsked),
    /// A service that cannot be looked at.
    #[error(transparent)]
    Changing(#[from] Changing),
    /// An input or output that is not there.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// An error of the program itself.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An error of the program itself, or a text that describes one.
    ///
    /// Common errors of the standard library convert to it by `?`, all others by
    /// [`or_fail`](isotherm_services::OrFail::or_fail), in controllers and in bodies. An error type
    /// of your own may also implement the conversion.
    ///
    /// ```
    /// use isotherm::prelude::*;
    ///
    /// #[derive(Debug, thiserror::Error)]
    /// #[error("the file has no rates")]
    /// struct NoRates;
    ///
    /// fn rate(text: &str) -> Result<f64, isotherm::Error> {
    ///     Ok(text.lines().next().ok_or(NoRates).or_fail()?.parse()?)
    /// }
    /// assert_eq!(rate("x").unwrap_err().to_string(), "invalid float literal");
    ///
    /// let world = World::new(Cluster::new(1).build()?)?;
    /// world.controller(world.host("user")?, "client", async |me| {
    ///     me.sleep(secs(1.0 / rate("")?)).await;
    ///     Ok(())
    /// });
    /// let error = world.run().unwrap_err();
    /// assert_eq!(error.to_string(), "controller `client` failed: the file has no rates");
    /// # Ok::<(), isotherm::Error>(())
    /// ```
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Error::Other(error.into())
    }
}

isotherm_services::from_common_errors!(Error, Error::other);

#[cfg(feature = "experiment")]
impl From<Diagnostics> for Error {
    fn from(diagnostics: Diagnostics) -> Self {
        Error::Experiment(diagnostics.into())
    }
}

impl From<AnyError> for Error {
    fn from(error: AnyError) -> Self {
        let error: Box<dyn std::error::Error + Send + Sync> = error.into();
        let error = match error.downcast::<Error>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        match error.downcast::<FailureCause>() {
            Ok(cause) => Error::Failure(*cause),
            Err(error) => Error::Other(error),
        }
    }
}

/// Functions that return [`Error`] may be called in bodies, too.
impl From<Error> for FailureCause {
    fn from(error: Error) -> Self {
        match error {
            Error::Failure(cause) => cause,
            error => FailureCause::body_failed(error),
        }
    }
}

impl From<PlatformError> for Error {
    fn from(error: PlatformError) -> Self {
        Error::Platform(vec![error])
    }
}

impl From<Vec<PlatformError>> for Error {
    fn from(errors: Vec<PlatformError>) -> Self {
        Error::Platform(errors)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// Formats all errors in one line, each with its hint.
struct Listing<'a>(&'a [PlatformError]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{}", error.problem())?;
            if let Some(hint) = error.hint() {
                write!(f, " ({hint})")?;
            }
        }
        Ok(())
    }
}
