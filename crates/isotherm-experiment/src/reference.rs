//! The reference of experiment files, `docs/reference/experiment.md`, written from the descriptions
//! of their fields.

use isotherm_config::reference;

use crate::check::EXPERIMENT;

const HEAD: &str = "\
# Experiment files

<!-- Written by `ISOTHERM_WRITE_REFERENCE=1 cargo test -p isotherm-experiment --test it reference`; do not edit. -->

An experiment is a TOML file, or a JSON file of the same shape (its name ends in `.json`; `[[image]]` is an array of objects there).
`isotherm check FILE` tells everything that is wrong with one; `isotherm run FILE` runs it.

Paths of files are relative to the experiment file. One that has the most common tables:

```toml
{example}```

## Units

Quantities are strings: a number and a unit, with or without a space between them. A unit in the wrong case is an error.

| quantity | example | units |
|---|---|---|
";

/// The experiment at the beginning of the reference.
pub const EXAMPLE: &str = r#"name = "first"

[platform]
nodes = { count = 4, cores = 16, memory = "64GiB", disk = { read = "2GB/s", write = "1GB/s", size = "1TB" } }
head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s", size = "10TB" } }
network = { node = "10Gb/s", latency = "50us", repository = "1Gb/s" }

[service]
keep_alive = { kind = "fixed", idle = "10min" }

[[image]]
name = "python"
size = "250MB"
memory = "120MB"

[[function]]
name = "resize"
image = "python"
limits = { time = "60s", memory = "512MB", disk = "1GB" }
body = [{ compute = "5Gf" }, { write = "20MB" }]

[[workload]]
kind = "poisson"
function = "resize"
rate = "3/s"
until = "10min"
"#;

const SETTING: &str = "
`MB` is 10^6 bytes and `MiB` is 2^20. A speed may be written without `/s`.

## Setting fields on the command line

`--set FIELD=VALUE` changes an experiment for one run, and may be given many times.

* `FIELD` is the path of a field: `service.keep_alive.idle`. Tables on the way are made if they are not there.
* In an array, a path goes on with the `name` of an element or with its number, counted from 0: `image.python.size`,
  `function.resize.limits.memory`, `workload.0.rate`, `platform.nodes.1.count`. A name that is no plain word stands in quotes.
* `FIELD` may also be the name of a parameter: `data` for `parameters.data`, if the file has it in `[parameters]`.
* `VALUE` is what TOML understands by it, or else a string, so that `5min` needs no quotes.
* Paths of files in `VALUE` are relative to the current folder, not to the experiment file. The same holds for a path that begins with a
  parameter that was set in this way.
* What is set is not tried with the other values of a `[sweep]`.
";

/// The text of `docs/reference/experiment.md`.
#[must_use]
pub fn markdown() -> String {
    let head = HEAD.replace("{example}", EXAMPLE);
    head + &reference::quantities() + SETTING + &reference::tables(&EXPERIMENT)
}
