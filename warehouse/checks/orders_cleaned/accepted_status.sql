-- The status is one that the shop knows.
-- severity: warn
select status, count(*) as orders
from orders_cleaned
where status is null
  or status not in ('pending', 'paid', 'shipped', 'completed', 'cancelled', 'refunded')
group by status
order by status asc nulls last
