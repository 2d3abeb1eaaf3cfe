"""Takes the docs' pictures of Dagster's UI, over a warehouse of the sample's, made for them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from PIL import Image

from warehouse.sample.calendar import CSV_LAST_DAY, calendar_in
from warehouse.sample.server import SampleServer, serve
from warehouse.settings import ROOT

IMAGES = ROOT / "docs" / "images"
GROUPS = ",".join(f"global@global:{group}" for group in ("sources", "transforms", "analytics"))


@dataclass(frozen=True)
class Picture:
    """A page, in a window large enough to show all of it, and the part without the menus."""

    page: str
    window: tuple[int, int]
    part: tuple[int, int, int, int]


PICTURES = {
    "graph": Picture(
        f"/asset-groups?{urllib.parse.urlencode({'expanded': GROUPS})}",
        (2240, 2300),
        (600, 200, 2160, 1950),
    ),
    "asset": Picture("/assets/orders_summary?view=overview", (1600, 1700), (240, 0, 1600, 1618)),
}
DAYS_LEFT_OUT = (120, 60, 15)
"""Of the last days of the sample, in one load after the other: so there are plots."""
DAYS_LOADED = 14

COLOURS = 256
START_SECONDS = 90


def build(env: Mapping[str, str], last_day: date) -> None:
    """Materialize everything a few times, each time with more orders, up to the last day."""
    materialize = [sys.executable, "-m", "warehouse", "materialize"]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("sql", "checks"):
            shutil.copytree(ROOT / "warehouse" / name, Path(folder) / name)
        orders = Path(folder) / "sql" / "sources" / "mysql_orders.sql"
        whole = orders.read_text(encoding="utf-8")
        for days in DAYS_LEFT_OUT:
            limit = f"where order_date <= '{last_day - timedelta(days)}'"
            orders.write_text(f"{whole.rstrip()} {limit}\n", encoding="utf-8")
            subprocess.run(materialize, env={**env, "WAREHOUSE_HOME": folder}, check=True)
    subprocess.run(materialize, env=env, check=True)
    loaded = f"{last_day - timedelta(DAYS_LOADED - 1)}...{last_day}"
    subprocess.run(
        [*materialize, "mysql_orders_daily", "--partition-range", loaded], env=env, check=True
    )
    subprocess.run([*materialize, "daily_revenue"], env=env, check=True)


@contextmanager
def dev(env: Mapping[str, str]) -> Iterator[str]:
    """Run `just dev` for the length of a `with`. Yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "warehouse", "dev", "--port", str(port)],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(f"{address}/server_info", process)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < ends:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise SystemExit(f"just dev did not answer at {url}.")


def take(picture: Picture, address: str, file: Path) -> None:
    """Take a picture of a page, when it has stopped loading."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("The pictures are taken with Chromium, which is not installed.")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser,
                *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                f"--user-data-dir={profile}",
                f"--window-size={picture.window[0]},{picture.window[1]}",
                "--virtual-time-budget=15000",
                f"--screenshot={file}",
                address + picture.page,
            ],
            check=True,
            capture_output=True,
            timeout=180,
        )
    with Image.open(file) as taken:
        shown = taken.convert("RGB").crop(picture.part)
        small = shown.quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


@contextmanager
def _sample(folder: Path) -> Iterator[tuple[SampleServer, date]]:
    """Serve the sample with the days that a warehouse in a folder has, and yield the last one."""
    calendar = calendar_in(folder)
    with serve(calendar=calendar) as sample:
        yield sample, calendar.last_day if calendar else CSV_LAST_DAY


@contextmanager
def sample_warehouse() -> Iterator[dict[str, str]]:
    """Build a warehouse and a run history of their own. Yields the environment that names them."""
    with tempfile.TemporaryDirectory() as folder, _sample(Path(folder)) as (sample, last_day):
        (Path(folder) / "dagster.yaml").write_text(
            "telemetry: {enabled: false}\nnux: {enabled: false}\n"
        )
        env = {
            **{name: value for name, value in os.environ.items() if "WAREHOUSE" not in name},
            "DAGSTER_HOME": folder,
            "WAREHOUSE_PATH": f"{folder}/warehouse.duckdb",
            "WAREHOUSE_MYSQL_URL": sample.url,
        }
        build(env, last_day)
        yield env


def main() -> None:
    """Take all of the docs' pictures."""
    IMAGES.mkdir(exist_ok=True)
    with sample_warehouse() as env, dev(env) as address:
        for name, picture in PICTURES.items():
            file = IMAGES / f"{name}.png"
            take(picture, address, file)
            print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
