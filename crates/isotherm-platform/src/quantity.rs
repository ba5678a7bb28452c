//! Quantities as text: `1.25 GB/s`, `64 GiB`, `50 us`, `1,024 hosts`.

use crate::units::{BINARY_PREFIXES, DECIMAL_PREFIXES};

/// A number with at most four significant digits, without trailing zeros.
fn short(number: f64) -> String {
    let digits = match number.abs() {
        n if n >= 1000.0 => 0,
        n if n >= 100.0 => 1,
        n if n >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{number:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A number with the decimal prefix that leaves it below 1000.
fn scaled(mut number: f64, unit: &str) -> String {
    let (mut prefix, mut larger) = ("", DECIMAL_PREFIXES.iter());
    while number >= 999.95
        && let Some(next) = larger.next()
    {
        number /= 1000.0;
        prefix = next;
    }
    format!("{} {prefix}{unit}", short(number))
}

/// A bandwidth in bytes per second.
#[must_use]
pub fn bandwidth(bytes_per_s: f64) -> String {
    scaled(bytes_per_s, "B/s")
}

/// A speed in flop/s.
#[must_use]
pub fn speed(flops: f64) -> String {
    scaled(flops, "f/s")
}

/// A size in bytes: in binary units if it is a short multiple of one, else in decimal units. The
/// largest sizes stand for no limit.
#[must_use]
pub fn size(bytes: u64) -> String {
    if bytes >= i64::MAX as u64 {
        return "unlimited".to_owned();
    }
    // Up to Ei: the next one is 2^70 bytes.
    for (power, prefix) in BINARY_PREFIXES[..6].iter().enumerate().rev() {
        let unit = 1_u64 << (10 * (power + 1));
        if bytes >= unit && bytes.is_multiple_of(unit) && bytes / unit < 10_000 {
            return format!("{} {prefix}B", bytes / unit);
        }
    }
    scaled(bytes as f64, "B")
}

/// A duration in seconds.
#[must_use]
pub fn time(seconds: f64) -> String {
    if seconds == 0.0 {
        return "0".to_owned();
    }
    // The next unit begins at 999.95, which would be rounded up to 1000.
    let steps = [(1e-9, "ps", 1e12), (1e-6, "ns", 1e9), (1e-3, "us", 1e6), (1.0, "ms", 1e3)];
    for (below, unit, scale) in steps {
        if seconds < below * 0.99995 {
            return format!("{} {unit}", short(seconds * scale));
        }
    }
    format!("{} s", short(seconds))
}

/// A list of names: up to three in full, else the first and the last.
#[must_use]
pub fn names(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [first, .., last] if names.len() > 3 => format!("{first} ... {last}"),
        few => few.join(", "),
    }
}

/// A number with thousands separators: `12,345`.
#[must_use]
pub fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 host`, `1,024 hosts`.
#[must_use]
pub fn count(things: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(things), if things == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_short_and_true() {
        assert_eq!(
            [1.25e9, 12.5e9, 0.125, 20e6, 999_960_000.0].map(bandwidth),
            ["1.25 GB/s", "12.5 GB/s", "0.125 B/s", "20 MB/s", "1 GB/s"]
        );
        assert_eq!([98.5e6, 10e9].map(speed), ["98.5 Mf/s", "10 Gf/s"]);
        assert_eq!(
            [
                64 << 30,
                16_000_000_000,
                1536,
                0,
                u64::MAX,
                i64::MAX as u64,
                5000 << 30,
                32_000_000_000
            ]
            .map(size),
            ["64 GiB", "16 GB", "1.536 kB", "0 B", "unlimited", "unlimited", "5000 GiB", "32 GB"]
        );
        assert_eq!(
            [0.0, 50e-6, 1e-9, 0.0015, 2.0, 0.99999e-3].map(time),
            ["0", "50 us", "1 ns", "1.5 ms", "2 s", "1 ms"]
        );
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([1, 999, 1_024, 1_234_567].map(number), ["1", "999", "1,024", "1,234,567"]);
        assert_eq!([1, 2].map(|hosts| count(hosts, "host", "hosts")), ["1 host", "2 hosts"]);
    }

    #[test]
    fn many_names_are_two() {
        assert_eq!(names(&["a", "b", "c"]), "a, b, c");
        assert_eq!(names(&["a", "b", "c", "d"]), "a ... d");
    }
}
