"""A plan as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from warehouse.console.columns import Heading, print_table
from warehouse.project.check_files import severity
from warehouse.store.plan import Change, Plan

_HEADINGS = [
    Heading("asset"),
    Heading(""),
    *(Heading(name, right=True) for name in ("before", "after", "added", "removed", "changed")),
    Heading("by", least=8, rank=1),
    Heading("columns", least=12, rank=0),
]


def print_plan(plan: Plan) -> None:
    """Print a plan as a table, with a line on each check."""
    print_table(_HEADINGS, [_line(change) for change in plan.changes])
    for line in _notes(plan):
        click.echo(line)


def _notes(plan: Plan) -> list[str]:
    lines = [
        f"{change.name} cannot be computed: {change.error}"
        for change in plan.changes
        if change.error
    ]
    if plan.verdicts:
        passed = sum(verdict.passed for verdict in plan.verdicts)
        lines += ["", f"{passed} of {len(plan.verdicts)} checks passed."]
    for verdict in plan.verdicts:
        state = "passed" if verdict.passed else severity(verdict.check).upper()
        lines.append(f"{state}: {verdict.check.group}, {verdict.check.name}: {verdict.words}")
        lines += verdict.first_rows.splitlines()
    return lines


def as_json(plan: Plan) -> str:
    """Return a plan as one JSON object: `assets` and `checks`."""
    checks = [
        {
            "asset": verdict.check.group,
            "name": verdict.check.name,
            "severity": severity(verdict.check),
            "passed": verdict.passed,
            "rows": verdict.rows,
            "description": verdict.words,
        }
        for verdict in plan.verdicts
    ]
    assets = [asdict(change) for change in plan.changes]
    return json.dumps({"assets": assets, "checks": checks}, ensure_ascii=False, indent=2)


def _line(change: Change) -> tuple[str, ...]:
    counts = (
        change.rows_before,
        change.rows_after,
        *(count or None for count in (change.added, change.removed, change.changed)),
    )
    key = "whole rows" if change.key is None else ", ".join(change.key)
    compared = change.rows_before is not None and change.rows_after is not None
    return (
        change.name,
        change.kind,
        *("-" if count is None else f"{count:,}" for count in counts),
        key if compared else "",
        ", ".join(_columns(change)),
    )


def _columns(change: Change) -> list[str]:
    return [
        *(f"+{name} {type_}" for name, type_ in change.columns_added.items()),
        *(f"-{name}" for name in change.columns_removed),
        *(f"{name} {old} -> {new}" for name, (old, new) in change.columns_retyped.items()),
    ]
