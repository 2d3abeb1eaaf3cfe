"""A table of text that fits a terminal: what does not fit is cut, and ends with `…`.

rich measures, cuts and colours. Which column gives way first is decided here: rich takes from all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from warehouse.console.terminal import HEADER, console, print_lines
from warehouse.errors import printable

GAP = "  "
CUT = "…"


def _plain(_: str) -> str:
    return ""


@dataclass(frozen=True)
class Heading:
    """A column.

    Attributes:
        right: Whether it stands at the right, as numbers do.
        least: So many characters stay of it, if there are more; None if none is ever cut.
        rank: Columns of a lower rank are cut first.
        optional: Whether it is left out where no more than `least` would stay.
        style: The style of a cell, by its text.
    """

    name: str
    right: bool = False
    least: int | None = None
    rank: int = 0
    optional: bool = False
    style: Callable[[str], str] = _plain


def print_table(headings: Sequence[Heading], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout: a terminal shows as much as fits, a pipe all of it."""
    out = console()
    print_lines(lay_out(headings, rows, out.width if out.is_terminal else None), out)


def lay_out(
    headings: Sequence[Heading], rows: Sequence[Sequence[str]], width: int | None
) -> list[Text]:
    """Return the lines of a table.

    Args:
        headings: The columns; one without any text is left out.
        rows: Their cells.
        width: The terminal's; None cuts nothing.
    """
    cells = [[" ".join(printable(cell).split()) for cell in row] for row in rows]
    names = [one.name for one in headings]
    natural = [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]
    used = {
        place: natural[place] for place, _ in enumerate(headings) if any(r[place] for r in cells)
    }
    widths = used if width is None else _narrowed(headings, used, width)
    lines = [_line(headings, names, widths, [HEADER] * len(names))]
    for row in cells:
        styles = [one.style(cell) for one, cell in zip(headings, row, strict=True)]
        lines.append(_line(headings, row, widths, styles))
    return lines


def _line(
    headings: Sequence[Heading],
    cells: Sequence[str],
    widths: Mapping[int, int],
    styles: Sequence[str],
) -> Text:
    line = Text(GAP).join(
        Text(_fitted(cells[place], wide, headings[place].right), styles[place])
        for place, wide in widths.items()
    )
    line.rstrip()
    return line


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


def _fitted(text: str, width: int, right: bool) -> str:
    if cell_len(text) > width:
        return set_cell_size(text, width - len(CUT)) + CUT
    blank = " " * (width - cell_len(text))
    return blank + text if right else text + blank
