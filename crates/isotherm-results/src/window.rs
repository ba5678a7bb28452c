//! The part of a run that counts in its statistics.

use isotherm_kernel::{Duration, Time};
use serde::Serialize;

use crate::reference::described;

/// The part of a run that counts in its statistics: from a date up to, but not including, another.
/// Without the beginning, where nothing is warm yet, and the end, where nothing comes any more,
/// they are those of the steady state.
///
/// ```
/// use isotherm_kernel::{Duration, Time};
/// use isotherm_results::Window;
///
/// let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
/// let window = Window { from: at(60), until: at(600) };
/// assert!(window.contains(at(60)) && !window.contains(at(600)));
/// assert!(Window::default().contains(at(0)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where it begins.
    pub from: Time,
    /// Where it ends; [`Window::END`] is the end of the run.
    pub until: Time,
}

impl Default for Window {
    /// The whole run.
    fn default() -> Self {
        Window { from: Time::ZERO, until: Window::END }
    }
}

impl Window {
    /// No run lasts longer.
    pub const END: Time = Time::from_nanos(u64::MAX);

    /// Whether a date lies in it.
    #[must_use]
    #[inline]
    pub fn contains(&self, date: Time) -> bool {
        self.from <= date && date < self.until
    }

    /// How much of the time between two dates lies in it.
    #[must_use]
    #[inline]
    pub(crate) fn overlap(&self, since: Time, until: Time) -> Duration {
        let (since, until) = (since.max(self.from), until.min(self.until));
        if since < until { until.since(since) } else { Duration::ZERO }
    }

    /// What `summary.json` says of it; `None` if it is the whole run.
    #[must_use]
    pub fn report(&self) -> Option<WindowReport> {
        (*self != Window::default()).then(|| WindowReport {
            from_s: self.from.as_secs_f64(),
            until_s: (self.until < Window::END).then(|| self.until.as_secs_f64()),
        })
    }
}

described! {
    /// The part of a run that counts in its statistics.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct WindowReport {
        /// Invocations that were submitted before this date do not count, in seconds.
        pub from_s: f64,
        /// Nor do those that were submitted at this date or later, in seconds; null if all do.
        pub until_s: Option<f64>,
    }
}
