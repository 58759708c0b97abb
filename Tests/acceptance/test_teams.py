"""Teams: walls for everything that moves. A byte of one team at a client of another is a defect."""

import copy
import signal

import pytest

from tinycot import events
from tinycot.client import gather
from tinycot.daemon import free_port
from tinycot.infoset import find, infoset
from tinycot.pace import PROMPT_SECONDS, SLOW, wait_for

BLUE_1 = events.Person("ANDROID-0000000000000b01", "BLUE ONE", "Cyan")
BLUE_2 = events.Person("ANDROID-0000000000000b02", "BLUE TWO", "Blue")
RED_1 = events.Person("ANDROID-0000000000000e01", "RED ONE", "Red")
RED_2 = events.Person("ANDROID-0000000000000e02", "RED TWO", "Maroon")
UMPIRE = events.Person("ANDROID-0000000000000f01", "UMPIRE", "White")
LOST = events.Person("ANDROID-0000000000000c01", "LOST", "Green")


def by_port():
    """Each team has its own port; what a phone says about itself does not matter."""
    ports = {name: free_port() for name in ("lobby", "blue", "red", "umpire")}
    config = {
        "cot": {"listen": [f"127.0.0.1:{ports['lobby']}"]},
        "teams": [
            {"name": "lobby", "default": True},
            {"name": "blue", "listen": [f"127.0.0.1:{ports['blue']}"]},
            {"name": "red", "listen": [f"127.0.0.1:{ports['red']}"]},
            {"name": "umpire", "listen": [f"127.0.0.1:{ports['umpire']}"],
             "sees": ["lobby", "blue", "red"]},
        ],
    }
    return config, ports


def by_roster():
    """One port; the list names uids and callsigns."""
    port = free_port()
    config = {
        "cot": {"listen": [f"127.0.0.1:{port}"]},
        "teams": [
            {"name": "lobby", "default": True},
            {"name": "blue", "members": [BLUE_1.uid, BLUE_2.callsign]},
            {"name": "red", "members": [RED_1.callsign, RED_2.uid]},
            {"name": "umpire", "members": [UMPIRE.uid], "sees": ["lobby", "blue", "red"]},
        ],
    }
    return config, dict.fromkeys(("lobby", "blue", "red", "umpire"), port)


def by_colour():
    """One port; the colour that a phone reports decides."""
    port = free_port()
    config = {
        "cot": {"listen": [f"127.0.0.1:{port}"]},
        "teams": [
            {"name": "lobby", "default": True},
            {"name": "blue", "colours": ["Blue", "Cyan"]},
            {"name": "red", "colours": ["Red", "Maroon"]},
            {"name": "umpire", "colours": ["White"], "sees": ["lobby", "blue", "red"]},
        ],
    }
    return config, dict.fromkeys(("lobby", "blue", "red", "umpire"), port)


WAYS = pytest.mark.parametrize("way", [by_port, by_roster, by_colour], ids=lambda w: w.__name__)


class Field:
    """Two teams of two and an umpire, connected."""

    def __init__(self, start_daemon, crowd, way):
        self.config, self.ports = way()
        self.daemon = start_daemon(self.config)
        self.crowd = crowd
        join = crowd.join
        self.blue = [join(self.ports["blue"], BLUE_1), join(self.ports["blue"], BLUE_2)]
        self.red = [join(self.ports["red"], RED_1), join(self.ports["red"], RED_2)]
        self.umpire = join(self.ports["umpire"], UMPIRE)
        crowd.wait_until(
            lambda: self.blue[0].has(BLUE_2.uid) and self.blue[1].has(BLUE_1.uid)
            and self.red[0].has(RED_2.uid) and self.red[1].has(RED_1.uid)
            and all(self.umpire.has(p.uid) for p in (BLUE_1, BLUE_2, RED_1, RED_2)),
            lambda: f"the teams seeing themselves: {[(c, c.received) for c in self.everyone]}",
            2 * PROMPT_SECONDS)
        self.settle()
        self.assert_walls()
        for client in self.everyone:
            client.news()

    @property
    def everyone(self):
        return [*self.blue, *self.red, self.umpire]

    def settle(self):
        """Nothing is under way any more, in any team."""
        for team in (self.blue, self.red):
            living = [c for c in team if not c.closed]
            for sender in living:
                self.crowd.fence(sender, [c for c in living if c is not sender] + [self.umpire])
        self.crowd.answer(self.umpire)

    def assert_walls(self):
        """Whatever has come so far: no byte that speaks of the other team."""
        for team, foreign in ((self.blue, (RED_1, RED_2, UMPIRE)),
                              (self.red, (BLUE_1, BLUE_2, UMPIRE))):
            for client in team:
                for event in client.received:
                    for person in foreign:
                        assert person.uid.encode() not in event.raw, f"{client} got {event}"
                        assert b'"' + person.callsign.encode() not in event.raw


def test_without_teams_everyone_shares(daemon, crowd):
    people = [BLUE_1, RED_1, UMPIRE]
    clients = gather(crowd, daemon.port, people)
    assert len(clients) == 3


