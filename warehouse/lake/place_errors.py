"""What a folder or an object store says when it cannot be read or written, for people."""

from __future__ import annotations

import errno

from warehouse.errors import WarehouseError, quoted_from
from warehouse.lake import urls
from warehouse.lake.manifest import SAFE

_ADVICE = {
    errno.ENOSPC: "Make room there: the disk is full. Then run again",
    errno.EDQUOT: "Make room there: the disk quota is used up. Or have it raised. Then run again",
    errno.EACCES: "Ask its owner to let you read and write there, or name another place in "
    "WAREHOUSE_LAKE",
    errno.EPERM: "Keep the lake where a file can have two names (hard links) and you may write: "
    "a snapshot is published by such a link",
    errno.EROFS: "Mount the file system for writing, or name another place in WAREHOUSE_LAKE",
    errno.ENOTDIR: "A file is in the way of a folder. Move it away, or name another place in "
    "WAREHOUSE_LAKE",
    errno.EOPNOTSUPP: "Keep the lake where a file can have two names (hard links): a snapshot is "
    "published by such a link",
}
"""What to do, by the system's number of an error."""

_WORDS = {
    "No space left": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "Permission denied": errno.EACCES,
    "Read-only file system": errno.EROFS,
    "Not a directory": errno.ENOTDIR,
}
"""The system's words, as DuckDB hands them on."""


def not_installed(scheme: str) -> WarehouseError:
    """Say which package a lake needs."""
    package = urls.PACKAGES.get(scheme, "fsspec")
    return WarehouseError(
        f"A lake at {scheme}:// needs the Python package {package}, which is not installed.",
        todo=f"Install it: `.venv/bin/pip install {package}`.",
    )


def unreachable(url: str, doing: str, error: Exception) -> WarehouseError:
    """Return the error for people of what failed at a lake.

    Args:
        url: Of the lake; what is secret in it is shown nowhere.
        doing: What failed: "Writing".
        error: What was raised.
    """
    place = urls.folder(url) if urls.scheme(url) == urls.FILE else urls.without_credentials(url)
    text = next(iter(str(error).splitlines()), "") or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror + (f": {error.filename}" if error.filename else "")
    for secret in urls.secrets_of(url):
        text = text.replace(secret, "***")
    return WarehouseError(
        f"{doing} the lake {place} failed: {quoted_from(text)}",
        safe=SAFE,
        todo=f"{_advice(error, text)}.",
    )


def _advice(error: Exception, text: str) -> str:
    number = getattr(error, "errno", None)
    found = next((known for words, known in _WORDS.items() if words in text), number)
    general = "Check WAREHOUSE_LAKE, and that you may read and write there. Then run again"
    return _ADVICE.get(found, general) if found is not None else general
