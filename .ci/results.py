#!/usr/bin/env python3
"""Checks that pandas, Polars and DuckDB read every file of results alike, and as summary.json says.

    python .ci/results.py ISOTHERM

ISOTHERM is the command. The packages are those of .ci/requirements.txt.

Every file that is found in a folder of results is read, whatever it is called: one that a later version adds is checked as well, and one that
nothing here can read is an error. What a table should hold is found apart from the readers, by Python's own csv and json.
"""

import contextlib
import csv
import gzip
import hashlib
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

import duckdb
import numpy as np
import pandas as pd
import polars as pl

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "using-results.md"

# Names that need quotes, functions without an image, invocations that time out, fail, or are never dispatched.
STRANGE = r"""
name = "strange"
seed = 11
[platform]
nodes = { count = 3, cores = 2, memory = "1GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "1Gbps", latency = "50us" }
[service]
scheduler = "first-fit"
startup = "200ms"
keep_alive = { kind = "fixed", idle = "3s" }
on_failure = "discard"
[[image]]
name = "py, \"slim\""
size = "250MB"
memory = "120MB"
[[function]]
name = "a, \"b\" é"
image = "py, \"slim\""
limits = { time = "2s", memory = "300MB", disk = "1MB" }
body = [{ sleep = { kind = "exponential", mean = "800ms" } }]
[[function]]
name = "fills"
limits = { time = "9s", memory = "200MB", disk = "1MB" }
body = [{ write = "2MB" }]
[[function]]
name = "stopped"
max_concurrency = 0
limits = { time = "9s", memory = "200MB" }
body = [{ sleep = "1s" }]
[[workload]]
kind = "poisson"
function = "a, \"b\" é"
rate = "3/s"
until = "100s"
[[workload]]
kind = "poisson"
function = "fills"
rate = "30/min"
until = "100s"
[[workload]]
kind = "poisson"
function = "stopped"
rate = "6/min"
until = "100s"
"""


def near(one, other):
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


# ---- Tables. Each reader gives columns by name: their kind ("number", "boolean", "text"), and values with None for null.


def of_pandas(path):
    frame = {
        ".csv": lambda: pd.read_csv(path, dtype_backend="numpy_nullable"),
        ".parquet": lambda: pd.read_parquet(path, dtype_backend="numpy_nullable"),
        ".jsonl": lambda: pd.read_json(path, lines=True, dtype_backend="numpy_nullable"),
    }[path.suffix]()

    def kind(column):
        if pd.api.types.is_bool_dtype(column):
            return "boolean"
        return "number" if pd.api.types.is_numeric_dtype(column) else "text"

    def values(column):
        return [None if pd.isna(value) else value for value in column.tolist()]

    return {name: (kind(frame[name]), values(frame[name])) for name in frame.columns}


def of_polars(path):
    frame = {
        ".csv": lambda: pl.read_csv(path, infer_schema_length=None),
        ".parquet": lambda: pl.read_parquet(path),
        ".jsonl": lambda: pl.read_ndjson(path, infer_schema_length=None),
    }[path.suffix]()

    def kind(dtype):
        if dtype == pl.Boolean:
            return "boolean"
        return "number" if dtype.is_numeric() else "text"

    return {column.name: (kind(column.dtype), column.to_list()) for column in frame.get_columns()}


def of_duckdb(path):
    call = {".csv": "read_csv(?, sample_size = -1)", ".parquet": "read_parquet(?)", ".jsonl": "read_json(?, sample_size = -1)"}
    connection = duckdb.connect()
    cursor = connection.execute(f"select * from {call[path.suffix]}", [str(path)])
    described = [(field[0], str(field[1])) for field in cursor.description]
    rows = cursor.fetchall()

    def kind(dtype):
        if dtype == "BOOLEAN":
            return "boolean"
        return "number" if re.match(r"U?(TINY|SMALL|BIG|HUGE)?INT|INTEGER|UINTEGER|DOUBLE|FLOAT|DECIMAL", dtype) else "text"

    return {name: (kind(dtype), [row[place] for row in rows]) for place, (name, dtype) in enumerate(described)}


