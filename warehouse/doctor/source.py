"""The checks of MySQL: the connection, the account, and each source. No row is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from warehouse.assets.source_queries import calendar_of
from warehouse.doctor.context import Case
from warehouse.doctor.findings import Finding, Verdict, failure, ok, warning
from warehouse.errors import WarehouseError
from warehouse.mysql import inspect
from warehouse.mysql.checksum import stored_name
from warehouse.mysql.columns import quote
from warehouse.mysql.plan import Days, Plan, check_days
from warehouse.mysql.server_errors import plain_errors
from warehouse.mysql.undated import ask_outside, is_led_by
from warehouse.project.source_files import DayColumn, Source
from warehouse.store.views import find_broken


def connection(case: Case) -> Iterator[Finding]:
    """See that MySQL answers, and how far away it is."""
    with plain_errors(case.server):
        version = inspect.server_version(case.connection)
        milliseconds = inspect.round_trip_seconds(case.connection) * 1000
    server = replace(case.server, label="")  # each line of this check begins with it
    yield ok(f"{server.name} answers in {milliseconds:.1f} ms. It is {version}.")


def encryption(case: Case) -> Iterator[Finding]:
    """See that nobody between here and there can read along, or pose as the server."""
    yield judge_encryption(
        inspect.tls(case.connection),
        verified=case.server.tls.startswith("verify"),
        remote=not inspect.on_this_machine(case.server),
    )


def judge_encryption(tls: inspect.Tls | None, *, verified: bool, remote: bool) -> Finding:
    """Judge a connection. On this machine nobody stands between."""
    if tls is None:
        if remote:
            return warning(
                "The connection goes over the network and is not encrypted: the rows can be read "
                "on the way.",
                "Add ?ssl_ca=/path/ca.pem to WAREHOUSE_MYSQL_URL, or at least ?ssl_mode=required.",
            )
        return ok("Not encrypted, and it does not leave this machine.")
    how = f"Encrypted with {tls.version} ({tls.cipher})"
    if verified:
        return ok(f"{how}; the server's certificate is verified.")
    if remote:
        return warning(
            f"{how}, but nobody verified that the server is the one that it says it is.",
            "Add ?ssl_ca=/path/ca.pem to WAREHOUSE_MYSQL_URL.",
        )
    return ok(f"{how}; the server's certificate is not verified.")


def privileges(case: Case) -> Iterator[Finding]:
    """See that the account can do no more than it has to."""
    grants = inspect.writing_grants(case.connection)
    if grants is None:
        yield ok("The server does not tell what the account may do.")
    elif grants:
        shown = "; ".join(f"{', '.join(grant.privileges)} on {grant.where}" for grant in grants)
        server = case.server
        yield warning(
            f"The account can write: {shown}. The warehouse only reads, in read-only sessions.",
            f"Use an account with no more than\nGRANT SELECT ON {quote(server.database)}.* TO …;",
        )
    else:
        yield ok("The account can write nothing.")


def limits(case: Case) -> Iterator[Finding]:
    """See that the server will not cut a long answer short."""
    found = inspect.limits(case.connection)
    budget = case.settings.query_budget_seconds
    longest = found.get("max_statement_time") or found.get("max_execution_time") or 0
    if longest and budget is None:
        yield warning(
            f"The server stops each query after {longest:g} s, the load as well.",
            "Set WAREHOUSE_QUERY_BUDGET_SECONDS to what a load may take.",
        )
    elif budget is not None:
        yield ok(f"A query may take {budget:g} s (WAREHOUSE_QUERY_BUDGET_SECONDS).")
    else:
        yield ok("A query may take as long as it takes.")


def sources(case: Case) -> Iterator[Finding]:
    """See that MySQL takes the SELECT of each source, and that each column can be loaded."""
    for name, plan in case.plans.items():
        if isinstance(plan, WarehouseError):
            yield failure(f"{name}: {plan.what}", plan.todo)
            continue
        about = f", about {plan.rows_estimate:,} rows" if plan.rows_estimate else ""
        where = f" of {plan.server.label}" if plan.server.label else ""
        yield ok(f"{name}: {len(plan.columns)} columns of {plan.named}{where}{about}.")
        if plan.hidden:
            yield warning(
                f"{name}: the account may not read all columns of {plan.named}: a load leaves "
                f"out {plan.hidden}.",
                "Ask for SELECT on the table, if they are needed.",
            )
    for _, plan in case.planned:
        if plan.binlog:
            yield ok(f"The binary log stands at {plan.binlog}: receipts will say so.")
        else:
            yield ok(
                "The binary log's position is not noted: there is none, or it may not be seen."
            )
        break


def views(case: Case) -> Iterator[Finding]:
    """See that the views will work on the columns of the sources."""
    columns = {
        source.name: {column.name: column.duckdb_type for column in plan.columns}
        for source, plan in case.planned
    }
    broken = find_broken(case.project.views, columns)
    for error in broken.values():
        yield failure(error.what, error.todo)
    unplanned = list(_unplanned(case, case.project.sources))
    yield from unplanned
    if not broken and not unplanned:
        yield ok(f"All {len(case.project.views)} views work on these columns.")


def index(case: Case) -> Iterator[Finding]:
    """See that the days of each source can be found without reading the whole table."""
    if not case.project.with_days:
        yield ok("No source has days.")
    yield from _unplanned(case, case.project.with_days)
    for source, plan in case.planned:
        if source.days:
            yield from _index(case, source, plan, source.days.name)


def _index(case: Case, source: Source, plan: Plan, day: str) -> Iterator[Finding]:
    try:
        check_days(plan, day)
    except WarehouseError as error:
        yield warning(error.what, error.todo)
        return
    if "mimic" in plan.server_version:
        yield ok(f"{source.name}: the sample server needs none.")
        return
    if plan.table is None:
        yield ok(f"{source.name}: it is more than one table; look at the indexes of those.")
        return
    if inspect.is_view(case.at(source.server).connection, plan.table):
        yield ok(f"{source.name}: {plan.named} is a view; look at the indexes of the tables in it.")
        return
    found = inspect.indexes(case.at(source.server).connection, plan.table)
    columns = [plan.column(name) for name in (day, source.updated) if name]
    wanted = tuple(stored_name(column) for column in columns if column)
    names = ", ".join(wanted)
    if any(index.columns[: len(wanted)] == wanted for index in found):
        yield ok(f"{source.name}: there is one on ({names}), by which days are found.")
        return
    by_day = any(index.columns[0] == wanted[0] for index in found)
    schema, table = plan.table
    yield warning(
        f"{source.name}: there is one on {wanted[0]}, but none on ({names}): `just refresh` reads "
        "the rows of all days for their fingerprints."
        if by_day
        else f"{source.name}: there is none on {wanted[0]}: each load of some days reads the whole "
        "table.",
        f"Ask the DBA for it:\nCREATE INDEX {table}_by_day ON {quote(schema)}.{quote(table)} "
        f"({names});",
    )


def days(case: Case) -> Iterator[Finding]:
    """Say which rows no day of a source holds, where an index tells without reading the table."""
    if not case.project.with_days:
        yield ok("No source has days.")
    yield from _unplanned(case, case.project.with_days)
    for source, plan in case.planned:
        if source.days:
            yield _outside(case, source, plan, source.days)


def _unplanned(case: Case, sources: Iterable[Source]) -> Iterator[Finding]:
    """Say of which of these sources nothing can be said."""
    for source in sources:
        if isinstance(case.plans[source.name], WarehouseError):
            yield Finding(
                Verdict.NOT_CHECKED, f"{source.name}: MySQL must take it first.", "Mend that first."
            )


def _outside(case: Case, source: Source, plan: Plan, column: DayColumn) -> Finding:
    try:
        check_days(plan, column.name)
    except WarehouseError as error:
        return Finding(Verdict.NOT_CHECKED, error.what, error.todo)
    found = inspect.indexes(case.at(source.server).connection, plan.table)
    if not is_led_by(found, plan.column(column.name)):
        return ok(f"{source.name}: a load counts its rows of no day.")
    every = Days(column.name, (calendar_of(source).span,), column.zone)
    there = case.at(source.server)
    with plain_errors(there.server):
        outside = ask_outside(there.connection, plan, every, "warehouse doctor: days")
    if outside.undated:
        todo = f"Give them a day in MySQL's `{column.name}`."
        return warning(f"{source.name}: {outside.words}", todo)
    # Those before the first day are left out because a setting or a note says so.
    return ok(f"{source.name}: {outside.words or 'each row is of a day that is loaded.'}")
