"""A query's result as a file or a stream, in each format. DuckDB writes; Python holds no rows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from warehouse.engines.engine import Engine, catalog_of
from warehouse.errors import WarehouseError
from warehouse.project.quoting import literal, quoted
from warehouse.serve import queries
from warehouse.serve.json_values import NUMBERS, json_object, parquet_value
from warehouse.store import snapshots

if TYPE_CHECKING:
    import duckdb
    from duckdb.sqltypes import DuckDBPyType

CHUNK_BYTES = 1 << 16


class Out(Protocol):
    """What takes a result as bytes: a file, stdout, or a pager."""

    def write(self, data: bytes, /) -> object:
        """Take some of it."""

    def flush(self) -> object:
        """Pass on what was taken."""


def distinct(names: Sequence[str]) -> list[str]:
    """Number the names that stand twice: id, id_1. DuckDB, which knows no case, takes A for a."""
    taken = {name.lower() for name in names}
    seen: set[str] = set()
    found = []
    for name in names:
        number, new = 0, name
        while new.lower() in (taken if number else seen):
            number += 1
            new = f"{name}_{number}"
        taken.add(new.lower())
        seen.add(new.lower())
        found.append(new)
    return found


def _as_it_is(_: dict[str, DuckDBPyType]) -> str:
    return "*"


def _as_parquet(names: dict[str, DuckDBPyType]) -> str:
    return ", ".join(
        f"{parquet_value(quoted(name), type_)} AS {quoted(name)}" for name, type_ in names.items()
    )


def _as_json(names: dict[str, DuckDBPyType]) -> str:
    return json_object({name: (quoted(name), type_) for name, type_ in names.items()})


@dataclass(frozen=True)
class Format:
    """One that DuckDB's COPY writes: what it selects of the result, and its options."""

    select: Callable[[dict[str, DuckDBPyType]], str]
    options: str


COPIED = {
    "csv": Format(_as_it_is, "FORMAT csv, HEADER true"),
    # One column of ready-made text. DuckDB's own `FORMAT json` writes its lines in this way.
    "json": Format(
        _as_json,
        r"FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER e'\n', "
        r"PREFIX e'[\n', NEW_LINE e',\n', SUFFIX e'\n]\n'",
    ),
    "parquet": Format(_as_parquet, "FORMAT parquet, COMPRESSION zstd"),
}
PRINTED = ("table", "markdown")
FORMATS = (*PRINTED, *COPIED)
ENDINGS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".md": "markdown"}


def keep_flat(connection: duckdb.DuckDBPyConnection) -> None:
    """Have results written by one thread: as fast, and in a memory that does not grow with them.

    Several gather what they write, to keep the rows in order: 1.4 GB for 1.4 GB of JSON.

    DuckDB's asynchronous writes wait for a second thread when the query fails: with one they wait
    for ever, once in twenty times. Without them nothing is slower.
    """
    connection.execute("SET threads = 1")
    connection.execute("SET async_threads = 0")


def copy(
    connection: duckdb.DuckDBPyConnection,
    relation: duckdb.DuckDBPyRelation,
    format_: str,
    to: str | Path,
) -> None:
    """Write a result to a path, which DuckDB opens itself.

    Raises:
        duckdb.Error: the query failed, or the file cannot be written.
    """
    how = COPIED[format_]
    names = dict(zip(distinct(relation.columns), relation.types, strict=True))
    listed = ", ".join(quoted(name) for name in names)
    connection.execute(
        f"COPY (SELECT {how.select(names)} FROM (\n{relation.sql_query()}\n) AS result({listed})) "
        f"TO {literal(str(to))} ({how.options}, USE_TMP_FILE false)"
    )


def stream(
    engine: Engine,
    relation: duckdb.DuckDBPyRelation,
    format_: str,
    out: Out,
) -> None:
    """Write a result to a stream as it comes, through a pipe: DuckDB can only open paths.

    To open /dev/stdout would cut off what was in a file that `>>` appends to.

    Raises:
        duckdb.Error: the query failed.
        BrokenPipeError: nobody reads the stream any more.
    """
    reading, writing = os.pipe()

    def work() -> None:
        try:
            copy(catalog_of(engine), relation, format_, f"/dev/fd/{writing}")
        finally:
            os.close(writing)

    with (
        queries.in_background(engine, work) as copied,
        os.fdopen(reading, "rb", buffering=0) as pipe,
    ):
        shutil.copyfileobj(pipe, out, CHUNK_BYTES)
        out.flush()
        copied.result()


def as_markdown(relation: duckdb.DuckDBPyRelation) -> str:
    """Return a result as a Markdown table. Each value is the text that DuckDB casts it to."""
    from warehouse.console import markdown

    names = distinct(relation.columns)
    texts = ", ".join(f"CAST(#{number} AS VARCHAR)" for number, _ in enumerate(names, 1))
    types = zip(names, relation.types, strict=True)
    numbers = [name for name, type_ in types if type_.id in NUMBERS]
    return markdown.table(names, relation.project(texts).fetchall(), right=numbers)


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Write a file whole or not at all: yields a path beside it, to be written.

    A link stays: what it leads to is written.

    Raises:
        WarehouseError: it cannot be written, is no file, or is the warehouse's own.
    """
    if file.exists() and (not file.is_file() or _is_a_stream(file)):
        raise WarehouseError(f"{file} is not a file.", todo="Name one, or leave --output out.")
    if snapshots.FOLDER in (*file.absolute().parts, *file.resolve().parts):
        raise WarehouseError(
            f"{file} belongs to the warehouse.", safe="It was not touched.", todo="Name another."
        )
    target = file.resolve()
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.touch()
        yield part
        part.replace(target)
    except OSError as error:
        raise WarehouseError(
            f"{file} cannot be written: {error.strerror}.", todo="Name another place."
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _is_a_stream(file: Path) -> bool:
    """Whether stdout or stderr goes to it, as to /dev/stdout, which is not to be replaced."""
    return any(os.path.samestat(file.stat(), os.fstat(stream)) for stream in (1, 2))
