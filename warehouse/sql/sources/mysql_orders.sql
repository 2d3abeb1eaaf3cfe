-- The shop's orders, all of them. This table is the cache: it lasts until the source is materialized
-- again, and everything downstream reads it, not MySQL.
-- owner: team:data
select * from orders
