"""The command `doctor`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from warehouse.cli.exit_codes import ExitCode
from warehouse.cli.output import errors_for_people
from warehouse.console.terminal import (
    BAD,
    DOUBTFUL,
    GOOD,
    HEADER,
    QUIET,
    console,
    print_lines,
    say,
    wrapped,
)
from warehouse.errors import printable

if TYPE_CHECKING:
    from rich.text import Text

    from warehouse.doctor.findings import Finding

MARKS = {
    "ok": ("✓", GOOD),
    "warning": ("!", DOUBTFUL),
    "failure": ("✗", BAD),
    "not checked": ("?", QUIET),
}
"""What stands on a terminal for a verdict."""

NAME = 11
"""The longest name of a check."""


@click.command()
def doctor() -> None:
    """Check everything that a load needs, and say how to mend what is wrong.

    The settings, the connection to MySQL and its line, the account's privileges, TLS, the table
    with its columns and indexes, the disk, the installed versions, and what was left behind. MySQL
    is asked about the table and for none of its rows, and nothing is changed. A line each: ok,
    warning or failure, the last two with what to do; on a terminal a mark stands for the first
    word, and lines are broken between words. The exit code is 1 if anything fails.
    """
    from warehouse.doctor import examine
    from warehouse.doctor.findings import Verdict

    count = dict.fromkeys(Verdict, 0)
    with errors_for_people():
        out = console()
        for name, finding in examine():
            count[finding.verdict] += 1
            print_lines(_lines(name, finding, out.width if out.is_terminal else None), out)
            sys.stdout.flush()  # the next check may take its time
    plural = (Verdict.WARNING, Verdict.FAILURE)
    summary = ", ".join(
        f"{number} {verdict.value}{'s' * (number != 1 and verdict in plural)}"
        for verdict, number in count.items()
        if number
    )
    say(f"\n{summary}.")
    if count[Verdict.FAILURE]:
        sys.exit(ExitCode.FAILED)


def _lines(name: str, finding: Finding, width: int | None) -> list[Text]:
    """Return a finding as it is printed: for a terminal of so many places, or None for a pipe."""
    from rich.text import Text

    mark, style = MARKS[finding.verdict.value]
    lead = f"{mark} " if width else f"{finding.verdict.value:<11}  "
    indent = len(lead) + NAME + 2
    first = wrapped(f"{lead}{name:<{NAME}}  {printable(finding.text)}", width, indent)
    line = Text(first)
    line.stylize(style, 0, len(lead) if width else len(finding.verdict.value))
    if not finding.todo:
        return [line]
    todo = "\n".join(
        wrapped(f"{'':<{indent}}-> {line}", width, indent + 3)
        for line in printable(finding.todo).splitlines()
    )
    return [line, Text(todo, HEADER)]
