"""What the processes of a cluster on this machine are told: its size, settings, environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
_QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

_LOG_SETTINGS = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yyyy-MM-dd HH:mm:ss} %p %c{1}: %m%n%ex
logger.deploy.name = org.apache.spark.deploy
logger.deploy.level = info
"""


@dataclass(frozen=True)
class Size:
    """How large a cluster is.

    Attributes:
        workers: How many; each runs one executor, in a process of its own.
        cores: Of each worker.
        memory: Of each worker, in MB.
    """

    workers: int = 2
    cores: int = 1
    memory: int = 2048

    @property
    def words(self) -> str:
        """The same for people."""
        each = f"{self.cores} core{'s' * (self.cores != 1)} and {self.memory:,} MB"
        if self.workers == 1:
            return f"1 worker with {each}"
        return f"{self.workers} workers with {each} each"


def write_settings(folder: Path, port: int, size: Size, jdbc: Path | None) -> None:
    """Write Spark's settings into a file: what stands on a command line everybody can read."""
    settings: dict[str, object] = {
        "spark.app.name": "warehouse",
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.connect.grpc.binding.address": HOST,
        "spark.connect.grpc.binding.port": port,
        "spark.executor.cores": size.cores,
        "spark.executor.memory": f"{size.memory}m",
        # The Connect server holds results until they are read. One that is too large fails with a
        # sentence; and a server without memory ends, where it would leave its clients waiting.
        "spark.driver.memory": "2g",
        "spark.driver.maxResultSize": "1g",
        "spark.driver.extraJavaOptions": "-XX:+ExitOnOutOfMemoryError",
        # What the parser learns of each text it keeps for ever, unless it is told not to: 2 KB a
        # state, by Spark's own estimate. Texts that differ much filled the memory in an hour.
        "spark.sql.parser.manageParserCaches": "true",
        "spark.sql.parser.parserDfaCacheFlushThreshold": 20000,
        # An executor sends a partition when it has all of it.
        "spark.sql.files.maxPartitionBytes": "32m",
        "spark.sql.files.openCostInBytes": "1m",  # a table with days has many small files
        # 200 tasks, the default, are for a large cluster.
        "spark.sql.shuffle.partitions": 2 * size.workers * size.cores,
        # A stopped query stops: the executor of a task that does not heed it is started again.
        "spark.task.reaper.enabled": "true",
        "spark.task.reaper.pollingInterval": "2s",
        "spark.task.reaper.killTimeout": "10s",
        "spark.ui.enabled": "false",
        "spark.eventLog.enabled": "false",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": f"file:{folder}/tables",
    }
    if jdbc:
        settings |= {f"spark.{side}.extraClassPath": jdbc for side in ("driver", "executor")}
    text = "".join(f"{name} {value}\n" for name, value in settings.items())
    (folder / "conf" / "spark-defaults.conf").write_text(text)
    (folder / "conf" / "log4j2.properties").write_text(_LOG_SETTINGS)


def environment_of(folder: Path, spark_home: Path, *, daemon: bool) -> Mapping[str, str]:
    """Return the environment of a process of Spark, without what other Sparks set in it.

    Args:
        folder: That of the cluster.
        spark_home: The folder of Spark.
        daemon: Whether it is a master or a worker. What a Connect server finds for those it takes
            for itself, whatever `spark.driver.memory` says.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    if daemon:
        # Master and workers do little: to start soon is all.
        kept |= {"SPARK_DAEMON_MEMORY": "512m", "SPARK_DAEMON_JAVA_OPTS": _QUICK_START}
    return kept | {
        "SPARK_HOME": str(spark_home),
        "SPARK_CONF_DIR": str(folder / "conf"),
        "SPARK_LOCAL_DIRS": str(folder / "tmp"),
        # The name of this machine need not resolve, and its address is nobody's business.
        "SPARK_LOCAL_IP": HOST,
        "SPARK_LOCAL_HOSTNAME": HOST,
        "SPARK_LAUNCHER_OPTS": _QUICK_START,
        "JDK_JAVA_OPTIONS": f'"-Djava.io.tmpdir={folder}/tmp" -XX:-UsePerfData',
    }
