"""The UI follows the files under sql/ and checks/: it loads the code location again.

Else a view that was just added would be, in a running UI, an asset of somebody else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from warehouse.errors import WarehouseError
from warehouse.project.project import load_project
from warehouse.settings import PACKAGE, Settings

POLL_SECONDS = 1.0


@contextmanager
def reloading(
    settings: Settings, reload: Callable[[], None], say: Callable[[str], None]
) -> Iterator[None]:
    """Watch the files for the length of a `with`.

    Args:
        settings: Those of the project.
        reload: Loads the code location again.
        say: Told which files were loaded, or what is wrong with one: then the UI keeps what it has.
    """
    folder = settings.home or PACKAGE
    ended = threading.Event()
    seen = _stamps(folder)

    def watch() -> None:
        nonlocal seen
        while not ended.wait(POLL_SECONDS):
            now = _stamps(folder)
            if now == seen:
                continue
            changed = sorted({file for file, _ in now.items() ^ seen.items()})
            seen = now
            names = ", ".join(str(file.relative_to(folder)) for file in changed)
            try:
                load_project(settings.home)
            except WarehouseError as error:
                say(f"{error} Until then the UI shows the files as they were.")
                continue
            reload()
            say(f"Loaded again: {names}.")

    threading.Thread(target=watch, name="reload", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return what changes when a file does, of each file that definitions are made of."""
    found = {}
    for name in ("sql", "checks"):
        for file in (folder / name).rglob("*.sql"):
            with suppress(OSError):  # it has just been removed
                stat = file.stat()
                found[file] = (stat.st_mtime_ns, stat.st_size)
    return found
