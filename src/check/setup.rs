//! The SQL which an administrator runs once. Nothing here runs it.

use super::mend::{self, connect_to};
use crate::pg::quoted;

/// What the SQL is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Major version of the server, 13 or later.
    pub version_major: u32,
    /// The role of the agent.
    pub role: String,
    /// The database in which pg_stat_statements is created.
    pub datname: String,
    /// The libraries that are preloaded now, if that is known.
    pub preloaded: Option<String>,
}

/// SQL for psql. Running it twice is harmless; it holds no password.
#[must_use]
pub fn setup_sql(target: &Target) -> String {
    let role = quoted(&target.role);
    let literal = target.role.replace('\'', "''");
    let database = quoted(&target.datname);
    let monitor = mend::monitor(target.version_major, &role).join("\n");
    let reserved = if target.version_major >= 16 {
        format!(
            "-- Lets the agent in when ordinary connections have run out (see reserved_connections).\ngrant pg_use_reserved_connections to {role} with inherit true;\n"
        )
    } else {
        String::new()
    };
    let preload = preload(target.preloaded.as_deref());
    format!(
        "-- erpscope: what the agent needs on PostgreSQL {version}. Run it with psql as an administrator:\n\
         --   erpscope setup | psql -X -v ON_ERROR_STOP=1 -d postgres\n\
         \n\
         -- A role that may look at statistics and at nothing else.\n\
         select format('create role %I', '{literal}')\n\
         where not exists (select from pg_roles where rolname = '{literal}') \\gexec\n\
         alter role {role} login connection limit 10;\n\
         alter role {role} set default_transaction_read_only = on;\n\
         alter role {role} set statement_timeout = '10s';\n\
         alter role {role} set idle_in_transaction_session_timeout = '10s';\n\
         {monitor}\n\
         {reserved}\
         grant connect on database {database} to {role};\n\
         \n\
         -- Its password, typed and not shown; the same goes into the agent's password_file:\n\
         --   \\password {shown}\n\
         \n\
         {preload}\
         \n\
         {connect}\n\
         create extension if not exists pg_stat_statements;\n\
         \n\
         -- Optional: what `erpscope advise` asks the planner with, in each database. Package: postgresql-{version}-hypopg.\n\
         select 'create extension if not exists hypopg'\n\
         where exists (select from pg_available_extensions where name = 'hypopg') \\gexec\n\
         -- The planner answers, and what is empty in a table is estimated, only where the role may read (14 and later; else select on the tables):\n\
         --   grant pg_read_all_data to {shown};\n\
         \n\
         -- Optional: more to see, at little cost; track_activity_query_size takes effect at a restart.\n\
         --   alter system set track_io_timing = on;\n\
         --   alter system set log_lock_waits = on;\n\
         --   alter system set track_activity_query_size = 4096;\n\
         --   select pg_reload_conf();\n",
        version = target.version_major,
        // A comment ends with its line.
        shown = role.replace(char::is_control, " "),
        connect = connect_to(&target.datname),
    )
}

fn preload(preloaded: Option<&str>) -> String {
    const NAME: &str = "pg_stat_statements";
    match preloaded {
        Some(list) if list.split(',').any(|name| name.trim() == NAME) => {
            format!("-- {NAME} is preloaded already.\n")
        }
        Some("") => format!(
            "-- The library must be loaded at the start: restart the server after this.\n\
             alter system set shared_preload_libraries = '{NAME}';\n"
        ),
        Some(list) => {
            let mut names: Vec<String> =
                list.split(',').map(|name| format!("'{}'", name.trim())).collect();
            names.push(format!("'{NAME}'"));
            format!(
                "-- The library must be loaded at the start: restart the server after this.\n\
                 alter system set shared_preload_libraries = {};\n",
                names.join(", ")
            )
        }
        None => format!(
            "-- If `show shared_preload_libraries` does not list {NAME}: add it there and restart, e.g.\n\
             --   alter system set shared_preload_libraries = '{NAME}';\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(preloaded: Option<&str>) -> Target {
        Target {
            version_major: 15,
            role: "we\"ird'".into(),
            datname: "erp".into(),
            preloaded: preloaded.map(str::to_owned),
        }
    }

    #[test]
    fn names_are_quoted_and_no_password_is_in_it() {
        let sql = setup_sql(&target(None));
        assert!(sql.contains("grant pg_monitor to \"we\"\"ird'\";"));
        assert!(sql.contains("format('create role %I', 'we\"ird''')"));
        assert!(!sql.to_lowercase().contains("password '"));
    }

    #[test]
    fn reserved_connections_are_granted_where_they_exist() {
        assert!(!setup_sql(&target(None)).contains("pg_use_reserved"));
        assert!(
            setup_sql(&Target { version_major: 16, ..target(None) })
                .contains("grant pg_use_reserved_connections")
        );
    }

    #[test]
    fn the_role_of_the_compose_file_is_the_one_that_is_printed() {
        let script = include_str!("../../deploy/docker/role.sh");
        let compose = include_str!("../../deploy/docker/compose.yaml");
        let version_major = 17;
        assert!(compose.contains(&format!("image: postgres:{version_major}\n")));
        let target = Target {
            version_major,
            role: "erpscope".into(),
            datname: "postgres".into(),
            preloaded: Some("pg_stat_statements".into()),
        };
        let sql = setup_sql(&target);
        let printed = sql.lines().filter(|line| line.ends_with(';') && !line.starts_with("--"));
        for line in printed {
            assert!(script.contains(line), "deploy/docker/role.sh lacks: {line}");
        }
    }

    #[test]
    fn libraries_that_are_loaded_stay_loaded() {
        let sql = setup_sql(&target(Some("auto_explain, timescaledb")));
        assert!(sql.contains("= 'auto_explain', 'timescaledb', 'pg_stat_statements';"), "{sql}");
        assert!(setup_sql(&target(Some("pg_stat_statements"))).contains("preloaded already"));
    }
}
