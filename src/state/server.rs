//! The trackers of one server, and the picture of each that was last made.

use std::sync::Arc;

use super::{Connection, Databases, Limits, Sampled, ServerSnapshot, Spending, What};
use crate::advise::ledger::Picture;
use crate::erp::Erps;
use crate::history::{Batch, ModuleSize};
use crate::integration::Integrations;
use crate::sample::{Moment, Outcome, Sampler};
use crate::track::activity::{Activity, View as ActivityView};
use crate::track::calls::explain::Question;
use crate::track::databases;
use crate::track::hours::Hours;
use crate::track::names::Names;
use crate::track::reports::{Evidence, Report};
use crate::track::samplers::{Run, Samplers};
use crate::track::sessions::Words;
use crate::track::statements::{Statements, View};
use crate::track::{
    catalog, duplicates, growth, io, queues, replication, settings, tables, vacuum,
};

#[derive(Debug)]
pub(super) struct Server {
    names: Names,
    databases: databases::Databases,
    statements: Statements,
    activity: Activity,
    hours: Hours,
    tables: tables::Tables,
    growths: growth::Growths,
    catalogs: catalog::Catalogs,
    queues: queues::Queues,
    duplicates: duplicates::Duplicates,
    vacuums: vacuum::Vacuums,
    replication: replication::Replication,
    io: io::Activity,
    erps: Arc<Erps>,
    connection_view: Arc<Connection>,
    databases_view: Arc<Databases>,
    statements_view: Arc<View>,
    activity_view: Arc<ActivityView>,
    tables_view: Arc<tables::View>,
    growth_view: Arc<growth::View>,
    catalog_view: Arc<catalog::View>,
    queues_view: Arc<queues::View>,
    duplicates_view: Arc<duplicates::View>,
    vacuum_view: Arc<vacuum::View>,
    replication_view: Arc<replication::View>,
    io_view: Arc<io::View>,
    settings_view: Arc<settings::View>,
    suggestions: Arc<Picture>,
    samplers: Arc<Samplers>,
    spending: Option<Spending>,
}

impl Server {
    pub(super) fn new(name: Arc<str>, limits: Limits) -> Self {
        Self {
            hours: Hours::new(name, limits.write_history_every),
            names: Names::new(limits.databases),
            databases: databases::Databases::default(),
            statements: Statements::new(limits.statements),
            activity: Activity::new(limits.activity),
            tables: tables::Tables::new(limits.tables),
            growths: growth::Growths::default(),
            catalogs: catalog::Catalogs::default(),
            queues: queues::Queues::default(),
            duplicates: duplicates::Duplicates::default(),
            vacuums: vacuum::Vacuums::default(),
            replication: replication::Replication::default(),
            io: io::Activity::default(),
            erps: Arc::default(),
            connection_view: Arc::default(),
            databases_view: Arc::default(),
            statements_view: Arc::default(),
            activity_view: Arc::default(),
            tables_view: Arc::default(),
            growth_view: Arc::default(),
            catalog_view: Arc::default(),
            queues_view: Arc::default(),
            duplicates_view: Arc::default(),
            vacuum_view: Arc::default(),
            replication_view: Arc::default(),
            io_view: Arc::default(),
            settings_view: Arc::default(),
            suggestions: Arc::default(),
            samplers: Arc::default(),
            spending: None,
        }
    }

    pub(super) fn limit(&mut self, limits: Limits) {
        self.names.limit(limits.databases);
        self.statements.limit(limits.statements);
        self.tables.limit(limits.tables);
        self.activity.limit(limits.activity);
    }

    pub(super) fn apply(
        &mut self,
        at: Moment,
        what: What,
        integrations: &Arc<Integrations>,
    ) -> Vec<Report> {
        let mut reports = Vec::new();
        match what {
            What::Added(_) | What::Removed => {}
            What::Connected { lacking, texts_come } => {
                self.statements.expect_texts(texts_come);
                self.connection_view = Arc::new(Connection::Up { lacking });
            }
            What::Recognised(erps) => self.learn_words(erps),
            What::Remembered(counts) => {
                self.duplicates_view = Arc::new(self.duplicates.remember(counts));
            }
            What::Lost { kind, message } => {
                self.go_blind();
                self.connection_view = Arc::new(Connection::Down { kind, message });
            }
            What::Suggested { picture, reports: news } => {
                self.suggestions = picture;
                reports = news;
            }
            What::Paced(intervals) => Arc::make_mut(&mut self.samplers).paced(&intervals),
            What::Ran { sampler, took, cost, interval, result, spending } => {
                let (outcome, failure) = match result {
                    Ok(sampled) => {
                        reports = self.fold(at, sampled, integrations);
                        (Outcome::Ok, None)
                    }
                    Err(failure) => (failure.outcome, Some(failure.message)),
                };
                match sampler {
                    Sampler::Texts => self.statements.expect_texts(outcome == Outcome::Ok),
                    Sampler::Activity if outcome != Outcome::Ok => self.go_blind(),
                    _ => {}
                }
                let run = Run { took, cost, interval, outcome };
                Arc::make_mut(&mut self.samplers).ran(at, sampler, run, failure);
                self.spending = Some(spending);
            }
        }
        reports
    }

    /// Looked at again, most databases are what they were.
    fn learn_words(&mut self, erps: Arc<Erps>) {
        if erps.digest() != self.erps.digest() {
            self.activity.learn_words(&erps);
        }
        self.erps = erps;
    }

