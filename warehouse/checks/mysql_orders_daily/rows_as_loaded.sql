-- Each cached day holds as many rows as it was loaded with, and no row is of another day.
select coalesce(cached.day, held.day) as day, cached.rows as rows_loaded, held.rows as rows_in_table
from (select day, rows from cached_days where table_name = 'mysql_orders_daily') as cached
full join (
  select order_date::date as day, count(*) as rows from mysql_orders_daily group by all
) as held on cached.day = held.day
where coalesce(cached.rows, 0) <> coalesce(held.rows, 0)
