"""Text for people: in colour and wrapped between words on a terminal, plain and whole elsewhere."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GOOD = "green"
BAD = "bold red"
DOUBTFUL = "bold magenta"
QUIET = "dim"
HEADER = "bold"
"""Readable on dark and on light: plain yellow and white are not."""

_CODE = re.compile(r"`[^`]*`")
_NO_BREAK = "\0"


def console() -> Console:
    """Return stdout for `rich`. It colours on a terminal only, and not where NO_COLOR is set."""
    from rich.console import Console  # those who print nothing do not wait for it

    return Console(highlight=False, markup=False, emoji=False)


def print_lines(lines: Sequence[Text], out: Console) -> None:
    """Print lines on stdout as they are, however long.

    Raises:
        BrokenPipeError: nobody reads it any more. To `rich` that would be a failure.
    """
    with out.capture() as printed:
        for line in lines:
            out.print(line, soft_wrap=True)
    sys.stdout.write(printed.get())


def wrapped(text: str, width: int | None, hanging: int = 0) -> str:
    """Break lines between words, never within one: a path or a name stays whole.

    What stands in backquotes stays on one line, as it may be copied. So does a query above the
    carets that point into it.

    Args:
        text: Its own line breaks stay.
        width: Of the terminal; None breaks nothing.
        hanging: So many blanks lead each further line.
    """
    if width is None:
        return text
    lines = text.split("\n")
    return "\n".join(
        line if _points(line) or _points(below) else _filled(line, width, hanging)
        for line, below in zip(lines, [*lines[1:], ""], strict=True)
    )


def _filled(line: str, width: int, hanging: int) -> str:
    whole = _CODE.sub(lambda code: code[0].replace(" ", _NO_BREAK), line)
    return textwrap.fill(
        whole,
        width,
        subsequent_indent=" " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    ).replace(_NO_BREAK, " ")


def _points(line: str) -> bool:
    """Whether a line is what DuckDB writes below a query: carets."""
    return "^" in line and not line.strip(" ^")


def width_of(stream: IO[str]) -> int | None:
    """Return how many places a line of a stream has, or None if it is no terminal."""
    if not stream.isatty():
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns


def say(text: str) -> None:
    """Tell a person something, on stderr."""
    print(wrapped(text, width_of(sys.stderr)), file=sys.stderr, flush=True)
