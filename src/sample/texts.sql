-- every: texts_interval at most, and only while a statement lacks its module, or its text to be shown
-- scope: server; needs: pg_stat_statements, pg_read_all_stats
-- cost: the extension reads its whole text file, whatever is asked: 39 ms for 8 MB
-- locks: none on relations; the extension's shared lock while it copies
select s.userid, s.dbid, s.queryid, left(s.query, $2)
from unnest($1::bigint[]) q (queryid)
join {schema}.pg_stat_statements s on s.queryid = q.queryid
