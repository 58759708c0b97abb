"""The model itself: what it forgets, and what it refuses to guess."""

import pytest

from disk import CONTENTS_ONLY, EVERYTHING, NAMES_ONLY, NOTHING, SECTOR, Disk, Policy
from oplog import Op, Reader, UnknownCall


def played(log):
    reader = Reader("/state")
    reader.read("\n".join(f"77 {line}" for line in log))
    disk = Disk()
    for op in reader.ops:
        disk.apply(op)
    return disk


def hexed(text):
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"'


def created(name, descriptor):
    return f"openat(AT_FDCWD, {hexed('/state/' + name)}, O_WRONLY|O_CREAT, 0600) = {descriptor}"


FOLDER = f"openat(AT_FDCWD, {hexed('/state')}, O_RDONLY|O_DIRECTORY) = 3"
WRITE = f"write(4, {hexed('abc')}, 3) = 3"


def test_without_a_sync_all_is_lost():
    disk = played([FOLDER, created("a", 4), WRITE])
    assert disk.crash(NOTHING, 0).files == {}
    assert disk.crash(EVERYTHING, 0).files == {"a": b"abc"}
    assert disk.crash(NAMES_ONLY, 0).files == {"a": b""}


def test_a_files_sync_does_not_keep_its_name_nor_the_folders_its_content():
    disk = played([FOLDER, created("a", 4), WRITE, "fsync(4) = 0"])
    assert disk.crash(NOTHING, 0).files == {}
    assert disk.crash(NAMES_ONLY, 0).files == {"a": b"abc"}
    disk = played([FOLDER, created("a", 4), WRITE, "fsync(3) = 0"])
    assert disk.crash(NOTHING, 0).files == {"a": b""}
    assert disk.crash(CONTENTS_ONLY, 0).files == {"a": b"abc"}


def test_a_name_that_was_synced_may_come_back_after_its_removal_or_change():
    begin = [FOLDER, created("a", 4), WRITE, "fsync(4) = 0", "fsync(3) = 0"]
    disk = played([*begin, f"unlinkat(3, {hexed('a')}, 0) = 0"])
    assert disk.crash(NOTHING, 0).files == {"a": b"abc"}
    assert disk.crash(EVERYTHING, 0).files == {}
    disk = played([*begin, f"renameat(3, {hexed('a')}, 3, {hexed('b')}) = 0"])
    assert disk.crash(NOTHING, 0).files == {"a": b"abc"}
    assert disk.crash(EVERYTHING, 0).files == {"b": b"abc"}


def test_a_failed_call_changes_nothing():
    disk = played([FOLDER, created("a", 4), f"write(4, {hexed('abc')}, 3) = -1 EIO (x) (INJECTED)",
                   "fsync(4) = 0", "fsync(3) = 0"])
    assert disk.crash(EVERYTHING, 0).files == {"a": b""}


def test_a_write_tears_between_sectors():
    old, new = b"o" * (SECTOR * 8), b"n" * (SECTOR * 8)
    disk = Disk()
    for op in (Op("create", 5, folder=0, name="a"), Op("write", 5, data=old), Op("sync", 5),
               Op("sync", 0), Op("write", 5, data=new)):
        disk.apply(op)
    seen = set()
    for seed in range(200):
        content = disk.crash(Policy("torn", seed, writes=1.0, torn=1.0), 0).files["a"]
        sectors = [content[at:at + SECTOR] for at in range(0, len(content), SECTOR)]
        assert len(content) == len(old) and set(sectors) <= {old[:SECTOR], new[:SECTOR]}
        seen.add(content)
    assert old in seen and len(seen) > 20
    torn = Policy("torn", 3, writes=1.0, torn=1.0)
    assert disk.crash(torn, 1).files == disk.crash(torn, 1).files


@pytest.mark.parametrize("line", [
    f"symlink({hexed('x')}, {hexed('/state/a')}) = 0",
    "fallocate(4, 0, 0, 4096) = 0",
    f"renameat(3, {hexed('a')}, AT_FDCWD, {hexed('/elsewhere/a')}) = 0",
    f"write(4, {hexed('abc')}, 3) = ?",
    f"write(4, {hexed('abc')}, 3 <unfinished ...>",
    "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 4, 0) = 0x7f0000000000",
])
def test_what_the_model_does_not_know_is_an_error(line):
    with pytest.raises(UnknownCall):
        played([FOLDER, created("a", 4), line])
