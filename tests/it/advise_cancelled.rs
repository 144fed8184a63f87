//! A question to the planner that is cancelled costs itself, and no advice.

use erpscope::demo::cluster::Options;

use crate::advise_faults::{advised, load, shop, table, tables};

/// Ends what plans a view of it when this happens, in the agent's session alone, as `pg_cancel_backend` does.
fn cancelling(name: &str, when: &str) -> String {
    format!(
        "create function {name}(int) returns int immutable language plpgsql as $$ begin
           if current_setting('application_name') = 'erpscope' and {when} then
             perform pg_cancel_backend(pg_backend_pid());
             perform pg_sleep(10);
           end if;
           return $1;
         end $$;
         create view of_{name} as select * from {name}_sale where id > {name}(0)"
    )
}

#[tokio::test]
async fn a_question_that_is_cancelled_is_counted_and_told_and_the_others_are_answered() {
    let (cluster, shop) = shop(Options::default()).await;
    for name in ["sale", "always_sale", "supposed_sale"] {
        load(&shop, &table(name)).await;
    }
    load(&shop, &cancelling("always", "true")).await;
    // Read as it is, and cancelled as soon as an index is supposed.
    load(&shop, &cancelling("supposed", "exists (select from hypopg())")).await;
    let sale = "select id from sale where partner = $1";
    let untroubled = advised(&cluster, &[sale]).await;
    assert_eq!(tables(&untroubled), ["public.sale"]);
    assert!(untroubled.is_complete, "{untroubled:?}");

    let texts = [
        "select id from of_always where partner = $1",
        "select id from of_supposed where partner = $1",
        sale,
    ];
    let advice = advised(&cluster, &texts).await;
    assert_eq!(tables(&advice), ["public.sale"], "{advice:?}");
    assert!(!advice.is_complete, "nothing is withdrawn for it");
    let reasons: Vec<&str> = advice.skipped.iter().map(|skipped| &*skipped.reason).collect();
    assert_eq!(reasons, ["planning it took too long, or was cancelled (SQLSTATE 57014)"]);
    let notes = advice.notes.join("\n");
    assert!(notes.contains("question(s) to the planner had no answer"), "{notes}");
    println!("{notes}");
}
