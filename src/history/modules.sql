-- version 2 of the file; cost: none, it is empty; locks: the file, by its one writer
-- How large business modules were; `words` says by which words of an ERP they were told apart.
create table module_hours (
  hour integer not null,
  database_id integer not null,
  module text not null,
  measured_at integer not null,
  words integer not null,
  bytes integer not null,
  n_live_tup integer not null,
  primary key (hour, database_id, module)
) strict, without rowid;
