//! The metrics of a run: the numbers of its `summary.json`, and a few that follow from them.
//!
//! A metric is called by its path in `summary.json`, such as `response_of_completed.all.p99_s`, by
//! a part at the end of the path that no other metric has, such as `idle_mb_s`, or by a short name:
//!
//! | name | what it is |
//! |---|---|
//! | `response.mean`, `.p50`, `.p95`, `.p99`, `.max`, or `mean`, … | response time of what completed, in seconds |
//! | `wasted_memory` | memory of idle containers × time, in MB·s |
//! | `cold_share` | cold starts as a part of all starts |
//! | `completed_share` | completed invocations as a part of all |
//!
//! ```
//! use isotherm_study::metric;
//!
//! let summary = serde_json::json!({
//!     "starts": { "cold": 1, "warm": 3 },
//!     "response_of_completed": { "all": { "p99_s": 2.5 } },
//! });
//! assert_eq!(metric::value(&summary, metric::COLD_SHARE), Some(0.25));
//! let path = metric::path("response.p99", &metric::paths(&summary)).unwrap();
//! assert_eq!(metric::value(&summary, &path), Some(2.5));
//! ```

use isotherm_config::hint::{list, suggestion};
use isotherm_services::FailureCause;
use serde_json::Value;
use thiserror::Error;

/// Cold starts as a part of all starts.
pub const COLD_SHARE: &str = "cold_share";

/// Completed invocations as a part of all.
pub const COMPLETED_SHARE: &str = "completed_share";

/// Short names and the paths they stand for.
const SHORT: [(&str, &str); 6] = [
    ("response.mean", "response_of_completed.all.mean_s"),
    ("response.p50", "response_of_completed.all.p50_s"),
    ("response.p95", "response_of_completed.all.p95_s"),
    ("response.p99", "response_of_completed.all.p99_s"),
    ("response.max", "response_of_completed.all.max_s"),
    ("wasted_memory", "utilisation.container_memory.idle_mb_s"),
];

/// Metrics as parts of a sum: their name, what is counted, and where all are.
const SHARES: [(&str, &str, &[&str]); 2] = [
    (COLD_SHARE, "starts.cold", &["starts.cold", "starts.warm"]),
    (COMPLETED_SHARE, "invocations.completed", &["invocations.total"]),
];

/// How many invocations did not complete, by cause.
const CAUSES: &str = "causes";

/// Objects that a summary has only if what they tell of has occurred, and their fields.
const OCCASIONAL: [(&[&str], &[&str]); 2] = [
    (
        &["response_of_completed.all", "response_of_completed.cold", "response_of_completed.warm"],
        &["mean_s", "p50_s", "p95_s", "p99_s", "max_s"],
    ),
    (&["cold_start_mean"], &WAITS),
];

/// Where a cold start spends its time; the columns of records are called alike.
pub(crate) const WAITS: [&str; 5] =
    ["download_wait_s", "copy_wait_s", "load_wait_s", "queue_s", "startup_s"];

/// The paths of all metrics of a summary, and of those that it would have if more had occurred.
pub(crate) fn possible_paths(summary: &Value) -> Vec<String> {
    let mut paths = paths(summary);
    let mut more = Vec::new();
    for (objects, fields) in OCCASIONAL {
        for object in objects {
            more.extend(fields.iter().map(|field| format!("{object}.{field}")));
        }
    }
    more.extend(FailureCause::CODES.iter().map(|code| format!("{CAUSES}.{code}")));
    more.extend(SHARES.iter().map(|(name, ..)| (*name).to_owned()));
    more.retain(|path| !paths.contains(path));
    paths.extend(more);
    paths
}

/// Whether a path is one that a summary has only if what it tells of has occurred.
fn is_occasional(path: &str) -> bool {
    let Some((object, field)) = path.rsplit_once('.') else {
        return SHARES.iter().any(|(name, ..)| *name == path);
    };
    let mut groups = OCCASIONAL.iter();
    groups.any(|(objects, fields)| objects.contains(&object) && fields.contains(&field))
        || object == CAUSES && FailureCause::CODES.contains(&field)
}

