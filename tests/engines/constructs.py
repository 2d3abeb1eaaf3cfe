"""SELECTs that people write, over the edge rows `t`: what DuckDB's grammar has beside functions."""

from __future__ import annotations

SAME = {
    # stars and names
    "from only": "from t where k < 3",
    "from first": "from t select k where k < 3",
    "star replace": "select * replace (k + 1 as k) from t where k < 4",
    "star exclude": "select * exclude (s, f) from t where k < 4",
    "star rename": "select * rename (k as kk) from t where k < 4",
    "star of a join": "select a.*, b.g from t a join t b on a.k = b.k where a.k < 5",
    "columns": "select columns('^d') from t where k < 9",
    "columns in an aggregate": "select max(columns(['k', 'i'])) from t",
    "alias in where": "select k + 1 as kk from t where kk < 3",
    "alias in select": "select k + 1 as a, a + 1 as b from t where k < 3",
    "alias that is a column, too": "select k + 1 as k, k as x from t where t.k < 3",
    "alias in group by": "select lower(g) as gg, count(*) from t group by gg",
    "alias in having": "select g, count(*) as n from t group by g having n > 30",
    "alias in qualify": "select k, row_number() over (partition by g order by k) as r from t "
    "qualify r = 1",
    "alias in order by": "select k, -k as minus from t order by minus limit 3",
    "no name": "select 1, 'a', null, k from t where k < 2",
    "no table": "select 1 as x, 'a' as y, null as z",
    "constants": "select true as a, 1.5 as b, 1e3 as c, 3000000000 as d, -7 as e, "
    "0.1::double as f, "
    "date '2024-02-29' as g, timestamp '2024-01-01 00:00:00.123456' as h, "
    "timestamptz '2024-01-01 00:00:00+02' as i, 18446744073709551615 as j, 'nan'::double as l, "
    "-9223372036854775808 as m, 127::tinyint as n, 1::utinyint as o, 'a'::varchar as p",
    "odd texts": "select 'it''s' as a, 'back\\slash' as b, '${env:HOME} $1' as c, 'é😀' as d, "
    "e'tab\\tnew\\n' as e, '{0}' as f, '{' as g",
    # grouping
    "group by all": "select g, bo, count(*) from t group by all",
    "group by place": "select g, count(*) from t group by 1",
    "group by constant": "select 'x' as x, count(*) from t group by x",
    "group by expression": "select k % 3 as r, sum(i) from t group by k % 3",
    "group by expression of it": "select k % 3 + 1 as r, count(*) from t group by k % 3",
    "group by unsigned": "select u, count(*) from t group by u",
    "group by double": "select f, count(*) from t where f <> 0 or f is null group by f",
    "group by struct": "select {'a': g, 'b': bo} as x, count(*) from t group by x",
    "group by rollup": "select g, bo, count(*) from t group by rollup (g, bo)",
    "group by cube": "select g, bo, sum(k) from t group by cube (g, bo)",
    "grouping sets": "select g, bo, count(*) from t group by grouping sets ((g), (bo), ())",
    "grouping sets of nothing": "select g, bo, count(*), sum(i) from t where false "
    "group by grouping sets ((g, bo), (g), (), ())",
    "rollup of nothing": "select lower(g) as gg, count(*) from t where k < 0 group by rollup (gg)",
    "only a grand total": "select count(*) as n, sum(i) from t group by grouping sets (())",
    "rollup without aggregates": "select g from t group by rollup (g)",
    "cube without aggregates": "select g, bo from t group by cube (g, bo)",
    "rollup of nothing without aggregates": "select g from t where false group by rollup (g)",
    "having without aggregates": "select 1 as x from t having true",
    "grouping()": "select g, bo, grouping(bo, g) as both, grouping(g) as one, sum(i) from t "
    "group by cube (g, bo)",
    "grouping() without a set": "select g, grouping(g) from t group by g",
    "grouping() of nothing": "select g, grouping(g) from t where false group by rollup (g)",
    "grouping() of an expression": "select i % 3 as r, grouping(i % 3), count(*) from t "
    "group by grouping sets ((g, i % 3), (), (i % 3), (g), (g))",
    "grouping() in having and in order by": "select coalesce(g, 'all') as gg, sum(d) from t "
    "group by rollup (g) having grouping(g) = 1 or sum(d) > 0 order by grouping(g), gg",
    "exists of a whole table": "select exists(from t) as e, exists(select g from t where false)",
    "exists of several rows": "select count(*) from t where exists (select s from t where k > 9)",
    "not exists of several rows": "select k from t where k < 3 and not exists "
    "(select * from t where k > 1000)",
    "exists of groups": "select exists(select g from t group by g having count(*) > 100) as e",
    "exists of a limit": "select exists(select 1 from t limit 1 offset 500) as e",
    "limit of rows that are alike": "select 1 as x from t limit 3 offset 166",
    "limit of none": "select k from t limit 0",
    "rows of a limit are counted": "select count(*) from (select * from t limit 5)",
    "aggregate of nothing": "select sum(i), count(*), min(s), list(i order by k) "
    "from t where false",
    "aggregate of nothing, grouped": "select g, sum(i) from t where false group by g",
    "having alone": "select count(*) from t having count(*) > 1000",
    "filter of aggregates": "select count(*) filter (where i > 0), sum(d) filter (bo) from t",
    "distinct": "select distinct g, bo from t",
    "distinct on": "select distinct on (g) g, k from t order by g, k desc",
    "several distinct": "select count(distinct i), count(distinct s), sum(distinct si) from t",
    "one division": "select g, sum(d) / count(d) as average from t group by g",
    "map of lists": "select map(list(g order by g), list(n order by g)) from "
    "(select g, count(*) as n from t where g is not null group by g)",
    # windows
    "qualify": "select k, g from t qualify row_number() over (partition by g order by k desc) = 1",
    "qualify a star": "select * from t qualify row_number() over (partition by g order by k) = 1",
    "newest by the whole row": "select * from t as loaded qualify row_number() over "
    "(partition by g order by ti desc nulls last, loaded desc nulls last) = 1",
    "whole row, nulls first": "select * from t as loaded qualify row_number() over "
    "(partition by g order by loaded nulls first) = 1",
    "named window": "select k, sum(i) over w, count(*) over w from t window w as (order by k)",
    "running total": "select k, sum(d) over (partition by g order by k) from t",
    "moving": "select k, sum(d) over w / count(d) over w from t window w as "
    "(order by k rows between 7 preceding and 1 preceding)",
    "whole partition": "select k, count(*) over (partition by g), max(s) over () from t",
    "rows ahead": "select k, max(i) over (order by k rows between current row and 2 "
    "following) from t",
    "peers": "select k, count(*) over (order by g), rank() over (order by g, bo) from t",
    "window over a group": "select g, count(*) as n, sum(count(*)) over (order by g) "
    "from t group by g",
    "window of a window": "select k, x - lag(x) over (order by k) from "
    "(select k, sum(si) over (order by k) as x from t)",
    "range of days": "select k, count(*) over (order by dt range between interval 7 day preceding "
    "and current row) from t where dt between '1000-01-01' and '9000-01-01' or dt is null",
    "range of hours": "select k, max(k) over (partition by bo order by ts desc range between "
    "interval 2 hour preceding and interval 90 minute following) from t "
    "where ts between '1000-01-01' and '9000-01-01'",
    "range of numbers": "select k, sum(si) over (order by k range between 2 preceding "
    "and 3 following) from t",
    "range of numbers, downwards": "select k, count(*) over (partition by g order by si desc range "
    "between 5 preceding and current row) from t where si between -999 and 999 or si is null",
    # orders and limits
    "order asc": "select i from t order by i, k",
    "order desc": "select i from t order by i desc, k",
    "order nulls first": "select i from t order by i desc nulls first, k",
    "order texts": "select s from t order by s",
    "order unsigned": "select u, k from t order by u desc, k",
    "order double": "select f, k from t where f <> 0 or f is null order by f, k",
    "order bytes": "select bl, k from t order by bl, k",
    "order uuids": "select uu, k from t order by uu, k",
    "order by all": "select g, k from t order by all",
    "order by what is not selected": "select s from t order by k desc",
    "order by a struct": "select k from t order by {'a': g, 'b': i} desc, k",
    "limit": "select k from t order by k limit 3 offset 5",
    "limit 0": "select k from t order by k limit 0",
    "limit in a subquery": "select sum(k) from (select k from t order by k desc limit 5)",
    "order in a subquery": "select k + 1 as x from (select k from t order by k desc limit 5)",
    "top of each": "select g, k from t qualify rank() over (partition by g order by "
    "k) <= 2 order by all",
    # several tables
    "join using": "select k, a.g, b.bo from t a join t b using (k) where k < 5",
    "left join": "select a.k, b.k as other from t a left join (from t where k % 2 = "
    "0) b using (k)",
    "right join": "select a.k, b.k as other from (from t where k < 3) a right join t b using (k)",
    "full join": "select k, a.g, b.bo from (from t where k < 3) a full join "
    "(from t where k between 2 and 4) b using (k)",
    "join on an inequality": "select a.k, b.k as other from t a join t b on a.k < b.k and b.k < 4",
    "join with or": "select a.k, b.k as o from t a join t b on a.k = b.k + 1 or a.k "
    "= 0 and b.k = 9 "
    "where a.k < 5",
    "left join on a condition": "select a.k, b.g as o from t a left join t b "
    "on a.k = b.k and b.bo where a.k < 20",
    "comma join": "select count(*) from t a, t b where a.k = b.k",
    "cross join": "select a.k, b.k as o from (from t where k < 3) a cross join (from "
    "t where k < 2) b",
    "natural join": "select count(*) from (select k, g from t) natural join (select k, i from t)",
    "semi join": "select k from t semi join (select 1 as k) using (k)",
    "anti join": "select k from t anti join (select * from t where k > 2) x using (k)",
    "self join on null": "select count(*) from t a join t b on a.i = b.i",
    "join on is not distinct": "select count(*) from t a join t b on a.g is not distinct from b.g",
    "join of doubles": "select count(*) from t a join t b on a.f = b.f",
    "lateral": "select a.k, x from t a, lateral (select a.k + 1 as x) where a.k < 3",
    "union": "select g from t union select g from t",
    "union all": "select g from t where k < 3 union all select s from t where k < 3",
    "union by name": "select k, i from t where k < 2 union all by name select i, k "
    "from t where k = 2",
    "union of types": "select i from t union all select d from t",
    "except": "select g from t except select 'g1'",
    "except all": "select g from t except all select 'g1'",
    "intersect": "select g from t intersect select 'g1'",
    "values": "select * from (values (1, 'a'), (2, null)) v(x, y)",
    "range": "select * from range(3)",
    "range of three": "select * from range(10, 0, -3)",
    "generate_series": "select * from generate_series(1, 3)",
    "unnest": "select k, unnest([k, i]) as x from t where k < 9",
    "two unnests": "select k, unnest([k, i]) as x, unnest([1, 2, 3]) as y from t where k < 9",
    "with": "with x as (select k from t where k < 9) select count(*) from x",
    "with twice": "with x as (select k from t), y as (from x where k < 9) "
    "select count(*) from y join x using (k)",
    "with materialized": "with x as materialized (select k from t) select count(*) from x",
    "pivot": "select * from (pivot (select g, bo, k from t where bo is not null) "
    "on bo in (true, false) using count(*) group by g)",
    "unpivot": "select * from (unpivot (select k, si, ti from t where k < 5) on si, ti "
    "into name n value v)",
    # subqueries
    "scalar subquery": "select (select max(k) from t) as x",
    "scalar subquery of no row": "select (select k from t where k < 0) as x",
    "scalar subquery of one row": "select k, (select s from t where k = 4) as x from "
    "t where k < 3",
    "scalar subquery in where": "select k from t where k = (select max(k) from t)",
    "correlated": "select k, (select count(*) from t x where x.g = t.g) as n from t",
    "correlated sum": "select k, (select sum(x.i) from t x where x.k < t.k) as n "
    "from t where k < 20",
    "correlated one row": "select k, (select x.s from t x where x.k = t.k + 1) as n from t",
    "exists": "select k from t where exists (select 1 from t x where x.k = t.k + 160)",
    "not exists": "select k from t where not exists (select 1 from t x where x.i = "
    "t.i and x.k <> t.k)",
    "in": "select k from t where i in (select i from t where k < 5)",
    "not in": "select k from t where si not in (select i from t where k < 3 and i is not null)",
    "not in with null": "select k from t where i not in (select i from t where k < 12)",
    "not in nothing": "select k from t where i not in (select i from t where false)",
    "in as a value": "select k, i in (select si from t where k < 7) as x from t",
    "in with null as a value": "select k, i in (select i from t where k > 8 and k < "
    "14) as x from t",
    "two columns in": "select k from t where (k, i) in (select k, i from t where k < 5)",
    "correlated in": "select k from t where i in (select x.i from t x where x.k > t.k)",
    "in and more": "select k from t where bo and i in (select i from t where k < 5)",
    "any of a comparison": "select k from t where i > any (select i from t where k < 3)",
    "all of a comparison": "select k from t where i >= all (select i from t where i is not null)",
    "bytes": "select 'x\\x00\\xFF\\x5C'::blob as x, bl = 'abc'::blob as y from t where k < 9",
    "correlated not in": "select k from t where i not in (select x.i from t x where "
    "x.k > t.k + 150)",
    "correlated in as a value": "select k, i in (select x.i from t x where x.g = t.g) as y from t",
    "nested subqueries": "select k from t where k in (select k from t where g in "
    "(select g from t where k = (select min(k) from t)))",
    "check of two sums": "select (select coalesce(sum(d), 0) from t) as a, "
    "(select count(*) from t) as b where (a, b) is distinct from (b, a)",
}  # fmt: skip
"""What Spark answers as DuckDB does; a SELECT that ends in ORDER BY in the same order."""

