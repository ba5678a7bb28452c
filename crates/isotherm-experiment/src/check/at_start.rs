//! `prepull` and `warm` of `[service]`: images that are on disks, and containers that are warm, at
//! the start of a run.
//!
//! Both take free room, and there must be enough: what does not fit is reported here as the service
//! would refuse it. It has the last word, since compute hosts may be off at the start.

use std::collections::{BTreeMap, BTreeSet};

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Fields, FromValue};
use isotherm_config::hint::{list, suggestion};
use isotherm_config::names::{Names, matches};
use isotherm_config::schema::{Field, TableSpec, Takes, field, table, value};
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::{Kind, Value};
use isotherm_platform::{HostId, PlatformSpec};
use isotherm_serverless::warm::{Space, spread};
use isotherm_serverless::{Need, Prepull, Slots};

use crate::check::room;
use crate::plan::{FunctionPlan, HostsPlan, ImagePlan, KeepAliveKind, ServicePlan};

/// The most containers that are warm at the start.
const MOST_WARM: u32 = 1_000_000;

const A_LIST: Takes = value("a list of images; `*` in a name stands for anything", "[\"python\"]");

/// `prepull`
pub const PREPULL: Field = field(
    "prepull",
    Takes::Either(&[A_LIST, Takes::Table(&PREPULL_TABLE)]),
    "Images that are on the disks of all compute hosts, and on that of the head host, at the start \
     of the run. They are loaded into memory as usual, and evicted as usual.",
)
.otherwise("no image is anywhere");

const PREPULL_TABLE: TableSpec =
    table("prepull", "Where which images are at the start of the run.").with(&[
        field(
            "nodes",
            A_LIST,
            "Those on the disks of all compute hosts and of the head host: they are neither \
             downloaded nor copied.",
        )
        .default("[]"),
        field("head", A_LIST, "Those on the disk of the head host alone: they are not downloaded.")
            .default("[]"),
    ]);

/// `warm`
pub const WARM: Field = field(
    "warm",
    Takes::Table(&WARM_TABLE),
    "How many containers of which function are warm at the start of the run.",
)
.otherwise("no container is");

/// `warm`; the keys are names of functions.
const WARM_TABLE: TableSpec = table(
    "warm",
    "Functions, each with how many of its containers are idle at the start of the run: \
     `warm = { resize = 4 }`. `*` in a name stands for anything, so `\"*\" = 1` means one of each \
     function; what is said of a function by its name holds, else the first pattern that it fits. \
     The containers are spread over the compute hosts, and have their image with them. Their \
     keep-alive time begins at date 0.",
);

/// What `[service]` says of the start of a run.
#[derive(Default)]
pub struct AtStart {
    /// Images, each with its place in the file.
    prepull: Vec<(usize, Prepull, Span)>,
    /// Functions, by name or pattern.
    warm: Vec<(Located<String>, u32)>,
}

/// A number of warm containers.
struct Containers(u32);

impl FromValue for Containers {
    const WHAT: &'static str = "a number of containers";
    const EXAMPLE: &'static str = "4";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let number = match value.kind {
            Kind::Integer(number) => u32::try_from(number).ok(),
            _ => {
                let message = format!(
                    "this must be a number of containers, not {}",
                    value.kind.description()
                );
                return report.refuse(value.span, message, "write it like 4");
            }
        };
        match number.filter(|&number| number <= MOST_WARM) {
            Some(number) => Some(Containers(number)),
            None => {
                let hint = format!("use a number from 0 to {MOST_WARM}");
                report.refuse(value.span, "this number is out of range", hint)
            }
        }
    }
}

