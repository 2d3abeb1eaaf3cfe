"""The blocks of the docs as steps that can be run: commands, files, queries and Python.

What stands above a block says what it is:

- A line that ends with a file's name and a colon: the block is that file ("as the last line of":
  it is added to the file).
- *Not run by the tests: it opens a browser.*: the block is left out, for that reason.
- "exit code 1": so the commands end.

A block of `text` right after another block is what that one prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import unified_diff

from tests.stories import OMITTED, alike
from warehouse.settings import ROOT

RUN = ("sh", "sql", "python")
"""The languages of what is run. A block in any other one is shown only."""

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
REASON = re.compile(r"^\*Not run by the tests: (.+)\.\*$", re.MULTILINE)
FILE = re.compile(r"`([\w/-]*\.[\w./-]+)`:$")
LAST_LINE = "last line of"
EXIT_CODE = re.compile(r"exit code (\d+)")
TIME_OF_DAY = re.compile(r"^\d\d:\d\d:\d\d ")


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Attributes:
        line: Where it begins.
        language: What stands behind its first fence.
        text: What is in it.
        above: The paragraph before it.
        after: Whether it follows another block, with nothing in between.
        shown: The lines that it is shown to print; None where nothing is shown.
    """

    line: int
    language: str
    text: str
    above: str
    after: bool = False
    shown: list[str] | None = None

    @property
    def reason(self) -> str | None:
        """Why it is not run."""
        found = REASON.search(self.above)
        return found[1] if found else None

    @property
    def file(self) -> str | None:
        """The file that it is."""
        found = FILE.search(self.above)
        return found[1] if found and self.language != "text" else None

    @property
    def added(self) -> bool:
        """Whether it is added to the file, rather than being all of it."""
        return LAST_LINE in self.above

    @property
    def exit_code(self) -> int:
        found = EXIT_CODE.search(self.above)
        return int(found[1]) if found else 0


@dataclass
class Page:
    """A page, as steps.

    Attributes:
        steps: The blocks that are run, in their order, with what they print.
        loose: The lines of blocks that are neither run nor compared, and do not say why.
    """

    steps: list[Block] = field(default_factory=list)
    loose: list[int] = field(default_factory=list)


def read_page(text: str) -> Page:
    """Read the blocks of a page."""
    page = Page()
    follows: Block | None = None  # the step whose output may come next
    for block in _blocks(text):
        if block.reason:
            follows = None
        elif block.language in RUN:
            page.steps.append(block)
            follows = block
        elif block.language == "text" and block.after and follows:
            page.steps[-1] = replace(follows, shown=block.text.splitlines())
            follows = None
        else:
            page.loose.append(block.line)
            follows = None
    return page


def _blocks(text: str) -> Iterator[Block]:
    end = 0
    for found in BLOCK.finditer(text):
        between = text[end : found.start()]
        above = between.strip().split("\n\n")[-1]
        line = text.count("\n", 0, found.start()) + 1
        yield Block(line, found[1], found[2], above, after=end > 0 and not between.strip())
        end = found.end()


def page_text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def differences(shown: list[str], printed: str, replaced: dict[str, str]) -> str:
    """Compare what a page shows with what was printed. Returns a diff, or nothing.

    A line `…` stands for any lines, and one that ends in `…` shows a beginning.
    """
    wanted = _comparable("\n".join(shown), replaced)
    came = _comparable(printed, replaced)
    pattern = "".join(map(_pattern, wanted))
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in came)):
        return ""
    whole = [next((one for one in came if _shows(line, one)), line) for line in wanted]
    return "\n".join(unified_diff(whole, came, "shown", "printed", lineterm="", n=1))


def _shows(shown: str, printed: str) -> bool:
    return shown != OMITTED and bool(re.fullmatch(_pattern(shown), f"{printed}\n"))


def _pattern(line: str) -> str:
    if line == OMITTED:
        return r"(?:.*\n)*?"
    begins = line.removesuffix(OMITTED).rstrip()
    rest = "" if begins == line else ".*"
    return re.escape(begins).replace(re.escape(OMITTED), r"\S*") + rest + r"\n"


def _comparable(text: str, replaced: dict[str, str]) -> list[str]:
    """Return lines without what differs from run to run. Two that are told at once may change."""
    lines: list[str] = []
    told: list[str] = []
    for line in text.strip().splitlines():
        same = alike(line, replaced)
        if TIME_OF_DAY.match(line):
            told.append(same)
            continue
        lines += [*sorted(told), same]
        told = []
    return [*lines, *sorted(told)]
