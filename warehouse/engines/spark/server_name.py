"""The URL of a Spark Connect server, and how people call the server."""

from __future__ import annotations

from urllib.parse import urlsplit

from warehouse.errors import WarehouseError, quoted_from

SETTING = "WAREHOUSE_SPARK"
EXAMPLE = "sc://127.0.0.1:15002"


def name_of(url: str) -> str:
    """Return how people call a server: by its host and port, never with a token.

    Raises:
        WarehouseError: this is no URL of Spark Connect.
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise unusable("is no URL")
    if scheme != "sc":
        # Of the master, `spark://`, people have the URL as well.
        raise unusable(f"starts with `{quoted_from(scheme)}://`")
    try:
        parts = urlsplit("http" + url.partition(";")[0].removeprefix("sc"))
        host, port = parts.hostname, parts.port
    except ValueError:
        raise unusable("has no port that is a number") from None
    if not host or parts.username is not None:
        raise unusable("names no host")
    return f"sc://{f'[{host}]' if ':' in host else host}:{port or 15002}"


def unusable(why: str) -> WarehouseError:
    """Return the error of a URL that is none of Spark Connect. It shows no part of the URL."""
    return WarehouseError(
        f"{SETTING} {why}.",
        safe="Nothing was asked of any server.",
        todo=f"Its form is {EXAMPLE}, and with a token sc://host:port/;use_ssl=true;token=...",
    )
