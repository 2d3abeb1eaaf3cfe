"""What was measured, as Markdown: each section is kept until it is measured anew."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.child import DISTURBED, ROOT, Outcome

SHOWN = ROOT / "bench" / "RESULTS.md"


@dataclass
class Way:
    """One row of the table."""

    name: str
    seconds: list[float] = field(default_factory=list)
    wall_seconds: list[float] = field(default_factory=list)
    rss_mb: list[list[float]] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    values: str = "-"
    versions: dict[str, str] = field(default_factory=dict)
    bytes: int | None = None
    informational: bool = False
    selects: int | None = None
    cache_selects: int | None = None
    rows_read: int | None = None
    server_seconds: list[float] = field(default_factory=list)
    fingerprint_seconds: list[float] = field(default_factory=list)
    asked_seconds: list[float] = field(default_factory=list)
    after_seconds: list[float] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Take in one run."""
        self.seconds.append(outcome.said["seconds"])
        self.wall_seconds.append(outcome.wall_seconds)
        self.rss_mb.append(outcome.rss_mb)
        if outcome.others is not None:
            self.others.append(outcome.others)
        self.versions = outcome.said.get("versions", {})
        self.bytes = outcome.said.get("bytes")
        for some in ("fingerprint_seconds", "asked_seconds", "after_seconds"):
            if outcome.said.get(some) is not None:
                getattr(self, some).append(outcome.said[some])

    @property
    def typical(self) -> float:
        """The median of the seconds."""
        return median(self.seconds)

    @property
    def peak_mb(self) -> float:
        """The most memory in any run: the sum of its processes' peaks."""
        return max(sum(peaks) for peaks in self.rss_mb)

    @property
    def peak(self) -> str:
        """The same in words, with its parts."""
        parts = max(self.rss_mb, key=sum)
        shown = " + ".join(f"{part:,.0f}" for part in parts)
        return f"{sum(parts):,.0f} MB ({shown})" if len(parts) > 1 else f"{shown} MB"


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
        bodies = {
            "Load": self._load,
            "Line": self._line,
            "Memory": self._memory,
            "Tables": self._tables,
            "Cost": self._cost,
            "Values": self._values,
            "Saving": self._saving,
            "Refresh": self._refresh,
            "Start": self._start,
        }
        lines += self.body or bodies[self._kind]()
        loud = max((share for way in self.ways for share in way.others), default=0.0)
        lines += ["", _quietness(loud)]
        versions = {
            f"{name} {version}" for way in self.ways for name, version in way.versions.items()
        }
        if versions:
            lines += ["", f"Versions: {', '.join(sorted(versions))}."]
        return "\n".join(lines) + "\n"

    @property
    def _kind(self) -> str:
        return re.split(r"\W", self.title)[0]

    def _load(self) -> list[str]:
        limit = self.ways[0].typical
        lines = [
            "| way | seconds | of the limit | each run | whole process | peak RSS | the values |",
            "|---|--:|--:|---|--:|--:|---|",
        ]
        for way in self.ways:
            each = " ".join(f"{seconds:.2f}" for seconds in way.seconds)
            size = f" ({way.bytes / 1e6:,.0f} MB)" if way.bytes else ""
            lines.append(
                f"| {way.name}{size} | {way.typical:.2f} | {way.typical / limit:.2f} | {each} "
                f"| {median(way.wall_seconds):.1f} s | {way.peak} | {way.values} |"
            )
        ours = next((way for way in self.ways if way.name.startswith("this project")), None)
        others = [way for way in self.ways if way.values != "-" and way is not ours]
        if ours and others:
            compared = "; ".join(
                f"{way.name}: {way.typical / ours.typical:.1f} times the seconds, "
                f"{way.peak_mb / ours.peak_mb:.1f} times the memory"
                for way in others
            )
            lines += ["", f"Against this project's load: {compared}."]
        return lines

    def _memory(self) -> list[str]:
        base = self.ways[0].peak_mb
        lines = ["| rows | seconds | peak RSS | of the first |", "|---|--:|--:|--:|"]
        lines += [
            f"| {way.name} | {way.typical:.2f} | {way.peak} | {way.peak_mb / base:.2f} |"
            for way in self.ways
        ]
        return lines

    def _tables(self) -> list[str]:
        base = self.ways[0].typical
        lines = ["| way | seconds | of the first | each run | peak RSS |", "|---|--:|--:|---|--:|"]
        for way in self.ways:
            each = " ".join(f"{seconds:.2f}" for seconds in way.seconds)
            lines.append(
                f"| {way.name} | {way.typical:.2f} | {way.typical / base:.2f} | {each} "
                f"| {way.peak} |"
            )
        return lines

    def _line(self) -> list[str]:
        base = self.ways[0].typical
        lines = [
            "| way | seconds | of the first | each run | peak RSS | the values |",
            "|---|--:|--:|---|--:|---|",
        ]
        for way in self.ways:
            each = " ".join(f"{seconds:.1f}" for seconds in way.seconds)
            lines.append(
                f"| {way.name} | {way.typical:.1f} | {way.typical / base:.2f} | {each} "
                f"| {way.peak} | {way.values} |"
            )
        return lines

    def _values(self) -> list[str]:
        lines = [
            "| the table | MB | seconds | peak RSS | of the memory for the table above |",
            "|---|--:|--:|--:|--:|",
        ]
        above = 0.0
        for way in self.ways:
            more = way.name.endswith("as many")
            share = f"{way.peak_mb / above:.2f}" if more else ""
            above = above if more else way.peak_mb
            size = (way.bytes or 0) / 1e6
            lines.append(f"| {way.name} | {size:,.0f} | {way.typical:.1f} | {way.peak} | {share} |")
        if self.left_out:
            lines += ["", f"Not measured, for lack of room: {'; '.join(self.left_out)}."]
        return lines

    def _refresh(self) -> list[str]:
        full = self.ways[0].typical
        lines = [
            "| what is loaded | seconds | of all days | the fingerprints alone | each run "
            "| whole process | peak RSS |",
            "|---|--:|--:|--:|---|--:|--:|",
        ]
        for way in self.ways:
            each = " ".join(f"{seconds:.2f}" for seconds in way.seconds)
            lines.append(
                f"| {way.name} | {way.typical:.2f} | {way.typical / full:.3f} "
                f"| {median(way.fingerprint_seconds):.2f} | {each} "
                f"| {median(way.wall_seconds):.1f} s | {way.peak} |"
            )
        return lines

    def _start(self) -> list[str]:
        base = self.ways[0]
        lines = [
            "| command | seconds | more than the first | until MySQL is asked "
            "| from the last line to the prompt | each run |",
            "|---|--:|--:|--:|--:|---|",
        ]
        for way in self.ways:
            more = [one - other for one, other in zip(way.seconds, base.seconds, strict=True)]
            each = " ".join(f"{seconds:.2f}" for seconds in way.seconds)
            asked, after = (
                f"{median(some):.2f}" if some else "-"
                for some in (way.asked_seconds, way.after_seconds)
            )
            lines.append(
                f"| `{way.name}` | {way.typical:.2f} | {median(more):.2f} | {asked} | {after} "
                f"| {each} |"
            )
        return lines

    def _cost(self) -> list[str]:
        lines = [
            "| statement | seconds | of the plain one | the server's processor | of the plain one "
            "| each run |",
            "|---|--:|--:|--:|--:|---|",
        ]
        for number, way in enumerate(self.ways):
            plain = self.ways[number - number % 2]
            times = _median_ratio(way.seconds, plain.seconds)
            work = _median_ratio(way.server_seconds, plain.server_seconds)
            each = " ".join(f"{seconds:.2f}" for seconds in way.seconds)
            lines.append(
                f"| {way.name} | {way.typical:.2f} | {times:.3f} "
                f"| {median(way.server_seconds):.2f} s | {work:.3f} | {each} |"
            )
        return lines

    def _saving(self) -> list[str]:
        lines = [
            "| way | run | SELECTs of `orders` | of its cache | MySQL rows read | seconds "
            "| whole process | peak RSS |",
            "|---|---|--:|--:|--:|--:|--:|--:|",
        ]
        lines += [
            f"| {way.name} | {way.selects} | {way.cache_selects} | {way.rows_read:,} "
            f"| {way.typical:.2f} | {way.wall_seconds[0]:.1f} s | {way.peak} |"
            for way in self.ways
        ]
        return [*lines, "", _SAVING]


_SAVING = """Five results, each a DataFrame counted and thrown away: cleaned orders, a summary by
day and status, completed and pending orders, one row on all. "With the load" fills the cache and
computes; "again" computes in a new process from what is cached. "MySQL rows read" is the server's
own count (`Rows_read`), the cache's tables and a few of its own included. The first three ways are
pandas assets on `pandas.read_sql_query`; the last is `mysql_orders` and its views, each view read
whole. Every way comes to the same number of rows."""


def _median_ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of the ratios of each turn: what disturbs a turn disturbs both."""
    return median(value / other for value, other in zip(values, others, strict=True))


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
    "Refresh",
    "Saving",
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
