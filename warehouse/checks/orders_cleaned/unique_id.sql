-- Each order stands here once.
select id, count(*) as times
from orders_cleaned
group by id
having times > 1
