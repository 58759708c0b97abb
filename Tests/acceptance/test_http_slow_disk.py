"""A card that takes its time: what the store waited for is not the fault of its clients."""

import pytest

from tinycot import http
from tinycot.marti import Package, Phone, form_type, multipart
from tinycot.tracing import Tracer

pytestmark = pytest.mark.native

# Longer than a connection may idle.
SYNC_SECONDS = 2


def test_who_waited_for_the_disk_has_not_idled(start_daemon, tmp_path):
    """ATAK makes the package public over the connection that it uploaded it with."""
    daemon = start_daemon({"http": {"idle_seconds": 1}})
    package = Package.of_size(5_000)
    target = f"/Marti/sync/missionupload?hash={package.sha256}&filename=a.zip&creatorUid=c"
    with Tracer(daemon.pid, tmp_path / "log", "-e", "trace=fsync",
                "-e", f"inject=fsync:delay_enter={SYNC_SECONDS}s:when=1") as tracer:
        with http.Connection(daemon.http_port) as link:
            link.request("POST", target, [form_type()], multipart(package.data, "a.zip"))
            assert link.answer().status == 200
            assert link.is_silent(0.3)
            link.request("PUT", f"/Marti/api/sync/metadata/{package.sha256}/tool", body=b"public")
            assert link.answer().status == 200
        tracer.stop()
        assert [call for call in tracer.calls() if call.name == "fsync"]


def test_a_list_of_videos_is_one_write(daemon, tmp_path):
    """Whatever is in it: a card needs its time for each sync, and everybody waits for it."""
    feeds = "".join(
        f"<feed><protocol>rtsp</protocol><alias>a</alias><uid>u{number}</uid>"
        f"<address>10.0.0.1</address><port>554</port><path>/</path></feed>" for number in range(60))
    phone = Phone(daemon)
    with Tracer(daemon.pid, tmp_path / "log", "-e", "trace=fsync,fdatasync") as tracer:
        answer = phone.ask(
            "POST", "/Marti/vcm", body=f"<videoConnections>{feeds}</videoConnections>".encode())
        assert answer.status == 200
        tracer.stop()
        # The journal may be new, and full.
        assert 1 <= len(tracer.calls()) <= 6
    assert phone.get("/Marti/vcm").body.count(b"<feed>") == 60
