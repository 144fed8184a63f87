-- What mends a fault of the demo in the schema, by its id: run if the fault is not there.

-- open-moves: the few open rows of the biggest table
create index stock_move_open on stock_move (planned_at) where state = 'assigned';
-- order-lines: the join column
create index sale_order_line_order on sale_order_line (order_id);
-- name-search: trigrams
do $$
begin
  if exists (select from pg_available_extensions where name = 'pg_trgm') then
    create extension pg_trgm;
    create index party_party_name on party_party using gin (name gin_trgm_ops);
  end if;
end $$;
-- email-search: the expression
create index party_party_email on party_party (lower(email));
-- newest-orders: the order in which they are read
create index sale_order_newest on sale_order (company_id, ordered_at);
-- open-invoices: a party's open items
create index account_invoice_open on account_invoice (party_id) where state = 'open';
-- supplier-prices: a product's suppliers
create index product_supplier_product on product_supplier (product_id);
-- job-poll: the next job
create index job_queue_next on job_queue (priority, created_at) where state = 'pending';
-- hot-number: numbers that may have gaps
create sequence sale_order_number start 2000000;
-- duplicate-parties: none gets in
create unique index party_party_email_key on party_party (email);
create unique index party_party_tax_id_key on party_party (tax_id);
-- deleted-parents: a shipment's moves
create index stock_move_shipment on stock_move (shipment_id);
-- different-types: receipts name their order as the order's key is
create table webshop_receipt (id bigserial primary key, order_ref int not null, state text not null, received_at timestamptz not null);
insert into webshop_receipt (order_ref, state, received_at)
select 1 + i % 300, case when i > 295 then 'new' else 'done' end, timestamptz '2025-12-31 00:00+00' from generate_series(1, 300) i;
