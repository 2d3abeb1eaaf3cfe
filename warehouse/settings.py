"""Every option in one class: its name in the environment, its default, its meaning.

And where they are read from: the project folder, which is called home.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import (
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from warehouse.errors import WarehouseError
from warehouse.setting_types import Begun, Hosts, SparkUrl

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
"""The folder that holds this package: the repository, unless the package is installed."""

DAGSTER_FILE = "dagster.yaml"
REPOSITORY = None if (PACKAGE / DAGSTER_FILE).is_file() else ROOT
"""The repository, whose own files are the project where there is no home. None if installed: only
the wheel has that file there. A pyproject.toml beside the package tells nothing: other wheels put
theirs there."""

SHIPPED = REPOSITORY or PACKAGE
"""The folder that holds the sample's `data/` and our `dagster.yaml`. Nothing is written there."""

ENV_FILE = ".env"
MARKS = (ENV_FILE, DAGSTER_FILE)


class Settings(BaseSettings):
    """Options, read from the environment (`WAREHOUSE_PATH`, ...) or from the home's `.env`.

    `load_settings` makes them: it finds the home.
    """

    model_config = SettingsConfigDict(
        env_prefix="WAREHOUSE_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=True,
    )

    home: Path | None = Field(
        None,
        description="Your project folder, with `sql/`, `checks/`, `data/` and `.env`. Unset: the "
        "one that the command is given in, or else this repository, whose `sql/` and `checks/` "
        "are in `warehouse/`.",
    )
    mysql_url: SecretStr | None = Field(
        None,
        description="Your MySQL or MariaDB, as `mysql+pymysql://user:password@host:3306/database`. "
        "Unset: the embedded sample server.",
    )
    mysql_reader: Literal["auto", "connectorx", "pymysql"] = Field(
        "auto",
        description="One reader serves every server: `auto`. The names of the two readers of "
        "earlier versions are still accepted, and mean the same.",
    )
    daily_start: Begun = Field(
        date(2025, 11, 1),
        description="The first day of sources with days, where the file says no other; the last "
        "one is today.",
    )
    max_shrink: float = Field(
        0.5,
        ge=0,
        le=1,
        description="The share of its rows that a load may take from a table. A load that would "
        "take more, or all, is refused. 1 refuses nothing.",
    )
    connections: PositiveInt = Field(
        4,
        description="How many connections a run may read over at the same time, to each server.",
    )
    query_budget_seconds: PositiveFloat | None = Field(
        None, description="MySQL stops the query after so many seconds. Unset: no limit."
    )
    path: Path = Field(
        Path("data/warehouse.duckdb"),
        description="The warehouse: a link to the newest snapshot. A relative path counts from "
        "the project folder.",
    )
    keep_snapshots: PositiveInt = Field(
        10, description="How many of the last snapshots stay, the newest included."
    )
    keep_days: NonNegativeInt = Field(
        14,
        description="For so many days before today, the last snapshot of each day stays as well. "
        "0: none does.",
    )
    memory_limit: str | None = Field(
        None,
        pattern=r"(?i)^\s*\d+(\.\d+)?\s*([KMGT]i?B|%)\s*$",
        description="DuckDB's memory while it writes, like `500MB`. Unset: 48 MB, and 1 MB for "
        "each column. It keeps a load flat, at any number of rows.",
    )
    freshness_minutes: PositiveInt = Field(
        60,
        description="How old a loaded table may become. Then the UI calls it stale, and "
        "`just dev`, while it runs, loads it again by itself.",
    )
    cache_mysql_url: SecretStr | None = Field(
        None,
        description="The database of the I/O manager `mysql_cache`, in the form of "
        "`WAREHOUSE_MYSQL_URL`, with an account that may write: docs/caches.md.",
    )
    ui_hosts: Hosts = Field(
        None,
        description="Further names or addresses by which `just dev` may be opened, separated by "
        "commas: `box.example.com,192.168.1.5`. Unset: `localhost`, 127.0.0.0/8 and `[::1]` only.",
    )

    lake: str | None = Field(
        None,
        description="Where `just publish` keeps the tables as Parquet: a folder that all machines "
        "share, or the URL of an object store, like `s3a://bucket/lake`: docs/lake.md.",
    )
    spark: SparkUrl = Field(
        None,
        description="The Spark Connect server on which everything runs then, as `sc://host:15002`: "
        "docs/spark.md. `off` takes back what `.env` says.",
    )

    @field_validator("path", "lake")
    @classmethod
    def _from_home(cls, place: Path | str | None, info: ValidationInfo) -> Any:
        """Two projects never share a file unless somebody says so."""
        if place is None or "://" in str(place):
            return place
        return type(place)((info.data.get("home") or ROOT) / Path(place).expanduser())

    def mysql_url_of(self, server: str) -> SecretStr | None:
        """Return the URL of a MySQL that source files name; the usual one has no name.

        Args:
            server: In any case; empty for that of `WAREHOUSE_MYSQL_URL`.
        """
        return self.further_mysql_urls.get(server.lower()) if server else self.mysql_url

    @property
    def further_mysql_urls(self) -> dict[str, SecretStr]:
        """The URLs of `WAREHOUSE_MYSQL_URL_<NAME>`, by their names in lower case."""
        lead = mysql_setting("") + "_"
        return {
            name.removeprefix(lead).lower(): SecretStr(url)
            for name, url in _variables(find_home(self.home)[1]).items()
            if name.startswith(lead)
        }

    @property
    def folder(self) -> Path:
        """The project folder, from which relative paths count: the home, or the repository."""
        return self.home or ROOT


