"""The Parquet files that Spark wrote into a folder, told by their own footers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from warehouse.engines.spark.session import as_it_is, quote

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession


@dataclass(frozen=True)
class WrittenFile:
    """A Parquet file that Spark wrote.

    Attributes:
        path: From the folder that was written.
        bytes: Its size.
        day: The day of all of its rows; None if they have none.
    """

    path: str
    rows: int
    bytes: int
    day: date | None


def written_files(session: SparkSession, folder: str, day: str = "") -> tuple[WrittenFile, ...]:
    """Return the files that hold rows in a folder.

    Args:
        session: With Spark.
        folder: Its URL.
        day: The column by which the folder is partitioned; empty if it is not.
    """
    of_day = quote(day) if day else "CAST(NULL AS DATE)"
    frame: Any = session.read.parquet(as_it_is(folder))
    found = (
        frame.selectExpr(
            "_metadata.file_path AS path", "_metadata.file_size AS size", f"{of_day} AS day"
        )
        .groupBy("path", "size", "day")
        .count()
        .collect()
    )
    return tuple(
        WrittenFile(_below(folder, row["path"]), row["count"], row["size"], row["day"])
        for row in sorted(found, key=lambda row: str(row["path"]))
    )


def _below(folder: str, path: str) -> str:
    """Return the path of a file from its folder; Spark writes `file:/` and `file:///` alike."""
    name = folder.rstrip("/").rpartition("/")[2]
    return path.rpartition(f"/{name}/")[2]
