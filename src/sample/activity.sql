-- every: activity.interval, idle sessions too once a second; scope: server
-- needs: pg_monitor to see what other roles do
-- cost: one look at shared memory, about 0.2 ms at 100 connections, most of it sending values: a
--   text goes over only if its statement began since the last sample
-- locks: none
-- Our own row is always there and tells the server's clock. $2: sessions wanted whatever they do;
-- $3: idle ones, too; $4: those of $2 alone, with their texts. A vacuum holds no vacuum back, see horizon.sql.
select
  a.pid, coalesce(a.datid, 0), coalesce(a.usesysid, 0), a.application_name, a.client_addr, a.backend_type,
  a.leader_pid, a.backend_start, a.state, a.state_change, a.xact_start, a.query_start,
  a.wait_event_type, a.wait_event, {query_id},
  case when (a.query_start > $1 and a.state <> 'idle') or $4 then a.query end,
  case when coalesce(a.leader_pid, a.pid) not in (select p.pid from pg_stat_get_progress_info('VACUUM') p)
    then greatest(age(a.backend_xmin), age(a.backend_xid)) end,
  a.backend_xid is not null,
  case when a.pid = pg_backend_pid() then statement_timestamp() end
from pg_stat_get_activity(null) a
where a.pid = any($2) or a.pid = pg_backend_pid() or not $4 and (
  a.state not in ('idle', 'disabled') or a.wait_event_type = 'Lock' or ($3 and a.datid is not null)
)
