"""What was measured, as Markdown: each section is kept until it is measured anew."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bench.child import DISTURBED, ROOT
from bench.tables import TABLES
from bench.way import Way

SHOWN = ROOT / "bench" / "RESULTS.md"


@dataclass
class Section:
    """One call of the program: when, on what, and its rows."""

    title: str
    command: str
    date: str
    rows: int
    server: str
    system: str
    cpus: int
    cpu: str
    table_mb: float
    ways: list[Way] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the section as Markdown."""
        lines = [
            f"## {self.title}",
            "",
            f"`{self.command}` on {self.date}: {self.server}, {self.cpus} x "
            f"{self.cpu}, {self.system}.",
            "",
        ]
        lines += self.body or TABLES[self._kind](self.ways)
        if self.left_out:
            lines += ["", f"Not measured, for lack of room: {'; '.join(self.left_out)}."]
        if shares := [share for way in self.ways for share in way.others]:
            lines += ["", _quietness(max(shares))]
        versions = {
            f"{name} {version}" for way in self.ways for name, version in way.versions.items()
        }
        if versions:
            lines += ["", f"Versions: {', '.join(sorted(versions))}."]
        return "\n".join(lines) + "\n"

    @property
    def _kind(self) -> str:
        return re.split(r"\W", self.title)[0]


def _quietness(loud: float) -> str:
    if loud <= DISTURBED:
        return "The machine was quiet: nobody else used its processors."
    return (
        f"The machine was not quiet: something else used up to {loud:.0%} of its processors "
        "during a run."
    )


_ORDER = (
    "Load",
    "Line",
    "Cost",
    "Memory",
    "Tables",
    "Values",
    "Start",
    "Store",
    "Plan",
    "Refresh",
    "Saving",
    "Publish",
    "Spark",
    "Growth",
)


def keep(section: Section) -> None:
    """Write a section into the file in the place of the last one of its title; leave the others."""
    parts = re.split(r"^(?=## )", SHOWN.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    kept = {part.splitlines()[0]: part.strip() + "\n" for part in parts}
    kept[f"## {section.title}"] = section.markdown()
    SHOWN.write_text("\n".join([_HEAD, *(kept[title] for title in sorted(kept, key=_place))]))


def _place(title: str) -> tuple[int, int, str]:
    kind = title.split()[1].strip(":")
    return _ORDER.index(kind), len(title), title  # a larger table has a longer title


_HEAD = """# What a load takes

Written by `just bench` with the name of one of its programs; each way is a fresh process, the ways
of a load take turns, and the seconds are the median. MB are 10^6 bytes.

- **the limit**: the whole result is read off the socket and thrown away.
- **this project**: the asset `mysql_orders` in Dagster, from its start to the published snapshot,
  checkpoint and fsync included; "whole process" is Python's start and all imports on top.
- the others, as their documentation shows them: from the call to the closed DuckDB file.
- **peak RSS**: of the whole process, Dagster and pandas included, and of each that it starts, added
  up as if they peaked at the same moment.
- **the values**: sum(amount) compared exactly with MySQL's, seven more facts, and the type of each
  column.
- **the cost**: both statements in one session, in turns, drained by the same reader; the processor
  time is that of the whole server, and "of the plain one" the median of the turns' ratios.
"""
