"""`python -m bench.load`: how long a load takes, against the limit and against other ways.

Makes a table on a private MariaDB, lets each way read it in a process of its own, and writes
RESULTS.md.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from bench import results
from bench.child import CPUS, DISTURBED, ROOT, Outcome, run, wait_for_quiet
from bench.orders import facts_of, facts_sql, fill, verdict
from bench.results import Section
from bench.way import Way
from tests.servers.launch import SERVERS, Database

HOME = ROOT / ".bench"
DLT = HOME / "dlt"
REQUIREMENTS = Path(__file__).with_name("requirements-dlt.txt")
SERVER = (
    "--innodb-buffer-pool-size=1G",
    "--loose-innodb-log-file-size=1G",
    "--innodb-flush-log-at-trx-commit=0",
    "--skip-log-bin",
    "--general-log=0",
)

NAMES = {"mariadb": "MariaDB", "mysql": "MySQL"}

# Compiling modules takes memory. It happens once on any machine, so it must not count.
COMPILED = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(HOME / "compiled")}


@dataclass
class Bench:
    """A server with orders on it, and what is true of them."""

    database: Database
    rows: int
    truth: dict[str, str]
    patience: float

    def measure(
        self, way: Way, module: str, *arguments: str, python: Path | None = None, url: str = ""
    ) -> None:
        """Run a way once, and add what it took; see to its values the first time.

        Args:
            way: Takes it in.
            module: The program, one of `bench.ways`.
            arguments: Its own.
            python: What runs it; None for this Python.
            url: By which it reaches the server; empty for the direct one.
        """
        with tempfile.TemporaryDirectory(dir=HOME) as folder:
            url = url or self.database.url()
            env = {"BENCH_MYSQL_URL": url, "BENCH_FOLDER": folder, **COMPILED}
            program = ["-m", f"bench.ways.{module}", *arguments]
            if python:
                program = [str(ROOT / "bench" / "ways" / f"{module}.py"), *arguments]
            outcome = self._undisturbed([python or sys.executable, *program], env, way.name)
            way.add(outcome)
            if "file" in outcome.said and way.values == "-":
                said = outcome.said
                check = [sys.executable, "-m", "bench.ways.check", said["file"], said["table"]]
                found = run(check, env, self.server).said
                way.values = verdict(self.truth, found["facts"], found["types"])

    def _undisturbed(
        self, command: Sequence[str | Path], env: Mapping[str, str], name: str
    ) -> Outcome:
        """Run a program on a quiet machine. If it was not: again, while there is patience.

        Returns:
            The run that was disturbed the least.
        """
        patience_ends = time.monotonic() + self.patience
        least: Outcome | None = None
        while True:
            wait_for_quiet(patience_ends - time.monotonic())
            outcome = run(command, env, self.server)
            say(f"  {name}: {_shown(outcome)}")
            if least is None or (outcome.others or 0.0) < (least.others or 0.0):
                least = outcome
            if (least.others or 0.0) <= DISTURBED or time.monotonic() > patience_ends:
                return least
            say("    disturbed, so again")
            shutil.rmtree(env["BENCH_FOLDER"])
            Path(env["BENCH_FOLDER"]).mkdir()

    def once(self, program: Sequence[str], env: Mapping[str, str], name: str) -> Outcome:
        """Run a program of this Python once, on a machine that is quiet at its start."""
        env = {"BENCH_MYSQL_URL": self.database.url(), **COMPILED, **env}
        wait_for_quiet(self.patience)
        outcome = run([sys.executable, *program], env, self.server)
        say(f"  {name}: {_shown(outcome)}")
        return outcome

    def section(self, title: str, program: str) -> Section:
        """Describe this call of one of the programs."""
        version, size = self.database.run(
            "SELECT VERSION(), data_length FROM information_schema.tables "
            "WHERE table_schema = 'shop' AND table_name = 'orders'"
        )[0]
        return Section(
            title=title,
            command=" ".join(["python -m bench", program, *sys.argv[1:]]),
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            rows=self.rows,
            server=f"{NAMES[self.database.kind]} {version.split('-')[0]}",
            system=f"Python {platform.python_version()}, {platform.system()}",
            cpus=CPUS,
            cpu=cpu(),
            table_mb=size / 1e6,
        )

    def grow(self, rows: int) -> None:
        """Make the table have so many rows."""
        say(f"Making {rows - self.rows:,} orders ...")
        began = time.monotonic()
        fill(self.database, self.rows + 1, rows)
        self.rows = rows
        self.truth = facts_of(self.database.run(facts_sql("orders"))[0])
        say(f"  {time.monotonic() - began:.0f} s")

    @property
    def server(self) -> int:
        """The number of the server's process."""
        return int((self.database.folder / "pid").read_text())


