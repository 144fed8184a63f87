//! Every key, declared once: its name, what it holds, its default, what it means. Reading,
//! checking, the example file and the reference all come from here.

use std::time::Duration;

use crate::integration::Kind;

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// Any text that is not empty.
    Text,
    /// Text that must never be shown.
    Secret,
    /// `address:port`.
    Address,
    /// Such as `"10s"`.
    Duration { min: Duration, max: Duration },
    /// A whole number.
    Count { min: u64, max: u64 },
    /// Above 0, at most 1.
    Share,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any number of texts.
    List,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// As it would stand in the file; `None`: nothing unless given.
    pub(super) default: Option<&'static str>,
    /// It must be given; as it could stand in the file.
    pub(super) example: Option<&'static str>,
    pub(super) help: &'static str,
}

/// How often a table may stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Times {
    /// As `[name]`; every key can also be an environment variable.
    Once,
    /// As `[[name]]`, at least one; variables are for the only one.
    OneOrMore,
    /// As `[[name]]`; there are no variables.
    Any,
}

/// The keys of one table.
#[derive(Debug)]
pub(super) struct Section {
    /// Empty for the top level.
    pub(super) name: &'static str,
    pub(super) times: Times,
    pub(super) help: &'static str,
    pub(super) keys: &'static [Key],
}

const fn seconds(min: u64, max: u64) -> Shape {
    Shape::Duration { min: Duration::from_secs(min), max: Duration::from_secs(max) }
}

const fn milliseconds(min: u64, max: u64) -> Shape {
    Shape::Duration { min: Duration::from_millis(min), max: Duration::from_millis(max) }
}

const fn key(name: &'static str, shape: Shape, default: &'static str, help: &'static str) -> Key {
    Key { name, shape, default: Some(default), example: None, help }
}

const fn optional(name: &'static str, shape: Shape, help: &'static str) -> Key {
    Key { name, shape, default: None, example: None, help }
}

const fn required(
    name: &'static str,
    shape: Shape,
    example: &'static str,
    help: &'static str,
) -> Key {
    Key { name, shape, default: None, example: Some(example), help }
}

pub(super) const GENERAL: Section = Section {
    name: "",
    times: Times::Once,
    help: "",
    keys: &[
        key(
            "listen",
            Shape::Address,
            "127.0.0.1:10187",
            "Where /metrics, the API and the page are served.",
        ),
        key(
            "budget",
            Shape::Share,
            "0.01",
            "Share of one core of a server's time that sampling it may take; intervals are stretched to keep it.",
        ),
        optional(
            "profiles",
            Shape::List,
            "Files of profiles of your own, see docs/profiles.md; read again at SIGHUP.",
        ),
    ],
};

pub(super) const LOG: Section = Section {
    name: "log",
    times: Times::Once,
    help: "What is written to standard error.",
    keys: &[
        key(
            "level",
            Shape::Text,
            "info",
            "error, warn, info, debug, trace, or a filter such as erpscope=debug.",
        ),
        key(
            "format",
            Shape::Choice(&["text", "json"]),
            "text",
            "For people, or one JSON object a line.",
        ),
    ],
};

pub(super) const STATEMENTS: Section = Section {
    name: "statements",
    times: Times::Once,
    help: "Sampling of pg_stat_statements.",
    keys: &[
        key("interval", seconds(1, 3_600), "10s", "How often counters are read."),
        key(
            "texts_interval",
            seconds(1, 86_400),
            "60s",
            "At most how often texts are read; only while one is missing.",
        ),
        key(
            "top",
            Shape::Count { min: 0, max: 5_000 },
            "200",
            "Statements shown singly for each server; the rest is in `other`.",
        ),
        key(
            "text_chars",
            Shape::Count { min: 50, max: 10_000 },
            "1000",
            "A normalised text is cut to so many characters.",
        ),
    ],
};

