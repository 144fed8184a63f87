//! Asks for all indexes of a database.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{Client, Error, Row};

use super::bloated::is_suspect;
use super::usage::{Remembered, Span};
use super::{Existing, ForeignKey, Inventory, KeyPart, Owner};
use crate::advise::catalog::{self, Writes};
use crate::advise::daily::Sets;
use crate::advise::definition::{Definition, Key, Method, What};
use crate::advise::size;

/// Reads all there is of tables that are not locked.
pub async fn read(
    client: &Client,
    remembered: Option<&Remembered>,
    sets: &Sets,
) -> Result<Inventory, Error> {
    let server = client.query_one(include_str!("server.sql"), &[]).await?;
    let mut inventory = Inventory {
        counted_days: server.try_get(0)?,
        in_recovery: server.try_get(1)?,
        followers: server.try_get(2)?,
        ..Inventory::default()
    };
    for (table, sets) in sets {
        let all = inventory.sets.entry(table.name.clone()).or_default();
        all.extend(sets.iter().flat_map(|(columns, _)| columns.clone()));
    }
    for row in client.query(include_str!("owners.sql"), &[]).await? {
        inventory.owners.insert(row.try_get(0)?, owner(&row)?);
    }
    let locked: Vec<u32> = catalog::locked(client).await?.into_iter().collect();
    let is_free = |table: &u32| !locked.contains(table);
    let tables: Vec<u32> = inventory.owners.keys().copied().filter(is_free).collect();
    for some in tables.chunks(catalog::AT_ONCE) {
        for row in client.query(include_str!("indexes.sql"), &[&some, &locked]).await? {
            inventory.indexes.push(existing(&row)?);
        }
    }
    for row in client.query(include_str!("foreign_keys.sql"), &[]).await? {
        inventory.foreign_keys.push(foreign_key(&row)?);
    }
    leave_out(&mut inventory, &locked);
    busy(client, &mut inventory).await?;
    sizes(client, &mut inventory).await?;
    remember(&mut inventory, remembered);
    join_parts(&mut inventory);
    Ok(inventory)
}

fn owner(row: &Row) -> Result<Owner, Error> {
    let (planned, live): (f64, f64) = (row.try_get(5)?, row.try_get(6)?);
    Ok(Owner {
        root: row.try_get(1)?,
        schema: row.try_get(2)?,
        name: row.try_get(3)?,
        is_partitioned: row.try_get(4)?,
        rows: if planned > 0.0 { planned } else { live },
        dead: row.try_get(7)?,
        changed_since: row.try_get(8)?,
        reads: row.try_get(9)?,
        written: Writes {
            inserts: row.try_get(10)?,
            updates: row.try_get(11)?,
            deletes: row.try_get(12)?,
            hot_updates: row.try_get(13)?,
        },
        writes: Writes::default(),
        is_deleted_from: false,
        index_gone_days: None,
    })
}

fn existing(row: &Row) -> Result<Existing, Error> {
    let count = usize::try_from(row.try_get::<_, i32>(18)?).unwrap_or(0);
    let texts: Vec<String> = row.try_get(19)?;
    let numbers: Vec<i32> = row.try_get(20)?;
    let opclasses: Vec<u32> = row.try_get(21)?;
    let names: Vec<Option<String>> = row.try_get(22)?;
    let collations: Vec<u32> = row.try_get(23)?;
    let own: Vec<bool> = row.try_get(24)?;
    let options: Vec<i32> = row.try_get(25)?;
    let parameters: Vec<Option<String>> = row.try_get(36)?;
    let key = |(at, text): (usize, &String)| {
        let is_column = numbers.get(at).is_some_and(|number| *number > 0);
        KeyPart {
            text: text.clone(),
            is_column,
            opclass: opclasses.get(at).copied().unwrap_or(0),
            opclass_name: names.get(at).cloned().flatten(),
            parameters: parameters.get(at).cloned().flatten(),
            collation: collations.get(at).copied().unwrap_or(0),
            has_own_collation: is_column && own.get(at).copied().unwrap_or(false),
            option: options.get(at).copied().unwrap_or(0),
        }
    };
    let mut includes: Vec<String> = texts.iter().skip(count).cloned().collect();
    includes.sort();
    Ok(Existing {
        oid: row.try_get(0)?,
        table: row.try_get(1)?,
        schema: row.try_get(2)?,
        name: row.try_get(3)?,
        table_name: row.try_get(4)?,
        method: row.try_get(5)?,
        is_partitioned: row.try_get(6)?,
        is_unique: row.try_get(7)?,
        is_immediate: row.try_get(8)?,
        is_primary: row.try_get(9)?,
        is_exclusion: row.try_get(10)?,
        is_valid: row.try_get(11)?,
        is_clustered: row.try_get(12)?,
        is_replica_identity: row.try_get(13)?,
        constraint: row.try_get(14)?,
        is_referenced: row.try_get(16)?,
        parent: row.try_get(17)?,
        keys: texts.iter().take(count).enumerate().map(key).collect(),
        includes,
        predicate: row.try_get(26)?,
        is_nulls_equal: row.try_get(27)?,
        definition: row.try_get(28)?,
        bytes: row.try_get(29)?,
        scans: row.try_get(30)?,
        entries_read: row.try_get(31)?,
        last_scan_days: row.try_get(32)?,
        age_days: row.try_get(33)?,
        fillfactor: row.try_get(34)?,
        tablespace: row.try_get(35)?,
        storage: row.try_get(37)?,
        is_busy: false,
        remembered: None,
    })
}

