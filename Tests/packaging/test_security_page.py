"""docs/security.md names a test for each boundary and a key for each limit: they must be there."""

import re

import project

PAGE = project.ROOT / "docs/security.md"
KEYS = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")
# What stands between such quotes and is no key.
OTHER = {"heap_allocations_after_seal", "test_who_speaks_keeps_the_place"}


def test_the_tests_that_it_names_are_there():
    named = re.findall(r"`(?:(Tests/\S+)/)?(test_\w+\.py)::(test_\w+)`", PAGE.read_text())
    assert len(named) > 30
    for folder, file, name in named:
        text = (project.ROOT / (folder or "Tests/acceptance") / file).read_text()
        assert f"\ndef {name}(" in text, f"{file}::{name}"


def test_the_files_and_commands_that_it_names_are_there():
    text = PAGE.read_text()
    for path in re.findall(r"\b((?:Tests|bench|scripts)/[\w/.-]+\w)", text):
        assert (project.ROOT / path).exists(), path


def test_the_keys_that_it_names_are_there():
    keys = project.budget().keys() | project.configuration_keys() | OTHER
    named = set(KEYS.findall(PAGE.read_text()))
    assert len(named) > 20
    assert named - keys == set()
