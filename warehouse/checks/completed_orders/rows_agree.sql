-- It has as many orders as orders_cleaned has of that status.
select
  (select count(*) from completed_orders) as orders,
  (select count(*) from orders_cleaned where status = 'completed') as orders_cleaned
where orders <> orders_cleaned
