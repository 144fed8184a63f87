-- run by: erpscope check; needs: nothing; cost: shared memory only; locks: none
select count(*) from pg_stat_get_activity(null) a
where a.datid is not null and coalesce(a.backend_type, 'client backend') = 'client backend'
