#!/usr/bin/env python3
"""The Debian package in an ARM64 machine with systemd, from install to purge. See README.md.

    run.py [--debian 12|13] [--keep-going] [--output FOLDER]

Every step says what it did and how long it took; the table at the end says what was measured. Exits
with 1 if a step failed.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

# Before anything reads it: the machine is emulated.
os.environ.setdefault("TINYCOT_SLOW", "6")
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "acceptance"))

import packages  # noqa: E402
import steps  # noqa: E402
import unit  # noqa: E402
from machine import Machine  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description="Test the Debian package in an ARM64 machine.")
    parser.add_argument("--debian", choices=("12", "13"), default="12")
    parser.add_argument("--output", type=Path, help="folder for what systemd-analyze says")
    parser.add_argument("--keep-going", action="store_true",
                        help="go on after a step that failed")
    return parser.parse_args()


def say(text=""):
    print(text, flush=True)


def tried(name, step, run):
    """Runs one step. True if it succeeded."""
    say(f"== {name}")
    began = time.monotonic()
    try:
        step(run)
    except Exception:
        say(traceback.format_exc())
        say(f"== {name} FAILED after {time.monotonic() - began:.0f} s")
        return False
    say(f"== {name}: done in {time.monotonic() - began:.0f} s")
    return True


def look_at_failure(machine):
    """What there is to see of it. The machine itself may be the reason, so nothing here may fail."""
    try:
        say("-- journal\n" + unit.journal(machine))
        say(machine.ask("systemctl status --no-pager -l 'tinycot*'; systemctl --failed")[1])
    except Exception as error:
        say(f"-- no journal: {error}")
    say("-- console\n" + machine.last_words())


def table(run):
    width = max(len(name) for name, _, _ in run.measured)
    say(f"\nDebian {run.debian} on arm64, in qemu\n")
    for name, value, allowed in run.measured:
        say(f"{name:<{width}}  {value}" + (f"  (allowed: {allowed})" if allowed else ""))
    say()


def main():
    options = arguments()
    # Who ends this ends the machine, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    began = time.monotonic()
    failed = []
    with tempfile.TemporaryDirectory(prefix="tinycot-later-") as folder:
        files = {"tinycot.deb": packages.pack(), "later.deb": packages.pack_later(folder)}
        with Machine(options.debian, files) as machine:
            run = steps.Run(options.debian, machine, files, options.output)
            for name, step in steps.ALL:
                if not tried(name, step, run):
                    failed.append(name)
                    look_at_failure(machine)
                    if not options.keep_going:
                        break
    if run.measured:
        table(run)
    if failed:
        say(f"FAILED: {', '.join(failed)}")
        return 1
    say(f"All {len(steps.ALL)} steps passed in {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
