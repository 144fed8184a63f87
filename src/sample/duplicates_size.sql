-- every: before a count; scope: database; needs: nothing
-- cost: one look at the files, under 1 ms; locks: access share on the table, given up after lock_timeout
-- $1: a table. Its bytes, with those of its partitions.
select sum(pg_relation_size(r.relid))::bigint
from (select $1::oid::regclass as relid union select p.relid from pg_partition_tree($1::oid::regclass) p) r