@WAYS
def test_broadcasts_stay_inside(way, start_daemon, crowd):
    field = Field(start_daemon, crowd, way)
    field.blue[0].send(events.marker("blue marker"))
    field.red[0].send(events.marker("red marker"))
    field.umpire.send(events.marker("umpire marker"))
    field.settle()
    assert [e.uid for e in field.blue[1].news()] == ["blue marker"]
    assert [e.uid for e in field.red[1].news()] == ["red marker"]
    assert field.blue[0].news() == [] and field.red[0].news() == []
    assert sorted(e.uid for e in field.umpire.news()) == ["blue marker", "red marker"]


@WAYS
def test_chat_stays_inside(way, start_daemon, crowd):
    field = Field(start_daemon, crowd, way)
    field.blue[0].send(BLUE_1.chat("to all of us"))
    field.blue[0].send(BLUE_1.chat("to a foe", to=RED_1))
    field.blue[0].send(BLUE_1.chat("to a foe, by content", to=RED_1, marti=False))
    field.blue[0].send(BLUE_1.chat("to a friend", to=BLUE_2))
    field.settle()
    assert field.red[0].news() == [] and field.red[1].news() == []
    texts = [e.raw for e in field.blue[1].news()]
    assert len(texts) == 2 and b"to all of us" in texts[0] and b"to a friend" in texts[1]
    assert any(b"to all of us" in e.raw for e in field.umpire.news())


@WAYS
@pytest.mark.parametrize("address", ["callsign", "uid"])
def test_directed_things_stop_at_the_wall(way, address, start_daemon, crowd):
    field = Field(start_daemon, crowd, way)
    thing = events.marker("over the wall", dest=[RED_1.callsign, BLUE_2.callsign])
    if address == "uid":
        thing = thing.replace(
            f'<dest callsign="{RED_1.callsign}"'.encode(), f'<dest uid="{RED_1.uid}"'.encode())
    field.blue[0].send(thing)
    field.settle()
    assert [e.uid for e in field.blue[1].news()] == ["over the wall"]
    assert field.red[0].news() == [] and field.red[1].news() == []


@WAYS
def test_the_picture_is_the_team_s_own(way, start_daemon, crowd):
    field = Field(start_daemon, crowd, way)
    field.blue[0].send(events.marker("blue marker") + BLUE_1.alert())
    field.red[0].send(events.marker("red marker") + RED_1.alert())
    field.settle()
    late_red = events.Person("ANDROID-0000000000000e03", RED_1.callsign, "Red")
    late_umpire = events.Person("ANDROID-0000000000000f02", "UMPIRE", "White")
    if way is by_roster:
        late_umpire = UMPIRE
        field.umpire.close()
    red = crowd.join(field.ports["red"], late_red)
    umpire = crowd.join(field.ports["umpire"], late_umpire)
    theirs = {RED_1.uid, RED_2.uid, "red marker", RED_1.alert_uid}
    ours = {BLUE_1.uid, BLUE_2.uid, "blue marker", BLUE_1.alert_uid}
    crowd.wait_until(lambda: all(red.has(uid) for uid in theirs), "red's picture")
    crowd.wait_until(
        lambda: all(umpire.has(uid) for uid in theirs | ours), "the umpire's picture")
    crowd.fence(field.red[0], [red, umpire])
    assert not [e for e in red.received if e.uid in ours or e.uid in (UMPIRE.uid, late_umpire.uid)]
    assert not red.has(late_red.uid) and not umpire.has(late_umpire.uid)
    for uid in theirs:
        assert red.count(uid) == 1, uid
    field.umpire = umpire
    field.assert_walls()


@WAYS
def test_a_departure_is_the_team_s_own_business(way, start_daemon, crowd):
    field = Field(start_daemon, crowd, way)
    field.blue[0].close()
    crowd.wait_until(lambda: field.blue[1].of_type("t-x-d-d"), "the notice inside the team")
    crowd.wait_until(lambda: field.umpire.of_type("t-x-d-d"), "the notice for the umpire")
    field.settle()
    assert field.red[0].news() == [] and field.red[1].news() == []
    field.umpire.close()
    crowd.wait_until(lambda: len(field.daemon.status().clients) == 3, "the umpire's end")
    for sender, witness in ((field.red[0], field.red[1]), (field.red[1], field.red[0])):
        crowd.fence(sender, [witness])
    field.assert_walls()


def test_an_emergency_and_its_repetition_stay_inside(start_daemon, crowd):
    config, ports = by_port()
    config["emergency_repeat_seconds"] = 3
    field = Field(start_daemon, crowd, lambda: (config, ports))
    field.blue[0].send(BLUE_1.alert())
    crowd.wait_until(lambda: field.blue[1].count(BLUE_1.alert_uid) == 2, "the repetition",
                     3 + 3 * SLOW)
    field.settle()
    assert field.red[0].news() == [] and field.red[1].news() == []
    assert field.umpire.count(BLUE_1.alert_uid) == 2


