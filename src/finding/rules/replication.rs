//! Slots that keep the write-ahead log because nobody reads them, standbys that lag, and a standby that
//! does not replay. A slot that is read and keeps little is no fault, nor is a lag of seconds.

use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::replication::Slot;
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};
use crate::track::replication::Standing;

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "replication",
        title: "A copy of the database falls behind",
        severity: Severity::Critical,
        needs: &[Need::Samples],
        explanation: "A standby or a reader of changes does not keep up, or has gone for good. Reports \
            that run there are old; and what it has not read yet is kept for it, until the disk of \
            the primary is full and everything stops.",
        remedy: &[
            "See whether the standby runs and can be reached; look into its log.",
            "If nobody will read a slot any more, drop it: the log it keeps goes at the next checkpoint.",
            "Set max_slot_wal_keep_size, so that a dead reader cannot fill the disk.",
        ],
    },
    judge: Judge::Server(judge),
};

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let view = &sight.server.replication;
    let slots = view.slots.iter().filter_map(|(name, slot)| slot_case(sight, name, slot));
    let standbys = view.standbys.iter().filter_map(|(name, of)| standby_case(sight, name, of));
    let mut found: Vec<Candidate> = slots.chain(standbys).collect();
    let here = view.here.as_ref().and_then(|here| here.lag_seconds);
    if let Some(lag) = here.filter(|lag| *lag >= sight.limit("lag")) {
        found.push(said(
            "this standby".into(),
            Severity::Warning,
            format!("this standby is {} behind its primary", Value::Seconds(lag)),
            vec![Fact::seconds("lag_seconds", lag)],
        ));
    }
    dearest(found)
}

fn slot_case(sight: &Sight<'_>, name: &Arc<str>, slot: &Slot) -> Option<Candidate> {
    let kept = slot.retained_bytes.unwrap_or(0);
    let is_lost = slot.is_invalid || slot.wal_status.as_deref() == Some("lost");
    let is_near = slot.wal_status.as_deref() == Some("unreserved");
    if !is_lost && !is_near && (kept as f64) < sight.limit("kept_bytes") {
        return None;
    }
    let state = if slot.is_active { "is read" } else { "is not read by anybody" };
    let mut evidence = vec![
        Fact::bytes("kept_bytes", kept),
        Fact::text("state", state),
        Fact::text("wal_status", slot.wal_status.as_deref().unwrap_or("unknown")),
    ];
    evidence
        .extend(slot.inactive_seconds.map(|seconds| Fact::seconds("inactive_seconds", seconds)));
    let summary = if is_lost {
        format!("the slot {name} can no longer be read: its log is gone")
    } else {
        format!("the slot {name} {state} and keeps {} of log", Value::Bytes(kept))
    };
    let is_dead = !slot.is_active && !is_lost;
    let severity = if is_dead || is_near { Severity::Critical } else { Severity::Warning };
    let mut candidate = said(format!("slot {name}").into(), severity, summary, evidence);
    if !slot.is_active {
        let quoted = name.replace('\'', "''");
        candidate.sql.push(format!("select pg_drop_replication_slot('{quoted}');"));
    }
    Some(candidate)
}

fn standby_case(sight: &Sight<'_>, name: &Arc<str>, of: &Standing) -> Option<Candidate> {
    let worst = &of.worst;
    let lag = worst.replay_lag_seconds.or(worst.flush_lag_seconds).unwrap_or(0.0);
    let behind = worst.unreplayed_bytes;
    if lag < sight.limit("lag") && (behind as f64) < sight.limit("kept_bytes") {
        return None;
    }
    Some(said(
        format!("standby {name}").into(),
        Severity::Warning,
        format!(
            "the standby {name} is {} and {} behind",
            Value::Seconds(lag),
            Value::Bytes(behind)
        ),
        vec![
            Fact::seconds("lag_seconds", lag),
            Fact::bytes("behind_bytes", behind),
            Fact::text("state", worst.state.as_str()),
        ],
    ))
}

fn said(subject: Arc<str>, severity: Severity, summary: String, evidence: Vec<Fact>) -> Candidate {
    Candidate {
        datname: "".into(),
        subject,
        module: OTHER.into(),
        severity,
        summary,
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: None,
    }
}
