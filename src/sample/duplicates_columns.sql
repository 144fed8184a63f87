-- every: duplicates.interval; scope: database; needs: select on the keys' columns, to see their statistics
-- cost: catalogs by index, 2 to 15 ms for 40 columns of 10 tables among 1,000; 0.3 s if keys were in all 1,000
-- locks: none beyond catalogs
-- $1, $2, $3, $4: tables, columns, the word that a column must have, if any, and whether letters and digits alone are
-- compared. What is known of each that is
-- there, in the first schema that has the table: whether our role may read it, and its statistics as shares of
-- the rows, of which no value leaves.
with tables as materialized (
  select distinct on (c.relname) c.oid, c.relname, c.relkind, c.reltuples, c.relpages, n.oid as schema, n.nspname,
    -- Rows that analyze looks at: as many as the column that wants most.
    300 * (
      select max(coalesce(nullif(w.attstattarget::int, -1), current_setting('default_statistics_target')::int))
      from pg_attribute w where w.attrelid = c.oid and w.attnum > 0 and not w.attisdropped) as wanted
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.relname = any($1::text[]::name[]) and c.relkind in ('r', 'p') and n.nspname !~ '^pg_'
  order by c.relname, n.nspname <> 'public', n.nspname
), known as materialized (
  select s.schemaname, s.tablename, s.attname, s.inherited, s.null_frac, s.n_distinct, s.most_common_vals, s.most_common_freqs
  from pg_stats s
  where s.tablename = any($1::text[]::name[]) and s.attname = any($2::text[]::name[])
)
select
  c.oid, c.relname, c.nspname, a.attname, a.attnum, q.word, t.typcategory = 'S',
  has_schema_privilege(c.schema, 'usage') and has_column_privilege(c.oid, a.attnum, 'select')
    and not row_security_active(c.oid),
  c.reltuples::float8, c.relpages::bigint * current_setting('block_size')::bigint,
  pg_stat_get_mod_since_analyze(c.oid)::float8,
  extract(epoch from now() - greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)))::float8,
  least(c.reltuples, c.wanted)::float8,
  s.null_frac, s.n_distinct,
  -- Of these somebody has said how many distinct values there are; nobody has counted.
  coalesce(a.attoptions::text ~ 'n_distinct', false),
  blank.share, blank.number,
  case when q.word is not null then (
    select sum(v.freq) from unnest(s.most_common_vals::text::text[], s.most_common_freqs) v (value, freq)
    where v.value = case a.atttypid when 'bool'::regtype then left(q.word, 1) else q.word end) end::float8,
  q.is_compact, c.relkind = 'p'
from unnest($1::text[]::name[], $2::text[]::name[], $3::text[], $4::bool[]) q (relname, attname, word, is_compact)
join tables c on c.relname = q.relname
join pg_attribute a on a.attrelid = c.oid and a.attname = q.attname and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join known s on s.schemaname = c.nspname and s.tablename = c.relname and s.attname = a.attname
  and s.inherited = (c.relkind = 'p')
-- As a count sees them: where letters and digits alone are compared, '/' and '-' are blank, too.
left join lateral (
  select sum(v.freq)::float8 as share, count(*)::float8 as number
  from unnest(s.most_common_vals::text::text[], s.most_common_freqs) v (value, freq)
  where case when q.is_compact then v.value !~ '[[:alnum:]]' else btrim(v.value) = '' end
) blank on t.typcategory = 'S'
