"""Bounds of the store that several requests together could step over."""

from tinycot import http
from tinycot.marti import Package, Phone, stored
from tinycot.pace import wait_for


def target(name):
    return f"/Marti/sync/upload?name={name}&keywords=missionpackage&creatorUid=c"


def test_uploads_at_the_same_time_share_the_bytes_of_a_day(start_daemon):
    daemon = start_daemon(budget={"upload_bytes_per_address_per_day": 300_000})
    packages = [Package.of_size(200_000) for _ in range(2)]
    links = [http.Connection(daemon.http_port) for _ in packages]
    for link, package in zip(links, packages):
        link.request("POST", target(package.sha256), [("Content-Length", package.size)])
    wait_for(lambda: daemon.status().pools["uploads"]["used"] == 2, 5, "both have begun")
    statuses = []
    for link, package in zip(links, packages):
        link.send_while_taken(package.data)
        statuses.append(link.answer().status)
    assert statuses == [200, 507]
    assert stored(daemon) == {packages[0].sha256}


def test_what_takes_a_listing_s_place_is_bounded_too(start_daemon):
    """A small package of each name first, then a large one in its place."""
    daemon = start_daemon(
        {"http": {"evict_oldest": True}},
        {"package_max_bytes": 200_000, "package_store_bytes": 400_000})
    phone = Phone(daemon)
    last = None
    for size in (10, 150_000):
        for name in ("a.zip", "b.zip", "c.zip"):
            last = Package.of_size(size)
            assert phone.ask("POST", target(name), body=last.data).status == 200
    files = list(daemon.packages_folder.iterdir())
    assert sum(file.stat().st_size for file in files) <= 400_000
    assert last.sha256 in stored(daemon) and phone.listed() == stored(daemon)
