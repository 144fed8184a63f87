-- every: 1 s, and with activity.interval if that is longer; scope: server; needs: pg_monitor
-- cost: one look at shared memory, one row for each kind of session; locks: none
select coalesce(a.datid, 0), coalesce(a.usesysid, 0), a.application_name, a.state, count(*)
from pg_stat_get_activity(null) a
where a.backend_type = 'client backend' or a.backend_type is null
group by 1, 2, 3, 4