fn foreign_key(row: &Row) -> Result<ForeignKey, Error> {
    Ok(ForeignKey {
        name: row.try_get(0)?,
        table: row.try_get(1)?,
        columns: row.try_get(2)?,
        parent: row.try_get(3)?,
        parent_name: row.try_get(4)?,
        parent_columns: row.try_get(5)?,
        deletes: row.try_get(6)?,
    })
}

/// Nothing is said of a partitioned table of which a part is locked: what was not looked at may be what is used.
fn leave_out(inventory: &mut Inventory, locked: &[u32]) {
    let owners = &inventory.owners;
    let root = |oid: &u32| owners.get(oid).map(|owner| owner.root);
    let roots: BTreeSet<u32> = locked.iter().filter_map(root).collect();
    inventory.locked = locked.iter().filter(|oid| owners.contains_key(oid)).count();
    inventory.indexes.retain(|index| root(&index.table).is_none_or(|root| !roots.contains(&root)));
}

/// What somebody works on now. Where a build's index is not told, any may be it.
async fn busy(client: &Client, inventory: &mut Inventory) -> Result<(), Error> {
    let mut busy = BTreeSet::new();
    let mut is_any = false;
    for row in client.query(include_str!("building.sql"), &[]).await? {
        let (index, table): (Option<u32>, Option<u32>) = (row.try_get(0)?, row.try_get(1)?);
        is_any |= index.is_none() && table.is_none();
        busy.extend([index, table].into_iter().flatten());
    }
    for row in client.query(include_str!("busy.sql"), &[]).await? {
        busy.insert(row.try_get::<_, u32>(0)?);
    }
    for index in &mut inventory.indexes {
        index.is_busy = is_any || busy.contains(&index.oid) || busy.contains(&index.table);
    }
    Ok(())
}

/// True sizes. Somebody may lock one after all while they are read: then those of the catalog stay.
async fn sizes(client: &Client, inventory: &mut Inventory) -> Result<(), Error> {
    let stored = inventory.indexes.iter().filter(|index| !index.is_partitioned);
    let oids: Vec<u32> = stored.map(|index| index.oid).collect();
    let rows = match client.query(include_str!("sizes.sql"), &[&oids]).await {
        Ok(rows) => rows,
        Err(error) if error.as_db_error().is_some() => return Ok(()),
        Err(lost) => return Err(lost),
    };
    let mut sizes: BTreeMap<u32, f64> = BTreeMap::new();
    for row in rows {
        if let Some(bytes) = row.try_get::<_, Option<f64>>(1)? {
            sizes.insert(row.try_get(0)?, bytes);
        }
    }
    for index in &mut inventory.indexes {
        if let Some(bytes) = sizes.get(&index.oid) {
            index.bytes = *bytes;
        }
    }
    Ok(())
}

