//! What came back from a server, or did not.

use std::sync::Arc;
use std::time::Duration;

use crate::advise::ledger::Picture;
use crate::erp::Erps;
use crate::history::ModuleSize;
use crate::integration::meter::Tallies;
use crate::integration::{Integrations, Told};
use crate::sample::{
    Moment, Outcome, Sampler, activity, catalog, database, duplicates, io, queues, relations,
    replication, settings, statements, texts, usage, vacuum,
};
use crate::serverlog;
use crate::track::activity::{Limits as ActivityLimits, Taken};
use crate::track::duplicates::Remembered;
use crate::track::findings::Judgement;
use crate::track::reports::Report;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// To one server.
    Server {
        /// Its name in the config.
        server: Arc<str>,
        /// When.
        at: Moment,
        /// What.
        what: What,
    },
    /// These are the external systems from now on.
    Declared(Arc<Integrations>),
    /// Calls of integrations have ended.
    Told {
        /// When that was told.
        at: Moment,
        /// Which, and what was sent to databases for them.
        told: Told,
    },
    /// The history has told how large modules were before the agent started.
    Remembered {
        /// When it was asked.
        at: Moment,
        /// Of all servers, the oldest first.
        sizes: Vec<ModuleSize>,
    },
    /// Rules have looked.
    Judged(Box<Judgement>),
    /// Time goes on.
    Tick {
        /// It is now.
        at: Moment,
        /// What those have counted that see calls.
        tallies: Box<Tallies>,
    },
}

/// Everything that can happen to a server.
#[derive(Debug)]
pub enum What {
    /// The server is watched from now on, or with other limits.
    Added(Limits),
    /// It is watched no more.
    Removed,
    /// A connection stands and was probed. What it lacks is said for people, one line each.
    Connected {
        /// Such as "pg_stat_statements: ...".
        lacking: Vec<String>,
        /// Whether texts of statements will be read.
        texts_come: bool,
    },
    /// The ERPs in its databases were recognised.
    Recognised(Arc<Erps>),
    /// Business keys were counted before the agent began, as the history has it, the latest first.
    Remembered(Vec<Remembered>),
    /// There is no connection.
    Lost {
        /// Bounded reason, such as `password`.
        kind: &'static str,
        /// For people: what, where, what to do.
        message: String,
    },
    /// The advisor has suggested something, or something has become of a suggestion.
    Suggested {
        /// All suggestions now.
        picture: Arc<Picture>,
        /// What is news.
        reports: Vec<Report>,
    },
    /// How long it is now from one run of these samplers to the next.
    Paced(Vec<(Sampler, Duration)>),
    /// A sampler has run.
    Ran {
        /// Which.
        sampler: Sampler,
        /// From asking to the last row.
        took: Duration,
        /// What of that the database may have spent: an upper bound.
        cost: Duration,
        /// How long from its beginning to that of the next run; `None` if that is not known, or told by [`What::Paced`].
        interval: Option<Duration>,
        /// What it brought.
        result: Result<Sampled, Failure>,
        /// The server's budget after it.
        spending: Spending,
    },
}

/// How much of one server is shown singly, and how often it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Statements.
    pub statements: usize,
    /// Databases.
    pub databases: usize,
    /// Tables, and indexes, of all databases.
    pub tables: usize,
    /// Of sessions, locks and transactions.
    pub activity: ActivityLimits,
    /// How often what has grown is given to the history.
    pub write_history_every: Duration,
}

/// A sample of any sampler.
#[derive(Debug)]
pub enum Sampled {
    /// Of `database`.
    Database(Box<database::Sample>),
    /// Of `statements`.
    Statements(statements::Sample),
    /// Of `texts`.
    Texts(texts::Sample),
    /// Of `relations`.
    Relations(relations::Sample),
    /// Of `settings`.
    Settings(settings::Sample),
    /// Of `usage`.
    Usage(usage::Sample),
    /// Of `vacuum`.
    Vacuum(vacuum::Sample),
    /// Of `replication`.
    Replication(replication::Sample),
    /// Of `io`.
    Io(Box<io::Sample>),
    /// Of `catalog`.
    Catalog(catalog::Sample),
    /// Of `queues`.
    Queues(queues::Sample),
    /// Of `duplicates`.
    Duplicates(duplicates::Sample),
    /// Of `activity`.
    Activity {
        /// When and how.
        taken: Taken,
        /// What came back, with who blocks whom if that was looked at.
        sample: activity::Sample,
    },
    /// Of `blockers`: they came with the sample of `activity`.
    Blockers,
    /// Of `log`.
    Log(serverlog::Batch),
    /// Of `advisor` and `ledger`: what they bring comes as [`What::Suggested`].
    Advice,
}

/// Why a run brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Bounded reason.
    pub outcome: Outcome,
    /// For people.
    pub message: String,
}

/// What sampling a server costs it, in cores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spending {
    /// What it may cost.
    pub limit: f64,
    /// What it would cost at the configured intervals.
    pub demand: f64,
    /// By what intervals are stretched to stay within the limit.
    pub stretch: f64,
}
