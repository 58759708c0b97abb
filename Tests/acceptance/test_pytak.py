"""PyTAK, the library that most bots are built on, as a real client; several of them at once."""

import asyncio
import logging
import xml.etree.ElementTree as ET
from configparser import ConfigParser

import pytak
import pytest

from tinycot import corpus, events
from tinycot.client import gather
from tinycot.pace import SLOW

EACH = 40


class Talker(pytak.QueueWorker):
    """Puts its events on the transmit queue, one after the other."""

    def __init__(self, queue, config, name):
        super().__init__(queue, config)
        self.name = name
        self.go = asyncio.Event()

    async def handle_data(self, data):
        await self.put_queue(data)

    async def run(self, _=-1):
        await self.go.wait()
        for number in range(EACH):
            await self.handle_data(pytak.gen_cot(
                uid=f"{self.name}-{number}", lat=50.1 + number / 1000, lon=8.6, stale=120,
                cot_type="a-n-A-C-F", callsign=f"Grüße {self.name} {number}"))
            await asyncio.sleep(0)


class Listener(pytak.QueueWorker):
    """Takes events off the receive queue, as documented."""

    def __init__(self, queue, config):
        super().__init__(queue, config)
        self.heard = []

    async def handle_data(self, data):
        self.heard.append(ET.fromstring(data))

    async def run(self, _=-1):
        while True:
            await self.handle_data(await self.queue.get())

    def uids(self):
        return [root.get("uid") for root in self.heard]


class Bot:
    """One PyTAK application."""

    def __init__(self, name, port):
        parser = ConfigParser()
        parser["bot"] = {"COT_URL": f"tcp://127.0.0.1:{port}"}
        self.name = name
        self.tool = pytak.CLITool(parser["bot"])
        self.talker = Talker(self.tool.tx_queue, parser["bot"], name)
        self.listener = Listener(self.tool.rx_queue, parser["bot"])
        self.tool.add_tasks({self.talker, self.listener})

    async def start(self):
        await self.tool.setup()
        self.task = asyncio.ensure_future(self.tool.run())

    async def stop(self):
        for task in [*self.tool.running_tasks, self.task]:
            task.cancel()
        await asyncio.gather(*self.tool.running_tasks, self.task, return_exceptions=True)


@pytest.fixture(autouse=True)
def quiet():
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("pytak"):
            logging.getLogger(name).setLevel(logging.ERROR)


async def until(condition, what, crowd=None, seconds=15.0):
    end = asyncio.get_running_loop().time() + seconds * SLOW
    while not condition():
        assert asyncio.get_running_loop().time() < end, f"waited in vain for {what()}"
        if crowd:
            crowd.pump(0)
        await asyncio.sleep(0.01)


def own(name):
    return [f"{name}-{number}" for number in range(EACH)]


def test_three_bots_hear_each_other(daemon):
    async def play():
        bots = [Bot(name, daemon.port) for name in ("adsb", "ais", "aprs")]
        for bot in bots:
            await bot.start()
        await until(lambda: len(daemon.status().clients) == 3, lambda: "three connections")
        for bot in bots:
            bot.talker.go.set()
        try:
            await until(
                lambda: all(set(own(o.name)) <= set(b.listener.uids())
                            for b in bots for o in bots if o is not b),
                lambda: f"everything; heard {[len(b.listener.heard) for b in bots]}")
        finally:
            for bot in bots:
                await bot.stop()
        for bot in bots:
            uids = bot.listener.uids()
            for other in bots:
                expected = [] if other is bot else own(other.name)
                assert [uid for uid in uids if uid.startswith(other.name + "-")] == expected

    asyncio.run(play())
    assert daemon.status().refused_total == 0


def test_a_bot_and_phones(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])

    async def play():
        bot = Bot("adsb", daemon.port)
        await bot.start()
        try:
            # The picture comes to a bot that has said nothing but its greeting.
            await until(
                lambda: {alpha.person.uid, bravo.person.uid} <= set(bot.listener.uids()),
                lambda: f"the picture; {bot.listener.uids()}", crowd)
            bot.talker.go.set()
            await until(
                lambda: alpha.has(f"adsb-{EACH - 1}") and bravo.has(f"adsb-{EACH - 1}"),
                lambda: "the bot's events at the phones", crowd)
            alpha.send(corpus.one(25) + corpus.one(28) + corpus.one(75))
            await until(lambda: "tricky-75" in bot.listener.uids(),
                        lambda: f"a large event at the bot; {bot.listener.uids()}", crowd)
        finally:
            await bot.stop()
        uids = bot.listener.uids()
        assert sum("000000000025" in uid for uid in uids) == 1
        assert not any("000000000028" in uid for uid in uids), "a private chat"

    asyncio.run(play())
    crowd.fence_all([alpha, bravo])
    for phone in (alpha, bravo):
        assert [e.uid for e in phone.received if e.uid.startswith("adsb-")] == own("adsb")
        assert phone.of_type("t-x-d-d") == [] or all(
            b"<link" not in e.raw for e in phone.of_type("t-x-d-d"))


def test_a_bot_that_leaves_and_returns_sees_the_picture_again(daemon):
    async def play():
        talker = Bot("ais", daemon.port)
        await talker.start()
        talker.talker.go.set()
        for _ in range(3):
            visitor = Bot("visitor", daemon.port)
            await visitor.start()
            await until(
                lambda: set(own("ais")) <= set(visitor.listener.uids()),
                lambda: f"the picture; {len(visitor.listener.heard)}")
            await visitor.stop()
        await talker.stop()

    asyncio.run(play())
