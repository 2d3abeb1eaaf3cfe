"""One way to do something, and what each run of it took."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from bench.child import Outcome


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
