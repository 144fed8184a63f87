-- every: once an advice; scope: server; needs: pg_stat_statements, pg_read_all_stats
-- cost: the extension reads its whole text file once: 39 ms for 8 MB
-- locks: none on relations; the extension's shared lock while it copies
-- $1: the database; $2: how many statements, the heaviest first
select
  s.queryid, s.query, sum(s.calls)::float8, sum(s.{exec_time})::float8 / 1000, sum(s.rows)::float8,
  sum(s.temp_blks_read + s.temp_blks_written)::float8
from {schema}.pg_stat_statements s
join pg_database d on d.oid = s.dbid
where d.datname = $1 and s.queryid is not null
group by s.queryid, s.query
order by 4 desc, 1
limit $2
