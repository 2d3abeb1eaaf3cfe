"""A snapshot's tables and views as a folder of Parquet files, for those who do not read DuckDB."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import duckdb

from warehouse.console.text import counted
from warehouse.errors import WarehouseError
from warehouse.project.quoting import quoted
from warehouse.serve import queries
from warehouse.serve.output import copy, keep_flat
from warehouse.serve.query_errors import no_table
from warehouse.store import cached_days as days
from warehouse.store import history, ledger, snapshots
from warehouse.store.views import REGISTRY

MANIFEST = "_manifest.json"
"""Says what the folder is; a folder without it is not overwritten."""

OWN_TABLES = frozenset({ledger.TABLE, history.TABLE, days.TABLE, REGISTRY})
"""What the warehouse notes about itself: exported only when named."""


def export(
    path: Path,
    folder: Path,
    *,
    only: Collection[str] = (),
    which: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Write a Parquet file for each table and view, as a whole folder or not at all.

    It is written beside the folder, which it takes the place of in the end by two renames.

    Args:
        path: The warehouse.
        folder: Replaced if it is an earlier export; made if it is not there.
        only: These tables and views, in place of all but the warehouse's own tables.
        which: A kept snapshot, see `history.find`; None for the newest.
        say: Told of each file.

    Raises:
        WarehouseError: the folder holds something else or cannot be written, or a table or the
            snapshot is not there.
    """
    folder = folder.absolute()
    _check_ours(folder)
    number = history.find(path, which).number if which is not None else None
    opened = snapshots.open_newest(path) if number is None else history.open_snapshot(path, number)
    with opened as connection:
        keep_flat(connection)
        present = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
        by_lower = {name.lower(): name for name in present}
        for name in only:
            if name.lower() not in by_lower:
                raise no_table(name, present)
        wanted = [by_lower[name.lower()] for name in only]
        names = dict.fromkeys(wanted or (name for name in present if name not in OWN_TABLES))
        side = folder.with_name(f".{folder.name}.{os.getpid()}.part")
        old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
        try:
            side.mkdir(parents=True)
            tables = {}
            for name in names:
                rows = _write(connection, name, side / f"{name}.parquet")
                tables[name] = {"rows": rows, "loaded_at": _loaded(connection, name)}
                say(f"{name}: {counted(rows, 'row')}.")
            manifest = {"snapshot": _number(connection), "tables": tables}
            (side / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
            if folder.exists():
                folder.rename(old)
            side.rename(folder)
        except OSError as error:
            raise WarehouseError(
                f"{folder} cannot be written: {error.strerror}.", todo="Name another place."
            ) from None
        finally:
            if old.exists() and not folder.exists():
                old.rename(folder)
            shutil.rmtree(side, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)
    say(f"{counted(len(names), 'file')} in {folder}, of snapshot {manifest['snapshot']}.")


def _check_ours(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise WarehouseError(f"{folder} is not a folder.", todo="Name another place.")
    ours: set[str] = set()
    # One that is not there, or that another program wrote, makes nothing ours.
    with suppress(OSError, ValueError, LookupError, TypeError):
        tables = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["tables"]
        ours = {MANIFEST, *(f"{name}.parquet" for name in tables)}
    entries = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    foreign = sorted(entries - ours)
    if foreign:
        raise WarehouseError(
            f"{folder} holds what no export of a warehouse wrote: {', '.join(foreign[:3])}"
            + (", ..." if foreign[3:] else "."),
            safe="It was not touched.",
            todo="Name an empty folder, a new one, or one that holds an export alone.",
        )


def _write(connection: duckdb.DuckDBPyConnection, name: str, file: Path) -> int:
    with queries.errors_explained(connection):
        relation = connection.table(quoted(name))
        queries.interruptible(connection, lambda: copy(connection, relation, "parquet", file))
        ((rows,),) = connection.execute(
            "SELECT num_rows FROM parquet_file_metadata(?)", [str(file)]
        ).fetchall()
    return int(rows)


def _number(connection: duckdb.DuckDBPyConnection) -> int:
    ((number,),) = connection.execute(f"SELECT max(number) FROM {history.TABLE}").fetchall()
    return int(number)


def _loaded(connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
    """Return when a table was loaded, or None for a view."""
    if not snapshots.has_table(connection, ledger.TABLE):
        return None
    last = ledger.last_load(connection, name)
    return last.started_at.isoformat() if last else None
