"""What the README shows must be what the program prints."""

from pathlib import Path

from tinycot.daemon import run

ROOT = Path(__file__).resolve().parents[2]


def test_the_budget_table_is_that_of_the_program():
    done = run("budget", "--budget", ROOT / "budget.json")
    assert done.returncode == 0
    memory = done.stdout.split("\n\n")[0]
    assert memory.count("\n") > 10
    assert memory in (ROOT / "README.md").read_text()
