-- The ERP's one role, that of the warehouse system, and the agent's.
create role erp login;
grant usage, create on schema public to erp;
grant all on all tables in schema public to erp;
grant all on all sequences in schema public to erp;
grant execute on all functions in schema public to erp;
create role wms login;
grant select, insert, update on stock_move, stock_quant to wms;
grant usage on all sequences in schema public to wms;
create role erpscope login connection limit 10;
grant pg_monitor to erpscope;
-- What the advisor needs: to plan a statement is to have the right to run it.
do $$
begin
  if current_setting('server_version_num')::int >= 140000 then
    grant pg_read_all_data to erpscope;
  else
    grant select on all tables in schema public to erpscope;
  end if;
end $$;
create extension pg_stat_statements;
select pg_stat_statements_reset();
