//! Files that are not what they should be: every input file of the project, changed at random, and
//! given to the command.
//!
//! Whatever is in a file, the command ends by itself with 0, 1 or 2, within limits of memory and of
//! time, tells what is wrong with its place, and lets nothing of the file act on a terminal. What
//! is changed follows from the number of a case alone:
//!
//!     ISOTHERM_MUTATION=1234 cargo test -p isotherm-cli --test it mutations::     # this one again
//!
//! A case that goes wrong leaves the changed file where the message says. `ISOTHERM_BINARY` names
//! another command to be tried.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Cases at full size.
const CASES: u32 = 30_000;

/// Limits of each case: virtual memory in kilobytes, and seconds of computing.
const MEMORY_KB: u64 = 4_000_000;
const SECONDS: u64 = 60;

/// A generator of random numbers that is the same everywhere (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this, which is not zero.
    fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// A file that is changed, and what is then done.
#[derive(Clone, Debug)]
struct Subject {
    /// The folder that is copied, with everything that the file needs.
    folder: PathBuf,
    /// The file in it.
    file: PathBuf,
    /// The commands, run in the copy of the folder.
    commands: Vec<Vec<String>>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
        .into_iter()
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Every input file of the project, with what reads it.
fn subjects() -> Vec<Subject> {
    let root = root();
    let mut subjects = Vec::new();
    let mut add = |folder: &Path, file: &Path, commands: &[&[&str]]| {
        let file = file.strip_prefix(folder).unwrap().to_owned();
        let commands = commands.iter().map(|words| command(words)).collect();
        subjects.push(Subject { folder: folder.to_owned(), file, commands });
    };
    let extension =
        |path: &Path| path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_owned();
    let folders = [
        root.join("crates/isotherm-experiment/tests/complete"),
        root.join("crates/isotherm-experiment/tests/bad"),
        root.join("examples"),
    ];
    for folder in &folders {
        let all = files(folder);
        let text = |path: &PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        let experiments: Vec<_> =
            all.iter().filter(|path| matches!(extension(path).as_str(), "toml" | "json")).collect();
        for file in &all {
            let shown = file.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            match extension(file).as_str() {
                "toml" | "json" if shown.contains('/') => {}
                "toml" | "json" => {
                    let run = [
                        "run",
                        &shown,
                        "--out",
                        "out",
                        "--quiet",
                        "--set",
                        "limits.events=3000",
                        "--set",
                        "limits.time=10d",
                    ];
                    add(folder, file, &[&["check", &shown], &run]);
                }
                "txt" | "set" | "rs" => {}
                "xml" => {
                    add(
                        folder,
                        file,
                        &[&["platform", &shown], &["platform", &shown, "--svg", "-"]],
                    );
                    // Experiments that name it.
                    for experiment in
                        experiments.iter().filter(|path| text(path).contains(&shown)).take(1)
                    {
                        let experiment = experiment.strip_prefix(folder).unwrap().to_str().unwrap();
                        add(folder, file, &[&["check", experiment]]);
                    }
                }
                _ => {
                    add(folder, file, &[&["workload", "describe", &shown]]);
                    let parent =
                        Path::new(&shown).parent().and_then(Path::to_str).unwrap_or_default();
                    let names = |path: &&&PathBuf| {
                        let text = text(path);
                        text.contains(&shown)
                            || (parent.matches('/').count() > 0 && text.contains(parent))
                    };
                    for experiment in experiments.iter().filter(names).take(2) {
                        let experiment = experiment.strip_prefix(folder).unwrap().to_str().unwrap();
                        add(folder, file, &[&["check", experiment]]);
                    }
                }
            }
        }
    }
    let conformance = root.join("conformance");
    for name in
        ["cases/random-007.json", "cases/images-16.json", "platforms/timing.xml", "README.md"]
    {
        let file = conformance.join(name);
        match name {
            "README.md" => {}
            _ if name.ends_with(".xml") => add(&conformance, &file, &[&["platform", name]]),
            _ => add(&conformance, &file, &[&["conform", "."]]),
        }
    }
    assert!(subjects.len() > 150, "{}", subjects.len());
    // What is right as it is says more than what is wrong already.
    let good: Vec<_> =
        subjects.iter().filter(|subject| !subject.folder.ends_with("bad")).cloned().collect();
    subjects.extend(good.iter().cloned());
    subjects.extend(good);
    subjects
}

/// Numbers that are rarely meant.
const NUMBERS: [&str; 32] = [
    "2",
    "3",
    "7",
    "10",
    "16",
    "60",
    "100",
    "1000",
    "0.25",
    "12.5",
    "0",
    "-1",
    "-0",
    "1",
    "0.5",
    "4000000000",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "1e308",
    "1e-308",
    "1e999",
    "nan",
    "inf",
    "-inf",
    "1e18",
    "99999999999999999999999999",
    "0x10",
    "1_000",
    "0.000000001",
    "1e9",
];

/// Words that mean something to one of the formats, or to a terminal.
const WORDS: [&[u8]; 34] = [
    b"",
    b"\"",
    b"'",
    b"[",
    b"]",
    b"{",
    b"}",
    b"[[",
    b"=",
    b",",
    b":",
    b"\n",
    b"\r\n",
    b"\0",
    b"null",
    b"true",
    b"${a}",
    b"${",
    b"$${",
    b"\x1b[31m",
    "\u{202e}".as_bytes(),
    "\u{9b}".as_bytes(),
    "\u{feff}".as_bytes(),
    b"\xff",
    b"\xe9",
    b"<!--",
    b"-->",
    b"<",
    b"/>",
    b"&lt;",
    b"&#0;",
    b"\\u0000",
    b"1ns",
    b"#",
];

/// Runs of letters, digits and the like, and everything else byte by byte.
fn tokens(text: &[u8]) -> Vec<std::ops::Range<usize>> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let length = text[at..].iter().take_while(|&&byte| is_word(byte)).count().max(1);
        tokens.push(at..at + length);
        at += length;
    }
    tokens
}

