"""From strace's log of a daemon to a list of what it did to the files of its state folder.

The log is written with `-xx`, so that a string holds nothing but `\\x..`. Every call that could
change a file is in CHANGING; one that this reader does not know how to model is an error, never
something that is passed over.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

# What is traced. Reading calls are left out: they change nothing.
CHANGING = (
    "open", "openat", "openat2", "creat", "close", "dup", "dup2", "dup3", "fcntl", "lseek",
    "write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate", "truncate", "fallocate",
    "fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "msync", "mmap",
    "rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat", "symlink",
    "symlinkat", "mkdir", "mkdirat", "rmdir", "copy_file_range", "splice", "sendfile",
    "sendto", "sendmsg")

# These change no file by themselves.
HARMLESS = ("close", "fcntl", "lseek", "mmap", "sendto", "sendmsg", "sendfile", "exit_group")

ROOT = 0


@dataclass(frozen=True)
class Op:
    """One change, sync or mark. `file` is the number of a file or folder, never reused."""

    # write, truncate, sync; create, makefolder, rename, remove; answer
    kind: str
    file: int = -1
    folder: int = -1
    name: str = ""
    to: str = ""
    offset: int = 0
    data: bytes = b""
    # The path at that time, for people.
    path: str = ""

    def __str__(self):
        if self.kind == "answer":
            return f"answer {self.data[:3].decode()}"
        if self.kind == "write":
            return f"write {self.path} {self.offset}+{len(self.data)}"
        return f"{self.kind} {self.path}" + (f" to {self.to}" if self.to else "")


class UnknownCall(AssertionError):
    """The daemon called something that the model does not cover yet."""


_LINE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+|\?|0x[0-9a-f]+).*$")
_UNFINISHED = re.compile(r"^(\d+) +(\w+)\((.*?) *<unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_HEX = r'"((?:\\x[0-9a-f]{2})*)"'
_OPENAT = re.compile(rf"^(AT_FDCWD|\d+), {_HEX}, ([A-Z_|0-9a-z]+)(?:, 0\d+)?$")
_PATH = re.compile(rf"^{_HEX}(?:, .*)?$")
_AT_PATH = re.compile(rf"^(AT_FDCWD|\d+), {_HEX}(?:, ([A-Z_|0-9]+))?$")
_RENAMEAT = re.compile(rf"^(AT_FDCWD|\d+), {_HEX}, (AT_FDCWD|\d+), {_HEX}(?:, 0)?$")
_RENAME = re.compile(rf"^{_HEX}, {_HEX}$")
_WRITE = re.compile(rf"^(\d+), {_HEX}, \d+(?:, (\d+))?$")
_STRINGS = re.compile(_HEX)
_DESCRIPTOR = re.compile(r"^(\d+)")


def _bytes(text):
    return bytes.fromhex(text.replace("\\x", ""))


def _hex(path):
    return "".join(f"\\x{byte:02x}" for byte in str(path).encode())


def _calls(log):
    """(name, arguments, result) in the order of their ends, without those that failed."""
    begun = {}
    for line in log.splitlines():
        if match := _UNFINISHED.match(line):
            begun[match[1]] = (match[2], match[3])
            continue
        if match := _RESUMED.match(line):
            name, arguments = begun.pop(match[1])
            assert name == match[2], line
            line = f"{match[1]} {name}({arguments}{match[3]}"
        if match := _LINE.match(line):
            if match[4] == "?" and match[2] not in HARMLESS:
                raise UnknownCall(f"nobody knows whether this was done: {line[:300]}")
            if not match[4].startswith(("-", "?")):
                yield match[2], match[3], int(match[4], 0)
    cut_off = [call for call in begun.values() if call[0] not in HARMLESS]
    if cut_off:
        raise UnknownCall(f"nobody knows whether these were done: {cut_off}")


@dataclass
class _Open:
    file: int
    path: str
    offset: int = 0
    # Where a plain write goes is only known if nothing moves the position unseen.
    may_read: bool = False


class Reader:
    """The files of one state folder over the life of several processes."""

    def __init__(self, folder):
        self._folder = PurePosixPath(folder)
        self.ops = []
        # What stands where at this moment: folder -> name -> file.
        self._names = {ROOT: {}}
        self._paths = {ROOT: "."}
        self._next = 1
        self._open = {}

    def adopt(self, files, folders):
        """Takes what lies there before the first process as if it had been written and synced."""
        for path in sorted(folders):
            self._make_folder(self._place("AT_FDCWD", _hex(self._folder / path)))
        for path, data in sorted(files.items()):
            folder, name = self._place("AT_FDCWD", _hex(self._folder / path))
            file = self._new(path)
            self._names[folder][name] = file
            self._add("create", file, folder=folder, name=name)
            self._add("write", file, data=data)
            self._add("sync", file)
        for folder in self._names:
            self._add("sync", folder)

    def read(self, log):
        """The whole life of one process."""
        self._open = {}
        for name, arguments, result in _calls(log):
            handler = getattr(self, "_do_" + name, None)
            if handler:
                handler(arguments, result)
            elif name not in CHANGING:
                raise UnknownCall(f"{name}({arguments[:200]}) was not asked for")
            elif self._is_ours(arguments):
                raise UnknownCall(f"{name}({arguments[:200]}) on a file of the state folder")

    def _add(self, kind, file, **more):
        self.ops.append(Op(kind, file, path=self._paths.get(file, "?"), **more))

    def _new(self, path):
        self._next += 1
        self._paths[self._next] = path
        return self._next

    # Names

    def _place(self, base, text):
        """(folder, name) of a path inside the state folder, or None."""
        path = PurePosixPath(_bytes(text).decode())
        if not path.is_absolute():
            if base == "AT_FDCWD":
                return None
            entry = self._open.get(int(base))
            if entry is None:
                return None
            path = self._folder / self._paths[entry.file] / path
        if path == self._folder:
            return ROOT, "."
        if self._folder not in path.parents:
            return None
        folder = ROOT
        parts = path.relative_to(self._folder).parts
        assert ".." not in parts, path
        for part in parts[:-1]:
            folder = self._names[folder][part]
        return folder, parts[-1]

    def _is_ours(self, arguments):
        match = _DESCRIPTOR.match(arguments)
        if match and int(match[1]) in self._open:
            return True
        return str(self._folder) in "".join(
            _bytes(text).decode("latin1") for text in _STRINGS.findall(arguments)[:2])

    def _do_openat(self, arguments, result):
        match = _OPENAT.match(arguments)
        assert match, arguments
        place = self._place(match[1], match[2])
        # A descriptor that is given out anew was closed, seen or unseen.
        self._open.pop(result, None)
        if place is None:
            return
        flags = set(match[3].split("|"))
        if "O_APPEND" in flags or "O_TMPFILE" in flags:
            raise UnknownCall(f"openat with {match[3]}")
        folder, name = place
        file = ROOT if name == "." else self._names[folder].get(name)
        if file is None:
            assert "O_CREAT" in flags, arguments
            file = self._new(f"{self._paths[folder]}/{name}".removeprefix("./"))
            self._names[folder][name] = file
            self._add("create", file, folder=folder, name=name)
        elif "O_TRUNC" in flags:
            self._add("truncate", file)
        self._open[result] = _Open(file, self._paths[file], may_read="O_RDWR" in flags)

    def _do_mkdir(self, arguments, _):
        match = _PATH.match(arguments)
        self._make_folder(self._place("AT_FDCWD", match[1]))

    def _do_mkdirat(self, arguments, _):
        match = re.match(rf"^(AT_FDCWD|\d+), {_HEX}, ", arguments)
        self._make_folder(self._place(match[1], match[2]))

    def _make_folder(self, place):
        if place is None:
            return
        folder, name = place
        file = self._new(f"{self._paths[folder]}/{name}".removeprefix("./"))
        self._names[folder][name] = file
        self._names[file] = {}
        self._add("makefolder", file, folder=folder, name=name)

    def _do_renameat(self, arguments, _):
        match = _RENAMEAT.match(arguments)
        assert match, arguments
        self._rename(self._place(match[1], match[2]), self._place(match[3], match[4]))

    _do_renameat2 = _do_renameat

    def _do_rename(self, arguments, _):
        match = _RENAME.match(arguments)
        assert match, arguments
        self._rename(self._place("AT_FDCWD", match[1]), self._place("AT_FDCWD", match[2]))

    def _rename(self, source, target):
        if source is None and target is None:
            return
        if source is None or target is None or source[0] != target[0]:
            raise UnknownCall(f"a rename from {source} to {target}")
        folder, name = source
        file = self._names[folder].pop(name)
        self._names[folder][target[1]] = file
        self._add("rename", file, folder=folder, name=name, to=target[1])
        self._paths[file] = f"{self._paths[folder]}/{target[1]}".removeprefix("./")

    def _do_unlinkat(self, arguments, _):
        match = _AT_PATH.match(arguments)
        assert match and match[3] == "0", arguments
        self._remove(self._place(match[1], match[2]))

    def _do_unlink(self, arguments, _):
        self._remove(self._place("AT_FDCWD", _PATH.match(arguments)[1]))

    def _remove(self, place):
        if place is not None:
            folder, name = place
            file = self._names[folder].pop(name)
            self._add("remove", file, folder=folder, name=name)

    # Contents

    def _entry(self, arguments):
        return self._open.get(int(_DESCRIPTOR.match(arguments)[1]))

    def _do_write(self, arguments, result):
        entry = self._entry(arguments)
        if entry is None:
            self._do_sendto(arguments, result)
            return
        if entry.may_read:
            raise UnknownCall(f"a plain write to {entry.path}, which may also be read")
        data = _bytes(_WRITE.match(arguments)[2])[:result]
        self._add("write", entry.file, offset=entry.offset, data=data)
        entry.offset += result

    def _do_pwrite64(self, arguments, result):
        entry = self._entry(arguments)
        if entry is not None:
            match = _WRITE.match(arguments)
            data = _bytes(match[2])[:result]
            self._add("write", entry.file, offset=int(match[3]), data=data)

    def _do_writev(self, arguments, result):
        if self._entry(arguments) is not None:
            raise UnknownCall(f"writev({arguments[:100]})")
        self._do_sendto(arguments, result)

    def _do_ftruncate(self, arguments, _):
        entry = self._entry(arguments)
        if entry is not None:
            self._add("truncate", entry.file, offset=int(arguments.split(", ")[1]))

    def _do_fsync(self, arguments, _):
        entry = self._entry(arguments)
        if entry is not None:
            self._add("sync", entry.file)

    # The size is brought along, if it changed; there is nothing else that it may leave out.
    _do_fdatasync = _do_fsync

    def _do_lseek(self, arguments, result):
        entry = self._entry(arguments)
        if entry is not None:
            entry.offset = result

    def _do_close(self, arguments, _):
        self._open.pop(int(arguments), None)

    def _do_fcntl(self, arguments, _):
        if "F_DUPFD" in arguments and self._entry(arguments) is not None:
            raise UnknownCall(f"fcntl({arguments})")

    def _do_mmap(self, arguments, _):
        parts = arguments.split(", ")
        if "PROT_WRITE" in parts[2] and "MAP_SHARED" in parts[3] and int(parts[4]) in self._open:
            raise UnknownCall(f"mmap({arguments})")

    # Marks

    def _do_sendto(self, arguments, _):
        strings = _STRINGS.search(arguments)
        data = _bytes(strings[1][:200]) if strings else b""
        if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            self.ops.append(Op("answer", data=data[9:]))

    _do_sendmsg = _do_sendto

    def _do_sendfile(self, arguments, _):
        """Packages that are served."""
        if self._entry(arguments) is not None:
            raise UnknownCall(f"sendfile({arguments})")
