"""The page at `/` and what it draws, /status.json: as bytes, and in a browser.

TINYCOT_SCREENSHOTS=FOLDER keeps pictures of what the browser shows.
"""

import base64
import hashlib
import math
import os
import re
from pathlib import Path

import pytest

from tinycot import browser, events, http, uploads
from tinycot.client import gather
from tinycot.storage import StoreDaemon

PHONE = (390, 844)
DESKTOP = (1280, 800)
COLOURS = ["Cyan", "Red", "Yellow", "Green", "Blue", "Orange", "Magenta", "White", "Purple"]
# Each at most 80 bytes, which is what is kept of a name.
HOSTILE = [
    '<img src=x onerror="pwned=1">', "</script><script>pwned=1</script>",
    '"><svg onload=pwned=1>', "'-pwned=1-'", "</bdi></li></ul><h1>big</h1>", "<!--", "&lt;b&gt;",
    "${pwned=1}", "{{7*7}}", "__proto__", "constructor", "\\u003cb\\u003e", '"},{"callsign":"x',
    "abc\u202egnp.exe", "\u2066\u2067\u200f", "عربي ABC", "W" * 80, "🚑🚒👩‍🚒", "a\u2028b",
    "Z̸̢̛̪͓a̷l̶g̴o̵", "javascript:pwned=1", "=cmd|' /C calc'!A0",
]


def ask_status(daemon, **options):
    answer = http.get(daemon.http_port, "/status.json", **options)
    assert answer.status == 200
    return answer.json()


def callsigns(daemon):
    return [client["callsign"] for client in ask_status(daemon)["clients"]]


# What goes over the line


def test_the_page_is_small_and_needs_nothing_else(daemon):
    answer = http.get(daemon.http_port, "/")
    assert answer.status == 200 and answer.field("Content-Type") == "text/html; charset=utf-8"
    assert len(answer.body) < 50_000 and answer.length == len(answer.body)
    text = answer.text
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"// .*", "", text))
    # Nothing that makes markup of text, and no style or script in an attribute.
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text)
    assert not re.search(r"\s(?:style|on[a-z]+)=", text)


def test_the_policy_allows_this_script_and_this_style_only(daemon):
    answer = http.get(daemon.http_port, "/")
    policy = dict(part.strip().split(" ", 1)
                  for part in answer.field("Content-Security-Policy").split(";"))
    for tag, directive in [("script", "script-src"), ("style", "style-src")]:
        inside, = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert policy.pop(directive) == f"'sha256-{digest}'"
    assert policy == {
        "default-src": "'none'", "img-src": "data:", "connect-src": "'self'",
        "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'"}
    assert answer.field("X-Content-Type-Options") == "nosniff"
    assert answer.field("Referrer-Policy") == "no-referrer"
    assert answer.field("Cache-Control") == "no-cache"


@pytest.mark.parametrize("path", ["/", "/status.json"])
def test_methods(daemon, path):
    head = http.ask(daemon.http_port, "HEAD", path)
    assert head.status == 200 and head.body == b""
    refused = http.ask(daemon.http_port, "POST", path)
    assert refused.status == 405 and refused.field("Allow") == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/status.json"])
def test_only_for_allowed_addresses(start_daemon, path):
    daemon = start_daemon(config={"allow": ["127.0.0.2/32"]})
    assert http.get(daemon.http_port, path, source="127.0.0.2").status == 200
    with pytest.raises((http.BadAnswer, OSError)):
        http.get(daemon.http_port, path, source="127.0.0.3")


