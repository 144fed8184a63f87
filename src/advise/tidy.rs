//! What to drop and what to rebuild, given what is suggested to be created.

use std::collections::BTreeSet;

use super::advice::Advised;
use super::advisor::Found;
use super::ddl::create_id;
use super::existing::{self, Inventory, Planned, Told};
use super::suggestion::Suggestion;
use super::what_if::{WhatIf, WhatIfError};
use crate::pg::Session;

/// Everything that it is said from.
pub(super) struct Tidy<'a> {
    pub(super) advised: &'a Advised<'a>,
    pub(super) found: &'a Found,
    pub(super) passed: &'a BTreeSet<usize>,
}

/// Why it cannot be said.
#[derive(Debug, thiserror::Error)]
pub(super) enum TidyError {
    #[error("the catalog of indexes cannot be read: {0}")]
    Catalog(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Planner(#[from] WhatIfError),
}

impl Tidy<'_> {
    /// The safest first, and how many tables were locked to all others: nothing is said of those.
    pub(super) async fn suggestions(
        &self,
        asking: &Session,
        what_if: &mut WhatIf,
    ) -> Result<(Vec<Suggestion>, usize), TidyError> {
        let Advised { request, catalog, daily, erp, .. } = self.advised;
        let remembered = request.remembered.as_ref();
        let mut inventory = existing::read(asking.client(), remembered, &daily.sets).await?;
        for (oid, writes) in &daily.writes {
            if let Some(owner) = inventory.owners.get_mut(oid) {
                owner.writes = *writes;
            }
        }
        inventory.planned = self.planned_with(&inventory, request.unused_days, what_if).await?;
        let estimates = existing::estimates(asking.client(), &inventory).await?;
        let ids: Vec<(String, usize)> =
            self.passed.iter().filter_map(|id| Some((self.create_id(*id)?, *id))).collect();
        let planned: Vec<Planned<'_>> = ids
            .iter()
            .filter_map(|(name, id)| {
                let definition = self.found.definitions.get(*id)?;
                let bytes = self.found.model.indexes.get(*id)?.bytes;
                Some(Planned { id: name, definition, bytes })
            })
            .collect();
        let verdicts = existing::judge(
            &inventory,
            &planned,
            &estimates,
            request.unused_days,
            catalog.block_size,
        );
        let told = Told { datname: &request.datname, inventory: &inventory, erp };
        let suggestions = verdicts.iter().filter_map(|verdict| existing::write(&told, verdict));
        Ok((suggestions.collect(), inventory.locked))
    }

    fn create_id(&self, id: usize) -> Option<String> {
        let definition = self.found.definitions.get(id)?;
        let table = self.advised.catalog.tables.get(&definition.table)?;
        Some(create_id(&self.advised.request.datname, table, definition))
    }

    /// All indexes that plans use once what is suggested is there, with what they are parts of, as far as they are of tables
    /// that have an index which nothing has scanned for long. A plan has names alone: they are looked up among the
    /// tables that its statement reads, as another schema may have the same.
    async fn planned_with(
        &self,
        inventory: &Inventory,
        unused_days: f64,
        what_if: &mut WhatIf,
    ) -> Result<BTreeSet<u32>, WhatIfError> {
        let in_question = existing::in_question(inventory, unused_days);
        what_if.suppose_only(self.passed, &self.found.definitions, self.advised.catalog).await?;
        let mut found = BTreeSet::new();
        for planned in &self.advised.understood.planned {
            let uses = planned.readings.iter().flat_map(|reading| reading.uses.values());
            let read: BTreeSet<(&str, &str)> =
                uses.map(|usage| (usage.schema.as_str(), usage.relation.as_str())).collect();
            if read.is_disjoint(&in_question) {
                continue;
            }
            for variant in &planned.variants {
                let there = inventory.of_tables(&read);
                match what_if.plan(variant).await {
                    Ok(answer) => {
                        let names = answer.plan.indexes();
                        let by_name = there.filter(|index| names.contains(&index.name.as_str()));
                        found.extend(by_name.map(|index| index.oid));
                    }
                    Err(error) if error.is_the_end() => return Err(error),
                    // Of what was not answered any index may be used.
                    Err(_) => found.extend(there.map(|index| index.oid)),
                }
            }
        }
        Ok(inventory.with_wholes(found))
    }
}
