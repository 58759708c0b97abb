#!/usr/bin/env python3
"""Thousands of crashes: `make crash`, or

    .venv/bin/python Tests/crash/many.py [--seconds 600] [--seed N] [--rounds 150] [--each-sync]

The recording is longer than that of the test: the journal fills and is written back while the
daemon runs. Policies of chance are drawn at every moment until the time is over. Prints the seed;
the same seed tries the same again. `--each-sync` then leaves out every sync in its turn, and
says which of them nobody missed. Ends with 1 at the first promise that was broken.
"""

import argparse
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "acceptance"))

from disk import PLAIN, drawn  # noqa: E402
from judge import Judge, allowed_at, cases  # noqa: E402
from scenario import record, record_start  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--each-sync", action="store_true")
    return parser.parse_args()


def first_of(violations, ops):
    for violation in violations:
        print(violation.told(ops))
        return True
    return False


def try_chances(judge, recording, seed, end):
    """Round after round over all moments."""
    ops, allowed = recording.ops, allowed_at(recording.ops, recording.steps)
    moments = range(len(ops) + 1)
    if first_of(judge.violations(cases(ops, allowed, moments, lambda _: PLAIN)), ops):
        return False
    number = 0
    while time.monotonic() < end:
        number += 1
        crashes = cases(ops, allowed, moments, lambda m: [drawn(f"{seed}/{m}/{number}")])
        if first_of(judge.violations(until(end, crashes)), ops):
            return False
    return True


def until(end, items):
    for item in items:
        yield item
        if time.monotonic() > end:
            return


def try_second_crashes(judge, recording, seed, folder, end):
    """A crash at a moment of chance, and then at every moment of the start after it."""
    ops, allowed = recording.ops, allowed_at(recording.ops, recording.steps)
    dice = random.Random(f"second {seed}")
    number = 0
    while time.monotonic() < end:
        number += 1
        moment = dice.randrange(len(ops) + 1)
        first = next(cases(ops, allowed, [moment], lambda _: [drawn(f"{seed}/first/{number}")]))
        repair, adopted = record_start(folder / f"start-{number}", first.image)
        crashes = cases(
            repair, [first.allowed] * (len(repair) + 1), range(adopted, len(repair) + 1),
            lambda m: [*PLAIN, *(drawn(f"{seed}/{number}/{m}/{n}") for n in range(2))])
        if first_of(judge.violations(crashes), repair):
            print(f"after a first crash at {moment}, {first.policy}")
            return False
    return True


def leave_out_each_sync(judge, recording, seed):
    """Prints every sync without which nothing was lost."""
    for index, op in enumerate(recording.ops):
        if op.kind != "sync":
            continue
        ops = recording.ops[:index] + recording.ops[index + 1:]
        crashes = cases(
            ops, allowed_at(ops, recording.steps), range(index, min(index + 60, len(ops) + 1)),
            lambda m: [*PLAIN, *(drawn(f"{seed}/{m}/{n}") for n in range(4))])
        if next(judge.violations(crashes), None) is None:
            near = " | ".join(str(one) for one in recording.ops[max(0, index - 2):index + 2])
            print(f"nobody missed operation {index}, {op}: {near}")


def main():
    options = arguments()
    print(f"seed {options.seed}", flush=True)
    begun = time.monotonic()
    with TemporaryDirectory() as folder, Judge() as judge:
        recording = record(Path(folder), options.rounds)
        print(f"{len(recording.steps)} requests, {len(recording.ops)} operations", flush=True)
        kept = try_chances(
            judge, recording, options.seed, begun + options.seconds * 0.8
        ) and try_second_crashes(
            judge, recording, options.seed, Path(folder), begun + options.seconds)
        print(f"{judge.crashes} crashes, {judge.starts} different disks, "
              f"{time.monotonic() - begun:.0f} s: "
              + ("every promise was kept" if kept else f"BROKEN with seed {options.seed}"))
        if kept and options.each_sync:
            leave_out_each_sync(judge, record(Path(folder) / "short"), options.seed)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
