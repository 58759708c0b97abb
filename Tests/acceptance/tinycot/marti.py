"""Data packages, and the requests that ATAK, WinTAK and iTAK make about them."""

import hashlib
import io
import itertools
import re
import zipfile
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from . import events, http

ZIP_TYPE = "application/x-zip-compressed"
BOUNDARY = "------------------------0123456789abcdef"
_serial = itertools.count(1)
_STORED_NAME = re.compile(r"[0-9a-f]{64}\.zip")


class Package:
    """Some bytes with their name."""

    def __init__(self, data, name=None):
        self.data = data
        self.name = f"package {next(_serial)}.zip" if name is None else name
        self.sha256 = hashlib.sha256(data).hexdigest()

    @property
    def size(self):
        return len(self.data)

    def __repr__(self):
        return f"<{self.name} {self.size} {self.sha256[:8]}>"

    @classmethod
    def of_size(cls, size, name=None):
        """Incompressible, and other bytes each time."""
        seed = next(_serial)
        block = hashlib.shake_256(b"%d" % seed).digest(min(size, 1_048_576))
        return cls((block * (size // max(len(block), 1) + 1))[:size], name)


def mission_package(name=None):
    """What ATAK zips when somebody sends a marker with a picture."""
    packed = io.BytesIO()
    uid = events.fresh("marker")
    name = f"pkg {next(_serial)}.zip" if name is None else name
    manifest = (
        f'<MissionPackageManifest version="2"><Configuration>'
        f'<Parameter name="uid" value="{uid}"/><Parameter name="name" value={quoteattr(name)}/>'
        f'</Configuration><Contents><Content ignore="false" zipEntry="{uid}/{uid}.cot"/>'
        f"</Contents></MissionPackageManifest>")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MANIFEST/manifest.xml", manifest)
        archive.writestr(f"{uid}/{uid}.cot", events.marker(uid))
        archive.writestr(f"{uid}/picture.jpg", Package.of_size(20_000).data)
    return Package(packed.getvalue(), name)


def multipart(data, file_name="pkg one.zip", part="assetfile", boundary=BOUNDARY, kind=ZIP_TYPE):
    """A body as libcurl writes it."""
    quoted = file_name.replace("\\", "\\\\").replace('"', '\\"')
    head = (f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"; '
            f'filename="{quoted}"\r\nContent-Type: {kind}\r\n\r\n')
    return head.encode("utf-8", "surrogateescape") + data + f"\r\n--{boundary}--\r\n".encode()


def form_type(boundary=BOUNDARY):
    return ("Content-Type", f"multipart/form-data; boundary={boundary}")


class Phone:
    """Somebody's HTTP client. Each request has a connection of its own, as with ATAK's commo."""

    def __init__(self, daemon, person=events.ALPHA, source=None):
        self.port = daemon.http_port
        self.person = person
        self.source = source

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def address(self, package):
        """What the daemon must call the package to somebody who asked it by this Host."""
        return f"http://{self.host}/Marti/sync/content?hash={package.sha256}"

    def ask(self, method, target, fields=(), body=b"", **options):
        return http.ask(self.port, method, target, fields, body,
                        **{"host": self.host, "source": self.source, **options})

    def get(self, target, fields=(), **options):
        return self.ask("GET", target, fields, **options)

    def is_served(self):
        """Is there a place for this address?"""
        try:
            return self.get("/Marti/api/version").status == 200
        except (http.BadAnswer, ConnectionError):
            return False

    # The steps of a transfer (protocol 8.3)

    def query(self, package):
        return self.get(f"/Marti/sync/missionquery?hash={package.sha256}")

    def upload_target(self, package, digest=None, name=None):
        return (f"/Marti/sync/missionupload?hash={digest or package.sha256}"
                f"&filename={quote(package.name if name is None else name)}"
                f"&creatorUid={quote(self.person.uid)}")

    def upload(self, package, **options):
        return self.ask("POST", self.upload_target(package, **options), [form_type()],
                        multipart(package.data, package.name))

    def set_tool(self, package, tool):
        return self.ask("PUT", f"/Marti/api/sync/metadata/{package.sha256}/tool",
                        [("Content-Type", "text/plain")], tool.encode())

    def publish(self, package):
        """Upload to server: all of it must succeed."""
        for answer in (self.upload(package), self.set_tool(package, "public")):
            assert answer.status == 200, answer

    def content(self, package, more="", fields=(), method="GET"):
        return self.ask(method, f"/Marti/sync/content?hash={package.sha256}{more}", fields)

    def post_raw(self, package, keywords="missionpackage", name=None):
        """As iTAK does it (protocol 8.6)."""
        return self.ask(
            "POST", f"/Marti/sync/upload?CreatorUid={quote(self.person.uid)}&keywords={keywords}"
            f"&name={quote(package.name if name is None else name)}",
            [("Content-Type", ZIP_TYPE), ("User-Agent", "iTAK/2.7 CFNetwork/1408 Darwin/22.5")],
            package.data)

    def search(self, tool="public"):
        """The package list as dictionaries."""
        answer = self.get("/Marti/sync/search?keywords=missionpackage"
                          + (f"&tool={tool}" if tool else ""))
        assert answer.status == 200, answer
        document = answer.json()
        assert document["resultCount"] == len(document["results"]), document
        return document["results"]

    def listed(self, tool="public"):
        """The hashes of the list."""
        return {row["Hash"] for row in self.search(tool)}


def offer(sender, receiver, package, address, ack=None):
    """The `b-f-t-r` as commo writes it (protocol 8.3)."""
    stem = package.name.removesuffix(".zip")
    detail = (
        f"<fileshare filename={quoteattr(package.name)} senderUrl={quoteattr(address)} "
        f'sizeInBytes="{package.size}" sha256="{package.sha256}" senderUid="{sender.uid}" '
        f"senderCallsign={quoteattr(sender.callsign)} name={quoteattr(stem)}/>"
        f'<ackrequest uid="{ack or events.fresh("ack")}" ackrequested="true" '
        f"tag={quoteattr(stem)}/>"
        f"<marti><dest callsign={quoteattr(receiver.callsign)}/></marti>")
    return events.event(events.fresh("offer"), "b-f-t-r", detail, 10, how="h-e")


def acknowledgement(receiver, sender, package, ack):
    """The `b-f-t-a` that says that the package has come."""
    detail = (
        f'<ackresponse uid="{ack}" senderUid="{receiver.uid}" success="true" '
        f'tag={quoteattr(package.name)} reason="" sha256="{package.sha256}" '
        f'sizeInBytes="{package.size}"/>'
        f"<marti><dest callsign={quoteattr(sender.callsign)}/></marti>")
    return events.event(receiver.uid, "b-f-t-a", detail, 10, point=events.NOWHERE)


def stored(daemon):
    """The hashes of the files in the folder of packages. Anything else there is a failure."""
    names = {path.name for path in daemon.packages_folder.iterdir()}
    strange = {name for name in names if not _STORED_NAME.fullmatch(name)}
    assert not strange, f"left behind in the folder of packages: {sorted(strange)}"
    return {name[:64] for name in names}
