"""`tinycot status --json`, read in this one place so that a renamed key costs one line."""

import json


class ClientStatus:
    """One row of `clients`."""

    def __init__(self, row):
        self.row = row
        self.uid = row["uid"]
        self.callsign = row["callsign"]
        self.team = row["team"]
        self.address = row["address"]
        self.identified = row["identified"]
        self.queue_events = row["queue_events"]
        self.queue_bytes = row["queue_bytes"]
        self.events_in = row["events_in"]
        self.events_out = row["events_out"]
        self.drops = row["drops"]

    @property
    def dropped(self):
        """Events this client should have had and did not get, for whatever reason."""
        return sum(self.drops.values())

    @property
    def dropped_important(self):
        return self.drops["queue_full_important"]


class Status:
    """The whole document."""

    def __init__(self, text):
        self.document = json.loads(text)
        self.clients = [ClientStatus(row) for row in self.document["clients"]]
        counters = self.document["counters"]
        self.refused = counters["refused"]
        self.admission_refused = counters["admission_refused"]
        self.closed = counters["closed"]
        self.drops = counters["drops"]
        self.events_in = counters["events_in"]
        self.events_out = counters["events_out"]
        self.heap_allocations_after_seal = self.document["heap_allocations_after_seal"]
        self.pools = {pool["name"]: pool for pool in self.document["pools"]}

    def by_uid(self, uid):
        """The connected client with that uid, or None."""
        return next((c for c in self.clients if c.uid == uid), None)

    @property
    def refused_total(self):
        return sum(self.refused.values())
