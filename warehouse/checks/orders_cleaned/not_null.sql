-- Number, customer, status, amount and day are there.
select *
from orders_cleaned
where id is null or customer_id is null or status is null or amount is null or order_date is null
