"""The plug is pulled after every operation of the store, and what was not synced is lost or torn.

strace writes down every change that the real daemon makes to its files while it is asked for
uploads, replacements, a delete, an eviction, and is started and killed in between. `disk` replays
that log into a disk that forgets, `judge` starts the daemon on what is left. After any crash:

- Every request that was answered is done; of one that was not, all or nothing, and nothing if its
  row had not begun to be written. Whatever is listed is whole.
- After that start no temporary lies there, no file without a row and no row without a file. The
  catalogue was not given up.

TINYCOT_CRASH_SEED and TINYCOT_CRASH_DRAWS choose the policies of chance. Longer: `make crash`.
"""

import os

import pytest

from disk import NOTHING, PLAIN, drawn
from judge import Judge, allowed_at, cases
from scenario import record, record_start
from tinycot.figures import note

SEED = int(os.environ.get("TINYCOT_CRASH_SEED", "1"))
DRAWS = int(os.environ.get("TINYCOT_CRASH_DRAWS", "3"))


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return record(tmp_path_factory.mktemp("recording"))


@pytest.fixture(scope="module")
def judge():
    with Judge() as one:
        yield one


def chances(moment):
    """The same for the same seed and moment."""
    return [drawn(f"{SEED}/{moment}/{number}") for number in range(DRAWS)]


def test_a_crash_at_any_moment_keeps_what_was_answered(recording, judge):
    ops, allowed = recording.ops, allowed_at(recording.ops, recording.steps)
    moments = range(len(ops) + 1)
    crashes = cases(ops, allowed, moments, lambda moment: [*PLAIN, *chances(moment)])
    for violation in judge.violations(crashes):
        raise AssertionError(f"seed {SEED}: {violation.told(ops)}")
    note(f"forgetting disk, seed {SEED}: {len(recording.steps)} requests, {len(ops)} operations, "
         f"{judge.crashes} crashes, {judge.starts} different disks")
    # Otherwise the recording missed something: each request takes more than these.
    assert len(ops) > 8 * len(recording.steps) and judge.starts > len(ops) / 2


def test_a_second_crash_while_the_first_is_repaired(recording, judge, tmp_path):
    ops, allowed = recording.ops, allowed_at(recording.ops, recording.steps)
    moments = range(7, len(ops), len(ops) // 8)
    firsts = list(cases(ops, allowed, moments, lambda moment: chances(moment)[:1] or [NOTHING]))
    for first in firsts:
        repair, adopted = record_start(tmp_path / f"after-{first.moment}", first.image)
        lists = [first.allowed] * (len(repair) + 1)
        crashes = cases(
            repair, lists, range(adopted, len(repair) + 1),
            lambda moment: [*PLAIN, *chances(moment)[:1]])
        for violation in judge.violations(crashes):
            raise AssertionError(
                f"seed {SEED}, first {first.policy} after {first.moment}: "
                f"{violation.told(repair)}")


def without_a_sync(recording, path, step, rest="", every=False):
    """The operations as if the daemon had not synced `path` for that request, and where.

    Without the last sync of it before the answer, or `every` one.
    """
    answers = [index for index, op in enumerate(recording.ops) if op.kind == "answer"]
    names = [one.name for one in recording.steps]
    end = answers[names.index(step)]
    found = [index for index, op in enumerate(recording.ops[:end])
             if op.kind == "sync" and op.path.startswith(path) and op.path.endswith(rest)]
    assert found, f"no sync of {path} before the answer to {step}"
    removed = found if every else found[-1:]
    return [op for index, op in enumerate(recording.ops) if index not in removed], removed[0]


@pytest.mark.parametrize("path, step, every", [
    ("packages/tmp-", "a package", False),
    ("packages/tmp-", "in its place", False),
    ("packages", "a package", False),
    ("packages", "after a start", False),
    ("catalogue.db-wal", "a package", False),
    ("catalogue.db-wal", "make it public", False),
    ("catalogue.db-wal", "a delete", False),
    # The checkpoint when the first life ended, before the journal was removed.
    ("catalogue.db", "after a start", False),
    (".", "a package", True),
])
def test_a_sync_that_is_missing_is_found(recording, judge, path, step, every):
    """The test can fail: the same log, as if one sync had not been called."""
    rest = "" if path.endswith("-") else path
    ops, first = without_a_sync(recording, path, step, rest, every)
    allowed = allowed_at(ops, recording.steps)
    moments = range(first, min(first + 60, len(ops) + 1))
    crashes = cases(ops, allowed, moments, lambda moment: [*PLAIN, *chances(moment)])
    violation = next(judge.violations(crashes), None)
    assert violation is not None, f"nobody misses the sync of {path} for {step}"
