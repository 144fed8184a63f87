//! `/api/v1/modules`: what each business module takes, waits and has wrong, since the agent's start.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::{BadQuery, ServerQuery, servers};
use crate::state::{ServerSnapshot, Snapshot};
use crate::track::findings::Severity;
use crate::track::histogram::Histogram;

/// An answer.
#[derive(Debug, Serialize)]
pub struct ModulesPage {
    /// By server, database and time, the one that takes most first.
    pub modules: Vec<ModuleJson>,
}

/// One module of one database.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ModuleJson {
    /// Its server.
    pub server: Arc<str>,
    /// Its database.
    pub datname: Arc<str>,
    /// Its name.
    pub module: Arc<str>,
    /// Seconds that its statements took.
    pub statement_seconds: f64,
    /// The share of that in its database.
    pub statement_share: f64,
    /// Calls of its statements.
    pub calls: u64,
    /// Seconds that sessions waited for locks on what is its own.
    pub blocked_seconds: f64,
    /// Transactions that were slow.
    pub slow_transactions: u64,
    /// Of these, half were not longer.
    pub slow_p50_seconds: Option<f64>,
    /// Of these, 99 of 100 were not longer.
    pub slow_p99_seconds: Option<f64>,
    /// Bytes that its tables and indexes grow by in a day, over the last week at most; less than
    /// none if they get smaller. `None` while that is not known.
    pub bytes_per_day: Option<f64>,
    /// Open findings by severity.
    pub findings: BTreeMap<&'static str, u64>,
    /// What its findings take, in seconds a day; some time may be in more than one.
    pub cost_seconds_per_day: f64,
}

/// Answers a request.
///
/// # Errors
/// When it names a server that is not watched.
pub fn modules(snapshot: &Snapshot, query: &ServerQuery) -> Result<ModulesPage, BadQuery> {
    let servers = servers(snapshot, query.server.as_deref())?;
    let all = servers.into_iter().flat_map(|server| of_server(snapshot, server));
    Ok(ModulesPage { modules: all.collect() })
}

fn of_server(snapshot: &Snapshot, server: &ServerSnapshot) -> Vec<ModuleJson> {
    let mut modules = Modules { server, all: BTreeMap::new() };
    for shown in &server.statements.shown {
        let module = modules.of(&shown.datname, &shown.module);
        module.statement_seconds += shown.total.exec_seconds;
        module.calls += shown.total.calls;
    }
    for ((datname, name), sum) in &server.statements.other {
        let module = modules.of(datname, name);
        module.statement_seconds += sum.exec_seconds;
        module.calls += sum.calls;
    }
    for (key, time) in server.activity.blocked.iter() {
        modules.of(&key.datname, &key.module).blocked_seconds += time.as_secs_f64();
    }
    let mut lengths: BTreeMap<(Arc<str>, Arc<str>), Vec<&Histogram>> = BTreeMap::new();
    for (key, lengths_of) in &server.activity.slow {
        let place = (Arc::clone(&key.datname), Arc::clone(&key.module));
        lengths.entry(place).or_default().push(lengths_of);
    }
    for ((datname, name), histograms) in &lengths {
        let module = modules.of(datname, name);
        module.slow_transactions = histograms.iter().map(|histogram| histogram.count()).sum();
        module.slow_p50_seconds = quantile(histograms, 0.5);
        module.slow_p99_seconds = quantile(histograms, 0.99);
    }
    for (datname, database) in &server.growth.databases {
        for (name, growth) in &database.modules {
            modules.of(datname, name).bytes_per_day = Some(growth.bytes_per_day);
        }
    }
    for finding in snapshot.findings.told().filter(|finding| finding.server == server.name) {
        let candidate = &finding.candidate;
        let module = modules.of(&candidate.datname, &candidate.module);
        *module.findings.entry(candidate.severity.name()).or_default() += 1;
        if candidate.severity > Severity::Info {
            module.cost_seconds_per_day += candidate.cost_seconds_per_day.unwrap_or(0.0);
        }
    }
    modules.finish()
}

struct Modules<'a> {
    server: &'a ServerSnapshot,
    all: BTreeMap<(Arc<str>, Arc<str>), ModuleJson>,
}

impl Modules<'_> {
    fn of(&mut self, datname: &Arc<str>, module: &Arc<str>) -> &mut ModuleJson {
        let server = &self.server.name;
        self.all.entry((Arc::clone(datname), Arc::clone(module))).or_insert_with(|| ModuleJson {
            server: Arc::clone(server),
            datname: Arc::clone(datname),
            module: Arc::clone(module),
            ..ModuleJson::default()
        })
    }

    fn finish(self) -> Vec<ModuleJson> {
        let mut sums: BTreeMap<Arc<str>, f64> = BTreeMap::new();
        for module in self.all.values() {
            *sums.entry(Arc::clone(&module.datname)).or_default() += module.statement_seconds;
        }
        let share = |module: ModuleJson| ModuleJson {
            statement_share: module.statement_seconds
                / sums.get(&module.datname).copied().unwrap_or(0.0).max(1e-9),
            ..module
        };
        let mut all: Vec<ModuleJson> = self.all.into_values().map(share).collect();
        all.sort_by(|a, b| {
            let by_time = b.statement_seconds.total_cmp(&a.statement_seconds);
            a.datname.cmp(&b.datname).then(by_time)
        });
        all
    }
}

/// The upper bound of the bucket in which the share of all is reached: right to that bucket.
fn quantile(histograms: &[&Histogram], share: f64) -> Option<f64> {
    let count: u64 = histograms.iter().map(|histogram| histogram.count()).sum();
    if count == 0 {
        return None;
    }
    let mut sums: Vec<(f64, u64)> = Vec::new();
    for histogram in histograms {
        for (index, (bound, below)) in histogram.cumulative().enumerate() {
            match sums.get_mut(index) {
                Some(sum) => sum.1 += below,
                None => sums.push((bound, below)),
            }
        }
    }
    let wanted = share * count as f64;
    let reached = sums.iter().find(|(_, below)| *below as f64 >= wanted);
    reached.or(sums.last()).map(|(bound, _)| *bound)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket_over_all_histograms() {
        let of = |seconds: &[u64]| {
            let mut histogram = Histogram::new(&[1.0, 5.0, 10.0]);
            for seconds in seconds {
                histogram.observe(Duration::from_secs(*seconds));
            }
            histogram
        };
        let (a, b) = (of(&[1, 1, 4]), of(&[9, 99]));
        assert_eq!(quantile(&[&a, &b], 0.5), Some(5.0));
        assert_eq!(quantile(&[&a], 0.5), Some(1.0));
        assert_eq!(quantile(&[&a, &b], 0.99), Some(10.0));
        assert_eq!(quantile(&[&of(&[])], 0.5), None);
    }
}
