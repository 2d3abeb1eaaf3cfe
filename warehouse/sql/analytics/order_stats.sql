-- One row on all cleaned orders: how many, their revenue and average amount, the first and the
-- last day, and how many there are by status.
-- owner: team:analytics
select
  count(*) as orders,
  sum(amount) as revenue,
  avg(amount) as average_amount,
  min(order_date) as first_date,
  max(order_date) as last_date,
  (
    select map(list(status order by status), list(orders order by status))
    from (select status, count(*) as orders from orders_cleaned group by status)
  ) as orders_by_status
from orders_cleaned
