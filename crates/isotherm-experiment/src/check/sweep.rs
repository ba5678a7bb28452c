//! `[sweep]`: the same experiment with some fields changed, once for each combination of values.
//!
//! ```toml
//! [sweep]
//! repeat = 10
//! service.reuse = ["newest", "oldest"]
//! platform.nodes.count = "1..=4"
//!
//! [[sweep.zip]]
//! service.startup = ["0.1s", "1s"]
//! service.keep_alive = [{ name = "short", value = { kind = "fixed", idle = "1s" } }, "none"]
//! ```
//!
//! makes 2 × 4 × 2 points, each with 10 seeds. A value of the sweep takes the place of the field in
//! the tree before the file is checked, so that an error in it is shown where it is written.

use isotherm_config::diagnostic::{Report, thousands, visible};
use isotherm_config::ranges;
use isotherm_config::source::{Sources, Span};
use isotherm_config::tree::{Kind, Path, Step, Table, Value, parameters};

use crate::check::service;

/// More runs than this are not meant.
const MOST_RUNS: u64 = 1_000_000;

/// The key of the number of seeds.
const REPEAT: &str = "repeat";

/// The key of the groups of fields that change together.
const ZIP: &str = "zip";

/// The fields that no sweep may change, since they say nothing about what is simulated, and what to
/// do instead.
const NO_AXES: [(&str, &str); 4] = [
    ("name", "points are called by the values of the other fields"),
    ("sweep", "`repeat` and `[[sweep.zip]]` are written in `[sweep]` itself"),
    ("manifest", "it says where an experiment comes from"),
    ("search", "it is for `isotherm search`, which chooses the values itself"),
];

/// The field that no sweep may change that repeats its points.
const SEED: &str = "seed";

/// One field and the value it has at a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The path of the field, such as `service.reuse`.
    pub path: String,
    /// Its value as it is shown: its name if it has one, a string without quotes, anything else as
    /// it is written.
    pub shown: String,
}

impl Setting {
    /// What the value means, in a few words, if it needs any.
    #[must_use]
    pub fn meaning(&self) -> Option<&'static str> {
        service::meaning(&self.path, &self.shown)
    }

    /// What a point with these settings is called, such as `reuse-newest_startup-1s`: the last
    /// parts of the paths, with their values; `size-x0.5` is a size that is multiplied.
    #[must_use]
    pub fn label(settings: &[Setting]) -> String {
        let part = |setting: &Setting| {
            let field = setting.path.rsplit('.').next().unwrap_or(&setting.path);
            match field.strip_suffix('*') {
                Some(field) => format!("{field}-x{}", setting.shown),
                None => format!("{field}-{}", setting.shown),
            }
        };
        settings.iter().map(part).collect::<Vec<_>>().join("_")
    }
}

/// A field with its values.
#[derive(Clone, Debug)]
struct Axis {
    path: Path,
    place: Span,
    values: Vec<AxisValue>,
}

#[derive(Clone, Debug)]
struct AxisValue {
    shown: String,
    value: Value,
}

/// What a file says about its sweep. Points are numbered; the field that is written first changes
/// slowest.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// Whether there is one.
    pub is_there: bool,
    /// The number of seeds of each point, and where it is written.
    pub repeat: Option<(u64, Span)>,
    /// Fields of a group change together. Not empty, nor is a group, and all axes of a group have
    /// as many values.
    groups: Vec<Vec<Axis>>,
}

