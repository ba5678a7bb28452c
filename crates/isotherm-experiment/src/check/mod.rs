//! Checks the tree of an experiment file and turns it into a [`Plan`].
//!
//! [`Sweep`] reads which values the points of a sweep have; [`check()`] turns the tree of each into
//! a plan. It has a reader for each table of the file, mostly in a submodule of its own. Readers
//! report errors to a [`Report`] and go on, so all errors of a file are found at once. There is a
//! plan only if there are no errors. The names of storages, images and functions are gathered
//! before any reader resolves one, so an error in one table does not cause errors in others.
//!
//! Beside each reader, constants describe its fields with units and defaults
//! ([`isotherm_config::schema`]). The [reference](crate::reference) is generated from them,
//! starting with [`EXPERIMENT`].

mod at_start;
pub mod azure;
mod body;
mod calls;
mod compact;
mod concurrency;
mod context;
mod distribution;
mod draws;
mod failures;
mod functions;
mod generate;
pub mod huawei;
mod images;
mod invoked;
mod known_traces;
mod limits;
mod lines;
mod meaning;
mod measured;
mod objects;
pub mod on_failure;
mod output;
mod part;
mod parts;
mod platform;
mod population;
mod room;
pub mod search;
pub(crate) mod service;
mod sweep;
mod tabular;
mod trace_functions;
mod traces;
mod values;
mod workload;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Fields, Seed, takes, words};
use isotherm_config::hint::suggestion;
use isotherm_config::names::{Names, array_of_tables, tables};
use isotherm_config::schema::{TableSpec, Takes, field, path, table, value};
use isotherm_config::source::{Located, Sources, Span};
use isotherm_config::tree::parameters::{self, PARAMETERS};
use isotherm_config::tree::{Kind, Table, Value};
use isotherm_kernel::{Duration, Limits, Time};
use isotherm_platform::PlatformSpec;
use isotherm_results::Window;
use isotherm_serverless::Preset;

use crate::inputs::Inputs;
use crate::manifest;
use crate::overrides::Overrides;
use crate::plan::{
    AzureTrace, FunctionPlan, HostsPlan, ImagePlan, Plan, ServicePlan, StoragePlan, WorkloadPlan,
};
use crate::policies::Known;

pub use crate::files::io_reason;
pub(crate) use azure::tolerated;
pub use known_traces::{Depth, KnownTraces, TraceSize, Traces};
pub use measured::Measured;
pub use service::{preset_defaults, unless_named};
pub use sweep::{Setting, Sweep};
pub use traces::further;

use calls::BodyOf;
use context::{Context, Needs};
use functions::Listed;
use objects::REPOSITORY;
use platform::Platform;

