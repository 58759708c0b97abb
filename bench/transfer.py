#!/usr/bin/env python3
"""What a large package costs, against nginx and openssl: `make bench-transfer`, or

    .venv/bin/python bench/transfer.py [--mebibytes 1024] [--rounds 3] [--folder FOLDER]

In every round the same file is uploaded to the daemon as ATAK does it, put to nginx by WebDAV,
hashed by openssl, and downloaded from both five times in turn (their mean counts). What counts is
processor time: of all threads of the daemon, of nginx's master and worker, of openssl. nginx
neither splits multipart nor hashes nor syncs, so an upload is held against the sum of its PUT and
openssl. The servers share one processor and the client has another, as if it were elsewhere:
otherwise it pushes them aside, more often the more it is woken. Medians of the rounds must hold:

    upload    at most 1.2 times (nginx PUT + openssl dgst -sha256)
    download  at most 1.2 times nginx with sendfile
    memory    the daemon's peak at most 256 KiB above its idle start

Ends with 1 if one of them falls short. Needs nginx (nginx-light) and openssl, and three times the
file's size in FOLDER, which is a temporary one by default.
"""

import argparse
import hashlib
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "acceptance"))

from tinycot import uploads  # noqa: E402
from tinycot.daemon import free_port  # noqa: E402
from tinycot.pace import wait_for  # noqa: E402
from tinycot.process import (  # noqa: E402
    listening_ports, peak_resident_bytes, processor_seconds, resident_bytes)
from tinycot.storage import StoreDaemon  # noqa: E402

MEBIBYTE = 1 << 20
DOWNLOADS = 5
UPLOAD_TIMES, DOWNLOAD_TIMES, MEMORY_BYTES = 1.2, 1.2, 256 * 1024

NGINX = """
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_max_body_size 0;
    client_body_buffer_size {buffer};
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port}{listen};
        root {folder}/files;
        dav_methods PUT;
    }}
}}
"""


class Nginx:
    """One master and one worker, with all their files in one folder."""

    def __init__(self, folder, buffer, send_buffer):
        self.folder = folder
        (folder / "files").mkdir(parents=True)
        self.port = free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(
            folder=folder, port=self.port, user=user, buffer=buffer,
            listen=f" sndbuf={send_buffer}" if send_buffer else ""))
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen(
            [program, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for(lambda: self.port in listening_ports(), 10, "nginx")

    def processes(self):
        master = self.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return [master, *map(int, children)]

    def processor_seconds(self):
        return sum(processor_seconds(pid) for pid in self.processes())

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def send_file(port, head, begin, path, end):
    """One request whose body is a file between two pieces; the status of the answer."""
    size = path.stat().st_size
    with socket.create_connection(("127.0.0.1", port)) as link, open(path, "rb") as file:
        length = len(begin) + size + len(end)
        link.sendall(head.encode() + f"Content-Length: {length}\r\n\r\n".encode() + begin)
        sent = 0
        while sent < size:
            sent += os.sendfile(link.fileno(), file.fileno(), sent, size - sent)
        link.sendall(end)
        return int(link.recv(4096).split(b" ", 2)[1])


def receive(port, target, sink=None):
    """Downloads and forgets it, or hands it to `sink`; how many bytes of content came."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        buffer = memoryview(bytearray(MEBIBYTE))
        got = link.recv_into(buffer)
        head, rest = bytes(buffer[:got]).split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 200 "), head
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        count = len(rest)
        if sink:
            sink(rest)
        while count < length and (got := link.recv_into(buffer)):
            count += got
            if sink:
                sink(buffer[:got])
        return count


def set_apart(servers):
    """These processes get the first processor, and this one the others."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        return print("one processor only: the client pushes the servers aside")
    for pid in servers:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), processors[:1])
    os.sched_setaffinity(0, processors[1:])


def timed(clock, action):
    """(processor seconds by `clock`, seconds by the wall) of the action."""
    os.sync()
    began, wall = clock(), time.monotonic()
    action()
    return clock() - began, time.monotonic() - wall


def mean(pairs):
    return tuple(statistics.mean(values) for values in zip(*pairs))


