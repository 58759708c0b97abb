"""Bounds of the store that several requests together could step over."""

import signal

from tinycot import events, http
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


def test_a_connection_does_not_outlive_its_permission(daemon):
    with http.Connection(daemon.http_port) as link:
        link.request("GET", "/Marti/api/version")
        assert link.answer().status == 200
        daemon.write_config({**daemon.config, "allow": ["10.0.0.0/8"]})
        daemon.signal(signal.SIGHUP)
        daemon.wait_log("reloaded")
        # The store takes the settings a moment after the relay.
        for _ in range(500):
            link.request("GET", "/Marti/api/version")
            answer = link.answer()
            if answer.status != 200:
                break
        assert answer.status == 403 and not answer.stays_open
        link.expect_end()


def test_what_clients_put_into_xml_is_no_page_of_ours(daemon, crowd):
    client = crowd.join(daemon.port, events.ALPHA)
    client.send(events.marker("page", '<script xmlns="http://www.w3.org/1999/xhtml">1</script>'))
    crowd.answer(client)
    phone = Phone(daemon)
    for target in ("/Marti/api/cot/xml/page", "/Marti/api/cot/sa", "/Marti/vcm"):
        answer = phone.get(target)
        assert answer.status == 200
        assert answer.field("Content-Security-Policy") == "sandbox"
        assert answer.field("X-Content-Type-Options") == "nosniff"


def test_the_longest_head_of_a_download(daemon):
    """The name and the type that take most room in the head of the answer."""
    package = Package.of_size(1_000)
    phone = Phone(daemon)
    kind = "a/" + "b" * 118
    assert phone.ask("POST", "/Marti/sync/upload?name=" + "%25" * 200,
                     [("Content-Type", kind)], package.data).status == 200
    answer = phone.content(package, fields=[("Range", "bytes=0-998")])
    assert answer.status == 206 and answer.body == package.data[:999]
    assert answer.field("Content-Type") == kind


def test_a_host_that_no_address_has_room_for(daemon):
    """The answer is an address or a refusal, and never a piece of one."""
    package = Package.of_size(1_000)
    phone = Phone(daemon)
    phone.publish(package)
    host = "h" * 5_000
    with http.Connection(daemon.http_port) as link:
        link.request("GET", f"/Marti/sync/missionquery?hash={package.sha256}", host=host)
        answer = link.answer()
        assert answer.status == 400 or host in answer.text
