#!/usr/bin/env python3
"""Replays a workload of bench/generate.py by nothing but the rules of the cross-check in BENCHMARKS.md, apart from any simulator.

    python3 bench/crosscheck.py PREFIX NODES MEMORY_MB

PREFIX is that of the generator's files, NODES how many nodes there are, MEMORY_MB how much memory each of them has.

An idle container of the function serves at once. If there is none, one is started on the first node that has room (first fit), and the body
begins after the cold start of the function. A container that has been idle for 600 s stops; none is stopped to make room. What happens at one
date happens in this order: bodies end, containers stop, an invocation comes. The one thing left open is which of several idle containers
serves, and here are two rules for it:

oldest           the one that was created first (`reuse = "oldest"`)
swapped          on the first node that has an idle container of the function, the one in the first place of an unordered list: whoever becomes
                 idle goes to its end, and when one leaves, the last one takes its place

Idle memory is the memory limit of each container times how long it was idle. The periods that the last body's end cuts off are counted until
then, and in full (600 s).
"""

import heapq
import sys
from collections import defaultdict, deque

KEEP_ALIVE_S = 600.0


class Oldest:
    """Idle containers of a function; they are numbered as they are created."""

    def __init__(self):
        self.idle = set()

    def put(self, node, container):
        self.idle.add(container)

    def remove(self, node, container):
        self.idle.remove(container)

    def take(self):
        if not self.idle:
            return None
        container = min(self.idle)
        self.idle.remove(container)
        return container


class Swapped:
    """Idle containers of a function: a list for each node that has any."""

    def __init__(self):
        self.lists = defaultdict(list)

    def put(self, node, container):
        self.lists[node].append(container)

    def remove(self, node, container):
        idle = self.lists[node]
        place = idle.index(container)
        last = idle.pop()
        if place < len(idle):
            idle[place] = last
        if not idle:
            del self.lists[node]

    def take(self):
        if not self.lists:
            return None
        node = min(self.lists)
        container = self.lists[node][0]
        self.remove(node, container)
        return container


def replay(prefix, nodes, memory, rule):
    """Cold starts, and idle memory in MB·s cut off and in full."""
    limit, cold_start = {}, {}
    with open(prefix + "_functions.csv", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            name, limit_mb, seconds = line.split(",")
            limit[name], cold_start[name] = int(limit_mb), float(seconds)
    idle = {name: rule() for name in limit}
    free = [memory] * nodes
    function_of, node_of, idle_since = [], [], []  # of each container; `idle_since` is None while it is busy
    ends = []  # a heap of (when its body ends, container)
    stops = deque()  # (when it became idle, container), which is the order in which they stop
    cold, idle_mb_s, now = 0, 0.0, 0.0

    def advance(until):
        """Ends bodies and stops containers up to a date."""
        nonlocal idle_mb_s, now
        while True:
            end = ends[0][0] if ends else float("inf")
            stop = stops[0][0] + KEEP_ALIVE_S if stops else float("inf")
            if min(end, stop) > until:
                return
            if end <= stop:
                now, container = heapq.heappop(ends)
                idle_since[container] = now
                stops.append((now, container))
                idle[function_of[container]].put(node_of[container], container)
            else:
                since, container = stops.popleft()
                if idle_since[container] == since:  # else it has served meanwhile
                    function, node = function_of[container], node_of[container]
                    idle[function].remove(node, container)
                    idle_since[container] = None
                    free[node] += limit[function]
                    idle_mb_s += KEEP_ALIVE_S * limit[function]

    with open(prefix + "_requests.csv", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            text, function, duration = line.split(",")
            arrival, duration = float(text), float(duration)
            advance(arrival)
            container = idle[function].take()
            if container is None:
                node = next((n for n in range(nodes) if free[n] >= limit[function]), None)
                if node is None:
                    sys.exit(f"no node has room at {arrival} s: take more nodes, or more memory")
                free[node] -= limit[function]
                cold += 1
                container = len(function_of)
                function_of.append(function)
                node_of.append(node)
                idle_since.append(None)
                duration += cold_start[function]
            else:
                idle_mb_s += (arrival - idle_since[container]) * limit[function]
                idle_since[container] = None
            heapq.heappush(ends, (arrival + duration, container))
    while ends:
        advance(ends[0][0])
    kept = [(since, limit[function]) for since, function in zip(idle_since, function_of) if since is not None]
    cut_off = idle_mb_s + sum((now - since) * mb for since, mb in kept)
    return cold, cut_off, idle_mb_s + sum(KEEP_ALIVE_S * mb for _, mb in kept)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    prefix, nodes, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(f"{'rule':<10}{'cold starts':>12}{'idle MB·s':>18}{'in full':>18}")
    for name, rule in (("oldest", Oldest), ("swapped", Swapped)):
        cold, cut_off, in_full = replay(prefix, nodes, memory, rule)
        print(f"{name:<10}{cold:>12,}{cut_off:>18,.0f}{in_full:>18,.0f}")


if __name__ == "__main__":
    main()
