//! The traces of Azure Functions. Each is a whole workload: it says which functions there are and
//! when they are invoked.
//!
//! | trace | contents | read by | replayed by |
//! |---|---|---|---|
//! | 2019 | invocations per minute, percentiles of durations, memory of apps | [`Azure2019Files`] | [`Azure2019Replay`] |
//! | 2021, and Huawei Cloud of 2025 | every invocation, with its end and its duration | [`Azure2021::scan`] | [`Azure2021Trace`] |
//!
//! Functions belong to *apps*. An [`AppSample`] keeps some apps, always with all their functions.
//!
//! # Names
//!
//! The traces name apps and functions by 64 hexadecimal digits each. Here a function is called
//! `app/function`, both cut to their first 8 characters, or to as many more as make all names
//! unique. In the trace of 2019 one app may have two owners; if functions differ in nothing else,
//! they are called `owner/app/function`.
//!
//! # Tolerance
//!
//! The files have quirks that users cannot correct. What has only one meaning is read so and
//! counted ([`Azure2019::quirks`], [`Azure2021::early`]); anything else is an error with its line.

mod durations;
mod files;
mod invocations;
mod keys;
mod minutes;
mod replay;
mod sample;

pub use durations::PERCENTILES;
pub use files::{
    Azure2019, Azure2019Files, Azure2019Function, Azure2019Scan, MinuteArrivals, Quirks,
};
pub use invocations::{
    Azure2021, Azure2021Scan, Azure2021Trace, RequestColumns, RequestFiles, one_file,
};
pub use replay::{Azure2019Replay, ReplayConfig, WithinMinute};
pub use sample::AppSample;

pub(super) use files::{count, with_durations};
pub(super) use minutes::{MINUTES, MinuteCounts};
