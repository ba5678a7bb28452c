//! The scenario format: one JSON file with a situation and the dates that the reference gives for
//! it.
//!
//! [`Scenario::parse`] reads and checks a file. JSON that is not well-formed, or a value of the
//! wrong type, is reported with line and column; names that refer to nothing and numbers out of
//! range, all at once, with their path in the file (`functions[2].image`). Keys that are not part
//! of the format are ignored, so that measurements may carry remarks; service properties are not,
//! since each of them moves dates.

use std::collections::BTreeMap;
use std::fmt;

use isotherm_workload::json_reason;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// A situation, and what the reference does with it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Scenario {
    /// Name of the scenario, which its report lines begin with.
    pub name: String,
    /// File of the SimGrid platform XML, relative to the folder of scenarios.
    pub platform: String,
    /// Host of the execution controller and of the function manager.
    pub user_host: String,
    /// Where all images are at the start.
    pub image_storage: ImageStorageSpec,
    /// The serverless service.
    pub serverless: ServiceSpec,
    /// The images.
    pub images: Vec<ImageSpec>,
    /// The functions, registered in this order before the first invocation.
    pub functions: Vec<FunctionSpec>,
    /// The invocations, in the order in which the controller makes them.
    pub invocations: Vec<InvocationSpec>,
    /// What the reference gives; `None` if it aborts, or was never asked.
    #[serde(default)]
    pub expected: Option<Expected>,
}

/// The storage service that holds the images.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ImageStorageSpec {
    /// Its host.
    pub host: String,
    /// Mount point of its disk.
    pub mount: String,
    /// Size of its buffer in bytes; 0 is one fluid stream.
    #[serde(deserialize_with = "bytes")]
    pub buffer_size: u64,
}

/// The serverless service.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ServiceSpec {
    /// The head host.
    pub head_host: String,
    /// Mount point of the head host's disk.
    pub head_mount: String,
    /// The compute hosts, in order.
    pub compute_hosts: Vec<String>,
    /// The scheduler.
    pub scheduler: SchedulerName,
    /// Its properties.
    #[serde(default)]
    pub properties: ServiceProperties,
    /// Sizes of its control messages.
    #[serde(default)]
    pub payloads: PayloadSpec,
}

/// The scheduler of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchedulerName {
    /// First come, first served.
    Fcfs,
    /// Cores in proportion to the pending work.
    WorkloadBalancing,
}

/// Which idle container goes first when room is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdleEviction {
    /// The one that has been idle for longest.
    #[default]
    Lru,
    /// The smallest that suffices.
    Ram,
}

/// The properties of the service, with the reference's defaults for those that are absent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "BTreeMap<String, Scalar>")]
pub struct ServiceProperties {
    /// `container_startup_overhead`: duration of a cold start, in seconds (0).
    pub startup_overhead_s: f64,
    /// `container_idle_timeout`: how long an idle container is kept, in seconds (0).
    pub idle_timeout_s: f64,
    /// `invocation_processing_overhead`: time the service spends on a request, in seconds (0).
    pub processing_overhead_s: f64,
    /// `idle_container_eviction_policy`: `LRU` or `RAM` (`LRU`).
    pub eviction: IdleEviction,
    /// `simulate_remote_image_downloads`: whether downloads take time (`true`).
    pub simulate_downloads: bool,
    /// `storage_services_buffer_size`: bytes; 0 is one fluid stream (0).
    pub buffer_bytes: u64,
}

impl Default for ServiceProperties {
    fn default() -> Self {
        ServiceProperties {
            startup_overhead_s: 0.0,
            idle_timeout_s: 0.0,
            processing_overhead_s: 0.0,
            eviction: IdleEviction::Lru,
            simulate_downloads: true,
            buffer_bytes: 0,
        }
    }
}

