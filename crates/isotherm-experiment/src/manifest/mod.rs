//! The manifest of a run: `manifest.toml`, everything that the run was made of.
//!
//! It is an experiment file itself, with every default written out and everything that was changed
//! from outside (a sweep, `--seed`, `--set`) put in: run it, and the same results come out. Only
//! the files that the experiment names, its platform and its traces, are not in it; their paths are
//! relative to the manifest. So the manifest is the one file of a run whose bytes depend on where
//! things are.
//!
//! The table `[manifest]` says what the rest does not: the version of Isotherm, what was changed
//! from outside, and how large the platform is. It has no meaning for a run, but what was changed
//! from outside goes on into the results of a run of the manifest, so that these are the same to
//! the last byte. Its table `[manifest.sha256]` is added when the other files are whole
//! ([`crate::results`]).

mod workload;

use std::cell::RefCell;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use isotherm_config::fields::Seed;
use isotherm_config::source::Sources;
use isotherm_config::tree::{self, Entry, Kind, Table, Value};
use isotherm_config::write::{date, duration, inline, key, list, size, string, value};
use isotherm_kernel::Duration;
use isotherm_platform::{DiskId, HostId};
use isotherm_serverless::{AfterFailure, Limits, OnFailure, Payloads, Preset, Slots, Throttle};
use isotherm_workload::AppSample;

use crate::check::on_failure::written;
use crate::check::{Measured, Setting};
use crate::overrides::Overrides;
use crate::plan::{
    AppMemory, AzureSource, ConcurrencyPlan, FunctionPlan, KeepAliveKind, ListedPlan,
    OnFailurePlan, Plan, ServicePlan, StoragePlan,
};
use crate::policies::Policy;

/// The speed of a core in a compact platform that does not say it.
const DEFAULT_SPEED: &str = "10Gf/s";

/// What of an experiment file goes into manifests as it is written there.
#[derive(Clone, Debug)]
pub struct Written {
    platform: WrittenPlatform,
    overrides: Overrides,
    earlier: Earlier,
}

/// What was changed from outside for the run whose manifest this is.
#[derive(Clone, Debug, Default)]
struct Earlier {
    sweep: Vec<Setting>,
    seed: Option<u64>,
    set: Vec<String>,
}

