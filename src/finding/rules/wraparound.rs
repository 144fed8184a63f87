//! The age of the oldest transaction of each database that is not frozen, or of the oldest multixact if that
//! is older, beside where the server stops taking writes; and, of transactions, how many days are left at the
//! rate of late. Autovacuum begins at autovacuum_freeze_max_age (a tenth by default), so what is told here is
//! what it did not manage.

use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};
use crate::track::vacuum::{Age, WRAPAROUND};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "wraparound",
        title: "Transaction numbers run out",
        severity: Severity::Critical,
        needs: &[Need::Samples],
        explanation: "PostgreSQL numbers its transactions and uses the numbers again after about two \
            billion, if old rows were marked as finished by then. If they are not, the database \
            stops taking any change until somebody has done that by hand, which can take a day.",
        remedy: &[
            "Find what holds vacuum back: the finding long_transactions, old prepared transactions, slots.",
            "Vacuum the oldest tables with freeze, the largest last.",
            "Raise autovacuum_max_workers and the cost limit, so that it does not come so far again.",
        ],
    },
    judge: Judge::Server(judge),
};

/// From this share on nobody should wait until morning.
const EMERGENCY: f64 = 0.75;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let all = sight.server.vacuum.ages.iter();
    dearest(all.filter_map(|(datname, age)| case(sight, datname, *age)).collect())
}

fn case(sight: &Sight<'_>, datname: &Arc<str>, age: Age) -> Option<Candidate> {
    let is_of_multixacts = age.mxids > age.xids;
    let share = f64::from(age.xids.max(age.mxids)) / WRAPAROUND;
    if share < sight.limit("share") {
        return None;
    }
    let mut evidence = vec![
        Fact::count("transactions", u64::from(age.xids)),
        Fact::count("multixacts", u64::from(age.mxids)),
        Fact::share("share_of_all_numbers", share),
    ];
    let (numbers, order) = if is_of_multixacts { ("multixact", 3) } else { ("transaction", 2) };
    // At what rate multixacts are used is not known.
    let days = sight.server.vacuum.days_left(age).filter(|_| !is_of_multixacts);
    evidence.extend(days.map(|days| Fact::number("days_left", days)));
    Some(Candidate {
        datname: Arc::clone(datname),
        subject: format!("database {datname}").into(),
        module: OTHER.into(),
        severity: if share >= EMERGENCY { Severity::Critical } else { Severity::Warning },
        summary: format!(
            "{} of all {numbers} numbers are in use in {datname}",
            Value::Share(share)
        ),
        evidence,
        sql: vec![format!(
            "select oid::regclass, age(relfrozenxid), mxid_age(relminmxid) from pg_class where relkind in ('r', 'm', 't') order by {order} desc limit 10;"
        )],
        cost_seconds_per_day: None,
    })
}