def test_the_status_has_the_figures_of_metrics(start_daemon, crowd):
    daemon = start_daemon()
    first, _ = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    first.send(b"<event a=></event>")
    crowd.fence_all([first])
    status, report = ask_status(daemon), daemon.status()
    limits = {pool["name"]: pool["limit"] for pool in status["pools"]}
    assert limits == {name: pool["limit"] for name, pool in report.pools.items()}
    assert status["events"]["received"] == report.document["counters"]["events_in"]
    assert status["events"]["refused"] == sum(report.refused.values())
    assert status["memory"]["limit"] == 8_388_608
    assert "unencrypted" in status["warnings"] and "heap" not in status["warnings"]
    assert status["sees_all"] is True
    shown = {client["callsign"]: client for client in status["clients"]}
    assert shown.keys() == {events.ALPHA.callsign, events.BRAVO.callsign}
    one = shown[events.ALPHA.callsign]
    assert (one["lat"], one["lon"]) == (50.1109, 8.6821)
    assert one["colour"] == events.ALPHA.colour and one["role"] == "Team Member"


def test_walls_hold(start_daemon, crowd):
    daemon = start_daemon(config={"teams": [
        {"name": "one", "members": ["U-1"]}, {"name": "two", "members": ["U-2"]}]})
    for number in (1, 2):
        client = crowd.join(daemon.port, events.Person(f"U-{number}", f"CALL-{number}"),
                            source=f"127.0.0.{number + 1}")
        crowd.answer(client)
    found = {}
    for host in ("127.0.0.2", "127.0.0.3", "127.0.0.4"):
        status = ask_status(daemon, source=host)
        assert status["sees_all"] is False
        found[host] = [client["callsign"] for client in status["clients"]]
    assert found == {"127.0.0.2": ["CALL-1"], "127.0.0.3": ["CALL-2"], "127.0.0.4": []}


def test_a_store_that_is_not_there_is_warned_of(tmp_path):
    daemon = StoreDaemon(tmp_path / "daemon")
    daemon.state_dir.mkdir(parents=True, exist_ok=True)
    (daemon.state_dir / "packages").write_text("not a folder")
    daemon.start()
    try:
        assert "store" in ask_status(daemon)["warnings"]
        assert http.get(daemon.http_port, "/").status == 200
    finally:
        daemon.kill()


def test_a_full_house_with_the_smallest_output_buffer(start_daemon, crowd):
    daemon = start_daemon(budget={"http_output_bytes": 8_192})
    fill(daemon, crowd, 128)
    assert len(set(callsigns(daemon))) == 128


def test_readers_that_stop_hold_up_nobody(start_daemon, crowd):
    daemon = start_daemon()
    fill(daemon, crowd, 20)
    idle = [http.Connection(daemon.http_port) for _ in range(3)]
    for link in idle:
        link.request("GET", "/status.json", [], b"", "127.0.0.1")
    assert len(callsigns(daemon)) == 20
    for link in idle:
        link.close()


# In a browser


def fill(daemon, crowd, count, names=None):
    """So many clients, on a spiral. Returns when all are known."""
    clients = []
    for i in range(count):
        name = names[i] if names else f"{COLOURS[i % 9].upper()}-{i // 9 + 1}"
        person = events.Person(f"UID-{i}", name, COLOURS[i % 9])
        client = crowd.connect(daemon.port, person=person)
        away, turn = 0.002 + 0.0001 * i, 2.4 * i
        client.send(person.position(
            50.11 + away * math.sin(turn), 8.68 + 1.5 * away * math.cos(turn)))
        clients.append(client)
        crowd.answer(client)
    return clients


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    if browser.program() is None:
        pytest.skip("chromium is not installed (scripts/bootstrap test)")
    one = browser.Browser(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


def look(chromium, daemon, size, dark=False):
    """The page after it has asked twice, with everything checked that holds for any content."""
    origin = f"http://127.0.0.1:{daemon.http_port}/"
    page = chromium.page(origin, *size, dark=dark)
    page.wait_until("Number(document.documentElement?.dataset.rounds) >= 2")
    assert page.requests[0] == origin
    others = [url for url in page.requests if not url.startswith((origin, "data:"))]
    assert not others and origin + "status.json" in page.requests
    assert page.complaints == []
    assert page.value("document.documentElement.scrollWidth <= innerWidth"), \
        "it has to be pushed sideways"
    assert page.value("document.scripts.length") == 1
    assert not page.value("'pwned' in window")
    back = page.value("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", back))) < 300) == dark, back
    return page


