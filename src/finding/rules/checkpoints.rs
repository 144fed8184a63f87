//! Checkpoints that were forced as the write-ahead log was full, beside those that came in their time. A
//! single one after a bulk load is nothing.

use crate::erp::OTHER;
use crate::finding::{Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "checkpoints",
        title: "The disk is flooded by checkpoints",
        severity: Severity::Warning,
        needs: &[Need::Samples],
        explanation: "Now and then the database writes everything that has changed to its files. Here \
            it is made to do that much too often, because its log is too small: the disk is busy \
            with it, and everybody is slower.",
        remedy: &[
            "Raise max_wal_size until nearly all checkpoints come by time; see that the disk has room.",
            "Look who writes so much: the write-ahead log by statement, in /api/v1/statements?sort=wal.",
        ],
    },
    judge: Judge::Server(judge),
};

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let (now, then) = (&sight.server.io, &sight.before.io);
    if then.at.is_none() {
        return Vec::new();
    }
    let requested = now.checkpoints.requested.saturating_sub(then.checkpoints.requested);
    let timed = now.checkpoints.timed.saturating_sub(then.checkpoints.timed);
    let share = requested as f64 / ((requested + timed).max(1) as f64);
    if (requested as f64) < sight.limit("forced") || share < sight.limit("share") {
        return Vec::new();
    }
    let size = sight.server.settings.number("max_wal_size");
    let mut evidence = vec![
        Fact::count("forced", requested),
        Fact::count("by_time", timed),
        Fact::number("forced_per_day", sight.per_day(requested as f64)),
    ];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size in bytes")]
    evidence.extend(size.map(|bytes| Fact::bytes("max_wal_size", bytes as u64)));
    let better = size.map_or(4.0, |bytes| (bytes * 4.0 / (1_u64 << 30) as f64).max(2.0));
    vec![Candidate {
        datname: "".into(),
        subject: "checkpoints".into(),
        module: OTHER.into(),
        severity: Severity::Warning,
        summary: format!("{requested} of {} checkpoints were forced", requested + timed),
        evidence,
        sql: vec![format!("alter system set max_wal_size = '{better:.0}GB';")],
        cost_seconds_per_day: None,
    }]
}
