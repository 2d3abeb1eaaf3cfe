-- The cleaned orders that still wait.
select * from orders_cleaned where status = 'pending'
