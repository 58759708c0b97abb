"""Team walls over HTTP: what an asker may see follows the teams of the CoT connections from its
address. Content by hash is a capability: whoever knows the hash may have it.

127.0.0.2 is blue, 127.0.0.3 red, 127.0.0.4 the umpire who sees all, 127.0.0.9 a stranger.
"""

import xml.etree.ElementTree as ET

import pytest

from tinycot import events
from tinycot.daemon import free_port
from tinycot.marti import Package, Phone, mission_package

BLUE = events.Person("ANDROID-0000000000000b01", "BLUE ONE", "Blue")
RED = events.Person("ANDROID-0000000000000e01", "RED ONE", "Red")
UMPIRE = events.Person("ANDROID-0000000000000f01", "UMPIRE", "White")
STRANGER = events.Person("ANDROID-0000000000000901", "STRANGER", "Green")
SOURCES = {"blue": "127.0.0.2", "red": "127.0.0.3", "umpire": "127.0.0.4", None: "127.0.0.9"}


class Field:
    """Two teams that must not know of each other, and an umpire."""

    def __init__(self, start_daemon, crowd, **http_options):
        self.crowd = crowd
        ports = {name: free_port() for name in ("lobby", "blue", "red", "umpire")}
        self.cot_ports = ports
        self.daemon = start_daemon({
            "cot": {"listen": [f"127.0.0.1:{ports['lobby']}"]},
            "teams": [
                {"name": "lobby", "default": True},
                {"name": "blue", "listen": [f"127.0.0.1:{ports['blue']}"]},
                {"name": "red", "listen": [f"127.0.0.1:{ports['red']}"]},
                {"name": "umpire", "listen": [f"127.0.0.1:{ports['umpire']}"],
                 "sees": ["lobby", "blue", "red"]}],
            "http": http_options})
        self.clients = {
            name: crowd.join(ports[name], person, source=SOURCES[name])
            for name, person in (("blue", BLUE), ("red", RED), ("umpire", UMPIRE))}
        for client in self.clients.values():
            crowd.answer(client)
        self.blue = Phone(self.daemon, BLUE, SOURCES["blue"])
        self.red = Phone(self.daemon, RED, SOURCES["red"])
        self.umpire = Phone(self.daemon, UMPIRE, SOURCES["umpire"])
        self.stranger = Phone(self.daemon, STRANGER, SOURCES[None])


@pytest.fixture
def field(start_daemon, crowd):
    return Field(start_daemon, crowd)


def uids(phone, path):
    document = phone.get(path).json()
    rows = document["data"] if isinstance(document, dict) else document
    return {row["uid"] for row in rows}


@pytest.mark.parametrize("path", ["/Marti/api/clientEndPoints", "/Marti/api/contacts/all"])
def test_who_is_there(path, field):
    assert uids(field.blue, path) == {BLUE.uid}
    assert uids(field.red, path) == {RED.uid}
    assert uids(field.umpire, path) == {BLUE.uid, RED.uid, UMPIRE.uid}
    assert uids(field.stranger, path) == set()


def test_events_and_positions(field):
    field.clients["blue"].send(events.marker("blue marker"))
    field.crowd.answer(field.clients["blue"])

    def positions(phone):
        answer = phone.get("/Marti/api/cot/sa")
        assert answer.status == 200
        return {e.get("uid") for e in ET.fromstring(answer.body).iter("event")}

    assert positions(field.blue) == {BLUE.uid}
    assert positions(field.red) == {RED.uid}
    assert positions(field.umpire) == {BLUE.uid, RED.uid, UMPIRE.uid}
    assert positions(field.stranger) == set()
    for target in ("blue%20marker", BLUE.uid):
        statuses = [phone.get(f"/Marti/api/cot/xml/{target}").status
                    for phone in (field.blue, field.red, field.umpire, field.stranger)]
        assert statuses == [200, 404, 200, 404]


def test_lists_are_the_team_s_own(field):
    ours, theirs = mission_package("ours.zip"), mission_package("theirs.zip")
    field.blue.publish(ours)
    assert field.red.post_raw(theirs).status == 200
    for tool in ("public", None):
        assert field.blue.listed(tool) == {ours.sha256}
        assert field.red.listed(tool) == {theirs.sha256}
        assert field.umpire.listed(tool) == {ours.sha256, theirs.sha256}
        assert field.stranger.listed(tool) == set()
    field.daemon.restart()
    for name in ("blue", "red"):
        field.crowd.answer(field.crowd.join(
            field.cot_ports[name], {"blue": BLUE, "red": RED}[name], source=SOURCES[name]))
    assert field.blue.listed() == {ours.sha256}
    assert field.red.listed() == {theirs.sha256}


def test_a_hash_opens_every_door(field):
    package = mission_package()
    field.blue.publish(package)
    for phone in (field.red, field.stranger, field.umpire):
        assert phone.content(package).body == package.data
        assert phone.query(package).status == 200
    # A refusal would tell the other team that somebody has it; and the bytes are there once.
    assert field.red.upload(package).status == 200


def test_another_team_cannot_change_what_is_ours(field):
    package = mission_package("ours.zip")
    field.blue.publish(package)
    for phone in (field.red, field.stranger):
        assert phone.set_tool(package, "private").status == 404
        assert phone.get(f"/Marti/api/sync/metadata/{package.sha256}/tool").status == 404
        answer = phone.post_raw(package, name="stolen.zip")
        assert answer.status == 200
        told = answer.json()
        assert told["Hash"] == package.sha256 and told["Name"] == "stolen.zip"
        assert told["CreatorUid"] == phone.person.uid
        assert b"BLUE" not in answer.body and BLUE.uid.encode() not in answer.body
    row, = field.blue.search()
    assert row["Hash"] == package.sha256 and row["Name"] == "ours.zip"


