"""What the daemon is asked to do while strace writes down all that it does to its files.

Four lives of one state folder: made and filled, ended by SIGTERM; started again and killed in the
middle of an upload; started on what that left; at last only looked at. Requests come one after the
other, so the n-th answer in the log is that of the n-th request.
"""

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from oplog import CHANGING, Reader
from tinycot import http, uploads
from tinycot.pace import PROMPT_SECONDS, wait_for
from tinycot.storage import StoreDaemon
from tinycot.uploads import PUBLIC, made_up

HTTP = {"evict_oldest": True, "allow_delete": True}
BUDGET = {"packages": 5}


@dataclass(frozen=True)
class Step:
    """A request, and the list before and after it; `between` are the lists that it may pass."""

    name: str
    before: frozenset
    after: frozenset
    between: tuple = ()

    @property
    def allowed_while_open(self):
        return (self.before, *self.between, self.after)


@dataclass
class Recording:
    ops: list
    steps: list = field(default_factory=list)


class Traced(StoreDaemon):
    """A daemon that strace watches from its first call on, as the parent of nobody."""

    log_file = None

    def _command(self, *arguments):
        return ["strace", "-D", "-f", "-xx", "-s", "4000000",
                "-e", "trace=" + ",".join(CHANGING), "-o", str(self.log_file),
                *super()._command(*arguments)]

    def wait_asleep(self):
        """Between two calls: of one that a kill cuts off nobody knows whether it was done."""
        wait_for(lambda: self._is_asleep(5), PROMPT_SECONDS, "the daemon to be idle")

    def _is_asleep(self, looks):
        """Do all threads sleep, each time one looks?"""
        for _ in range(looks):
            for thread in Path(f"/proc/{self.pid}/task").iterdir():
                if "\nState:\tS" not in (thread / "status").read_text():
                    return False
            time.sleep(0.01)
        return True

    def whole_log(self):
        """After the daemon's end: strace ends a moment later."""
        last = re.compile(rf"^{self.pid} +\+\+\+ ", re.M)

        def ended():
            text = self.log_file.read_text()
            return text if last.search(text) else None

        return wait_for(ended, 20, "strace to write its last line")


class Recorder:
    """Plays the scenario and keeps the book of what the list must be."""

    def __init__(self, folder):
        self._daemon = Traced(folder / "recorded", http=HTTP, budget=BUDGET)
        self._reader = Reader(self._daemon.state_dir)
        self._lives = 0
        self._rows = frozenset()
        self._steps = []

    def play(self, rounds):
        """`rounds` of changes of the tool fill the journal, until it is written back."""
        try:
            self._first_life(rounds)
            self._second_life()
            self._third_life()
            self._start()
            self._kill()
        finally:
            self._daemon.kill()
        return Recording(self._reader.ops, self._steps)

    def _start(self):
        self._lives += 1
        self._daemon.log_file = self._daemon.folder / f"life-{self._lives}.log"
        self._daemon.start()
        # It asked for something, to know that the store is open: an answer that changes nothing.
        self._steps.append(Step("a start", self._rows, self._rows))

    def _end(self, how):
        how()
        self._reader.read(self._daemon.whole_log())

    def _kill(self):
        self._daemon.wait_asleep()
        self._end(self._daemon.kill)

    def _do(self, name, answer, after, between=()):
        assert answer is not None and answer.status == 200, f"{name}: {answer}"
        self._steps.append(Step(name, self._rows, frozenset(after), between))
        self._rows = frozenset(after)

    def _upload(self, name, package, tool=None, gone=(), between=()):
        """`gone`: rows that this upload takes out of the list."""
        port = self._daemon.http_port
        if tool is None:
            answer, row = uploads.upload(port, package), package.row()
        else:
            answer, row = uploads.upload_raw(port, package), package.row(tool)
        self._do(name, answer, (self._rows - set(gone)) | {row}, between)

    def _set_tool(self, name, package, row, tool):
        answer = uploads.set_tool(self._daemon.http_port, package, tool)
        self._do(name, answer, (self._rows - {row}) | {package.row(tool)})

    def _first_life(self, rounds):
        self._start()
        map_one = made_up("map.zip", 30_000, "crash 1")
        map_two = made_up("map.zip", 9_000, "crash 2")
        pictures = made_up("pictures.zip", 17_111, "crash 3")
        self._upload("a package", map_one)
        self._upload("a raw package", pictures, tool=PUBLIC)
        self._set_tool("make it public", map_one, map_one.row(), PUBLIC)
        self._upload("in its place", map_two, gone=[map_one.row(PUBLIC)])
        renamed = uploads.Package("photos.zip", pictures.content)
        self._upload("the same bytes, another name", renamed, tool=PUBLIC,
                     gone=[pictures.row(PUBLIC)])
        for number in range(rounds):
            tools = (uploads.PRIVATE, PUBLIC)
            self._set_tool(f"tool, round {number}", map_two, map_two.row(tools[number % 2]),
                           tools[(number + 1) % 2])
        self._end(self._daemon.terminate)

    def _second_life(self):
        self._start()
        route = made_up("route.zip", 512, "crash 4")
        self._upload("after a start", route)
        answer = uploads.delete(self._daemon.http_port, route)
        self._do("a delete", answer, self._rows - {route.row()})
        self._upload("once more after the delete", route)
        self._die_in_half_an_upload()

    def _die_in_half_an_upload(self):
        """The kill comes while the daemon waits for the rest."""
        package = made_up("half.zip", 60_000, "crash 5")
        body, fields = uploads.form(package)
        whole = http.request("POST", uploads.upload_target(package), fields, body)
        with http.Connection(self._daemon.http_port) as connection:
            connection.send(whole[:-20_000])
            folder = self._daemon.packages_folder
            wait_for(
                lambda: any(path.name.startswith("tmp-") and path.stat().st_size
                            for path in folder.iterdir()),
                PROMPT_SECONDS, "a temporary file with something in it")
            self._kill()

    def _third_life(self):
        self._start()
        for number in range(2):
            self._upload(f"fill {number}", made_up(f"{number}.zip", 700, "crash 6"))
        # The list is full: the oldest goes, before the new row or after it.
        oldest = next(row for row in self._rows if row.name == "photos.zip")
        last = made_up("last.zip", 4_096, "crash 7")
        self._upload("with an eviction", last, gone=[oldest],
                     between=(self._rows - {oldest}, self._rows | {last.row()}))
        self._kill()


def record(folder, rounds=2):
    """A new recording, made in `folder`."""
    return Recorder(folder).play(rounds)


def record_start(folder, image):
    """(operations, how many of them stand for the image) of a start on what a crash left."""
    daemon = Traced(folder, http=HTTP, budget=BUDGET)
    image.write_to(daemon.state_dir)
    reader = Reader(daemon.state_dir)
    reader.adopt(image.files, image.folders)
    adopted = len(reader.ops)
    daemon.log_file = daemon.folder / "start.log"
    try:
        daemon.start()
        daemon.wait_asleep()
    finally:
        daemon.kill()
    reader.read(daemon.whole_log())
    return reader.ops, adopted