/// Reads the two fields.
pub fn read(fields: &mut Fields<'_>, images: &Names) -> AtStart {
    let mut at_start = AtStart::default();
    let report = fields.report();
    if let Some(entry) = fields.entry("prepull") {
        let prepull = &mut at_start.prepull;
        match &entry.value.kind {
            Kind::Table(_) => {
                if let Some(mut fields) = Fields::of(&entry.value, &PREPULL_TABLE, report) {
                    for (key, to) in [("nodes", Prepull::Nodes), ("head", Prepull::Head)] {
                        if let Some(entry) = fields.entry(key) {
                            read_images(&entry.value, to, images, report, prepull);
                        }
                    }
                    fields.finish();
                }
            }
            _ => read_images(&entry.value, Prepull::Nodes, images, report, prepull),
        }
    }
    if let Some(entry) = fields.entry("warm") {
        let Kind::Table(table) = &entry.value.kind else {
            let message = format!("`warm` must be a table, not {}", entry.value.kind.description());
            let hint = format!("write it like {}", report.example("{ resize = 4 }"));
            report.error(entry.value.span, message, hint);
            return at_start;
        };
        for entry in &table.entries {
            let name = Located { value: entry.key.clone(), span: entry.key_span };
            if let Some(number) = Containers::read(&entry.value, report) {
                at_start.warm.push((name, number.0));
            }
        }
    }
    at_start
}

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// Reads a list of images.
fn read_images(
    value: &Value,
    to: Prepull,
    images: &Names,
    report: &Report,
    read: &mut Vec<(usize, Prepull, Span)>,
) {
    let Kind::Array(values) = &value.kind else {
        let message = format!("this must be a list of images, not {}", value.kind.description());
        report.error(value.span, message, "write it like [\"python\"]");
        return;
    };
    for name in values.iter().filter_map(|value| Located::<String>::read(value, report)) {
        let known = images.index_of(&name.value);
        if known.is_some() || !is_pattern(&name.value) {
            let index = images.resolve(&name, report);
            read.extend(index.map(|index| (index, to, name.span)));
            continue;
        }
        let fits = |(_, known): &(usize, &str)| matches(&name.value, known);
        let found: Vec<usize> = images.iter().enumerate().filter(fits).map(|(at, _)| at).collect();
        if found.is_empty() && !images.is_incomplete() {
            report.error(name.span, format!("no image fits `{}`", name.value), of(images.iter()));
        }
        read.extend(found.into_iter().map(|index| (index, to, name.span)));
    }
}

/// Which names there are, as a hint.
fn of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.take(9).collect();
    match names.len() {
        0 => "there is none".to_owned(),
        1..=8 => format!("there is {}", list(&names)),
        _ => String::new(),
    }
}

/// What a plan consists of, for its start.
pub struct Parts<'a> {
    /// The images.
    pub images: &'a [ImagePlan],
    /// The functions.
    pub functions: &'a [FunctionPlan],
    /// The hosts.
    pub hosts: &'a HostsPlan,
    /// The platform.
    pub spec: &'a PlatformSpec,
}

/// Puts into the plan of the service what is there from the start, and reports what cannot be.
pub fn check(at_start: &AtStart, parts: &Parts<'_>, service: &mut ServicePlan, report: &Report) {
    let before = report.count();
    let mut disks = Disks::new(parts, service.slots);
    service.prepull = prepull(&at_start.prepull, &mut disks, parts, report);
    let warm = warm(&at_start.warm, parts.functions, report);
    if report.count() > before {
        return;
    }
    let mut refused = BTreeSet::default();
    for &(index, count, place) in &warm {
        let function = &parts.functions[index];
        // Of a pattern that means many functions, the first one is told of.
        if !refused.contains(&place)
            && let Err((message, hint)) = disks.hold_warm(function, count, parts, service)
        {
            report.error(place, message, hint);
            refused.insert(place);
        }
    }
    service.warm = warm.into_iter().map(|(index, count, _)| (index, count)).collect();
}

