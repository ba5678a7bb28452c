//! Differences in words.

use isotherm_config::diagnostic::thousands;

use crate::metric::{COLD_SHARE, COMPLETED_SHARE};
use crate::statistics::Interval;

use super::{Difference, Method, Verdict};

/// A metric in words.
struct Words<'a> {
    /// What it is called.
    name: &'a str,
    /// What the set does whose value is lower: before and after the amount.
    lower: [&'a str; 2],
    /// What the set does whose value is higher.
    higher: [&'a str; 2],
    /// Whether the name is the subject, of which one is lower or higher.
    is_subject: bool,
    /// Whether the name has to be said with the interval.
    is_named: bool,
    /// The unit of an amount that is not a part; `None` if no sentence can be made of one.
    unit: Option<&'a str>,
}

/// The sentence that says a difference, where `other` is what the other set is called:
/// `B answers 12 % faster (p99: 8 to 15 %)`. Without an interval, runs tell what differs between
/// them only if they have a common seed.
pub fn sentence(difference: &Difference, other: &str, method: Method) -> String {
    let mut words = words(&difference.metric);
    if difference.relative.is_none() && (difference.base <= 0.0 || words.unit.is_none()) {
        words = plain(&difference.metric);
    }
    let of = match &difference.function {
        Some(function) => format!("{function}: "),
        None => String::new(),
    };
    let name = words.name;
    let said = match difference.verdict {
        Verdict::Same => format!("{name}: the same"),
        Verdict::CannotTell => {
            let range = amounts(difference, 1.0).unwrap_or_default();
            format!("{name}: no difference can be told ({range})")
        }
        Verdict::NoInterval if is_independent(method) => {
            let runs = match method {
                Method::IndependentBatches => "one run each with different seeds",
                _ => "so few runs that have it, with different seeds,",
            };
            let values = [difference.base, difference.other].map(number).join(" and ");
            format!("{name}: {runs} cannot tell ({values})")
        }
        Verdict::NoInterval if difference.difference == 0.0 => {
            format!("{name}: equal (no interval)")
        }
        Verdict::NoInterval | Verdict::Lower | Verdict::Higher => {
            let is_lower = difference.difference < 0.0;
            let sign = if is_lower { -1.0 } else { 1.0 };
            let [verb, how] = if is_lower { words.lower } else { words.higher };
            let amount = match difference.relative {
                Some(relative) => percent(sign * relative),
                None => number(sign * difference.difference),
            };
            let named = if words.is_named { format!("{name}: ") } else { String::new() };
            let unit = words.unit.filter(|_| difference.relative.is_none()).unwrap_or_default();
            let range = match amounts(difference, sign) {
                Some(range) => format!("{named}{range}{unit}"),
                None => format!("{named}no interval"),
            };
            let subject = match words.is_subject {
                true => format!("{name} of {other}"),
                false => other.to_owned(),
            };
            format!("{subject} {verb} {amount}{unit} {how} ({range})")
        }
    };
    of + &said
}

fn is_independent(method: Method) -> bool {
    matches!(method, Method::IndependentRuns | Method::IndependentBatches)
}

fn words(metric: &str) -> Words<'_> {
    let (object, field) = metric.rsplit_once('.').unwrap_or(("", metric));
    let (is_subject, is_named, unit) = (false, false, None);
    let own = |name, lower, higher| Words { name, lower, higher, is_subject, is_named, unit };
    match metric {
        COLD_SHARE => own("cold starts", ["has", "fewer cold starts"], ["has", "more cold starts"]),
        COMPLETED_SHARE => own("completed", ["completes", "less"], ["completes", "more"]),
        "utilisation.slots.used_mean" => {
            let (lower, higher) = (["uses", "fewer slots"], ["uses", "more slots"]);
            Words { unit: Some(""), ..own("slots in use", lower, higher) }
        }
        "utilisation.container_memory.idle_mb_s" => {
            own("wasted memory", ["wastes", "less memory"], ["wastes", "more memory"])
        }
        _ => {
            let name = field.strip_suffix("_s").unwrap_or(field);
            let response = |verb| Words {
                name,
                lower: [verb, "faster"],
                higher: [verb, "slower"],
                is_subject,
                is_named: true,
                unit: Some(" s"),
            };
            match object {
                "response_of_completed.all" if field != "count" => response("answers"),
                "response_of_completed.cold" if field != "count" => response("answers cold starts"),
                "response_of_completed.warm" if field != "count" => response("answers warm starts"),
                _ => plain(metric),
            }
        }
    }
}

/// A metric of which nothing else is known, or of whose value there is no part.
fn plain(metric: &str) -> Words<'_> {
    let (lower, higher) = (["is", "lower"], ["is", "higher"]);
    Words { name: metric, lower, higher, is_subject: true, is_named: false, unit: None }
}

/// The ends of an interval, the smaller amount first: as parts of the first set if they are known.
fn amounts(difference: &Difference, sign: f64) -> Option<String> {
    let turned = |interval: Interval| match sign < 0.0 {
        true => Interval { low: -interval.high, high: -interval.low },
        false => interval,
    };
    let show = |interval: Interval, show: &dyn Fn(f64) -> String| {
        format!("{} to {}", show(interval.low), show(interval.high))
    };
    match difference.relative_interval {
        Some(interval) => Some(show(turned(interval), &digits_of_percent) + " %"),
        None => Some(show(turned(difference.interval?), &number)),
    }
}

/// A part in percent.
#[must_use]
pub fn percent(part: f64) -> String {
    format!("{} %", digits_of_percent(part))
}

