//! Rows of CSV that are read in one go.
//!
//! Nearly all rows of a trace are plain: numbers and names with nothing around them, separated by
//! commas, with a line break at the end. Such a row is parsed in place in the buffer, eight bytes
//! at a time, without being split into fields first. Any other row, and any row with an error, is
//! left to the general parser, which also reports the error.

use isotherm_kernel::{Duration, Time};

use super::columns::{Located, LocatedFunction};
use super::dates::DateReader;
use super::decimal::{Scale, digits};
use super::function_names::FunctionNames;
use super::records::low_bytes;
use crate::Arrival;

/// What the fields of a row are, in their order.
#[derive(Debug)]
pub(super) struct PlainRow {
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
enum Field {
    Ignored,
    Arrival(Scale),
    Duration(Scale),
    Name,
    Number,
}

impl PlainRow {
    /// Rows with these columns. `None` if a column is wanted twice, for which there is no fast
    /// path.
    pub(super) fn new(
        width: usize,
        arrival: &Located<DateReader>,
        function: &LocatedFunction,
        duration: Option<&Located<Scale>>,
    ) -> Option<Self> {
        let mut fields = vec![Field::Ignored; width];
        let mut put = |index: usize, field| {
            let place = fields.get_mut(index).filter(|place| matches!(place, Field::Ignored))?;
            *place = field;
            Some(())
        };
        let DateReader::Number(scale) = &arrival.value else { return None };
        put(arrival.index, Field::Arrival(scale.clone()))?;
        match function {
            LocatedFunction::Fixed(_) => {}
            LocatedFunction::Named(place) => put(place.index, Field::Name)?,
            LocatedFunction::Numbered(place) => put(place.index, Field::Number)?,
        }
        if let Some(place) = duration {
            put(place.index, Field::Duration(place.value.clone()))?;
        }
        Some(PlainRow { fields })
    }

