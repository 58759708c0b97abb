#!/usr/bin/env python3
"""Whether what reads bytes of strangers takes instructions in proportion to their number.

    scripts/bootstrap test && scripts/build.sh amd64-linear
    python3 bench/linear.py [--write] [NAME…]

For every case of bench/linear_cases.py an input is grown and read by the core that ships, driven by
Tests/LinearHelper as the daemon drives it. valgrind's callgrind counts the instructions of that: no
time is measured, so nothing depends on what else the machine does. In every case

    a byte of the largest input costs at most 1.3 times what one of the middle size costs
    and at most as many instructions as the case allows

Prints a table of instructions per byte; --write puts it into docs/security.md. Ends with 1 if a
case falls short.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from linear_cases import CASES

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/security.md"
PROGRAM = ROOT / "dist/amd64-linear/linear"
GROWTH = 1.3
SHARES = os.cpu_count() or 1


def count(cases, program=PROGRAM):
    """For each case its sizes in bytes, the instructions for each, and what the reader said."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        words, inputs = [], []
        for case in cases:
            for size in case.sizes:
                data = case.make(size)
                assert size * 0.8 < len(data) <= size, f"{case.name}: {len(data)} of {size} bytes"
                path = folder / str(len(inputs))
                path.write_bytes(data)
                inputs.append(len(data))
                words += [case.reader, str(case.step), path]
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--dump-before=*tinycotMeasured*",
             f"--callgrind-out-file={folder}/counted", program, *words],
            capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        said = done.stdout.splitlines()
        # A file before each measured stretch, and one behind it, numbered from 1.
        counts = [total(folder / f"counted.{2 * number + 2}") for number in range(len(inputs))]
    rows, at = [], 0
    for case in cases:
        last = at + len(case.sizes)
        rows.append((inputs[at:last], counts[at:last], said[at:last]))
        at = last
    return rows


def count_side_by_side(cases):
    """The same in as many processes as there are processors: they do not change the counts."""
    shares = [cases[first::SHARES] for first in range(SHARES) if cases[first::SHARES]]
    with ThreadPoolExecutor(SHARES) as pool:
        counted = [iter(rows) for rows in pool.map(count, shares)]
    return [next(counted[number % SHARES]) for number in range(len(cases))]


def total(path):
    return int(re.search(r"^(?:totals|summary): (\d+)", path.read_text(), re.M).group(1))


def faults(case, row):
    """What is wrong with a case, in sentences."""
    inputs, counts, said = row
    costs = [number / size for number, size in zip(counts, inputs)]
    middle = costs[len(costs) // 2]
    if wrong := [words for words in said if words != case.outcome]:
        yield f"{case.name}: the reader said \"{wrong[0]}\", not \"{case.outcome}\""
    if costs[-1] > GROWTH * middle:
        yield (f"{case.name}: {costs[-1]:.1f} instructions a byte at {inputs[-1]} bytes, "
               f"{costs[-1] / middle:.2f} times what they were at {inputs[len(inputs) // 2]}")
    if max(costs) > case.most:
        yield f"{case.name}: {max(costs):.1f} instructions a byte; {case.most} are allowed"


def table(cases, rows):
    lines = ["| reader | input | " + " | ".join(
        ("smallest", "… 2", "… 4", "… 8", "… 16 times")) + " | last to middle | allowed |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|"]
    for case, (inputs, counts, _) in zip(cases, rows):
        costs = [number / size for number, size in zip(counts, inputs)]
        cells = [f"{cost:.1f}" for cost in costs] + [""] * (5 - len(costs))
        ratio = costs[-1] / costs[len(costs) // 2]
        smallest = f"{case.sizes[0] // 1024} KiB: "
        lines.append(f"| {case.reader} | {case.name} | {smallest}" + " | ".join(cells)
                     + f" | {ratio:.2f} | {case.most} |")
    return "\n".join(lines) + "\n"


def write(text):
    begin, end = "<!-- linear: begin -->\n", "<!-- linear: end -->"
    page = PAGE.read_text()
    head, rest = page.split(begin)
    PAGE.write_text(head + begin + text + end + rest.split(end)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/security.md")
    parser.add_argument("names", nargs="*", help="only the cases whose reader or name has this")
    options = parser.parse_args()
    cases = [case for case in CASES if not options.names or any(
        name == case.reader or name in case.name for name in options.names)]
    rows = count_side_by_side(cases)
    text = table(cases, rows)
    print(text)
    found = [fault for case, row in zip(cases, rows) for fault in faults(case, row)]
    print("\n".join(found) or f"linear: {len(cases)} cases, all well")
    if options.write and not options.names:
        write(text)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
