//! Text that may hold any bytes.

use std::error::Error;

use tokio_postgres::types::{FromSql, Type};

/// Text as the server sent it; bytes that are not UTF-8 (a SQL_ASCII database lets them in)
/// become U+FFFD instead of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lossy(pub String);

impl<'a> FromSql<'a> for Lossy {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(String::from_utf8_lossy(raw).into_owned()))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::BPCHAR | Type::CHAR | Type::JSON
        )
    }
}
