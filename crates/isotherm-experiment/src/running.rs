//! A run that is advanced from outside.
//!
//! [`Experiment::start`](crate::Experiment::start) sets a run up without running it. The caller
//! then advances it, date by date ([`advance_until`](Running::advance_until)) or decision by
//! decision ([`until_decision`](Running::until_decision)), looks at the platform and at the records
//! in between, and [finishes](Running::finish) it. Advanced in any steps, a run gives the bytes of
//! [`Experiment::run`](crate::Experiment::run), which is [`Running::finish`] alone.
//!
//! It owns what it needs and shares its plan with the experiment. The service that it simulates is
//! not given out: what is changed there could not be replayed.
//!
//! # Forks
//!
//! Actors are futures, which cannot be cloned, and neither can a run. But a run is deterministic:
//! [`replay_to`](Running::replay_to) starts it again and gives the same answers to the same
//! questions, up to a date. From there on the copy can be advanced otherwise.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use isotherm_config::diagnostic::{Diagnostic, Diagnostics};
use isotherm_config::source::Sources;
use isotherm_kernel::{Advanced, Time};
use isotherm_results::{
    Breakdown, EventWriter, RecordWriter, SinkError, TimeSeries, UseSeries, write_rows,
};
use isotherm_serverless::{Answer, Decision, InvocationRecord, NotAsked, Unfinished, View};
use isotherm_services::FailureCause;

use crate::error::ExperimentError;
use crate::files::LARGEST_EXPERIMENT;
use crate::hashes::Hashes;
use crate::inputs::Inputs;
use crate::manifest::{manifest, with_warnings};
use crate::output::{
    EVENTS, FUNCTIONS, Hashed, NODES, Output, RECORDS, Rules, SUMMARY, records_file,
};
use crate::plan::Plan;
use crate::planned_run::PlannedRun;
use crate::report::RunReport;
use crate::run::{Failure, Progress, RunOptions, Started};
use crate::timeline::{Packed, Timeline};
use crate::trace;

/// The table of hashes at the end of a manifest, and the warnings at its beginning, are smaller.
const ROOM_FOR_HASHES: u64 = 64 * 1024;

/// Whoever is called within a change of the service cannot have the run.
const UNCHANGING: &str = "nothing is changed between the steps of a run";

/// A run that has been started: see the [module](self).
///
/// ```
/// use std::path::Path;
/// use isotherm_experiment::{Experiment, Overrides, Reached, RunOptions};
/// use isotherm_kernel::Time;
///
/// let text = r#"
///     name = "study"
///     workload = [{ kind = "list", function = "resize", at = ["0s", "1s", "9s"] }]
///     [platform]
///     nodes = { count = 2, cores = 4, disk = { read = "2GB/s", write = "1GB/s" } }
///     head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
///     network = { node = "10Gbps", latency = "50us" }
///     [[function]]
///     name = "resize"
///     limits = { time = "10s", memory = "1GB" }
///     body = [{ sleep = "2s" }]
/// "#;
/// let experiment = Experiment::parse("study.toml", text, Path::new("."), &Overrides::default())?;
/// let options = RunOptions::default().with_kept_records();
/// let mut run = experiment.start(&experiment.runs()[0], options)?;
/// let five = Time::from_secs_f64(5.0);
/// assert_eq!(run.advance_until(five)?, Reached::Date);
/// assert_eq!(run.now(), five);
/// assert_eq!(run.records().len(), 2);
/// assert_eq!(run.finish()?.summary.invocations.completed, 3);
/// # Ok::<(), isotherm_experiment::ExperimentError>(())
/// ```
pub struct Running {
    planned: Planned,
    started: Started,
    /// Where its results go, if not only to the caller.
    files: Option<Files>,
    /// The policies of the program that runs it.
    own_policies: Vec<String>,
    /// What the caller has decided, and when.
    answers: Vec<(Time, Answer)>,
}

/// A run of an experiment, with what the experiment was read from.
#[derive(Clone)]
pub(crate) struct Planned {
    pub(crate) run: PlannedRun,
    pub(crate) inputs: Arc<Inputs>,
    pub(crate) sources: Arc<Sources>,
}

/// How far a run was advanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The date that was given.
    Date,
    /// A decision that its caller has to make.
    Decision(Decision),
    /// Its end, at this date.
    End(Time),
}

/// The files of a run, which appear when all of them are whole.
struct Files {
    folder: PathBuf,
    output: Output,
    /// Whether links, devices and pipes are written to.
    force: bool,
    manifest: String,
    /// The hashes of what it reads, as far as the caller has not given them.
    hashes: Hashes,
    /// The files that these are of.
    read: Vec<PathBuf>,
    time_series: Option<Rc<RefCell<TimeSeries>>>,
    /// Taken when the run has ended.
    events: Option<Rc<RefCell<Option<EventWriter<Hashed>>>>>,
    timeline: Option<Timeline>,
}

