-- It counts as many orders, and as much revenue, as orders_cleaned has.
select
  (select coalesce(sum(orders), 0) from order_stats) as orders,
  (select count(*) from orders_cleaned) as orders_cleaned,
  (select coalesce(sum(revenue), 0) from order_stats) as revenue,
  (select coalesce(sum(amount), 0) from orders_cleaned) as revenue_cleaned
where (orders, revenue) is distinct from (orders_cleaned, revenue_cleaned)