/// Bytes of the control messages. A message that is not given has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PayloadSpec {
    /// The request to register a function.
    #[serde(deserialize_with = "bytes")]
    pub register_request: u64,
    /// The answer to it.
    #[serde(deserialize_with = "bytes")]
    pub register_answer: u64,
    /// The request to invoke a function.
    #[serde(deserialize_with = "bytes")]
    pub invoke_request: u64,
    /// The answer to it.
    #[serde(deserialize_with = "bytes")]
    pub invoke_answer: u64,
    /// The notice that an invocation has ended.
    #[serde(deserialize_with = "bytes")]
    pub completion: u64,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ImageSpec {
    /// Its name.
    pub name: String,
    /// Its size on a disk.
    #[serde(deserialize_with = "bytes")]
    pub disk_bytes: u64,
    /// Its size in memory.
    #[serde(deserialize_with = "bytes")]
    pub ram_bytes: u64,
}

/// A function and the limits it is registered with.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FunctionSpec {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Time limit of its body, in seconds.
    pub time_limit_s: f64,
    /// Disk limit of its containers.
    #[serde(deserialize_with = "bytes")]
    pub disk_limit_bytes: u64,
    /// Memory limit of its containers.
    #[serde(deserialize_with = "bytes")]
    pub ram_limit_bytes: u64,
    /// What it does, unless an invocation says otherwise.
    pub body: Vec<StepSpec>,
}

/// A step of a body.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepSpec {
    /// Sleeps for this number of seconds.
    Sleep(f64),
    /// Executes this number of flops on one core.
    Compute(f64),
    /// Writes a file to the container's private storage.
    Write {
        /// Name of the file.
        file: String,
        /// Its size.
        #[serde(deserialize_with = "bytes")]
        bytes: u64,
    },
    /// Reads a file from the container's private storage.
    Read(String),
}

/// An invocation.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct InvocationSpec {
    /// The controller sleeps until this date, in seconds, if it is still ahead.
    pub at: f64,
    /// Name of the function.
    pub function: String,
    /// What it does instead of the function's body.
    #[serde(default)]
    pub body: Option<Vec<StepSpec>>,
    /// Whether the controller waits for it to end before it continues.
    #[serde(default)]
    pub wait: bool,
}

/// What the reference gives.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Expected {
    /// Date when the controller is done, in seconds.
    pub end_s: f64,
    /// The answers to the registrations.
    pub registrations: Vec<ExpectedRegistration>,
    /// The dates of the invocations, in their order.
    pub invocations: Vec<ExpectedInvocation>,
}

/// The answer to a registration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ExpectedRegistration {
    /// Name of the function.
    pub function: String,
    /// Whether it was registered.
    pub accepted: bool,
    /// If not, why.
    #[serde(default)]
    pub cause: Option<String>,
}

/// The dates of an invocation, in seconds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ExpectedInvocation {
    /// When the service took it in.
    pub submitted_s: Option<f64>,
    /// When it was given to a container.
    pub dispatched_s: Option<f64>,
    /// When its body began.
    pub started_s: Option<f64>,
    /// When its body ended; `None` if it was killed by its time limit.
    pub ended_s: Option<f64>,
    /// The compute host.
    pub node: Option<String>,
    /// How it ended: `completed`, `timeout`, or the cause of its failure.
    pub outcome: String,
}

