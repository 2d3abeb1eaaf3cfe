-- The cleaned orders that still wait.
-- owner: team:analytics
select * from orders_cleaned where status = 'pending'
