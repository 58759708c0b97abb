"""The size of a package is no part of the daemon's memory: it flows through fixed buffers."""

import pytest

from tinycot import uploads
from tinycot.figures import note
from tinycot.process import peak_resident_bytes, resident_bytes
from tinycot.storage import StoreDaemon
from tinycot.uploads import made_up

pytestmark = pytest.mark.native

SIZE_BYTES = 64 << 20
MOVE_BYTES = 256 * 1024


def test_a_large_package_leaves_the_memory_where_it_is(tmp_path):
    daemon = StoreDaemon(tmp_path / "daemon").start()
    try:
        package = made_up("large.zip", SIZE_BYTES, "memory")
        # What the daemon gives back after its start, pages of its own file, it fetches again for the
        # first package: that has nothing to do with size.
        small = made_up("small.zip", 4_096, "first")
        assert uploads.upload(daemon.http_port, small).status == 200
        assert uploads.download(daemon.http_port, small).body == small.content
        assert uploads.upload_raw(daemon.http_port, small).status == 200
        idle = resident_bytes(daemon.pid)
        assert uploads.upload(daemon.http_port, package, seconds=60).status == 200
        after_upload = peak_resident_bytes(daemon.pid)
        for _ in range(2):
            answer = uploads.download(daemon.http_port, package, seconds=60)
            assert answer.status == 200 and answer.body == package.content
        assert uploads.upload_raw(daemon.http_port, package, seconds=60).status == 200
        peak = peak_resident_bytes(daemon.pid)
        note(f"a package of {SIZE_BYTES >> 20} MiB: {idle // 1024} KiB idle, at most "
             f"{after_upload // 1024} KiB during the upload, {peak // 1024} KiB in all")
        assert peak - idle <= MOVE_BYTES
        daemon.finish()
    finally:
        daemon.kill()
