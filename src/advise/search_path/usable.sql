-- every: once an advice; scope: database; needs: nothing
-- cost: one look-up for each role and schema that it names; locks: access share on catalogs
-- $1, $2: roles and schemas. What a role may not use it does not look into.
select q.role, q.nspname
from unnest($1::oid[], $2::text[]) q (role, nspname)
join pg_namespace n on n.nspname = q.nspname
where has_schema_privilege(q.role, n.oid, 'usage')