impl Scenario {
    /// Reads and checks a scenario. The name of the file is for messages.
    pub fn parse(file: &str, text: &str) -> Result<Scenario, ScenarioError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let failed = |problems| ScenarioError { file: file.to_owned(), problems };
        if let Some(problem) = ScenarioProblem::of_beginning(text) {
            return Err(failed(vec![problem]));
        }
        let scenario: Scenario = serde_json::from_str(text)
            .map_err(|error| failed(vec![ScenarioProblem::of_json(&error)]))?;
        let problems = scenario.problems();
        if problems.is_empty() { Ok(scenario) } else { Err(failed(problems)) }
    }

    /// Whether a buffer size is set, so that files move in chunks: dates are compared with more
    /// tolerance then.
    #[must_use]
    pub fn is_buffered(&self) -> bool {
        self.image_storage.buffer_size > 0 || self.serverless.properties.buffer_bytes > 0
    }

    /// The function of this name. If a name is given twice, the first.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&FunctionSpec> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// What an invocation does: its own body or that of its function.
    #[must_use]
    pub fn body<'a>(&'a self, invocation: &'a InvocationSpec) -> &'a [StepSpec] {
        match &invocation.body {
            Some(body) => body,
            None => self.function(&invocation.function).map_or(&[], |function| &function.body),
        }
    }

    fn problems(&self) -> Vec<ScenarioProblem> {
        let mut check = ScenarioCheck::default();
        if self.serverless.compute_hosts.is_empty() {
            check.add(
                "serverless.compute_hosts",
                "there is no compute host",
                "name at least one".to_owned(),
            );
        }
        check.unique("images", self.images.iter().map(|image| image.name.as_str()));
        check.unique("functions", self.functions.iter().map(|function| function.name.as_str()));
        for (index, function) in self.functions.iter().enumerate() {
            let path = format!("functions[{index}]");
            let images = self.images.iter().map(|image| image.name.as_str());
            check.known(&format!("{path}.image"), "image", &function.image, images);
            check.number(&format!("{path}.time_limit_s"), function.time_limit_s);
            check.body(&format!("{path}.body"), &function.body);
        }
        for (index, invocation) in self.invocations.iter().enumerate() {
            let path = format!("invocations[{index}]");
            let functions = self.functions.iter().map(|function| function.name.as_str());
            check.known(&format!("{path}.function"), "function", &invocation.function, functions);
            check.number(&format!("{path}.at"), invocation.at);
            if let Some(body) = &invocation.body {
                check.body(&format!("{path}.body"), body);
            }
        }
        if let Some(expected) = &self.expected {
            check.count(
                "expected.invocations",
                expected.invocations.len(),
                self.invocations.len(),
                "invocations",
            );
            check.count(
                "expected.registrations",
                expected.registrations.len(),
                self.functions.len(),
                "functions",
            );
        }
        check.problems
    }
}

/// Why a file is not a scenario: everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// Name of the file.
    pub file: String,
    /// What is wrong, at least one thing.
    pub problems: Vec<ScenarioProblem>,
}

/// Something wrong with a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioProblem {
    /// Where.
    pub location: Location,
    /// What is wrong, lower case, without a final period.
    pub message: String,
    /// What may be done about it.
    pub hint: Option<String>,
}

/// A place in a JSON file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// The whole file.
    File,
    /// Line and column, counted from 1.
    Line(usize, usize),
    /// The path of keys and indices, for example `functions[2].image`.
    Path(String),
}

impl ScenarioProblem {
    /// What is wrong with a text that cannot be a scenario whatever follows. Serde would take a
    /// list for one, and complain about its first element.
    fn of_beginning(text: &str) -> Option<Self> {
        let (message, hint) = match text.trim_start().chars().next() {
            Some('{') => return None,
            Some(_) => (
                "this is not a JSON object",
                "a scenario is written { \"name\": ..., \"platform\": ... }",
            ),
            None => ("the file is empty", "a scenario is a JSON object"),
        };
        Some(ScenarioProblem {
            location: Location::File,
            message: message.to_owned(),
            hint: Some(hint.to_owned()),
        })
    }

    fn of_json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        // The place that serde_json puts at the end of its message is said in front instead.
        let tail = format!(" at line {} column {}", error.line(), error.column());
        let message = text.strip_suffix(&tail).unwrap_or(&text);
        let message = match error.is_data() {
            true => plain_words(message),
            false => json_reason(error).to_owned(),
        };
        let message = message.as_str();
        let hint = if error.is_eof() {
            Some("is the file complete?")
        } else if error.is_syntax() {
            Some("the file is not valid JSON here")
        } else {
            None
        };
        let mut problem = ScenarioProblem {
            location: Location::Line(error.line(), error.column()),
            message: message.to_owned(),
            hint: hint.map(str::to_owned),
        };
        if let Some((message, hint)) = message.split_once(HINT) {
            problem.hint = Some(hint.to_owned());
            problem.message = message.to_owned();
        }
        problem
    }
}

