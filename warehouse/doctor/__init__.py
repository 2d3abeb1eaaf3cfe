"""The checks behind `doctor`, one after the other, each on its own feet.

`settings`, `source` and `line` (MySQL), `files` (the warehouse's) and `environment` (folder, disk,
versions) hold them; `case` is what they look at. A check yields findings, or raises an error for
people, which is a failure. One that needs what an earlier one did not find says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from warehouse.assets.unexpected import for_people
from warehouse.doctor import environment, files, line, settings, source
from warehouse.doctor.context import Case
from warehouse.doctor.findings import Finding, Verdict, failure
from warehouse.errors import interrupted
from warehouse.settings import mysql_setting


@dataclass(frozen=True)
class Check:
    """One check: what it is called, who does it, and which one it builds on.

    Attributes:
        each: Whether it is done for each server.
    """

    name: str
    run: Callable[[Case], Iterator[Finding]]
    needs: str = ""
    each: bool = False


CHECKS = (
    Check("settings", settings.values),
    Check("variables", settings.variables),
    Check("connection", source.connection, needs="settings", each=True),
    Check("TLS", source.encryption, needs="connection", each=True),
    Check("line", line.line, needs="connection", each=True),
    Check("privileges", source.privileges, needs="connection", each=True),
    Check("limits", source.limits, needs="connection", each=True),
    Check("sources", source.sources, needs="connection"),
    Check("views", source.views, needs="connection"),
    Check("index", source.index, needs="connection"),
    Check("days", source.days, needs="connection"),
    Check("folder", environment.folder, needs="settings"),
    Check("disk", environment.disk, needs="settings"),
    Check("warehouse", files.warehouse, needs="settings"),
    Check("leftovers", files.leftovers, needs="settings"),
    Check("versions", environment.versions),
    Check("history", environment.history),
)


def examine() -> Iterator[tuple[str, Finding]]:
    """Run every check. Yields each finding with its check's name, as it is found."""
    failed: set[str] = set()
    with Case() as case:
        for check in CHECKS:
            for finding in _run(check, case, failed):
                if finding.verdict in (Verdict.FAILURE, Verdict.NOT_CHECKED):
                    failed.add(check.name)
                yield check.name, finding


def _run(check: Check, case: Case, failed: set[str]) -> Iterator[Finding]:
    if check.needs in failed:
        yield Finding(Verdict.NOT_CHECKED, f"It needs the {check.needs}.", "Mend that first.")
        return
    for server in case.servers if check.each else [""]:
        lead = f"{server}: " if server else ""
        for finding in _found(check, case.at(server)):
            todo = finding.todo.replace(mysql_setting(), mysql_setting(server))
            yield replace(finding, text=f"{lead}{finding.text}", todo=todo)


def _found(check: Check, case: Case) -> Iterator[Finding]:
    try:
        yield from check.run(case)
    except OSError as error:
        yield failure(f"It could not be looked at: {error}.", "Mend that, and run again.")
    except Exception as error:
        if interrupted(error):
            raise
        said = for_people(f"The check {check.name}", error)
        yield failure(said.what, said.todo)
