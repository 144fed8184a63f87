//! The ERP's database as it was at the beginning, as often as it is wanted.

use tokio_postgres::{Client, Error};

use crate::demo::stage::{DATNAME, DemoError, Stage};

/// The database that nobody works on.
const KEPT: &str = "distro_kept";

fn erp(step: &'static str) -> impl Fn(Error) -> DemoError {
    move |source| DemoError::Erp { step, source }
}

/// Puts the ERP's database aside. The session is of the superuser, in another database.
///
/// # Errors
/// Without HypoPG, as the advisor could ask nothing; and when the server does not want to.
pub(super) async fn keep(stage: &Stage) -> Result<Client, DemoError> {
    let admin = stage.administer("postgres").await.map_err(erp("connect"))?;
    let hypopg = "select from pg_available_extensions where name = 'hypopg'";
    if admin.query_opt(hypopg, &[]).await.map_err(erp("extensions"))?.is_none() {
        return Err(DemoError::NoHypopg);
    }
    let sql = format!("alter database {DATNAME} rename to {KEPT}");
    admin.batch_execute(&sql).await.map_err(erp("put aside"))?;
    Ok(admin)
}

/// The ERP's database as it was, changed by some DDL, its statistics up to date, nothing counted
/// yet. Returns by how many bytes all indexes together have grown.
pub(super) async fn renew(admin: &Client, stage: &Stage, ddl: &[&str]) -> Result<i64, DemoError> {
    let drop = format!("drop database if exists {DATNAME} with (force)");
    admin.batch_execute(&drop).await.map_err(erp("drop"))?;
    let copy = format!("create database {DATNAME} template {KEPT}");
    admin.batch_execute(&copy).await.map_err(erp("copy"))?;
    let own = stage.administer(DATNAME).await.map_err(erp("connect"))?;
    let before = bytes(&own).await.map_err(erp("sizes"))?;
    for statement in ddl {
        own.batch_execute(statement).await.map_err(erp("what is suggested"))?;
    }
    let after = bytes(&own).await.map_err(erp("sizes"))?;
    own.batch_execute("vacuum analyze").await.map_err(erp("statistics"))?;
    let reset = "select pg_stat_statements_reset()";
    own.batch_execute(reset).await.map_err(erp("statistics"))?;
    Ok(after - before)
}

/// Runs some DDL; true if the indexes are then those of the database that was put aside.
pub(super) async fn take_back(stage: &Stage, ddl: &[&str]) -> Result<bool, DemoError> {
    let own = stage.administer(DATNAME).await.map_err(erp("connect"))?;
    for statement in ddl {
        own.batch_execute(statement).await.map_err(erp("undo"))?;
    }
    let kept = stage.administer(KEPT).await.map_err(erp("connect"))?;
    let now = indexes(&own).await.map_err(erp("indexes"))?;
    Ok(now == indexes(&kept).await.map_err(erp("indexes"))?)
}

async fn bytes(client: &Client) -> Result<i64, Error> {
    let sql = "select sum(pg_relation_size(oid))::bigint from pg_class \
               where relkind = 'i' and relnamespace = 'public'::regnamespace";
    client.query_one(sql, &[]).await?.try_get(0)
}

async fn indexes(client: &Client) -> Result<Vec<String>, Error> {
    // What cannot be used is not missed.
    let sql = "select pg_get_indexdef(i.indexrelid) from pg_index i join pg_class c on c.oid = i.indrelid \
               where c.relnamespace = 'public'::regnamespace and i.indisvalid order by 1";
    client.query(sql, &[]).await?.iter().map(|row| row.try_get(0)).collect()
}