/// Where the numbers are.
fn numbers(text: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut numbers = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let length =
            text[at..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        if length > 0 && text[at].is_ascii_digit() {
            numbers.push(at..at + length);
        }
        at += length.max(1);
    }
    numbers
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn replaced(text: &[u8], range: std::ops::Range<usize>, by: &[u8]) -> Vec<u8> {
    [&text[..range.start], by, &text[range.end..]].concat()
}

/// A change to a file.
fn mutated(text: &[u8], random: &mut Random) -> Vec<u8> {
    let is_text = std::str::from_utf8(text).is_ok();
    // In what is compressed there are only bytes.
    let kind = if is_text { random.below(16) } else { random.below(5) };
    match kind {
        0 if !text.is_empty() => {
            let at = random.below(text.len());
            replaced(text, at..at + 1, &[random.next() as u8])
        }
        1 => {
            let at = random.below(text.len() + 1);
            let byte = [random.next() as u8];
            replaced(text, at..at, &byte)
        }
        2 => text[..random.below(text.len() + 1)].to_vec(),
        3 => {
            let begin = random.below(text.len() + 1);
            let end = (begin + random.below(20)).min(text.len());
            replaced(text, begin..end, b"")
        }
        4 => {
            let begin = random.below(text.len() + 1);
            let end = (begin + random.below(200)).min(text.len());
            let piece = text[begin..end].to_vec();
            let at = random.below(text.len() + 1);
            replaced(text, at..at, &piece)
        }
        5..=8 => match numbers(text) {
            all if all.is_empty() => Vec::new(),
            all => {
                let range = random.one(&all).clone();
                replaced(text, range, random.one(&NUMBERS).as_bytes())
            }
        },
        9..=12 => match tokens(text) {
            all if all.is_empty() => b"x".to_vec(),
            all => {
                let (one, other) = (random.one(&all).clone(), random.one(&all).clone());
                match random.below(4) {
                    0 => replaced(text, one, b""),
                    1 => {
                        let twice = [&text[one.clone()], &text[one.clone()]].concat();
                        replaced(text, one, &twice)
                    }
                    2 => {
                        let by = text[other].to_vec();
                        replaced(text, one, &by)
                    }
                    _ => replaced(text, one, WORDS[random.below(WORDS.len())]),
                }
            }
        },
        _ => {
            let mut all = lines(text);
            if all.is_empty() {
                return b"\n".to_vec();
            }
            let (one, other) = (random.below(all.len()), random.below(all.len()));
            match random.below(4) {
                0 => drop(all.remove(one)),
                1 => all.insert(other, all[one].clone()),
                2 => all.swap(one, other),
                _ => {
                    let again = all[one].repeat(1 + random.below(300));
                    all.insert(one, again);
                }
            }
            all.concat()
        }
    }
}

/// A copy of a folder.
fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(file, target).unwrap();
    }
}

/// Copies of folders, in which files are changed and put right again.
struct Bench {
    at: PathBuf,
    copies: BTreeMap<PathBuf, PathBuf>,
}

impl Bench {
    fn new(at: PathBuf) -> Self {
        Bench { at, copies: BTreeMap::new() }
    }

    fn copy_of(&mut self, folder: &Path) -> PathBuf {
        let new = self.at.join(self.copies.len().to_string());
        self.copies
            .entry(folder.to_owned())
            .or_insert_with(|| {
                copy(folder, &new);
                new
            })
            .clone()
    }
}

