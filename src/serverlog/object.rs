//! What a lock is on, as PostgreSQL describes it.

/// The object of a lock. Descriptions: PostgreSQL's src/backend/storage/lmgr/lmgr.c,
/// `DescribeLockTag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Object {
    /// As in `pg_locks.locktype`; `unknown` for one that came after PostgreSQL 18.
    pub locktype: &'static str,
    /// `pg_class.oid`, if it is a relation or in one.
    pub relation: Option<u32>,
    /// `pg_database.oid`, if told; 0 for what all databases share.
    pub database: Option<u32>,
}

/// How a description begins, and its `pg_locks.locktype`.
const LOCKTYPES: [(&str, &str); 12] = [
    ("relation ", "relation"),
    ("extension of relation ", "extend"),
    ("pg_database.datfrozenxid ", "frozenid"),
    ("page ", "page"),
    ("tuple ", "tuple"),
    ("transaction ", "transactionid"),
    ("virtual transaction ", "virtualxid"),
    ("speculative token ", "spectoken"),
    ("object ", "object"),
    ("user lock ", "userlock"),
    ("advisory lock ", "advisory"),
    ("remote transaction ", "applytransaction"),
];

impl Object {
    pub(super) fn parse(text: &str) -> Self {
        let locktype = LOCKTYPES.iter().find(|(start, _)| text.starts_with(start));
        Self {
            locktype: locktype.map_or("unknown", |(_, name)| name),
            relation: number_after(text, "relation "),
            // User and advisory locks begin with their database.
            database: number_after(text, "of database ").or_else(|| number_after(text, "lock [")),
        }
    }
}

fn number_after(text: &str, words: &str) -> Option<u32> {
    let (_, rest) = text.split_once(words)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_description_has_its_locktype_relation_and_database() {
        for (text, locktype, relation, database) in [
            ("relation 16384 of database 5", "relation", Some(16_384), Some(5)),
            ("relation 1262 of database 0", "relation", Some(1_262), Some(0)),
            ("extension of relation 16384 of database 5", "extend", Some(16_384), Some(5)),
            ("pg_database.datfrozenxid of database 5", "frozenid", None, Some(5)),
            ("page 7 of relation 16384 of database 5", "page", Some(16_384), Some(5)),
            ("tuple (0,1) of relation 16384 of database 5", "tuple", Some(16_384), Some(5)),
            ("transaction 733", "transactionid", None, None),
            ("virtual transaction 3/4", "virtualxid", None, None),
            ("speculative token 1 of transaction 733", "spectoken", None, None),
            ("object 16390 of class 1247 of database 5", "object", None, Some(5)),
            ("user lock [5,0,7]", "userlock", None, Some(5)),
            ("advisory lock [5,0,4294967295,1]", "advisory", None, Some(5)),
            (
                "remote transaction 9 of subscription 2 of database 5",
                "applytransaction",
                None,
                Some(5),
            ),
            ("unrecognized locktag type 42", "unknown", None, None),
            ("relation 99999999999 of database x", "relation", None, None),
        ] {
            assert_eq!(Object::parse(text), Object { locktype, relation, database }, "{text}");
        }
    }
}
