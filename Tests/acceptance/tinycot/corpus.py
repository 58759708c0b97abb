"""The files of Tests/Corpus and what the daemon must do with each: the README's tables, as data.

Letters stand for the cast: A ALPHA, B BRAVO, C CHARLIE, W HAMMER, I India 9.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

FOLDER = Path(__file__).resolve().parents[2] / "Corpus"
HOSTILE = FOLDER / "hostile"
ALL = "all"
NOBODY = ""


@dataclass(frozen=True)
class Row:
    """One valid event and its way."""

    name: str
    # Who sends it. "new" is a connection that has not said anything yet.
    sender: str = "A"
    # ALL others, some letters, or NOBODY. None: either way is right.
    to: Optional[str] = ALL
    # Whether a late joiner gets it. None: not laid down.
    kept: Optional[bool] = None
    # The uid and callsign that the connection has afterwards.
    named: Optional[tuple] = None
    # The type of an answer to the sender.
    answer: str = ""

    @property
    def path(self):
        found = sorted(FOLDER.glob(self.name[:2] + "-*"))
        assert len(found) == 1, f"{self.name}: {found}"
        return found[0]

    @property
    def data(self):
        return self.path.read_bytes()


_A = "ANDROID-00000000000000a1"
_WORLD = "Müller-Łódź 救急 🚑 \u200fنجم\u200f"

VALID = [
    Row("01 position of ATAK", "new", ALL, True, (_A, "ALPHA")),
    Row("02 declares utf-16", "new", ALL, True,
        ("S-1-5-21-1000000001-2000000002-3000000003-1001", "HAMMER")),
    Row("03 position of iTAK", "new", ALL, True,
        ("0A1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D", "India 9")),
    Row("04 whole seconds, other order", "new", ALL, True,
        ("7B1A1C40-0000-4000-8000-00000000000E", "ECHO")),
    Row("05 track without endpoint", "new", ALL, True),
    Row("06 callsign in many scripts", "new", ALL, True, ("ANDROID-00000000000000b2", _WORLD)),
    Row("07 the same in references", "new", ALL, True, ("ANDROID-00000000000000b2", _WORLD)),
    Row("08 single quotes", "new", ALL, True, ("ANDROID-00000000000000c3", "O'Brien \"C3\"")),
    Row("09 detail before point", "new", ALL, True, (_A, "ALPHA")),
    Row("10 not a number", "new", ALL, True, (_A, "ALPHA")),
    Row("11 another colour", "A", ALL, True, (_A, "ALPHA")),
    Row("12 no detail", "A", ALL, True),
    Row("13 empty detail", "A", ALL, True),
    Row("14 marker", "A", ALL, True),
    Row("15 remarks of several lines", "A", ALL, True),
    Row("16 spot marker", "A", ALL, True),
    Row("17 icon and attachment", "A", ALL, True),
    Row("18 circle", "A", ALL, True),
    Row("19 polygon", "A", ALL, True),
    Row("20 rectangle", "A", ALL, True),
    Row("21 events inside attributes", "A", ALL, True),
    Row("22 geofence", "A", ALL, True),
    Row("23 route", "A", ALL, True),
    Row("24 range and bearing", "A", ALL, True),
    Row("25 chat to all", "A", ALL, False),
    Row("26 team chat, first copy", "A", "B", False),
    Row("27 team chat, second copy", "A", "C", False),
    Row("28 chat by callsign", "A", "B", False),
    Row("29 chat by uid", "I", "B", False),
    Row("30 chat in a user group", "A", "W", False),
    Row("31 receipt delivered", "B", "A", False),
    Row("32 receipt read", "B", "A", False),
    Row("33 chat of WinTAK", "W", ALL, False),
    Row("34 private chat without marti", "A", "C", False),
    Row("35 casualty evacuation", "A", ALL, True),
    Row("36 emergency", "A", ALL, True),
    Row("37 emergency by phone number", "B", ALL, True),
    Row("38 emergency cancelled", "A", ALL, False),
    Row("39 file offer", "A", "B", False),
    Row("40 file acknowledged", "B", "A", False),
    Row("41 file offer of a phone", "A", "BC", False),
    Row("42 ping", "A", NOBODY, False, answer="t-x-c-t-r"),
    Row("43 pong from a client", "A", NOBODY, False),
    Row("44 protocol offer", "A", NOBODY, False),
    Row("45 protocol request", "A", NOBODY, False, answer="t-x-takp-r"),
    Row("46 protocol denial", "A", NOBODY, False),
    Row("47 somebody else's end", "A", ALL, False),
    Row("48 item deleted", "A", ALL, False),
    Row("49 PyTAK's greeting", "new", None, False),
    Row("50 metrics", "A", NOBODY, False),
    Row("51 auth document", "new", NOBODY, False),
    Row("52 group change", "A", NOBODY, False),
    Row("53 camera", "A", ALL, True),
    Row("54 video alias", "A", ALL, True),
    Row("55 drone", "A", ALL, True),
    Row("56 point of interest", "A", ALL, True),
    Row("57 one of two callsigns is known", "A", "B", False),
    Row("58 for a mission", "A", NOBODY, False),
    Row("59 for the server", "A", NOBODY, False),
    Row("60 marti without dest", "A", ALL),
    Row("61 mission change", "A", NOBODY, False),
    Row("62 greater-than signs", "A", ALL),
    Row("63 escaped end of event", "A", ALL),
    Row("64 comments", "A", ALL),
    Row("65 instructions", "A", ALL),
    Row("66 CDATA", "A", ALL),
    Row("67 references", "A", ALL),
    Row("68 CRLF and indentation", "A", ALL),
    Row("69 attributes on lines", "A", ALL),
    Row("70 byte order mark", "A", ALL),
    Row("71 newline in front", "A", ALL),
    Row("72 namespaces", "A", ALL),
    Row("73 two contacts", "new", ALL),
    Row("74 scientific numbers", "A", ALL),
    Row("75 nearly 64 KiB", "A", ALL, True),
    Row("76 unknown type", "A", ALL, False),
]
BY_NUMBER = {row.name[:2]: row for row in VALID}

MUST, MAY, NEVER = "must", "may", "never"


@dataclass(frozen=True)
class Hostile:
    """One hostile file and what may come of it."""

    name: str
    # Whether its event (if it holds one) reaches others.
    forwarded: str = NEVER
    to: str = ALL
    # Whether a late joiner may see it. None: not laid down.
    kept: Optional[bool] = False
    # Whether the daemon ends the connection.
    closes: str = NEVER
    # What standard error must say then.
    log: str = ""
    # How many good bytes may be lost before the stream is in step again.
    resync_bytes: int = 0
    # Only the first bytes of a connection show another protocol; later they are junk.
    first_bytes: bool = False
    # The uids that may come out of this file; by default its own number.
    uids: tuple = ()

    @property
    def path(self):
        found = sorted(HOSTILE.glob(self.name[:3] + "-*"))
        assert len(found) == 1, f"{self.name}: {found}"
        return found[0]

    @property
    def data(self):
        return self.path.read_bytes()

    @property
    def expected_uids(self):
        return self.uids or (self.name[:3],)


# An unclosed comment or quote may eat what follows until the longest event is full.
_UNTIL_FULL = 70_000

HOSTILE_ROWS = [
    Hostile("h01 end of event in CDATA", MUST, kept=None),
    Hostile("h02 end of event in a comment", MUST, kept=None),
    Hostile("h03 end of event in an instruction", MUST, kept=None),
    Hostile("h04 billion laughs", closes=MAY),
    Hostile("h05 external entity", closes=MAY),
    Hostile("h06 end of event in a document type", closes=MAY),
    Hostile("h07 self-closed event"),
    Hostile("h08 space in the end tag", MUST, kept=None),
    Hostile("h09 unterminated"),
    Hostile("h10 oversize"),
    Hostile("h11 NUL byte"),
    Hostile("h12 control character"),
    Hostile("h13 invalid UTF-8"),
    Hostile("h14 overlong UTF-8"),
    Hostile("h15 Latin-1"),
    Hostile("h16 duplicate attribute"),
    Hostile("h17 no uid"),
    Hostile("h18 empty uid"),
    Hostile("h19 no type"),
    Hostile("h20 no point", MAY),
    Hostile("h21 point without ce and le", MAY),
    Hostile("h22 no stale", MAY),
    Hostile("h23 bad times", MAY),
    Hostile("h24 latitude out of range"),
    Hostile("h25 latitude in words"),
    Hostile("h26 latitude nan", MAY),
    Hostile("h27 stale before time", MUST),
    Hostile("h28 stale in the year 9999", MUST, kept=None),
    Hostile("h29 newline before the declaration", MUST, kept=None),
    Hostile("h30 real UTF-16", closes=MAY),
    Hostile("h31 junk between two events", MUST, kept=None, closes=MAY,
            uids=("h31-first", "h31-second")),
    Hostile("h32 event inside an event"),
    Hostile("h33 HTTP", closes=MUST, log="HTTP", first_bytes=True),
    Hostile("h34 TLS", closes=MUST, log="TLS", first_bytes=True),
    Hostile("h35 protobuf", closes=MAY, first_bytes=True),
    Hostile("h36 deep nesting"),
    Hostile("h37 huge attribute", MUST, kept=None),
    Hostile("h38 many attributes", MAY, kept=None),
    Hostile("h39 uid that is a path", MUST, kept=None, uids=("../../../../etc/cron.d/x",)),
    Hostile("h40 file names that are paths", MAY, to="B"),
    Hostile("h41 SQL and shell in a callsign", MUST, kept=None),
    Hostile("h42 log lines in a callsign", MUST, kept=None),
    Hostile("h43 undeclared entity"),
    Hostile("h44 mismatched tags"),
    Hostile("h45 less-than in an attribute"),
    Hostile("h46 upper-case root"),
    Hostile("h47 another root", MAY, kept=None, uids=("h47-inner",)),
    Hostile("h48 cut off, then good", MAY, kept=None, uids=("good-after",)),
    Hostile("h49 declarations only"),
    Hostile("h50 forged delete", MUST),
    Hostile("h51 protocol offer"),
    Hostile("h52 pong"),
    Hostile("h53 group change"),
    Hostile("h54 file on a foreign scheme", MAY, to="B"),
    Hostile("h55 a thousand destinations"),
    Hostile("h56 XML 1.1"),
    Hostile("h57 surrogates"),
    Hostile("h58 end of CDATA in text"),
    Hostile("h59 unknown encoding", MUST, kept=None),
    Hostile("h60 declaration inside"),
    Hostile("h61 garbage behind", MUST, kept=None),
    Hostile("h62 another one's uid", MUST, kept=None, uids=("ANDROID-00000000000000b2",)),
    Hostile("h63 unclosed quote", resync_bytes=_UNTIL_FULL),
    Hostile("h64 unclosed comment", resync_bytes=_UNTIL_FULL),
]
HOSTILE_BY_NUMBER = {row.name[:3]: row for row in HOSTILE_ROWS}


def one(number):
    """The bytes of a valid file, by its number."""
    return BY_NUMBER[f"{number:02d}"].data