impl Running {
    /// Starts a run. Its results go into a folder, if one is given, and arrivals are read by a
    /// thread of their own if `reads_ahead`.
    pub(crate) fn start(
        planned: Planned,
        options: RunOptions,
        folder: Option<&Path>,
        reads_ahead: bool,
    ) -> Result<Self, ExperimentError> {
        let own_policies = options.own_policies(&planned.run.plan);
        let (mut options, mut records) = (options, None);
        let files = match folder {
            Some(folder) => {
                let plan = &planned.run.plan;
                let mut files = Files::create(&planned, folder, &options, &own_policies)?;
                records = files.records(plan).map_err(|error| files.error(error))?;
                options = files.listen(plan, options).map_err(|error| files.error(error))?;
                Some(files)
            }
            None => None,
        };
        let mut started =
            Started::start(&planned.run.plan, options, records, folder.is_some(), reads_ahead)
                .map_err(|failure| explained(&planned, folder, failure))?;
        if files.as_ref().is_some_and(|files| files.time_series.is_some()) {
            started.measure_use();
        }
        Ok(Running { planned, started, files, own_policies, answers: Vec::new() })
    }

    /// The present date.
    #[must_use]
    pub fn now(&self) -> Time {
        self.started.now()
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.started.progress()
    }

    /// Advances it until a date, this date included, or until it asks its caller for a decision.
    /// Unless it ends or asks before, it is that date then. A question that is not answered is
    /// returned again.
    ///
    /// # Errors
    /// Those of a run. After one the run is over.
    pub fn advance_until(&mut self, date: Time) -> Result<Reached, ExperimentError> {
        loop {
            if let Some(decision) = self.asked()
                && !self.started.has_failed()
            {
                return Ok(Reached::Decision(decision));
            }
            let advanced = self.started.run_until(date);
            let advanced = advanced.map_err(|failure| {
                let folder = self.files.as_ref().map(|files| files.folder.as_path());
                explained(&self.planned, folder, failure)
            })?;
            match advanced {
                Advanced::Ended(at) => return Ok(Reached::End(at)),
                Advanced::Paused if self.asked().is_none() && self.now() >= date => {
                    return Ok(Reached::Date);
                }
                Advanced::Paused => {}
            }
        }
    }

    /// Advances it until it asks its caller for a decision, which it returns; `None` at the end. It
    /// asks for what [`RunOptions::with_caller_deciding`] says.
    ///
    /// # Errors
    /// Those of [`advance_until`](Self::advance_until).
    pub fn until_decision(&mut self) -> Result<Option<Decision>, ExperimentError> {
        match self.advance_until(Time::NEVER)? {
            Reached::Decision(decision) => Ok(Some(decision)),
            Reached::Date | Reached::End(_) => Ok(None),
        }
    }

    /// The decision that it waits for, if any.
    #[must_use]
    pub fn asked(&self) -> Option<Decision> {
        self.started.service().asked()
    }

