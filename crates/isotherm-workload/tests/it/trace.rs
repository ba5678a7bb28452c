//! Traces in CSV: what is read, what is tolerated, and what each broken one says.

use std::io::{self, Read};

use isotherm_kernel::{Duration, Time};
use isotherm_workload::{
    Arrival, Columns, CsvTable, CsvTrace, DateColumn, FunctionColumn, FunctionNames, TimeColumn,
    TimeUnit, TraceError, TraceProblem, Workload, WorkloadError, count_marked,
};
use proptest::prelude::*;

fn time(name: &str, unit: TimeUnit) -> TimeColumn {
    TimeColumn { name: name.to_owned(), unit }
}

/// Arrival in seconds in `at_s`, function in `function`, duration in milliseconds in `took_ms`.
fn columns() -> Columns {
    Columns {
        arrival: DateColumn::new("at_s", TimeUnit::SECOND),
        function: FunctionColumn::Named("function".to_owned()),
        duration: Some(time("took_ms", TimeUnit::MILLISECOND)),
    }
}

/// Arrival in seconds in `at_s`, and nothing else: function 7.
fn dates_only() -> Columns {
    Columns { function: FunctionColumn::Fixed(7), duration: None, ..columns() }
}

fn names() -> FunctionNames {
    FunctionNames::new(["resize", "thumbnail", "x, y"])
}

fn read(text: &str) -> Result<Vec<Arrival>, WorkloadError> {
    CsvTrace::new("run.csv", text.as_bytes(), &columns(), names())?.arrivals().collect()
}

fn read_dates(text: &str) -> Result<Vec<Arrival>, WorkloadError> {
    CsvTrace::new("run.csv", text.as_bytes(), &dates_only(), FunctionNames::default())?
        .arrivals()
        .collect()
}

fn nanos(arrivals: &[Arrival]) -> Vec<u64> {
    arrivals.iter().map(|arrival| arrival.at.as_nanos()).collect()
}

#[track_caller]
fn broken<T: std::fmt::Debug>(result: Result<T, WorkloadError>) -> TraceError {
    match result {
        Err(WorkloadError::Trace(error)) => *error,
        other => panic!("not an error of the trace: {other:?}"),
    }
}

/// The message and the hint.
#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T, WorkloadError>) -> (String, String) {
    let error = broken(result);
    (error.to_string(), error.hint())
}

fn arrival(at_ms: u64, function: u32, took_us: u64) -> Arrival {
    Arrival {
        at: Time::from_nanos(at_ms * 1_000_000),
        function,
        duration: Some(Duration::from_micros(took_us)),
        tag: None,
    }
}

#[test]
fn columns_may_stand_in_any_order_among_others() {
    let text = "note,took_ms,function,at_s\nfirst,12.5,thumbnail,0.25\n,250,resize,3\n";
    assert_eq!(read(text).unwrap(), [arrival(250, 1, 12_500), arrival(3_000, 0, 250_000)]);
}

#[test]
fn one_function_and_no_durations() {
    let expected = [Arrival::new(Time::ZERO, 7), Arrival::new(Time::from_nanos(1_500_000_000), 7)];
    assert_eq!(read_dates("at_s\n0\n1.5\n").unwrap(), expected);
}

#[test]
fn units_of_columns() {
    let units = [
        (TimeUnit::NANOSECOND, 2),
        (TimeUnit::MICROSECOND, 1_500),
        (TimeUnit::MILLISECOND, 1_500_000),
        (TimeUnit::SECOND, 1_500_000_000),
        (TimeUnit::MINUTE, 90_000_000_000),
        (TimeUnit::HOUR, 5_400_000_000_000),
    ];
    for (unit, expected) in units {
        let columns = Columns { arrival: DateColumn::new("t", unit), ..dates_only() };
        let trace =
            CsvTrace::new("t.csv", "t\n1.5\n".as_bytes(), &columns, FunctionNames::default())
                .unwrap();
        let arrivals: Result<Vec<_>, _> = trace.arrivals().collect();
        // 1.5 ns is rounded half up.
        assert_eq!(nanos(&arrivals.unwrap()), [expected], "{unit}");
    }
}