/// What serde says of a value that is none of those that are meant, without the names of types that
/// only the program knows.
fn plain_words(message: &str) -> String {
    if let Some(word) = message.strip_prefix("unknown variant ") {
        return format!("unknown word {word}");
    }
    let is_wrong =
        message.strip_prefix("invalid type: ").or(message.strip_prefix("invalid value: "));
    if let Some((is, expected)) = is_wrong.and_then(|message| message.rsplit_once(", expected ")) {
        let is = match is {
            "map" => "an object",
            "sequence" => "a list",
            other => other,
        };
        return format!("this is {is}, but {} is expected", in_plain_words(expected));
    }
    in_plain_words(message)
}

/// The same of a part of a message.
fn in_plain_words(message: &str) -> String {
    let mut words = Vec::new();
    let mut rest = message.split(' ').peekable();
    while let Some(word) = rest.next() {
        match word {
            "struct" | "enum" | "tuple" => {
                rest.next();
                words.push(if word == "enum" { "one of some words" } else { "an object" });
            }
            "u8" | "u16" | "u32" | "u64" | "usize" | "i64" => words.push("a whole number"),
            "f64" => words.push("a number"),
            "sequence" => words.push("list"),
            "map" => words.push("object"),
            word => words.push(word),
        }
    }
    words.join(" ").replace("a an object", "an object").replace("a object", "an object")
}

/// One line per problem: `FILE:LINE:COLUMN: message (hint)`, `FILE: PATH: message (hint)` or
/// `FILE: message (hint)`.
impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match &problem.location {
                Location::File => write!(f, "{}: {}", self.file, problem.message)?,
                Location::Line(line, column) => {
                    write!(f, "{}:{line}:{column}: {}", self.file, problem.message)?
                }
                Location::Path(path) => write!(f, "{}: {path}: {}", self.file, problem.message)?,
            }
            if let Some(hint) = &problem.hint {
                write!(f, " ({hint})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}

/// Collects what is wrong.
#[derive(Default)]
pub(crate) struct ScenarioCheck {
    pub(crate) problems: Vec<ScenarioProblem>,
}

impl ScenarioCheck {
    pub(crate) fn add(
        &mut self,
        path: &str,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.problems.push(ScenarioProblem {
            location: Location::Path(path.to_owned()),
            message: message.into(),
            hint: hint.into(),
        });
    }

    fn unique<'a>(&mut self, list: &str, names: impl Iterator<Item = &'a str>) {
        let mut first = BTreeMap::new();
        for (index, name) in names.enumerate() {
            if let Some(before) = first.get(name) {
                let hint = format!("it is the name of {list}[{before}] already");
                self.add(
                    &format!("{list}[{index}].name"),
                    format!("the name `{name}` is given twice"),
                    hint,
                );
            } else {
                first.insert(name, index);
            }
        }
    }

    fn known<'a>(
        &mut self,
        path: &str,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        if known.clone().all(|other| other != name) {
            let hint = similar(name, known).map(|close| format!("did you mean `{close}`?"));
            self.add(path, format!("there is no {what} `{name}`"), hint);
        }
    }

    fn number(&mut self, path: &str, value: f64) {
        if !value.is_finite() || value < 0.0 {
            self.add(path, format!("{value} is not zero or a positive number"), None);
        }
    }

    fn body(&mut self, path: &str, body: &[StepSpec]) {
        for (index, step) in body.iter().enumerate() {
            if let StepSpec::Sleep(amount) | StepSpec::Compute(amount) = step {
                self.number(&format!("{path}[{index}]"), *amount);
            }
        }
    }

    fn count(&mut self, path: &str, got: usize, expected: usize, of: &str) {
        if got != expected {
            self.add(
                path,
                format!("{got} entries for {expected} {of}"),
                "one for each, in the same order".to_owned(),
            );
        }
    }
}

