//! Keys of a server.

use super::{Section, Shape, Times, key, milliseconds, optional};

pub(in crate::config) const SERVER: Section = Section {
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
