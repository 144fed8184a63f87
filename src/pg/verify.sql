-- every: connection; scope: session; needs: nothing; cost: settings only; locks: none
-- Names the guards that do not hold. A SQL_ASCII database holds any bytes; as UTF8 it would refuse
-- to send those that are none. A session that waits for its next sample is not one forgotten.
select
  array(
    select g.name
    from unnest($1::text[], $2::text[]) g (name, value)
    left join pg_settings s on s.name = g.name
    where s.setting is distinct from g.value
    union all
    select 'transaction_read_only' where current_setting('transaction_read_only') <> 'on'
  ),
  case when getdatabaseencoding() = 'SQL_ASCII' then set_config('client_encoding', 'SQL_ASCII', false) end,
  case when current_setting('idle_session_timeout', true) <> '0' then set_config('idle_session_timeout', '0', false) end
