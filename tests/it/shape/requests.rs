//! What users of an Odoo do all day, as its ORM asks for it: many small statements with their values
//! in the text, one transaction a request.

use tokio_postgres::{Client, SimpleQueryMessage};

/// How many rows there are to ask for.
#[derive(Clone, Debug)]
pub struct Sizes {
    pub orders: u64,
    pub partners: u64,
    pub products: u64,
    pub pickings: u64,
    pub entries: u64,
    pub messages: u64,
}

/// A worker of Odoo: one session, one request after the other.
pub struct Worker {
    pub client: Client,
    pub dice: fastrand::Rng,
    pub sizes: Sizes,
}

/// The ERP's own clock.
const NOW: &str = "(now() at time zone 'UTC')";

impl Worker {
    /// A request as a user's day has them.
    pub async fn request(&mut self) {
        self.ask("begin isolation level repeatable read").await;
        self.log_in().await;
        match self.dice.u32(0..100) {
            0..20 => self.list_of_orders().await,
            20..45 => self.form_of_an_order().await,
            45..55 => self.name_search().await,
            55..67 => self.new_order().await,
            67..77 => self.delivery().await,
            77..85 => self.invoice().await,
            85..90 => self.reconciliation().await,
            90..94 => self.purchase().await,
            94..97 => self.forecast().await,
            _ => self.aged_receivable().await,
        }
        self.chatter_bus().await;
        // Two of them at one row: Odoo begins the request anew.
        if self.client.batch_execute("commit").await.is_err() {
            self.ask("rollback").await;
        }
    }

    /// Ids, or the first column of whatever comes back. A request that lost against another ends in vain.
    async fn ask(&self, sql: &str) -> Vec<String> {
        let Ok(answer) = self.client.simple_query(sql).await else { return Vec::new() };
        let first = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        answer.iter().filter_map(first).collect()
    }

