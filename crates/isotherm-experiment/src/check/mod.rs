//! From the tree of an experiment file to a checked plan, with everything that is wrong found on the way.
//!
//! The readers go over the whole file whatever they find; a plan comes out only if nothing was found. Names are gathered
//! first, so that one mistake does not entail others.
//!
//! # The fields of an experiment file
//!
//! Sizes, durations and the like are strings with a [unit](crate::units). Paths are relative to the file. What is marked `*` must be there.
//!
//! | field | value | default |
//! |---|---|---|
//! | `name` * | letters, digits, `-`, `_`, `.`: also names the folder of the results | |
//! | `seed` | a whole number | 0 |
//! | `preset` | `default`: what a platform should do, networks shared exactly; `wrench`: the rules and the dates of the reference simulator, [a defect in how it shares networks](crate::plan::Plan::preset) included | `default` |
//! | `limits` | `{ time, events }`: the run ends with an error if it is not over by this date, or after so many events | none |
//! | `platform` * | the path of a SimGrid XML file, or a table | |
//! | `[platform]` with XML | `xml` *, `user`, `head`, `repository` (a host's name, or `{ host, mount }`), `nodes` (names) | hosts called `user`, `head`, `repository`; without a repository, the user; all other hosts are nodes |
//! | `[platform]`, compact | `nodes` *: `{ count *, cores *, disk *, memory, speed }` or a list of such; `head` *: `{ cores *, disk *, memory, speed }`; `network` *: `{ node *, latency *, head, repository, user }`; a disk is `{ read *, write *, size }` | speed `10Gf/s` |
//! | `[service]` `scheduler` | `{ kind = "fcfs" }`, `random`, `workload-balancing` | `fcfs` |
//! | `keep_alive` | `{ kind = "fixed", idle * }`, `{ kind = "none" }` | [10 min](crate::plan::DEFAULT_KEEP_ALIVE); none under `wrench` |
//! | `reuse` | the idle container that serves: `newest`, `oldest` (by creation), `most-recently-used`, `least-recently-used` | `most-recently-used`; `oldest` under `wrench` |
//! | `eviction` | `lru`, `ram` | `lru` |
//! | `startup`, `processing_overhead` | durations | 0 s |
//! | `slots` | invocations a node runs at once: `cores`, a number, `unlimited` | `cores` |
//! | `buffer` | chunk size of transfers; without it, fluid streams | |
//! | `simulate_downloads` | `true`, `false` | `true` |
//! | `payloads` | `{ register_request, register_answer, invoke_request, invoke_answer, completion }`, sizes | 0 B |
//! | `[[storage]]` | `name` *, `host` *, `mount`, `buffer`, `files`: `[{ name *, size * }]` | the disk at `/`, or memory |
//! | `[[image]]` | `name` *, `size` *, `memory`, `storage` | all of it in memory; the storage `repository`, which need not be declared |
//! | `[[function]]` | `name` *, `image`, `limits` *: `{ time *, memory *, disk }`, `startup`, `body` | no image; no disk; start-up of the service; a body if nothing else gives one |
//! | a step of a `body` | `{ sleep }`, `{ compute }`, `{ write, file }`, `{ read }`, `{ fetch, from * }`, `{ put, file, to * }`, `{ invoke }` | files without a name are numbered |
//! | `[[workload]]` `kind = "list"` | `arrivals`: `[{ at *, function *, body }]`; or `function` * with `at`: `[...]` or `every`, `from`, `count`, and `durations` or `body` | |
//! | `kind = "poisson"` | `function` *, `rate` *, `from`, and `until`, `count` or both | from 0 s |
//! | `kind = "csv"` | `file` *, `columns` *: `{ arrival *, function, duration }`, `units`: `{ arrival, duration }`, `function` | units from the ends of the columns' names |
//! | `[sweep]` | paths of fields, each with a list of values: one run for each combination | |
//! | `[measured]` | `cold_starts`: a number, or `{ file *, column * }` | |

mod body;
mod calls;
mod compact;
mod context;
mod fields;
mod measured;
mod names;
mod objects;
mod platform;
mod service;
mod sweep;
mod traces;
mod workload;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use isotherm_kernel::{Duration, Limits, Time};
use isotherm_platform::PlatformSpec;
use isotherm_serverless::Preset;

use crate::diagnostic::Report;
use crate::plan::{FunctionPlan, HostsPlan, ImagePlan, Plan, ServicePlan, StoragePlan, WorkloadPlan};
use crate::source::{Located, Sources, Span};
use crate::tree::{Kind, Table, Value};

pub use context::io_reason;
pub use measured::Measured;
pub use sweep::{Setting, Variant, variants};

use calls::BodyOf;
use context::{Context, Needs};
use fields::{Fields, FromValue};
use names::{Names, array_of_tables, tables};
use objects::REPOSITORY;
use platform::Platform;