def find_home(home: Path | None = None) -> tuple[Path | None, tuple[Path, ...]]:
    """Return the home, and the `.env` files that count: a later one before an earlier one.

    The home is, in this order: the folder that is given; `WAREHOUSE_HOME` of the environment; the
    working folder or the nearest one above it that holds `sql/sources/` and beside it a `.env` or a
    `dagster.yaml`; `WAREHOUSE_HOME` of the repository's `.env`, which then counts as well; None,
    the repository itself.

    A relative path counts from the repository; where this package is installed, from the working
    folder.

    Raises:
        WarehouseError: there is none, and no repository.
    """
    base = REPOSITORY or Path.cwd()
    found = home.absolute() if home else _named(os.environ, base) or _around(Path.cwd())
    own = REPOSITORY / ENV_FILE if REPOSITORY else None
    named = _named(_dotenv(own), base) if own else None
    found = found or named
    if found is None and own is None:
        raise WarehouseError(
            "There is no project folder here.",
            todo="`warehouse init FOLDER` makes one: run in it, or name it in WAREHOUSE_HOME.",
        )
    files = (own if found is None or _same(found, named) else None, found and found / ENV_FILE)
    return found, tuple(file for file in files if file)


def mysql_setting(server: str = "") -> str:
    """Return the variable that holds the URL of a MySQL; the usual one has no name."""
    return f"WAREHOUSE_MYSQL_URL_{server.upper()}" if server else "WAREHOUSE_MYSQL_URL"


def _stamp(file: Path) -> object:
    """Return what changes when a file does."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


def _dotenv(file: Path) -> Mapping[str, str | None]:
    """Return the variables that a file sets; none if it is not there."""
    return _parsed(file, _stamp(file))


@lru_cache(maxsize=16)
def _parsed(file: Path, _: object) -> Mapping[str, str | None]:
    return dotenv_values(file)


def _variables(files: Iterable[Path]) -> dict[str, str]:
    """Return the variables of the environment and of these files, with their names in capitals."""
    every: list[Mapping[str, str | None]] = [*map(_dotenv, files), os.environ]
    return {name.upper(): value for some in every for name, value in some.items() if value}


def _named(variables: Mapping[str, str | None], base: Path) -> Path | None:
    """Return the home that is named by variables, whose case does not count."""
    values = {name.upper(): value for name, value in variables.items()}
    named = values.get("WAREHOUSE_HOME")
    return base / Path(named).expanduser() if named else None


def _same(folder: Path, other: Path | None) -> bool:
    return other is not None and folder.resolve() == other.resolve()


def _around(folder: Path) -> Path | None:
    """Return the project folder that a folder lies in."""
    for one in (folder, *folder.parents):
        if (one / "sql" / "sources").is_dir() and any((one / mark).is_file() for mark in MARKS):
            return one
    return None


def project_folder() -> Path:
    """Return the project folder without reading its settings, see `find_home`."""
    return find_home()[0] or ROOT


def load_settings(home: Path | None = None) -> Settings:
    """Read the settings now.

    Args:
        home: The project folder; None to find it, see `find_home`.

    Raises:
        WarehouseError: there is no project folder; or a value is not what its option takes: names
            each variable, not its value.
    """
    found, files = find_home(home)
    variables = {name: value for name, value in os.environ.items() if name.upper() in _OPTIONS}
    return _settings(found, tuple((file, _stamp(file)) for file in files), (*variables.items(),))


_OPTIONS = frozenset(f"WAREHOUSE_{name.upper()}" for name in Settings.model_fields)


@lru_cache(maxsize=16)
def _settings(
    home: Path | None,
    files: tuple[tuple[Path, object], ...],
    variables: tuple[tuple[str, str], ...],  # noqa: ARG001
) -> Settings:
    """Read the settings, once for each state of what they are read from."""
    try:
        return Settings(home=home, _env_file=tuple(file for file, _ in files))
    except ValidationError as error:
        lines = [
            f"WAREHOUSE_{str(item['loc'][0]).upper()}: {item['msg']}."
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise WarehouseError(
            "\n".join(lines),
            todo="Correct it in the environment or in .env, and run again.",
        ) from None
