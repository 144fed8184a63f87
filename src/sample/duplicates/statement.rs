//! A business key as SQL: what is compared, which rows count, and whether an index keeps it unique.

use super::Reading;
use crate::erp::{Fold, Key};
use crate::pg::quoted;

/// What a unique index is on, and of which rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unique {
    /// Names of columns, and expressions as the server writes them.
    pub(super) parts: Vec<String>,
    /// As the server writes it; `None` if it is of all rows.
    pub(super) predicate: Option<String>,
}

/// The query for a person to see the rows: the keys that are there more than once, the most often first.
#[must_use]
pub fn to_see(reading: &Reading) -> String {
    let (key, places) = (&reading.key, 1..=reading.key.columns.len());
    let shown: Vec<String> = expressions(key, &reading.is_text)
        .into_iter()
        .zip(&key.columns)
        .map(|(expression, column)| {
            let column = quoted(column);
            if expression == column { expression } else { format!("{expression} as {column}") }
        })
        .collect();
    let places: Vec<String> = places.map(|place| place.to_string()).collect();
    format!(
        "select {}, count(*) from {} where {} group by {} having count(*) > 1 order by count(*) desc limit 100;",
        shown.join(", "),
        table(reading),
        conditions(key, &reading.is_text).join(" and "),
        places.join(", ")
    )
}

/// The index that lets no more of them in, once they are merged. `None` for a partitioned table: the server makes
/// none there concurrently, and none that is unique without the columns that say where a row belongs.
#[must_use]
pub fn to_keep_out(reading: &Reading) -> Option<String> {
    if reading.is_partitioned {
        return None;
    }
    let conditions = conditions(&reading.key, &reading.is_text);
    // Null is never equal to null in an index.
    let conditions: Vec<&str> = conditions
        .iter()
        .map(String::as_str)
        .filter(|condition| !condition.ends_with("is not null"))
        .collect();
    let only = if conditions.is_empty() {
        String::new()
    } else {
        format!(" where {}", conditions.join(" and "))
    };
    Some(format!(
        "create unique index concurrently on {} ({}){only};",
        table(reading),
        expressions(&reading.key, &reading.is_text).join(", ")
    ))
}

/// The query that counts.
pub(super) fn to_count(reading: &Reading) -> String {
    include_str!("../duplicates_count.sql")
        .lines()
        .filter(|line| !line.starts_with("--"))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("{table}", &table(reading))
        .replace("{rows}", &conditions(&reading.key, &reading.is_text).join(" and "))
        .replace("{key}", &expressions(&reading.key, &reading.is_text).join(", "))
}

/// Whether an index lets no two rows of the same key in: what it is on is all a part of the key, and it
/// leaves out no rows that count.
pub(super) fn keeps(unique: &Unique, key: &Key, is_text: &[bool]) -> bool {
    let plain = |texts: Vec<String>| texts.iter().map(|text| plain(text)).collect::<Vec<_>>();
    let (parts, conditions) = (plain(expressions(key, is_text)), plain(conditions(key, is_text)));
    let holds = |all: &[String], text: &str| all.contains(&self::plain(text));
    let predicate = unique.predicate.as_deref();
    unique.parts.iter().all(|part| holds(&parts, part))
        && predicate
            .is_none_or(|predicate| predicate.split(" AND ").all(|part| holds(&conditions, part)))
}

/// What is compared, one for each column.
fn expressions(key: &Key, is_text: &[bool]) -> Vec<String> {
    let folded = |(column, is_text): (&String, &bool)| match key.fold {
        Fold::Lower if *is_text => format!("lower(btrim({}::text))", quoted(column)),
        Fold::Compact if *is_text => compact(column),
        _ => quoted(column),
    };
    key.columns.iter().zip(is_text).map(folded).collect()
}

fn compact(column: &str) -> String {
    format!("lower(regexp_replace({}::text, '[^[:alnum:]]', '', 'g'))", quoted(column))
}

/// Which rows count: those that have the key, and are of those that it is for.
fn conditions(key: &Key, is_text: &[bool]) -> Vec<String> {
    let is_there = |(column, is_text): (&String, &bool)| match key.fold {
        _ if !is_text => format!("{} is not null", quoted(column)),
        Fold::Compact => format!("{} <> ''", compact(column)),
        Fold::Exact | Fold::Lower => format!("btrim({}::text) <> ''", quoted(column)),
    };
    let only = key.only.iter().map(|(column, word)| format!("{} = '{word}'", quoted(column)));
    let null = key.null.iter().map(|column| format!("{} is null", quoted(column)));
    key.columns.iter().zip(is_text).map(is_there).chain(only).chain(null).collect()
}

fn table(reading: &Reading) -> String {
    format!("{}.{}", quoted(&reading.schema), quoted(&reading.key.table))
}

/// To types that words and columns of keys have; what begins another comes after it.
const CASTS: [&str; 10] = [
    "::text",
    "::charactervarying",
    "::character",
    "::bpchar",
    "::boolean",
    "::numeric",
    "::smallint",
    "::integer",
    "::bigint",
    "::name",
];

