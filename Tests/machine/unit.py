"""tinycot.service as systemd and the kernel of the machine see it."""

UNITS = ("tinycot.service", "tinycot.socket", "tinycot-http.socket")
_GROUP = "/sys/fs/cgroup/system.slice/tinycot.service"


def show(machine, *names, unit="tinycot.service"):
    """Properties of the unit by name."""
    output = machine.run(f"systemctl show {unit} -p {','.join(names)}")
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def main_pid(machine):
    return int(show(machine, "MainPID")["MainPID"])


def is_active(machine):
    return show(machine, "ActiveState")["ActiveState"] == "active"


def restarts(machine):
    return int(show(machine, "NRestarts")["NRestarts"])


def ready_milliseconds(machine):
    """From the start of the process to READY=1."""
    names = ("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    start, ready = (int(show(machine, name)[name]) for name in names)
    return (ready - start) / 1000


def booted_seconds(machine):
    """When it was ready, on the clock that begins with the kernel."""
    name = "ActiveEnterTimestampMonotonic"
    return int(show(machine, name)[name]) / 1e6


def group(machine, name):
    """A file of its control group; a number where it is one."""
    text = machine.run(f"cat {_GROUP}/{name}").strip()
    return int(text) if text.isdigit() else text


def group_table(machine, name):
    """The same for files with a name and a number on each line."""
    return {key: int(value) for key, value in
            (line.split() for line in group(machine, name).splitlines())}


def process_bytes(machine):
    """Resident now and at most, in bytes."""
    text = machine.run(f"cat /proc/{main_pid(machine)}/status")
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))


def descriptors(machine):
    """Open ones, and how many there may be."""
    pid = main_pid(machine)
    opened = int(machine.run(f"ls /proc/{pid}/fd | wc -l"))
    limit = machine.run(f"grep 'Max open files' /proc/{pid}/limits").split()[3]
    return opened, int(limit)


def threads(machine):
    return int(machine.run(f"ls /proc/{main_pid(machine)}/task | wc -l"))


def complaints(machine):
    """Lines of the journal about the unit that are warnings or worse, of this boot."""
    units = " ".join(f"-u {name}" for name in UNITS)
    return [line for line in machine.run(
        f"journalctl -b -q -o cat -p warning {units}").splitlines() if line]


def journal(machine, lines=40):
    units = " ".join(f"-u {name}" for name in UNITS)
    return machine.ask(f"journalctl -b -q --no-pager -o short-monotonic -n {lines} {units}")[1]
