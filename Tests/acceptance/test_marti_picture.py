"""What the HTTP API tells of the people and the picture: client endpoints, contacts, events and
video feeds. Callsigns are hostile input; one of them must not break a list for everybody."""

import json
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta, timezone
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest

from tinycot import events
from tinycot.client import gather
from tinycot.infoset import infoset
from tinycot.marti import Phone
from tinycot.pace import wait_for

ALPHA, BRAVO = events.ALPHA, events.BRAVO
HOSTILE = [
    events.Person("uid-quotes", 'A"},{"callsign":"X'),
    events.Person("uid-slash", "back\\slash\\u0022"),
    events.Person("uid-markup", "<b>&amp;'</b>"),
    events.Person("uid-emoji", "🚑 救急 Łódź"),
    events.Person("uid-bidi", "\u202eEVIL\u202c\u2028line"),
    events.Person("uid \"'<>&", "uid is hostile"),
    events.Person("uid-del", "delete\x7f\u0085"),
]


def endpoints(phone):
    answer = phone.get("/Marti/api/clientEndPoints")
    assert answer.status == 200
    document = answer.json()
    assert document["type"] == "com.bbn.marti.remote.ClientEndpoint"
    return document["data"]


def contacts(phone):
    answer = phone.get("/Marti/api/contacts/all")
    assert answer.status == 200
    return answer.json()


@pytest.mark.right_clock
def test_who_is_connected(daemon, crowd):
    gather(crowd, daemon.port, [ALPHA, BRAVO])
    crowd.connect(daemon.port)
    phone = Phone(daemon)
    rows = {row["uid"]: row for row in endpoints(phone)}
    assert set(rows) == {ALPHA.uid, BRAVO.uid}, "who has no name is not listed"
    row = rows[ALPHA.uid]
    assert row["callsign"] == ALPHA.callsign and row["lastStatus"] == "Connected"
    assert row["team"] == "Cyan" and row["role"] == "Team Member"
    assert isinstance(row["username"], str)
    heard = events.moment_of(row["lastEventTime"])
    assert abs(datetime.now(timezone.utc) - heard) < timedelta(minutes=5)

    people = {person["uid"]: person for person in contacts(phone)}
    assert set(people) == {ALPHA.uid, BRAVO.uid}
    person = people[ALPHA.uid]
    assert set(person) == {"filterGroups", "notes", "callsign", "team", "role", "takv", "uid"}
    assert (person["callsign"], person["team"], person["role"]) == ("ALPHA", "Cyan", "Team Member")
    assert "ATAK-CIV" in person["takv"]


def test_who_has_left_is_not_connected(daemon, crowd):
    alpha, _ = gather(crowd, daemon.port, [ALPHA, BRAVO])
    alpha.close()
    wait_for(lambda: len(daemon.status().clients) == 1, 5, "the departure")
    rows = {row["uid"]: row["lastStatus"] for row in endpoints(Phone(daemon))}
    assert rows == {BRAVO.uid: "Connected", ALPHA.uid: "Disconnected"}
    assert {person["uid"] for person in contacts(Phone(daemon))} == {BRAVO.uid}


def test_no_callsign_can_break_a_list(daemon, crowd):
    """Whoever the relay takes in must appear exactly as they called themselves."""
    gather(crowd, daemon.port, [ALPHA])
    for person in HOSTILE:
        crowd.answer(crowd.join(daemon.port, person))
    taken_in = {c.uid: c.callsign for c in daemon.status().clients if c.identified}
    assert len(taken_in) > 5
    phone = Phone(daemon)
    for rows in (endpoints(phone), contacts(phone)):
        assert {row["uid"]: row["callsign"] for row in rows} == taken_in
    for person in HOSTILE:
        if person.uid in taken_in:
            assert taken_in[person.uid] == person.callsign


def test_a_control_character_as_an_entity(daemon, crowd):
    alpha = crowd.connect(daemon.port, person=ALPHA)
    alpha.send(ALPHA.position().replace(b'callsign="ALPHA"', b'callsign="AL&#10;&#9;PHA&#13;"'))
    crowd.answer(alpha)
    phone = Phone(daemon)
    for rows in (endpoints(phone), contacts(phone)):
        for row in rows:
            assert "\n" not in json.dumps(row)
            assert row["callsign"].replace("\n", "").replace("\t", "").strip() \
                .replace(" ", "") == "ALPHA"


def test_more_people_than_one_page(start_daemon, crowd):
    daemon = start_daemon()
    people = [events.somebody(number) for number in range(100)]
    for person in people:
        crowd.join(daemon.port, person)
    crowd.wait_until(
        lambda: sum(c.identified for c in daemon.status().clients) == 100, "a hundred names", 20)
    phone = Phone(daemon)
    for rows in (endpoints(phone), contacts(phone)):
        assert sorted(row["uid"] for row in rows) == sorted(person.uid for person in people)
    positions = ET.fromstring(phone.get("/Marti/api/cot/sa").body)
    assert sorted(e.get("uid") for e in positions.iter("event")) == \
        sorted(person.uid for person in people)


# Events

def test_the_latest_event_of_one_uid(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [ALPHA, BRAVO])
    for lat in (50.2, 50.3):
        alpha.send(ALPHA.position(lat=lat))
    alpha.send(events.marker("spot / ü&1"))
    crowd.fence(alpha, [bravo])
    phone = Phone(daemon)
    answer = phone.get(f"/Marti/api/cot/xml/{ALPHA.uid}")
    assert answer.status == 200 and answer.media_type in ("application/xml", "text/xml")
    assert infoset(answer.body) == infoset(bravo.last(ALPHA.uid).raw)
    assert b'lat="50.3' in answer.body
    answer = phone.get("/Marti/api/cot/xml/" + quote("spot / ü&1", safe=""))
    assert answer.status == 200
    assert infoset(answer.body) == infoset(bravo.last("spot / ü&1").raw)
    assert phone.get("/Marti/api/cot/xml/nobody").status == 404


