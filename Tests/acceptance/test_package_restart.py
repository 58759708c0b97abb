"""What survives the end of the daemon: everything that was answered, and nothing else."""

import hashlib
import os
import shutil
import sqlite3

import pytest

from tinycot import events, http
from tinycot.client import gather
from tinycot.marti import Package, Phone, mission_package, stored
from tinycot.pace import wait_for

RAW = "/Marti/sync/upload?name=x.zip&keywords=missionpackage&creatorUid=c"
ENDS = pytest.mark.parametrize("killed", [False, True], ids=["SIGTERM", "SIGKILL"])


def without_times(rows):
    return sorted((r["Hash"], r["Name"], r["CreatorUid"], r["Tool"], r["Size"],
                   r["SubmissionDateTime"], r["PrimaryKey"]) for r in rows)


@ENDS
def test_packages_survive(killed, daemon):
    phone = Phone(daemon)
    packages = [mission_package() for _ in range(5)]
    for package in packages[:3]:
        phone.publish(package)
    assert phone.post_raw(packages[3]).status == 200
    assert phone.upload(packages[4]).status == 200
    before = without_times(phone.search(tool=None))
    assert len(before) == 5
    for _ in range(2):
        daemon.restart(killed)
        assert without_times(phone.search(tool=None)) == before
        assert phone.listed() == {p.sha256 for p in packages[:4]}
        for package in packages:
            assert phone.content(package).body == package.data
            assert phone.query(package).text == phone.address(package)
    assert stored(daemon) == {p.sha256 for p in packages}


@ENDS
def test_an_upload_that_was_cut_off_leaves_nothing(killed, daemon):
    package = Package.of_size(400_000)
    link = http.Connection(daemon.http_port)
    link.request("POST", RAW, [("Content-Length", package.size)], package.data[:300_000])
    wait_for(lambda: list(daemon.packages_folder.iterdir()), 5, "the temporary")
    daemon.restart(killed)
    link.close()
    # The answer comes when the folder was looked through, so it is asked first.
    assert Phone(daemon).search(tool=None) == []
    assert stored(daemon) == set()


@pytest.fixture
def stopped(daemon):
    """A daemon that has three packages and is not running; and what it has."""
    phone = Phone(daemon)
    packages = [mission_package() for _ in range(3)]
    for package in packages:
        phone.publish(package)
    assert daemon.terminate() == 0
    return daemon, phone, packages


def start_again(daemon):
    daemon.start()
    daemon.expected_to_end = False


def test_orphans_and_temporaries_are_collected(stopped):
    daemon, phone, packages = stopped
    orphan = Package.of_size(5_000)
    (daemon.packages_folder / f"{orphan.sha256}.zip").write_bytes(orphan.data)
    (daemon.packages_folder / "tmp-0123456789abcdef").write_bytes(b"half")
    strange = daemon.packages_folder / "holiday.jpg"
    strange.write_bytes(b"somebody's own")
    start_again(daemon)
    assert phone.listed() == {p.sha256 for p in packages}
    assert strange.read_bytes() == b"somebody's own", "what is not ours is left alone"
    strange.unlink()
    assert stored(daemon) == {p.sha256 for p in packages}
    assert phone.content(orphan).status == 404


def remove(file):
    for path in file.parent.glob(file.name + "*"):
        path.unlink()


def garbage(file):
    file.write_bytes(os.urandom(40_000))


def truncated(file):
    with open(file, "r+b") as opened:
        opened.truncate(4_096 + 100)


def empty(file):
    file.write_bytes(b"")


def torn(file):
    """A page in the middle is gone, as an SD card loses it."""
    with open(file, "r+b") as opened:
        opened.seek(4_096)
        opened.write(b"\xff" * 4_096)


@pytest.mark.parametrize("harm", [remove, garbage, truncated, empty, torn],
                         ids=lambda h: h.__name__)
