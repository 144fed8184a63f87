//! Indexes of tables whose partitions are partitioned themselves, or foreign tables: what is suggested ends with an
//! index of the whole table that is valid, and its undo leaves nothing.

use erpscope::advise::advice::Advice;
use erpscope::demo::cluster::{Cluster, Options};
use tokio_postgres::Client;

use crate::advise_faults::{advised, load, shop, tables};

/// By company, each by year; one company has no year yet, one is not divided. The names of the years differ at
/// their ends alone, behind the 63 bytes that a name has.
const SALES: &str = "
    create table sale (id int, company int, year int, partner int) partition by list (company);
    create table sale_1 partition of sale for values in (1) partition by range (year);
    create table sale_of_the_first_company_with_a_name_that_is_very_long_2024
      partition of sale_1 for values from (2024) to (2025);
    create table sale_of_the_first_company_with_a_name_that_is_very_long_2025
      partition of sale_1 for values from (2025) to (2026);
    create table sale_2 partition of sale for values in (2) partition by range (year);
    create table sale_3 partition of sale for values in (3);
    insert into sale select i, 1 + i % 2 * 2, 2024 + i / 2 % 2, i % 5000 from generate_series(1, 90000) i;
    analyze sale;";

const QUERY: &str = "select id from sale where partner = $1";

/// What is suggested for the sales; it was created and taken back once.
async fn ddl(cluster: &Cluster, client: &Client) -> (Advice, Vec<String>) {
    let advice = advised(cluster, &[QUERY]).await;
    assert_eq!(tables(&advice), ["public.sale"], "{:?} {:?}", advice.skipped, advice.notes);
    assert_eq!(indexes(client).await, [], "the undo leaves nothing");
    let ddl = advice.suggestions[0].ddl.clone();
    (advice, ddl)
}

/// Tables with an index, the index that this is a part of, and whether it is valid.
async fn indexes(client: &Client) -> Vec<(String, Option<String>, bool)> {
    let sql = "select i.indrelid::regclass::text, w.indrelid::regclass::text, i.indisvalid
        from pg_index i left join pg_inherits h on h.inhrelid = i.indexrelid
        left join pg_index w on w.indexrelid = h.inhparent
        where i.indrelid::regclass::text like 'sale%' order by 1";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// An index of each table, a part of that of the table above it.
fn whole() -> Vec<(String, Option<String>, bool)> {
    let long = "sale_of_the_first_company_with_a_name_that_is_very_long_202";
    let pairs = [
        ("sale", None),
        ("sale_1", Some("sale")),
        ("sale_2", Some("sale")),
        ("sale_3", Some("sale")),
        (&format!("{long}4"), Some("sale_1")),
        (&format!("{long}5"), Some("sale_1")),
    ];
    pairs.map(|(part, of)| (part.to_owned(), of.map(str::to_owned), true)).to_vec()
}

#[tokio::test]
async fn partitions_of_partitions_are_attached_each_to_its_own_table() {
    let (cluster, shop) = shop(Options::default()).await;
    load(&shop, SALES).await;
    let (advice, ddl) = ddl(&cluster, &shop).await;
    for sql in &ddl {
        load(&shop, sql).await;
    }
    assert_eq!(indexes(&shop).await, whole(), "{ddl:#?}");
    // What is there is suggested no more.
    let again = advised(&cluster, &[QUERY]).await;
    assert_eq!(tables(&again), Vec::<&str>::new());
    for sql in &advice.suggestions[0].undo {
        load(&shop, sql).await;
    }
    assert_eq!(indexes(&shop).await, []);
}

#[tokio::test]
async fn foreign_partitions_are_passed_over() {
    let (cluster, shop) = shop(Options::default()).await;
    load(&shop, SALES).await;
    load(
        &shop,
        "create extension postgres_fdw;
         create server far foreign data wrapper postgres_fdw options (host '127.0.0.1', port '1');
         create user mapping for public server far;
         create foreign table sale_1_old partition of sale_1 for values from (2000) to (2024) server far",
    )
    .await;
    let (advice, below) = ddl(&cluster, &shop).await;
    assert!(below[0].contains(" on only public.sale "), "{below:#?}");
    load(&shop, "create foreign table sale_4 partition of sale for values in (4) server far").await;
    let (_, beside) = ddl(&cluster, &shop).await;
    assert!(beside[beside.len() - 1].contains(" on public.sale "), "{beside:#?}");
    load(&shop, "alter table sale detach partition sale_4").await;
    for sql in &below {
        load(&shop, sql).await;
    }
    assert_eq!(indexes(&shop).await, whole(), "{below:#?}");
    for sql in &advice.suggestions[0].undo {
        load(&shop, sql).await;
    }
    load(&shop, "alter table sale attach partition sale_4 for values in (4)").await;
    // The last statement builds nothing: what was built stays in its file.
    let (last, first) = beside.split_last().unwrap();
    for sql in first {
        load(&shop, sql).await;
    }
    let files = "select array_agg(pg_relation_filenode(indexrelid) order by indexrelid)
        from pg_index join pg_class c on c.oid = indrelid where c.relname like 'sale%' and c.relkind = 'r'";
    let built: Vec<u32> = shop.query_one(files, &[]).await.unwrap().get(0);
    load(&shop, last).await;
    assert_eq!(indexes(&shop).await, whole(), "{beside:#?}");
    let after: Vec<u32> = shop.query_one(files, &[]).await.unwrap().get(0);
    assert_eq!((built.len(), &built), (3, &after));
    for sql in &advice.suggestions[0].undo {
        load(&shop, sql).await;
    }
    assert_eq!(indexes(&shop).await, []);
    // One that a part has would be taken up, and go with the undo.
    load(&shop, "create index on sale_3 (partner) include (id)").await;
    let taken_up = advised(&cluster, &[QUERY]).await;
    assert_eq!(tables(&taken_up), Vec::<&str>::new(), "{:?}", taken_up.suggestions);
}

/// Five years, a part for each month.
const LEDGER: &str = "
    create table ledger (id int, booked date, partner int, account int, state text, kind int, amount numeric)
      partition by range (booked);
    do $$
    begin
      for month in 0..59 loop
        execute format('create table ledger_%s partition of ledger for values from (%L) to (%L)', month,
          date '2020-01-01' + month * interval '1 month', date '2020-01-01' + (month + 1) * interval '1 month');
      end loop;
    end $$;
    insert into ledger select i, date '2020-01-01' + i % 1820, i % 20000, i % 300,
      case when i % 50 = 0 then 'open' else 'posted' end, i % 20, i
      from generate_series(1, 150000) i;
    analyze ledger;";

#[tokio::test]
async fn a_table_of_many_partitions_gets_the_index_that_finds_few_rows() {
    let (cluster, shop) = shop(Options::default()).await;
    load(&shop, LEDGER).await;
    let query = "select kind, sum(amount) from ledger
        where partner = $1 and account = $2 and state = $3 and kind > $4 group by kind";
    let advice = advised(&cluster, &[query]).await;
    let told = format!("{:?} {:?} {}", advice.skipped, advice.notes, advice.what_if_calls);
    assert_eq!(tables(&advice), ["public.ledger"], "{told}");
    assert!(advice.suggestions[0].ddl.join(" ").contains("(partner"), "{told}");
    assert!(!told.contains("had no answer"), "{told}");
}
