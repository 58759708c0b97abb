"""The store as a whole: full, making room, newer versions, deleting, and ten thousand packages."""

import hashlib

import pytest

from tinycot import events, http
from tinycot.marti import Package, Phone, mission_package, stored
from tinycot.pace import SLOW
from tinycot.process import peak_resident_bytes

RAW = "/Marti/sync/upload?name=x.zip&keywords=missionpackage&creatorUid="


def test_a_full_store(start_daemon):
    daemon = start_daemon(budget={"package_store_bytes": 250_000, "package_max_bytes": 200_000})
    phone = Phone(daemon)
    kept = [Package.of_size(100_000) for _ in range(2)]
    for package in kept:
        phone.publish(package)
    assert phone.upload(Package.of_size(100_000)).status == 507
    answer = phone.ask("POST", RAW + "c", [("Transfer-Encoding", "chunked")],
                       http.chunked(Package.of_size(100_000).data, 9_000))
    assert answer.status == 507
    assert phone.listed() == {p.sha256 for p in kept} == stored(daemon)
    assert phone.upload(kept[0]).status == 200, "the same again costs no space"
    small = Package.of_size(40_000)
    assert phone.upload(small).status == 200
    assert stored(daemon) == {p.sha256 for p in (*kept, small)}


def test_the_reserve_of_the_disk(start_daemon):
    daemon = start_daemon(budget={"disk_reserve_bytes": 2**40})
    phone = Phone(daemon)
    assert phone.upload(mission_package()).status == 507
    assert stored(daemon) == set() and phone.get("/Marti/api/version").status == 200


def test_a_full_list(start_daemon):
    daemon = start_daemon(budget={"packages": 3})
    phone = Phone(daemon)
    kept = [mission_package() for _ in range(3)]
    for package in kept:
        phone.publish(package)
    assert phone.upload(mission_package()).status == 507
    assert phone.listed() == {p.sha256 for p in kept} == stored(daemon)
    # One that takes another's place needs no place.
    newer = Package(mission_package().data, kept[0].name)
    assert phone.upload(newer).status == 200
    assert stored(daemon) == {kept[1].sha256, kept[2].sha256, newer.sha256}


def test_the_oldest_gives_way_if_that_is_wanted(start_daemon):
    daemon = start_daemon({"http": {"evict_oldest": True}},
                          {"package_store_bytes": 250_000, "package_max_bytes": 250_000})
    phone = Phone(daemon)
    packages = [Package.of_size(100_000) for _ in range(4)]
    for number, package in enumerate(packages):
        phone.publish(package)
        last_two = {p.sha256 for p in packages[max(0, number - 1):number + 1]}
        assert stored(daemon) == last_two == phone.listed()
    assert phone.content(packages[0]).status in (404, 410)
    assert phone.post_raw(Package.of_size(400_000)).status == 413
    assert len(stored(daemon)) == 2, "nobody gives way to what is refused by its length"


def test_an_announcement_makes_nobody_give_way(start_daemon):
    """A head is cheap: only bytes that have come may push others out."""
    daemon = start_daemon({"http": {"evict_oldest": True}},
                          {"package_store_bytes": 250_000, "package_max_bytes": 250_000})
    phone = Phone(daemon)
    kept = [Package.of_size(100_000) for _ in range(2)]
    for package in kept:
        phone.publish(package)
    for length in (10**12, 400_000, 200_000):
        with http.Connection(daemon.http_port) as link:
            link.request("POST", RAW + "c", [("Content-Length", length)], b"x" * 100)
            if length > 300_000:
                assert link.answer().status in (413, 507)
    assert phone.upload(mission_package(), digest="0" * 64).status == 400
    assert stored(daemon) == {p.sha256 for p in kept} == phone.listed()


def test_what_is_being_read_never_gives_way(start_daemon):
    size = 6_000_000
    daemon = start_daemon({"http": {"evict_oldest": True}},
                          {"package_store_bytes": 2 * size + 9_000, "package_max_bytes": size})
    phone = Phone(daemon)
    oldest, second, third = (Package.of_size(size) for _ in range(3))
    phone.publish(oldest)
    phone.publish(second)
    with http.Connection(daemon.http_port, receive_buffer=4_096) as reader:
        reader.request("GET", f"/Marti/sync/content?hash={oldest.sha256}")
        assert reader.head().status == 200
        assert phone.upload(third).status == 200
        assert stored(daemon) == {oldest.sha256, third.sha256}
        assert reader.piece(size) == oldest.data


