-- The tables of a made-up distributor's ERP. Keys and indexes follow after the data (indexes.sql).

create table base_company (id int, name text not null, currency_id int not null);
create table base_country (id int, code text not null, name text not null);
create table base_currency (id int, code text not null, digits int not null);
create table base_currency_rate (id int, currency_id int not null, valid_from date not null, rate numeric(16,6) not null);
create table base_group (id int, name text not null);
create table base_user (id int, login text not null, name text not null, group_id int not null, active bool not null default true);
create table base_sequence (id int, code text not null, prefix text not null, number_next bigint not null);
create table base_message (id bigint, model text not null, record_id bigint not null, author_id int, subject text, body text, created_at timestamptz not null default now());
create table base_attachment (id int, model text not null, record_id bigint not null, name text not null, mimetype text not null, size int not null, created_at timestamptz not null);
create table base_audit (id bigint, user_id int not null, model text not null, record_id bigint not null, change jsonb not null, created_at timestamptz not null default now());

create table hr_department (id int, name text not null, manager_id int);
create table hr_employee (id int, name text not null, department_id int not null, user_id int, hired_on date not null);

create table party_category (id int, name text not null);
create table party_party (id int, code text not null, name text not null, email text, tax_id text, category_id int not null, country_id int not null, is_customer bool not null, is_supplier bool not null, credit_limit numeric(14,2) not null, active bool not null default true, created_at timestamptz not null);
create table party_address (id int, party_id int not null, kind text not null, street text not null, city text not null, zip text not null, country_id int not null);
create table party_contact (id int, party_id int not null, name text not null, phone text, email text);

create table product_category (id int, name text not null, parent_id int);
create table product_unit (id int, name text not null, factor numeric(12,4) not null);
create table product_product (id int, code text not null, name text not null, category_id int not null, unit_id int not null, cost numeric(14,4) not null, weight numeric(10,3) not null, tracked bool not null, active bool not null default true);
create table product_barcode (id int, product_id int not null, barcode text not null);
create table product_supplier (id int, product_id int not null, party_id int not null, lead_days int not null, price numeric(14,4) not null);
create table price_list (id int, name text not null, currency_id int not null);
create table price_item (id int, list_id int not null, product_id int not null, price numeric(14,4) not null, valid_from date not null);

create table stock_warehouse (id int, name text not null, company_id int not null);
create table stock_location (id int, warehouse_id int not null, name text not null, kind text not null);
create table stock_lot (id int, product_id int not null, name text not null, expires_on date);
create table stock_quant (id int, product_id int not null, location_id int not null, quantity numeric(14,3) not null, reserved numeric(14,3) not null, updated_at timestamptz not null default now());
create table stock_move (id bigint, product_id int not null, source_id int not null, target_id int not null, quantity numeric(14,3) not null, state text not null, origin text, lot_id int, shipment_id int, planned_at timestamptz not null, done_at timestamptz);
create table stock_shipment (id int, party_id int not null, warehouse_id int not null, direction text not null, state text not null, carrier text, planned_on date not null, done_at timestamptz);

create table sale_order (id int, number text not null, party_id int not null, user_id int not null, company_id int not null, state text not null, ordered_at timestamptz not null, amount numeric(16,2) not null default 0, client_ref text);
create table sale_order_line (id int, order_id int not null, product_id int not null, quantity numeric(14,3) not null, price numeric(14,4) not null, discount numeric(5,2) not null, amount numeric(16,2) not null, delivered numeric(14,3) not null default 0);
create table purchase_order (id int, number text not null, party_id int not null, user_id int not null, state text not null, ordered_at timestamptz not null, amount numeric(16,2) not null default 0);
create table purchase_order_line (id int, order_id int not null, product_id int not null, quantity numeric(14,3) not null, price numeric(14,4) not null, received numeric(14,3) not null default 0);

create table account_account (id int, code text not null, name text not null, kind text not null);
create table account_journal (id int, code text not null, name text not null, sequence_id int not null);
create table account_period (id int, name text not null, starts_on date not null, ends_on date not null, closed bool not null);
create table account_tax (id int, name text not null, rate numeric(6,3) not null);
create table account_payment_term (id int, name text not null, days int not null);
create table account_invoice (id int, number text not null, party_id int not null, kind text not null, state text not null, invoiced_on date not null, due_on date not null, order_id int, amount numeric(16,2) not null, residual numeric(16,2) not null);
create table account_invoice_line (id int, invoice_id int not null, product_id int, account_id int not null, tax_id int not null, quantity numeric(14,3) not null, price numeric(14,4) not null, amount numeric(16,2) not null);
create table account_payment (id int, invoice_id int not null, party_id int not null, paid_on date not null, amount numeric(16,2) not null, method text not null);
create table account_entry (id int, journal_id int not null, period_id int not null, number text not null, posted_on date not null, reference text);
create table account_entry_line (id int, entry_id int not null, account_id int not null, party_id int, debit numeric(16,2) not null, credit numeric(16,2) not null, reconciled bool not null);

create table bank_account (id int, party_id int not null, iban text not null);
create table bank_statement (id int, account_id int not null, stated_on date not null, balance numeric(16,2) not null);

create table job_queue (id bigint, kind text not null, payload jsonb not null, state text not null, priority int not null, attempts int not null default 0, created_at timestamptz not null default now(), started_at timestamptz, done_at timestamptz);
create table job_schedule (id int, name text not null, every interval not null, next_at timestamptz not null);

-- A whole number from 0 to below the limit, the same for the same row, salt and seed. The seed leaves
-- room for the salt in its lowest bits.
create function pick(row_number bigint, salt bigint, below bigint) returns bigint
language sql immutable parallel safe as
$$ select abs(hashint8extended(row_number, salt # ({seed})) % below) $$;

-- The same, but the low numbers come far more often: a few products and customers make most of the business.
create function pick_few(row_number bigint, salt bigint, below bigint) returns bigint
language sql immutable parallel safe as
$$ select floor(below * power(abs(hashint8extended(row_number, salt # ({seed})) % 1000003) / 1000003.0::float8, 3))::bigint $$;
