"""Runs one way in a fresh process, and says what it took: seconds, memory, and who disturbed it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIMIT_SECONDS = 3600
LOOK_SECONDS = 0.05
SMALL_MB = 5.0
DISTURBED = 0.05
CPUS = os.cpu_count() or 1
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Outcome:
    """One run of one way.

    Attributes:
        said: What the program printed last.
        wall_seconds: From its start to its end, imports included.
        rss_mb: The most memory that it and each of its own children ever held, the largest first.
        others: The share of the machine's processors that neither it nor the server used, but
            somebody else; None where the system does not tell.
    """

    said: dict[str, Any]
    wall_seconds: float
    rss_mb: list[float]
    others: float | None


def wait_for_quiet(seconds: float) -> None:
    """Wait until nobody uses the processors, but so long at most."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        before = _busy_seconds()
        time.sleep(2)
        after = _busy_seconds()
        if before is None or after is None or after - before < 2 * DISTURBED * CPUS:
            return


def run(command: Sequence[str | Path], env: Mapping[str, str], server: int) -> Outcome:
    """Run a program to its end. `server` is the process that it asks.

    Raises:
        RuntimeError: it failed; with the end of what it wrote.
    """
    with tempfile.TemporaryFile("w+") as errors:
        busy, used = _busy_seconds(), process_seconds(server)
        began = time.perf_counter()
        with subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process:
            timer = threading.Timer(LIMIT_SECONDS, process.kill)
            timer.start()
            peaks = Peaks(process.pid)
            assert process.stdout is not None
            said = process.stdout.read()
            peaks.stop()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            timer.cancel()
        wall = time.perf_counter() - began
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{command} failed:\n{said[-1000:]}{errors.read()[-4000:]}")
    others = None
    if busy is not None:
        own = usage.ru_utime + usage.ru_stime + process_seconds(server) - used
        now = _busy_seconds() or 0.0
        others = max(0.0, (now - busy - own) / (wall * CPUS))
    return Outcome(
        said=json.loads(said.strip().splitlines()[-1]),
        wall_seconds=wall,
        rss_mb=peaks.mb or [usage.ru_maxrss * _RSS_UNIT / 1e6],
        others=others,
    )


class Peaks(threading.Thread):
    """Watches how much memory a process and its children take.

    The system keeps each process's peak, so looking now and then misses none. What it tells of a
    process that has ended is of no use: the peak of a new one begins with that of its parent.
    """

    def __init__(self, root: int) -> None:
        """Begin to watch."""
        super().__init__(daemon=True)
        self._root = root
        self._peaks: dict[int, int] = {}
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        """Look until stopped."""
        while not self._ended.wait(LOOK_SECONDS):
            self._look()

    def stop(self) -> None:
        """Look for the last time."""
        self._ended.set()
        self.join()
        self._look()

    @property
    def mb(self) -> list[float]:
        """The peaks, the largest first; none where the system does not tell."""
        found = sorted((peak / 1e6 for peak in self._peaks.values()), reverse=True)
        return [peak for peak in found if peak > SMALL_MB]

    def _look(self) -> None:
        waiting = [self._root]
        while waiting:
            process = waiting.pop()
            with suppress(OSError):  # ended meanwhile
                status = Path(f"/proc/{process}/status").read_text()
                if found := re.search(r"VmHWM:\s*(\d+) kB", status):
                    self._peaks[process] = int(found[1]) * 1024
                for task in Path(f"/proc/{process}/task").iterdir():
                    waiting += map(int, (task / "children").read_text().split())


def _busy_seconds() -> float | None:
    """Return how long the machine's processors have worked in all."""
    try:
        ticks = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _idle, _wait, irq, softirq, steal = (int(value) for value in ticks[:8])
    return (user + nice + system + irq + softirq + steal) / _TICK


def process_seconds(process: int) -> float:
    """Return how long the processors have worked for one process."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK
