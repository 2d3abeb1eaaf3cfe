"""The source assets: the only assets that touch MySQL, each with one SELECT a materialization."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from warehouse.assets.automation import stale
from warehouse.assets.code_links import code_link
from warehouse.assets.load import Result, load_days, load_whole
from warehouse.assets.naming import Naming
from warehouse.assets.side_by_side import Loads
from warehouse.assets.source_queries import calendar_of
from warehouse.assets.source_server import source_server
from warehouse.assets.upstream import observing_step, upstream_key, upstream_keys
from warehouse.days.calendar import SEPARATOR
from warehouse.days.zones import duckdb_day
from warehouse.errors import step
from warehouse.mysql.plan import Days
from warehouse.mysql.server_errors import plain_errors
from warehouse.mysql.session import connect
from warehouse.mysql.version import table_version
from warehouse.project.project import Project
from warehouse.project.quoting import quoted
from warehouse.project.source_files import Source
from warehouse.project.source_query import TableName

GROUP = "sources"
MYSQL = "mysql"
"""The resource that holds a run's sessions with MySQL."""
KINDS = {"mysql", "duckdb", "table"}


def build_upstream(project: Project, naming: Naming) -> list[dg.AssetsDefinition]:
    """Make an observable asset of each table in MySQL that a source reads."""
    tables = {
        (source.server, table) for source in project.sources for table in source.facts.reads or ()
    }
    return [_observable(table, server, project, naming) for server, table in sorted(tables)]


def _observable(
    table: TableName, server_name: str, project: Project, naming: Naming
) -> dg.AssetsDefinition:
    key = upstream_key(table, naming, server_name)
    where = f" of {server_name}" if server_name else ""
    spec = dg.AssetSpec(
        key,
        group_name=GROUP,
        tags={"dagster/kind/mysql": ""},
        description=f"The table `{table.name}` in MySQL{where}. Observing it asks for the time of "
        "its last change, which reads no row. The data version differs when it may have changed.",
    )

    @dg.multi_observable_source_asset(  # type: ignore[untyped-decorator]
        name=naming.part(observing_step(table, server_name)), specs=[spec]
    )
    def observe(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        with step(f"Observing {'.'.join(key.path)}"):
            server = source_server(project.settings, context.log.info, server_name)
            with connect(server) as connection, plain_errors(server):
                version = table_version(connection, table.database or server.database, table.name)
        if version is None:
            # Never the same twice: what cannot be told may have changed.
            version = f"unknown, asked in run {context.run_id}"
        yield dg.ObserveResult(
            data_version=dg.DataVersion(version), metadata={"source_version": version}
        )

    observable: dg.AssetsDefinition = observe
    return observable


def build_source(source: Source, project: Project, naming: Naming) -> dg.AssetsDefinition:
    """Make the asset of a source. One with days has them as its partitions."""
    build = _by_days if source.days else _as_a_whole
    return build(source, project, naming)


def _freshness(source: Source) -> dg.FreshnessPolicy:
    minutes = source.freshness or source.settings.freshness_minutes
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(minutes=minutes))


def _description(source: Source) -> str:
    order = " A table has no order: the ORDER BY of the file asks MySQL for work that is lost."
    return source.description + order * source.facts.ordered


def _as_a_whole(source: Source, project: Project, naming: Naming) -> dg.AssetsDefinition:
    mysql = naming.part(MYSQL)

    @dg.asset(
        key=naming.key(source.name),
        io_manager_key=naming.io_manager_key,
        group_name=GROUP,
        kinds=KINDS,
        owners=source.owners,
        deps=upstream_keys(source, naming),
        metadata=code_link(source.file),
        freshness_policy=_freshness(source),
        automation_condition=stale(source.settings.freshness_minutes),
        description=_description(source),
        required_resource_keys={mysql},
    )
    def materialize(context: dg.AssetExecutionContext) -> Iterator[Result]:
        loads: Loads = getattr(context.resources, mysql)
        with step(f"Loading {source.name}"):
            if source.settings.spark is None:
                yield from load_whole(context, source, project, loads, naming)
            else:
                from warehouse.assets.on_spark.sources import load

                yield from load(context, source, project, naming)

    return materialize


def _by_days(source: Source, project: Project, naming: Naming) -> dg.AssetsDefinition:
    column = source.days
    assert column
    calendar = calendar_of(source)

    @dg.asset(
        key=naming.key(source.name),
        io_manager_key=naming.io_manager_key,
        group_name=GROUP,
        kinds=KINDS,
        owners=source.owners,
        deps=upstream_keys(source, naming),
        # What `Calendar.span` says, in Dagster's words.
        partitions_def=dg.DailyPartitionsDefinition(
            start_date=calendar.start.isoformat(), timezone=calendar.zone, end_offset=1
        ),
        backfill_policy=dg.BackfillPolicy.single_run(),
        metadata={
            "partition_expr": duckdb_day(quoted(column.name), column.zone),
            **code_link(source.file),
        },
        freshness_policy=_freshness(source),
        automation_condition=stale(source.settings.freshness_minutes)
        & dg.AutomationCondition.in_latest_time_window(),
        description=_description(source),
        required_resource_keys={naming.part(MYSQL)},
    )
    def materialize(context: dg.AssetExecutionContext) -> Iterator[Result]:
        window = context.partition_time_window
        # Written by hand, a run's tags name days that Dagster lets pass.
        named = f"{window.start.date()}{SEPARATOR}{window.end.date() - timedelta(days=1)}"
        days = Days(column.name, (calendar.parse_range(named),), column.zone)
        with step(f"Loading {source.name}"):
            if source.settings.spark is None:
                yield from load_days(context, source, list(project.views), days, naming)
            else:
                from warehouse.assets.on_spark.sources import load

                yield from load(context, source, project, naming, days)

    return materialize
