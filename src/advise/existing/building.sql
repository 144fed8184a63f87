-- every: once an advice; scope: database; needs: pg_monitor, else it tells that somebody builds and not what
-- cost: 0.1 ms; locks: none
select p.index_relid, p.relid from pg_stat_progress_create_index p where p.datname = current_database()
