"""`warehouse sql`: each format is exact and whole, each mistake gets a sentence that helps."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

import warehouse
from tests.conftest import WarehouseEnv
from warehouse.errors import WarehouseError
from warehouse.store.publish import write

VALUES = r"""
SELECT 18446744073709551615::UBIGINT AS big, (2::HUGEINT ** 100)::HUGEINT AS huge,
  71.10::DECIMAL(9,2) AS cents, 12345678901234567890123456789012345.678::DECIMAL(38,3) AS wide,
  'nan'::DOUBLE AS nan, 0.1::DOUBLE AS tenth, INTERVAL '838:59:59.000001' AS span,
  TIMESTAMPTZ '2024-01-02 03:04:05.000006+02' AS at, TIMETZ '01:02:03+02' AS clock,
  '\xAA\x00b'::BLOB AS bytes, '' AS empty, NULL::VARCHAR AS missing, E'a|b,"c"\n d' AS text,
  '{"x": 12345678901234567890.123456789}'::JSON AS doc, [1.5::FLOAT, NULL] AS vector,
  UUID '11111111-1111-1111-1111-111111111111' AS id, true AS yes,
  {'a b': 1.10::DECIMAL(9,2), 'l': [{'h': (2::HUGEINT ** 100)::HUGEINT}]} AS nested,
  map {'k': 1.10::DECIMAL(4,2)} AS mapped
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small warehouse for tests that only read it."""
    path = tmp_path_factory.mktemp("built") / "warehouse.duckdb"
    with write(path, keep=2, who="test", memory_limit="200MB") as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT i AS id, ['new', 'paid'][1 + i % 2] AS status, "
            "(i / 100)::DECIMAL(12,2) AS amount FROM range(10000) r(i)"
        )
        connection.execute("CREATE VIEW paid_orders AS FROM orders WHERE status = 'paid'")
        connection.execute(f"CREATE TABLE odd AS {VALUES}")
    return path


@pytest.fixture
def env(built: Path, warehouse_env: WarehouseEnv) -> WarehouseEnv:
    warehouse_env.configure(path=built)
    return warehouse_env


def sql(
    env: WarehouseEnv, *args: str, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "warehouse", "sql", *args],
        env=env.env,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=60,
    )


def given(env: WarehouseEnv, *args: str) -> str:
    done = sql(env, *args)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "\x1b" not in done.stdout
    return done.stdout


def test_a_table_in_a_pipe_is_whole(env: WarehouseEnv) -> None:
    assert given(env, "from orders").count("│ new") == 5000
    long = "x" * 300_000
    assert long in given(env, f"select repeat('x', {len(long)})")


def test_csv_tells_null_from_empty_and_keeps_digits(env: WarehouseEnv) -> None:
    text = given(env, "from odd", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["big"] == "18446744073709551615"
    assert row["huge"] == "1267650600228229401496703205376"
    assert row["cents"] == "71.10"
    assert row["wide"] == "12345678901234567890123456789012345.678"
    assert row["span"] == "838:59:59.000001"
    assert row["bytes"] == r"\xAA\x00b"
    assert row["text"] == 'a|b,"c"\n d'
    assert ',"",,' in text  # empty, missing
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        ((same,),) = connection.execute(
            "SELECT ?::TIMESTAMPTZ = TIMESTAMPTZ '2024-01-02 03:04:05.000006+02'", [row["at"]]
        ).fetchall()
    assert same


def test_json_is_json_with_every_digit(env: WarehouseEnv) -> None:
    text = given(env, "from odd", "--format", "json")
    (row,) = json.loads(text, parse_float=Decimal)
    assert row["big"] == 18446744073709551615
    assert row["huge"] == 2**100
    assert '"cents":71.10,' in text
    assert row["wide"] == Decimal("12345678901234567890123456789012345.678")
    assert row["nan"] == "nan"
    assert row["doc"] == {"x": Decimal("12345678901234567890.123456789")}
    assert row["vector"] == [Decimal("1.5"), None]
    assert row["nested"] == {"a b": Decimal("1.10"), "l": [{"h": 2**100}]}
    assert row["mapped"] == {"k": Decimal("1.10")}
    assert (row["empty"], row["missing"], row["yes"]) == ("", None, True)
    assert row["text"] == 'a|b,"c"\n d'
    assert json.loads(given(env, "from orders where false", "--format", "json")) == []
    assert len(json.loads(given(env, "from orders", "--format", "json"))) == 10_000


def test_parquet_keeps_every_value(env: WarehouseEnv, tmp_path: Path) -> None:
    file = tmp_path / "odd.parquet"
    given(env, "from odd", "--output", str(file))
    with duckdb.connect() as connection:
        differing = connection.execute(
            f"SELECT * FROM ({VALUES}) v, read_parquet('{file}') p WHERE NOT ("
            "v.big = p.big AND v.huge = p.huge AND v.cents = p.cents AND v.wide = p.wide "
            "AND isnan(p.nan) AND v.span = p.span::INTERVAL AND v.at = p.at "
            "AND v.clock::VARCHAR = p.clock AND v.bytes = p.bytes AND p.empty = '' "
            "AND p.missing IS NULL AND v.text = p.text AND v.doc = p.doc AND v.id = p.id "
            "AND v.vector = p.vector AND v.nested::VARCHAR = p.nested::VARCHAR "
            "AND v.mapped = p.mapped)"
        ).fetchall()
        assert differing == []
        assert connection.sql(f"SELECT wide, huge FROM '{file}'").types == [
            "DECIMAL(38,3)",
            "DECIMAL(38,0)",
        ]
    over = sql(env, f"select {2**127 - 1}::hugeint as h", "--output", str(file))
    assert over.returncode == 1 and "DECIMAL(38,0)" in over.stderr


def test_columns_of_the_same_name_all_come_out(env: WarehouseEnv, tmp_path: Path) -> None:
    file = tmp_path / "same.parquet"
    query = "select 1 as a, 'x' as A, 2.50 as a, 4 as a_1"
    assert given(env, query, "--format", "csv") == "a,A_2,a_3,a_1\n1,x,2.50,4\n"
    assert given(env, query, "--format", "json") == '[\n{"a":1,"A_2":"x","a_3":2.50,"a_1":4}\n]\n'
    markdown = given(env, query, "--format", "markdown").splitlines()
    assert [cell.strip() for cell in markdown[2].split("|")] == ["", "1", "x", "2.50", "4", ""]
    given(env, query, "--output", str(file))
    with duckdb.connect() as connection:
        assert connection.execute(f"FROM '{file}'").fetchall() == [(1, "x", Decimal("2.50"), 4)]


def test_markdown_reformats_nothing(env: WarehouseEnv) -> None:
    text = given(env, "select id, text, cents, missing from odd", "--format", "markdown")
    row = text.splitlines()[2]
    assert r'a\|b,"c"<br> d' in row and " 71.10 " in row and " NULL " in row
    lines = given(env, "select '007' a, '1e5' b, 'x\\y<z' c, 1 d", "--format", "markdown")
    assert all(cell in lines for cell in (" 007 ", " 1e5 ", " x\\\\y\\<z ")), lines
    assert lines.splitlines()[1].count(":") == 4


@pytest.mark.parametrize("format_", ["table", "csv", "json", "parquet", "markdown"])
@pytest.mark.parametrize(
    "query",
    [
        "pivot orders on status using sum(amount)",
        "create temp table mine as from orders limit 1; describe mine; -- the end",
        "show tables",
        "explain select 1",
    ],
)
def test_every_statement_in_every_format(env: WarehouseEnv, query: str, format_: str) -> None:
    command = [sys.executable, "-m", "warehouse", "sql", query, "--format", format_]
    done = subprocess.run(command, env=env.env, stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout and not done.stderr
    assert b"result" not in done.stdout, "no table that is not the person's own"


def test_a_query_from_a_file_and_from_stdin(env: WarehouseEnv, tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("select 'é' as a -- ;\n;\n", encoding="utf-8")
    assert given(env, "--file", str(tmp_path / "q.sql"), "--format", "csv") == "a\né\n"
    for args in ((), ("--file", "-")):
        done = sql(env, "--format", "csv", *args, stdin="select 2 as b")
        assert (done.stdout, done.stderr) == ("b\n2\n", "")


def test_a_file_is_written_whole_or_not_at_all(env: WarehouseEnv, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_text("before")
    failing = "select case when id < 9999 then id else error('no') end as id from orders"
    done = sql(env, failing, "--output", str(file))
    assert done.returncode == 1 and "no" in done.stderr
    assert file.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.endswith(".part")] == []
    given(env, "from orders", "--output", str(file))
    assert len(file.read_text().splitlines()) == 10_001


FAILING_COPIES = """
import sys
from pathlib import Path
import duckdb
from warehouse.serve.output import copy, keep_flat

