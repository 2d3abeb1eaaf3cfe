-- The cleaned orders that are completed.
-- owner: team:analytics
select * from orders_cleaned where status = 'completed'
