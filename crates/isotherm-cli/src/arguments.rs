//! What the command line takes.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use isotherm_experiment::{Overrides, TraceColumns};
use isotherm_study::Shard;
use isotherm_study::precision::Precision;

const AFTER_HELP: &str = "\
Begin with:  isotherm run examples/quickstart.toml

Exit codes: 0 success; 1 the simulation could not continue, results could not be written, or some
scenarios do not conform; 2 bad input or usage; 129 the terminal was closed (SIGHUP); 130 Ctrl-C
(SIGINT); 143 SIGTERM.";

/// The text below the help of the commands that take an experiment.
macro_rules! about_set {
    ($above:literal) => {
        concat!(
            $above,
            "\n\n\
`--set FIELD=VALUE` changes a field of the experiment and may be repeated:
service.keep_alive.idle=5min, image.python.size=1GB (the element of a list with this name),
workload.0.rate=5/s (the element with this number), data=DIR (an entry of [parameters]). A file
path set in this way is relative to the current folder."
        )
    };
}

const AFTER_RUN: &str = about_set!(
    "\
Examples:
  isotherm run examples/quickstart.toml
  isotherm run study.toml --set service.keep_alive.idle=5min --seed 7 --out results/short
  isotherm run study.toml --json --no-records | jq .starts.cold
  isotherm run study.toml --records parquet       invocations.parquet for data frames
  isotherm run study.toml --trace trace.json.gz   a timeline to open in ui.perfetto.dev
  isotherm run results/short/manifest.toml        the same run again

The results are five files, which appear when all of them are complete: invocations.csv, one line
per invocation, ordered by end; functions.csv and nodes.csv, one line per function and per compute
host; summary.json, the run in numbers; and manifest.toml, everything the run was made of. [output]
in the experiment has other formats and more files. docs/reference/results.md explains every field.
The same file and seed give the same bytes in all but the manifest, on any machine and from any
folder; and so does a run of the manifest. An experiment with a [sweep] is run as by
`isotherm sweep`.

If anything fails, the files of an earlier run stay as they were. Input files are never replaced;
links, devices and pipes are written to only with `--force`. One run at a time writes into a
folder.

Ctrl-C ends a run and removes what it has written so far; a second one ends it at once. Exit
codes: 0 done; 1 the simulation could not go on, or results could not be written; 2 bad input or
usage; 129 the terminal was closed; 130 Ctrl-C; 143 asked to end by the system."
);

const AFTER_SWEEP: &str = about_set!(
    "\
Examples:
  isotherm sweep study.toml --dry-run               the points that there are
  isotherm sweep study.toml --out results/a         runs them, on all cores
  isotherm sweep study.toml --shard 3/16            a sixteenth of them, for a cluster
  isotherm sweep study.toml --precision \"p99 5%\"   as many seeds as that needs

There is a run for each combination of the values in [sweep] and each of `repeat` seeds. All points
are checked before the first is run. A run that fails is reported and does not stop the others.
DIR gets points.csv and points.parquet with a row per run, aggregates.csv with the means and 95 %
confidence intervals of each point, and a folder per run in points/. The same file gives the same
bytes at any number of jobs.

A sweep that was stopped or killed goes on where it was: give the same command again. Runs that are
there are not run again, unless the experiment, a file that it reads, or Isotherm itself has
changed in a way that concerns them, or `--fresh` is given. One sweep at a time writes into a
folder.

`--precision \"p99 5%\"` adds runs to each point, 5 at a time, until half of the 95 % interval of
the metric is at most 5 % of its mean, or there are 100 runs. Metrics are those of `isotherm
compare`. It needs no [sweep], and does not go with `--shard`. docs/sweeps.md says what it means.

`--shard 3/16` runs a sixteenth of the runs and makes no tables. Shards may run at the same time, in
one folder or in several; `isotherm merge` joins them. docs/sweeps.md has a script for clusters.

Exit codes: 0 done; 1 some runs failed, a precision was not reached, or results could not be
written; 2 bad input or usage; 129 the terminal was closed; 130 Ctrl-C; 143 asked to end by the
system."
);

const AFTER_MERGE: &str = "\
Examples:
  isotherm merge results/study                     all shards are in one folder
  isotherm merge shard1 shard2 shard3 --out all    each has a folder of its own

The tables have the bytes of those of a sweep that is not divided, and the same summary is printed.
Runs that are in other folders than DIR of `--out` are copied there. The shards must be of the same
experiment and the same program. If runs are missing they are listed, and nothing is written.

Exit codes: 0 done; 1 runs are missing or have failed, or results could not be written; 2 shards
that do not belong together, or bad usage.";

