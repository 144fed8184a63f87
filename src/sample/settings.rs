//! Settings of the server that decide how well an ERP runs on it, and limits of roles.

use tokio_postgres::Row;

use super::SampleError;
use super::activity::text;
use super::decode::unsigned;
use crate::pg::{Lossy, Session};

/// Settings that are read. None of them can hold a secret or a path.
pub const NAMES: [&str; 54] = [
    "autovacuum",
    "autovacuum_analyze_scale_factor",
    "autovacuum_analyze_threshold",
    "autovacuum_freeze_max_age",
    "autovacuum_max_workers",
    "autovacuum_multixact_freeze_max_age",
    "autovacuum_naptime",
    "autovacuum_vacuum_cost_delay",
    "autovacuum_vacuum_cost_limit",
    "autovacuum_vacuum_insert_scale_factor",
    "autovacuum_vacuum_insert_threshold",
    "autovacuum_vacuum_max_threshold",
    "autovacuum_vacuum_scale_factor",
    "autovacuum_vacuum_threshold",
    "autovacuum_work_mem",
    "checkpoint_completion_target",
    "checkpoint_timeout",
    "deadlock_timeout",
    "default_statistics_target",
    "effective_cache_size",
    "effective_io_concurrency",
    "fsync",
    "full_page_writes",
    "hash_mem_multiplier",
    "hot_standby_feedback",
    "huge_pages",
    "idle_in_transaction_session_timeout",
    "jit",
    "jit_above_cost",
    "log_autovacuum_min_duration",
    "log_checkpoints",
    "log_lock_waits",
    "log_temp_files",
    "maintenance_work_mem",
    "max_connections",
    "max_parallel_workers_per_gather",
    "max_slot_wal_keep_size",
    "max_standby_streaming_delay",
    "max_wal_size",
    "min_wal_size",
    "random_page_cost",
    "seq_page_cost",
    "shared_buffers",
    "synchronous_commit",
    "temp_buffers",
    "temp_file_limit",
    "track_activities",
    "track_counts",
    "track_functions",
    "track_io_timing",
    "track_wal_io_timing",
    "vacuum_cost_limit",
    "wal_level",
    "work_mem",
];

/// One setting as sessions have it that say nothing of it themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value as pg_settings shows it, without a unit; `None` where our own role has another
    /// value of its own, which hides the server's.
    pub value: Option<String>,
    /// Such as `8kB` or `ms`; empty for none.
    pub unit: String,
    /// Where the value comes from, such as `default` or `configuration file`.
    pub source: String,
    /// Whether it is the value that the server comes with.
    pub is_default: bool,
    /// Another value waits for a restart.
    pub pending_restart: bool,
}

impl Setting {
    /// Its value in base units, bytes or seconds; a switch is 1 or 0. `None` if it is a word, or
    /// not known. -1 and 0 often mean something else than an amount.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        let value = self.value.as_deref()?;
        match value {
            "on" => return Some(1.0),
            "off" => return Some(0.0),
            _ => {}
        }
        let number: f64 = value.parse().ok()?;
        let (factor, _) = base(&self.unit)?;
        Some(if number < 0.0 { number } else { number * factor })
    }

    /// `bytes`, `seconds`, or empty.
    #[must_use]
    pub fn base_unit(&self) -> &'static str {
        base(&self.unit).map_or("", |(_, unit)| unit)
    }
}

/// What one of this unit is, in bytes or seconds; units as in src/backend/utils/misc/guc.c.
fn base(unit: &str) -> Option<(f64, &'static str)> {
    let digits = unit.chars().take_while(char::is_ascii_digit).count();
    let (number, name) = unit.split_at(digits);
    let number = if number.is_empty() { 1.0 } else { number.parse().ok()? };
    let (factor, base) = match name {
        "" => (1.0, ""),
        "B" => (1.0, "bytes"),
        "kB" => (1_024.0, "bytes"),
        "MB" => (1_048_576.0, "bytes"),
        "us" => (1e-6, "seconds"),
        "ms" => (1e-3, "seconds"),
        "s" => (1.0, "seconds"),
        "min" => (60.0, "seconds"),
        _ => return None,
    };
    Some((number * factor, base))
}

