-- The shop's customers.
-- owner: team:data
-- key: id
select * from customers