    /// Who waits and who blocks is not known any more, and nobody is to be woken for what was.
    fn go_blind(&mut self) {
        if self.activity_view.is_current {
            self.activity_view = Arc::new(self.activity.go_blind(&self.activity_view));
        }
    }

    /// What is read from now on is another server's: names are learnt anew, counters go on from where
    /// they are.
    fn rebase(&mut self) {
        self.names.rebase();
        self.statements.rebase();
        self.hours.rebase();
        self.tables.rebase();
        self.queues.rebase();
        self.replication.rebase();
        self.io.rebase();
    }

    /// How large its modules were before the agent started.
    pub(super) fn recall(&mut self, now: Moment, sizes: &[ModuleSize]) {
        self.growths.recall(now, sizes);
    }

    /// Its statements.
    pub(super) fn statements(&self) -> &View {
        &self.statements_view
    }

    /// What this server had to do with a call.
    pub(super) fn explain(&self, question: &Question) -> Option<Evidence> {
        self.activity.explain(question)
    }

    fn fold(
        &mut self,
        at: Moment,
        sampled: Sampled,
        integrations: &Arc<Integrations>,
    ) -> Vec<Report> {
        let words = Words { names: &self.names, erps: &self.erps, integrations };
        match sampled {
            Sampled::Database(sample) => {
                if self.databases.is_elsewhere(&sample) {
                    self.rebase();
                }
                self.names.learn(&sample, at.elapsed);
                self.databases.apply(&sample, &self.names);
                let datnames = sample.databases.iter().map(|d| (d.dbid, d.datname.clone()));
                let dbids = sample.databases.iter().map(|database| database.dbid);
                self.databases_view = Arc::new(Databases {
                    datnames: datnames.collect(),
                    single: dbids.filter(|dbid| self.names.is_single(*dbid)).collect(),
                    server: Some(sample.server),
                    horizon: sample.horizon,
                    shown: self.databases.shown().clone(),
                });
            }
            Sampled::Statements(sample) => {
                let grown = self.statements.apply(at, &sample, &self.names);
                self.hours.statements(at, grown.as_deref(), &self.names);
                self.statements_view = Arc::new(self.statements.view());
                return self.activity.read_statements(&self.statements_view, words);
            }
            Sampled::Texts(sample) => {
                self.statements.apply_texts(at, &sample, words);
                self.hours.texts(&sample, &self.names);
                self.statements_view = Arc::new(self.statements.view());
            }
            Sampled::Relations(sample) => self.activity.learn_names(&sample, at.elapsed),
            Sampled::Usage(sample) => {
                self.hours.usage(at, &sample, &self.names);
                let (names, settings) = (&self.names, &self.settings_view);
                let view = self.tables.apply(at, &sample, names, &self.erps, settings);
                self.hours.sizes(&view);
                self.growth_view = Arc::new(self.growths.apply(&view));
                self.tables_view = Arc::new(view);
            }
            Sampled::Settings(sample) => {
                self.settings_view = Arc::new(settings::View { at: Some(at), sample });
            }
            Sampled::Vacuum(sample) => {
                let (names, tables) = (&self.names, &self.tables_view);
                let view = self.vacuums.apply(at, sample, names, &self.erps, tables);
                self.vacuum_view = Arc::new(view);
            }
            Sampled::Replication(sample) => {
                self.replication_view = Arc::new(self.replication.apply(at, sample));
            }
            Sampled::Io(sample) => self.io_view = Arc::new(self.io.apply(at, *sample)),
            Sampled::Catalog(sample) => {
                self.catalog_view = Arc::new(self.catalogs.apply(at, sample, &self.names));
            }
            Sampled::Queues(sample) => {
                let view = self.queues.apply(at, sample, &self.names, &self.erps);
                self.queues_view = Arc::new(view);
            }
            Sampled::Duplicates(sample) => {
                let view = self.duplicates.apply(at, sample, &self.names, &self.erps);
                self.duplicates_view = Arc::new(view);
            }
            Sampled::Activity { taken, sample } => {
                let told = self.activity.apply(taken, &sample, words);
                if let Some(view) = told.view {
                    self.activity_view = Arc::new(view);
                }
                return told.reports;
            }
            Sampled::Blockers | Sampled::Advice => {}
            Sampled::Log(batch) => {
                return self.activity.read_log(&batch, words);
            }
        }
        Vec::new()
    }

    /// What has grown and is due to be written.
    pub(super) fn due_history(&mut self, at: Moment) -> Option<Batch> {
        self.hours.due(at)
    }

    /// All that has grown.
    pub(super) fn take_history(&mut self, at: Moment) -> Batch {
        self.hours.take(at)
    }

    pub(super) fn snapshot(&self, name: Arc<str>) -> ServerSnapshot {
        ServerSnapshot {
            name,
            connection: Arc::clone(&self.connection_view),
            erps: Arc::clone(&self.erps),
            statements: Arc::clone(&self.statements_view),
            databases: Arc::clone(&self.databases_view),
            activity: Arc::clone(&self.activity_view),
            tables: Arc::clone(&self.tables_view),
            growth: Arc::clone(&self.growth_view),
            catalog: Arc::clone(&self.catalog_view),
            queues: Arc::clone(&self.queues_view),
            duplicates: Arc::clone(&self.duplicates_view),
            vacuum: Arc::clone(&self.vacuum_view),
            replication: Arc::clone(&self.replication_view),
            io: Arc::clone(&self.io_view),
            settings: Arc::clone(&self.settings_view),
            suggestions: Arc::clone(&self.suggestions),
            samplers: Arc::clone(&self.samplers),
            spending: self.spending,
        }
    }
}