const AFTER_CHECK: &str = about_set!(
    "\
Nothing is simulated. All errors are reported at once, with place and hint: in the experiment, in
the files it names, and in every row of its traces. For a folder of results, the files are
compared with the hashes in its manifest. Exit codes: 0 the experiment can be run, or the results
are complete; 2 otherwise."
);

const AFTER_EXPLAIN: &str = "\
Example:
  isotherm run examples/quickstart.toml --out results/quickstart
  isotherm explain results/quickstart --invocation 17

The run is repeated from its manifest until the invocation has ended. The nodes are shown as they
were just before the date at which the invocation was dispatched: what happened at that date, such
as the end of another invocation, is not yet in it. Exit codes: 0 done; 1 the run cannot be
repeated; 2 bad input, such as results that are incomplete or whose inputs have changed.";

const AFTER_PLATFORM: &str = "\
Examples:
  isotherm platform cluster.xml                        hosts, disks, links and zones
  isotherm platform cluster.xml --route node0 node17   the links of a route and its speed
  isotherm platform study.toml --svg platform.svg      draws the platform of an experiment
  isotherm platform cluster.xml --dot - | dot -Tpdf -o cluster.pdf

Equal hosts or links share a row of a table and a box of a drawing. FILE is a SimGrid platform
file, or an experiment, whose platform may be changed by `--set`. docs/platforms.md explains what
is shown. Exit codes: 0 done; 1 a drawing could not be written; 2 bad input, such as a host that
is not there.";