impl Earlier {
    /// What the table `[manifest]` of a file says that is not changed anew. What is not as a run
    /// writes it means nothing.
    fn of(root: &Table, set: &[tree::Path]) -> Self {
        let Some(Kind::Table(manifest)) = root.get("manifest").map(|value| &value.kind) else {
            return Earlier::default();
        };
        let is_set = |path: &str| {
            let set = set.iter().map(ToString::to_string);
            set.into_iter().any(|set| {
                path.strip_prefix(&set).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let text = |value: &Value| match &value.kind {
            Kind::String(text) => Some(text.clone()),
            _ => None,
        };
        let sweep = match manifest.get("sweep").map(|value| &value.kind) {
            Some(Kind::Table(sweep)) => sweep.entries.iter(),
            _ => [].iter(),
        };
        let sweep = sweep.filter(|entry| !is_set(&entry.key));
        let setting =
            |entry: &Entry| Some(Setting { path: entry.key.clone(), shown: text(&entry.value)? });
        let set = match manifest.get("set").map(|value| &value.kind) {
            Some(Kind::Array(values)) => values.iter(),
            _ => [].iter(),
        };
        Earlier {
            sweep: sweep.filter_map(setting).collect(),
            seed: manifest
                .get("seed")
                .filter(|_| !is_set("seed"))
                .and_then(|seed| Seed::of(&seed.kind)),
            set: set.filter_map(text).collect(),
        }
    }
}

#[derive(Clone, Debug)]
enum WrittenPlatform {
    /// An XML file, and what plays the part of the repository if that is said.
    File { path: PathBuf, repository: Option<Value> },
    /// A compact description.
    Table(Table),
}

impl Written {
    /// What is written in the tree of a file of this folder, in which the fields of the paths `set`
    /// were set.
    pub fn of(
        root: &Value,
        folder: &Path,
        sources: &Sources,
        overrides: &Overrides,
        set: &[tree::Path],
    ) -> Self {
        let table = match &root.kind {
            Kind::Table(table) => table,
            _ => &Table::default(),
        };
        let platform = table.get("platform");
        let file = |value: &Value, repository| {
            let Kind::String(path) = &value.kind else { return None };
            // A path that was given on the command line means what it means there.
            let path = match sources.get(value.span.source).is_argument {
                true => PathBuf::from(path),
                false => folder.join(path),
            };
            Some(WrittenPlatform::File { path, repository })
        };
        let platform = platform.and_then(|platform| match &platform.kind {
            Kind::Table(table) => match table.get("xml") {
                Some(xml) => file(xml, table.get("repository").cloned()),
                None => Some(WrittenPlatform::Table(table.clone())),
            },
            _ => file(platform, None),
        });
        let platform = platform.unwrap_or_else(|| WrittenPlatform::Table(Table::default()));
        Written { platform, overrides: overrides.clone(), earlier: Earlier::of(table, set) }
    }

    /// The fields that were changed for a run: by the sweep that a manifest comes from, then by
    /// that of the file.
    pub fn settings(&self, own: &[Setting]) -> Vec<Setting> {
        let mut settings: Vec<Setting> = Vec::new();
        for setting in self.earlier.sweep.iter().chain(own) {
            settings.retain(|known| known.path != setting.path);
            settings.push(setting.clone());
        }
        settings
    }
}

/// The text of the manifest of a run whose results are in `folder`, but for the hashes of its
/// files; or the way to a file, if that is no text.
pub fn manifest(
    plan: &Plan,
    written: &Written,
    settings: &[Setting],
    measured: Measured,
    folder: &Path,
) -> Result<String, PathBuf> {
    let paths = Paths { folder, no_text: RefCell::new(None) };
    let mut text = format!(
        "# Everything that this run was made of. It is an experiment: `isotherm run` on it gives the same results again.\n\n\
         name = {}\nseed = {}\npreset = {}\n",
        string(&plan.name),
        seed(plan.seed),
        string(match plan.preset {
            Preset::Default => "default",
            Preset::Wrench => "wrench",
        })
    );
    let limits = [
        plan.limits.max_time.map(|time| ("time", date(time))),
        plan.limits.max_events.map(|events| ("events", events.to_string())),
    ];
    text += &format!("limits = {}\n", inline(limits.into_iter().flatten()));
    about(plan, written, settings, &mut Section::new("[manifest]", &mut text));
    platform(plan, &written.platform, &paths, &mut Section::new("[platform]", &mut text));
    service(&plan.service, &mut Section::new("[service]", &mut text));
    for storage in &plan.storages {
        self::storage(storage, plan, &mut Section::new("[[storage]]", &mut text));
    }
    for image in &plan.images {
        let mut section = Section::new("[[image]]", &mut text);
        section.field("name", string(&image.name));
        section.field("size", size(image.bytes));
        section.field("memory", size(image.memory_bytes));
        section.field("storage", string(&plan.storages[image.storage].name));
    }
    let written = plan.listed.as_ref().map_or(plan.functions.len(), |listed| listed.first);
    // What a workload has brought it will bring again.
    for function in
        plan.functions.iter().take(written).filter(|function| function.workload.is_none())
    {
        self::function(function, plan, &mut Section::new("[[function]]", &mut text));
    }
    if let Some(listed) = &plan.listed {
        self::listed(listed, plan, &paths, &mut Section::new("[functions]", &mut text));
    }
    for workload in &plan.workloads {
        workload::workload(workload, plan, &paths, &mut Section::new("[[workload]]", &mut text));
    }
    if let Some(cold_starts) = measured.cold_starts {
        Section::new("[measured]", &mut text).field("cold_starts", cold_starts.to_string());
    }
    match paths.no_text.into_inner() {
        Some(path) => Err(path),
        None => Ok(text),
    }
}

/// Whether a file is the manifest of a run of a sweep. Only its beginning is read, where that
/// stands.
pub fn is_of_sweep(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(1 << 16).read_to_end(&mut beginning));
    let text = String::from_utf8_lossy(&beginning);
    let about = text.split_once("\n[manifest]\n").and_then(|(_, about)| about.split("\n\n").next());
    read.is_ok()
        && about.is_some_and(|about| about.lines().any(|line| line.starts_with("sweep = ")))
}

/// A seed. TOML has no whole numbers as large as one may be.
fn seed(seed: u64) -> String {
    match i64::try_from(seed) {
        Ok(seed) => seed.to_string(),
        Err(_) => string(&seed.to_string()),
    }
}

/// A table that is being written.
struct Section<'a> {
    text: &'a mut String,
}

impl<'a> Section<'a> {
    fn new(header: &str, text: &'a mut String) -> Self {
        text.push_str(&format!("\n{header}\n"));
        Section { text }
    }

