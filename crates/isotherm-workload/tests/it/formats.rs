//! Traces in JSONL and Parquet: that they say the same as in CSV, and what each broken one says.

use std::sync::Arc;

use bytes::Bytes;
use isotherm_workload::{
    Arrival, Columns, CsvTrace, DateColumn, FunctionColumn, FunctionNames, JsonlTable, JsonlTrace,
    Origin, ParquetTable, ParquetTrace, Part, TimeColumn, TimeUnit, Workload, WorkloadError,
    check_trace,
};
use parquet::basic::{Compression, Encoding};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

fn columns() -> Columns {
    Columns {
        arrival: DateColumn::new("at_ms", TimeUnit::MILLISECOND),
        function: FunctionColumn::Named("function".to_owned()),
        duration: Some(TimeColumn { name: "took_s".to_owned(), unit: TimeUnit::SECOND }),
    }
}

fn names() -> FunctionNames {
    FunctionNames::new(["resize", "thümbnail \"1\""])
}

fn csv(text: &str) -> Result<Vec<Arrival>, WorkloadError> {
    CsvTrace::new("run.csv", text.as_bytes(), &columns(), names())?.arrivals().collect()
}

fn jsonl(text: &str) -> Result<Vec<Arrival>, WorkloadError> {
    JsonlTrace::new("run.jsonl", text.as_bytes(), &columns(), names())?.arrivals().collect()
}

fn parquet(bytes: Vec<u8>) -> Result<Vec<Arrival>, WorkloadError> {
    ParquetTrace::new("run.parquet", Bytes::from(bytes), &columns(), names())?.arrivals().collect()
}

/// The dates of a Parquet file whose only column is of this type.
fn dates(kind: &str, values: &[i64], column: DateColumn) -> Result<Vec<u64>, WorkloadError> {
    let schema = format!("message m {{ required {kind}; }}");
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut writer = group.next_column().unwrap().unwrap();
    writer.typed::<Int64Type>().write_batch(values, None, None).unwrap();
    writer.close().unwrap();
    group.close().unwrap();
    let bytes = Bytes::from(file.into_inner().unwrap());
    let columns = Columns { arrival: column, function: FunctionColumn::Fixed(0), duration: None };
    let trace = ParquetTrace::new("t.parquet", bytes, &columns, FunctionNames::default())?;
    trace.arrivals().map(|arrival| Ok(arrival?.at.as_nanos())).collect()
}

/// The type says the unit, whatever the name ends in.
#[test]
fn timestamps_of_parquet_have_a_unit() {
    let first = |unit| DateColumn::new("at_s", unit).from(Origin::First);
    for (kind, unit) in [
        ("int64 at_s (TIMESTAMP_MILLIS)", TimeUnit::MILLISECOND),
        ("int64 at_s (TIMESTAMP(MICROS,true))", TimeUnit::MICROSECOND),
        ("int64 at_s (TIMESTAMP(NANOS,false))", TimeUnit::NANOSECOND),
        ("int64 at_s", TimeUnit::SECOND),
    ] {
        let got = dates(kind, &[1_714_564_800, 1_714_564_803], first(unit)).unwrap();
        assert_eq!(got, [0, 3 * unit.nanos()], "{kind}");
    }
    let kind = "int64 at_s (TIMESTAMP(MICROS,true))";
    let (message, hint) = says(dates(kind, &[1], first(TimeUnit::SECOND)));
    assert_eq!(message, "t.parquet: the dates of column `at_s` are in us by their type, not in s");
    assert_eq!(hint, "leave the unit out");
}

/// The message and the hint.
#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T, WorkloadError>) -> (String, String) {
    match result {
        Err(WorkloadError::Trace(error)) => (error.to_string(), error.hint()),
        other => panic!("not an error of the trace: {other:?}"),
    }
}

/// A row: when in ms, which function, how long in s.
type Row = (u64, Option<usize>, f64);

const FUNCTIONS: [&str; 2] = ["resize", "thümbnail \"1\""];

/// A Parquet file with these rows, in groups of so many.
fn written(rows: &[Row], group: usize, compression: Compression) -> Vec<u8> {
    written_by(rows, group, WriterProperties::builder().set_compression(compression).build())
}

