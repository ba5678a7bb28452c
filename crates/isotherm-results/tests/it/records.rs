//! Records in, text and numbers out.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use isotherm_kernel::{Duration, Time};
use isotherm_results::{
    Breakdown, Column, Format, Kind, PlatformCounts, RecordWriter, Summary, Window, write_rows,
};
use isotherm_serverless::{
    ColdReason, ColdStart, ContainerId, EventKind, FunctionId, ImageId, InvocationId,
    InvocationRecord, LastGone, NodeId, Outcome, PlatformEvent, RecordSink, StartKind, StopReason,
    WaitedFor,
};
use isotherm_services::FailureCause;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

fn at(seconds: f64) -> Time {
    Time::from_nanos((seconds * 1e9).round() as u64)
}

/// A cold start: submitted at 1 s, admitted at 6 s, dispatched at 10 s after 2 s of copying and 1 s
/// of loading, body from 10.5 s to 12.75 s.
fn cold() -> InvocationRecord {
    InvocationRecord {
        id: InvocationId(0),
        attempt: 1,
        function: "resize".into(),
        function_id: FunctionId(0),
        app: "images".into(),
        image: Some("python".into()),
        submitted: at(1.0),
        admitted: Some(at(6.0)),
        dispatched: Some(at(10.0)),
        started: Some(at(10.5)),
        ended: Some(at(12.75)),
        finished: at(12.75),
        outcome: Outcome::Completed,
        cause: None,
        node: Some("node0".into()),
        node_id: Some(NodeId(0)),
        container: Some(ContainerId(7)),
        start_kind: Some(StartKind::Cold),
        cold_start: Some(ColdStart {
            reason: ColdReason::Evicted,
            last_gone: Some(LastGone {
                at: at(0.5),
                cause: StopReason::Evicted,
                evicted_for: Some("train".into()),
            }),
        }),
        throttle_wait: Duration::ZERO,
        download_wait: Duration::from_secs(5),
        copy_wait: Duration::from_secs(2),
        load_wait: Duration::from_secs(1),
    }
}

/// A warm start of the same function that was killed by its time limit of 60 s.
fn timed_out() -> InvocationRecord {
    InvocationRecord {
        id: InvocationId(1),
        submitted: at(20.0),
        admitted: Some(at(20.0)),
        dispatched: Some(at(20.0)),
        started: Some(at(20.0)),
        ended: None,
        finished: at(80.0),
        outcome: Outcome::TimedOut,
        cause: Some(FailureCause::TimeLimit),
        start_kind: Some(StartKind::Warm),
        cold_start: None,
        throttle_wait: Duration::ZERO,
        download_wait: Duration::ZERO,
        copy_wait: Duration::ZERO,
        load_wait: Duration::ZERO,
        ..cold()
    }
}

/// An invocation that was cancelled while its image was being downloaded.
fn cancelled() -> InvocationRecord {
    InvocationRecord {
        id: InvocationId(2),
        attempt: 1,
        function: "odd, \"name\"".into(),
        function_id: FunctionId(1),
        app: "odd, \"name\"".into(),
        image: None,
        submitted: at(3.0),
        admitted: None,
        dispatched: None,
        started: None,
        ended: None,
        finished: at(4.000000001),
        outcome: Outcome::Cancelled,
        cause: None,
        node: None,
        node_id: None,
        container: None,
        start_kind: None,
        cold_start: None,
        throttle_wait: Duration::ZERO,
        download_wait: Duration::from_nanos(1_000_000_001),
        copy_wait: Duration::ZERO,
        load_wait: Duration::ZERO,
    }
}

#[test]
fn lines_of_csv() {
    let mut sink = RecordWriter::new(Vec::new(), Format::Csv);
    for record in [cold(), timed_out(), cancelled()] {
        sink.record(&record);
    }
    assert_eq!(sink.records(), 3);
    let text = String::from_utf8(sink.close().unwrap()).unwrap();
    // By hand from the records: queue = 10 - 6 - 2 - 1, start-up = 10.5 - 10, execution = 12.75 -
    // 10.5, response = 12.75 - 1.
    let expected = "\
id,function,image,submitted_s,admitted_s,dispatched_s,started_s,ended_s,outcome,cause,node,container,start_kind,download_wait_s,copy_wait_s,load_wait_s,queue_s,startup_s,execution_s,response_s,cold_reason,last_gone_cause,last_gone_s,last_gone_for,waited_for,app
0,resize,python,1.000000000,6.000000000,10.000000000,10.500000000,12.750000000,completed,,node0,7,cold,5.000000000,2.000000000,1.000000000,1.000000000,0.500000000,2.250000000,11.750000000,evicted,evicted,0.500000000,train,download,images
1,resize,python,20.000000000,20.000000000,20.000000000,20.000000000,,timed_out,time_limit,node0,7,warm,0.000000000,0.000000000,0.000000000,0.000000000,0.000000000,60.000000000,60.000000000,,,,,,images
2,\"odd, \"\"name\"\"\",,3.000000000,,,,,cancelled,,,,,1.000000001,0.000000000,0.000000000,,,,1.000000001,,,,,,\"odd, \"\"name\"\"\"
";
    assert_eq!(text, expected);
}

