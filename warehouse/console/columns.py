"""A table of text that fits a terminal: what does not fit is cut, and ends with `…`."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warehouse.errors import printable

GAP = "  "
CUT = "…"


@dataclass(frozen=True)
class Heading:
    """A column.

    Attributes:
        right: Whether it stands at the right, as numbers do.
        least: So many characters stay of it, if there are more; None if none is ever cut.
        rank: Columns of a lower rank are cut first.
        optional: Whether it is left out where no more than `least` would stay.
    """

    name: str
    right: bool = False
    least: int | None = None
    rank: int = 0
    optional: bool = False


def lay_out(
    headings: Sequence[Heading], rows: Sequence[Sequence[str]], width: int | None
) -> list[str]:
    """Return the lines of a table.

    Args:
        headings: The columns; one without any text is left out.
        rows: Their cells.
        width: The terminal's; None cuts nothing.
    """
    cells = [[" ".join(printable(cell).split()) for cell in row] for row in rows]
    lines = [[one.name for one in headings], *cells]
    natural = [max(map(width_of, column)) for column in zip(*lines, strict=True)]
    used = {
        place: natural[place] for place, _ in enumerate(headings) if any(r[place] for r in cells)
    }
    widths = used if width is None else _narrowed(headings, used, width)
    return [
        GAP.join(
            _padded(_cut(line[place], wide), wide, headings[place].right)
            for place, wide in widths.items()
        ).rstrip()
        for line in lines
    ]


def _narrowed(
    headings: Sequence[Heading], widths: Mapping[int, int], width: int
) -> Mapping[int, int]:
    """Take from the columns what is too much, from one after the other."""
    left = dict(widths)
    for place in sorted(widths, key=lambda place: headings[place].rank):
        one = headings[place]
        over = sum(left.values()) + len(GAP) * (len(left) - 1) - width
        if over <= 0 or one.least is None:
            continue
        least = min(max(one.least, len(one.name)), left[place])
        if one.optional and left[place] - over < least:
            del left[place]
        else:
            left[place] = max(left[place] - over, least)
    return left


def width_of(text: str) -> int:
    """Return how many places of a terminal a text takes."""
    return sum(map(_places, text))


def _places(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(text: str, width: int) -> str:
    if width_of(text) <= width:
        return text
    while width_of(text) > width - len(CUT):
        text = text[:-1]
    return text + CUT


def _padded(text: str, width: int, right: bool) -> str:
    blank = " " * (width - width_of(text))
    return blank + text if right else text + blank
