"""What is told of a load: in its receipt, which lies in the file, and in the run's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from warehouse.assets.naming import Naming
from warehouse.assets.upstream import column_lineage
from warehouse.mysql.extract import Extraction, Invalid
from warehouse.mysql.plan import Plan
from warehouse.mysql.undated import Outside
from warehouse.store import ledger


def make_receipt(run_id: str, table: str, extraction: Extraction) -> ledger.Receipt:
    """Return the receipt of a load that is over."""
    return receipt_of(
        extraction.plan,
        run_id=run_id,
        table=table,
        seconds=extraction.seconds,
        rows=extraction.rows,
        size=extraction.bytes,
        query=extraction.sql,
        invalid_dates=_counted(extraction.invalid_dates),
        invalid_values=_counted(extraction.invalid_values),
        first_invalid={column: invalid.first for column, invalid in extraction.invalid.items()},
        instant=extraction.instant.words if extraction.instant else None,
    )


def receipt_of(
    plan: Plan,
    *,
    run_id: str,
    table: str,
    seconds: float,
    rows: int,
    size: int,
    query: str,
    invalid_dates: Mapping[str, int],
    invalid_values: Mapping[str, int],
    first_invalid: Mapping[str, str],
    instant: str | None,
) -> ledger.Receipt:
    """Return the receipt of a load that is over just now, see `ledger.Receipt`.

    Args:
        plan: By which it was read.
        run_id: Of the Dagster run.
        table: That was filled.
        seconds: From the query to the last row.
        rows: How many came.
        size: In how many bytes.
        query: The SQL.
        invalid_dates, invalid_values, first_invalid: What became NULL, by column.
        instant: Which instant of the source the rows show.
    """
    return ledger.Receipt(
        started_at=datetime.now(UTC) - timedelta(seconds=seconds),
        table_name=table,
        rows=rows,
        seconds=round(seconds, 3),
        bytes=size,
        server=plan.server.label or None,
        host=plan.server.socket or plan.server.host,
        port=plan.server.port,
        database=plan.server.database,
        source_table=plan.named.strip("`"),
        server_version=plan.server_version,
        binlog_position=plan.binlog,
        gtid=plan.gtid,
        source_version=plan.version,
        query=query,
        invalid_dates=invalid_dates,
        invalid_values=invalid_values,
        first_invalid=first_invalid,
        hidden_columns=plan.hidden or None,
        instant=instant,
        run_id=run_id,
    )


def _counted(invalid: Mapping[str, Invalid]) -> dict[str, int]:
    return {column: one.count for column, one in invalid.items()}


def origin(extraction: Extraction, naming: Naming) -> dict[str, Any]:
    """Return what is known before the first row, for the UI."""
    plan = extraction.plan
    known = {
        "server": plan.server.label,
        "binlog_position": plan.binlog,
        "gtid": plan.gtid,
        "source_version": plan.version,
        "hidden_columns": plan.hidden,
        "instant": extraction.instant.words if extraction.instant else None,
    }
    lineage = column_lineage(plan, naming)
    return {
        "source": f"{plan.server.address}/{plan.named.strip('`')}",
        "server_version": plan.server_version,
        "query": dg.MetadataValue.md(f"```sql\n{extraction.sql}\n```"),
        "select_statements": 1,
        **{name: value for name, value in known.items() if value},
        **({"dagster/column_lineage": lineage} if lineage else {}),
    }


def counts(receipt: ledger.Receipt) -> dict[str, Any]:
    """Return what was counted on the way, for the UI."""
    return {
        "seconds": receipt.seconds,
        "bytes": receipt.bytes,
        "rows_per_second": round(receipt.rows / max(receipt.seconds, 1e-3)),
        "invalid_dates": dg.MetadataValue.json(dict(receipt.invalid_dates)),
        "invalid_values": dg.MetadataValue.json(
            {
                column: {"count": count, "first": receipt.first_invalid[column]}
                for column, count in receipt.invalid_values.items()
            }
        ),
    }


def left_out(outside: Outside) -> dict[str, Any]:
    """Return for the UI what no load of days brings, if there is any."""
    return {"left_out": outside.words} if outside.words else {}
