"""The package as a file: its bytes, its size, what is in it, and what lintian thinks of it."""

import gzip
import os
import re
import shutil
import subprocess

import pytest

import project

FILES = {
    "etc/tinycot/budget.json", "etc/tinycot/tinycot.json",
    "usr/bin/tinycot",
    "usr/lib/systemd/system/tinycot-http.socket", "usr/lib/systemd/system/tinycot.service",
    "usr/lib/systemd/system/tinycot.socket", "usr/lib/sysusers.d/tinycot.conf",
    "usr/share/bash-completion/completions/tinycot",
    "usr/share/doc/tinycot/changelog.gz", "usr/share/doc/tinycot/copyright",
    "usr/share/lintian/overrides/tinycot",
    "usr/share/man/man5/budget.json.5.gz", "usr/share/man/man5/tinycot.json.5.gz",
    "usr/share/man/man8/tinycot.8.gz", "usr/share/tinycot/backoff.conf",
}
MAX_BYTES = 1_500_000


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def listing(package):
    """(mode, owner, path) of each entry."""
    rows = []
    for line in output("dpkg-deb", "-c", package).splitlines():
        mode, owner, _, _, _, path = line.split(None, 5)
        rows.append((mode, owner, path.removeprefix("./")))
    return rows


def test_the_same_tree_gives_the_same_bytes_from_another_folder(packages, tmp_path):
    copy = tmp_path / "somewhere" / "else"
    copy.mkdir(parents=True)
    for name in ("packaging", "scripts", "docs/man", "budget.json", "Sources/TinyCoT/Version.swift",
                 "dist/amd64/tinycot", "dist/arm64/tinycot"):
        place = copy / name
        place.parent.mkdir(parents=True, exist_ok=True)
        source = project.ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, place)
    # Neither times nor modes of the sources, nor the caller's mask, may show.
    for folder, _, names in os.walk(copy):
        for name in names:
            path = os.path.join(folder, name)
            os.utime(path, (0, 0))
            os.chmod(path, 0o700)
    subprocess.run([copy / "scripts/deb.sh"], check=True, stdout=subprocess.DEVNULL, umask=0o077,
                   env={**os.environ, "TZ": "Asia/Tokyo"})
    for package in (*packages.values(), project.ROOT / "dist/tinycot.deb"):
        assert (copy / "dist" / package.name).read_bytes() == package.read_bytes(), package.name


def test_the_package_without_a_version_is_the_one_for_boards(packages):
    short = project.ROOT / "dist/tinycot.deb"
    assert short.read_bytes() == packages["arm64"].read_bytes()


@pytest.mark.parametrize("architecture", project.ARCHITECTURES)
def test_it_is_small(packages, architecture):
    assert packages[architecture].stat().st_size < MAX_BYTES


@pytest.mark.parametrize("architecture", project.ARCHITECTURES)
def test_what_is_in_it(packages, architecture):
    rows = listing(packages[architecture])
    files = [row for row in rows if row[0][0] != "d"]
    assert {path for _, _, path in files} == FILES
    assert {owner for _, owner, _ in rows} == {"root/root"}
    for mode, _, path in files:
        assert mode == ("-rwxr-xr-x" if path == "usr/bin/tinycot" else "-rw-r--r--"), path
    folders = {path.rstrip("/") for mode, _, path in rows if mode[0] == "d"}
    assert folders == {""} | {str(parent) for path in FILES for parent in
                              _parents(path)}
    assert {mode for mode, _, path in rows if mode[0] == "d"} == {"drwxr-xr-x"}


def _parents(path):
    pieces = path.split("/")[:-1]
    return ["/".join(pieces[:count]) for count in range(1, len(pieces) + 1)]


@pytest.mark.parametrize("architecture", project.ARCHITECTURES)
def test_what_it_says_of_itself(packages, architecture):
    def field(name):
        return output("dpkg-deb", "-f", packages[architecture], name).strip()

    assert field("Version") == project.version()
    assert field("Architecture") == architecture
    # One of the two is on every Debian.
    assert field("Depends") == "systemd | passwd"
    assert field("Recommends") == field("Pre-Depends") == ""


def test_every_configuration_file_is_a_conffile(packages):
    names = output("dpkg-deb", "-I", packages["amd64"], "conffiles").split()
    assert names == ["/" + path for path in sorted(FILES) if path.startswith("etc/")]


def test_its_programs_are_those_that_were_built(installed):
    built = project.ROOT / "dist/amd64/tinycot"
    assert (installed / "usr/bin/tinycot").read_bytes() == built.read_bytes()


def test_the_changelog_is_that_of_this_version(installed):
    text = gzip.decompress((installed / "usr/share/doc/tinycot/changelog.gz").read_bytes()).decode()
    assert text.startswith(f"tinycot ({project.version()}) ")


def test_an_entry_of_the_changelog_is_wanted(tmp_path):
    for name in ("scripts", "packaging"):
        shutil.copytree(project.ROOT / name, tmp_path / name)
    place = tmp_path / "Sources/TinyCoT/Version.swift"
    place.parent.mkdir(parents=True)
    place.write_text('public static var text: StaticString { "9.9.9-rc.1" }\n')
    done = subprocess.run([tmp_path / "scripts/deb.sh"], capture_output=True, text=True)
    assert done.returncode == 65
    assert "9.9.9~rc.1" in done.stderr


def test_the_copyright_names_what_is_linked_in(installed):
    text = (installed / "usr/share/doc/tinycot/copyright").read_text()
    for name in ("GNU C Library", "SQLite", "OpenSSL", "Swift", "libgcc"):
        assert name in text, name
    # The version in the program is the version in the text.
    program = (installed / "usr/bin/tinycot").read_bytes()
    sqlite = re.search(r"SQLite (3\.[\d.]+\d)", text).group(1)
    assert b"\0" + sqlite.encode() + b"\0" in program


def test_the_defaults_are_accepted(installed):
    folder = installed / "etc/tinycot"
    done = subprocess.run(
        [installed / "usr/bin/tinycot", "check", "--config", folder / "tinycot.json",
         "--budget", folder / "budget.json"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("ok\n")


def test_lintian_finds_nothing(packages):
    # Not the spelling inside the program: lintian takes bits of machine code for words.
    done = subprocess.run(
        ["lintian", "--allow-root", "--display-info", "--pedantic", "--suppress-tags",
         "spelling-error-in-binary", "--fail-on", "error,warning,info,pedantic",
         *packages.values()], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_scripts_need_no_bash():
    for name in ("postinst", "prerm", "postrm"):
        script = project.ROOT / "packaging/debian" / name
        text = script.read_text()
        assert text.startswith("#!/bin/sh\n") and "\nset -e\n" in text, name
        subprocess.run(["dash", "-n", script], check=True)
