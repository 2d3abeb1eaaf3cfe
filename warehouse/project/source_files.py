"""The sources: every file under `sql/sources/` is one SELECT in MySQL's dialect.

`sql/sources/mysql_orders.sql` fills the table `mysql_orders`. The comment on top of the file is its
description; a line `-- days: order_date` in it is a note. What no note says, the settings say. A
line `-- # days: order_date` is a remark, which nobody but people reads.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from warehouse.errors import WarehouseError
from warehouse.project.source_query import NoSelect, QueryFacts, examine, without_end
from warehouse.project.view_files import OWNER, shown
from warehouse.settings import Settings, load_settings

FOLDER = "sources"
REMARK = "#"

_COLUMN = r"(?:`(?:[^`]|``)+`|[^\s,`]+)"
_NOTES = {
    "owner": (
        rf"{OWNER}(\s*,\s*{OWNER})*",
        "Write team:analytics or an e-mail address, and a comma between several.",
    ),
    "freshness": (r"[1-9]\d*", "Write a number of minutes, such as 30."),
    "key": (rf"{_COLUMN}(\s*,\s*{_COLUMN})*", "Write columns, and a comma between several."),
    "updated": (_COLUMN, "Write one column, such as updated_at."),
    "days": (
        rf"(?P<column>{_COLUMN})(\s+in\s+(?P<zone>\S+))?",
        "Write one column, such as order_date, or placed_at in Europe/Berlin.",
    ),
    "start": (r"\d{4}-\d{2}-\d{2}", "Write a day, such as 2025-11-01."),
    "max_shrink": (r"0(\.\d+)?|1(\.0+)?", "Write a share from 0 to 1, such as 0.2."),
    "from": (r"[A-Za-z]\w*", "Write the NAME of WAREHOUSE_MYSQL_URL_<NAME>, such as crm."),
}
"""What a comment on top may say in a line `-- key: value`: the values, and what to do of others."""


@dataclass(frozen=True)
class DayColumn:
    """The column by whose day a source is partitioned, and the time zone of the days."""

    name: str
    zone: str = "UTC"


@dataclass(frozen=True)
class Source:
    """One file.

    Attributes:
        name: Of the asset and its table.
        sql: The SELECT, without the comment on top.
        line: The line of the file in which it begins.
        facts: What can be told of it without asking MySQL.
        freshness: In minutes; None for what the settings say, as with all that follows.
        key: The columns that tell rows apart; empty for the table's primary key.
        updated: The column with the time of a row's last change; None if there is none.
        days: None if the table is not partitioned.
        start: The first day.
        max_shrink: The share of its rows that a load may take from the table.
        server: The name of another server, in lower case; empty for the usual one.
        home: The folder of the project; None for the repository.
    """

    name: str
    file: Path
    sql: str
    line: int
    facts: QueryFacts
    description: str = ""
    owners: tuple[str, ...] = ()
    freshness: int | None = None
    key: tuple[str, ...] = ()
    updated: str | None = None
    days: DayColumn | None = None
    start: date | None = None
    max_shrink: float | None = None
    server: str = ""
    home: Path | None = None

    @property
    def settings(self) -> Settings:
        """Those of its project, read now."""
        return load_settings(self.home)

    def at(self, line: int = 1) -> str:
        """Name a place in the file as editors link it; lines are those of the SELECT."""
        return f"{shown(self.file)}:{self.line + line - 1}"


def load_sources(folder: Path) -> list[Source]:
    """Read every file under a folder, in the order of their paths.

    Raises:
        WarehouseError: a file is not one SELECT, or has a note that means nothing; names file and
            line.
    """
    return [parse_source(file) for file in sorted(folder.rglob("*.sql"))]


def parse_source(file: Path) -> Source:
    """Read one file.

    Raises:
        WarehouseError: as `load_sources` does.
    """
    if not re.fullmatch(r"[A-Za-z0-9_]+", file.stem):
        raise WarehouseError(
            f"{shown(file)}:1: {file.stem} cannot be the name of an asset.",
            todo="Name the file with letters, digits and _ only.",
        )
    text = _read(file)
    top = re.match(r"(?:[ \t]*(?:--[^\n]*)?\n)*", text)
    comment = top[0] if top else ""
    line = comment.count("\n") + 1
    sql = text[len(comment) :].strip()
    description, notes = _read_comment(file, comment)
    try:
        sql = without_end(sql)
        facts = examine(sql)
    except NoSelect as error:
        raise WarehouseError(
            f"{shown(file)}:{line + error.line - 1}: a source is one SELECT: {error}.",
            safe="Nothing was sent to MySQL: nothing but a SELECT ever is.",
            todo="Keep one SELECT in the file.",
        ) from None
    if "start" in notes and "days" not in notes:
        raise WarehouseError(
            f"{shown(file)}:{_line_of(comment, 'start')}: the note start means nothing without "
            "days.",
            todo="Add `-- days: order_date`, the column by whose day the table is partitioned.",
        )
    days = _days(file, comment, notes["days"]) if "days" in notes else None
    return Source(
        name=file.stem,
        file=file,
        sql=sql,
        line=line,
        facts=facts,
        description=description,
        owners=tuple(part.strip() for part in notes.get("owner", "").split(",") if part),
        freshness=int(notes["freshness"]) if "freshness" in notes else None,
        key=tuple(_unquoted(name) for name in re.findall(_COLUMN, notes.get("key", ""))),
        updated=_unquoted(notes["updated"]) if "updated" in notes else None,
        days=days,
        start=_start(file, comment, notes["start"]) if "start" in notes else None,
        max_shrink=float(notes["max_shrink"]) if "max_shrink" in notes else None,
        server=notes.get("from", "").lower(),
    )


def _read_comment(file: Path, comment: str) -> tuple[str, Mapping[str, str]]:
    """Return the description, and the notes by their keys."""
    said: list[str] = []
    notes: dict[str, str] = {}
    for number, line in enumerate(comment.splitlines(), 1):
        words = _words(line)
        key, value = _parted(words)
        if words.startswith(REMARK):
            continue
        if key in _NOTES:
            pattern, todo = _NOTES[key]
            if key in notes or not re.fullmatch(pattern, value):
                what = "is there twice" if key in notes else f"cannot be {value or 'empty'}"
                raise WarehouseError(f"{shown(file)}:{number}: the note {key} {what}.", todo=todo)
            notes[key] = value
        elif close := _meant(key):
            raise WarehouseError(
                f"{shown(file)}:{number}: there is no note {key}.",
                todo=f"Did you mean {close}? Known are {', '.join(_NOTES)}.",
            )
        elif words:
            said.append(words)
    return " ".join(said), notes


def is_description(line: str) -> bool:
    """Whether a line of the comment on top is a part of the description, and nothing else."""
    words = _words(line)
    return not words.startswith(REMARK) and _meant(_parted(words)[0]) is None


def _words(line: str) -> str:
    return line.strip().lstrip("-").strip()


def _parted(words: str) -> tuple[str, str]:
    """Return the key and the value of what may be a note; no key without a colon."""
    key, colon, value = (part.strip() for part in words.partition(":"))
    return (key, value) if colon else ("", "")


def _meant(key: str) -> str | None:
    """Return the note that is called so, or nearly so."""
    return next(iter(difflib.get_close_matches(key.lower(), _NOTES, n=1, cutoff=0.75)), None)


def noted(column: str) -> str:
    """Return a column as a note writes it."""
    plain = re.fullmatch(r"[^\s,`]+", column)
    return column if plain else "`" + column.replace("`", "``") + "`"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")  # some editors begin a file with a BOM
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        raise WarehouseError(
            f"{shown(file)}:{line}: the file is not UTF-8.", todo="Save it as UTF-8."
        ) from None


def _unquoted(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def _line_of(comment: str, key: str) -> int:
    lines = comment.splitlines()
    return next(n for n, text in enumerate(lines, 1) if re.match(rf"\s*--+\s*{key}\s*:", text))


def _days(file: Path, comment: str, value: str) -> DayColumn:
    found = re.fullmatch(_NOTES["days"][0], value)
    assert found
    zone = found["zone"] or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # or it is a folder: Europe
        raise WarehouseError(
            f"{shown(file)}:{_line_of(comment, 'days')}: there is no time zone {zone}.",
            todo="Write one of the IANA database, such as Europe/Berlin; without any it is UTC.",
        ) from None
    return DayColumn(_unquoted(found["column"]), zone)


def _start(file: Path, comment: str, value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise WarehouseError(
            f"{shown(file)}:{_line_of(comment, 'start')}: {value} is not a day.",
            todo=_NOTES["start"][1],
        ) from None
