"""The other caches: what comes back, what readers see, and that nobody asks for the orders."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from tests.conftest import TIMEOUT_SECONDS, WarehouseEnv, _cause
from tests.servers.launch import PASSWORD, Database
from tests.servers.orders import make_orders, order
from tests.servers.test_once import reads_orders
from tests.servers.test_secrets import files_with_secret, secret_in
from warehouse.caches import columns
from warehouse.caches.mysql import SmartMySQLIOManager
from warehouse.caches.mysql_tables import without_index
from warehouse.definitions import defs
from warehouse.errors import WarehouseError
from warehouse.mysql.extract import open_extraction
from warehouse.settings import ROOT, load_settings

WRITER = "cacher"


@pytest.fixture
def cache(server: Database, warehouse_env: WarehouseEnv) -> Database:
    """A server with a database `cache`, and an account with exactly the documented grants."""
    server.run(
        "DROP DATABASE IF EXISTS cache",
        "CREATE DATABASE cache",
        f"CREATE USER IF NOT EXISTS {WRITER}@'%' IDENTIFIED BY '{PASSWORD}'",
        f"GRANT SELECT, INSERT, CREATE, ALTER, DROP ON cache.* TO {WRITER}@'%'",
    )
    make_orders(server, [order(1), order(2, "pending"), order(3)])
    warehouse_env.configure(mysql_url=server.url(), cache_mysql_url=server.url("cache", WRITER))
    server.clear_log()
    return server


def materialize(
    *assets: dg.AssetsDefinition, only: str | list[str] = "*"
) -> dg.ExecuteInProcessResult:
    """Run assets with the house's own resources.

    Raises:
        WarehouseError: as the command line would show it.
    """
    try:
        return dg.materialize(list(assets), resources=dict(defs.resources or {}), selection=only)
    except Exception as error:
        raise _cause(error) from None


def kept(make: Callable[[], object], name: str = "kept", **options: Any) -> dg.AssetsDefinition:
    """Return an asset in the MySQL cache."""

    def made() -> Any:
        return make()

    return dg.asset(made, name=name, io_manager_key="mysql_cache", **options)


def read_back() -> pd.DataFrame:
    """Read the asset `kept` in a run of its own."""
    seen: list[pd.DataFrame] = []

    @dg.asset(name="reader")
    def reader(kept: pd.DataFrame) -> dg.MaterializeResult[None]:
        seen.append(kept)
        return dg.MaterializeResult()

    materialize(kept(pd.DataFrame), reader, only="reader")
    return seen[0]


def orders_upstream(key: str) -> tuple[dg.AssetsDefinition, dg.AssetsDefinition]:
    """Return an asset that asks MySQL for the orders, kept in a cache, and one downstream of it."""

    @dg.asset(io_manager_key=key)
    def shop_orders() -> pd.DataFrame:
        database = load_settings().mysql_url
        assert database is not None
        return pd.read_sql_query("SELECT * FROM orders", database.get_secret_value())

    @dg.asset
    def revenue(shop_orders: pd.DataFrame) -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"revenue": float(shop_orders["amount"].sum())})

    return shop_orders, revenue


def revenue_of(result: dg.ExecuteInProcessResult) -> object:
    (event,) = result.asset_materializations_for_node("revenue")
    return event.metadata["revenue"].value


def frames() -> dict[str, pd.DataFrame]:
    """Every kind of column that is kept, with its extremes, and nulls where it has them."""
    moments: Any = ["2024-03-31 01:30:00.123456", "1970-01-01", None]
    zone: Any = pd.Series(pd.to_datetime(moments, format="ISO8601"), dtype="datetime64[ns]")
    integers: dict[str, Any] = {}
    for bits in (8, 16, 32, 64):
        for kind in (f"int{bits}", f"uint{bits}"):
            edges: list[Any] = [np.iinfo(kind).min, np.iinfo(kind).max, 1]
            integers[kind] = np.array(edges, dtype=kind)
            nullable = kind.replace("i", "I").replace("uI", "UI")
            for name, dtype in ((f"nullable {kind}", nullable), (f"{kind}[pyarrow]",) * 2):
                integers[name] = pd.Series(
                    [*edges[:2], None], dtype=pd.api.types.pandas_dtype(dtype)
                )
    return {
        "integers": pd.DataFrame(integers),
        "floats": pd.DataFrame(
            {
                "float32": np.array([0.1, -0.0, 3.4028234e38, 1.1754944e-38], dtype="float32"),
                "float64": [0.1, -0.0, 1.7976931348623157e308, 2.2250738585072014e-308],
                "third": [1 / 3, 123456789.12345679, 5e-324, float("nan")],
                "tiny": np.array([1e-45, 1 / 3, 16777216, np.nan], dtype="float32"),
                "nullable float32": pd.array([0.1, -0.0, None, 1.5], dtype="Float32"),
                "nullable float64": pd.array([0.1, -0.0, None, 1.5], dtype="Float64"),
            }
        ),
        "truth": pd.DataFrame(
            {
                "bool": [True, False, True],
                "boolean": pd.array([True, False, None], dtype="boolean"),
                "object": pd.Series([True, False, None], dtype=object),
            }
        ),
        "texts": pd.DataFrame(
            {
                "object": ['it\'s 100% \\ "q" `b`', "", None, "日本 🎉\n\t\0\r\x1a"],
                "string": pd.array(["a ", " ", None, "é"], dtype="string[python]"),
                "arrow": pd.array(["a", "", None, "%s"], dtype="string[pyarrow]"),
                "bytes": [b"", bytes(range(256)), None, b"'\\%s"],
                "nothing": pd.Series([None] * 4, dtype=object),
                'quoted ` " % name': [1, 2, 3, 4],
                "values": ["a", "b", "c", "d"],
            }
        ),
        "objects": pd.DataFrame(
            {
                "decimal": [Decimal("-1.10"), Decimal("12345678901234567890.12"), None],
                "small": [Decimal("1.2345678901234567890E-10"), Decimal(0), None],
                "date": [date(1, 1, 1), date(9999, 12, 31), None],
                "datetime": pd.Series([datetime(1, 1, 1), datetime.max, None], dtype=object),
                "int": pd.Series([2**62 + 1, -1, None], dtype=object),
                "float": pd.Series([0.1, 1e300, None], dtype=object),
            }
        ),
        "moments": pd.DataFrame(
            {
                "ns": zone,
                "us": zone.astype("datetime64[us]"),
                "ms": zone.dt.floor("ms").astype("datetime64[ms]"),
                "s": zone.dt.floor("s").astype("datetime64[s]"),
                "utc": zone.dt.tz_localize("UTC"),
                "berlin": zone.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
                "fixed": zone.dt.tz_localize("UTC").dt.tz_convert("UTC+05:30").dt.as_unit("us"),
                "arrow": zone.dt.tz_localize("UTC").astype("timestamp[ns, tz=UTC][pyarrow]"),
            }
        ),
        "categories": pd.DataFrame(
            {
                "text": pd.Series(["b", "a", None]).astype("category"),
                "number": pd.Series([2, 1, 2]).astype("category"),
                "unused": pd.Categorical(["b", "a", None], categories=["z", "b", "'\\", "a"]),
                "sizes": pd.Categorical(["M", "S", "S"], categories=["S", "M", "L"], ordered=True),
                "none": pd.Categorical([None, None, None]),
                "many": pd.Categorical([f"category {n}" * 50 for n in range(3)]),
            }
        ),
        "categories of moments": pd.DataFrame(
            {"moment": zone.dropna().dt.tz_localize("Europe/Berlin").astype("category")}
        ),
        "filtered": pd.DataFrame({"a": [1, 2, 3]}).query("a > 1"),
        "no columns": pd.DataFrame(index=pd.RangeIndex(3)),
    }


def same(left: pd.DataFrame, right: pd.DataFrame, signed_zero: bool = True) -> None:
    """Assert that frames hold the same dtypes and values, bit by bit where there are floats."""
    left = left.reset_index(drop=True)
    pd.testing.assert_frame_equal(
        left, right, check_exact=True, check_column_type=False, check_index_type=True
    )
    for name in left.columns:
        if left[name].dtype.kind == "f" and isinstance(left[name].dtype, np.dtype):
            there = left[name].notna()
            before, after = left[name][there].to_numpy(), right[name][there].to_numpy()
            if not signed_zero:
                before = before + 0  # makes 0.0 of -0.0, and nothing else of anything else
            assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize("empty", [False, True], ids=["rows", "empty"])
def test_frames_come_back_as_they_were(cache: Database, empty: bool) -> None:
    given = {f"frame_{n}": frame for n, frame in enumerate(frames().values())}
    if empty:
        given = {name: emptied(frame) for name, frame in given.items()}
    assets = [kept(partial(given.get, name), name) for name in given]
    got: dict[str, pd.DataFrame] = {}

    @dg.asset(name="reader", ins={name: dg.AssetIn() for name in given})
    def reader(**inputs: pd.DataFrame) -> None:
        got.update(inputs)

    result = materialize(*assets)
    materialize(*assets, reader, only="reader")

    for name, frame in given.items():
        same(frame, got[name], signed_zero=cache.kind != "mariadb")  # it has no -0.0
        (event,) = result.asset_materializations_for_node(name)
        assert event.metadata["dagster/row_count"].value == len(frame)
        assert event.metadata["dagster/table_name"].value == f"cache.cache_{name}"
    assert tables(cache) == sorted(f"cache_{name}" for name in given)


def emptied(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame without its rows, and without categories too long for a comment."""
    frame = frame.iloc[:0].copy()
    for column in frame.columns.intersection(["moment", "many"]):
        frame[column] = frame[column].cat.remove_unused_categories()
    return frame


