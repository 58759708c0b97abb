"""kill -9 at every system call of `tinycot backup` and `tinycot restore`, then whoever comes next.

- A backup that was cut off is whole, or has no manifest and is refused. The next backup into the
  same folder is whole. The store never changes.
- After a restore that was cut off the next start sees what was there before or what was restored,
  wholly, and nothing of the work is left. What was there before is in its place or moved aside.
- The same when the one that finishes the work is killed, too.
"""

import os
import shutil
from collections import Counter

import pytest

from tinycot import events, states
from tinycot.backups import Place, check_whole, contents, left_over
from tinycot.figures import note
from tinycot.storage import StoreDaemon
from tinycot.tracing import parse

pytestmark = [pytest.mark.native, pytest.mark.load]

NO_INPUT, SYSTEM, CANNOT_CREATE = 66, 71, 73
# What only looks changes nothing, and the next call that does is tried anyhow.
ONLY_LOOKING = {"read", "pread64", "newfstatat", "fstat", "lseek", "getdents64", "brk", "mmap",
                "munmap", "mprotect", "stat", "lstat", "getrandom", "prlimit64", "execve",
                "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "uname",
                "readlinkat", "readlink", "faccessat2", "access", "geteuid", "getuid", "getpid",
                "epoll_create1", "epoll_ctl", "fstatfs", "exit_group", "fcntl", "clock_gettime",
                "rt_sigaction"}


def points(calls):
    """(name, number) of each call that is worth a kill."""
    seen = Counter()
    found = []
    for call in calls:
        seen[call.name] += 1
        if call.name not in ONLY_LOOKING:
            found.append((call.name, seen[call.name]))
    return found


def killed(place, log, name, number, *arguments):
    done = place.traced(
        log, ["-e", "trace=all", "-e", f"inject={name}:signal=KILL:when={number}"], *arguments)
    assert done.returncode in (-9, 137), (name, number, done.returncode, done.stderr)


def lived(folder, crowd, name, packages):
    """A state folder that a daemon has left: packages, and states with an item of that name."""
    daemon = StoreDaemon(folder, {"state_seconds": 3600})
    place = Place(daemon.state_dir, daemon.run_dir)
    daemon.start()
    try:
        client = crowd.join(daemon.port, events.ALPHA)
        for number in range(packages):
            place.add(os.urandom(3_000), f"{name} {number}.zip", "--team", "blue")
            client.send(events.marker(f"{name} {number}", stale_seconds=86_400))
            crowd.answer(client)
            assert place.backup(folder / "unused").returncode == 0
        client.close()
        daemon.finish()
    finally:
        daemon.kill()
    return place


def items(folder):
    """What the newest state holds: the names of the items."""
    return {event.split(b'uid="')[1].split(b'"')[0].decode()
            for event in states.newest(folder).events if b"b-m-p-s-m" in event}


@pytest.fixture
def old(tmp_path, crowd):
    """A state folder."""
    return lived(tmp_path / "old", crowd, "old", 2)


@pytest.fixture
def new(tmp_path, crowd):
    """A backup of another one, and what is in it."""
    place = lived(tmp_path / "new", crowd, "new", 3)
    target = tmp_path / "backup"
    assert place.backup(target).returncode == 0
    return target, contents(place.state)


def calls_of(place, log, *arguments):
    done = place.traced(log, ["-e", "trace=all"], *arguments)
    assert done.returncode == 0, done.stderr
    return parse(log.read_text(errors="replace"))


@pytest.mark.parametrize("again", [False, True], ids=["the first", "over one of before"])
def test_a_backup_that_is_killed_is_never_taken_for_a_whole_one(old, tmp_path, again):
    log = tmp_path / "log"
    target = tmp_path / "target"
    earlier = tmp_path / "earlier"
    assert old.backup(earlier).returncode == 0
    before_change = contents(old.state)
    first = next(iter(before_change[1])).removesuffix(".zip")
    if again:
        assert old.call("packages", "remove", first).returncode == 0
        old.add(os.urandom(4_000), "later.zip")
        (old.state / "state.2.json").unlink()
    state = contents(old.state)

    def prepare():
        shutil.rmtree(target, ignore_errors=True)
        if again:
            shutil.copytree(earlier, target)

    prepare()
    outcomes = Counter()
    for name, number in points(calls_of(old, log, "backup", target)):
        prepare()
        killed(old, log, name, number, "backup", target)
        assert contents(old.state) == state
        other = Place(tmp_path / "other", tmp_path / "run")
        if (target / "manifest.json").exists():
            done = other.restore(target)
            assert done.returncode == 0, (name, number, done.stderr)
            found = contents(other.state)
            assert found in ([before_change, state] if again else [state]), (name, number)
            outcomes["new one whole" if found == state else "old one whole"] += 1
        else:
            done = other.restore(target)
            assert done.returncode == NO_INPUT, (name, number, done.stderr)
            assert list(other.state.iterdir()) == []
            outcomes["no whole one"] += 1
        shutil.rmtree(other.state)
        done = old.backup(target)
        assert done.returncode == 0, (name, number, done.stderr)
        check_whole(target)
        assert contents(target) == state
    note("kill -9 during a backup: " + ", ".join(f"{n} {what}" for what, n in outcomes.items()))
    assert outcomes["no whole one"] > 10 and outcomes["new one whole"] > 0


