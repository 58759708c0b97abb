"""What a hostile client calls its files, and what it puts into them: names never become paths, no
answer is broken by them, and bytes stay bytes."""

import io
import zipfile
from urllib.parse import quote_from_bytes

import pytest

from tinycot import http
from tinycot.daemon import is_emulated
from tinycot.marti import (
    Package, Phone, form_type, mission_package, multipart, stored)
from tinycot.process import peak_resident_bytes

NAMES = {
    "up": b"../../../../etc/cron.d/evil",
    "up, Windows": b"..\\..\\evil.zip",
    "absolute": b"/tmp/tinycot-evil.zip",
    "drive": b"C:\\evil.zip",
    "dots": b"..",
    "dot": b".",
    "hidden": b".bashrc",
    "the catalogue": b"../catalogue.db",
    "NUL": b"a.zip\0.exe",
    "newline": b"a\r\nSet-Cookie: x=y\r\n\r\n<script>",
    "quotes": b'a";filename="b.exe',
    "backslash": b"a\\",
    "JSON": b'"},{"Hash":"x"}]',
    "XML": b"'/><fileshare a=\"<![CDATA[",
    "bidi": "abc\u202egpj.exe".encode(),
    "line separator": "a\u2028b".encode(),
    "300 bytes": b"n" * 300,
    "300 bytes of umlauts": ("ü" * 150).encode(),
    "no UTF-8": b"\xff\xfe\x80.zip",
    "overlong": b"\xc0\xae\xc0\xae\xc0\xaf",
    "surrogate": b"\xed\xa0\x80.zip",
    "percent twice": b"%2e%2e%2f%00",
    "format": b"%s%n%p",
    "blank": b" ",
    "empty": b"",
    "emoji": "🚑 Übung.zip".encode(),
}


def tree(daemon):
    """Every path in the folders of this daemon, with what is beside them."""
    return {str(path.relative_to(daemon.folder.parent))
            for path in daemon.folder.parent.rglob("*")}


def assert_tame(daemon, phone, package, before):
    """Only <sha256>.zip has come into being, and every answer about it is well-formed."""
    assert stored(daemon) == {package.sha256}
    appeared = {path for path in tree(daemon) - before if "/catalogue.db" not in path}
    assert appeared == {
        str(daemon.packages_folder.relative_to(daemon.folder.parent) / f"{package.sha256}.zip")}
    row, = phone.search(tool=None)
    assert row["Hash"] == package.sha256 and row["Name"]
    assert len(row["Name"].encode("utf-8")) <= 300
    answer = phone.content(package)
    assert answer.status == 200 and answer.body == package.data
    shown = answer.field("Content-Disposition")
    assert "/" not in shown and "\\" not in shown and ".." not in shown.split('"')[1][:3]


@pytest.mark.parametrize("case", NAMES)
@pytest.mark.parametrize("way", ["missionupload", "part", "raw"])
def test_a_name_is_only_shown(way, case, daemon):
    name, package, phone = NAMES[case], mission_package(), Phone(daemon)
    quoted = quote_from_bytes(name)
    before = tree(daemon)
    if way == "raw":
        answer = phone.ask("POST", f"/Marti/sync/upload?keywords=missionpackage&creatorUid=c"
                           f"&name={quoted}", body=package.data)
    else:
        inner = name.decode("utf-8", "surrogateescape") if way == "part" else "a.zip"
        if any(ord(letter) < 0x20 for letter in inner):
            # A form cannot hold these but as what they mean there.
            inner = inner.replace("\r", "%0D").replace("\n", "%0A").replace("\0", "%00")
        target = "" if way == "part" else f"&filename={quoted}"
        answer = phone.ask(
            "POST", f"/Marti/sync/missionupload?hash={package.sha256}&creatorUid=c{target}",
            [form_type()], multipart(package.data, inner))
    assert answer.status in (200, 400), answer
    if answer.status == 400:
        assert stored(daemon) == set() and phone.search(tool=None) == []
    else:
        assert_tame(daemon, phone, package, before)


