-- version 1 of the file; cost: none, it is empty; locks: the file, by its one writer
-- Times are seconds since 1970, an hour is its first second. queryid 0 is the rest of its hour:
-- PostgreSQL gives it to no statement.
create table databases (
  id integer primary key,
  server text not null,
  datname text not null,
  unique (server, datname)
) strict;

create table coverage (
  hour integer not null,
  database_id integer not null,
  kind text not null,
  seconds real not null,
  resets integer not null,
  primary key (hour, database_id, kind)
) strict, without rowid;

create table statements (
  database_id integer not null,
  queryid integer not null,
  last_hour integer not null,
  text text,
  primary key (database_id, queryid)
) strict, without rowid;

create table statement_hours (
  database_id integer not null,
  hour integer not null,
  queryid integer not null,
  calls integer not null,
  rows integer not null,
  exec_seconds real not null,
  blocks integer not null,
  temp_blocks integer not null,
  primary key (database_id, hour, queryid)
) strict, without rowid;

create table tables (
  id integer primary key,
  database_id integer not null,
  schema_name text not null,
  table_name text not null,
  first_hour integer not null,
  last_hour integer not null,
  n_live_tup integer not null,
  bytes integer not null,
  unique (database_id, schema_name, table_name)
) strict;

create table table_hours (
  hour integer not null,
  table_id integer not null,
  seq_scan integer not null,
  seq_tup_read integer not null,
  idx_scan integer not null,
  idx_tup_fetch integer not null,
  n_tup_ins integer not null,
  n_tup_upd integer not null,
  n_tup_del integer not null,
  n_tup_hot_upd integer not null,
  n_live_tup integer not null,
  bytes integer not null,
  primary key (hour, table_id)
) strict, without rowid;

create table indexes (
  id integer primary key,
  database_id integer not null,
  schema_name text not null,
  table_name text not null,
  index_name text not null,
  first_hour integer not null,
  last_hour integer not null,
  bytes integer not null,
  unique (database_id, schema_name, table_name, index_name)
) strict;

create table index_hours (
  hour integer not null,
  index_id integer not null,
  idx_scan integer not null,
  idx_tup_read integer not null,
  bytes integer not null,
  primary key (hour, index_id)
) strict, without rowid;

create table episodes (
  id integer primary key,
  server text,
  kind text not null,
  start_time integer not null,
  end_time integer not null,
  json text not null
) strict;

create index episodes_kind on episodes (kind, id);
create index episodes_end on episodes (end_time);

create table suggestions (
  id text not null,
  server text not null,
  datname text not null,
  action text not null,
  state text not null,
  ddl text not null,
  payload text not null,
  suggested_at integer not null,
  applied_at integer,
  measured_at integer,
  updated_at integer not null,
  primary key (server, datname, id)
) strict, without rowid;