const AFTER_POLICIES: &str = "\
A policy is chosen in an experiment file, by its kind alone or by a table with its parameters:
  [service]
  scheduler = \"fcfs\"
  keep_alive = { kind = \"fixed\", idle = \"10min\" }
or on the command line: isotherm run study.toml --set service.scheduler=random

Exit codes: 0 success; 2 there is no such policy.";

const AFTER_WORKLOAD: &str = "\
Examples:
  isotherm workload describe examples/quickstart.toml
  isotherm workload describe trace.csv --columns arrival=start_s,function=func
  isotherm workload generate study.toml --out day.csv";

const AFTER_DESCRIBE: &str = about_set!(
    "\
Nothing is simulated. The output shows how many invocations there are and when they arrive, how
popular the functions are, how long bodies run, and how many of them would run at a time. The
columns of a trace are found by their names (arrival_s, function, duration_s and similar ones)
unless `--columns` names them. The suffix of a name gives the unit; for names without one, add
unit=s to `--columns`. Exit codes: 0 success; 2 bad input or usage."
);

const AFTER_GENERATE: &str = about_set!(
    "\
`--format csv` writes the columns arrival_s, function and, if the durations of all bodies are known,
duration_s, as a workload of kind \"csv\" reads them, and a second file as [functions] reads it.
`--format parquet` writes arrival_ns, function and duration_ns. `--format azure-2019` writes three
files per day into a folder. The files appear together once all of them are complete. Exit codes: 0
success; 1 the files could not be written; 2 bad input or usage; 129 the terminal was closed
(SIGHUP); 130 Ctrl-C (SIGINT); 143 SIGTERM."
);

const AFTER_COMPARE: &str = "\
Examples:
  isotherm compare results/short results/long      two runs
  isotherm compare results/sweep                   the points of a sweep with the first one
  isotherm compare base new --metric response.p99 --metric cold_share
  isotherm compare base new --by function

A folder holds the results of a run, of several runs that differ in their seed, or of a sweep. All
are compared with the first. Runs with common seeds are compared seed by seed (paired t), others
by Welch's t; one run each by its records, in 20 batches, and by a bootstrap for percentiles.
A metric is a number of summary.json, such as starts.cold or response_of_completed.all.p99_s, or
one of response.mean, .p50, .p95, .p99, .max, wasted_memory, cold_share and completed_share.
A difference can be told if its 95 % interval is on one side of 0.

Runs with different workloads, or of other versions of Isotherm, are refused. Exit codes: 0 done;
2 results that cannot be read or compared.";

const AFTER_SEARCH: &str = about_set!(
    "\
Examples:
  isotherm search study.toml                            the least value
  isotherm search study.toml --curve                    the metrics against the value
  isotherm search study.toml --curve \"geom(1, 64, 7)\"   for these values

The experiment has a table such as
  [search]
  minimize = \"platform.nodes.count\"
  within = \"1..=500\"
  subject_to = [\"response.p99 < 1s\", \"cold_share < 1%\"]

`within` may also be a range of quantities, such as \"0s..=1h\", searched to 1 % or to the field
`resolution`, or an array of values in the order in which they are searched. Each probed value is
run with 10 seeds, and with up to 80 if these do not decide; there are at most 30 probes. What
cannot be decided counts as violated. Invocations that did not complete count as an infinite
response time. Nothing is written. docs/searching.md explains the statistics.

`--curve` runs each value with 10 seeds: those given, as 1,2,4 or as a range of [sweep], or else
those of `within`, of which 11 if there are more than 20.

Exit codes: 0 there is an answer; 1 no value fulfils the constraints; 2 bad input or usage; 129 the
terminal was closed; 130 Ctrl-C; 143 asked to end by the system."
);

const AFTER_CONFORM: &str = "\
FOLDER holds scenarios in cases/*.json and, beside cases/, the platforms that they name, as
conformance/ does. One line is printed for each scenario that differs: its first differing date,
with the expected and the simulated value. The last line counts them. Exit codes: 0 all conform; 1
some differ; 2 a scenario is invalid.";

/// Simulates serverless platforms, fast and exactly, with the same results on every machine.
#[derive(Debug, Parser)]
#[command(name = "isotherm", version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment, write its results and show a summary.
    Run(RunArguments),
    /// Run all points of an experiment with a [sweep], or go on where they were stopped.
    Sweep(SweepArguments),
    /// Join the shards of a sweep: make the tables of all of its runs.
    Merge(MergeArguments),
    /// Report all errors of an experiment without running it.
    Check(CheckArguments),
    /// Explain an invocation of a run: what it waited for, and why it ran where it did.
    Explain(ExplainArguments),
    /// Show and draw a platform: hosts, disks, links, and the route between two hosts.
    Platform(PlatformArguments),
    /// List the built-in policies and their parameters.
    Policies(PoliciesArguments),
    /// Describe a workload, or write its arrivals to files.
    Workload(WorkloadArguments),
    /// Tell in what the results of runs differ, and how sure that is.
    Compare(CompareArguments),
    /// Find the least value of a field with which an experiment fulfils constraints.
    Search(SearchArguments),
    /// Compare the dates of a folder of scenarios with those of the reference simulator.
    Conform(ConformArguments),
}

/// `isotherm run`
#[derive(Debug, Args)]
#[command(after_help = AFTER_RUN)]
pub struct RunArguments {
    /// What is run.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// The folder for the results [default: results/NAME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write also through a link, or into a device or pipe, that stands at the path of a file.
    #[arg(long)]
    pub force: bool,
    /// Write the records of single invocations in this format; the same as
    /// `--set output.records=FORMAT`.
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub records: Option<RecordFormat>,
    /// Write the run as a timeline for ui.perfetto.dev; the same as `--set output.trace=FILE`.
    #[arg(long, value_name = "FILE", value_parser = ["trace.json", "trace.json.gz"])]
    pub trace: Option<String>,
    /// Do not write records of single invocations.
    #[arg(long, conflicts_with = "records")]
    pub no_records: bool,
    /// Print only errors: no table, no warnings, no progress.
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
    /// Print the summary as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

impl RunArguments {
    /// What is changed in the experiment.
    pub fn overrides(&self) -> Overrides {
        let mut overrides = self.experiment.overrides();
        let records = self.records.and_then(|format| format.to_possible_value());
        overrides.set.extend(
            records.map(|format| ("output.records".to_owned(), format.get_name().to_owned())),
        );
        overrides.set.extend(self.trace.clone().map(|file| ("output.trace".to_owned(), file)));
        overrides
    }
}

/// The format of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// invocations.csv
    Csv,
    /// invocations.parquet
    Parquet,
    /// invocations.jsonl: a JSON object a line
    Jsonl,
}

/// `isotherm sweep`
#[derive(Debug, Args)]
#[command(after_help = AFTER_SWEEP)]
pub struct SweepArguments {
    /// What is run.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// How many runs there are at a time [default: one on each core].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub jobs: usize,
    /// The folder for the results [default: results/NAME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Check all points and list them, without running any.
    #[arg(long)]
    pub dry_run: bool,
    /// Run everything again, also what has results.
    #[arg(long)]
    pub fresh: bool,
    /// Run one of N parts of the sweep, such as 3/16, and make no tables.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Add runs to each point until the 95 % interval of a metric is this narrow, such as "p99 5%".
    #[arg(long, value_name = "METRIC PERCENT", conflicts_with_all = ["shard", "dry_run"])]
    pub precision: Option<Precision>,
    /// Run also more than 10,000 runs.
    #[arg(long)]
    pub yes: bool,
    /// Do not write invocations.csv, the records of single invocations.
    #[arg(long)]
    pub no_records: bool,
    /// Print only errors: no table, no warnings, no progress.
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
    /// Print the summaries of all runs as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// `isotherm merge`
#[derive(Debug, Args)]
#[command(after_help = AFTER_MERGE)]
pub struct MergeArguments {
    /// The folders into which the shards were run.
    #[arg(required = true, value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// The folder for all results [default: the first of the others].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print only errors.
    #[arg(long)]
    pub quiet: bool,
}

/// `isotherm check`
#[derive(Debug, Args)]
#[command(after_help = AFTER_CHECK)]
pub struct CheckArguments {
    /// The experiment, or a folder of results.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
}

/// `isotherm workload`
#[derive(Debug, Args)]
#[command(after_help = AFTER_WORKLOAD)]
pub struct WorkloadArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: WorkloadCommand,
}

/// What to do with a workload.
#[derive(Debug, Subcommand)]
pub enum WorkloadCommand {
    /// Describe the workload of an experiment, or a trace in a file.
    Describe(DescribeArguments),
    /// Write the arrivals of an experiment to files.
    Generate(GenerateArguments),
}

/// `isotherm workload describe`
#[derive(Debug, Args)]
#[command(after_help = AFTER_DESCRIBE)]
pub struct DescribeArguments {
    /// An experiment (.toml or .json), or a trace: a CSV, JSONL or Parquet file, or a trace of
    /// Azure Functions (that of 2019: its folder, or the file of the invocations of a day).
    pub file: PathBuf,
    /// Use this seed instead of the experiment's.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Set a field of the experiment, such as workload.0.rate=5/s.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// The columns of a trace, such as arrival=start_s,function=func,duration=run_ms,unit=s.
    #[arg(long, value_name = "KEY=COLUMN,...", value_parser = columns)]
    pub columns: Option<TraceColumns>,
    /// Look at only the first N invocations of each trace.
    #[arg(long, value_name = "N")]
    pub limit: Option<NonZeroU32>,
    /// Print the description as JSON.
    #[arg(long)]
    pub json: bool,
}

impl DescribeArguments {
    /// What is changed in the experiment.
    pub fn overrides(&self) -> Overrides {
        let (seed, set, limit) = (self.seed, self.set.clone(), self.limit);
        Overrides { seed, set, limit, ..Overrides::default() }
    }
}

/// `isotherm workload generate`
#[derive(Debug, Args)]
#[command(after_help = AFTER_GENERATE)]
pub struct GenerateArguments {
    /// The experiment whose arrivals are written.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// The file for the arrivals (a folder for `--format azure-2019`).
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
    /// The format of the files.
    #[arg(long, value_enum, default_value_t = GenerateFormat::Csv)]
    pub format: GenerateFormat,
    /// The file for the functions [default: beside the arrivals, NAME-functions.csv].
    #[arg(long, value_name = "FILE")]
    pub functions: Option<PathBuf>,
    /// Write also through a link, or into a device or pipe, that stands at the path of a file.
    #[arg(long)]
    pub force: bool,
    /// Do not write the durations of bodies.
    #[arg(long)]
    pub no_durations: bool,
    /// Print only errors.
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
    /// Print what was written as JSON.
    #[arg(long)]
    pub json: bool,
}

/// How arrivals are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GenerateFormat {
    /// A CSV file with a row for each arrival, and one with the functions.
    Csv,
    /// The arrivals in a Parquet file, the functions in a CSV file.
    Parquet,
    /// A folder with the three files per day of the Azure Functions 2019 data set.
    #[value(name = "azure-2019")]
    Azure2019,
}