    async fn read(&self, table: &str, columns: &str, ids: &[String]) {
        if !ids.is_empty() {
            let columns = columns.split(' ').map(|column| format!(r#""{table}"."{column}""#));
            let columns: Vec<String> = columns.collect();
            let sql = format!(
                r#"SELECT "{table}"."id", {} FROM "{table}" WHERE "{table}"."id" IN ({})"#,
                columns.join(", "),
                ids.join(", ")
            );
            self.ask(&sql).await;
        }
    }

    fn any(&mut self, most: u64) -> u64 {
        self.dice.u64(1..=most.max(1))
    }

    async fn log_in(&mut self) {
        let user = self.any(80).to_string();
        self.read("res_users", "login active company_id partner_id share", &[user]).await;
        self.ask(r#"SELECT "ir_config_parameter"."id", "ir_config_parameter"."value" FROM "ir_config_parameter" WHERE ("ir_config_parameter"."key" = 'web.base.url') LIMIT 1"#).await;
    }

    async fn list_of_orders(&mut self) {
        let seller = self.any(80);
        let domain = format!(
            r#"(("sale_order"."state" NOT IN ('draft', 'sent', 'cancel')) AND ("sale_order"."user_id" IN ({seller})))"#
        );
        let ids = self
            .ask(&format!(r#"SELECT "sale_order"."id" FROM "sale_order" WHERE {domain} ORDER BY "sale_order"."date_order" DESC, "sale_order"."id" DESC LIMIT 80"#))
            .await;
        self.ask(&format!(
            r#"SELECT COUNT(*) FROM (SELECT 1 FROM "sale_order" WHERE {domain} LIMIT 10001) t"#
        ))
        .await;
        self.read(
            "sale_order",
            "name state date_order partner_id user_id amount_total invoice_status",
            &ids,
        )
        .await;
        self.read("res_partner", "display_name company_id active", &ids).await;
    }

    async fn form_of_an_order(&mut self) {
        let order = self.any(self.sizes.orders);
        self.read(
            "sale_order",
            "name state partner_id pricelist_id access_token",
            &[order.to_string()],
        )
        .await;
        let lines = self
            .ask(&format!(r#"SELECT "sale_order_line"."id" FROM "sale_order_line" WHERE ("sale_order_line"."order_id" IN ({order})) ORDER BY "sale_order_line"."order_id", "sale_order_line"."sequence", "sale_order_line"."id""#))
            .await;
        self.read(
            "sale_order_line",
            "name product_id product_uom_qty price_unit price_subtotal qty_delivered",
            &lines,
        )
        .await;
        self.ask(&format!(r#"SELECT "stock_picking"."id" FROM "stock_picking" WHERE ("stock_picking"."sale_id" IN ({order})) ORDER BY "stock_picking"."priority" DESC, "stock_picking"."scheduled_date" ASC, "stock_picking"."id" DESC"#)).await;
        let messages = self
            .ask(&format!(r#"SELECT "mail_message"."id" FROM "mail_message" WHERE ((("mail_message"."res_id" IN ({order})) AND ("mail_message"."model" = 'sale.order')) AND ("mail_message"."message_type" != 'user_notification')) ORDER BY "mail_message"."id" DESC LIMIT 30"#))
            .await;
        self.read("mail_message", "subject date body author_id message_type subtype_id", &messages)
            .await;
        self.ask(&format!(r#"SELECT "mail_followers"."id" FROM "mail_followers" WHERE (("mail_followers"."res_model" = 'sale.order') AND ("mail_followers"."res_id" IN ({order})))"#)).await;
        self.ask(&format!(r#"SELECT "ir_attachment"."res_id", COUNT(*) FROM "ir_attachment" WHERE (("ir_attachment"."res_id" IN ({order})) AND ("ir_attachment"."res_model" = 'sale.order')) GROUP BY "ir_attachment"."res_id""#)).await;
        self.ask(&format!(r#"SELECT "mail_activity"."id" FROM "mail_activity" WHERE (("mail_activity"."res_model" = 'sale.order') AND ("mail_activity"."res_id" IN ({order}))) ORDER BY "mail_activity"."date_deadline" ASC"#)).await;
    }

    /// What is typed into a field of partners or products.
    async fn name_search(&mut self) {
        let part = self.any(9_999);
        self.ask(&format!(r#"SELECT "res_partner"."id" FROM "res_partner" WHERE (("res_partner"."active" = true) AND ((("res_partner"."complete_name"::text ilike '%{part}%') OR ("res_partner"."email"::text ilike '%{part}%')) OR ("res_partner"."ref"::text ilike '%{part}%'))) ORDER BY "res_partner"."complete_name" ASC, "res_partner"."id" DESC LIMIT 8"#)).await;
        self.ask(&format!(r#"SELECT "product_product"."id" FROM "product_product" LEFT JOIN "product_template" AS "product_product__product_tmpl_id" ON ("product_product"."product_tmpl_id" = "product_product__product_tmpl_id"."id") WHERE (("product_product"."active" = true) AND (("product_product"."default_code" ilike '%{part}%') OR ("product_product__product_tmpl_id"."name"->>'en_US' ilike '%{part}%'))) ORDER BY "product_product"."default_code", "product_product"."id" LIMIT 8"#)).await;
    }

    async fn new_order(&mut self) {
        let (partner, product) = (self.any(self.sizes.partners), self.any(self.sizes.products));
        let order = self
            .ask(&format!(r#"INSERT INTO "sale_order" ("company_id", "create_date", "create_uid", "date_order", "name", "partner_id", "partner_invoice_id", "partner_shipping_id", "state", "user_id", "write_date", "write_uid") VALUES (1, {NOW}, 2, {NOW}, 'S{product}', {partner}, {partner}, {partner}, 'draft', 2, {NOW}, 2) RETURNING "id""#))
            .await;
        let Some(order) = order.first() else { return };
        for place in 0..3 {
            let product = self.any(self.sizes.products);
            self.ask(&format!(r#"INSERT INTO "sale_order_line" ("company_id", "create_date", "create_uid", "name", "order_id", "order_partner_id", "price_unit", "product_id", "product_uom_qty", "sequence", "state", "write_date", "write_uid") VALUES (1, {NOW}, 2, 'line', {order}, {partner}, 10.0, {product}, 2, {place}, 'draft', {NOW}, 2) RETURNING "id""#)).await;
            self.ask(&format!(r#"SELECT "product_pricelist_item"."id" FROM "product_pricelist_item" WHERE (("product_pricelist_item"."pricelist_id" = 1) AND (("product_pricelist_item"."product_id" = {product}) OR ("product_pricelist_item"."product_id" IS NULL))) ORDER BY "product_pricelist_item"."min_quantity" DESC"#)).await;
        }
        self.ask(&format!(r#"UPDATE "sale_order" SET "amount_total" = 60.0, "state" = 'sale', "write_date" = {NOW}, "write_uid" = 2 WHERE "id" IN ({order})"#)).await;
        self.ask(&format!(r#"UPDATE "sale_order_line" SET "state" = 'sale', "qty_to_invoice" = 2, "write_date" = {NOW}, "write_uid" = 2 WHERE "order_id" IN ({order})"#)).await;
        let message = self
            .ask(&format!(r#"INSERT INTO "mail_message" ("author_id", "body", "create_date", "create_uid", "date", "message_type", "model", "res_id", "subtype_id", "write_date", "write_uid") VALUES (3, '<p>Order confirmed</p>', {NOW}, 2, {NOW}, 'notification', 'sale.order', {order}, 1, {NOW}, 2) RETURNING "id""#))
            .await;
        if let Some(message) = message.first() {
            self.ask(&format!(r#"INSERT INTO "mail_tracking_value" ("create_date", "create_uid", "field_id", "mail_message_id", "new_value_char", "old_value_char", "write_date", "write_uid") VALUES ({NOW}, 2, 5, {message}, 'Sales Order', 'Quotation', {NOW}, 2) RETURNING "id""#)).await;
            self.ask(&format!(r#"INSERT INTO "mail_notification" ("is_read", "mail_message_id", "notification_status", "notification_type", "res_partner_id") VALUES (false, {message}, 'ready', 'inbox', {partner}) RETURNING "id""#)).await;
        }
        self.reserve(order).await;
        // A line is taken out again now and then.
        if self.dice.u8(0..4) == 0 {
            let line = self.ask(&format!(r#"SELECT "sale_order_line"."id" FROM "sale_order_line" WHERE ("sale_order_line"."order_id" IN ({order})) LIMIT 1"#)).await;
            if let Some(line) = line.first() {
                self.ask(&format!(r#"DELETE FROM "sale_order_line" WHERE id IN ({line})"#)).await;
            }
        }
    }

    async fn reserve(&mut self, order: &str) {
        let group = self.ask(&format!(r#"INSERT INTO "procurement_group" ("create_date", "create_uid", "move_type", "name", "sale_id", "write_date", "write_uid") VALUES ({NOW}, 2, 'direct', 'S', {order}, {NOW}, 2) RETURNING "id""#)).await;
        let Some(group) = group.first() else { return };
        let picking = self.ask(&format!(r#"INSERT INTO "stock_picking" ("company_id", "create_date", "create_uid", "group_id", "location_dest_id", "location_id", "name", "picking_type_id", "sale_id", "scheduled_date", "state", "write_date", "write_uid") VALUES (1, {NOW}, 2, {group}, 5, 8, 'WH/OUT', 2, {order}, {NOW}, 'assigned', {NOW}, 2) RETURNING "id""#)).await;
        let Some(picking) = picking.first() else { return };
        let product = self.any(self.sizes.products);
        self.ask(&format!(r#"INSERT INTO "stock_move" ("company_id", "create_date", "create_uid", "date", "group_id", "location_dest_id", "location_id", "name", "picking_id", "product_id", "product_uom", "product_uom_qty", "state", "write_date", "write_uid") VALUES (1, {NOW}, 2, {NOW}, {group}, 5, 8, 'move', {picking}, {product}, 1, 2, 'assigned', {NOW}, 2) RETURNING "id""#)).await;
        let quant = self.ask(&format!(r#"SELECT "stock_quant"."id" FROM "stock_quant" WHERE (("stock_quant"."product_id" = {product}) AND ("stock_quant"."quantity" > 0)) ORDER BY "stock_quant"."in_date" ASC, "stock_quant"."id" LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED"#)).await;
        if let Some(quant) = quant.first() {
            self.ask(&format!(r#"UPDATE "stock_quant" SET "reserved_quantity" = 2, "write_date" = {NOW}, "write_uid" = 2 WHERE id IN ({quant})"#)).await;
        }
    }

    async fn delivery(&mut self) {
        let pickings = self.ask(r#"SELECT "stock_picking"."id" FROM "stock_picking" WHERE (("stock_picking"."picking_type_id" IN (2)) AND ("stock_picking"."state" IN ('assigned', 'confirmed'))) ORDER BY "stock_picking"."priority" DESC, "stock_picking"."scheduled_date" ASC, "stock_picking"."id" DESC LIMIT 80"#).await;
        self.read("stock_picking", "name state partner_id origin scheduled_date", &pickings).await;
        let picking = self.any(self.sizes.pickings);
        let moves = self.ask(&format!(r#"SELECT "stock_move"."id" FROM "stock_move" WHERE ("stock_move"."picking_id" IN ({picking})) ORDER BY "stock_move"."sequence", "stock_move"."id""#)).await;
        self.read("stock_move", "state product_id product_uom_qty quantity location_id", &moves)
            .await;
        for id in &moves {
            self.ask(&format!(r#"UPDATE "stock_move" SET "state" = 'done', "write_date" = {NOW}, "write_uid" = 2 WHERE id IN ({id})"#)).await;
            let product = self.any(self.sizes.products);
            self.ask(&format!(r#"INSERT INTO "stock_valuation_layer" ("company_id", "create_date", "create_uid", "product_id", "quantity", "remaining_qty", "stock_move_id", "unit_cost", "value", "write_date", "write_uid") VALUES (1, {NOW}, 2, {product}, -2, 0, {id}, 5, -10, {NOW}, 2) RETURNING "id""#)).await;
            self.ask(&format!(r#"SELECT "stock_valuation_layer"."id" FROM "stock_valuation_layer" WHERE ((("stock_valuation_layer"."product_id" IN ({product})) AND ("stock_valuation_layer"."remaining_qty" > 0)) AND ("stock_valuation_layer"."company_id" = 1)) ORDER BY "stock_valuation_layer"."create_date", "stock_valuation_layer"."id""#)).await;
        }
        let line = self.ask(&format!(r#"SELECT "stock_move_line"."id" FROM "stock_move_line" WHERE ("stock_move_line"."picking_id" IN ({picking})) LIMIT 1"#)).await;
        if let Some(line) = line.first() {
            self.ask(&format!(r#"DELETE FROM "stock_move_line" WHERE id IN ({line})"#)).await;
        }
        self.ask(&format!(r#"UPDATE "stock_picking" SET "date_done" = {NOW}, "state" = 'done', "write_date" = {NOW}, "write_uid" = 2 WHERE id IN ({picking})"#)).await;
    }

    async fn invoice(&mut self) {
        let partner = self.any(self.sizes.partners);
        let invoice = self.ask(&format!(r#"INSERT INTO "account_move" ("company_id", "create_date", "create_uid", "date", "journal_id", "move_type", "partner_id", "state", "write_date", "write_uid") VALUES (1, {NOW}, 2, now()::date, 1, 'out_invoice', {partner}, 'draft', {NOW}, 2) RETURNING "id""#)).await;
        let Some(invoice) = invoice.first() else { return };
        for account in [10, 20, 30, 40] {
            self.ask(&format!(r#"INSERT INTO "account_move_line" ("account_id", "balance", "company_id", "create_date", "create_uid", "credit", "date", "debit", "journal_id", "move_id", "name", "parent_state", "partner_id", "write_date", "write_uid") VALUES ({account}, 10, 1, {NOW}, 2, 0, now()::date, 10, 1, {invoice}, 'line', 'draft', {partner}, {NOW}, 2) RETURNING "id""#)).await;
        }
        self.ask(r#"SELECT "account_move"."sequence_prefix", "account_move"."sequence_number" FROM "account_move" WHERE (("account_move"."journal_id" = 1) AND ("account_move"."sequence_prefix" = 'account_move 7')) ORDER BY "account_move"."sequence_number" DESC LIMIT 1"#).await;
        self.ask(&format!(r#"UPDATE "account_move" SET "name" = 'INV/{invoice}', "state" = 'posted', "write_date" = {NOW}, "write_uid" = 2 WHERE id IN ({invoice})"#)).await;
        self.ask(&format!(r#"UPDATE "account_move_line" SET "parent_state" = 'posted', "write_date" = {NOW}, "write_uid" = 2 WHERE "move_id" IN ({invoice})"#)).await;
        self.ask(r#"SELECT "ir_property"."id", "ir_property"."value_reference" FROM "ir_property" WHERE (("ir_property"."fields_id" = 12) AND ("ir_property"."company_id" = 1)) LIMIT 20"#).await;
    }

    async fn reconciliation(&mut self) {
        let account = self.any(350);
        self.ask(&format!(r#"SELECT "account_move_line"."id" FROM "account_move_line" WHERE (((("account_move_line"."parent_state" = 'posted') AND ("account_move_line"."account_id" IN ({account}))) AND ("account_move_line"."reconciled" = false)) AND ("account_move_line"."company_id" IN (1))) ORDER BY "account_move_line"."date" DESC, "account_move_line"."id" LIMIT 40"#)).await;
        let line = self.any(self.sizes.entries);
        self.ask(&format!(r#"SELECT "account_partial_reconcile"."id" FROM "account_partial_reconcile" WHERE (("account_partial_reconcile"."debit_move_id" IN ({line})) OR ("account_partial_reconcile"."credit_move_id" IN ({line})))"#)).await;
        self.ask(&format!(r#"DELETE FROM "account_partial_reconcile" WHERE id IN (SELECT id FROM account_partial_reconcile WHERE debit_move_id = {line} LIMIT 1)"#)).await;
    }

    async fn purchase(&mut self) {
        let supplier = self.any(self.sizes.partners);
        self.ask(&format!(r#"SELECT "purchase_order"."id" FROM "purchase_order" WHERE (("purchase_order"."partner_id" IN ({supplier})) AND ("purchase_order"."state" IN ('draft', 'sent'))) ORDER BY "purchase_order"."priority" DESC, "purchase_order"."id" DESC LIMIT 80"#)).await;
        self.ask(&format!(r#"SELECT "product_supplierinfo"."id" FROM "product_supplierinfo" WHERE (("product_supplierinfo"."partner_id" IN ({supplier})) AND ("product_supplierinfo"."company_id" IN (1) OR "product_supplierinfo"."company_id" IS NULL)) ORDER BY "product_supplierinfo"."sequence", "product_supplierinfo"."price""#)).await;
        self.ask(r#"SELECT "stock_warehouse_orderpoint"."id" FROM "stock_warehouse_orderpoint" WHERE ("stock_warehouse_orderpoint"."trigger" = 'auto') ORDER BY "stock_warehouse_orderpoint"."location_id", "stock_warehouse_orderpoint"."id""#).await;
    }

    /// What is coming and going, of one product.
    async fn forecast(&mut self) {
        let product = self.any(self.sizes.products);
        self.ask(&format!(r#"SELECT "stock_move"."product_id", SUM("stock_move"."product_qty") FROM "stock_move" WHERE ((("stock_move"."product_id" IN ({product})) AND ("stock_move"."state" IN ('waiting', 'confirmed', 'assigned', 'partially_available'))) AND ("stock_move"."location_dest_id" IN (5, 8, 12))) GROUP BY "stock_move"."product_id""#)).await;
        self.ask(&format!(r#"SELECT "x_rental_contract"."id" FROM "x_rental_contract" WHERE ("x_rental_contract"."x_product_id" = {product}) ORDER BY "x_rental_contract"."x_from" DESC"#)).await;
    }

    async fn aged_receivable(&mut self) {
        self.ask(r#"SELECT "account_move_line"."partner_id", SUM("account_move_line"."amount_residual"), COUNT(*) FROM "account_move_line" LEFT JOIN "account_account" AS "account_move_line__account_id" ON ("account_move_line"."account_id" = "account_move_line__account_id"."id") WHERE (("account_move_line"."parent_state" = 'posted') AND ("account_move_line"."reconciled" = false)) GROUP BY "account_move_line"."partner_id" ORDER BY "account_move_line"."partner_id""#).await;
    }

    /// Each page asks whether there is news.
    async fn chatter_bus(&mut self) {
        let user = self.any(80);
        self.ask(&format!(r#"SELECT "bus_bus"."id", "bus_bus"."channel", "bus_bus"."message" FROM "bus_bus" WHERE (("bus_bus"."channel" IN ('["shop","res.partner",{user}]', '["shop","broadcast"]')) AND ("bus_bus"."id" > 4900)) ORDER BY "bus_bus"."id""#)).await;
        self.ask(&format!(r#"INSERT INTO "bus_bus" ("channel", "create_date", "create_uid", "message", "write_date", "write_uid") VALUES ('["shop","res.partner",{user}]', {NOW}, 2, '{{}}', {NOW}, 2) RETURNING "id""#)).await;
        self.ask(&format!(r#"UPDATE "bus_presence" SET "last_poll" = {NOW}, "status" = 'online' WHERE id IN ({user})"#)).await;
    }

    /// A turn of the scheduler: it takes a job, and clears up.
    pub async fn cron(&mut self) {
        let job = self.any(50);
        self.ask("begin").await;
        self.ask(&format!("SELECT * FROM ir_cron WHERE active = true AND numbercall != 0 AND (nextcall <= {NOW} OR EXISTS (SELECT 1 FROM ir_cron_trigger WHERE call_at <= {NOW} AND cron_id = ir_cron.id)) ORDER BY priority, nextcall")).await;
        self.ask(&format!("SELECT * FROM ir_cron WHERE id = {job} FOR NO KEY UPDATE SKIP LOCKED"))
            .await;
        self.ask(&format!("UPDATE ir_cron SET nextcall = {NOW} + interval '1 hour', lastcall = {NOW} WHERE id = {job}")).await;
        self.ask("commit").await;
        let message = self.any(self.sizes.messages);
        for sql in [
            format!(r#"DELETE FROM "bus_bus" WHERE "create_date" < {NOW} - interval '24 hours' AND id IN (SELECT id FROM bus_bus ORDER BY id LIMIT 50)"#),
            r#"SELECT "mail_mail"."id" FROM "mail_mail" WHERE (("mail_mail"."state" = 'outgoing') AND (("mail_mail"."scheduled_date" IS NULL) OR ("mail_mail"."scheduled_date" <= now()))) ORDER BY "mail_mail"."id" LIMIT 10000"#.to_owned(),
            format!(r#"DELETE FROM "mail_message" WHERE id IN ({message})"#),
            format!(r#"DELETE FROM "ir_attachment" WHERE id IN ({message})"#),
            r#"DELETE FROM "account_payment_register" WHERE id IN (1, 2)"#.to_owned(),
            format!(r#"UPDATE "res_partner" SET "customer_rank" = "customer_rank" + 1 WHERE "id" IN ({message})"#),
            "UPDATE queue_job SET state = 'enqueued', date_enqueued = now() WHERE uuid = 'queue_job 7'".to_owned(),
        ] {
            self.ask(&sql).await;
        }
    }

    /// A dashboard of a reporting tool.
    pub async fn report(&mut self) {
        self.ask(r#"SELECT date_trunc('month', "date_order"), "user_id", sum("amount_total"), count(*) FROM "public"."sale_order" WHERE "state" = 'sale' GROUP BY 1, 2 ORDER BY 1, 2"#).await;
        self.ask(r#"SELECT date_trunc('month', "account_move_line"."date"), "account_account"."code", sum("account_move_line"."balance") FROM "public"."account_move_line" INNER JOIN "public"."account_account" ON "account_move_line"."account_id" = "account_account"."id" WHERE "account_move_line"."parent_state" = 'posted' GROUP BY 1, 2 ORDER BY 1, 3 DESC"#).await;
    }
}
