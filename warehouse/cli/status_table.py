"""The table of `status`: a line for each table and view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from warehouse.cli.status_report import Asset, Kept, Outlook
from warehouse.console.columns import Heading
from warehouse.console.terminal import BAD, GOOD, QUIET
from warehouse.console.text import counted

_UNITS = (("day", "d", 86_400), ("hour", "h", 3_600), ("minute", "min", 60), ("second", "s", 1))
_STALE = "stale since"
_RESULTS = {"success": GOOD, "failure": BAD, "canceled": BAD}


def _freshness(cell: str) -> str:
    return BAD if cell.startswith(_STALE) else GOOD


def _result(cell: str) -> str:
    return _RESULTS.get(cell, "")


def _quiet(_: str) -> str:
    return QUIET


HEADINGS = (
    Heading("asset", least=20, rank=6),
    Heading("rows", right=True),
    Heading("loaded", least=19, rank=1, optional=True, style=_quiet),
    Heading("age", right=True),
    Heading("freshness", style=_freshness),
    Heading("last run", style=_result),
    Heading("ended", least=19, rank=3, optional=True),
    Heading("run", least=8, rank=0, optional=True, style=_quiet),
    Heading("next load", least=19, rank=4, optional=True),
    Heading("source", least=11, rank=5, optional=True, style=_quiet),
)


@dataclass(frozen=True)
class Moments:
    """How times are said.

    Attributes:
        now: The time.
        short: Without the day where it is today or within the next day, and without seconds: for
            a terminal.
    """

    now: datetime
    short: bool

    def clock(self, moment: datetime) -> str:
        """Return a moment in this machine's zone."""
        local = moment.astimezone()
        if not self.short:
            return f"{local:%Y-%m-%d %H:%M:%S}"
        today = local.date() == self.now.astimezone().date()
        soon = timedelta(0) <= moment - self.now < timedelta(days=1)
        return f"{local:%H:%M}" if today or soon else f"{local:%Y-%m-%d %H:%M}"

    def age(self, since: datetime) -> str:
        """Return the time since then, in its largest unit."""
        seconds = max(int((self.now - since).total_seconds()), 0)
        for unit, symbol, length in _UNITS:
            if seconds >= length:
                number = seconds // length
                return f"{number} {symbol}" if self.short else counted(number, unit)
        return "now"


def rows(
    found: Sequence[Asset], outlook: Sequence[Outlook], moments: Moments
) -> tuple[str, list[tuple[str, ...]]]:
    """Return the cells of `HEADINGS`, and the server that is left out of them.

    Args:
        found: What the file holds.
        outlook: What is known of each, in the same order.
        moments: If short, the server of all sources is left out, if they have the same one.
    """
    servers = {_server(asset.loaded.source) for asset in found if asset.loaded}
    server = servers.pop() if moments.short and len(servers) == 1 else ""
    return server.rstrip("/"), [
        _row(asset, what, moments, server) for asset, what in zip(found, outlook, strict=True)
    ]


def _server(source: str) -> str:
    """Return `127.0.0.1:3306/` of `127.0.0.1:3306/shop.orders`."""
    return source[: source.rfind("/") + 1]


def _row(asset: Asset, outlook: Outlook, moments: Moments, server: str) -> tuple[str, ...]:
    loaded, run = asset.loaded, outlook.last_run
    freshness = ""
    if until := outlook.fresh_until:
        lead = ("until" if moments.short else "fresh until") if until > moments.now else _STALE
        freshness = f"{lead} {moments.clock(until)}"
    return (
        asset.name,
        "" if asset.rows is None else f"{asset.rows:,}",
        moments.clock(loaded.started_at) if loaded else "",
        moments.age(loaded.started_at) if loaded else "",
        freshness,
        run.result if run else "",
        moments.clock(run.at) if run else "",
        run.run_id[:8] if run else "",
        f"about {moments.clock(outlook.next_load)}" if outlook.next_load else "",
        loaded.source.removeprefix(server) if loaded else "view" if asset.view else "table",
    )


def opened(kept: Sequence[Kept]) -> list[str]:
    """Return a line for each snapshot that a process has open."""
    return [
        f"Snapshot {snapshot.number}"
        f"{', the newest,' if snapshot.newest else ', pruned,' if snapshot.use is None else ''}"
        f" is open in {', '.join(f'{r.program} (process {r.process})' for r in snapshot.open_in)}"
        for snapshot in kept
        if snapshot.open_in
    ]


def apart(found: Sequence[Asset]) -> list[str]:
    """Say which sources do not show one instant of a server: they were loaded in different runs."""
    by_server: dict[str, dict[str, str]] = {}
    for asset in found:
        if asset.loaded and asset.loaded.instant:
            runs = by_server.setdefault(asset.loaded.server or "", {})
            runs[asset.name] = asset.loaded.run_id
    return [
        f"{', '.join(loaded)} were loaded in different runs: they do not show one instant of "
        f"{server or 'MySQL'}. `just materialize` loads them together."
        for server, loaded in sorted(by_server.items())
        if len(set(loaded.values())) > 1
    ]


def size(count: int) -> str:
    """Return a number of bytes, in millions."""
    return f"{count / 1e6:,.1f} MB"
