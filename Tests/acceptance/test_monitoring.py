"""What is asked by who watches the server: /healthz, and /metrics in the text format of Prometheus.

The reader below is written from the description of that format and is stricter than it: HELP, then
TYPE, then samples of that family only; nothing twice; counters end in _total and nothing else does;
the buckets of a histogram grow up to its count.
"""

import re
import signal
import subprocess
import time

import pytest

from tinycot import events, http
from tinycot.client import gather
from tinycot.pace import SLOW, wait_for
from tinycot.storage import StoreDaemon

_HELP = re.compile(r"# HELP (tinycot_[a-z_]+) ([^\\\n]+[^.\s])")
_TYPE = re.compile(r"# TYPE (tinycot_[a-z_]+) (counter|gauge|histogram)")
_SAMPLE = re.compile(
    r'(tinycot_[a-z_]+)(?:\{([a-z]+)="([0-9A-Za-z_.+-]+)"\})? ((?:0|[1-9]\d*)(\.\d+)?)')


def read(text):
    """`{family: (type, {label value or "": number})}`."""
    assert text.endswith("\n")
    families, lines = {}, text[:-1].split("\n")
    at = 0
    while at < len(lines):
        said = _HELP.fullmatch(lines[at])
        kind = _TYPE.fullmatch(lines[at + 1])
        assert said and kind and said[1] == kind[1], lines[at:at + 2]
        name, samples, labels = said[1], {}, set()
        assert name not in families
        assert (kind[2] == "counter") == name.endswith("_total"), name
        at += 2
        while at < len(lines) and not lines[at].startswith("#"):
            sample = _SAMPLE.fullmatch(lines[at])
            assert sample, lines[at]
            label = sample[3] or ""
            if kind[2] == "histogram":
                assert sample[1].startswith(name + "_"), lines[at]
                label = label or sample[1].removeprefix(name)
            else:
                assert sample[1] == name, lines[at]
                labels.add(sample[2])
            assert label not in samples, lines[at]
            # Spans have decimals, and nothing else does.
            assert (sample[5] is None) != (name.endswith("_seconds") and label in ("", "_sum")) \
                or name == "tinycot_uptime_seconds", lines[at]
            samples[label] = float(sample[4]) if sample[5] else int(sample[4])
            at += 1
        assert samples and len(labels) <= 1, name
        if kind[2] == "histogram":
            read_histogram(samples)
        families[name] = (kind[2], samples)
    return families


def read_histogram(samples):
    buckets = [label for label in samples if label not in ("_sum", "_count")]
    assert list(samples) == [*buckets, "_sum", "_count"] and buckets[-1] == "+Inf"
    limits = [float(label) for label in buckets]
    assert limits == sorted(set(limits))
    counts = [samples[label] for label in buckets]
    assert counts == sorted(counts) and counts[-1] == samples["_count"]


def metrics(daemon):
    answer = http.get(daemon.http_port, "/metrics")
    assert answer.status == 200
    assert answer.field("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    return {name: samples for name, (_, samples) in read(answer.body.decode()).items()}


def test_counts_are_what_was_done(start_daemon, crowd):
    daemon = start_daemon()
    before = metrics(daemon)
    assert before["tinycot_events_received_total"] == {"": 0}
    assert before["tinycot_pool_used"]["clients"] == 0
    first, second = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    settled = metrics(daemon)
    for number in range(10):
        first.send(events.marker(f"spot-{number}"))
    first.send(b"<event><</event>")
    crowd.fence(first, [second])
    after = metrics(daemon)

    def grown(name, label=""):
        return after[name][label] - settled[name][label]

    # The markers and the fence.
    assert grown("tinycot_events_received_total") == 11
    assert grown("tinycot_events_sent_total") >= 11
    assert grown("tinycot_events_refused_total", "broken_markup") == 1
    assert after["tinycot_pool_used"]["clients"] == 2
    assert after["tinycot_pool_peak"]["clients"] == 2
    assert after["tinycot_pool_limit"]["clients"] == 128
    assert after["tinycot_clients_admitted_total"][""] == 2
    assert after["tinycot_heap_allocations_total"] == {"": 0}
    assert after["tinycot_memory_limit_bytes"] == {"": 8_388_608}
    assert 0 < after["tinycot_memory_resident_peak_bytes"][""] or SLOW > 1
    first.close()
    wait_for(
        lambda: metrics(daemon)["tinycot_clients_closed_total"]["peer_closed"] == 1, 5,
        "the end of a client")


def test_the_latency_is_that_of_every_delivery(start_daemon, crowd):
    daemon = start_daemon()
    name = "tinycot_relay_latency_seconds"
    assert metrics(daemon)[name]["_count"] == 0
    first, second, third = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO, events.CHARLIE])
    before = metrics(daemon)[name]
    began = time.monotonic()
    for number in range(20):
        first.send(events.marker(f"spot-{number}"))
    crowd.fence(first, [second, third])
    longest = time.monotonic() - began
    after = metrics(daemon)[name]
    # Twenty markers and the fence, to each of two.
    assert after["_count"] - before["_count"] == 2 * 21
    spent = after["_sum"] - before["_sum"]
    assert 0 < spent <= 2 * 21 * longest