def test_a_catalogue_that_is_gone_or_broken_is_made_anew(harm, stopped):
    daemon, phone, packages = stopped
    harm(daemon.catalogue_file)
    start_again(daemon)
    hashes = {p.sha256 for p in packages}
    rows = phone.search(tool=None)
    assert {r["Hash"] for r in rows} == hashes == stored(daemon)
    assert {r["Size"] for r in rows} == {str(p.size) for p in packages}
    assert all(r["Name"] and r["SubmissionDateTime"] for r in rows)
    for package in packages:
        assert phone.content(package).body == package.data
    if harm in (garbage, torn):
        assert list(daemon.state_dir.glob("catalogue.broken*")), "set aside, not thrown away"
    newer = mission_package()
    phone.publish(newer)
    daemon.restart(killed=True)
    assert phone.listed(tool=None) == hashes | {newer.sha256}


def test_a_file_that_is_gone_is_noticed_at_start(stopped):
    daemon, phone, packages = stopped
    (daemon.packages_folder / f"{packages[0].sha256}.zip").unlink()
    (daemon.packages_folder / f"{packages[1].sha256}.zip").write_bytes(b"short")
    start_again(daemon)
    assert phone.listed() == {packages[2].sha256} == stored(daemon)
    for package in packages[:2]:
        assert phone.content(package).status in (404, 410)
        assert phone.query(package).status == 404


def test_a_file_that_vanishes_while_it_runs(daemon):
    phone = Phone(daemon)
    package, other = mission_package(), mission_package()
    phone.publish(package)
    phone.publish(other)
    (daemon.packages_folder / f"{package.sha256}.zip").unlink()
    assert phone.content(package).status in (404, 410)
    assert phone.listed() == {other.sha256}, "the row is repaired"
    assert phone.query(package).status == 404
    phone.publish(package)
    assert phone.content(package).body == package.data


def test_a_catalogue_of_the_future_is_left_alone(stopped, crowd):
    """A newer program has been here: its packages are not ours to guess at; the relay goes on."""
    daemon, phone, packages = stopped
    with sqlite3.connect(daemon.catalogue_file) as database:
        database.execute("PRAGMA user_version=1000")
    database.close()
    before = hashlib.sha256(daemon.catalogue_file.read_bytes()).hexdigest()
    start_again(daemon)
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    crowd.fence_all([alpha, bravo])
    for answer in (phone.content(packages[0]), phone.query(packages[0]),
                   phone.upload(packages[0]), phone.get("/Marti/sync/search")):
        assert answer.status == 503, answer
    assert phone.get("/Marti/api/version").status == 200
    assert phone.get("/Marti/api/contacts/all").status == 200
    assert stored(daemon) == {p.sha256 for p in packages}
    daemon.terminate()
    assert hashlib.sha256(daemon.catalogue_file.read_bytes()).hexdigest() == before


def test_a_folder_that_cannot_be_had(start_daemon, crowd):
    """Something else lies where the packages should be: the relay does not need them."""
    daemon = start_daemon()
    assert daemon.terminate() == 0
    shutil.rmtree(daemon.packages_folder)
    daemon.packages_folder.write_text("a file")
    try:
        start_again(daemon)
    except AssertionError:
        # Refusing to start is an honest answer, too, if it says why.
        assert "packages" in daemon.log()
        daemon.expected_to_end = True
        return
    gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    assert Phone(daemon).upload(mission_package()).status in (500, 503)


def test_a_second_daemon_keeps_off_the_same_state(daemon, start_daemon, tmp_path):
    package = mission_package()
    Phone(daemon).publish(package)
    second = tmp_path / "daemon-2"
    second.mkdir()
    (second / "state").symlink_to(daemon.state_dir)
    try:
        other = start_daemon()
    except AssertionError as refusal:
        assert str(second / "state") in str(refusal), "it says which folder is taken"
    else:
        assert Phone(other).upload(mission_package()).status == 503
    assert Phone(daemon).listed() == {package.sha256} == stored(daemon)
    assert Phone(daemon).content(package).body == package.data