READERS = {"pandas": of_pandas, "Polars": of_polars, "DuckDB": of_duckdb}


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def written(path):
    """What a table holds, by Python's own readers; None for Parquet."""
    if path.suffix == ".csv":
        with open(path, newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        columns = {}
        for place, name in enumerate(header):
            values = [row[place] or None for row in rows]
            present = [value for value in values if value is not None]
            if present and all(value in ("true", "false") for value in present):
                columns[name] = ("boolean", [None if value is None else value == "true" for value in values])
            elif all(number(value) is not None for value in present):
                columns[name] = ("number", [None if value is None else float(value) for value in values])
            else:
                columns[name] = ("text", values)
        return columns
    if path.suffix == ".jsonl":
        with open(path, encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        # An event has the fields of its kind only.
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {}
        for name in names:
            values = [row.get(name) for row in rows]
            kinds = {type(value) for value in values if value is not None}
            kind = "boolean" if kinds == {bool} else "number" if kinds <= {int, float} else "text"
            columns[name] = (kind, values)
        return columns
    return None


def same(one, other):
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return near(one, other)
    return one == other


def check_table(path):
    """Reads a table in every way, compares, and returns its columns."""
    found = {reader: read(path) for reader, read in READERS.items()}
    expected = written(path) or found["Polars"]
    for reader, columns in found.items():
        # The fields of JSON objects have no order.
        order = sorted if path.suffix == ".jsonl" else list
        assert order(columns) == order(expected), f"{reader}, {path}: columns {list(columns)}, not {list(expected)}"
        for name, (kind, values) in columns.items():
            known, rows = expected[name]
            where = f"{reader}, {path}: column {name}"
            assert len(values) == len(rows), f"{where} has {len(values)} rows, not {len(rows)}"
            if any(value is not None for value in rows):
                assert kind == known, f"{where} is a {kind}, not a {known}"
            for place, (value, row) in enumerate(zip(values, rows)):
                assert same(value, row), f"{where} has {value!r} in row {place}, not {row!r}"
    return {name: values for name, (_, values) in expected.items()}


# ---- Folders.


def nearest_rank(values, percent):
    """The least value that so many per cent do not exceed, in whole numbers."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]


def at(tree, path):
    for key in path.split("."):
        tree = tree[key]
    return tree


def check_response(name, times, said):
    assert len(times) == said["count"], name
    if not times:
        return
    assert near(sum(times) / len(times), said["mean_s"]) or abs(sum(times) / len(times) - said["mean_s"]) < 1e-9, name
    assert near(max(times), said["max_s"]), name
    frame = pl.Series(times)
    for percent in (50, 95, 99):
        expected = said[f"p{percent}_s"]
        share = percent / 100
        ways = {
            "nearest rank": nearest_rank(times, percent),
            "numpy": np.quantile(times, share, method="inverted_cdf"),
            "Polars": frame.quantile(share, interpolation="equiprobable"),
            "DuckDB": duckdb.execute("select quantile_disc(unnest, ?) from unnest(?)", [share, times]).fetchall()[0][0],
        }
        for way, value in ways.items():
            assert near(value, expected), f"{name}: p{percent} is {value} by {way}, not {expected}"


def check_records(path, records, summary):
    outcomes = records["outcome"]
    assert len(outcomes) == summary["invocations"]["total"], path
    for outcome in ("completed", "timed_out", "failed", "cancelled", "rejected"):
        assert outcomes.count(outcome) == summary["invocations"][outcome], f"{path}: {outcome}"
    kinds = records["start_kind"]
    assert (kinds.count("cold"), kinds.count("warm")) == (summary["starts"]["cold"], summary["starts"]["warm"]), path
    for reason, count in summary["cold_starts_by_reason"].items():
        assert records["cold_reason"].count(reason) == count, f"{path}: {reason}"
    completed = [place for place, outcome in enumerate(outcomes) if outcome == "completed"]
    for kind in ("all", "cold", "warm"):
        times = [records["response_s"][place] for place in completed if kind in ("all", kinds[place])]
        check_response(f"{path}: {kind}", times, summary["response_of_completed"][kind])


def check_series(path, series, summary):
    end = summary["simulated_end_s"]
    assert series["from_s"][0] == 0 and near(series["to_s"][-1], end), path
    # Nodes have neither arrivals nor ends.
    for column, expected in (
        ("arrivals", summary["invocations"]["total"]),
        ("ended", summary["invocations"]["total"]),
        ("cold_starts", summary["starts"]["cold"]),
        ("warm_starts", summary["starts"]["warm"]),
        ("containers_started", summary["platform"]["containers_started"]),
    ):
        if column in series:
            assert sum(series[column]) == expected, f"{path}: {column}"
    for value in series.get("used_share", []):
        assert -1e-9 <= value <= 1 + 1e-6, f"{path}: {value}"


def check_events(path, events, summary):
    dispatched = list(zip(events["event"], events["start_kind"]))
    assert dispatched.count(("dispatched", "cold")) == summary["starts"]["cold"], path
    assert events["event"].count("ended") == summary["invocations"]["total"], path
    assert all(value in (True, False, None) for value in events["was_idle"]), path


def check_timeline(path, summary):
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)
    with opened as file:
        events = json.load(file)["traceEvents"]
    count = lambda category: sum(event.get("cat") == category for event in events)
    assert count("start-up") == summary["starts"]["cold"], path
    assert count("invocation") == summary["starts"]["cold"] + summary["starts"]["warm"], path


def check_run(folder):
    """Reads every file of a run; returns its summary and the names of the files."""
    summary = json.loads((folder / "summary.json").read_text())
    [(total,)] = duckdb.execute("select invocations.total from read_json(?)", [str(folder / "summary.json")]).fetchall()
    assert total == pl.read_json(folder / "summary.json")["invocations"][0]["total"] == summary["invocations"]["total"]
    assert pd.read_json(folder / "summary.json", orient="index").loc["seed", 0] == summary["seed"]
    names = sorted(path.name for path in folder.iterdir())
    for path in folder.iterdir():
        if path.suffix in (".csv", ".parquet", ".jsonl"):
            table = check_table(path)
            if path.stem == "invocations":
                check_records(path, table, summary)
            elif path.stem.startswith("timeseries"):
                check_series(path, table, summary)
            elif path.stem == "events":
                check_events(path, table, summary)
        elif path.name in ("trace.json", "trace.json.gz"):
            check_timeline(path, summary)
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".toml":
            tomllib.loads(path.read_text())
        else:
            raise AssertionError(f"nothing reads {path}")
    return summary, names


def check_hashes(path):
    """The hashes are those of the tables beside it, in the form of sha256sum."""
    lines = path.read_text().splitlines()
    hashes = [line.split("  ", 1) for line in lines if line and not line.startswith("#")]
    assert hashes, f"{path} has no hash"
    for expected, name in hashes:
        found = hashlib.sha256((path.parent / name).read_bytes()).hexdigest()
        assert found == expected, f"{name} is not what {path} says"


def check_sweep(folder):
    for path in folder.iterdir():
        if path.name == "tables.sha256":
            check_hashes(path)
            continue
        assert path.is_dir() or path.suffix in (".csv", ".parquet", ".jsonl", ".toml", ".json"), f"nothing reads {path}"
        if path.suffix in (".csv", ".parquet", ".jsonl"):
            check_table(path)
    points = check_table(folder / "points.csv")
    by_metric = {}
    for row, place in enumerate(points["folder"]):
        summary, _ = check_run(folder / place)
        assert points["seed"][row] == summary["seed"]
        compared = 0
        for column, values in points.items():
            with contextlib.suppress(KeyError, TypeError):
                said = at(summary, column)
                if isinstance(said, (int, float)) and column != "seed":
                    assert near(values[row], said), f"{folder}: {column} of row {row}"
                    compared += 1
            if isinstance(values[row], (int, float)):
                by_metric.setdefault((points["point"][row], column), []).append(values[row])
        assert compared > 40, f"{folder}: {compared} numbers of the summary are in points.csv"
    table = check_table(folder / "aggregates.csv")
    assert table["metric"]
    for point, metric, runs, mean in zip(table["point"], table["metric"], table["runs"], table["mean"]):
        values = by_metric[(point, metric)]
        assert runs == len(values), f"{folder}: {metric}"
        assert near(mean, sum(values) / len(values)), f"{folder}: {metric} of point {point} is {mean}"


# ---- The page, and further runs.


def run(command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def check_page():
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    percentiles = 0
    for language, text in blocks:
        if language == "sh":
            run(["bash", "-euc", text])
            continue
        names = {}
        exec(compile(text, PAGE.name, "exec"), names)
        summary = json.loads(pathlib.Path("results/quickstart/summary.json").read_text())
        if "total" in names:
            said = at(summary, "response_of_completed.all")
            assert (names["total"], names["cold"]) == (summary["invocations"]["total"], summary["starts"]["cold"]), text
            # Means are rounded to nanoseconds.
            assert abs(names["mean"] - said["mean_s"]) < 1e-9, text
            assert near(names["p50"], said["p50_s"]) and near(names["p99"], said["p99_s"]), text
            percentiles += 1
        elif "memory" in names:
            said = at(summary, "utilisation")
            seconds = names["series"]["to_s"] - names["series"].index
            # The summary begins with the first submission; nothing is held before.
            held = (names["memory"] * seconds).sum() / (said["to_s"] - said["from_s"])
            assert abs(held / said["memory"]["used"]["mean_bytes"] - 1) < 1e-6, held
        else:
            intervals = names["p99"]
            assert len(intervals) == 2 and (intervals["low"] <= intervals["high"]).all(), text
    assert percentiles == 3, "pandas, Polars and DuckDB have a block each"
    for folder in ("results/quickstart", "results/timeline"):
        check_run(pathlib.Path(folder))
    check_sweep(pathlib.Path("results/sweep"))
    return len(blocks)


def check_formats():
    pathlib.Path("strange.toml").write_text(STRANGE, encoding="utf-8")
    tables = {}
    for records in ("csv", "parquet", "jsonl"):
        folder = pathlib.Path(records)
        settings = ["output.timeseries=true", "output.events=true", "output.trace=trace.json"]
        settings = [text for setting in settings for text in ("--set", setting)]
        run(["isotherm", "run", "strange.toml", "--out", str(folder), "--records", records, "--quiet", *settings])
        summary, names = check_run(folder)
        invocations = summary["invocations"]
        assert all(invocations[outcome] > 0 for outcome in ("completed", "timed_out", "failed", "rejected")), invocations
        table = check_table(folder / f"invocations.{records}")
        assert f"invocations.{records}" in names and "timeseries-links.parquet" in names or records != "parquet"
        tables[records] = table
    for records, table in tables.items():
        assert list(table) == list(tables["csv"]), records
        for name, values in table.items():
            assert all(map(same, values, tables["csv"][name])), f"{name} of invocations.{records}"


def main():
    command = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.symlink(REPOSITORY / "examples", "examples")
        os.environ["PATH"] = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
        blocks = check_page()
        check_formats()
        files = sum(path.is_file() for path in pathlib.Path(folder).rglob("*.*"))
        os.chdir(REPOSITORY)
    print(f"{blocks} blocks of {PAGE.name} and {files} files agree with their summaries")


main()
