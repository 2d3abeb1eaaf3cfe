"""The README's tables are the code's. `python -m tests.test_docs` prints them anew."""

import re
from itertools import pairwise

from warehouse.cli import main
from warehouse.mysql.types import TYPES
from warehouse.settings import ROOT, Settings

README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings_table() -> str:
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        lines.append(f"| `WAREHOUSE_{name.upper()}` | {default} | {field.description} |")
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


def test_the_settings_are_all_there_as_they_are() -> None:
    assert settings_table() in README


def test_the_type_map_is_all_there_as_it_is() -> None:
    assert types_table() in README


def test_every_command_has_its_recipe() -> None:
    assert main.commands.keys() - recipes() == set()


def test_every_recipe_is_there() -> None:
    assert "materialize" in recipes()
    shown = set(re.findall(r"just ([a-z][a-z-]*)", README))
    assert recipes() - shown == set()


def test_the_figures_are_those_of_the_last_benchmark() -> None:
    results = (ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8")
    sections = {part.split()[0].strip(":"): part for part in results.split("\n## ")[:0:-1]}
    for kind, columns in {"Load": 7, "Refresh": 4, "Saving": 8}.items():
        table = re.findall(r"^\|.*$", sections[kind], re.MULTILINE)
        assert len(table) > 5
        shown = ["|".join(row.split("|")[: columns + 1]) + "|" for row in table]
        assert "\n".join(shown) in README, f"{kind}: the README shows other figures"


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