    fn field(&mut self, key: &str, value: String) {
        self.text.push_str(&format!("{key} = {value}\n"));
    }
}

/// Writes paths so that they are right in a folder.
struct Paths<'a> {
    folder: &'a Path,
    /// The first one that cannot be written as text.
    no_text: RefCell<Option<PathBuf>>,
}

impl Paths<'_> {
    /// The way from the folder to a file. Absolute where they have nothing in common but the root.
    fn to(&self, file: &Path) -> String {
        let way = self.way(file).unwrap_or_else(|| file.to_owned());
        // Slashes are understood everywhere.
        let parts: Option<Vec<_>> =
            way.components().map(|part| part.as_os_str().to_str()).collect();
        match parts {
            Some(parts) if way.is_relative() => parts.join("/"),
            Some(_) => way.display().to_string(),
            None => {
                self.no_text.borrow_mut().get_or_insert(way);
                String::new()
            }
        }
    }

    fn way(&self, file: &Path) -> Option<PathBuf> {
        let from = self.folder.canonicalize().ok()?;
        // A link stays one: what a file names beside itself is beside the link.
        let to = match file.file_name() {
            Some(name) => crate::output::folder_of(file).canonicalize().ok()?.join(name),
            None => file.canonicalize().ok()?,
        };
        let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
        if !from.components().take(common).any(|part| matches!(part, Component::Normal(_))) {
            return Some(to);
        }
        let up = from.components().skip(common).map(|_| Component::ParentDir);
        Some(up.chain(to.components().skip(common)).collect())
    }
}

/// What the rest of the manifest does not say.
fn about(plan: &Plan, written: &Written, settings: &[Setting], section: &mut Section<'_>) {
    section.field("isotherm", string(env!("CARGO_PKG_VERSION")));
    if !settings.is_empty() {
        let settings =
            settings.iter().map(|setting| (setting.path.clone(), string(&setting.shown)));
        section.field("sweep", workload::named(settings));
    }
    let Overrides { seed, set, .. } = &written.overrides;
    if let Some(seed) = seed.or(written.earlier.seed) {
        section.field("seed", self::seed(seed));
    }
    let set = set.iter().map(|(path, value)| format!("{path}={value}"));
    let set: Vec<String> = written.earlier.set.iter().cloned().chain(set).collect();
    if !set.is_empty() {
        section.field("set", list(set.iter().map(|set| string(set))));
    }
    let nodes = || plan.hosts.nodes.iter().map(|&node| (node, plan.platform.host(node)));
    let cores: u64 = nodes().map(|(_, host)| u64::from(host.cores)).sum();
    let memory = nodes().try_fold(0u64, |sum, (_, host)| sum.checked_add(host.memory?));
    let slots = match plan.service.slots {
        Slots::Cores => cores.to_string(),
        Slots::Count(slots) => (u64::from(slots) * nodes().count() as u64).to_string(),
        Slots::Unlimited => string("unlimited"),
    };
    section.field("hosts", plan.platform.hosts().len().to_string());
    section.field("links", plan.platform.links().len().to_string());
    section.field("compute_hosts", nodes().count().to_string());
    section.field("cores", cores.to_string());
    section.field("slots", slots);
    section.field("memory", memory.map_or_else(|| string("unlimited"), size));
}

fn host(plan: &Plan, host: HostId) -> String {
    string(&plan.platform.host(host).name)
}

/// A host and one of its disks, unless that is the one it has anyway.
fn host_and_mount(plan: &Plan, host: HostId, mount: &str) -> String {
    match mount {
        "/" => self::host(plan, host),
        mount => inline([("host", self::host(plan, host)), ("mount", string(mount))]),
    }
}

fn mount(plan: &Plan, disk: Option<DiskId>) -> Option<&str> {
    disk.map(|disk| plan.platform.disk(disk).mount.as_str())
}

