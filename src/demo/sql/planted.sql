-- What makes a fault of the demo in the schema and the data, by its id: run if the fault is there, after
-- the tables were vacuumed and analyzed.

-- same-index: the same index twice
create index stock_move_product_again on stock_move (product_id);
-- unused-index: an index that nothing uses and every write pays for
create index stock_move_origin_quantity on stock_move (origin, quantity);
-- stuck-jobs: some began months ago and never ended, some were tried 25 times, some are tried for ever
insert into job_queue (kind, payload, state, priority, attempts, created_at)
select 'sync', jsonb_build_object('record', i), 'pending', 0, 12, timestamptz '2025-12-01 00:00+00' from generate_series(1, 20) i;
update job_queue set state = 'running', attempts = 1, started_at = created_at where id % 400 = 1 and state = 'done';
update job_queue set state = 'failed', attempts = 25, started_at = created_at where id % 400 = 2 and state = 'done';
-- key-runs-out: of the 2,147,483,647 numbers of an int, few are left
alter sequence account_entry_line_id_seq restart with 2100000000;
-- stale-statistics: an import doubled the table, and autovacuum is off for it
alter table party_address set (autovacuum_enabled = off);
insert into party_address (party_id, kind, street, city, zip, country_id)
select party_id, 'old', street, city, zip, country_id from party_address;
-- bloated-table: each row was changed five times, and autovacuum is off for it
alter table stock_lot set (autovacuum_enabled = off);
update stock_lot set expires_on = expires_on + 1;
update stock_lot set expires_on = expires_on + 1;
update stock_lot set expires_on = expires_on + 1;
update stock_lot set expires_on = expires_on + 1;
update stock_lot set expires_on = expires_on + 1;
-- custom-trigger: the margin of each line against the cheapest supplier, looked for row by row
create table x_custom_margin (id bigserial primary key, order_line_id int not null, margin numeric(16,4), checked_at timestamptz not null);
insert into x_custom_margin (order_line_id, margin, checked_at)
select id, price / 2, timestamptz '2025-12-31 00:00+00' from sale_order_line where id % 100 = 0;
create function x_custom_check_margin() returns trigger language plpgsql as $$
declare
  supplier record;
  cheapest numeric;
begin
  for supplier in select price from product_supplier where product_id = new.product_id loop
    if cheapest is null or supplier.price < cheapest then
      cheapest := supplier.price;
    end if;
  end loop;
  insert into x_custom_margin (order_line_id, margin, checked_at) values (new.id, new.price - cheapest, clock_timestamp());
  return new;
end $$;
create trigger x_custom_check_margin after insert on sale_order_line
for each row execute function x_custom_check_margin();
-- different-types: receipts of the webshop name their order by its number as text
create table webshop_receipt (id bigserial primary key, order_ref text not null, state text not null, received_at timestamptz not null);
insert into webshop_receipt (order_ref, state, received_at)
select (1 + i % 300)::text, case when i > 295 then 'new' else 'done' end, timestamptz '2025-12-31 00:00+00' from generate_series(1, 300) i;
analyze webshop_receipt;
