#!/usr/bin/env python3
"""Writes two days of the shape of the Azure Functions trace of 2019: `python3 make.py`. The numbers are made up."""

import gzip
import hashlib
import math
import random

rng = random.Random(2019)
HEADS = {
    "invocations_per_function_md": ["HashOwner", "HashApp", "HashFunction", "Trigger"] + [str(m) for m in range(1, 1441)],
    "function_durations_percentiles": ["HashOwner", "HashApp", "HashFunction", "Average", "Count", "Minimum", "Maximum"]
    + [f"percentile_Average_{p}" for p in (0, 1, 25, 50, 75, 99, 100)],
    "app_memory_percentiles": ["HashOwner", "HashApp", "SampleCount", "AverageAllocatedMb"]
    + [f"AverageAllocatedMb_pct{p}" for p in (1, 5, 25, 50, 75, 95, 99, 100)],
}


def hashed(name):
    return hashlib.sha256(name.encode()).hexdigest()


def poisson(mean):
    count, product = 0, rng.random()
    while product > math.exp(-mean):
        count, product = count + 1, product * rng.random()
    return count


def minutes(trigger):
    if trigger == "timer":
        every, phase = rng.choice([1, 5, 15, 60]), rng.randrange(60)
        return [int((m + phase) % every == 0) for m in range(1440)]
    if trigger == "queue":  # bursts
        counts = [0] * 1440
        for _ in range(rng.randrange(3, 9)):
            begin, length = rng.randrange(1440), rng.randrange(2, 20)
            for m in range(begin, min(begin + length, 1440)):
                counts[m] += poisson(8)
        return counts
    rate = rng.choice([0.01, 0.1, 0.5])
    return [poisson(rate * (1 + math.sin(2 * math.pi * (m - 480) / 1440))) for m in range(1440)]


apps = []
for app in range(12):
    triggers = [rng.choice(["http", "timer", "queue"]) for _ in range(rng.choice([1, 1, 2, 3, 5]))]
    medians = [math.exp(rng.gauss(6, 1.5)) for _ in triggers]
    apps.append((f"owner {app // 2}", f"app {app}", triggers, medians, rng.lognormvariate(5, 0.4)))

for day in (1, 2):
    rows = {family: [] for family in HEADS}
    for owner, app, triggers, medians, memory in apps:
        ids = [hashed(owner), hashed(app)]
        for number, (trigger, median) in enumerate(zip(triggers, medians)):
            name = ids + [hashed(f"{app} function {number}")]
            counts = minutes(trigger)
            if sum(counts):
                rows["invocations_per_function_md"].append(name + [trigger] + counts)
            if app == "app 3" and number == 0:
                continue  # a function of which no durations are known
            shape = [round(median * f, 2) for f in (0.3, 0.4, 0.8, 1, 1.4, 4, 6)]
            rows["function_durations_percentiles"].append(
                name + [round(median * 1.2, 2), sum(counts), shape[0], shape[-1]] + shape
            )
        if app != "app 5":  # an app of which no memory is known
            spread = [round(memory * f) for f in (0.8, 0.85, 0.95, 1, 1.05, 1.1, 1.15, 1.2)]
            rows["app_memory_percentiles"].append(ids + [rng.randrange(100, 1440), round(memory)] + spread)
    for family, head in HEADS.items():
        text = "".join(",".join(map(str, row)) + "\n" for row in [head] + rows[family])
        with open(f"{family}.anon.d{day:02}.csv.gz", "wb") as file:
            file.write(gzip.compress(text.encode(), 9, mtime=0))