class Judge:
    """What may be there after a restore was cut off."""

    def __init__(self, place, old, new):
        self.place, self.old, self.new = place, old, new
        self.names = {True: items(place.state), False: {f"new {n}" for n in range(3)}}
        assert self.names[True] == {"old 0", "old 1"}
        self.outcomes = Counter()

    def check(self, point, starts_daemon):
        if starts_daemon:
            daemon = StoreDaemon(self.place.state.parent / "daemon", {"state_seconds": 3600})
            daemon.state_dir.rmdir()
            self.place.state.rename(daemon.state_dir)
            try:
                daemon.start()
                daemon.finish()
            finally:
                daemon.kill()
                daemon.state_dir.rename(self.place.state)
                shutil.rmtree(daemon.folder)
            log = daemon.log()
            assert "removed" not in log and "broken" not in log, log
        else:
            done = self.place.call("packages", "verify")
            assert done.returncode == 0, (point, done.stdout, done.stderr)
        found = contents(self.place.state)
        if starts_daemon:
            # It has written a state of its own since, of what it found.
            is_old = found[:2] == self.old[:2]
            assert is_old or found[:2] == self.new[:2], f"{point}: a mix: {found}"
            assert items(self.place.state) == self.names[is_old], point
            found = self.old if is_old else self.new
        assert found in (self.old, self.new), f"{point}: a mix: {found}"
        assert not left_over(self.place.state), point
        aside = sorted(path.name for path in self.place.state.glob("before-restore-*"))
        if found == self.new:
            assert aside == ["before-restore-1"], (point, aside)
            assert contents(self.place.state / "before-restore-1") == self.old, point
            self.outcomes["restored"] += 1
        else:
            assert aside == [], (point, aside)
            self.outcomes["as before"] += 1


def test_a_restore_that_is_killed_is_done_or_not_done(old, new, tmp_path):
    backup, restored = new
    log = tmp_path / "log"
    base = tmp_path / "base"
    shutil.copytree(old.state, base)
    judge = Judge(old, contents(old.state), restored)

    def prepare():
        shutil.rmtree(old.state)
        shutil.copytree(base, old.state)

    todo = points(calls_of(old, log, "restore", backup, "--replace"))
    for index, (name, number) in enumerate(todo):
        prepare()
        killed(old, log, name, number, "restore", backup, "--replace")
        judge.check((name, number), starts_daemon=index % 6 == 0 or name.startswith("rename"))
    note("kill -9 during a restore: "
         + ", ".join(f"{n} {what}" for what, n in judge.outcomes.items()))
    assert judge.outcomes["as before"] > 20 and judge.outcomes["restored"] > 5


def test_the_next_one_may_be_killed_too(old, new, tmp_path):
    backup, restored = new
    log = tmp_path / "log"
    base = tmp_path / "base"
    shutil.copytree(old.state, base)
    before = contents(old.state)
    judge = Judge(old, before, restored)

    def prepare(point):
        """A restore that was cut off at its n-th rename."""
        shutil.rmtree(old.state)
        shutil.copytree(base, old.state)
        killed(old, log, "renameat", point, "restore", backup, "--replace")

    renames = [call for call in calls_of(old, log, "restore", backup, "--replace")
               if call.name == "renameat"]
    assert len(renames) > 8
    for point in (2, 4, len(renames) // 2 + 1, len(renames)):
        prepare(point)
        assert left_over(old.state)
        for name, number in points(calls_of(old, log, "packages", "list")):
            prepare(point)
            killed(old, log, name, number, "packages", "list")
            judge.check((point, name, number), starts_daemon=name.startswith("rename"))
    note("kill -9 while a restore is finished: "
         + ", ".join(f"{n} {what}" for what, n in judge.outcomes.items()))
    # It was decided, so there is one outcome.
    assert judge.outcomes["restored"] > 30 and judge.outcomes["as before"] == 0


def test_a_disk_that_fails_at_the_last_renames(old, new, tmp_path):
    """The command says so; whoever comes next finishes."""
    backup, restored = new
    judge = Judge(old, contents(old.state), restored)
    done = old.traced(
        tmp_path / "log", ["-e", "trace=renameat", "-e", "inject=renameat:error=EIO:when=3+"],
        "restore", backup, "--replace")
    assert done.returncode == SYSTEM and "will be finished" in done.stderr, done.stderr
    judge.check("EIO", starts_daemon=True)
    assert judge.outcomes["restored"] == 1


def test_a_second_restore_finishes_the_first(old, new, tmp_path):
    backup, restored = new
    before = contents(old.state)
    killed(old, tmp_path / "log", "renameat", 3, "restore", backup, "--replace")
    done = old.restore(backup)
    assert done.returncode == CANNOT_CREATE and "cut off was finished" in done.stderr
    assert contents(old.state) == restored
    assert contents(old.state / "before-restore-1") == before


def test_the_judge_can_fail(old, new):
    """A mix, made by hand."""
    _, restored = new
    judge = Judge(old, contents(old.state), restored)
    (old.state / "state.1.json").unlink()
    with pytest.raises(AssertionError, match="a mix"):
        judge.check("by hand", starts_daemon=False)
