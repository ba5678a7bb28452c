//! The reference of results: what the files of a run hold, with units and meanings.
//!
//! It is made of the same definitions as the files: [`Column::ALL`] writes the records, and
//! the fields of `summary.json` are those of the structs of this crate with their documentation,
//! which a macro keeps. So `docs/reference/results.md` is generated, and a test compares it with
//! the code.

use std::fmt::Write;

use crate::compact::COMPACT_EXACT_UP_TO;
use crate::{
    CidreReport, ColdReasonCounts, ColdStartReport, Column, ContainerMemory, EVENT_FIELDS, EVENTS,
    EXACT_UP_TO, EventDoc, FaasCacheReport, FeMuxReport, FunctionReport, LiteratureReport,
    MOST_BINS, MOST_NODES, MOST_PARTS, MemoryReport, MemoryUse, NodeReport, OutcomeCounts,
    PlatformCounts, ResponseReport, SitwReport, SlotUse, StartCounts, SummaryReport, TimeColumn,
    TimesReport, UseColumn, UtilisationReport, WindowReport,
};

/// A field of `summary.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldDoc {
    /// Its key.
    pub name: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

impl FieldDoc {
    /// What it is measured in, as the end of its name says: `s`, `h`, `B`, `MB·s`,
    /// `GB·s`, `GB·h`, `0 to 1`, or nothing.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        let units = [
            ("_mb_s", "MB·s"),
            ("_gb_s", "GB·s"),
            ("_gb_h", "GB·h"),
            ("_bytes", "B"),
            ("_s", "s"),
            ("_h", "h"),
            ("_share", "0 to 1"),
        ];
        units.iter().find(|(end, _)| self.name.ends_with(end)).map_or("", |(_, unit)| unit)
    }
}

/// A struct of `summary.json` that knows the documentation of its fields.
pub trait Described {
    /// Its fields, in the order in which they are written.
    const FIELDS: &'static [FieldDoc];
}

