-- every: upkeep.settings_interval; scope: server; needs: nothing (some show only to pg_read_all_settings)
-- cost: all settings, 1 ms; locks: none
-- Nothing that is asked for can hold a secret.
select
  s.name, s.setting, coalesce(s.unit, ''), s.source, coalesce(s.boot_val, ''), s.pending_restart
from pg_settings s
where s.name = any($1)