pub(super) const DATABASE: Section = Section {
    name: "database",
    times: Times::Once,
    help: "Sampling of pg_stat_database and of facts about the server.",
    keys: &[
        key("interval", seconds(1, 3_600), "15s", "How often they are read."),
        key(
            "top",
            Shape::Count { min: 1, max: 1_000 },
            "100",
            "Databases shown singly for each server; the rest is in `other`.",
        ),
    ],
};

pub(super) const ACTIVITY: Section = Section {
    name: "activity",
    times: Times::Once,
    help: "Sampling of sessions: what they do, what they wait for, who blocks whom.",
    keys: &[
        key("interval", milliseconds(50, 10_000), "100ms", "How often sessions are looked at."),
        key(
            "series",
            Shape::Count { min: 100, max: 50_000 },
            "1000",
            "Series of one metric of sessions, locks or transactions for each server; what is over it is in `other`.",
        ),
    ],
};

pub(super) const LOCKS: Section = Section {
    name: "locks",
    times: Times::Once,
    help: "What is told as an event of waits for locks.",
    keys: &[
        key(
            "report_after",
            milliseconds(0, 3_600_000),
            "1s",
            "A finished wait of this length is an event.",
        ),
        key(
            "incident_victims",
            Shape::Count { min: 1, max: 10_000 },
            "3",
            "Sessions that wait because of one root blocker are an incident from this number on.",
        ),
        key(
            "incident_after",
            milliseconds(0, 3_600_000),
            "10s",
            "A root blocker that somebody has waited for so long is an incident, too.",
        ),
    ],
};

pub(super) const TRANSACTIONS: Section = Section {
    name: "transactions",
    times: Times::Once,
    help: "What counts as a slow transaction.",
    keys: &[key(
        "slow_after",
        milliseconds(10, 86_400_000),
        "1s",
        "A transaction of this length is a slow one.",
    )],
};

pub(super) const APPLICATION: Section = Section {
    name: "application",
    times: Times::Any,
    help: "An application with a threshold of its own; repeat the whole table for each.",
    keys: &[
        required("name", Shape::Text, "bi-report", "As the profiles name it, or `other`."),
        required(
            "slow_after",
            milliseconds(10, 86_400_000),
            "30s",
            "A transaction of this application is a slow one only from this length on.",
        ),
    ],
};

pub(super) const SERVER: Section = Section {
    name: "server",
    times: Times::OneOrMore,
    help: "A PostgreSQL server to watch; repeat the whole table for each.",
    keys: &[
        optional("name", Shape::Text, "The label `server` everywhere; default host:port."),
        optional(
            "url",
            Shape::Secret,
            "postgres://user@host:port/dbname?sslmode=...; instead of the parts below.",
        ),
        optional(
            "service",
            Shape::Text,
            "A service of pg_service.conf (PGSERVICEFILE, ~/.pg_service.conf, PGSYSCONFDIR); gives any of the parts below.",
        ),
        key("host", Shape::Text, "localhost", "Name or address, or the folder of a Unix socket."),
        key("port", Shape::Count { min: 1, max: 65_535 }, "5432", "Port."),
        key(
            "user",
            Shape::Text,
            "erpscope",
            "Role; `erpscope setup` prints the SQL that makes it.",
        ),
        key("dbname", Shape::Text, "postgres", "Database connected to first."),
        optional(
            "erp",
            Shape::Text,
            "Name of the profile for all its databases, such as odoo; without it each database is recognised by its tables.",
        ),
        optional("password", Shape::Secret, "The password itself; better kept in a file."),
        optional(
            "password_file",
            Shape::Text,
            "File whose first line is the password; read at each connection.",
        ),
        optional("password_env", Shape::Text, "Environment variable that holds the password."),
        optional(
            "passfile",
            Shape::Text,
            "libpq's password file; default PGPASSFILE, else ~/.pgpass.",
        ),
        key(
            "sslmode",
            Shape::Choice(&["disable", "prefer", "require", "verify-ca", "verify-full"]),
            "prefer",
            "TLS, as libpq defines the modes.",
        ),
        optional(
            "sslrootcert",
            Shape::Text,
            "PEM file of the authorities to trust; default the system's.",
        ),
        optional("sslcert", Shape::Text, "PEM file of the client's certificate."),
        optional("sslkey", Shape::Text, "PEM file of its key."),
        key(
            "connect_timeout",
            milliseconds(100, 60_000),
            "5s",
            "For connecting, TLS and authentication together.",
        ),
        key(
            "statement_timeout",
            milliseconds(100, 600_000),
            "2s",
            "Set in every session of the agent.",
        ),
        key(
            "lock_timeout",
            milliseconds(10, 10_000),
            "100ms",
            "Set in every session of the agent.",
        ),
        optional(
            "log",
            Shape::Text,
            "csvlog or jsonlog of the server, as a file, a folder or a pattern such as /var/log/postgresql/postgresql-*.csv; tells waits and failures that sampling misses.",
        ),
    ],
};