fn written_by(rows: &[Row], group: usize, properties: WriterProperties) -> Vec<u8> {
    let schema = "message m { required double took_s; optional int64 note; required int64 at_ms; optional binary function (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for rows in rows.chunks(group) {
        let mut writer = file.next_row_group().unwrap();
        let mut column = writer.next_column().unwrap().unwrap();
        let took: Vec<f64> = rows.iter().map(|row| row.2).collect();
        column.typed::<DoubleType>().write_batch(&took, None, None).unwrap();
        column.close().unwrap();
        let mut column = writer.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[], Some(&vec![0; rows.len()]), None).unwrap();
        column.close().unwrap();
        let mut column = writer.next_column().unwrap().unwrap();
        let at: Vec<i64> = rows.iter().map(|row| row.0 as i64).collect();
        column.typed::<Int64Type>().write_batch(&at, None, None).unwrap();
        column.close().unwrap();
        let mut column = writer.next_column().unwrap().unwrap();
        let names: Vec<ByteArray> =
            rows.iter().filter_map(|row| row.1).map(|name| FUNCTIONS[name].into()).collect();
        let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.1.is_some())).collect();
        column.typed::<ByteArrayType>().write_batch(&names, Some(&levels), None).unwrap();
        column.close().unwrap();
        writer.close().unwrap();
    }
    file.into_inner().unwrap()
}

proptest! {
    #![proptest_config(isotherm_testing::cases(1_500))]

    /// One table, three formats, the same arrivals: also over batches and groups of rows, and
    /// whatever compresses pages.
    #[test]
    fn a_table_is_the_same_in_every_format(
        rows in prop::collection::vec((0u64..1_000_000, 0usize..2, 0.0f64..1e6), 1..3_000),
        group in 1usize..2_000,
        compression in prop_oneof![
            Just(Compression::UNCOMPRESSED), Just(Compression::SNAPPY), Just(Compression::LZ4_RAW),
            Just(Compression::GZIP(Default::default())), Just(Compression::ZSTD(Default::default())),
            Just(Compression::BROTLI(Default::default())),
        ],
    ) {
        let mut rows: Vec<Row> = rows.into_iter().map(|(at, name, took)| (at, Some(name), took)).collect();
        rows.sort_by_key(|row| row.0);
        let mut as_csv = "at_ms,function,took_s\n".to_owned();
        let mut as_jsonl = String::new();
        for (at, name, took) in &rows {
            let name = FUNCTIONS[name.unwrap()];
            as_csv += &format!("{at},\"{}\",{took}\n", name.replace('"', "\"\""));
            as_jsonl += &format!("{}\n", serde_json::json!({ "took_s": took, "note": [{}], "function": name, "at_ms": at }));
        }
        let expected = csv(&as_csv).unwrap();
        prop_assert_eq!(&jsonl(&as_jsonl).unwrap(), &expected);
        prop_assert_eq!(&parquet(written(&rows, group, compression)).unwrap(), &expected);
    }
}

#[test]
fn lines_of_json_are_read_with_tolerance() {
    let expected = csv("at_ms,function,took_s\n1.5,resize,2\n2,resize,0.25\n").unwrap();
    // Numbers as text, blank lines, a byte order mark, other line ends; what is not asked for may
    // be there twice.
    let text = "\u{feff}{\"at_ms\":\"1.5\",\"function\":\"\\u0072esize\",\"took_s\":2}\r\n\n  \n\
                {\"function\":\"resize\",\"more\":1,\"at_ms\":2.0e0,\"took_s\":0.25,\"more\":null}";
    assert_eq!(jsonl(text).unwrap(), expected);
}

#[test]
fn what_is_wrong_with_lines_of_json() {
    let good = "{\"at_ms\":1,\"function\":\"resize\",\"took_s\":1}\n";
    assert_eq!(says(jsonl("")).0, "run.jsonl: the trace is empty");
    let (message, hint) = says(jsonl("[{\"at_ms\":1}]\n"));
    assert_eq!(message, "run.jsonl:1: this line is no JSON object: it is another value");
    assert_eq!(hint, "each line is a JSON object, like { \"arrival_s\": 0.5 }");
    let (message, hint) = says(jsonl("{\"at\":1,\"function\":\"resize\",\"took_s\":1}\n"));
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("run.jsonl: there is no column `at_ms`", "did you mean `at`?")
    );
    let rest = [
        (
            "{\"at_ms\":0,\"function\":\"resize\",\"took_s\":1}",
            "column `at_ms`: this row arrives at 0 s, before the row above, which arrives at 0.001 s",
        ),
        ("{\"at_ms\":2,\"function\":\"resize\"}", "column `took_s`: there is no value"),
        (
            "{\"at_ms\":2,\"function\":\"resize\",\"took_s\":null}",
            "column `took_s`: there is no value",
        ),
        (
            "{\"at_ms\":2,\"function\":\"resize\",\"took_s\":[1]}",
            "column `took_s`: `[1]` is not a number",
        ),
        (
            "{\"at_ms\":2,\"function\":\"resise\",\"took_s\":1}",
            "column `function`: there is no function `resise`",
        ),
        (
            "{\"at_ms\":2,\"function\":\"resize\",\"took_s\":1",
            "this line is no JSON object: it ends in the middle",
        ),
        ("{} {}", "this line is no JSON object: something follows behind its end"),
        (
            "{\"at_ms\":2,\"took_s\":1,\"function\":\"resize\",\"took_s\":null}",
            "there are two columns `took_s`",
        ),
    ];
    for (line, expected) in rest {
        assert_eq!(says(jsonl(&format!("{good}{line}\n"))).0, format!("run.jsonl:2: {expected}"));
    }
    // All of them at once, with where they are.
    let text: String = std::iter::once(good.trim_end())
        .chain(rest.map(|(line, _)| line))
        .collect::<Vec<_>>()
        .join("\n");
    let table = JsonlTable::new("run.jsonl", text.as_bytes()).unwrap();
    let check = check_trace(table, &columns(), names(), &Part::default(), 20).unwrap();
    assert_eq!((check.rows, check.errors.len()), (9, 8), "one in each line but the first");
    let places: Vec<_> =
        check.errors.iter().filter_map(|error| Some(&error.row[error.field?..])).take(2).collect();
    assert_eq!(places, ["0,\"function\":\"resize\",\"took_s\":1}", "null}"]);
}

