//! Slots that keep the write-ahead log because nobody reads them, standbys that lag, a standby that does
//! not replay what it has received, and one that has streamed and receives nothing any more, whose lag is 0
//! then. A slot that is read and keeps little is no fault, nor is a lag of seconds. How far a standby is
//! behind that is fed from an archive is not known: that its primary has been idle looks the same.

use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::replication::{Here, Slot};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};
use crate::track::replication::{Standing, View};

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
            "See whether the standby runs and can be reached; look into its log. If it receives nothing: whether it \
             can reach its primary.",
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
    if let Some(here) = &view.here {
        found.extend(lag_case(sight, here));
        found.extend(detached_case(sight, view, here));
    }
    dearest(found)
}

/// It has log that it does not replay. Without any, time since its last transaction is no lag.
fn lag_case(sight: &Sight<'_>, here: &Here) -> Option<Candidate> {
    let has_more = here.unreplayed_bytes.is_some_and(|bytes| bytes > 0) || here.is_paused;
    let lag = here.lag_seconds.filter(|lag| has_more && *lag >= sight.limit("lag"))?;
    let replay = if here.is_paused { "paused" } else { "goes on" };
    let mut evidence = vec![Fact::seconds("lag_seconds", lag), Fact::text("replay", replay)];
    evidence.extend(here.unreplayed_bytes.map(|bytes| Fact::bytes("behind_bytes", bytes)));
    Some(said(
        "this standby".into(),
        Severity::Warning,
        format!("this standby is {} behind its primary", Value::Seconds(lag)),
        evidence,
    ))
}

/// It has streamed and does no more. Of one that was never seen to stream it is not told: an archive may
/// feed it, or our role may not see what does.
fn detached_case(sight: &Sight<'_>, view: &View, here: &Here) -> Option<Candidate> {
    let (now, streamed) = view.at.zip(view.streamed)?;
    let silent = now.elapsed.saturating_sub(streamed.elapsed).as_secs_f64();
    if silent < sight.limit("lag") {
        return None;
    }
    let receiver = here.receiver.as_deref().unwrap_or("gone");
    Some(said(
        "receiver of this standby".into(),
        Severity::Warning,
        format!(
            "this standby has received nothing from its primary for {}",
            Value::Seconds(silent)
        ),
        vec![Fact::seconds("not_streaming_seconds", silent), Fact::text("receiver", receiver)],
    ))
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
    let behind = worst.unreplayed_bytes.unwrap_or(0);
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
