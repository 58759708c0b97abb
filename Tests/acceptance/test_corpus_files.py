"""The corpus itself: complete, and each file as broken or as whole as its row says."""

from xml.parsers import expat

import pytest

from tinycot import corpus
from tinycot.audit import END

# Well-formed by XML's rules although a relay must not pass them on as they are, or at all.
WELL_FORMED_BUT_HOSTILE = {
    "h01", "h02", "h03", "h05", "h06", "h07", "h08", "h10", "h17", "h18", "h19", "h20", "h21",
    "h22", "h23", "h24", "h25", "h26", "h27", "h28", "h30", "h32", "h36", "h37", "h38", "h39",
    "h40", "h41", "h42", "h46", "h47", "h50", "h51", "h52", "h53", "h54", "h55", "h62"}
TWO_ENDS = {"h01", "h02", "h03", "h06", "h31", "h32"}
NO_END = {"h07", "h08", "h09", "h30", "h33", "h34", "h35", "h46", "h49"}


def parses(data):
    try:
        expat.ParserCreate().Parse(data, True)
        return True
    except (expat.ExpatError, LookupError):
        # LookupError: an encoding that nobody knows.
        return False


def test_every_file_has_a_row_and_every_row_a_file():
    files = {p.name[:2] for p in corpus.FOLDER.glob("[0-9]*")}
    assert files == set(corpus.BY_NUMBER)
    assert files == {f"{number:02d}" for number in range(1, 77)}
    hostile = {p.name[:3] for p in corpus.HOSTILE.iterdir()}
    assert hostile == set(corpus.HOSTILE_BY_NUMBER)
    assert hostile == {f"h{number:02d}" for number in range(1, 65)}


@pytest.mark.parametrize("row", corpus.VALID, ids=lambda row: row.name)
def test_a_valid_file_is_valid(row):
    data = row.data
    assert len(data) < 65_536
    # 02 is the one whose declaration lies about its encoding: parsers refuse it.
    assert parses(data) == (row.name[:2] != "02")
    if row.name[:2] == "51":
        assert data.endswith(b"</auth>")
    else:
        assert data.endswith(END) and data.count(END) == 1


@pytest.mark.parametrize("row", corpus.HOSTILE_ROWS, ids=lambda row: row.name)
def test_a_hostile_file_is_broken_as_its_row_says(row):
    number = row.name[:3]
    assert parses(row.data) == (number in WELL_FORMED_BUT_HOSTILE)
    ends = 2 if number in TWO_ENDS else 0 if number in NO_END else 1
    assert row.data.count(END) == ends
