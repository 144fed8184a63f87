-- every: upkeep.queues_interval; scope: database; needs: select on the columns that the profile names
-- cost: at most {most} rows of each state, and only if the planner thinks it costs little; in up to five turns once if that is more
--   than a millisecond; planned once for all turns, and its plan asked for in every fifth;
-- locks: access share on the table
-- One queue. What stands in braces comes from its profile: names in quotes, words in quotes.
select
  w.n, w.oldest, w.tries, r.n, r.longest, f.n
from (
  select count(*) as n, extract(epoch from now() - min(x.since))::float8 as oldest, max(x.tries) as tries
  from (select {since} as since, {tries} as tries from {table} q where {waiting} limit {most}) x
) w, (
  select count(*) as n, extract(epoch from now() - min(x.started))::float8 as longest
  from (select {started} as started from {table} q where {running} limit {most}) x
) r, (
  select count(*) as n from (select from {table} q where {failed} limit {most}) x
) f
