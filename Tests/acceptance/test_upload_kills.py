"""kill -9 at every system call of the store while it serves one request, then a fresh start.

The requests are those that change what is kept: uploads of several kinds, the PUT of the tool, a
delete. One run counts the calls that the store thread makes; then the daemon is started again and
again on the same state folder, and killed as it enters the first, second, ... call of each name.
After each kill a daemon without strace is started on what is left. What must be true then:

- A request that was answered (the client had the whole 200) is done: its package is listed under
  its name, and its bytes are the ones that were sent, on the disk and when downloaded.
- A request whose row had not begun to be written (no call that writes to the catalogue's journal)
  has done nothing: its package is not listed.
- In between, from the first byte of the row to the last byte of the answer, a kill cannot undo what
  the disk has, so either is right: done or not done, but nothing half, and if listed then whole.
- What was there before is still there. No temporary, no file without its row, no row without
  its file. The catalogue was not given up and made anew.
- The same request afterwards is answered 200 and done.
"""

import shutil
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tinycot import uploads
from tinycot.figures import note
from tinycot.pace import PROMPT_SECONDS
from tinycot.storage import StoreDaemon, check_clean, check_listed, check_start
from tinycot.tracing import Tracer
from tinycot.uploads import PUBLIC, made_up

pytestmark = pytest.mark.native

FIRST = made_up("first.zip", 30_000, 1)
SECOND = made_up("second.zip", 1, 2)
NEW = made_up("new.zip", 200_000, 3)
SUCCESSOR = made_up("first.zip", 70_000, 4)
AGAIN = uploads.Package("another name.zip", FIRST.content)
BEFORE = frozenset({FIRST.row(), SECOND.row()})


@dataclass(frozen=True)
class Request:
    """A request that changes the list: from BEFORE over steps, if there are any, to `after`."""

    name: str
    send: object
    after: frozenset
    steps: tuple = ()
    # What the list may also be after the request was repeated on one of the steps.
    repeated: tuple = ()
    # Is there a new file to be brought to the disk?
    brings_file: bool = True
    http: dict = field(default_factory=dict)
    budget: dict = field(default_factory=dict)

    def __str__(self):
        return self.name


REQUESTS = [
    Request("a new package", lambda port: uploads.upload(port, NEW), BEFORE | {NEW.row()}),
    Request("a raw one", lambda port: uploads.upload_raw(port, NEW), BEFORE | {NEW.row(PUBLIC)}),
    Request("in place of the old", lambda port: uploads.upload(port, SUCCESSOR),
            frozenset({SUCCESSOR.row(), SECOND.row()})),
    Request("the same bytes again", lambda port: uploads.upload(port, AGAIN),
            frozenset({AGAIN.row(), SECOND.row()}), brings_file=False),
    Request("with an eviction", lambda port: uploads.upload(port, NEW),
            frozenset({SECOND.row(), NEW.row()}),
            # The old one goes before the new one's row or after it. A kill in between may leave
            # one more than `packages`, until the next one that is new.
            steps=(frozenset({SECOND.row()}), BEFORE | {NEW.row()}),
            repeated=(BEFORE | {NEW.row()},), http={"evict_oldest": True}, budget={"packages": 2}),
    Request("the tool", lambda port: uploads.set_tool(port, FIRST, PUBLIC),
            frozenset({FIRST.row(PUBLIC), SECOND.row()}), brings_file=False),
    Request("a delete", lambda port: uploads.delete(port, FIRST), frozenset({SECOND.row()}),
            brings_file=False),
]


def is_of_the_row(call):
    """Does this call write a part of a row?"""
    return call.name in ("write", "pwrite64") and "catalogue.db-wal>" in call.arguments


class Killing:
    """One request, on the same state folder again and again."""

    def __init__(self, folder, request):
        self.request = request
        self.daemon = StoreDaemon(folder / "daemon", http=request.http, budget=request.budget)
        self._log = folder / "strace.log"
        self._base = folder / "base"

    def prepare(self):
        """The packages that are there before, left by a daemon that was killed itself."""
        self.daemon.start()
        for package in (FIRST, SECOND):
            assert uploads.upload(self.daemon.http_port, package).status == 200
        self.daemon.kill()
        shutil.copytree(self.daemon.state_dir, self._base)

    def run(self, *injection):
        """(answer, calls) of one run; the daemon is dead afterwards."""
        self.daemon.start_on(self._base)
        with Tracer(self.daemon.pid, self._log, "-e", "trace=all", *injection) as tracer:
            answer = self.request.send(self.daemon.http_port)
            if answer is None:
                # The connection went with the process.
                self.daemon.process.wait(PROMPT_SECONDS)
            else:
                # What is done after the answer is done before the next one.
                uploads.ask(self.daemon.http_port, "GET", "/Marti/api/version")
            tracer.stop()
            calls = tracer.calls()
        self.daemon.kill()
        return answer, calls

    def allowed(self, answer, calls):
        if answer is not None:
            assert answer.status == 200, answer
            return [self.request.after]
        if not any(is_of_the_row(call) for call in calls):
            return [BEFORE]
        return [BEFORE, *self.request.steps, self.request.after]

    def check(self, allowed):
        """A fresh start, and the same request once more. What the fresh start listed."""
        self.daemon.start()
        rows = check_start(self.daemon, allowed)
        if self.request.name != "a delete" or rows != self.request.after:
            answer = self.request.send(self.daemon.http_port)
            assert answer is not None and answer.status == 200, answer
        after = check_listed(self.daemon, [self.request.after, *self.request.repeated])
        check_clean(self.daemon, after)
        self.daemon.kill()
        return rows


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_a_kill_at_every_call_loses_nothing_that_was_answered(tmp_path, request_):
    killing = Killing(tmp_path, request_)
    try:
        killing.prepare()
        answer, calls = killing.run()
        assert answer is not None, "not answered under strace:\n" + "\n".join(map(str, calls))
        assert any(is_of_the_row(call) for call in calls), "strace saw no row being written"
        killing.check(killing.allowed(answer, calls))
        seen = Counter()
        outcomes = Counter()
        for call in calls:
            seen[call.name] += 1
            point = f"{call.name} number {seen[call.name]}"
            answer, happened = killing.run(
                "-e", f"inject={call.name}:signal=KILL:when={seen[call.name]}")
            try:
                rows = killing.check(killing.allowed(answer, happened))
            except AssertionError as failure:
                last = "\n".join(map(str, happened[-12:]))
                raise AssertionError(f"killed at {point}: {failure}\n{last}") from failure
            kept = "done" if rows == request_.after else "not done"
            outcomes["answered" if answer else f"unanswered and {kept}"] += 1
    finally:
        killing.daemon.kill()
    note(f"kill -9 during {request_}: {sum(outcomes.values())} calls, "
         + ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items())))
    # Otherwise nothing was killed, or nothing before the row, or nothing between row and answer.
    assert outcomes["unanswered and not done"] > 3 and outcomes["unanswered and done"] > 0
