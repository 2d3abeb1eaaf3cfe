"""What a run is about to publish is reviewed first: by the checks of severity block."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import dagster as dg

from warehouse.project.check_files import BLOCK, WARN, severity
from warehouse.project.project import Project, load_project
from warehouse.settings import Settings, load_settings
from warehouse.store import audit, run_snapshot
from warehouse.store.snapshots import Snapshot

FORCE_TAG = "warehouse/force"
"""A run with this tag publishes what a guard would refuse: a table that lost too many of its rows,
a snapshot without a view that broke, or one in which a check of severity block failed."""


@dataclass(frozen=True)
class Reviewing:
    """Who publishes.

    Attributes:
        settings: Of the project.
        instance: Keeps the events of the run.
        run: Which run.
        prefix: What the keys of the project's assets begin with.
        say: Told what is published nevertheless.
    """

    settings: Settings
    instance: dg.DagsterInstance
    run: dg.DagsterRun
    prefix: tuple[str, ...]
    say: Callable[[str], None]

    @property
    def force(self) -> bool:
        """Whether the run publishes what a guard would refuse."""
        return self.run.tags.get(FORCE_TAG) == "true"

    def review(self, written: Collection[str], current: Snapshot | None, staged: Snapshot) -> None:
        """See that no check of severity block fails, and keep what came of one that does.

        Args:
            written: The tables that the run wrote.
            current: What everyone reads.
            staged: What must be published.

        Raises:
            WarehouseError: one does.
        """
        if reviewer := run_snapshot.reviewer(self.settings.path):
            reviewer(written, current, staged)
            return
        project = project_of(self.settings)
        if project is None:
            return
        found = audit.verdicts(
            project, written, lambda check: severity(check) == BLOCK, current, staged
        )
        failed = [verdict for verdict in found if verdict.blocks]
        report(self.instance, self.run, failed, self.prefix, published=self.force)
        audit.refuse(found, force=self.force, say=self.say)


def report(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    verdicts: Iterable[audit.Verdict],
    prefix: Sequence[str] = (),
    *,
    published: bool,
) -> None:
    """Note in the history what came of checks on what was about to be published.

    Args:
        instance: The history.
        run: Which run.
        verdicts: What came of them.
        prefix: What the keys of the project's assets begin with.
        published: Whether it was published.
    """
    for verdict in verdicts:
        evaluation = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey([*prefix, verdict.check.group]),
            check_name=verdict.check.name,
            passed=verdict.passed,
            metadata=metadata(verdict),
            severity=dagster_severity(verdict),
            description=verdict.words if published else f"Nothing is published. {verdict.words}",
            blocking=severity(verdict.check) == BLOCK,
        )
        instance.report_dagster_event(
            dg.DagsterEvent(
                event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
                job_name=run.job_name,
                message=evaluation.description,
                event_specific_data=evaluation,
            ),
            run.run_id,
        )


def dagster_severity(verdict: audit.Verdict) -> dg.AssetCheckSeverity:
    """Return what Dagster calls a check's severity. One that cannot run is no warning."""
    if severity(verdict.check) == WARN and not verdict.error:
        return dg.AssetCheckSeverity.WARN
    return dg.AssetCheckSeverity.ERROR


def metadata(verdict: audit.Verdict) -> dict[str, dg.MetadataValue]:
    """Return what the UI shows of a check beside its words."""
    shown: dict[str, dg.MetadataValue] = {
        "severity": dg.MetadataValue.text(severity(verdict.check))
    }
    if verdict.rows is not None:
        shown["rows"] = dg.MetadataValue.int(verdict.rows)
    if verdict.rows:
        shown["first_rows"] = dg.MetadataValue.md(verdict.first_rows)
    return shown


def project_of(settings: Settings) -> Project | None:
    """Return the files as they are now of the project whose warehouse is written.

    None for a file that an I/O manager of somebody's own names: no project's checks are meant.
    """
    if load_settings(settings.home).path != settings.path:
        return None
    return load_project(settings.home)
