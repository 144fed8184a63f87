-- Rows by the hundred thousand, each from a hash of its number, a salt and the seed. The calendar
-- is fixed, so that the same seed gives the same rows on any day.

insert into base_company select i, 'Company ' || i, 1 from generate_series(1, 2) i;
insert into base_country select i, upper(chr(96 + i / 26 + 1) || chr(97 + i % 26)), 'Country ' || i from generate_series(1, 200) i;
insert into base_currency select i, (array['EUR','USD','GBP','CHF','PLN'])[i], 2 from generate_series(1, 5) i;
insert into base_currency_rate select i, 1 + i % 5, date '2024-01-01' + i / 5, 0.5 + pick(i, 1, 1000) / 1000.0 from generate_series(1, 3000) i;
insert into base_group select i, 'Group ' || i from generate_series(1, 12) i;
insert into base_user select i, 'user' || i, 'User ' || i, 1 + pick(i, 2, 12) from generate_series(1, 250) i;
insert into base_sequence select i, c, upper(left(c, 2)), 1000000 from unnest(array['sale.order','purchase.order','account.invoice','account.entry','stock.shipment']) with ordinality as s(c, i);
insert into hr_department select i, 'Department ' || i, i from generate_series(1, 15) i;
insert into hr_employee select i, 'Employee ' || i, 1 + pick(i, 3, 15), i, date '2010-01-01' + pick(i, 4, 5000)::int from generate_series(1, 250) i;

insert into party_category select i, 'Category ' || i from generate_series(1, 20) i;
insert into party_party
select i, 'P' || lpad(i::text, 7, '0'),
  (array['Nord','Sued','West','Ost','Alpen','Hanse','Rhein','Donau','Elbe','Main'])[1 + pick(i, 5, 10)] || ' '
    || (array['Handel','Technik','Logistik','Bau','Elektro','Werkzeug','Metall','Papier','Food','Textil'])[1 + pick(i, 6, 10)] || ' '
    || (array['GmbH','AG','KG','Ltd','SARL','BV'])[1 + pick(i, 7, 6)] || ' ' || pick(i, 8, 5000),
  -- Every so many parties one was entered twice, with the same e-mail address and tax number.
  'Office' || case when i % {one_twice_in} = 0 then i - 1 else i end || '@example.com',
  'DE' || lpad((case when i % {one_twice_in} = 0 then i - 1 else i end)::text, 9, '0'),
  1 + pick(i, 9, 20), 1 + pick_few(i, 10, 200), pick(i, 11, 10) < 8, pick(i, 12, 10) < 3,
  pick(i, 13, 50) * 1000, true, timestamptz '2020-01-01 00:00+00' + pick(i, 14, 2000) * interval '1 day'
from generate_series(1, {parties}) i;
insert into party_address select i, 1 + (i - 1) % {parties}, (array['invoice','delivery'])[1 + i / ({parties} + 1)], 'Street ' || pick(i, 15, 900), 'City ' || pick_few(i, 16, 800), lpad(pick(i, 17, 99999)::text, 5, '0'), 1 + pick_few(i, 18, 200) from generate_series(1, {parties} * 12 / 10) i;
insert into party_contact select i, i, 'Contact ' || i, '+49' || pick(i, 19, 999999999), 'contact' || i || '@example.com' from generate_series(1, {parties}) i;

insert into product_category select i, 'Category ' || i, nullif(i / 8, 0) from generate_series(1, 80) i;
insert into product_unit select i, (array['piece','box','pallet','kg','m'])[i], i from generate_series(1, 5) i;
insert into product_product select i, 'A' || lpad(i::text, 6, '0'), 'Article ' || pick(i, 20, 900) || ' type ' || i, 1 + pick(i, 21, 80), 1 + pick_few(i, 22, 5), 1 + pick(i, 23, 40000) / 100.0, pick(i, 24, 9000) / 1000.0, pick(i, 25, 10) = 0 from generate_series(1, {products}) i;
insert into product_barcode select i, i, '40' || lpad(i::text, 11, '0') from generate_series(1, {products}) i;
insert into product_supplier select i, 1 + (i - 1) % {products}, 1 + pick(i, 26, {parties}), 1 + pick(i, 27, 30), 1 + pick(i, 28, 30000) / 100.0 from generate_series(1, {products} * 3 / 2) i;
insert into price_list select i, 'List ' || i, 1 from generate_series(1, 4) i;
insert into price_item select i, 1 + (i - 1) / {products}, 1 + (i - 1) % {products}, 2 + pick(i, 29, 60000) / 100.0, date '2025-01-01' from generate_series(1, {products} * 2) i;

