"""`materialize --plan`: stage, show what would change, and publish it if that is wanted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import click
import dagster as dg

from warehouse.assets.kept_runs import keep_runs
from warehouse.assets.run_history import history
from warehouse.cli.outcome import failed_checks, raise_failures
from warehouse.cli.plan_output import as_json, print_plan
from warehouse.cli.run import Request, execute_request
from warehouse.console.terminal import say
from warehouse.definitions import project
from warehouse.errors import WarehouseError
from warehouse.settings import load_settings
from warehouse.store import audit, plan, run_snapshot, snapshots
from warehouse.store.reviewing import report
from warehouse.store.snapshots import FOLDER, Snapshot
from warehouse.store.write_lock import last_given, note_writer


class ThrownAway(Exception):
    """What a run staged is not published. Says why."""


@dataclass
class _Review:
    """Shows what would change, and asks.

    Attributes:
        shown: The plan, once it was shown.
    """

    path: Path
    force: bool
    yes: bool
    format_: str
    shown: plan.Plan | None = None

    def __call__(
        self, written: Collection[str], current: Snapshot | None, staged: Snapshot
    ) -> None:
        """Let a staged file be published, or not.

        Raises:
            WarehouseError: it is to be published, and a check of severity block fails.
            ThrownAway: it is not to be published.
            Abort: somebody stopped it while it was asked.
        """
        shown = self.shown = plan.compute(project, written, current, staged)
        if self.format_ == "json":
            click.echo(as_json(shown))
        else:
            print_plan(shown)
        sys.stdout.flush()
        if self.yes:
            audit.refuse(shown.verdicts, force=self.force, say=say)
        elif shown.blocked and not self.force:
            raise ThrownAway("A check of severity block fails: it could be published with --force.")
        elif shown.equal:
            raise ThrownAway("Nothing would change.")
        elif not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ThrownAway("Nobody was there to ask, and --yes was not said.")
        else:
            self._ask()

    def _ask(self) -> None:
        folder = self.path.parent / FOLDER
        note_writer(folder, "a plan that waits for its answer", last_given(folder))
        say("Until you answer, no other load can write. Readers are not affected.")
        if not click.confirm("Publish it?", err=True):
            raise ThrownAway("The answer was no.")


@dataclass(frozen=True)
class Outcome:
    """What came of a plan.

    Attributes:
        thrown_away: Whether something would change, and is not published.
        failed: The checks that failed in what is published; a warning is no failure.
    """

    thrown_away: bool
    failed: list[dg.AssetCheckEvaluation]


def run_plan(request: Request, *, yes: bool, format_: str) -> Outcome:
    """Stage what is asked for, and show what would change.

    Its runs are kept in the run history unless they are thrown away.

    Args:
        request: What to build.
        yes: Publish it without a question.
        format_: `table` or `json`.

    Raises:
        WarehouseError: the run failed, or a check of severity block does and it must be published.
        KeyboardInterrupt: somebody stopped it.
    """
    path = load_settings().path
    review = _Review(path, request.force, yes, format_)
    with dg.DagsterInstance.ephemeral() as instance, run_snapshot.held(path, review) as take_staged:
        try:
            results = execute_request(instance, request)
            published = _publish(path, take_staged)
        except ThrownAway as why:
            say(f"{why} It is thrown away: everyone reads what they did before.")
            shown = review.shown
            return Outcome(shown is None or shown.blocked or not shown.equal, [])
        except click.Abort:
            raise KeyboardInterrupt from None
        except WarehouseError as error:
            _keep(instance, review, error)
            raise
        _keep(instance, review, None)
        failed = failed_checks(instance, results)
    if published:
        snapshot = snapshots.newest(path)
        assert snapshot
        say(f"Snapshot {snapshot.number} is published.")
    else:
        if format_ == "json":
            click.echo(as_json(plan.Plan((), ())))
        say("Nothing would change, and nothing was written.")
    raise_failures(results, published=published)
    return Outcome(False, failed)


def _keep(instance: dg.DagsterInstance, review: _Review, error: WarehouseError | None) -> None:
    """Take the runs into the run history, with what was shown."""
    shown = review.shown
    if shown and (runs := instance.get_runs(limit=1)):
        report(instance, runs[0], shown.verdicts, published=error is None)
    changes = {change.name: change for change in shown.changes} if shown else {}
    with history() as run_history:
        keep_runs(instance, run_history, changes, error)


def _publish(path: Path, take_staged: Callable[[], run_snapshot.RunSnapshot | None]) -> bool:
    """Publish what was staged. Returns whether there is something."""
    written = take_staged()
    if written is None:
        return False
    written.restore(path)
    written.publish()
    return True