    /// Looks at the platform as a scheduler sees it.
    pub fn view<R>(&self, look: impl FnOnce(&View<'_>) -> R) -> R {
        self.started.service().view(look).expect(UNCHANGING)
    }

    /// What the invocations that have not ended wait for or do, grouped by function and reason. It
    /// looks at all invocations and compute hosts.
    #[must_use]
    pub fn why_unfinished(&self) -> Vec<Unfinished> {
        self.started.service().why_unfinished().expect(UNCHANGING)
    }

    /// The records of the invocations that have ended since the last call, if the run
    /// [keeps them](RunOptions::with_kept_records). A record takes a few hundred bytes until it is
    /// taken.
    pub fn records(&mut self) -> Vec<InvocationRecord> {
        self.started.take_records()
    }

    /// Answers the decision that it waits for: a [`Plan`](isotherm_serverless::scheduler::Plan) to
    /// [`Decision::Round`], a [`Keep`](isotherm_serverless::keep_alive::Keep) to
    /// [`Decision::Keep`].
    ///
    /// # Errors
    /// It waits for no decision, or for another one; nothing has changed.
    pub fn answer(&mut self, answer: impl Into<Answer>) -> Result<(), NotAsked> {
        let answer = answer.into();
        self.started.service().answer(answer.clone())?;
        self.answers.push((self.now(), answer));
        Ok(())
    }

    /// How many decisions its caller has made.
    #[must_use]
    pub fn decisions(&self) -> usize {
        self.answers.len()
    }

    /// Starts the same run again and gives the same answers to the same questions, up to a date,
    /// this date included. The copy stops there, or earlier at a question that this run has not
    /// answered yet. It keeps its records to itself, and may be answered otherwise from there on.
    ///
    /// The options must be those of this run: policies of one's own cannot be copied.
    ///
    /// # Errors
    /// Those of a run; [`ExperimentError::OtherRun`] if the copy asks for something else.
    pub fn replay_to(&self, date: Time, options: RunOptions) -> Result<Self, ExperimentError> {
        let mut copy = Running::start(self.planned.clone(), options, None, false)?;
        let mut answers = self.answers.iter();
        while let Reached::Decision(_) = copy.advance_until(date)? {
            let Some((at, answer)) = answers.next() else { return Ok(copy) };
            if *at != copy.now() {
                return Err(ExperimentError::OtherRun { at: copy.now() });
            }
            let other = |_: NotAsked| ExperimentError::OtherRun { at: *at };
            copy.answer(answer.clone()).map_err(other)?;
        }
        match answers.next() {
            Some(&(at, _)) if at <= date => Err(ExperimentError::OtherRun { at }),
            _ => Ok(copy),
        }
    }

    /// Runs it to its end and writes its results, if they go into a folder.
    ///
    /// # Errors
    /// Those of a run, and [`ExperimentError::Undecided`] if it asks its caller for a decision.
    pub fn finish(mut self) -> Result<RunReport, ExperimentError> {
        if let Some(decision) = self.until_decision()? {
            return Err(ExperimentError::Undecided { decision });
        }
        let Running { planned, mut started, files, own_policies, .. } = self;
        let end = started.now();
        let used = started.take_use();
        let mut outcome = started.finish(&planned.run.plan).map_err(|failure| {
            let folder = files.as_ref().map(|files| files.folder.as_path());
            explained(&planned, folder, failure)
        })?;
        let breakdown = outcome.breakdown.take();
        let report = RunReport::new(&planned.run, outcome, own_policies);
        if let Some(mut files) = files {
            let plan = &planned.run.plan;
            if let Some(mut breakdown) = breakdown {
                files.write_parts(plan, &mut breakdown, end).map_err(|error| files.error(error))?;
            }
            files.write_gathered(plan, end, used).map_err(|error| files.error(error))?;
            files.commit(&report, &planned)?;
        }
        Ok(report)
    }
}

/// What a failure means to the user of an experiment.
fn explained(planned: &Planned, folder: Option<&Path>, failure: Failure) -> ExperimentError {
    let output_error = |source| ExperimentError::Output {
        path: folder.unwrap_or(Path::new("")).to_owned(),
        source,
    };
    match failure {
        Failure::Records(error) => output_error(reason(error)),
        Failure::Simulation(stopped) => ExperimentError::Simulation(stopped),
        Failure::Interrupted(progress) => ExperimentError::Interrupted { progress },
        Failure::UserGone { host, at } => ExperimentError::UserGone { host, at },
        Failure::Setup(message) => ExperimentError::Setup(message),
        Failure::Workload(error) => ExperimentError::Input(trace::diagnostics(&error)),
        Failure::Refused { function, cause } => {
            let function = &planned.run.plan.functions[function];
            let message = format!("the platform refuses function `{}`: {cause}", function.name);
            let hint = match cause {
                FailureCause::NotAllowed { .. } => {
                    "give the hosts more of it, or the function lower limits"
                }
                _ => "",
            };
            let diagnostic = Diagnostic::at(function.place, message, hint);
            let sources = Sources::clone(&planned.sources);
            ExperimentError::Input(Diagnostics::new(sources, vec![diagnostic]))
        }
    }
}

impl Files {
    fn create(
        planned: &Planned,
        folder: &Path,
        options: &RunOptions,
        own_policies: &[String],
    ) -> Result<Self, ExperimentError> {
        let error = |source| ExperimentError::Output { path: folder.to_owned(), source };
        let rules = Rules { inputs: &planned.inputs, force: options.force };
        let mut streams = planned.run.plan.files();
        streams.retain(|name| options.records || !RECORDS.contains(name));
        let output = Output::create(folder, &streams, rules).map_err(error)?;
        // A manifest that could not be written or read again is an error before anything is
        // simulated.
        let (mut hashes, mut read) = (Hashes::default(), Vec::new());
        if options.inputs.is_empty() {
            read.extend(planned.inputs.iter().map(Path::to_owned));
            for path in &read {
                hashes.hash(path).map_err(|error| {
                    let path = path.display();
                    Diagnostics::single(format!("cannot read `{path}`: {error}"))
                })?;
            }
        }
        let hashed = hashes.of(&read);
        let inputs = if options.inputs.is_empty() { &hashed } else { &options.inputs };
        let manifest = manifest(&planned.run, &planned.sources, folder, own_policies, inputs)
            .map_err(|path| error(no_text(&path)))?;
        if manifest.len() as u64 > LARGEST_EXPERIMENT - ROOM_FOR_HASHES {
            return Err(error(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the manifest would be larger than 256 MiB",
            )));
        }
        let (folder, force) = (folder.to_owned(), options.force);
        Ok(Files {
            folder,
            output,
            force,
            manifest,
            hashes,
            read,
            time_series: None,
            events: None,
            timeline: None,
        })
    }

