"""The command `doctor`."""

from __future__ import annotations

import sys

import click

from warehouse.cli.exit_codes import ExitCode
from warehouse.cli.output import errors_for_people
from warehouse.errors import printable


@click.command()
def doctor() -> None:
    """Check everything that a load needs, and say how to mend what is wrong.

    The settings, the connection to MySQL and its line, the account's privileges, TLS, the table
    with its columns and indexes, the disk, the installed versions, and what was left behind. MySQL
    is asked about the table and for none of its rows, and nothing is changed. A line each: ok,
    warning or failure, the last two with what to do. The exit code is 1 if anything fails.
    """
    from warehouse.doctor import examine
    from warehouse.doctor.findings import Verdict

    count = dict.fromkeys(Verdict, 0)
    with errors_for_people():
        for name, finding in examine():
            count[finding.verdict] += 1
            text = printable(finding.text)
            click.echo(f"{finding.verdict.value:<11}  {name:<11}  {text}")
            for line in printable(finding.todo).splitlines():
                click.echo(f"{'':<11}  {'':<11}  -> {line}")
    plural = (Verdict.WARNING, Verdict.FAILURE)
    summary = ", ".join(
        f"{number} {verdict.value}{'s' * (number != 1 and verdict in plural)}"
        for verdict, number in count.items()
        if number
    )
    click.echo(f"\n{summary}.", err=True)
    if count[Verdict.FAILURE]:
        sys.exit(ExitCode.FAILED)
