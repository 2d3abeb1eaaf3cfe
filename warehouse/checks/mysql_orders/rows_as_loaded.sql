-- The table holds as many rows as its newest receipt says that came.
select rows as rows_in_receipt, (select count(*) from mysql_orders) as rows_in_table
from loads
where table_name = 'mysql_orders'
qualify row_number() over (order by started_at desc) = 1
  and rows <> rows_in_table
