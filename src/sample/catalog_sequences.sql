-- every: upkeep.catalog_interval; scope: database; needs: select or usage on the sequences
-- cost: one buffer a sequence, 20 ms for 1,000; locks: row exclusive on each for an instant, so those are
-- left out that somebody alters or waits to alter; what is taken since costs lock_timeout
-- How much of its numbers a sequence has given out, up to its own end or to that of the column which
-- they are for (owned by it, an identity, or with it as its default), if that comes first. The last
-- value itself does not leave: an invoice's number can be a secret.
with held as materialized (
  select distinct k.relation
  from pg_locks k
  where k.locktype = 'relation' and k.database = (select d.oid from pg_database d where d.datname = current_database())
    and k.mode in ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock')
), serves as materialized (
  select d.objid as seqid, d.refobjid as relid, d.refobjsubid::int2 as attnum, d.deptype = 'i' as is_identity
  from pg_depend d
  where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
    and d.deptype in ('a', 'i') and d.refobjsubid > 0
  union
  select d.refobjid, f.adrelid, f.adnum, false
  from pg_depend d
  join pg_attrdef f on f.oid = d.objid
  where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype = 'n'
), narrowest as materialized (
  select distinct on (v.seqid)
    v.seqid, v.is_identity, n.nspname, c.relname, a.attname, a.atttypid,
    case a.atttypid when 'int2'::regtype then 32767 when 'int4'::regtype then 2147483647
      else 9223372036854775807 end as type_end
  from serves v
  join pg_class s on s.oid = v.seqid and s.relkind = 'S'
  join pg_class c on c.oid = v.relid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = v.relid and a.attnum = v.attnum
  order by v.seqid, type_end, c.relpages desc
), read as materialized (
  select
    n.nspname, c.relname, q.seqrelid, q.seqcycle, q.seqmax, h.relation is not null as is_held,
    has_sequence_privilege(c.oid, 'select, usage') as may_read,
    case
      when h.relation is null and has_sequence_privilege(c.oid, 'select, usage')
        and (c.relpersistence = 'p' or not pg_is_in_recovery())
      then pg_sequence_last_value(c.oid)
    end as last_value
  from pg_sequence q
  join pg_class c on c.oid = q.seqrelid
  join pg_namespace n on n.oid = c.relnamespace
  left join held h on h.relation = c.oid
  where q.seqincrement > 0 and c.relpersistence <> 't'
  limit $2
)
select
  r.nspname, r.relname, o.nspname, o.relname, o.attname, o.atttypid::regtype::text,
  coalesce(o.is_identity, false), r.seqcycle,
  least(r.seqmax, coalesce(o.type_end, r.seqmax)),
  case when r.may_read and not r.is_held then
    greatest(coalesce(r.last_value, 0), 0)::float8 / greatest(least(r.seqmax, coalesce(o.type_end, r.seqmax)), 1)::float8
  end as used,
  count(*) over (),
  count(*) filter (where not r.may_read) over (),
  count(*) filter (where r.is_held) over ()
from read r
left join narrowest o on o.seqid = r.seqrelid
order by used desc nulls last, r.nspname, r.relname
limit $1