    /// The sink of records, if they are written.
    fn records(&self, plan: &Plan) -> io::Result<Option<RecordWriter<Hashed>>> {
        let Some(format) = plan.output.records else { return Ok(None) };
        let file = self.output.stream(records_file(format))?;
        Ok(file.map(|file| RecordWriter::new(file, format)))
    }

    /// The options with observers for the files that are made of events.
    fn listen(&mut self, plan: &Plan, mut options: RunOptions) -> io::Result<RunOptions> {
        if let Some(file) = self.output.stream(EVENTS)? {
            let events = Rc::new(RefCell::new(Some(EventWriter::new(file, plan.names()))));
            self.events = Some(Rc::clone(&events));
            options = options.with_observer(move |event| {
                if let Some(events) = &mut *events.borrow_mut() {
                    events.observe(event);
                }
            });
        }
        if let Some(name) = plan.output.trace
            && let Some(file) = self.output.stream(name)?
        {
            let timeline = Timeline::new(Packed::new(file, name), plan.names());
            options = timeline.listen(options);
            self.timeline = Some(timeline);
        }
        if plan.output.timeseries {
            let series = Rc::new(RefCell::new(TimeSeries::new(plan.names().nodes)));
            self.time_series = Some(Rc::clone(&series));
            options = options.with_observer(move |event| series.borrow_mut().observe(event));
        }
        Ok(options)
    }

    /// Writes what was gathered of each function and node.
    fn write_parts(&self, plan: &Plan, breakdown: &mut Breakdown, end: Time) -> io::Result<()> {
        let names = plan.names();
        if let Some(file) = self.output.stream(FUNCTIONS)? {
            write_rows(breakdown.functions(&names.functions, &plan.apps(), end), file)?;
        }
        if let Some(file) = self.output.stream(NODES)? {
            write_rows(breakdown.nodes(&names.nodes, end), file)?;
        }
        Ok(())
    }

    /// Writes what was gathered until the end of the run.
    fn write_gathered(
        &mut self,
        plan: &Plan,
        end: Time,
        used: Option<UseSeries>,
    ) -> io::Result<()> {
        if let Some(events) = self.events.take().and_then(|events| events.take()) {
            events.close().map_err(reason)?;
        }
        if let Some(timeline) = self.timeline.take() {
            timeline.close(end).map_err(reason)?;
        }
        if let (Some(series), Some((format, names))) =
            (self.time_series.take(), plan.output.time_series())
        {
            let mut series = series.borrow_mut();
            if let Some(file) = self.output.stream(names[0])? {
                series.write(end, file, format)?;
            }
            if let Some(file) = self.output.stream(names[1])? {
                series.write_nodes(end, file, format)?;
            }
            if let (Some(used), Some(file)) = (used, self.output.stream(names[2])?) {
                used.write(end, file, format)?;
            }
        }
        Ok(())
    }

    fn commit(self, report: &RunReport, planned: &Planned) -> Result<(), ExperimentError> {
        if let Some(path) = self.hashes.changed(&self.read) {
            let path = path.display();
            return Err(self.error(io::Error::other(format!(
                "`{path}`, which the run has read, has changed since it began"
            ))));
        }
        let inputs = &planned.inputs;
        let Files { folder, output, force, manifest, .. } = self;
        let manifest = with_warnings(manifest, &report.warnings);
        output
            .commit(&[(SUMMARY, &report.to_json())], &manifest, Rules { inputs, force })
            .map_err(|source| ExperimentError::Output { path: folder, source })
    }

    fn error(&self, source: io::Error) -> ExperimentError {
        ExperimentError::Output { path: self.folder.clone(), source }
    }
}

/// Why results could not be written.
fn reason(error: SinkError) -> io::Error {
    match error {
        SinkError::Write(error) => error,
        error => io::Error::other(error),
    }
}

/// Why there cannot be a manifest that names a file.
fn no_text(path: &Path) -> io::Error {
    let message = format!(
        "the way from there to `{}`, which the experiment names, is not UTF-8 text",
        path.display()
    );
    io::Error::new(io::ErrorKind::InvalidFilename, message)
}
