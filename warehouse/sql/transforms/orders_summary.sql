-- Per day and status: how many orders, their revenue and their average amount.
-- owner: team:analytics
select
  order_date,
  status,
  count(*) as orders,
  sum(amount) as revenue,
  -- avg() adds up floats, in an order of its own: its last digit is not always the same.
  sum(amount) / count(amount) as average_amount
from orders_cleaned
group by order_date, status
order by order_date asc nulls last, status asc nulls last
