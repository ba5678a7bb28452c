//! Numbers as people read them.

use std::cmp::Ordering;

/// `12345` as `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

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
    format!("{:.1} %", part as f64 / whole as f64 * 100.0)
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
        assert_eq!([0.0, 0.000012, 0.42, 12.3456].map(seconds), ["0.000", "0.000012", "0.420", "12.346"]);
    }

    #[test]
    fn long_times_have_their_thousands_set_apart() {
        assert_eq!(seconds(403_126.64), "403,126.640");
    }

    #[test]
    fn differences_have_a_sign() {
        assert_eq!([difference(71, 56), difference(5, 56), difference(56, 56)], ["+15", "-51", "0"]);
        assert_eq!(difference(0, u64::MAX), "-18,446,744,073,709,551,615");
    }

    #[test]
    fn parts_of_nothing_are_not_shown() {
        assert_eq!([percent(1, 4), percent(0, 0)], ["25.0 %", ""]);
    }
}
