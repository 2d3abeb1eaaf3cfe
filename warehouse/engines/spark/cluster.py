"""A Spark cluster on this machine: a master, workers and a Connect server, on loopback only.

They run from a `pyspark` outside this environment (456 MB) and end with the process that started
them, however that ends.

https://spark.apache.org/docs/latest/spark-standalone.html
https://spark.apache.org/docs/latest/configuration.html
"""

from __future__ import annotations

import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from warehouse.engines.spark.cluster_settings import HOST, Size, environment_of, write_settings
from warehouse.engines.spark.installed import check_java
from warehouse.errors import WarehouseError

CONNECT_PORT = 15002
"""Spark Connect's own: https://spark.apache.org/docs/latest/spark-connect-overview.html"""
START_SECONDS = 120
STOP_SECONDS = 10
JDBC_JAR = Path("/usr/share/java/mariadb-java-client.jar")
"""Where Debian's libmariadb-java puts MariaDB's driver."""

_CONNECT_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
_MASTER_CLASS = "org.apache.spark.deploy.master.Master"
_WORKER_CLASS = "org.apache.spark.deploy.worker.Worker"
_TICK_SECONDS = 0.1
_REGISTERED = "registered with master"
"""What a worker logs: https://github.com/apache/spark, Worker.scala"""


@dataclass
class Cluster:
    """A cluster that runs.

    Attributes:
        port: That of its Connect server.
        folder: Holds everything that it writes.
        look: Called while it is waited for; may raise an error that ends it.
        processes: By the names of their logs.
    """

    port: int
    folder: Path
    look: Callable[[], None] = lambda: None
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The value of `WAREHOUSE_SPARK`."""
        return f"sc://{HOST}:{self.port}"

    def log(self, name: str) -> Path:
        """Return the log of a process."""
        return self.folder / f"{name}.log"

    def check(self) -> None:
        """See that all its processes live.

        Raises:
            WarehouseError: one of them ended; names its log.
        """
        self.look()
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise WarehouseError(
                    f"Spark's {name} ended by itself{_by_signal(process.returncode)}.",
                    safe="The warehouse and its Parquet files are untouched.",
                    todo=f"Its log: {self.log(name)}. Where memory is short, give the workers less "
                    "of it: `just spark --memory 1024`.",
                )

    def wait(self) -> None:
        """Wait until one of its processes ends, or for ever.

        Raises:
            WarehouseError: as `check`.
        """
        while True:
            self.check()
            time.sleep(_TICK_SECONDS)

    def stop(self) -> None:
        """End all its processes, within `STOP_SECONDS` and by force after that."""
        for process in self.processes.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0, deadline - time.monotonic()))
            process.kill()
            process.wait()


@contextmanager
def run_cluster(
    spark_home: Path,
    folder: Path,
    port: int,
    size: Size,
    say: Callable[[str], None],
    look: Callable[[], None] = lambda: None,
) -> Iterator[Cluster]:
    """Run a cluster for the length of a `with`. The thread that calls this must outlive it.

    Args:
        spark_home: The folder of Spark, see `installed.find_spark`.
        folder: It writes into a folder in there that is called like its port, whose former content
            is removed. At the end that is removed, or stays with the logs if something failed.
        port: Of its Connect server; 0 takes a free one.
        size: How large it is.
        say: Told what happens.
        look: Called while it is waited for; may raise an error that ends it.

    Raises:
        WarehouseError: Java is missing or too old, the port is taken, or a process did not start.
    """
    check_java()
    port = _take_port(port)
    folder = folder / str(port)
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("conf", "work", "tmp"):
        (folder / part).mkdir(parents=True)
    cluster = Cluster(port, folder, look)
    try:
        _start(cluster, spark_home, size, say)
        yield cluster
    except Exception:
        cluster.stop()
        raise
    except BaseException:  # Ctrl-C is no failure
        _end(cluster)
        raise
    _end(cluster)


def _end(cluster: Cluster) -> None:
    cluster.stop()
    shutil.rmtree(cluster.folder, ignore_errors=True)


def _take_port(port: int) -> int:
    """Return a port that is free now.

    Raises:
        WarehouseError: the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise WarehouseError(
                f"The port {port} of {HOST} is taken: perhaps by another `just spark`.",
                todo="`just spark --port 0` takes a free one.",
            ) from None
        return int(probe.getsockname()[1])


def _start(cluster: Cluster, spark_home: Path, size: Size, say: Callable[[str], None]) -> None:
    """Start the master, and then the workers and the Connect server together."""
    say(f"Starting Spark on {HOST}: a master, {size.words}, and a Connect server ...")
    began = time.monotonic()
    jdbc = JDBC_JAR if JDBC_JAR.is_file() else None
    write_settings(cluster.folder, cluster.port, size, jdbc)
    master_port = _take_port(0)
    master = f"spark://{HOST}:{master_port}"
    spark_class = str(spark_home / "bin" / "spark-class")

    def launch(name: str, *arguments: str) -> None:
        with cluster.log(name).open("wb") as log:
            cluster.processes[name] = subprocess.Popen(
                [spark_class, *arguments],
                cwd=cluster.folder,
                env=environment_of(cluster.folder, spark_home, daemon=name != "connect"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for this process, which then ends the others.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    at = ("--host", HOST, "--webui-port", "0")
    launch("master", _MASTER_CLASS, *at, "--port", str(master_port))
    _wait(cluster, "master", lambda: _listens(master_port))
    workers = [f"worker-{number}" for number in range(1, size.workers + 1)]
    for name in workers:
        given = ("--cores", str(size.cores), "--memory", f"{size.memory}m")
        work = ("--work-dir", str(cluster.folder / "work" / name))
        launch(name, _WORKER_CLASS, *at, *given, *work, master)
    submit = ("org.apache.spark.deploy.SparkSubmit", "--master", master)
    launch("connect", *submit, "--class", _CONNECT_CLASS, "spark-internal")
    for name in workers:
        _wait(cluster, name, partial(_registered, cluster.log(name)))
    _wait(cluster, "connect", lambda: _listens(cluster.port))
    say(f"Spark answers after {time.monotonic() - began:.0f} s. Logs: {cluster.folder}")
    if jdbc is None:
        say(
            "Spark can read Parquet, and not MySQL: it has no driver for that. On Debian and "
            "Ubuntu: apt-get install libmariadb-java"
        )


def _registered(log: Path) -> bool:
    return _REGISTERED in log.read_text()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _wait(cluster: Cluster, name: str, ready: Callable[[], bool]) -> None:
    """Wait until a process is ready.

    Raises:
        WarehouseError: it ended, or takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        cluster.check()
        if time.monotonic() > deadline:
            raise WarehouseError(
                f"Spark's {name} was not ready after {START_SECONDS} seconds.",
                todo=f"Its log: {cluster.log(name)}",
            )
        time.sleep(_TICK_SECONDS)


def _by_signal(code: int) -> str:
    """Say which signal ended a process, if one did."""
    return f" ({signal.Signals(-code).name})" if code < 0 else f" (exit code {code})"


def _die_with_parent() -> None:
    """Have Linux end this process when the one that started it ends, even by SIGKILL."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
