"""Capital and small letters: those that Spark maps otherwise than DuckDB.

DuckDB maps each letter to one letter, by a table of its own (utf8proc). Spark follows all of
Unicode: it makes SS of ß, looks at the end of a word for Σ, and knows letters that were added
later. Such letters are put out of its way: before the mapping each becomes a code point of a plane
that Unicode does not use, and after it the letter that DuckDB makes of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from warehouse.engines.spark import literals
from warehouse.engines.spark.rule import Call, fail, once

_FIRST_STAND_IN = 0x40000


def _range(first: int, last: int, shift: int = 0) -> dict[str, str]:
    return {chr(code): chr(code + shift) for code in range(first, last + 1)}


def _each(letters: Iterable[int]) -> dict[str, str]:
    return {chr(code): chr(code) for code in letters}


LOWER = {
    "\u0130": "i",
    "\u03a3": "\u03c3",
    **_each((0x1C89, 0xA7CB, 0xA7CC, 0xA7CE, 0xA7D2, 0xA7D4, 0xA7DA, 0xA7DC)),
    **_range(0x10D50, 0x10D65),
    **_range(0x16EA0, 0x16EB8),
}
"""What DuckDB's lower makes of the letters of which Spark's makes something else."""

UPPER = {
    "\u00df": "\u1e9e",
    **_each((0x149, 0x19B, 0x1F0, 0x264, 0x390, 0x3B0, 0x587, 0x1C8A)),
    **_range(0x1E96, 0x1E9A),
    **_each((0x1F50, 0x1F52, 0x1F54, 0x1F56)),
    **_range(0x1F80, 0x1F87, 8),
    **_range(0x1F88, 0x1F8F),
    **_range(0x1F90, 0x1F97, 8),
    **_range(0x1F98, 0x1F9F),
    **_range(0x1FA0, 0x1FA7, 8),
    **_range(0x1FA8, 0x1FAF),
    **{"\u1fb3": "\u1fbc", "\u1fc3": "\u1fcc", "\u1ff3": "\u1ffc"},
    **_each((0x1FB2, 0x1FB4, 0x1FB6, 0x1FB7, 0x1FBC, 0x1FC2, 0x1FC4, 0x1FC6, 0x1FC7, 0x1FCC)),
    **_each((0x1FD2, 0x1FD3, 0x1FD6, 0x1FD7, 0x1FE2, 0x1FE3, 0x1FE4, 0x1FE6, 0x1FE7)),
    **_each((0x1FF2, 0x1FF4, 0x1FF6, 0x1FF7, 0x1FFC)),
    **_each((0xA7CD, 0xA7CF, 0xA7D3, 0xA7D5, 0xA7DB)),
    **_range(0xFB00, 0xFB06),
    **_range(0xFB13, 0xFB17),
    **_range(0x10D70, 0x10D85),
    **_range(0x16EBB, 0x16ED3),
}
"""What DuckDB's upper makes of the letters of which Spark's makes something else."""


def mapped(function: str, letters: dict[str, str]) -> str:
    """Return a template of Spark's SQL that maps the letters of `{0}` as DuckDB does.

    Args:
        function: Spark's, LOWER or UPPER.
        letters: Those that it maps otherwise.
    """
    stand_ins = "".join(chr(_FIRST_STAND_IN + place) for place in range(len(letters)))
    before, after = "".join(letters), "".join(letters.values())
    used = f"[{stand_ins[0]}-{stand_ins[-1]}]"
    failing = fail("A text holds a code point that Unicode does not use.", "STRING")
    inner = f"TRANSLATE({{0}}, {literals.text(before)}, {literals.text(stand_ins)})"
    outer = f"TRANSLATE({function}({inner}), {literals.text(stand_ins)}, {literals.text(after)})"
    return f"CASE WHEN RLIKE({{0}}, {literals.text(used)}) THEN {failing} ELSE {outer} END"


def lower(call: Call) -> str:
    """Write lower(x)."""
    return once(call.args, mapped("LOWER", LOWER))


def upper(call: Call) -> str:
    """Write upper(x)."""
    return once(call.args, mapped("UPPER", UPPER))
