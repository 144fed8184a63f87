#!/usr/bin/env bash
# Runs once, when the database of compose.yaml is made: the agent's role, as `erpscope setup` prints it.
set -euo pipefail

password=$(cat /run/secrets/erpscope_password)
psql -X -v ON_ERROR_STOP=1 -U postgres -v password="$password" <<'SQL'
create role erpscope login password :'password' connection limit 8;
grant pg_monitor to erpscope;
create extension pg_stat_statements;
SQL
