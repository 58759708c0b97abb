"""Fixtures: the packages, packed once, and throwaway systems to install them into."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import project
from system import System

ROOM_BYTES = 1 << 30


def pytest_report_header():
    return f"tinycot {project.version()}, packed anew"


@pytest.fixture(scope="session")
def packages():
    """Path of the package of each architecture."""
    subprocess.run([project.ROOT / "scripts/deb.sh"], check=True, stdout=subprocess.DEVNULL)
    return {name: project.package(name) for name in project.ARCHITECTURES}


@pytest.fixture(scope="session")
def installed(packages, tmp_path_factory):
    """What the package for this machine brings, unpacked."""
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["dpkg-deb", "-x", packages["amd64"], folder], check=True)
    return Path(folder)


@pytest.fixture(params=["bookworm-bare", "bookworm-systemd", "trixie-systemd"])
def system(request, tmp_path):
    """A Debian system that nobody else uses, in memory where there is room: dpkg syncs a lot."""
    in_memory = Path("/dev/shm")
    parent = tmp_path
    if in_memory.is_dir() and shutil.disk_usage(in_memory).free > ROOM_BYTES:
        parent = in_memory
    folder = tempfile.mkdtemp(prefix="tinycot-system-", dir=parent)
    try:
        yield System(request.param, folder)
    finally:
        shutil.rmtree(folder)