#[test]
fn quotes_line_ends_byte_order_marks_and_spaces_do_not_matter() {
    let plain = "at_s,function,took_ms\n0,resize,1\n1,\"x, y\",2\n";
    let expected = read(plain).unwrap();
    assert_eq!(expected, [arrival(0, 0, 1_000), arrival(1_000, 2, 2_000)]);
    let variants = [
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        format!("\u{feff}{}", plain.replace("at_s", "\"at_s\"")),
        plain.replace("0,resize,1", " 0 ,\tresize , 1 "),
        plain.replace("0,resize,1", "\"0\",\"resize\",\"1\""),
        plain.replace("at_s,function,took_ms", " at_s , function,took_ms "),
        plain.trim_end().to_owned(),
        plain.replace('\n', "\n\n"),
        format!("\n\n{plain}\n\n"),
        plain.replace("0,resize", "\n   \n0,resize"),
        plain.replace('\n', "\r\n\r\n"),
    ];
    for text in variants {
        assert_eq!(read(&text).unwrap(), expected, "{text:?}");
    }
}

#[test]
fn quoted_quotes_and_line_breaks() {
    let names = FunctionNames::new(["say \"hi\"", "two\nlines"]);
    let text = "at_s,function,took_ms\n0,\"say \"\"hi\"\"\",1\n1,\"two\nlines\",1\n";
    let trace = CsvTrace::new("run.csv", text.as_bytes(), &columns(), names).unwrap();
    let functions: Vec<u32> = trace.arrivals().map(|arrival| arrival.unwrap().function).collect();
    assert_eq!(functions, [0, 1]);
}

#[test]
fn equal_dates_stay_in_their_order() {
    let text = "at_s,function,took_ms\n1,thumbnail,1\n1,resize,2\n1.000000000,thumbnail,3\n";
    let expected = [arrival(1_000, 1, 1_000), arrival(1_000, 0, 2_000), arrival(1_000, 1, 3_000)];
    assert_eq!(read(text).unwrap(), expected);
}

#[test]
fn a_row_longer_than_any_buffer() {
    let long = "z".repeat(300_000);
    let text = format!(
        "at_s,note,function,took_ms\n0,{long},resize,1\n1,{long},resize,1\n0.5,,resize,1\n"
    );
    let error = broken(read(&text));
    assert_eq!(error.line, Some(4));
    assert!(matches!(error.problem, TraceProblem::Unsorted { .. }));
}

#[test]
fn an_empty_file() {
    for text in ["", "\n", "\u{feff}", "   \n\r\n"] {
        let (message, hint) = says(read(text));
        assert_eq!(message, "run.csv: the trace is empty", "{text:?}");
        assert_eq!(hint, "a trace begins with a line that names its columns");
    }
}

#[test]
fn a_header_alone() {
    for text in
        ["at_s,function,took_ms", "at_s,function,took_ms\n", "at_s,function,took_ms\r\n\r\n"]
    {
        let (message, _) = says(read(text));
        assert_eq!(message, "run.csv: the trace has a header, but no row");
    }
}

#[test]
fn a_missing_column() {
    let near = says(read("At_S,function,took_ms\n0,resize,1\n"));
    assert_eq!(
        near,
        ("run.csv: there is no column `at_s`".to_owned(), "did you mean `At_S`?".to_owned())
    );
    let near = says(read("at_s,function,took_m\n0,resize,1\n"));
    assert_eq!(
        near,
        ("run.csv: there is no column `took_ms`".to_owned(), "did you mean `took_m`?".to_owned())
    );
    let far = says(read("at_s,name,took_ms\n0,resize,1\n"));
    let hint = "its columns are `at_s`, `name`, `took_ms`".to_owned();
    assert_eq!(far, ("run.csv: there is no column `function`".to_owned(), hint));
    let many: Vec<String> = (0..12).map(|index| format!("c{index}")).collect();
    let (_, hint) = says(read(&format!("{}\n", many.join(","))));
    assert!(hint.ends_with("`c9`, and 2 more"), "{hint}");
}

#[test]
fn a_file_whose_separator_is_not_certain_shows_its_one_column() {
    let (message, hint) = says(read("at_s;function|took_ms\n0;resize|1\n"));
    assert_eq!(message, "run.csv: there is no column `at_s`");
    assert!(hint.contains("at_s;function|took_ms"), "{hint}");
}

#[test]
fn a_column_that_is_there_twice() {
    let (message, hint) = says(read("at_s,function,at_s,took_ms\n0,resize,0,1\n"));
    assert_eq!(message, "run.csv: there are two columns `at_s`");
    assert_eq!(hint, "give each column a name of its own");
    // Another column may be there twice.
    assert!(read("at_s,function,took_ms,x,x\n0,resize,1,2,3\n").is_ok());
}

