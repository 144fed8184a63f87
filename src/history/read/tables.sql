-- cost: every hour of every table in the period, of all databases
-- locks: none, readers see the last commit
select
  t.schema_name, t.table_name,
  coalesce(sum(h.seq_scan), 0), coalesce(sum(h.seq_tup_read), 0),
  coalesce(sum(h.idx_scan), 0), coalesce(sum(h.idx_tup_fetch), 0),
  coalesce(sum(h.n_tup_ins), 0), coalesce(sum(h.n_tup_upd), 0),
  coalesce(sum(h.n_tup_del), 0), coalesce(sum(h.n_tup_hot_upd), 0),
  t.n_live_tup, t.bytes, t.first_hour, t.last_hour
from databases d
join tables t on t.database_id = d.id
left join (
  select * from table_hours where hour > ?3 - 3600 and hour < ?4
) h on h.table_id = t.id
where d.server = ?1 and d.datname = ?2 and t.last_hour > ?3 - 3600 and t.first_hour < ?4
group by t.id
order by t.schema_name, t.table_name
