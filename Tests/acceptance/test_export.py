"""`tinycot export`: every field as an independent parser sees it, documents valid by their schemas."""

import json
import os
import re
import subprocess
from datetime import datetime
from pathlib import Path

import gpx as gpx_library
import gpxpy
import pytest

from tinycot import corpus, figures
from tinycot.daemon import command, run
from tinycot.dumps import Record, dump, event_of, write
from tinycot.maps import GPX, KML, Seen, judge, near, same_time

# 51 holds no event.
ROWS = [row for row in corpus.VALID if row.name[:2] != "51"]
HOSTILE_NAMES = [
    "</name><script>", "a--b-", '"quoted" & \'so\'', "]]>", "50%3C", "\x00\x1b[2J\x7f", "\ufffe\uffff",
    "line\r\nfeed\t", "\u202e\u2028", "🚑 Łódź", b"\xff\xfe\xc3", "-->", "<!--", "",
]


def export(*arguments, code=0):
    done = subprocess.run(
        command("export", *arguments), capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == code, (done.returncode, done.stderr)
    return done.stdout, done.stderr.decode()


def moving(uid, callsign, second, lat, lon=8.0, hae="12.5", colour="Cyan", how="m-g"):
    time = f"2026-01-15T12:{second // 60:02d}:{second % 60:02d}.250Z"
    return (
        f'<event version="2.0" uid="{uid}" type="a-f-G-U-C" time="{time}" start="{time}" '
        f'stale="2026-01-15T13:00:00Z" how="{how}"><point lat="{lat}" lon="{lon}" hae="{hae}" '
        f'ce="9.9" le="nan"/><detail><contact callsign="{callsign}" endpoint="*:-1:stcp"/>'
        f'<__group name="{colour}" role="Team Member"/></detail></event>').encode()


@pytest.fixture
def records():
    """The corpus, twenty positions of three people out of order, hostile names in the comments."""
    found = []
    for number, row in enumerate(ROWS):
        name = HOSTILE_NAMES[number % len(HOSTILE_NAMES)]
        found.append(Record(
            event_of(row.data), clock=100 * number, sender=f"S-{number % 5}", callsign=name,
            team=["blue", "red", "", "a<b> & c"][number % 4]))
    for turn in range(20):
        second = (turn * 7) % 20
        for person in range(3):
            found.append(Record(
                moving(f"P-{person}", f"MOVER {person}", second, 50 + turn / 100, person),
                clock=20_000 + turn, sender=f"P-{person}", callsign=f"MOVER {person}", team="blue"))
    return found


def text_of(value):
    """What must come out for a name: UTF-8 as it is, else a mark of replacement for each fault."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def test_json_holds_every_field_of_every_event(records, tmp_path):
    out, complaints = export("--json", write(tmp_path / "a.xml", records))
    assert complaints == ""
    listed = json.loads(out)
    assert len(listed) == len(records) == len(out.splitlines()) - 2
    for found, record in zip(listed, records):
        seen = Seen(record.event)
        expected = {
            "received": record.received, "clock": record.clock, "sender": record.sender or None,
            "callsign": text_of(record.callsign) or None, "team": record.team or None,
            "uid": seen.uid, "type": seen.type, "event": record.event.decode(),
            **{key: seen.root.get(key) or None for key in ("how", "time", "start", "stale")},
            **seen.numbers,
        }
        assert found == expected
        assert list(found) == [
            "received", "clock", "sender", "callsign", "team", "uid", "type", "how", "time", "start",
            "stale", "lat", "lon", "hae", "ce", "le", "event"]


def tracks_of(seen):
    """For each uid the positions in the order of their times; an equal time keeps the order."""
    tracks = {}
    for event in seen:
        if event.kind == "track" and not event.is_nowhere:
            tracks.setdefault(event.uid, []).append(event)
    return tracks


def sorted_track(track):
    return sorted(track, key=lambda event: datetime.fromisoformat(event.time))


def markers_of(seen):
    markers = {}
    for event in seen:
        if event.kind == "marker" and not event.is_nowhere:
            markers[event.uid] = event
    return markers


def test_gpx_is_valid_and_holds_the_tracks_and_markers(records, tmp_path):
    out, complaints = export("--gpx", write(tmp_path / "a.xml", records))
    seen = [Seen(record.event) for record in records]
    nowhere = sum(event.kind is not None and event.is_nowhere for event in seen)
    assert nowhere > 0 and f"left out {nowhere} events that say no place" in complaints
    tree = judge(out, "gpx")

    tracks = tracks_of(seen)
    found = {trk.findtext(GPX + "desc"): trk for trk in tree.iter(GPX + "trk")}
    assert list(found) == list(tracks) and len(tracks) > 10
    for uid, trk in found.items():
        assert trk.findtext(GPX + "name") == tracks[uid][-1].name
        assert trk.findtext(GPX + "type") == tracks[uid][-1].type
        points = list(trk.iter(GPX + "trkpt"))
        wanted = sorted_track(tracks[uid])
        assert len(points) == len(wanted)
        for point, event in zip(points, wanted):
            assert_point(point, event)

    markers = markers_of(seen)
    waypoints = {wpt.findtext(GPX + "desc"): wpt for wpt in tree.iter(GPX + "wpt")}
    assert sorted(waypoints) == sorted(markers) and len(markers) > 10
    for uid, wpt in waypoints.items():
        assert wpt.findtext(GPX + "name") == markers[uid].name
        assert wpt.findtext(GPX + "type") == markers[uid].type
        assert_point(wpt, markers[uid])

    # Two readers that others wrote take it, and see the same.
    read = gpxpy.parse(out.decode())
    assert [t.description for t in read.tracks] == list(found)
    assert sum(t.get_points_no() for t in read.tracks) == sum(map(len, tracks.values()))
    path = tmp_path / "a.gpx"
    path.write_bytes(out)
    other = gpx_library.read_gpx(path)
    assert [t.desc for t in other.trk] == list(found) and len(other.wpt) == len(markers)


def assert_point(point, event):
    assert near(point.get("lat"), event.numbers["lat"])
    assert near(point.get("lon"), event.numbers["lon"])
    ele = point.findtext(GPX + "ele")
    assert (ele is None) == (event.height is None)
    assert ele is None or abs(float(ele) - event.height) <= 0.000_500_1
    assert same_time(point.findtext(GPX + "time"), event.time)


def test_kml_is_valid_and_has_a_folder_for_each_team(records, tmp_path):
    out, _ = export("--kml", write(tmp_path / "a.xml", records))
    tree = judge(out, "kml")
    seen = [(Seen(record.event), record) for record in records]
    shown = [(e, r) for e, r in seen if e.kind and not e.is_nowhere]
    team = {event.uid: text_of(record.team) for event, record in shown}
    tracks = tracks_of([event for event, _ in shown])
    markers = markers_of([event for event, _ in shown])

    folders = list(tree.iter(KML + "Folder"))
    names = [folder.findtext(KML + "name") for folder in folders]
    first_seen = list(dict.fromkeys(team[uid] for uid in dict.fromkeys(e.uid for e, _ in shown)))
    assert names == [name or "no team" for name in first_seen] and len(names) == 4
    lines, points = {}, {}
    for name, folder in zip(names, folders):
        for placemark in folder.iter(KML + "Placemark"):
            data = {d.get("name"): d.findtext(KML + "value") for d in placemark.iter(KML + "Data")}
            assert (team[data["uid"]] or "no team") == name
            line = placemark.find(KML + "LineString")
            if line is None:
                points.setdefault(data["uid"], []).append(placemark)
            else:
                assert data["uid"] not in lines
                lines[data["uid"]] = placemark

    assert set(lines) == {uid for uid, track in tracks.items() if len(track) > 1}
    for uid, placemark in lines.items():
        wanted = sorted_track(tracks[uid])
        found = placemark.find(KML + "LineString").findtext(KML + "coordinates").split()
        assert len(found) == len(wanted)
        for text, event in zip(found, wanted):
            assert_coordinates(text, event)
        assert placemark.findtext(KML + "name") == tracks[uid][-1].name
    assert set(points) == set(tracks) | set(markers)
    for uid, found in points.items():
        wanted = [markers[uid]] if uid in markers else []
        wanted += [sorted_track(tracks[uid])[-1]] if uid in tracks else []
        assert len(found) == len(wanted)
        for placemark, event in zip(found, wanted):
            assert_coordinates(placemark.find(KML + "Point").findtext(KML + "coordinates"), event)
            assert same_time(placemark.find(KML + "TimeStamp").findtext(KML + "when"), event.time)
    styled = {p.findtext(KML + "styleUrl") for p in lines.values()}
    assert "#team-cyan" in styled
    ids = {style.get("id") for style in tree.iter(KML + "Style")}
    assert len(ids) == 14 and {url[1:] for url in styled if url} <= ids


def assert_coordinates(text, event):
    parts = text.split(",")
    assert near(parts[0], event.numbers["lon"]) and near(parts[1], event.numbers["lat"])
    assert len(parts) == (2 if event.height is None else 3)
    assert len(parts) == 2 or abs(float(parts[2]) - event.height) <= 0.000_500_1


@pytest.mark.parametrize("kind", ["json", "gpx", "kml"])
def test_hostile_files_and_names_make_valid_documents(kind, tmp_path):
    """All hostile files glued together as another tool might, and again behind comments."""
    glued = b"\n".join(row.data for row in corpus.HOSTILE_ROWS if not row.first_bytes)
    names = ["&lt;b&gt;&quot;&apos;]]&gt;", "&#xFFFD;&#x10FFFF;", "&#9;&#10;", "&lt;!--", "-&gt;"]
    listed = [Record(
        moving(f"u{number}", name, number, 50, colour=name), clock=number, sender=hostile,
        callsign=hostile, team=hostile)
        for number, hostile in enumerate(HOSTILE_NAMES) for name in names]
    (tmp_path / "glued.xml").write_bytes(glued)
    write(tmp_path / "named.xml", listed)
    out, complaints = export(f"--{kind}", tmp_path / "glued.xml", tmp_path / "named.xml")
    assert "left out what is no valid event" in complaints
    if kind == "json":
        found = json.loads(out)
        assert [e["uid"] for e in found if e["sender"] or e["clock"] is not None] == [
            Seen(record.event).uid for record in listed]
    else:
        tree = judge(out, kind)
        assert b"\\x00" not in out and b"\x00" not in out
        marks = tree.iter(GPX + "trk") if kind == "gpx" else tree.iter(KML + "Placemark")
        assert sum(1 for _ in marks) >= len(HOSTILE_NAMES)


def test_times_places_and_ends_of_the_world(tmp_path):
    listed = [
        Record(moving("edge", "E", 1, "90", "180")), Record(moving("edge", "E", 2, "-90", "-180")),
        Record(moving("edge", "E", 3, "9e1", "1.8e2", hae="9999999.0")),
        Record(moving("edge", "E", 4, "0.00000000012", "+.5", hae="-0.0004")),
        Record(moving("edge", "E", 5, "90.0001", "0")), Record(moving("edge", "E", 6, "nan", "0")),
        Record(moving("edge", "E", 7, "1", "1").replace(b'time="2026-01-15T12:00:07.250Z"', b'time="x"')),
        Record(moving("old", "O", 1, 1).replace(b"2026-01-15T12", b"1969-12-31T23")),
        Record(moving("flat", "F", 1, 0, 0).replace(b'ce="9.9"', b'ce="9999999"')),
    ]
    path = write(tmp_path / "a.xml", listed)
    out, complaints = export("--gpx", path)
    assert "2 bad_point" in complaints and "left out 1 event that says no place" in complaints
    tree = judge(out, "gpx")
    points = {trk.findtext(GPX + "desc"): list(trk.iter(GPX + "trkpt")) for trk in tree.iter(GPX + "trk")}
    assert set(points) == {"edge", "old"}
    assert [(p.get("lat"), p.get("lon")) for p in points["edge"]] == [
        ("90", "-180"), ("-90", "-180"), ("90", "-180"), ("0", "0.5"), ("1", "1")]
    assert [p.findtext(GPX + "ele") for p in points["edge"]] == ["12.5", "12.5", None, "0", "12.5"]
    assert [p.findtext(GPX + "time") for p in points["edge"]][3:] == ["2026-01-15T12:00:04.250Z", None]
    assert points["old"][0].find(GPX + "time") is None
    judge(export("--kml", path)[0], "kml")
    listed = json.loads(export("--json", path)[0])
    assert [e["lat"] for e in listed] == [90, -90, 90, 0.00000000012, 1, 1, 0]
    assert all(e["le"] is None for e in listed)


def test_filters(records, tmp_path):
    path = write(tmp_path / "a.xml", records)

    def uids(*options):
        return [e["uid"] for e in json.loads(export("--json", path, *options)[0])]

    seen = [(Seen(record.event), record) for record in records]
    assert uids("--uid", "P-1") == ["P-1"] * 20
    assert uids("--team", "a<b> & c") == [e.uid for e, r in seen if r.team == "a<b> & c"]
    assert uids("--type=b-t-f") == [e.uid for e, _ in seen if e.type.startswith("b-t-f")]
    assert uids("--team", "blue", "--type", "a-f-G-U", "--uid", "P-0") == ["P-0"] * 20
    tree = judge(export("--gpx", path, "--uid", "P-2")[0], "gpx")
    assert [t.findtext(GPX + "desc") for t in tree.iter(GPX + "trk")] == ["P-2"]
    for kind in ("json", "gpx", "kml"):
        out, complaints = export(f"--{kind}", path, "--uid", "nobody")
        assert "no such event" in complaints
        assert json.loads(out) == [] if kind == "json" else judge(out, kind) is not None


def test_files_of_other_tools(tmp_path):
    """Just events, with declarations, CRLF and byte order marks between them; the colour is the team."""
    first = b"\r\n".join(row.data for row in ROWS)
    (tmp_path / "a.cot").write_bytes(first)
    listed = json.loads(export("--json", tmp_path / "a.cot")[0])
    assert [e["event"].encode() for e in listed] == [event_of(row.data) for row in ROWS]
    for found in listed:
        seen = Seen(found["event"])
        assert found["team"] == (seen.colour or None)
        assert [found[key] for key in ("received", "clock", "sender", "callsign")] == [None] * 4
    judge(export("--gpx", tmp_path / "a.cot")[0], "gpx")
    names = [f.findtext(KML + "name") for f in
             judge(export("--kml", tmp_path / "a.cot")[0], "kml").iter(KML + "Folder")]
    assert "Cyan" in names and "no team" in names


def test_torn_ends_and_several_files(records, tmp_path):
    half = len(records) // 2
    whole = dump(records[:half])
    torn = dump(records[half:half + 1])[:-60]
    (tmp_path / "1.xml").write_bytes(whole + torn.split(b"\n", 1)[1])
    write(tmp_path / "2.xml", records[half:], boot="another")
    (tmp_path / "3.xml").write_bytes(b"")
    write(tmp_path / "4.xml", [])
    paths = [tmp_path / f"{n}.xml" for n in (1, 2, 3, 4)]
    out, complaints = export("--json", *paths)
    assert [e["event"].encode() for e in json.loads(out)] == [r.event for r in records]
    assert complaints.splitlines() == [
        f"tinycot: {paths[0]}: ends in the middle of an event, which is left out."]
    for kind in ("gpx", "kml"):
        out, complaints = export(f"--{kind}", *paths)
        judge(out, kind)
        assert complaints.count("ends in the middle") == 1


def test_what_is_no_recording(tmp_path):
    (tmp_path / "zip").write_bytes(b"PK\x03\x04" + os.urandom(5_000))
    (tmp_path / "http").write_bytes(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    good = write(tmp_path / "good", [Record(moving("u", "U", 1, 1))])
    for name in ("zip", "http"):
        out, complaints = export("--json", tmp_path / name, good, code=65)
        assert f"{tmp_path / name}: holds no Cursor-on-Target event." in complaints
        assert [e["uid"] for e in json.loads(out)] == ["u"]
    assert "No such file" in export("--gpx", good, tmp_path / "absent", code=66)[1]
    assert "is a folder" in export("--gpx", tmp_path, code=66)[1]
    export(good, code=64)
    export("--json", *[good] * 65, code=64)
    assert len(json.loads(export("--json", *[good] * 64)[0])) == 64


def test_a_full_disk_is_said(records, tmp_path):
    path = write(tmp_path / "a.xml", records)
    for kind in ("json", "gpx", "kml"):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                command("export", f"--{kind}", path), stdout=full, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 74 and b"cannot write to standard output" in done.stderr


@pytest.mark.native
def test_memory_is_what_the_documentation_says(tmp_path):
    """48 MB of recording with 100,000 positions of 500 things."""
    filler = b"<remarks>" + b"x" * 120 + b"</remarks></detail>"
    with open(tmp_path / "a.xml", "wb") as file:
        for number in range(100_000):
            event = moving(f"U-{number % 500}", "C", number % 3_600, 50)
            file.write(Record(event.replace(b"</detail>", filler), clock=number).comment + b"\n")
            file.write(event.replace(b"</detail>", filler) + b"\n")

    def peak_bytes(kind):
        """Looked at while it waits for somebody to take its output: all has been read by then."""
        with subprocess.Popen(
                command("export", f"--{kind}", tmp_path / "a.xml"), stdout=subprocess.PIPE) as process:
            document = process.stdout.read(4_000_000)
            status = Path(f"/proc/{process.pid}/status").read_text()
            document += process.stdout.read()
        assert process.returncode == 0
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024, document

    peak, document = peak_bytes("json")
    assert len(json.loads(document)) == 100_000
    figures.note(f"export --json of 100,000 events: {peak / 2**20:.1f} MiB")
    assert peak < 3 * 1024 * 1024
    peak, document = peak_bytes("gpx")
    assert len(list(judge(document, "gpx").iter(GPX + "trkpt"))) == 100_000
    figures.note(f"export --gpx of 100,000 positions: {peak / 2**20:.1f} MiB")
    assert peak < 3 * 1024 * 1024 + 60 * 100_000


def test_help_names_both_commands():
    text = run("help").stdout
    assert "tinycot export" in text and "tinycot replay" in text