fn written(format: Format, records: &[InvocationRecord]) -> Vec<u8> {
    let mut sink = RecordWriter::new(Vec::new(), format);
    records.iter().for_each(|record| sink.record(record));
    sink.close().unwrap()
}

/// The rows of the CSV as JSON would have them.
fn rows_of_csv(records: &[InvocationRecord]) -> Vec<BTreeMap<String, serde_json::Value>> {
    let text = written(Format::Csv, records);
    let mut csv = csv::Reader::from_reader(&text[..]);
    let names = csv.headers().unwrap().clone();
    let value = |(field, column): (&str, &Column)| match column.kind() {
        _ if field.is_empty() => serde_json::Value::Null,
        Kind::Text => field.into(),
        Kind::Integer => field.parse::<u64>().unwrap().into(),
        _ => field.parse::<f64>().unwrap().into(),
    };
    let row = |row: csv::StringRecord| {
        let values = row.iter().zip(Column::ALL).map(value);
        names.iter().map(str::to_owned).zip(values).collect()
    };
    csv.records().map(|line| row(line.unwrap())).collect()
}

#[test]
fn lines_of_json_say_the_same() {
    let records = [cold(), timed_out(), cancelled()];
    let text = String::from_utf8(written(Format::Jsonl, &records)).unwrap();
    let beginning =
        "{\"id\":0,\"function\":\"resize\",\"image\":\"python\",\"submitted_s\":1.000000000,";
    assert!(text.starts_with(beginning), "{text}");
    let rows: Vec<BTreeMap<String, serde_json::Value>> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows, rows_of_csv(&records));
}

/// 66,000 records are more than a group of rows has.
#[test]
fn rows_of_parquet_say_the_same() {
    let records = [cold(), timed_out(), cancelled()];
    let many: Vec<_> = (0..66_000).map(|number| records[number % 3].clone()).collect();
    let file = SerializedFileReader::new(Bytes::from(written(Format::Parquet, &many))).unwrap();
    assert_eq!(file.metadata().num_row_groups(), 2);
    let expected = rows_of_csv(&records);
    let mut count = 0;
    for (row, expected) in file.get_row_iter(None).unwrap().zip(expected.iter().cycle()) {
        for (name, field) in row.unwrap().get_column_iter() {
            let value = match field {
                Field::Null => serde_json::Value::Null,
                Field::ULong(value) => (*value).into(),
                Field::Double(value) => (*value).into(),
                Field::Str(text) => text.as_str().into(),
                other => panic!("{name} is {other}"),
            };
            assert_eq!(value, expected[name], "{name} of row {count}");
        }
        count += 1;
    }
    assert_eq!(count, 66_000);
}

/// Waits do not overlap, and their sum is the way to the dispatch: 1 s + 3 s in line + 2 s of
/// download + 2 + 1 s + 1 s = 10 s.
#[test]
fn the_wait_in_line_is_part_of_the_queue() {
    let record = InvocationRecord {
        throttle_wait: Duration::from_secs(3),
        download_wait: Duration::from_secs(2),
        ..cold()
    };
    assert_eq!(record.queue(), Duration::from_secs(3 + 1));
}

/// Of equal waits the first counts; the wait at a concurrency limit is no wait for a place.
#[test]
fn what_it_has_waited_for_the_longest() {
    let [none, one, two] = [0, 1, 2].map(Duration::from_secs);
    let waits = |throttle_wait, download_wait, copy_wait, load_wait, place, start_up| {
        let submitted = at(1.0);
        let admitted = submitted + throttle_wait + download_wait;
        let dispatched = admitted + copy_wait + load_wait + place;
        InvocationRecord {
            submitted,
            admitted: Some(admitted),
            dispatched: Some(dispatched),
            started: Some(dispatched + start_up),
            throttle_wait,
            download_wait,
            copy_wait,
            load_wait,
            ..cold()
        }
        .waited_for()
    };
    for (waited, longest) in [
        (waits(one, one, one, one, one, one), Some(WaitedFor::Concurrency)),
        (waits(none, one, one, one, one, one), Some(WaitedFor::Download)),
        (waits(none, none, one, one, one, one), Some(WaitedFor::Copy)),
        (waits(none, none, none, one, one, one), Some(WaitedFor::Load)),
        (waits(one, one, one, one, two, two), Some(WaitedFor::Place)),
        (waits(one, one, one, one, one, two), Some(WaitedFor::StartUp)),
        (waits(two, none, none, none, one, one), Some(WaitedFor::Concurrency)),
        (waits(none, none, none, none, none, none), None),
    ] {
        assert_eq!(waited, longest);
    }
    assert_eq!(cancelled().waited_for(), None, "it was never dispatched");
}

