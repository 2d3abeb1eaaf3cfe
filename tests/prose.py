"""`python -m tests.prose`: the style of the docs, the public docstrings and the messages.

The style is that of CONTRIBUTING.md: short main clauses, the actor first. Each pattern names what
readers whose second language is English stumble over. What is right all the same stands in
pyproject.toml, under `tool.prose`, beside the words that codespell ignores.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from warehouse.settings import ROOT

PAGES = (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
MODULES = tuple((ROOT / "warehouse").rglob("*.py"))
MOST_WORDS = 35
"""Of a sentence in a page."""

PATTERNS = {
    r"\bnever else\b": "say when it happens, and when it does not",
    r"\bWho(ever)? [\w ]+ (does|is|has|sees|gets|reads|must) ": "name the actor: `somebody who`",
    r"\b(is|are|was|were) to (be|have)\b": "`must be`, `will be`, or an active verb",
    r"(?:^|[.:;] )Not [^.,?:;]{1,40}, ?but\b": "say what it is first",
    r"\banew\b": "`again`",
    r"\bof a house\b": "name the thing",
    r"\b(thereof|therein|wherein|whereof|hereby|herewith|thence|hence)\b": "use a plain word",
    r"\b(albeit|lest|upon|amongst|whilst|unto|hitherto)\b": "use a plain word",
    r"(?:^|[.;:] )To [\w ]{3,40} is to \w+": "begin with the actor",
    r"(?:^|[.;] )(Neither|Never|Nowhere|Seldom|Only then|Nor) (do|does|is|are|has|have|can)\b": (
        "put the actor before the verb"
    ),
    r"\bsuch that\b": "`so that`",
    r"\b(in order to|utili[sz]e|leverage|simply|obviously|of course)\b": "leave it out",
}
"""What is looked for, and what to write."""

Found = tuple[str, int, str, str]
"""File, line, the words, and what to write."""


@dataclass(frozen=True)
class Text:
    """Prose, and where it begins: lines are counted from there."""

    file: str
    line: int
    text: str


def pages() -> Iterator[Text]:
    """Yield the paragraphs of the pages, without their code."""
    for page in PAGES:
        whole = page.read_text(encoding="utf-8")
        text = re.sub(r"^```.*?^```$", _as_lines, whole, flags=re.DOTALL | re.MULTILINE)
        for found in re.finditer(r"(?:^.+\n?)+", text, re.MULTILINE):
            line = text.count("\n", 0, found.start()) + 1
            yield Text(str(page.relative_to(ROOT)), line, found[0])


def recipes() -> Iterator[Text]:
    """Yield what `just` says of its recipes."""
    for line, text in enumerate((ROOT / "justfile").read_text(encoding="utf-8").splitlines(), 1):
        if text.startswith("#"):
            yield Text("justfile", line, text.removeprefix("# "))


def _as_lines(code: re.Match[str]) -> str:
    return "\n" * code[0].count("\n")


def modules() -> Iterator[Text]:
    """Yield the public docstrings, and the messages: what else has four words or more."""
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        private = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.startswith("_")
            for inner in node.body[:1]
        }
        docstrings = {
            id(node.value): id(node) in private
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            if not docstrings.get(id(node), False) and len(node.value.split()) >= 4:
                yield Text(str(path.relative_to(ROOT)), node.lineno, node.value)


def hits(text: Text) -> Iterator[Found]:
    """Yield what the patterns find in a text."""
    for pattern, better in PATTERNS.items():
        for found in re.finditer(pattern.replace(" ", r"\s+"), text.text, re.MULTILINE):
            line = text.line + text.text.count("\n", 0, found.end())
            yield text.file, line, " ".join(found[0].split()), better


def long_sentences(text: Text) -> Iterator[Found]:
    """Yield the sentences of a paragraph that have too many words."""
    rows = [line for line in text.text.splitlines() if not line.lstrip().startswith(("|", "#"))]
    items = re.split(r"\n\s*(?:[-*]|\d+\.) ", "\n" + "\n".join(rows))
    for item in items:
        plain = re.sub(r"`[^`]*`", "code", re.sub(r"\]\([^)]*\)", "]", item))
        for sentence in re.split(r"(?<=[.!?:;])\**\s+", plain):
            words = sentence.split()
            if len(words) > MOST_WORDS:
                yield text.file, text.line, " ".join(words[:6]), f"{len(words)} words: cut it"


def wrong() -> list[Found]:
    """Return all that is found and is no exception."""
    prose = [*pages()]
    found = [hit for text in [*prose, *recipes(), *modules()] for hit in hits(text)]
    found += [hit for text in prose for hit in long_sentences(text)]
    known = exceptions()
    return [hit for hit in found if f"{hit[0]}: {hit[2]}" not in known]


def exceptions() -> set[str]:
    """Return what is right all the same: `file: words`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {*project["tool"]["prose"]["exceptions"]}


def main() -> int:
    """Print what is wrong. Returns the exit code."""
    found = wrong()
    for file, line, words, better in found:
        print(f"{file}:{line}: {words!r}: {better}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
