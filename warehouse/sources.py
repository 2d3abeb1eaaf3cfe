"""The source assets: the only assets that touch MySQL, each with one SELECT a materialization."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import duckdb

from warehouse.mysql.extract import Extraction, open_extraction
from warehouse.mysql.url import Server, parse_url
from warehouse.progress import Progress
from warehouse.settings import Settings, load_settings
from warehouse.store import ledger, snapshots
from warehouse.store.io_manager import TableStream
from warehouse.views import View, check_views, load_views, stored_versions, write_views

SOURCES = ("mysql_orders",)
KNOWN_TABLES = (*SOURCES, ledger.TABLE)
"""What a view may read besides other views."""


@dg.asset(
    group_name="sources",
    kinds={"mysql", "duckdb", "table"},
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=timedelta(minutes=load_settings().freshness_minutes)
    ),
    description="MySQL's `orders`, loaded with one SELECT into this file. It is the cache: it "
    "lasts until this asset is materialized again, and everything downstream reads it, not MySQL.",
)
def mysql_orders(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[TableStream]]:
    """Load the table `WAREHOUSE_ORDERS_TABLE` of `WAREHOUSE_MYSQL_URL`."""
    settings = load_settings()
    with _server(settings, context.log.info) as server:
        extraction = open_extraction(
            server,
            settings.orders_table,
            where=settings.orders_where,
            comment=f"warehouse asset=mysql_orders run={context.run.run_id}",
            reader=settings.mysql_reader,
            budget_seconds=settings.query_budget_seconds,
        )
        views = load_views(KNOWN_TABLES)
        _check_views(settings, views, extraction)
        yield dg.MaterializeResult(
            value=_stream(context, extraction, views), metadata=_origin(extraction)
        )
        context.log.info(
            f"{extraction.rows:,} rows came in {extraction.seconds:.1f} s. They are stored in the "
            f"table mysql_orders of {settings.path}; everything downstream reads that file, not "
            "MySQL."
        )


@contextmanager
def _server(settings: Settings, say: Callable[[str], None]) -> Iterator[Server]:
    """Find the MySQL of the settings; with none set, run the embedded sample server."""
    if settings.mysql_url is not None:
        yield parse_url(settings.mysql_url.get_secret_value())
        return
    from warehouse.sample.server import serve

    with serve() as sample:
        say(
            "WAREHOUSE_MYSQL_URL is not set: the source is the embedded sample server, which "
            f"speaks MySQL's protocol on port {sample.port} over data/orders.csv."
        )
        yield parse_url(sample.url)


def _check_views(settings: Settings, views: list[View], extraction: Extraction) -> None:
    """See that the views will work on the columns to come, before MySQL is asked for a row."""
    tables: dict[str, dict[str, str]] = {}
    if snapshots.newest(settings.path):
        with snapshots.read(settings.path) as connection:
            for table, column, type_ in connection.execute(
                "SELECT table_name, column_name, data_type FROM duckdb_columns() "
                "WHERE schema_name = 'main' AND NOT internal "
                "AND table_name IN (SELECT table_name FROM duckdb_tables())"
            ).fetchall():
                tables.setdefault(table, {})[column] = type_
    tables["mysql_orders"] = {c.name: c.duckdb_type for c in extraction.plan.columns}
    check_views(views, tables)


def _stream(
    context: dg.AssetExecutionContext, extraction: Extraction, views: list[View]
) -> TableStream:
    """Give the rows to the I/O manager, with what is to be published together with them."""
    plan = extraction.plan

    def batches() -> Iterator[Any]:
        context.log.info(
            f"Querying MySQL: one SELECT of `{plan.table}` at {plan.server.name} "
            f"(MySQL {plan.server_version}, about {plan.rows_estimate:,} rows), "
            f"read with {extraction.reader}."
        )
        progress = Progress(context.log.info, "mysql_orders", plan.rows_estimate)

        def on_progress(rows: int, seconds: float) -> None:
            stream.check()
            progress.update(rows, seconds)

        try:
            yield from extraction.batches(on_progress)
        finally:
            progress.close()

    def finish(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Any]:
        receipt = _receipt(context.run.run_id, extraction)
        ledger.record(connection, receipt)
        # A view whose text changed with its columns goes out with them, in one snapshot.
        write_views(connection, views, only=stored_versions(connection))
        for column, count in receipt.invalid_dates.items():
            context.log.warning(
                f"`{column}`: {count:,} zero, partial or impossible dates in MySQL, NULL here."
            )
        return _counts(receipt)

    stream = TableStream(
        schema=extraction.schema,
        batches=batches(),
        select=", ".join(column.rebuild for column in plan.columns),
        finish=finish,
    )
    return stream


def _receipt(run_id: str, extraction: Extraction) -> ledger.Receipt:
    plan = extraction.plan
    return ledger.Receipt(
        started_at=datetime.now(UTC) - timedelta(seconds=extraction.seconds),
        table_name="mysql_orders",
        rows=extraction.rows,
        seconds=round(extraction.seconds, 3),
        bytes=extraction.bytes,
        host=plan.server.socket or plan.server.host,
        port=plan.server.port,
        database=plan.server.database,
        source_table=plan.table,
        server_version=plan.server_version,
        binlog_position=plan.binlog,
        gtid=plan.gtid,
        query=extraction.sql,
        invalid_dates=extraction.invalid_dates,
        run_id=run_id,
    )


def _origin(extraction: Extraction) -> dict[str, Any]:
    """Return the part of the receipt that is known before the first row, for the UI."""
    plan = extraction.plan
    return {
        "source": f"{plan.server.address}/{plan.table}",
        "server_version": plan.server_version,
        "reader": extraction.reader,
        "query": dg.MetadataValue.md(f"```sql\n{extraction.sql}\n```"),
        "select_statements": 1,
    } | {
        name: value
        for name, value in {"binlog_position": plan.binlog, "gtid": plan.gtid}.items()
        if value
    }


def _counts(receipt: ledger.Receipt) -> dict[str, Any]:
    """Return the part of the receipt that was counted on the way, for the UI."""
    return {
        "seconds": receipt.seconds,
        "bytes": receipt.bytes,
        "rows_per_second": round(receipt.rows / max(receipt.seconds, 1e-3)),
        "invalid_dates": dg.MetadataValue.json(dict(receipt.invalid_dates)),
    }
