-- every: one key a turn of duplicates.interval in duplicates.quiet_hours, if duplicates.count; scope: database;
-- needs: select on the key's columns
-- cost: one read of the table and a hash of its keys: of a million rows 2 s, 3 s if letters do not count, and 24 MB of
-- temporary files; bounded by duplicates.count_timeout, max_rows and max_bytes
-- locks: access share on the table, given up after lock_timeout
-- How many groups of rows have the same key, and how many rows there are beyond one of each. What stands in
-- braces comes from the profile: names in quotes, words in quotes. No value leaves.
select count(*), coalesce(sum(g.n - 1), 0)::bigint
from (select count(*) as n from {table} k where {rows} group by {key} having count(*) > 1) g
