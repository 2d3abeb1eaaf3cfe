"""A refresh reads only the days that changed, and then the cache is what MySQL is."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import WarehouseEnv
from tests.servers.launch import READER, Database
from tests.servers.loading import orders
from tests.servers.orders import insert, make_orders, order
from tests.servers.test_once import reads_orders
from warehouse.assets.refresh import Difference, compare, difference
from warehouse.cli import main
from warehouse.days.ranges import ranges
from warehouse.errors import WarehouseError
from warehouse.mysql.fingerprints import ask_days
from warehouse.mysql.plan import Days, describe
from warehouse.mysql.url import parse_url
from warehouse.project.source_files import Source
from warehouse.store import snapshots

START = date(2026, 10, 1)
DAILY = "mysql_orders_daily"
DAYS = [f"2026-10-0{day}" for day in range(1, 7)]
OLD = "2026-01-01 00:00:00"


@pytest.fixture
def shop(server: Database, warehouse_env: WarehouseEnv) -> Database:
    """Two orders a day, last updated long ago."""
    make_orders(
        server,
        [
            order(2 * n + k, order_date=day, updated_at=OLD)
            for n, day in enumerate(DAYS)
            for k in (1, 2)
        ],
    )
    warehouse_env.configure(mysql_url=server.url(), max_shrink=1, daily_start=START)
    return server


def daily(env: WarehouseEnv) -> Source:
    """Return the source with days."""
    return env.project.by_name[DAILY]


def differs(env: WarehouseEnv) -> Difference:
    """Compare it with MySQL."""
    return difference(daily(env), lambda _: None, "a test")


def refresh(env: WarehouseEnv) -> list[tuple[str, str]]:
    """Load what differs, and return the ranges."""
    with compare(daily(env), lambda _: None, "a test") as compared:
        if not compared.sure and not compared.result().cached:
            days = compared.result().days
            env.run(DAILY, days=(str(days[0]), str(days[-1])))
        elif not compared.result().none:
            env.refresh([compared])
        return [(str(first), str(last)) for first, last in ranges(compared.result().days)]


def both(shop: Database, env: WarehouseEnv) -> tuple[list[object], list[object]]:
    """Return MySQL's rows and the cache's."""
    columns = "id, status, CAST(amount AS CHAR), CAST(order_date AS CHAR)"
    there = shop.run(f"SELECT {columns} FROM orders ORDER BY id")
    here = env.query(f"SELECT {columns.replace('CHAR', 'VARCHAR')} FROM {DAILY} ORDER BY id")
    return [tuple(map(str, row)) for row in there], [tuple(map(str, row)) for row in here]


def test_only_what_changed_is_read(shop: Database, warehouse_env: WarehouseEnv) -> None:
    ((first, last),) = refresh(warehouse_env)
    assert first == str(START)
    assert last > "2026-10-31"
    assert refresh(warehouse_env) == []

    shop.run(
        "UPDATE orders SET amount = 77, updated_at = '2026-02-01' WHERE id = 3",
        "DELETE FROM orders WHERE id = 6",
        f"UPDATE orders SET order_date = '{DAYS[5]}' WHERE id = 1",
    )
    shop.clear_log()
    assert refresh(warehouse_env) == [(DAYS[0], DAYS[2]), (DAYS[5], DAYS[5])]
    fingerprints, select = reads_orders(shop.queries())
    assert "GROUP BY DATE(`order_date`)" in fingerprints
    assert f"< '{DAYS[3]}'\nOR `order_date` >= '{DAYS[5]}'" in select
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql
    assert refresh(warehouse_env) == []


def test_the_command_line_says_what_it_read(
    shop: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.clear_log()
    main(["refresh"], standalone_mode=False)
    out, err = capfd.readouterr()
    assert "No day was read yet" in err
    assert "MySQL was asked for the rows once" in out
    assert "daily_revenue" in out
    assert len(reads_orders(shop.queries())) == 1, "there is nothing to compare with"

    shop.clear_log()
    main(["refresh"], standalone_mode=False)
    assert "nothing was read" in capfd.readouterr().out
    assert len(reads_orders(shop.queries())) == 1


def test_many_ranges_are_one_query_and_one_snapshot(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    refresh(warehouse_env)
    before = snapshots.newest(warehouse_env.path)
    untouched = warehouse_env.query(f"FROM {DAILY} WHERE order_date = '{DAYS[1]}' ORDER BY rowid")
    changed = ", ".join(f"'{day}'" for day in DAYS[::2])
    shop.run(
        f"UPDATE orders SET amount = 5, updated_at = '2026-02-01' WHERE order_date IN ({changed})",
        f"DELETE FROM orders WHERE order_date = '{DAYS[4]}'",
    )
    shop.clear_log()
    result = warehouse_env.refresh()
    assert len(reads_orders(shop.queries())) == 2, "fingerprints, and the days"
    assert [one.number for one in snapshots.kept(warehouse_env.path)] == [1, 2]
    assert before and before.number == 1
    counts = {
        event.partition: event.step_materialization_data.materialization.metadata[
            "dagster/partition_row_count"
        ].value
        for event in result.get_asset_materialization_events()
    }
    assert counts == {DAYS[0]: 2, DAYS[2]: 2, DAYS[4]: 0}
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks["fresh"] and checks["rows_as_loaded"]
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql
    assert untouched == warehouse_env.query(
        f"FROM {DAILY} WHERE order_date = '{DAYS[1]}' ORDER BY rowid"
    )
    (receipt,) = warehouse_env.query(
        "SELECT rows, query FROM loads ORDER BY started_at DESC LIMIT 1"
    )
    assert receipt[0] == 4


def test_what_is_sure_comes_first_and_what_the_count_adds_after_it(
    shop: Database, warehouse_env: WarehouseEnv, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.run("CREATE INDEX by_day ON orders (order_date, updated_at)")
    main(["refresh"], standalone_mode=False)
    before = snapshots.newest(warehouse_env.path)
    capfd.readouterr()
    shop.run(
        "UPDATE orders SET amount = 7, updated_at = '2026-02-01' WHERE id = 1",
        "DELETE FROM orders WHERE id = 5",
    )
    with compare(daily(warehouse_env), lambda _: None, "a test") as compared:
        assert compared.sure == [date.fromisoformat(DAYS[0])]
    shop.clear_log()
    main(["refresh"], standalone_mode=False)
    out, err = capfd.readouterr()
    assert f"1 day must be read again: {DAYS[0]}. That happens while MySQL counts." in err
    assert f"days are new or differ: {DAYS[0]}, {DAYS[2]}." in err
    assert "table, 2 days" in out and "MySQL was asked for rows 2 times." in out
    first, second = [query for query in reads_orders(shop.queries()) if "asset=" in query]
    assert f">= '{DAYS[0]}'" in first and f">= '{DAYS[2]}'" in second
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql
    after = snapshots.newest(warehouse_env.path)
    assert before and after and after.number == before.number + 1


def test_all_days_may_be_sure(shop: Database, warehouse_env: WarehouseEnv) -> None:
    shop.run("CREATE INDEX by_day ON orders (order_date, updated_at)")
    warehouse_env.configure(daily_start=date.today())
    shop.run("UPDATE orders SET order_date = UTC_DATE()")
    refresh(warehouse_env)
    shop.run("UPDATE orders SET amount = 3, updated_at = '2026-02-01'")
    refresh(warehouse_env)
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql


def test_an_account_with_one_connection(
    shop: Database, warehouse_env: WarehouseEnv, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.run("CREATE INDEX by_day ON orders (order_date, updated_at)")
    refresh(warehouse_env)
    shop.run("UPDATE orders SET amount = 7, updated_at = '2026-02-01' WHERE id = 1")
    shop.run(f"ALTER USER {READER}@'%' WITH MAX_USER_CONNECTIONS 1")
    try:
        main(["refresh"], standalone_mode=False)
    finally:
        shop.run(f"ALTER USER {READER}@'%' WITH MAX_USER_CONNECTIONS 0")
    assert "table, 1 day" in capfd.readouterr().out
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql


def test_leaving_a_count_of_a_server_that_no_longer_answers(shop: Database) -> None:
    plan = describe(parse_url(shop.url()), orders("SLEEP(2) = 0"))
    days = Days("order_date", ((START, date(2026, 10, 31)),))
    try:
        with ask_days(plan, days, key=("id",), updated="updated_at"):
            shop.pause()
            began = time.monotonic()
        assert time.monotonic() - began < 10
    finally:
        shop.resume()


def test_dropping_days_says_so(
    shop: Database, warehouse_env: WarehouseEnv, capfd: pytest.CaptureFixture[str]
) -> None:
    refresh(warehouse_env)
    warehouse_env.configure(daily_start=DAYS[1])
    shop.clear_log()
    main(["refresh"], standalone_mode=False)
    out, err = capfd.readouterr()
    assert f"Before the first day, and to be dropped: {DAYS[0]}." in err
    assert out.startswith("1 day dropped: before the first day.\n")
    assert "0 assets" in out and "MySQL was asked for no rows." in out
    assert len(reads_orders(shop.queries())) == 1


def test_the_job_never_makes_a_first_load(shop: Database, warehouse_env: WarehouseEnv) -> None:
    shop.clear_log()
    with pytest.raises(WarehouseError, match="was never loaded"):
        warehouse_env.refresh()
    assert reads_orders(shop.queries()) == []


def test_leaving_early_has_mysql_stop_the_count(shop: Database) -> None:
    plan = describe(parse_url(shop.url()), orders("SLEEP(2) = 0"))
    days = Days("order_date", ((START, date(2026, 10, 31)),))

    def counting() -> bool:
        listed = "SELECT id FROM information_schema.processlist WHERE info LIKE '/* slow count%'"
        return bool(shop.run(listed))

    began = time.monotonic()
    with ask_days(plan, days, key=("id",), updated="updated_at", comment="slow count"):
        while not counting():
            assert time.monotonic() - began < 10
            time.sleep(0.05)
    assert time.monotonic() - began < 15, "twelve rows would take longer"
    assert not counting()


def test_what_all_ranges_lose_together_is_guarded(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    refresh(warehouse_env)
    warehouse_env.configure(max_shrink=0.5)
    lost = ", ".join(f"'{day}'" for day in DAYS[::2] + DAYS[1:2])
    shop.run(f"DELETE FROM orders WHERE order_date IN ({lost})")
    with pytest.raises(WarehouseError, match="had 12 rows and would have 4 "):
        refresh(warehouse_env)
    assert snapshots.kept(warehouse_env.path)[-1].number == 1
    main(["refresh", "--force"], standalone_mode=False)
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql


@pytest.mark.parametrize("index", [False, True])
def test_columns_that_are_named_otherwise(
    shop: Database, warehouse_env: WarehouseEnv, index: bool
) -> None:
    shop.run("ALTER TABLE orders CHANGE id ID BIGINT, CHANGE updated_at Updated_At TIMESTAMP NULL")
    if index:
        shop.run("CREATE INDEX by_day ON orders (order_date, updated_at)")
    refresh(warehouse_env)
    assert refresh(warehouse_env) == []
    shop.run("UPDATE orders SET amount = 5, updated_at = '2026-02-01' WHERE id = 1")
    with compare(daily(warehouse_env), lambda _: None, "a test") as compared:
        assert bool(compared.sure) == index
    assert refresh(warehouse_env) == [(DAYS[0], DAYS[0])]


def test_other_columns_have_all_days_read(shop: Database, warehouse_env: WarehouseEnv) -> None:
    refresh(warehouse_env)
    shop.run("ALTER TABLE orders ADD COLUMN channel VARCHAR(10) NOT NULL DEFAULT 'web'")
    found = differs(warehouse_env)
    assert "The columns differ: new are channel VARCHAR. All days" in found.words
    assert found.days[0] == START
    refresh(warehouse_env)
    assert warehouse_env.query(f"SELECT DISTINCT channel FROM {DAILY}") == [("web",)]
    assert refresh(warehouse_env) == []
    shop.run("ALTER TABLE orders DROP COLUMN channel, MODIFY weight FLOAT NULL")
    assert "new are weight FLOAT; gone are channel" in differs(warehouse_env).words
    refresh(warehouse_env)
    assert refresh(warehouse_env) == []


@pytest.mark.parametrize("way", ["refresh", "all days"])
@pytest.mark.usefixtures("shop")
def test_days_before_a_later_start_leave_the_table(warehouse_env: WarehouseEnv, way: str) -> None:
    refresh(warehouse_env)
    warehouse_env.configure(daily_start=DAYS[2])
    found = differs(warehouse_env)
    assert (found.days, found.gone) == ([], [date(2026, 10, 1), date(2026, 10, 2)])
    assert "Before the first day, and to be dropped: 2026-10-01 to 2026-10-02." in found.words
    if way == "refresh":
        refresh(warehouse_env)
    else:
        main(["materialize", DAILY], standalone_mode=False)
    assert warehouse_env.query(f"SELECT min(order_date)::VARCHAR FROM {DAILY}") == [(DAYS[2],)]
    assert warehouse_env.query("SELECT min(day)::VARCHAR FROM cached_days") == [(DAYS[2],)]
    assert differs(warehouse_env).none


@pytest.mark.parametrize("id_", ["bigint unsigned", "bigint", "varchar(9)", "decimal(20, 0)"])
@pytest.mark.parametrize("type_", ["timestamp", "timestamp(6)", "datetime", "datetime(6)"])
def test_an_update_that_is_not_the_newest(
    shop: Database, warehouse_env: WarehouseEnv, type_: str, id_: str
) -> None:
    """Committed late, restored, or by a clock that was set back."""
    times = ["1999-12-31 23:59:59", "2026-01-01 10:00:00", "2026-01-03 11:12:13"]
    if type_.endswith("(6)"):
        times = [f"{time}.987654" for time in times]
    shop.run(
        f"ALTER TABLE orders MODIFY updated_at {type_} NULL, MODIFY id {id_} NOT NULL",
        *(
            f"UPDATE orders SET updated_at = '{time}' WHERE id = {n}"
            for n, time in enumerate(times)
        ),
        "UPDATE orders SET updated_at = NULL WHERE id = 3",
    )
    refresh(warehouse_env)
    assert refresh(warehouse_env) == []
    # Older than the newest of its day, 2026-01-03.
    shop.run("UPDATE orders SET amount = 5, updated_at = '2026-01-02' WHERE id = 1")
    assert refresh(warehouse_env) == [(DAYS[0], DAYS[0])]
    shop.run("CREATE INDEX by_day ON orders (order_date, updated_at)")
    shop.run("UPDATE orders SET amount = 6, updated_at = '2026-01-01' WHERE id = 1")
    assert refresh(warehouse_env) == [(DAYS[0], DAYS[0])]
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql


@pytest.mark.parametrize(
    ("id_", "ids"),
    [
        ("bigint unsigned", [0, 2**24, 2**24 + 1, 2**63, 2**64 - 1, 7]),
        ("bigint", [-(2**63), -1, 2**63 - 1, 0, 1, 2]),
        ("tinyint", [-128, -1, 127, 0, 1, 2]),
    ],
)
def test_fingerprints_agree_on_extreme_values(
    shop: Database, warehouse_env: WarehouseEnv, id_: str, ids: list[int]
) -> None:
    times = ["0000-00-00", "0001-01-01", "1969-12-31 23:59:59.5", "9999-12-31 23:59:59.999999"]
    shop.run(
        "SET sql_mode = 'ALLOW_INVALID_DATES'",
        "DELETE FROM orders WHERE id > 6",
        f"ALTER TABLE orders MODIFY updated_at DATETIME(6) NULL, MODIFY id {id_} NULL",
        *(
            f"UPDATE orders SET updated_at = '{time}' WHERE id = {n}"
            for n, time in enumerate(times, 1)
        ),
        *(
            f"UPDATE orders SET id = {new}, note = '-' WHERE id = {n} AND note IS NULL LIMIT 1"
            for n, new in enumerate(ids, 1)
        ),
    )
    refresh(warehouse_env)
    far = "9999-12-31 is not over"
    assert refresh(warehouse_env) == [(DAYS[1], DAYS[1])], far
    shop.run("UPDATE orders SET updated_at = NULL WHERE updated_at > '9999-01-01'")
    refresh(warehouse_env)
    assert refresh(warehouse_env) == []


@pytest.mark.parametrize("type_", ["timestamp", "datetime", "date"])
@pytest.mark.parametrize("zone", ["-08:00", "+09:00"])
def test_what_may_still_go_on_by_the_server_s_clock(
    shop: Database, warehouse_env: WarehouseEnv, zone: str, type_: str
) -> None:
    shop.run(f"ALTER TABLE orders MODIFY updated_at {type_} NULL")
    shop.run(f"UPDATE orders SET updated_at = '{OLD}'")
    shop.run(f"SET GLOBAL time_zone = '{zone}'")
    try:
        # A moment ahead, for a load takes its time until it asks.
        ahead = "" if type_ == "date" else "+ INTERVAL 3 SECOND"
        shop.run(
            f"SET time_zone = '{zone}'",
            f"UPDATE orders SET updated_at = NOW() {ahead} WHERE id = 1",
        )
        refresh(warehouse_env)
        assert refresh(warehouse_env) == [(DAYS[0], DAYS[0])]
    finally:
        shop.run("SET GLOBAL time_zone = SYSTEM")


def test_an_update_in_the_second_of_the_load_is_not_lost(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    # A moment ahead, for a load takes its time until it asks.
    shop.run("UPDATE orders SET amount = 1, updated_at = NOW() + INTERVAL 3 SECOND WHERE id = 1")
    refresh(warehouse_env)
    # What a second update in that same second does: the fingerprint stays as it is.
    shop.run("UPDATE orders SET amount = 2 WHERE id = 1")
    assert refresh(warehouse_env) == [(DAYS[0], DAYS[0])]
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql


def test_a_row_that_comes_for_one_that_goes(shop: Database, warehouse_env: WarehouseEnv) -> None:
    refresh(warehouse_env)
    # As many rows as before, and none of them newer than the newest.
    shop.run(
        "DELETE FROM orders WHERE id = 1",
        f"UPDATE orders SET order_date = '{DAYS[0]}', updated_at = updated_at WHERE id = 12",
    )
    assert refresh(warehouse_env) == [(DAYS[0], DAYS[0]), (DAYS[5], DAYS[5])]
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql


def test_an_index_answers_the_same(shop: Database, warehouse_env: WarehouseEnv) -> None:
    def asked() -> tuple[list[date], str]:
        shop.clear_log()
        days = differs(warehouse_env).days
        queries = [query for query in reads_orders(shop.queries()) if "GROUP BY" in query]
        return days, "\n".join(queries)

    shop.run("ALTER TABLE orders MODIFY order_date DATE NULL, MODIFY updated_at TIMESTAMP NULL")
    refresh(warehouse_env)
    shop.run(
        "UPDATE orders SET amount = 77, updated_at = '2026-02-01' WHERE id = 3",
        "DELETE FROM orders WHERE id = 6",
        f"UPDATE orders SET order_date = '{DAYS[5]}' WHERE id = 1",
        f"UPDATE orders SET updated_at = NULL WHERE order_date = '{DAYS[4]}'",
    )
    without, by_rows = asked()
    assert "DATE(`order_date`)" in by_rows

    shop.run("CREATE INDEX by_day ON orders (order_date, updated_at)")
    assert asked()[0] == without
    assert "WHERE" not in asked()[1], "a condition that leaves nothing out costs time"

    insert(shop, [order(90, order_date="2026-09-30", updated_at=OLD)])
    shop.run("UPDATE orders SET order_date = NULL WHERE id = 4")
    days, by_index = asked()
    assert days == sorted({*without, date.fromisoformat(DAYS[1])})
    assert "WHERE" in by_index


MULTIPLES: dict[str, list[object]] = {
    "2^24": [n << 24 for n in range(1, 4)],
    "2^32": [n << 32 for n in range(1, 4)],
    "text": ["a", "A", "🎁"],
    "negative": [-1, -(2**63), -(2**32)],
}


@pytest.mark.parametrize("index", ["", "order_date, updated_at"])
@pytest.mark.parametrize("name", MULTIPLES)
def test_an_update_of_any_id_that_is_not_the_newest(
    server: Database, warehouse_env: WarehouseEnv, name: str, index: str
) -> None:
    """The rows of 13-days.sql, and others."""
    type_ = "VARCHAR(9) COLLATE utf8mb4_bin" if name == "text" else "BIGINT"
    make_orders(server)
    server.run(
        f"ALTER TABLE orders MODIFY id {type_} PRIMARY KEY, MODIFY updated_at DATETIME NOT NULL"
        f"{f', ADD INDEX ({index})' if index else ''}"
    )
    insert(
        server,
        [
            order(0, id=id_, order_date=DAYS[0], updated_at=f"{DAYS[0]} {hour}:00:00", amount="1")
            for hour, id_ in enumerate(MULTIPLES[name], 10)
        ],
    )
    warehouse_env.configure(mysql_url=server.url(), daily_start=START)
    env = warehouse_env
    env.run(DAILY, days=(str(START), str(date.today())))
    assert refresh(env) == []
    server.run(
        f"UPDATE orders SET amount = 9, updated_at = '{DAYS[0]} 10:30:00' "
        f"WHERE updated_at = '{DAYS[0]} 10:00:00'"
    )
    assert refresh(env) == [(DAYS[0], DAYS[0])]
    assert env.query(f"SELECT amount::INT FROM {DAILY} ORDER BY updated_at") == [(9,), (1,), (1,)]
    # Two rows that swap their times.
    server.run(
        f"UPDATE orders SET amount = amount + 1, updated_at = IF(amount = 10, '{DAYS[0]} 11:00:00',"
        f" '{DAYS[0]} 10:30:00') WHERE updated_at < '{DAYS[0]} 12:00:00'"
    )
    assert refresh(env) == [(DAYS[0], DAYS[0])]


def make_undated(server: Database, index: str, type_: str = "DATE") -> None:
    """Make the rows of the table c13a of 13-days.sql."""
    make_orders(server)
    server.run(
        f"ALTER TABLE orders MODIFY id INT PRIMARY KEY, MODIFY order_date {type_} NULL"
        f"{f', ADD INDEX ({index})' if index else ''}"
    )
    days = [None, None, "2020-01-01", "2099-12-24", *DAYS[:2]]
    insert(server, [order(n, order_date=day, updated_at=OLD) for n, day in enumerate(days)])


@pytest.mark.parametrize("type_", ["DATE", "DATETIME"])
@pytest.mark.parametrize("index", ["", "order_date", "order_date, updated_at"])
def test_rows_of_no_day_are_counted_and_said(
    server: Database,
    warehouse_env: WarehouseEnv,
    capfd: pytest.CaptureFixture[str],
    index: str,
    type_: str,
) -> None:
    make_undated(server, index, type_)
    warehouse_env.configure(mysql_url=server.url(), daily_start=START, max_shrink=1)
    rows = "rows" if index else "1 row"
    told = (
        "Left out, as rows of no day that is loaded: 2 rows without a day, "
        f"{rows} before the first day, {rows} after today."
    )
    main(["refresh"], standalone_mode=False)
    assert told in capfd.readouterr().err, "the load of all days"
    main(["refresh"], standalone_mode=False)
    assert told in capfd.readouterr().out, "nothing changed"
    server.run("UPDATE orders SET amount = 2, updated_at = '2026-01-02' WHERE id = 4")
    result = warehouse_env.refresh()
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["left_out"].value == told
    server.clear_log()
    warehouse_env.run(DAILY, days=(DAYS[0], DAYS[0]))
    assert len(reads_orders(server.queries())) == 1, "a load of some days does not ask"

    server.run("UPDATE orders SET order_date = '2026-10-03' WHERE id < 4")
    capfd.readouterr()
    main(["refresh"], standalone_mode=False)
    assert "Left out" not in "".join(capfd.readouterr())
    mysql = server.run("SELECT COUNT(*) FROM orders")
    assert warehouse_env.query(f"SELECT count(*) FROM {DAILY}") == list(mysql)


def test_days_that_are_no_dates_are_counted(
    server: Database, warehouse_env: WarehouseEnv, capfd: pytest.CaptureFixture[str]
) -> None:
    make_undated(server, "")
    server.run(
        "SET sql_mode = 'ALLOW_INVALID_DATES'",
        "UPDATE orders SET order_date = '2026-02-30' WHERE id IN (0, 2, 3)",
    )
    warehouse_env.configure(mysql_url=server.url(), daily_start=START)
    main(["refresh"], standalone_mode=False)
    capfd.readouterr()
    main(["refresh"], standalone_mode=False)
    assert "4 rows without a day." in capfd.readouterr().out


def test_doctor_says_what_no_day_holds(
    server: Database, warehouse_env: WarehouseEnv, capfd: pytest.CaptureFixture[str]
) -> None:
    make_undated(server, "order_date, updated_at")
    warehouse_env.configure(mysql_url=server.url(), daily_start=START)
    main(["doctor"], standalone_mode=False)
    assert "2 rows without a day" in "".join(capfd.readouterr())


def test_what_it_cannot_do_without(shop: Database, warehouse_env: WarehouseEnv) -> None:
    shop.run("ALTER TABLE orders DROP COLUMN updated_at")
    with pytest.raises(WarehouseError, match="needs a date in `updated_at`, and `id`"):
        differs(warehouse_env)


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.integers(0, 5), st.integers(1, 900)),
        st.tuples(st.just("update"), st.integers(1, 30), st.integers(1, 900)),
        st.tuples(st.just("delete"), st.integers(1, 30), st.just(0)),
        st.tuples(st.just("move"), st.integers(1, 30), st.integers(0, 5)),
        st.tuples(st.just("refresh"), st.just(0), st.just(0)),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize("index", ["", "order_date", "order_date, updated_at"])
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=CHANGES)
def test_whatever_happens_the_cache_is_mysql_afterwards(
    shop: Database, warehouse_env: WarehouseEnv, index: str, changes: list[tuple[str, int, int]]
) -> None:
    """Late updates, deletes and moved dates, with `updated_at` kept as shops keep it."""
    make_orders(shop, [order(n, order_date=DAYS[n % 6], updated_at=OLD) for n in range(1, 13)])
    shop.run(
        "ALTER TABLE orders MODIFY updated_at TIMESTAMP NOT NULL "
        "DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
        *([f"CREATE INDEX by_day ON orders ({index})"] if index else []),
    )
    number = 12
    for what, one, other in changes:
        if what == "insert":
            number += 1
            insert(shop, [order(number, order_date=DAYS[one], amount=str(other), updated_at=OLD)])
            shop.run(f"UPDATE orders SET updated_at = CURRENT_TIMESTAMP WHERE id = {number}")
        elif what == "update":
            shop.run(f"UPDATE orders SET amount = {other} WHERE id = {one}")
        elif what == "delete":
            shop.run(f"DELETE FROM orders WHERE id = {one}")
        elif what == "move":
            shop.run(f"UPDATE orders SET order_date = '{DAYS[other]}' WHERE id = {one}")
        else:
            refresh(warehouse_env)
    refresh(warehouse_env)
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql
