"""Only what changed: compare each day in MySQL with the cache, and name those to read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache, partial

from warehouse.assets.source_queries import calendar_of, query_of
from warehouse.assets.source_server import server_of
from warehouse.console.text import counted
from warehouse.days.fingerprint import changed_days, surely_changed
from warehouse.days.ranges import all_days, ranges
from warehouse.days.zones import duckdb_day
from warehouse.errors import SAFE, WarehouseError
from warehouse.mysql.fingerprints import ask_days, check_fingerprints
from warehouse.mysql.plan import Days, describe
from warehouse.mysql.undated import NOTHING, Outside
from warehouse.project.quoting import quoted
from warehouse.project.source_files import Source
from warehouse.store import cached_days, snapshots
from warehouse.store.stream import changed_columns


@dataclass(frozen=True)
class Difference:
    """What MySQL and the cache do not agree on.

    Attributes:
        compared: How many days were compared.
        cached: Whether any day was ever read.
        days: Those to read again.
        gone: Those in the cache that lie before the first day, which was put later.
        columns: How the columns differ, if they do: all days are then to be read.
        outside: The rows in MySQL that belong to none of the days.
    """

    compared: int
    cached: bool
    days: list[date]
    gone: list[date] = field(default_factory=list)
    columns: str = ""
    outside: Outside = NOTHING

    @property
    def none(self) -> bool:
        """Whether they agree."""
        return not self.days and not self.gone

    @property
    def words(self) -> str:
        """The same in a sentence, which names some."""
        if self.none:
            agree = f"All {self.compared:,} days are as they are in MySQL: nothing was read."
            return " ".join(filter(None, [agree, self.outside.words]))
        if not self.cached:
            return f"No day was read yet; there are {counted(self.compared, 'day')}."
        told = []
        if self.columns:
            told.append(f"The columns differ: {self.columns}. All days must be read.")
        elif self.days:
            shown = _named(self.days)
            verb = "is new or differs" if len(self.days) == 1 else "are new or differ"
            told.append(f"{len(self.days):,} of {self.compared:,} days {verb}: {shown}.")
        if self.gone:
            shown = _named(self.gone)
            told.append(f"Before the first day, and to be dropped: {shown}.")
        return " ".join(filter(None, [*told, self.outside.words]))


@dataclass(frozen=True)
class Comparison:
    """A comparison of a source that may still go on.

    Attributes:
        source: Whose days are compared.
        sure: Days to read again that are known already.
        result: Waits for MySQL to count, and returns all that differs.
    """

    source: Source
    sure: list[date]
    result: Callable[[], Difference]


@contextmanager
def compare_all(
    sources: Iterable[Source], say: Callable[[str], None], by: str
) -> Iterator[list[Comparison]]:
    """Compare several sources, see `compare`; each says its name if there are more than one."""
    sources = list(sources)
    with ExitStack() as comparisons:
        yield [
            comparisons.enter_context(
                compare(
                    one,
                    partial(_say_of, say, one.name if len(sources) > 1 else ""),
                    by,
                    among=len(sources),
                )
            )
            for one in sources
        ]


def _say_of(say: Callable[[str], None], name: str, text: str) -> None:
    say(f"{name}: {text}" if name else text)


@contextmanager
def compare(
    source: Source, say: Callable[[str], None], by: str, among: int = 1
) -> Iterator[Comparison]:
    """Ask MySQL for a fingerprint of each day, with a few grouped queries, and compare.

    Args:
        source: With days.
        say: Told what is done.
        by: Who asks, for the comment in the query.
        among: So many sources share the connections that a run may have.

    Raises:
        WarehouseError: MySQL cannot be asked, the source does not tell which days changed, or all
            runs on Spark.
    """
    settings = source.settings
    assert source.days
    first, last = calendar_of(source).span
    days = all_days(first, last)
    if settings.spark is not None:
        raise WarehouseError(
            "WAREHOUSE_SPARK is set, and fingerprints are compared with the rows in DuckDB's file.",
            safe=SAFE,
            todo=f"Name the days that changed: just materialize {source.name} --partition DAY",
        )
    if source.updated is None:
        raise WarehouseError(
            f"{source.at()}: {source.name} has no note updated, so nothing tells which of its days "
            "changed.",
            safe=SAFE,
            todo="Add `-- updated: updated_at`, the column with the time of a row's last change, "
            f"or reload days by name: just materialize {source.name} --partition DAY",
        )
    plan = describe(server_of(source, say), query_of(source))
    key = source.key or tuple(column.name for column in plan.columns if column.key)
    if not key:
        raise WarehouseError(
            f"{source.at()}: nothing tells the rows of {source.name} apart: it has no primary key.",
            safe=SAFE,
            todo="Add `-- key: id`, the columns that do, with commas between them.",
        )
    check_fingerprints(plan, source.days.name, key, source.updated)
    if not snapshots.newest(settings.path):
        yield _known(source, say, Difference(len(days), False, days))
        return
    with snapshots.read(settings.path) as connection:
        cached = cached_days.days(connection, source.name)
        columns = changed_columns(connection, source.name, plan.no_rows) if cached else ""
        gone = sorted(day for day in cached if not first <= day <= last)
        if not cached or columns:
            yield _known(source, say, Difference(len(days), bool(cached), days, gone, columns))
            return
        say(
            f"Asking MySQL for a fingerprint of each day of {plan.named} at {plan.server.name}: it "
            "counts, and sends a line a day."
        )
        with ask_days(
            plan,
            Days(source.days.name, ((first, last),), source.days.zone),
            key=key,
            updated=source.updated,
            comment=f"warehouse fingerprints of={source.name} by={by}",
            budget_seconds=settings.query_budget_seconds,
            connections=(settings.connections - 1) // among,  # one loads meanwhile
        ) as asked:
            day = duckdb_day(quoted(source.days.name), source.days.zone)
            held = cached_days.cached_days(connection, source.name, day, asked.recipe)
            sure = [] if asked.newest is None else surely_changed(days, asked.newest, held)

            if sure:
                say(
                    f"Their newest updates tell that {counted(len(sure), 'day')} must be read "
                    f"again: {_named(sure)}. That happens while MySQL counts."
                )

            @cache
            def result() -> Difference:
                answer = asked.counted(say)
                differ = sorted({*changed_days(days, answer.fingerprints, held), *sure})
                found = Difference(len(days), True, differ, gone, outside=answer.outside)
                if not found.none:
                    say(found.words)
                return found

            yield Comparison(source, sure, result)


def _known(source: Source, say: Callable[[str], None], found: Difference) -> Comparison:
    """Return a comparison that waits for nothing."""
    say(found.words)
    return Comparison(source, [], lambda: found)


def _named(days: list[date]) -> str:
    return Days("", tuple(ranges(days))).words


def difference(source: Source, say: Callable[[str], None], by: str) -> Difference:
    """Compare, and wait for the result, see `compare`."""
    with compare(source, say, by) as comparison:
        return comparison.result()
