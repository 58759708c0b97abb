"""A data package from A to B, request by request as the phones' own clients make them.

The steps are those of the protocol (8.3): ask, upload, mark, offer over the stream, download,
acknowledge. curl stands for ATAK's commo, which is libcurl.
"""

import asyncio
import hashlib
import subprocess
import urllib.request
import xml.etree.ElementTree as ET
from configparser import ConfigParser
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

import pytak
import pytest

from tinycot import events, http
from tinycot.client import gather
from tinycot.infoset import find, infoset
from tinycot.marti import (
    ZIP_TYPE, Package, Phone, acknowledgement, form_type, mission_package, multipart, offer,
    stored)
from tinycot.pace import PROMPT_SECONDS, SLOW

ALPHA, BRAVO = events.ALPHA, events.BRAVO


def curl(folder, *arguments):
    """Status, content type and body of one request, made as commo makes it: no user agent, no
    redirects, HTTP/1.1."""
    body = folder / "answer"
    body.write_bytes(b"")
    done = subprocess.run(
        ["curl", "-q", "-sS", "--http1.1", "--noproxy", "*", "-A", "",
         "-m", str(20 * SLOW), "-o", body, "-w", "%{http_code} %{content_type}",
         *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"curl: {done.returncode} {done.stderr}"
    code, _, kind = done.stdout.partition(" ")
    return int(code), kind, body.read_bytes()


class Commo:
    """ATAK's native client, played by curl."""

    def __init__(self, daemon, folder, person):
        self.base = f"http://127.0.0.1:{daemon.http_port}/Marti"
        self.folder = folder
        self.person = person

    def query(self, package):
        return curl(self.folder, f"{self.base}/sync/missionquery?hash={package.sha256}")

    def upload(self, package):
        file = self.folder / "outgoing.zip"
        file.write_bytes(package.data)
        return curl(
            self.folder, "-H", "Expect: 100-continue",
            "-F", f'assetfile=@{file};filename="{package.name}";type={ZIP_TYPE}',
            f"{self.base}/sync/missionupload?hash={package.sha256}"
            f"&filename={quote(package.name)}&creatorUid={self.person.uid}")

    def mark(self, package, tool):
        return curl(self.folder, "-X", "PUT", "-H", "Content-Type: text/plain",
                    "--data-binary", tool,
                    f"{self.base}/api/sync/metadata/{package.sha256}/tool")

    def fetch(self, address):
        return curl(self.folder, f"{address}&receiver={quote(self.person.callsign)}")


@pytest.mark.parametrize("size", [1_000, 900_000], ids=["small", "behind Expect"])
def test_the_whole_way_as_atak_goes_it(size, daemon, crowd, tmp_path):
    alpha, bravo, charlie = gather(crowd, daemon.port, [ALPHA, BRAVO, events.CHARLIE])
    sender, receiver = Commo(daemon, tmp_path, ALPHA), Commo(daemon, tmp_path, BRAVO)
    package = Package.of_size(size, "pkg one.zip")
    expected = f"{sender.base}/sync/content?hash={package.sha256}".encode()

    assert sender.query(package)[0] == 404
    code, kind, body = sender.upload(package)
    assert (code, body) == (200, expected), "used as it stands: no line end, no quotes"
    assert kind.startswith("text/plain")
    assert sender.mark(package, "private")[0] == 200
    alpha.send(offer(ALPHA, BRAVO, package, body.decode(), "ack-1"))

    crowd.wait_until(lambda: bravo.of_type("b-f-t-r"), "the offer")
    share = find(infoset(bravo.of_type("b-f-t-r")[0].raw), "detail", "fileshare")[1]
    assert share["senderUrl"] == expected.decode(), "untouched on its way"
    code, kind, data = receiver.fetch(share["senderUrl"])
    assert code == 200 and kind == ZIP_TYPE
    assert len(data) == int(share["sizeInBytes"])
    assert hashlib.sha256(data).hexdigest() == share["sha256"]

    bravo.send(acknowledgement(BRAVO, ALPHA, package, "ack-1"))
    crowd.wait_until(lambda: alpha.of_type("b-f-t-a"), "the acknowledgement")
    response = find(infoset(alpha.of_type("b-f-t-a")[0].raw), "detail", "ackresponse")[1]
    assert (response["uid"], response["success"]) == ("ack-1", "true")
    crowd.fence_all([alpha, bravo, charlie])
    assert charlie.of_type("b-f-t-r") == [] == charlie.of_type("b-f-t-a")

    assert daemon.status().heap_allocations_after_seal == 0
    # What was sent to contacts is in nobody's list, and need not be sent again.
    assert package.sha256 not in Phone(daemon).listed()
    code, _, body = sender.query(package)
    assert (code, body) == (200, expected)
    assert stored(daemon) == {package.sha256}


def test_upload_to_server_and_download_from_the_list(daemon, tmp_path):
    sender, receiver = Commo(daemon, tmp_path, ALPHA), Phone(daemon, BRAVO)
    package = mission_package("field report.zip")
    # Without the extension: so commo names what goes to the server only.
    uploaded = Package(package.data, "field report")
    assert sender.upload(uploaded)[0] == 200
    assert receiver.listed() == set(), "not before it is marked"
    assert sender.mark(package, "public")[0] == 200

    row, = receiver.search()
    assert row["Hash"] == package.sha256 and row["Size"] == str(package.size)
    assert row["Name"] == "field report" and row["CreatorUid"] == ALPHA.uid
    assert row["Tool"] == "public" and row["Keywords"] == ["missionpackage"]
    assert row["MIMEType"] == ZIP_TYPE and row["EXPIRATION"] == "-1"
    assert int(row["PrimaryKey"]) >= 0 and row["UID"]
    assert events.moment_of(row["SubmissionDateTime"])
    assert receiver.get(f"/Marti/sync/content?hash={row['Hash']}").body == package.data
    # The query of a phone that has not learnt the version of the server.
    assert receiver.listed(tool=None) == {package.sha256}
    # The other way round it leaves the list again.
    assert sender.mark(package, "private")[0] == 200
    assert receiver.listed() == set()


@pytest.mark.right_clock
def test_the_list_says_when_a_package_was_submitted(daemon):
    Phone(daemon, ALPHA).publish(Package.of_size(500))
    row, = Phone(daemon).search()
    age = datetime.now(timezone.utc) - events.moment_of(row["SubmissionDateTime"])
    assert -timedelta(seconds=2) < age < timedelta(minutes=5)


def test_the_submitting_user_is_the_one_who_is_connected(daemon, crowd):
    gather(crowd, daemon.port, [ALPHA])
    Phone(daemon, ALPHA).publish(Package.of_size(500))
    assert Phone(daemon).search()[0]["SubmissionUser"] == ALPHA.callsign


def test_itak_posts_the_bare_bytes(daemon):
    itak = Phone(daemon, events.INDIA)
    package = mission_package("Von iTAK")
    answer = itak.post_raw(package)
    assert answer.status == 200
    document = answer.json()
    assert document["Hash"] == package.sha256 and document["UID"]
    assert document["Name"] == "Von iTAK" and document["CreatorUid"] == events.INDIA.uid
    assert document["Keywords"] == ["missionpackage"] and document["MIMEType"] == ZIP_TYPE
    assert int(document["PrimaryKey"]) >= 0 and document["SubmissionDateTime"].endswith("Z")
    assert "SubmissionUser" in document
    assert Phone(daemon, BRAVO).listed() == {package.sha256}, "public at once"
    assert Phone(daemon, BRAVO).content(package).body == package.data


def test_tools_post_a_form(daemon):
    package = mission_package()
    for part in ("assetfile", "resource"):
        answer = Phone(daemon).ask(
            "POST", "/Marti/sync/upload?name=form.zip&keywords=missionpackage&creatorUid=web",
            [form_type()], multipart(package.data, "form.zip", part))
        assert answer.status == 200 and answer.json()["Hash"] == package.sha256
    assert Phone(daemon).search()[0]["Name"] == "form.zip"


def test_the_body_may_come_in_chunks(daemon):
    package = mission_package("chunked.zip")
    phone = Phone(daemon)
    answer = phone.ask("POST", phone.upload_target(package),
                       [form_type(), ("Transfer-Encoding", "chunked")],
                       http.chunked(multipart(package.data, package.name)))
    assert (answer.status, answer.text) == (200, phone.address(package))
    assert phone.content(package).body == package.data


def test_a_client_that_waits_is_told_to_go_on(daemon):
    """The bytes of it: commo's curl goes on by itself only after a second."""
    package = Package.of_size(70_000)
    phone = Phone(daemon)
    body = multipart(package.data)
    with http.Connection(daemon.http_port) as link:
        link.send(http.request(
            "POST", phone.upload_target(package),
            [form_type(), ("Content-Length", len(body)), ("Expect", "100-continue")],
            host=phone.host))
        assert link.head().status == 100
        assert link.is_silent(0.05), "no final answer before the body"
        link.send(body)
        answer = link.answer()
    assert (answer.status, answer.text) == (200, phone.address(package))


def test_the_same_package_from_two_people_is_one(daemon):
    package = mission_package("shared.zip")
    assert Phone(daemon, ALPHA).upload(package).status == 200
    assert Phone(daemon, BRAVO).query(package).text == Phone(daemon).address(package)
    assert Phone(daemon, BRAVO).upload(package).status == 200
    assert stored(daemon) == {package.sha256}


class Ear(pytak.QueueWorker):
    """Keeps what PyTAK receives."""

    def __init__(self, queue, config):
        super().__init__(queue, config)
        self.heard = []

    async def handle_data(self, data):
        self.heard.append(ET.fromstring(data))

    async def run(self, _=-1):
        while True:
            await self.handle_data(await self.queue.get())

    async def hear(self, kind):
        end = asyncio.get_running_loop().time() + PROMPT_SECONDS
        while True:
            for event in self.heard:
                if event.get("type") == kind:
                    return event
            assert asyncio.get_running_loop().time() < end, f"no {kind}"
            await asyncio.sleep(0.01)


class Bot:
    """A PyTAK application that bears a name."""

    def __init__(self, person, port):
        parser = ConfigParser()
        parser["bot"] = {"COT_URL": f"tcp://127.0.0.1:{port}"}
        self.person = person
        self.tool = pytak.CLITool(parser["bot"])
        self.ear = Ear(self.tool.rx_queue, parser["bot"])
        self.tool.add_tasks({self.ear})

    async def __aenter__(self):
        await self.tool.setup()
        self.task = asyncio.ensure_future(self.tool.run())
        await self.say(self.person.position())
        return self

    async def __aexit__(self, *_):
        for task in [*self.tool.running_tasks, self.task]:
            task.cancel()
        await asyncio.gather(*self.tool.running_tasks, self.task, return_exceptions=True)

    async def say(self, event):
        await self.tool.tx_queue.put(event)


def test_a_pytak_pair_does_the_stream_part(daemon):
    package = mission_package("from a bot.zip")

    async def play():
        async with Bot(ALPHA, daemon.port) as sender, Bot(BRAVO, daemon.port) as receiver:
            await sender.ear.hear(BRAVO.kind)
            await receiver.ear.hear(ALPHA.kind)
            answer = await asyncio.to_thread(Phone(daemon, ALPHA).upload, package)
            assert answer.status == 200
            await sender.say(offer(ALPHA, BRAVO, package, answer.text, "ack-2"))
            share = (await receiver.ear.hear("b-f-t-r")).find("detail/fileshare")
            address = share.get("senderUrl") + "&receiver=BRAVO"
            with await asyncio.to_thread(urllib.request.urlopen, address, None,
                                         PROMPT_SECONDS) as reply:
                data = reply.read()
            assert hashlib.sha256(data).hexdigest() == share.get("sha256") == package.sha256
            await receiver.say(acknowledgement(BRAVO, ALPHA, package, "ack-2"))
            response = (await sender.ear.hear("b-f-t-a")).find("detail/ackresponse")
            assert response.get("success") == "true"

    asyncio.run(play())
