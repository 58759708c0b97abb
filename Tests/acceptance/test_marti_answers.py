"""Every question of the Marti API but those about packages: statuses, types and bodies to the
letter of the protocol page (8.2, 8.4, 8.7 to 8.9), also when hostile people are connected."""

import re
import signal

import pytest

from tinycot import events, http
from tinycot.client import gather
from tinycot.daemon import free_port
from tinycot.marti import Package, Phone, form_type, mission_package, multipart
from tinycot.pace import wait_for
from tinycot.process import listening_ports

ALPHA, BRAVO = events.ALPHA, events.BRAVO
ENVELOPE = {"version", "type", "data", "nodeId"}
ABSENT = "0" * 64


def envelope(answer, kind):
    """The data of a JSON answer in the official wrapping."""
    assert answer.status == 200, answer
    document = answer.json()
    assert set(document) == ENVELOPE and document["version"] == "3" and document["type"] == kind
    assert isinstance(document["nodeId"], str) and document["nodeId"]
    return document["data"]


def test_the_version_that_atak_asks_for_at_every_connect(daemon):
    phone = Phone(daemon)
    answer = phone.get("/Marti/api/version/config")
    data = envelope(answer, "ServerConfig")
    assert set(data) == {"version", "api", "hostname"}
    assert data["api"] == "3" and all(isinstance(value, str) for value in data.values())
    assert re.match(r"\d+\.\d+", data["version"])
    plain = phone.get("/Marti/api/version")
    assert plain.status == 200 and plain.media_type == "text/plain"
    assert re.fullmatch(r"TAK Server \S+", plain.text)
    again = envelope(phone.get("/Marti/api/version/config"), "ServerConfig")
    assert again == data


def test_lists_of_what_there_is_not(daemon):
    phone = Phone(daemon)
    assert envelope(phone.get("/Marti/api/groups/all?useCache=true&sendLatestSA=true"),
                    "com.bbn.marti.remote.groups.Group") == []
    assert envelope(phone.get("/Marti/api/groups/groupCacheEnabled"),
                    "java.lang.Boolean") is False
    assert envelope(phone.get("/Marti/api/missions"), "Mission") == []
    assert envelope(phone.get("/Marti/api/missions?passwordProtected=true&defaultRole=true"),
                    "Mission") == []
    assert envelope(phone.get("/Marti/api/clientEndPoints"),
                    "com.bbn.marti.remote.ClientEndpoint") == []
    contacts = phone.get("/Marti/api/contacts/all")
    assert contacts.status == 200 and contacts.json() == []
    assert phone.search() == [] == phone.search(tool=None)


def test_the_name_of_the_node_stays(daemon):
    def node():
        return Phone(daemon).get("/Marti/api/missions").json()["nodeId"]

    before = node()
    daemon.restart()
    assert node() == before


@pytest.mark.parametrize("target", [
    "/Marti", "/Marti/", "/Marti/api", "/Marti/api/nothing", "/Marti/sync/content/extra",
    "/marti/api/version", "/Marti/api/missions/one", "/Marti/api/tls/config", "/favicon.ico",
    "/Marti/api/version/", "/Marti/../Marti/api/version", "/etc/passwd", "/Marti/%2e%2e/etc/passwd",
    "/Marti/api/cot/xml/", "/Marti/api/cot/xml/a/b", "/Marti/sync/missionquery%00",
    "/Marti/api/device/profile/connection?syncSecago=0&clientUid=x", "/index.html?a=b"])
def test_everything_else_is_not_there(target, daemon):
    answer = Phone(daemon).get(target)
    assert answer.status == 404 and len(answer.body) < 200, answer
    assert answer.media_type == "text/plain"


@pytest.mark.parametrize("target", ["/Marti/%zz", "/Marti/api/%", "/Marti/api/cot/xml/%4"])
def test_a_broken_escape_is_a_bad_request(target, daemon):
    assert Phone(daemon).get(target).status == 400


WRONG_METHODS = [
    ("POST", "/Marti/sync/missionquery", "GET, HEAD"),
    ("GET", "/Marti/sync/missionupload", "POST"),
    ("GET", "/Marti/sync/upload", "POST"),
    ("PUT", "/Marti/sync/content", "GET, HEAD"),
    ("DELETE", "/Marti/api/version/config", "GET, HEAD"),
    ("PATCH", "/Marti/sync/search", "GET, HEAD"),
    ("POST", f"/Marti/api/sync/metadata/{ABSENT}/tool", "GET, HEAD, PUT"),
    ("PUT", "/Marti/vcm", "GET, HEAD, POST"),
    ("TRACE", "/Marti/api/missions", "GET, HEAD"),
    ("POST", "/Marti/api/cot/sa", "GET, HEAD"),
]


@pytest.mark.parametrize("method, target, allowed", WRONG_METHODS)
def test_the_wrong_method_is_told_the_right_ones(method, target, allowed, daemon):
    answer = Phone(daemon).ask(method, target)
    assert answer.status == 405 and answer.field("Allow") == allowed


def test_a_method_that_nobody_knows(daemon):
    assert Phone(daemon).ask("BREW", "/Marti/api/version").status == 501


# Packages, apart from their bytes