/// The images that are on disks, those on compute hosts first, each once.
fn prepull(
    read: &[(usize, Prepull, Span)],
    disks: &mut Disks,
    parts: &Parts<'_>,
    report: &Report,
) -> Vec<(usize, Prepull)> {
    let mut images: Vec<(usize, Prepull)> = Vec::new();
    for wanted in [Prepull::Nodes, Prepull::Head] {
        for &(index, to, place) in read.iter().filter(|(_, to, _)| *to == wanted) {
            if images.iter().any(|&(other, _)| other == index) {
                continue;
            }
            images.push((index, to));
            if let Err((message, hint)) = disks.hold_image(index, to, parts) {
                // One too many is told of; the others would be as well.
                report.error(place, message, hint);
                return images;
            }
        }
    }
    images
}

/// The functions with warm containers, in order: their numbers, and where these are written.
fn warm(
    read: &[(Located<String>, u32)],
    functions: &[FunctionPlan],
    report: &Report,
) -> Vec<(usize, u32, Span)> {
    if read.is_empty() {
        return Vec::new();
    }
    let names = || functions.iter().map(|function| function.name.as_str());
    let indexes: BTreeMap<&str, usize> = names().zip(0..).collect();
    let mut counts: Vec<Option<(u32, Span)>> = vec![None; functions.len()];
    let is_named = |name: &Located<String>| indexes.contains_key(name.value.as_str());
    for (name, count) in read {
        if let Some(&index) = indexes.get(name.value.as_str()) {
            counts[index] = Some((*count, name.span));
        }
    }
    for (name, count) in read.iter().filter(|(name, _)| !is_named(name)) {
        if !is_pattern(&name.value) {
            let hint = suggestion(&name.value, names()).unwrap_or_else(|| of(names()));
            report.error(name.span, format!("there is no function `{}`", name.value), hint);
            continue;
        }
        let mut fits_any = false;
        for (index, known) in names().enumerate() {
            if matches(&name.value, known) {
                fits_any = true;
                counts[index].get_or_insert((*count, name.span));
            }
        }
        if !fits_any {
            report.error(name.span, format!("no function fits `{}`", name.value), of(names()));
        }
    }
    let warm: Vec<(usize, u32, Span)> = counts
        .into_iter()
        .enumerate()
        .filter_map(|(index, count)| count.map(|(count, place)| (index, count, place)))
        .filter(|&(_, count, _)| count > 0)
        .collect();
    let all: u64 = warm.iter().map(|&(_, count, _)| u64::from(count)).sum();
    if all > u64::from(MOST_WARM)
        && let Some(&(_, _, place)) = warm.last()
    {
        let hint = format!("there may be {MOST_WARM} of them");
        report.error(place, format!("{all} containers are to be warm at the start"), hint);
        return Vec::new();
    }
    warm
}

/// The disks and memories, as far as they are taken at the start.
struct Disks {
    head_bytes: u64,
    head_free: u64,
    on_head: BTreeSet<usize>,
    nodes: Vec<Node>,
}

struct Node {
    host: HostId,
    slots: Option<u32>,
    promised: u64,
    disk_bytes: u64,
    free: Need,
    on_disk: BTreeSet<usize>,
    in_memory: BTreeSet<usize>,
}

/// A message and a hint.
type Wrong = (String, String);

/// Why an image does not fit on a disk on which so many bytes are taken.
fn beside(bytes: u64, taken: u64, holds: u64) -> String {
    match taken {
        0 => format!("it takes {bytes} bytes, and the disk holds {holds}"),
        _ => format!(
            "it takes {bytes} bytes beside {taken} bytes that are taken at the start, and the disk \
             holds {holds}"
        ),
    }
}

impl Disks {
    fn new(parts: &Parts<'_>, slots: Slots) -> Self {
        let head = room::of_disk(parts.hosts.head_disk);
        let node = |(&host, &disk): (&HostId, _)| {
            let spec = parts.spec.host(host);
            let disk_bytes = room::of_disk(disk);
            let memory_bytes = spec.memory.unwrap_or(u64::MAX);
            Node {
                host,
                slots: match slots {
                    Slots::Cores => Some(spec.cores),
                    Slots::Count(count) => Some(count),
                    Slots::Unlimited => None,
                },
                promised: 0,
                disk_bytes,
                free: Need { memory_bytes, disk_bytes },
                on_disk: BTreeSet::default(),
                in_memory: BTreeSet::default(),
            }
        };
        Disks {
            head_bytes: head,
            head_free: head,
            on_head: BTreeSet::default(),
            nodes: parts.hosts.nodes.iter().zip(&parts.hosts.node_disks).map(node).collect(),
        }
    }

