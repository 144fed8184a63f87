#!/usr/bin/env bash
# Runs once, when the database of compose.yaml is made: the agent's role, as `erpscope setup` prints it.
set -euo pipefail

password=$(cat /run/secrets/erpscope_password)
psql -X -v ON_ERROR_STOP=1 -U postgres -v password="$password" <<'SQL'
create role erpscope password :'password';
alter role "erpscope" login connection limit 10;
alter role "erpscope" set default_transaction_read_only = on;
alter role "erpscope" set statement_timeout = '10s';
alter role "erpscope" set idle_in_transaction_session_timeout = '10s';
grant pg_monitor to "erpscope" with inherit true;
grant pg_use_reserved_connections to "erpscope" with inherit true;
grant connect on database "postgres" to "erpscope";
create extension if not exists pg_stat_statements;
SQL
