-- cost: all of it; locks: none, readers see the last commit
select id, server, datname, action, state, ddl, payload,
  suggested_at, applied_at, measured_at, updated_at
from suggestions
order by server, datname, suggested_at, id
