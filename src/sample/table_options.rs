//! Storage parameters of a table that decide how vacuum and analyze treat it.

/// What a table has of its own; `None`: as the server has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// `autovacuum_enabled`.
    pub autovacuum_enabled: Option<bool>,
    /// `autovacuum_vacuum_threshold`, in rows.
    pub vacuum_threshold: Option<f64>,
    /// `autovacuum_vacuum_scale_factor`, share of the table.
    pub vacuum_scale_factor: Option<f64>,
    /// `autovacuum_vacuum_insert_threshold`, in rows.
    pub vacuum_insert_threshold: Option<f64>,
    /// `autovacuum_vacuum_insert_scale_factor`, share of the table.
    pub vacuum_insert_scale_factor: Option<f64>,
    /// `autovacuum_vacuum_max_threshold` (PostgreSQL 18), in rows.
    pub vacuum_max_threshold: Option<f64>,
    /// `autovacuum_analyze_threshold`, in rows.
    pub analyze_threshold: Option<f64>,
    /// `autovacuum_analyze_scale_factor`, share of the table.
    pub analyze_scale_factor: Option<f64>,
    /// `autovacuum_freeze_max_age`, in transactions.
    pub freeze_max_age: Option<f64>,
    /// `fillfactor`, in percent.
    pub fillfactor: Option<f64>,
}

impl Options {
    /// From `pg_class.reloptions`; `None` if nothing of this is in it.
    pub(super) fn read<'a>(options: impl Iterator<Item = &'a str>) -> Option<Box<Self>> {
        let mut read = Self::default();
        for (name, value) in options.filter_map(|option| option.split_once('=')) {
            let number = value.parse::<f64>().ok();
            match name {
                "autovacuum_enabled" => read.autovacuum_enabled = boolean(value),
                "autovacuum_vacuum_threshold" => read.vacuum_threshold = number,
                "autovacuum_vacuum_scale_factor" => read.vacuum_scale_factor = number,
                "autovacuum_vacuum_insert_threshold" => read.vacuum_insert_threshold = number,
                "autovacuum_vacuum_insert_scale_factor" => read.vacuum_insert_scale_factor = number,
                "autovacuum_vacuum_max_threshold" => read.vacuum_max_threshold = number,
                "autovacuum_analyze_threshold" => read.analyze_threshold = number,
                "autovacuum_analyze_scale_factor" => read.analyze_scale_factor = number,
                "autovacuum_freeze_max_age" => read.freeze_max_age = number,
                "fillfactor" => read.fillfactor = number,
                _ => {}
            }
        }
        (read != Self::default()).then(|| Box::new(read))
    }
}

/// As PostgreSQL reads it (parse_bool in src/backend/utils/adt/bool.c): any unambiguous beginning.
fn boolean(value: &str) -> Option<bool> {
    let value = value.to_ascii_lowercase();
    let begins = |word: &str, least: usize| value.len() >= least && word.starts_with(&*value);
    if value == "1" || begins("true", 1) || begins("yes", 1) || value == "on" {
        return Some(true);
    }
    (value == "0" || begins("false", 1) || begins("no", 1) || begins("off", 2)).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_table_has_of_its_own_is_kept() {
        assert_eq!(Options::read(["toast_tuple_target=128", "odd"].into_iter()), None);
        let read = Options::read(
            ["autovacuum_enabled=off", "autovacuum_vacuum_scale_factor=0.01"].into_iter(),
        );
        let expected = Options {
            autovacuum_enabled: Some(false),
            vacuum_scale_factor: Some(0.01),
            ..Options::default()
        };
        assert_eq!(read.as_deref(), Some(&expected));
    }

    #[test]
    fn a_switch_is_read_as_postgresql_reads_it() {
        let read = ["t", "TRUE", "on", "1", "f", "false", "of", "no", "0", "o", "2"].map(boolean);
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(read, [yes, yes, yes, yes, no, no, no, no, no, None, None]);
    }
}
