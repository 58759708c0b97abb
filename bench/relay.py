#!/usr/bin/env python3
"""TinyCoT under load, next to what else there is: `make bench`, or

    bench/relay.py [--rounds 5] [--only NAME ...] [--write]

In every round each load is put on each server, one after the other, each time on a fresh one: so a
noisy minute of the machine hits all of them alike. What is shown are medians of the rounds. With
`--write` the tables of docs/performance.md are replaced by what was measured, and its plots drawn.

The null relay (nullrelay.c) is the measure: it reads, cuts and writes, and nothing else.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import plots  # noqa: E402
from servers import (  # noqa: E402
    ROOT, TOOLS, KeepingNull, LargeTinyCoT, Mosquitto, Ncat, Null, Taky, TinyCoT)

PAGE = ROOT / "docs/performance.md"
ALL = [Null, TinyCoT, Mosquitto, Ncat, Taky]


def per_second(figures):
    """Deliveries for a second of the server's processor time."""
    return figures["delivered"] / max(figures["cpu_seconds"], 1e-9)


def microseconds(figures):
    return figures["cpu_seconds"] / max(figures["delivered"], 1) * 1e6


def lost_share(figures):
    return 100 * (1 - figures["delivered"] / max(figures["due"], 1))


class Load:
    """A load, the servers it is for, and the columns of its table."""

    def __init__(self, name, title, options, columns, servers=ALL, best="high"):
        self.name = name
        self.title = title
        self.options = options
        self.columns = columns
        self.servers = servers
        # Whether the first column is better when it is larger.
        self.best = best


STEADY = [
    ("CPU a delivery, µs", microseconds, 2), ("p50, ms", lambda f: f["p50_ms"], 2),
    ("p99, ms", lambda f: f["p99_ms"], 2), ("largest, ms", lambda f: f["max_ms"], 1),
    ("lost, %", lost_share, 2), ("peak memory, MiB", lambda f: f["peak_kib"] / 1024, 1)]
FLOOD = [
    ("deliveries a CPU second", per_second, 0),
    ("deliveries a second", lambda f: f["delivered"] / f["seconds"], 0),
    ("p99, ms", lambda f: f["p99_ms"], 1), ("lost, %", lost_share, 2),
    ("peak memory, MiB", lambda f: f["peak_kib"] / 1024, 1)]

LOADS = [
    Load("steady", "100 clients, each sends a position a second",
         ["clients=100", "seconds=20", "rate=1"], STEADY, best="low"),
    Load("flood-1", "1 of 100 clients sends as fast as the others get it",
         ["clients=100", "senders=1", "window=100", "seconds=4"], FLOOD),
    Load("flood-100", "100 of 100 clients send as fast as the others get it",
         ["clients=100", "window=2", "seconds=4"], FLOOD),
    Load("slow", "100 clients at a position a second; 10 of them never read",
         ["clients=100", "senders=90", "slow=10", "seconds=20", "rate=1"], STEADY, best="low"),
    Load("idle", "1,000 clients that say nothing",
         ["clients=1000", "senders=0", "seconds=10"],
         [("wake-ups a second", lambda f: f["wakeups"] / f["seconds"], 2),
          ("CPU, ms a second", lambda f: f["cpu_seconds"] / f["seconds"] * 1e3, 3),
          ("memory, MiB", lambda f: f["resident_kib"] / 1024, 1)],
         [Null, LargeTinyCoT, Mosquitto, Ncat], best="low"),
    Load("crowd", "1,000 clients; the positions of all go to all",
         ["clients=1000", "seconds=10", "rate=0.1"],
         [("CPU a delivery, µs", microseconds, 2), ("p99, ms", lambda f: f["p99_ms"], 1),
          ("lost, %", lost_share, 2), ("peak memory, MiB", lambda f: f["peak_kib"] / 1024, 1)],
         [Null, LargeTinyCoT, Mosquitto], best="low"),
    Load("late", "a newcomer, until it has the picture of 100",
         ["clients=100", "late=20"],
         [("picture after, ms", lambda f: f["median_ms"], 2),
          ("CPU a newcomer, ms", lambda f: f["cpu_seconds"] / 20 * 1e3, 3)],
         [KeepingNull, TinyCoT], best="low"),
    Load("churn", "connect, send a position to 10, leave",
         ["clients=10", "senders=10", "churn=1000"],
         [("CPU a cycle, µs", lambda f: f["cpu_seconds"] / f["due"] * 1e6, 1)],
         [Null, TinyCoT, Ncat, Taky], best="low"),
]


