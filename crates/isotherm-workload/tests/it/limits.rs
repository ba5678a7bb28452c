//! What has no end: rows, and silence between arrivals.

use std::io::{Read, Write};

use flate2::write::GzEncoder;
use isotherm_kernel::{Duration, RandomStreams, Time};
use isotherm_workload::{
    Arrival, BurstState, Bursts, Columns, CsvTable, CsvTrace, DateColumn, DayShape, Diurnal,
    FunctionColumn, FunctionNames, Generator, GeneratorConfig, JsonlTrace, LONGEST_LINE, Merge,
    Next, Process, TimeUnit, Workload, WorkloadError, distinct_values,
};

fn columns() -> Columns {
    Columns {
        arrival: DateColumn::new("at", TimeUnit::SECOND),
        function: FunctionColumn::Named("f".into()),
        duration: None,
    }
}

fn csv(text: impl Read) -> Result<Vec<Arrival>, WorkloadError> {
    CsvTrace::new("x.csv", text, &columns(), FunctionNames::new(["f"]))?.arrivals().collect()
}

fn jsonl(text: impl Read) -> Result<Vec<Arrival>, WorkloadError> {
    JsonlTrace::new("x.jsonl", text, &columns(), FunctionNames::new(["f"]))?.arrivals().collect()
}

#[track_caller]
fn message<T: std::fmt::Debug>(result: Result<T, WorkloadError>) -> String {
    result.unwrap_err().to_string()
}

/// Bytes that never come to an end, behind these.
fn endless(begin: &'static [u8], byte: u8) -> impl Read {
    begin.chain(std::io::repeat(byte))
}

#[test]
fn a_row_is_of_limited_length() {
    // A header that never ends, rows that never end, and a quotation mark that is never closed.
    assert_eq!(message(csv(endless(b"at,f", b','))), "x.csv:1: this row is longer than 1 MiB");
    assert_eq!(
        message(csv(endless(b"at,f\n0,f\n1,", b'f'))),
        "x.csv:3: this row is longer than 1 MiB"
    );
    assert_eq!(
        message(csv(endless(b"at,f\n0,f\n1,\"", b'\n'))),
        "x.csv:3: this row is longer than 1 MiB"
    );
    assert_eq!(
        message(csv(endless(b"at,f\n0,f\n\"1\",", b','))),
        "x.csv:3: this row is longer than 1 MiB"
    );
    assert_eq!(
        message(jsonl(endless(b"{\"at\":0,\"f\":\"f\"}\n{", b' '))),
        "x.jsonl:2: this row is longer than 1 MiB"
    );
}

/// The limit is the same wherever the row lies in the pieces that are read, quoted or not.
#[test]
fn the_longest_row_is_read_and_no_longer_one() {
    for before in [0, 1, 100_000] {
        for quote in ["", "\""] {
            let row = |length: usize| {
                format!("1,{quote}{}{quote},f\n", "x".repeat(length - 4 - 2 * quote.len()))
            };
            let columns = "at,note,f\n";
            let text = |length: usize| {
                format!("{columns}{}{}2,,f\n", "0,,f\n".repeat(before + 1), row(length))
            };
            let read = |length: usize| csv(text(length).as_bytes()).map(|arrivals| arrivals.len());
            assert_eq!(read(LONGEST_LINE).unwrap(), before + 3, "{before} {quote}");
            let line = before + 3;
            assert_eq!(
                message(read(LONGEST_LINE + 8)),
                format!("x.csv:{line}: this row is longer than 1 MiB")
            );
        }
    }
    let line =
        |length: usize| format!("{{\"at\":0,\"f\":\"f\",\"x\":\"{}\"}}", "x".repeat(length - 23));
    assert_eq!(line(LONGEST_LINE).len(), LONGEST_LINE);
    for end in ["", "\n", "\r\n"] {
        assert_eq!(jsonl((line(LONGEST_LINE) + end).as_bytes()).unwrap().len(), 1);
        let longer = line(LONGEST_LINE + 1) + end;
        assert_eq!(message(jsonl(longer.as_bytes())), "x.jsonl:1: this row is longer than 1 MiB");
    }
}

#[test]
fn a_row_of_compressed_data_is_of_limited_length() {
    // Commas, a value, and a quotation mark that is never closed.
    for (begin, byte) in [("at,f\n", b','), ("at,f\n1,", b'x'), ("at,f\n1,\"", b' ')] {
        let text = [begin.as_bytes(), &vec![byte; 8 << 20]].concat();
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        for packed in [gzip.finish().unwrap(), zstd::encode_all(&text[..], 1).unwrap()] {
            // What lies far behind the limit is never unpacked: here it is not there.
            let message = message(csv(&packed[..packed.len() - 16]));
            assert_eq!(message, "x.csv:2: this row is longer than 1 MiB");
        }
    }
}

