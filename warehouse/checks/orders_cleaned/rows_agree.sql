-- There are as many orders as the source has numbers with a customer.
select
  (select count(*) from orders_cleaned) as orders,
  (select count(distinct id) from mysql_orders where customer_id is not null) as orders_in_source
where orders <> orders_in_source