def say(text: str) -> None:
    """Tell the person who waits."""
    click.echo(text, err=True)


@contextmanager
def bench(rows: int, patience: float, *options: str, kind: str = "mariadb") -> Iterator[Bench]:
    """Run a server with so many orders, and further options, for the length of a `with`."""
    HOME.mkdir(exist_ok=True)
    say(f"Starting a private {NAMES[kind]} ...")
    with SERVERS[kind](*SERVER, *options) as database:
        made = Bench(database, 0, {}, patience)
        made.grow(rows)
        yield made


def load(rows: int, repeat: int, slow: bool, patience: float) -> Section:
    """Measure the load of so many rows, each way in turn."""
    python = dlt_python() if slow else None
    with bench(rows, patience) as made:
        limit = Way("the limit: the socket, drained")
        ours = Way("this project")
        drains = {
            "text": Way("its SELECT, drained as text", informational=True),
            "binary": Way("its SELECT, drained as binary rows", informational=True),
        }
        section = made.section(f"Load of {rows:,} rows", "load")
        section.ways = [limit, *drains.values(), ours]
        say("Warming up ...")
        made.measure(Way("the limit"), "drain", "text", str(rows), "everything")
        made.measure(Way("this project"), "ours")
        for turn in range(repeat):
            say(f"Turn {turn + 1} of {repeat} ...")
            made.measure(limit, "drain", "text", str(rows), "everything")
            made.measure(ours, "ours")
            for protocol, way in drains.items():
                made.measure(way, "drain", protocol, str(rows), "own")
        if python:
            say("The slow ones, once each ...")
            dlt = Way("dlt, connectorx backend")
            section.ways.append(dlt)
            made.measure(dlt, "dlt_connectorx", python=python)
            frames = Way("pandas.read_sql + PyMySQL")
            section.ways.append(frames)
            made.measure(frames, "pandas_pymysql")
        return section


def memory(rows: int, patience: float) -> Section:
    """Measure this project's memory for so many rows and for four times as many."""
    with bench(rows, patience) as made:
        say("Warming up ...")
        made.measure(Way("this project"), "ours")
        section = made.section(f"Memory from {rows:,} to {4 * rows:,} rows", "load")
        for count in (rows, 4 * rows):
            if count > made.rows:
                made.grow(count)
            way = Way(f"{count:,}")
            section.ways.append(way)
            for _ in range(2):
                made.measure(way, "ours")
        return section


def dlt_python() -> Path:
    """Return the Python of dlt's own environment, made on first use."""
    python = DLT / "bin" / "python"
    stamp = DLT / "installed"
    wanted = REQUIREMENTS.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        say("Installing dlt into an environment of its own ...")
        HOME.mkdir(exist_ok=True)
        quiet = ["--quiet", "--disable-pip-version-check"]
        for command in (
            ["-m", "venv", "--clear", str(DLT)],
            ["-m", "pip", "--python", str(python), "install", *quiet, "-r", str(REQUIREMENTS)],
        ):
            subprocess.run([sys.executable, *command], check=True, stdout=sys.stderr)
        stamp.write_text(wanted)
    return python


def _shown(outcome: Outcome) -> str:
    disturbed = f", others {outcome.others:.0%}" if outcome.others is not None else ""
    return (
        f"{outcome.said['seconds']:.2f} s (process {outcome.wall_seconds:.1f} s, "
        f"{sum(outcome.rss_mb):,.0f} MB{disturbed})"
    )


def cpu() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


patience_option = click.option(
    "--patience",
    default=60.0,
    show_default=True,
    help="Seconds that a run may wait, or be repeated, because others use the processors.",
)
dry_option = click.option("--dry", is_flag=True, help="Leave RESULTS.md as it is.")


@click.command()
@click.option("--rows", default=5_000_000, show_default=True, help="How many orders.")
@click.option("--repeat", default=3, show_default=True, help="Turns of the fast ways.")
@click.option("--skip-slow", is_flag=True, help="Without dlt and pandas.")
@click.option("--memory", "only_memory", is_flag=True, help="Only memory, at ROWS and 4 x ROWS.")
@patience_option
@dry_option
def main(
    rows: int, repeat: int, skip_slow: bool, only_memory: bool, patience: float, dry: bool
) -> None:
    """Measure a load, and write the results into bench/RESULTS.md."""
    section = memory(rows, patience) if only_memory else load(rows, repeat, not skip_slow, patience)
    click.echo(section.markdown())
    if not dry:
        results.keep(section)


if __name__ == "__main__":
    main()
