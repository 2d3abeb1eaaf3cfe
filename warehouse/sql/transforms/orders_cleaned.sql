-- One row per order: its newest update wins, and of several with that time the one whose columns,
-- from the left to the right, come last. The status is trimmed and in lower case; rows without an
-- id or a customer are dropped.
-- owner: team:analytics
select * replace (lower(trim(status)) as status)
from mysql_orders as loaded
where id is not null and customer_id is not null
-- `loaded` is the whole row: without it, two with equal times would take turns.
qualify row_number() over (
  partition by id order by updated_at desc nulls last, loaded desc nulls last
) = 1
