"""What is done to the machine, in this order; each step goes on from where the last one ended."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import crowd
import files
import picture
import ready
import unit
from packages import LATER, version
from traffic import Traffic

# From the moment at which the daemon stands still: 20 s of them pass until it is ended. The others are
# wide, because the machine is emulated by a host that others may use.
STOP_SECONDS = 25
DEATH_SECONDS = 15
HOG_SECONDS = 5
UPGRADE_SECONDS = 20
DEATHS = 10
# By systemd's own measure.
EXPOSURE = 1.2


class Run:
    """What the steps share: the machine, what was measured, and what one leaves for another."""

    def __init__(self, debian, machine, packed, output):
        self.debian = debian
        self.machine = machine
        self.packed = packed
        self.output = output
        self.measured = []
        self.files_before = None
        self.pictured = None

    def note(self, name, value, allowed=""):
        """A line of the table."""
        print(f"   {name}: {value}", flush=True)
        self.measured.append((name, value, allowed))

    def keep(self, name, text):
        """What a person may want to read in full."""
        if self.output:
            self.output.mkdir(parents=True, exist_ok=True)
            (self.output / f"{name}-{self.debian}.txt").write_text(text)


def boot(run):
    run.note("boot, until systemd ran all of it", f"{run.machine.boot():.1f} s")
    said = run.machine.run("cat /etc/debian_version; uname -rm; systemctl --version | head -n 1")
    run.note("Debian, kernel, systemd", ", ".join(said.splitlines()))
    failed = run.machine.run("systemctl --failed --no-legend --plain")
    assert not failed, f"the machine has a fault before anything was installed: {failed}"
    reached = run.machine.ask("timeout 5 bash -c '</dev/tcp/10.0.2.2/22'")[0]
    assert reached != 0, "the machine is not cut off"
    run.files_before = files.look(run.machine)


def apt(run, *words, seconds=180):
    """apt without a network, a question and a terminal. How long it took."""
    began = time.monotonic()
    run.machine.run(
        f"DEBIAN_FRONTEND=noninteractive apt-get -q -y {' '.join(words)}", seconds)
    return time.monotonic() - began


def install(run):
    for name, path in run.packed.items():
        run.note(f"size of {name}", f"{path.stat().st_size:,} bytes")
    run.note("apt install", f"{apt(run, 'install', '/opt/in/tinycot.deb'):.1f} s")
    assert unit.is_active(run.machine), "it does not run when apt returns"
    for name in unit.UNITS:
        assert run.machine.run(f"systemctl is-enabled {name}").strip() == "enabled", name
    run.note("start to READY, first start", f"{unit.ready_milliseconds(run.machine):.0f} ms")
    run.note("installed files", run.machine.run(
        "dpkg-query -W -f='${Installed-Size} KiB' tinycot"))


def serve(run):
    with Traffic(run.machine.cot_port) as traffic:
        traffic.run_for(3)
        run.note("longest time between two of ten events a second",
                 f"{traffic.longest_gap(0):.2f} s")
    picture.exchange_package(run.machine)
    status = run.machine.run("tinycot status")
    assert "clients" in status, status


def ask_the_doctor(run):
    """It reaches the service from outside its sandbox, and every address of the board."""
    code, said = run.machine.ask("tinycot doctor --bundle /tmp/doctor.tar", 120)
    run.keep("doctor", said)
    assert code == 0, said
    results = [line.split(None, 1)[0] for line in said.splitlines()[:-2]]
    run.note("tinycot doctor", ", ".join(
        f"{results.count(result)} {result}" for result in sorted(set(results))))
    for line in ("relay        0.0.0.0:8087", "relay        [::]:8087",
                 "packages     10.0.2.15:8080", "packages     [::1]:8080"):
        assert re.search(rf"^ok +{re.escape(line)}", said, re.M), said
    assert re.search(r"^ok +descriptors", said, re.M), said
    names = run.machine.run("tar tf /tmp/doctor.tar && rm /tmp/doctor.tar")
    assert "tinycot-doctor/status.json" in names, names


def judge_units(run):
    """systemd's own opinion of the units."""
    paths = " ".join(f"/usr/lib/systemd/system/{name}" for name in unit.UNITS)
    verify = run.machine.run(f"systemd-analyze verify --man=no {paths}", 120)
    run.keep("verify", verify)
    # It looks at whatever the units need; what it says of others is none of ours.
    assert not [line for line in verify.splitlines() if "tinycot" in line], verify
    run.note("systemd-analyze verify", "nothing" if not verify else verify.strip())
    security = run.machine.run("systemd-analyze security --no-pager tinycot.service", 120)
    run.keep("security", security)
    exposure = float(re.search(r"exposure level for tinycot.service: ([\d.]+)", security)[1])
    run.note("systemd-analyze security", exposure, EXPOSURE)
    assert exposure <= EXPOSURE, security