insert into stock_warehouse select i, 'Warehouse ' || i, 1 + i % 2 from generate_series(1, 4) i;
insert into stock_location select i, 1 + i % 4, 'L' || lpad(i::text, 5, '0'), (array['shelf','shelf','shelf','dock','scrap'])[1 + i % 5] from generate_series(1, 400) i;
insert into stock_lot select i, 1 + pick(i, 30, {products}), 'LOT' || i, date '2026-01-01' + pick(i, 31, 900)::int from generate_series(1, {products}) i;
insert into stock_quant select i, 1 + (i - 1) % {products}, 1 + (i - 1) / {products}, 1000 + pick(i, 32, 100000), pick(i, 33, 100), timestamptz '2026-01-01 00:00+00' from generate_series(1, {products} * 5 / 2) i;
insert into stock_move
select i, 1 + pick_few(i, 34, {products}), 1 + pick(i, 35, 400), 1 + pick(i, 36, 400), 1 + pick(i, 37, 40),
  -- Nearly all are done; the few that are open are what everyone looks for.
  case when i > {moves} / 100 * 98 then (array['assigned','waiting','draft'])[1 + pick(i, 38, 3)] else 'done' end,
  'SO' || pick(i, 39, {orders}), null, pick(i, 40, {shipments}) + 1,
  timestamptz '2025-01-01 00:00+00' + i * (interval '365 days' / {moves}), timestamptz '2025-01-01 06:00+00' + i * (interval '365 days' / {moves})
from generate_series(1, {moves}) i;
insert into stock_shipment select i, 1 + pick_few(i, 41, {parties}), 1 + pick(i, 42, 4), (array['out','out','out','in'])[1 + pick(i, 43, 4)], case when i > {shipments} * 97 / 100 then 'open' else 'done' end, (array['DHL','UPS','own','DPD'])[1 + pick(i, 44, 4)], date '2025-01-01' + (i * 365 / {shipments})::int, null from generate_series(1, {shipments}) i;

insert into sale_order select i, 'SO' || i, 1 + pick_few(i, 45, {parties}), 1 + pick(i, 46, 250), 1 + i % 2, case when i > {orders} * 96 / 100 then 'confirmed' else 'done' end, timestamptz '2025-01-01 00:00+00' + i * (interval '365 days' / {orders}), 10 + pick(i, 47, 500000) / 100.0, 'REF-' || pick(i, 48, 900000) from generate_series(1, {orders}) i;
insert into sale_order_line select i, 1 + (i - 1) / 3, 1 + pick_few(i, 49, {products}), 1 + pick(i, 50, 30), 1 + pick(i, 51, 50000) / 100.0, pick(i, 52, 20), 1 + pick(i, 53, 500000) / 100.0, 0 from generate_series(1, {orders} * 3) i;
insert into purchase_order select i, 'PO' || i, 1 + pick_few(i, 54, {parties}), 1 + pick(i, 55, 250), case when i > {orders} / 5 * 95 / 100 then 'confirmed' else 'done' end, timestamptz '2025-01-01 00:00+00' + i * (interval '365 days' / ({orders} / 5 + 1)), 10 + pick(i, 56, 5000000) / 100.0 from generate_series(1, {orders} / 5) i;
insert into purchase_order_line select i, 1 + (i - 1) / 4, 1 + pick_few(i, 57, {products}), 1 + pick(i, 58, 500), 1 + pick(i, 59, 30000) / 100.0, 0 from generate_series(1, {orders} / 5 * 4) i;

