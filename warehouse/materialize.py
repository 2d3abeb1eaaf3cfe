"""One run from the command line: narration while it goes, a summary, and Dagster's run history."""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import click
import dagster as dg
from filelock import FileLock

from warehouse import progress
from warehouse.definitions import defs
from warehouse.errors import WarehouseError
from warehouse.settings import ROOT, load_settings
from warehouse.store import snapshots


def run(selection: str | None) -> None:
    """Materialize a selection of the assets (None: all of them) and say what came of it.

    Raises:
        WarehouseError: the selection names nothing, or the run failed; says why.
        KeyboardInterrupt: somebody stopped it.
    """
    began = time.monotonic()
    keys = _select(selection)
    progress.narration = os.fdopen(os.dup(2), "w", buffering=1)
    job = defs.resolve_implicit_global_asset_job_def()
    with _instance() as instance:
        try:
            result = job.execute_in_process(
                instance=instance,
                asset_selection=keys,
                run_config={"loggers": {"narration": {}}},
            )
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            raise KeyboardInterrupt from None
        except Exception as error:
            raise _for_people(error) from None
    _summary(result, time.monotonic() - began)


def _select(selection: str | None) -> list[dg.AssetKey]:
    """Return the assets that a selection means, in Dagster's own selection language."""
    graph = defs.resolve_asset_graph()
    chosen = dg.AssetSelection.from_string(selection) if selection else dg.AssetSelection.all()
    try:
        return sorted(chosen.resolve(graph))
    except dg.DagsterInvalidSubsetError:
        known = sorted(key.to_user_string() for key in graph.get_all_asset_keys())
        close = difflib.get_close_matches(str(selection), known, n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise WarehouseError(
            f"There is no asset {selection}.",
            safe="Nothing was run.",
            todo=f"{hint}Known are {', '.join(known)}.",
        ) from None


@contextmanager
def _instance() -> Iterator[dg.DagsterInstance]:
    """Open the run history that `dagster dev` shows too."""
    given = os.environ.get("DAGSTER_HOME")
    home = Path(given) if given else ROOT / ".dagster"
    with chdir(ROOT):  # the relative paths in dagster.yaml count from here
        home.mkdir(parents=True, exist_ok=True)
        # Two processes that make the history's tables at the same moment trip over each other.
        with FileLock(home / "lock"):
            instance = (
                dg.DagsterInstance.get() if given else dg.DagsterInstance.from_config(str(ROOT))
            )
            # Each is made when it is first asked for.
            assert instance.run_storage and instance.event_log_storage
            assert instance.schedule_storage
        with instance:
            yield instance


def _for_people(error: BaseException) -> WarehouseError:
    """Find the error that was meant for people in what Dagster made of it."""
    chain: list[BaseException] = []
    while error not in chain:
        if isinstance(error, WarehouseError):
            return error
        chain.append(error)
        inner = getattr(error, "user_exception", None) or error.__cause__ or error.__context__
        error = inner or chain[0]
    first = chain[-1]
    return WarehouseError(
        f"The run failed: {type(first).__name__}: {first}",
        safe="No half-written data is visible: a snapshot is published whole or not at all.",
        todo="The whole trace is in the run's page of `just dev`.",
    )


def _summary(result: dg.ExecuteInProcessResult, seconds: float) -> None:
    """Print what was built, what MySQL was asked, and where to look next."""
    rows = [("asset", "rows", "seconds", "")]
    selects = 0
    for event in result.get_asset_materialization_events():
        metadata: dict[str, Any] = {
            key: value.value
            for key, value in event.step_materialization_data.materialization.metadata.items()
        }
        selects += metadata.get("select_statements", 0)
        rows.append(_line(event.asset_key.to_user_string() if event.asset_key else "", metadata))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, count, took, what in rows:
        line = f"{name:<{widths[0]}}  {count:>{widths[1]}}  {took:>{widths[2]}}  {what}"
        click.echo(line.rstrip())
    built = len(rows) - 1
    settings = load_settings()
    snapshot = snapshots.newest(settings.path)
    assert snapshot is not None
    size = snapshot.file.stat().st_size
    shown = settings.path.relative_to(ROOT) if settings.path.is_relative_to(ROOT) else settings.path
    asked = {0: "MySQL was not asked", 1: "MySQL was asked for the rows once"}.get(
        selects, f"MySQL was asked for rows {selects} times"
    )
    click.echo(
        f"\n{built} asset{'s' * (built != 1)} in {seconds:.1f} s. {asked}.\n"
        f"{shown}: snapshot {snapshot.number}, {size / 1e6:.1f} MB.\n"
        f'Look next: just sql "from order_stats" · just status · just dev'
    )


def _line(name: str, metadata: dict[str, Any]) -> tuple[str, str, str, str]:
    if "written" in metadata:
        return name, "", "", "view, written" if metadata["written"] else "view, up to date"
    count = metadata.get("dagster/row_count", 0)
    return name, f"{count:,}", f"{metadata.get('seconds', 0):.1f}", "table"