def start_again(run):
    """A few starts, because the first one pays for reading the program from the disk."""
    times = []
    for _ in range(5):
        run.machine.run("systemctl restart tinycot.service", 120)
        times.append(unit.ready_milliseconds(run.machine))
    run.note("start to READY, five restarts", ready.described(times))
    run.note("start to READY, on this host's amd64", ready.described(ready.on_this_host()))


# A connection every 50 ms.
_CONNECT = ("bash -c 'for i in {1..60}; do (exec 3<>/dev/tcp/127.0.0.1/8087) 2>/dev/null "
            "&& echo in || echo refused; sleep 0.05; done'")


def connect_meanwhile(run):
    """systemd holds the listening sockets, so a phone that comes during a restart waits."""
    said = run.machine.run("systemctl restart --no-block tinycot.service; " + _CONNECT, 120)
    assert said.split() == ["in"] * 60, said
    run.note("connections during a restart, refused", f"{said.count('refused')} of 60", "0")


def late_interface(run):
    """An address that comes when the daemon has been there for long, and one that goes again."""
    run.machine.run("ip link add late type dummy && ip addr add 10.77.0.1/24 dev late "
                    "&& ip link set late up")
    try:
        run.machine.run("bash -c 'exec 3<>/dev/tcp/10.77.0.1/8087'")
        said = run.machine.run("bash -c 'exec 3<>/dev/tcp/10.77.0.1/8080; "
                               "printf \"GET /healthz HTTP/1.0\\r\\n\\r\\n\" >&3; cat <&3'")
        assert "200 OK" in said and said.endswith("ok\n"), said
    finally:
        run.machine.run("ip link delete late")
    run.note("an interface that appears later", "is served")


def reload(run):
    """The operator adds a team; nobody is dropped, and systemd hears of the end of it."""
    machine = run.machine
    machine.run("cp /etc/tinycot/tinycot.json /tmp/before.json && echo "
                "'{\"teams\": [{\"name\": \"blue\", \"default\": true}]}' "
                ">/etc/tinycot/tinycot.json")
    pid = unit.main_pid(machine)
    with Traffic(machine.cot_port) as traffic:
        made = traffic.sender.made
        machine.run("systemctl reload tinycot.service")
        assert unit.is_active(machine)
        traffic.run_for(1)
        assert traffic.sender.made == made, "the reload dropped a client"
    said = machine.run("journalctl -b -u tinycot -n 20 --no-pager -o cat")
    assert re.search(r"configuration reloaded: 2 listeners", said), said
    machine.run("mv /tmp/before.json /etc/tinycot/tinycot.json && "
                "systemctl reload tinycot.service")
    assert unit.main_pid(machine) == pid


def load(run):
    """A hundred clients and a package of 20 MB, and what the service has taken of what it may
    take, by the kernel's own count."""
    machine = run.machine
    with crowd.hundred_clients(machine):
        opened, allowed = unit.descriptors(machine)
    run.note(f"descriptors with {crowd.CLIENTS} clients", opened, allowed)
    peak = unit.group(machine, "memory.peak")
    limit = unit.group(machine, "memory.max")
    run.note("peak memory of the control group", f"{peak:,} bytes", f"{limit:,}")
    assert peak < limit
    resident, highest = unit.process_bytes(machine)
    plan = json.loads(machine.run("cat /etc/tinycot/budget.json"))["memory_bytes"]
    run.note("resident now", f"{resident:,} bytes")
    run.note("resident at most", f"{highest:,} bytes", f"{plan:,}")
    assert highest <= plan
    run.note("threads", unit.threads(machine), unit.show(machine, "TasksMax")["TasksMax"])
    run.note("warnings in the journal", len(unit.complaints(machine)))
    for line in unit.complaints(machine):
        print("   " + line)


def reboot(run):
    run.pictured = picture.paint(run.machine)
    run.note("reboot, until systemd ran all of it", f"{run.machine.reboot():.1f} s")
    ready_after_boot(run, "reboot")
    picture.compare(run.machine, run.pictured)


def ready_after_boot(run, what):
    run.note(f"{what}: kernel to READY", f"{unit.booted_seconds(run.machine):.1f} s")
    run.note(f"{what}: start to READY", f"{unit.ready_milliseconds(run.machine):.0f} ms")


def pull_the_plug(run):
    """What was acknowledged is there afterwards."""
    package = picture.publish(run.machine)
    run.machine.pull_the_plug()
    ready_after_boot(run, "pulled plug")
    picture.check_package(run.machine, package)


def stop(run):
    """A daemon that stands still is found out by systemd, which hears of no canary any more."""
    pid, restarts = unit.main_pid(run.machine), unit.restarts(run.machine)
    with Traffic(run.machine.cot_port) as traffic:
        begun = traffic.begin()
        run.machine.run(f"kill -STOP {pid}")
        since, gap = traffic.outage(begun, 60, "SIGSTOP")
    run.note("SIGSTOP to events again", f"{since:.1f} s", f"{STOP_SECONDS} s")
    run.note("… longest time without an event", f"{gap:.1f} s")
    assert since <= STOP_SECONDS
    assert unit.main_pid(run.machine) != pid
    assert unit.restarts(run.machine) == restarts + 1


