"""`warehouse export`: a whole folder of Parquet files, in which every type of the map survives."""

import json
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import WarehouseError
from warehouse.mysql.types import TYPES
from warehouse.serve.export import MANIFEST, export
from warehouse.serve.json_values import PARQUET
from warehouse.store.publish import write

VALUES = {
    "TINYINT": "-128",
    "UTINYINT": "255",
    "SMALLINT": "-32768",
    "USMALLINT": "65535",
    "INTEGER": "-2147483648",
    "UINTEGER": "4294967295",
    "BIGINT": "-9223372036854775808",
    "UBIGINT": "18446744073709551615",
    "DECIMAL(38,10)": "-1234567890123456789012345678.0123456789",
    "VARCHAR": "'é \\ \" , '''",
    "FLOAT": "1.1",
    "DOUBLE": "0.1",
    "BOOLEAN": "true",
    "DATE": "'0001-01-01'",
    "TIMESTAMP": "'9999-12-31 23:59:59.999999'",
    "TIMESTAMPTZ": "'2024-03-31 01:59:59.999999+00'",
    "INTERVAL": "'-838:59:59.999999'",
    "BLOB": r"'\x00\xFF'::BLOB",
    "JSON": "'{\"x\": 12345678901234567890.10}'",
    "UUID": "'11111111-1111-1111-1111-111111111111'",
    "FLOAT[]": "[1.1, NULL]",
}
"""A hard value for each DuckDB type of the type map."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    for version in (1, 2):
        with write(path, keep=3, who="test", memory_limit="200MB", replacing=["t"]) as connection:
            columns = ", ".join(
                f'CAST({value} AS {type_}) AS "c{i}", CAST(NULL AS {type_}) AS "n{i}"'
                for i, (type_, value) in enumerate(VALUES.items())
            )
            connection.execute(f"CREATE TABLE t AS SELECT {version} AS version, {columns}")
            connection.execute('CREATE OR REPLACE VIEW "a view" AS SELECT version FROM t')
    return path


def version(folder: Path) -> int:
    ((found,),) = duckdb.execute(f"SELECT version FROM '{folder}/a view.parquet'").fetchall()
    return int(found)


def test_every_type_of_the_map_survives(path: Path, tmp_path: Path) -> None:
    of_the_map = {rule.duckdb.format(p=38, s=10) for rule in TYPES.values()}
    assert of_the_map == set(VALUES)
    export(path, tmp_path / "out")
    file = tmp_path / "out" / "t.parquet"
    with duckdb.connect() as connection:
        read = dict(
            connection.execute(
                f"SELECT column_name, column_type FROM (DESCRIBE FROM '{file}')"
            ).fetchall()
        )
        for i, (type_, value) in enumerate(VALUES.items()):
            kept = PARQUET.get(type_.lower(), type_)
            assert read[f"c{i}"] == kept.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")
            ((same, null),) = connection.execute(
                f"SELECT CAST(c{i} AS {type_})::VARCHAR = CAST({value} AS {type_})::VARCHAR, "
                f"n{i} IS NULL FROM '{file}'"
            ).fetchall()
            assert same and null, type_


def test_what_is_in_it(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    said: list[str] = []
    export(path, folder, say=said.append)
    assert sorted(p.name for p in folder.iterdir()) == [MANIFEST, "a view.parquet", "t.parquet"]
    assert version(folder) == 2 and said[0] == "a view: 1 row." and "snapshot 2" in said[-1]
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["snapshot"] == 2 and manifest["tables"]["t"]["rows"] == 1

    export(path, folder, only=["a view"], which=-1)
    assert sorted(p.name for p in folder.iterdir()) == [MANIFEST, "a view.parquet"]
    assert version(folder) == 1
    export(path, folder, only=["snapshots"])
    assert (folder / "snapshots.parquet").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".out")] == []


def test_it_overwrites_nothing_but_an_export(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    export(path, folder)
    (folder / "mine.txt").write_text("keep me")
    with pytest.raises(WarehouseError, match=r"mine\.txt"):
        export(path, folder)
    assert (folder / "mine.txt").exists() and version(folder) == 2
    (folder / "mine.txt").unlink()
    for theirs in ("", "{broken", "[]", '{"tables": 1}'):
        (folder / MANIFEST).write_text(theirs)
        with pytest.raises(WarehouseError, match=r"_manifest\.json"):
            export(path, folder)
        assert (folder / MANIFEST).read_text() == theirs
    with pytest.raises(WarehouseError, match="is not a folder"):
        export(path, path)
    (tmp_path / "empty").mkdir()
    export(path, tmp_path / "empty")
    assert version(tmp_path / "empty") == 2


def test_a_failure_leaves_the_last_export(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    export(path, folder)
    with write(path, keep=3, who="test") as connection:
        connection.execute("CREATE VIEW z AS SELECT error('broken') AS x FROM t")
    with pytest.raises(WarehouseError, match="broken"):
        export(path, folder)
    assert version(folder) == 2
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".out")] == []


def test_what_is_not_there(path: Path, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=r"no table or view tt\.\nDid you mean t\?"):
        export(path, tmp_path / "out", only=["tt"])
    with pytest.raises(WarehouseError, match="no snapshot 9 "):
        export(path, tmp_path / "out", which=9)
    assert not (tmp_path / "out").exists()