/// The tables of an experiment file that may occur many times.
const ARRAYS: [&str; 4] = ["storage", "image", "function", "workload"];

/// What a file says.
pub struct Checked {
    /// The run.
    pub plan: Plan,
    /// What was measured on a real platform, to be set beside the result.
    pub measured: Measured,
}

/// Checks one experiment. Paths in it are relative to `folder`. Gives nothing if anything is wrong; what is wrong is then
/// in `report`.
pub fn check(root: &Value, folder: &Path, sources: &RefCell<Sources>, report: &Report) -> Option<Checked> {
    let Kind::Table(table) = &root.kind else { return None };
    let before = report.count();
    let mut storages = Names::gather(table, "storage", report);
    let implicit_repository = storages.add_implicit(REPOSITORY, root.span);
    let context = Context {
        report,
        sources,
        folder,
        storages,
        images: Names::gather(table, "image", report),
        functions: Names::gather(table, "function", report),
        needs: RefCell::new(Needs::default()),
        bodies: RefCell::new(Vec::new()),
    };
    let file = File { table, root, context: &context, implicit_repository };
    let checked = file.read();
    // A placeholder may have taken the place of what could not be read.
    if report.count() > before { None } else { checked }
}

impl FromValue for Limits {
    const EXAMPLE: &'static str = "{ time = \"1h\" }";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let mut fields = Fields::of(value, "limits", report)?;
        let limits = Limits {
            max_time: fields.optional::<Duration>("time").map(|time| Time::ZERO + time),
            max_events: fields.optional::<u64>("events"),
            ..Limits::default()
        };
        fields.finish();
        Some(limits)
    }
}

struct File<'a> {
    table: &'a Table,
    root: &'a Value,
    context: &'a Context<'a>,
    implicit_repository: bool,
}