def test_a_public_upload_of_what_was_private(daemon):
    """A package was sent to a contact; then somebody puts the same bytes on the server."""
    package = mission_package()
    assert Phone(daemon, events.ALPHA).upload(package).status == 200
    assert Phone(daemon).listed() == set()
    assert Phone(daemon, events.INDIA).post_raw(package).status == 200
    assert Phone(daemon).listed() == {package.sha256}
    # Not the other way round: sending it to a contact again takes it from nobody's list.
    assert Phone(daemon, events.ALPHA).upload(package).status == 200
    assert Phone(daemon).listed() == {package.sha256}


def test_the_same_name_by_the_same_person_is_a_newer_version(daemon):
    alpha, bravo = Phone(daemon, events.ALPHA), Phone(daemon, events.BRAVO)
    old, new, other = (Package(mission_package().data, "plan.zip") for _ in range(3))
    alpha.publish(old)
    bravo.publish(other)
    alpha.publish(new)
    assert alpha.listed() == {new.sha256, other.sha256} == stored(daemon)
    assert alpha.content(old).status in (404, 410)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_deleting_is_off_unless_it_is_wanted(method, start_daemon):
    for wanted in (False, True):
        daemon = start_daemon({"http": {"allow_delete": wanted}})
        phone = Phone(daemon)
        package = mission_package()
        phone.publish(package)
        target = f"/Marti/sync/delete?hash={package.sha256}"
        assert phone.ask(method, target).status == (200 if wanted else 403)
        assert stored(daemon) == phone.listed() == (set() if wanted else {package.sha256})
        assert phone.ask(method, target).status == (404 if wanted else 403)


def test_deleting_by_number(start_daemon):
    daemon = start_daemon({"http": {"allow_delete": True}})
    phone = Phone(daemon)
    one, two = mission_package(), mission_package()
    phone.publish(one)
    phone.publish(two)
    number = next(r["PrimaryKey"] for r in phone.search() if r["Hash"] == one.sha256)
    assert phone.get(f"/Marti/sync/delete?PrimaryKey={number}").status == 200
    assert phone.listed() == {two.sha256} == stored(daemon)


@pytest.mark.native
def test_memory_does_not_follow_the_size(daemon):
    phone = Phone(daemon)
    phone.publish(Package.of_size(1_000_000))
    before = peak_resident_bytes(daemon.pid)
    large = Package.of_size(64_000_000)
    assert phone.ask("POST", RAW + "c", body=large.data, seconds=30 * SLOW).status == 200
    assert phone.content(large).body == large.data
    assert peak_resident_bytes(daemon.pid) - before <= 262_144


def test_ten_thousand_packages_in_the_list(start_daemon):
    """The folder is filled first, so that the daemon has to make its catalogue from it, too."""
    daemon = start_daemon()
    assert daemon.terminate() == 0
    for file in daemon.state_dir.glob("catalogue.db*"):
        file.unlink()
    hashes = set()
    for number in range(9_999):
        data = b"package %d" % number
        digest = hashlib.sha256(data).hexdigest()
        hashes.add(digest)
        (daemon.packages_folder / f"{digest}.zip").write_bytes(data)
    daemon.start()
    daemon.expected_to_end = False
    phone = Phone(daemon)
    package = mission_package("the last one.zip")
    phone.publish(package)
    assert phone.upload(mission_package()).status == 507, "more than the budget has places for"
    rows = phone.search(tool=None)
    assert {row["Hash"] for row in rows} == hashes | {package.sha256} and len(rows) == 10_000
    assert all(row["Name"] and row["UID"] and int(row["Size"]) > 0 for row in rows)
    public = phone.search()
    assert len({row["Hash"] for row in public}) == len(public)
    assert package.sha256 in {row["Hash"] for row in public}