def build():
    TOOLS.mkdir(parents=True, exist_ok=True)
    for name in ("load", "nullrelay"):
        subprocess.run(["cc", "-O2", "-Wall", "-o", TOOLS / name, ROOT / f"bench/{name}.c"],
                       check=True)


def measure(load, kind, port):
    with kind(port) as server:
        done = subprocess.run(
            [TOOLS / "load", f"port={port}", f"server={server.process.pid}",
             f"protocol={server.protocol}", *load.options],
            capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        print(f"   {kind.name}: {done.stderr.strip()}", flush=True)
        return None
    return json.loads(done.stdout)


def run(loads, rounds):
    """`{load: {server: [figures, ...]}}`"""
    results = {load.name: {kind.name: [] for kind in load.servers} for load in loads}
    port = 21_000
    for number in range(rounds):
        for load in loads:
            print(f"round {number + 1} of {rounds}: {load.name}", flush=True)
            for kind in load.servers:
                port += 1
                figures = measure(load, kind, port)
                if figures:
                    results[load.name][kind.name].append(figures)
    return results


def median(all_figures, column):
    return statistics.median(column(figures) for figures in all_figures)


def ratio(load, results, name):
    """Of the first column to that of the null relay; None where that is nothing."""
    column = load.columns[0][1]
    mine, null = (results[load.name].get(n) for n in (name, Null.name))
    if not mine or not null or median(null, column) == 0:
        return None
    return median(mine, column) / median(null, column)


def table(load, results):
    head = ["server", *(title for title, _, _ in load.columns), "ratio to the null relay"]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    for kind in load.servers:
        runs = results[load.name][kind.name]
        if not runs:
            lines.append(f"| {kind.name} |" + " did not stand it |" + " |" * (len(head) - 2))
            continue
        cells = [f"{median(runs, column):,.{digits}f}" for _, column, digits in load.columns]
        relative = ratio(load, results, kind.name)
        cells.append("–" if relative is None else f"{relative:.3g}")
        lines.append(f"| {kind.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page_text(loads, results, rounds):
    machine = f"{os.cpu_count()} cores of {processor()}, Linux {platform.release().split('-')[0]}"
    parts = [f"Medians of {rounds} rounds; {machine}."]
    for load in loads:
        parts.append(f"### {load.name}: {load.title}\n\n`load {' '.join(load.options)}`\n")
        parts.append(table(load, results) + "\n")
    return "\n".join(parts)


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def write(loads, results, rounds):
    text = PAGE.read_text()
    begin, end = "<!-- relay: begin -->\n", "<!-- relay: end -->"
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    PAGE.write_text(before + begin + page_text(loads, results, rounds) + end + after)
    for load in loads:
        ratios = {kind.name: ratio(load, results, kind.name) for kind in load.servers}
        if not any(ratios.values()):
            continue
        plots.bars(ROOT / f"docs/images/bench-{load.name}.svg", load.title, load.columns[0][0],
                   {name: value for name, value in ratios.items() if value}, load.best)


def main():
    parser = argparse.ArgumentParser(description="Put loads on relays, side by side.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[load.name for load in LOADS])
    parser.add_argument("--write", action="store_true", help="into docs/performance.md")
    chosen = parser.parse_args()
    build()
    loads = [load for load in LOADS if load.name in chosen.only]
    results = run(loads, chosen.rounds)
    (TOOLS / "relay.json").write_text(json.dumps(results))
    print(page_text(loads, results, chosen.rounds))
    if chosen.write:
        write(loads, results, chosen.rounds)


if __name__ == "__main__":
    main()
