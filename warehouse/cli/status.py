"""The command `status`: what `status_report` found, as tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from warehouse.cli.output import errors_for_people
from warehouse.cli.startup import importing_dagster
from warehouse.console.text import counted
from warehouse.settings import Settings, load_settings
from warehouse.store import open_files as holders

if TYPE_CHECKING:
    from warehouse.assets.run_history import History
    from warehouse.cli.status_report import Asset, Kept, Outlook

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


@click.command()
def status() -> None:
    """Show what the warehouse holds, how old it is, and who holds it open.

    Three tables: each table and view with its rows, its age and where it came from; the snapshots
    with the processes that have them open; the last run of each, until when a source is fresh
    (WAREHOUSE_FRESHNESS_MINUTES), and when it is loaded again, if `just dev` runs. MySQL is not
    asked. The first two come from the file, at once; the third one from the run history, two
    seconds later.
    """
    with errors_for_people():
        _status(load_settings())


def _status(settings: Settings) -> None:
    from warehouse.cli import status_report

    now = datetime.now(UTC)
    _say_writer(settings.path, now)
    found = status_report.assets(settings.path)
    _print(("asset", "rows", "loaded", "age", "source"), [_asset(asset, now) for asset in found])
    _say_instants(found)
    kept = status_report.files(settings.path)
    click.echo()
    _print(("snapshot", "size", "open in"), [_kept(snapshot) for snapshot in kept])
    click.echo()
    sys.stdout.flush()  # Dagster takes its time
    history = _history([asset.name for asset in found], now)
    tick = None
    if history and history.reloading:
        from warehouse.assets.automation import every_minutes

        tick = every_minutes(settings.freshness_minutes)
    runs = status_report.outlook(found, history, settings.freshness_minutes, tick, now)
    header = ("asset", "freshness", "last run", "when", "result", "next load")
    _print(header, [_run(run, now) for run in runs])
    _say_more(settings.path, found, kept, history)


def _say_instants(found: Sequence[Asset]) -> None:
    """Say which sources do not show one instant of a server: they were loaded in different runs."""
    by_server: dict[str, dict[str, str]] = {}
    for asset in found:
        if asset.loaded and asset.loaded.instant:
            runs = by_server.setdefault(asset.loaded.server or "", {})
            runs[asset.name] = asset.loaded.run_id
    for server, loaded in sorted(by_server.items()):
        if len(set(loaded.values())) > 1:
            click.echo(
                f"{', '.join(loaded)} were loaded in different runs: they do not show one instant "
                f"of {server or 'MySQL'}. `just materialize` loads them together."
            )


def _say_writer(path: Path, now: datetime) -> None:
    if writer := holders.writer(path):
        click.echo(
            f"A snapshot is being written since {_clock(writer.since)} "
            f"({_span(now - writer.since)}) by {writer.name}. Readers see the last whole one.",
            err=True,
        )


def _asset(asset: Asset, now: datetime) -> Sequence[str]:
    rows = "" if asset.rows is None else f"{asset.rows:,}"
    if asset.loaded is None:
        return asset.name, rows, "", "", "view" if asset.view else "table"
    loaded = asset.loaded.started_at
    return asset.name, rows, _clock(loaded), _span(now - loaded), asset.loaded.source


def _kept(snapshot: Kept) -> Sequence[str]:
    size = "pruned" if snapshot.size is None else f"{snapshot.size / 1e6:,.1f} MB"
    readers = ", ".join(f"{r.program} (process {r.process})" for r in snapshot.open_in)
    return f"{snapshot.number}{', the newest' * snapshot.newest}", size, readers


def _run(outlook: Outlook, now: datetime) -> Sequence[str]:
    fresh = ""
    if until := outlook.fresh_until:
        fresh = f"{'fresh until' if until > now else 'stale since'} {_clock(until)}"
    run = outlook.last_run
    next_load = f"about {_clock(outlook.next_load)}" if outlook.next_load else ""
    if run is None:
        return outlook.name, fresh, "", "", "", next_load
    return outlook.name, fresh, run.run_id[:8], _clock(run.at), run.result, next_load


def _history(names: list[str], now: datetime) -> History | None:
    """Open the run history if there is one: to look at it must not make it."""
    from warehouse.assets import run_history as runs

    if not runs.there():
        return None
    with importing_dagster():
        import dagster  # noqa: F401
    try:
        with runs.history() as instance:
            return runs.look(instance, names, now)
    except OSError as error:  # another user's: whoever may read the file sees the rest
        click.echo(f"The run history in {runs.home()} cannot be read: {error.strerror}.", err=True)
        return None


def _say_more(
    path: Path, found: Sequence[Asset], kept: Sequence[Kept], history: History | None
) -> None:
    newest = kept[-1]
    sizes = [snapshot.size for snapshot in kept if snapshot.size is not None]
    lines = [
        f"Snapshot {newest.number}, {sizes[-1] / 1e6:,.1f} MB: {path}. "
        f"On disk {'are' if len(sizes) > 1 else 'is'} {len(sizes)}, {sum(sizes) / 1e6:,.1f} MB."
    ]
    if uncounted := [asset.name for asset in found if asset.rows is None]:
        lines.append(f"To count takes longer: the rows of {', '.join(uncounted)}.")
    if history is None:
        lines.append("There is no run history here to read: runs that failed are not known.")
    if history and history.reloading:
        lines.append(
            "`just dev` runs here, or did until a minute ago: it loads what is stale, and "
            "changed in MySQL."
        )
    elif history and history.developing:
        lines.append(
            "`just dev` runs here with its sensor stale_sources switched off: no stale source "
            "is loaded by itself."
        )
    else:
        lines.append("Nothing is loaded by itself unless `just dev` runs.")
    click.echo("\n" + "\n".join(lines), err=True)


def _print(header: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table, numbers to the right."""
    from tabulate import tabulate

    right = {"rows", "size", "age"}
    text = tabulate(
        lines,
        headers=header,
        tablefmt="plain",
        disable_numparse=True,
        colalign=["right" if name in right else "left" for name in header] if lines else None,
    )
    click.echo("\n".join(line.rstrip() for line in text.splitlines()))


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _span(length: timedelta) -> str:
    """Say a length of time in its largest unit."""
    seconds = max(int(length.total_seconds()), 0)
    for unit, size in _UNITS:
        if seconds >= size:
            return counted(seconds // size, unit)
    return "now"
