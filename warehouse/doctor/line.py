"""The check of the line to MySQL: what it carries, and whether compression helps."""

from __future__ import annotations

from collections.abc import Iterator

from warehouse.doctor.context import Case
from warehouse.doctor.findings import Finding, ok, warning
from warehouse.mysql import inspect
from warehouse.mysql.line import Line, measure_line
from warehouse.mysql.server_errors import plain_errors

SLOW, FAST = 5_000_000, 25_000_000
"""In bytes a second. Below the first, compression pays (`just bench wan`); above the second, a
server that has more to do takes longer to compress than the line to carry."""


def line(case: Case) -> Iterator[Finding]:
    """Measure the line, and see that compression is on where it helps."""
    with plain_errors(case.server):
        if "mimic" in inspect.server_version(case.connection):
            yield ok("The sample server is on this machine.")
            return
        measured = measure_line(case.connection)
    yield judge_line(measured, wanted=case.server.compressed)


def judge_line(measured: Line, *, wanted: bool) -> Finding:
    """Judge a line, and whether it is used well. `wanted`: the URL asks for compression."""
    speed = measured.bytes_per_second
    carries = (
        f"The line carries {speed * 8 / 1e6:,.1f} Mbit/s"
        if speed < FAST
        else f"The line carries more than {FAST * 8 / 1e6:.0f} Mbit/s"
    )
    carries += f", there and back takes {measured.round_trip_seconds * 1000:.1f} ms"
    if measured.compressed and speed > FAST:
        return warning(
            f"{carries}; compression is on, and takes longer here than it saves.",
            "Take compress= out of WAREHOUSE_MYSQL_URL.",
        )
    if measured.compressed:
        return ok(f"{carries}; compression is on.")
    if wanted and not measured.can_compress:
        return warning(
            f"{carries}; compression is asked for, and the server does not offer it: rows come as "
            "they are.",
            "Ask the DBA for zlib in protocol_compression_algorithms, or take compress= out of "
            "WAREHOUSE_MYSQL_URL.",
        )
    if speed < SLOW and measured.can_compress:
        return warning(
            f"{carries}: a load waits for it, most of the time.",
            "Add ?compress=true to WAREHOUSE_MYSQL_URL: the server then sends the rows compressed.",
        )
    return ok(f"{carries}; compression is off.")