#[test]
fn a_summary_counts_and_measures() {
    let mut summary = Summary::default();
    for record in [cold(), timed_out(), cancelled()] {
        summary.record(&record);
    }
    let report = summary.report(at(80.0));
    let text = serde_json::to_string_pretty(&report).unwrap();
    // One completed invocation, cold, with a response of 11.75 s; the body that was killed counts
    // as a start, not as a response.
    let expected = r#"{
  "simulated_end_s": 80.0,
  "invocations": {
    "total": 3,
    "completed": 1,
    "timed_out": 1,
    "failed": 0,
    "cancelled": 1,
    "rejected": 0
  },
  "causes": {
    "time_limit": 1
  },
  "starts": {
    "cold": 1,
    "warm": 1,
    "never_dispatched": 1
  },
  "cold_starts_by_reason": {
    "starting": 0,
    "prewarm_late": 0,
    "elsewhere": 0,
    "busy": 0,
    "prewarm_skipped": 0,
    "lost": 0,
    "evicted": 1,
    "expired": 0,
    "discarded": 0,
    "not_kept": 0,
    "first": 0
  },
  "response_of_completed": {
    "all": {
      "count": 1,
      "mean_s": 11.75,
      "p50_s": 11.75,
      "p95_s": 11.75,
      "p99_s": 11.75,
      "max_s": 11.75,
      "percentiles": "exact"
    },
    "cold": {
      "count": 1,
      "mean_s": 11.75,
      "p50_s": 11.75,
      "p95_s": 11.75,
      "p99_s": 11.75,
      "max_s": 11.75,
      "percentiles": "exact"
    },
    "warm": null
  },
  "cold_start_mean": {
    "download_wait_s": 5.0,
    "copy_wait_s": 2.0,
    "load_wait_s": 1.0,
    "queue_s": 1.0,
    "startup_s": 0.5
  }
}"#;
    assert_eq!(text, expected);
    let sum: u64 = Outcome::ALL.iter().map(|outcome| report.invocations.of(*outcome)).sum();
    assert_eq!(sum, report.invocations.total);
}

