"""Every option in one class: its name in the environment, its default, its meaning."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from warehouse.errors import WarehouseError

ROOT = Path(__file__).resolve().parent.parent
"""The repository's root: relative paths in settings count from here."""

FromRoot = Annotated[Path, AfterValidator(lambda path: ROOT / path.expanduser())]


def _begun(day: date) -> date:
    if day > datetime.now(UTC).date():
        raise ValueError(f"{day} is in the future")
    return day


def _hosts(listed: str | None) -> str | None:
    host = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
    if listed and not all(host.fullmatch(one.strip()) for one in listed.split(",")):
        raise ValueError("names or addresses, separated by commas, without http:// and paths")
    return listed


class Settings(BaseSettings):
    """Options, read from the environment (`WAREHOUSE_PATH`, ...) or from `.env` at the root."""

    model_config = SettingsConfigDict(
        env_prefix="WAREHOUSE_",
        env_file=ROOT / ".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=True,
    )

    home: FromRoot | None = Field(
        None,
        description="The folder that holds your `sql/` and `checks/`. Unset: those of this "
        "repository, in `warehouse/`.",
    )
    mysql_url: SecretStr | None = Field(
        None,
        description="Your MySQL or MariaDB, as `mysql+pymysql://user:password@host:3306/database`. "
        "Unset: the embedded sample server.",
    )
    mysql_reader: Literal["auto", "connectorx", "pymysql"] = Field(
        "auto",
        description="One reader serves every server: `auto`. The names of the two that earlier "
        "versions had are still accepted, and mean the same.",
    )
    daily_start: Annotated[date, AfterValidator(_begun)] = Field(
        date(2025, 11, 1),
        description="The first day of sources with days, where the file says no other; the last "
        "one is today.",
    )
    max_shrink: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A load that would leave a table with fewer rows than this share allows to "
        "lose, or with none, is refused. 1 refuses nothing.",
    )
    connections: PositiveInt = Field(
        4,
        description="How many connections to MySQL a run may have that loads several sources, or "
        "compares the days of one.",
    )
    query_budget_seconds: PositiveFloat | None = Field(
        None, description="MySQL stops the query after so many seconds. Unset: no limit."
    )
    path: Path = Field(
        Path("data/warehouse.duckdb"),
        description="The warehouse: a link to the newest snapshot. A relative path counts from "
        "`WAREHOUSE_HOME`, or from the repository's root without one.",
    )
    keep_snapshots: PositiveInt = Field(
        3, description="How many snapshots stay on disk, the newest included."
    )
    memory_limit: str | None = Field(
        None,
        pattern=r"(?i)^\s*\d+(\.\d+)?\s*([KMGT]i?B|%)\s*$",
        description="DuckDB's memory while it writes, like `500MB`. Unset: 48 MB, and 1 MB for "
        "each column. It keeps a load flat, at any number of rows.",
    )
    freshness_minutes: PositiveInt = Field(
        60, description="How old the loaded table may become before the UI calls it stale."
    )
    cache_mysql_url: SecretStr | None = Field(
        None,
        description="The database of the I/O manager `mysql_cache`, in the form of "
        "`WAREHOUSE_MYSQL_URL`, with an account that may write: [docs/caches.md](docs/caches.md).",
    )
    ui_hosts: Annotated[str | None, AfterValidator(_hosts)] = Field(
        None,
        description="By which further names or addresses, separated by commas, `just dev` may be "
        "opened: `box.example.com,192.168.1.5`. Unset: `localhost`, 127.0.0.0/8 and `[::1]` only.",
    )

    @field_validator("path")
    @classmethod
    def _from_home(cls, path: Path, info: ValidationInfo) -> Path:
        """Two projects never share a file unless somebody says so."""
        return (info.data.get("home") or ROOT) / path.expanduser()


def load_settings() -> Settings:
    """Read the settings now.

    Raises:
        WarehouseError: a value is not what its option takes; names each variable, not its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"WAREHOUSE_{str(item['loc'][0]).upper()}: {item['msg']}."
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise WarehouseError(
            "\n".join(lines), todo="Correct it in the environment or in .env, and run again."
        ) from None
