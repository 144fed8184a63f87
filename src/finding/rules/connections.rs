//! Sessions beside what max_connections, less the reserved ones, and a database's own limit allow; and
//! pools that hold many sessions of which hardly any works.

use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "connections",
        title: "Connections run out",
        severity: Severity::Critical,
        needs: &[Need::Samples],
        explanation: "The database allows a limited number of connections. When they are used up, \
            nobody else can log in: users get errors although the server has nothing to do.",
        remedy: &[
            "See who holds them: the metric erpscope_sessions by application and state.",
            "Make the pools of the ERP's workers smaller, or put PgBouncer in between.",
            "Raise max_connections only then: it needs a restart, and every connection needs memory.",
        ],
    },
    judge: Judge::Server(judge),
};

/// From this share on nobody should wait until morning.
const NEARLY_ALL: f64 = 0.95;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let databases = &sight.server.databases;
    let mut found = Vec::new();
    if let Some(facts) = &databases.server {
        let most = facts.max_connections.saturating_sub(facts.reserved_connections);
        found.extend(near(sight, &"".into(), "max_connections", facts.connections, most));
        found.extend(idle(sight, most));
    }
    for (datname, database) in &databases.shown {
        if let Some(limit) = database.connection_limit {
            found.extend(near(sight, datname, "connection limit", limit.used, limit.most));
        }
    }
    dearest(found)
}

fn near(
    sight: &Sight<'_>,
    datname: &Arc<str>,
    what: &str,
    used: u32,
    most: u32,
) -> Option<Candidate> {
    let share = f64::from(used) / f64::from(most.max(1));
    (share >= sight.limit("share")).then(|| Candidate {
        datname: Arc::clone(datname),
        subject: what.into(),
        module: OTHER.into(),
        severity: if share >= NEARLY_ALL { Severity::Critical } else { Severity::Warning },
        summary: format!("{used} of {most} connections are used"),
        evidence: vec![
            Fact::count("used", u64::from(used)),
            Fact::count("allowed", u64::from(most)),
            Fact::share("share", share),
        ],
        sql: vec!["select application_name, state, count(*) from pg_stat_activity where backend_type = 'client backend' group by 1, 2 order by 3 desc;".to_owned()],
        cost_seconds_per_day: None,
    })
}

/// Hardly any of very many sessions works.
fn idle(sight: &Sight<'_>, most: u32) -> Option<Candidate> {
    let sessions = &sight.server.activity.sessions;
    let all: u64 = sessions.iter().map(|(_, count)| *count).sum();
    let idle: u64 =
        sessions.iter().filter(|(key, _)| key.state == "idle").map(|(_, count)| *count).sum();
    let share = idle as f64 / (all.max(1) as f64);
    let is_large = all as f64 >= 0.5 * f64::from(most) && all > 50;
    (is_large && share >= sight.limit("idle_share")).then(|| Candidate {
        datname: "".into(),
        subject: "idle pools".into(),
        module: OTHER.into(),
        severity: Severity::Info,
        summary: format!("{idle} of {all} sessions do nothing ({})", Value::Share(share)),
        evidence: vec![Fact::count("sessions", all), Fact::count("idle", idle)],
        sql: Vec::new(),
        cost_seconds_per_day: None,
    })
}
