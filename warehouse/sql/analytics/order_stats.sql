-- One row on all cleaned orders: how many, their revenue and average amount, the first and the
-- last day, and how many there are by status. Orders without a status count as '(none)', which is
-- also where a status of that very text counts.
-- owner: team:analytics
select
  count(*) as orders,
  sum(amount) as revenue,
  -- avg() adds up floats, in an order of its own: its last digit is not always the same.
  sum(amount) / count(amount) as average_amount,
  min(order_date) as first_date,
  max(order_date) as last_date,
  (
    select map(list(status order by status asc), list(orders order by status asc))
    from (
      -- The keys of a map are never NULL, and each stands there once.
      select coalesce(status, '(none)') as status, count(*) as orders
      from orders_cleaned
      group by coalesce(status, '(none)')
    )
  ) as orders_by_status
from orders_cleaned