class Bench:
    """The file, the daemon, nginx, and what they needed."""

    def __init__(self, folder, options):
        self.path = folder / "package.zip"
        self.size = options.mebibytes * MEBIBYTE
        self.hash = self._make_file()
        room = 4 * self.size
        self.daemon = StoreDaemon(folder / "daemon", budget={
            "package_max_bytes": 2 * self.size, "package_store_bytes": room,
            "upload_bytes_per_day": 100 * room, "upload_bytes_per_address_per_day": 100 * room,
            **{key: int(value) for key, value in (one.split("=") for one in options.budget)}})
        self.daemon.start()
        self.nginx = Nginx(folder / "nginx", options.nginx_buffer, options.nginx_send_buffer)
        set_apart([self.daemon.pid, *self.nginx.processes()])
        self.idle_bytes = resident_bytes(self.daemon.pid)
        self.package = uploads.Package(self.path.name, b"")
        self.package.__dict__["hash"] = self.hash

    def _make_file(self):
        digest = hashlib.sha256()
        with open(self.path, "wb") as file:
            for _ in range(self.size // MEBIBYTE):
                block = os.urandom(MEBIBYTE)
                digest.update(block)
                file.write(block)
        return digest.hexdigest()

    def upload(self):
        body, fields = uploads.form(self.package)
        middle = body.index(b"\r\n\r\n") + 4
        head = "\r\n".join([f"POST {uploads.upload_target(self.package)} HTTP/1.1",
                            "Host: 127.0.0.1", *(f"{n}: {v}" for n, v in fields), ""])
        status = send_file(self.daemon.http_port, head, body[:middle], self.path, body[middle:])
        assert status == 200, status

    def put(self):
        head = "PUT /package.zip HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        status = send_file(self.nginx.port, head, b"", self.path, b"")
        assert status == 201, status

    def download(self, sink=None):
        target = f"/Marti/sync/content?hash={self.hash}"
        assert receive(self.daemon.http_port, target, sink) == self.size

    def get(self):
        assert receive(self.nginx.port, "/package.zip") == self.size

    def openssl(self):
        text = subprocess.run(["openssl", "dgst", "-sha256", str(self.path)], check=True,
                              capture_output=True, text=True).stdout
        assert self.hash in text

    def run_round(self):
        """Processor and wall seconds of each by name."""
        of_daemon = lambda: processor_seconds(self.daemon.pid)  # noqa: E731
        found = {
            "tinycot upload": timed(of_daemon, self.upload),
            "nginx PUT": timed(self.nginx.processor_seconds, self.put),
            "openssl dgst": timed(children_seconds, self.openssl),
        }
        # A download takes so little that one alone says little.
        ours, theirs = [], []
        for _ in range(DOWNLOADS):
            ours.append(timed(of_daemon, self.download))
            theirs.append(timed(self.nginx.processor_seconds, self.get))
        found["tinycot download"], found["nginx GET"] = mean(ours), mean(theirs)
        # The next round begins without them: to replace a file costs, too.
        assert uploads.delete(self.daemon.http_port, self.package).status == 200
        (self.nginx.folder / "files" / "package.zip").unlink()
        return found

    def check_bytes(self):
        self.upload()
        digest = hashlib.sha256()
        self.download(digest.update)
        assert digest.hexdigest() == self.hash, "other bytes came back"

    def stop(self):
        self.nginx.stop()
        self.daemon.finish()


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def report(rounds, idle, peak):
    """The table; whether all of it holds."""
    print(f"\n{'processor seconds':<18}" + "".join(f"{n:>9}" for n in range(1, len(rounds) + 1))
          + f"{'median':>9}{'by the wall':>13}")
    median = {}
    for name in rounds[0]:
        values = [one[name][0] for one in rounds]
        median[name] = statistics.median(values)
        wall = statistics.median(one[name][1] for one in rounds)
        print(f"{name:<18}" + "".join(f"{value:9.2f}" for value in values)
              + f"{median[name]:9.2f}{wall:13.2f}")
    both = median["nginx PUT"] + median["openssl dgst"]
    lines = [
        ("upload / (nginx PUT + openssl)", median["tinycot upload"] / both, UPLOAD_TIMES, ""),
        ("download / nginx GET", median["tinycot download"] / median["nginx GET"],
         DOWNLOAD_TIMES, ""),
        (f"memory above idle ({idle / 1024:.0f} KiB)", (peak - idle) / 1024,
         MEMORY_BYTES / 1024, " KiB"),
    ]
    print()
    for what, found, limit, unit in lines:
        verdict = "pass" if found <= limit else "FALLS SHORT"
        print(f"{what:<34} {found:8.2f}{unit} of {limit:.6g}{unit}: {verdict}")
    return all(found <= limit for _, found, limit, _ in lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    # 16k is nginx's own default; the kernel lets its send buffer grow to megabytes.
    parser.add_argument("--nginx-buffer", default="16k")
    parser.add_argument("--nginx-send-buffer", type=int)
    parser.add_argument("--budget", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    with TemporaryDirectory(dir=options.folder) as folder:
        bench = Bench(Path(folder), options)
        try:
            print(f"{options.mebibytes} MiB, {options.rounds} rounds, nginx takes "
                  f"{options.nginx_buffer} at a time", flush=True)
            rounds = [bench.run_round() for _ in range(options.rounds)]
            peak = peak_resident_bytes(bench.daemon.pid)
            bench.check_bytes()
            good = report(rounds, bench.idle_bytes, peak)
            bench.stop()
        finally:
            bench.daemon.kill()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
