-- every: on demand (erpscope locks); scope: server; needs: pg_monitor for other roles' statements
-- cost: one look at shared memory; locks: none to wait for
-- the text is taken whole (at most track_activity_query_size): it can be that of a database in
-- another encoding, and left() fails on what is no character here
select
  a.pid, a.datname, a.usename, a.application_name, host(a.client_addr), a.backend_type, a.state,
  a.xact_start, a.query_start, a.state_change, a.query, clock_timestamp()
from pg_stat_activity a
where a.pid = any($1)
