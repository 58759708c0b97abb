#!/usr/bin/env python3
"""Finds the functions that relaying runs through, and writes them into scripts/function-order.txt,
most used first: `make bench-order`.

The linker lays them side by side in that order (scripts/build.sh). They are a hundred kilobytes in
a program of three megabytes; scattered over it they would keep most of it in memory, because the
kernel brings in sixteen pages around each one that is used. Callgrind counts; what only the start
runs through is not counted.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from relay import build  # noqa: E402
from servers import ROOT, TOOLS, TinyCoT  # noqa: E402

ORDER = ROOT / "scripts/function-order.txt"
UNSTRIPPED = ROOT / ".build-amd64/release/tinycot"
LOADS = [["clients=100", "rate=0.2", "seconds=5"],
         ["clients=20", "senders=20", "window=2", "seconds=2"],
         ["clients=10", "senders=10", "churn=20"]]


class Counted(TinyCoT):
    """Under callgrind, which cannot read the debug information but needs the names."""

    def command(self):
        program = self.folder / "tinycot"
        subprocess.run(["objcopy", "--strip-debug", UNSTRIPPED, program], check=True)
        return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.folder / 'counts'}",
                program, *super().command()[1:]]

    def control(self, what):
        subprocess.run(["callgrind_control", what, str(self.process.pid)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(2)


def functions(text):
    """`{name: instructions}` of a profile of callgrind's. The line behind a `calls=` line is the
    cost of what was called; names stand only where they are used first."""
    names, costs, current, is_callee = {}, {}, None, False
    for line in text.splitlines():
        function = re.match(r"c?fn=\((\d+)\)(?: (\S+))?", line)
        if function:
            names.setdefault(function[1], function[2])
            if line.startswith("fn"):
                current = function[1]
        elif line.startswith("calls="):
            is_callee = True
        elif re.match(r"[+\-*\d]\S* \d+$", line):
            if not is_callee and current:
                costs[current] = costs.get(current, 0) + int(line.split()[1])
            is_callee = False
    return {names[number]: cost for number, cost in costs.items()}


def measure(port):
    with Counted(port) as server:
        # The start and the opening of the catalogue are over.
        time.sleep(5)
        server.control("-z")
        for load in LOADS:
            subprocess.run([TOOLS / "load", f"port={port}", f"server={server.process.pid}", *load],
                           check=True, stdout=subprocess.DEVNULL, timeout=120)
        server.control("-d")
        return (server.folder / "counts.1").read_text()


def main():
    build()
    costs = functions(measure(26_000))
    # A name with a quote is a second copy that callgrind makes of a recursive one.
    named = {name for name in costs if not name.startswith("0x") and "'" not in name}
    ordered = sorted(named, key=lambda name: (-costs[name], name))
    ORDER.write_text("\n".join([
        "# Made by `make bench-order`; what it is for says bench/order.py.", *ordered, ""]))
    print(f"{ORDER.relative_to(ROOT)}: {len(ordered)} functions")


if __name__ == "__main__":
    main()