REFUSED = {
    "limit without order": "select k from t limit 3",
    "limit in percent": "select k from t order by k limit 10%",
    "limit by a subquery": "select k from t order by k limit (select 3)",
    "distinct on without order": "select distinct on (g) g, k from t",
    "row_number without order": "select k, row_number() over () from t",
    "rank without order": "select k, rank() over (partition by g) from t",
    "range of months": "select k, count(*) over (order by dt range between interval 1 month "
    "preceding and current row) from t",
    "range of decimals": "select k, sum(i) over (order by d range between 2 preceding "
    "and current row) from t",
    "groups": "select k, sum(i) over (order by k groups between 1 preceding and "
    "current row) from t",
    "exclude": "select k, sum(i) over (order by k rows between 1 preceding and current row "
    "exclude current row) from t",
    "distinct in a window": "select k, count(distinct i) over (order by k) from t",
    "asof join": "select a.k, b.k from t a asof join (select * from t where k % 10 = "
    "0) b on a.k >= b.k",
    "positional join": "select a.k, b.k from (select k from t) a positional join "
    "(select k from t) b",
    "recursive": "with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) "
    "select * from r",
    "sample": "select count(*) from (select * from t using sample 10%)",
    "rowid": "select rowid from t",
    "table function": "select * from duckdb_tables()",
    "read_csv": "select * from read_csv('x.csv')",
    "two columns of one name": "select k as a, i as A from t",
    "list without order": "select list(i) from t",
    "string_agg without order": "select string_agg(s, ',') from t",
    "first without order": "select first(i) from t",
    "unnest as a table": "select k, x from t, unnest([k, k + 1]) as u(x) where k < 3",
    "limit of some rows, counted by a condition": "select count(*) filter (where bo) from "
    "(select * from t limit 5)",
    "limit of some rows, and more than counted": "select count(*), max(k) from "
    "(select * from t limit 5)",
    "limit below a condition": "select count(*) from (select * from (from t limit 3) where k > 5)",
    "order by a list": "select k from t order by [k, i]",
    "not in of two columns": "select k from t where (k, i) not in (select i, k from t)",
    "interval as a column": "select interval 1 day as x",
    "time as a column": "select time '10:00:00' as x",
    "bits": "select '101'::bit as x",
    "ten bytes": "select 1::uhugeint as x",
    "today": "select current_date as x",
    "chance": "select random() as x",
    "several statements": "select 1; select 2",
    "no select": "create table x (a int)",
    "no column": "select nope from t",
    "no table": "select * from nope",
    "no SQL": "selec 1",
    "nothing": "",
    "a circle of types": "select {'a': k}.b from t",
    "name that Spark replaces": 'select k as "${x}" from t',
    "name with a line break": 'select k as "a\nb" from t',
}  # fmt: skip
"""What is refused, with a reason."""