#[test]
fn values_that_are_no_times() {
    let cases = [
        ("abc", "`abc` is not a number", "the column `at_s` takes numbers like 12.5"),
        ("1 s", "`1 s` is not a number", "the column `at_s` takes numbers like 12.5"),
        ("NaN", "`NaN` is not a finite number", "the column `at_s` takes numbers like 12.5"),
        ("inf", "`inf` is not a finite number", "the column `at_s` takes numbers like 12.5"),
        ("-0.5", "`-0.5` is negative", "dates count from the start of the simulation, at 0"),
        ("1e300", "`1e300` is beyond the end of time", "is the unit of the column right?"),
        ("", "there is no value", "the column `at_s` takes numbers like 12.5"),
    ];
    for (value, message, hint) in cases {
        let first = says(read(&format!("at_s,function,took_ms\n{value},resize,1\n")));
        assert_eq!(first, (format!("run.csv:2: column `at_s`: {message}"), hint.to_owned()));
        let later = says(read(&format!(
            "at_s,function,took_ms\n0,resize,1\n0,resize,1\n{value},resize,1\n"
        )));
        assert_eq!(later.0, format!("run.csv:4: column `at_s`: {message}"));
    }
    let error = broken(read("at_s,function,took_ms\n0,resize,soon\n"));
    assert_eq!(error.to_string(), "run.csv:2: column `took_ms`: `soon` is not a number");
    assert_eq!((error.row.as_str(), error.value()), ("0,resize,soon", Some("soon")));
    // What is said of a date does not hold for a duration.
    let (message, hint) = says(read("at_s,function,took_ms\n0,resize,-3\n"));
    assert_eq!(message, "run.csv:2: column `took_ms`: `-3` is negative");
    assert!(hint.starts_with("a duration is zero or more"), "{hint}");
}

/// The reader takes all that follows for one field, and all rows below would be lost without a
/// word.
#[test]
fn a_quotation_mark_that_is_never_closed() {
    let header = "at_s,function,took_ms\n0,resize,1\n";
    let row = |row: &str| format!("{header}{row}\n2,resize,2\n");
    let (message, hint) = says(read(&row("1,\"resize,2")));
    assert_eq!(message, "run.csv:3: a quotation mark is opened here and never closed");
    assert!(hint.contains("one field"), "{hint}");
    assert_eq!(broken(read(&row("1,\"resize,2"))).row, "1,resize,2");
    // Also if the file ends in the same row, on another line of it, or behind a mark that is
    // doubled.
    assert_eq!(broken(read(&format!("{header}1,resize,\"2"))).line, Some(3));
    assert_eq!(broken(read(&row("1,\"re\nsize\",\"2"))).line, Some(4));
    assert_eq!(broken(read(&row("1,\"re\"\"size,2"))).line, Some(3));
    // A mark within a field without marks is meant as it is, and so are two of them in one with
    // marks.
    let names = FunctionNames::new(["5\" disk", "\"resize"]);
    let text = "at_s,function,took_ms\n0,5\" disk,1\n1,\"\"\"resize\",2\n";
    let trace = CsvTrace::new("run.csv", text.as_bytes(), &columns(), names).unwrap();
    let functions: Vec<_> = trace.arrivals().map(|arrival| arrival.unwrap().function).collect();
    assert_eq!(functions, [0, 1]);
}

#[test]
fn what_is_no_csv_is_not_repeated_whole() {
    let digits = "9".repeat(100_000);
    let error = broken(read_dates(&format!("at_s\n{digits}\n")));
    assert!(error.to_string().len() < 200 && error.row.len() < 2_000, "{error}");
    assert!(error.value().is_some_and(|value| error.row.contains(value)));
    let error = broken(read_dates(&format!("{digits}\n1\n")));
    assert!(error.hint().len() < 200, "{}", error.hint());
    let (_, hint) = says(read_dates("at;a|b\n1;f|g\n"));
    assert_eq!(hint, "its only column is `at;a|b`: say by `delimiter` what separates its fields");
}

