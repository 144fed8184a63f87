-- every: connection; scope: server; needs: nothing (some settings show only to pg_read_all_settings)
-- cost: settings only; locks: none
select s.name, s.setting
from pg_settings s
where s.name = any(array[
  'shared_preload_libraries', 'pg_stat_statements.max', 'pg_stat_statements.track',
  'pg_stat_statements.track_planning', 'pg_stat_statements.save', 'compute_query_id',
  'track_io_timing', 'track_activity_query_size', 'track_activities', 'track_counts',
  'log_lock_waits', 'log_destination', 'logging_collector', 'lc_messages', 'max_connections',
  'superuser_reserved_connections', 'reserved_connections'
])