/// The command that is tried: that of this build, or another one of the same version.
fn binary() -> String {
    variable("ISOTHERM_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_isotherm").to_owned())
}

/// Runs the command under limits.
fn isotherm(folder: &Path, arguments: &[String]) -> Output {
    let limits = format!("ulimit -v {MEMORY_KB}; ulimit -t {SECONDS}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &limits, &binary()]).args(arguments).current_dir(folder);
    command.env("NO_COLOR", "1").output().unwrap()
}

/// What is wrong with how the command ended, if anything is.
fn fault(output: &Output, subject: &Subject) -> Option<String> {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match output.status.code() {
        Some(0..=2) => {}
        _ => return Some(format!("it ended with {}", output.status)),
    }
    if err.contains("internal error") || err.contains("panicked") {
        return Some("a panic".to_owned());
    }
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    if let Some(c) = out.chars().chain(err.chars()).find(|&c| hidden(c)) {
        return Some(format!("{c:?} reaches the terminal"));
    }
    if output.status.code() != Some(2) {
        return None;
    }
    if err.trim().is_empty() {
        return Some("it does not say what is wrong".to_owned());
    }
    // The errors, each with what is said below it.
    let mut errors: Vec<String> = Vec::new();
    for line in err.lines() {
        match (line.starts_with("error"), errors.last_mut()) {
            (true, _) => errors.push(line.to_owned()),
            (false, Some(last)) => {
                last.push('\n');
                last.push_str(line);
            }
            (false, None) => {}
        }
    }
    let name = subject.file.file_name().unwrap().to_str().unwrap();
    let has_place =
        |error: &String| error.contains("--> ") || error.contains(name) || error.contains(".json:");
    errors.into_iter().find(|error| !has_place(error)).map(|error| format!("no place: {error}"))
}

/// Tries one case; tells what is wrong.
fn case(number: u64, subjects: &[Subject], bench: &mut Bench, keep: &Path) -> Result<(), String> {
    let mut random = Random(number.wrapping_mul(0x2545_f491_4f6c_dd1d));
    // Neighbours are cases of different subjects, so that a few of them have something of
    // everything.
    let subject = &subjects[(number as usize * 61) % subjects.len()];
    let folder = &bench.copy_of(&subject.folder);
    let file = folder.join(&subject.file);
    let whole = std::fs::read(&file).unwrap();
    let mut text = whole.clone();
    // Mostly a single change: what is wrong in several places is seldom read beyond the first.
    for _ in 0..=random.below(4) / 3 {
        text = mutated(&text, &mut random);
    }
    std::fs::write(&file, &text).unwrap();
    let found = subject.commands.iter().find_map(|command| {
        let output = isotherm(folder, command);
        let _ = std::fs::remove_dir_all(folder.join("out"));
        fault(&output, subject).map(|fault| (command, output, fault))
    });
    std::fs::write(&file, whole).unwrap();
    match found {
        None => Ok(()),
        Some((command, output, fault)) => {
            let kept =
                keep.join(format!("{number}-{}", file.file_name().unwrap().to_str().unwrap()));
            std::fs::write(&kept, text).unwrap();
            let err = String::from_utf8_lossy(&output.stderr);
            Err(format!(
                "case {number}: isotherm {}\nin {} with {} from {}: {fault}\n{}",
                command.join(" "),
                subject.folder.display(),
                subject.file.display(),
                kept.display(),
                err.chars()
                    .take(3000)
                    .collect::<String>()
                    .escape_debug()
                    .to_string()
                    .replace("\\n", "\n"),
            ))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test that is asked for one case")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn every_input_file_may_be_anything() {
    let subjects = subjects();
    let keep = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations");
    let _ = std::fs::remove_dir_all(&keep);
    let numbers = match variable("ISOTHERM_MUTATION") {
        Some(only) => {
            let only: u64 = only.parse().expect("ISOTHERM_MUTATION is the number of a case");
            only..only + 1
        }
        None => 0..u64::from(isotherm_testing::count(CASES)),
    };
    let next = AtomicU64::new(numbers.start);
    let faults = Mutex::new(Vec::new());
    std::fs::create_dir_all(&keep).unwrap();
    let (next, faults) = (&next, &faults);
    let (numbers, subjects, keep) = (&numbers, &subjects, &keep);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let mut bench = Bench::new(folder.path().join(thread.to_string()));
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end || faults.lock().unwrap().len() >= 20 {
                        return;
                    }
                    if let Err(fault) = case(number, subjects, &mut bench, keep) {
                        faults.lock().unwrap().push(fault);
                    }
                }
            });
        }
    });
    let faults = faults.lock().unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}
