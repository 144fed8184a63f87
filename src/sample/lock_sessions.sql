-- every: on demand (erpscope locks); scope: server; needs: pg_monitor for other roles' statements
-- cost: one look at shared memory; locks: none to wait for
select
  a.pid, a.datname, a.usename, a.application_name, host(a.client_addr), a.backend_type, a.state,
  a.xact_start, a.query_start, a.state_change, left(a.query, 8000), clock_timestamp()
from pg_stat_activity a
where a.pid = any($1)