def test_without_a_service_manager_no_canary_flies(start_daemon):
    found = metrics(start_daemon())
    assert found["tinycot_watchdog_enabled"] == {"": 0}
    assert found["tinycot_canaries_flown_total"] == {"": 0}
    assert found["tinycot_canary_round_trip_seconds"] == {"": 0}


def test_every_pool_has_a_limit_that_its_peak_keeps(start_daemon):
    found = metrics(start_daemon())
    used, peak, limit = (found[f"tinycot_pool_{word}"] for word in ("used", "peak", "limit"))
    assert used.keys() == peak.keys() == limit.keys()
    assert {"clients", "event_log_bytes", "http_connections", "sqlite_heap_bytes"} <= used.keys()
    for name in used:
        assert used[name] <= peak[name] <= limit[name] and limit[name] > 0, name


def test_it_tells_what_status_tells(start_daemon, crowd):
    daemon = start_daemon()
    gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    found, status = metrics(daemon), daemon.status()
    assert found["tinycot_events_refused_total"] == status.refused
    assert found["tinycot_events_dropped_total"] == status.drops
    assert found["tinycot_clients_closed_total"] == status.closed
    assert found["tinycot_clients_refused_total"] == status.admission_refused
    limits = {name: pool["limit"] for name, pool in status.pools.items()}
    assert limits == found["tinycot_pool_limit"]


def test_no_name_of_anybody_is_in_it(start_daemon, crowd):
    """It is for everybody, so it must not tell over walls who is there."""
    daemon = start_daemon()
    gather(crowd, daemon.port, [events.Person("SECRET-UID", "SECRET CALL")])
    assert b"SECRET" not in http.get(daemon.http_port, "/metrics").body


def test_a_small_output_buffer_gives_the_same(start_daemon):
    whole = metrics(start_daemon())
    pieces = metrics(start_daemon(budget={"http_output_bytes": 8_192}))
    assert whole.keys() == pieces.keys()


def test_a_reader_that_stops_holds_up_nobody(start_daemon):
    daemon = start_daemon()
    idle = [http.Connection(daemon.http_port) for _ in range(3)]
    for link in idle:
        link.request("GET", "/metrics", [], b"", "127.0.0.1")
    assert metrics(daemon)
    for link in idle:
        link.close()


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_methods(start_daemon, path):
    daemon = start_daemon()
    assert http.ask(daemon.http_port, "HEAD", path).status == 200
    refused = http.ask(daemon.http_port, "POST", path)
    assert refused.status == 405 and refused.field("Allow") == "GET, HEAD"


def test_health(start_daemon):
    daemon = start_daemon()
    answer = http.get(daemon.http_port, "/healthz")
    assert (answer.status, answer.body) == (200, b"ok\n")


def test_health_without_a_store(tmp_path):
    """The folder of the packages is in the way of itself: a file stands in its place."""
    daemon = StoreDaemon(tmp_path / "daemon")
    daemon.state_dir.mkdir(parents=True, exist_ok=True)
    (daemon.state_dir / "packages").write_text("not a folder")
    daemon.start()
    try:
        answer = http.get(daemon.http_port, "/healthz")
        assert answer.status == 503 and b"the store of packages is not ready" in answer.body
        assert metrics(daemon)["tinycot_store_ready"] == {"": 0}
    finally:
        daemon.kill()


@pytest.mark.native
def test_health_while_the_relay_stands_still(start_daemon):
    """Its thread alone is held by a debugger's means; the store answers for both."""
    daemon = start_daemon()
    # strace holds the first thread, the relay, for long in its next wait.
    with subprocess.Popen(
            ["strace", "-p", str(daemon.pid), "-e", "trace=epoll_wait,epoll_pwait",
             "-e", "inject=epoll_wait,epoll_pwait:delay_exit=8000000:when=1+",
             "-o", "/dev/null"], stderr=subprocess.DEVNULL) as tracer:
        try:
            time.sleep(0.5)
            # The first question ends the wait that is under way; from then on it stands still.
            began = time.monotonic()
            answer = http.ask(daemon.http_port, "GET", "/healthz", seconds=20)
            assert answer.status == 503 and answer.body == b"The relay does not answer.\n"
            assert time.monotonic() - began < 7
        finally:
            tracer.send_signal(signal.SIGINT)
    wait_for(lambda: http.get(daemon.http_port, "/healthz").status == 200, 20, "its health again")