/// Which column of a trace holds what.
fn columns(text: &str) -> Result<TraceColumns, String> {
    let mut columns = TraceColumns::default();
    for part in text.split(',') {
        let Some((key, name)) = part.split_once('=') else {
            return Err(format!("`{part}` is not like arrival=start_s"));
        };
        let name = name.trim().to_owned();
        match key.trim() {
            "arrival" => columns.arrival = Some(name),
            "function" => columns.function = Some(name),
            "duration" => columns.duration = Some(name),
            "unit" => columns.unit = Some(name.parse().map_err(|error| format!("{error}"))?),
            other => {
                return Err(format!(
                    "unknown `{other}`: one of arrival, function, duration and unit"
                ));
            }
        }
    }
    Ok(columns)
}

/// An experiment, and what is changed in it.
#[derive(Debug, Args)]
pub struct ExperimentArguments {
    /// The experiment (TOML, or JSON if its name ends in .json); paths in it are relative to it.
    pub file: PathBuf,
    /// Use this seed instead of the file's.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Set a field, such as service.keep_alive.idle=5min.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// Play only the first N invocations of each trace.
    #[arg(long, value_name = "N")]
    pub limit: Option<NonZeroU32>,
}

impl ExperimentArguments {
    /// What is changed in the experiment.
    pub fn overrides(&self) -> Overrides {
        let (seed, set, limit) = (self.seed, self.set.clone(), self.limit);
        Overrides { seed, set, limit, ..Overrides::default() }
    }
}