/// The top level of an experiment file.
pub const EXPERIMENT: TableSpec = table("the experiment", "The top of the file.").with(&[
    field(
        "name",
        value("letters, digits, `-`, `_` and `.`", "\"first\""),
        "The name of the experiment, which is also that of the folder of its results.",
    ),
    field("seed", takes::<Seed>(), "What all random numbers derive from.").like("42").default("0"),
    field("preset", Takes::Words(|| words(service::PRESETS)), "Which rules the platform follows.")
        .default("\"default\""),
    field(
        "limits",
        Takes::Table(&LIMITS),
        "What the run may use before it is ended with an error.",
    )
    .default("{}"),
    field(
        "platform",
        Takes::Either(&[
            path("the path of a SimGrid file", "\"cluster.xml\""),
            Takes::Table(&platform::XML),
            Takes::Table(&compact::COMPACT),
        ]),
        "Hosts, disks and links.",
    ),
    field("failure", Takes::Tables(&failures::FAILURE), "Hosts and links that fail or are slow.")
        .default("[]"),
    field("service", Takes::Table(&service::SERVICE), "The serverless platform.").default("{}"),
    field("storage", Takes::Tables(&objects::STORAGE), "Storages.")
        .otherwise("the storage `repository` alone"),
    field("image", Takes::Tables(&objects::IMAGE), "Images.").default("[]"),
    field("images", Takes::Table(&images::IMAGES), "Images from a file.")
        .otherwise("those of `[[image]]` alone"),
    field("function", Takes::Tables(&objects::FUNCTION), "Functions.").default("[]"),
    field("functions", Takes::Table(&functions::FUNCTIONS), "Functions from a file or a trace.")
        .otherwise("those of `[[function]]` alone"),
    field(
        "workload",
        Takes::Kinds(workload::WORKLOADS),
        "Who invokes what and when. At least one.",
    ),
    field("parameters", Takes::Table(&PARAMETERS_TABLE), "Values that strings use by `${name}`.")
        .default("{}"),
    field("sweep", Takes::Table(&SWEEP), "Fields that are tried with several values.")
        .otherwise("one run"),
    field(
        "measure",
        Takes::Table(&MEASURE),
        "The part of the run that counts in the statistics of `summary.json`.",
    )
    .otherwise("all of it"),
    field("search", Takes::Table(&search::SEARCH), "What `isotherm search` looks for.")
        .otherwise("nothing"),
    field("measured", Takes::Table(&measured::MEASURED), "Numbers of a real platform.")
        .otherwise("nothing to compare with"),
    field("output", Takes::Table(&output::OUTPUT), "What a run writes.")
        .otherwise("records in CSV"),
    field(
        "manifest",
        Takes::Table(&MANIFEST),
        "Where an experiment comes from that was written by a run.",
    )
    .otherwise("written by a person"),
]);

const LIMITS: TableSpec = table("limits", "What a run may use.").with(&[
    field("time", takes::<Duration>(), "The run must be over at this simulated date.")
        .like("\"1h\"")
        .otherwise("no limit"),
    field(
        "events",
        takes::<u64>(),
        "The run must be over after so many events: ends of sleeps, \
          computations, disk accesses, transfers and timers. At one date \
           a million turns of what takes no time are free; each further one counts as well.",
    )
    .like("1_000_000")
    .otherwise("no limit"),
]);

const MEASURE: TableSpec = table(
    "measure",
    "The part of the run that counts in the statistics of `summary.json`: invocations that are \
     submitted in it, and what is in use during it. What the platform \
          does (`platform`) is counted in all of the run, and `invocations.csv` has all \
          invocations.",
)
.with(&[
    field("from", takes::<Duration>(), "Invocations from this date on count.")
        .like("\"10min\"")
        .default("\"0s\""),
    field("until", takes::<Duration>(), "Invocations before this date count.")
        .like("\"1h\"")
        .otherwise("those until the end count"),
]);

/// `[parameters]`; the user chooses the keys.
const PARAMETERS_TABLE: TableSpec = table(
    "[parameters]",
    "Values that the experiment names once. A string that has `${name}` in it gets the \
     parameter's value there; one that is nothing \
          but `${name}` becomes the value, whatever it is. A parameter may use those above it, \
          and `$${` is a `${` that is meant as it is. \
          `--set name=value` sets a parameter.",
);

/// `[manifest]`; a run writes it.
const MANIFEST: TableSpec = table(
    "[manifest]",
    "What the manifest of a run (`manifest.toml`) says about itself: a manifest is an experiment \
          file. It has no meaning for a run; what was changed from outside (`sweep`, `seed`, \
          `set`) \
          goes on into its results.",
);

/// `[sweep]`; the keys are paths of fields.
const SWEEP: TableSpec = table(
    "[sweep]",
    "Paths of fields, each with its values: one point for each combination. An element of an \
     array is meant by its name or by its \
          number, counted from 0: `function.resize.limits.memory = [\"512MB\", \"1GB\"]`. Values are a list, or a range in a string: \
          `\"1..=10\"` is all whole numbers, `\"linspace(0.1, 1, 10)\"` ten values at equal \
          distances, `\"geom(64MB, 4GB, 7)\"` seven of \
          which each is the same multiple of the one before. A value may be a whole table, and \
          may have a name by which tables call it: \
          `service.keep_alive = [\"none\", { name = \"short\", value = { kind = \"fixed\", \
          idle = \"1min\" } }]`. The fields of a \
          `[[sweep.zip]]`, whose lists are of one length, change together; groups are combined \
          with the other fields, in the order in \
          which they are written. `repeat = 10` runs each point with ten seeds, from `seed` on. \
          What `--set` sets is not tried with other \
          values.",
);

