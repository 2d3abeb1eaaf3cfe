"""A benchmark writes its own section of the results, and leaves those of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import results
from bench.results import Section
from bench.way import Way


def section(title: str, seconds: float) -> Section:
    """Return a section of one row."""
    made = Section(title, "command", "date", 1, "server", "system", 2, "cpu", 3.0)
    made.ways = [Way("all days", [seconds], [seconds], [[1.0]], fingerprint_seconds=[0.5])]
    return made


def test_a_section_takes_the_place_of_its_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = tmp_path / "RESULTS.md"
    monkeypatch.setattr(results, "SHOWN", shown)
    shown.write_text("# Old\n")
    titles = ["Load of 5,000,000 rows", "Load of 20,000,000 rows", "Memory of x", "Refresh of y"]
    for title in reversed(titles):
        results.keep(section(title, 1.0))
    before = shown.read_text()
    assert [line[3:] for line in before.splitlines() if line.startswith("## ")] == titles

    results.keep(section("Refresh of y", 1.0))
    assert shown.read_text() == before
    results.keep(section("Refresh of y", 7.25))
    after = shown.read_text()
    assert "7.25" in after
    assert after.split("## Refresh")[0] == before.split("## Refresh")[0]