/// Without what the server adds or leaves out when it writes an expression: casts, quotes, brackets.
/// What is not recognised all the same is only looked at once more than it needs to be.
fn plain(text: &str) -> String {
    let text = text.replace("TRIM(BOTH FROM ", "btrim(").replace(" IS NULL", " is null");
    let text: String = text.chars().filter(|c| !" \"()'".contains(*c)).collect();
    CASTS.iter().fold(text, |text, cast| text.replace(cast, ""))
}

#[cfg(test)]
mod tests {
    use super::super::tests::reading;
    use super::*;

    fn unique(parts: &[&str], predicate: Option<&str>) -> Unique {
        let parts = parts.iter().map(|part| (*part).to_owned()).collect();
        Unique { parts, predicate: predicate.map(str::to_owned) }
    }

    const EMAIL: &str =
        "columns = ['E-Mail']\nfold = 'lower'\nonly = { active = 'true' }\nnull = ['parent']";

    #[test]
    fn a_key_is_counted_in_the_rows_that_have_it_and_are_meant() {
        let sql = to_count(&reading(EMAIL, &[true]));
        for part in [
            "from \"s\"\"s\".\"a b\" k where btrim(\"E-Mail\"::text) <> '' and \"active\" = 'true' \
             and \"parent\" is null group by lower(btrim(\"E-Mail\"::text)) having",
            "coalesce(sum(g.n - 1), 0)",
        ] {
            assert!(sql.contains(part), "{part}\nnot in\n{sql}");
        }
        assert!(!sql.contains(['{', '}']), "{sql}");
        let sql =
            to_count(&reading("columns = ['partner', 'ref']\nfold = 'compact'", &[false, true]));
        let compact = "lower(regexp_replace(\"ref\"::text, '[^[:alnum:]]', '', 'g'))";
        let wanted = format!(
            "where \"partner\" is not null and {compact} <> '' group by \"partner\", {compact}"
        );
        assert!(sql.contains(&wanted), "{wanted}\nnot in\n{sql}");
    }

    #[test]
    fn what_a_person_is_to_run_names_everything_in_quotes() {
        let reading = reading("columns = ['partner', 'ref']\nfold = 'lower'", &[false, true]);
        assert_eq!(
            to_see(&reading),
            "select \"partner\", lower(btrim(\"ref\"::text)) as \"ref\", count(*) from \"s\"\"s\".\"a b\" \
             where \"partner\" is not null and btrim(\"ref\"::text) <> '' group by 1, 2 \
             having count(*) > 1 order by count(*) desc limit 100;"
        );
        assert_eq!(
            to_keep_out(&reading).unwrap(),
            "create unique index concurrently on \"s\"\"s\".\"a b\" (\"partner\", \
             lower(btrim(\"ref\"::text))) where btrim(\"ref\"::text) <> '';"
        );
        assert_eq!(to_keep_out(&Reading { is_partitioned: true, ..reading }), None);
    }

    #[test]
    fn an_index_keeps_a_key_unique_if_it_is_on_the_key_and_leaves_out_no_row_of_it() {
        let reading = reading(EMAIL, &[true]);
        let keeps = |parts: &[&str], predicate| {
            keeps(&unique(parts, predicate), &reading.key, &reading.is_text)
        };
        let folded = "lower(btrim(\"E-Mail\"::text))";
        assert!(keeps(&[folded], None));
        assert!(keeps(&["lower(TRIM(BOTH FROM \"E-Mail\"))"], Some("active = true")));
        assert!(keeps(
            &[folded],
            Some("btrim(\"E-Mail\") <> ''::text AND active = true AND parent IS NULL")
        ));
        assert!(!keeps(&[folded], Some("active = true AND country = 3")), "of fewer rows");
        assert!(!keeps(&["E-Mail"], None), "the same address in other letters gets in");
        assert!(!keeps(&[folded, "company"], None), "one in each company gets in");
    }

    #[test]
    fn an_index_is_known_again_by_words_in_whatever_type_the_column_has() {
        let reading = reading("columns = ['tax_id']\nonly = { disabled = '0' }", &[true]);
        for cast in ["", "::smallint", "::integer", "::bigint", "::name", "::character varying"] {
            let index = unique(&["tax_id"], Some(&format!("disabled = '0'{cast}")));
            assert!(keeps(&index, &reading.key, &reading.is_text), "{cast}");
        }
        let other = unique(&["tax_id"], Some("disabled = '1'::smallint"));
        assert!(!keeps(&other, &reading.key, &reading.is_text));
    }

    #[test]
    fn an_index_on_a_part_of_a_key_keeps_it_unique_too() {
        let reading = reading("columns = ['type', 'code']", &[true, true]);
        let keeps = |parts: &[&str]| keeps(&unique(parts, None), &reading.key, &reading.is_text);
        assert!(keeps(&["code", "type"]) && keeps(&["code"]) && !keeps(&["code", "party"]));
    }
}
