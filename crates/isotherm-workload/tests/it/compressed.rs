//! Compressed traces: what is read as it is, and what one that is broken says.

use std::io::{self, Read, Write};

use isotherm_workload::{
    Columns, CompressionError, CsvTable, CsvTrace, DateColumn, Decompressed, FunctionColumn,
    FunctionNames, Part, TimeUnit, TraceProblem, Workload, WorkloadError, check_trace,
};
use proptest::prelude::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Decompressed::new(bytes).read_to_end(&mut text).map(|_| text)
}

fn reason(bytes: &[u8]) -> CompressionError {
    let error = unpacked(bytes).expect_err("it is broken");
    CompressionError::of(&error).expect("an error of the data").clone()
}

/// Text that does not shrink to nothing.
fn rows(count: u64) -> String {
    let rows = (0..count).map(|row| format!("{row}.{:09}\n", row * 7_919 % 1_000_000_007));
    std::iter::once("at_s\n".to_owned()).chain(rows).collect()
}

fn columns() -> Columns {
    Columns {
        arrival: DateColumn::new("at_s", TimeUnit::SECOND),
        function: FunctionColumn::Fixed(0),
        duration: None,
    }
}

#[test]
fn members_and_frames_follow_each_other() {
    for pack in [gzip, zstd] {
        let both = [pack(b"first\n"), pack(b""), pack(b"second\n")].concat();
        assert_eq!(unpacked(&both).unwrap(), b"first\nsecond\n");
    }
    // RFC 8878, 3.1.2: a frame of 3 bytes of somebody's own, to be skipped.
    let skipped = [b"\x5a\x2a\x4d\x18\x03\0\0\0abc".as_slice(), &zstd(b"text")].concat();
    assert_eq!(unpacked(&skipped).unwrap(), b"text");
}

#[test]
fn what_is_short_is_text() {
    for text in [b"".as_slice(), b"a", b"\x1f", b"\x28\xb5", b"BZ"] {
        assert_eq!(unpacked(text).unwrap(), text);
    }
}

#[test]
fn other_packers_are_told_apart() {
    let reason = reason(b"\xfd7zXZ\0\0\x04");
    assert_eq!(reason.to_string(), "this is an xz archive, not text");
    assert_eq!(reason.hint(), "unpack it first: only gzip and zstd are read as they are");
}

#[test]
fn a_trace_is_read_up_to_where_it_ends_too_early() {
    let text = rows(50_000);
    for (packer, packed) in [("gzip", gzip(text.as_bytes())), ("zstd", zstd(text.as_bytes()))] {
        let cut = &packed[..packed.len() / 2];
        let trace = CsvTrace::new("run.csv.gz", cut, &columns(), FunctionNames::default()).unwrap();
        let arrivals: Vec<_> = trace.arrivals().collect();
        let (last, good) = arrivals.split_last().unwrap();
        let Err(WorkloadError::Trace(error)) = last else { panic!("{last:?}") };
        let TraceProblem::Compressed(CompressionError::Truncated { given, .. }) = error.problem
        else {
            panic!("{error}")
        };
        assert!(good.iter().all(Result::is_ok));
        // The header is line 1, and the line that breaks off comes after the last good row.
        let line = good.len() as u64 + 2;
        assert_eq!(error.line, Some(line), "{packer}");
        let message = format!(
            "run.csv.gz:{line}: the {packer} data end in the middle, after {given} bytes of text"
        );
        assert_eq!(error.to_string(), message);
        // What was given is those rows and the beginning of the next.
        let read: usize = text.lines().take(good.len() + 1).map(|line| line.len() + 1).sum();
        assert!((read as u64..=read as u64 + 12).contains(&given), "{read} {given}");

        let table = CsvTable::new("run.csv.gz", cut).unwrap();
        let check =
            check_trace(table, &columns(), FunctionNames::default(), &Part::default(), 20).unwrap();
        assert_eq!((check.rows, check.errors.len()), (good.len() as u64, 1));
        assert_eq!(check.errors[0].to_string(), message);
    }
}

#[test]
fn damage_is_found() {
    let text = rows(1_000);
    let mut packed = gzip(text.as_bytes());
    let sum = packed.len() - 8;
    packed[sum] ^= 1;
    let given = text.len() as u64;
    assert_eq!(reason(&packed), CompressionError::Damaged { packer: "gzip", given });
    assert_eq!(reason(&packed).hint(), "`gzip -t` says whether the file is whole");
    // The checksum is the end of a frame.
    let mut packed = zstd(text.as_bytes());
    *packed.last_mut().unwrap() ^= 1;
    assert_eq!(reason(&packed), CompressionError::Damaged { packer: "zstd", given });
}

/// A frame of zstd may want gigabytes before it gives a byte.
#[test]
fn windows_of_zstd_are_of_limited_size() {
    // A frame with a window of so many bits, and a block that holds this text as it is.
    let frame = |bits: u8| {
        let head = [0x28, 0xb5, 0x2f, 0xfd, 0, (bits - 10) << 3, 5 << 3 | 1, 0, 0];
        [&head[..], b"at_s\n"].concat()
    };
    assert_eq!(unpacked(&frame(27)).unwrap(), b"at_s\n");
    for bits in [28, 31, 41] {
        let given = 5;
        // Also behind a frame that is good.
        let packed = [frame(20), frame(bits)].concat();
        assert_eq!(reason(&packed), CompressionError::LargeWindow { given }, "{bits}");
    }
    let error = reason(&frame(31));
    let expected = "the zstd data need a window of more than 128 MiB, after 0 bytes of text";
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.hint(), "pack it again without `--long`, or unpack it first");
}

/// A disk that fails is not a file that is too short.
#[test]
fn the_disk_is_not_blamed_on_the_data() {
    struct Fails<'a>(&'a [u8]);
    impl Read for Fails<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.0.read(buffer)
        }
    }
    for packed in [gzip(b"at_s\n1\n"), zstd(b"at_s\n1\n"), b"at_s\n1\n".to_vec()] {
        let mut text = Vec::new();
        let error = Decompressed::new(Fails(&packed[..packed.len() - 3]))
            .read_to_end(&mut text)
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(10_000))]

    #[test]
    fn whatever_was_packed_comes_back(bytes: Vec<u8>, cut: prop::sample::Index) {
        for pack in [gzip, zstd] {
            let packed = pack(&bytes);
            prop_assert_eq!(&unpacked(&packed).unwrap(), &bytes);
            // Without its end it is an error, unless so little is left that nobody can tell what it
            // was.
            let cut = cut.index(packed.len());
            if cut >= 4 {
                let is_truncated = matches!(reason(&packed[..cut]), CompressionError::Truncated { .. });
                prop_assert!(is_truncated);
            }
        }
    }
}