#[test]
fn what_is_wrong_with_parquet() {
    let rows = [(1, Some(0), 1.0), (3, Some(1), 2.0), (2, None, -1.0)];
    let bytes = written(&rows, 10, Compression::SNAPPY);
    assert_eq!(
        says(parquet(bytes.clone())).0,
        "run.parquet:3: column `at_ms`: this row arrives at 0.002 s, before the row above, which arrives at 0.003 s"
    );
    let table = ParquetTable::new("run.parquet", Bytes::from(bytes.clone())).unwrap();
    let check = check_trace(table, &columns(), names(), &Part::default(), 20).unwrap();
    let errors: Vec<_> =
        check.errors.iter().map(|error| (error.to_string(), error.row.as_str())).skip(1).collect();
    assert_eq!(
        errors,
        [
            ("run.parquet:3: column `took_s`: `-1` is negative".to_owned(), "2,,-1"),
            ("run.parquet:3: column `function`: no function is named here".to_owned(), "2,,-1"),
        ]
    );
    let (message, hint) = says(parquet(bytes[..bytes.len() - 20].to_vec()));
    assert_eq!(
        message,
        "run.parquet: the file cannot be read as Parquet: the end of the file, which names its columns, is damaged or not there"
    );
    assert_eq!(hint, "is it a Parquet file, and was it copied to its end?");
    assert!(
        says(parquet(Vec::new()))
            .0
            .starts_with("run.parquet: the file cannot be read as Parquet: ")
    );
    assert_eq!(
        says(parquet(written(&[], 10, Compression::SNAPPY))).0,
        "run.parquet: the trace has a header, but no row"
    );
    let other = Columns { arrival: DateColumn::new("at_s", TimeUnit::SECOND), ..columns() };
    let missing = ParquetTrace::new("run.parquet", Bytes::from(bytes.clone()), &other, names());
    assert_eq!(
        says(missing),
        ("run.parquet: there is no column `at_s`".to_owned(), "did you mean `at_ms`?".to_owned())
    );
    // A reader of text tells it apart.
    let (message, hint) = says(CsvTrace::new("run.csv", bytes.as_slice(), &columns(), names()));
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("run.csv: this is a Parquet file, not text", "a workload of kind `parquet` reads it")
    );
}

/// A value that many rows share is there once, and one that nobody has written on purpose is
/// refused with its row.
#[test]
fn long_values_of_parquet() {
    let written = |length: usize| {
        let schema = "message m { required int64 at_ms; required binary function (UTF8); }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_dictionary_page_size_limit(8 << 20)
            .set_statistics_enabled(EnabledStatistics::None);
        let mut file =
            SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build())).unwrap();
        let mut group = file.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int64Type>()
            .write_batch(&(0..1000).collect::<Vec<_>>(), None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let long = ByteArray::from(vec![b'a'; length]);
        let names: Vec<_> = (0..1000)
            .map(|row| if row < 2 { ByteArray::from("resize") } else { long.clone() })
            .collect();
        column.typed::<ByteArrayType>().write_batch(&names, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        file.into_inner().unwrap()
    };
    let columns = Columns { duration: None, ..columns() };
    let read = |bytes: Vec<u8>, function: String| {
        let functions = FunctionNames::new(["resize".to_owned(), function]);
        ParquetTrace::new("run.parquet", Bytes::from(bytes), &columns, functions)?
            .arrivals()
            .collect::<Result<Vec<_>, _>>()
    };
    let most = 1 << 20;
    let all = read(written(most), "a".repeat(most)).unwrap();
    assert_eq!(
        all.iter().map(|arrival| arrival.function).collect::<Vec<_>>(),
        [[0; 2].to_vec(), [1; 998].to_vec()].concat()
    );
    let (message, _) = says(read(written(most + 1), "a".repeat(most + 1)));
    assert_eq!(message, "run.parquet:3: column `function`: this value is longer than 1 MiB");
}

