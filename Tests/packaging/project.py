"""Where things are in the project, and what it says of itself."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURES = ("amd64", "arm64")
UNITS = ("tinycot.service", "tinycot.socket", "tinycot-http.socket")


def version():
    text = (ROOT / "Sources/TinyCoT/Version.swift").read_text()
    return re.search(r'StaticString \{ "([^"]*)" \}', text).group(1).replace("-", "~", 1)


def package(architecture):
    return ROOT / f"dist/tinycot_{version()}_{architecture}.deb"


def budget():
    return json.loads((ROOT / "budget.json").read_text())


def configuration_keys():
    """The keys in each table of the part about tinycot.json of docs/configuration.md."""
    text = (ROOT / "docs/configuration.md").read_text()
    part = text.split("## tinycot.json")[1].split("## budget.json")[0]
    return set(re.findall(r"^\| `(\w+)` \|", part, re.M))


def unit(name):
    """The settings of a unit: a list of values for each key, in the order of the file."""
    settings = {}
    for line in (ROOT / "packaging/systemd" / name).read_text().splitlines():
        if line and line[0] not in "#[":
            key, value = line.split("=", 1)
            settings.setdefault(key, []).append(value)
    return settings
