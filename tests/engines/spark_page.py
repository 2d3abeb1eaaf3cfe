"""`python -m tests.engines.spark_page` writes the tables of docs/spark-sql.md from the rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from warehouse.engines.spark.rule import Rule
from warehouse.engines.spark.rules import ALIASES, TOPICS
from warehouse.settings import ROOT

PAGE = ROOT / "docs" / "spark-sql.md"


def tables() -> str:
    """Return a part of the page for each topic of the rules."""
    return "\n\n".join(f"## {topic}\n\n{_topic(rules)}" for topic, rules in TOPICS.items())


def _topic(rules: Iterable[Rule]) -> str:
    rules = list(rules)
    plain = [rule for rule in rules if rule.spark is not None and not rule.why]
    written = [rule for rule in rules if rule.spark is not None and rule.why]
    refused = [rule for rule in rules if rule.spark is None]
    parts = []
    if plain:
        lines = ["| as they are |", "|---|"]
        lines.append(f"| {', '.join(dict.fromkeys(map(_shown, plain)))} |")
        parts.append("\n".join(lines))
    if written:
        lines = ["| written otherwise | why |", "|---|---|"]
        lines += [f"| {names} | {why} |" for names, why in _grouped(written)]
        parts.append("\n".join(lines))
    if refused:
        lines = ["| refused | why | what to do |", "|---|---|---|"]
        lines += [f"| {names} | {why} |" for names, why in _grouped(refused)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _grouped(rules: Iterable[Rule]) -> Iterator[tuple[str, str]]:
    """Yield the constructs of one reason together."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        reasons = [rule.why] if rule.spark is not None else [rule.why, rule.instead]
        why = " | ".join(reason.replace("|", "\\|") for reason in reasons)
        found.setdefault(why[0].upper() + why[1:], []).append(_shown(rule))
    for why, names in found.items():
        yield ", ".join(dict.fromkeys(names)), why


def _shown(rule: Rule) -> str:
    """Return an example of a construct, with its other names."""
    others = [alias for alias, name in ALIASES.items() if name == rule.name]
    others = others if rule.name.isidentifier() else []
    example = rule.probes[0] if rule.probes else rule.construct
    example = example.replace("|", "\\|")
    return f"`{example}`" + (f" ({', '.join(f'`{other}`' for other in others)})" if others else "")


def page() -> str:
    """Return the whole page: what is written by hand, and then the tables of the rules."""
    by_hand = PAGE.read_text(encoding="utf-8").partition(f"## {next(iter(TOPICS))}\n")[0]
    return f"{by_hand}{tables()}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
