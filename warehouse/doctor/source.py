"""The checks of MySQL: the connection, the account, and the table. No row is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from warehouse.assets.tables import DAY_COLUMN, KNOWN_TABLES, ORDERS, ORDERS_DAILY, UPDATED
from warehouse.days.calendar import span
from warehouse.doctor.context import Case
from warehouse.doctor.findings import Finding, ok, warning
from warehouse.errors import WarehouseError
from warehouse.mysql import inspect
from warehouse.mysql.plan import Days, check_days, quote
from warehouse.mysql.server_errors import plain_errors
from warehouse.mysql.undated import ask_outside, is_led_by
from warehouse.project.view_files import load_views
from warehouse.store.views import check_views

"""DuckDB may keep MySQL waiting for a moment while it writes; the usual 60 are plenty."""


def connection(case: Case) -> Iterator[Finding]:
    """See that MySQL answers, and how far away it is."""
    with plain_errors(case.server):
        version = inspect.server_version(case.connection)
        milliseconds = inspect.round_trip_seconds(case.connection) * 1000
    yield ok(f"{case.server.name} answers in {milliseconds:.1f} ms. It is {version}.")


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
            "Use an account with no more than\n"
            f"GRANT SELECT ON {quote(server.database)}.{quote(case.settings.orders_table)} TO …;",
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


def table(case: Case) -> Iterator[Finding]:
    """See that the table is there, and that each column has a type that can be loaded."""
    plan = case.plan
    yield ok(
        f"`{plan.table}`: {len(plan.columns)} columns, each with a rule for its type; about "
        f"{plan.rows_estimate:,} rows."
    )
    if plan.hidden:
        yield warning(
            f"The account may not read all columns of `{plan.table}`: a load leaves out "
            f"{plan.hidden}.",
            "Ask for SELECT on the table, if they are needed.",
        )
    if plan.binlog:
        yield ok(f"The binary log stands at {plan.binlog}: receipts will say so.")
    else:
        yield ok("The binary log's position is not noted: there is none, or it may not be seen.")


def select(case: Case) -> Iterator[Finding]:
    """See that MySQL takes the load's own SELECT: its privileges, and the operator's WHERE."""
    where = case.settings.orders_where
    sql = case.plan.select(where, "warehouse doctor: no rows")
    inspect.check_select(case.connection, case.server, sql)
    yield ok(f"MySQL accepts the SELECT{' with WAREHOUSE_ORDERS_WHERE' * bool(where)}.")


def views(case: Case) -> Iterator[Finding]:
    """See that the views will work on the table's columns."""
    views = load_views(KNOWN_TABLES)
    columns = {column.name: column.duckdb_type for column in case.plan.columns}
    check_views(views, {ORDERS: columns, ORDERS_DAILY: columns})
    yield ok(f"All {len(views)} views work on these columns.")


def index(case: Case) -> Iterator[Finding]:
    """See that the days can be found without reading the whole table."""
    plan, server = case.plan, case.server
    try:
        check_days(plan, DAY_COLUMN)
    except WarehouseError as error:
        yield warning(error.what, error.todo)
        return
    if "mimic" in plan.server_version:
        yield ok("The sample server needs none.")
        return
    if inspect.is_view(case.connection, server, plan.table):
        yield ok(f"`{plan.table}` is a view: look at the indexes of the tables under it.")
        return
    found = inspect.indexes(case.connection, server, plan.table)
    wanted = (DAY_COLUMN, UPDATED) if plan.column(UPDATED) else (DAY_COLUMN,)
    names = ", ".join(wanted)
    if any(index.columns[: len(wanted)] == wanted for index in found):
        yield ok(f"There is one on ({names}): days and their fingerprints are found by it.")
        return
    by_day = any(index.columns[0] == DAY_COLUMN for index in found)
    yield warning(
        f"There is one on {DAY_COLUMN}, but none on ({names}): `just refresh` reads the rows of "
        "all days for their fingerprints."
        if by_day
        else f"There is none on {DAY_COLUMN}: each load of some days of {ORDERS_DAILY} reads the "
        f"whole table. {ORDERS} alone needs none.",
        "Ask the DBA for it:\n"
        f"CREATE INDEX {plan.table}_by_day ON {quote(server.database)}.{quote(plan.table)} "
        f"({names});",
    )


def days(case: Case) -> Iterator[Finding]:
    """Say which rows no day of the table holds, where an index tells without reading the table."""
    column = case.plan.column(DAY_COLUMN)
    found = inspect.indexes(case.connection, case.server, case.plan.table)
    if case.settings.orders_where or not column or not is_led_by(found, DAY_COLUMN):
        yield ok(f"The rows of no day were not counted: a load of {ORDERS_DAILY} counts them.")
        return
    range_ = Days(DAY_COLUMN, (span(),))
    with plain_errors(case.server):
        outside = ask_outside(case.connection, case.plan, range_, None, "warehouse doctor: days")
    if outside.undated:
        yield warning(outside.words, f"Give them a day in MySQL's `{DAY_COLUMN}`.")
    else:  # those before the first day are left out because a setting says so
        yield ok(outside.words or "Each row is of a day that is loaded.")
