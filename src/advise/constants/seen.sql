-- every: a few times an advice; scope: server; needs: pg_read_all_stats, to see the texts of others
-- cost: one look at the sessions, 0.4 ms for 100; locks: none
-- $1: the database; $2: statements that are looked for. A text as long as the server keeps is cut off.
select a.query_id, a.query
from pg_stat_activity a
where a.datname = $1 and a.query_id = any($2) and a.pid <> pg_backend_pid()
  and octet_length(a.query) < (select s.setting::int4 - 4 from pg_settings s where s.name = 'track_activity_query_size')