#[test]
fn bytes_that_are_no_text() {
    // The place is that of the bytes, whatever is shown of what is before them.
    let error = match jsonl(&b"{\"at\":0,\"f\":\"f\"}\n{\"at\":1,\"f\":\"caf\xe9\"}\n"[..]) {
        Err(WorkloadError::Trace(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(error.to_string(), "x.jsonl:2: this is not UTF-8 text");
    assert_eq!(error.field.map(|at| &error.row[at..]), Some("\u{fffd}\"}"));
    assert!(error.hint().contains("UTF-8"));
    for text in [&b"\"\xa2\x00"[..], b"\xff", b"{\"\xff\":\xfe}", b"\xa2{\"at\": 0, \"f\": x}"] {
        let error = jsonl(text).unwrap_err();
        assert_eq!(error.to_string(), "x.jsonl:1: this is not UTF-8 text");
    }
    assert_eq!(
        message(csv(&b"at,f\n0,f\n1,caf\xe9\n"[..])),
        "x.csv:3: column `f`: this is not UTF-8 text"
    );
    let table = CsvTable::new("x.csv", &b"at,f\n0,f\n1,caf\xe9\n"[..]).unwrap();
    assert_eq!(message(distinct_values(table, "f")), "x.csv:3: column `f`: this is not UTF-8 text");
}

#[test]
fn json_that_is_none_is_told_in_plain_words() {
    for (text, reason) in [
        ("{\"at\":0,\"f\":", "it ends in the middle"),
        ("[1]", "it is another value"),
        ("{\"at\" 1}", "`:` is missing between a key and its value"),
        ("{\"at\":1 2}", "`,` or the closing `}` is missing"),
        ("{\"at\":[1 2]}", "`,` or the closing `]` is missing"),
        ("{\"at\":1} x", "something follows behind its end"),
        ("{\"at\":1,}", "nothing follows behind a comma"),
        ("{at:1}", "a key is a string in quotes"),
        (
            "{\"at\":\"\u{1}\"}",
            "a string has a control character in it, which is written as an escape such as `\\n`",
        ),
        ("{\"at\":\"\\x\"}", "a string has an escape in it that JSON does not know"),
        ("{\"at\":x}", "a value is missing, or is not written in JSON"),
    ] {
        assert_eq!(
            message(jsonl(text.as_bytes())),
            format!("x.jsonl:1: this line is no JSON object: {reason}")
        );
    }
    let deep = format!("{{\"at\":{}", "[".repeat(100_000));
    assert!(message(jsonl(deep.as_bytes())).ends_with("it ends in the middle"));
}

/// A process in which millions of changes lie between two arrivals.
fn rare(until: Time) -> Generator {
    let state = |rate_per_s, millis| BurstState {
        rate_per_s,
        mean: Duration::from_millis(millis),
        next: Vec::new(),
    };
    let bursts = Bursts::new(vec![state(0.0, 1), state(0.02, 1)]).unwrap();
    let config =
        GeneratorConfig { until: Some(until), ..GeneratorConfig::new(Process::Bursts(bursts)) };
    Generator::new(config, &RandomStreams::new(7), "workload/1").unwrap()
}

fn night(until: Time) -> Generator {
    let shape = DayShape::Profile(vec![0.0, 0.0, 0.0, 1.0]);
    let diurnal = Diurnal::new(100.0, Duration::from_secs(2000), shape).unwrap();
    let config =
        GeneratorConfig { until: Some(until), ..GeneratorConfig::new(Process::Diurnal(diurnal)) };
    Generator::new(config, &RandomStreams::new(7), "workload/2").unwrap()
}

/// The arrivals of a workload that is looked at step by step, and how often it was silent.
fn looked_at(mut workload: impl Workload) -> (Vec<Arrival>, usize) {
    let (mut arrivals, mut silences, mut last) = (Vec::new(), 0, Time::ZERO);
    loop {
        let at = match workload.poll().unwrap() {
            Next::Arrival(arrival) => {
                arrivals.push(arrival);
                arrival.at
            }
            Next::Silence(until) => {
                silences += 1;
                until
            }
            Next::End => return (arrivals, silences),
        };
        assert!(at >= last, "dates never go back, neither those up to which there is silence");
        last = at;
    }
}

#[test]
fn whoever_looks_step_by_step_finds_the_same_arrivals() {
    let until = Time::from_secs_f64(4000.0);
    let all = |workload: &dyn Fn() -> Box<dyn Workload + Send>| {
        let at_once: Result<Vec<_>, _> = workload().arrivals().collect();
        let (by_steps, silences) = looked_at(workload());
        assert_eq!(at_once.unwrap(), by_steps);
        (by_steps, silences)
    };
    let (of_rare, silences) = all(&|| Box::new(rare(until)));
    assert!(of_rare.len() > 5 && silences > 100, "{} {silences}", of_rare.len());
    let (of_night, silences) = all(&|| Box::new(night(until)));
    assert!(of_night.len() > 1000 && silences > 10, "{} {silences}", of_night.len());
    // Of several, the arrivals of all, by date.
    let (merged, silences) =
        all(&|| Box::new(Merge::new(vec![Box::new(rare(until)), Box::new(night(until))])));
    let mut expected = [of_rare, of_night].concat();
    expected.sort_by_key(|arrival| arrival.at);
    assert_eq!(merged, expected);
    assert!(silences > 0);
}

/// One whose next arrival is years of work away says so at once.
#[test]
fn a_process_that_finds_nothing_says_up_to_when() {
    let state =
        |rate_per_s| BurstState { rate_per_s, mean: Duration::from_nanos(1), next: Vec::new() };
    let bursts = Bursts::new(vec![state(0.0), state(1e-9)]).unwrap();
    let config =
        GeneratorConfig { count: Some(1), ..GeneratorConfig::new(Process::Bursts(bursts)) };
    let mut generator = Generator::new(config, &RandomStreams::new(0), "workload/1").unwrap();
    let mut last = Time::ZERO;
    for _ in 0..3 {
        let Ok(Next::Silence(until)) = generator.poll() else {
            panic!("it cannot have found anything")
        };
        assert!(until > last);
        last = until;
    }
}