def test_the_tool_of_a_package_is_told_and_set(daemon):
    phone = Phone(daemon)
    package = mission_package()
    target = f"/Marti/api/sync/metadata/{package.sha256}/tool"
    assert phone.set_tool(package, "public").status == 404
    assert phone.get(target).status == 404
    assert phone.upload(package).status == 200
    for tool in ("public", "private", "public"):
        assert phone.set_tool(package, tool).status == 200
        assert (phone.listed() == {package.sha256}) == (tool == "public")
        answer = phone.get(target)
        assert answer.status == 200 and answer.media_type == "text/plain"
        assert answer.text == tool
    assert phone.ask("PUT", "/Marti/api/sync/metadata/nothing/tool",
                     body=b"public").status in (400, 404)


@pytest.mark.parametrize("body", [
    b"", b"x" * 33, b"x" * 100_000, b"pub\nlic", b"\xff\xfe", b"<public>", b"\0"])
def test_a_tool_that_is_none_changes_nothing(body, daemon):
    phone = Phone(daemon)
    package = mission_package()
    phone.publish(package)
    answer = phone.ask("PUT", f"/Marti/api/sync/metadata/{package.sha256}/tool",
                       [("Content-Type", "text/plain")], body)
    assert answer.status in (400, 413), answer
    assert phone.listed() == {package.sha256}


def test_names_of_parameters_in_any_case_and_blanks_in_two_ways(daemon):
    phone = Phone(daemon)
    names = {}
    for query in ("hash={}&filename=a%20b%2Bc.zip&creatorUid=one",
                  "HASH={}&FileName=a+b%2bc.zip&CREATORUID=two",
                  "Hash={}&fileName=a%20b%2Bc%2Ezip&CreatorUid=three"):
        package = Package.of_size(300)
        answer = phone.ask("POST", "/Marti/sync/missionupload?" + query.format(package.sha256),
                           [form_type()], multipart(package.data))
        assert answer.status == 200, answer
        names[package.sha256] = query.rsplit("=", 1)[1]
    rows = phone.search(tool=None)
    assert {row["Hash"]: row["CreatorUid"] for row in rows} == names
    assert {row["Name"] for row in rows} == {"a b+c.zip"}


def test_the_address_is_the_one_that_the_client_used(daemon):
    package = mission_package()
    phone = Phone(daemon)
    phone.publish(package)
    for host in (phone.host, "tak.example:8080", "10.1.2.3", "[2001:db8::7]:8080", "Board.local"):
        answer = phone.ask("GET", f"/Marti/sync/missionquery?hash={package.sha256}", [
            ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "host=evil.example;proto=https")],
            host=host)
        assert answer.status == 200
        assert answer.text == f"http://{host}/Marti/sync/content?hash={package.sha256}"


@pytest.mark.parametrize("host", ['a"b', "a<b>", "a b", "a/b", "a&b", "", "a:99999", "a@b", "é"])
def test_a_host_that_is_none_is_refused(host, daemon):
    assert Phone(daemon).ask(
        "GET", f"/Marti/sync/missionquery?hash={ABSENT}", host=host).status == 400


@pytest.mark.parametrize("given", ["https://tak.example:8443", "https://tak.example:8443/"])
def test_a_configured_address_overrides_it(given, start_daemon):
    daemon = start_daemon({"http": {"public_url": given}})
    package = mission_package()
    phone = Phone(daemon)
    expected = f"https://tak.example:8443/Marti/sync/content?hash={package.sha256}"
    assert phone.upload(package).text == expected
    assert phone.query(package).text == expected


def reload(daemon, **options):
    daemon.write_config({**daemon.config, "http": {**daemon.config["http"], **options}})
    daemon.signal(signal.SIGHUP)


def test_a_reload_changes_what_may_be_changed(daemon):
    package = mission_package()
    phone = Phone(daemon)
    phone.publish(package)
    assert phone.get(f"/Marti/sync/delete?hash={package.sha256}").status == 403
    reload(daemon, public_url="http://new.example", allow_delete=True)
    wait_for(lambda: phone.query(package).text ==
             f"http://new.example/Marti/sync/content?hash={package.sha256}", 5, "the new address")
    assert phone.get(f"/Marti/sync/delete?hash={package.sha256}").status == 200
    daemon.write_config({**daemon.config, "allow": ["127.0.0.2/32"]})
    daemon.signal(signal.SIGHUP)
    wait_for(lambda: not phone.is_served(), 5, "the network shut out")
    assert Phone(daemon, source="127.0.0.2").is_served()


def test_where_it_listens_changes_at_the_next_start(daemon):
    phone, new = Phone(daemon), free_port()
    old = daemon.http_port
    reload(daemon, listen=[f"127.0.0.1:{new}"], public_url="http://new.example")
    package = mission_package()
    phone.publish(package)
    wait_for(lambda: phone.query(package).text.startswith("http://new.example/"), 5, "the reload")
    assert new not in listening_ports()
    daemon.restart()
    assert old not in listening_ports() and Phone(daemon).listed() == {package.sha256}


def test_http_may_be_off(start_daemon, crowd):
    daemon = start_daemon({"http": {"listen": []}})
    gather(crowd, daemon.port, [ALPHA, BRAVO])
    assert "8080" not in daemon.log()


def test_both_families_are_served(start_daemon):
    four, six = free_port(), free_port()
    daemon = start_daemon({"http": {"listen": [f"127.0.0.1:{four}", f"[::1]:{six}"]}})
    package = mission_package()
    Phone(daemon).publish(package)
    with http.Connection(six, host="::1") as link:
        link.request("GET", f"/Marti/sync/missionquery?hash={package.sha256}",
                     host=f"[::1]:{six}")
        assert link.answer().text.startswith(f"http://[::1]:{six}/Marti/sync/content?hash=")
