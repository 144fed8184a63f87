//! A published algorithm to compare with, on the same statistics and the same planner: Extend
//! (Schlosser, Kossmann, Boissier, "Efficient Scalable Multi-Attribute Index Selection Using Recursive
//! Strategies", ICDE 2019; as it is described in Kossmann et al., PVLDB 13(11), 2020).
//!
//! It begins with nothing. Each step either adds an index on one column or puts one more column behind
//! an index that it has: whatever saves most for the bytes that it adds and still fits. It ends when no step
//! saves three thousandths of the cost.

use std::collections::{BTreeMap, BTreeSet};

use erpscope::advise::definition::{Definition, Key};

use super::workload::Task;

/// Columns of an index.
const WIDEST: usize = 2;

/// A step has to make the cost smaller by this factor.
const LEAST_IMPROVEMENT: f64 = 1.003;

/// What it chose.
pub struct Extended {
    /// Its cost, in the planner's units.
    pub cost: f64,
    /// Number of indexes.
    pub number: usize,
    /// Bytes, as HypoPG says.
    pub bytes: f64,
}

struct Extend<'a> {
    task: &'a mut Task,
    definitions: Vec<Definition>,
    ids: BTreeMap<Definition, usize>,
    sizes: BTreeMap<usize, f64>,
    /// Of a statement: tables that it reads.
    tables: Vec<BTreeSet<u32>>,
    known: BTreeMap<(usize, BTreeSet<usize>), f64>,
}

/// Runs it under a budget of bytes.
pub async fn extend(task: &mut Task, budget: f64) -> Extended {
    let columns = columns(task);
    let tables = task.planned.iter().map(|planned| {
        let uses = planned.readings.iter().flat_map(|reading| reading.uses.values());
        uses.filter_map(|u| Some(task.catalog.table(&u.schema, &u.relation)?.oid)).collect()
    });
    let mut extend = Extend {
        tables: tables.collect(),
        task,
        definitions: Vec::new(),
        ids: BTreeMap::new(),
        sizes: BTreeMap::new(),
        known: BTreeMap::new(),
    };
    extend.run(&columns, budget).await
}

/// Columns that statements need, and their tables.
fn columns(task: &Task) -> BTreeSet<(u32, String)> {
    let mut columns = BTreeSet::new();
    for usage in task.planned.iter().flat_map(|p| &p.readings).flat_map(|r| r.uses.values()) {
        let Some(table) = task.catalog.table(&usage.schema, &usage.relation) else { continue };
        let there = usage.needed.iter().filter(|name| table.column(name).is_some());
        columns.extend(there.map(|name| (table.oid, name.clone())));
    }
    columns
}

impl Extend<'_> {
    async fn run(&mut self, columns: &BTreeSet<(u32, String)>, budget: f64) -> Extended {
        let mut chosen = BTreeSet::new();
        let mut cost = self.cost(&chosen).await;
        loop {
            let mut steps = Vec::new();
            for (table, name) in columns {
                let single = Definition::btree(*table, vec![Key::column(name)]);
                steps.push((self.id(single), None));
                for id in &chosen {
                    let there = &self.definitions[*id];
                    let is_in = there.keys.iter().any(|key| key.name() == Some(name));
                    if there.table == *table && !is_in && there.keys.len() < WIDEST {
                        let mut wider = there.clone();
                        wider.keys.push(Key::column(name));
                        steps.push((self.id(wider), Some(*id)));
                    }
                }
            }
            let mut best: Option<(f64, f64, BTreeSet<usize>)> = None;
            for (added, instead) in steps {
                if chosen.contains(&added) {
                    continue;
                }
                let mut next: BTreeSet<usize> = chosen.clone();
                next.insert(added);
                if let Some(id) = instead {
                    next.remove(&id);
                }
                let bytes = self.bytes(&next).await;
                if bytes > budget {
                    continue;
                }
                let more = bytes - self.bytes(&chosen).await;
                let with = self.cost(&next).await;
                let ratio = (cost - with) / more.max(1.0);
                if with * LEAST_IMPROVEMENT < cost && best.as_ref().is_none_or(|b| ratio > b.0) {
                    best = Some((ratio, with, next));
                }
            }
            let Some((_, with, next)) = best else { break };
            (cost, chosen) = (with, next);
        }
        Extended { cost, number: chosen.len(), bytes: self.bytes(&chosen).await }
    }

    fn id(&mut self, definition: Definition) -> usize {
        let next = self.definitions.len();
        let id = *self.ids.entry(definition.clone()).or_insert(next);
        if id == next {
            self.definitions.push(definition);
        }
        id
    }

    async fn bytes(&mut self, set: &BTreeSet<usize>) -> f64 {
        for id in set {
            if !self.sizes.contains_key(id) {
                let (what_if, one) = (&mut self.task.what_if, BTreeSet::from([*id]));
                let none = BTreeSet::new();
                what_if.suppose_only(&none, &self.definitions, &self.task.catalog).await.unwrap();
                let sizes = what_if.suppose_only(&one, &self.definitions, &self.task.catalog).await;
                self.sizes.insert(*id, *sizes.unwrap()[id].as_ref().unwrap());
            }
        }
        set.iter().map(|id| self.sizes[id]).sum()
    }

    /// The cost of all statements; what was asked once is remembered.
    async fn cost(&mut self, set: &BTreeSet<usize>) -> f64 {
        let mut total = 0.0;
        for number in 0..self.task.planned.len() {
            let of_tables =
                |id: &&usize| self.tables[number].contains(&self.definitions[**id].table);
            let relevant: BTreeSet<usize> = set.iter().filter(of_tables).copied().collect();
            let key = (number, relevant);
            if !self.known.contains_key(&key) {
                let what_if = &mut self.task.what_if;
                what_if.suppose_only(&key.1, &self.definitions, &self.task.catalog).await.unwrap();
                let statement = &self.task.planned[number].variants[0];
                let cost = what_if.plan(statement).await.unwrap().plan.cost;
                self.known.insert(key.clone(), cost);
            }
            total += self.known[&key];
        }
        total
    }
}
