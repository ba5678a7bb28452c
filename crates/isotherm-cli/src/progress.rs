//! The bar that shows how far a run is.
//!
//! It appears on standard error, if that is a terminal, when a run takes longer than half a second,
//! is drawn ten times a second, and goes when the run has ended. A run calls [`Bar::show`] often,
//! so that reading the clock is all that this usually does.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use isotherm_experiment::Progress;
use isotherm_study::SweepProgress;
use isotherm_study::search::SearchProgress;

use crate::commands::now;
use crate::text::{count, seconds};

/// A run that is over sooner shows no bar.
const FIRST: Duration = Duration::from_millis(500);

/// Time between two drawings.
const NEXT: Duration = Duration::from_millis(100);

/// Parts of the whole that the bar distinguishes.
const PARTS: u64 = 1000;

/// The bar of one run.
pub struct Bar {
    begun: Instant,
    next: Instant,
    bar: Option<ProgressBar>,
    /// No bar is shown.
    hidden: bool,
}

impl Bar {
    /// The bar of a run that begins now.
    pub fn new(hidden: bool) -> Self {
        let begun = now();
        Bar { begun, next: begun + FIRST, bar: None, hidden }
    }

    /// Shows how far the run is, if it is time to.
    pub fn show(&mut self, progress: &Progress) {
        if self.hidden {
            return;
        }
        let now = now();
        if now < self.next {
            return;
        }
        self.next = now + NEXT;
        let part = progress.part();
        let message = message(progress, part, now - self.begun);
        let position = part.map_or(0, |part| (part * PARTS as f64) as u64);
        draw(&mut self.bar, part.is_some(), message, position);
    }

    /// Removes the bar.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn new_bar(has_end: bool, message: String, position: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(PARTS), ProgressDrawTarget::stderr());
    let template = if has_end { "[{bar:10}] {percent:>3} %  {wide_msg}" } else { "{wide_msg}" };
    let bar = match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    };
    bar.with_message(message).with_position(position)
}

/// `258 s of 600 s, 12,345 of 40,000 invocations, 7 s left, 51,234/s`. What comes first is seen in
/// narrow terminals too.
fn message(progress: &Progress, part: Option<f64>, elapsed: Duration) -> String {
    let elapsed = elapsed.as_secs_f64();
    let date = |date: f64| count(date as u64);
    let mut text = format!("{} s", date(progress.now().as_secs_f64()));
    if let Some(last) = progress.last_arrival().filter(|last| *last >= progress.now()) {
        text += &format!(" of {} s", date(last.as_secs_f64()));
    }
    text += &format!(", {}", count(progress.ended()));
    if let Some(expected) = progress.expected() {
        text += &format!(" of {}", count(expected));
    }
    text += " invocations";
    text += &left(part, elapsed);
    let rate = (progress.ended() as f64 / elapsed.max(1e-6)).round() as u64;
    text + &format!(", {}/s", count(rate))
}

/// `, 7 s left`, once there is something to tell it from: early on any estimate is wrong.
fn left(part: Option<f64>, elapsed: f64) -> String {
    let Some(part) = part.filter(|part| *part > 0.02) else { return String::new() };
    match elapsed * (1.0 - part) / part {
        left if left < 1.0 => String::new(),
        left if left < 120.0 => format!(", {} s left", left.round()),
        left => format!(", {} min left", count((left / 60.0).round() as u64)),
    }
}

/// The bar of all runs of a sweep or a search.
pub struct SweepBar {
    /// When what it shows has begun.
    begun: Instant,
    /// Whether it shows runs that are carried out, and not what comes before.
    is_running: bool,
    next: Instant,
    bar: Option<ProgressBar>,
    /// No bar is shown.
    hidden: bool,
}

impl SweepBar {
    /// The bar of a sweep or a search that begins now.
    pub fn new(hidden: bool) -> Self {
        let begun = now();
        SweepBar { begun, is_running: false, next: begun + FIRST, bar: None, hidden }
    }

    /// Shows how many points were checked, if it is time to.
    pub fn show_checked(&mut self, checked: u64, points: u64) {
        self.show_part(checked as f64 / points.max(1) as f64, || {
            format!("checked {} of {} points", count(checked), count(points))
        });
    }

    /// Shows how far the sweep is, if it is time to.
    pub fn show(&mut self, progress: &SweepProgress) {
        let SweepProgress { looked_for, looked_up, ended, runs, .. } = *progress;
        if looked_up < looked_for {
            return self.show_part(looked_up as f64 / looked_for as f64, || {
                let (looked_up, looked_for) = (count(looked_up), count(looked_for));
                format!("looked for the results of {looked_up} of {looked_for} runs")
            });
        }
        if !self.is_running {
            (self.is_running, self.begun) = (true, now());
        }
        self.show_part(progress.parts / runs.max(1) as f64, || {
            let mut message = format!("{} of {} runs", count(ended), count(runs));
            if progress.failed > 0 {
                message += &format!(", {} failed", count(progress.failed));
            }
            message
        });
    }

    /// Shows how far a search is, if it is time to. It may end with fewer probes.
    pub fn show_search(&mut self, progress: &SearchProgress<'_>) {
        let of_probe = progress.parts / progress.runs.max(1) as f64;
        let part = (progress.probes as f64 + of_probe) / progress.planned.max(1) as f64;
        self.show_part(part, || {
            let SearchProgress { probes, planned, value, runs, ended, .. } = progress;
            format!("probe {} of {planned}: {value}, {ended} of {runs} runs", probes + 1)
        });
    }

    fn show_part(&mut self, part: f64, message: impl FnOnce() -> String) {
        let now = now();
        if self.hidden || now < self.next {
            return;
        }
        self.next = now + NEXT;
        let part = part.clamp(0.0, 1.0);
        let message = message() + &left(Some(part), (now - self.begun).as_secs_f64());
        draw(&mut self.bar, true, message, (part * PARTS as f64) as u64);
    }

    /// Removes the bar.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Draws a bar, which appears if it is not there.
fn draw(bar: &mut Option<ProgressBar>, has_end: bool, message: String, position: u64) {
    match bar {
        None => *bar = Some(new_bar(has_end, message, position)),
        // Either of these draws; `update` does it once for both.
        Some(bar) => {
            bar.update(|state| state.set_pos(position));
            bar.set_message(message);
        }
    }
}

/// How far a run had come when it was interrupted.
pub fn so_far(progress: &Progress) -> String {
    let date = seconds(progress.now().as_secs_f64());
    let all = progress.expected().unwrap_or(progress.submitted());
    let which = if progress.expected().is_some() { "" } else { " so far" };
    format!(
        "{date} s were simulated, {} of {} invocations{which} had ended",
        count(progress.ended()),
        count(all)
    )
}