impl Sweep {
    /// Reads the sweep of a file. Fields that were set from outside of the file are not tried with
    /// other values.
    pub fn of(root: &Value, set: &[Path], sources: &Sources, report: &Report) -> Self {
        let Some(sweep) = root.table().and_then(|table| table.get("sweep")) else {
            return Sweep::default();
        };
        let mut read = Sweep { is_there: true, ..Sweep::default() };
        match &sweep.kind {
            Kind::Table(table) => {
                Reader { root, sources, report }.read(table, &mut read);
            }
            other => {
                let message = format!("`[sweep]` must be a table, not {}", other.description());
                let hint = "write it like service.reuse = [\"newest\", \"oldest\"]";
                report.error(sweep.span, message, hint);
            }
        }
        read.refuse_twice(root, report);
        read.refuse_seeds_twice(report);
        let places: Vec<Vec<String>> = set.iter().map(|path| shown(&path.places(root))).collect();
        for group in &mut read.groups {
            group.retain(|axis| !places.contains(&shown(&axis.path.places(root))));
        }
        read.groups.retain(|group| !group.is_empty());
        read.refuse_set_in_part(root, set, report);
        let runs = read.counted().and_then(|points| points.checked_mul(read.repetitions()));
        if runs.is_none_or(|runs| runs > MOST_RUNS) {
            let message = match runs {
                Some(runs) => format!("this sweep has {} runs", thousands(runs)),
                None => "this sweep has too many runs".to_owned(),
            };
            let hint = format!("a sweep has at most {} runs", thousands(MOST_RUNS));
            report.error(sweep.span, message, hint);
            read.groups.clear();
            read.repeat = None;
        }
        read
    }

    /// The number of points, without repetitions; `None` if they cannot be counted.
    fn counted(&self) -> Option<u64> {
        let sizes = self.groups.iter().map(|group| group[0].values.len() as u64);
        sizes.into_iter().try_fold(1u64, |count, size| count.checked_mul(size))
    }

    /// The number of points: 1 if there is no sweep.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counted().unwrap_or(0)
    }

    /// The number of seeds of each point.
    #[must_use]
    pub fn repetitions(&self) -> u64 {
        self.repeat.map_or(1, |(repeat, _)| repeat)
    }

    /// The paths of the fields, in order.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.groups.iter().flatten().map(|axis| axis.path.to_string()).collect()
    }

    /// What is changed at a point, and the values to put into their places.
    #[must_use]
    pub fn point(&self, number: u64) -> (Vec<Setting>, Vec<(Path, Value)>) {
        let (mut rest, mut chosen) = (number, Vec::new());
        for group in self.groups.iter().rev() {
            let size = group[0].values.len() as u64;
            chosen.push((group, (rest % size) as usize));
            rest /= size;
        }
        let fields = chosen
            .iter()
            .rev()
            .flat_map(|&(group, index)| group.iter().map(move |axis| (axis, &axis.values[index])));
        let setting = |(axis, value): (&Axis, &AxisValue)| {
            let path = axis.path.to_string();
            let change = (axis.path.clone(), value.value.clone());
            (Setting { path, shown: value.shown.clone() }, change)
        };
        fields.map(setting).unzip()
    }

    /// Tries all values of all fields in a tree, each once, and reports those whose place is not
    /// there.
    pub fn refuse_unknown_places(&self, root: &Value, report: &Report) {
        for axis in self.groups.iter().flatten() {
            let Err(error) = root.clone().set(&axis.path, axis.values[0].value.clone()) else {
                continue;
            };
            let separator = if error.hint.is_empty() { "" } else { ": " };
            let hint = format!("{}{separator}{}", error.message, error.hint);
            report.error(axis.place, format!("`{}` cannot be set", axis.path), hint);
        }
    }

    /// A field that two axes change would have the value of the second one only.
    fn refuse_twice(&self, root: &Value, report: &Report) {
        let axes: Vec<(&Axis, Vec<Path>)> =
            self.groups.iter().flatten().map(|axis| (axis, axis.path.places(root))).collect();
        let overlap = |one: &Path, other: &Path| other.contains(one) || one.contains(other);
        for (number, (axis, places)) in axes.iter().enumerate() {
            let other = axes[..number].iter().find(|(_, others)| {
                places.iter().any(|place| others.iter().any(|other| overlap(place, other)))
            });
            if let Some((other, _)) = other {
                let message = format!("`{}` is changed twice", axis.path);
                report.error(axis.place, message, format!("`{}` is an axis as well", other.path));
            }
        }
    }

    /// What is set within the value of an axis would have no effect, nor would what a table that is
    /// set has in the place of an axis.
    fn refuse_set_in_part(&self, root: &Value, set: &[Path], report: &Report) {
        for path in set {
            let places = path.places(root);
            let around = |axis: &&Axis| {
                axis.path.places(root).iter().any(|axis| {
                    let is_around = |place: &Path| {
                        axis.contains(place) || (place.contains(axis) && root.at(axis).is_some())
                    };
                    places.iter().any(is_around)
                })
            };
            if let Some(axis) = self.groups.iter().flatten().find(around) {
                let axis = &axis.path;
                let message = format!("`{path}` is set, and the sweep changes `{axis}`");
                let hint = format!("set `{axis}` itself, which ends its axis");
                report.error(path.place(), message, hint);
            }
        }
    }
}