def die(run):
    """It is never left dead, however often it dies."""
    before, gaps = unit.restarts(run.machine), []
    with Traffic(run.machine.cot_port) as traffic:
        for _ in range(DEATHS):
            pid = unit.main_pid(run.machine)
            begun = traffic.begin()
            run.machine.run(f"kill -KILL {pid}")
            gaps.append(traffic.outage(begun, 60, "SIGKILL")[1])
    run.note(f"kill -9, {DEATHS} times: without events each time",
             f"{min(gaps):.1f} to {max(gaps):.1f} s", f"{DEATH_SECONDS} s")
    assert max(gaps) <= DEATH_SECONDS
    assert unit.restarts(run.machine) == before + DEATHS
    assert unit.is_active(run.machine)


# Takes memory, a MiB at a time, until it is ended; at most 400 MiB.
_HOG = ("bash -c 'echo $BASHPID >/sys/fs/cgroup/system.slice/tinycot.service/cgroup.procs && "
        "exec perl -e '\\''for (1..400) { push @hog, \"x\" x 1048576 } sleep 5'\\'")


def hog(run):
    """Something in the control group of the service takes all of its memory. It is ended by the
    kernel; the daemon, which is not the reason, goes on."""
    machine = run.machine
    pid, restarts = unit.main_pid(machine), unit.restarts(machine)
    kills = unit.group_table(machine, "memory.events")["oom_kill"]
    with Traffic(machine.cot_port) as traffic, ThreadPoolExecutor(1) as beside:
        began = time.monotonic()
        hogged = beside.submit(machine.ask, _HOG, 120)
        traffic.run_until(hogged.done, 150, "the end of the hog")
        traffic.run_for(10)
        gap = traffic.longest_gap(began)
    code, said = hogged.result()
    assert code == 137, f"the hog was not ended by the kernel: {code} {said}"
    run.note("memory hog: longest time without an event", f"{gap:.2f} s", f"{HOG_SECONDS} s")
    peak = unit.group(machine, "memory.peak")
    run.note("memory hog: peak of the control group", f"{peak:,} bytes")
    assert (unit.main_pid(machine), unit.restarts(machine)) == (pid, restarts), "another daemon"
    assert unit.group_table(machine, "memory.events")["oom_kill"] == kills + 1
    assert gap <= HOG_SECONDS


def upgrade(run):
    """To a second version, with clients that send and receive all the time."""
    with Traffic(run.machine.cot_port) as traffic, ThreadPoolExecutor(1) as beside:
        begun = traffic.begin()
        done = beside.submit(apt, run, "install", "/opt/in/later.deb")
        traffic.run_until(done.done, 200, "the end of the upgrade")
        gap = traffic.outage(begun, 60, "the upgrade")[1]
        traffic.run_for(2)
    run.note("apt install of the second version", f"{done.result():.1f} s")
    run.note("… time without service", f"{gap:.1f} s", f"{UPGRADE_SECONDS} s")
    assert gap <= UPGRADE_SECONDS
    found = run.machine.run("dpkg-query -W -f='${Version}' tinycot")
    assert found == LATER != version()
    assert unit.is_active(run.machine)


def remove(run):
    run.note("apt remove", f"{apt(run, 'remove', 'tinycot'):.1f} s")
    assert run.machine.run("ss -Hltn '( sport = 8087 or sport = 8080 )'") == ""
    assert run.machine.ask("pgrep tinycot")[1] == ""
    kept = run.machine.run("ls /etc/tinycot /var/lib/tinycot; getent passwd tinycot")
    for name in ("budget.json", "tinycot.json", "packages", "catalogue.db"):
        assert name in kept, kept


def purge(run):
    there = files.differences(run.files_before, files.look(run.machine))
    assert len(there) > 5, "what a remove leaves is not seen, so neither would be what a purge leaves"
    run.note("apt purge", f"{apt(run, 'purge', 'tinycot'):.1f} s")
    changed = files.differences(run.files_before, files.look(run.machine))
    run.note("files that differ after the purge", len(changed), "0")
    assert not changed, "\n".join(f"{path}: {sides}" for path, sides in changed.items())
    # In memory: no file system that a purge is about, but nothing should stay there either.
    assert run.machine.run("find /run /tmp /var/tmp -name '*tinycot*'") == ""
    assert run.machine.run("systemctl list-units --all --no-legend 'tinycot*'") == ""
    assert run.machine.ask("getent passwd tinycot; getent group tinycot")[1] == ""


ALL = [
    ("boot", boot), ("install", install), ("serve", serve), ("ask the doctor", ask_the_doctor),
    ("judge the units", judge_units), ("start again", start_again),
    ("connect meanwhile", connect_meanwhile), ("late interface", late_interface),
    ("reload", reload), ("load", load), ("reboot", reboot), ("stop", stop), ("die", die),
    ("memory hog", hog), ("pull the plug", pull_the_plug), ("upgrade", upgrade),
    ("remove", remove), ("purge", purge)]
