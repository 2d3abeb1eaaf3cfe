"""Regular expressions: RE2's, which DuckDB reads, as Java's, as far as both mean the same.

Read are texts, classes of characters, groups, alternatives, repetitions, `^`, `$`, `.` and `\\d`,
`\\w`, `\\s`. What else there is, is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from warehouse.engines.refusal import Refusal

_CLASSES = {
    "d": "0-9",
    "w": "0-9A-Za-z_",
    "s": "\\t\\n\\f\\r ",
}
"""RE2's classes, spelled out: Java's `\\s` holds one character more."""
_CONTROLS = {"t": "\\t", "n": "\\n", "r": "\\r", "f": "\\f"}
_LITERAL = re.compile(r"[^\\\[\](){}|*+?.^$]")
_REPEAT = re.compile(r"(?:[*+?]|\{(\d{1,3})(?:,(\d{0,3}))?\})\??")
_SPECIAL = set("\\[](){}|*+?.^$-&~#\"'/,:;<>=!@%_` ")


@dataclass(frozen=True)
class Pattern:
    """A pattern as Java reads it.

    Attributes:
        groups: How many groups it captures.
        may_be_empty: Whether it may match nothing at all.
    """

    text: str
    groups: int
    may_be_empty: bool


def spark_pattern(pattern: str) -> Pattern:
    """Write a pattern of RE2's as Java reads it.

    Raises:
        Refusal: it may mean something else there.
    """
    reader = _Reader(pattern)
    text = reader.alternatives()
    if reader.place < len(pattern):
        raise _unknown(pattern[reader.place :])
    return Pattern(text, reader.groups, _may_be_empty(text))


def _may_be_empty(text: str) -> bool:
    """Whether a pattern may match nothing: Python reads these patterns as RE2 does."""
    return re.search(text.replace("\\z", "\\Z"), "") is not None


def spark_replacement(replacement: str, groups: int, before: int = 0) -> str:
    """Write a replacement of RE2's, with its `\\1`, as Java reads it.

    Args:
        replacement: RE2's.
        groups: How many groups the pattern captures.
        before: How many groups stand before them; the last of those is the whole match.

    Raises:
        Refusal: it names a group that is not there.
    """
    written = ""
    rest = iter(replacement)
    for character in rest:
        if character != "\\":
            # A digit may follow a group that the caller writes before it.
            plain = character != "$" and not ("0" <= character <= "9" and not written)
            written += character if plain else f"\\{character}"
            continue
        following = next(rest, "")
        if following == "\\":
            written += "\\\\"
        elif following.isdigit() and int(following) <= groups:
            # Braces would name a group: what follows must not be read as its number.
            written += f"${int(following) + before}"
            if (after := next(rest, "")).isdigit():
                raise Refusal("a digit behind a group is read otherwise.", "Write it apart.")
            if after == "\\":
                raise Refusal(
                    "groups beside each other are read otherwise.", "Capture both in one."
                )
            written += "\\$" if after == "$" else after
        else:
            raise Refusal("no rule knows this replacement.", "Write \\1 for the first group.")
    return written


def _unknown(rest: str) -> Refusal:
    return Refusal(
        f"no rule says that Java reads {rest[:10]!r} in a pattern as DuckDB does.",
        "Write a plainer pattern, or LIKE.",
    )


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.place = 0
        self.groups = 0

    def peek(self) -> str:
        return self.pattern[self.place : self.place + 1]

    def take(self, count: int = 1) -> str:
        taken = self.pattern[self.place : self.place + count]
        self.place += count
        return taken

    def alternatives(self) -> str:
        parts = [self.sequence()]
        while self.peek() == "|":
            self.take()
            parts.append(self.sequence())
        return "|".join(parts)

    def sequence(self) -> str:
        written = ""
        while self.peek() not in ("", "|", ")"):
            atom, repeatable = self.atom()
            found = _REPEAT.match(self.pattern, self.place)
            if found:
                if not repeatable or (atom.startswith("(") and _may_be_empty(atom)):
                    raise _unknown(found[0])  # of nothing, each captures another part
                self.take(len(found[0]))
                if self.peek() and self.peek() in "*+?{":
                    raise _unknown(self.pattern[self.place :])
                atom += found[0]
            written += atom
        return written

    def atom(self) -> tuple[str, bool]:
        character = self.take()
        if character == "^":
            return "\\A", False
        if character == "$":
            return "\\z", False
        if character == ".":
            return "[^\\n]", True
        if character == "(":
            return self.group(), True
        if character == "[":
            return self.characters(), True
        if character == "\\":
            escaped = self.escaped()
            return (f"[{escaped}]" if escaped in _CLASSES.values() else escaped), True
        if not _LITERAL.fullmatch(character):
            raise _unknown(character)
        return character, True

    def group(self) -> str:
        start = "("
        if self.peek() == "?":
            start += self.take(2)
            if start != "(?:":
                raise _unknown(start)
        else:
            self.groups += 1
        inside = self.alternatives()
        if self.take() != ")":
            raise _unknown("(")
        return f"{start}{inside})"

    def escaped(self) -> str:
        character = self.take()
        if character in _CLASSES:
            return _CLASSES[character]
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character and character in _SPECIAL:
            return f"\\{character}" if not character.isspace() else character
        raise _unknown(f"\\{character}")

    def characters(self) -> str:
        written = "["
        if self.peek() == "^":
            written += self.take()
        if self.peek() in ("]", ""):
            raise _unknown("[]")
        while (character := self.take()) != "]":
            if character in ("", "["):
                raise _unknown("[")
            if character == "\\":
                written += self.escaped()
            elif character in "&^~#":
                written += f"\\{character}"
            elif character == "-" and self.peek() not in ("]", "") and written[-1] not in "[^":
                written += "-"
            elif character == "-":
                written += "\\-"
            else:
                written += character
        return f"{written}]"
