"""The tables of the docs are the code's. `python -m tests.test_docs` prints them anew."""

import re
import tomllib
from itertools import pairwise

import pytest

from warehouse.cli import main
from warehouse.mysql.types import TYPES
from warehouse.settings import ROOT, Settings

README = ROOT / "README.md"
PAGES = {page.name: page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")}
ALL = "\n".join([README.read_text(encoding="utf-8"), *PAGES.values()])
README_LINES = 160
"""What a visitor reads in five minutes."""


def settings_table() -> str:
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        meaning = re.sub(r"docs/(\w+\.md)", r"[\1](\1)", field.description or "")
        lines.append(f"| `WAREHOUSE_{name.upper()}` | {default} | {meaning} |")
    return "\n".join(lines)


def types_table() -> str:
    """Return a line for each way a value travels, with the MySQL types that go that way."""
    ways: dict[tuple[str, str], list[str]] = {}
    for mysql_type, rule in TYPES.items():
        way = (rule.wire.format(c="c"), rule.duckdb.format(p="p", s="s"))
        ways.setdefault(way, []).append(mysql_type)
    lines = ["| MySQL | asked for as | DuckDB |", "|---|---|---|"]
    for (wire, duckdb_type), mysql_types in ways.items():
        names = ", ".join(f"`{name}`" for name in mysql_types)
        lines.append(f"| {names} | {'native' if wire == 'c' else f'`{wire}`'} | `{duckdb_type}` |")
    return "\n".join(lines)


def recipes() -> set[str]:
    text = (ROOT / "justfile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*)[^:=\n]*:(?!=)", text, re.MULTILINE)) - {"default"}


def figures(kind: str, columns: int) -> str:
    """Return the table of a section of the benchmark's results, as far as the docs show it."""
    results = (ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8")
    sections = {part.split()[0].strip(":"): part for part in results.split("\n## ")[:0:-1]}
    table = re.findall(r"^\|.*$", sections[kind], re.MULTILINE)
    return "\n".join("|".join(row.split("|")[: columns + 1]) + "|" for row in table)


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= README_LINES


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_begins_with_what_its_reader_wants(name: str) -> None:
    title, first, *_ = PAGES[name].split("\n\n")
    assert title.startswith("# ")
    assert first.startswith("You want ")


def test_the_settings_are_all_there_as_they_are() -> None:
    assert settings_table() in PAGES["settings.md"]


def test_the_type_map_is_all_there_as_it_is() -> None:
    assert types_table() in PAGES["types.md"]


def test_every_command_has_its_recipe() -> None:
    assert main.commands.keys() - recipes() == set()


def test_every_recipe_is_there() -> None:
    assert "materialize" in recipes()
    shown = set(re.findall(r"just ([a-z][a-z-]*)", ALL))
    assert recipes() - shown == set()


@pytest.mark.parametrize(
    ("kind", "columns", "page"),
    [
        ("Load", 7, "performance.md"),
        ("Refresh", 4, "performance.md"),
        ("Plan", 5, "performance.md"),
        ("Saving", 8, "performance.md"),
        ("Line", 4, "connection.md"),
    ],
)
def test_the_figures_are_those_of_the_last_benchmark(kind: str, columns: int, page: str) -> None:
    shown = figures(kind, columns)
    assert shown.count("\n") >= 4
    assert shown in PAGES[page], f"{kind}: {page} shows other figures"


def test_the_version_has_its_place_in_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(project['version'])}\] - \d{{4}}-", changes, re.MULTILINE)


def test_each_dependency_carries_its_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    bare = [
        line
        for previous, line in pairwise(lines)
        if re.match(r'  "[a-z][\w\[\]-]+[><=]', line)
        and not previous.strip().startswith(("#", '"'))
    ]
    assert bare == []


if __name__ == "__main__":
    print(settings_table(), types_table(), sep="\n\n")