@pytest.mark.parametrize("case", ["up", "NUL", "newline", "JSON", "no UTF-8", "300 bytes", "bidi"])
def test_the_other_texts_are_only_shown(case, daemon):
    package, phone = mission_package(), Phone(daemon)
    quoted = quote_from_bytes(NAMES[case])
    before = tree(daemon)
    answer = phone.ask(
        "POST", f"/Marti/sync/upload?name=a.zip&keywords=missionpackage,{quoted}"
        f"&creatorUid={quoted}&hash={package.sha256}",
        [("Content-Type", "text/html")], package.data)
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert_tame(daemon, phone, package, before)


@pytest.mark.parametrize("kind", [
    "text/html", "application/zip\tx", "x" * 500, "a/b; c=\"d\"", "nothing", "a/b\u00ff"])
def test_a_type_is_only_shown(kind, daemon):
    package, phone = mission_package(), Phone(daemon)
    answer = phone.ask("POST", "/Marti/sync/upload?name=a&keywords=missionpackage",
                       [("Content-Type", kind)], package.data)
    assert answer.status in (200, 400)
    if answer.status == 200:
        served = phone.content(package)
        assert served.body == package.data and len(served.field("Content-Type")) <= 200
        assert phone.listed(tool=None) == {package.sha256}


@pytest.mark.parametrize("uid", [
    "..%2F..%2Fetc%2Fpasswd", "%00", "a%0d%0aX:%20y", "%ff%fe", "%22%3E%3C", "a" * 2_000])
def test_a_uid_in_a_path_is_only_compared(uid, daemon):
    answer = Phone(daemon).get(f"/Marti/api/cot/xml/{uid}")
    assert answer.status in (400, 404) and len(answer.body) < 300


@pytest.mark.parametrize("content", [b"--------", b"\r\n--x", b"", b"\r\n"], ids=repr)
def test_a_form_in_every_split(content, daemon):
    """However the network cuts the body, the same bytes are stored."""
    boundary = "x-y"
    package = Package(b"PK\r\n--x-" + content + b"\r\n--x-Y\r\n-", "split.zip")
    body = multipart(package.data, "split.zip", boundary=boundary)
    phone = Phone(daemon)
    head = http.request("POST", phone.upload_target(package), [
        form_type(boundary), ("Content-Length", len(body))])
    with http.Connection(daemon.http_port) as link:
        for cut in range(len(body) + 1):
            link.send(head + body[:cut])
            # Make sure that the two pieces are read one by one: a question from another
            # connection is answered in between.
            assert phone.get("/Marti/api/version").status == 200
            link.send(body[cut:])
            answer = link.answer()
            assert answer.status == 200, (cut, answer)
    assert stored(daemon) == {package.sha256}
    assert phone.content(package).body == package.data


def test_a_form_in_single_bytes(daemon):
    package = Package(b"\r\n--------------------------0123456789abcde\r\n" * 3)
    phone = Phone(daemon)
    body = multipart(package.data)
    with http.Connection(daemon.http_port) as link:
        link.send(http.request("POST", phone.upload_target(package), [
            form_type(), ("Content-Length", len(body))]))
        for byte in body:
            link.send(bytes([byte]))
        assert link.answer().status == 200
    assert phone.content(package).body == package.data


def bomb():
    """A hundred megabytes of nothing in a hundred kilobytes, with a name that climbs."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("../../../tmp/tinycot-evil", b"\0" * 100_000_000)
    return Package(packed.getvalue(), "bomb.zip")


def test_a_zip_bomb_is_bytes_like_any_other(daemon):
    phone = Phone(daemon)
    phone.publish(mission_package("harmless.zip"))
    before, memory = tree(daemon), peak_resident_bytes(daemon.pid)
    package = bomb()
    phone.publish(package)
    assert phone.content(package).body == package.data
    assert is_emulated() or peak_resident_bytes(daemon.pid) - memory <= 262_144
    appeared = {path for path in tree(daemon) - before if "/catalogue.db" not in path}
    assert appeared == {
        str(daemon.packages_folder.relative_to(daemon.folder.parent) / f"{package.sha256}.zip")}
    assert (daemon.packages_folder / f"{package.sha256}.zip").stat().st_size == package.size
