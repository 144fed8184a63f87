//! Which indexes HypoPG supposes: changed by as little as possible from one question to the next.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::{WhatIf, WhatIfError, refused};
use crate::advise::catalog::Catalog;
use crate::advise::definition::Definition;

/// What is supposed on other tables than a question's is kept for later ones up to so many indexes: HypoPG has oids for
/// about 2,500 at a time, and goes through them all for each table.
const MOST_KEPT: usize = 500;

/// So many are supposed at most; what is left of a question about more has no answer.
const MOST_AT_ONCE: usize = 1_900;

/// The same where one of them is of a table with partitions: a plan of these takes seconds with more.
const MOST_OF_PARTS: usize = 1_000;

/// `internal_error`: HypoPG has no oid left, or does not know what it is asked for.
const INTERNAL: &str = "XX000";

impl WhatIf {
    /// Supposes these indexes and no others; returns the sizes in bytes of those that were not
    /// supposed before, as HypoPG estimates them. One that PostgreSQL refuses fails alone.
    pub async fn suppose_only(
        &mut self,
        wanted: &BTreeSet<usize>,
        definitions: &[Definition],
        catalog: &Catalog,
    ) -> Result<BTreeMap<usize, Result<f64, String>>, WhatIfError> {
        self.suppose(wanted, |_| false, definitions, catalog).await
    }

    /// Supposes these indexes and no others on these tables, by oid. What is supposed on other tables matters to no
    /// statement that reads these alone, and stays: the next question may want it. Returns those that could not be supposed.
    pub async fn suppose_on(
        &mut self,
        tables: &BTreeSet<u32>,
        wanted: &BTreeSet<usize>,
        definitions: &[Definition],
        catalog: &Catalog,
    ) -> Result<BTreeSet<usize>, WhatIfError> {
        let has_room = self.number() < MOST_KEPT;
        let may_stay =
            |id: usize| has_room && definitions.get(id).is_some_and(|d| !tables.contains(&d.table));
        self.suppose(wanted, may_stay, definitions, catalog).await?;
        Ok(self.missing(wanted, definitions, catalog))
    }

    /// Those of these that can be supposed and are not.
    #[must_use]
    pub fn missing(
        &self,
        wanted: &BTreeSet<usize>,
        definitions: &[Definition],
        catalog: &Catalog,
    ) -> BTreeSet<usize> {
        let can_be = |id: &usize| definitions.get(*id).is_some_and(|d| parts(d, catalog) > 0);
        let is_there = |id: &usize| self.supposed.contains_key(id);
        wanted.iter().copied().filter(|id| can_be(id) && !is_there(id)).collect()
    }

    /// How many hypothetical indexes there are.
    fn number(&self) -> usize {
        self.supposed.values().map(Vec::len).sum()
    }

    async fn suppose(
        &mut self,
        wanted: &BTreeSet<usize>,
        may_stay: impl Fn(usize) -> bool,
        definitions: &[Definition],
        catalog: &Catalog,
    ) -> Result<BTreeMap<usize, Result<f64, String>>, WhatIfError> {
        let wanted = &fitting(wanted, definitions, catalog);
        let stays = |id: &usize| wanted.contains(id) || may_stay(*id);
        let gone: Vec<usize> = self.supposed.keys().copied().filter(|id| !stays(id)).collect();
        let supposed = self.change(gone, wanted, definitions, catalog).await;
        self.is_unclear |= supposed.is_err();
        if matches!(supposed, Err(WhatIfError::Cancelled)) {
            self.unanswered += 1;
        }
        supposed
    }

    async fn change(
        &mut self,
        gone: Vec<usize>,
        wanted: &BTreeSet<usize>,
        definitions: &[Definition],
        catalog: &Catalog,
    ) -> Result<BTreeMap<usize, Result<f64, String>>, WhatIfError> {
        let Some(schema) = self.hypopg.clone() else { return Ok(BTreeMap::new()) };
        self.clear_up().await?;
        let gone: Vec<u32> =
            gone.iter().filter_map(|id| self.supposed.remove(id)).flatten().collect();
        let missing: Vec<usize> =
            wanted.iter().copied().filter(|id| !self.supposed.contains_key(id)).collect();
        let ddls = ddls(&missing, definitions, catalog);
        // All of it goes over in one go.
        let (dropped, created) =
            tokio::join!(self.drop(&schema, &gone), self.create(&schema, &ddls));
        dropped?;
        match created {
            Err(WhatIfError::Refused(_)) => {
                // What was created before that one is still there.
                self.is_unclear = true;
                self.clear_up().await?;
                let wanted: Vec<usize> = wanted.iter().copied().collect();
                self.create_singly(&schema, &self::ddls(&wanted, definitions, catalog)).await
            }
            created => Ok(self.take_up(created?)),
        }
    }

    async fn drop(&self, schema: &str, gone: &[u32]) -> Result<(), WhatIfError> {
        if !gone.is_empty() {
            let drop = format!("select {schema}.hypopg_drop_index(u) from unnest($1::oid[]) u");
            self.client().query_typed(&drop, &[(&gone, Type::OID_ARRAY)]).await.map_err(refused)?;
        }
        Ok(())
    }