def test_what_is_deleted_or_private_is_not_told(daemon, crowd):
    alpha, bravo, _ = gather(crowd, daemon.port, [ALPHA, BRAVO, events.CHARLIE])
    alpha.send(events.marker("for bravo only", dest=["BRAVO"]))
    alpha.send(events.marker("gone"))
    crowd.fence(alpha, [bravo])
    phone = Phone(daemon)
    assert phone.get("/Marti/api/cot/xml/gone").status == 200
    alpha.send(events.delete("gone"))
    crowd.fence(alpha, [bravo])
    assert phone.get("/Marti/api/cot/xml/gone").status == 404
    assert phone.get("/Marti/api/cot/xml/for%20bravo%20only").status == 404


def test_the_largest_event(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [ALPHA, BRAVO])
    alpha.send(events.marker("large", "<x>" + "n" * 64_000 + "</x>"))
    crowd.fence(alpha, [bravo])
    answer = Phone(daemon).get("/Marti/api/cot/xml/large")
    kept = bravo.last("large").raw
    assert answer.status == 404 or infoset(answer.body) == infoset(kept)


def test_all_positions(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [ALPHA, BRAVO])
    alpha.send(ALPHA.position(lat=51.5))
    alpha.send(events.marker("no position"))
    crowd.fence(alpha, [bravo])
    answer = Phone(daemon).get("/Marti/api/cot/sa")
    assert answer.status == 200 and answer.media_type in ("application/xml", "text/xml")
    root = ET.fromstring(answer.body)
    found = {e.get("uid"): e for e in root.iter("event")}
    assert set(found) == {ALPHA.uid, BRAVO.uid}
    assert found[ALPHA.uid].find("point").get("lat").startswith("51.5")
    assert root.find(".//marti") is None


def test_nobody_has_no_position(daemon):
    answer = Phone(daemon).get("/Marti/api/cot/sa")
    assert answer.status == 200 and list(ET.fromstring(answer.body).iter("event")) == []


# Video feeds

def feed(uid, alias="Drone 1", address="192.0.2.5"):
    """As ATAK posts one."""
    return (
        f"<videoConnections><feed><uuid>{uid}</uuid><active>true</active>"
        f"<alias>{escape(alias)}</alias><address>{address}</address><port>8554</port>"
        "<roverPort>-1</roverPort><ignoreEmbeddedKLV>false</ignoreEmbeddedKLV>"
        "<preferredMacAddress/><preferredInterfaceAddress/><path>/live</path>"
        "<protocol>rtsp</protocol><timeout>5000</timeout><buffer>-1</buffer>"
        "<rtspReliable>0</rtspReliable><thumbnail/><classification/><latitude/><longitude/>"
        "<fov/><heading/><range/></feed></videoConnections>").encode()


def feeds(phone):
    answer = phone.get("/Marti/vcm")
    assert answer.status == 200 and answer.media_type in ("application/xml", "text/xml")
    root = ET.fromstring(answer.body)
    assert root.tag == "videoConnections"
    return {f.findtext("uuid"): {e.tag: e.text or "" for e in f} for f in root.findall("feed")}


def post(phone, body):
    return phone.ask("POST", "/Marti/vcm", [
        ("Content-Type", "application/xml"), ("Content-Encoding", "UTF-8")], body).status


def test_video_feeds_are_kept(daemon):
    phone = Phone(daemon)
    assert feeds(phone) == {}
    assert post(phone, feed("one", "Drone <1> & 🚁")) == 200
    assert post(phone, feed("two")) == 200
    assert post(phone, feed("one", "Drone <1> & 🚁", "192.0.2.9")) == 200
    for _ in range(2):
        found = feeds(phone)
        assert set(found) == {"one", "two"}
        assert found["one"]["alias"] == "Drone <1> & 🚁"
        assert (found["one"]["address"], found["one"]["path"]) == ("192.0.2.9", "/live")
        assert (found["two"]["port"], found["two"]["protocol"]) == ("8554", "rtsp")
        daemon.restart(killed=True)


@pytest.mark.parametrize("body", [
    b"", b"hello", b"<videoConnections>", b"<other/>", feed("x").replace(b"</feed>", b""),
    b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + feed("x", "ALIAS").replace(
        b"ALIAS", b"&e;"),
    feed("x").replace(b"8554", b"\x01"), feed("x").replace(b"8554", b"\xff\xfe"),
    feed("x") + feed("y"), feed("x", "n" * 200_000)],
    ids=["empty", "text", "cut off", "other", "unclosed", "entity", "control", "no UTF-8", "two",
         "large"])
def test_a_feed_that_is_none_is_refused_and_not_kept(body, daemon):
    phone = Phone(daemon)
    assert post(phone, body) in (400, 413)
    assert feeds(phone) == {}


def test_feeds_are_bounded(start_daemon):
    daemon = start_daemon(budget={"videos": 3})
    phone = Phone(daemon)
    statuses = [post(phone, feed(f"feed-{number}")) for number in range(6)]
    assert statuses[:3] == [200, 200, 200]
    assert all(status in (200, 507) for status in statuses)
    assert len(feeds(phone)) == 3
