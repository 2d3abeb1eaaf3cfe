"""The tables in MySQL that sources read, as Dagster knows them."""

from __future__ import annotations

import re

import dagster as dg

from warehouse.assets.naming import Naming
from warehouse.mysql.plan import Plan
from warehouse.project.lineage import trace
from warehouse.project.source_files import Source
from warehouse.project.source_query import TableName

_SPECIAL = r"[^A-Za-z0-9_]"


def upstream_key(table: TableName, naming: Naming, server: str = "") -> dg.AssetKey:
    """Return the key of a table in MySQL: that of the connection's database has no database.

    It begins with `mysql`, or `mysql_crm` for the server that source files call crm.
    """
    path = [part for part in (table.database, table.name) if part]
    return naming.key(f"mysql_{server}" if server else "mysql", *map(as_identifier, path))


def observing_step(table: TableName, server: str) -> str:
    """Return the name of the step that observes a table in MySQL.

    Of its own: Dagster's would be the same for the table `a__b` and the table `b` of a database
    `a`, and it takes no name twice.
    """
    parts = filter(None, (server and f"from {server}", table.database, table.name))
    return f"observe_{as_identifier(chr(0).join(parts))}"


def as_identifier(name: str) -> str:
    """Write a name with letters, digits and _ only, as Dagster wants it; no two come out the same.

    Most stay as they are. Another character is written by its number, in hexadecimal: `__20_` for
    a space. What looks so by itself has its first _ written by number.
    """
    return re.sub(
        rf"{_SPECIAL}|_(?=_[0-9a-f]+(?:_|{_SPECIAL}))",
        lambda found: f"__{ord(found[0]):x}_",
        name,
    )


def upstream_keys(source: Source, naming: Naming) -> list[dg.AssetKey]:
    """Return the keys of the tables in MySQL that a source reads, as far as that can be told."""
    tables = sorted(source.facts.reads or ())
    return [upstream_key(table, naming, source.server) for table in tables]


def column_lineage(plan: Plan, naming: Naming) -> dg.TableColumnLineage | None:
    """Return which columns of tables in MySQL the columns of a source are made of.

    What cannot be told is left out; None if nothing can.
    """
    star, server = plan.query.facts.star_of, plan.server.label
    if star:  # nothing is to be traced, and a run has many of these
        key = upstream_key(star, naming, server)
        names = [column.name for column in plan.columns]
        return dg.TableColumnLineage({name: [dg.TableColumnDep(key, name)] for name in names})
    reads = {table.name.lower(): table for table in plan.query.facts.reads or ()}
    columns = [column.name for column in plan.columns]
    found = trace(plan.query.sql, columns, plan.tables, dialect="mysql").sources
    lineage = {
        name: [
            dg.TableColumnDep(
                upstream_key(reads[source.table.lower()], naming, server), source.name
            )
            for source in each
            if source.table.lower() in reads
        ]
        for name, each in found.items()
    }
    return dg.TableColumnLineage(lineage) if lineage else None