/// A field and its value.
fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) => Ok((path.trim().to_owned(), value.to_owned())),
        None => Err("write it like service.keep_alive.idle=5min".to_owned()),
    }
}

/// `isotherm explain`
#[derive(Debug, Args)]
#[command(after_help = AFTER_EXPLAIN)]
pub struct ExplainArguments {
    /// The folder of the results of a run.
    #[arg(value_name = "RESULTS")]
    pub results: PathBuf,
    /// The number of the invocation, as the column `id` of its records has it.
    #[arg(long, value_name = "N")]
    pub invocation: u64,
}

/// `isotherm platform`
#[derive(Debug, Args)]
#[command(after_help = AFTER_PLATFORM)]
pub struct PlatformArguments {
    /// A SimGrid platform file (XML), or an experiment (TOML or JSON).
    pub file: PathBuf,
    /// Show the route from one host to another, and the speed of a transfer along it.
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"])]
    pub route: Option<Vec<String>>,
    /// Draw the platform as SVG; `-` is standard output.
    #[arg(long, value_name = "DRAWING")]
    pub svg: Option<PathBuf>,
    /// Draw the platform for Graphviz; `-` is standard output.
    #[arg(long, value_name = "DRAWING")]
    pub dot: Option<PathBuf>,
    /// Write the platform as a SimGrid platform file; `-` is standard output. The `[[failure]]`
    /// tables of an experiment are left out.
    #[arg(long, value_name = "XML")]
    pub to_xml: Option<PathBuf>,
    /// Write also through a link, or into a device or pipe, that stands at the path of a file.
    #[arg(long)]
    pub force: bool,
    /// Show each host, disk, link and zone on its own line, even if some are identical.
    #[arg(long, conflicts_with = "route")]
    pub all: bool,
    /// Print everything as JSON.
    #[arg(long)]
    pub json: bool,
    /// Set a field of the experiment, such as platform.nodes.count=64.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
}

impl PlatformArguments {
    /// What is changed in the experiment.
    pub fn overrides(&self) -> Overrides {
        Overrides { set: self.set.clone(), ..Overrides::default() }
    }

    /// Whether a drawing is asked for.
    pub fn draws(&self) -> bool {
        self.svg.is_some() || self.dot.is_some() || self.to_xml.is_some()
    }
}

/// `isotherm policies`
#[derive(Debug, Args)]
#[command(after_help = AFTER_POLICIES)]
pub struct PoliciesArguments {
    /// Show only this policy, or the policies of this field, such as `least-loaded` or `scheduler`.
    pub name: Option<String>,
    /// Print the list as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `isotherm compare`
#[derive(Debug, Args)]
#[command(after_help = AFTER_COMPARE)]
pub struct CompareArguments {
    /// Folders of results; or one folder of a sweep, whose points are compared.
    #[arg(required = true, value_name = "RESULTS")]
    pub folders: Vec<PathBuf>,
    /// Compare only this metric, such as response.p99; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub metric: Vec<String>,
    /// Compare each function on its own.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub by: Option<CompareBy>,
    /// Print the comparison as JSON, with all metrics.
    #[arg(long)]
    pub json: bool,
}

/// What is compared on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareBy {
    /// Each function.
    Function,
}

/// `isotherm search`
#[derive(Debug, Args)]
#[command(after_help = AFTER_SEARCH)]
pub struct SearchArguments {
    /// The experiment, which has a table [search].
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// Show the metrics of the constraints against these values of the field, such as 1,2,4 or
    /// 1..=8 [default: those of `within`].
    #[arg(long, value_name = "VALUES", num_args = 0..=1, default_missing_value = "")]
    pub curve: Option<String>,
    /// How many runs there are at a time [default: one on each core].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub jobs: usize,
    /// Print the answer and the probes as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `isotherm conform`
#[derive(Debug, Args)]
#[command(after_help = AFTER_CONFORM)]
pub struct ConformArguments {
    /// The folder of scenarios.
    pub folder: PathBuf,
    /// Print a line for every scenario, with its wall time.
    #[arg(long)]
    pub times: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }
}