def test_another_team_cannot_delete_what_is_ours(start_daemon, crowd):
    field = Field(start_daemon, crowd, allow_delete=True)
    package = mission_package("ours.zip")
    field.blue.publish(package)
    number = field.blue.search()[0]["PrimaryKey"]
    for phone in (field.red, field.stranger):
        for target in (f"hash={package.sha256}", f"PrimaryKey={number}"):
            assert phone.get(f"/Marti/sync/delete?{target}").status == 404
    assert field.blue.listed() == {package.sha256}
    assert field.blue.get(f"/Marti/sync/delete?PrimaryKey={number}").status == 200
    assert field.blue.listed() == set()


def test_who_leaves_sees_nothing_any_more(field):
    package = mission_package()
    field.blue.publish(package)
    assert field.blue.listed() == {package.sha256}
    field.clients["blue"].close()
    field.crowd.wait_until(lambda: field.daemon.status().by_uid(BLUE.uid) is None, "the end")
    assert field.blue.listed() == set()
    assert uids(field.blue, "/Marti/api/contacts/all") == set()
    assert uids(field.red, "/Marti/api/clientEndPoints") == {RED.uid}
    assert uids(field.umpire, "/Marti/api/clientEndPoints") == {BLUE.uid, RED.uid, UMPIRE.uid}
    assert uids(field.umpire, "/Marti/api/contacts/all") == {RED.uid, UMPIRE.uid}


def test_an_address_with_people_of_two_teams_sees_both(field):
    field.crowd.answer(field.crowd.join(
        field.cot_ports["red"], events.Person("second-red", "RED TWO"), source=SOURCES["blue"]))
    ours, theirs = Package.of_size(100), Package.of_size(101)
    field.red.publish(theirs)
    field.blue.publish(ours)
    assert theirs.sha256 in field.blue.listed()
    assert uids(field.blue, "/Marti/api/contacts/all") == {BLUE.uid, RED.uid, "second-red"}
    # BLUE ONE said by its uid who it is, so the package is blue's.
    assert ours.sha256 in field.blue.listed() and ours.sha256 not in field.red.listed()


def test_what_a_stranger_uploads_is_nobody_s(field):
    package = mission_package()
    assert field.stranger.post_raw(package).status == 200
    for phone in (field.blue, field.red, field.stranger):
        assert package.sha256 not in phone.listed()
        assert phone.content(package).body == package.data


def test_claiming_another_s_uid_gains_nothing(field):
    """Whoever knows the uid of a blue phone is still where they are."""
    package = mission_package()
    liar = Phone(field.daemon, BLUE, SOURCES["red"])
    liar.publish(package)
    assert field.blue.listed() == set()
    assert field.red.listed() == {package.sha256}


def announced(client, package):
    return [e for e in client.received if package.sha256.encode() in e.raw]


def test_a_public_upload_is_announced_to_the_team(start_daemon, crowd):
    field = Field(start_daemon, crowd, announce_uploads=True)
    second = crowd.join(field.cot_ports["blue"], events.Person("blue-2", "BLUE TWO"))
    crowd.answer(second)
    package = mission_package("news.zip")
    field.blue.publish(package)
    crowd.wait_until(lambda: announced(second, package), "the announcement")
    crowd.wait_until(lambda: announced(field.clients["umpire"], package), "the umpire's")
    crowd.fence(second, [field.clients["blue"], field.clients["umpire"]])
    crowd.answer(field.clients["red"])
    assert announced(field.clients["red"], package) == []
    event = ET.fromstring(announced(second, package)[0].raw)
    share = event.find("detail/fileshare")
    assert event.get("type") == "b-f-t-r" and share.get("sha256") == package.sha256
    assert share.get("sizeInBytes") == str(package.size)
    assert share.get("filename") == "news.zip"
    assert share.get("senderUrl").endswith(f"/Marti/sync/content?hash={package.sha256}")
    assert len(announced(second, package)) == 1
    # What goes to contacts is not announced, nor what is already public, and nobody of another
    # team can have it announced again.
    assert field.red.post_raw(package).status == 200
    private = mission_package("private.zip")
    assert field.blue.upload(private).status == 200
    assert field.blue.set_tool(private, "private").status == 200
    assert field.blue.set_tool(package, "public").status == 200
    crowd.fence(field.clients["blue"], [second])
    assert announced(second, private) == [] and len(announced(second, package)) == 1


def test_nothing_is_announced_unless_it_is_wanted(field):
    second = field.crowd.join(field.cot_ports["blue"], events.Person("blue-2", "BLUE TWO"))
    field.crowd.answer(second)
    package = mission_package()
    field.blue.publish(package)
    field.crowd.fence(field.clients["blue"], [second])
    assert announced(second, package) == []


def test_without_teams_everybody_is_told(start_daemon, crowd):
    daemon = start_daemon({"http": {"announce_uploads": True}})
    listener = crowd.join(daemon.port, BLUE)
    crowd.answer(listener)
    package = mission_package("it's \"quoted\" & <marked> 🚁.zip")
    assert Phone(daemon, STRANGER, SOURCES[None]).post_raw(package).status == 200
    crowd.wait_until(lambda: announced(listener, package), "the announcement")
    share = ET.fromstring(announced(listener, package)[0].raw).find("detail/fileshare")
    assert share.get("filename") == package.name
