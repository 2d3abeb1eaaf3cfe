"""The resource `mysql_cache`: which MySQL database keeps assets, told when a run needs it."""

from __future__ import annotations

import dagster as dg
from pydantic import Field

from warehouse.caches.cache_errors import SETTING
from warehouse.errors import WarehouseError
from warehouse.mysql.url import parse_url
from warehouse.settings import load_settings
from warehouse.store.fixed_config import FixedConfig


class SmartMySQLIOManager(FixedConfig):
    """Stores assets as tables `cache_<asset>` of a MySQL database; `docs/caches.md` says when."""

    url: str = Field(
        default="",
        description="The URL of an account that may write, best a `dg.EnvVar`; empty, it is "
        f"`{SETTING}` at the time of the run.",
    )

    def create_io_manager(self, context: dg.InitResourceContext) -> dg.IOManager:  # noqa: ARG002
        """Build the manager of one run.

        Raises:
            WarehouseError: no URL is set, or it is not one.
        """
        # Imports pandas, which takes a fifth of a second.
        from warehouse.caches.mysql_tables import MySQLCache

        settings = load_settings()
        url = self.url
        if not url and settings.cache_mysql_url is not None:
            url = settings.cache_mysql_url.get_secret_value()
        if not url:
            raise WarehouseError(
                f"{SETTING} is not set, and an asset of this run is kept by mysql_cache.",
                safe="Nothing was asked of any server.",
                todo="Set it to the URL of an account that may write: docs/caches.md.",
            )
        return MySQLCache(parse_url(url, SETTING, settings.folder))
