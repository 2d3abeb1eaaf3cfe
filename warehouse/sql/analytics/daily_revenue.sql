-- Per day of mysql_orders_daily: how many orders, the revenue of those completed or shipped, and
-- how far the revenue is above or below that of the seven days before. An order that is there
-- several times counts once: as in orders_cleaned.
-- owner: team:analytics
with orders as (
  select * from mysql_orders_daily as loaded
  where id is not null and customer_id is not null
  -- `loaded` is the whole row: without it, two with equal times would take turns.
  qualify row_number() over (
    partition by id order by updated_at desc nulls last, loaded desc nulls last
  ) = 1
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
  -- avg() adds up floats, in an order of its own: its last digit is not always the same.
  revenue - sum(revenue) over last_week / count(revenue) over last_week as above_last_week
from days
window last_week as (
  order by day asc nulls last rows between 7 preceding and 1 preceding
)
order by day asc nulls last
