"""The docs, the public docstrings and the messages are in the style of CONTRIBUTING.md."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.prose import PATTERNS, Text, hits, long_sentences, wrong
from warehouse.settings import ROOT

HARD = (
    "MySQL is asked when you say so, and never else.",
    "Who only looks is not asked.",
    "The days that are to be loaded.",
    "Not a file of yours, but a link.",
    "The file is made anew.",
    "The rules of a house.",
    "The table and the rows thereof.",
    "Lock it, lest somebody writes.",
    "To show the rows of a view is to compute them.",
    "Never does a reader wait.",
    "It is sorted such that the newest is first.",
    "Simply give the command; obviously it works.",
)


def test_nothing_is_hard_to_read() -> None:
    found = [f"{file}:{line}: {words!r}: {better}" for file, line, words, better in wrong()]
    assert found == []


def test_each_pattern_finds_something() -> None:
    text = Text("page.md", 1, "\n".join(HARD))
    found = [*hits(text)]
    assert {line for _, line, _, _ in found} == {*range(1, len(HARD) + 1)}
    assert {better for *_, better in found} == {*PATTERNS.values()}


@pytest.mark.parametrize(
    ("words", "is_long"),
    [
        ("word " * 34 + "end.", False),
        ("word " * 35 + "end.", True),
        ("word " * 20 + "end.\n" + "word " * 20, False),
        ("- " + "word " * 20 + "\n- " + "word " * 20, False),
        ("| " + "word " * 40 + "|", False),
    ],
)
def test_a_long_sentence_is_found(words: str, is_long: bool) -> None:
    assert bool([*long_sentences(Text("page.md", 1, words))]) == is_long


def test_the_spelling_is_right(tmp_path: Path) -> None:
    codespell = shutil.which("codespell", path=str(Path(sys.executable).parent))
    if codespell is None:
        pytest.skip("codespell is in the extra dev")
    done = subprocess.run([codespell], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0
    (tmp_path / "page.md").write_text("It is recieved.\n")
    found = subprocess.run([codespell, "page.md"], cwd=tmp_path, capture_output=True, check=False)
    assert found.returncode