/// The tables that may occur several times.
const ARRAYS: [&str; 5] = ["failure", "storage", "image", "function", "workload"];

/// The content of an experiment file.
pub struct Checked {
    /// The plan of the run.
    pub plan: Plan,
    /// Measurements of a real platform, to be compared with the results.
    pub measured: Measured,
    /// What is searched for.
    pub search: Option<search::Search>,
}

/// Checks one experiment, with the changes of a sweep already made in the tree `root`.
///
/// Paths in the file are relative to `folder`; the changes of `overrides` have been made but for
/// the seed. Returns `None` if there are errors, which are then in `report`.
pub fn check(
    root: &Value,
    folder: &Path,
    overrides: &Overrides,
    traces: &Traces,
    sources: &RefCell<Sources>,
    inputs: &RefCell<Inputs>,
    report: &Report,
) -> Option<Checked> {
    let Kind::Table(table) = &root.kind else { return None };
    let before = report.count();
    let mut storages = Names::gather(table, "storage", report);
    let implicit_repository = storages.add_implicit(REPOSITORY, root.span);
    let mut context = Context {
        report,
        sources,
        inputs,
        folder,
        policies: Known { kinds: &overrides.kinds, of_manifest: manifest::own_policies(root) },
        traces,
        storages,
        images: Names::gather(table, "image", report),
        functions: Names::gather(table, "function", report),
        needs: RefCell::new(Needs::default()),
        seed: overrides.seed.or_else(|| written_seed(table)).unwrap_or(0),
        created: RefCell::new(Vec::new()),
        bodies: RefCell::new(Vec::new()),
        azure: None,
    };
    let images = table.get("images").and_then(|value| images::listed(value, &context));
    for (name, place) in images.iter().flat_map(images::Listed::names) {
        context.images.add(name, place, report);
    }
    if images.as_ref().is_some_and(images::Listed::is_incomplete) {
        context.images.set_incomplete();
    }
    let listed = table.get("functions").and_then(|value| functions::listed(value, table, &context));
    context.azure = listed.as_ref().and_then(Listed::trace);
    for (name, place) in listed.iter().flat_map(Listed::names) {
        context.functions.add(name, place, report);
    }
    for (name, place) in listed.iter().flat_map(Listed::images) {
        context.images.add(name, place, report);
    }
    if listed.as_ref().is_some_and(Listed::is_incomplete) {
        context.functions.set_incomplete();
    }
    let reader = ExperimentReader {
        table,
        root,
        context: &context,
        implicit_repository,
        listed: RefCell::new(listed),
        listed_images: RefCell::new(images),
    };
    let checked = reader.read();
    // Readers replace some values that they could not read by defaults.
    if report.count() > before { None } else { checked }
}

fn limits(value: &Value, report: &Report) -> Option<Limits> {
    let mut fields = Fields::of(value, &LIMITS, report)?;
    let limits = Limits {
        max_time: fields.optional::<Duration>("time").map(|time| Time::ZERO + time),
        max_events: fields.optional::<u64>("events"),
        ..Limits::default()
    };
    fields.finish();
    Some(limits)
}

fn window(value: &Value, report: &Report) -> Option<Window> {
    let mut fields = Fields::of(value, &MEASURE, report)?;
    let from = Time::ZERO + fields.optional_or("from", Duration::ZERO);
    let until = fields.optional::<Located<Duration>>("until");
    fields.finish();
    let Some(until) = until else { return Some(Window { from, ..Window::default() }) };
    let (place, until) = (until.span, Time::ZERO + until.value);
    if until <= from {
        return report.refuse(place, "nothing would count", "it must be later than `from`");
    }
    Some(Window { from, until })
}