/// The units in which a metric is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricUnit {
    Seconds,
    Share,
    Number,
}

/// The unit of a metric, by its path.
pub(crate) fn unit(path: &str) -> MetricUnit {
    match path {
        // Memory multiplied by seconds is no time.
        path if path.ends_with("_mb_s") || path.ends_with("_gb_s") => MetricUnit::Number,
        path if path.ends_with("_s") => MetricUnit::Seconds,
        path if path.ends_with("_share") => MetricUnit::Share,
        _ => MetricUnit::Number,
    }
}

/// What stands in the summary and says what was run, not what came of it.
const NO_METRICS: [&str; 5] = ["name", "seed", "sweep", "measure", "measured_cold_starts"];

/// The metrics that are shown of a run unless others are asked for, by their paths, in order.
pub const PRINCIPAL: [&str; 8] = [
    "response_of_completed.all.mean_s",
    "response_of_completed.all.p50_s",
    "response_of_completed.all.p95_s",
    "response_of_completed.all.p99_s",
    COLD_SHARE,
    COMPLETED_SHARE,
    "utilisation.slots.used_mean",
    "utilisation.container_memory.idle_mb_s",
];

/// There is no such metric, or several.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what} metric `{name}`: {hint}")]
pub struct UnknownMetric {
    what: &'static str,
    name: String,
    hint: String,
}

impl UnknownMetric {
    /// What is wrong, and what to do about it.
    pub(crate) fn parts(&self) -> (String, &str) {
        (format!("{} metric `{}`", self.what, self.name), &self.hint)
    }
}

/// The paths of all metrics of a summary, the derived ones last.
#[must_use]
pub fn paths(summary: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    let top = summary.as_object().into_iter().flatten();
    for (key, value) in top.filter(|(key, _)| !NO_METRICS.contains(&key.as_str())) {
        gather(key.clone(), value, &mut paths);
    }
    let derived = SHARES.iter().map(|(name, ..)| *name);
    paths.extend(derived.filter(|name| value(summary, name).is_some()).map(str::to_owned));
    paths
}

fn gather(path: String, value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Number(_) => paths.push(path),
        Value::Object(entries) => {
            for (key, value) in entries {
                gather(format!("{path}.{key}"), value, paths);
            }
        }
        _ => {}
    }
}

/// The value of a metric, given by its path; `None` if the run has none, such as the response time
/// of cold starts where there was no cold start.
#[must_use]
pub fn value(summary: &Value, path: &str) -> Option<f64> {
    let number = |path: &str| {
        path.split('.').try_fold(summary, |value, key| value.get(key)).and_then(Value::as_f64)
    };
    match SHARES.iter().find(|(name, ..)| *name == path) {
        Some((_, part, whole)) => {
            let whole: f64 = whole.iter().map(|path| number(path)).sum::<Option<f64>>()?;
            number(part).filter(|_| whole > 0.0).map(|part| part / whole)
        }
        // A cause that did not occur is not in the summary.
        None => number(path).or_else(|| {
            let causes = path.strip_prefix(CAUSES)?.strip_prefix('.').and(summary.get(CAUSES))?;
            causes.is_object().then_some(0.0)
        }),
    }
}

/// The path that a short name stands for.
pub(crate) fn short_for(name: &str) -> Option<&'static str> {
    let is_meant = |short: &str| short == name || short.strip_prefix("response.") == Some(name);
    SHORT.iter().find(|(short, _)| is_meant(short)).map(|(_, path)| *path)
}

