"""What an account sees of its database: the tables and views, as MySQL's own definitions say them.

Three questions for all of them together, at any number of tables. None asks for a row.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import groupby
from operator import itemgetter
from typing import Any

from pymysql.connections import Connection

from warehouse.errors import WarehouseError, on_one_line
from warehouse.mysql.server_errors import SAFE, plain_errors
from warehouse.mysql.session import optional, rows
from warehouse.mysql.types import DATED
from warehouse.mysql.url import Server
from warehouse.project.column_names import looks_updated

_ASKS = "/* warehouse: lists tables, and asks for no row */ "
_TABLES = f"""{_ASKS}
SELECT table_name, table_type, table_rows, data_length + index_length, table_comment
FROM information_schema.tables WHERE table_schema = %s
"""
_COLUMNS = f"""{_ASKS}
SELECT table_name, column_name, data_type, column_type, is_nullable, extra, privileges
FROM information_schema.columns WHERE table_schema = %s ORDER BY table_name, ordinal_position
"""
_INDEXES = f"""{_ASKS}
SELECT table_name, index_name, column_name, non_unique, index_type
FROM information_schema.statistics WHERE table_schema = %s
ORDER BY table_name, index_name, seq_in_index
"""
_IS_VIEW = {"BASE TABLE": False, "SYSTEM VERSIONED": False, "VIEW": True}
"""The kinds that hold rows to load. MariaDB's sequences are listed with the tables."""


@dataclass(frozen=True)
class CatalogColumn:
    """A column, as its definition says it.

    Attributes:
        data_type: Without length: `varchar`.
        mysql_type: With all that belongs to it: `varchar(60)`.
        visible: Whether `*` stands for it, too.
        readable: Whether the account may read it.
        kept: Whether MySQL itself sets it to the time of a row's last change.
    """

    name: str
    data_type: str
    mysql_type: str
    nullable: bool
    visible: bool
    readable: bool
    kept: bool


@dataclass(frozen=True)
class CatalogIndex:
    """An index: its columns in their order; None is an expression.

    Attributes:
        sorted: Whether it finds a range of values: full-text and spatial ones do not.
    """

    name: str
    columns: tuple[str | None, ...]
    unique: bool
    sorted: bool


@dataclass(frozen=True)
class CatalogTable:
    """A table or a view.

    Attributes:
        rows: MySQL's estimate; None of a view.
        size: Bytes on MySQL's disk, indexes included; None of a view.
        broken: What MySQL says of a view that it cannot run; empty otherwise.
    """

    name: str
    view: bool
    rows: int | None
    size: int | None
    comment: str
    broken: str
    columns: tuple[CatalogColumn, ...]
    indexes: tuple[CatalogIndex, ...]

    @property
    def readable(self) -> bool:
        """Whether the account may read any of its columns."""
        return any(column.readable for column in self.columns)

    @property
    def visible(self) -> tuple[CatalogColumn, ...]:
        """The columns that `*` stands for."""
        return tuple(column for column in self.columns if column.visible)

    def key(self, columns: Iterable[CatalogColumn]) -> tuple[str, ...]:
        """Return which of these columns tell rows apart: the primary key, or else the shortest."""
        usable = {column.name for column in columns if not column.nullable}
        keys = [one for one in self.indexes if one.unique and usable.issuperset(one.columns)]
        best = min(keys, key=lambda k: (k.name != "PRIMARY", len(k.columns), k.name), default=None)
        return tuple(str(name) for name in best.columns) if best else ()

    @property
    def updated(self) -> CatalogColumn | None:
        """The column with the time of a row's last change: kept by MySQL, or called so."""
        dated = [column for column in self.visible if column.data_type in ("datetime", "timestamp")]
        candidates = [column for column in dated if column.kept or looks_updated(column.name)]
        return max(candidates, key=lambda c: (c.kept, looks_updated(c.name)), default=None)

    @property
    def dates(self) -> tuple[CatalogColumn, ...]:
        """The columns by whose day it may be loaded, those first that an index finds."""
        dated = [c for c in self.visible if c.data_type in DATED and c != self.updated]
        return tuple(sorted(dated, key=lambda column: self.index_of(column) is None))

    def index_of(self, column: CatalogColumn) -> str | None:
        """Return the index that begins with a column, so that a few days are found at once."""
        found = (i.name for i in self.indexes if i.sorted and i.columns[0] == column.name)
        return next(found, None)


