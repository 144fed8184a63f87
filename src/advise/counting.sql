-- every: once an advice; scope: server; needs: nothing; cost: below 1 ms; locks: none
-- Seconds since the extension began to count. Before 1.9 it does not tell: like the server's own statistics it survives a
-- restart and not a crash, which leaves a mark with the archiver's and the background writer's.
select extract(epoch from statement_timestamp() - coalesce(
  {since},
  least(
    (select a.stats_reset from pg_stat_archiver a),
    (select b.stats_reset from pg_stat_bgwriter b)),
  pg_postmaster_start_time()))::float8