def test_many_rows_keep_their_order(cache: Database) -> None:
    frame = pd.DataFrame({"n": np.arange(30_000)[::-1], "text": ["x" * 100] * 30_000})
    materialize(kept(lambda: frame))
    assert len(cache.queries(WRITER)) < 100
    same(frame, read_back())


def tables(cache: Database) -> list[str]:
    return [
        name
        for (name,) in cache.run(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'cache' "
            "ORDER BY table_name"
        )
    ]


def zero_by_zero() -> Any:
    zero: Any = pd.array([0.0, None], dtype="Float64")
    return zero / zero


LOSSY: dict[str, Callable[[], pd.DataFrame]] = {
    "nanoseconds": lambda: pd.DataFrame({"bad": pd.to_datetime([1], unit="ns")}),
    "nanoseconds, zoned": lambda: pd.DataFrame({"bad": pd.to_datetime([1], unit="ns", utc=True)}),
    "nanoseconds, objects": lambda: pd.DataFrame({"bad": pd.Series([pd.Timestamp(1)], dtype="O")}),
    "infinity": lambda: pd.DataFrame({"bad": [float("-inf")]}),
    "NaN beside NA": lambda: pd.DataFrame({"bad": zero_by_zero()}),
    "lists": lambda: pd.DataFrame({"bad": [[1]]}),
    "structs": lambda: pd.DataFrame({"bad": [{"a": 1}]}),
    "durations": lambda: pd.DataFrame({"bad": [timedelta(1)]}),
    "mixed": lambda: pd.DataFrame({"bad": [1, "a"]}),
    "huge integers": lambda: pd.DataFrame({"bad": [2**70]}),
    "huge decimals": lambda: pd.DataFrame({"bad": [Decimal("1e20"), Decimal("1e-30")]}),
    "fine decimals": lambda: pd.DataFrame({"bad": [Decimal("1e-31")]}),
    "half floats": lambda: pd.DataFrame({"bad": np.array([1], dtype="float16")}),
    "complex": lambda: pd.DataFrame({"bad": [1j]}),
    "periods": lambda: pd.DataFrame({"bad": pd.period_range("2024", periods=1, freq="D")}),
    "intervals": lambda: pd.DataFrame({"bad": pd.cut([1, 2], 2)}),
    "sparse": lambda: pd.DataFrame({"bad": pd.arrays.SparseArray([0, 1])}),
    "year 10000": lambda: pd.DataFrame({"bad": np.array(["10000-01-01"], dtype="datetime64[s]")}),
    "year 0": lambda: pd.DataFrame({"bad": np.array(["0000-01-01"], dtype="datetime64[us]")}),
    "zones as objects": lambda: pd.DataFrame(
        {"bad": pd.Series([pd.Timestamp("2024", tz="UTC")], dtype=object)}
    ),
    "many unused categories": lambda: pd.DataFrame(
        {"bad": pd.Categorical(["a"], categories=["a", *map(str, range(500))])}
    ),
    "a decimal that is none": lambda: pd.DataFrame({"bad": [Decimal("NaN"), Decimal(1)]}),
    "half a character": lambda: pd.DataFrame({"bad": ["\ud800"]}),
    "a name too long": lambda: pd.DataFrame({"bad" * 22: [1]}),
    "names alike": lambda: pd.DataFrame([[1, 2]], columns=["bad", "BAD"]),
    "no text for a name": lambda: pd.DataFrame({("bad", 1): [1]}),
    "a named index": lambda: pd.DataFrame({"a": [1]}, index=pd.Index([1], name="bad")),
}