fn platform(plan: &Plan, written: &WrittenPlatform, paths: &Paths<'_>, section: &mut Section<'_>) {
    match written {
        WrittenPlatform::File { path, repository } => {
            section.field("xml", string(&paths.to(path)));
            section.field("user", host(plan, plan.hosts.user));
            section.field("head", host_and_mount(plan, plan.hosts.head, &plan.hosts.head_mount));
            let implicit = plan.storages.iter().find(|storage| storage.name == "repository");
            if let Some(repository) = repository {
                section.field("repository", value(repository));
            } else if let Some(StoragePlan { host, disk, .. }) = implicit {
                section.field(
                    "repository",
                    host_and_mount(plan, *host, mount(plan, *disk).unwrap_or("/")),
                );
            }
            section.field("nodes", list(plan.hosts.nodes.iter().map(|&node| host(plan, node))));
        }
        WrittenPlatform::Table(table) => {
            for entry in &with_defaults(table).entries {
                section.field(&key(&entry.key), value(&entry.value));
            }
        }
    }
}

/// A compact platform with what it leaves out.
fn with_defaults(platform: &Table) -> Table {
    let mut platform = platform.clone();
    for entry in &mut platform.entries {
        match (entry.key.as_str(), &mut entry.value.kind) {
            ("nodes", Kind::Array(groups)) => {
                groups.iter_mut().for_each(|group| add_speed(&mut group.kind))
            }
            ("nodes" | "head", kind) => add_speed(kind),
            ("network", Kind::Table(network)) => {
                let node = network.entry("node").cloned();
                let repository = network.entry("repository").or(node.as_ref()).cloned();
                for (key, value) in
                    [("head", node), ("repository", repository.clone()), ("user", repository)]
                {
                    add(network, key, value);
                }
            }
            _ => {}
        }
    }
    platform
}

fn add_speed(machine: &mut Kind) {
    let Kind::Table(machine) = machine else { return };
    let Some(like) = machine.entries.first().cloned() else { return };
    let speed = Value { kind: Kind::String(DEFAULT_SPEED.to_owned()), ..like.value.clone() };
    add(machine, "speed", Some(Entry { value: speed, ..like }));
}

/// Adds an entry that is not there, with the value of another one.
fn add(table: &mut Table, key: &str, like: Option<Entry>) {
    if table.get(key).is_none()
        && let Some(like) = like
    {
        table.entries.push(Entry { key: key.to_owned(), ..like });
    }
}

/// A policy by its kind if that is all there is to it.
fn kind_alone(policy: &impl Policy) -> String {
    match policy.written().as_slice() {
        [(_, kind)] => kind.clone(),
        written => inline(written.to_vec()),
    }
}

fn on_failure(timeout: Option<AfterFailure>, error: Option<AfterFailure>) -> String {
    let fields = [("timeout", timeout), ("error", error)];
    inline(fields.into_iter().filter_map(|(key, after)| Some((key, string(written(after?))))))
}

fn maximum(most: Option<u32>) -> String {
    most.map_or_else(|| string("unlimited"), |most| most.to_string())
}

fn service(service: &ServicePlan, section: &mut Section<'_>) {
    section.field("scheduler", inline(service.scheduler.written()));
    section.field("keep_alive", inline(service.keep_alive.written()));
    section.field("reuse", kind_alone(&service.reuse));
    section.field("eviction", kind_alone(&service.eviction));
    section.field("image_eviction", kind_alone(&service.image_eviction));
    section.field("max_concurrency", maximum(service.max_concurrency));
    section.field(
        "throttle",
        string(match service.throttle {
            Throttle::Queue => "queue",
            Throttle::Reject => "reject",
        }),
    );
    let OnFailure { timeout, error } = service.on_failure;
    section.field("on_failure", on_failure(Some(timeout), Some(error)));
    section.field("startup", service.startup.written());
    section.field("processing_overhead", duration(service.processing_overhead));
    let slots = match service.slots {
        Slots::Cores => string("cores"),
        Slots::Count(slots) => slots.to_string(),
        Slots::Unlimited => string("unlimited"),
    };
    section.field("slots", slots);
    section.field("buffer", size(service.buffer_bytes.unwrap_or(0)));
    section.field("simulate_downloads", service.simulate_downloads.to_string());
    let Payloads { register_request, register_answer, invoke_request, invoke_answer, completion } =
        service.payloads;
    let payloads = [
        ("register_request", register_request),
        ("register_answer", register_answer),
        ("invoke_request", invoke_request),
        ("invoke_answer", invoke_answer),
        ("completion", completion),
    ];
    section.field("payloads", inline(payloads.map(|(key, bytes)| (key, size(bytes)))));
}