/// Reads the top level of a file, once the names are gathered.
struct ExperimentReader<'a> {
    table: &'a Table,
    root: &'a Value,
    context: &'a Context<'a>,
    /// Whether the storage `repository` is not declared in the file.
    implicit_repository: bool,
    /// The functions of `[functions]`; [`Self::objects`] takes them.
    listed: RefCell<Option<Listed<'a>>>,
    /// The images of `[images]`; [`Self::objects`] takes them.
    listed_images: RefCell<Option<images::Listed<'a>>>,
}

impl ExperimentReader<'_> {
    fn read(&self) -> Option<Checked> {
        let report = self.context.report;
        report.set_fields_of_top(EXPERIMENT.keys());
        let mut fields = Fields::of(self.root, &EXPERIMENT, report)?;
        let name = fields.required::<Located<String>>("name");
        // Checked here; its value is in the context, because workloads need it.
        fields.optional::<Seed>("seed");
        let seed = self.context.seed;
        let preset =
            fields.choice_or("preset", service::PRESETS, Preset::Default).unwrap_or_default();
        let limits = fields.optional_with("limits", self::limits).unwrap_or_default();
        let measure = fields.optional_with("measure", window).unwrap_or_default();
        let mut platform = fields
            .required_value("platform", "\"cluster.xml\"")
            .and_then(|value| platform::platform(self.table, value, self.context));
        if let Some(platform) = &mut platform {
            failures::add(self.table, platform, seed, report);
        }
        let service = fields.entry("service").map(|entry| &entry.value);
        let (mut service, at_start) = service::service(service, preset, self.context);
        for kind in ARRAYS {
            if let Some(entry) = fields.entry(kind) {
                array_of_tables(&entry.value, kind, report);
            }
        }
        let search = fields.optional_with("search", search::search);
        let measured = fields.entry("measured").map(|entry| &entry.value);
        let measured = measured::measured(measured, self.context);
        let output = fields.optional_with("output", output::output).unwrap_or_default();
        // These keys are read elsewhere (or not at all: `[manifest]`), but are not unknown.
        for key in ["sweep", "images", "functions", PARAMETERS, "manifest"] {
            fields.entry(key);
        }
        let parameters = parameters::names(self.root);
        fields.also(&parameters);
        fields.finish();
        let objects = self.objects(platform.as_ref(), &service);
        let name = name.and_then(|name| self.folder_name(name));
        let (objects, platform) = (objects?, platform?);
        self.check_fetched(&objects.storages);
        platform.check_disks(&objects.functions, report);
        let Platform { spec, hosts, .. } = platform;
        self.check_files(&objects, &spec);
        self.check_routes(&objects, &hosts, &spec);
        room::check(&objects.functions, &objects.images, &hosts, &spec, report);
        concurrency::check(&objects.functions, &service, report);
        let parts = at_start::Parts {
            images: &objects.images,
            functions: &objects.functions,
            hosts: &hosts,
            spec: &spec,
        };
        at_start::check(&at_start, &parts, &mut service, report);
        let plan = Plan {
            name: name?,
            seed,
            preset,
            limits,
            measure,
            platform: spec,
            hosts,
            service,
            output,
            storages: objects.storages,
            images: objects.images,
            functions: objects.functions,
            trace: objects.trace,
            workloads: objects.workloads,
            bodies: self.context.bodies.take(),
        };
        // What a manifest says was warned of when it was run first, and has its defaults written.
        if self.table.get("manifest").is_none() {
            meaning::check(&plan, self.context.traces, &self.places());
        }
        Some(Checked { plan, measured, search })
    }

    /// Where warnings about the meaning of the plan belong.
    fn places(&self) -> meaning::Places<'_> {
        let service = self.table.get("service");
        let of_service = |key: &str| match service.map(|value| &value.kind) {
            Some(Kind::Table(table)) => table.get(key).map(|value| value.span),
            _ => None,
        };
        meaning::Places {
            workloads: tables(self.table, "workload").iter().map(|value| value.span).collect(),
            has_startup: of_service("startup").is_some(),
            keep_alive: of_service("keep_alive"),
            measure: self.table.get("measure").map(|value| value.span),
            report: self.context.report,
        }
    }

    /// Checks the name of the experiment, which is also the name of the results folder.
    fn folder_name(&self, name: Located<String>) -> Option<String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let text = &name.value;
        if text.is_empty() || text.starts_with('.') || !text.chars().all(allowed) {
            let message = format!("`{text}` cannot be the name of an experiment");
            let hint = "it names a folder: use letters, digits, `-`, `_` and `.`";
            return self.context.report.refuse(name.span, message, hint);
        }
        Some(name.value)
    }

    /// Reads storages, images, functions and workloads, and checks which function invokes which.
    fn objects(&self, platform: Option<&Platform>, service: &ServicePlan) -> Option<Objects> {
        let context = self.context;
        let mut storages: Vec<_> = tables(self.table, "storage")
            .iter()
            .map(|value| objects::storage(value, platform, context))
            .collect();
        let images: Vec<_> = tables(self.table, "image")
            .iter()
            .map(|value| objects::image(value, context))
            .collect();
        let listed_images = match self.listed_images.take() {
            Some(listed) => listed.plans(context),
            None => Some(Vec::new()),
        };
        let values = tables(self.table, "function");
        let functions: Vec<_> = values
            .iter()
            .map(|value| objects::function(value, &service.startup, context))
            .collect();
        let workloads: Vec<_> = tables(self.table, "workload")
            .iter()
            .enumerate()
            .map(|(number, value)| workload::workload(value, number, &service.startup, context))
            .collect();
        if !self.table.entries.iter().any(|entry| entry.key == "workload")
            || self.is_empty("workload")
        {
            let hint = "add a `[[workload]]` that says who invokes what and when";
            context.report.error(self.root.span, "nothing is invoked", hint);
        }
        let mut trace = None;
        let mut functions: Option<Vec<FunctionPlan>> = functions.into_iter().collect();
        let listed = match self.listed.take() {
            Some(listed) => listed.plans(&service.startup, context),
            // Absent, or already reported as unreadable.
            None => None,
        };
        let mut images: Option<Vec<ImagePlan>> = images.into_iter().collect();
        if let Some(images) = &mut images {
            images.extend(listed_images.into_iter().flatten());
        }
        if let Some(functions) = &mut functions {
            let body = |(function, value): (&FunctionPlan, &Value)| BodyOf {
                place: function.place,
                body: function.body.clone(),
                is_written: has_body(value),
            };
            let mut bodies: Vec<_> = functions.iter().zip(values).map(body).collect();
            if let Some(planned) = listed {
                let body = |function: &FunctionPlan| BodyOf {
                    place: planned.place,
                    body: function.body.clone(),
                    is_written: planned.has_body,
                };
                bodies.extend(planned.functions.iter().map(body));
                functions.extend(planned.functions);
                if let Some(images) = &mut images {
                    images.extend(planned.images);
                }
                trace = planned.trace;
            }
            calls::check_bodies(&bodies, context);
            functions.extend(context.created.take());
        }
        if self.implicit_repository && self.uses_repository() {
            storages.push(platform.map(objects::implicit_repository));
        }
        Some(Objects {
            storages: storages.into_iter().collect::<Option<_>>()?,
            images: images?,
            functions: functions?,
            trace,
            workloads: workloads.into_iter().collect::<Option<_>>()?,
        })
    }

    fn is_empty(&self, kind: &str) -> bool {
        matches!(self.table.get(kind).map(|value| &value.kind), Some(Kind::Array(values)) if values.is_empty())
    }

    /// Whether images or bodies use the storage `repository`.
    fn uses_repository(&self) -> bool {
        let index = self.context.storages.index_of(REPOSITORY);
        let needs = self.context.needs.borrow();
        self.context.images.iter().next().is_some()
            || needs.fetched.iter().any(|(storage, _)| Some(*storage) == index)
            || needs.put.iter().any(|(storage, _)| Some(*storage) == index)
    }

    /// Reports fetched files that neither exist at the start nor are put there by any body.
    fn check_fetched(&self, storages: &[StoragePlan]) {
        let needs = self.context.needs.borrow();
        for (storage, file) in &needs.fetched {
            let Some(plan) = storages.get(*storage) else { continue };
            let put = needs
                .put
                .iter()
                .filter(|(other, _)| other == storage)
                .map(|(_, name)| name.as_str());
            let known: Vec<_> =
                plan.files.iter().map(|file| file.name.as_str()).chain(put).collect();
            if known.contains(&file.value.as_str()) {
                continue;
            }
            let hint = suggestion(&file.value, known.iter().copied()).unwrap_or_else(|| {
                "it is not there at the start, and no body puts it there".to_owned()
            });
            let message = format!("there is no file `{}` on storage `{}`", file.value, plan.name);
            self.context.report.error(file.span, message, hint);
        }
    }

    /// Reports storages whose files and images do not fit on the disk, and files with the name of
    /// an image, since an image is stored as a file of its name.
    fn check_files(&self, objects: &Objects, spec: &PlatformSpec) {
        for (index, storage) in objects.storages.iter().enumerate() {
            let images = || objects.images.iter().filter(|image| image.storage == index);
            for file in
                storage.files.iter().filter(|file| images().any(|image| image.name == file.name))
            {
                let message = format!(
                    "storage `{}` has a file and an image called `{}`",
                    storage.name, file.name
                );
                self.context.report.error(
                    self.place_of(index),
                    message,
                    "the file of an image has its name",
                );
            }
            let Some(disk) = storage.disk else { continue };
            let capacity = u128::from(spec.disk(disk).size);
            let files = storage
                .files
                .iter()
                .map(|file| file.bytes)
                .chain(images().map(|image| image.bytes));
            let needed: u128 = files.map(u128::from).sum();
            if needed > capacity {
                let message =
                    format!("the files of storage `{}` do not fit on its disk", storage.name);
                let hint = format!("they take {needed} bytes, and it holds {capacity}");
                self.context.report.error(self.place_of(index), message, hint);
            }
        }
    }

    /// Reports missing routes from storages to the head host (for images) and to compute hosts (for
    /// files that bodies use).
    fn check_routes(&self, objects: &Objects, hosts: &HostsPlan, spec: &PlatformSpec) {
        let needs = self.context.needs.borrow();
        let used = needs
            .fetched
            .iter()
            .map(|(storage, _)| *storage)
            .chain(needs.put.iter().map(|(storage, _)| *storage));
        let used: BTreeSet<usize> = used.collect();
        for (index, storage) in objects.storages.iter().enumerate() {
            let images =
                objects.images.iter().any(|image| image.storage == index).then_some(hosts.head);
            let nodes = hosts.nodes.iter().copied().filter(|_| used.contains(&index));
            let error =
                images.into_iter().chain(nodes).find_map(|to| spec.route(storage.host, to).err());
            if let Some(error) = error {
                let hint = format!("files of storage `{}` have to go that way", storage.name);
                self.context.report.error(self.place_of(index), error.problem().to_string(), hint);
            }
        }
    }

    /// The place of a storage's declaration; the whole file for the implicit repository.
    fn place_of(&self, storage: usize) -> Span {
        tables(self.table, "storage").get(storage).map_or(self.root.span, |value| value.span)
    }
}

/// The content of the arrays of tables.
struct Objects {
    storages: Vec<StoragePlan>,
    images: Vec<ImagePlan>,
    functions: Vec<FunctionPlan>,
    trace: Option<Arc<AzureTrace>>,
    workloads: Vec<WorkloadPlan>,
}

/// The seed of the file, if it is present and valid.
pub(crate) fn written_seed(table: &Table) -> Option<u64> {
    Seed::of(&table.get("seed")?.kind)
}

fn has_body(function: &Value) -> bool {
    matches!(&function.kind, Kind::Table(table) if table.get("body").is_some())
}
