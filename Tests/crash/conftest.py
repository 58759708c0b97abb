"""The tests in here stand on the harness of the acceptance tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "acceptance"))

from tinycot import figures  # noqa: E402


def pytest_terminal_summary(terminalreporter):
    if figures.noted():
        terminalreporter.section("measured")
        for line in figures.noted():
            terminalreporter.line(line)
