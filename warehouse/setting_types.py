"""What some settings take: values that are checked when the settings are read."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _begun(day: date) -> date:
    if day > datetime.now(UTC).date():
        raise ValueError(f"{day} is in the future")
    return day


def _hosts(listed: str | None) -> str | None:
    host = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
    if listed and not all(host.fullmatch(one.strip()) for one in listed.split(",")):
        raise ValueError("names or addresses, separated by commas, without http:// and paths")
    return listed


OFF = "off"
"""Takes a URL back that `.env` sets: an empty variable counts as none, and leaves it."""


def _spark_url(url: str | None) -> str | None:
    """Check what Spark Connect's clients take: `sc://host:port/;parameter=value`.

    https://spark.apache.org/docs/latest/spark-connect-overview.html
    """
    if url is None or url == OFF:
        return None
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme == "sc" and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, or an address of IPv6 is not closed
        well_formed = False
    # The parameters stand behind a slash, and nothing else does.
    if not well_formed or not re.fullmatch(r"sc://[^/;?#@]+(/(;.*)?)?", url):
        raise ValueError("write it like sc://host:15002, or off")
    return url


Begun = Annotated[date, AfterValidator(_begun)]
Hosts = Annotated[str | None, AfterValidator(_hosts)]
SparkUrl = Annotated[str | None, AfterValidator(_spark_url)]
