//! An immutable picture of the state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Journal, Spending};
use crate::advise::ledger::Picture;
use crate::erp::Erps;
use crate::history::Standing;
use crate::integration::meter::Tallies;
use crate::sample::database;
use crate::track::activity::View as ActivityView;
use crate::track::calls::View as CallsView;
use crate::track::databases::Database;
use crate::track::findings;
use crate::track::samplers::Samplers;
use crate::track::statements::View;
use crate::track::{
    catalog, duplicates, growth, io, queues, replication, settings, tables, vacuum,
};

/// All servers, in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The servers.
    pub servers: Vec<ServerSnapshot>,
    /// Calls of integrations; renewed about twice a second.
    pub calls: Arc<CallsView>,
    /// What those have counted that see calls.
    pub intake: Arc<Tallies>,
    /// What somebody should know.
    pub journal: Arc<Journal>,
    /// How the history is doing.
    pub history: Arc<Standing>,
    /// What is wrong, as the rules say.
    pub findings: Arc<findings::View>,
}

/// One server. Each signal is replaced only when it changes, so a reader can tell by the pointer.
#[derive(Clone, Debug)]
pub struct ServerSnapshot {
    /// Its name in the config.
    pub name: Arc<str>,
    /// Whether it can be reached.
    pub connection: Arc<Connection>,
    /// The words for each of its databases.
    pub erps: Arc<Erps>,
    /// Statements.
    pub statements: Arc<View>,
    /// Databases and facts.
    pub databases: Arc<Databases>,
    /// Sessions, locks and transactions; renewed about once a second.
    pub activity: Arc<ActivityView>,
    /// Tables, indexes and functions of the databases that were looked into: their sizes, use and
    /// upkeep. Renewed every `usage.interval`.
    pub tables: Arc<tables::View>,
    /// How their modules grow, over the last week at most. Renewed with the tables.
    pub growth: Arc<growth::View>,
    /// What their catalogs say: foreign keys without an index, constraints, triggers, numbers that
    /// run out, sizes on disk. Renewed every `upkeep.catalog_interval`.
    pub catalog: Arc<catalog::View>,
    /// Queues that the profiles of ERPs name. Renewed every `upkeep.queues_interval`.
    pub queues: Arc<queues::View>,
    /// Records that are there twice, by the business keys of ERPs. Renewed every `duplicates.interval`.
    pub duplicates: Arc<duplicates::View>,
    /// Ages in transactions of all databases, and vacuums that run. Renewed every
    /// `upkeep.interval`, as the next two.
    pub vacuum: Arc<vacuum::View>,
    /// Standbys, slots, and how far this server is behind.
    pub replication: Arc<replication::View>,
    /// Checkpoints, WAL and I/O.
    pub io: Arc<io::View>,
    /// Settings, and limits of roles. Renewed every `upkeep.settings_interval`.
    pub settings: Arc<settings::View>,
    /// What the index advisor suggests, and what has become of that.
    pub suggestions: Arc<Picture>,
    /// The samplers' own record.
    pub samplers: Arc<Samplers>,
    /// The budget, after the first run.
    pub spending: Option<Spending>,
}

/// Whether a server can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// Not tried yet.
    #[default]
    Starting,
    /// Connected.
    Up {
        /// What is missing for full sight, one line each.
        lacking: Vec<String>,
    },
    /// Not connected.
    Down {
        /// Bounded reason.
        kind: &'static str,
        /// What, where, what to do.
        message: String,
    },
}

/// Databases and facts about the server, after the first sample.
#[derive(Clone, Debug, Default)]
pub struct Databases {
    /// Facts.
    pub server: Option<database::Server>,
    /// Names by oid.
    pub datnames: BTreeMap<u32, String>,
    /// Oids of those that have a label of their own.
    pub single: BTreeSet<u32>,
    /// How many transactions ago that began for which dead rows are kept, by what keeps them.
    pub horizon: Vec<(String, u32)>,
    /// By label `datname`.
    pub shown: BTreeMap<Arc<str>, Database>,
}

impl Snapshot {
    /// The server of this name.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<&ServerSnapshot> {
        self.servers.iter().find(|server| *server.name == *name)
    }
}

impl ServerSnapshot {
    /// Whether it is connected.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(*self.connection, Connection::Up { .. })
    }

    /// How many databases of ERPs have no label of their own (`database.top`): nobody looks into them.
    #[must_use]
    pub fn unwatched(&self) -> usize {
        let all = self.databases.datnames.iter();
        let others = all.filter(|(dbid, _)| !self.databases.single.contains(dbid));
        // As those who look into databases pass templates over.
        others.filter(|(_, name)| !name.starts_with("template") && self.erps.is_known(name)).count()
    }
}
