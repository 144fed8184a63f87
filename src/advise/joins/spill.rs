//! Hash joins whose smaller side does not fit into memory.

use super::spotted::Reader;
use super::{Known, Sign, Spotted};
use crate::advise::plan::{Condition, Node, conjuncts, hash_table};
use crate::advise::workload::Statement;

/// More than a hash table is expected to need, since it is expected only.
const SPARE: f64 = 1.25;

const MEGABYTE: f64 = 1_048_576.0;

/// A `work_mem` that is larger than 1 GB is no remedy: each sort of each session that has it may take as much.
pub const MOST_MEMORY: f64 = 1_024.0 * MEGABYTE;

/// Hash joins of a plan that are expected not to fit, where the statement did write temporary files: at
/// least half of what does not fit.
pub(super) fn spilt(
    plan: &Node,
    statement: &Statement,
    reader: &Reader<'_>,
    known: &Known<'_>,
) -> Vec<Spotted> {
    let mut found = Vec::new();
    let calls = statement.calls.max(f64::MIN_POSITIVE);
    let temp = statement.temp_blocks / calls * known.catalog.block_size;
    if temp > 0.0 {
        visit(plan, 0.0, &mut |join, workers| {
            let Some(hash) = join.plans.iter().find(|below| below.kind == "Hash") else { return };
            let (wanted, has) = (hash_table::bytes(hash, workers), memory(hash, workers, known));
            if wanted > has && temp >= (wanted - has) / 2.0 {
                found.extend(spotted(join, reader).map(|(tables, columns)| Spotted {
                    sign: Sign::HashSpill {
                        expected_bytes: wanted,
                        memory_bytes: has,
                        temp_bytes_per_call: temp,
                    },
                    tables,
                    columns,
                    sql: enough(wanted / has, known).into_iter().collect(),
                }));
            }
        });
    }
    found
}

fn visit(node: &Node, workers: f64, look: &mut impl FnMut(&Node, f64)) {
    let workers = node.workers.max(workers);
    if node.kind == "Hash Join" {
        look(node, workers);
    }
    for below in &node.plans {
        visit(below, workers, look);
    }
}

/// Bytes that it may have; processes that share it put their memory together.
fn memory(hash: &Node, workers: f64, known: &Known<'_>) -> f64 {
    known.memory.hash_bytes * if hash.is_shared { workers + 1.0 } else { 1.0 }
}

/// What a person may run so that so many times the memory is there; nothing if that is more than anybody should give.
/// `hash_mem_multiplier`, and the processes that put theirs together, stay as they are.
fn enough(times: f64, known: &Known<'_>) -> Option<String> {
    let wanted = known.memory.work_mem * times * SPARE;
    let megabytes = (wanted / MEGABYTE).ceil();
    (wanted <= MOST_MEMORY).then(|| {
        format!("set local work_mem = '{megabytes:.0}MB'; -- in the transaction that runs it")
    })
}

/// The tables and columns of the join: those of its keys, as far as these are columns.
fn spotted(join: &Node, reader: &Reader<'_>) -> Option<(Vec<String>, Vec<String>)> {
    let (mut tables, mut columns) = (Vec::new(), Vec::new());
    for condition in join.hash_condition.iter().flat_map(|text| conjuncts(text)) {
        let Condition::Joined { left, right, .. } = condition else { continue };
        for side in [left, right] {
            let table = reader.table(&side.alias).filter(|table| table.is_of_users());
            let Some(table) = table else { continue };
            let name = super::named(table);
            columns.extend(side.columns.iter().map(|column| format!("{name}.{column}")));
            tables.push(name);
        }
    }
    for all in [&mut tables, &mut columns] {
        all.sort();
        all.dedup();
    }
    (!columns.is_empty()).then_some((tables, columns))
}
