"""The URL of a lake: what may be said of it, and who serves it."""

from __future__ import annotations

import re
from collections.abc import Mapping

PACKAGES: Mapping[str, str] = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "memory": "fsspec",
}
"""The object stores that create a file only if there is none of its name, which a snapshot needs,
and the package with which fsspec reaches each. fsspec's other file systems look first and write
then, so that two writers overwrite each other."""

FILE = "file"


def scheme(url: str) -> str:
    """Return the scheme of a lake: that of a URL, or `file` of a folder."""
    return url.partition("://")[0].lower() if "://" in url else FILE


def folder(url: str) -> str:
    """Return the folder of a lake whose scheme is `file`."""
    return url.partition("://")[2] if "://" in url else url


def without_credentials(url: str) -> str:
    """Return a URL as it may be shown: without user and password, and without parameters.

    The container of `abfss://container@account.dfs.core.windows.net/lake` is no user.
    """
    start, separator, rest = url.partition("://")
    if not separator:
        return url
    authority, slash, path = re.split(r"[?;#]", rest, maxsplit=1)[0].partition("/")
    user, at, host = authority.rpartition("@")
    container = f"{user}{at}" if start in ("abfs", "abfss") and ":" not in user else ""
    return f"{start}://{container}{host}{slash}{path}"


def secrets_of(url: str) -> list[str]:
    """Return the parts of a URL that are never shown, the longest first."""
    _, _, rest = url.partition("://")
    authority, _, _ = rest.partition("/")
    user, _, _ = authority.rpartition("@")
    name, _, password = user.partition(":")
    parameters = re.split(r"[?;#&]", rest)[1:]
    values = [one.partition("=")[2] for one in parameters]
    found = [name, password, *values] if password else values
    return sorted(filter(None, found), key=len, reverse=True)
