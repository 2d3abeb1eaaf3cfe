"""Where the warehouse is, by the settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import warehouse
from warehouse.errors import WarehouseError
from warehouse.project.project import load_project
from warehouse.settings import ROOT, load_settings


@pytest.mark.parametrize(
    ("home", "path", "found"),
    [
        ("", "", ROOT / "data" / "warehouse.duckdb"),
        ("", "other.duckdb", ROOT / "other.duckdb"),
        ("/ours", "", Path("/ours/data/warehouse.duckdb")),
        ("/ours", "other.duckdb", Path("/ours/other.duckdb")),
        ("/ours", "/elsewhere/w.duckdb", Path("/elsewhere/w.duckdb")),
        ("ours", "", ROOT / "ours" / "data" / "warehouse.duckdb"),
    ],
)
def test_each_project_folder_has_its_own(
    monkeypatch: pytest.MonkeyPatch, home: str, path: str, found: Path
) -> None:
    monkeypatch.setenv("WAREHOUSE_HOME", home)
    monkeypatch.setenv("WAREHOUSE_PATH", path)
    assert load_settings().path == found


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder that is no project, with nothing set."""
    for name in [name for name in os.environ if name.upper().startswith("WAREHOUSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_home(folder: Path, keep: int, mark: str = ".env") -> Path:
    (folder / "sql" / "sources").mkdir(parents=True)
    (folder / ".env").write_text(f"WAREHOUSE_KEEP_SNAPSHOTS={keep}\n")
    (folder / ".env").rename(folder / mark)
    return folder


@pytest.mark.parametrize("inside", ["", "notebooks/deep"])
@pytest.mark.parametrize(("mark", "kept"), [(".env", 7), ("dagster.yaml", 10)])
def test_a_command_inside_a_project_folder_finds_it(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, inside: str, mark: str, kept: int
) -> None:
    home = make_home(nowhere / "ours", 7, mark)
    (home / inside).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(home / inside)
    found = load_settings()
    assert (found.home, found.folder, found.keep_snapshots) == (home, home, kept)
    assert load_project().home == home


def test_sql_alone_marks_no_project_folder(nowhere: Path) -> None:
    make_home(nowhere, 7, "README")
    assert load_settings().home is None


def test_the_environment_names_another(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_home(nowhere, 7)
    monkeypatch.setenv("warehouse_home", str(make_home(nowhere / "other", 8)))
    assert load_settings().keep_snapshots == 8


def test_the_one_that_is_named_wins(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_HOME", str(make_home(nowhere / "other", 8)))
    named = make_home(nowhere / "named", 9)
    assert load_settings(named).path == named / "data" / "warehouse.duckdb"
    assert load_settings(Path("named")).keep_snapshots == 9
    assert load_project(named).settings.keep_snapshots == 9


def test_the_environment_wins_over_the_file(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_home(nowhere, 7)
    monkeypatch.setenv("WAREHOUSE_KEEP_SNAPSHOTS", "5")
    assert load_settings().keep_snapshots == 5


def test_the_file_of_the_repository_names_one(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = nowhere / "repository"
    repository.mkdir()
    monkeypatch.setattr(warehouse.settings, "REPOSITORY", repository)
    (repository / ".env").write_text(
        "WAREHOUSE_HOME=../ours\nWAREHOUSE_KEEP_SNAPSHOTS=4\nWAREHOUSE_CONNECTIONS=2\n"
    )
    make_home(nowhere / "ours", 7)
    found = load_settings()
    assert found.folder.resolve() == nowhere / "ours"
    assert (found.keep_snapshots, found.connections) == (7, 2)
    assert load_settings(nowhere / "ours").connections == 2
    assert load_settings(make_home(nowhere / "other", 8)).connections == 4


def test_installed_there_is_no_project_without_a_home(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse.settings, "REPOSITORY", None)
    with pytest.raises(WarehouseError, match="`warehouse init FOLDER` makes one"):
        load_settings()
    monkeypatch.setenv("WAREHOUSE_HOME", "ours")
    assert load_settings().folder == nowhere / "ours"


@pytest.mark.parametrize(
    ("home", "lake", "found"),
    [
        ("/ours", "lake", "/ours/lake"),
        ("/ours", "/shared/lake", "/shared/lake"),
        ("/ours", "s3a://bucket/lake", "s3a://bucket/lake"),
        ("", "lake", str(ROOT / "lake")),
        ("/ours", "", None),
    ],
)
def test_a_lake_counts_from_the_project_folder(
    monkeypatch: pytest.MonkeyPatch, home: str, lake: str, found: str | None
) -> None:
    monkeypatch.setenv("WAREHOUSE_HOME", home)
    monkeypatch.setenv("WAREHOUSE_LAKE", lake)
    assert load_settings().lake == found


@pytest.mark.parametrize(
    "url",
    ["sc://host", "sc://host:15002", "sc://[::1]:15002/", "sc://host:1/;token=a;use_ssl=true"],
)
def test_a_spark_that_is_one(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("WAREHOUSE_SPARK", url)
    assert load_settings().spark == url


@pytest.mark.parametrize(
    "url",
    [
        *("host:15002", "http://host:15002", "sc://", "sc://:15002", "sc://host:port"),
        *("sc://host:99999", "sc://host:0", "sc://host/path", "sc://me:hidden@host:15002"),
        *("sc://[::1", "sc://host;token=hidden", "spark://host:7077"),
    ],
)
def test_a_spark_that_is_none(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("WAREHOUSE_SPARK", url)
    with pytest.raises(WarehouseError, match=r"WAREHOUSE_SPARK: .*sc://host:15002") as raised:
        load_settings()
    assert "hidden" not in str(raised.value)