/// A writer that takes some bytes and then fails, as a full disk does.
#[derive(Clone)]
struct Full {
    left: usize,
    calls_after_failure: Arc<AtomicUsize>,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.left < bytes.len() {
            self.left = 0;
            self.calls_after_failure.fetch_add(1, Ordering::Relaxed);
            return Err(std::io::Error::new(std::io::ErrorKind::StorageFull, "no space left"));
        }
        self.left -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_first_error_is_kept_and_told_when_the_sink_is_closed() {
    for (format, left) in [(Format::Csv, 100_000), (Format::Jsonl, 100_000), (Format::Parquet, 100)]
    {
        let calls = Arc::<AtomicUsize>::default();
        let mut sink = RecordWriter::new(Full { left, calls_after_failure: calls.clone() }, format);
        for _ in 0..2_000 {
            sink.record(&cold());
        }
        assert_eq!(sink.records(), 2_000);
        let error = sink.close().err().expect("a full disk is an error");
        assert_eq!(error.to_string(), "cannot write the records");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no space left");
        // Once when the buffer was full, and perhaps once more when the writer is dropped, but not
        // once for each of the records that came after.
        let calls = calls.load(Ordering::Relaxed);
        assert!(calls <= 2, "the writer was tried {calls} times");
    }
}

#[test]
fn an_error_that_comes_with_the_last_flush_is_told() {
    for format in [Format::Csv, Format::Jsonl, Format::Parquet] {
        let full = Full { left: 10, calls_after_failure: Arc::default() };
        let mut sink = RecordWriter::new(full, format);
        sink.record(&cold());
        assert!(sink.close().is_err());
    }
}

#[test]
fn events_are_counted_by_kind() {
    let (node, image, container) = (NodeId(0), ImageId(0), ContainerId(0));
    let mut counts = PlatformCounts::default();
    for kind in [
        EventKind::DownloadStarted { image, bytes: 1 },
        EventKind::DownloadEnded { image },
        EventKind::CopyFailed { node, image, started: false },
        EventKind::DiskEvicted { node, image, bytes: 1 },
        EventKind::ContainerStopped {
            node,
            container,
            memory_bytes: 1,
            was_idle: true,
            cause: StopReason::Expired,
            evicted_for: None,
        },
        EventKind::ContainerStopped {
            node,
            container,
            memory_bytes: 1,
            was_idle: true,
            cause: StopReason::Evicted,
            evicted_for: None,
        },
    ] {
        counts.observe(&PlatformEvent { at: Time::ZERO, kind });
    }
    let expected = PlatformCounts {
        downloads: 1,
        copies_failed: 1,
        disk_evictions: 1,
        containers_evicted: 1,
        ..PlatformCounts::default()
    };
    assert_eq!(counts, expected);
    // The image and the container that had to make room; a container that stopped by itself is no
    // eviction.
    assert_eq!(counts.evictions(), 2);
}

/// By hand: the response of 11.75 s had a body of 2.25 s, the waits are 9.5 s and 0 s. Of two
/// containers of 64 MB one lasts from 10 s to 90 s and is busy from 10 s to 12.75 s and from 20 s
/// to 80 s, the other one from 28 s to the end at 100 s. What was not dispatched is of the second
/// function.
#[test]
fn functions_and_nodes_one_by_one() {
    let mut breakdown = Breakdown::new(Window::default());
    let (node, memory_bytes) = (NodeId(0), 64_000_000);
    let started = |container| EventKind::ContainerStarted {
        node,
        container: ContainerId(container),
        function: FunctionId(0),
        image: Some(ImageId(1)),
        disk_bytes: 0,
        memory_bytes,
        capacity: 1,
        ready: at(10.0),
    };
    let dispatched = |invocation, start_kind| EventKind::Dispatched {
        invocation: InvocationId(invocation),
        node,
        container: ContainerId(7),
        memory_bytes,
        was_idle: start_kind == StartKind::Warm,
        start_kind,
    };
    let mut observe = |date, kind| breakdown.observe(&PlatformEvent { at: at(date), kind });
    observe(6.0, EventKind::CopyStarted { node, image: ImageId(1), bytes: 500 });
    observe(8.0, EventKind::CopyEnded { node, image: ImageId(1) });
    observe(8.0, EventKind::LoadStarted { node, image: ImageId(1), bytes: 300 });
    observe(9.0, EventKind::LoadEnded { node, image: ImageId(1) });
    observe(10.0, started(7));
    observe(10.0, dispatched(0, StartKind::Cold));
    breakdown.record(&cancelled());
    breakdown.record(&cold());
    let mut observe = |date, kind| breakdown.observe(&PlatformEvent { at: at(date), kind });
    observe(12.75, EventKind::ContainerIdle { node, container: ContainerId(7), memory_bytes });
    observe(20.0, dispatched(1, StartKind::Warm));
    observe(28.0, started(8));
    observe(28.0, EventKind::Prewarmed { node, container: ContainerId(8) });
    breakdown.record(&timed_out());
    let kind = EventKind::ContainerStopped {
        node,
        container: ContainerId(7),
        memory_bytes,
        was_idle: true,
        cause: StopReason::Expired,
        evicted_for: None,
    };
    breakdown.observe(&PlatformEvent { at: at(90.0), kind });
    let names = ["resize".into(), "odd, \"name\"".into()];
    let text = write_rows(
        breakdown.functions(&names, &["images".into(), names[1].clone()], at(100.0)),
        Vec::new(),
    )
    .unwrap();
    let expected = "\
resize,images,2,1,1,0,0,0,1,1,0.5,0,0,0,0,0,0,1,0,0,0,0,11.75,11.75,11.75,11.75,11.75,4.75,0.0,9.5,9.5,9.5,\
5.222222222,5.222222222,5.222222222,64000000,2,0,1,62.75,89.25,4016.0,5712.0
\"odd, \"\"name\"\"\",\"odd, \"\"name\"\"\",1,0,0,0,1,0,0,0,,0,0,0,0,0,0,0,0,0,0,0,,,,,,,,,,,,,,,0,0,0,0.0,0.0,0.0,0.0
";
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("function,app,invocations,completed,timed_out,"), "{text}");
    assert_eq!(text.split_once('\n').unwrap().1, expected);
    let names = ["node0".into(), "node1".into()];
    let text = write_rows(breakdown.nodes(&names, at(100.0)), Vec::new()).unwrap();
    let expected = "\
node,invocations,cold,warm,cold_share,containers_started,containers_evicted,containers_expired,\
copies,copied_bytes,loads,loaded_bytes,memory_used_peak_bytes,busy_mb_s,idle_mb_s
node0,2,1,1,0.5,2,0,1,1,500,1,300,128000300,4016.0,5712.0
node1,0,0,0,,0,0,0,0,0,0,0,0,0.0,0.0
";
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[test]
fn every_column_is_explained() {
    for column in Column::ALL {
        assert!(column.meaning.len() > 10, "{} needs a meaning", column.name);
    }
}