@pytest.mark.parametrize("way", [by_roster, by_colour], ids=lambda w: w.__name__)
def test_who_has_not_said_a_name_learns_nothing_of_the_teams(way, start_daemon, crowd):
    field = Field(start_daemon, crowd, way)
    stranger = crowd.connect(field.ports["lobby"])
    field.blue[0].send(events.marker("blue marker"))
    field.red[0].send(events.marker("red marker"))
    field.settle()
    crowd.answer(stranger)
    assert stranger.received == []


def test_status_names_the_team(start_daemon, crowd):
    field = Field(start_daemon, crowd, by_colour)
    lost = crowd.join(field.ports["lobby"], LOST)
    crowd.answer(lost)
    teams = {c.uid: c.team for c in field.daemon.status().clients}
    assert teams == {BLUE_1.uid: "blue", BLUE_2.uid: "blue", RED_1.uid: "red", RED_2.uid: "red",
                     UMPIRE.uid: "umpire", LOST.uid: "lobby"}


def test_the_port_decides_before_roster_and_colour(start_daemon, crowd):
    config, ports = by_port()
    config["teams"][2]["members"] = [BLUE_1.uid]
    config["teams"][2]["colours"] = ["Cyan", "Blue"]
    daemon = start_daemon(config)
    blue = crowd.join(ports["blue"], BLUE_1)
    crowd.answer(blue)
    assert daemon.status().by_uid(BLUE_1.uid).team == "blue"


def test_the_roster_decides_before_the_colour(start_daemon, crowd):
    config, ports = by_colour()
    config["teams"][2]["members"] = [BLUE_1.callsign]
    daemon = start_daemon(config)
    blue = crowd.join(ports["lobby"], BLUE_1)
    crowd.answer(blue)
    assert daemon.status().by_uid(BLUE_1.uid).team == "red"


def test_a_phone_that_changes_colour_changes_sides(start_daemon, crowd):
    field = Field(start_daemon, crowd, by_colour)
    field.red[0].send(events.marker("red marker"))
    field.blue[1].send(events.marker("blue marker"))
    field.settle()
    for client in field.everyone:
        client.news()
    turncoat = field.blue[0]
    turncoat.send(BLUE_1.position(colour="Red"))

    # The old team is told that they are gone.
    crowd.wait_until(lambda: field.blue[1].of_type("t-x-d-d"), "the notice to the old team")
    link = find(infoset(field.blue[1].of_type("t-x-d-d")[0].raw), "detail", "link")
    assert link[1]["uid"] == BLUE_1.uid and link[1]["relation"] == "p-p" and link[1]["type"]
    # The new team sees them, and they see the new team's picture.
    for mate in field.red:
        crowd.wait_until(lambda: mate.has(BLUE_1.uid), "the newcomer at the new team")
    crowd.wait_until(
        lambda: all(turncoat.has(uid) for uid in (RED_1.uid, RED_2.uid, "red marker")),
        "the new team's picture")

    # From now on the walls stand the other way round.
    turncoat.news()
    field.blue[1].news()
    field.blue[1].send(events.marker("blue secret"))
    crowd.answer(field.blue[1])
    turncoat.send(events.marker("told to red"))
    field.red[0].send(events.marker("red secret"))
    crowd.fence(field.red[0], [turncoat, field.red[1]])
    crowd.fence(turncoat, field.red)
    assert [e.uid for e in turncoat.news()] == ["red secret"]
    assert field.red[0].has("told to red") and field.red[1].has("told to red")
    assert field.blue[1].news() == []
    # A late joiner of the old team does not see the one who left.
    late = crowd.join(field.ports["lobby"], events.somebody(7, "Blue"))
    crowd.wait_until(lambda: late.has("blue marker") and late.has(BLUE_2.uid), "blue's picture")
    crowd.fence(field.blue[1], [late])
    assert not late.has(BLUE_1.uid)


def test_a_reload_moves_people(start_daemon, crowd):
    """The roster is edited while everybody is connected; nobody is dropped."""
    field = Field(start_daemon, crowd, by_roster)
    config = copy.deepcopy(field.config)
    config["teams"][1]["members"] = [BLUE_1.uid]
    config["teams"][2]["members"] += [BLUE_2.callsign]
    field.daemon.write_config(config)
    field.daemon.signal(signal.SIGHUP)
    wait_for(lambda: field.daemon.status().by_uid(BLUE_2.uid).team == "red", 5,
             "BLUE TWO in the red team")
    crowd.pump(0)
    for client in field.everyone:
        client.news()
    field.blue[0].send(events.marker("blue secret"))
    field.red[0].send(events.marker("red marker"))
    crowd.wait_until(lambda: field.blue[1].has("red marker"), "the new team's marker")
    crowd.answer(field.blue[0])
    crowd.fence(field.red[0], [field.blue[1], field.red[1]])
    assert not field.blue[1].has("blue secret")
    assert not any(c.closed for c in field.everyone)
