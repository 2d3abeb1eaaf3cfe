"""Where the warehouse is, by the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

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