/// `alter role ... set` or `alter database ... set` of one of these settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// In this database only.
    pub datname: Option<String>,
    /// For this role only.
    pub usename: Option<String>,
    /// The setting.
    pub name: String,
    /// Its value, as it was written.
    pub value: String,
}

/// A role that may have so many connections only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleLimit {
    /// Its name.
    pub usename: String,
    /// `rolconnlimit`.
    pub limit: u32,
    /// Sessions now that count toward it.
    pub connections: u32,
}

/// One sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Those that this server has, by name.
    pub settings: Vec<Setting>,
    /// At most 500.
    pub overrides: Vec<Override>,
    /// At most 100, the fullest first.
    pub roles: Vec<RoleLimit>,
}

impl Sample {
    /// A setting by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Setting> {
        let at = self.settings.binary_search_by(|setting| setting.name.as_str().cmp(name)).ok()?;
        self.settings.get(at)
    }

    /// A setting's value in base units.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.number()
    }
}

/// Reads them. Our sessions have some settings of their own, so these are read by one that has not:
/// it is opened for this one query and closed.
///
/// # Errors
/// When they cannot be read.
pub async fn read(session: &Session) -> Result<Sample, SampleError> {
    let names: Vec<&str> = NAMES.to_vec();
    let plain = session.beside_as_the_server_has_it().await?;
    let rows = plain.client().query(include_str!("settings.sql"), &[&names]).await?;
    let mut settings = rows.iter().map(setting).collect::<Result<Vec<_>, _>>()?;
    settings.sort_by(|a, b| a.name.cmp(&b.name));
    drop(plain);
    let client = session.client();
    let overrides = client.query(include_str!("settings_overrides.sql"), &[&names]).await?;
    let roles = client.query(include_str!("settings_roles.sql"), &[]).await?;
    Ok(Sample {
        settings,
        overrides: overrides.iter().map(overriding).collect::<Result<_, _>>()?,
        roles: roles.iter().map(role).collect::<Result<_, _>>()?,
    })
}

fn setting(row: &Row) -> Result<Setting, SampleError> {
    let (value, source) = (text(row, 1)?, text(row, 3)?);
    let is_ours = matches!(&*source, "client" | "user" | "database user" | "session");
    Ok(Setting {
        name: text(row, 0)?,
        is_default: !is_ours && value == text(row, 4)?,
        value: (!is_ours).then_some(value),
        unit: text(row, 2)?,
        source,
        pending_restart: row.try_get(5)?,
    })
}

fn overriding(row: &Row) -> Result<Override, SampleError> {
    let maybe = |column| {
        let text: Option<Lossy> = row.try_get(column)?;
        Ok::<_, SampleError>(text.map(|Lossy(text)| text))
    };
    Ok(Override {
        datname: maybe(0)?,
        usename: maybe(1)?,
        name: text(row, 2)?,
        value: text(row, 3)?,
    })
}

fn role(row: &Row) -> Result<RoleLimit, SampleError> {
    Ok(RoleLimit {
        usename: text(row, 0)?,
        limit: u32::try_from(row.try_get::<_, i32>(1)?).unwrap_or(0),
        connections: u32::try_from(unsigned(row.try_get(2)?)).unwrap_or(u32::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str, unit: &str) -> Setting {
        Setting {
            name: "some".into(),
            value: Some(value.into()),
            unit: unit.into(),
            source: "default".into(),
            is_default: true,
            pending_restart: false,
        }
    }

    #[test]
    fn values_are_told_in_bytes_and_seconds() {
        let cases = [
            ("16384", "8kB", Some(134_217_728.0), "bytes"),
            ("64", "MB", Some(67_108_864.0), "bytes"),
            ("5", "min", Some(300.0), "seconds"),
            ("1000", "ms", Some(1.0), "seconds"),
            ("-1", "MB", Some(-1.0), "bytes"),
            ("1.1", "", Some(1.1), ""),
            ("on", "", Some(1.0), ""),
            ("replica", "", None, ""),
            ("3", "parsec", None, ""),
        ];
        for (value, unit, number, base) in cases {
            let setting = of(value, unit);
            assert_eq!((setting.number(), setting.base_unit()), (number, base), "{value} {unit}");
        }
        assert_eq!(Setting { value: None, ..of("", "") }.number(), None);
    }

    #[test]
    fn names_are_in_order_for_none_is_looked_for_twice() {
        assert!(NAMES.is_sorted());
    }
}
