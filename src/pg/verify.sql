-- every: connection; scope: session; needs: nothing; cost: settings only; locks: none
-- A SQL_ASCII database holds any bytes; as UTF8 it would refuse to send those that are none.
select
  current_setting('transaction_read_only') = 'on',
  case when getdatabaseencoding() = 'SQL_ASCII' then set_config('client_encoding', 'SQL_ASCII', false) end
