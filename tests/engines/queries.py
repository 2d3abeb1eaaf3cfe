"""SELECTs made at random over the edge rows `t`: of all kinds, and one inside the other.

Floats are compared and joined, but not shown: which of 0.0 and -0.0 stands for both may differ.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

COLUMNS = ("i", "b", "si", "ti", "u", "d", "d18", "s", "g", "bo", "dt", "ts", "tz", "uu", "js")
"""The columns that may be shown; and `k`, the number of a row."""

CONDITIONS = (
    "{t}k % 5 = 2",
    "{t}k < 90",
    "{t}i > 7",
    "{t}g = 'g1'",
    "{t}g in ('g1', 'G1')",
    "{t}g not in ('g1', 'g2')",
    "{t}bo",
    "not {t}bo",
    "{t}s like 'a%'",
    "{t}s is distinct from {t}g",
    "{t}d is null",
    "{t}dt between date '1900-01-01' and date '2024-12-31'",
    "{t}ts::date = {t}dt",
    "coalesce({t}i, 0) <= {t}si",
    "{t}f > 0",
    "{t}f <> {t}fl",
    "({t}i is null or {t}b > 5)",
    "{t}k > (select avg(k)::integer from t)",
    "{t}k in (select si from t where bo)",
    "{t}k not in (select ti from t)",
    "{t}i not in (select ti from t where ti is not null)",
    "{t}i = (select max(z.i) from t z where z.g = {t}g)",
    "exists (select 1 from t z where z.k = {t}i)",
    "not exists (select 1 from t z where z.g = {t}g and z.k > {t}k)",
    "exists (select s from t where k > 1000)",
)
AGGREGATES = (
    "count(*)",
    "count({x})",
    "count(distinct {x})",
    "min({x})",
    "max({x})",
    "sum(i)",
    "sum(d)",
    "sum(distinct si)",
    "sum(k) filter (where bo)",
    "count(*) filter (where {x} is null)",
    "bool_or(bo)",
    "avg(i)",
    "median(i)",
    "quantile_disc(i, 0.5)",
    "list(k order by k)",
    "string_agg(g, ',' order by k)",
    "first({x} order by k)",
    "arg_max(k, i + k * 1000)",
    "max(k) - min(k)",
)
FUNCTIONS = (
    "row_number() over ({part} {order})",
    "rank() over ({part} {order})",
    "ntile(4) over ({part} {order})",
    "cume_dist() over ({part} {order})",
    "lag({x}) over ({part} {order})",
    "lead({x}, 2, {x}) over ({part} {order})",
    "lag({x} ignore nulls) over ({part} {order})",
    "first_value({x}) over ({part} {order} {frame})",
    "last_value({x} ignore nulls) over ({part} {order} {frame})",
    "nth_value({x}, 2) over ({part} {order} {frame})",
    "sum(i) over ({part} {order} {frame})",
    "sum(d) over ({part} {order} {frame})",
    "count({x}) over ({part} {order} {frame})",
    "min({x}) over ({part} {order} {frame})",
    "sum(k) filter (where bo) over ({part} {order} {frame})",
)
PARTS = ("", "partition by g", "partition by bo", "partition by g, bo", "partition by i % 3")
ORDERS = (
    "order by k",
    "order by k desc",
    "order by g, k",
    "order by i nulls first, k",
    "order by s desc, k",
    "order by f, k",
    "order by ts nulls last, k desc",
)
FRAMES = (
    "",
    "rows between unbounded preceding and current row",
    "rows between 2 preceding and 1 following",
    "rows between 1 following and 3 following",
    "rows between current row and unbounded following",
    "range between unbounded preceding and current row",
)
JOINS = ("join", "left join", "right join", "full join")
ONES = (
    "a.k = b.k",
    "a.i = b.si",
    "a.g = b.g and a.k < b.k",
    "a.k = b.i and b.bo",
    "a.k between b.k and b.k + 2",
    "a.g is not distinct from b.g and a.k = b.k + 1",
    "a.s = b.s",
    "a.f = b.fl",
    "a.dt = b.ts::date",
)
GROUPS = ("g", "bo", "g, bo", "i % 3", "dt", "s", "u", "ts::date", "coalesce(g, s)")
SETS = ("union", "union all", "except", "except all", "intersect", "intersect all")


@dataclass(frozen=True)
class Query:
    """A SELECT, and whether it gives its rows an order."""

    sql: str
    ordered: bool = False


class Maker:
    """Makes SELECTs."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._kinds: Sequence[Callable[[], Query]] = (
            self._joined,
            self._existing,
            self._grouped,
            self._subtotals,
            self._windows,
            self._set,
            self._first_rows,
            self._distinct,
            self._subqueries,
            self._with,
        )

    def query(self) -> Query:
        """Return a SELECT of any kind."""
        return self._random.choice(self._kinds)()

    def _one(self, of: Sequence[str]) -> str:
        return self._random.choice(of)

    def _where(self, table: str = "") -> str:
        wanted = [self._one(CONDITIONS).format(t=table) for _ in range(self._random.randrange(3))]
        return f" where {self._one((' and ', ' or ')).join(wanted)}" if wanted else ""

    def _aggregate(self) -> str:
        return self._one(AGGREGATES).format(x=self._one(COLUMNS))

    def _window(self) -> str:
        return self._one(FUNCTIONS).format(
            x=self._one(COLUMNS),
            part=self._one(PARTS),
            order=self._one(ORDERS),
            frame=self._one(FRAMES),
        )

    def _rows(self) -> str:
        """Return rows with all columns of `t`."""
        where = self._where()
        return self._one(
            (
                "t",
                f"(select * from t{where})",
                f"(select distinct on (g, bo) * from t{where} order by g, bo, k desc)",
                f"(select * from t{where} order by k limit 60 offset 3)",
                f"(select * from t{where} qualify {self._window()} is not null)",
            )
        )

    def _joined(self) -> Query:
        join, on = self._one(JOINS), self._one(ONES)
        shown = f"a.k as ak, b.k as bk, a.{self._one(COLUMNS)} as x, coalesce(a.s, b.s) as s"
        return Query(f"select {shown} from {self._rows()} a {join} {self._rows()} b on {on}")

    def _existing(self) -> Query:
        join = self._one(("semi join", "anti join"))
        return Query(
            f"select a.k, a.g from {self._rows()} a {join} {self._rows()} b on {self._one(ONES)}"
        )

    def _grouped(self) -> Query:
        having = self._one(("", " having count(*) > 2", " having max(k) % 2 = 0"))
        shown = [self._one(GROUPS), *(self._aggregate() for _ in range(3))]
        return Query(
            f"select {', '.join(shown)} from {self._rows()} t{self._where()} group by all{having}"
        )

    def _subtotals(self) -> Query:
        by = self._one(("rollup (g, bo)", "cube (g, bo)", "grouping sets ((bo), (), (g, bo))"))
        more = self._one(("", ", grouping(g)", ", grouping(bo, g)", f", {self._aggregate()}"))
        return Query(f"select g, bo{more} from t{self._where()} group by {by}")

    def _windows(self) -> Query:
        qualify = "qualify row_number() over (partition by g order by k) <= 3"
        return Query(
            f"select k, {self._window()}, {self._window()} from {self._rows()} t"
            f"{self._where()} {self._one(('', qualify))}"
        )

    def _set(self) -> Query:
        shown = self._one((*COLUMNS, "g, bo", "k % 5"))
        first, second = (f"select {shown} from t{self._where()}" for _ in range(2))
        return Query(f"{first} {self._one(SETS)} {second}")

    def _first_rows(self) -> Query:
        keys = [
            f"{name} {self._one(('', 'desc'))} {self._one(('', 'nulls first', 'nulls last'))}"
            for name in self._random.sample(COLUMNS, 2)
        ]
        limit = self._one(("limit 9", "limit 30 offset 4", "offset 100", "limit 0"))
        shown = f"select k, {self._one(COLUMNS)} as x from {self._rows()} t{self._where()}"
        return Query(f"{shown} order by {', '.join(keys)}, k {limit}", ordered=True)

    def _distinct(self) -> Query:
        shown = ", ".join(self._random.sample(COLUMNS, 2))
        return Query(f"select distinct {shown} from {self._rows()} t{self._where()}")

    def _subqueries(self) -> Query:
        return Query(
            "select k, (select count(*) from t z where z.g = t.g and z.k < t.k) as n, "
            f"(select max(z.{self._one(COLUMNS)}) from t z where z.k = t.i) as m, "
            f"exists (select 1 from t z{self._where('z.')}) as e from t{self._where()}"
        )

    def _with(self) -> Query:
        return Query(
            f"with a as (select g, k, {self._window()} as w from t{self._where()}), "
            "b as (select g, count(*) as n, max(w) as m from a group by g) "
            f"select a.k, a.g, b.n, b.m from a {self._one(JOINS)} b using (g)"
        )
