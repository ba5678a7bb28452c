//! A run in a few numbers, gathered while records pass.

use std::collections::BTreeMap;

use isotherm_kernel::{Duration, Time};
use isotherm_serverless::{ColdReason, InvocationRecord, Outcome, RecordSink, StartKind};
use serde::Serialize;

use crate::percentiles::{TimesReport, seconds};
use crate::reference::described;
use crate::{Percentiles, Window};

/// Counts and measures records as they pass; [`Summary::report`] says what it has seen.
///
/// Response times are those of invocations that completed: a body killed by its time limit says
/// more about the limit than about the platform. Where cold starts spent their time is taken over
/// all invocations whose body began in a new container, however they ended.
///
/// ```
/// use isotherm_kernel::Time;
/// use isotherm_results::Summary;
/// use isotherm_serverless::{InvocationRecord, RecordSink};
///
/// // As the platform does for every invocation that ends: see `ServerlessComputeService::records_to`.
/// fn summarise(records: &[InvocationRecord], end: Time) -> String {
///     let mut summary = Summary::default();
///     records.iter().for_each(|record| summary.record(record));
///     let report = summary.report(end);
///     format!("{} of {} completed", report.invocations.completed, report.invocations.total)
/// }
/// assert_eq!(summarise(&[], Time::ZERO), "0 of 0 completed");
/// ```
#[derive(Debug, Default)]
pub struct Summary {
    window: Window,
    outcomes: OutcomeCounts,
    causes: BTreeMap<&'static str, u64>,
    starts: StartCounts,
    reasons: ColdReasonCounts,
    cold: Percentiles,
    warm: Percentiles,
    /// Response times of what completed without a start, which the platform does not do.
    never_dispatched: Percentiles,
    cold_starts: ColdStartTimes,
}

/// Sums over the cold starts whose body began. Nanoseconds as u128: the sum of many long waits may
/// pass 2^64.
#[derive(Debug, Default)]
struct ColdStartTimes {
    count: u64,
    download: u128,
    copy: u128,
    load: u128,
    queue: u128,
    startup: u128,
}

impl Summary {
    /// A summary of the invocations that are submitted in a part of the run.
    #[must_use]
    pub fn within(window: Window) -> Self {
        Summary { window, ..Summary::default() }
    }

    /// What was seen so far. `end` is the date at which the simulation ended.
    #[must_use]
    pub fn report(&self, end: Time) -> SummaryReport {
        SummaryReport {
            simulated_end_s: end.as_secs_f64(),
            invocations: self.outcomes,
            causes: self.causes.clone(),
            starts: self.starts,
            cold_starts_by_reason: self.reasons,
            response_of_completed: ResponseReport {
                all: Percentiles::report_all(&[&self.cold, &self.warm, &self.never_dispatched]),
                cold: self.cold.report(),
                warm: self.warm.report(),
            },
            cold_start_mean: self.cold_starts.report(),
        }
    }
}

impl RecordSink for Summary {
    fn wants_names(&self) -> bool {
        false
    }

    fn record(&mut self, record: &InvocationRecord) {
        if !self.window.contains(record.submitted) {
            return;
        }
        self.outcomes.add(record.outcome);
        if let Some(cause) = &record.cause {
            *self.causes.entry(cause.code()).or_default() += 1;
        }
        let times = match record.start_kind {
            Some(StartKind::Cold) => {
                self.starts.cold += 1;
                if let Some(cold) = &record.cold_start {
                    self.reasons.add(cold.reason);
                }
                self.cold_starts.add(record);
                &mut self.cold
            }
            Some(StartKind::Warm) => {
                self.starts.warm += 1;
                &mut self.warm
            }
            None => {
                self.starts.never_dispatched += 1;
                &mut self.never_dispatched
            }
        };
        if record.outcome == Outcome::Completed {
            times.add(record.response());
        }
    }
}

impl ColdStartTimes {
    fn add(&mut self, record: &InvocationRecord) {
        let Some(startup) = record.startup() else {
            return;
        };
        let nanos = |time: Duration| u128::from(time.as_nanos());
        self.count += 1;
        self.download += nanos(record.download_wait);
        self.copy += nanos(record.copy_wait);
        self.load += nanos(record.load_wait);
        self.queue += nanos(record.queue());
        self.startup += nanos(startup);
    }

    fn report(&self) -> Option<ColdStartReport> {
        let count = u128::from(self.count);
        let mean =
            |sum: u128| seconds(u64::try_from((sum + count / 2) / count).unwrap_or(u64::MAX));
        (self.count > 0).then(|| ColdStartReport {
            download_wait_s: mean(self.download),
            copy_wait_s: mean(self.copy),
            load_wait_s: mean(self.load),
            queue_s: mean(self.queue),
            startup_s: mean(self.startup),
        })
    }
}

described! {
    /// A run in a few numbers. Its fields are, in this order, those of `summary.json`.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct SummaryReport {
        /// Simulated date at which the run ended, in seconds.
        pub simulated_end_s: f64,
        /// How many invocations there were, by outcome.
        pub invocations: OutcomeCounts,
        /// Invocations that did not complete, by cause; causes that did not occur are absent.
        pub causes: BTreeMap<&'static str, u64>,
        /// How many invocations there were, by the way they started.
        pub starts: StartCounts,
        /// How many cold starts there were, by the reason why.
        pub cold_starts_by_reason: ColdReasonCounts,
        /// Response times of the invocations that completed.
        pub response_of_completed: ResponseReport,
        /// Where a cold start spent its time, on average; null if there was none.
        pub cold_start_mean: Option<ColdStartReport>,
    }
}

