-- Per day of mysql_orders_daily: how many orders, the revenue of those completed or shipped, and
-- how far the revenue is above or below that of the seven days before.
-- owner: team:analytics
with orders as (
  select * from mysql_orders_daily
  where id is not null and customer_id is not null
  qualify row_number() over (partition by id order by updated_at desc) = 1
), days as (
  select
    order_date::date as day,
    count(*) as orders,
    coalesce(sum(amount) filter (lower(trim(status)) in ('completed', 'shipped')), 0) as revenue
  from orders
  group by day
)
select
  day,
  orders,
  revenue,
  revenue - avg(revenue) over (order by day rows between 7 preceding and 1 preceding)
    as above_last_week
from days
order by day