/// Takes up what the history knows, and writes in a day: by the history, else by the server if it has
/// counted for a day.
fn remember(inventory: &mut Inventory, remembered: Option<&Remembered>) {
    let days = inventory.counted_days;
    for owner in inventory.owners.values_mut() {
        owner.writes =
            if days >= 1.0 { owner.written.times(1.0 / days) } else { Writes::default() };
    }
    let Some(remembered) = remembered else { return };
    let known = remembered.known();
    for index in &mut inventory.indexes {
        index.remembered = known.get(&index.named()).copied();
    }
    let there: BTreeSet<_> = inventory.indexes.iter().map(Existing::named).collect();
    let gone = remembered.gone(&there);
    let counted = remembered.tables.coverage.seconds / 86_400.0;
    let tables: BTreeMap<(&str, &str), _> = remembered
        .tables
        .rows
        .iter()
        .map(|sum| ((sum.schema.as_str(), sum.table.as_str()), &sum.growth))
        .collect();
    for owner in inventory.owners.values_mut() {
        let name = (owner.schema.as_str(), owner.name.as_str());
        owner.index_gone_days = gone.get(&name).copied();
        let Some(growth) = tables.get(&name) else {
            continue;
        };
        owner.reads = owner.reads.max(growth.seq_scan as f64 + growth.idx_scan as f64);
        owner.is_deleted_from = growth.n_tup_del > 0;
        if counted >= 1.0 {
            let per_day = |count: u64| count as f64 / counted;
            owner.writes = Writes {
                inserts: per_day(growth.n_tup_ins),
                updates: per_day(growth.n_tup_upd),
                hot_updates: per_day(growth.n_tup_hot_upd),
                deletes: per_day(growth.n_tup_del),
            };
        }
    }
}

/// A partitioned table is used and written as its leaves are, its indexes as their parts.
fn join_parts(inventory: &mut Inventory) {
    let leaves: Vec<Owner> = inventory
        .owners
        .iter()
        .filter(|(oid, owner)| owner.root != **oid && !owner.is_partitioned)
        .map(|(_, owner)| owner.clone())
        .collect();
    for leaf in leaves {
        if let Some(root) = inventory.owners.get_mut(&leaf.root) {
            root.rows = if root.rows < 0.0 { leaf.rows } else { root.rows + leaf.rows };
            root.reads += leaf.reads;
            root.writes = root.writes.and(leaf.writes);
            root.is_deleted_from |= leaf.is_deleted_from;
            let gone = [root.index_gone_days, leaf.index_gone_days];
            root.index_gone_days = gone.into_iter().flatten().min_by(f64::total_cmp);
            root.written = root.written.and(leaf.written);
        }
    }
    let parents: BTreeMap<u32, u32> =
        inventory.indexes.iter().filter_map(|index| Some((index.oid, index.parent?))).collect();
    let parts: Vec<Existing> = inventory
        .indexes
        .iter()
        .filter(|index| index.parent.is_some() && !index.is_partitioned)
        .cloned()
        .collect();
    for part in parts {
        let mut at = part.parent;
        while let Some(oid) = at {
            if let Some(whole) = inventory.indexes.iter_mut().find(|index| index.oid == oid) {
                take_part(whole, &part);
            }
            at = parents.get(&oid).copied();
        }
    }
}

fn take_part(whole: &mut Existing, part: &Existing) {
    whole.bytes += part.bytes;
    whole.scans += part.scans;
    whole.entries_read += part.entries_read;
    let last = [whole.last_scan_days, part.last_scan_days];
    whole.last_scan_days = last.into_iter().flatten().min_by(f64::total_cmp);
    whole.is_busy |= part.is_busy;
    whole.remembered = match (whole.remembered, part.remembered) {
        // The oldest part has seen the most.
        (Some(a), Some(b)) => Some(Span {
            days: a.days.max(b.days),
            scans: a.scans + b.scans,
            entries_read: a.entries_read + b.entries_read,
            last_scan_days: [a, b].iter().filter_map(|s| s.last_scan_days).min_by(f64::total_cmp),
            is_new: a.is_new && b.is_new,
        }),
        (a, b) => a.or(b),
    };
}

/// What large plain b-trees would take if they were built anew, by their oid.
pub async fn estimates(
    client: &Client,
    inventory: &Inventory,
) -> Result<BTreeMap<u32, f64>, Error> {
    let suspects: Vec<&Existing> = inventory
        .indexes
        .iter()
        .filter(|index| {
            inventory.owners.get(&index.table).is_some_and(|owner| is_suspect(index, owner))
        })
        .collect();
    if suspects.is_empty() {
        return Ok(BTreeMap::new());
    }
    let relations =
        suspects.iter().map(|index| (index.schema.clone(), index.table_name.clone())).collect();
    let catalog = catalog::read(client, &relations).await?;
    let estimate = |index: &Existing| {
        let table = catalog.tables.get(&index.table)?;
        let keys = index.keys.iter().map(|key| Key::of(What::Column(key.text.clone()))).collect();
        let definition = Definition {
            table: index.table,
            method: Method::Btree,
            keys,
            includes: index.includes.clone(),
            predicate: None,
        };
        size::estimate(&definition, &catalog, table)
    };
    Ok(suspects.into_iter().filter_map(|index| Some((index.oid, estimate(index)?))).collect())
}
