"""Starts the daemon on what a crash left, and says whether the promises were kept.

Many crashes leave the same: each image is started once, and what was found is then held against
what each of its moments allows.
"""

import itertools
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from disk import Disk
from scenario import BUDGET, HTTP
from tinycot import uploads
from tinycot.storage import StoreDaemon, check_clean, described, whole

# Memory, if there is some: what is on the disk was decided by the model.
_FAST = Path("/dev/shm")
WORKERS = 2


@dataclass(frozen=True)
class Case:
    """One crash: after so many operations, with this policy."""

    moment: int
    policy: object
    allowed: tuple
    image: object


@dataclass(frozen=True)
class Violation:
    case: Case
    sentence: str

    def told(self, ops):
        done = "\n".join(f"    {op}" for op in ops[max(0, self.case.moment - 12):self.case.moment])
        return (f"crash after operation {self.case.moment}, {self.case.policy}: "
                f"{self.sentence}\n  the last operations:\n{done}")


def allowed_at(ops, steps):
    """For each moment, the lists that a start after a crash may show."""
    answered, is_open = 0, False
    current = (frozenset(),)
    result = [current]
    for op in ops:
        if op.kind == "answer":
            assert answered < len(steps), "more answers in the log than requests"
            current, is_open = (steps[answered].after,), False
            answered += 1
        elif (op.kind == "write" and op.path.endswith("-wal") and not is_open
              and answered < len(steps)):
            # From the first byte of the row on, it may be there.
            current, is_open = steps[answered].allowed_while_open, True
        result.append(current)
    assert answered == len(steps), f"{answered} answers in the log, {len(steps)} requests"
    return result


def cases(ops, allowed, moments, policies):
    """Every crash at these moments: `policies(moment)` gives what is tried there.

    `allowed` gives the lists that a start may show after a crash at each moment.
    """
    disk = Disk()
    for moment in range(len(ops) + 1):
        if moment:
            disk.apply(ops[moment - 1])
        if moment in moments:
            for policy in policies(moment):
                yield Case(moment, policy, allowed[moment], disk.crash(policy, moment))


class Judge:
    """Keeps a daemon for each of a few threads."""

    def __init__(self):
        self._folder = TemporaryDirectory(dir=_FAST if _FAST.is_dir() else None)
        self._numbers = itertools.count(1)
        self._own = threading.local()
        # What a start found, by image: rows, or a sentence.
        self._found = {}
        self.crashes = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    @property
    def starts(self):
        return len(self._found)

    def violations(self, crashes):
        """Those of the cases that break a promise, in no certain order, as they are found."""
        with ThreadPoolExecutor(WORKERS) as pool:
            for batch in _batches(crashes, 50):
                self.crashes += len(batch)
                new = {case.image.key(): case.image for case in batch}
                new = {key: new[key] for key in new.keys() - self._found.keys()}
                self._found.update(zip(new, pool.map(self._start, new.values())))
                for case in batch:
                    found = self._found[case.image.key()]
                    if isinstance(found, str):
                        yield Violation(case, found)
                    elif found not in case.allowed:
                        may = " or ".join(described(rows) for rows in case.allowed)
                        yield Violation(case, f"listed: {described(found)}; allowed: {may}")

    def _daemon(self):
        if not hasattr(self._own, "daemon"):
            folder = Path(self._folder.name) / str(next(self._numbers))
            self._own.daemon = StoreDaemon(folder, http=HTTP, budget=BUDGET)
        return self._own.daemon

    def _start(self, image):
        daemon = self._daemon()
        shutil.rmtree(daemon.state_dir)
        daemon.state_dir.mkdir()
        image.write_to(daemon.state_dir)
        try:
            daemon.start()
            rows = uploads.listing(daemon.http_port)
            whole(daemon.packages_folder, rows)
            check_clean(daemon, rows)
            return rows
        except (AssertionError, OSError) as failure:
            return f"{type(failure).__name__}: {failure}"
        finally:
            daemon.kill()


def _batches(items, size):
    items = iter(items)
    while batch := list(itertools.islice(items, size)):
        yield batch
