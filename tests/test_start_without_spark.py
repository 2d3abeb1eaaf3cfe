"""Who stays on DuckDB loads nothing of Spark or of the lake."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = """
import sys
{statement}
print(*sorted(m for m in sys.modules if m in (
    "pyspark", "grpc", "fsspec", "warehouse.engines.spark.session",
    "warehouse.engines.spark.translate", "warehouse.lake.place")))
"""


@pytest.mark.parametrize(
    "statement",
    [
        "import warehouse.definitions as d; d.defs",
        "import warehouse.cli",
        "import warehouse.notebook",
    ],
)
def test_nothing_of_spark_is_loaded(statement: str) -> None:
    code = LOADED.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
