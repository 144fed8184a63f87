//! The trackers of one server, and the picture of each that was last made.

use std::sync::Arc;

use super::{Connection, Databases, Limits, Sampled, ServerSnapshot, Spending, What};
use crate::sample::{Moment, Outcome};
use crate::track::databases;
use crate::track::names::Names;
use crate::track::samplers::Samplers;
use crate::track::statements::{Statements, View};

#[derive(Debug)]
pub(super) struct Server {
    names: Names,
    databases: databases::Databases,
    statements: Statements,
    connection_view: Arc<Connection>,
    databases_view: Arc<Databases>,
    statements_view: Arc<View>,
    samplers: Arc<Samplers>,
    spending: Option<Spending>,
}

impl Server {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            names: Names::new(limits.databases),
            databases: databases::Databases::default(),
            statements: Statements::new(limits.statements),
            connection_view: Arc::default(),
            databases_view: Arc::default(),
            statements_view: Arc::default(),
            samplers: Arc::default(),
            spending: None,
        }
    }

    pub(super) fn limit(&mut self, limits: Limits) {
        self.names.limit(limits.databases);
        self.statements.limit(limits.statements);
    }

    pub(super) fn apply(&mut self, at: Moment, what: What) {
        match what {
            What::Added(_) | What::Removed => {}
            What::Connected { lacking } => {
                self.connection_view = Arc::new(Connection::Up { lacking });
            }
            What::Lost { kind, message } => {
                self.connection_view = Arc::new(Connection::Down { kind, message });
            }
            What::Ran { sampler, took, result, spending } => {
                let (outcome, failure) = match result {
                    Ok(sampled) => {
                        self.fold(at, sampled);
                        (Outcome::Ok, None)
                    }
                    Err(failure) => (failure.outcome, Some(failure.message)),
                };
                Arc::make_mut(&mut self.samplers).ran(at, sampler, took, outcome, failure);
                self.spending = Some(spending);
            }
        }
    }

    fn fold(&mut self, at: Moment, sampled: Sampled) {
        match sampled {
            Sampled::Database(sample) => {
                self.names.learn(&sample, at.elapsed);
                if self.databases.apply(&sample, &self.names) {
                    self.statements.rebase();
                }
                self.databases_view = Arc::new(Databases {
                    server: Some(sample.server),
                    shown: self.databases.shown().clone(),
                });
            }
            Sampled::Statements(sample) => {
                self.statements.apply(at, &sample, &self.names);
                self.statements_view = Arc::new(self.statements.view());
            }
            Sampled::Texts(sample) => {
                self.statements.apply_texts(&sample);
                self.statements_view = Arc::new(self.statements.view());
            }
        }
    }

    pub(super) fn snapshot(&self, name: Arc<str>) -> ServerSnapshot {
        ServerSnapshot {
            name,
            connection: Arc::clone(&self.connection_view),
            statements: Arc::clone(&self.statements_view),
            databases: Arc::clone(&self.databases_view),
            samplers: Arc::clone(&self.samplers),
            spending: self.spending,
        }
    }
}
