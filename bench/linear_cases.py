"""The worst inputs that bench/linear.py grows: what each reader is given, and what must come of it.

A case is a reader of Tests/LinearHelper, how many bytes it is given at a time, the sizes that are
tried, a function that makes an input of at most so many bytes, and what the reader says of each.
That is compared, so that a case cannot become harmless without a word, refused at its first byte.
"""

import itertools
from dataclasses import dataclass
from typing import Callable

SIZES = (4_096, 8_192, 16_384, 32_768, 65_536)
# Of small events so many that every table is full in the middle of them.
MANY = (32_768, 65_536, 131_072, 262_144, 524_288)
WHOLE = 65_536
TIMES = ('time="2026-01-15T12:00:00Z" start="2026-01-15T12:00:00Z" '
         'stale="2026-01-15T12:01:00Z" how="m-g"')
POINT = '<point lat="1" lon="2" hae="0" ce="1" le="1"/>'


@dataclass(frozen=True)
class Case:
    """One way to be expensive."""

    name: str
    reader: str
    make: Callable[[int], bytes]
    outcome: str
    step: int = WHOLE
    sizes: tuple = SIZES
    # More instructions a byte than this are a fault, however linear they are.
    most: int = 250


def repeated(head, piece, tail):
    """`head`, as often `piece` as fits, `tail`."""
    head, piece, tail = head.encode(), piece.encode(), tail.encode()

    def make(size):
        count = (size - len(head) - len(tail)) // len(piece)
        return head + piece * count + tail

    return make


def numbered(head, piece, tail):
    """The same, with a number of six digits in each piece."""
    head, tail = head.encode(), tail.encode()

    def make(size):
        count = (size - len(head) - len(tail)) // len((piece % 0).encode())
        return head + b"".join((piece % n).encode() for n in range(count)) + tail

    return make


def event(inner, kind="a-f-G-U-C", make=repeated, before="", after=""):
    """An event that is full of `inner`."""
    return make(f'<event version="2.0" uid="WORST" type="{kind}" {TIMES}>{POINT}<detail>{before}',
                inner, f"{after}</detail></event>")


def small(kind, uid, inner=""):
    """Many small events."""
    return numbered("", f'<event version="2.0" uid="{uid}" type="{kind}" {TIMES}>{POINT}<detail>'
                    f"{inner}</detail></event>", "")


def same_bit_names(count):
    """Names of three letters that a set of 64 bits cannot tell apart (`MarkupName.bloomBit`)."""
    def bit(name):
        word = int.from_bytes(name.encode(), "little")
        return ((word ^ len(name)) * 0x9E37_79B9_7F4A_7C15 & (1 << 64) - 1) >> 58

    letters = "abcdefghijklmnopqrstuvwxyz"
    names = ("".join(letter) for letter in itertools.product(letters, repeat=3))
    return list(itertools.islice((name for name in names if bit(name) == 0), count))


def attributes():
    """Elements with as many attributes as one may have, each compared with all before it."""
    return event("<x " + " ".join(f"{name}=''" for name in same_bit_names(128)) + "/>")


def long_names(size):
    """Attributes whose names differ in their last bytes only."""
    room = size - 500
    each = room // 120 - 6
    inner = " ".join(f"{'n' * (each - 3)}{n:03d}=''" for n in range(120))
    return event(f"<x {inner}/>")(size)


def nested(size):
    """As deep as may be, again and again."""
    deep = 250
    return event("<a>" * deep + "</a>" * deep)(size)


def member_names(size):
    """As many members as fit, in ten teams."""
    return numbered('{"teams": [{"name": "blue", "members": ["first"', ', "M%06d"', "]}]}")(size)


def state_file(size):
    """Kept events, but for the hash that comes at the end."""
    head = ('{"version":1,\n"generation":42,\n"boot":"0f9a2c5e-6c1b-4a53-9d7e-000000000001",\n'
            '"boot_ms":81234567,\n"wall_ms":1795622700123,\n"wall_is_synchronised":true,\n'
            '"lived_ms":400000000,\n"starts":3,\n"events_in":123456,\n"events_out":7890123,\n'
            '"written_total":{"state":1000,"dump":1001,"packages":1002,"catalogue":1003},\n'
            '"written_today":{"state":10,"dump":11,"packages":12,"catalogue":13},\n'
            '"day_age_ms":3600000,\n"clients":[\n],\n"events":[\n')
    piece = ('{"kind":"position","team":"blue","address":"10.0.0.7","age_ms":5123,'
             '"left_ms":54877,"event":"\\u003cevent\\n/>"},\n')
    return repeated(head, piece, "")(size)


HEAD = "GET /Marti/sync/search"


def fields(size):
    """Sixty-two fields beside Host."""
    each = (size - 60) // 62 - 11
    return numbered(
        f"{HEAD} HTTP/1.1\r\nHost: x\r\n", "X%06d: " + "y" * each + "\r\n", "\r\n")(size)


