"""The tables of the results: one for each kind of benchmark, made of its ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from bench.way import Way


def _load(ways: Sequence[Way]) -> list[str]:
    limit = ways[0].typical
    lines = [
        "| way | seconds | of the limit | each run | whole process | peak RSS | the values |",
        "|---|--:|--:|---|--:|--:|---|",
    ]
    for way in ways:
        each = " ".join(f"{seconds:.2f}" for seconds in way.seconds)
        size = f" ({way.bytes / 1e6:,.0f} MB)" if way.bytes else ""
        lines.append(
            f"| {way.name}{size} | {way.typical:.2f} | {way.typical / limit:.2f} | {each} "
            f"| {median(way.wall_seconds):.1f} s | {way.peak} | {way.values} |"
        )
    ours = next((way for way in ways if way.name.startswith("this project")), None)
    others = [way for way in ways if way.values != "-" and way is not ours]
    if ours and others:
        compared = "; ".join(
            f"{way.name}: {way.typical / ours.typical:.1f} times the seconds, "
            f"{way.peak_mb / ours.peak_mb:.1f} times the memory"
            for way in others
        )
        lines += ["", f"Against this project's load: {compared}."]
    return lines


def _memory(ways: Sequence[Way]) -> list[str]:
    base = ways[0].peak_mb
    lines = ["| rows | seconds | peak RSS | of the first |", "|---|--:|--:|--:|"]
    lines += [
        f"| {way.name} | {way.typical:.2f} | {way.peak} | {way.peak_mb / base:.2f} |"
        for way in ways
    ]
    return lines


def _tables(ways: Sequence[Way]) -> list[str]:
    base = ways[0].typical
    lines = ["| way | seconds | of the first | each run | peak RSS |", "|---|--:|--:|---|--:|"]
    for way in ways:
        each = " ".join(f"{seconds:.2f}" for seconds in way.seconds)
        lines.append(
            f"| {way.name} | {way.typical:.2f} | {way.typical / base:.2f} | {each} | {way.peak} |"
        )
    return lines


def _line(ways: Sequence[Way]) -> list[str]:
    base = ways[0].typical
    lines = [
        "| way | seconds | of the first | each run | peak RSS | the values |",
        "|---|--:|--:|---|--:|---|",
    ]
    for way in ways:
        each = " ".join(f"{seconds:.1f}" for seconds in way.seconds)
        lines.append(
            f"| {way.name} | {way.typical:.1f} | {way.typical / base:.2f} | {each} "
            f"| {way.peak} | {way.values} |"
        )
    return lines


def _values(ways: Sequence[Way]) -> list[str]:
    lines = [
        "| the table | MB | seconds | peak RSS | of the memory for the table above |",
        "|---|--:|--:|--:|--:|",
    ]
    above = 0.0
    for way in ways:
        more = way.name.endswith("as many")
        share = f"{way.peak_mb / above:.2f}" if more else ""
        above = above if more else way.peak_mb
        size = (way.bytes or 0) / 1e6
        lines.append(f"| {way.name} | {size:,.0f} | {way.typical:.1f} | {way.peak} | {share} |")
    return lines


def _refresh(ways: Sequence[Way]) -> list[str]:
    full = ways[0].typical
    lines = [
        "| what is loaded | seconds | of all days | the fingerprints alone | each run "
        "| whole process | peak RSS |",
        "|---|--:|--:|--:|---|--:|--:|",
    ]
    for way in ways:
        each = " ".join(f"{seconds:.2f}" for seconds in way.seconds)
        lines.append(
            f"| {way.name} | {way.typical:.2f} | {way.typical / full:.3f} "
            f"| {median(way.fingerprint_seconds):.2f} | {each} "
            f"| {median(way.wall_seconds):.1f} s | {way.peak} |"
        )
    return lines


def _start(ways: Sequence[Way]) -> list[str]:
    base = ways[0]
    lines = [
        "| command | seconds | more than the first | until MySQL is asked "
        "| from the last line to the prompt | each run |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for way in ways:
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


def _cost(ways: Sequence[Way]) -> list[str]:
    lines = [
        "| statement | seconds | of the plain one | the server's processor | of the plain one "
        "| each run |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for number, way in enumerate(ways):
        plain = ways[number - number % 2]
        times = _median_ratio(way.seconds, plain.seconds)
        work = _median_ratio(way.server_seconds, plain.server_seconds)
        each = " ".join(f"{seconds:.2f}" for seconds in way.seconds)
        lines.append(
            f"| {way.name} | {way.typical:.2f} | {times:.3f} "
            f"| {median(way.server_seconds):.2f} s | {work:.3f} | {each} |"
        )
    return lines


def _saving(ways: Sequence[Way]) -> list[str]:
    lines = [
        "| way | run | SELECTs of `orders` | of its cache | MySQL rows read | seconds "
        "| whole process | peak RSS |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {way.name} | {way.selects} | {way.cache_selects} | {way.rows_read:,} "
        f"| {way.typical:.2f} | {way.wall_seconds[0]:.1f} s | {way.peak} |"
        for way in ways
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


TABLES: dict[str, Callable[[Sequence[Way]], list[str]]] = {
    "Load": _load,
    "Line": _line,
    "Cost": _cost,
    "Memory": _memory,
    "Tables": _tables,
    "Values": _values,
    "Start": _start,
    "Refresh": _refresh,
    "Saving": _saving,
}
"""By the first word of a section's title."""