def read_catalog(connection: Connection[Any], server: Server) -> list[CatalogTable]:
    """Return the tables and views that the account sees, in the order of their names.

    Raises:
        WarehouseError: MySQL refuses.
    """
    with plain_errors(server):
        # MySQL 8 and later show the numbers of a day ago otherwise.
        optional(connection, "SET SESSION information_schema_stats_expiry = 0")
        tables = rows(connection, _TABLES, server.database)
        columns = _by_table(rows(connection, _COLUMNS, server.database))
        indexes = _by_table(rows(connection, _INDEXES, server.database))
    return sorted(
        (
            _table(row, columns.get(row[0], []), indexes.get(row[0], []))
            for row in tables
            if row[1] in _IS_VIEW
        ),
        key=lambda table: (table.name.casefold(), table.name),
    )


def _by_table(found: Sequence[tuple[Any, ...]]) -> dict[str, list[tuple[Any, ...]]]:
    grouped: dict[str, list[tuple[Any, ...]]] = {}
    for table, *rest in found:
        grouped.setdefault(str(table), []).append(tuple(rest))
    return grouped


def _table(
    row: tuple[Any, ...], columns: Iterable[tuple[Any, ...]], indexes: Iterable[tuple[Any, ...]]
) -> CatalogTable:
    name, kind, number, size, comment = row
    view = _IS_VIEW[kind]
    # Both servers put into a view's comment what is wrong with it, or else its kind.
    said = "" if view and comment == "VIEW" else str(comment or "")
    return CatalogTable(
        name=str(name),
        view=view,
        rows=None if view or number is None else int(number),
        size=None if view or size is None else int(size),
        comment="" if view else said,
        broken=said if view else "",
        columns=tuple(_column(*column) for column in columns),
        indexes=tuple(
            _index(str(index), list(parts)) for index, parts in groupby(indexes, key=itemgetter(0))
        ),
    )


def _column(
    name: str, data_type: str, mysql_type: str, nullable: str, extra: str, privileges: str
) -> CatalogColumn:
    extras = (extra or "").lower()
    return CatalogColumn(
        name=name,
        data_type=data_type.lower(),
        mysql_type=mysql_type,
        nullable=nullable != "NO",
        visible="invisible" not in extras,
        readable="select" in privileges.lower(),
        kept="on update current_timestamp" in extras,
    )


def _index(name: str, parts: list[tuple[Any, ...]]) -> CatalogIndex:
    _, _, repeats, kind = parts[0]
    return CatalogIndex(
        name=name,
        columns=tuple(column for _, column, *_ in parts),
        unique=not repeats,
        sorted=str(kind).upper() == "BTREE",
    )


def select(
    tables: Sequence[CatalogTable], patterns: Sequence[str], server: Server
) -> list[CatalogTable]:
    """Return the tables whose names are, or match, any of these; all without patterns.

    Args:
        tables: Those that there are.
        patterns: Names, or patterns as a shell's; case counts only between two names that differ
            in nothing else.
        server: Where they are, for the error.

    Raises:
        WarehouseError: one of the patterns matches none; names the nearest.
    """
    if not tables:
        raise WarehouseError(
            f"MySQL at {server.name} shows this account no table.",
            safe=SAFE,
            todo=f"Ask for SELECT on the tables of `{server.database}`, or correct the database's "
            "name in WAREHOUSE_MYSQL_URL.",
        )
    chosen = {name for pattern in patterns for name in _matching(tables, pattern, server)}
    return [table for table in tables if not patterns or table.name in chosen]


def _matching(tables: Sequence[CatalogTable], pattern: str, server: Server) -> list[str]:
    names = [table.name for table in tables]
    if pattern in names:
        return [pattern]
    wanted = pattern.lower()
    found = [
        name
        for name in names
        if name.lower() == wanted or fnmatch.fnmatchcase(name.lower(), wanted)
    ]
    if not found:
        folded = {name.lower(): name for name in names}
        close = get_close_matches(wanted.strip("*?"), folded, n=3)
        nearest = " or ".join(on_one_line(folded[name]) for name in close)
        near = f" Did you mean {nearest}?" if close else ""
        raise WarehouseError(
            f"MySQL at {server.name} shows this account no table {pattern}.{near}",
            safe=SAFE,
            todo="`just tables` lists those that there are.",
        )
    return found
