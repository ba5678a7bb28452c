//! Numbers as people read them.

use std::cmp::Ordering;

pub use isotherm_config::diagnostic::thousands as count;

/// Seconds with three decimals, or as many as it takes to see something of a short time.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s == 0.0 || s >= 0.0005 => {
            let text = format!("{s:.3}");
            match text.split_once('.') {
                Some((whole, decimals)) => match whole.parse() {
                    Ok(whole) => format!("{}.{decimals}", count(whole)),
                    Err(_) => text,
                },
                None => text,
            }
        }
        s => format!("{s:.6}"),
    }
}

/// A whole number, or one with as many decimals as it takes to give three digits: `1,234`, `12.3`,
/// `0.123`.
pub fn three_digits(number: f64) -> String {
    // The number of decimals follows from the rounded number: 99.96 is 100, not 100.0.
    for decimals in [3, 2, 1] {
        let text = format!("{number:.decimals$}");
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        if digits <= 4 && (digits < 4 || text.starts_with('0')) {
            return text;
        }
    }
    count(number.round() as u64)
}

/// A mean and half the width of its interval, both with the decimals that show two digits of the
/// latter: `2.01 ± 0.13`.
pub fn with_interval(mean: f64, half_width: f64) -> String {
    let decimals = (1.0 - half_width.log10().floor()).clamp(0.0, 6.0) as usize;
    let number = |number: f64| {
        let text = format!("{number:.decimals$}");
        let whole = text.split('.').next().unwrap_or_default();
        match whole.parse() {
            Ok(parsed) => count(parsed) + &text[whole.len()..],
            Err(_) => text,
        }
    };
    format!("{} ± {}", number(mean), number(half_width))
}

/// A unit that is a power of a thousand of another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DisplayUnit {
    /// Such as `GB`.
    pub name: &'static str,
    size: f64,
}

impl DisplayUnit {
    /// The unit for amounts of memory of which this is the largest, in bytes.
    pub fn of_bytes(largest: u64) -> Self {
        DisplayUnit::of(largest as f64, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
    }

    /// The unit for memory × time of which this is the largest, in megabytes × seconds.
    pub fn of_megabyte_seconds(largest: f64) -> Self {
        DisplayUnit::of(largest, &["MB·s", "GB·s", "TB·s", "PB·s", "EB·s"])
    }

    /// The largest unit in which an amount is at least one.
    fn of(amount: f64, names: &[&'static str]) -> Self {
        let mut unit = DisplayUnit { name: "", size: 1.0 };
        for (power, name) in names.iter().enumerate() {
            let size = 1000f64.powi(power as i32);
            if power == 0 || amount >= size {
                unit = DisplayUnit { name, size };
            }
        }
        unit
    }

    /// An amount in this unit, with two decimals if it is not whole by nature.
    pub fn show(self, amount: f64) -> String {
        if self.size == 1.0 {
            return count(amount.round() as u64);
        }
        let text = format!("{:.2}", amount / self.size);
        match text.split_once('.') {
            Some((whole, decimals)) => {
                format!("{}.{decimals}", count(whole.parse().unwrap_or(u64::MAX)))
            }
            None => text,
        }
    }
}

/// A part of one in percent.
pub fn share(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

/// The text with the headings of its tables in colour: lines followed by rows that are indented
/// further.
pub fn with_coloured_heads(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<_> = text.lines().collect();
    let coloured = lines.iter().enumerate().map(|(number, line)| {
        let below = lines.get(number + 1).copied().unwrap_or_default();
        let is_head = indent(line) == 1 && indent(below) > 1;
        if is_head { format!("\x1b[36m{line}\x1b[0m") } else { (*line).to_owned() }
    });
    coloured.collect::<Vec<_>>().join("\n")
}

/// How much more or less one number is than another: `+15`, `-51`, `0`.
pub fn difference(number: u64, from: u64) -> String {
    match number.cmp(&from) {
        Ordering::Less => format!("-{}", count(from - number)),
        Ordering::Equal => "0".to_owned(),
        Ordering::Greater => format!("+{}", count(number - from)),
    }
}

/// A part of a whole in percent.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    share(part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn short_times_are_visible() {
        assert_eq!(
            [0.0, 0.000012, 0.42, 12.3456].map(seconds),
            ["0.000", "0.000012", "0.420", "12.346"]
        );
    }

    #[test]
    fn long_times_have_their_thousands_set_apart() {
        assert_eq!(seconds(403_126.64), "403,126.640");
    }

    #[test]
    fn intervals_have_two_digits() {
        let cases = [(2.0123, 0.1304), (54.3, 0.0996), (1234.5, 67.8), (12_345.6, 789.0)];
        let expected = ["2.01 ± 0.13", "54.300 ± 0.100", "1,234 ± 68", "12,346 ± 789"];
        assert_eq!(cases.map(|(mean, half)| with_interval(mean, half)), expected);
        assert_eq!(with_interval(0.5, 1e-12), "0.500000 ± 0.000000");
    }

    #[test]
    fn differences_have_a_sign() {
        assert_eq!(
            [difference(71, 56), difference(5, 56), difference(56, 56)],
            ["+15", "-51", "0"]
        );
        assert_eq!(difference(0, u64::MAX), "-18,446,744,073,709,551,615");
    }

    #[test]
    fn three_digits_tell_enough() {
        let numbers = [0.0, 0.0123, 0.5, 1.0, 9.996, 12.34, 99.96, 123.4, 1234.5];
        let expected = ["0.000", "0.012", "0.500", "1.00", "10.0", "12.3", "100", "123", "1,235"];
        assert_eq!(numbers.map(three_digits), expected);
    }

    #[test]
    fn amounts_are_shown_in_the_unit_of_the_largest() {
        let memory = DisplayUnit::of_bytes(16_000_000_000);
        assert_eq!(
            (memory.name, memory.show(672_400_000.0), memory.show(16e9)),
            ("GB", "0.67".into(), "16.00".into())
        );
        let names = [0, 999, 1_000, 999_999_999, 1_000_000_000, u64::MAX]
            .map(|bytes| DisplayUnit::of_bytes(bytes).name);
        assert_eq!(names, ["B", "B", "kB", "MB", "GB", "EB"]);
        assert_eq!(DisplayUnit::of_bytes(999).show(12.0), "12");
        let time = DisplayUnit::of_megabyte_seconds(1_708_000.0);
        assert_eq!(
            (time.name, time.show(403_000.0), time.show(2e9)),
            ("TB·s", "0.40".into(), "2,000.00".into())
        );
    }

    #[test]
    fn heads_have_rows_below_them() {
        let text = "title\n\n head  n\n   row  1\n other  2\n";
        assert_eq!(
            with_coloured_heads(text),
            "title\n\n\x1b[36m head  n\x1b[0m\n   row  1\n other  2"
        );
    }

    #[test]
    fn parts_of_nothing_are_not_shown() {
        assert_eq!([percent(1, 4), percent(0, 0)], ["25.0 %", ""]);
    }
}
