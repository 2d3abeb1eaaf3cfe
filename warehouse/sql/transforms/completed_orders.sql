-- The cleaned orders that are completed.
select * from orders_cleaned where status = 'completed'
