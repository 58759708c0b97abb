"""Fixtures: the packages, packed once, and throwaway systems to install them into."""

import subprocess
from pathlib import Path

import pytest

import project
from system import System


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
    """A Debian system that nobody else uses."""
    one = System(request.param, tmp_path / "system")
    yield one
    one.remove()