@pytest.mark.parametrize("what", LOSSY)
def test_what_cannot_be_kept_is_refused(what: str) -> None:
    with pytest.raises(WarehouseError, match="bad") as caught:
        columns.store(without_index(LOSSY[what]()))
    assert "Nothing was written" in str(caught.value)


def test_it_is_refused_before_anything_is_written(cache: Database) -> None:
    with pytest.raises(WarehouseError, match="`bad` cannot be kept exactly"):
        materialize(kept(LOSSY["infinity"]))
    assert cache.connections(WRITER) == []


def test_readers_never_see_half_of_it(cache: Database) -> None:
    materialize(kept(lambda: pd.DataFrame({"n": range(1_000)})))
    counts: list[int] = []
    over = threading.Event()

    def look() -> None:
        with closing(cache.admin("cache")) as connection, connection.cursor() as cursor:
            while not over.is_set():
                cursor.execute("SELECT count(*) FROM cache_kept")
                counts.append(cursor.fetchall()[0][0])

    with_error: list[BaseException] = []

    def watch() -> None:
        try:
            look()
        except BaseException as error:
            with_error.append(error)

    reader = threading.Thread(target=watch)
    reader.start()
    try:
        for size in (2_000, 3_000, 4_000):
            materialize(kept(partial(pd.DataFrame, {"n": range(size)})))
    finally:
        over.set()
        reader.join()
    assert with_error == []
    assert len(counts) > 10
    assert set(counts) <= {1_000, 2_000, 3_000, 4_000}
    assert counts == sorted(counts)


