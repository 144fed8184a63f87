//! `/api/v1/integrations`: how calls go, and what the databases have to do with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::BadQuery;
use crate::integration::Direction;
use crate::state::Snapshot;
use crate::track::calls::OfView;
use crate::track::reports::CallReport;
use crate::track::timeline::in_seconds;

/// All integrations in short.
#[derive(Debug, Serialize)]
pub struct IntegrationsPage {
    /// In the order of the config; those that are declared no more at the end.
    pub integrations: Vec<IntegrationJson>,
}

/// One in short.
#[derive(Debug, Serialize)]
pub struct IntegrationJson {
    /// Its name.
    pub name: Arc<str>,
    /// What it is; absent if it is declared no more.
    pub kind: Option<&'static str>,
    /// Who calls.
    pub direction: Option<Direction>,
    /// `realtime` or `batch`.
    pub mode: Option<&'static str>,
    /// Calls since the agent's start.
    pub calls: u64,
    /// Of these, failed ones.
    pub failed: u64,
    /// When the last one ended, or bytes last moved in a tunnel.
    pub last_call: Option<String>,
    /// Of the last five to ten minutes.
    pub percentiles_seconds: Option<Percentiles>,
    /// What it did and suffered in each server where it did anything.
    pub databases: Vec<DatabaseJson>,
}

/// Percentiles in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    p50: f64,
    p90: f64,
    p99: f64,
    #[serde(rename = "p99.9")]
    p999: f64,
}

/// What an integration did and suffered in one server.
#[derive(Debug, Serialize)]
pub struct DatabaseJson {
    /// Its name in the config.
    pub server: Arc<str>,
    /// Executing time by module.
    pub active_seconds: BTreeMap<Arc<str>, f64>,
    /// Time waited for locks by the root blocker's application.
    pub blocked_seconds: BTreeMap<Arc<str>, f64>,
    /// Time that others waited because of it.
    pub blocking_seconds: f64,
    /// Slow transactions.
    pub slow_transactions: u64,
    /// Rows changed by module, of one that is told by its role.
    pub rows_written: BTreeMap<Arc<str>, u64>,
    /// Writes of what it does not own by module.
    pub boundary_breaches: BTreeMap<Arc<str>, u64>,
}

/// One integration in full.
#[derive(Debug, Serialize)]
pub struct IntegrationPage {
    /// The same as in the list.
    #[serde(flatten)]
    pub integration: IntegrationJson,
    /// By operation, since the agent's start.
    pub operations: Vec<OperationJson>,
    /// Failed calls by cause.
    pub errors: BTreeMap<&'static str, u64>,
    /// Calls made while a transaction was kept open.
    pub idle_in_transaction_calls: u64,
    /// What probes of its other side have found.
    pub probes: Vec<ProbeJson>,
    /// Slow and failed calls of late and those that the databases had to do with, the last first.
    pub notable: Vec<Arc<CallReport>>,
}

/// A probe.
#[derive(Debug, Serialize)]
pub struct ProbeJson {
    /// Its name.
    pub name: Arc<str>,
    /// The last run got the answer that it should.
    pub up: bool,
    /// When that ended.
    pub at: String,
    /// How long each phase of it took, as far as it came.
    pub phases_seconds: BTreeMap<&'static str, f64>,
    /// In which phase it failed.
    pub failed_phase: Option<&'static str>,
    /// Why.
    pub kind: Option<&'static str>,
    /// The same in words.
    pub detail: Option<String>,
}

/// One operation.
#[derive(Debug, Serialize)]
pub struct OperationJson {
    /// Template of its route.
    pub operation: Arc<str>,
    /// Who calls.
    pub direction: Direction,
    /// Calls that did not fail.
    pub ok: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls longer than the objective.
    pub slow: u64,
    /// Of all of them.
    pub percentiles_seconds: Percentiles,
}

/// All in short.
#[must_use]
pub fn integrations(snapshot: &Snapshot) -> IntegrationsPage {
    let all = snapshot.calls.integrations.iter();
    IntegrationsPage { integrations: all.map(|of| short(snapshot, of)).collect() }
}