pub(super) const INTEGRATION: Section = Section {
    name: "integration",
    times: Times::Any,
    help: "An external system that calls the ERP or is called by it, see docs/integrations.md; repeat the whole table for each. Where two fit, the first has it.",
    keys: &[
        required("name", Shape::Text, "webshop", "The label `integration` everywhere."),
        key("kind", Shape::Choice(&Kind::ALL), "other", "What it is."),
        required(
            "direction",
            Shape::Choice(&["inbound", "outbound"]),
            "inbound",
            "inbound: it calls the ERP or works in its database; outbound: the ERP calls it.",
        ),
        key(
            "mode",
            Shape::Choice(&["realtime", "batch"]),
            "realtime",
            "Whether somebody waits for each call.",
        ),
        optional(
            "owns",
            Shape::List,
            "Modules, and patterns of tables, that it may write, such as [\"sales\", \"stock_move*\"]; a write to another is a boundary breach.",
        ),
        optional(
            "latency",
            milliseconds(1, 3_600_000),
            "Objective: a call longer than this is a slow one.",
        ),
        optional("success", Shape::Share, "Objective: the share of calls that should succeed."),
        optional(
            "silent_after",
            seconds(1, 31_622_400),
            "Without a call for so long it counts as silent.",
        ),
        optional(
            "application_names",
            Shape::List,
            "Patterns of application_name; a session must fit one of each of these three lists that is given.",
        ),
        optional("roles", Shape::List, "Patterns of roles."),
        optional(
            "clients",
            Shape::List,
            "Addresses and networks of clients, such as [\"10.1.0.0/16\"].",
        ),
        optional(
            "comments",
            Shape::List,
            "Keys of SQL comments with patterns of their values, such as [\"application=shop*\"]; one that fits decides before the lists above.",
        ),
        optional(
            "spans",
            Shape::List,
            "Attributes of spans or their resource with patterns of their values, such as [\"peer.service=stripe\", \"server.address=*.stripe.com\"].",
        ),
    ],
};

/// All tables, in the order of the example file.
pub(super) const SECTIONS: [&Section; 10] = [
    &GENERAL,
    &LOG,
    &STATEMENTS,
    &DATABASE,
    &ACTIVITY,
    &LOCKS,
    &TRANSACTIONS,
    &APPLICATION,
    &INTEGRATION,
    &SERVER,
];

impl Section {
    /// The environment variable for a key of this table.
    pub(super) fn variable(&self, key: &str) -> Option<String> {
        let path =
            if self.name.is_empty() { key.to_owned() } else { format!("{}_{key}", self.name) };
        (self.times != Times::Any).then(|| format!("ERPSCOPE_{}", path.to_uppercase()))
    }

    /// How the table begins in the file.
    pub(super) fn header(&self) -> String {
        match self.times {
            Times::Once => format!("[{}]", self.name),
            Times::OneOrMore | Times::Any => format!("[[{}]]", self.name),
        }
    }
}