/// All encodings of text say the same, with values that are missing and without, in pages of both
/// versions.
#[test]
fn text_is_the_same_in_every_encoding() {
    let rows: Vec<Row> = (0..5000).map(|row| (row, Some(row as usize % 7 / 4), 1.5)).collect();
    let plain = parquet(written(&rows, 3000, Compression::UNCOMPRESSED)).unwrap();
    let missing: Vec<Row> =
        rows.iter().map(|row| (row.0, row.1.filter(|_| row.0 < 4000), row.2)).collect();
    for encoding in [Encoding::PLAIN, Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY]
    {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let by = |rows: &[Row], compression| {
                let properties = WriterProperties::builder()
                    .set_compression(compression)
                    .set_writer_version(version)
                    .set_dictionary_enabled(false)
                    .set_data_page_row_count_limit(700)
                    .set_write_batch_size(100)
                    .set_column_encoding("function".into(), encoding);
                parquet(written_by(rows, 3000, properties.build()))
            };
            for compression in [
                Compression::UNCOMPRESSED,
                Compression::GZIP(Default::default()),
                Compression::LZ4,
                Compression::BROTLI(Default::default()),
            ] {
                assert_eq!(by(&rows, compression).unwrap(), plain, "{encoding} {compression}");
            }
            let (message, _) = says(by(&missing, Compression::GZIP(Default::default())));
            let expected = "run.parquet:4001: column `function`: no function is named here";
            assert_eq!(message, expected, "{encoding}");
        }
    }
}

/// A page that unpacks to more than it says.
#[test]
fn a_page_that_lies_of_its_size() {
    let rows: Vec<Row> = (0..2000).map(|row| (row, Some(0), 1.5)).collect();
    for compression in
        [Compression::GZIP(Default::default()), Compression::BROTLI(Default::default())]
    {
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None);
        let mut bytes = written_by(&rows, 1000, properties.build());
        // A page of 1000 numbers of 8 bytes: its kind, and 8000, of which signs are folded. The
        // last of them is the dates of the second group.
        let head = [0x15, 0, 0x15, 0x80, 0x7d, 0x15];
        let is_head = |at: &usize| bytes[*at..].starts_with(&head);
        let heads: Vec<usize> = (0..bytes.len()).filter(is_head).collect();
        assert_eq!(heads.len(), 4);
        bytes[heads[3] + 4] = 0x7c;
        let (message, hint) = says(parquet(bytes));
        let expected = "run.parquet:1000: the file cannot be read as Parquet: page 1 of its column \
                        `at_ms` in row group 2: it says that it unpacks to 7936 bytes, and unpacks \
                        to more";
        assert_eq!(message, expected);
        assert!(hint.contains("write it again"), "{hint}");
    }
}

/// Values that begin with the one before them: a file of one of them unfolds to hundreds.
#[test]
fn values_that_unfold() {
    let schema = "message m { required int64 at_ms; required binary function (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_column_encoding("function".into(), Encoding::DELTA_BYTE_ARRAY)
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::None);
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build()));
    let file = file.as_mut().unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let dates: Vec<_> = (0..300).collect();
    column.typed::<Int64Type>().write_batch(&dates, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let names = vec![ByteArray::from(vec![b'a'; 1 << 20]); 300];
    column.typed::<ByteArrayType>().write_batch(&names, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    file.finish().unwrap();
    let bytes = Bytes::copy_from_slice(file.inner());
    assert!(bytes.len() < 1 << 17, "{}", bytes.len());
    let columns = Columns { duration: None, ..columns() };
    let functions = FunctionNames::new(["a".repeat(1 << 20)]);
    let read = ParquetTrace::new("run.parquet", bytes, &columns, functions);
    let all = read.and_then(|trace| trace.arrivals().collect::<Result<Vec<_>, _>>());
    let (message, hint) = says(all);
    let expected = "run.parquet: the file cannot be read as Parquet: page 1 of its column \
                    `function` in row group 1: its values have more than 256 MiB when they are \
                    written out";
    assert_eq!(message, expected);
    assert_eq!(hint, "write the file again with smaller pages: 1 MiB is usual");
}
