"""The text of a source file, from what MySQL's definitions say of a table."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy.dialects.mysql.reserved_words import RESERVED_WORDS_MARIADB, RESERVED_WORDS_MYSQL

from warehouse.errors import printable
from warehouse.project.source_files import is_description, noted

WIDTH = 100
PREFIX = "mysql"
"""Stands before the name of each table: `orders` stays free for the view that cleans it."""
LONGEST = 120
"""Of an asset's name: a file system takes 255 bytes, and the name may get a number."""

_RESERVED = RESERVED_WORDS_MYSQL | RESERVED_WORDS_MARIADB | {"external", "library", "tablesample"}
"""The last ones are reserved since MySQL 9, which SQLAlchemy's lists do not know yet."""


@dataclass(frozen=True)
class DayCandidate:
    """A column by whose day a table could be loaded, its type, and the index that finds days."""

    name: str
    data_type: str
    index: str | None


@dataclass(frozen=True)
class Draft:
    """What a source file is to say.

    Attributes:
        table: Its name in MySQL.
        server: The name of a further server, in lower case; empty for the usual one.
        comment: That of the table.
        key: The columns that tell rows apart.
        updated: The column that MySQL sets to the time of a row's last change.
        called_updated: One that is only called so.
        days: By which columns' days it could be loaded.
        columns: What the SELECT names; None for `*`.
        left_out: Columns that are not in it, as they look like secrets.
    """

    table: str
    server: str = ""
    comment: str = ""
    key: tuple[str, ...] = ()
    updated: str | None = None
    called_updated: str | None = None
    days: tuple[DayCandidate, ...] = ()
    columns: tuple[str, ...] | None = None
    left_out: tuple[str, ...] = ()


def source_text(draft: Draft) -> str:
    """Return the text of the file. A name that no note can hold stands in none."""
    lines = [*_description(draft.comment)]
    if draft.server:
        lines.append(f"from: {draft.server}")
    if draft.key and all(map(_fits_a_note, draft.key)):
        lines.append(f"key: {', '.join(map(noted, draft.key))}")
    if draft.updated and _fits_a_note(draft.updated):
        lines.append(f"updated: {noted(draft.updated)}")
    lines += (f"# {line}" for line in _remarks(draft))
    comment = "".join(f"-- {line}\n" for line in lines)
    return f"{comment}select{_listed(draft.columns)}from {mysql_name(draft.table)}\n"


def _listed(columns: Collection[str] | None) -> str:
    if columns is None:
        return " * "
    return "\n  " + ",\n  ".join(map(mysql_name, columns)) + "\n"


def _remarks(draft: Draft) -> Iterator[str]:
    """Yield the lines that only people read; without its #, a note among them counts."""
    if draft.left_out:
        yield from _wrapped(
            f"Left out, as their names look like secrets: {_named(draft.left_out)}."
        )
    if (column := draft.called_updated) and _fits_a_note(column):
        yield from _wrapped(
            f"If {column} changes with each change of a row, take the # off: `just refresh` can "
            "then tell which days changed."
        )
        yield f"updated: {noted(column)}"
    days = [one for one in draft.days if _fits_a_note(one.name)]
    if days:
        yield from _wrapped(
            "To load it by day, take the # off one of the lines that begin with days. The first "
            "day is WAREHOUSE_DAILY_START, or what a line `-- start: 2020-01-31` says."
        )
    for day in days:
        zone = "" if day.data_type == "date" else ", by UTC, or add: in Europe/Berlin"
        found = (
            f"the index {day.index} finds its days"
            if day.index
            else "no index begins with it, so that MySQL reads the whole table for any day"
        )
        yield from _wrapped(f"{day.name}: {day.data_type}{zone}; {found}.")
        yield f"days: {noted(day.name)}"


def _named(names: Collection[str]) -> str:
    return ", ".join(" ".join(printable(name).split()) for name in names)


def _wrapped(text: str) -> list[str]:
    text = " ".join(printable(text).split())
    return textwrap.wrap(text, WIDTH - len("-- # "), break_on_hyphens=False)


def _description(comment: str) -> list[str]:
    """Return the lines of a table's comment, none of which is read as a note or as a remark."""
    text = " ".join(printable(comment).split())
    lines = textwrap.wrap(text, WIDTH - len("-- "), break_on_hyphens=False)
    return lines if all(map(is_description, lines)) else [f"Comment in MySQL: {text}"]


def _fits_a_note(name: str) -> bool:
    return len(name.splitlines()) == 1


def mysql_name(name: str) -> str:
    """Return a name as a SELECT writes it: quoted where MySQL or MariaDB needs it."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.lower() not in _RESERVED:
        return name
    return "`" + name.replace("`", "``") + "`"


def asset_name(table: str, taken: Collection[str], server: str = "") -> str:
    """Return the name of the asset that holds a table: a file's name anywhere, and free.

    Args:
        table: Its name in MySQL.
        taken: Names that are not free, in lower case.
        server: That of the draft; its name stands in the place of `mysql`.
    """
    plain = unicodedata.normalize("NFKD", table.casefold())
    parts = re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))
    # Letters without a counterpart in ASCII are written by their numbers.
    parts = parts or [f"u{ord(character):x}" for character in table]
    name = "_".join([server or PREFIX, *parts])[:LONGEST]
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
