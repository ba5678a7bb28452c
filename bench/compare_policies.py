#!/usr/bin/env python3
"""Runs an experiment that sweeps over two fields, and prints a table in Markdown for each measure: docs/policy-comparison.md has them.

    python3 bench/compare_policies.py FILE [ISOTHERM]

FILE is the experiment: the first field of its [sweep] goes down, the second one across. ISOTHERM is the program, `isotherm` unless it is said.
The mean wait is how much longer than its body an invocation takes in the mean: the mean response less the mean duration of the workload.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import tomllib

MEASURES = {
    "Cold starts, % of invocations": (2, lambda run, body: 100 * run["starts"]["cold"] / run["invocations"]["total"]),
    "Mean wait, ms": (0, lambda run, body: 1000 * (run["response_of_completed"]["all"]["mean_s"] - body)),
    "Idle memory, GB·h": (0, lambda run, body: run["utilisation"]["container_memory"]["idle_mb_s"] / 1000 / 3600),
}


def fields(table, path=""):
    """The fields of [sweep] with their values: `service.scheduler = […]` is a table in a table."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from fields(value, f"{path}{key}.")
        else:
            yield path + key, value


def parsed(text):
    """A value of a sweep as summary.json writes it: TOML, or a string without quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def label(value):
    if not isinstance(value, dict):
        return f"`{value}`"
    rest = ", ".join(f"`{key} = {json.dumps(of)}`" for key, of in value.items() if key != "kind")
    return f"`{value['kind']}`, {rest}" if rest else f"`{value['kind']}`"


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    file, isotherm = sys.argv[1], (sys.argv[2:] or ["isotherm"])[0]
    with open(file, "rb") as text:
        sweep = list(fields(tomllib.load(text).get("sweep", {})))
    if len(sweep) != 2:
        sys.exit(f"{file}: [sweep] has {len(sweep)} fields, and there must be 2")
    (down, rows), (across, columns) = sweep
    workload = json.loads(subprocess.run([isotherm, "workload", "describe", file, "--json"], check=True, stdout=subprocess.PIPE).stdout)
    body = workload["durations"]["mean_s"]
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([isotherm, "run", file, "--no-records", "--quiet", "--out", folder], check=True)
        for path in pathlib.Path(folder).glob("*/summary.json"):
            run = json.loads(path.read_text(encoding="utf-8"))
            total, completed = run["invocations"]["total"], run["invocations"]["completed"]
            if completed != total:
                print(f"{path.parent.name}: {total - completed} of {total} invocations were not completed", file=sys.stderr)
            runs[label(parsed(run["sweep"][down])), label(parsed(run["sweep"][across]))] = run
    for name, (decimals, measure) in MEASURES.items():
        print(f"\n| {name} | " + " | ".join(label(column) for column in columns) + " |")
        print("|---" + "|---:" * len(columns) + "|")
        for row in rows:
            cells = (measure(runs[label(row), label(column)], body) for column in columns)
            print(f"| {label(row)} | " + " | ".join(f"{cell:,.{decimals}f}" for cell in cells) + " |")


if __name__ == "__main__":
    main()