impl File<'_> {
    fn read(&self) -> Option<Checked> {
        let report = self.context.report;
        let mut fields = Fields::of(self.root, "the experiment", report)?;
        let name = fields.required::<Located<String>>("name");
        let seed = fields.optional_or("seed", 0u64);
        let preset = fields.optional_or("preset", Preset::Default);
        let limits = fields.optional_or("limits", Limits::default());
        let platform = match fields.entry("platform") {
            Some(entry) => platform::platform(self.table, &entry.value, self.context),
            None => {
                fields.missing("platform", "\"cluster.xml\"");
                None
            }
        };
        let service = fields.entry("service").map(|entry| &entry.value);
        let service = service::service(service, preset, report);
        for kind in ARRAYS {
            if let Some(entry) = fields.entry(kind) {
                array_of_tables(&entry.value, kind, report);
            }
        }
        let measured = fields.entry("measured").map(|entry| &entry.value);
        let measured = measured::measured(measured, self.context);
        // Read before, but known to this table as well.
        fields.entry("sweep");
        fields.finish();
        let objects = self.objects(platform.as_ref(), &service);
        let name = name.and_then(|name| self.folder_name(name));
        let (objects, platform) = (objects?, platform?);
        self.check_fetched(&objects.storages);
        let Platform { spec, hosts, .. } = platform;
        self.check_files(&objects, &spec);
        self.check_routes(&objects, &hosts, &spec);
        let plan = Plan {
            name: name?,
            seed,
            preset,
            limits,
            platform: spec,
            hosts,
            service,
            storages: objects.storages,
            images: objects.images,
            functions: objects.functions,
            workloads: objects.workloads,
            bodies: self.context.bodies.take(),
        };
        Some(Checked { plan, measured })
    }

    /// The name also names the folder of the results.
    fn folder_name(&self, name: Located<String>) -> Option<String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let text = &name.value;
        if text.is_empty() || text.starts_with('.') || !text.chars().all(allowed) {
            let message = format!("`{text}` cannot be the name of an experiment");
            let hint = "it names a folder: use letters, digits, `-`, `_` and `.`";
            self.context.report.error(name.span, message, hint);
            return None;
        }
        Some(name.value)
    }

    fn objects(&self, platform: Option<&Platform>, service: &ServicePlan) -> Option<Objects> {
        let context = self.context;
        let mut storages: Vec<_> =
            tables(self.table, "storage").iter().map(|value| objects::storage(value, platform, context)).collect();
        let images: Vec<_> = tables(self.table, "image").iter().map(|value| objects::image(value, context)).collect();
        let values = tables(self.table, "function");
        let functions: Vec<_> = values.iter().map(|value| objects::function(value, service.startup, context)).collect();
        let workloads: Vec<_> = tables(self.table, "workload")
            .iter()
            .enumerate()
            .map(|(number, value)| workload::workload(value, number, context))
            .collect();
        if !self.table.entries.iter().any(|entry| entry.key == "workload") || self.is_empty("workload") {
            let hint = "add a `[[workload]]` that says who invokes what and when";
            context.report.error(self.root.span, "nothing is invoked", hint);
        }
        let functions: Option<Vec<FunctionPlan>> = functions.into_iter().collect();
        if let Some(functions) = &functions {
            let body = |(function, value): (&FunctionPlan, &Value)| BodyOf {
                place: function.place,
                body: function.body.clone(),
                is_written: has_body(value),
            };
            let bodies: Vec<_> = functions.iter().zip(values).map(body).collect();
            calls::check_bodies(&bodies, context);
        }
        if self.implicit_repository && self.uses_repository() {
            storages.push(platform.map(objects::implicit_repository));
        }
        Some(Objects {
            storages: storages.into_iter().collect::<Option<_>>()?,
            images: images.into_iter().collect::<Option<_>>()?,
            functions: functions?,
            workloads: workloads.into_iter().collect::<Option<_>>()?,
        })
    }

    fn is_empty(&self, kind: &str) -> bool {
        matches!(self.table.get(kind).map(|value| &value.kind), Some(Kind::Array(values)) if values.is_empty())
    }

    /// Whether anything comes from the repository that nobody declared.
    fn uses_repository(&self) -> bool {
        let index = self.context.storages.index_of(REPOSITORY);
        let needs = self.context.needs.borrow();
        !tables(self.table, "image").is_empty()
            || needs.fetched.iter().any(|(storage, _)| Some(*storage) == index)
            || needs.put.iter().any(|(storage, _)| Some(*storage) == index)
    }

    /// What a body fetches must be there from the start, or be put there by some body.
    fn check_fetched(&self, storages: &[StoragePlan]) {
        let needs = self.context.needs.borrow();
        for (storage, file) in &needs.fetched {
            let Some(plan) = storages.get(*storage) else { continue };
            let put = needs.put.iter().filter(|(other, _)| other == storage).map(|(_, name)| name.as_str());
            let known: Vec<_> = plan.files.iter().map(|file| file.name.as_str()).chain(put).collect();
            if known.contains(&file.value.as_str()) {
                continue;
            }
            let hint = fields::suggestion(&file.value, known.iter().copied())
                .unwrap_or_else(|| "it is not there at the start, and no body puts it there".to_owned());
            let message = format!("there is no file `{}` on storage `{}`", file.value, plan.name);
            self.context.report.error(file.span, message, hint);
        }
    }

    /// Files that are there at the start must fit, and those of images have the names of the images.
    fn check_files(&self, objects: &Objects, spec: &PlatformSpec) {
        for (index, storage) in objects.storages.iter().enumerate() {
            let images = || objects.images.iter().filter(|image| image.storage == index);
            for file in storage.files.iter().filter(|file| images().any(|image| image.name == file.name)) {
                let message = format!("storage `{}` has a file and an image called `{}`", storage.name, file.name);
                self.context.report.error(self.place_of(index), message, "the file of an image has its name");
            }
            let Some(disk) = storage.disk else { continue };
            let capacity = u128::from(spec.disk(disk).size);
            let files = storage.files.iter().map(|file| file.bytes).chain(images().map(|image| image.bytes));
            let needed: u128 = files.map(u128::from).sum();
            if needed > capacity {
                let message = format!("the files of storage `{}` do not fit on its disk", storage.name);
                let hint = format!("they take {needed} bytes, and it holds {capacity}");
                self.context.report.error(self.place_of(index), message, hint);
            }
        }
    }

    /// The head must reach the storages of images, and the nodes those that bodies use.
    fn check_routes(&self, objects: &Objects, hosts: &HostsPlan, spec: &PlatformSpec) {
        let needs = self.context.needs.borrow();
        let used =
            needs.fetched.iter().map(|(storage, _)| *storage).chain(needs.put.iter().map(|(storage, _)| *storage));
        let used: BTreeSet<usize> = used.collect();
        for (index, storage) in objects.storages.iter().enumerate() {
            let images = objects.images.iter().any(|image| image.storage == index).then_some(hosts.head);
            let nodes = hosts.nodes.iter().copied().filter(|_| used.contains(&index));
            let error = images.into_iter().chain(nodes).find_map(|to| spec.route(storage.host, to).err());
            if let Some(error) = error {
                let hint = format!("files of storage `{}` have to go that way", storage.name);
                self.context.report.error(self.place_of(index), error.problem().to_string(), hint);
            }
        }
    }

    /// Where a storage is declared; the beginning of the file for one that is not.
    fn place_of(&self, storage: usize) -> Span {
        tables(self.table, "storage").get(storage).map_or(self.root.span, |value| value.span)
    }
}

/// What the arrays of tables say.
struct Objects {
    storages: Vec<StoragePlan>,
    images: Vec<ImagePlan>,
    functions: Vec<FunctionPlan>,
    workloads: Vec<WorkloadPlan>,
}

fn has_body(function: &Value) -> bool {
    matches!(&function.kind, Kind::Table(table) if table.get("body").is_some())
}
