"""Install, upgrade, remove and purge, in small Debian systems without network and without systemd
running, and what the scripts would ask of a systemd that runs."""

import json
import re
import shutil
import subprocess

import pytest

import project
from system import differences

ENABLED = {
    "etc/systemd/system/multi-user.target.wants/tinycot.service",
    "etc/systemd/system/sockets.target.wants/tinycot.socket",
    "etc/systemd/system/sockets.target.wants/tinycot-http.socket",
}


@pytest.fixture(scope="session")
def newer(packages, tmp_path_factory):
    """The package once more as a later version with other defaults."""
    folder = tmp_path_factory.mktemp("newer")
    subprocess.run(["dpkg-deb", "-R", packages["amd64"], folder / "tree"], check=True)
    control = folder / "tree/DEBIAN/control"
    control.write_text(control.read_text().replace(
        f"Version: {project.version()}\n", f"Version: {project.version()}+later\n"))
    (folder / "tree/etc/tinycot/tinycot.json").write_text('{"heartbeat_seconds": 20}\n')
    (folder / "tree/etc/tinycot/budget.json").write_text('{"clients": 100}\n')
    package = folder / "newer.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", folder / "tree", package],
                   check=True, stdout=subprocess.DEVNULL)
    return package


def live(system):
    """Leaves what a daemon and an operator leave."""
    for name in ("var/lib/tinycot/packages/aa.zip", "run/tinycot/status.sock",
                 "etc/tinycot/red-team.json", "etc/tinycot/tinycot.json.dpkg-dist",
                 "etc/systemd/system/tinycot.service.d/override.conf",
                 "etc/systemd/system/tinycot.socket.d/override.conf"):
        path = system.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("something\n")


def test_after_a_purge_the_system_is_what_it_was(system, packages, newer):
    before = system.files()
    system.install(packages["amd64"])
    live(system)
    system.install(newer)
    assert len(differences(before, system.files())) > 25
    system.purge()
    assert differences(before, system.files()) == {}


def test_after_remove_and_purge_the_system_is_what_it_was(system, packages):
    before = system.files()
    system.install(packages["amd64"])
    live(system)
    system.run("dpkg", "--remove", "tinycot")
    kept = differences(before, system.files())
    for name in ("var/lib/tinycot/packages/aa.zip", "etc/tinycot/tinycot.json",
                 "etc/tinycot/budget.json", "etc/tinycot/red-team.json"):
        assert name in kept
    assert not any(name.startswith("usr/") for name in kept), kept
    assert system.user()["passwd"]
    system.purge()
    assert differences(before, system.files()) == {}


def test_the_user_can_do_nothing_but_own_files(system, packages):
    system.install(packages["amd64"])
    lines = system.user()
    name, _, user, group, comment, home, shell = lines["passwd"][0].split(":")
    assert 0 < int(user) < 1000 and 0 < int(group) < 1000
    assert (comment, home, shell) == ("TinyCoT relay", "/var/lib/tinycot", "/usr/sbin/nologin")
    assert lines["group"] == [f"tinycot:x:{group}:"] or lines["group"] == [f"tinycot:!*:{group}:"]
    assert lines["shadow"][0].split(":")[1].startswith("!")


def test_the_program_runs_and_its_files_are_accepted(system, packages):
    system.install(packages["amd64"])
    done = system.run("tinycot", "check")
    assert done.stdout.endswith("ok\n")


def test_the_units_are_enabled_and_stay_disabled_once_disabled(system, packages, newer):
    system.install(packages["amd64"])
    assert ENABLED <= system.files().keys()
    for name in ENABLED:
        (system.root / name).unlink()
    system.install(newer)
    assert not ENABLED & system.files().keys()


def test_an_edited_configuration_survives_an_upgrade(system, packages, newer):
    system.install(packages["amd64"])
    edited = system.root / "etc/tinycot/tinycot.json"
    edited.write_text('{"drain_seconds": 1}\n')
    edited.chmod(0o640)
    # dpkg would ask about it; without a terminal it is told to keep what is there, as apt does.
    shutil.copy(newer, system.root / "tmp/newer.deb")
    system.run("dpkg", "--force-confold", "-i", "/tmp/newer.deb")
    assert edited.read_text() == '{"drain_seconds": 1}\n'
    assert edited.stat().st_mode & 0o777 == 0o640
    # What was not edited is that of the new version.
    assert json.loads((system.root / "etc/tinycot/budget.json").read_text()) == {"clients": 100}


def test_the_back_off_is_there_where_systemd_knows_it(system, packages):
    system.install(packages["amd64"])
    version = 0
    if system.has_systemd:
        text = system.run("systemctl", "--version").stdout
        version = int(re.match(r"systemd (\d+)", text).group(1))
    link = system.root / "usr/lib/systemd/system/tinycot.service.d/backoff.conf"
    assert link.is_symlink() == (version >= 254), version


def test_systemd_finds_no_fault_with_the_units(system, packages):
    if not system.has_systemd:
        assert not (system.root / "usr/bin/systemd-analyze").exists()
        return
    system.install(packages["amd64"])
    # The small system has no program to look at man pages with.
    done = system.run("systemd-analyze", "verify", "--man=no",
                      *(f"/usr/lib/systemd/system/{name}" for name in project.UNITS))
    said = (done.stdout + done.stderr).splitlines()
    # That is about the machine that runs the test.
    assert [line for line in said if "kernel does not support IPv6" not in line] == []


def test_what_a_running_systemd_is_asked(system, packages, newer):
    system.pretend_to_run()
    system.install(packages["amd64"])
    assert system.calls() == ["daemon-reload", "start tinycot.socket", "start tinycot-http.socket",
                              "start tinycot.service"]
    system.install(newer)
    # Nothing stops, and the sockets live on.
    assert system.calls() == ["daemon-reload", "restart tinycot.service"]
    system.run("dpkg", "--remove", "tinycot")
    assert system.calls() == ["stop tinycot.service tinycot.socket tinycot-http.socket",
                              "daemon-reload"]
    system.purge()
    assert system.calls() == ["daemon-reload",
                              "reset-failed tinycot.service tinycot.socket tinycot-http.socket"]


def test_a_policy_against_starting_is_obeyed(system, packages, newer):
    system.pretend_to_run()
    policy = system.root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    system.install(packages["amd64"])
    assert system.calls() == ["daemon-reload"]
    system.install(newer)
    assert system.calls() == ["daemon-reload"]
