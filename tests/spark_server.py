"""One Spark for all tests that ask for it: the cluster of `just spark`, or one that is named."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.engines.spark.cluster import Cluster, run_cluster
from warehouse.engines.spark.cluster_settings import Size
from warehouse.engines.spark.installed import check_java, find_spark
from warehouse.errors import WarehouseError

VARIABLE = "WAREHOUSE_TEST_SPARK"
"""The URL of a Spark Connect server to test with. It has to see the files of this machine."""

SIZE = Size(workers=2, cores=1, memory=1024)


def missing() -> str | None:
    """Return why Spark cannot be started here, or None if it can."""
    try:
        import pyspark  # noqa: F401

        check_java()
        find_spark()
    except ImportError:
        return "Spark's client is missing: the extra `spark`"
    except WarehouseError as error:
        return error.what
    return None


@contextmanager
def spark_cluster(port: int = 0) -> Iterator[Cluster]:
    """Run a cluster for the length of a `with`; its executors are processes of their own."""
    with (
        tempfile.TemporaryDirectory(prefix="spark-") as folder,
        run_cluster(find_spark(), Path(folder), port, SIZE, print) as cluster,
    ):
        yield cluster


def named() -> str | None:
    """Return the URL of a Spark to test with, if one is named."""
    return os.environ.get(VARIABLE)
