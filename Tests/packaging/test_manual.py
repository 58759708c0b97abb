"""What an operator can look up: man pages and completion name all there is."""

import re
import subprocess

import pytest

import project

PAGES = ("tinycot.8", "tinycot.json.5", "budget.json.5")
COMPLETION = project.ROOT / "packaging/completion/tinycot"


def shown(page):
    """The page as a reader sees it, without the marks of a terminal."""
    done = subprocess.run(
        ["mandoc", "-T", "ascii", "-O", "width=100", project.ROOT / "docs/man" / page],
        check=True, capture_output=True, text=True)
    return re.sub(r".\x08", "", done.stdout)


@pytest.fixture(scope="module")
def help_text(installed):
    return subprocess.run(
        [installed / "usr/bin/tinycot", "help"], check=True, capture_output=True, text=True).stdout


def commands(text):
    """Commands and what follows them: `packages add` is two words."""
    return {match.group(1) for match in re.finditer(r"^tinycot ((?:[a-z]+ ?)+)", text, re.M)}


def options(text):
    return set(re.findall(r"--[a-z][a-z-]*", text))


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_well_formed(page):
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", project.ROOT / "docs/man" / page],
        capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_page_names_every_command_and_option(help_text):
    page = " ".join(shown("tinycot.8").split())
    assert len(commands(help_text)) > 10 and len(options(help_text)) > 10
    synopsis = page.split("DESCRIPTION")[0].replace("check | budget", "check tinycot budget")
    synopsis = synopsis.replace("version | help", "version tinycot help")
    for command in commands(help_text):
        assert f"tinycot {command.strip()}" in synopsis, command
    for option in options(help_text):
        assert re.search(rf"{option}\b", page), option
    # And none that is not there.
    assert options(page) <= options(help_text)


def test_the_page_names_every_exit_code(help_text):
    codes = re.findall(r"\b(\d+) [a-z]", help_text.split("Exit codes:")[1])
    page = shown("tinycot.8").split("EXIT STATUS")[1].split("EXAMPLES")[0]
    assert len(codes) > 8
    for code in codes:
        assert re.search(rf"^ +{code} ", page, re.M), code


def test_the_page_names_every_key_of_the_configuration():
    page = shown("tinycot.json.5")
    keys = project.configuration_keys()
    assert len(keys) > 25
    for key in keys:
        assert re.search(rf"^ +{key}\b", page, re.M), key


def test_the_page_names_every_key_of_the_budget_with_its_default():
    page = shown("budget.json.5")
    for key, value in project.budget().items():
        match = re.search(rf"^ {{5}}{key}(?:\n|  ).*?\bDefault\s+(\d+);", page, re.M | re.S)
        assert match and match.group(1) == str(value), key


def complete(*words):
    """What bash offers for the last of these words."""
    script = f"""
        source {COMPLETION}
        compopt() {{ :; }}
        COMP_WORDS=({' '.join(f"'{word}'" for word in words)})
        COMP_CWORD={len(words) - 1}
        _tinycot
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_completion_offers_every_command(help_text):
    first = {command.split()[0] for command in commands(help_text)}
    assert complete("tinycot", "") == first
    second = {command.split()[1] for command in commands(help_text) if " " in command.strip()}
    assert complete("tinycot", "packages", "") == second


def test_completion_offers_every_option_of_a_command(help_text):
    for block in re.split(r"^(?=tinycot )", help_text, flags=re.M):
        match = re.match(r"tinycot ((?:[a-z]+ ?)+)(.*)", block)
        if match is None or match.group(1).strip() in ("version", "help"):
            continue
        offered = complete("tinycot", *match.group(1).split(), "--")
        assert options(match.group(2)) <= offered, match.group(1)
        assert offered <= options(help_text)