described! {
    /// Invocations by outcome.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
    pub struct OutcomeCounts {
        /// All invocations that were taken in.
        pub total: u64,
        /// Those whose body ran to its end within its time limit.
        pub completed: u64,
        /// Those whose body was stopped by its time limit.
        pub timed_out: u64,
        /// Those that failed: their image, body, host or a message.
        pub failed: u64,
        /// Those that their user cancelled.
        pub cancelled: u64,
        /// Those that the service refused.
        pub rejected: u64,
    }
}

impl OutcomeCounts {
    fn add(&mut self, outcome: Outcome) {
        self.total += 1;
        *match outcome {
            Outcome::Completed => &mut self.completed,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::Failed => &mut self.failed,
            Outcome::Cancelled => &mut self.cancelled,
            Outcome::Rejected => &mut self.rejected,
        } += 1;
    }

    /// How many invocations ended in this way.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Completed => self.completed,
            Outcome::TimedOut => self.timed_out,
            Outcome::Failed => self.failed,
            Outcome::Cancelled => self.cancelled,
            Outcome::Rejected => self.rejected,
        }
    }
}

described! {
    /// Invocations by the way they started.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
    pub struct StartCounts {
        /// Those for which a container was started.
        pub cold: u64,
        /// Those that an idle container served.
        pub warm: u64,
        /// Those that ended before they were given to a container.
        pub never_dispatched: u64,
    }
}

described! {
    /// Cold starts by reason: the first of these that held when the invocation was dispatched,
    /// before a container was taken or started for it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
    pub struct ColdReasonCounts {
        /// It joined a container that was still starting for another invocation.
        pub starting: u64,
        /// It joined a container that had been started ahead and was still starting; or, if none of
        /// the next two reasons holds, an invocation of the function has come before a container
        /// that was to be started ahead, since the last container of the function ended.
        pub prewarm_late: u64,
        /// A container of the function on a running node had a free place.
        pub elsewhere: u64,
        /// There was a container of the function.
        pub busy: u64,
        /// A container was to be started ahead, since the last container of the function ended,
        /// but found no room.
        pub prewarm_skipped: u64,
        /// The last container of the function was lost with its host, or left with its node.
        pub lost: u64,
        /// The last container was evicted.
        pub evicted: u64,
        /// The keep-alive time of the last container had passed.
        pub expired: u64,
        /// The last container was discarded after a failure.
        pub discarded: u64,
        /// The keep-alive policy did not keep the last container, or the scheduler stopped it.
        pub not_kept: u64,
        /// The function had never had a container.
        pub first: u64,
    }
}

impl ColdReasonCounts {
    pub(crate) fn add(&mut self, reason: ColdReason) {
        *self.of_mut(reason) += 1;
    }

    /// How many cold starts had this reason.
    #[must_use]
    pub fn of(mut self, reason: ColdReason) -> u64 {
        *self.of_mut(reason)
    }

    fn of_mut(&mut self, reason: ColdReason) -> &mut u64 {
        match reason {
            ColdReason::Starting => &mut self.starting,
            ColdReason::PrewarmLate => &mut self.prewarm_late,
            ColdReason::Elsewhere => &mut self.elsewhere,
            ColdReason::Busy => &mut self.busy,
            ColdReason::PrewarmSkipped => &mut self.prewarm_skipped,
            ColdReason::Lost => &mut self.lost,
            ColdReason::Evicted => &mut self.evicted,
            ColdReason::Expired => &mut self.expired,
            ColdReason::Discarded => &mut self.discarded,
            ColdReason::NotKept => &mut self.not_kept,
            ColdReason::First => &mut self.first,
        }
    }

    /// The names of all reasons in files, in order, with their numbers.
    pub fn named(self) -> impl Iterator<Item = (&'static str, u64)> {
        ColdReason::ALL.into_iter().map(move |reason| (reason.name(), self.of(reason)))
    }
}

described! {
    /// Response times of completed invocations, together and by the way they started.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct ResponseReport {
        /// Cold and warm together; null if none completed.
        pub all: Option<TimesReport>,
        /// Those that had a cold start; null if none completed.
        pub cold: Option<TimesReport>,
        /// Those that had a warm start; null if none completed.
        pub warm: Option<TimesReport>,
    }
}

described! {
    /// Mean times a cold start spent on its way to the beginning of the body.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct ColdStartReport {
        /// Waiting for the download of the image to the head disk, in seconds.
        pub download_wait_s: f64,
        /// Waiting for the copy of the image to the disk of the node, in seconds.
        pub copy_wait_s: f64,
        /// Waiting for the load of the image into the memory of the node, in seconds.
        pub load_wait_s: f64,
        /// Waiting for anything else: the concurrency limit, a slot, room, or invocations that are
        /// served before it, in seconds.
        pub queue_s: f64,
        /// Waiting for the container to start, in seconds.
        pub startup_s: f64,
    }
}