insert into account_account select i, (1000 + i * 10)::text, 'Account ' || i, (array['asset','liability','income','expense'])[1 + i % 4] from generate_series(1, 300) i;
insert into account_journal select i, 'J' || i, 'Journal ' || i, 4 from generate_series(1, 6) i;
insert into account_period select i, '2025-' || i, (date '2025-01-01' + (i - 1) * interval '1 month')::date, (date '2025-01-01' + i * interval '1 month')::date - 1, i < 11 from generate_series(1, 12) i;
insert into account_tax select i, 'Tax ' || i, (array[0,7,19,20,21])[i] from generate_series(1, 5) i;
insert into account_payment_term select i, i * 15 || ' days', i * 15 from generate_series(1, 4) i;
insert into account_invoice select i, 'RE' || i, 1 + pick_few(i, 60, {parties}), (array['out','out','out','in'])[1 + pick(i, 61, 4)], case when i > {orders} * 90 / 100 then 'open' else 'paid' end, date '2025-01-01' + (i * 365 / {orders})::int, date '2025-01-31' + (i * 365 / {orders})::int, i, 10 + pick(i, 62, 500000) / 100.0, case when i > {orders} * 90 / 100 then 10 + pick(i, 62, 500000) / 100.0 else 0 end from generate_series(1, {orders}) i;
insert into account_invoice_line select i, 1 + (i - 1) * 4 / 11, 1 + pick_few(i, 63, {products}), 1 + pick(i, 64, 300), 1 + pick(i, 65, 5), 1 + pick(i, 66, 30), 1 + pick(i, 67, 50000) / 100.0, 1 + pick(i, 68, 500000) / 100.0 from generate_series(1, {orders} * 11 / 4) i;
insert into account_payment select i, i, 1 + pick_few(i, 69, {parties}), date '2025-02-01' + (i * 365 / {orders})::int, 10 + pick(i, 62, 500000) / 100.0, (array['transfer','card','debit'])[1 + pick(i, 70, 3)] from generate_series(1, {orders} * 3 / 4) i;
insert into account_entry select i, 1 + pick(i, 71, 6), 1 + (i * 11 / {orders})::int, 'BE' || i, date '2025-01-01' + (i * 365 / {orders})::int, 'RE' || i from generate_series(1, {orders}) i;
insert into account_entry_line select i, 1 + (i - 1) / 3, 1 + pick(i, 72, 300), 1 + pick_few(i, 73, {parties}), case when i % 3 = 0 then 10 + pick(i, 74, 500000) / 100.0 else 0 end, case when i % 3 = 0 then 0 else 5 + pick(i, 75, 250000) / 100.0 end, pick(i, 76, 10) < 7 from generate_series(1, {orders} * 3) i;
insert into bank_account select i, i, 'DE' || lpad(pick(i, 77, 999999999)::text, 20, '0') from generate_series(1, {parties} / 4) i;
insert into bank_statement select i, 1 + pick(i, 78, {parties} / 4 + 1), date '2025-01-01' + (i % 365), pick(i, 79, 9000000) / 100.0 from generate_series(1, 2000) i;

insert into base_message select i, (array['sale_order','account_invoice','party_party'])[1 + pick(i, 80, 3)], 1 + pick(i, 81, {orders}), 1 + pick(i, 82, 250), 'Note ' || pick(i, 83, 400), repeat('Text of a note about what was agreed. ', 1 + pick(i, 84, 6)::int), timestamptz '2025-01-01 00:00+00' + i * (interval '365 days' / {messages}) from generate_series(1, {messages}) i;
insert into base_attachment select i, 'account_invoice', 1 + pick(i, 85, {orders}), 'invoice-' || i || '.pdf', 'application/pdf', 20000 + pick(i, 86, 200000), timestamptz '2025-01-01 00:00+00' + i * (interval '365 days' / {messages}) from generate_series(1, {messages} / 10) i;
insert into base_audit select i, 1 + pick(i, 87, 250), (array['sale_order','stock_move','product_product'])[1 + pick(i, 88, 3)], 1 + pick(i, 89, {orders}), jsonb_build_object('field', 'f' || pick(i, 90, 40), 'value', pick(i, 91, 9999)), timestamptz '2025-01-01 00:00+00' + i * (interval '365 days' / {messages}) from generate_series(1, {messages} * 2 / 3) i;
insert into job_queue select i, (array['mail','print','sync','pdf'])[1 + pick(i, 92, 4)], jsonb_build_object('record', pick(i, 93, {orders})), case when i > {messages} / 3 * 98 / 100 then 'pending' else 'done' end, pick(i, 94, 5), 1, timestamptz '2025-01-01 00:00+00' + i * (interval '365 days' * 3 / {messages}), null, null from generate_series(1, {messages} / 3) i;
insert into job_schedule select i, 'Action ' || i, i * interval '5 minutes', timestamptz '2026-01-01 00:00+00' from generate_series(1, 20) i;
