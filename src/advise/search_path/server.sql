-- every: once an advice; scope: server; needs: nothing; cost: one row; locks: none
-- What a role has that nobody has set anything for. What our own role has of its own says nothing of others.
select case when s.source in ('user', 'database user') then s.boot_val else s.setting end
from pg_settings s
where s.name = 'search_path'
