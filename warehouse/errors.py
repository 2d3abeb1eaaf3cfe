"""The one error that people are meant to read."""

from __future__ import annotations


class WarehouseError(Exception):
    """Something went wrong that its reader can mend.

    The text says what happened and to which table, column or file, what is safe,
    and what to do next. It never holds a password.
    """

    def __init__(self, what: str, *, safe: str = "", todo: str = "") -> None:
        self.what = what
        self.safe = safe
        self.todo = todo
        super().__init__("\n".join(part for part in (what, safe, todo) if part))

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows of it: IPython asks for this by name."""
        return str(self).splitlines()
