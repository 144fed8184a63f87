//! `/api/v1/findings`: what is wrong now, as the rules say. The command line reads it again.

use serde::{Deserialize, Serialize};

use super::{BadQuery, servers};
use crate::state::Snapshot;
use crate::track::findings::{Fact, Finding, Severity, Value};

/// The parameters of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FindingsQuery {
    /// Only of this server.
    pub server: Option<String>,
    /// Only of this database.
    pub datname: Option<String>,
    /// Only as bad as this, or worse.
    pub severity: Option<String>,
    /// Only of this rule.
    pub rule: Option<String>,
    /// Only of this business module.
    pub module: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FindingsPage {
    /// When the rules looked last; absent before that.
    pub judged: Option<String>,
    /// The worst first, muted ones last.
    pub findings: Vec<FindingJson>,
    /// How many more there are than are kept, whatever was asked for.
    pub left_out: usize,
    /// Rules that do not look, and why.
    pub rules_off: Vec<RuleJson>,
    /// Mutes that are over.
    pub expired_mutes: Vec<String>,
}

/// A rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RuleJson {
    /// Its name.
    pub rule: String,
    /// `disabled`, `failed` or `slow`.
    pub state: String,
    /// Why.
    pub detail: Option<String>,
}

/// One finding.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindingJson {
    /// The same tomorrow.
    pub id: String,
    /// Its rule.
    pub rule: String,
    /// What is wrong.
    pub title: String,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// Its server; empty for what belongs to none.
    pub server: String,
    /// Its database; empty for what is about the server.
    pub datname: String,
    /// Of what.
    pub subject: String,
    /// The business module of that.
    pub module: String,
    /// The case in one sentence.
    pub summary: String,
    /// Seconds a day that it takes: what mending it gives back at most.
    pub cost_seconds_per_day: Option<f64>,
    /// Since when.
    pub opened: String,
    /// When the rule said so last.
    pub seen: String,
    /// Whether the last look has said so, too.
    pub is_current: bool,
    /// Why it is not told, if it is not.
    pub muted: Option<String>,
    /// What it is said by.
    pub evidence: Vec<FactJson>,
    /// What it means, in plain words.
    pub explanation: String,
    /// What to do.
    pub steps: Vec<String>,
    /// What to run.
    pub sql: Vec<String>,
    /// Where to read on.
    pub runbook: String,
}

/// One piece of evidence.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FactJson {
    /// What it is.
    pub key: String,
    /// How much, or which.
    pub value: serde_json::Value,
    /// `seconds`, `bytes`, `ratio` or nothing.
    pub unit: String,
    /// The same for people.
    pub text: String,
}

/// Answers a request.
///
/// # Errors
/// When it names a server that is not watched, or no severity.
pub fn findings(snapshot: &Snapshot, query: &FindingsQuery) -> Result<FindingsPage, BadQuery> {
    servers(snapshot, query.server.as_deref())?;
    let least = match query.severity.as_deref() {
        Some(name) => severity(name)?,
        None => Severity::Info,
    };
    let fits = |wanted: Option<&String>, is: &str| wanted.is_none_or(|wanted| wanted == is);
    let view = &snapshot.findings;
    let found = view.findings.iter().filter(|finding| {
        let candidate = &finding.candidate;
        candidate.severity >= least
            && fits(query.server.as_ref(), &finding.server)
            && fits(query.datname.as_ref(), &candidate.datname)
            && fits(query.rule.as_ref(), finding.about.id)
            && fits(query.module.as_ref(), &candidate.module)
    });
    let off = view.rules.iter().filter(|rule| rule.state.name() != "on");
    Ok(FindingsPage {
        judged: view.judged.map(|at| humantime::format_rfc3339_seconds(at).to_string()),
        findings: found.map(|finding| FindingJson::of(finding)).collect(),
        left_out: view.left_out,
        rules_off: off
            .map(|rule| RuleJson {
                rule: rule.id.to_owned(),
                state: rule.state.name().to_owned(),
                detail: rule.detail.clone(),
            })
            .collect(),
        expired_mutes: view.expired_mutes.clone(),
    })
}

fn severity(name: &str) -> Result<Severity, BadQuery> {
    let found = Severity::ALL.into_iter().find(|severity| severity.name() == name);
    found.ok_or_else(|| BadQuery::Severity(name.to_owned()))
}

impl FindingJson {
    /// Of a finding.
    #[must_use]
    pub fn of(finding: &Finding) -> Self {
        let (about, candidate) = (finding.about, &finding.candidate);
        Self {
            id: finding.id.to_string(),
            rule: about.id.to_owned(),
            title: about.title.to_owned(),
            severity: candidate.severity.name().to_owned(),
            server: finding.server.to_string(),
            datname: candidate.datname.to_string(),
            subject: candidate.subject.to_string(),
            module: candidate.module.to_string(),
            summary: candidate.summary.clone(),
            cost_seconds_per_day: candidate.cost_seconds_per_day,
            opened: humantime::format_rfc3339_seconds(finding.opened).to_string(),
            seen: humantime::format_rfc3339_seconds(finding.seen).to_string(),
            is_current: finding.is_current,
            muted: finding.muted.as_ref().map(ToString::to_string),
            evidence: candidate.evidence.iter().map(fact).collect(),
            explanation: about.explanation.to_owned(),
            steps: about.remedy.iter().map(|step| (*step).to_owned()).collect(),
            sql: candidate.sql.clone(),
            runbook: about.runbook(),
        }
    }
}

fn fact(fact: &Fact) -> FactJson {
    let value = match &fact.value {
        Value::Count(count) | Value::Bytes(count) => (*count).into(),
        Value::Number(number) | Value::Seconds(number) | Value::Share(number) => (*number).into(),
        Value::Text(text) => text.to_string().into(),
    };
    FactJson {
        key: fact.key.to_owned(),
        value,
        unit: fact.value.unit().to_owned(),
        text: fact.value.to_string(),
    }
}
