-- every: database.interval; scope: server; needs: nothing
-- cost: one row a role; locks: access share on pg_authid
select r.oid, r.rolname from pg_catalog.pg_roles r