impl Sweep {
    /// The seeds of repetitions are those from `seed` on, which would be others at each point.
    fn refuse_seeds_twice(&self, report: &Report) {
        let is_seed = |axis: &&Axis| axis.path.to_string() == SEED;
        if let (Some(_), Some(axis)) = (self.repeat, self.groups.iter().flatten().find(is_seed)) {
            let message = "both `seed` and `repeat` say which seeds there are";
            report.error(axis.place, message, "leave one of them out");
        }
    }
}

struct Reader<'a> {
    root: &'a Value,
    sources: &'a Sources,
    report: &'a Report,
}

impl Reader<'_> {
    fn read(&self, table: &Table, sweep: &mut Sweep) {
        for entry in &table.entries {
            match entry.key.as_str() {
                REPEAT => match entry.value.kind {
                    Kind::Integer(repeat @ 1..) => {
                        sweep.repeat = Some((repeat as u64, entry.value.span));
                    }
                    _ => {
                        let hint = "it is how many seeds each point is run with: repeat = 10";
                        self.report.error(
                            entry.value.span,
                            "`repeat` is a whole number of at least 1",
                            hint,
                        );
                    }
                },
                ZIP => self.zips(&entry.value, sweep),
                _ => {
                    let mut axes = Vec::new();
                    let step = Step { name: entry.key.clone(), span: entry.key_span };
                    self.gather(vec![step], &entry.value, &mut axes);
                    sweep.groups.extend(axes.into_iter().map(|axis| vec![axis]));
                }
            }
        }
    }

    fn zips(&self, value: &Value, sweep: &mut Sweep) {
        let Kind::Array(groups) = &value.kind else {
            let message = "the groups of fields that change together are an array of tables";
            self.report.error(value.span, message, "begin each with a line [[sweep.zip]]");
            return;
        };
        if groups.is_empty() {
            self.report.error(
                value.span,
                "no groups of fields",
                "begin each with a line [[sweep.zip]]",
            );
        }
        for group in groups {
            let Some(table) = group.table() else {
                let message =
                    format!("a group of fields is a table, not {}", group.kind.description());
                self.report.error(group.span, message, "begin it with a line [[sweep.zip]]");
                continue;
            };
            let mut axes = Vec::new();
            if table.entries.is_empty() {
                self.report.error(group.span, "a group without fields", "give at least one");
            }
            for entry in &table.entries {
                let step = Step { name: entry.key.clone(), span: entry.key_span };
                self.gather(vec![step], &entry.value, &mut axes);
            }
            let Some(first) = axes.first() else { continue };
            let (expected, name) = (first.values.len(), first.path.to_string());
            let before = self.report.count();
            for axis in axes.iter().filter(|axis| axis.values.len() != expected) {
                let message = format!(
                    "`{}` has {} values, and `{name}` {expected}",
                    axis.path,
                    axis.values.len()
                );
                let hint = "fields that change together have as many values";
                self.report.error(axis.place, message, hint);
            }
            if self.report.count() == before {
                sweep.groups.push(axes);
            }
        }
    }

    /// Tables lead on to fields; lists and ranges are the values of a field.
    fn gather(&self, steps: Vec<Step>, value: &Value, axes: &mut Vec<Axis>) {
        let place = steps.last().map_or(value.span, |step| step.span);
        match &value.kind {
            Kind::Table(table) if table.entries.is_empty() => {
                let message = format!("no field of `{}`", Path::of_keys(steps));
                self.report.error(value.span, message, "give at least one, with its values");
            }
            Kind::Table(table) => {
                for entry in &table.entries {
                    let mut steps = steps.clone();
                    steps.push(Step { name: entry.key.clone(), span: entry.key_span });
                    self.gather(steps, &entry.value, axes);
                }
            }
            Kind::Array(values) if values.is_empty() => {
                let message = format!("no values for `{}`", Path::of_keys(steps));
                self.report.error(value.span, message, "give at least one");
            }
            Kind::Array(values) => {
                let values: Vec<_> = values.iter().filter_map(|value| self.value(value)).collect();
                self.axis(steps, place, values, axes);
            }
            Kind::String(text) => match ranges::values(text) {
                Ok(kinds) => {
                    let one = |kind: Kind| {
                        let value = Value { span: value.span, kind };
                        AxisValue { shown: written(&value), value }
                    };
                    self.axis(steps, place, kinds.into_iter().map(one).collect(), axes);
                }
                Err(error) => self.report.error(value.span, error.message, error.hint),
            },
            other => {
                let message = format!(
                    "a field of a sweep takes a list or a range, not {}",
                    other.description()
                );
                let hint = "write it like [\"newest\", \"oldest\"] or \"1..=10\"";
                self.report.error(value.span, message, hint);
            }
        }
    }

    fn axis(&self, steps: Vec<Step>, place: Span, values: Vec<AxisValue>, axes: &mut Vec<Axis>) {
        let is_parameter =
            steps.len() == 1 && parameters::names(self.root).contains(&steps[0].name.as_str());
        let path = match is_parameter {
            true => Path { steps, multiplies: false },
            false => Path::of_keys(steps),
        };
        let path = parameters::resolve(path, self.root);
        let is_parameter = path.steps[0].name == parameters::PARAMETERS;
        let first = path.steps[0].name.as_str();
        let no_axis = NO_AXES.iter().find(|(name, _)| *name == first);
        if let Some((name, instead)) = no_axis
            // A part of a string is told to be none where it is tried.
            && (*name != "name" || path.steps.len() == 1)
        {
            self.report.error(place, format!("`{name}` cannot be changed by a sweep"), *instead);
        } else if is_parameter
            && path.steps.len() == 1
            && let Some(wrong) = values.iter().find(|value| value.value.table().is_none())
        {
            let message =
                format!("`parameters` is a table, not {}", wrong.value.kind.description());
            let hint = "write the name of one, such as parameters.rate = [1, 2]";
            self.report.error(wrong.value.span, message, hint);
        } else if is_parameter
            && let Some(step) = path.steps.get(1)
            && !parameters::names(self.root).contains(&step.name.as_str())
        {
            let message = format!("there is no parameter `{}`", step.name);
            self.report.error(place, message, "add it to `[parameters]`");
        } else if !values.is_empty() {
            axes.push(Axis { path, place, values });
        }
    }

    /// A value, which may have a name: `{ name = "small", value = ... }`.
    fn value(&self, value: &Value) -> Option<AxisValue> {
        let named = value.table().filter(|table| table.entries.len() == 2);
        let named = named.and_then(|table| Some((table.get("name")?, table.get("value")?)));
        if let Some((name, value)) = named {
            let Kind::String(name) = &name.kind else {
                return self.report.refuse(name.span, "the name of a value is a string", "");
            };
            return Some(AxisValue { shown: in_one_line(name), value: value.clone() });
        }
        let text = || self.sources.get(value.span.source).text.get(value.span.range());
        let shown = match &value.kind {
            Kind::String(text) => in_one_line(text),
            _ => match text().filter(|text| !text.contains(['\n', '\r'])) {
                Some(text) => in_one_line(text),
                None => in_one_line(&isotherm_config::write::value(value)),
            },
        };
        Some(AxisValue { shown, value: value.clone() })
    }
}

fn shown(places: &[Path]) -> Vec<String> {
    places.iter().map(ToString::to_string).collect()
}

/// A text in which line breaks and what else cannot be seen are escaped.
fn in_one_line(text: &str) -> String {
    visible(text).replace('\n', "\\n")
}

/// A value of a range.
fn written(value: &Value) -> String {
    match &value.kind {
        Kind::String(text) => text.clone(),
        _ => isotherm_config::write::value(value),
    }
}
