"""The asset graph is what `graph.txt` says. `python -m tests.test_graph` writes that file anew."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.conftest import WarehouseEnv
from warehouse.settings import ROOT

FILE = ROOT / "tests" / "graph.txt"
WRITE = "python -m tests.test_graph"
DAYS = ("2025-11-02", "2025-11-02")


def graph(env: WarehouseEnv) -> str:
    """Build each asset once, and tell what the UI knows of it: what it is, and its columns."""
    from warehouse.definitions import defs

    built = {
        event.asset_key: event.step_materialization_data.materialization.metadata
        for result in (env.run(), env.run("mysql_orders_daily+", days=DAYS))
        for event in result.get_asset_materialization_events()
    }
    comments = {
        (table, column): comment
        for table, column, comment in env.query(
            "SELECT table_name, column_name, comment FROM duckdb_columns()"
        )
    }
    assets = defs.resolve_asset_graph()
    parts = []
    for key in sorted(assets.get_all_asset_keys()):
        node = assets.get(key)
        told = {
            "group": node.group_name,
            "kinds": ", ".join(sorted(node.kinds)),
            "owners": ", ".join(node.owners),
            "virtual": "yes" if node.is_virtual else "",
            "code": _code(node.metadata),
            "reads": ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys)),
            "partitions": type(node.partitions_def).__name__ if node.partitions_def else "",
            "backfill": node.backfill_policy.policy_type.value if node.backfill_policy else "",
            "freshness": type(node.freshness_policy).__name__ if node.freshness_policy else "",
            "automation": _said(node.automation_condition) if node.automation_condition else "",
            "checks": ", ".join(sorted(check.name for check in node.check_keys)),
        }
        lines = [key.to_user_string(), *(f"  {k}: {v}" for k, v in told.items() if v)]
        lines += _columns(key.to_user_string(), built.get(key, {}), comments)
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _code(metadata: Mapping[str, Any]) -> str:
    """Return the files an asset links to, without lines, which change with each edit.

    A table in MySQL has none: it stands in the file of each source that reads it.
    """
    linked = metadata.get("dagster/code_references")
    references = linked.code_references if linked else []
    return ", ".join(str(Path(each.file_path).relative_to(ROOT)) for each in references)


def _said(condition: Any) -> str:
    operands = getattr(condition, "operands", ())
    joined = f" {condition.name} ".join(map(_said, operands))
    return str(condition.get_label() or joined or condition.name)


def _columns(
    asset: str, metadata: Mapping[str, Any], comments: Mapping[tuple[str, str], str | None]
) -> Iterator[str]:
    """Return a line for each column: its type, the columns it is made of, its comment."""
    if "dagster/column_schema" not in metadata:
        return
    lineage = metadata.get("dagster/column_lineage")
    deps = lineage.value.deps_by_column if lineage else {}
    yield "  columns:"
    for column in metadata["dagster/column_schema"].value.columns:
        sources = ", ".join(
            f"{dep.asset_key.to_user_string()}.{dep.column_name}"
            for dep in deps.get(column.name, [])
        )
        comment = comments[asset, column.name]
        yield (
            f"    {column.name} {column.type}"
            + (f" <- {sources}" if sources else "")
            + (f" -- {comment}" if comment else "")
        )


def test_the_graph_is_what_it_was(warehouse_env: WarehouseEnv) -> None:
    was = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    now = graph(warehouse_env)
    diff = difflib.unified_diff(was.splitlines(), now.splitlines(), "graph.txt", "now", lineterm="")
    if was != now:
        pytest.fail(
            "\n".join(["The graph changed.", *diff, f"If it should have: {WRITE}"]), pytrace=False
        )


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        FILE.write_text(graph(WarehouseEnv(Path(folder), patch, lambda: instance)), "utf-8")
