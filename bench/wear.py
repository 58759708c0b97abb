"""What TinyCoT writes to a card in an hour: by the process, and by the file system below it.

    sudo .venv/bin/python bench/wear.py --minutes 20

Makes an ext4 file system in an image of its own, mounts it (which takes root), keeps the state there
and lets 100 clients send a position a second, with the default settings. Prints what the kernel
counted: `write_bytes` of /proc/PID/io, and the sectors written to the loop device, which hold
the journal and the tables of the file system, too. Needs nothing but what the tests need.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "acceptance"))

from tinycot import events, states  # noqa: E402
from tinycot.client import Crowd, gather  # noqa: E402
from tinycot.daemon import Daemon  # noqa: E402


def process_bytes(pid):
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def device_bytes(device):
    return int(Path(f"/sys/block/{Path(device).name}/stat").read_text().split()[6]) * 512


def run(minutes, clients, state_seconds):
    with tempfile.TemporaryDirectory(prefix="tinycot-wear-") as folder:
        image, mount = Path(folder, "card.img"), Path(folder, "card")
        mount.mkdir()
        with open(image, "wb") as file:
            file.truncate(256 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        device = subprocess.run(
            ["losetup", "--find", "--show", image], check=True, capture_output=True,
            text=True).stdout.strip()
        subprocess.run(["mount", "-o", "noatime", device, mount], check=True)
        config = {"state_seconds": state_seconds} if state_seconds else {}
        daemon = Daemon(Path(folder, "daemon"), config, {"disk_reserve_bytes": 0})
        daemon.state_dir = mount / "state"
        daemon.state_dir.mkdir()
        crowd = Crowd()
        try:
            daemon.start()
            people = [events.somebody(number) for number in range(clients)]
            crew = gather(crowd, daemon.port, people)
            for client in crew:
                client.on_event = lambda event: None
            subprocess.run(["sync", "-f", mount], check=True)
            own, card, began = process_bytes(daemon.pid), device_bytes(device), time.monotonic()
            turn = 0
            while time.monotonic() - began < minutes * 60:
                for client in crew:
                    client.send(client.person.position(lat=50 + turn / 1e5))
                turn += 1
                crowd.run_for(max(0.0, began + turn - time.monotonic()))
            subprocess.run(["sync", "-f", mount], check=True)
            hours = (time.monotonic() - began) / 3_600
            own = process_bytes(daemon.pid) - own
            card = device_bytes(device) - card
            newest = states.newest(daemon.state_dir)
            print(f"{clients} clients, {hours * 60:.1f} minutes, {newest.number} states of "
                  f"{(daemon.state_dir / newest.name).stat().st_size} bytes")
            print(f"by the process:       {own} bytes, {own / hours / 1_048_576:.2f} MiB an hour")
            print(f"by the whole device:  {card} bytes, {card / hours / 1_048_576:.2f} MiB an hour")
        finally:
            crowd.close()
            daemon.kill()
            subprocess.run(["umount", mount], check=True)
            subprocess.run(["losetup", "--detach", device], check=True)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=20)
    arguments.add_argument("--clients", type=int, default=100)
    arguments.add_argument("--state-seconds", type=int, default=0, help="default: as built in")
    chosen = arguments.parse_args()
    run(chosen.minutes, chosen.clients, chosen.state_seconds)
