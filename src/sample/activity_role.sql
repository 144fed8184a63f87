-- every: connection; scope: session; needs: nothing; cost: settings and catalogs of roles
-- locks: none to wait for
select current_setting('server_version_num')::int, pg_has_role('pg_read_all_stats', 'usage')