fn digits_of_percent(part: f64) -> String {
    let percent = part * 100.0;
    // By what is shown: 9.96 is 10, not 10.0.
    match percent.abs() {
        size if size >= 9.95 => whole(percent),
        size if size >= 0.995 => format!("{percent:.1}"),
        size if size < 0.005 => "0".to_owned(),
        _ => format!("{percent:.2}"),
    }
}

/// A number with four digits, or all of those before the point.
#[must_use]
pub fn number(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    // By what is shown: 0.099999 is 0.1000, not 0.10000.
    let shown = format!("{number:.3e}");
    match shown.split_once('e').and_then(|(_, power)| power.parse::<i32>().ok()) {
        Some(power @ -6..=2) => format!("{number:.*}", (3 - power) as usize),
        Some(..-6) => shown,
        _ => whole(number),
    }
}

/// A number without decimals, its thousands set apart.
fn whole(number: f64) -> String {
    let sign = if number < 0.0 { "-" } else { "" };
    match number.abs().round() {
        size if size < 1e15 => format!("{sign}{}", thousands(size as u64)),
        _ => format!("{number:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(metric: &str, base: f64, other: f64, interval: Option<(f64, f64)>) -> Difference {
        let interval = interval.map(|(low, high)| Interval { low, high });
        let mut difference = Difference {
            metric: metric.to_owned(),
            function: None,
            base,
            other,
            difference: other - base,
            interval,
            relative: (base > 0.0).then_some((other - base) / base),
            relative_interval: interval.filter(|_| base > 0.0).map(|known| known.divided_by(base)),
            verdict: super::super::verdict(interval),
            says: String::new(),
        };
        difference.says = sentence(&difference, "B", Method::PairedBatches);
        difference
    }

    #[test]
    fn what_is_told_is_said_from_the_side_of_the_other() {
        let p99 = "response_of_completed.all.p99_s";
        for (metric, base, other, interval, expected) in [
            (p99, 2.0, 1.76, Some((-0.3, -0.16)), "B answers 12 % faster (p99: 8.0 to 15 %)"),
            (p99, 2.0, 2.5, Some((0.25, 0.75)), "B answers 25 % slower (p99: 13 to 38 %)"),
            (p99, 2.0, 2.1, Some((-0.1, 0.3)), "p99: no difference can be told (-5.0 to 15 %)"),
            (p99, 2.0, 2.0, Some((0.0, 0.0)), "p99: the same"),
            (p99, 2.0, 2.1, None, "B answers 5.0 % slower (p99: no interval)"),
            (p99, 2.0, 2.0, None, "p99: equal (no interval)"),
            (
                COLD_SHARE,
                0.1,
                0.05,
                Some((-0.06, -0.04)),
                "B has 50 % fewer cold starts (40 to 60 %)",
            ),
            // Of nothing there is no part.
            (
                COLD_SHARE,
                0.0,
                0.05,
                Some((0.04, 0.06)),
                "cold_share of B is 0.05000 higher (0.04000 to 0.06000)",
            ),
            (
                "starts.warm",
                10.0,
                11.0,
                Some((0.5, 1.5)),
                "starts.warm of B is 10 % higher (5.0 to 15 %)",
            ),
            (
                "response_of_completed.cold.mean_s",
                1.0,
                0.5,
                Some((-0.6, -0.4)),
                "B answers cold starts 50 % faster (mean: 40 to 60 %)",
            ),
        ] {
            assert_eq!(difference(metric, base, other, interval).says, expected);
        }
    }

    #[test]
    fn single_runs_of_different_seeds_tell_nothing_alone() {
        let p99 = "response_of_completed.all.p99_s";
        for (other, interval, expected) in [
            (2.42, None, "p99: one run each with different seeds cannot tell (2.000 and 2.420)"),
            (2.0, None, "p99: one run each with different seeds cannot tell (2.000 and 2.000)"),
            (2.5, Some((0.25, 0.75)), "B answers 25 % slower (p99: 13 to 38 %)"),
        ] {
            let independent = Method::IndependentBatches;
            assert_eq!(
                sentence(&difference(p99, 2.0, other, interval), "B", independent),
                expected
            );
        }
    }

    /// Where the value in the first set may be nothing, for all that its runs tell.
    #[test]
    fn what_is_no_part_is_said_in_its_unit() {
        for (metric, expected) in [
            (
                "response_of_completed.all.p99_s",
                "B answers 0.5000 s slower (p99: 0.2500 to 1.000 s)",
            ),
            ("utilisation.slots.used_mean", "B uses 0.5000 more slots (0.2500 to 1.000)"),
            (COLD_SHARE, "cold_share of B is 0.5000 higher (0.2500 to 1.000)"),
        ] {
            let mut of_metric = difference(metric, 1.0, 1.5, Some((0.25, 1.0)));
            (of_metric.relative, of_metric.relative_interval) = (None, None);
            assert_eq!(sentence(&of_metric, "B", Method::PairedBatches), expected);
        }
    }

    #[test]
    fn numbers_have_as_many_digits_as_tell_something() {
        let numbers = [0.0, 1.0, 0.0123456, 12.3456, 123_456.7, -0.5, 1e-9];
        let expected = ["0", "1.000", "0.01235", "12.35", "123,457", "-0.5000", "1.000e-9"];
        assert_eq!(numbers.map(number), expected);
        assert_eq!([0.099_999, 9.999_99, 999.99].map(number), ["0.1000", "10.00", "1,000"]);
        let parts = [0.5, 0.0995, 0.0123, 0.004, -0.2, 0.0];
        assert_eq!(parts.map(percent), ["50 %", "10 %", "1.2 %", "0.40 %", "-20 %", "0 %"]);
    }
}
