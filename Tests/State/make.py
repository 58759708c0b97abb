"""Writes the fixtures beside it, by the format's description and by no code of the project.

The files stay as they are while version 1 can be read; this shows what they are made of.
"""

import hashlib
import os

FOLDER = os.path.dirname(os.path.abspath(__file__))


def put(name, body):
    data = body.encode()
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(data + f'"sha256":"{digest}"}}\n'.encode())


HEADER = """{"version":1,
"generation":42,
"boot":"0f9a2c5e-6c1b-4a53-9d7e-000000000001",
"boot_ms":81234567,
"wall_ms":1795622700123,
"wall_is_synchronised":true,
"lived_ms":400000000,
"starts":3,
"events_in":123456,
"events_out":7890123,
"written_total":{"state":1000,"dump":1001,"packages":1002,"catalogue":1003},
"written_today":{"state":10,"dump":11,"packages":12,"catalogue":13},
"day_age_ms":3600000,
"""
ALPHA = ('{"uid":"ANDROID-589520ccfcd20f01","callsign":"ALPHA \\"é\\" 🚁","team":"blue",'
         '"colour":"Cyan","role":"Team Member","takv":"ATAK-CIV 5.2.0","last_type":"a-f-G-U-C",'
         '"last_event_ms":1795622695000,"ago_ms":5123,"is_connected":true}')
LONG = ('{"uid":"' + "x" * 80 + '","callsign":"tab\\u0009here\\u0007","team":"","colour":"",'
        '"role":"","takv":"","last_type":"","last_event_ms":-1,"ago_ms":-20,'
        '"is_connected":false,"cut":["uid"]}')
EVENTS = (
    '{"kind":"position","team":"blue","address":"10.0.0.7","age_ms":5123,"left_ms":54877,'
    '"event":"<event version=\'2.0\' uid=\'ANDROID-589520ccfcd20f01\'/>"}',
    '{"kind":"item","team":"","address":"2001:db8::1","age_ms":-20,"left_ms":0,'
    '"event":"<event a=\\"\\\\\\">\\r\\n\\tß\\n</event>"}',
    '{"kind":"emergency","team":"red","address":"::","age_ms":1,"left_ms":3600000,'
    '"event":"<event uid=\\"911\\"/>"}',
)

put("version-1.json", HEADER + '"clients":[\n' + ",\n".join((ALPHA, LONG))
    + '\n],\n"events":[\n' + ",\n".join(EVENTS) + "\n],\n")
put("version-2.json", '{"version":2,\n"generation":{"number":43,"of":"another kind"},\n'
    '"picture":[\n["blue",1,"<event/>"]\n],\n')
