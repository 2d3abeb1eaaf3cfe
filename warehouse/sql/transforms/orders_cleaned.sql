-- One row per order: its newest update wins. The status is trimmed and in lower case;
-- rows without an id or a customer are dropped.
-- owner: team:analytics
select * replace (lower(trim(status)) as status)
from mysql_orders
where id is not null and customer_id is not null
qualify row_number() over (partition by id order by updated_at desc) = 1
