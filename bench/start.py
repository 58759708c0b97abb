"""How long TinyCoT takes from being started to being ready, in milliseconds.

    .venv/bin/python bench/start.py --rounds 50

What is measured is what a service manager sees: from just before the process is made until READY=1
is in its socket. By then every listener listens, and a client that connects is served. Twice, in
turns: with nothing on the disk, and with the state of a thousand events to be read. Needs nothing
but what the tests need.
"""

import argparse
import os
import select
import signal
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "acceptance"))

from tinycot import daemon as daemons, events, states  # noqa: E402
from tinycot.client import Crowd  # noqa: E402

EVENTS = 1_000


def prepare(folder, count):
    """A daemon's folder with a state of `count` events in it."""
    one = daemons.Daemon(folder)
    one.start()
    crowd = Crowd()
    client = crowd.join(one.port, events.ALPHA)
    for number in range(count):
        client.send(events.marker(f"marker-{number}", stale_seconds=30_000))
        if number % 100 == 0:
            crowd.answer(client)
    crowd.answer(client)
    crowd.close()
    one.finish()
    return one


def milliseconds_to_ready(one, manager, address):
    command = daemons.command(
        "serve", "--config", one.config_file, "--budget", one.budget_file,
        "--run-dir", one.run_dir, "--state-dir", one.state_dir)
    silence = os.open(os.devnull, os.O_RDWR)
    began = time.monotonic()
    pid = os.posix_spawn(
        command[0], command, {"NOTIFY_SOCKET": address},
        file_actions=[(os.POSIX_SPAWN_DUP2, silence, number) for number in range(3)])
    try:
        while True:
            if not select.select([manager], [], [], 30)[0]:
                raise SystemExit("it did not become ready")
            if b"READY=1" in manager.recv(4_096):
                return (time.monotonic() - began) * 1_000
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        os.close(silence)
        drain(manager)


def drain(manager):
    while select.select([manager], [], [], 0)[0]:
        manager.recv(4_096)


def run(rounds):
    with tempfile.TemporaryDirectory(prefix="tinycot-start-") as folder:
        address = str(Path(folder, "notify"))
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(address)
        cases = {
            "nothing on the disk": prepare(Path(folder, "fresh"), 0),
            f"a state of {EVENTS} events": prepare(Path(folder, "full"), EVENTS),
        }
        measured = {name: [] for name in cases}
        for _ in range(rounds):
            for name, one in cases.items():
                measured[name].append(milliseconds_to_ready(one, manager, address))
        for one in cases.values():
            newest = one.state_dir / states.newest(one.state_dir).name
            print(f"{newest.name}: {newest.stat().st_size} bytes")
        for name, times in measured.items():
            times.sort()
            print(f"{name}: median {statistics.median(times):.1f} ms, "
                  f"95 of 100 below {times[len(times) * 95 // 100]:.1f}, "
                  f"longest {times[-1]:.1f}, {len(times)} starts")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=50)
    run(arguments.parse_args().rounds)