#[test]
fn rows_that_are_marked() {
    let count = |text: &str| count_marked(CsvTable::new("run.csv", text.as_bytes())?, "cold");
    assert_eq!(count("at_s,cold\n0,1\n1,0\n\n2, 1 \n").unwrap(), 2);
    assert_eq!(count("cold\nTrue\nfalse\nTRUE\n").unwrap(), 2);
    assert_eq!(count("at_s,cold\n").unwrap(), 0);
    let cases = [
        (
            "at_s,cold\n0,1\n1,yes\n",
            "run.csv:3: column `cold`: `yes` is neither 0 nor 1",
            "takes 1 (or true) and 0",
        ),
        (
            "at_s,cold\n0,\n",
            "run.csv:2: column `cold`: there is no value",
            "takes 1 (or true) and 0",
        ),
        (
            "at_s,cold\n0,1\n1\n",
            "run.csv:3: this row has 1 fields, but the header has 2",
            "is the file complete?",
        ),
        ("at_s,Cold\n0,1\n", "run.csv: there is no column `cold`", "did you mean `Cold`?"),
        ("", "run.csv: the trace is empty", "names its columns"),
    ];
    for (text, message, hint) in cases {
        let said = says(count(text));
        assert_eq!(said.0, message);
        assert!(said.1.contains(hint), "{}", said.1);
    }
}

#[test]
fn arrivals_that_go_back() {
    let (message, hint) =
        says(read("at_s,function,took_ms\n1,resize,1\n2.5,resize,1\n2.25,resize,1\n"));
    assert_eq!(
        message,
        "run.csv:4: column `at_s`: this row arrives at 2.25 s, before the row above, which arrives at 2.5 s"
    );
    assert_eq!(hint, "a trace is read as the simulation goes on: sort its rows by arrival");
}

#[test]
fn functions_that_nobody_knows() {
    let near = says(read("at_s,function,took_ms\n0,resize,1\n1,Resise,1\n"));
    assert_eq!(near.0, "run.csv:3: column `function`: there is no function `Resise`");
    assert_eq!(near.1, "did you mean `resize`?");
    let far = says(read("at_s,function,took_ms\n0,0123,1\n"));
    assert_eq!(far.0, "run.csv:2: column `function`: there is no function `0123`");
    assert_eq!(far.1, "every function of a trace must be in the experiment");
    let none = says(read("at_s,function,took_ms\n0,,1\n"));
    assert_eq!(none.0, "run.csv:2: column `function`: no function is named here");
    assert_eq!(none.1, "the column `function` takes the names of functions");
}

#[test]
fn rows_of_another_length_than_the_header() {
    let long = says(read("at_s,function,took_ms\n0,resize,1\n1,x, y,1\n"));
    assert_eq!(long.0, "run.csv:3: this row has 4 fields, but the header has 3");
    assert_eq!(long.1, "a field that has a comma in it must stand in quotes");
    let short = says(read("at_s,function,took_ms\n0,resize,1\n1,resi"));
    assert_eq!(short.0, "run.csv:3: this row has 2 fields, but the header has 3");
    assert_eq!(short.1, "is the file complete?");
    let first = says(read("at_s,function,took_ms\n0\n"));
    assert_eq!(first.0, "run.csv:2: this row has 1 fields, but the header has 3");
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    // The broken row begins on line 6 each time, whatever stands before it.
    let before = [
        "at_s,function,took_ms\n0,resize,1\n\n\n0,resize,1\n",
        "at_s,function,took_ms\r\n0,resize,1\r\n\r\n\r\n0,resize,1\r\n",
        "\n\nat_s,function,took_ms\n0,resize,1\n\n",
        "\r\n\r\nat_s,function,took_ms\r\n\r\n0,resize,1\r\n",
        "\u{feff}at_s,function,took_ms\n0,resize,1\n0,resize,1\n0,resize,1\n0,resize,1\n",
        "at_s,function,took_ms\n\"0\",\"resize\",\"\n\n\n1\"\n",
    ];
    for text in before {
        for row in [
            "x,resize,1",
            "x,resize,1\n",
            "x,resize,1\r\n",
            "\"x\",\"resize\",\"1\"\n",
            "x,\"re\nsize\",1",
        ] {
            let error = broken(read(&format!("{text}{row}")));
            assert_eq!(error.line, Some(6), "{text:?} {row:?}");
            assert_eq!(error.value(), Some("x"));
        }
    }
}

#[test]
fn the_stream_is_over_after_an_error() {
    let text = "at_s,function,took_ms\n0,resize,1\nx,resize,1\n2,resize,1\n";
    let mut trace = CsvTrace::new("run.csv", text.as_bytes(), &columns(), names()).unwrap();
    assert_eq!(trace.next_arrival().unwrap(), Some(arrival(0, 0, 1_000)));
    assert!(trace.next_arrival().is_err());
    assert_eq!(trace.next_arrival().unwrap(), None);
    assert_eq!(trace.next_arrival().unwrap(), None);
}

