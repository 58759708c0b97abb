"""The shipped programs as files: what an attacker who has found a mistake would look for first."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import project
from tinycot.daemon import free_port

MACHINES = {"amd64": "Advanced Micro Devices X86-64", "arm64": "AArch64"}
# What a function with a guarded stack calls when the guard was overwritten.
GUARD = "__stack_chk_fail"


def readelf(option, path):
    return subprocess.run(["readelf", option, "--wide", path], check=True, capture_output=True,
                          text=True, env={**os.environ, "LC_ALL": "C"}).stdout


@pytest.fixture(params=project.ARCHITECTURES)
def program(request):
    path = project.ROOT / f"dist/{request.param}/tinycot"
    if not path.exists():
        pytest.skip(f"dist/{request.param}/tinycot is not built")
    assert MACHINES[request.param] in readelf("--file-header", path)
    return path


def segments(path):
    """(type, flags, virtual address, size in memory) of each program header."""
    rows = re.findall(
        r"^ +(\w+) +0x\w+ 0x(\w+) 0x\w+ 0x\w+ 0x(\w+) ([R ][W ][E ]) ",
        readelf("--program-headers", path), re.M)
    assert len(rows) > 5, "readelf says it otherwise"
    return [(kind, flags, int(address, 16), int(size, 16)) for kind, address, size, flags in rows]


def dynamic(path):
    """The names and values of the dynamic section."""
    rows = re.findall(r"^ 0x\w+ \((\w+)\) +(.*)$", readelf("--dynamic", path), re.M)
    assert rows
    return rows


def test_the_stack_is_not_executable(program):
    assert [flags for kind, flags, *_ in segments(program) if kind == "GNU_STACK"] == ["RW "]


def test_nothing_is_both_writable_and_executable(program):
    assert [kind for kind, flags, *_ in segments(program) if "W" in flags and "E" in flags] == []


def test_it_can_lie_anywhere_and_wants_no_loader(program):
    assert re.search(r"Type: +DYN ", readelf("--file-header", program))
    kinds = {kind for kind, *_ in segments(program)}
    assert "INTERP" not in kinds and "DYNAMIC" in kinds
    names = {name for name, _ in dynamic(program)}
    assert "NEEDED" not in names
    assert any(name == "FLAGS_1" and "PIE" in value for name, value in dynamic(program))


def test_what_is_written_once_is_read_only_then(program):
    """Full RELRO: all of the offset tables lie in it, and nothing is bound later."""
    relro, = [(address, address + size) for kind, _, address, size in segments(program)
              if kind == "GNU_RELRO"]
    assert any(name == "FLAGS" and "BIND_NOW" in value for name, value in dynamic(program))
    names = {name for name, _ in dynamic(program)}
    assert not names & {"JMPREL", "PLTRELSZ", "TEXTREL", "RPATH", "RUNPATH"}
    assert not any("TEXTREL" in value for _, value in dynamic(program))
    sections = re.findall(r"\] (\.\S+) +\w+ +(\w+) \w+ (\w+)", readelf("--sections", program))
    inside = {name for name, address, size in sections
              if relro[0] <= int(address, 16) and int(address, 16) + int(size, 16) <= relro[1]}
    there = {name for name, *_ in sections}
    for name in (".got", ".got.plt", ".data.rel.ro", ".init_array", ".fini_array", ".dynamic"):
        assert name in inside or name not in there, name
    assert ".data.rel.ro" in inside


def test_no_path_of_the_machine_that_built_it(program):
    data = program.read_bytes()
    for place in {project.ROOT, project.ROOT.parent, Path.home()} - {Path("/")}:
        assert f"{place}/".encode() not in data, place
    assert not re.search(rb"/(?:home|Users|builds?)/[\w.-]+/[\w./-]+", data)
    assert b".swift-module" not in data and b"ModuleCache" not in data


def built(architecture, path):
    """A file of the folder that the program was built in."""
    place = project.ROOT / f".build-{architecture}" / path
    if not place.exists():
        pytest.skip(f"dist/{architecture} was built elsewhere: no .build-{architecture}/{path}")
    return place


def shim_options(architecture, name):
    """The command line of clang for a C target."""
    plan = built(architecture, "release.yaml")
    for line in plan.read_text().splitlines():
        if "args:" in line and f"{name}.build" in line and '"-c"' in line:
            return line
    raise AssertionError(f"no command compiles {name}")


def undefined(architecture, name):
    """What each object of a C target wants from elsewhere."""
    folder = built(architecture, f"release/{name}.build")
    return {path.name: set(re.findall(r" UND (\w+)", readelf("--symbols", path)))
            for path in folder.glob("*.o")}


@pytest.mark.parametrize("architecture", project.ARCHITECTURES)
@pytest.mark.parametrize("name", ["CLinuxSys", "CSQLite", "CCrypto", "CStatusPage"])
def test_the_c_code_is_compiled_with_care(architecture, name):
    command = shim_options(architecture, name)
    assert '"-fstack-protector-strong"' in command
    assert '"-D_FORTIFY_SOURCE=2"' in command
    assert re.search(r'"-O[123s]"', command), "without the optimiser _FORTIFY_SOURCE does nothing"


@pytest.mark.parametrize("architecture", project.ARCHITECTURES)
def test_that_care_has_left_its_marks(architecture):
    """An option can be on the command line and do nothing."""
    wanted = undefined(architecture, "CLinuxSys")
    assert {"files.c.o", "sockets.c.o"} <= {name for name in wanted if GUARD in wanted[name]}
    checked = {name for names in wanted.values() for name in names if name.endswith("_chk")}
    assert "__strcpy_chk" in checked, checked


@pytest.fixture
def running(tmp_path):
    """Maps of two daemons, one after the other."""
    both = []
    for number in range(2):
        folder = tmp_path / str(number)
        for name in ("state", "run"):
            (folder / name).mkdir(parents=True)
        (folder / "tinycot.json").write_text(
            f'{{"cot": {{"listen": ["127.0.0.1:{free_port()}"]}}, "http": {{"listen": []}}}}\n')
        daemon = subprocess.Popen(
            [project.ROOT / "dist/amd64/tinycot", "serve", "--config", folder / "tinycot.json",
             "--budget", project.ROOT / "budget.json", "--state-dir", folder / "state",
             "--run-dir", folder / "run"], stderr=subprocess.PIPE, text=True)
        try:
            assert any("listening on" in line for line in daemon.stderr)
            both.append(Path(f"/proc/{daemon.pid}/maps").read_text().splitlines())
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.communicate(timeout=20)
    return both


def test_it_runs_as_the_file_says(running):
    """Nothing is writable and executable at run time, and no two starts lie at the same place."""
    starts = []
    for maps in running:
        rows = [line.split() for line in maps]
        assert not [row for row in rows if "w" in row[1] and "x" in row[1]]
        own = [row for row in rows if row[-1].endswith("/tinycot")]
        assert {"r--p", "r-xp", "rw-p"} <= {row[1] for row in own}
        # Beside the first, with what is constant, a second one: the offset tables.
        assert len([row for row in own if row[1] == "r--p"]) >= 2, own
        starts.append(own[0][0])
    assert starts[0] != starts[1]
