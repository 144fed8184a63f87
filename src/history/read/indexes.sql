-- cost: every hour of every index in the period, of all databases
-- locks: none, readers see the last commit
select
  i.schema_name, i.table_name, i.index_name,
  coalesce(sum(h.idx_scan), 0), coalesce(sum(h.idx_tup_read), 0),
  i.bytes, i.first_hour, i.last_hour,
  max(case when h.idx_scan > 0 then h.hour end)
from databases d
join indexes i on i.database_id = d.id
left join (
  select * from index_hours where hour > ?3 - 3600 and hour < ?4
) h on h.index_id = i.id
where d.server = ?1 and d.datname = ?2 and i.last_hour > ?3 - 3600 and i.first_hour < ?4
group by i.id
order by i.schema_name, i.table_name, i.index_name
