//! Values that tokio-postgres does not decode by itself.

use std::error::Error;

use tokio_postgres::types::{FromSql, Type};

/// A `numeric` that counts bytes: never negative, no fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count(pub u64);

impl<'a> FromSql<'a> for Count {
    /// The binary format is numeric_send's (src/backend/utils/adt/numeric.c): the number of base
    /// 10,000 digits, the weight of the first, sign, display scale, then the digits.
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let mut words = raw.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
        let mut word = || words.next().map(u16::from_be_bytes).ok_or("numeric is cut short");
        let (digits, weight, sign, _scale) = (word()?, word()?, word()?, word()?);
        if sign != 0 {
            return Err("numeric is negative or not a number where a count was expected".into());
        }
        let places = i32::from(weight.cast_signed()) + 1;
        let mut value: u64 = 0;
        for place in 0..places {
            let digit = if place < i32::from(digits) { word()? } else { 0 };
            value = value
                .checked_mul(10_000)
                .and_then(|v| v.checked_add(u64::from(digit)))
                .ok_or("numeric is too large for a count")?;
        }
        Ok(Self(value))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::NUMERIC
    }
}

/// A counter of the server, which is never negative.
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(weight: i16, digits: &[u16]) -> Vec<u8> {
        let mut raw = Vec::new();
        raw.extend(u16::try_from(digits.len()).unwrap().to_be_bytes());
        raw.extend(weight.to_be_bytes());
        raw.extend([0, 0, 0, 0]);
        raw.extend(digits.iter().flat_map(|d| d.to_be_bytes()));
        raw
    }

    #[test]
    fn numerics_become_counts() {
        let cases: [(i16, &[u16], u64); 5] = [
            (0, &[], 0),
            (0, &[7], 7),
            (1, &[12, 3456], 123_456),
            (2, &[5], 500_000_000),
            (4, &[1844, 6744, 737, 955, 1615], u64::MAX),
        ];
        for (weight, digits, expected) in cases {
            let got = Count::from_sql(&Type::NUMERIC, &numeric(weight, digits)).unwrap();
            assert_eq!(got, Count(expected));
        }
    }

    #[test]
    fn a_numeric_that_is_no_count_is_an_error() {
        assert!(Count::from_sql(&Type::NUMERIC, &[0, 1]).is_err());
        assert!(Count::from_sql(&Type::NUMERIC, &numeric(5, &[1])).is_err());
    }
}