    /// Puts an image on disks from the start.
    fn hold_image(&mut self, index: usize, to: Prepull, parts: &Parts<'_>) -> Result<(), Wrong> {
        let image = &parts.images[index];
        self.hold_on_head(index, image)?;
        if to == Prepull::Head {
            return Ok(());
        }
        for node in &mut self.nodes {
            let Some(free) = node.free.disk_bytes.checked_sub(image.bytes) else {
                let host = &parts.spec.host(node.host).name;
                let taken = node.disk_bytes - node.free.disk_bytes;
                return Err((
                    format!(
                        "image `{}` does not fit on the disk of compute host `{host}`",
                        image.name
                    ),
                    beside(image.bytes, taken, node.disk_bytes),
                ));
            };
            node.free.disk_bytes = free;
            node.on_disk.insert(index);
        }
        Ok(())
    }

    fn hold_on_head(&mut self, index: usize, image: &ImagePlan) -> Result<(), Wrong> {
        if self.on_head.contains(&index) {
            return Ok(());
        }
        let Some(free) = self.head_free.checked_sub(image.bytes) else {
            let taken = self.head_bytes - self.head_free;
            return Err((
                format!("image `{}` does not fit on the disk of the head host", image.name),
                beside(image.bytes, taken, self.head_bytes),
            ));
        };
        self.head_free = free;
        self.on_head.insert(index);
        Ok(())
    }

    /// Has containers of a function be warm from the start.
    fn hold_warm(
        &mut self,
        function: &FunctionPlan,
        count: u32,
        parts: &Parts<'_>,
        service: &ServicePlan,
    ) -> Result<(), Wrong> {
        let name = &function.name;
        let keep_alive = function.keep_alive.as_ref().unwrap_or(&service.keep_alive);
        let is_kept = match keep_alive {
            KeepAliveKind::None => false,
            KeepAliveKind::Fixed(idle) => !idle.is_zero(),
            _ => true,
        };
        if !is_kept {
            return Err((
                format!("warm containers of function `{name}` would stop at once"),
                "idle containers are not kept: set `keep_alive`".to_owned(),
            ));
        }
        if let Some(index) = function.image {
            self.hold_on_head(index, &parts.images[index])?;
        }
        let need = Need {
            memory_bytes: function.limits.memory_bytes,
            disk_bytes: function.limits.disk_bytes,
        };
        let missing = |node: &Node| {
            let Some(index) = function.image else { return Need::default() };
            let image = &parts.images[index];
            let is_absent = |there: &BTreeSet<usize>| u64::from(!there.contains(&index));
            Need {
                memory_bytes: image.memory_bytes * is_absent(&node.in_memory),
                disk_bytes: image.bytes * is_absent(&node.on_disk),
            }
        };
        let space =
            |node: &Node| Space::new(node.slots, node.promised, node.free, missing(node), need);
        let spaces: Vec<Space> = self.nodes.iter().map(space).collect();
        let per_container = function.concurrency.per_container;
        let places = spread(count, per_container, &spaces).map_err(|room| {
            (
                format!("there is no room for {count} warm containers of function `{name}`"),
                format!(
                    "the compute hosts have room for {room}, beside what else is there at the start"
                ),
            )
        })?;
        for place in places {
            let node = &mut self.nodes[place];
            node.free = node.free.without(missing(node)).without(need);
            node.promised += u64::from(per_container);
            if let Some(index) = function.image {
                node.on_disk.insert(index);
                node.in_memory.insert(index);
            }
        }
        Ok(())
    }
}
