-- cost: a few look-ups a database; locks: none
select min(hour)
from (
  select min(hour) as hour from coverage
  union all
  select (select min(hour) from statement_hours h where h.database_id = d.id) from databases d
  union all
  select min(hour) from table_hours
  union all
  select min(hour) from index_hours
  union all
  select min(hour) from module_hours
  union all
  select min(end_time) - min(end_time) % 3600 from episodes
)
