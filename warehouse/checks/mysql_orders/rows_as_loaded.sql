-- The table holds as many rows as its newest receipt says that came.
select rows as rows_in_receipt, (select count(*) from mysql_orders) as rows_in_table
from loads
where table_name = 'mysql_orders'
-- Of two that began at the same moment, the same one each time.
qualify row_number() over (order by started_at desc, run_id desc, rows desc) = 1
  and rows <> rows_in_table
