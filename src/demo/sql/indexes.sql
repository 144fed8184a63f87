-- Keys, and the few indexes that the ERP's makers thought of.

do $$
declare t record; top bigint;
begin
  for t in select c.relname, a.atttypid::regtype as type from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'id'
           where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace order by c.relname loop
    execute format('alter table %I add primary key (id)', t.relname);
    execute format('select coalesce(max(id), 0) + 1 from %I', t.relname) into top;
    execute format('create sequence %I owned by %I.id start %s', t.relname || '_id_seq', t.relname, top);
    execute format('alter table %I alter id set default nextval(%L)', t.relname, t.relname || '_id_seq');
  end loop;
end $$;

create unique index base_sequence_code on base_sequence (code);
create unique index party_party_code on party_party (code);
create unique index product_product_code on product_product (code);
create index party_address_party on party_address (party_id);
create index price_item_product on price_item (product_id, list_id);
create index stock_quant_product on stock_quant (product_id, location_id);
create index stock_move_product on stock_move (product_id);
create index sale_order_party on sale_order (party_id);
create index purchase_order_line_order on purchase_order_line (order_id);
create index account_invoice_line_invoice on account_invoice_line (invoice_id);
create index account_entry_line_entry on account_entry_line (entry_id);
create index base_message_record on base_message (model, record_id);

alter table sale_order_line add foreign key (order_id) references sale_order (id);
alter table stock_move add foreign key (product_id) references product_product (id);
alter table account_invoice_line add foreign key (invoice_id) references account_invoice (id);
alter table stock_move add foreign key (shipment_id) references stock_shipment (id);
