"""The manifest of a snapshot: which tables there are, and which files hold their rows, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from warehouse.errors import WarehouseError

FORMAT = 1
"""A reader refuses a manifest of a higher number: it may mean something that it does not know."""

SAFE = "Nothing was changed: everyone still reads the last snapshot of the lake."


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        type: DuckDB's type in the warehouse, such as `DECIMAL(12,2)` or `JSON`. The Parquet file
            may hold another one, see `types`.
        comment: None if it has none.
    """

    name: str
    type: str
    comment: str | None = None


@dataclass(frozen=True)
class DataFile:
    """A Parquet file.

    Attributes:
        path: From the folder of the lake, with slashes.
        rows: How many it holds.
        bytes: Its size.
        day: The day that all of its rows belong to; None if its table is not kept by day, or its
            rows have none.
        identity: Of what the file is a part of: equal for the same rows of the same columns.
    """

    path: str
    rows: int
    bytes: int
    day: date | None = None
    identity: str = ""


@dataclass(frozen=True)
class LakeTable:
    """A table in a snapshot: its columns in their order, and its files."""

    columns: tuple[Column, ...]
    files: tuple[DataFile, ...]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """How large its files are together."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True)
class Manifest:
    """A snapshot.

    Attributes:
        number: They only ever grow.
        written_at: By the clock of its writer.
        writer: What wrote it, in words.
        tables: By their names in the warehouse.
        id: Tells a writer its own manifest from another's of the same number.
    """

    number: int
    written_at: datetime
    writer: str
    tables: Mapping[str, LakeTable] = field(default_factory=dict)
    id: str = ""

    @property
    def bytes(self) -> int:
        """How large its tables are together."""
        return sum(self.files.values())

    @property
    def files(self) -> dict[str, int]:
        """Its files, with their sizes in bytes."""
        return {file.path: file.bytes for table in self.tables.values() for file in table.files}


def to_json(manifest: Manifest) -> bytes:
    """Return the file of a manifest."""
    content = {
        "format": FORMAT,
        **asdict(manifest),
        "written_at": manifest.written_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
    text = json.dumps(content, ensure_ascii=False, indent=1, default=date.isoformat)
    return (text + "\n").encode()


def parse(content: bytes, name: str) -> Manifest:
    """Read the file of a manifest.

    Args:
        content: Of the file.
        name: Of the file, for the error.

    Raises:
        WarehouseError: it is of a newer format, or damaged.
    """
    try:
        found = json.loads(content)
        if found["format"] > FORMAT:
            raise WarehouseError(
                f"{name} is of format {found['format']}, and this version knows {FORMAT}.",
                safe=SAFE,
                todo="A newer version of the product wrote it: install that one here as well.",
            )
        return Manifest(
            number=int(found["number"]),
            written_at=datetime.fromisoformat(found["written_at"]),
            writer=found["writer"],
            tables={table: _table(parts) for table, parts in found["tables"].items()},
            id=found["id"],
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise WarehouseError(
            f"{name} is damaged: it is not a whole manifest.",
            safe="The files of the tables were not touched.",
            todo="Put the file back from a copy. If there is none, remove it: the snapshot before "
            "it is then the newest, and `just publish` writes what it lacks.",
        ) from None


def _table(parts: Mapping[str, Any]) -> LakeTable:
    return LakeTable(
        columns=tuple(Column(**column) for column in parts["columns"]),
        files=tuple(
            DataFile(**{**file, "day": date.fromisoformat(file["day"]) if file["day"] else None})
            for file in parts["files"]
        ),
    )
