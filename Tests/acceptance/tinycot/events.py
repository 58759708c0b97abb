"""Builders of events as real clients write them, with the times of now."""

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from xml.sax.saxutils import escape, quoteattr

DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
POINT = '<point lat="50.1109" lon="8.6821" hae="118.2" ce="9.9" le="9999999.0"/>'
NOWHERE = '<point lat="0.0" lon="0.0" hae="0.0" ce="9999999" le="9999999"/>'

_serial = itertools.count(1)


def fresh(prefix="thing"):
    """A uid that no other event of this run has."""
    return f"{prefix}-{next(_serial):06d}"


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def moment_of(text):
    """What `stamp` has written, or the daemon in the same form."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def event(uid, kind, detail="", stale_seconds=75.0, how="m-g", point=POINT, moment=None,
          declaration=DECLARATION):
    """Any event. `moment` is its `time`; by default now."""
    now = moment or datetime.now(timezone.utc)
    stale = now + timedelta(seconds=stale_seconds)
    return (
        f'{declaration}<event version="2.0" uid={quoteattr(uid)} type="{kind}" '
        f'time="{stamp(now)}" start="{stamp(now)}" stale="{stamp(stale)}" how="{how}">'
        f"{point}<detail>{detail}</detail></event>"
    ).encode()


@dataclass(frozen=True)
class Person:
    """Somebody with a phone."""

    uid: str
    callsign: str
    colour: str = "Cyan"
    kind: str = "a-f-G-U-C"

    def position(self, lat=50.1109, lon=8.6821, colour=None, note="", stale_seconds=75.0):
        """A position report as ATAK sends it. It names the connection it comes from."""
        callsign = quoteattr(self.callsign)
        detail = (
            '<takv os="30" version="4.6.0.5" device="TEST" platform="ATAK-CIV"/>'
            f'<contact callsign={callsign} endpoint="*:-1:stcp"/><uid Droid={callsign}/>'
            '<precisionlocation altsrc="GPS" geopointsrc="GPS"/>'
            f'<__group role="Team Member" name={quoteattr(colour or self.colour)}/>'
            f'<status battery="87"/><track course="271.53" speed="1.38"/>{note}'
        )
        point = f'<point lat="{lat:.7f}" lon="{lon:.7f}" hae="118.2" ce="9.9" le="9999999.0"/>'
        return event(self.uid, self.kind, detail, stale_seconds, point=point)

    def chat(self, text="radio check", to=None, room="All Chat Rooms", marti=True):
        """A chat line to everyone, or to one Person."""
        message = fresh("message")
        target = to.uid if to else room
        parent = "RootContactGroup"
        detail = (
            f'<__chat parent="{parent}" groupOwner="false" messageId="{message}" '
            f"chatroom={quoteattr(to.callsign if to else room)} id={quoteattr(target)} "
            f"senderCallsign={quoteattr(self.callsign)}>"
            f"<chatgrp uid0={quoteattr(self.uid)} uid1={quoteattr(target)} "
            f"id={quoteattr(target)}/></__chat>"
            f'<link uid={quoteattr(self.uid)} type="{self.kind}" relation="p-p"/>'
            f"<remarks source={quoteattr('BAO.F.ATAK.' + self.uid)} "
            f"to={quoteattr(target)}>{escape(text)}</remarks>"
        )
        if to and marti:
            detail += f"<marti><dest callsign={quoteattr(to.callsign)}/></marti>"
        uid = f"GeoChat.{self.uid}.{target}.{message}"
        return event(uid, "b-t-f", detail, 86_400, how="h-g-i-g-o")

    def alert(self):
        """The 911 button."""
        detail = (
            f'<link uid={quoteattr(self.uid)} type="{self.kind}" relation="p-p"/>'
            f"<contact callsign={quoteattr(self.callsign + '-Alert')}/>"
            f'<emergency type="911 Alert">{escape(self.callsign)}</emergency>'
        )
        return event(self.alert_uid, "b-a-o-tbl", detail, 10)

    def cancel(self):
        detail = f'<emergency cancel="true">{escape(self.callsign)}</emergency>'
        return event(self.alert_uid, "b-a-o-can", detail, 10)

    @property
    def alert_uid(self):
        return self.uid + "-9-1-1"

    def ping(self):
        return event(
            self.uid + "-ping", "t-x-c-t", stale_seconds=10, point=NOWHERE,
            declaration='<?xml version="1.0"?>\n')


def marker(uid, detail="", stale_seconds=600.0, dest=(), moment=None, kind="b-m-p-s-m"):
    """A spot on the map that stays; `dest` are callsigns if it is meant for a few only."""
    inner = f"<contact callsign={quoteattr(uid)}/><remarks/>{detail}"
    if dest:
        inner += "<marti>" + "".join(f"<dest callsign={quoteattr(d)}/>" for d in dest) + "</marti>"
    return event(uid, kind, inner, stale_seconds, how="h-g-i-g-o", moment=moment)


def delete(target, kind="b-m-p-s-m", forced=True):
    """A user deletes an item."""
    inner = f'<link uid={quoteattr(target)} relation="none" type="{kind}"/>'
    return event(
        fresh("delete"), "t-x-d-d", inner + ("<__forcedelete/>" if forced else ""), 20,
        point=NOWHERE)


def takp_request(uid):
    return event(
        uid, "t-x-takp-q", '<TakControl><TakRequest version="1"/></TakControl>', 60, point=NOWHERE)


FENCE_TYPE = "z-acceptance-fence"


def fence(uid):
    """Of a type nobody knows: relayed to all, kept by nobody. Shows how far the stream has come."""
    return event(uid, FENCE_TYPE, stale_seconds=5)


ALPHA = Person("ANDROID-00000000000000a1", "ALPHA")
BRAVO = Person("ANDROID-00000000000000b2", "BRAVO")
CHARLIE = Person("ANDROID-00000000000000c3", "CHARLIE")
HAMMER = Person("S-1-5-21-1000000001-2000000002-3000000003-1001", "HAMMER", kind="a-f-G-U-C-I")
INDIA = Person("0A1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D", "India 9", "Yellow", "a-f-G-E-V-C")
CAST = {"A": ALPHA, "B": BRAVO, "C": CHARLIE, "W": HAMMER, "I": INDIA}


def somebody(number, colour="Cyan"):
    """The n-th of many people."""
    return Person(f"ANDROID-{number:016x}", f"CALL {number}", colour)
