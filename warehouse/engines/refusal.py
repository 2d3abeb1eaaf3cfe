"""The error of a file that another engine could not run with equal answers."""

from __future__ import annotations

from warehouse.errors import WarehouseError, quoted_from


class Refused(WarehouseError):
    """A construct of a view or check has no equal in the engine, so the file does not run there.

    Attributes:
        place: File and line, as editors link them.
        construct: The construct as the user wrote it; empty if it cannot be shown.
        why: Why it would differ, in a sentence.
        instead: What to write instead, in a sentence; empty if there is no way.
    """

    def __init__(self, place: str, construct: str, why: str, instead: str = "") -> None:
        self.place = place
        self.construct = quoted_from(construct)
        self.why = why
        self.instead = instead
        shown = f"{self.construct}: {why}" if self.construct else why
        super().__init__(f"{place}: {shown}", todo=instead)


class Refusal(Exception):
    """The same inside the translation, before the file and the line are known.

    Attributes:
        construct: The word of SQL that it is about, if it is no function.
    """

    def __init__(self, why: str, instead: str = "", construct: str = "") -> None:
        self.why = why
        self.instead = instead
        self.construct = construct
        super().__init__(why)