with duckdb.connect(sys.argv[1], read_only=True) as connection:
    keep_flat(connection)
    for _ in range(200):
        failing = "select case when id < 9999 then id else error('no') end as id from orders"
        try:
            copy(connection, connection.sql(failing), sys.argv[2], sys.argv[3])
        except duckdb.Error:
            continue
        sys.exit("It did not fail.")
"""


@pytest.mark.parametrize("format_", ["csv", "json", "parquet"])
def test_a_query_that_fails_late_ends(built: Path, tmp_path: Path, format_: str) -> None:
    # It hung once in about twenty times, where one thread wrote asynchronously.
    done = subprocess.run(
        [sys.executable, "-c", FAILING_COPIES, str(built), format_, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_output_that_cannot_be(env: WarehouseEnv, tmp_path: Path) -> None:
    for args, code, said in (
        (("--output", str(tmp_path / "o.xlsx")), 2, ".parquet"),
        (("--output", str(tmp_path / "no" / "o.csv")), 1, "cannot be written"),
        (("--output", str(tmp_path), "--format", "csv"), 1, "is not a file"),
        (("--output", os.environ["WAREHOUSE_PATH"], "--format", "csv"), 1, "to the warehouse"),
    ):
        done = sql(env, "select 1", *args)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert said in done.stderr and "Traceback" not in done.stderr


def test_an_output_that_is_a_link_or_a_stream_is_not_replaced(
    env: WarehouseEnv, tmp_path: Path
) -> None:
    link, file, log = tmp_path / "link.csv", tmp_path / "file.csv", tmp_path / "log"
    link.symlink_to(file)
    given(env, "select 1 as a", "--output", str(link))
    assert link.is_symlink() and file.read_text() == "a\n1\n"
    stream = tmp_path / "stdout.csv"  # as /dev/stdout does
    stream.symlink_to("/proc/self/fd/1")
    command = [sys.executable, "-m", "warehouse", "sql", "select 1 as a", "--output", str(stream)]
    with log.open("w") as stdout:
        done = subprocess.run(
            command, env=env.env, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 1 and "is not a file" in done.stderr
    assert stream.is_symlink()
    assert given(env, "select 1 as a", "--output", "-", "--format", "csv") == "a\n1\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is full")
@pytest.mark.parametrize("format_", ["table", "csv", "json", "parquet", "markdown"])
def test_a_full_disk_behind_stdout_is_said(env: WarehouseEnv, format_: str) -> None:
    command = [sys.executable, "-m", "warehouse", "sql", "from orders", "--format", format_]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, env=env.env, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    said = "The output could not be read or written: No space left on device.\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_a_query_that_is_not_text(env: WarehouseEnv, tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_bytes(b"select '\xff'")
    done = sql(env, "--file", str(tmp_path / "q.sql"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The query is not text in UTF-8: ")


@pytest.mark.parametrize("format_", ["table", "csv", "json", "parquet"])
def test_a_reader_that_has_enough_is_no_error(env: WarehouseEnv, format_: str) -> None:
    command = [sys.executable, "-m", "warehouse", "sql", "select *, repeat('x', 100) from orders"]
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" | head -c 10', "-", *command, "--format", format_],
        env=env.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("args", [(), ("--format", "csv")])
def test_ctrl_c_stops_a_query(env: WarehouseEnv, args: tuple[str, ...]) -> None:
    endless = "select sum(hash(a.range + b.range)) from range(1000000) a, range(1000000) b"
    process = subprocess.Popen(
        [sys.executable, "-m", "warehouse", "sql", endless, *args],
        env=env.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    output, said = process.communicate(timeout=10)
    assert (process.returncode, output) == (130, "")
    assert said.startswith("Stopped.") and "Traceback" not in said


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from ordrs", "There is no table or view ordrs.\nDid you mean orders or "),
        ("from zzz", "There is no table or view zzz.\nThere are odd, orders, paid_orders,"),
        ("select statu from orders", "There is no column statu.\nDid you mean status?"),
        ("select o.statu from orders o", "There is no column statu in o.\nDid you mean status?"),
        ("selec 1", 'syntax error at or near "selec"\n\nselec 1\n^^^^^'),
        ("select 'x'::int", "Could not convert string 'x' to INT32"),
        ("insert into orders values (1, 'a', 2)", "The warehouse is read-only"),
        ("update orders set id = 1", "The warehouse is read-only"),
        ("create table mine (i int)", "The warehouse is read-only"),
        ("drop view paid_orders", "ATTACH 'own.duckdb' AS own (READ_WRITE)"),
        ("attach 'new.duckdb' as new", "(READ_WRITE)"),
        ("from orders; from odd", "2 of the 2 statements give rows"),
        (" -- nothing", "The query is empty."),
    ],
)
def test_a_mistake_gets_a_sentence_that_helps(env: WarehouseEnv, query: str, said: str) -> None:
    done = sql(env, query)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr and "Traceback" not in done.stderr
    assert "Error:" not in done.stderr


def test_a_notebook_gets_duckdbs_error_with_a_note(env: WarehouseEnv) -> None:
    with pytest.raises(duckdb.CatalogException) as caught:
        warehouse.sql("from ordrs")
    assert caught.value.__notes__ == [
        "There is no table or view ordrs.\nDid you mean orders or paid_orders?"
    ]
    with pytest.raises(duckdb.InvalidInputException) as refused:
        warehouse.sql("drop table orders")
    assert "under warehouse/sql/" in refused.value.__notes__[0]
    for ask in (warehouse.sql, warehouse.frame):
        with pytest.raises(WarehouseError, match="The query is empty"):
            ask(" ;")
    assert env.path is not None


def test_what_is_allowed(env: WarehouseEnv, tmp_path: Path) -> None:
    own = tmp_path / "own.duckdb"
    given(env, f"attach '{own}' as own (read_write); create table own.kept as from orders")
    with duckdb.connect(str(own)) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchall() == [(10_000,)]
    assert given(env, "set threads = 1") == ""


def test_it_imports_no_more_than_it_needs(env: WarehouseEnv) -> None:
    code = (
        "import sys\nfrom warehouse.cli import main\n"
        "try: main(['sql', 'select 1', '--format', 'csv'])\nexcept SystemExit: pass\n"
        "print([m for m in ('dagster', 'pandas', 'pyarrow', 'prompt_toolkit', 'pygments', "
        "'tabulate', 'sqlglot') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=env.env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n1\n[]\n"
