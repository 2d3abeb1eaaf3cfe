"""The views: every file under `sql/` is one SELECT, read, checked and put in order before a run.

`sql/transforms/orders_cleaned.sql` is the view `orders_cleaned` in the group `transforms`. The
comment on top of the file is its description, a line `-- owner: team:analytics` in it says whose it
is; what it depends on is read from its SQL.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from warehouse.errors import WarehouseError
from warehouse.settings import ROOT

OWNER = r"(team:\w[\w-]*|[^\s@,]+@[^\s@,]+)"
NOTES = {
    "owner": (
        rf"{OWNER}(\s*,\s*{OWNER})*",
        "Write team:analytics or an e-mail address, and a comma between several.",
    ),
    "severity": ("warn|error|block", "Write warn, error or block."),
    # On Spark only: DuckDB computes a view when it is read.
    "keep": ("table", "Write table, or leave the note out."),
}
"""What a comment on top may say in a line `-- key: value`: the values, and what to do of others."""


@dataclass(frozen=True)
class View:
    """One file: its name, its SQL, and the tables and views it reads.

    Attributes:
        notes: What its comment says by the keys of `NOTES`.
        ordered: Whether its rows come in an order of their own.
    """

    name: str
    group: str
    file: Path
    sql: str
    description: str
    notes: Mapping[str, str]
    reads: frozenset[str]
    ordered: bool

    @property
    def version(self) -> str:
        """A hash of the SQL: the view is written again only when it changes."""
        return hashlib.sha256(self.sql.encode()).hexdigest()[:16]

    @property
    def owners(self) -> list[str]:
        """Whose it is, as Dagster names people and teams."""
        return [owner.strip() for owner in self.notes.get("owner", "").split(",") if owner.strip()]

    def at(self, line: int) -> str:
        """Name a place in the file as editors and terminals link it."""
        return f"{shown(self.file)}:{line}"


def load_views(known_tables: Collection[str], folder: Path) -> list[View]:
    """Read every file under a folder, in an order in which they can be created.

    Args:
        known_tables: Tables that a view may read besides other views.
        folder: Where the files are, each in a folder that names its group.

    Raises:
        WarehouseError: a file cannot be parsed, is not one SELECT, reads an unknown table or, in
            the end, itself; names file and line.
    """
    files = sorted(folder.rglob("*.sql"))
    parsed = [parse(file) for file in files if folder / "sources" not in file.parents]
    views: dict[str, View] = {}
    for view, _ in parsed:
        if view.name in views or view.name in known_tables:
            other = views[view.name].at(1) if view.name in views else "a table"
            raise WarehouseError(
                f"{view.at(1)}: {view.name} is the name of {other} already.",
                todo="Rename the file.",
            )
        views[view.name] = view
    for view, lines in parsed:
        check_reads(view, lines, {*views, *known_tables})
    graph = {name: view.reads & views.keys() for name, view in views.items()}
    try:
        return [views[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        # Each reads the one before it in graphlib's list; people read it the other way round.
        circle = [views[name] for name in reversed(error.args[1])]
        line = next(lines[circle[1].name] for view, lines in parsed if view is circle[0])
        path = " reads ".join(view.name for view in circle)
        raise WarehouseError(
            f"{circle[0].at(line)}: the views form a circle: {path}.",
            todo="Take one of these reads out.",
        ) from None


def check_reads(view: View, lines: Mapping[str, int], known: Collection[str]) -> None:
    """See that everything a file reads is there.

    Raises:
        WarehouseError: a table is not; names file and line.
    """
    for table, line in lines.items():
        if table not in known:
            raise WarehouseError(
                f"{view.at(line)}: there is no table or view {table}.",
                todo=f"Correct the name; known are {', '.join(sorted({*known} - {view.name}))}.",
            )


def parse(file: Path) -> tuple[View, dict[str, int]]:
    """Read one file. Returns the view, and for each table it reads the line that names it.

    Raises:
        WarehouseError: it cannot be parsed, is not one SELECT, or has a note that means nothing;
            names file and line.
    """
    text = file.read_text(encoding="utf-8")
    try:
        # DuckDB's own parser is the judge; sqlglot's, more lenient, tells what is read.
        duckdb.extract_statements(text)
        statements = [s for s in sqlglot.parse(text, dialect="duckdb") if s is not None]
    except duckdb.Error as error:
        raise WarehouseError(
            f"{shown(file)}:{error_line(error)}: {str(error).splitlines()[0]}",
            todo="Correct the file.",
        ) from None
    except SqlglotError as error:
        raise WarehouseError(
            f"{shown(file)}:1: what this reads cannot be told: {str(error).splitlines()[0]}",
            todo="Write it in plainer SQL.",
        ) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise WarehouseError(
            f"{shown(file)}:1: a view is one SELECT, and this file holds "
            f"{len(statements) or 'no'} statement{'s' * (len(statements) != 1)}"
            + (f" ({statements[0].key.upper()})." if len(statements) == 1 else "."),
            todo="Keep one SELECT in it, without a CREATE.",
        )
    lines = _tables(statements[0])
    description, notes = _comment(file, text)
    view = View(
        name=file.stem,
        group=file.parent.name,
        file=file,
        sql=text.strip().rstrip(";"),
        description=description,
        notes=notes,
        reads=frozenset(lines),
        ordered=statements[0].args.get("order") is not None,
    )
    return view, lines


def error_line(error: duckdb.Error) -> int:
    """Return the line that DuckDB's error points at."""
    found = re.search(r"^LINE (\d+):", str(error), re.MULTILINE)
    return int(found[1]) if found else 1


def _tables(statement: exp.Query) -> dict[str, int]:
    """Return the tables that a SELECT reads, without its CTEs, each with its line."""
    tables: dict[str, int] = {}
    for scope in traverse_scope(statement):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
                tables.setdefault(source.name, int(source.this.meta.get("line") or 1))
    return tables


def _comment(file: Path, text: str) -> tuple[str, dict[str, str]]:
    """Return the comment on top of the file: the notes in it, and the rest as one paragraph.

    Raises:
        WarehouseError: a note's value is none of those it may have; names file and line.
    """
    top = re.match(r"(?:\s*--[^\n]*\n?)*", text)
    said: list[str] = []
    notes: dict[str, str] = {}
    for number, line in enumerate(top[0].splitlines() if top else [], 1):
        words = line.strip().lstrip("-").strip()
        key, value = (part.strip() for part in words.partition(":")[::2])
        if key not in NOTES:
            said.append(words)
            continue
        pattern, todo = NOTES[key]
        if not re.fullmatch(pattern, value):
            raise WarehouseError(
                f"{shown(file)}:{number}: {value or 'nothing'} is no {key}.", todo=todo
            )
        notes[key] = value
    return " ".join(said).strip(), notes


def shown(file: Path) -> str:
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)
