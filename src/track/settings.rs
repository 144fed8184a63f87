//! Settings as they were last read.

use crate::sample::Moment;
use crate::sample::settings::{Sample, Setting};
use crate::sample::table_options::Options;

/// Settings, `alter role/database ... set` of them, and limits of roles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// When they were read; `None` before that.
    pub at: Option<Moment>,
    /// What was read.
    pub sample: Sample,
}

impl View {
    /// A setting by its name; `None` if this server has none of this name, or it was not read yet.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.sample.get(name)
    }

    /// A setting's value in bytes, seconds or as it is; a switch is 1 or 0.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.sample.number(name)
    }

    /// From how many changed rows on autovacuum comes to a table of so many rows. Formula:
    /// relation_needs_vacanalyze in src/backend/postmaster/autovacuum.c. `None` where autovacuum
    /// does not come, or settings were not read yet.
    #[must_use]
    pub fn thresholds(&self, rows: f64, options: Option<&Options>) -> Option<Thresholds> {
        let own = |get: fn(&Options) -> Option<f64>| options.and_then(get);
        let enabled = options.and_then(|options| options.autovacuum_enabled).unwrap_or(true);
        if !enabled || self.number("autovacuum")? == 0.0 {
            return None;
        }
        let of = |base: Option<f64>, base_name, scale: Option<f64>, scale_name| {
            let base = base.or_else(|| self.number(base_name))?;
            let scale = scale.or_else(|| self.number(scale_name))?;
            (base >= 0.0).then_some(base + scale * rows)
        };
        let vacuum = of(
            own(|o| o.vacuum_threshold),
            "autovacuum_vacuum_threshold",
            own(|o| o.vacuum_scale_factor),
            "autovacuum_vacuum_scale_factor",
        )?;
        // PostgreSQL 18 and later; -1 is no limit.
        let most = own(|o| o.vacuum_max_threshold)
            .or_else(|| self.number("autovacuum_vacuum_max_threshold"))
            .filter(|most| *most >= 0.0);
        Some(Thresholds {
            vacuum: most.map_or(vacuum, |most| vacuum.min(most)),
            insert: of(
                own(|o| o.vacuum_insert_threshold),
                "autovacuum_vacuum_insert_threshold",
                own(|o| o.vacuum_insert_scale_factor),
                "autovacuum_vacuum_insert_scale_factor",
            ),
            analyze: of(
                own(|o| o.analyze_threshold),
                "autovacuum_analyze_threshold",
                own(|o| o.analyze_scale_factor),
                "autovacuum_analyze_scale_factor",
            )?,
        })
    }
}

/// When autovacuum comes, in rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Dead rows.
    pub vacuum: f64,
    /// Rows inserted since the last vacuum; `None` if that is switched off. From PostgreSQL 18 on
    /// the server may wait for fewer, as pages that are frozen do not count: this is at most.
    pub insert: Option<f64>,
    /// Rows changed since the last analyze.
    pub analyze: f64,
}