    /// Supposes indexes with one statement, which costs the server a fifth of one for each.
    async fn create(
        &self,
        schema: &str,
        ddls: &[(usize, String)],
    ) -> Result<Vec<Supposed>, WhatIfError> {
        if ddls.is_empty() {
            return Ok(Vec::new());
        }
        let create = format!(
            "select d.n, c.indexrelid, {schema}.hypopg_relation_size(c.indexrelid)
             from unnest($1::text[]) with ordinality d (ddl, n), {schema}.hypopg_create_index(d.ddl) c"
        );
        let texts: Vec<&str> = ddls.iter().map(|(_, ddl)| ddl.as_str()).collect();
        let rows = self.client().query_typed(&create, &[(&texts, Type::TEXT_ARRAY)]).await;
        let supposed = |row: &Row| {
            let place: i64 = row.try_get(0)?;
            let id = usize::try_from(place - 1).ok().and_then(|place| ddls.get(place));
            let bytes: i64 = row.try_get(2)?;
            let oid = row.try_get(1)?;
            Ok(id.map(|(id, _)| Supposed { id: *id, oid, bytes: bytes as f64 }))
        };
        let rows = rows.map_err(refused)?;
        let all: Result<Vec<_>, _> = rows.iter().map(supposed).collect();
        Ok(all.map_err(refused)?.into_iter().flatten().collect())
    }

    /// The same one by one, where some index is refused. What HypoPG has no room for is in no size.
    async fn create_singly(
        &mut self,
        schema: &str,
        ddls: &[(usize, String)],
    ) -> Result<BTreeMap<usize, Result<f64, String>>, WhatIfError> {
        let mut sizes = BTreeMap::new();
        for whole in ddls.chunk_by(|a, b| a.0 == b.0) {
            let Some((id, _)) = whole.first() else { continue };
            match self.create_whole(schema, whole).await {
                Ok(bytes) => _ = sizes.insert(*id, Ok(bytes)),
                Err(WhatIfError::Refused(reason)) => {
                    let oids = self.supposed.remove(id).unwrap_or_default();
                    self.drop(schema, &oids).await?;
                    // With few, it is no lack of oids.
                    if reason == INTERNAL && self.number() + oids.len() >= MOST_KEPT {
                        self.unanswered += 1;
                        break;
                    }
                    sizes.insert(*id, Err(reason));
                }
                Err(lost) => return Err(lost),
            }
        }
        Ok(sizes)
    }

    /// All parts of one index, one by one; its bytes.
    async fn create_whole(
        &mut self,
        schema: &str,
        ddls: &[(usize, String)],
    ) -> Result<f64, WhatIfError> {
        let mut bytes = 0.0;
        for one in ddls.chunks(1) {
            let supposed = self.create(schema, one).await?;
            bytes += self.take_up(supposed).into_values().flatten().sum::<f64>();
        }
        Ok(bytes)
    }

    /// Remembers what is supposed; bytes by index.
    fn take_up(&mut self, supposed: Vec<Supposed>) -> BTreeMap<usize, Result<f64, String>> {
        let mut sizes: BTreeMap<usize, f64> = BTreeMap::new();
        for Supposed { id, oid, bytes } in supposed {
            self.supposed.entry(id).or_default().push(oid);
            *sizes.entry(id).or_default() += bytes;
        }
        sizes.into_iter().map(|(id, bytes)| (id, Ok(bytes))).collect()
    }

    /// Begins anew where it is not known what is supposed.
    pub(super) async fn clear_up(&mut self) -> Result<(), WhatIfError> {
        let Some(schema) = self.hypopg.as_ref().filter(|_| self.is_unclear) else { return Ok(()) };
        let reset = format!("select {schema}.hypopg_reset()");
        self.client().query_typed(&reset, &[]).await.map_err(refused)?;
        self.supposed.clear();
        self.is_unclear = false;
        Ok(())
    }
}

/// An index that is supposed, or of a partitioned table the part of it on one leaf.
struct Supposed {
    id: usize,
    oid: u32,
    bytes: f64,
}

/// Hypothetical indexes that an index is: of a partitioned table, one for each leaf.
#[must_use]
pub fn parts(definition: &Definition, catalog: &Catalog) -> usize {
    let table = catalog.tables.get(&definition.table).filter(|_| definition.can_be_supposed());
    table.map_or(0, |table| catalog.parts(table).count())
}

/// Those of these that there is room for, the first first.
fn fitting(
    wanted: &BTreeSet<usize>,
    definitions: &[Definition],
    catalog: &Catalog,
) -> BTreeSet<usize> {
    let parts = |id: &usize| definitions.get(*id).map_or(0, |d| parts(d, catalog));
    let most = if wanted.iter().any(|id| parts(id) > 1) { MOST_OF_PARTS } else { MOST_AT_ONCE };
    let mut taken = 0;
    let fits = |id: &usize| {
        let own = parts(id);
        // One that is more than that by itself is tried alone.
        let fits = taken + own <= most || taken == 0;
        taken += if fits { own } else { 0 };
        fits
    };
    wanted.iter().copied().filter(fits).collect()
}

/// What creates these in HypoPG, with their ids.
fn ddls(ids: &[usize], definitions: &[Definition], catalog: &Catalog) -> Vec<(usize, String)> {
    let known = ids.iter().filter_map(|id| Some((*id, definitions.get(*id)?)));
    known
        .filter(|(_, definition)| definition.can_be_supposed())
        .filter_map(|(id, d)| Some((id, d, catalog.tables.get(&d.table)?)))
        .flat_map(|(id, d, table)| catalog.parts(table).map(move |part| (id, d.hypothetical(part))))
        .collect()
}
