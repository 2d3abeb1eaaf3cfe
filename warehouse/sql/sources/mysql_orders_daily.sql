-- The shop's orders by the day of order_date, each day cached by itself: loading some days asks MySQL
-- once and leaves all others alone.
-- owner: team:data
-- days: order_date
-- updated: updated_at
-- key: id
select * from orders
