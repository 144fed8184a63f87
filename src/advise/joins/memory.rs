//! What the server's settings say of hash joins and of what is counted.

use crate::advise::what_if::{WhatIf, WhatIfError, refused};

/// As a session has it that plans. Roles may have more; what they write to temporary files is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memory {
    /// `work_mem` in bytes.
    pub work_mem: f64,
    /// Bytes that a hash table may have.
    pub hash_bytes: f64,
    /// pg_stat_statements counts statements inside functions, too.
    pub counts_nested: bool,
}

impl Memory {
    /// Asks for it.
    pub async fn ask(what_if: &WhatIf) -> Result<Self, WhatIfError> {
        let row = what_if.ask_one(include_str!("memory.sql")).await?;
        let hash_bytes = row.try_get(0).map_err(refused)?;
        let counts_nested = row.try_get(1).map_err(refused)?;
        let work_mem = row.try_get(2).map_err(refused)?;
        Ok(Self { work_mem, hash_bytes, counts_nested })
    }
}