/// One in full.
///
/// # Errors
/// When there is none of this name.
pub fn integration(snapshot: &Snapshot, name: &str) -> Result<IntegrationPage, BadQuery> {
    let all = &snapshot.calls.integrations;
    let Some(of) = all.iter().find(|of| *of.name == *name) else {
        let known: Vec<&str> = all.iter().map(|of| &*of.name).collect();
        return Err(BadQuery::Integration(name.to_owned(), known.join(", ")));
    };
    let operation = |operation: &crate::track::calls::OperationView| OperationJson {
        operation: Arc::clone(&operation.key.operation),
        direction: operation.key.direction,
        ok: operation.ok,
        failed: operation.failed,
        slow: operation.slow,
        percentiles_seconds: percentiles(operation.percentiles),
    };
    Ok(IntegrationPage {
        integration: short(snapshot, of),
        operations: of.operations.iter().map(operation).collect(),
        errors: of.errors.clone(),
        idle_in_transaction_calls: of.held_open,
        probes: probes(snapshot, &of.name),
        notable: of.notable.clone(),
    })
}

fn probes(snapshot: &Snapshot, integration: &Arc<str>) -> Vec<ProbeJson> {
    let all = snapshot.intake.probe.probes.iter();
    all.filter(|(_, probe)| probe.integration == *integration)
        .map(|(name, probe)| ProbeJson {
            name: Arc::clone(name),
            up: probe.is_up,
            at: humantime::format_rfc3339_millis(probe.at).to_string(),
            phases_seconds: probe.phases.iter().map(|(p, t)| (*p, t.as_secs_f64())).collect(),
            failed_phase: probe.failure.as_ref().map(|failure| failure.phase),
            kind: probe.failure.as_ref().map(|failure| failure.fault.name()),
            detail: probe.failure.as_ref().map(|failure| failure.detail.clone()),
        })
        .collect()
}

fn short(snapshot: &Snapshot, of: &OfView) -> IntegrationJson {
    let declared = of.declared.as_ref();
    IntegrationJson {
        name: Arc::clone(&of.name),
        kind: declared.map(|declared| declared.kind.0),
        direction: of.direction(),
        mode: declared.map(|declared| declared.mode.name()),
        calls: of.calls(),
        failed: of.failed(),
        last_call: of.last.map(|last| humantime::format_rfc3339_millis(last).to_string()),
        percentiles_seconds: of.percentiles.map(percentiles),
        databases: databases(snapshot, &of.name),
    }
}

/// Servers where it did nothing are left out.
fn databases(snapshot: &Snapshot, name: &Arc<str>) -> Vec<DatabaseJson> {
    let mut all = Vec::new();
    for server in &snapshot.servers {
        let prints = &server.activity.footprints;
        let active = prints.active.iter().filter(|(key, _)| key.integration == *name);
        let blocked = prints.blocked.iter().filter(|(key, _)| key.integration == *name);
        let rows = prints.rows_written.iter().filter(|(key, _)| key.integration == *name);
        let breaches = prints.breaches.iter().filter(|(key, _)| key.integration == *name);
        let page = DatabaseJson {
            server: Arc::clone(&server.name),
            active_seconds: active
                .map(|(key, time)| (Arc::clone(&key.module), in_seconds(*time)))
                .collect(),
            blocked_seconds: blocked
                .map(|(key, time)| (Arc::clone(&key.root_application), in_seconds(*time)))
                .collect(),
            blocking_seconds: prints.blocking.get(name).copied().map_or(0.0, in_seconds),
            slow_transactions: prints.slow_transactions.get(name).copied().unwrap_or(0),
            rows_written: rows.map(|(key, rows)| (Arc::clone(&key.module), *rows)).collect(),
            boundary_breaches: breaches.map(|(k, n)| (Arc::clone(&k.module), *n)).collect(),
        };
        let has_any = !(page.active_seconds.is_empty()
            && page.blocked_seconds.is_empty()
            && page.rows_written.is_empty()
            && page.boundary_breaches.is_empty())
            || page.blocking_seconds > 0.0
            || page.slow_transactions > 0;
        if has_any {
            all.push(page);
        }
    }
    all
}

fn percentiles([p50, p90, p99, p999]: [f64; 4]) -> Percentiles {
    Percentiles { p50, p90, p99, p999 }
}