    /// Reads the plain row at the beginning of a text into an arrival, whose function may be fixed
    /// already. Says where the next one begins.
    #[inline]
    pub(super) fn read(
        &self,
        text: &[u8],
        functions: &FunctionNames,
        arrival: &mut Arrival,
    ) -> Option<usize> {
        let mut end = 0;
        for (index, field) in self.fields.iter().enumerate() {
            let begin = match index {
                0 => 0,
                _ if text.get(end) == Some(&b',') => end + 1,
                _ => return None,
            };
            match field {
                Field::Arrival(scale) | Field::Duration(scale) => {
                    let (nanos, behind) = scale.read(text, begin)?;
                    if let Field::Arrival(_) = field {
                        arrival.at = Time::from_nanos(nanos);
                    } else {
                        arrival.duration = Some(Duration::from_nanos(nanos));
                    }
                    end = behind;
                }
                Field::Name => {
                    let (function, behind) = name(text, begin, functions)?;
                    arrival.function = function;
                    end = behind;
                }
                Field::Number => {
                    let (number, behind) = digits(0, text, begin)?;
                    // No count of functions has more digits than this, which cannot overflow.
                    let is_number = (1..=10).contains(&(behind - begin));
                    if !is_number || number >= functions.len() as u64 {
                        return None;
                    }
                    arrival.function = number as u32;
                    end = behind;
                }
                Field::Ignored => end = ignored(text, begin)?,
            }
        }
        match text.get(end..)? {
            [b'\n', ..] => Some(end + 1),
            [b'\r', b'\n', ..] => Some(end + 2),
            _ => None,
        }
    }
}

/// The function whose name begins here, and where the name ends.
#[inline]
fn name(text: &[u8], begin: usize, functions: &FunctionNames) -> Option<(u32, usize)> {
    let word = *text.get(begin..)?.first_chunk()?;
    let marks = low_bytes(word);
    if marks == 0 {
        let end = marks_from(text, begin + word.len()).next()?;
        return Some((functions.number(text.get(begin..end)?)?, end));
    }
    let length = marks.trailing_zeros() / 8;
    Some((
        functions.short(u64::from_le_bytes(word) & ((1 << (8 * length)) - 1), length)?,
        begin + length as usize,
    ))
}

/// The end of a field that is not wanted.
fn ignored(text: &[u8], begin: usize) -> Option<usize> {
    for index in marks_from(text, begin) {
        match text.get(index)? {
            b',' | b'\n' | b'\r' => return Some(index),
            b'"' if index == begin => return None,
            _ => {}
        }
    }
    None
}

/// Where bytes are that may end a field, from here on.
fn marks_from(text: &[u8], begin: usize) -> impl Iterator<Item = usize> {
    let (words, _) = text.get(begin..).unwrap_or_default().as_chunks();
    words.iter().zip((begin..).step_by(8)).flat_map(|(word, place)| {
        let mut marks = low_bytes(*word);
        std::iter::from_fn(move || {
            let index = (marks != 0).then(|| place + marks.trailing_zeros() as usize / 8)?;
            marks &= marks - 1;
            Some(index)
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::pieces::Pieces;
    use crate::{
        Arrival, Columns, CsvTrace, DateColumn, FunctionColumn, FunctionNames, Rest, TimeColumn,
        TimeUnit, Workload, WorkloadError,
    };

    const NAMES: [&str; 6] =
        ["f", "g7", "thumbnail", "a-name-of-twenty-one", "1234567", "12345678"];

    /// All arrivals of a trace, and what is wrong with it; read in one go, or by the book.
    fn read(text: &str, piece: usize, columns: &Columns, in_one_go: bool) -> Vec<String> {
        let names = FunctionNames::new(NAMES);
        match CsvTrace::new("x", Pieces(text.as_bytes(), piece), columns, names) {
            Ok(mut trace) => {
                if !in_one_go {
                    assert!(trace.reader.plain.take().is_some());
                }
                let shown = |arrival| format!("{arrival:?}");
                trace.arrivals().map(shown).collect()
            }
            Err(error) => vec![format!("{error:?}")],
        }
    }

    /// The same, read many at a time to where they stay.
    fn read_together(text: &str, piece: usize, columns: &Columns, most: usize) -> Vec<String> {
        let names = FunctionNames::new(NAMES);
        let mut trace = match CsvTrace::new("x", Pieces(text.as_bytes(), piece), columns, names) {
            Ok(trace) => trace,
            Err(error) => return vec![format!("{error:?}")],
        };
        let mut arrivals = Vec::new();
        let end: Option<Result<Arrival, WorkloadError>> = loop {
            match trace.read(most, &mut arrivals) {
                Ok(Rest::Open) => {}
                Ok(_) => break None,
                Err(error) => break Some(Err(error)),
            }
        };
        arrivals.into_iter().map(Ok).chain(end).map(|arrival| format!("{arrival:?}")).collect()
    }

    fn number() -> impl Strategy<Value = String> {
        prop_oneof![
            12 => "[0-9]{1,6}\\.[0-9]{1,9}",
            4 => "[0-9]{0,20}\\.?[0-9]{0,20}",
            1 => "[0-9.+e \"-]{0,9}",
        ]
    }

    fn field() -> impl Strategy<Value = String> {
        prop_oneof![
            12 => "f|g7|thumbnail|a-name-of-twenty-one|1234567|12345678",
            3 => "[0-5]",
            1 => "0{0,12}[0-9]",
            1 => "[fg7 \"\u{0}é]{0,9}",
        ]
    }

    fn row() -> impl Strategy<Value = String> {
        let note = prop_oneof![6 => "[a-z0-9:.-]{0,20}", 1 => "[a-z \"\u{7f}\u{80}\r']{0,12}"];
        let end = prop_oneof![8 => Just("\n"), 2 => Just("\r\n"), 1 => "[\r\n, ]{0,3}".prop_map(|end| &*end.leak())];
        (number(), note, field(), number(), end).prop_map(|(at, note, function, took, end)| {
            format!("{at},{note},{function},{took}{end}")
        })
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(5_000))]

        #[test]
        fn both_ways_of_reading_rows_agree(
            rows in prop::collection::vec(row(), 0..12),
            function in prop_oneof![
                4 => Just(FunctionColumn::Named("function".into())),
                2 => Just(FunctionColumn::Numbered("function".into())),
                1 => Just(FunctionColumn::Fixed(3)),
            ],
            durations: bool,
            sorted: bool,
            unit in prop::sample::select(vec![1, 100, 1_000_000, 1_000_000_000, 60_000_000_000]),
            piece in prop_oneof![1usize..100, Just(1 << 16)],
            most in 1usize..9,
        ) {
            let unit = TimeUnit::from_nanos(unit).unwrap();
            // Sorted as text, rows are often sorted by date as well.
            let mut rows = rows;
            if sorted {
                rows.sort();
            }
            let columns = Columns {
                arrival: DateColumn::new("at", unit),
                function,
                duration: durations.then(|| TimeColumn { name: "took".into(), unit }),
            };
            let text = format!("at,note,function,took\n0,,f,1\n{}", rows.concat());
            let text = if matches!(columns.function, FunctionColumn::Numbered(_)) { text.replace(",f,", ",0,") } else { text };
            let by_the_book = read(&text, piece, &columns, false);
            prop_assert_eq!(&read(&text, piece, &columns, true), &by_the_book);
            prop_assert_eq!(read_together(&text, piece, &columns, most), by_the_book);
        }
    }

    /// The rows above are also read in one go: otherwise the test would say nothing.
    #[test]
    fn plain_rows_are_read_in_one_go() {
        let columns = Columns {
            arrival: DateColumn::new("at", TimeUnit::SECOND),
            function: FunctionColumn::Named("function".into()),
            duration: Some(TimeColumn { name: "took".into(), unit: TimeUnit::MILLISECOND }),
        };
        let text = "took,note,function,at\n1,,f,0\n12.5,a-b \"c\",thumbnail,0.000000001\r\n3,,f,86399.123456789\n4,,f, 86400\n";
        let names = FunctionNames::new(["f", "thumbnail"]);
        let mut trace = CsvTrace::new("x", text.as_bytes(), &columns, names).unwrap();
        trace.next_arrival().unwrap();
        let mut plain = || {
            trace.reader.plain_arrival(trace.last).map(|arrival| {
                (arrival.at.as_nanos(), arrival.function, arrival.duration.unwrap().as_nanos())
            })
        };
        assert_eq!(plain(), Some((1, 1, 12_500_000)));
        assert_eq!(plain(), Some((86_399_123_456_789, 0, 3_000_000)));
        assert_eq!(plain(), None, "a space before a number is for the other way");
    }
}