fn storage(storage: &StoragePlan, plan: &Plan, section: &mut Section<'_>) {
    section.field("name", string(&storage.name));
    section.field("host", host(plan, storage.host));
    if let Some(mount) = mount(plan, storage.disk) {
        section.field("mount", string(mount));
    }
    section.field("buffer", size(storage.buffer_bytes.unwrap_or(0)));
    let file = |name: &str, bytes| inline([("name", string(name)), ("size", size(bytes))]);
    section.field("files", list(storage.files.iter().map(|one| file(&one.name, one.bytes))));
}

fn function(function: &FunctionPlan, plan: &Plan, section: &mut Section<'_>) {
    section.field("name", string(&function.name));
    if let Some(image) = function.image {
        section.field("image", string(&plan.images[image].name));
    }
    let Limits { time, memory_bytes, disk_bytes } = function.limits;
    let time = if time == Duration::MAX { string("unlimited") } else { duration(time) };
    section.field(
        "limits",
        inline([("time", time), ("memory", size(memory_bytes)), ("disk", size(disk_bytes))]),
    );
    section.field("startup", function.startup.written());
    containers(function.keep_alive, function.on_failure, function.concurrency, section);
    section.field("body", workload::body(&function.body, plan));
}

/// What becomes of the containers of a function.
fn containers(
    keep_alive: Option<KeepAliveKind>,
    failure: OnFailurePlan,
    concurrency: ConcurrencyPlan,
    section: &mut Section<'_>,
) {
    if let Some(keep_alive) = keep_alive {
        section.field("keep_alive", inline(keep_alive.written()));
    }
    let OnFailurePlan { timeout, error } = failure;
    if timeout.is_some() || error.is_some() {
        section.field("on_failure", on_failure(timeout, error));
    }
    let ConcurrencyPlan { per_container, most, reserved } = concurrency;
    section.field("concurrency", per_container.to_string());
    section.field(if reserved { "reserved_concurrency" } else { "max_concurrency" }, maximum(most));
}

/// The trace that the last functions come from.
fn listed(listed: &ListedPlan, plan: &Plan, paths: &Paths<'_>, section: &mut Section<'_>) {
    let sample = |sample: &AppSample| {
        let apps = sample.apps.map(|apps| ("apps", apps.to_string()));
        [apps, Some(("sample", sample.number.to_string()))].into_iter().flatten()
    };
    match &listed.trace.source {
        AzureSource::Year2019 { folder, days, sample: some, memory, .. } => {
            let memory = match memory {
                AppMemory::Split => "split",
                AppMemory::App => "app",
                AppMemory::Limits => "limits",
            };
            let fields = [
                ("folder", string(&paths.to(folder))),
                ("days", list(days.iter().map(u16::to_string))),
            ];
            let fields = fields.into_iter().chain(sample(some)).chain([("memory", string(memory))]);
            section.field("azure_2019", inline(fields));
        }
        AzureSource::Year2021 { path, sample: some, .. } => {
            section.field(
                "azure_2021",
                inline([("file", string(&paths.to(path)))].into_iter().chain(sample(some))),
            );
        }
    }
    let time =
        if listed.time == Duration::MAX { string("unlimited") } else { duration(listed.time) };
    let memory = listed.memory_bytes.map(|bytes| ("memory", size(bytes)));
    let limits = [Some(("time", time)), memory, Some(("disk", size(listed.disk_bytes)))];
    section.field("limits", inline(limits.into_iter().flatten()));
    section.field("startup", listed.startup.written());
    containers(listed.keep_alive, listed.on_failure, listed.concurrency, section);
    if let Some(image) = listed.image {
        section.field("image", string(&plan.images[image].name));
    }
    if let Some(body) = &listed.body {
        section.field("body", workload::body(body, plan));
    }
}
