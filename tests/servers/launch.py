"""Throwaway MariaDB and MySQL servers on loopback ports: started empty, removed at the end.

MariaDB comes from the machine's own packages. MySQL is a `mysqld` on PATH or, as root, one unpacked
into a folder (`MYSQL_ROOT`, see `.ci/install-servers`) and run with that folder as its root.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql
from pymysql.connections import Connection

HOST = "127.0.0.1"
KINDS = ("mariadb", "mysql")
READER = "reader"
PASSWORD = "p@ss:w/rd%"
"""Of the read-only account: every character in it that means something in a URL."""

START_SECONDS = 60
STOP_SECONDS = 60
_REPOSITORY = Path(__file__).resolve().parents[2]

# Run at each start. The log goes into a table: its text form differs between the servers.
_INIT = f"""
CREATE USER IF NOT EXISTS root@'%';
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
CREATE USER IF NOT EXISTS {READER}@'%' IDENTIFIED BY '{PASSWORD}';
GRANT SELECT ON shop.* TO {READER}@'%';
CREATE DATABASE IF NOT EXISTS shop CHARACTER SET utf8mb4;
"""
_OPTIONS = (
    f"--bind-address={HOST}",
    "--skip-name-resolve",
    "--general-log=1",
    "--log-output=TABLE",
    # What a killed server had committed must survive; what a dead machine had, need not.
    "--innodb-flush-log-at-trx-commit=2",
    "--sync-binlog=0",
    "--performance-schema=OFF",
)


class Database:
    """One server and its data folder."""

    def __init__(
        self, kind: str, folder: Path, seen: Path, command: list[str], options: tuple[str, ...]
    ) -> None:
        """Know where things are; nothing is started yet.

        Args:
            kind: "mariadb" or "mysql".
            folder: Holds everything of this server.
            seen: The same folder as the server sees it.
            command: The server program, with what it always needs.
            options: Further options.
        """
        self.kind = kind
        self.host = HOST
        self.port = _free_port()
        self.folder = folder
        self.data = folder / "data"
        self.tmp = folder / "tmp"
        self._process: subprocess.Popen[bytes] | None = None
        self._command = [
            *command,
            *_OPTIONS,
            f"--datadir={seen}/data",
            # Of its own: a server that starts clears /tmp of the temporary tables of all others.
            f"--tmpdir={seen}/tmp",
            f"--socket={seen}/socket",
            f"--pid-file={seen}/pid",
            f"--init-file={seen}/init.sql",
            f"--port={self.port}",
            *options,
        ]
        self.tmp.mkdir()
        (folder / "init.sql").write_text(_INIT.lstrip())

    def url(self, database: str = "shop", user: str = READER, password: str = PASSWORD) -> str:
        """Return the value of `WAREHOUSE_MYSQL_URL` for an account on this server."""
        account = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"mysql+pymysql://{account}@{self.host}:{self.port}/{database}"

    def admin(self, database: str | None = None) -> Connection[Any]:
        """Connect as root, with autocommit. What is done so is not in the log."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user="root",
            database=database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=5,
            ssl_disabled=True,  # it takes twenty times as long, a dozen times a test
            init_command="SET SESSION sql_log_off = 1",
        )

    def run(self, *sql: str) -> list[tuple[Any, ...]]:
        """Run statements as root in `shop`, and return the rows of the last one."""
        rows: list[tuple[Any, ...]] = []
        with closing(self.admin("shop")) as connection, connection.cursor() as cursor:
            for statement in sql:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return rows

    def queries(self, user: str = READER) -> list[str]:
        """Return the statements that an account had executed, in their order."""
        rows = self.run(
            "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log "
            f"WHERE command_type IN ('Query', 'Execute') AND user_host LIKE '{user}[%'"
        )
        return [text for (text,) in rows]

    def connections(self, user: str = READER) -> list[str]:
        """Return how an account connected or tried to, each with "SSL/TLS" or "TCP/IP"."""
        rows = self.run(
            "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log "
            f"WHERE command_type = 'Connect' AND CONVERT(argument USING utf8mb4) LIKE '{user}@%'"
        )
        return [text for (text,) in rows]

    def clear_log(self) -> None:
        """Forget the statements so far."""
        self.run("TRUNCATE mysql.general_log")

    @property
    def running(self) -> bool:
        """Whether the server process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server on its port and data folder, and wait until it answers."""
        if self.running:
            return
        with (self.folder / "log").open("ab") as log:
            # A session of its own: Ctrl-C is for the tests, which then stop the server.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.admin().close()
                return
            except pymysql.MySQLError as error:
                if not self.running or time.monotonic() > deadline:
                    self.kill()
                    raise RuntimeError(
                        f"{self.kind} did not start ({error}). The end of its log:\n{self._tail()}"
                    ) from None
            time.sleep(0.1)

    def stop(self) -> None:
        """Shut the server down in order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End the server process at once, as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def pause(self) -> None:
        """Make the server fall silent: its connections stay open, and nothing answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the server go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _tail(self) -> str:
        lines = (self.folder / "log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-30:])


def _die_with_parent() -> None:
    """Have Linux end this process when the one that started it is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def missing(kind: str) -> str | None:
    """Return why a server of this kind cannot be started here, or None if it can."""
    if kind == "mariadb":
        absent = [name for name in ("mariadbd", "mariadb-install-db") if not _program(name)]
        if not absent:
            return None
        return f"{' and '.join(absent)} not found: apt-get install mariadb-server"
    if _mysqld_on_path():
        return None
    root = _mysql_root()
    if not (root / "usr/sbin/mysqld").exists():
        return f"no MySQL: neither mysqld on PATH nor in {root} (.ci/install-servers puts it there)"
    return None if os.geteuid() == 0 else f"only root can run the MySQL in {root}"


@contextmanager
def mariadb(*options: str) -> Iterator[Database]:
    """Run a MariaDB with an empty database `shop` for the length of a `with`."""
    reason = missing("mariadb")
    if reason:
        raise RuntimeError(reason)
    with tempfile.TemporaryDirectory(prefix="mariadb-") as name:
        folder = Path(name)
        command = [str(_program("mariadbd")), "--no-defaults", *_as_root()]
        database = Database("mariadb", folder, folder, command, options)
        _install(
            [
                str(_program("mariadb-install-db")),
                "--no-defaults",
                *_as_root(),
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                f"--datadir={database.data}",
                # As for the server: what it starts clears the temporary tables of all others.
                f"--tmpdir={database.tmp}",
            ]
        )
        yield from _running(database)


@contextmanager
def mysql(*options: str) -> Iterator[Database]:
    """Run a MySQL with an empty database `shop` for the length of a `with`."""
    reason = missing("mysql")
    if reason:
        raise RuntimeError(reason)
    program = _mysqld_on_path()
    root = _mysql_root()
    with tempfile.TemporaryDirectory(
        prefix="mysql-", dir=None if program else root / "srv"
    ) as name:
        folder = Path(name)
        if program:
            command, seen = [program], folder
        else:
            chroot = _program("chroot") or "chroot"
            command, seen = [chroot, str(root), "/usr/sbin/mysqld"], Path("/srv") / folder.name
        command += ["--no-defaults", *_as_root(), "--mysqlx=OFF", "--secure-file-priv=NULL"]
        _install([*command, "--initialize-insecure", f"--datadir={seen}/data"])
        yield from _running(Database("mysql", folder, seen, command, options))


SERVERS = {"mariadb": mariadb, "mysql": mysql}


def _running(database: Database) -> Iterator[Database]:
    try:
        database.start()
        yield database
    finally:
        database.stop()


def _install(command: list[str]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"{command[0]} could not make a data folder:\n{(done.stdout + done.stderr)[-3000:]}"
        )


def _as_root() -> list[str]:
    # Both servers refuse to run as root until they are told to.
    return ["--user=root"] if os.geteuid() == 0 else []


def _program(name: str) -> str | None:
    # Debian keeps servers in sbin, which is not on everybody's PATH.
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def _mysqld_on_path() -> str | None:
    program = _program("mysqld")
    if program is None:
        return None
    # MariaDB's package brings a link of that name.
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return None if "mariadb" in version.stdout.lower() else program


def _mysql_root() -> Path:
    return Path(os.environ.get("MYSQL_ROOT") or _REPOSITORY / ".servers" / "mysql").resolve()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