/// Defines structs and keeps the documentation of their fields, which is one or more lines each.
macro_rules! described {
    ($(
        $(#[$attribute:meta])*
        pub struct $name:ident {
            $($(#[doc = $doc:literal])+ $(#[serde($($serde:tt)*)])? pub $field:ident: $type:ty,)+
        }
    )+) => {$(
        $(#[$attribute])*
        pub struct $name {
            $($(#[doc = $doc])+ $(#[serde($($serde)*)])? pub $field: $type,)+
        }

        impl $crate::reference::Described for $name {
            const FIELDS: &'static [$crate::reference::FieldDoc] = &[$(
                $crate::reference::FieldDoc { name: stringify!($field), meaning: concat!($($doc),+) },
            )+];
        }
    )+};
}
pub(crate) use described;

/// An object in `summary.json`.
#[derive(Clone, Copy, Debug)]
pub struct ObjectDoc {
    /// Where it is: keys with dots between them, empty for the whole file. Several, if they have
    /// the same fields.
    pub paths: &'static [&'static str],
    /// Its fields, in order.
    pub fields: &'static [FieldDoc],
}

const fn field(name: &'static str, meaning: &'static str) -> FieldDoc {
    FieldDoc { name, meaning }
}

/// The fields before those of [`SummaryReport`] in `summary.json`. The crate that runs experiments
/// adds them.
pub const BEFORE: &[FieldDoc] = &[
    field("name", "Name of the experiment."),
    field("seed", "What all random numbers derived from."),
    field("preset", "Which rules the platform followed: `default` or `wrench`."),
    field(
        "sweep",
        "The fields that were changed for this run of a sweep, with their values; empty if there is no sweep.",
    ),
    field(
        "own_policies",
        "The policies that were those of the program: `scheduler` if it stood in place of the experiment's, `scheduler KIND of PROGRAM` if the experiment names it; absent if there are none.",
    ),
    field(
        "warnings",
        "What was accepted but is probably not intended, a sentence each (`docs/warnings.md`); \
         absent if there is nothing.",
    ),
    field(
        "measure",
        "The part of the run that counts in what follows, from `invocations` to `cold_start_mean` and in `utilisation`; absent if all of it counts.",
    ),
];

/// The fields after those of [`SummaryReport`].
pub const AFTER: &[FieldDoc] = &[
    field("platform", "What the platform did."),
    field(
        "utilisation",
        "How much of the compute hosts was in use; null if no time passed between the first \
         submission, or 0 if containers were warm from the start, and the end.",
    ),
    field(
        "requests_lost",
        "Requests to invoke a function that the service never took in, whoever made them: the message was lost on the \
         network, or the service was gone. They are no invocations and have no record. Every other request is an invocation \
         with a record and one outcome, also if the body that made it has ended before: the run goes on until all have ended.",
    ),
    field(
        "measured_cold_starts",
        "Cold starts that were measured on a real platform, if the experiment gives them; else null.",
    ),
    field(
        "literature",
        "Metrics of the literature, if `metrics` in `[output]` asks for them; else absent.",
    ),
];

/// The objects in `summary.json` except the file itself, in order.
pub const OBJECTS: &[ObjectDoc] = &[
    ObjectDoc { paths: &["measure"], fields: WindowReport::FIELDS },
    ObjectDoc { paths: &["invocations"], fields: OutcomeCounts::FIELDS },
    ObjectDoc { paths: &["starts"], fields: StartCounts::FIELDS },
    ObjectDoc { paths: &["cold_starts_by_reason"], fields: ColdReasonCounts::FIELDS },
    ObjectDoc { paths: &["response_of_completed"], fields: ResponseReport::FIELDS },
    ObjectDoc {
        paths: &[
            "response_of_completed.all",
            "response_of_completed.cold",
            "response_of_completed.warm",
        ],
        fields: TimesReport::FIELDS,
    },
    ObjectDoc { paths: &["cold_start_mean"], fields: ColdStartReport::FIELDS },
    ObjectDoc { paths: &["platform"], fields: PlatformCounts::FIELDS },
    ObjectDoc { paths: &["utilisation"], fields: UtilisationReport::FIELDS },
    ObjectDoc { paths: &["utilisation.slots"], fields: SlotUse::FIELDS },
    ObjectDoc { paths: &["utilisation.memory"], fields: MemoryReport::FIELDS },
    ObjectDoc {
        paths: &[
            "utilisation.memory.used",
            "utilisation.memory.busy_containers",
            "utilisation.memory.idle_containers",
            "utilisation.memory.images",
        ],
        fields: MemoryUse::FIELDS,
    },
    ObjectDoc { paths: &["utilisation.container_memory"], fields: ContainerMemory::FIELDS },
    ObjectDoc { paths: &["literature"], fields: LiteratureReport::FIELDS },
    ObjectDoc { paths: &["literature.sitw"], fields: SitwReport::FIELDS },
    ObjectDoc { paths: &["literature.faascache"], fields: FaasCacheReport::FIELDS },
    ObjectDoc { paths: &["literature.cidre"], fields: CidreReport::FIELDS },
    ObjectDoc { paths: &["literature.femux"], fields: FeMuxReport::FIELDS },
];

/// The fields of the whole file, in order.
#[must_use]
pub fn top() -> Vec<FieldDoc> {
    [BEFORE, SummaryReport::FIELDS, AFTER].concat()
}

/// The text of `docs/reference/results.md`.
///
/// ```
/// let text = isotherm_results::reference::markdown();
/// assert!(text.contains("| `queue_s` | s | time until dispatch"));
/// ```
#[must_use]
pub fn markdown() -> String {
    let numbers = |text: &str| {
        text.replace("{EXACT_UP_TO}", &EXACT_UP_TO.to_string())
            .replace("{MOST_BINS}", &MOST_BINS.to_string())
            .replace("{MOST_NODES}", &MOST_NODES.to_string())
            .replace("{MOST_PARTS}", &MOST_PARTS.to_string())
            .replace("{COMPACT_EXACT_UP_TO}", &COMPACT_EXACT_UP_TO.to_string())
    };
    let mut text = numbers(INTRODUCTION);
    text += "\n## `invocations.csv`\n\n";
    text += RECORDS;
    text += "\n| column | unit | meaning |\n|---|---|---|\n";
    for column in Column::ALL {
        // Writing into a string does not fail.
        let _ =
            writeln!(text, "| `{}` | {} | {} |", column.name, column.unit.symbol(), column.meaning);
    }
    text += "\n## `functions.csv` and `nodes.csv`\n\n";
    text += &numbers(PARTS);
    fields(&mut text, FunctionReport::FIELDS);
    text += "\nA row of `nodes.csv`:\n";
    fields(&mut text, NodeReport::FIELDS);
    text += "\n## `timeseries.csv` and `timeseries-nodes.csv`\n\n";
    text += &numbers(TIME_SERIES);
    text += "\n| column | unit | in `timeseries-nodes` | meaning |\n|---|---|---|---|\n";
    for TimeColumn { name, unit, meaning, of_platform, of_nodes, .. } in TimeColumn::ALL {
        let of_nodes = match (of_platform, of_nodes) {
            (true, true) => "too",
            (false, _) => "only",
            (true, false) => "no",
        };
        let _ = writeln!(text, "| `{name}` | {} | {of_nodes} | {meaning} |", unit.symbol());
    }
    text += "\n## `timeseries-links.csv`\n\n";
    text += &numbers(LINKS);
    text += "\n| column | unit | meaning |\n|---|---|---|\n";
    for UseColumn { name, unit, meaning, .. } in UseColumn::ALL {
        let _ = writeln!(text, "| `{name}` | {} | {meaning} |", unit.symbol());
    }
    text += "\n## `events.jsonl`\n\n";
    text += EVENT_LOG;
    text += "\n| event | what has happened | fields |\n|---|---|---|\n";
    for EventDoc { name, meaning, fields } in EVENTS {
        let fields: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
        let _ = writeln!(text, "| `{name}` | {meaning} | {} |", fields.join(", "));
    }
    fields(&mut text, EVENT_FIELDS);
    text += "\n## `trace.json`\n\n";
    text += TIMELINE;
    text += "\n## `summary.json`\n\n";
    text += SUMMARY;
    fields(&mut text, &top());
    for object in OBJECTS {
        let paths: Vec<_> = object.paths.iter().map(|path| format!("`{path}`")).collect();
        let _ = write!(text, "\n### {}\n", paths.join(", "));
        fields(&mut text, object.fields);
    }
    text += UTILISATION;
    text
}

fn fields(text: &mut String, fields: &[FieldDoc]) {
    text.push_str("\n| field | unit | meaning |\n|---|---|---|\n");
    for field in fields {
        let meaning = field.meaning.trim().trim_end_matches('.');
        let _ = writeln!(text, "| `{}` | {} | {} |", field.name, field.unit(), lower_case(meaning));
    }
}

/// Cells of a table do not begin like sentences.
fn lower_case(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_lowercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

const INTRODUCTION: &str = "\
<!-- Generated from the code: `ISOTHERM_WRITE_REFERENCE=1 cargo test -p isotherm-results --test it reference`. -->

# Results

`isotherm run` writes a folder, `results/NAME` unless `--out` says otherwise. The runs of a sweep \
have folders of their own in it ([below](#sweeps)).

| file | what it holds |
|---|---|
| `invocations.csv` | one line for each invocation; not written with `--no-records`. `[output]` may make it \
`invocations.parquet` or `invocations.jsonl` |
| `functions.csv` | one line for each function |
| `nodes.csv` | one line for each compute host |
| `timeseries.csv` | on request (`[output]`), what happened and was held over time |
| `timeseries-nodes.csv` | on request, the same for each compute host, if there are at most {MOST_NODES} |
| `timeseries-links.csv` | on request, how much of links and disks was used over time |
| `events.jsonl` | on request, everything that happened on the platform |
| `trace.json.gz` or `trace.json` | on request, the run as a timeline for [Perfetto](https://ui.perfetto.dev) |
| `summary.json` | the run in a few dozen numbers |
| `manifest.toml` | everything that the run was made of, defaults and overrides included, and the version of Isotherm. It is an \
experiment: `isotherm run manifest.toml --out DIR` gives the same bytes again in every file |

The files are written under temporary names (`.NAME.*.partial`) and renamed when all of them are \
whole. A run that fails or is interrupted (Ctrl-C, SIGTERM, the end of its terminal) leaves \
nothing, and what an earlier run has left stays as it was. Only a program that is killed can \
leave temporary files; the next run into the folder removes them. One run at a time writes into a \
folder: it holds the lock of the file `.isotherm.lock` there.

`manifest.toml` gets its name last and has the SHA-256 of the other files in `[manifest.sha256]`. \
`isotherm check FOLDER` compares them, and so does `isotherm_experiment::Results::open` in \
programs: files that are of two runs, or were changed, are told by their names.

A file that the experiment is read from (the experiment, its platform and profiles, its \
functions, its traces) is never replaced by one of these, whatever path or link leads to it. A \
link, a device or a pipe that stands in the place of one is left alone; with `--force` it is \
written to. The same holds for `isotherm workload generate` and `isotherm platform`.

The same experiment, seed and version give the same bytes in all files but \
`manifest.toml`, on any machine and from any folder, with or without `--no-records`. \
`manifest.toml` also depends on where the files are that it names, because their paths are \
relative to it, and on whether there are records. What `--seed`, `--set` and a sweep have changed \
is in the manifest, and a run of the manifest says it in its results as well.

Memory does not grow with the number of invocations, with or without records. Percentiles are exact
for up to {EXACT_UP_TO} times; beyond that they come from a histogram with three digits and are at
most 0.1 % too large (`percentiles` says which). Counts, sums, means, maxima and everything about
utilisation are always exact.

## Sweeps

`isotherm sweep`, and `isotherm run` on an experiment with a `[sweep]`, write into their folder:

| file | what it holds |
|---|---|
| `points.csv` | a row for each run, in the order of the points: `point`, counted from 0, `name`, a column for each field of the sweep, `seed`, `status` (`done` or `failed`), `folder`, and every number of `summary.json` by its path, with `cold_share` and `completed_share` |
| `points.parquet` | the same rows with types: a field of the sweep is a column of whole numbers, numbers, truth values or text, whichever all of its values are. Quantities are numbers in bytes, seconds, 1/s, floating-point operations (per second) or bytes per second; the note `units` in the metadata of the file says which, as JSON |
| `aggregates.csv` | a row for each metric of each point: `runs` that have it, `mean`, `standard_deviation`, and the ends `low` and `high` of the 95 % confidence interval of the mean (Student's t; empty for a single run) |
| `tables.sha256` | the SHA-256 of these tables, as `sha256sum --check` reads it; `isotherm check` tells with it whether a table was changed |
| `points/KEY/` | the files of a run |
| `shards/I-of-N.json` | of a shard (`--shard I/N`) instead of the tables: what `isotherm merge` makes them of |

`KEY` is a hash of what the results depend on: the experiment with all defaults, the content of the
files that it reads, the seed, whether there are records, and the program. It does not depend on
names and paths. A run is written into `points/.KEY.partial/`, and renamed when it is on the disk.
So a sweep that was stopped or killed goes on where it was when the same command is given again, and
a changed experiment runs only what the change concerns. So that a run can be used again under
another name, its `summary.json` and `manifest.toml` have its key as their name and do not say what
was changed for the point; the tables do. Its `manifest.toml` has the XXH3 (128 bits) of the files
that it has read in `[manifest.inputs]`, and their paths of when it was run. Runs with policies of a
program are always run again, and `--fresh` runs everything again. Folders of points that the
experiment no longer has stay; the tables do not name them.

A run that fails does not stop the others; the tables have its row without numbers, and the next \
sweep tries it again. A file that changes while the sweep goes on fails the runs that read it. The \
bytes of all files are the same at any number of `--jobs`.
";

const RECORDS: &str = "\
Invocations stand in the order in which they ended. Dates are simulated seconds since the start with
nine decimals, exact. Waits do not overlap: where an invocation was dispatched, `submitted_s` +
`download_wait_s` + `copy_wait_s` + `load_wait_s` + `queue_s` = `dispatched_s`.

`invocations.parquet` and `invocations.jsonl` have the same columns; what is empty in CSV is null
there. Parquet has unsigned integers, text, and times as `DOUBLE`: the nearest numbers, which tell
all nanoseconds of 97 days apart.
";

const PARTS: &str = "\
With or without records, functions and compute hosts have a row each, in the order of the
experiment. What there is none of is empty. Percentiles are exact for up to {COMPACT_EXACT_UP_TO}
values of a function; beyond that they are at most 0.8 % too large. With `measure`, rows are about
what counts, but for the numbers of containers, copies and loads, which are those of all of the run,
as `platform` in `summary.json`. Counts add up to those of `summary.json`. A row of `functions.csv`:
";

const TIME_SERIES: &str = "\
With `timeseries = true` in `[output]`, in Parquet if the records are, else in CSV. Bins are of
equal width and begin at date 0; they are 1 ms wide, or as many times twice that as it takes for
at most {MOST_BINS} of them to cover the run. The last one ends with the run. A mean is over time;
where a bin takes none, there is no mean.
";

const LINKS: &str = "\
With `timeseries = true` in `[output]`, in the bins of `timeseries.csv`: a row for each bin and each
link and disk; if these are more than {MOST_PARTS}, of those that were used most over the run. The
two directions of a link, and reading and writing of a disk, have rows of their own.

`used_share` is the integral over the bin of what flows use of the capacity, divided by the capacity
of the moment and by the width of the bin. It is integrated by the simulator itself, not sampled.
Headers and acknowledgements of the network model are part of it, so a link that limits its flows is
at 1. It may be more where a link limits each flow alone (`FATPIPE`), and under preset `wrench`,
which has the reference's over-allocation.
";

const EVENT_LOG: &str = "\
With `events = true` in `[output]`: a JSON object a line, in the order of occurrence.
";

const TIMELINE: &str = "\
With `--trace trace.json.gz`, or `trace = \"trace.json.gz\"` in `[output]` (without `.gz` it is not
compressed): trace events in Chrome's JSON format, which <https://ui.perfetto.dev> opens. Dates are
simulated microseconds with three decimals, exact.

* The head host and each compute host are processes, called after the hosts.
* `slot 1`, `slot 2`, … are threads of a compute host. An invocation has the lowest that is free
  from its dispatch to its end. It is a slice called after its function, with its row of
  `invocations.csv` as arguments (what is empty is left out). In it are the slices `cold start`,
  from the dispatch to the beginning of the body, and `body`.
* `images 1`, … are threads with the slices `download` (on the head host), `copy` and `load`, with
  `image`, `bytes`, and how it ended (`ending`: done, failed, or still going on when the run ended).
* Counters: `pending` invocations on the head host; `running` invocations, `containers` and
  `memory_bytes` on each compute host, by state, as in the time series. A date at which several
  things happen has one value, the last.

A file has about 1.3 kB for an invocation, a tenth of that if it is compressed. It is written bit by
bit, but a viewer takes it into memory whole: it suits runs of up to some hundred thousand
invocations.
";

const SUMMARY: &str = "\
Fields stand in this order. Those without a unit are numbers of things, names or words.
";

const UTILISATION: &str = "
## What utilisation means

* Means are over the time from the first submission (`from_s`; from 0 if containers are `warm` from
  the start) to the end of the run (`to_s`). A run ends when everything that was invoked has ended; containers that are still kept then count until
  then. With `measure`, everything here is about the part of that time that counts.
* A slot is in use from the dispatch of an invocation until the platform is done with it, start-up
  of the container included.
* A container holds its memory limit, whatever its body does, from its start to its end. It is busy
  while it serves an invocation, start-up included, and idle while it is kept and serves nobody.
* An image holds its size in memory from the beginning of its load on a node until it leaves the
  memory of that node.
* A peak is the most that was held at a time on all compute hosts together, for longer than an
  instant.
* Totals are those of all compute hosts, on or off. Where one has any number of slots, or no limit
  of memory, there is no total and no share.
* `container_memory.idle_mb_s` is the sum over all containers of memory limit × time idle, until
  they end or the run does: what is paid for warm starts.
";
