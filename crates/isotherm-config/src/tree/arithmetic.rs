//! Arithmetic in strings that use [parameters](super::parameters): `"${base} * 2"`,
//! `"(${memory} + 64MB) / 2"`.
//!
//! Operators stand between white space, so that `"${year}/${month}.csv"` stays the path that it is.
//! Sizes, durations and other quantities may be added to their like, and multiplied and divided by
//! numbers; a quantity divided by one of its kind is a number. What is added has the unit of what
//! stands first.

use crate::quantity::{Quantity, computed};

/// An expression whose operands are not yet known.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression<'a> {
    /// A number, a quantity, or `${name}`, as it is written.
    Operand(&'a str),
    /// Two expressions and what is done with them.
    Operation(Box<Expression<'a>>, Operator, Box<Expression<'a>>),
}

/// What is done with two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Over,
}

/// No expression has more words than this.
const MOST_WORDS: usize = 256;

impl<'a> Expression<'a> {
    /// Reads a text that has at least one operator; `None` if it is not an expression.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let words = words(text)?;
        let mut reader = Reader { words: &words };
        let sum = reader.sum()?;
        let is_whole = reader.words.is_empty();
        (is_whole && matches!(sum, Expression::Operation(..))).then_some(sum)
    }

    /// The operands, from left to right.
    #[must_use]
    pub fn operands(&self) -> Vec<&'a str> {
        match self {
            Expression::Operand(text) => vec![text],
            Expression::Operation(left, _, right) => [left.operands(), right.operands()].concat(),
        }
    }

    /// What comes out if each operand has a value, which are given in their order.
    ///
    /// # Errors
    ///
    /// Quantities that do not go together, or a division by zero: a message.
    pub fn value<'b>(
        &self,
        operands: &mut impl Iterator<Item = Quantity<'b>>,
    ) -> Result<Quantity<'b>, String> {
        match self {
            Expression::Operand(_) => Ok(operands.next().unwrap_or(Quantity::plain(f64::NAN))),
            Expression::Operation(left, operator, right) => {
                let (left, right) = (left.value(operands)?, right.value(operands)?);
                operator.apply(left, right)
            }
        }
    }
}

impl Operator {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "+" => Operator::Plus,
            "-" => Operator::Minus,
            "*" => Operator::Times,
            "/" => Operator::Over,
            _ => return None,
        })
    }

    fn apply<'a>(self, left: Quantity<'a>, right: Quantity<'a>) -> Result<Quantity<'a>, String> {
        let of = |number: f64, unit: &'a str| {
            let number = computed(number);
            match number.is_finite() {
                true => Ok(Quantity { number, unit }),
                false => Err(format!("`{left} {} {right}` is no number", self.sign())),
            }
        };
        let wrong = || Err(format!("`{left} {} {right}` has no meaning", self.sign()));
        match self {
            Operator::Plus | Operator::Minus => {
                let Some(same) = right.in_unit(left.unit) else { return wrong() };
                let sign = if self == Operator::Plus { 1.0 } else { -1.0 };
                of(left.number + sign * same.number, left.unit)
            }
            Operator::Times if right.unit.is_empty() => of(left.number * right.number, left.unit),
            Operator::Times if left.unit.is_empty() => of(left.number * right.number, right.unit),
            Operator::Over if right.unit.is_empty() => of(left.number / right.number, left.unit),
            Operator::Over => match right.in_unit(left.unit) {
                Some(same) => of(left.number / same.number, ""),
                None => wrong(),
            },
            Operator::Times => wrong(),
        }
    }

    fn sign(self) -> char {
        match self {
            Operator::Plus => '+',
            Operator::Minus => '-',
            Operator::Times => '*',
            Operator::Over => '/',
        }
    }
}

/// Words between white space, with parentheses at their ends as words of their own.
fn words(text: &str) -> Option<Vec<&str>> {
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let inner = word.trim_start_matches('(');
        words.extend(std::iter::repeat_n("(", word.len() - inner.len()));
        let bare = inner.trim_end_matches(')');
        if !bare.is_empty() {
            words.push(bare);
        }
        words.extend(std::iter::repeat_n(")", inner.len() - bare.len()));
        if words.len() > MOST_WORDS {
            return None;
        }
    }
    Some(words)
}

/// Reads words by recursive descent, as deep as there are parentheses.
struct Reader<'w, 'a> {
    words: &'w [&'a str],
}

impl<'a> Reader<'_, 'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn operator(&mut self, among: &[Operator]) -> Option<Operator> {
        let operator = Operator::of(self.words.first()?)?;
        if !among.contains(&operator) {
            return None;
        }
        self.next();
        Some(operator)
    }

    fn sum(&mut self) -> Option<Expression<'a>> {
        let mut left = self.product()?;
        while let Some(operator) = self.operator(&[Operator::Plus, Operator::Minus]) {
            let right = self.product()?;
            left = Expression::Operation(Box::new(left), operator, Box::new(right));
        }
        Some(left)
    }

    fn product(&mut self) -> Option<Expression<'a>> {
        let mut left = self.operand()?;
        while let Some(operator) = self.operator(&[Operator::Times, Operator::Over]) {
            let right = self.operand()?;
            left = Expression::Operation(Box::new(left), operator, Box::new(right));
        }
        Some(left)
    }

    fn operand(&mut self) -> Option<Expression<'a>> {
        match self.next()? {
            "(" => {
                let inner = self.sum()?;
                (self.next()? == ")").then_some(inner)
            }
            ")" => None,
            word if Operator::of(word).is_some() => None,
            word => Some(Expression::Operand(word)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<String, String> {
        let expression = Expression::parse(text).ok_or("no expression")?;
        let operands = expression.operands();
        let mut quantities = operands.iter().map(|text| Quantity::parse(text).unwrap());
        expression.value(&mut quantities).map(|quantity| quantity.to_string())
    }

    #[test]
    fn values_of_expressions() {
        for (text, expected) in [
            ("2 * 3", "6"),
            ("1 + 2 * 3 - 4 / 2", "5"),
            ("(1 + 2) * (3 - 1)", "6"),
            ("((1 + 2)) * 2", "6"),
            ("10 - 2 - 3", "5"),
            ("256MB * 2", "512MB"),
            ("2 * 256MB", "512MB"),
            ("1GB + 500MB", "1.5GB"),
            ("1min - 1s", "0.983333333333333min"),
            ("0.1s * 3", "0.3s"),
            ("3GB / 2", "1.5GB"),
            ("1h / 15min", "4"),
            ("10/s * 1.5", "15/s"),
        ] {
            assert_eq!(value(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_has_no_value() {
        for (text, message) in [
            ("1MB + 2s", "`1MB + 2s` has no meaning"),
            ("1 + 2s", "`1 + 2s` has no meaning"),
            ("1s * 2s", "`1s * 2s` has no meaning"),
            ("1 / 2s", "`1 / 2s` has no meaning"),
            ("1s / 0", "`1s / 0` is no number"),
            ("1s / 0s", "`1s / 0s` is no number"),
        ] {
            assert_eq!(value(text).unwrap_err(), message, "{text}");
        }
    }

    #[test]
    fn what_is_no_expression() {
        let deep = format!("{}1 + 1{}", "(".repeat(300), ")".repeat(300));
        for text in [
            "", "1", "a/b", "a*b", "1 +", "* 2", "1 2", "(1 + 2", "1 + 2)", "()", "a b", "1 + + 2",
            &deep,
        ] {
            assert_eq!(Expression::parse(text), None, "{text}");
        }
    }
}
