//! Open transactions that have lasted for long, and whatever else holds the xmin horizon: the oldest
//! snapshot that somebody may still look at, or transaction that has changed something. Vacuum removes no
//! row that was deleted after it, so every busy table grows. A vacuum itself holds nothing back, unless it
//! is full; nor does a transaction that has only read, under READ COMMITTED, while it is idle. A replication
//! slot of decoded changes holds back the system catalogs alone, and one that is lost nothing. Sessions of
//! backups and maintenance may take four times as long.

use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::database::CATALOGS;
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};
use crate::track::reports::SlowTransaction;

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "long_transactions",
        title: "The database cannot clean up",
        severity: Severity::Critical,
        needs: &[Need::Samples],
        explanation: "Something keeps an old view of the data open: a forgotten session, a report \
            that runs for hours, a copy that is not read any more. As long as it does, rows that \
            were changed or deleted stay on the disk, and everything gets slower bit by bit.",
        remedy: &[
            "See who it is: `erpscope locks`, or pg_stat_activity ordered by the ages of backend_xmin and backend_xid, without vacuums.",
            "If nobody needs it any more, end it; for a replication slot that is not read, drop the slot.",
            "Let reports that run for long run on a replica without hot_standby_feedback.",
        ],
    },
    judge: Judge::Server(judge),
};

/// Maintenance may take so many times as long.
const PATIENCE: f64 = 4.0;
/// An age from which on it is an emergency: a quarter of what there is before wraparound.
const EMERGENCY: u32 = 500_000_000;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let is_long = |open: &&SlowTransaction| {
        let patience = if open.session_kind == "maintenance" { PATIENCE } else { 1.0 };
        open.keeps_back.is_some() && open.seconds >= sight.limit("longest") * patience
    };
    let mut found: Vec<Candidate> = Vec::new();
    for open in sight.server.activity.open.iter().filter(is_long) {
        // The longest of an application stands for its others.
        let candidate = session(open);
        if !found.iter().any(|f| f.subject == candidate.subject && f.datname == candidate.datname) {
            found.push(candidate);
        }
    }
    let old = sight.server.databases.horizon.iter();
    found.extend(
        old.filter(|(_, age)| f64::from(*age) >= sight.limit("xmin_age"))
            .map(|(holder, age)| horizon(holder, *age)),
    );
    dearest(found)
}

fn session(open: &SlowTransaction) -> Candidate {
    let application = &open.party.application;
    let end = open.party.pid.map(|pid| format!("select pg_terminate_backend({pid});"));
    Candidate {
        datname: open.party.datname.clone().unwrap_or_else(|| "".into()),
        subject: Arc::clone(application),
        module: Arc::clone(&open.module),
        severity: Severity::Warning,
        summary: format!(
            "a transaction of {application} is open for {} ({})",
            Value::Seconds(open.seconds),
            open.state
        ),
        evidence: vec![
            Fact::text("application", Arc::clone(application)),
            Fact::seconds("open_seconds", open.seconds),
            Fact::seconds("idle_seconds", open.idle_seconds),
            Fact::count("xmin_age", open.keeps_back.unwrap_or(0).into()),
            Fact::count("victims", open.victims as u64),
            Fact::text("last_query", open.party.query.as_deref().unwrap_or_default()),
        ],
        sql: end.into_iter().collect(),
        cost_seconds_per_day: None,
    }
}

fn horizon(holder: &str, age: u32) -> Candidate {
    Candidate {
        datname: "".into(),
        subject: format!("horizon held by {holder}").into(),
        module: OTHER.into(),
        severity: if age >= EMERGENCY { Severity::Critical } else { Severity::Warning },
        summary: format!(
            "nothing was cleaned up{} for {age} transactions, because of: {holder}",
            if holder == CATALOGS { " in the system catalogs" } else { "" }
        ),
        evidence: vec![
            Fact::text("held_by", holder),
            Fact::count("transactions", u64::from(age)),
        ],
        sql: vec![
            "select pid, application_name, state, greatest(age(backend_xmin), age(backend_xid)), xact_start from pg_stat_activity where (backend_xmin is not null or backend_xid is not null) and coalesce(leader_pid, pid) not in (select pid from pg_stat_progress_vacuum) order by 4 desc limit 5;".to_owned(),
            "select slot_name, active, age(xmin), age(catalog_xmin) from pg_replication_slots where wal_status is distinct from 'lost';".to_owned(),
            "select gid, prepared, owner, database from pg_prepared_xacts order by prepared;".to_owned(),
        ],
        cost_seconds_per_day: None,
    }
}