@pytest.mark.usefixtures("cache")
def test_a_swap_while_it_is_read_gives_one_whole_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The columns of one table never meet the rows, or the dtypes, of another."""
    materialize(kept(lambda: pd.DataFrame({"n": pd.array([1], dtype="Int64")})))
    swaps = iter([pd.DataFrame({"n": ["a text"]}), pd.DataFrame({"m": [3]})])

    def opened(*arguments: Any, **options: Any) -> Any:
        extraction = open_extraction(*arguments, **options)
        for swap in islice(swaps, 1):
            materialize(kept(swap.copy))
        return extraction

    monkeypatch.setattr("warehouse.caches.mysql_tables.open_extraction", opened)
    same(pd.DataFrame({"m": [3]}), read_back())


def test_a_killed_writer_leaves_the_old_table(cache: Database, tmp_path: Path) -> None:
    materialize(kept(lambda: pd.DataFrame({"n": [1]})))
    program = tmp_path / "writer.py"
    program.write_text(
        "import pandas as pd\n"
        "from tests.servers.test_caches import kept, materialize\n"
        "materialize(kept(lambda: pd.DataFrame({'text': ['x' * 1000] * 100_000})))\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(program)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while "cache_kept__new" not in tables(cache):
            assert writer.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.2)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert tables(cache) == ["cache_kept", "cache_kept__new"]
    same(pd.DataFrame({"n": [1]}), read_back())
    # And what one leaves that is killed after the swap.
    (comment,) = cache.run(
        "SELECT table_comment FROM information_schema.tables WHERE table_name = 'cache_kept'"
    )[0]
    cache.run(f"CREATE TABLE cache.cache_kept__old (n INT) COMMENT '{comment}'")

    materialize(kept(lambda: pd.DataFrame({"n": [2]})))
    assert tables(cache) == ["cache_kept"]
    same(pd.DataFrame({"n": [2]}), read_back())


def test_two_writers_take_turns(cache: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.caches.statements.CHUNK_ROWS", 10)
    monkeypatch.setattr("warehouse.caches.statements.STATEMENT_CHARACTERS", 10)
    errors: list[BaseException] = []

    def write(value: int) -> None:
        try:
            materialize(kept(lambda: pd.DataFrame({"n": [value] * 100})))
        except BaseException as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=[value]) for value in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(TIMEOUT_SECONDS)
    assert errors == []
    assert read_back()["n"].tolist() in ([1] * 100, [2] * 100)
    assert tables(cache) == ["cache_kept"]


def test_partitions_are_refused(cache: Database) -> None:
    days = dg.StaticPartitionsDefinition(["monday"])
    asset = kept(lambda: pd.DataFrame({"n": [1]}), partitions_def=days)
    with pytest.raises(WarehouseError, match="kept has partitions"):
        try:
            dg.materialize([asset], resources=dict(defs.resources or {}), partition_key="monday")
        except Exception as error:
            raise _cause(error) from None

    @dg.asset(name="reader")
    def reader(kept: pd.DataFrame) -> None:
        del kept

    with pytest.raises(WarehouseError, match="kept has partitions"):
        materialize(asset, reader, only="reader")
    assert cache.connections(WRITER) == []


def test_upstream_was_never_materialized(cache: Database) -> None:
    with pytest.raises(WarehouseError, match="just materialize kept"):
        read_back()
    assert tables(cache) == []


def test_a_table_of_somebody_else_is_not_touched(cache: Database) -> None:
    cache.run("CREATE TABLE cache.cache_kept (mine INT)", "INSERT INTO cache.cache_kept VALUES (7)")
    with pytest.raises(WarehouseError, match="not this cache's table"):
        materialize(kept(lambda: pd.DataFrame({"n": [1]})))
    with pytest.raises(WarehouseError, match="not this cache's table"):
        read_back()
    assert cache.run("SELECT mine FROM cache.cache_kept") == [(7,)]
    assert tables(cache) == ["cache_kept"]


def test_names(cache: Database) -> None:
    long = "a" * (64 - len("cache_") - len("__new"))
    materialize(kept(lambda: pd.DataFrame({"n": [1]}), name=long))
    materialize(kept(lambda: pd.DataFrame({"n": [1]}), name="b", key_prefix=["eu", "shop"]))
    assert tables(cache) == [f"cache_{long}", "cache_eu__shop__b"]
    with pytest.raises(WarehouseError, match="MySQL takes 64"):
        materialize(kept(lambda: pd.DataFrame({"n": [1]}), name=long + "a"))
    # Two assets that would be one table.
    with pytest.raises(WarehouseError, match="not this cache's table"):
        materialize(kept(lambda: pd.DataFrame({"n": [1]}), name="shop__b", key_prefix=["eu"]))


def test_what_is_not_a_frame_is_refused(cache: Database) -> None:
    with pytest.raises(WarehouseError, match="returned a list"):
        materialize(kept(lambda: [1]))
    assert cache.connections(WRITER) == []


def test_within_a_run_it_is_read_from_memory(cache: Database) -> None:
    shop_orders, revenue = orders_upstream("mysql_cache")
    result = materialize(shop_orders, revenue)

    assert revenue_of(result) == 31.5
    assert len(reads_orders(cache.queries())) == 1
    assert cache_reads(cache) == []


def test_later_runs_read_the_cache_and_not_the_orders(cache: Database) -> None:
    shop_orders, revenue = orders_upstream("mysql_cache")
    materialize(shop_orders, revenue)
    cache.run("DELETE FROM orders")
    cache.clear_log()

    assert revenue_of(materialize(shop_orders, revenue, only="revenue")) == 31.5
    assert cache.queries() == []
    assert reads_orders(cache.queries(WRITER)) == []
    assert len(cache_reads(cache)) == 1


def cache_reads(cache: Database) -> list[str]:
    return [sql for sql in cache.queries(WRITER) if "FROM `cache_shop_orders`" in sql]


def test_a_reader_gets_a_copy(cache: Database) -> None:
    seen: list[int] = []

    def careless(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        def spoil(kept: pd.DataFrame) -> dg.MaterializeResult[None]:
            seen.append(int(kept["n"].sum()))
            kept["n"] = 0
            return dg.MaterializeResult()

        return spoil

    upstream = kept(lambda: pd.DataFrame({"n": [1, 2]}))
    materialize(upstream, careless("first"), careless("second"))
    materialize(upstream, careless("first"), careless("second"), only=["first", "second"])
    assert seen == [3, 3, 3, 3]
    assert len([sql for sql in cache.queries(WRITER) if "FROM `cache_kept`" in sql]) == 1


def test_pickled_frames_need_no_server(
    cache: Database, warehouse_env: WarehouseEnv, tmp_path: Path
) -> None:
    assert warehouse_env.path.parent == tmp_path
    shop_orders, revenue = orders_upstream("pickle_cache")
    pickles = dg.FilesystemIOManager(base_dir=str(tmp_path / "pickles"))
    resources = {**(defs.resources or {}), "pickle_cache": pickles}
    try:
        dg.materialize([shop_orders, revenue], resources=resources)
        assert len(reads_orders(cache.queries())) == 1
        cache.stop()
        result = dg.materialize([shop_orders, revenue], resources=resources, selection="revenue")
        assert revenue_of(result) == 31.5
    finally:
        cache.start()


def test_the_house_has_both() -> None:
    resources = defs.resources or {}
    pickles = resources["pickle_cache"]
    assert isinstance(pickles, dg.FilesystemIOManager)
    assert pickles.base_dir == str(ROOT / ".dagster" / "pickles")
    assert isinstance(resources["mysql_cache"], SmartMySQLIOManager)


def wrong_urls(cache: Database) -> dict[str, tuple[str | None, str]]:
    """Return a URL that does not do, and what the error says of it."""
    right = cache.url("cache", WRITER)
    return {
        "unset": (None, "WAREHOUSE_CACHE_MYSQL_URL is not set"),
        "no URL": (f"cacher:{PASSWORD}", "WAREHOUSE_CACHE_MYSQL_URL is not a connection URL"),
        "user": (cache.url("cache", "nobody"), "refuses this account"),
        "password": (cache.url("cache", "root"), "refuses this account"),
        "port": (right.replace(f":{cache.port}/", ":1/"), "host and port in WAREHOUSE_CACHE_MYSQL"),
        "database": (cache.url("nonsense", WRITER), "WAREHOUSE_CACHE_MYSQL_URL"),
        "read-only": (cache.url("shop"), "needs SELECT, INSERT, CREATE, ALTER and DROP"),
    }


@pytest.mark.parametrize(
    "wrong", ["unset", "no URL", "user", "password", "port", "database", "read-only"]
)
def test_errors_name_the_setting_and_never_the_password(
    cache: Database,
    warehouse_env: WarehouseEnv,
    wrong: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    url, said = wrong_urls(cache)[wrong]
    warehouse_env.configure(cache_mysql_url=url)
    with pytest.raises(WarehouseError) as caught:
        materialize(kept(lambda: pd.DataFrame({"password": [PASSWORD]})))
    assert said in str(caught.value)
    assert "snapshot" not in str(caught.value)
    assert not secret_in(str(caught.value))
    shown = capfd.readouterr()
    assert not secret_in(shown.out + shown.err)
    assert files_with_secret(tmp_path) == []


def test_a_write_that_fails_half_way_leaves_the_old_table(cache: Database) -> None:
    materialize(kept(lambda: pd.DataFrame({"n": [1]})))
    with closing(cache.admin()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        packet = cursor.fetchall()[0][0]
    with pytest.raises(WarehouseError, match="cache_kept holds what it held before"):
        materialize(kept(lambda: pd.DataFrame({"n": ["x", "x" * (packet + 1)]})))
    same(pd.DataFrame({"n": [1]}), read_back())


def test_a_row_that_no_packet_holds_is_named(cache: Database) -> None:
    materialize(kept(lambda: pd.DataFrame({"n": [1]})))
    ((packet,),) = cache.run("SELECT @@max_allowed_packet")
    with pytest.raises(WarehouseError, match=f"max_allowed_packet is {packet:,}"):
        materialize(kept(lambda: pd.DataFrame({"text": ["short", "x" * packet]})))
    assert cache.run("SELECT n FROM cache.cache_kept") == [(1,)]
    assert cache.run("SHOW TABLES IN cache LIKE '%new'") == []
