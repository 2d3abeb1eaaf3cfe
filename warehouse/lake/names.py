"""The names of the files in a lake: safe on every file system and object store, and unique."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from uuid import uuid4

TABLES = "tables"
SNAPSHOTS = "snapshots"

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_]{0,99}")
_MANIFEST = re.compile(r"(\d{6,})\.json")
_READABLE = 40
"""So many characters of an odd name stay, for people."""


def table_folder(table: str) -> str:
    """Return the folder of a table, from the folder of the lake.

    A plain name in lower case is its own folder. Any other one gets a part of its SHA-256, behind
    a `-`, which is in no plain name: so names that differ only in case have folders of their own
    where the file system knows no case. Spark does not see folders that begin with `_` or `.`.
    """
    if _PLAIN.fullmatch(table):
        return f"{TABLES}/{table}"
    readable = re.sub(r"[^a-z0-9]+", "_", table.lower()).strip("_")[:_READABLE] or "table"
    digest = hashlib.sha256(table.encode()).hexdigest()[:16]
    return f"{TABLES}/{readable}-{digest}"


def new_writer() -> str:
    """Return an id for somebody who is going to write."""
    return uuid4().hex[:12]


def is_of(name: str, writer: str) -> bool:
    """Whether a writer has made the file or folder of a name."""
    return f"-{writer}-" in name


def new_file_path(table: str, writer: str, day: date | None = None) -> str:
    """Return the path of a new Parquet file of a table, from the folder of the lake."""
    return f"{table_folder(table)}/{day or 'rows'}-{writer}-{uuid4().hex}.parquet"


def new_folder_path(table: str, writer: str) -> str:
    """Return the path of a new folder for files of a table, from the folder of the lake."""
    return f"{table_folder(table)}/rows-{writer}-{uuid4().hex}"


def manifest_path(number: int) -> str:
    """Return the path of a manifest, from the folder of the lake."""
    return f"{SNAPSHOTS}/{number:06d}.json"


def manifest_number(name: str) -> int | None:
    """Return the number of the manifest that a file is; None if it is something else."""
    found = _MANIFEST.fullmatch(name)
    return int(found[1]) if found else None
