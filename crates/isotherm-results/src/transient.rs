//! Whether the beginning of a run, in which images are fetched for the first time, has made its
//! numbers.

use isotherm_kernel::{Duration, Time};
use isotherm_serverless::{InvocationRecord, RecordSink, StartKind};

use crate::Window;

/// Waits are told apart by so many parts of the time.
const MOST_PARTS: usize = 256;

/// The length of the first parts, in nanoseconds.
const SHORTEST: u64 = 1_000_000;

/// Gathers how long invocations wait for images and containers, until all images that are used have
/// been used once: when the first container with it was started for an invocation.
///
/// Waits are those for downloads, copies, loads and start-ups of the invocations that count,
/// whether their own start was cold in the end or not.
#[derive(Debug)]
pub struct Transient {
    window: Window,
    /// The image of each function, by its number.
    images: Vec<Option<usize>>,
    /// When the first container was started of each image, as far as there is one.
    first_uses: Vec<Option<Time>>,
    /// How long those have waited that were submitted in each part of the time, in nanoseconds.
    waits: Vec<u128>,
    length: u64,
    /// When the last invocation was submitted.
    last: Time,
}

/// The beginning of a run until the last image is used for the first time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransientReport {
    /// When the last of the images that are used is used for the first time.
    pub until: Time,
    /// When the last invocation was submitted.
    pub last: Time,
    /// How long those waited together that were submitted by then, in seconds. "By then" is known
    /// to a hundredth of the run.
    pub wait_s: f64,
    /// The part of all waits that this is, from 0 to 1.
    pub share: f64,
}

impl Transient {
    /// Of a run in which functions have these images, of which this part counts.
    #[must_use]
    pub fn new(images: Vec<Option<usize>>, window: Window) -> Self {
        let most = images.iter().flatten().max().map_or(0, |last| last + 1);
        let (first_uses, waits) = (vec![None; most], Vec::new());
        Transient { window, images, first_uses, waits, length: SHORTEST, last: Time::ZERO }
    }

    /// What was seen; `None` if no image was used or nothing waited.
    #[must_use]
    pub fn report(&self) -> Option<TransientReport> {
        let until = self.first_uses.iter().flatten().max().copied()?;
        let part = usize::try_from(until.as_nanos() / self.length).unwrap_or(usize::MAX);
        let by_then: u128 = self.waits.iter().take(part.saturating_add(1)).sum();
        let all: u128 = self.waits.iter().sum();
        (all > 0).then(|| TransientReport {
            until,
            last: self.last,
            wait_s: by_then as f64 / 1e9,
            share: by_then as f64 / all as f64,
        })
    }

    /// Adds the wait of an invocation that was submitted at a date.
    fn add(&mut self, at: Time, wait: u128) {
        while at.as_nanos() / self.length >= MOST_PARTS as u64 {
            self.length = self.length.saturating_mul(2);
            self.waits = self.waits.chunks(2).map(|waits| waits.iter().sum()).collect();
        }
        let part = (at.as_nanos() / self.length) as usize;
        if part >= self.waits.len() {
            self.waits.resize(part + 1, 0);
        }
        self.waits[part] += wait;
    }
}

impl RecordSink for Transient {
    fn wants_names(&self) -> bool {
        false
    }

    #[inline]
    fn record(&mut self, record: &InvocationRecord) {
        self.last = self.last.max(record.submitted);
        let fetched = record.download_wait + record.copy_wait + record.load_wait;
        if record.start_kind == Some(StartKind::Cold) || !fetched.is_zero() {
            self.waited(record, fetched);
        }
    }
}

impl Transient {
    fn waited(&mut self, record: &InvocationRecord, fetched: Duration) {
        let mut wait = fetched;
        if record.start_kind == Some(StartKind::Cold) {
            wait += record.startup().unwrap_or_default();
            let image = self.images.get(record.function_id.index()).copied().flatten();
            if let Some(first) = image.and_then(|image| self.first_uses.get_mut(image)) {
                let dispatched = record.dispatched.unwrap_or(Time::NEVER);
                *first = Some(first.map_or(dispatched, |first| first.min(dispatched)));
            }
        }
        if self.window.contains(record.submitted) {
            self.add(record.submitted, u128::from(wait.as_nanos()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn waits_before_the_last_first_use() {
        let window = Window { from: at(1), ..Window::default() };
        let mut transient = Transient::new(vec![Some(0), Some(1), None], window);
        assert_eq!(transient.report(), None);
        transient.first_uses[1] = Some(at(50));
        assert_eq!(transient.report(), None);
        for second in 0..1_000 {
            transient.add(at(second), 1_000_000_000);
        }
        let report = transient.report().unwrap();
        assert_eq!(report.until, at(50));
        // The part of the time in which it is counts as a whole: it is some seconds long.
        assert!((51.0..=56.0).contains(&report.wait_s), "{report:?}");
        assert_eq!(report.share, report.wait_s / 1_000.0);
    }
}
