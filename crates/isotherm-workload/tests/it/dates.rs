//! Dates of the calendar, origins, delimiters and parts of a trace.

use isotherm_kernel::Time;
use isotherm_workload::{
    Arrival, ArrivalList, Columns, CsvDialect, CsvTable, DateColumn, FunctionColumn, FunctionNames,
    Origin, Part, PartOf, TimeColumn, TimeUnit, Trace, Workload, check_trace,
};
use proptest::prelude::*;

fn columns(arrival: DateColumn) -> Columns {
    Columns { arrival, function: FunctionColumn::Fixed(0), duration: None }
}

/// The dates of a trace in nanoseconds, or what is wrong with it.
fn dates(text: &str, dialect: CsvDialect, columns: &Columns) -> Result<Vec<u64>, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let table =
        CsvTable::of_dialect("t.csv", text.as_bytes(), dialect).map_err(|error| told(&error))?;
    let trace = Trace::of_table(table, columns, FunctionNames::default());
    let arrivals: Result<Vec<_>, _> = trace.map_err(|error| told(&error))?.arrivals().collect();
    let arrivals = arrivals.map_err(|error| told(&error))?;
    Ok(arrivals.iter().map(|arrival| arrival.at.as_nanos()).collect())
}

fn plain(text: &str, arrival: DateColumn) -> Result<Vec<u64>, String> {
    dates(text, CsvDialect::default(), &columns(arrival))
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn dates_of_the_calendar_count_from_the_first() {
    let text =
        "at,b\n2024-05-01T23:59:59.5Z,1\n2024-05-02 00:00:00,2\n2024-05-02T02:00:00+02:00,3\n";
    assert_eq!(plain(text, DateColumn::iso8601("at")), Ok(vec![0, SECOND / 2, SECOND / 2]));
    let midnight = isotherm_workload::calendar_nanos("2024-05-01").unwrap();
    let from = DateColumn::iso8601("at").from(Origin::At(midnight));
    assert_eq!(plain(text, from).unwrap()[1], 86_400 * SECOND);
}

#[test]
fn numbers_count_from_an_origin() {
    // Long rows behind each other, so that they are read in one go as well.
    let text = "at,note\n1714564800.25,some text\n1714564801,some text\n1714564803.125,some text\n";
    let column = DateColumn::new("at", TimeUnit::SECOND);
    let first = plain(text, column.clone().from(Origin::First));
    assert_eq!(first, Ok(vec![0, SECOND * 3 / 4, SECOND * 23 / 8]));
    let at = plain(text, column.clone().from(Origin::At(1_714_564_800 * SECOND)));
    assert_eq!(at.unwrap()[0], SECOND / 4);
    let late = plain(text, column.from(Origin::At(1_714_564_801 * SECOND)));
    assert_eq!(
        late.unwrap_err(),
        "t.csv:2: column `at`: this row arrives 0.75 s before the origin of the trace"
    );
}

#[test]
fn a_row_before_the_first_is_named() {
    let text = "at\n2024-05-01T00:00:01Z\n2024-05-01T00:00:00.75Z\n";
    assert_eq!(
        plain(text, DateColumn::iso8601("at")).unwrap_err(),
        "t.csv:3: column `at`: this row arrives 0.25 s before the first row, which is the origin"
    );
    let table = CsvTable::new("t.csv", text.as_bytes()).unwrap();
    let columns = columns(DateColumn::iso8601("at"));
    let check =
        check_trace(table, &columns, FunctionNames::default(), &Part::default(), 20).unwrap();
    assert_eq!(
        check.errors[0].hint(),
        "a trace is read as the simulation goes on: sort its rows by arrival"
    );
}

#[test]
fn what_is_no_date_is_told_with_a_hint() {
    let hint = |text: &str, arrival: DateColumn| {
        let table = CsvTable::new("t.csv", text.as_bytes()).unwrap();
        let names = FunctionNames::default();
        let check = check_trace(table, &columns(arrival), names, &Part::default(), 20).unwrap();
        let error = &check.errors[0];
        format!("{error}; {}", error.hint())
    };
    let seconds = || DateColumn::new("at", TimeUnit::SECOND);
    assert_eq!(
        hint("at\n2024-05-01\n", seconds()),
        "t.csv:2: column `at`: `2024-05-01` is not a number; this is a date of the calendar: \
         give it the unit \"iso\""
    );
    assert_eq!(
        hint("at\n12\n", DateColumn::iso8601("at")),
        "t.csv:2: column `at`: `12` is not a date; this is a number: give its unit, such as \"s\""
    );
    assert_eq!(
        hint("at\nMay 1st\n", DateColumn::iso8601("at")),
        "t.csv:2: column `at`: `May 1st` is not a date; the column `at` takes dates \
         like 2024-05-01T12:00:00.250Z"
    );
    assert_eq!(
        hint("at;b\n1,5;2\n", seconds()),
        "t.csv:2: column `at`: `1,5` is not a number; numbers have a point, unless \
         `decimal = \",\"` says otherwise"
    );
}

#[test]
fn delimiters_are_told_by_the_header() {
    let seconds = || DateColumn::new("at", TimeUnit::SECOND);
    for (text, expected) in [
        ("at;b\n1;2\n2;3\n", Ok(vec![SECOND, 2 * SECOND])),
        ("b\tat\nx y\t1\n\n\t2\n", Ok(vec![SECOND, 2 * SECOND])),
        ("b|at\r\n\"x|y\"|1\r\n", Ok(vec![SECOND])),
        ("\u{feff}\"a;b\";at\n\"x\n;y\";1\n", Ok(vec![SECOND])),
        // A comma is the usual one, whatever else is there.
        ("a;b,at\nx;y,1\n", Ok(vec![SECOND])),
        ("at;b\n1;2;3\n", Err("t.csv:2: this row has 3 fields, but the header has 2".to_owned())),
        ("at;b|c\n1;2|3\n", Err("t.csv: there is no column `at`".to_owned())),
        ("at;b\n\n\nx;2\n", Err("t.csv:4: column `at`: `x` is not a number".to_owned())),
        (
            "b;at\n1;2\n\n\"x;1\n",
            Err("t.csv:4: a quotation mark is opened here and never closed".to_owned()),
        ),
    ] {
        assert_eq!(plain(text, seconds()), expected, "{text}");
    }
    let given = CsvDialect { delimiter: Some(b'|'), ..CsvDialect::default() };
    assert_eq!(dates("at|b;c\n1|2;3\n", given, &columns(seconds())), Ok(vec![SECOND]));
}

#[test]
fn decimals_may_follow_a_comma() {
    let dialect = CsvDialect { delimiter: Some(b';'), decimal_mark: b',' };
    let mut columns = columns(DateColumn::new("at", TimeUnit::SECOND));
    columns.duration = Some(TimeColumn { name: "ms".to_owned(), unit: TimeUnit::MILLISECOND });
    let read = |text: &str| dates(text, dialect, &columns);
    assert_eq!(read("at;ms\n0,25;1,5\n1;2\n"), Ok(vec![SECOND / 4, SECOND]));
    assert_eq!(
        read("at;ms\n0;0\n1.500;2\n").unwrap_err(),
        "t.csv:3: column `at`: `1.500` is not a number"
    );
}

proptest! {
    #![proptest_config(isotherm_testing::cases(500))]

    /// A part is what a list says that is cut by hand, and a check counts it.
    #[test]
    fn a_part_of_a_trace(
        gaps in prop::collection::vec(0u64..4, 1..30),
        from in 0u64..40,
        length in prop::option::of(1u64..40),
        most in prop_oneof![Just(u64::MAX), 0u64..20],
    ) {
        let dates: Vec<u64> = gaps.iter().scan(0, |sum, gap| { *sum += gap; Some(*sum) }).collect();
        let time = |second: u64| Time::from_nanos(second * SECOND);
        let until = length.map_or(Time::NEVER, |length| time(from + length));
        let part = Part { from: time(from), until, most };
        let expected: Vec<Time> = dates
            .iter()
            .filter(|&&at| at >= from && time(at) < until)
            .take(usize::try_from(most).unwrap())
            .map(|at| time(at - from))
            .collect();
        let list = dates.iter().map(|&at| Arrival::new(time(at), 0)).collect();
        let played: Result<Vec<_>, _> =
            PartOf::new(ArrivalList::new(list).unwrap(), part).arrivals().collect();
        let played: Vec<Time> = played.unwrap().iter().map(|arrival| arrival.at).collect();
        prop_assert_eq!(&played, &expected);
        let text = dates.iter().map(|at| format!("\n{at}")).collect::<String>();
        let table = CsvTable::new("t.csv", std::io::Cursor::new(format!("at{text}"))).unwrap();
        let columns = columns(DateColumn::new("at", TimeUnit::SECOND));
        let check = check_trace(table, &columns, FunctionNames::default(), &part, 20).unwrap();
        prop_assert_eq!(check.played, expected.len() as u64);
        let ends = (expected.first().copied(), expected.last().copied());
        prop_assert_eq!((check.first, check.last), ends);
    }
}
