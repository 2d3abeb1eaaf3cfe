"""The tables in MySQL that sources read, as Dagster knows them."""

from __future__ import annotations

import re

import dagster as dg

from warehouse.assets.naming import Naming
from warehouse.mysql.plan import Plan
from warehouse.project.lineage import trace
from warehouse.project.source_files import Source
from warehouse.project.source_query import TableName


def upstream_key(table: TableName, naming: Naming) -> dg.AssetKey:
    """Return the key of a table in MySQL: that of the connection's database has no database.

    Dagster takes letters, digits and _ only; another character is written by its number.
    """
    path = [part for part in (table.database, table.name) if part]
    return naming.key("mysql", *(_plain(part) for part in path))


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", lambda found: f"_{ord(found[0]):x}_", name)


def upstream_keys(source: Source, naming: Naming) -> list[dg.AssetKey]:
    """Return the keys of the tables in MySQL that a source reads, as far as that can be told."""
    return [upstream_key(table, naming) for table in sorted(source.facts.reads or ())]


def column_lineage(plan: Plan, naming: Naming) -> dg.TableColumnLineage | None:
    """Return which columns of tables in MySQL the columns of a source are made of.

    What cannot be told is left out; None if nothing can.
    """
    reads = {table.name.lower(): table for table in plan.query.facts.reads or ()}
    columns = [column.name for column in plan.columns]
    found = trace(plan.query.sql, columns, plan.tables, dialect="mysql").sources
    lineage = {
        name: [
            dg.TableColumnDep(upstream_key(reads[source.table.lower()], naming), source.name)
            for source in each
            if source.table.lower() in reads
        ]
        for name, each in found.items()
    }
    return dg.TableColumnLineage(lineage) if lineage else None
