-- every: once an advice; scope: database; needs: nothing; cost: 5 ms; locks: none
select
  current_setting('server_version_num')::int4,
  current_setting('block_size')::int4,
  current_setting('random_page_cost')::float8,
  array(select e.extname::text from pg_extension e),
  (select n.nspname::text from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm'),
  (select greatest(s.stats_reset, least(
      (select a.stats_reset from pg_stat_archiver a), (select b.stats_reset from pg_stat_bgwriter b)))
    from pg_stat_database s where s.datname = current_database()),
  statement_timestamp(),
  pg_is_in_recovery(),
  current_setting('seq_page_cost')::float8, current_setting('cpu_tuple_cost')::float8,
  current_setting('cpu_index_tuple_cost')::float8, current_setting('cpu_operator_cost')::float8,
  (select g.setting::float8 from pg_settings g where g.name = 'effective_cache_size')