/// Gives its text, then fails.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            Err(io::Error::other("the disk is gone"))
        } else {
            self.0.read(buffer)
        }
    }
}

#[test]
fn a_source_that_fails() {
    let text = "at_s,function,took_ms\n0,resize,1\n1,resize,1\n";
    for given in [0, 10, text.len()] {
        let trace =
            CsvTrace::new("run.csv", Failing(&text.as_bytes()[..given]), &columns(), names());
        let result: Result<Vec<_>, _> = trace.and_then(|trace| trace.arrivals().collect());
        let error = broken(result);
        assert_eq!(error.to_string(), "run.csv: cannot be read: the disk is gone");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn bytes_that_are_no_text() {
    let mut text = b"at_s,function,took_ms\n0,resize,1\n1,".to_vec();
    text.extend([0xff, 0xfe, b',', b'1', b'\n']);
    let trace = CsvTrace::new("run.csv", text.as_slice(), &columns(), names()).unwrap();
    let result: Result<Vec<_>, _> = trace.arrivals().collect();
    let (message, _) = says(result);
    assert_eq!(message, "run.csv:3: column `function`: this is not UTF-8 text");
}

/// Gives one row after the other without an end, and counts the bytes that were taken.
struct Endless {
    row: u64,
    left: Vec<u8>,
    given: std::rc::Rc<std::cell::Cell<u64>>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() {
            self.left = format!("{},resize,1\n", self.row).into_bytes();
            self.row += 1;
        }
        let count = self.left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.left[..count]);
        self.left.drain(..count);
        self.given.set(self.given.get() + count as u64);
        Ok(count)
    }
}

#[test]
fn rows_are_read_as_they_are_asked_for() {
    let given = std::rc::Rc::default();
    let left = b"at_s,function,took_ms\n".to_vec();
    let endless = Endless { row: 0, left, given: std::rc::Rc::clone(&given) };
    let mut trace = CsvTrace::new("endless", endless, &columns(), names()).unwrap();
    for row in 0..1000 {
        assert_eq!(trace.next_arrival().unwrap(), Some(arrival(row * 1000, 0, 1_000)));
    }
    // A thousand rows of at most 13 bytes, and no more than the next one beyond.
    assert!(given.get() < 1002 * 13 + 30, "{} bytes were taken", given.get());
}

proptest! {
    #![proptest_config(isotherm_testing::cases(10_000))]

    #[test]
    fn what_is_written_is_read_again(
        rows in prop::collection::vec((0u64..10_000_000_000, 0usize..4, 0u64..100_000_000_000), 1..40),
        crlf: bool,
        quoted: bool,
    ) {
        let names = ["plain", "with, comma", "with \"quotes\"", "with\nline break"];
        let mut gaps = rows;
        let mut at = 0;
        for row in &mut gaps {
            at += row.0;
            row.0 = at;
        }
        let end = if crlf { "\r\n" } else { "\n" };
        let mut text = format!("at_s,function,took_ms{end}");
        for &(at, function, took) in &gaps {
            let name = names[function];
            let name = if quoted || function > 0 { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() };
            let (whole, part) = (at / 1_000_000_000, at % 1_000_000_000);
            let (took_ms, took_ns) = (took / 1_000_000, took % 1_000_000);
            text += &format!("{whole}.{part:09},{name},{took_ms}.{took_ns:06}{end}");
        }
        let trace = CsvTrace::new("x", text.as_bytes(), &columns(), FunctionNames::new(names)).unwrap();
        let read: Vec<Arrival> = trace.arrivals().collect::<Result<_, _>>().unwrap();
        let expected: Vec<Arrival> = gaps
            .iter()
            .map(|&(at, function, took)| Arrival {
                at: Time::from_nanos(at),
                function: function as u32,
                duration: Some(Duration::from_nanos(took)),
                tag: None,
            })
            .collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a-z0-9_,.\"\r\n \u{feff}é-]{0,200}") {
        let with_header = format!("at_s,function,took_ms\n{text}");
        for text in [text, with_header] {
            // An error is the last item, and no item comes after it.
            if let Ok(trace) = CsvTrace::new("x", text.as_bytes(), &columns(), names()) {
                let results: Vec<_> = trace.arrivals().collect();
                let errors = results.iter().filter(|result| result.is_err()).count();
                prop_assert!(errors <= 1);
                prop_assert!(errors == 0 || results.last().is_some_and(Result::is_err));
            }
        }
    }
}
