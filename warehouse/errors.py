"""The one error that people are meant to read, and the way to it from any other."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

SAFE = "No half-written data is visible: a snapshot is published whole or not at all."
_INTERRUPTED = "Query interrupted"
SHOWN_CHARACTERS = 1_000
"""Of a text that somebody else wrote, such as a server's."""


class WarehouseError(Exception):
    """Something went wrong that its reader can mend.

    The text says what happened and to which table, column or file, what is safe,
    and what to do next. It never holds a password, nor a character that steers a terminal.
    """

    def __init__(self, what: str, *, safe: str = "", todo: str = "") -> None:
        self.what = printable(what)
        self.safe = printable(safe)
        self.todo = printable(todo)
        super().__init__("\n".join(part for part in (self.what, self.safe, self.todo) if part))

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows of it: IPython asks for this by name."""
        return str(self).splitlines()


def printable(text: str) -> str:
    """Return a text whose control characters are written out, `\\x1b`; line breaks and tabs stay.

    Terminals obey escape sequences, and show letters in another order after some of Unicode's
    format characters (https://trojansource.codes): who sends an error text is not to do either.
    """
    if text.isprintable():
        return text
    return "".join(
        character if _shows(character) else _written_out(character) for character in text
    )


def on_one_line(text: str) -> str:
    """Return a text as `printable` does, with line breaks and tabs written out as well."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _shows(character: str) -> bool:
    # Joiners are format characters too, and emoji and several scripts need them.
    if character in "\n\t\u200c\u200d":
        return True
    # Control, format, surrogate; line and paragraph separators.
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode()


def quoted_from(text: str) -> str:
    """Return a text by somebody else as a part of a sentence: on one line, and not for ever."""
    line = " ".join(text[: 2 * SHOWN_CHARACTERS].split())
    return line if len(line) <= SHOWN_CHARACTERS else line[:SHOWN_CHARACTERS] + " …"


def chain(error: BaseException) -> list[BaseException]:
    """Return an error and what it was made of, the outermost first."""
    found: list[BaseException] = []
    inner: BaseException | None = error
    while inner is not None and inner not in found:  # it may come back to where it was
        found.append(inner)
        inner = getattr(inner, "user_exception", None) or inner.__cause__ or inner.__context__
    return found


def interrupted(error: BaseException) -> bool:
    """Whether an error is what Ctrl-C or SIGTERM becomes inside DuckDB, or was made of that."""
    return any(type(each) is RuntimeError and str(each) == _INTERRUPTED for each in chain(error))


def meant_for_people(error: BaseException) -> WarehouseError | None:
    """Find the error that was meant for people in what others made of it, or None."""
    return next((each for each in chain(error) if isinstance(each, WarehouseError)), None)


def _root(error: BaseException) -> BaseException:
    """Return what somebody raised, without what Dagster wraps around it."""
    inner = (e for e in chain(error) if not type(e).__module__.startswith("dagster"))
    return next(inner, error)


def unexpected(doing: str, error: BaseException, where: str) -> WarehouseError:
    """Return the error for people of one that nobody foresaw.

    Args:
        doing: What failed, with the asset and the step: "Loading mysql_orders".
        error: What was raised.
        where: Where the whole text is, in a sentence.
    """
    root = _root(error)
    text = quoted_from(str(root))
    said = f"{type(root).__name__}: {text}" if text else type(root).__name__
    return WarehouseError(f"{doing} failed unexpectedly: {said}", safe=SAFE, todo=where)


IN_THE_RUN = "The whole text is in the run's page of `just dev`."


@contextmanager
def step(doing: str, where: str = IN_THE_RUN) -> Iterator[None]:
    """Name the asset and the step where something fails that nobody foresaw.

    Args:
        doing: What may fail: "Loading mysql_orders".
        where: Where Dagster shows the whole text.

    Raises:
        WarehouseError: with the error behind it, whose trace Dagster shows and keeps.
        KeyboardInterrupt: somebody stopped it while DuckDB worked.
    """
    try:
        yield
    except WarehouseError:
        raise
    except Exception as error:
        if interrupted(error):
            raise KeyboardInterrupt from None
        if type(error).__module__.startswith("dagster"):
            raise  # such an error steers a run: RetryRequested
        raise unexpected(doing, error, where) from error