/// The path that a name means, among those that there are.
///
/// # Errors
///
/// None has this name, or several have.
pub fn path(name: &str, paths: &[String]) -> Result<String, UnknownMetric> {
    let wanted = short_for(name).unwrap_or(name);
    if paths.iter().any(|path| path == wanted) {
        return Ok(wanted.to_owned());
    }
    let ends =
        |path: &&String| path.strip_suffix(wanted).is_some_and(|before| before.ends_with('.'));
    let unknown = |what, hint| Err(UnknownMetric { what, name: name.to_owned(), hint });
    match paths.iter().filter(ends).collect::<Vec<_>>().as_slice() {
        [path] => Ok((*path).clone()),
        [] if short_for(name).is_some() || is_occasional(name) => {
            unknown("there is no value of the", "nothing that it tells of has occurred".to_owned())
        }
        [] => {
            let shorts = SHORT.iter().map(|(short, _)| *short);
            let all = paths.iter().map(String::as_str).chain(shorts);
            let otherwise = || {
                "a metric is a number of `summary.json`, such as `response.p99` or \
                 `starts.cold`"
                    .to_owned()
            };
            unknown("there is no", suggestion(name, all).unwrap_or_else(otherwise))
        }
        several => {
            let several: Vec<_> = several.iter().map(|path| path.as_str()).collect();
            unknown("there is more than one", format!("it may be {}", list(&several)))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary() -> Value {
        json!({
            "name": "study", "seed": 7, "sweep": { "a.b": "1" },
            "invocations": { "total": 8, "completed": 6 },
            "starts": { "cold": 0, "warm": 0 },
            "response_of_completed": { "all": { "p99_s": 1.5, "percentiles": "exact" }, "cold": null,
                "warm": { "p99_s": 1.5 } },
            "requests_lost": 0,
        })
    }

    #[test]
    fn metrics_are_the_numbers_of_the_results() {
        assert_eq!(
            paths(&summary()),
            [
                "invocations.completed",
                "invocations.total",
                "requests_lost",
                "response_of_completed.all.p99_s",
                "response_of_completed.warm.p99_s",
                "starts.cold",
                "starts.warm",
                COMPLETED_SHARE,
            ]
        );
        let of = |path| value(&summary(), path);
        assert_eq!((of("starts.cold"), of(COMPLETED_SHARE)), (Some(0.0), Some(0.75)));
        // What did not occur occurred zero times.
        assert_eq!(of("causes.time_limit"), None);
        let with_causes = json!({ "causes": { "crash": 2 } });
        let of_causes = |path| value(&with_causes, path);
        assert_eq!(["causes.crash", "causes.time_limit"].map(of_causes), [Some(2.0), Some(0.0)]);
        // Of nothing there is no part.
        assert_eq!((of(COLD_SHARE), of("response_of_completed.cold.p99_s")), (None, None));
    }

    #[test]
    fn what_may_occur_is_known_though_it_has_not() {
        let paths = possible_paths(&summary());
        let of = |name| path(name, &paths).ok();
        for name in [
            "response_of_completed.cold.p99_s",
            "cold_start_mean.queue_s",
            "causes.time_limit",
            COLD_SHARE,
        ] {
            assert_eq!(of(name).as_deref(), Some(name));
        }
        assert_eq!(of("p99").as_deref(), Some("response_of_completed.all.p99_s"));
        assert_eq!(
            (of("causes.time_limits"), of("response_of_completed.cold.p98_s")),
            (None, None)
        );
    }

    #[test]
    fn names_are_paths_ends_of_paths_or_short() {
        let paths = paths(&summary());
        let of = |name| path(name, &paths).map_err(|error| error.to_string());
        let p99 = Ok("response_of_completed.all.p99_s".to_owned());
        assert_eq!(of("response.p99"), p99);
        assert_eq!(of("all.p99_s"), p99);
        assert_eq!(of("p99"), p99);
        assert_eq!(of("total"), Ok("invocations.total".to_owned()));
        assert_eq!(
            of("p99_s").unwrap_err(),
            "there is more than one metric `p99_s`: it may be `response_of_completed.all.p99_s` and \
             `response_of_completed.warm.p99_s`"
        );
        assert_eq!(
            of("starts.colt").unwrap_err(),
            "there is no metric `starts.colt`: did you mean `starts.cold`?"
        );
        // A name that is right, of which there is nothing.
        assert_eq!(
            of("response.p50").unwrap_err(),
            "there is no value of the metric `response.p50`: nothing that it tells of has occurred"
        );
        assert!(of("latency").unwrap_err().contains("a number of `summary.json`"));
    }
}