CASES = (
    Case("attributes whose names share one bit", "relay", attributes(), "taken, sent"),
    Case("attributes with long names, alike but for the end", "relay", long_names, "taken, sent"),
    Case("one long attribute value", "relay", event("v", before='<x y="', after='"/>'),
         "taken, sent"),
    Case("entities in an attribute value", "relay",
         event("&amp;", before='<x y="', after='"/>'), "taken, sent"),
    Case("character references in text", "relay", event("&#x10FFFF;"), "taken, sent"),
    Case("`dest` of a name that 100 clients have", "relay",
         event('<dest callsign="NAMESAKE"/>', before="<marti>", after="</marti>"), "taken, sent",
         most=500),
    Case("`dest` of names that nobody has", "relay",
         event('<dest callsign="N%06d"/>', make=numbered, before="<marti>", after="</marti>"),
         "taken, none sent"),
    Case("`link` in a delete", "relay",
         event('<link uid="U%06d" relation="none" type="a"/>', "t-x-d-d", numbered),
         "taken, sent"),
    Case("elements 250 deep", "relay", nested, "taken, sent"),
    Case("elements side by side", "relay", event("<a/>"), "taken, sent"),
    Case("comments", "relay", event("<!---->"), "taken, sent"),
    Case("CDATA that hides an end", "relay", event("<![CDATA[</event>]]>"), "taken, sent"),
    Case("processing instructions", "relay", event("<?a?>"), "taken, sent"),
    Case("`]]` and `--` that end nothing", "relay",
         event("]]-]", before="<![CDATA[", after="]]>"), "taken, sent"),
    Case("`<` in a text", "relay", event("<"), "none taken, none sent, refused"),
    Case("`<event` without an end", "relay", repeated("", "<event ", ""),
         "none taken, none sent, refused"),
    Case("`<eve` between events", "relay", repeated("", "<eve", ""),
         "none taken, none sent, refused"),
    Case("an event, a byte at a time", "relay", event("text"), "taken, sent", step=1,
         most=1_000),
    Case("comments, a byte at a time", "relay", event("<!---->"), "taken, sent", step=1,
         most=1_000),
    Case("the smallest events", "relay",
         repeated("", f'<event version="2.0" uid="W" type="t" {TIMES}>{POINT}</event>', ""),
         "taken, sent"),
    Case("markers, each with a new uid", "relay", small("b-m-p-s-m", "M%06d"), "taken, sent",
         sizes=MANY),
    Case("alerts, each with a new uid", "relay", small("b-a-o-tbl", "A%06d"), "taken, sent",
         sizes=MANY),
    Case("deletes of what is not there", "relay",
         small("t-x-d-d", "D", '<link uid="U%06d" relation="none" type="a"/>'), "taken, sent",
         sizes=MANY),
    Case("positions, each with a new callsign", "relay",
         small("a-f-G", "P", '<contact callsign="C%06d" endpoint="*:-1:stcp"/>'), "taken, sent",
         sizes=MANY),
    Case("as many fields as may be, a byte at a time", "http", fields, "found, 0 parameters",
         step=1),
    Case("a long query", "http",
         repeated(f"{HEAD}?a=b", "%41", " HTTP/1.1\r\nHost: x\r\n\r\n"), "found, 0 parameters",
         sizes=(2_048, 4_096, 8_192, 16_384, 32_768)),
    Case("an unfinished head, a byte at a time", "http",
         lambda size: repeated(f"{HEAD} HTTP/1.1\r\nX: ", "y", "")(size - 8), "incomplete", step=1),
    Case("chunks of one byte", "chunked", repeated("", "1\r\nx\r\n", "0\r\n\r\n"),
         "content, ended true"),
    Case("nearly the boundary", "multipart",
         repeated("--" + "a" * 70 + '\r\nContent-Disposition: form-data; name="f"\r\n\r\n',
                  "\r\n--" + "a" * 69 + "b", "\r\n--" + "a" * 70 + "--\r\n"), "ended, content"),
    Case("beginnings of the boundary", "multipart",
         repeated("--" + "a" * 70 + '\r\nContent-Disposition: form-data; name="f"\r\n\r\n',
                  "\r\n-\r\r\n--a", "\r\n--" + "a" * 70 + "--\r\n"), "ended, content"),
    Case("nearly the boundary, a byte at a time", "multipart",
         repeated("--" + "a" * 70 + '\r\nContent-Disposition: form-data; name="f"\r\n\r\n',
                  "\r\n--" + "a" * 69 + "b", "\r\n--" + "a" * 70 + "--\r\n"), "ended, content",
         step=1),
    Case("lists 16 deep", "json", repeated("[0", "," + "[" * 15 + "]" * 15, "]"), "read"),
    Case("many keys", "json", numbered('{"a":0', ',"k%06d":1', "}"), "read"),
    Case("a long text of escapes", "json", repeated('["', "\\u00e9", '"]'), "read"),
    Case("members of a team", "config", member_names, "read", sizes=(4_096, 8_192, 16_384, 32_768)),
    Case("a list of videos", "video",
         repeated("<videoConnections>",
                  "<feed><uid>u</uid><alias>a</alias><address>10.0.0.1</address></feed>",
                  "</videoConnections>"), "taken", sizes=(2_048, 4_096, 8_192, 16_384)),
    Case("kept events", "state", state_file, "events"),
)
