"""The package under test, and the same program once more as a later version."""

import re
import shutil
import subprocess
from pathlib import Path

from machine import ROOT

LATER = "99.0.0"
_NEEDED = ("packaging", "docs/man", "scripts/deb.sh", "budget.json", "Sources/TinyCoT/Version.swift",
           "dist/amd64/tinycot", "dist/arm64/tinycot")
_VERSION = re.compile(r'(StaticString \{ ")([^"]*)(" \})')


def version():
    text = (ROOT / "Sources/TinyCoT/Version.swift").read_text()
    return _VERSION.search(text)[2].replace("-", "~", 1)


def pack():
    """The package of what was built."""
    subprocess.run([ROOT / "scripts/deb.sh"], check=True, stdout=subprocess.DEVNULL)
    return ROOT / f"dist/tinycot_{version()}_arm64.deb"


def pack_later(folder):
    """Packed by the same script from a copy that says another version. The program is the same
    and says its own."""
    copy = Path(folder)
    for name in _NEEDED:
        source, target = ROOT / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    source = copy / "Sources/TinyCoT/Version.swift"
    source.write_text(_VERSION.sub(rf"\g<1>{LATER}\g<3>", source.read_text()))
    changelog = copy / "packaging/debian/changelog"
    changelog.write_text(
        re.sub(r"^tinycot \([^)]*\)", f"tinycot ({LATER})", changelog.read_text(), count=1))
    subprocess.run([copy / "scripts/deb.sh"], check=True, stdout=subprocess.DEVNULL)
    return copy / f"dist/tinycot_{LATER}_arm64.deb"
