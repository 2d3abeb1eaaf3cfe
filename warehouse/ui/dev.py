"""The UI, the daemon and the code location, as `dagster dev` starts them, behind the guard."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, chdir, contextmanager, suppress
from pathlib import Path

import dagster as dg
import uvicorn
from dagster._cli.proxy_server_manager import ProxyServerManager
from dagster._cli.utils import get_possibly_temporary_instance_for_cli
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget, WorkspaceFileTarget
from dagster._utils.log import configure_loggers
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.cli import (
    DEFAULT_DB_STATEMENT_TIMEOUT,
    DEFAULT_POOL_MAX_OVERFLOW,
    DEFAULT_POOL_RECYCLE,
)
from dagster_webserver.version import __version__

from warehouse.assets.in_process import CODE_LOCATION as LOCATION
from warehouse.assets.in_process import MODULE
from warehouse.assets.run_history import STALE_SENSOR, instance_ref
from warehouse.errors import WarehouseError
from warehouse.settings import load_settings
from warehouse.ui.guard import Guard, address, read_hosts
from warehouse.ui.reload import reloading

PORT = 3000
POLL_MILLISECONDS = 2000
"""How often a page asks for news, as under `dagster dev`."""

CODE_LOCATION = ModuleTarget(MODULE, None, None, LOCATION)
CODE_SERVER_LOG_LEVEL = "warning"
BY_ITSELF = (
    "While it runs it loads by itself what was loaded before and is older than its freshness "
    f"policy allows. To switch that off: Automation, {STALE_SENSOR}.\n"
    "To load everything now: Jobs, all, Materialize all."
)
GOODBYE_SECONDS = 5
"""How long answers may take that were begun before the end."""

DAEMON_SECONDS = 30
"""How long the daemon may take to end."""


def run(host: str, port: int | None, log_level: str, say: Callable[[str], None]) -> None:
    """Run Dagster's UI until a signal ends it.

    Args:
        host: The address to listen on.
        port: 0 takes a free one, and so does None where `PORT` is taken.
        log_level: Of Dagster's services.
        say: Is told the address.

    Raises:
        WarehouseError: the port is taken, or the daemon ended by itself.
        KeyboardInterrupt: Ctrl-C. All that was started has ended.
        SystemExit: SIGTERM, which is no failure. All that was started has ended.
    """
    # A shell lets what it starts in the background ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _end)
    settings = load_settings()
    hosts = read_hosts(settings.ui_hosts)
    os.environ.update({"DAGSTER_IS_DEV_CLI": "1", "DAGSTER_verbose": ""})
    if settings.home:  # for the processes to come, which begin elsewhere
        os.environ["WAREHOUSE_HOME"] = str(settings.home)
    configure_loggers(log_level=log_level.upper())
    with ExitStack() as running:
        running.enter_context(chdir(settings.folder))
        listening = running.enter_context(_listen(host, port))
        instance = running.enter_context(_instance())
        workspace = running.enter_context(_code_location(instance))
        daemon = running.enter_context(_daemon(instance, workspace, log_level))
        instance.optimize_for_webserver(
            DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW
        )
        context = running.enter_context(
            WorkspaceProcessContext(
                instance,
                version=__version__,
                workspace_load_target=WorkspaceFileTarget([str(workspace)]),
                code_server_log_level=CODE_SERVER_LOG_LEVEL,
            )
        )
        # A second signal would end the ending. The first thing that is left is this.
        running.callback(_ignore_signals)
        app = create_app_from_workspace_process_context(
            context, live_data_poll_rate=POLL_MILLISECONDS
        )
        server = uvicorn.Server(
            uvicorn.Config(
                Guard(app, hosts),
                log_level="warning",
                timeout_graceful_shutdown=GOODBYE_SECONDS,
            )
        )
        threading.Thread(target=_end_with, args=(daemon, server), daemon=True).start()
        running.enter_context(
            reloading(settings, lambda: context.reload_code_location(LOCATION), say)
        )
        say(address(host, listening.getsockname()[1], hosts))
        say(BY_ITSELF)
        server.run([listening])  # returns without a signal only if the daemon is gone
        raise WarehouseError(
            f"Dagster's daemon ended by itself, with exit code {daemon.wait()}.",
            safe="No half-written data is visible: a snapshot is published whole or not at all.",
            todo="What it wrote above says why.",
        )


def _end(*_: object) -> None:
    sys.exit(0)


def _ignore_signals() -> None:
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)


@contextmanager
def _listen(host: str, port: int | None) -> Iterator[socket.socket]:
    """Take the port, before anything is started that takes long."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        try:
            listening = socket.create_server((host, PORT if port is None else port), family=family)
        except OSError:
            if port is not None:
                raise
            listening = socket.create_server((host, 0), family=family)
    except OSError as error:
        raise WarehouseError(
            f"The UI cannot listen on {host}, port {PORT if port is None else port}: "
            f"{error.strerror or error}.",
            safe="Nothing was started.",
            todo="Choose another one with --port; --port 0 takes one that is free.",
        ) from None
    with listening:
        yield listening


def _instance() -> AbstractContextManager[dg.DagsterInstance]:
    """Open the history. What `.env` says is in the environment meanwhile."""
    return get_possibly_temporary_instance_for_cli("just dev", instance_ref())


@contextmanager
def _code_location(instance: dg.DagsterInstance) -> Iterator[Path]:
    """Run the server of the code location, for UI and daemon. Yields the file that names it."""
    with (
        ProxyServerManager(instance, CODE_LOCATION, CODE_SERVER_LOG_LEVEL) as servers,
        tempfile.TemporaryDirectory() as folder,
    ):
        workspace = Path(folder) / "workspace.yaml"
        workspace.write_text(json.dumps({"load_from": servers.get_code_server_specs()}))
        yield workspace


@contextmanager
def _daemon(
    instance: dg.DagsterInstance, workspace: Path, log_level: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run what looks after sensors, freshness and the queue of runs."""
    options = {
        "--instance-ref": dg.serialize_value(instance.get_ref()),
        "--workspace": str(workspace),
        "--log-level": log_level,
        "--code-server-log-level": CODE_SERVER_LOG_LEVEL,
    }
    arguments = [text for option in options.items() for text in option]
    # Of Ctrl-C it is told by us: while it still imports it would answer with a trace.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    daemon = subprocess.Popen([sys.executable, "-m", "dagster._daemon", "run", *arguments])
    signal.signal(signal.SIGINT, before)
    try:
        yield daemon
    finally:
        daemon.terminate()
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(DAEMON_SECONDS)
        daemon.kill()


def _end_with(daemon: subprocess.Popen[bytes], server: uvicorn.Server) -> None:
    """End the UI when the daemon has ended: without it nothing that is asked for would run."""
    daemon.wait()
    server.should_exit = True
