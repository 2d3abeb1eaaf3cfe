"""The last handler: what nobody foresaw becomes a sentence, and its whole text goes into a file."""

from __future__ import annotations

import os
import re
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from warehouse.assets.run_history import ERRORS, home
from warehouse.errors import (
    IN_THE_RUN,
    WarehouseError,
    chain,
    meant_for_people,
    printable,
    unexpected,
)
from warehouse.mysql.url import parse_url
from warehouse.settings import Settings, load_settings

KEPT = 20
"""So many files stay: an error every minute does not fill the disk."""


def for_people(doing: str, error: BaseException) -> WarehouseError:
    """Return the error for people inside an error, or else one that says where its text is.

    That is the run's page, if a step of a run failed, and else a file beside the run history.

    Args:
        doing: What failed: "`just status`".
        error: What was raised.
    """
    if found := meant_for_people(error):
        return found
    for each in chain(error):
        if key := getattr(each, "step_key", None):
            return unexpected(f"The step {key}", error, IN_THE_RUN)
    return unexpected(doing, error, _kept(error))


def _kept(error: BaseException) -> str:
    """Write an error's whole text into a file, and say which."""
    try:
        folder = home() / ERRORS
    except WarehouseError:  # there is no project folder
        folder = Path(tempfile.gettempdir()) / f"warehouse-{ERRORS}"
    file = folder / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S.%f}-{os.getpid()}.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Nobody else's to read: a query may stand in it, with values.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(redacted(printable("".join(traceback.format_exception(error)))))
        _prune(folder)
    except OSError as why:
        return f"Its whole text could not be kept in {folder}: {why.strerror}."
    return f"Its whole text is in {file}. If the sentence above does not help, report it with that."


def _prune(folder: Path) -> None:
    for old in sorted(folder.glob("*.txt"))[:-KEPT]:
        with suppress(OSError):  # another process was faster
            old.unlink()


def redacted(text: str) -> str:
    """Take the password of every URL in the settings out of a text, in whatever form."""
    for url in _urls():
        text = text.replace(url, "***")
        with suppress(WarehouseError):
            text = parse_url(url).redact(text)
        # Written without percent-encoding, it may end at any of these characters.
        written = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
        for part in re.split(r"[:/@?#&]+", written):
            if len(part) > 2:
                text = text.replace(part, "***")
    return text


def _urls() -> Iterator[str]:
    names = [name for name in Settings.model_fields if "url" in name]
    with suppress(WarehouseError):  # what cannot be read holds no more than the environment does
        settings = load_settings()
        for name in names:
            if value := getattr(settings, name):
                yield value.get_secret_value()
        for url in settings.further_mysql_urls.values():
            yield url.get_secret_value()
    for name, value in os.environ.items():
        if name.upper().startswith("WAREHOUSE_") and "_URL" in name.upper() and value:
            yield value
