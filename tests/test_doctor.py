"""What `doctor` says of the settings, this machine and the sample server; it changes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import WarehouseEnv
from warehouse.doctor import CHECKS, examine
from warehouse.doctor import environment as house
from warehouse.doctor.environment import judge_disk
from warehouse.doctor.findings import Finding, Verdict
from warehouse.doctor.line import judge_line
from warehouse.doctor.source import judge_encryption
from warehouse.mysql.inspect import Tls, on_this_machine
from warehouse.mysql.line import Line
from warehouse.mysql.url import parse_url
from warehouse.store import file_system, publish

OK, WARNING, FAILURE, NOT_CHECKED = Verdict


def said() -> dict[str, list[Finding]]:
    """Return the findings of each check, which all of them have."""
    found: dict[str, list[Finding]] = {}
    for name, finding in examine():
        found.setdefault(name, []).append(finding)
        assert (finding.verdict is OK) is (not finding.todo), finding
    assert list(found) == [check.name for check in CHECKS]
    return found


def bad(found: dict[str, list[Finding]]) -> dict[str, Finding]:
    """Return the last finding of each check that is not a good one."""
    return {
        name: finding
        for name, findings in found.items()
        for finding in findings
        if finding.verdict is not OK
    }


def put(path: Path, keep: int = 3) -> None:
    with publish.write(path, keep=keep, who="a test", replacing=["t"]) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS i")


def doctor(env: WarehouseEnv) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "warehouse", "doctor"],
        env=env.env,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_all_is_well_with_the_sample(warehouse_env: WarehouseEnv) -> None:
    put(warehouse_env.path)
    folder = warehouse_env.path.parent
    before = sorted((str(path), path.lstat().st_size) for path in folder.rglob("*"))
    done = doctor(warehouse_env)
    assert done.returncode == 0, done.stdout
    assert "the sample server" in done.stdout and "Snapshot 1 at" in done.stdout
    assert "failure" not in done.stdout and "not checked" not in done.stdout
    assert done.stderr.strip().endswith(".") and " ok" in done.stderr
    assert sorted((str(path), path.lstat().st_size) for path in folder.rglob("*")) == before


def test_nothing_was_built_yet(warehouse_env: WarehouseEnv) -> None:
    (finding,) = said()["warehouse"]
    assert finding.verdict is OK and "`just materialize` builds it" in finding.text
    assert not (warehouse_env.path.parent / ".warehouse").exists()


def test_a_variable_that_is_no_setting(
    warehouse_env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_MYSQL_ULR", "mysql://me:hidden@host/shop")
    done = doctor(warehouse_env)
    assert done.returncode == 0, "a warning is no failure"
    assert "WAREHOUSE_MYSQL_ULR in the environment is not a setting" in done.stdout
    assert "-> Did you mean WAREHOUSE_MYSQL_URL?" in done.stdout
    assert "hidden" not in done.stdout + done.stderr
    assert "1 warning" in done.stderr


def test_where_a_setting_comes_from(
    warehouse_env: WarehouseEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "WAREHOUSE_KEEP_SNAPSHOTS=7\nWAREHOUSE_MAX_SHRINK=0.9\nwarehouse_freshness=1\n"
        "WAREHOUSE_CACHE_MYSQL_URL=mysql://me:hidden@cache/shop\n"
    )
    monkeypatch.setattr("warehouse.settings.ENV_FILE", str(file))
    warehouse_env.configure(keep_snapshots=5)
    found = said()
    texts = [finding.text for finding in found["settings"]]
    assert "WAREHOUSE_KEEP_SNAPSHOTS=5 (environment, which wins over .env)" in texts
    assert "WAREHOUSE_MAX_SHRINK=0.9 (.env)" in texts
    assert "WAREHOUSE_CACHE_MYSQL_URL=me@cache:3306/shop (.env)" in texts
    assert "WAREHOUSE_FRESHNESS in .env" in found["variables"][0].text
    assert found["variables"][0].todo == "Did you mean WAREHOUSE_FRESHNESS_MINUTES?"


def test_a_setting_that_is_wrong_stops_only_what_needs_it(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(keep_snapshots="many")
    found = said()
    assert found["settings"][0].verdict is FAILURE
    assert "WAREHOUSE_KEEP_SNAPSHOTS" in found["settings"][0].text
    for name in ("connection", "sources", "index", "disk"):
        assert [finding.verdict for finding in found[name]] == [NOT_CHECKED], name
    assert found["versions"][0].verdict is OK
    assert found["history"][0].verdict is not NOT_CHECKED


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("mysql+pymysql://me:hidden@127.0.0.1:1/shop", "cannot be reached"),
        ("mysql+pymysql://me:hidden@127.0.0.1/", "names no database"),
    ],
)
def test_no_server(warehouse_env: WarehouseEnv, url: str, text: str) -> None:
    warehouse_env.configure(mysql_url=url)
    done = doctor(warehouse_env)
    assert done.returncode == 1
    assert text in done.stdout and "WAREHOUSE_MYSQL_URL" in done.stdout
    assert "hidden" not in done.stdout + done.stderr and "Traceback" not in done.stderr
    assert "It needs the connection." in done.stdout
    assert "room for a refresh" in done.stdout, "the others still run"


TLS = Tls("TLSv1.3", "AES")


@pytest.mark.parametrize(
    ("tls", "verified", "remote", "verdict", "text"),
    [
        (None, False, True, WARNING, "not encrypted"),
        (None, False, False, OK, "does not leave this machine"),
        (TLS, False, True, WARNING, "nobody verified"),
        (TLS, False, False, OK, "not verified"),
        (TLS, True, True, OK, "certificate is verified"),
    ],
)
def test_encryption(
    tls: Tls | None, verified: bool, remote: bool, verdict: Verdict, text: str
) -> None:
    finding = judge_encryption(tls, verified=verified, remote=remote)
    assert finding.verdict is verdict and text in finding.text
    assert ("?ssl_ca=" in finding.todo) is (verdict is WARNING)


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("db.example.com", False),
    ],
)
def test_what_this_machine_is(address: str, here: bool) -> None:
    assert on_this_machine(parse_url(f"mysql://me@{address}/shop")) is here


@pytest.mark.parametrize(
    ("free", "verdict"), [(99, FAILURE), (100, WARNING), (299, WARNING), (300, OK)]
)
def test_the_disk(free: int, verdict: Verdict) -> None:
    assert judge_disk(free * 10**6, 100 * 10**6, 200 * 10**6).verdict is verdict


def test_a_folder_that_cannot_be_written(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(path="/proc/warehouse/warehouse.duckdb")
    assert bad(said())["folder"].verdict is FAILURE


def test_a_network_drive(
    warehouse_env: WarehouseEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    folder = str(warehouse_env.path.parent.resolve()).replace(" ", "\\040")
    mounts.write_text(f"server:/share {folder} nfs4 rw 0 0\n/dev/sda / ext4 rw 0 0\n")
    monkeypatch.setattr(file_system, "MOUNTS", mounts)
    finding = bad(said())["folder"]
    assert finding.verdict is WARNING and "network drive (nfs4)" in finding.text
    mounts.write_text(f"server:/ / nfs4 rw 0 0\n/dev/sda {folder} ext4 rw 0 0\n")
    assert "folder" not in bad(said())


def test_what_stands_in_the_place_of_the_warehouse(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.path.write_text("mine")
    found = bad(said())
    assert found["warehouse"].verdict is FAILURE
    assert "is not a link to a snapshot" in found["warehouse"].text


def test_a_snapshot_that_was_spoilt(warehouse_env: WarehouseEnv) -> None:
    put(warehouse_env.path)
    put(warehouse_env.path)
    snapshot = warehouse_env.path.resolve()
    snapshot.chmod(0o644)
    snapshot.write_bytes(b"not a database" * 1000)
    finding = bad(said())["warehouse"]
    assert finding.verdict is FAILURE and "just rollback" in finding.todo


def test_what_a_killed_writer_left(warehouse_env: WarehouseEnv) -> None:
    put(warehouse_env.path)
    code = (
        "import sys, pathlib\n"
        "from warehouse.store.publish import write\n"
        "with write(pathlib.Path(sys.argv[1]), keep=3, who='mysql_orders, run 1234'):\n"
        "    print('writing', flush=True); input()\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(warehouse_env.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert writer.stdout and writer.stdout.readline()
    (finding,) = said()["leftovers"]
    assert finding.verdict is OK and "mysql_orders, run 1234" in finding.text
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    finding = bad(said())["leftovers"]
    assert finding.verdict is WARNING
    assert "mysql_orders, run 1234" in finding.text and "did not come to its end" in finding.text
    put(warehouse_env.path)
    assert "leftovers" not in bad(said()), "the next write removes it, as it says"


def test_more_snapshots_than_are_to_be_kept(warehouse_env: WarehouseEnv) -> None:
    for _ in range(4):
        put(warehouse_env.path, keep=4)
    assert "leftovers" not in bad(said())
    warehouse_env.configure(keep_snapshots=3)
    finding = bad(said())["leftovers"]
    assert "1 snapshot more than WAREHOUSE_KEEP_SNAPSHOTS=3 and WAREHOUSE_KEEP_DAYS=14 keep" in (
        finding.text
    )
    assert finding.text.endswith("disk: 1.")
    (warehouse_env.path.parent / ".warehouse" / "000005").mkdir()
    texts = [finding.text for finding in said()["leftovers"]]
    assert any("Snapshot 5 " in text and "never linked" in text for text in texts)
    assert any(text.endswith("disk: 1.") for text in texts), texts


@pytest.mark.usefixtures("warehouse_env")
def test_what_is_installed_is_not_what_the_lock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "duckdb==0.1 \\\n    --hash=sha256:00\n    # via warehouse\n"
        "no-such-package==1.0 \\\n    --hash=sha256:00\n"
        "only-elsewhere==1.0 ; sys_platform == 'nowhere' \\\n    --hash=sha256:00\n"
    )
    monkeypatch.setattr(house, "LOCK", lock)
    finding = bad(said())["versions"]
    assert finding.verdict is WARNING and finding.text.startswith("2 of 2 packages")
    assert "duckdb==0.1 (2." in finding.text and "no-such-package==1.0 (missing)" in finding.text


@pytest.mark.usefixtures("warehouse_env")
def test_what_cannot_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "LOCK", tmp_path)  # a folder
    found = said()
    assert bad(found)["versions"].verdict is FAILURE and str(tmp_path) in found["versions"][-1].text
    assert found["history"][0].verdict is OK, "the others still run"


def test_dagsters_home(warehouse_env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(warehouse_env.path.parent)
    assert "history" not in bad(said())
    (Path(warehouse_env.env["DAGSTER_HOME"]) / "dagster.yaml").unlink()
    assert bad(said())["history"].verdict is WARNING
    Path("relative").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", "relative")
    assert bad(said())["history"].verdict is FAILURE


@pytest.mark.usefixtures("warehouse_env")
def test_it_is_quick() -> None:
    began = time.monotonic()
    assert said()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("measured", "wanted", "verdict", "words"),
    [
        (Line(0.04, 2e6, compressed=False, can_compress=True), False, WARNING, "16.0 Mbit/s"),
        (Line(0.04, 2e6, compressed=False, can_compress=False), False, OK, "is off"),
        (Line(0.04, 2e6, compressed=False, can_compress=False), True, WARNING, "does not offer"),
        (Line(0.04, 2e6, compressed=True, can_compress=True), True, OK, "compression is on"),
        (Line(0.001, 8e7, compressed=True, can_compress=True), True, WARNING, "longer here"),
        (Line(0.001, 8e7, compressed=False, can_compress=True), False, OK, "more than 200 Mbit/s"),
    ],
)
def test_what_is_said_of_a_line(measured: Line, wanted: bool, verdict: Verdict, words: str) -> None:
    finding = judge_line(measured, wanted=wanted)
    assert finding.verdict is verdict and words in finding.text
    assert ("compress" in finding.todo) is (verdict is WARNING)


def test_no_password_of_the_lake_or_of_spark_is_shown(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(
        lake="s3a://me:hidden@bucket/lake", spark="sc://localhost:15002/;token=hidden"
    )
    done = doctor(warehouse_env)
    assert "WAREHOUSE_LAKE=s3a://bucket/lake (environment)" in done.stdout
    assert "WAREHOUSE_SPARK=sc://localhost:15002/ (environment)" in done.stdout
    assert "hidden" not in done.stdout + done.stderr
