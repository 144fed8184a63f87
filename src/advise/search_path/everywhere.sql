-- every: once an advice; scope: session; needs: nothing
-- cost: below 1 ms; locks: access share on catalogs
select set_config('search_path', concat_ws(', ', nullif(current_setting('search_path'), ''), (
  select string_agg(quote_ident(nspname), ', ' order by nspname <> 'public', oid)
  from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
)), false)
