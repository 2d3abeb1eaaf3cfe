"""The program behind the recipes. stdout is data, stderr is narration, exit codes mean something:
see `exit_codes`.
"""

import click

from warehouse.cli import (
    build,
    check_engine,
    doctor,
    explore,
    history,
    init,
    publish,
    query,
    sample,
    snapshots,
    spark,
    status,
)
from warehouse.cli import dev as develop
from warehouse.cli import report as reports


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Ask MySQL once, serve everything after that from one DuckDB file.

    stdout is data, stderr is narration. Exit codes: 0 done, 1 failed, 2 not understood, 3
    published and a check of severity error failed, 130 stopped with Ctrl-C.
    """


for command in (
    init.init,
    explore.tables,
    explore.add,
    build.materialize,
    build.refresh,
    develop.dev,
    query.sql,
    query.export,
    publish.publish,
    spark.spark,
    reports.report,
    status.status,
    doctor.doctor,
    check_engine.check_engine,
    history.history,
    snapshots.diff,
    snapshots.rollback,
    sample.sample_mysql,
):
    main.add_command(command)