/// The name that is most like this one, if one is like it.
fn similar<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|&(likeness, _)| likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

/// Parts a message from its hint where an error has to go through serde, which knows only messages.
const HINT: &str = " ∷ ";

/// A property's value as it may stand in a file: text, a number or a truth value.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Words(String),
    Number(serde_json::Number),
    Truth(bool),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Words(text) => f.write_str(text.trim()),
            Scalar::Number(number) => number.fmt(f),
            Scalar::Truth(truth) => truth.fmt(f),
        }
    }
}

impl TryFrom<BTreeMap<String, Scalar>> for ServiceProperties {
    type Error = String;

    fn try_from(map: BTreeMap<String, Scalar>) -> Result<Self, String> {
        const KNOWN: [&str; 6] = [
            "container_startup_overhead",
            "container_idle_timeout",
            "invocation_processing_overhead",
            "idle_container_eviction_policy",
            "simulate_remote_image_downloads",
            "storage_services_buffer_size",
        ];
        let mut properties = ServiceProperties::default();
        for (name, value) in &map {
            let text = value.to_string();
            match name.as_str() {
                "container_startup_overhead" => {
                    properties.startup_overhead_s = seconds(name, &text)?
                }
                "container_idle_timeout" => properties.idle_timeout_s = seconds(name, &text)?,
                "invocation_processing_overhead" => {
                    properties.processing_overhead_s = seconds(name, &text)?
                }
                "storage_services_buffer_size" => {
                    properties.buffer_bytes =
                        whole(&text).ok_or_else(|| wrong(name, &text, "a number of bytes"))?;
                }
                "idle_container_eviction_policy" => {
                    properties.eviction = match text.as_str() {
                        "LRU" => IdleEviction::Lru,
                        "RAM" => IdleEviction::Ram,
                        _ => return Err(wrong(name, &text, "`LRU` or `RAM`")),
                    };
                }
                "simulate_remote_image_downloads" => {
                    properties.simulate_downloads =
                        text.parse().map_err(|_| wrong(name, &text, "`true` or `false`"))?;
                }
                _ => {
                    let hint = match similar(name, KNOWN.into_iter()) {
                        Some(close) => format!("did you mean `{close}`?"),
                        None => format!("known properties: {}", KNOWN.join(", ")),
                    };
                    return Err(format!("unknown property `{name}`{HINT}{hint}"));
                }
            }
        }
        Ok(properties)
    }
}

fn wrong(name: &str, text: &str, expected: &str) -> String {
    format!("property `{name}` is `{text}`{HINT}expected {expected}")
}

/// A duration in seconds. What is below zero counts as zero, as in the reference.
fn seconds(name: &str, text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value.max(0.0)),
        _ => Err(wrong(name, text, "a number of seconds")),
    }
}

/// A whole number of bytes, however it is written: `1000`, `1e3` or `1000.0`.
fn whole(text: &str) -> Option<u64> {
    if let Ok(number) = text.parse::<u64>() {
        return Some(number);
    }
    // Beyond 2^53 not every whole number is a float, so such a text may not mean what it says.
    let number = text.parse::<f64>().ok()?;
    let exact = number >= 0.0 && number <= (1u64 << 53) as f64 && number == number.trunc();
    exact.then_some(number as u64)
}

/// Reads a number of bytes, which may be a text.
fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = Scalar::deserialize(deserializer)
        .map_err(|_| D::Error::custom("expected a number of bytes"))?;
    let text = text.to_string();
    whole(&text).ok_or_else(|| {
        D::Error::custom(format!("`{text}` is not a number of bytes{HINT}whole and not negative"))
    })
}

#[cfg(test)]
mod tests;
