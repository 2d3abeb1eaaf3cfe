"""`just spark`: what it starts, what it says, and that all of it ends with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests import spark_server
from tests.conftest import WarehouseEnv
from warehouse.cli import main
from warehouse.engines.spark import cluster as clusters
from warehouse.engines.spark import installed
from warehouse.engines.spark.installed import check_java, find_spark
from warehouse.engines.spark.session import connect, record_batches
from warehouse.errors import WarehouseError
from warehouse.settings import ROOT

WAIT_SECONDS = 120


@pytest.fixture
def spark_installed() -> None:
    """Skip where there is no Spark to start."""
    reason = spark_server.missing()
    if reason and os.environ.get("REQUIRE_SERVERS") == "1":
        pytest.fail(f"REQUIRE_SERVERS=1, and {reason}")
    if reason:
        pytest.skip(reason)


def processes(folder: Path) -> list[int]:
    """Return the processes that know a folder from their command line or their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if f"{folder}/".encode() in text and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def wait_for(holds: Callable[[], object], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


@contextmanager
def spark_command(env: WarehouseEnv) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Run `just spark` with as little as works, and its folder."""
    folder = env.path.parent / ".spark"
    command = [sys.executable, "-m", "warehouse", "spark", "--port", "0", "--memory", "512"]
    process = subprocess.Popen(
        [*command, "--workers", "1"],
        cwd=ROOT,
        env=env.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, folder
    finally:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("spark_installed")
def test_a_killed_command_leaves_no_process(warehouse_env: WarehouseEnv) -> None:
    with spark_command(warehouse_env) as (process, folder):
        assert process.stdout is not None
        setting, _, url = process.stdout.readline().strip().partition("=")
        assert setting == "WAREHOUSE_SPARK"
        session = connect(url)
        assert record_batches(session, "SELECT count(*) FROM range(9)").read_all().num_rows == 1
        assert len(processes(folder)) == 4  # master, worker, Connect, and the worker's executor
        assert [one for one in listening(processes(folder)) if one != "127.0.0.1"] == []
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_for(lambda: not processes(folder), "the end of Spark's processes")
        with pytest.raises(WarehouseError, match="went away") as gone:
            record_batches(session, "SELECT 1")
        assert "\n" not in gone.value.what
        session.client.close()


def listening(process_ids: list[int]) -> list[str]:
    """Return the addresses on which processes listen."""
    found = []
    inodes = {
        str(link.readlink())
        for one in process_ids
        for link in Path(f"/proc/{one}/fd").iterdir()
        if link.is_symlink() and str(link.readlink()).startswith("socket:")
    }
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and f"socket:[{rest[5]}]" in inodes:
                found.append(socket.inet_ntoa(bytes.fromhex(local.partition(":")[0][-8:])[::-1]))
    assert found
    return found


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
@pytest.mark.usefixtures("spark_installed")
def test_a_stopped_command_leaves_nothing(
    warehouse_env: WarehouseEnv, sent: signal.Signals, code: int
) -> None:
    with spark_command(warehouse_env) as (process, folder):
        wait_for(lambda: list(folder.glob("*/connect.log")), "the start of Spark's Connect server")
        process.send_signal(sent)
        assert process.wait(WAIT_SECONDS) == code
        assert processes(folder) == []
        assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("spark_installed")
def test_a_process_that_does_not_start_names_its_log(
    warehouse_env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "_MASTER_CLASS", "org.nosuch.Master")
    folder = warehouse_env.path.parent / "spark"
    with (
        pytest.raises(WarehouseError, match="Spark's master ended by itself") as failed,
        clusters.run_cluster(find_spark(), folder, 0, spark_server.SIZE, print),
    ):
        pass
    (log,) = folder.glob("*/master.log")
    assert str(log) in failed.value.todo
    assert "org.nosuch.Master" in log.read_text()


@pytest.mark.usefixtures("spark_installed", "warehouse_env")
def test_a_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
        result = CliRunner().invoke(main, ["spark", "--port", port])
        assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
    assert result.exit_code == 1
    assert f"The port {port} of 127.0.0.1 is taken" in result.output


def test_a_missing_java_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WarehouseError, match="needs Java 17 or newer, and none is installed"):
        check_java()
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(WarehouseError, match=r"and `.*/bin/java` is Java 11\."):
        check_java()
    java.write_text("#!/bin/sh\necho 'java version \"1.8.0_402\"' >&2\n")
    with pytest.raises(WarehouseError, match=r"is Java 8\."):
        check_java()
    java.write_text("#!/bin/sh\necho 'openjdk version \"21.0.1\" 2023-10-17' >&2\n")
    check_java()


def test_a_missing_spark_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    with pytest.raises(WarehouseError, match="there is no Spark in that folder"):
        find_spark()
    monkeypatch.delenv("SPARK_HOME")
    monkeypatch.setattr(installed, "REPOSITORY", tmp_path)
    with pytest.raises(WarehouseError, match="Spark is not installed here") as missing:
        find_spark()
    assert "just spark" in missing.value.todo