def keep(page, name):
    folder = os.environ.get("TINYCOT_SCREENSHOTS")
    if folder:
        (Path(folder) / f"{name}.png").write_bytes(page.screenshot())


SHOWN = "[...document.querySelectorAll('#people .name')].map((name) => name.textContent)"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("count", [0, 3, 128])
def test_in_a_browser(chromium, start_daemon, crowd, count, size, dark):
    daemon = start_daemon()
    fill(daemon, crowd, count)
    page = look(chromium, daemon, size, dark)
    assert page.value("document.querySelector('#count').textContent") == f"{count} of 128"
    assert page.value(SHOWN) == callsigns(daemon) and len(page.value(SHOWN)) == count
    note = page.value("document.querySelector('#others').checkVisibility()")
    assert note == (count == 0)
    assert page.value("document.querySelector('#scale').textContent") == (
        f"{count} with a position; north is up." if count else "No positions.")
    # The last warning that there always is, and a row and a rail for each pool.
    assert "Not encrypted" in page.value("document.querySelector('#warnings').textContent")
    assert page.value("document.querySelectorAll('#pools tr').length") == 2 * 13
    # Somebody has drawn: not all of the picture is of one colour.
    for canvas in ("map", "plot"):
        assert page.value(
            f"new Set(new Uint32Array(document.querySelector('#{canvas}').getContext('2d')"
            f".getImageData(0, 0, 300, 120).data.buffer)).size") > 1
    keep(page, f"{count}-{'phone' if size is PHONE else 'desktop'}-{'dark' if dark else 'light'}")
    page.close()


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_hostile_names_in_a_browser(chromium, start_daemon, crowd, size):
    daemon = start_daemon()
    fill(daemon, crowd, len(HOSTILE), HOSTILE)
    evil = events.Person("EVIL", "EVIL", '"><i>red;}')
    crowd.answer(crowd.join(daemon.port, evil))
    page = look(chromium, daemon, size)
    assert page.value(SHOWN) == [*HOSTILE, "EVIL"]
    # Nothing but what the script itself makes.
    assert page.value(
        "[...new Set([...document.querySelectorAll('#people *')].map((e) => e.localName))]"
        ".sort()") == ["bdi", "li", "span"]
    assert page.value("document.querySelectorAll('h1').length") == 1
    keep(page, f"hostile-{'phone' if size is PHONE else 'desktop'}")
    page.close()


def test_the_list_of_packages(chromium, daemon):
    names = ["first.zip", '<img src=x onerror="pwned=1">.zip', "private.zip"]
    packages = [uploads.made_up(name, 1_000 * (i + 1), seed=i) for i, name in enumerate(names)]
    for package in packages:
        assert uploads.upload(daemon.http_port, package).status == 200
    for package in packages[:2]:
        assert uploads.set_tool(daemon.http_port, package, "public").status == 200
    page = look(chromium, daemon, PHONE)
    assert not any("search" in url for url in page.requests)
    page.value("document.querySelector('#packages summary').click()")
    page.wait_until("document.querySelectorAll('#list li').length > 0")
    links = page.value(
        "[...document.querySelectorAll('#list a')].map((a) => [a.textContent, a.href])")
    origin = f"http://127.0.0.1:{daemon.http_port}/"
    assert links == [[package.name, f"{origin}Marti/sync/content?hash={package.hash}"]
                     for package in reversed(packages[:2])]
    assert page.complaints == [] and not page.value("'pwned' in window")
    assert http.get(daemon.http_port, links[0][1][len(origin) - 1:]).body == packages[1].content
    page.close()


def test_a_server_that_has_gone_is_told(chromium, start_daemon):
    daemon = start_daemon()
    page = look(chromium, daemon, PHONE)
    daemon.finish()
    page.wait_until(
        "document.querySelector('#warnings').textContent.includes('has not answered')")
    page.close()
